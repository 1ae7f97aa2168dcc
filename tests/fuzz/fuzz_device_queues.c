/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_device_queues.c - a guest writes what it likes into its rings, and no byte outside is
 * touched
 *
 * In:    the guest's memory: four rings at fixed places, then whatever the rings point to.
 * Out:   a crash, or nothing.
 *
 * The memory is private and lies between two pages that may not be touched.
 * Guest addresses begin at 0, so that small numbers mean something. The first
 * byte chooses features.
 */
#include "device/balloon.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MEMORY ((size_t)1 << 20)
#define GUARD 4096
#define RING_NUM 16
#define RING_SPAN 1024 /* descriptors, available ring at 256, used ring at 512 */
#define RUNS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *memory;
static struct pageset batch, pending, inside;
static struct balloon balloon;
static struct shared shared;
static struct guestmem gm;

static void set_up(void)
{
	struct guestmem_region r = { .size = MEMORY, .fd = -1 };

	memory = mmap(NULL, MEMORY + 2 * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED || mprotect(memory + GUARD, MEMORY, PROT_READ | PROT_WRITE) < 0)
		abort();
	memory += GUARD;
	r.map = memory;
	if (guestmem_add(&gm, &r, false) < 0 || pageset_init(&batch, 1 << 16) < 0 ||
	    pageset_init(&pending, 1 << 16) < 0 || pageset_init(&inside, 1 << 16) < 0)
		abort();
}

static void start(uint8_t choice)
{
	unsigned int q;

	memset(&balloon, 0, sizeof(balloon));
	memset(&shared, 0, sizeof(shared));
	gm.region[0].unit = choice & 1 ? 512 : 1;
	gm.region[0].must = choice & 2;
	balloon.gm = &gm;
	balloon.batch = &batch;
	balloon.pending = &pending;
	balloon.inside = choice & 4 ? &inside : NULL;
	balloon.shared = &shared;
	balloon.features = UINT64_C(1) << BALLOON_F_PAGE_POISON;
	balloon.poison = choice & 8;
	shared.stats_wanted = choice & 16;
	for (q = 0; q < BALLOON_QUEUES; q++) {
		struct virtq_config c = { .num = RING_NUM,
					  .desc = q * RING_SPAN,
					  .avail = q * RING_SPAN + 256,
					  .used = q * RING_SPAN + 512,
					  .event_idx = choice & 32,
					  .indirect = !(choice & 64) };

		balloon.present[q] = virtq_init(&balloon.vq[q], &gm, &c) == 0;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int i;

	if (!memory)
		set_up();
	if (size < 1 || size - 1 > MEMORY)
		return 0;
	if (madvise(memory, MEMORY, MADV_DONTNEED) < 0)
		abort();
	memcpy(memory, data + 1, size - 1);
	start(data[0]);
	for (i = 0; i < RUNS_MAX; i++)
		if (balloon_run(&balloon, i) != BALLOON_MORE)
			break;
	(void)balloon_run(&balloon, i + BALLOON_PENDING_US); /* what waited is due */
	if (shared.unback.errors || shared.unback.punched_b > shared.unback.given_b + 512 * MEMORY)
		abort();
	pageset_clear(&batch);
	pageset_clear(&pending);
	pageset_clear(&inside);
	return 0;
}
