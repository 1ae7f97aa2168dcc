/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * watch.h - how much may be taken from the guest, and where it is taken from
 *
 * Layer: guest.
 * In:    what the kernel counts: available memory, swapping, cries for help.
 * Out:   pages, or why there are none.
 */
#ifndef BALLONET_WATCH_H
#define BALLONET_WATCH_H

#include "ballonet.h"

struct watch {
	unsigned long swapped, killed; /* the kernel's counts at the start */
	int cries;
	unsigned int looks;
	unsigned int order;	  /* larger free blocks than these were not to be had, */
	unsigned int clean_order; /* and no larger ones by reclaim */
};

/* Pages that an inflate or a press leaves available. */
unsigned long watch_reserve_pages(struct ballonet *b);
/* Under op_lock. */
void watch_start(struct ballonet *b, struct watch *w);
/* END_DONE if pages may be taken, and lowers *want to how many; else why not. Under op_lock. */
enum ending watch_look(struct ballonet *b, struct watch *w, unsigned long *want);
/* A free block of at most @max_order, the larger the better; when there is none, a page of clean
 * cache. NULL when there is none either.
 */
struct page *watch_alloc(struct watch *w, unsigned int max_order, unsigned int *ret_order);

#endif
