/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * due.c - a heap of deadlines: who is due next
 *
 * Layer: base.
 * In:    one deadline per entry, which may change at any time.
 * Out:   the earliest of them.
 *
 * A new deadline is nearly always later than all others and is soon removed. So
 * it is appended, and taken off the end again, without any sifting.
 */
#include "base/due.h"

#include <errno.h>
#include <stdlib.h>

void due_heap_fini(struct due_heap *h)
{
	free(h->v);
	free(h->slot);
	*h = (struct due_heap){ 0 };
}

int due_reserve(struct due_heap *h, size_t n)
{
	struct due_entry *v;
	struct due_slot *slot;

	if (n <= h->cap)
		return 0;
	n += n / 2 + 8;
	v = reallocarray(h->v, n, sizeof(*v));
	if (!v)
		return -ENOMEM;
	h->v = v;
	slot = reallocarray(h->slot, n, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	h->slot = slot;
	for (; h->cap < n; h->cap++)
		h->v[h->cap].slot = h->cap;
	return 0;
}

static void put(struct due_heap *h, size_t i, struct due_entry e)
{
	h->v[i] = e;
	h->slot[e.slot].index = i;
}

static void sift_up(struct due_heap *h, size_t i, struct due_entry e)
{
	while (i && h->v[(i - 1) / 2].at_us > e.at_us) {
		put(h, i, h->v[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put(h, i, e);
}

static void sift_down(struct due_heap *h, size_t i, struct due_entry e)
{
	size_t child;

	while ((child = 2 * i + 1) < h->n) {
		if (child + 1 < h->n && h->v[child + 1].at_us < h->v[child].at_us)
			child++;
		if (h->v[child].at_us >= e.at_us)
			break;
		put(h, i, h->v[child]);
		i = child;
	}
	put(h, i, e);
}

/* Finds the place of @e, which may stand anywhere from @i. */
static void settle(struct due_heap *h, size_t i, struct due_entry e)
{
	if (i && h->v[(i - 1) / 2].at_us > e.at_us)
		sift_up(h, i, e);
	else
		sift_down(h, i, e);
}

static void insert(struct due_heap *h, struct due *d)
{
	struct due_entry e = { .at_us = d->at_us, .slot = h->v[h->n].slot };

	d->slot = e.slot;
	h->slot[e.slot].due = d;
	sift_up(h, h->n++, e);
}

static void take_out(struct due_heap *h, const struct due *d)
{
	size_t i = h->slot[d->slot].index;
	struct due_entry last = h->v[--h->n];

	h->v[h->n].slot = d->slot;
	if (i != h->n)
		settle(h, i, last);
}

void due_set(struct due_heap *h, struct due *d, uint64_t at_us)
{
	uint64_t before_us = d->at_us;

	if (at_us == before_us)
		return;
	d->at_us = at_us;
	if (before_us == DUE_NEVER)
		insert(h, d);
	else if (at_us == DUE_NEVER)
		take_out(h, d);
	else
		settle(h, h->slot[d->slot].index,
		       (struct due_entry){ .at_us = at_us, .slot = d->slot });
}

struct due *due_first(const struct due_heap *h)
{
	return h->n ? h->slot[h->v[0].slot].due : NULL;
}
