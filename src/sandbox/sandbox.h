/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sandbox.h - privileges that a process drops before it reads untrusted data
 *
 * Layer: sandbox (may include base).
 * In:    who it is.
 * Out:   a process with few capabilities and few system calls.
 *
 * It works in the process itself, so also without systemd.
 */
#ifndef BALLONET_SANDBOX_SANDBOX_H
#define BALLONET_SANDBOX_SANDBOX_H

#include <stddef.h>

/* Closes all descriptors but those in @keep (values < 0 are skipped). Sorts @keep. 0 or -errno. */
int sandbox_keep_fds(int *keep, size_t n);

/* Who is to be confined. */
enum sandbox {
	SANDBOX_KEEPER, /* takes connections and descriptors, maps memory, has and kills workers */
	SANDBOX_WORKER, /* reads, writes, waits, punches, stats, exits */
	/*
	 * The daemon looks at processes of others, opens their sockets, writes its files and runs
	 * the guardian, which inherits all of this. It has no network, traces and changes no
	 * process, and no memory of it is both written and run.
	 */
	SANDBOX_DAEMON,
	SANDBOX_GUARDIAN, /* opens sockets, reads /proc and nothing else, may kill by a pidfd */
};

/*
 * Gives up all privileges for good, and all system calls but those of @who. Any other one kills a
 * keeper or worker; a daemon or guardian is told EPERM, because a call that a new library makes
 * must not end who looks after balloons. Call it before there is a second thread. 0 or -errno.
 */
int sandbox_enter(enum sandbox who);

#endif
