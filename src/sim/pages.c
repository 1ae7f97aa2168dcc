/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pages.c - the free pages of a model guest, and which of them the host backs
 *
 * Layer: sim.
 * In:    pages that become free, wanted, or reported.
 * Out:   how many of those handed out the host had backed already.
 *
 * A few layers are enough: memory that was freed long ago is a mixture anyway.
 */
#include "sim/pages.h"

#include "base/num.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* @part of @whole, of @size: no product of sizes fits into 64 bits, but of pages it does. */
static uint64_t in_proportion(uint64_t part, uint64_t whole, uint64_t size)
{
	if (size >= whole)
		return part;
	return (part >> 12) * (size >> 12) / (whole >> 12) << 12;
}

/* Is there a layer on top that these pages make no other one beside: all backed, or none? */
static bool joins(const struct pages *p, uint64_t size_b, uint64_t backed_b)
{
	const struct pages_layer *top = p->n ? &p->layer[p->n - 1] : NULL;

	return top && ((top->backed_b == 0 && backed_b == 0) ||
		       (top->backed_b == top->size_b && backed_b == size_b));
}

void pages_free(struct pages *p, uint64_t size_b, uint64_t backed_b)
{
	if (size_b == 0)
		return;
	if (joins(p, size_b, backed_b)) {
		p->layer[p->n - 1].size_b += size_b;
		p->layer[p->n - 1].backed_b += backed_b;
		p->free_b += size_b;
		p->backed_b += backed_b;
		return;
	}
	p->free_b += size_b;
	p->backed_b += backed_b;
	if (p->n == PAGES_LAYERS) {
		p->layer[1].size_b += p->layer[0].size_b;
		p->layer[1].backed_b += p->layer[0].backed_b;
		memmove(&p->layer[0], &p->layer[1], (PAGES_LAYERS - 1) * sizeof(p->layer[0]));
		p->n--;
	}
	p->layer[p->n++] = (struct pages_layer){ size_b, backed_b };
}

uint64_t pages_take(struct pages *p, uint64_t size_b)
{
	uint64_t left_b = size_b, backed_b = 0;

	while (left_b && p->n) {
		struct pages_layer *top = &p->layer[p->n - 1];
		uint64_t part_b = u64_min(left_b, top->size_b);
		uint64_t of_it_b = in_proportion(top->backed_b, top->size_b, part_b);

		/* rounding must not leave more backed than there is */
		of_it_b = u64_max(of_it_b, u64_sub_sat(top->backed_b, top->size_b - part_b));
		top->size_b -= part_b;
		top->backed_b -= of_it_b;
		backed_b += of_it_b;
		left_b -= part_b;
		if (top->size_b == 0)
			p->n--;
	}
	p->free_b -= size_b - left_b;
	p->backed_b -= backed_b;
	return backed_b;
}

void pages_unback(struct pages *p, uint64_t size_b)
{
	unsigned int i;

	for (i = 0; i < p->n && size_b; i++) {
		uint64_t part_b = u64_min(size_b, p->layer[i].backed_b);

		p->layer[i].backed_b -= part_b;
		p->backed_b -= part_b;
		size_b -= part_b;
	}
}
