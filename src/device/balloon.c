/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * balloon.c - what the balloon device does with its queues
 *
 * Layer: device.
 * In:    chains of the inflate, deflate, statistics and reporting queues.
 * Out:   holes in the guest's memory, statistics.
 *
 * Theory of operation. Chains are collected, their pages unbacked at once, and
 * only then given back: a guest may use a page again as soon as it has the
 * chain. So a worker that is killed has at most unbacked pages that are still
 * the host's, and the next one, which begins at the used index, finds their
 * chains again and unbacks them a second time, which changes nothing.
 *
 * A guest that must tell us uses a page again only after we gave back the chain
 * of its deflate. Then an inflate is given back at once, and its pages are in a
 * set that outlives the worker, until they are unbacked or the guest deflates,
 * whichever comes first.
 *
 * Deflating comes first: a guest that wants memory waits for nothing else.
 */
#include "device/balloon.h"

#include "base/num.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

#define NEVER UINT64_MAX

/* Entries of a statistics buffer; Linux sends 16 at most. */
#define STATS_MAX 64
#define STATS_ENTRY_B 10

static const char *const queue_names[] = {
	[BALLOON_INFLATE] = "inflate",
	[BALLOON_DEFLATE] = "deflate",
	[BALLOON_STATS] = "statistics",
	[BALLOON_REPORTING] = "reporting",
};

static bool has(uint64_t features, unsigned int bit)
{
	return features >> bit & 1;
}

enum balloon_queue balloon_queue_of(unsigned int ring, uint64_t features)
{
	enum balloon_queue list[BALLOON_RINGS_MAX];
	unsigned int n = 0;

	list[n++] = BALLOON_INFLATE;
	list[n++] = BALLOON_DEFLATE;
	if (has(features, BALLOON_F_STATS_VQ))
		list[n++] = BALLOON_STATS;
	if (has(features, BALLOON_F_FREE_PAGE_HINT))
		list[n++] = BALLOON_QUEUES;
	if (has(features, BALLOON_F_REPORTING))
		list[n++] = BALLOON_REPORTING;
	return ring < n ? list[ring] : BALLOON_QUEUES;
}

static void break_off(struct balloon *b, enum balloon_queue q, const char *why)
{
	(void)snprintf(b->shared->trouble, sizeof(b->shared->trouble),
		       "the guest put %s into the %s queue", why, queue_names[q]);
}

/* Unbacks what is pending. */
static void unback_pending(struct balloon *b)
{
	if (b->due_us == NEVER)
		return;
	if (b->inside)
		unback_batch(b->gm, b->pending, b->inside, &b->shared->unback);
	b->pending_pages = 0;
	b->due_us = NEVER;
}

/* Pages of the guest's memory: with @give where inflated pages go, else out of the balloon. */
static void take_pages(struct balloon *b, uint64_t page, uint64_t n, bool give)
{
	if (give) {
		pageset_add(b->inside ? b->pending : b->batch, page, n);
		b->shared->inflated_pages += n;
		b->taken += n;
	} else {
		if (b->inside)
			pageset_remove(b->inside, page, n);
		b->shared->deflated_pages += n;
	}
}

/* PFNs that follow each other. */
struct pfn_run {
	uint64_t first, n; /* n is 0: none */
};

static void end_run(struct balloon *b, struct pfn_run *run, bool give)
{
	uint64_t page, n;

	for (; run->n; run->first += n, run->n -= n) {
		n = guestmem_pages(b->gm, run->first << BALLOON_PFN_SHIFT, run->n, &page);
		if (n) {
			take_pages(b, page, n, give);
		} else {
			b->shared->ignored++;
			n = 1;
		}
	}
}

/* Guests send neighbours one after the other, most of them downwards. */
static void take_pfn(struct balloon *b, struct pfn_run *run, uint64_t pfn, bool give)
{
	if (run->n && pfn == run->first - 1) {
		run->first--;
		run->n++;
	} else if (run->n && pfn == run->first + run->n) {
		run->n++;
	} else {
		end_run(b, run, give);
		*run = (struct pfn_run){ .first = pfn, .n = 1 };
	}
}

/*
 * The PFNs of one chain. A PFN that lies across two buffers, or behind those
 * that a buffer may have, is not taken: for an inflate that is a page that stays backed.
 */
