/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pageset.h - a set of page numbers that is read back as sorted, maximal runs
 *
 * Layer: device.
 * In:    page numbers in any order, any number of times.
 * Out:   runs, ascending.
 *
 * A bitmap with summaries above it: adding is a few stores, and an empty
 * gigabyte is skipped with one look. The memory is shared with children and
 * takes no room where nothing was added. A process that is killed during a call
 * leaves a usable set: a summary may say "maybe" of an empty word, but never
 * "none" of a used one.
 */
#ifndef BALLONET_DEVICE_PAGESET_H
#define BALLONET_DEVICE_PAGESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGESET_LEVELS 5 /* 64^5 pages are 4 TiB */
#define PAGESET_MAX (UINT64_C(1) << 30)

struct pageset {
	uint64_t size; /* numbers are below */
	uint64_t *
		level[PAGESET_LEVELS]; /* [0] has a bit per page, each further one a bit per word */
	size_t bytes;		       /* mapped */
};

/* An empty set of numbers below @size (<= PAGESET_MAX). 0, -EINVAL or -errno. */
int pageset_init(struct pageset *ps, uint64_t size);
void pageset_fini(struct pageset *ps);

/* Empties it and gives its memory back. */
void pageset_clear(struct pageset *ps);

/* [@first, @first + @n) must be below the size. */
void pageset_add(struct pageset *ps, uint64_t first, uint64_t n);
void pageset_remove(struct pageset *ps, uint64_t first, uint64_t n);

/* Are all of [@first, @first + @n) in the set? */
bool pageset_has(const struct pageset *ps, uint64_t first, uint64_t n);

/* The first maximal run that begins at or after @from. false: there is none. */
bool pageset_next(const struct pageset *ps, uint64_t from, uint64_t *ret_first, uint64_t *ret_n);

#endif
