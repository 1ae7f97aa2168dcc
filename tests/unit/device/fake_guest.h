/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_guest.h - the driver's side of the queues, in memory that a test can look at
 *
 * Layer: tests.
 * In:    what a guest would do, good or bad.
 * Out:   rings and buffers in a memfd.
 */
#ifndef BALLONET_TESTS_FAKE_GUEST_H
#define BALLONET_TESTS_FAKE_GUEST_H

#include "device/balloon.h"

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stdint.h>

#define GUEST_RAM (UINT64_C(16) << 20)
#define GUEST_GPA UINT64_C(0x100000)
#define GUEST_USER UINT64_C(0x7f0000000000)
#define GUEST_NUM 8

/* The first MiB holds rings and buffers; pages from here on are for the balloon. */
#define GUEST_FREE_PFN ((uint32_t)((GUEST_GPA + (UINT64_C(1) << 20)) >> 12))

struct fake_ring {
	uint64_t desc, avail, used; /* offsets in the memory */
	uint16_t avail_idx;
};

struct fake_guest {
	int fd; /* the memory */
	uint8_t *mem;
	struct fake_ring ring[BALLOON_QUEUES];

	/* the device */
	struct guestmem gm;
	struct pageset batch, pending, inside;
	struct shared shared;
	struct balloon balloon;
};

/* A guest with all four queues. @huge: see guestmem_add(); pages may wait for each other then. */
void fake_guest_init(struct fake_guest *g, uint64_t features, bool huge);
void fake_guest_fini(struct fake_guest *g);

/* Forgets what a worker knows, as a new one would begin. */
void fake_guest_restart(struct fake_guest *g);

/* Addresses of a ring, as the front end tells them. */
struct virtq_config fake_guest_config(const struct fake_guest *g, enum balloon_queue q);

/* Where in the memory a buffer for descriptor @i of @q can lie; 16 KiB. */
uint64_t fake_guest_buffer(enum balloon_queue q, unsigned int i);

void fake_guest_desc(struct fake_guest *g, enum balloon_queue q, unsigned int i, uint64_t gpa,
		     uint32_t len, uint16_t flags, uint16_t next);

/* Offers the chain that begins at descriptor @head. */
void fake_guest_offer(struct fake_guest *g, enum balloon_queue q, uint16_t head);

/* One buffer with PFNs at descriptor @head, offered. */
void fake_guest_pfns(struct fake_guest *g, enum balloon_queue q, uint16_t head,
		     const uint32_t *pfns, unsigned int n);

/* One buffer with statistics of tags 0 to @n - 1, values @base + tag. */
void fake_guest_stats(struct fake_guest *g, uint16_t head, unsigned int n, uint64_t base);

/* Chains that came back. */
uint16_t fake_guest_used(const struct fake_guest *g, enum balloon_queue q);

/* Writes to a page, so that it is backed; is it still what it was? */
void fake_guest_touch(struct fake_guest *g, uint32_t pfn, uint32_t n);
bool fake_guest_page_is_zero(const struct fake_guest *g, uint32_t pfn);

#endif
