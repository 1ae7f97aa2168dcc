/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keeper.c - the process that survives: connection, configuration, lease, worker
 *
 * Layer: device.
 * In:    messages, commands, news, the time.
 * Out:   replies, a worker, targets.
 *
 * Theory of operation. One loop around poll(). At the end of each turn a worker
 * is started if rings are ready and none runs, and clients are told the new
 * state. A worker is never reconfigured: it is killed and another is forked. So
 * the keeper waits for it only as long as a kill takes (a system call under way
 * is bounded by UNBACK_PIECE).
 */
#include "device/keeper.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"
#include "device/keeper_state.h"
#include "sandbox/sandbox.h"
#include "device/worker.h"

/*
 * From the last change of rings to the start of a worker: a front end that sets
 * up five rings sends fifty messages, and every one would end the worker.
 */
#define START_AFTER_US UINT64_C(500)

/* A worker that died young is followed by another after this long, and QUICK_DEATHS_MAX times. */
#define YOUNG_US (100 * USEC_PER_MSEC)
#define RETRY_US (20 * USEC_PER_MSEC)
#define QUICK_DEATHS_MAX 50

enum { POLL_STOP, POLL_LISTEN, POLL_FRONT, POLL_NEWS, POLL_WORKER, POLL_CONTROL };
#define POLL_FDS (POLL_CONTROL + CONTROL_POLL_FDS)

uint64_t keeper_features(void)
{
	return UINT64_C(1) << BALLOON_F_MUST_TELL_HOST | UINT64_C(1) << BALLOON_F_STATS_VQ |
	       UINT64_C(1) << BALLOON_F_DEFLATE_ON_OOM | UINT64_C(1) << BALLOON_F_PAGE_POISON |
	       UINT64_C(1) << BALLOON_F_REPORTING | UINT64_C(1) << BALLOON_F_DEFLATE_ON_PRESSURE |
	       UINT64_C(1) << BALLOON_F_PRESS | UINT64_C(1) << BALLOON_F_BIG_BUFFERS;
}

/* ------------------------------------------------------------ the worker */

static siginfo_t reap(struct keeper *k)
{
	siginfo_t si = { 0 };

	(void)waitid(P_PID, (id_t)k->pid, &si, WEXITED);
	(void)close(k->pidfd);
	k->pidfd = -EBADF;
	k->pid = 0;
	return si;
}

static void on_quiesce(void *userdata)
{
	struct keeper *k = userdata;

	k->stopped |= !front_any_ready(&k->front);
	k->broken = false;
	k->quick_deaths = 0;
	k->start_us = monotonic_us() + START_AFTER_US;
	if (!k->pid)
		return;
	(void)kill(k->pid, SIGKILL); /* it is our child and not yet waited for: the pid is its */
	(void)reap(k);
}

/* A worker died by itself. */
static void worker_died(struct keeper *k)
{
	uint64_t now = monotonic_us();
	siginfo_t si = reap(k);
	bool killed = si.si_code == CLD_KILLED && si.si_status == SIGKILL;

	keeper_changed(k);
	k->shared->trouble[SHARED_TROUBLE_MAX - 1] = '\0';
	/* killed from outside says nothing of what it met */
	k->quick_deaths = !killed && now - k->started_us < YOUNG_US ? k->quick_deaths + 1 : 0;
	if (si.si_code != CLD_EXITED && si.si_status == SIGBUS)
		(void)snprintf(k->shared->trouble, SHARED_TROUBLE_MAX,
			       "the guest's memory is shorter than the front end said");
	k->broken = (si.si_code == CLD_EXITED && si.si_status == WORKER_BROKEN) ||
		    (si.si_code != CLD_EXITED && si.si_status == SIGBUS) ||
		    k->quick_deaths >= QUICK_DEATHS_MAX;
	log_warning("worker-died how=%s code=%d trouble=\"%s\" next=%s",
		    si.si_code == CLD_EXITED ? "status" : "signal", si.si_status,
		    k->shared->trouble, k->broken ? "none until the guest resets" : "at once");
	if (!k->broken) {
		k->restarts++;
		k->start_us = k->quick_deaths ? now + RETRY_US : now;
	}
}

