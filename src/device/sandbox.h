/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sandbox.h - what a worker may still do once it reads what a guest wrote
 *
 * Layer: device.
 * In:    -
 * Out:   a process without privileges, and with a dozen system calls.
 */
#ifndef BALLONET_DEVICE_SANDBOX_H
#define BALLONET_DEVICE_SANDBOX_H

#include <stddef.h>

/* Closes all descriptors but those in @keep (values < 0 are skipped). Sorts @keep. 0 or -errno. */
int sandbox_keep_fds(int *keep, size_t n);

/*
 * Gives up all privileges for good, and all system calls but those of a worker:
 * read, write, wait, punch, stat, exit. Any other one kills the process.
 * 0 or -errno.
 */
int sandbox_enter(void);

#endif