static const char *take_pfns(struct balloon *b, bool give)
{
	struct pfn_run run = { 0 };
	uint32_t left = BALLOON_BIG_BUFFER_PFNS;
	size_t i, j;

	for (i = 0; i < b->chain.n; i++) {
		const struct virtq_seg *s = &b->chain.seg[i];
		size_t n = u64_min(s->len / sizeof(b->pfns[0]), left);
		const void *p;

		if (s->writable)
			return "a buffer of the wrong direction";
		p = guestmem_range(b->gm, s->gpa, s->len);
		if (!p)
			return "a buffer outside of its memory";
		memcpy(b->pfns, p, n * sizeof(b->pfns[0]));
		__atomic_signal_fence(
			__ATOMIC_SEQ_CST); /* the guest may write on: it is read once */
		for (j = 0; j < n; j++)
			take_pfn(b, &run, le32toh(b->pfns[j]), give);
		end_run(b, &run, give);
		left -= (uint32_t)n;
	}
	return NULL;
}

/* The ranges of one chain are free pages of the guest, until the chain is given back. */
static const char *take_ranges(struct balloon *b, bool give)
{
	size_t i;

	for (i = 0; give && i < b->chain.n; i++) {
		const struct virtq_seg *s = &b->chain.seg[i];
		uint64_t at = s->gpa, pages = s->len / GUESTMEM_PAGE, first, n;

		if (!s->writable)
			return "a buffer of the wrong direction";
		if (at % GUESTMEM_PAGE || s->len % GUESTMEM_PAGE)
			b->shared->ignored++;
		for (; pages; pages -= n, at += n * GUESTMEM_PAGE) {
			n = guestmem_pages(b->gm, at, pages, &first);
			if (n == 0) {
				b->shared->ignored++;
				break;
			}
			pageset_add(b->batch, first, n);
			b->shared->reported_b += n * GUESTMEM_PAGE;
			b->taken += n;
		}
	}
	return NULL;
}

typedef const char *(*take_fn)(struct balloon *b, bool give);

/* Pages that may wait: huge ones are freed fifty times as fast. */
static uint64_t most_pending(const struct balloon *b)
{
	size_t i;

	for (i = 0; i < b->gm->n; i++)
		if (b->gm->region[i].unit == 1)
			return BALLOON_PENDING_PAGES;
	return BALLOON_PENDING_HUGE;
}

/* The pages of a batch wait: how many do, and until when. */
static void let_wait(struct balloon *b, uint64_t now_us)
{
	if (b->taken == 0)
		return;
	b->pending_pages += b->taken;
	if (b->due_us == NEVER)
		b->due_us = now_us + BALLOON_PENDING_US;
	if (b->pending_pages >= most_pending(b))
		b->due_us = now_us; /* the guest goes on with its chains meanwhile */
}

/* Takes up to BALLOON_BATCH chains, with @give unbacks their pages, and gives them back. */
static enum balloon_result run_pages(struct balloon *b, enum balloon_queue q, take_fn take,
				     bool give, uint64_t now_us)
{
	bool wait = q == BALLOON_INFLATE && b->inside;
	struct virtq *vq = &b->vq[q];
	uint16_t heads[BALLOON_BATCH];
	const char *why = NULL;
	unsigned int n = 0, i;
	int r = 0;

	b->taken = 0;
	while (n < BALLOON_BATCH && b->taken < BALLOON_BATCH_PAGES) {
		r = virtq_pop(vq, &b->chain, &why);
		if (r > 0 && n == 0 && q == BALLOON_DEFLATE)
			unback_pending(b); /* while all of it is ours */
		if (r > 0)
			why = take(b, give);
		if (why)
			break;
		if (r == 0)
			break;
		heads[n++] = b->chain.head;
	}
	if (wait)
		let_wait(b, now_us);
	else if (give && n)
		unback_batch(b->gm, b->batch, NULL, &b->shared->unback);
	for (i = 0; i < n; i++)
		virtq_push(vq, heads[i]);
	if (n || vq->tell)
		b->tell[q] |= virtq_publish(vq);
	if (why) {
		break_off(b, q, why);
		return BALLOON_BROKEN;
	}
	return r > 0 || virtq_listen(vq) ? BALLOON_MORE : BALLOON_IDLE;
}

/* Reported pages may not be unbacked where the guest counts on what they hold. */
static bool may_unback_reported(const struct balloon *b)
{
	return !has(b->features, BALLOON_F_PAGE_POISON) || b->poison == 0;
}

