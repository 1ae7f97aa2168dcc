/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * privileges.h - what the daemon's process may have and do
 *
 * Layer: daemon.
 * In:    nothing.
 * Out:   limits and rights of this process; a line in the log for each that could not be set.
 *
 * Whatever cannot be had here is no reason to stop: the daemon works without it.
 */
#ifndef BALLONET_DAEMON_PRIVILEGES_H
#define BALLONET_DAEMON_PRIVILEGES_H

/* Before anything is opened: enough descriptors for many VMs, and memory that is never paged out.
 */
void privileges_prepare(void);

/* Once its own sockets are open, and before there is a thread: no right that it does not use. */
void privileges_drop(void);

#endif
