/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guardian.c - the daemon's side of the guardian
 *
 * Layer: guardian.
 * In:    which balloons may be inflated, and that the daemon lives.
 * Out:   messages to the process that brings balloons to 0 when it does not.
 *
 * The guardian gets a pidfd of this process rather than a pid, because by the
 * time it kills, the pid may belong to another process.
 */
#include "guardian/guardian.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

struct guardian {
	int socket;
	int pidfd; /* of the guardian */
	pid_t pid;
};

static int open_pidfd(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	return fd < 0 ? -errno : fd;
}

/*
 * Runs @path in a session of its own with @socket and @pidfd where it expects
 * them. Both are above those numbers. 0 or -errno, that of exec included.
 */
static int spawn(const char *path, uint64_t watchdog_us, int socket, int pidfd, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	char watchdog[24];
	char *argv[] = { (char *)(uintptr_t)path, watchdog, NULL };
	int r;

	(void)snprintf(watchdog, sizeof(watchdog), "%llu", (unsigned long long)watchdog_us);
	r = posix_spawn_file_actions_init(&actions);
	if (r != 0)
		return -r;
	r = posix_spawnattr_init(&attr);
	if (r == 0) {
		/* of its own, so that what is meant for the daemon's terminal or group misses it */
		r = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID);
		if (r == 0)
			r = posix_spawn_file_actions_adddup2(&actions, socket, GUARDIAN_SOCKET_FD);
		if (r == 0)
			r = posix_spawn_file_actions_adddup2(&actions, pidfd, GUARDIAN_PIDFD_FD);
		if (r == 0)
			r = posix_spawn(ret, path, &actions, &attr, argv, environ);
		(void)posix_spawnattr_destroy(&attr);
	}
	(void)posix_spawn_file_actions_destroy(&actions);
	return -r;
}

/* Moves *@fd out of the way of the numbers that the guardian wants. 0 or -errno. */
static int raise_fd(int *fd)
{
	int high = fcntl(*fd, F_DUPFD_CLOEXEC, GUARDIAN_PIDFD_FD + 1);

	if (high < 0)
		return -errno;
	(void)close(*fd);
	*fd = high;
	return 0;
}

int guardian_start(const char *path, uint64_t watchdog_us, struct guardian **ret)
{
	cleanup_free struct guardian *g = calloc(1, sizeof(*g));
	cleanup_close int ours = -EBADF, theirs = -EBADF, self = -EBADF;
	int pair[2], r;

	if (!g)
		return -ENOMEM;
	if (watchdog_us < GUARDIAN_WATCHDOG_MIN_US)
		return -EINVAL;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ours = pair[0];
	theirs = pair[1];
	self = open_pidfd(getpid());
	if (self < 0)
		return self;
	r = raise_fd(&theirs);
	if (r == 0)
		r = raise_fd(&self);
	if (r == 0)
		r = spawn(path, watchdog_us, theirs, self, &g->pid);
	if (r < 0)
		return r;
	g->socket = take_fd(&ours);
	g->pidfd = open_pidfd(g->pid);
	if (g->pidfd < 0) {
		r = g->pidfd;
		guardian_stop(take_ptr(g));
		return r;
	}
	*ret = take_ptr(g);
	return 0;
}

int guardian_fd(const struct guardian *g)
{
	return g->pidfd;
}

static int send_msg(struct guardian *g, const struct guardian_msg *msg)
{
	if (send(g->socket, msg, sizeof(*msg), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	/* a reset is what the first one hears of a guardian that died with messages unread */
	return errno == ECONNRESET ? -EPIPE : -errno;
}

static struct guardian_msg msg_of(enum guardian_kind kind, uint64_t id)
{
	return (struct guardian_msg){ .magic = GUARDIAN_MAGIC,
				      .version = GUARDIAN_VERSION,
				      .kind = (uint16_t)kind,
				      .id = id };
}

int guardian_hold(struct guardian *g, const struct guardian_vm *vm)
{
	struct guardian_msg msg = msg_of(GUARDIAN_HOLD, vm->id);
	size_t len = strlen(vm->qmp_path);

	if (len == 0 || len >= sizeof(msg.path) || vm->ram_b == 0 || vm->ram_b > INT64_MAX)
		return -EINVAL;
	memcpy(msg.path, vm->qmp_path, len);
	msg.ram_b = vm->ram_b;
	msg.pid = vm->pid;
	msg.start_ticks = vm->start_ticks;
	if (vm->undo && strlen(vm->undo) < sizeof(msg.undo))
		memcpy(msg.undo, vm->undo, strlen(vm->undo));
	return send_msg(g, &msg);
}

int guardian_clear(struct guardian *g, uint64_t id)
{
	struct guardian_msg msg = msg_of(GUARDIAN_CLEAR, id);

	return send_msg(g, &msg);
}

int guardian_alive(struct guardian *g)
{
	struct guardian_msg msg = msg_of(GUARDIAN_ALIVE, 0);

	return send_msg(g, &msg);
}

void guardian_stop(struct guardian *g)
{
	if (!g)
		return;
	(void)close(g->socket);
	/* one that still has work to do outlives us, and init reaps it */
	(void)waitpid(g->pid, NULL, WNOHANG);
	if (g->pidfd >= 0)
		(void)close(g->pidfd);
	free(g);
}