static uint64_t load_le(const volatile uint8_t *p, unsigned int bytes)
{
	uint64_t v = 0;
	unsigned int i;

	for (i = 0; i < bytes; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

/* Reads the statistics of the chain into the slot that is not shown, and shows it. */
static const char *take_stats(struct balloon *b, uint64_t now_us)
{
	struct shared *s = b->shared;
	struct device_stats *to = &s->stats[(s->stats_seq + 1) % 2];
	const struct virtq_seg *seg = &b->chain.seg[0];
	const volatile uint8_t *p;
	uint32_t i;

	if (seg->writable || b->chain.n != 1)
		return "a buffer of the wrong shape";
	p = guestmem_range(b->gm, seg->gpa, seg->len);
	if (!p)
		return "a buffer outside of its memory";
	*to = (struct device_stats){ .taken_us = now_us };
	for (i = 0; i < seg->len / STATS_ENTRY_B && i < STATS_MAX; i++, p += STATS_ENTRY_B) {
		uint64_t tag = load_le(p, 2);

		if (tag >= BALLOON_STAT_COUNT)
			continue; /* of a later guest */
		to->tag[tag] = load_le(p + 2, 8);
		to->known |= UINT32_C(1) << tag;
	}
	__atomic_store_n(&s->stats_at, b->vq[BALLOON_STATS].next_used, __ATOMIC_RELAXED);
	__atomic_store_n(&s->stats_seq, s->stats_seq + 1, __ATOMIC_RELEASE);
	return NULL;
}

/*
 * The guest keeps one buffer with us, with the statistics of when it came;
 * giving it back asks for the next. One that was read already, by a worker that
 * is no more, is not read again: it would look new.
 */
static enum balloon_result run_stats(struct balloon *b, uint64_t now_us)
{
	struct virtq *vq = &b->vq[BALLOON_STATS];
	struct shared *s = b->shared;
	uint32_t wanted = __atomic_load_n(&s->stats_wanted, __ATOMIC_ACQUIRE);
	const char *why = NULL;
	int r;

	if (vq->tell)
		b->tell[BALLOON_STATS] |= virtq_publish(vq);
	r = virtq_pop(vq, &b->chain, &why);
	if (r == 0)
		return virtq_listen(vq) ? BALLOON_MORE : BALLOON_IDLE;
	if (r > 0 && (s->stats_seq == 0 || s->stats_at != vq->next_used))
		why = take_stats(b, now_us);
	if (why) {
		break_off(b, BALLOON_STATS, why);
		return BALLOON_BROKEN;
	}
	if (s->stats_asked == wanted) {
		virtq_unpop(vq); /* ours until somebody asks */
		return BALLOON_IDLE;
	}
	virtq_push(vq, b->chain.head);
	b->tell[BALLOON_STATS] |= virtq_publish(vq);
	__atomic_store_n(&s->stats_asked, wanted, __ATOMIC_RELEASE);
	return virtq_listen(vq) ? BALLOON_MORE : BALLOON_IDLE;
}

static enum balloon_result run_queue(struct balloon *b, enum balloon_queue q, uint64_t now_us)
{
	switch (q) {
	case BALLOON_INFLATE:
		return run_pages(b, q, take_pfns, true, now_us);
	case BALLOON_DEFLATE:
		return run_pages(b, q, take_pfns, false, now_us);
	case BALLOON_STATS:
		return run_stats(b, now_us);
	case BALLOON_REPORTING:
		return run_pages(b, q, take_ranges, may_unback_reported(b), now_us);
	case BALLOON_QUEUES:
		break;
	}
	return BALLOON_IDLE;
}

enum balloon_result balloon_run(struct balloon *b, uint64_t now_us)
{
	static const enum balloon_queue order[] = { BALLOON_DEFLATE, BALLOON_STATS, BALLOON_INFLATE,
						    BALLOON_REPORTING };
	enum balloon_result all = BALLOON_IDLE;
	size_t i;

	if (now_us >= b->due_us)
		unback_pending(b);
	for (i = 0; i < ARRAY_SIZE(order); i++) {
		enum balloon_result r;

		if (!b->present[order[i]])
			continue;
		r = run_queue(b, order[i], now_us);
		if (r == BALLOON_BROKEN)
			return r;
		if (r == BALLOON_MORE)
			all = r;
	}
	return now_us >= b->due_us ? BALLOON_MORE : all;
}
