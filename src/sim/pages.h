/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pages.h - the free pages of a model guest, and which of them the host backs
 *
 * Layer: sim.
 * In:    pages that become free, wanted, or reported.
 * Out:   how many of those handed out the host had backed already.
 *
 * Linux hands out first what was freed last. So pages that came out of a
 * balloon, which the host does not back, go into the next balloon before those
 * it does: "inflated" is not "freed".
 */
#ifndef BALLONET_SIM_PAGES_H
#define BALLONET_SIM_PAGES_H

#include <stdint.h>

/* Pages freed in one go are a layer; more than these, and the lowest two become one. */
#define PAGES_LAYERS 6

struct pages {
	struct pages_layer {
		uint64_t size_b;
		uint64_t backed_b; /* spread evenly in it */
	} layer[PAGES_LAYERS];	   /* the last of them is handed out first */
	unsigned int n;
	uint64_t free_b;   /* in all layers */
	uint64_t backed_b; /* in all layers */
};

/* Frees @size_b, of which the host backs @backed_b. */
void pages_free(struct pages *p, uint64_t size_b, uint64_t backed_b);

/* Takes @size_b, no more than there are. Returns how many of them the host backs. */
uint64_t pages_take(struct pages *p, uint64_t size_b);

/* The host lets go of @size_b of those it backs (all, where there are fewer), oldest first. */
void pages_unback(struct pages *p, uint64_t size_b);

#endif
