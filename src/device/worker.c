/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * worker.c - the process that serves the rings, and may die at any time
 *
 * Layer: device.
 * In:    kicks of the guest, the keeper's doorbell.
 * Out:   calls to the guest, news to the keeper.
 *
 * It is never told anything after the fork: when memory, rings or features
 * change, the keeper kills it and forks another. So there is one way to stop and
 * one to start, and both are used all the time.
 */
#include "device/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "sandbox/sandbox.h"

#define EVENTS_MAX (BALLOON_RINGS_MAX + 1)

struct state {
	const struct worker *w;
	struct balloon b;
	int epoll;
	int call[BALLOON_QUEUES];
	uint32_t told_seq;
};

static _Noreturn void give_up(const struct worker *w, const char *what, int err)
{
	(void)snprintf(w->shared->trouble, sizeof(w->shared->trouble), "%s: %s", what,
		       strerror(-err));
	_exit(WORKER_FAILED);
}

/* What is written to an eventfd or read from it is a number that nobody needs. */
static void ring_bell(int fd)
{
	uint64_t one = 1;
	ssize_t ignored = fd < 0 ? 0 : write(fd, &one, sizeof(one));

	(void)ignored; /* full means that the other end has not looked yet */
}

static void hush_bell(int fd)
{
	uint64_t n;
	ssize_t ignored = read(fd, &n, sizeof(n));

	(void)ignored;
}

static int watch(struct state *st, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(st->epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static int open_ring(struct state *st, unsigned int ring)
{
	const struct front *f = st->w->front;
	const struct front_ring *r = &f->ring[ring];
	enum balloon_queue q = balloon_queue_of(ring, f->features);
	struct virtq_config c = { .num = r->num,
				  .desc = r->addr.desc,
				  .avail = r->addr.avail,
				  .used = r->addr.used,
				  .event_idx = f->features >> 29 & 1,
				  .indirect = f->features >> 28 & 1 };
	int err;

	if (q == BALLOON_QUEUES)
		return 0; /* of a queue that has no use with these features */
	err = virtq_init(&st->b.vq[q], &f->mem, &c);
	if (err < 0)
		return err;
	st->b.present[q] = true;
	st->call[q] = r->call;
	return watch(st, r->kick);
}

/* All that the keeper has and a worker has no use for, its connections above all. */
static int close_others(const struct state *st)
{
	int keep[GUESTMEM_REGIONS_MAX + 2 * BALLOON_RINGS_MAX + 4];
	const struct front *f = st->w->front;
	size_t n = 0, i;

	keep[n++] = STDERR_FILENO;
	keep[n++] = st->epoll;
	keep[n++] = st->w->doorbell;
	keep[n++] = st->w->news;
	for (i = 0; i < f->mem.n; i++)
		keep[n++] = f->mem.region[i].fd;
	for (i = 0; i < BALLOON_RINGS_MAX; i++) {
		keep[n++] = f->ring[i].kick;
		keep[n++] = f->ring[i].call;
	}
	return sandbox_keep_fds(keep, n);
}

static void begin(struct state *st)
{
	const struct worker *w = st->w;
	unsigned int i;
	int err;

	err = guestmem_map(&w->front->mem);
	if (err < 0)
		give_up(w, "the guest's memory cannot be mapped", err);
	st->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (st->epoll < 0)
		give_up(w, "epoll", -errno);
	for (i = 0; i < BALLOON_RINGS_MAX; i++) {
		err = front_ring_ready(w->front, i) ? open_ring(st, i) : 0;
		if (err < 0)
			give_up(w, "a ring is not in the guest's memory, or no ring", err);
	}
	err = watch(st, w->doorbell);
	if (err < 0)
		give_up(w, "epoll", err);
	err = close_others(st);
	if (err < 0)
		give_up(w, "closing descriptors", err);
	err = sandbox_enter(SANDBOX_WORKER);
	if (err < 0)
		give_up(w, "the sandbox", err);
}

/* Works until there is nothing to do. */
static void work(struct state *st)
{
	enum balloon_result r;
	unsigned int q;

	do {
		r = balloon_run(&st->b, monotonic_us());
		for (q = 0; q < BALLOON_QUEUES; q++) {
			if (st->b.tell[q])
				ring_bell(st->call[q]);
			st->b.tell[q] = false;
		}
		if (st->told_seq != st->b.shared->stats_seq) {
			st->told_seq = st->b.shared->stats_seq;
			ring_bell(st->w->news);
		}
	} while (r == BALLOON_MORE);
	if (r == BALLOON_BROKEN)
		_exit(WORKER_BROKEN);
}

/* Milliseconds until pages have waited long enough, rounded up; -1: none wait. */
static int wait_ms(const struct balloon *b)
{
	if (b->due_us == UINT64_MAX)
		return -1;
	return (int)((u64_sub_sat(b->due_us, monotonic_us()) + USEC_PER_MSEC - 1) / USEC_PER_MSEC);
}

_Noreturn void worker_main(const struct worker *w)
{
	static struct state st; /* too large for a stack; this process has one */
	struct epoll_event ev[EVENTS_MAX];
	int i, n;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)prctl(PR_SET_NAME, "balloon-worker");
	(void)signal(SIGBUS, SIG_DFL); /* the memory's file was cut: no handler could go on */
	st.w = w;
	st.b = (struct balloon){ .gm = &w->front->mem,
				 .batch = w->batch,
				 .pending = w->pending,
				 .inside = w->inside,
				 .shared = w->shared,
				 .features = w->front->features,
				 .poison = front_config(w->front, BALLOON_CONFIG_POISON_VAL) };
	st.told_seq = w->shared->stats_seq;
	w->shared->trouble[0] = '\0';
	begin(&st);
	for (;;) {
		work(&st);
		n = epoll_wait(st.epoll, ev, EVENTS_MAX, wait_ms(&st.b));
		for (i = 0; i < n; i++)
			hush_bell(ev[i].data.fd);
	}
}
