/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guardian_main.c - the process that brings balloons to 0 when the daemon cannot
 *
 * Layer: guardian (a program of its own).
 * In:    the daemon's messages on fd 3, a pidfd of the daemon on fd 4.
 * Out:   every balloon on its list at 0; exit status 0 if all are.
 *
 * Theory of operation: it keeps a list of balloons that may be inflated, and
 * waits for one of two events. Either the socket closes: the daemon died or
 * stopped. Or the daemon is silent while a balloon is on the list: it hangs, and
 * is killed, because QEMU serves nobody else while it lives. Then all balloons
 * are deflated at the same time, and the process ends. It does nothing else, so
 * little in it can hang.
 */
#include "guardian/guardian_msg.h"
#include "guardian/guardian_release.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memlock.h"
#include "base/num.h"
#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define KILLED_MAX_US (2 * USEC_PER_SEC) /* from SIGKILL to the end of the socket */

enum exit_code {
	EXIT_ALL_AT_0 = 0,
	EXIT_NOT_ALL = 1, /* some balloon could not be brought to 0 */
	EXIT_MISUSE = 2,  /* not started by a daemon of this version, or no memory */
};

/* Balloons that may be inflated: the last GUARDIAN_HOLD of each. */
struct ledger {
	struct guardian_msg *hold;
	size_t n, cap;
};

/* Milliseconds from @now to @then for poll(), rounded up; -1: for ever. */
static int poll_ms(uint64_t now, uint64_t then)
{
	if (then == UINT64_MAX)
		return -1;
	return (int)u64_min((u64_sub_sat(then, now) + 999) / 1000, 60000);
}

static struct guardian_msg *ledger_find(struct ledger *l, uint64_t id)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (l->hold[i].id == id)
			return &l->hold[i];
	return NULL;
}

/* 0 or -ENOMEM. */
static int ledger_hold(struct ledger *l, const struct guardian_msg *msg)
{
	struct guardian_msg *h = ledger_find(l, msg->id), *more;

	if (!h) {
		if (l->n == l->cap) {
			more = reallocarray(l->hold, l->cap ? 2 * l->cap : 16, sizeof(*more));
			if (!more)
				return -ENOMEM;
			l->hold = more;
			l->cap = l->cap ? 2 * l->cap : 16;
		}
		h = &l->hold[l->n++];
	}
	*h = *msg;
	return 0;
}

static void ledger_clear(struct ledger *l, uint64_t id)
{
	struct guardian_msg *h = ledger_find(l, id);

	if (h)
		*h = l->hold[--l->n];
}

/*
 * Takes one message. 1; 0 where there is none now; -ENOTCONN at the end of the
 * socket; -EPROTO or -ENOMEM where the ledger can no longer be relied on.
 */
