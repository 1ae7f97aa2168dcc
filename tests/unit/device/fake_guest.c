/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_guest.c - the driver's side of the queues, in memory that a test can look at
 *
 * Layer: tests.
 * In:    what a guest would do, good or bad.
 * Out:   rings and buffers in a memfd.
 *
 * A test's machine is little-endian, as Debian's amd64 and arm64 are.
 */
#include "fake_guest.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RING_SPAN 4096
#define BUFFERS (UINT64_C(256) << 10) /* rings below, buffers above */
#define BUFFER_SPAN 16384

static void must(bool ok)
{
	if (!ok)
		abort();
}

struct virtq_config fake_guest_config(const struct fake_guest *g, enum balloon_queue q)
{
	return (struct virtq_config){ .num = GUEST_NUM,
				      .desc = GUEST_USER + g->ring[q].desc,
				      .avail = GUEST_USER + g->ring[q].avail,
				      .used = GUEST_USER + g->ring[q].used,
				      .event_idx = true,
				      .indirect = true };
}

void fake_guest_restart(struct fake_guest *g)
{
	uint64_t features = g->balloon.features;
	struct pageset *inside = g->balloon.inside;
	uint32_t poison = g->balloon.poison;
	unsigned int q;

	pageset_clear(&g->batch);
	memset(&g->balloon, 0, sizeof(g->balloon));
	g->balloon.gm = &g->gm;
	g->balloon.batch = &g->batch;
	g->balloon.pending = &g->pending;
	g->balloon.inside = inside;
	g->balloon.shared = &g->shared;
	g->balloon.features = features;
	g->balloon.poison = poison;
	for (q = 0; q < BALLOON_QUEUES; q++) {
		struct virtq_config c = fake_guest_config(g, q);

		must(virtq_init(&g->balloon.vq[q], &g->gm, &c) == 0);
		g->balloon.present[q] = true;
	}
}

void fake_guest_init(struct fake_guest *g, uint64_t features, bool huge)
{
	struct guestmem_region r = { .gpa = GUEST_GPA, .size = GUEST_RAM, .user = GUEST_USER };
	unsigned int q;

	memset(g, 0, sizeof(*g));
	g->fd = memfd_create("guest", MFD_CLOEXEC);
	must(g->fd >= 0 && ftruncate(g->fd, GUEST_RAM) == 0);
	g->mem = mmap(NULL, GUEST_RAM, PROT_READ | PROT_WRITE, MAP_SHARED, g->fd, 0);
	must(g->mem != MAP_FAILED);
	guestmem_init(&g->gm);
	r.fd = fcntl(g->fd, F_DUPFD_CLOEXEC, 0);
	must(guestmem_add(&g->gm, &r, huge) == 0 && guestmem_map(&g->gm) == 0);
	must(pageset_init(&g->batch, UINT64_C(1) << 20) == 0);
	must(pageset_init(&g->pending, UINT64_C(1) << 20) == 0);
	must(pageset_init(&g->inside, UINT64_C(1) << 20) == 0);
	for (q = 0; q < BALLOON_QUEUES; q++)
		g->ring[q] = (struct fake_ring){ .desc = q * RING_SPAN,
						 .avail = q * RING_SPAN + 1024,
						 .used = q * RING_SPAN + 2048 };
	g->balloon.features = features;
	g->balloon.inside = huge ? &g->inside : NULL;
	fake_guest_restart(g);
}

void fake_guest_fini(struct fake_guest *g)
{
	guestmem_fini(&g->gm);
	pageset_fini(&g->batch);
	pageset_fini(&g->pending);
	pageset_fini(&g->inside);
	(void)munmap(g->mem, GUEST_RAM);
	(void)close(g->fd);
}

uint64_t fake_guest_buffer(enum balloon_queue q, unsigned int i)
{
	return BUFFERS + (q * GUEST_NUM + i) * BUFFER_SPAN;
}

void fake_guest_desc(struct fake_guest *g, enum balloon_queue q, unsigned int i, uint64_t gpa,
		     uint32_t len, uint16_t flags, uint16_t next)
{
	struct vring_desc *d = (struct vring_desc *)(void *)(g->mem + g->ring[q].desc) + i;

	*d = (struct vring_desc){ .addr = gpa, .len = len, .flags = flags, .next = next };
}

void fake_guest_offer(struct fake_guest *g, enum balloon_queue q, uint16_t head)
{
	struct vring_avail *a = (struct vring_avail *)(void *)(g->mem + g->ring[q].avail);

	a->ring[g->ring[q].avail_idx % GUEST_NUM] = head;
	__atomic_store_n(&a->idx, ++g->ring[q].avail_idx, __ATOMIC_RELEASE);
}

void fake_guest_pfns(struct fake_guest *g, enum balloon_queue q, uint16_t head,
		     const uint32_t *pfns, unsigned int n)
{
	uint64_t at = fake_guest_buffer(q, head);

	memcpy(g->mem + at, pfns, n * sizeof(*pfns));
	fake_guest_desc(g, q, head, GUEST_GPA + at, (uint32_t)(n * sizeof(*pfns)), 0, 0);
	fake_guest_offer(g, q, head);
}

void fake_guest_stats(struct fake_guest *g, uint16_t head, unsigned int n, uint64_t base)
{
	uint64_t at = fake_guest_buffer(BALLOON_STATS, head), value;
	uint16_t tag;

	for (tag = 0; tag < n; tag++) {
		value = base + tag;
		memcpy(g->mem + at + tag * 10, &tag, 2);
		memcpy(g->mem + at + tag * 10 + 2, &value, 8);
	}
	fake_guest_desc(g, BALLOON_STATS, head, GUEST_GPA + at, n * 10, 0, 0);
	fake_guest_offer(g, BALLOON_STATS, head);
}

uint16_t fake_guest_used(const struct fake_guest *g, enum balloon_queue q)
{
	return ((struct vring_used *)(void *)(g->mem + g->ring[q].used))->idx;
}

static uint8_t *page_of(const struct fake_guest *g, uint32_t pfn)
{
	return g->mem + (((uint64_t)pfn << 12) - GUEST_GPA);
}

void fake_guest_touch(struct fake_guest *g, uint32_t pfn, uint32_t n)
{
	memset(page_of(g, pfn), 0xa5, (size_t)n << 12);
}

bool fake_guest_page_is_zero(const struct fake_guest *g, uint32_t pfn)
{
	return page_of(g, pfn)[0] == 0 && page_of(g, pfn)[4095] == 0;
}
