// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * watch.c - how much may be taken from the guest, and where it is taken from
 *
 * Layer: guest.
 * In:    what the kernel counts: available memory, swapping, cries for help.
 * Out:   pages, or why there are none.
 *
 * Flags keep our own allocations from swapping or killing, but not those of others whom we leave
 * too little. So what is left is looked at before each buffer is filled, and the page allocator is
 * asked only for what lies above the reserve.
 */
#include "watch.h"

#include "available.h"
#include "device.h"
#include "params.h"

#define EVENTS_EVERY 16 /* looks; adding up the events of all CPUs is too dear for each buffer */

#define GFP_ANYWHERE \
	(__GFP_HIGHMEM | (COMPAT_MIGRATION ? __GFP_MOVABLE : 0) | __GFP_NOWARN | __GFP_NOMEMALLOC)
/* Only what lies about free: no reclaim, nobody woken. */
#define GFP_FREE (GFP_ANYWHERE | __GFP_NORETRY)
/* Reclaims, but may neither write nor enter a file system, which leaves clean cache; gives up
 * before it would kill; leaves kswapd asleep, which would swap.
 */
#define GFP_CLEAN (GFP_ANYWHERE | __GFP_DIRECT_RECLAIM | __GFP_RETRY_MAYFAIL)

/* The same for a block, and gives up at once. Up to PAGE_ALLOC_COSTLY_ORDER the kernel reclaims for
 * a block as it does for a page, so that its slow path is walked once for eight of them.
 */
#define GFP_CLEAN_BLOCK (GFP_ANYWHERE | __GFP_DIRECT_RECLAIM | __GFP_NORETRY)

unsigned long watch_reserve_pages(struct ballonet *b)
{
	unsigned long own = params_reserve_mib(), total = totalram_pages();

	if (b->balloon.managed_shrinks)
		total += atomic_long_read(&b->balloon.size);
	if (own)
		return own * MIB_PAGES;
	return min(max(64 * MIB_PAGES, total / 32), total / 4);
}

static void watch_read_events(struct ballonet *b, unsigned long *ret_swapped,
			      unsigned long *ret_killed)
{
	all_vm_events(b->balloon.events);
	*ret_swapped = b->balloon.events[PSWPOUT];
	*ret_killed = b->balloon.events[OOM_KILL];
}

void watch_start(struct ballonet *b, struct watch *w)
{
	watch_read_events(b, &w->swapped, &w->killed);
	w->cries = atomic_read(&b->relief.cries);
	w->looks = 0;
	w->order = COMPAT_MAX_ORDER;
	w->clean_order = PAGE_ALLOC_COSTLY_ORDER;
}

enum ending watch_look(struct ballonet *b, struct watch *w, unsigned long *want)
{
	long room = si_mem_available() - (long)available_counted(b) - (long)watch_reserve_pages(b);
	unsigned long swapped, killed;

	if (device_is_closed(b))
		return END_STOP;
	if (atomic_read(&b->relief.cries) != w->cries)
		return END_OOM;
	if (room <= 0)
		return END_RESERVE;
	if (++w->looks % EVENTS_EVERY == 0) {
		watch_read_events(b, &swapped, &killed);
		if (killed != w->killed)
			return END_OOM;
		if (swapped != w->swapped)
			return END_SWAP;
	}
	*want = min_t(unsigned long, *want, room);
	return END_DONE;
}

/* A block of at most *@highest that is to be had with @gfp; *@highest falls to what was. */
static struct page *watch_alloc_block(gfp_t gfp, unsigned int *highest, unsigned int max_order,
				      unsigned int *ret_order)
{
	unsigned int order = min(*highest, max_order);
	struct page *page;

	for (; order > 0; order--) {
		page = alloc_pages(gfp, order);
		if (page) {
			*ret_order = order;
			return page;
		}
		*highest = order - 1;
	}
	return NULL;
}

struct page *watch_alloc(struct watch *w, unsigned int max_order, unsigned int *ret_order)
{
	struct page *page = watch_alloc_block(GFP_FREE, &w->order, max_order, ret_order);

	if (!page)
		page = watch_alloc_block(GFP_CLEAN_BLOCK, &w->clean_order, max_order, ret_order);
	if (page)
		return page;
	*ret_order = 0;
	return alloc_page(GFP_CLEAN);
}
