/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio_balloon.h - the wire contract of the balloon device that all parts share
 *
 * Layer: include (no dependencies).
 * In:    the virtio specification, device type "Traditional Memory Balloon" (id 5).
 * Out:   statistics tags, feature bits, the layout of the configuration space.
 *
 * Preprocessor and enums alone, so that the guest driver includes it as well.
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

/*
 * How a guest says which driver it runs, past a hypervisor that hands on only statistics it knows:
 * Linux' own driver sends BALLOON_STAT_MEMTOT in whole pages, so the low 12 bits are always 0.
 * ballonet.ko puts its mark there, and what its balloon does under need. Whoever shows the figure
 * shows less than a page too much; whoever knows the mark masks it away.
 */
enum balloon_mark {
	BALLOON_MARK_MASK = 0xfff,	/* the bits of MEMTOT that are not the size */
	BALLOON_MARK_KIND = 0xff0,	/* of these, the bits that say which driver */
	BALLOON_MARK_BALLONET = 0xba0,	/* in these bits: ballonet.ko */
	BALLOON_MARK_OOM = 0x001,	/* gives pages back when the guest is out of memory */
	BALLOON_MARK_PRESSURE = 0x002,	/* gives pages back under pressure, before that */
	BALLOON_MARK_HOLDOFF = 0x004,	/* has given back and will not inflate for a while */
	BALLOON_MARK_REPORTING = 0x008, /* reports free pages */
};

/* Feature bits. 0-5 are the specification's; 50 and up are ours, in the range for device types. */
enum balloon_feature {
	BALLOON_F_MUST_TELL_HOST = 0,
	BALLOON_F_STATS_VQ = 1,
	BALLOON_F_DEFLATE_ON_OOM = 2,
	BALLOON_F_FREE_PAGE_HINT = 3,
	BALLOON_F_PAGE_POISON = 4,
	BALLOON_F_REPORTING = 5,
	BALLOON_F_DEFLATE_ON_PRESSURE = 50, /* the guest may take pages back under pressure */
	BALLOON_F_PRESS = 51,	    /* the fields press_* of the configuration space are there */
	BALLOON_F_BIG_BUFFERS = 52, /* a buffer of the inflate or deflate queue may hold up to
				     * BALLOON_BIG_BUFFER_PFNS, not 256 */
};

#define BALLOON_PFN_SHIFT 12	     /* a PFN counts 4096 bytes, whatever the guest's page is */
#define BALLOON_BUFFER_PFNS 256	     /* as Linux has always sent; some devices take no more */
#define BALLOON_BIG_BUFFER_PFNS 4096 /* 16 KiB of PFNs: 16 MiB of memory in one buffer */

/* Offsets in the configuration space; every field is 32 bits, little-endian, even on legacy. */
enum balloon_config {
	BALLOON_CONFIG_NUM_PAGES = 0,	/* device: how many pages it wants in the balloon */
	BALLOON_CONFIG_ACTUAL = 4,	/* driver: how many there are */
	BALLOON_CONFIG_HINT_CMD_ID = 8, /* device, with FREE_PAGE_HINT */
	BALLOON_CONFIG_POISON_VAL = 12, /* driver, with PAGE_POISON */
	/*
	 * With PRESS: the device writes press_pages, then a new press_seq. The driver reports
	 * what is free where it lies; what is missing it allocates, no further than its reserve,
	 * sends it as scatter-gather on the reporting queue, and frees it when it is acknowledged.
	 * Then it writes pressed_pages, then pressed_seq = press_seq. So the host gets what an
	 * inflate and deflate would give it.
	 */
	BALLOON_CONFIG_PRESS_SEQ = 16,
	BALLOON_CONFIG_PRESS_PAGES = 20,
	BALLOON_CONFIG_PRESSED_SEQ = 24,
	BALLOON_CONFIG_PRESSED_PAGES = 28,
	BALLOON_CONFIG_SIZE = 32,
};

/* Values of the field at BALLOON_CONFIG_HINT_CMD_ID; all others start a round of hints. */
#define BALLOON_HINT_STOP 0
#define BALLOON_HINT_DONE 1

#endif
