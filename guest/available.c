// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * available.c - how much of the balloon the guest may count on
 *
 * Layer: guest.
 * In:    pages that enter and leave the balloon, by node.
 * Out:   MemAvailable.
 *
 * Only what pressure frees is counted: before an OOM the kernel would have swapped and dropped all
 * of its cache, and available means without that.
 */
#include "available.h"

/* Ballooned pages could be had without the host. */
static bool available_freeable(struct ballonet *b)
{
	return b->relief.shrinker_registered && READ_ONCE(b->balloon.dir) != INFLATING &&
	       !test_bit(QUEUE_STUCK, &b->queues[QUEUE_DEFLATE].flags);
}

void available_recount(struct ballonet *b)
{
	struct available *a = &b->available;
	int nid;

	if (!b->relief.on_pressure)
		return;
	spin_lock(&b->lock);
	/* also of a node that has gone */
	for_each_node(nid) {
		unsigned long now =
			available_freeable(b) ? atomic_long_read(&a->ballooned[nid]) : 0;
		long change = (long)now - (long)a->counted[nid];

		if (!change)
			continue;
		mod_node_page_state(NODE_DATA(nid), NR_KERNEL_MISC_RECLAIMABLE, change);
		a->counted[nid] = now;
	}
	spin_unlock(&b->lock);
}

unsigned long available_counted(struct ballonet *b)
{
	unsigned long sum = 0;
	int nid;

	for_each_node(nid)
		sum += READ_ONCE(b->available.counted[nid]);
	return sum;
}