/* A driver that has just started: it has all its memory, and nothing said before is of it. */
static void begin_guest(struct keeper *k)
{
	k->boots++;
	pageset_clear(&k->pending);
	pageset_clear(&k->inside);
	k->shared->stats_seq = k->told_seq = 0;
	k->shared->stats_asked = k->shared->stats_wanted;
	front_set_config(&k->front, BALLOON_CONFIG_ACTUAL, 0);
	keeper_set_press(k, 0, 0);
	keeper_set_target(k, 0, KEEPER_NEVER);
	keeper_changed(k);
	log_info("guest-up boots=%u features=0x%" PRIx64 " ram_b=%" PRIu64, k->boots,
		 k->front.features, guestmem_size_b(&k->front.mem));
}

static void start_worker(struct keeper *k)
{
	struct worker w = { .front = &k->front,
			    .shared = k->shared,
			    .batch = &k->batch,
			    .pending = &k->pending,
			    .inside = keeper_has(k, BALLOON_F_MUST_TELL_HOST) ? &k->inside : NULL,
			    .doorbell = k->doorbell,
			    .news = k->news };
	pid_t pid;

	k->start_us = KEEPER_NEVER;
	if (k->pid || k->broken || !front_any_ready(&k->front))
		return;
	if (k->stopped && front_fresh(&k->front))
		begin_guest(k);
	k->stopped = false;
	pageset_clear(&k->batch);
	pid = fork();
	if (pid == 0)
		worker_main(&w);
	k->pidfd = pid < 0 ? -errno : pidfd_open(pid, 0);
	if (k->pidfd < 0) {
		log_error("worker-not-started error=\"%s\"", strerror(errno));
		if (pid > 0) {
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, NULL, 0);
		}
		k->start_us = monotonic_us() + RETRY_US;
		return;
	}
	k->pid = pid;
	k->started_us = monotonic_us();
}

/* --------------------------------------------------------- the front end */

static void on_forget_pages(void *userdata, uint64_t first, uint64_t n)
{
	struct keeper *k = userdata;

	if (n == GUESTMEM_PAGES_MAX) {
		pageset_clear(&k->pending);
		pageset_clear(&k->inside);
	} else {
		pageset_remove(&k->pending, first, n);
		pageset_remove(&k->inside, first, n);
	}
}

/* A press that is done is waited for, and told at once. */
static void on_config_written(void *userdata)
{
	struct keeper *k = userdata;

	keeper_changed(k);
	if (front_config(&k->front, BALLOON_CONFIG_PRESSED_SEQ) != k->told_pressed)
		k->tell_us = 0;
}

static const struct front_ops front_ops = {
	.quiesce = on_quiesce,
	.forget_pages = on_forget_pages,
	.config_written = on_config_written,
};

