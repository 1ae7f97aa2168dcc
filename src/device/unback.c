/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unback.c - gives host memory back, in the largest possible pieces
 *
 * Layer: device.
 * In:    sorted runs of pages.
 * Out:   fallocate() calls.
 *
 * With a virtual CPU running, every call costs 20 us of TLB shootdown, however
 * much it frees. So the number of calls is what counts. MADV_DONTNEED frees
 * private memory only, nothing of a shared mapping.
 */
#include "device/unback.h"

#include "base/num.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>

static void punch(const struct guestmem_region *r, uint64_t page, uint64_t n,
		  struct unback_counts *counts)
{
	uint64_t at = (page - r->first) * GUESTMEM_PAGE, end = at + n * GUESTMEM_PAGE, len;
	int err;

	for (; at < end; at += len) {
		/* pieces end at multiples, so that none cuts through a huge page */
		len = u64_min(end - at, UNBACK_PIECE - (r->offset + at) % UNBACK_PIECE);
		if (r->fd < 0)
			err = madvise(r->map + at, len, MADV_DONTNEED);
		else
			err = fallocate(r->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					(off_t)(r->offset + at), (off_t)len);
		counts->punches++;
		counts->errors += err < 0;
		counts->punched_b += err < 0 ? 0 : len;
	}
}

/* [@page, @page + @n) lies within one huge page and is not all of it. */
static void give_part(const struct guestmem_region *r, uint64_t page, uint64_t n,
		      struct unback_counts *counts)
{
	if (n == 0)
		return;
	if (r->must) {
		counts->kept_b += n * GUESTMEM_PAGE;
		return;
	}
	counts->splits++;
	punch(r, page, n, counts);
}

/* No page can wait: whole huge pages go whole, the two ends in part. */
static void give_now(const struct guestmem_region *r, uint64_t page, uint64_t n,
		     struct unback_counts *counts)
{
	uint64_t unit = r->unit, end = page + n;
	uint64_t from = (page + unit - 1) / unit * unit, to = end / unit * unit;

	if (from >= to) {
		if (from < end && from > page) { /* the parts of two */
			give_part(r, page, from - page, counts);
			give_part(r, from, end - from, counts);
		} else {
			give_part(r, page, n, counts);
		}
		return;
	}
	give_part(r, page, from - page, counts);
	punch(r, from, to - from, counts);
	give_part(r, to, end - to, counts);
}

/* The pages join the balloon; huge pages that are all in it now are punched out. */
static void give_when_whole(const struct guestmem_region *r, uint64_t page, uint64_t n,
			    struct pageset *inside, struct unback_counts *counts)
{
	uint64_t unit = r->unit, last = r->first + r->size / GUESTMEM_PAGE;
	uint64_t from = page / unit * unit, to, end = page + n;

	pageset_add(inside, page, n);
	for (; from < end; from = to + unit) {
		to = from;
		while (to < end && to + unit <= last && to >= r->first &&
		       pageset_has(inside, to, unit))
			to += unit;
		if (to > from)
			punch(r, from, to - from, counts);
	}
}

static void give(const struct guestmem_region *r, uint64_t page, uint64_t n, struct pageset *inside,
		 struct unback_counts *counts)
{
	counts->given_b += n * GUESTMEM_PAGE;
	if (r->unit == 1)
		punch(r, page, n, counts);
	else if (inside)
		give_when_whole(r, page, n, inside, counts);
	else
		give_now(r, page, n, counts);
}

void unback_batch(const struct guestmem *gm, struct pageset *batch, struct pageset *inside,
		  struct unback_counts *counts)
{
	uint64_t first = 0, n = 0, from = 0, before = guestmem_resident_b(gm);

	for (; pageset_next(batch, from, &first, &n); from = first + n) {
		const struct guestmem_region *r = guestmem_of_page(gm, first);

		if (r) /* always: numbers come from guestmem_pages() */
			give(r, first, n, inside, counts);
		pageset_remove(batch, first, n);
	}
	counts->freed_b += u64_sub_sat(before, guestmem_resident_b(gm));
}
