/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * due.h - a heap of deadlines: who is due next
 *
 * Layer: base.
 * In:    one deadline per entry, which may change at any time.
 * Out:   the earliest of them.
 *
 * A heap, because every request to one of a thousand VMs changes a deadline.
 */
#ifndef BALLONET_BASE_DUE_H
#define BALLONET_BASE_DUE_H

#include <stddef.h>
#include <stdint.h>

#define DUE_NEVER UINT64_MAX

/* Embedded in what is due; at_us is DUE_NEVER while it is in no heap. */
struct due {
	uint64_t at_us;
	size_t slot; /* while it is in a heap */
};

/*
 * Sifting works on two dense arrays, and reads and writes nothing of a thousand
 * owners. Behind the heap's end stand the slots that nobody has.
 */
struct due_heap {
	struct due_entry {
		uint64_t at_us;
		size_t slot;
	} * v;
	struct due_slot {
		size_t index; /* in v */
		struct due *due;
	} * slot;
	size_t n, cap;
};

static inline void due_init(struct due *d)
{
	*d = (struct due){ .at_us = DUE_NEVER };
}

void due_heap_fini(struct due_heap *h);

/* Makes room for @n instants, so that due_set() cannot fail. 0 or -ENOMEM. */
int due_reserve(struct due_heap *h, size_t n);

/* Moves @d to @at_us; DUE_NEVER takes it out. */
void due_set(struct due_heap *h, struct due *d, uint64_t at_us);

/* The earliest, or NULL. */
struct due *due_first(const struct due_heap *h);

#endif