static int take_message(struct ledger *l)
{
	struct guardian_msg msg;
	ssize_t n;

	n = recv(GUARDIAN_SOCKET_FD, &msg, sizeof(msg), MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -ENOTCONN;
	if (n != (ssize_t)sizeof(msg) || msg.magic != GUARDIAN_MAGIC ||
	    msg.version != GUARDIAN_VERSION || memchr(msg.path, '\0', sizeof(msg.path)) == NULL ||
	    memchr(msg.undo, '\0', sizeof(msg.undo)) == NULL)
		return -EPROTO;
	switch (msg.kind) {
	case GUARDIAN_ALIVE:
		return 1;
	case GUARDIAN_HOLD:
		return ledger_hold(l, &msg) < 0 ? -ENOMEM : 1;
	case GUARDIAN_CLEAR:
		ledger_clear(l, msg.id);
		return 1;
	default:
		return -EPROTO;
	}
}

/*
 * Takes messages until the socket ends (-ENOTCONN), nothing came for @silent_us
 * while something was held (-ETIMEDOUT), or as take_message(). @always: even
 * with nothing held.
 */
static int listen_to_daemon(struct ledger *l, uint64_t silent_us, bool always)
{
	struct pollfd p = { .fd = GUARDIAN_SOCKET_FD, .events = POLLIN };
	uint64_t heard_us = monotonic_us(), until_us;
	int r;

	for (;;) {
		do {
			r = take_message(l);
			if (r > 0)
				heard_us = monotonic_us();
		} while (r > 0);
		if (r < 0)
			return r;
		until_us = l->n || always ? u64_add_sat(heard_us, silent_us) : UINT64_MAX;
		/* nothing was there to be read, so this is silence and not our own slowness */
		if (monotonic_us() >= until_us)
			return -ETIMEDOUT;
		if (poll(&p, 1, poll_ms(monotonic_us(), until_us)) < 0 && errno != EINTR)
			return -errno;
	}
}

/* Watches until it is time to act. 0, or a negative errno where the ledger is not reliable. */
static int watch(struct ledger *l, uint64_t watchdog_us)
{
	int r = listen_to_daemon(l, watchdog_us, false);

	if (r == -ETIMEDOUT) {
		log_warning("guardian-kill cause=\"the daemon is silent\" watchdog_ms=%llu "
			    "held=%zu",
			    (unsigned long long)(watchdog_us / USEC_PER_MSEC), l->n);
		if (syscall(SYS_pidfd_send_signal, GUARDIAN_PIDFD_FD, SIGKILL, NULL, 0) < 0)
			log_warning("guardian-kill error=\"%s\"", strerror(errno));
		/* what it said last still counts; then QEMU is free for us */
		r = listen_to_daemon(l, KILLED_MAX_US, true);
	}
	return r == -ENOTCONN || r == -ETIMEDOUT ? 0 : r;
}

static void tell(const struct release *r, uint64_t now)
{
	unsigned long long ms = (now - r->start_us) / USEC_PER_MSEC, id = r->vm.id;

	switch (r->outcome) {
	case RELEASED:
		log_info("guardian-released id=%llu qmp=%s after_ms=%llu", id, r->vm.path, ms);
		break;
	case RELEASE_GONE:
		log_info("guardian-gone id=%llu qmp=%s after_ms=%llu why=\"%s\"", id, r->vm.path,
			 ms, r->trouble);
		break;
	case RELEASE_NOT_REACHED:
		log_error("guardian-not-released id=%llu qmp=%s after_ms=%llu accepted=%s "
			  "actual_b=%llu ram_b=%llu why=\"%s\"",
			  id, r->vm.path, ms, r->accepted ? "yes" : "no",
			  (unsigned long long)r->actual_b, (unsigned long long)r->ram_b,
			  r->trouble);
		break;
	}
}

/* Waits until one of @n releases has something to do. */
static void wait_for_any(const struct release *rel, struct pollfd *p, size_t n)
{
	uint64_t wake_us = UINT64_MAX;
	size_t i;

	for (i = 0; i < n; i++) {
		p[i] = (struct pollfd){ .fd = release_fd(&rel[i]), .events = POLLIN };
		wake_us = u64_min(wake_us, release_wake_us(&rel[i]));
	}
	(void)poll(p, n, poll_ms(monotonic_us(), wake_us));
}

/* Deflates all of @l at once. How many could not be brought to 0; or -ENOMEM. */
static int release_all(const struct ledger *l)
{
	cleanup_free struct release *rel = calloc(l->n + 1, sizeof(*rel));
	cleanup_free struct pollfd *p = calloc(l->n + 1, sizeof(*p));
	size_t i, left = l->n;
	int failed = 0;

	if (!rel || !p)
		return -ENOMEM;
	for (i = 0; i < l->n; i++)
		release_init(&rel[i], &l->hold[i], monotonic_us());
	while (left) {
		for (i = 0; i < l->n; i++) {
			if (rel[i].state == RELEASE_ENDED || !release_step(&rel[i], monotonic_us()))
				continue;
			tell(&rel[i], monotonic_us());
			failed += rel[i].outcome == RELEASE_NOT_REACHED;
			left--;
		}
		if (left)
			wait_for_any(rel, p, l->n);
	}
	for (i = 0; i < l->n; i++)
		release_fini(&rel[i]);
	return failed;
}

/* Root's guardian is the last to be killed when the machine is out of memory: it gives memory back.
 */
static void outlive_oom(void)
{
	static const char adj[] = "-1000";
	cleanup_close int fd = -EBADF;

	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, adj, sizeof(adj) - 1) < 0)
		log_debug("guardian-oom error=\"%s\"", strerror(errno));
}

/* What ends the daemon must not end this process, and what it left open must not stay so. */
static void harden(void)
{
	static const int ignored[] = { SIGHUP,	SIGINT,	 SIGQUIT, SIGTERM, SIGPIPE,
				       SIGABRT, SIGUSR1, SIGUSR2, SIGTSTP };
	cleanup_close int fd = -EBADF;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ignored); i++)
		(void)signal(ignored[i], SIG_IGN);
	/* a connection to QEMU inherited by mistake would keep QEMU busy with a dead client */
	(void)close_range(GUARDIAN_PIDFD_FD + 1, ~0U, 0);
	outlive_oom();
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)dup2(fd, STDIN_FILENO);
	(void)dup2(fd, STDOUT_FILENO);
}

/* It must not wait for a page of its own, nor be of use to whoever speaks to it. */
static void confine(void)
{
	int r = memlock_all();

	if (r < 0)
		log_debug("guardian-memory-not-locked error=\"%s\"", strerror(-r));
	r = sandbox_enter(SANDBOX_GUARDIAN);
	if (r < 0)
		log_warning("guardian-not-confined error=\"%s\"", strerror(-r));
}

static bool started_by_daemon(int argc, char **argv, uint64_t *ret_watchdog_us)
{
	socklen_t len = sizeof(int);
	char *rest;
	int type;

	if (argc != 2 || argv[1][0] < '0' || argv[1][0] > '9')
		return false;
	errno = 0;
	*ret_watchdog_us = strtoull(argv[1], &rest, 10);
	return errno == 0 && *rest == '\0' && *ret_watchdog_us >= GUARDIAN_WATCHDOG_MIN_US &&
	       getsockopt(GUARDIAN_SOCKET_FD, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	       type == SOCK_SEQPACKET && fcntl(GUARDIAN_PIDFD_FD, F_GETFD) >= 0;
}

int main(int argc, char **argv)
{
	struct ledger ledger = { 0 };
	uint64_t watchdog_us;
	int r;

	if (!started_by_daemon(argc, argv, &watchdog_us)) {
		fprintf(stderr,
			"ballonet-guardian is started by ballonetd and does nothing without it\n");
		return EXIT_MISUSE;
	}
	harden();
	confine();
	r = watch(&ledger, watchdog_us);
	if (r == 0)
		r = release_all(&ledger);
	if (r < 0)
		log_error("guardian-ends held=%zu error=\"%s\"", ledger.n, strerror(-r));
	free(ledger.hold);
	if (r < 0)
		return EXIT_MISUSE;
	return r ? EXIT_NOT_ALL : EXIT_ALL_AT_0;
}
