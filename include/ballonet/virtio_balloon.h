/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio_balloon.h - the wire contract of the balloon device that all parts share
 *
 * Layer: include (no dependencies).
 * In:    the virtio specification, device type "Traditional Memory Balloon" (id 5).
 * Out:   statistics tags.
 *
 * Tags 0-9 are sent by every Linux guest, 10-15 by Linux 6.12 and later.
 */
#ifndef BALLONET_VIRTIO_BALLOON_H
#define BALLONET_VIRTIO_BALLOON_H

/* Statistics tags (virtio specification, "Memory Statistics Tags"). Sizes are bytes. */
enum balloon_stat {
	BALLOON_STAT_SWAP_IN = 0,	  /* bytes swapped in since boot */
	BALLOON_STAT_SWAP_OUT = 1,	  /* bytes swapped out since boot */
	BALLOON_STAT_MAJFLT = 2,	  /* major page faults since boot */
	BALLOON_STAT_MINFLT = 3,	  /* minor page faults since boot */
	BALLOON_STAT_MEMFREE = 4,	  /* bytes free */
	BALLOON_STAT_MEMTOT = 5,	  /* bytes the guest manages */
	BALLOON_STAT_AVAIL = 6,		  /* bytes available without swapping */
	BALLOON_STAT_CACHES = 7,	  /* bytes of page cache */
	BALLOON_STAT_HTLB_PGALLOC = 8,	  /* huge page allocations that succeeded */
	BALLOON_STAT_HTLB_PGFAIL = 9,	  /* huge page allocations that failed */
	BALLOON_STAT_OOM_KILL = 10,	  /* OOM kills since boot */
	BALLOON_STAT_ALLOC_STALL = 11,	  /* allocations that entered direct reclaim */
	BALLOON_STAT_ASYNC_SCAN = 12,	  /* pages scanned by kswapd */
	BALLOON_STAT_DIRECT_SCAN = 13,	  /* pages scanned by direct reclaim */
	BALLOON_STAT_ASYNC_RECLAIM = 14,  /* pages reclaimed by kswapd */
	BALLOON_STAT_DIRECT_RECLAIM = 15, /* pages reclaimed by direct reclaim */
	BALLOON_STAT_COUNT = 16,
};

#endif
