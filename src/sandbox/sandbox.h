/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sandbox.h - privileges that a device's processes drop before they read untrusted data
 *
 * Layer: device.
 * In:    -
 * Out:   a process without privileges, and with few system calls.
 */
#ifndef BALLONET_DEVICE_SANDBOX_H
#define BALLONET_DEVICE_SANDBOX_H

#include <stddef.h>

/* Closes all descriptors but those in @keep (values < 0 are skipped). Sorts @keep. 0 or -errno. */
int sandbox_keep_fds(int *keep, size_t n);

/* Who is to be confined. */
enum sandbox {
	SANDBOX_KEEPER, /* takes connections and descriptors, maps memory, has and kills workers */
	SANDBOX_WORKER, /* reads, writes, waits, punches, stats, exits */
};

/*
 * Gives up all privileges for good, and all system calls but those of @who. Any
 * other one kills the process: neither can open, connect or execute anything.
 * 0 or -errno.
 */
int sandbox_enter(enum sandbox who);

#endif
