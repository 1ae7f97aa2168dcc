/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * balloon.h - what the balloon device does with its queues
 *
 * Layer: device.
 * In:    the queues of one guest.
 * Out:   pages unbacked, statistics, counts (struct shared).
 *
 * It makes no system call but those of unback.c, so that it can be tested and
 * fuzzed in plain memory.
 */
#ifndef BALLONET_DEVICE_BALLOON_H
#define BALLONET_DEVICE_BALLOON_H

#include "base/num.h"
#include "device/guestmem.h"
#include "device/pageset.h"
#include "device/shared.h"
#include "device/virtq.h"

#include <stdbool.h>
#include <stdint.h>

/* Queues in the order of the specification; which index one has depends on the features. */
enum balloon_queue {
	BALLOON_INFLATE,
	BALLOON_DEFLATE,
	BALLOON_STATS,
	BALLOON_REPORTING,
	BALLOON_QUEUES,
};

/* Indices that a front end may name: those of the specification, hinting included. */
#define BALLOON_RINGS_MAX 5

/*
 * Chains taken before their pages are unbacked and given back: 64 of 256 PFNs
 * are 64 MiB, which takes 20 ms, and the guest waits for it.
 */
#define BALLOON_BATCH 64
#define BALLOON_BATCH_PAGES 16384 /* the same for larger chains */

/*
 * The queue that index @ring is with @features, indices of absent queues left
 * out, as Linux and QEMU number them; BALLOON_QUEUES: none.
 */
enum balloon_queue balloon_queue_of(unsigned int ring, uint64_t features);

/*
 * A guest that asks before it takes a page back (MUST_TELL_HOST) need not wait
 * for the unbacking, so its pages are gathered for larger pieces: until there
 * are so many, for so long, or until it deflates.
 */
#define BALLOON_PENDING_PAGES 8192  /* 32 MiB */
#define BALLOON_PENDING_HUGE 131072 /* 512 MiB, where huge pages back all of the memory */
#define BALLOON_PENDING_US (20 * USEC_PER_MSEC)

struct balloon {
	struct guestmem *gm;
	struct pageset *batch;	 /* empty between calls */
	struct pageset *pending; /* given back already, and still to be unbacked */
	struct pageset *inside;	 /* see unback.h; NULL: no page may wait, and none is pending */
	struct shared *shared;
	uint64_t features;
	uint32_t poison; /* what the guest says freed pages hold */
	bool present[BALLOON_QUEUES];
	struct virtq vq[BALLOON_QUEUES];
	bool tell[BALLOON_QUEUES]; /* the guest is to be told; the caller does and clears it */
	uint64_t taken;		   /* pages in the batch */
	uint64_t pending_pages;
	uint64_t due_us; /* when those are to be unbacked; 0: at once, as a new worker must */
	struct virtq_chain chain;
	uint32_t pfns[BALLOON_BIG_BUFFER_PFNS]; /* of the chain, as the guest wrote them */
};

/* What a call came to. */
enum balloon_result {
	BALLOON_IDLE,	/* nothing is left to do until a queue is kicked */
	BALLOON_MORE,	/* call again */
	BALLOON_BROKEN, /* the guest broke the rules, shared->trouble says how */
};

/*
 * A bounded amount of work on all queues, and asks the guest to be told of
 * more. @now_us (CLOCK_MONOTONIC) is what statistics are stamped with, and
 * @b->due_us is compared to: call again then.
 */
enum balloon_result balloon_run(struct balloon *b, uint64_t now_us);

#endif
