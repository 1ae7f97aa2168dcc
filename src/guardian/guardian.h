/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guardian.h - the daemon's side of the guardian
 *
 * Layer: guardian.
 * In:    which balloons may be inflated, and that the daemon lives.
 * Out:   messages to the process that brings balloons to 0 when it does not.
 *
 * The guardian is told of a balloon before its first target goes out. Once
 * guardian_hold() has returned 0 the message is in the kernel, and is read even
 * if this process is killed an instant later.
 */
#ifndef BALLONET_GUARDIAN_H
#define BALLONET_GUARDIAN_H

#include "guardian/guardian_msg.h"

#include <stdint.h>
#include <sys/types.h>

struct guardian;

/* A VM whose balloon may be inflated, and what it takes to bring that to 0. */
struct guardian_vm {
	uint64_t id;
	const char *qmp_path;
	uint64_t ram_b;	      /* its memory; used only where QEMU does not say it (before 2.11) */
	pid_t pid;	      /* who listens at qmp_path (SO_PEERCRED); 0: not known */
	uint64_t start_ticks; /* when that process began, as host/process.h; 0: not known */
	const char *undo; /* vmm_conn_undo(): sent when its balloon is at 0; NULL or "": nothing */
};

/*
 * Starts the program @path. It takes this process to hang when it holds a
 * balloon and hears nothing for @watchdog_us (at least 100 ms), and then kills
 * it with SIGKILL. 0; -ENOENT, -EACCES... where @path cannot be started;
 * -EINVAL; or -errno.
 */
int guardian_start(const char *path, uint64_t watchdog_us, struct guardian **ret);

/*
 * Becomes readable when the guardian has ended, which it does not do by itself
 * while this process lives: call guardian_stop(), start another one and hold
 * every balloon again, or inflate nothing.
 */
int guardian_fd(const struct guardian *g);

/*
 * The balloon of @vm may be inflated from now on; a second call for the same
 * id replaces the first. Should another process than vm->pid listen at its
 * socket by then, it is taken for another VM and left alone. Where this fails
 * the balloon must not be inflated: -EAGAIN (it does not keep up), -EPIPE (it
 * is gone), -EINVAL (empty or too long a path, no memory), or -errno.
 */
int guardian_hold(struct guardian *g, const struct guardian_vm *vm);

/*
 * The balloon of VM @id is back at 0. Where this fails (-EAGAIN, -EPIPE, -errno)
 * it is still held: clear it again later.
 */
int guardian_clear(struct guardian *g, uint64_t id);

/* This process lives: call it at least four times in watchdog_us. 0 or -errno as above. */
int guardian_alive(struct guardian *g);

/*
 * Closes the connection: the guardian brings what it still holds to 0, or ends
 * at once where that is nothing. Reaps one that has ended. Takes NULL.
 */
void guardian_stop(struct guardian *g);

#endif