static void accept_front(struct keeper *k)
{
	/* cppcheck-suppress nullPointer; accept4(2) takes NULL for "it does not matter who" */
	int fd = accept4(k->listen, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (fd < 0)
		return;
	if (k->front.sock >= 0) {
		log_warning("front-refused why=\"there is one already\"");
		(void)close(fd);
		return;
	}
	front_open(&k->front, fd);
	k->front_pid = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 ? 0 : cred.pid;
	log_info("front-up pid=%d", (int)k->front_pid);
	keeper_changed(k);
}

static void read_front(struct keeper *k)
{
	const char *why = "it has gone";
	int r = front_readable(&k->front, &why);

	if (r == 0)
		return;
	log_info("front-down why=\"%s\"", r == -EPROTO ? why : "it has gone");
	front_close(&k->front);
	k->front_pid = 0;
	k->lease_us = KEEPER_NEVER;
	k->start_us = KEEPER_NEVER;
	keeper_changed(k);
}

/* ---------------------------------------------------------------- the loop */

static void end_lease(struct keeper *k)
{
	if (monotonic_us() < k->lease_us)
		return;
	log_warning("lease-ended balloon_b=%" PRIu64,
		    (uint64_t)front_config(&k->front, BALLOON_CONFIG_NUM_PAGES)
			    << BALLOON_PFN_SHIFT);
	keeper_set_press(k, 0, 0);
	keeper_set_target(k, 0, KEEPER_NEVER);
}

/* Milliseconds until something is due, rounded up; -1: nothing is. */
static int wait_ms(const struct keeper *k)
{
	uint64_t at = u64_min(k->tell_us, u64_min(k->lease_us, k->start_us));

	if (at == KEEPER_NEVER)
		return -1;
	return (int)((u64_sub_sat(at, monotonic_us()) + 999) / 1000);
}

static void turn(struct keeper *k, const struct pollfd *fds)
{
	uint64_t rings;
	ssize_t ignored;

	if (fds[POLL_NEWS].revents & POLLIN) {
		ignored = read(k->news, &rings, sizeof(rings));
		(void)ignored;
		keeper_tell_stats(k);
	}
	if (fds[POLL_WORKER].revents && k->pid && fds[POLL_WORKER].fd == k->pidfd)
		worker_died(k);
	if (fds[POLL_FRONT].revents && k->front.sock >= 0)
		read_front(k);
	if (fds[POLL_LISTEN].revents & POLLIN)
		accept_front(k);
	control_handle(&k->control, fds + POLL_CONTROL);
}

static void settle(struct keeper *k)
{
	if (monotonic_us() >= k->lease_us)
		end_lease(k);
	if (monotonic_us() >= k->start_us)
		start_worker(k);
	if (monotonic_us() >= k->tell_us)
		keeper_tell_state(k);
}

static int loop(struct keeper *k, int stop_fd)
{
	struct pollfd fds[POLL_FDS];

	for (;;) {
		fds[POLL_STOP] = (struct pollfd){ .fd = stop_fd, .events = POLLIN };
		fds[POLL_LISTEN] = (struct pollfd){ .fd = k->listen, .events = POLLIN };
		fds[POLL_FRONT] = (struct pollfd){ .fd = k->front.sock, .events = POLLIN };
		fds[POLL_NEWS] = (struct pollfd){ .fd = k->news, .events = POLLIN };
		fds[POLL_WORKER] = (struct pollfd){ .fd = k->pidfd, .events = POLLIN };
		control_poll_fds(&k->control, fds + POLL_CONTROL);
		if (poll(fds, POLL_FDS, wait_ms(k)) < 0 && errno != EINTR)
			return -errno;
		if (fds[POLL_STOP].revents)
			return 0;
		turn(k, fds);
		settle(k);
	}
}

static int open_all(struct keeper *k, const struct keeper_config *config)
{
	int r;

	k->doorbell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	k->news = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (k->doorbell < 0 || k->news < 0)
		return -errno;
	k->shared = mmap(NULL, sizeof(*k->shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (k->shared == MAP_FAILED) {
		k->shared = NULL;
		return -errno;
	}
	r = pageset_init(&k->batch, GUESTMEM_PAGES_MAX);
	if (r == 0)
		r = pageset_init(&k->pending, GUESTMEM_PAGES_MAX);
	if (r == 0)
		r = pageset_init(&k->inside, GUESTMEM_PAGES_MAX);
	if (r < 0)
		return r;
	r = control_listen(config->control, &k->control.listen);
	if (r < 0) {
		log_error("cannot-listen path=%s error=\"%s\"", config->control, strerror(-r));
		return r;
	}
	r = control_listen(config->socket, &k->listen);
	if (r < 0)
		log_error("cannot-listen path=%s error=\"%s\"", config->socket, strerror(-r));
	return r;
}

/* The sockets' names stay, for the next device to take over: taking them away needs a call too
 * many.
 */
static void close_all(struct keeper *k)
{
	front_close(&k->front);
	control_fini(&k->control);
	if (k->listen >= 0)
		(void)close(k->listen);
	if (k->news >= 0)
		(void)close(k->news);
	if (k->doorbell >= 0)
		(void)close(k->doorbell);
	pageset_fini(&k->batch);
	pageset_fini(&k->pending);
	pageset_fini(&k->inside);
	if (k->shared)
		(void)munmap(k->shared, sizeof(*k->shared));
}

int keeper_run(const struct keeper_config *config)
{
	struct keeper k = { .listen = -EBADF,
			    .doorbell = -EBADF,
			    .news = -EBADF,
			    .pidfd = -EBADF,
			    .start_us = KEEPER_NEVER,
			    .tell_us = KEEPER_NEVER,
			    .lease_us = KEEPER_NEVER };
	int r;

	/* VERSION_1, RING_EVENT_IDX, RING_INDIRECT_DESC */
	front_init(&k.front,
		   config->features | UINT64_C(1) << 32 | UINT64_C(1) << 29 | UINT64_C(1) << 28,
		   config->huge, &front_ops, &k);
	control_init(&k.control, keeper_on_command, &k);
	r = open_all(&k, config);
	if (r == 0) {
		r = sandbox_enter(SANDBOX_KEEPER);
		if (r < 0)
			log_error("no-sandbox error=\"%s\"", strerror(-r));
	}
	if (r == 0)
		r = loop(&k, config->stop_fd);
	close_all(&k);
	return r;
}
