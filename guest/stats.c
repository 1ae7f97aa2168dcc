// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stats.c - the guest's statistics, one buffer that goes to and fro
 *
 * Layer: guest.
 * In:    the kernel's counters, when the device returns the buffer.
 * Out:   tags 0 to 9, 10 to 15 as well where they are taken, and the mark of this driver
 *        (BALLOON_MARK_*).
 */
#include "stats.h"

#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/virtio_balloon.h>
#include <linux/vm_event_item.h>

#include "available.h"
#include "balloon.h"
#include "device.h"
#include "params.h"

struct stat_entry {
	__virtio16 tag;
	__virtio64 val;
} __packed;

static void stats_put(struct ballonet *b, unsigned int *n, u16 tag, u64 value)
{
	b->stats.entries[*n].tag = cpu_to_virtio16(b->vdev, tag);
	b->stats.entries[*n].val = cpu_to_virtio64(b->vdev, value);
	(*n)++;
}

static u64 stats_mark(struct ballonet *b)
{
	return BALLOON_MARK_BALLONET | (b->relief.on_oom ? BALLOON_MARK_OOM : 0) |
	       (b->relief.on_pressure ? BALLOON_MARK_PRESSURE : 0) |
	       (balloon_held_off(b) ? BALLOON_MARK_HOLDOFF : 0) |
	       (b->reporting.registered ? BALLOON_MARK_REPORTING : 0);
}

static u64 stats_sum_zones(const unsigned long *first)
{
	u64 sum = 0;
	int zone;

	for (zone = 0; zone < MAX_NR_ZONES; zone++)
		sum += first[zone];
	return sum;
}

/* Entries of an enum that has a row for each zone lie side by side, ending with the movable one. */
static u64 stats_alloc_stalls(const unsigned long *events)
{
	return stats_sum_zones(&events[ALLOCSTALL_MOVABLE - ZONE_MOVABLE]);
}

#ifdef COMPAT_HAS_NODE_RECLAIM
static u64 stats_reclaim_count(const unsigned long *events, enum node_stat_item item)
{
	return global_node_page_state(item);
}
#else
static u64 stats_reclaim_count(const unsigned long *events, enum vm_event_item item)
{
	return events[item];
}
#endif

/* Devices that were made before these statistics may keep a buffer with one of them for ever. */
static bool stats_sends_all(void)
{
#ifdef VIRTIO_BALLOON_S_OOM_KILL
	return true; /* as the kernel's own driver */
#else
	return params_all_stats();
#endif
}

static unsigned int stats_fill(struct ballonet *b)
{
	const unsigned long *events = b->stats.events;
	struct sysinfo info;
	unsigned int n = 0;
	long available, flying;

	all_vm_events(b->stats.events);
	si_meminfo(&info);
	available = si_mem_available() - (long)available_counted(b);
	/* What the host does not know to be in the balloon would look like a guest that grows. In
	 * this order a page on its way is seen at least once: as free, as flying, or in the
	 * balloon.
	 */
	flying = atomic_long_read(&b->balloon.flying);
	balloon_write_actual(b);
	info.freeram += flying;
	available += flying;
	stats_put(b, &n, BALLOON_STAT_SWAP_IN, (u64)events[PSWPIN] << PAGE_SHIFT);
	stats_put(b, &n, BALLOON_STAT_SWAP_OUT, (u64)events[PSWPOUT] << PAGE_SHIFT);
	stats_put(b, &n, BALLOON_STAT_MAJFLT, events[PGMAJFAULT]);
	stats_put(b, &n, BALLOON_STAT_MINFLT, events[PGFAULT]);
#ifdef CONFIG_HUGETLB_PAGE
	stats_put(b, &n, BALLOON_STAT_HTLB_PGALLOC, events[HTLB_BUDDY_PGALLOC]);
	stats_put(b, &n, BALLOON_STAT_HTLB_PGFAIL, events[HTLB_BUDDY_PGALLOC_FAIL]);
#endif
	stats_put(b, &n, BALLOON_STAT_MEMFREE, (u64)info.freeram << PAGE_SHIFT);
	stats_put(b, &n, BALLOON_STAT_MEMTOT, ((u64)info.totalram << PAGE_SHIFT) | stats_mark(b));
	stats_put(b, &n, BALLOON_STAT_AVAIL, (u64)max(available, 0L) << PAGE_SHIFT);
	stats_put(b, &n, BALLOON_STAT_CACHES,
		  (u64)global_node_page_state(NR_FILE_PAGES) << PAGE_SHIFT);
	if (!stats_sends_all())
		return n;
	stats_put(b, &n, BALLOON_STAT_OOM_KILL, events[OOM_KILL]);
	stats_put(b, &n, BALLOON_STAT_ALLOC_STALL, stats_alloc_stalls(events));
	stats_put(b, &n, BALLOON_STAT_ASYNC_SCAN, stats_reclaim_count(events, PGSCAN_KSWAPD));
	stats_put(b, &n, BALLOON_STAT_DIRECT_SCAN, stats_reclaim_count(events, PGSCAN_DIRECT));
	stats_put(b, &n, BALLOON_STAT_ASYNC_RECLAIM, stats_reclaim_count(events, PGSTEAL_KSWAPD));
	stats_put(b, &n, BALLOON_STAT_DIRECT_RECLAIM, stats_reclaim_count(events, PGSTEAL_DIRECT));
	return n;
}

static void stats_send(struct ballonet *b)
{
	struct scatterlist sg;

	sg_init_one(&sg, b->stats.entries, stats_fill(b) * sizeof(*b->stats.entries));
	if (!virtqueue_add_outbuf(b->queues[QUEUE_STATS].vq, &sg, 1, b, GFP_KERNEL))
		virtqueue_kick(b->queues[QUEUE_STATS].vq);
	b->counters.stats_sent++;
}

static void stats_work_fn(struct work_struct *work)
{
	struct ballonet *b = container_of(work, struct ballonet, stats.work);
	unsigned int len;

	/* at most one buffer is outstanding, so only one that came back is sent again */
	if (!device_is_gone(b) && b->queues[QUEUE_STATS].vq &&
	    virtqueue_get_buf(b->queues[QUEUE_STATS].vq, &len))
		stats_send(b);
}

int stats_init(struct ballonet *b)
{
	INIT_WORK(&b->stats.work, stats_work_fn);
	b->stats.entries = kcalloc(BALLOON_STAT_COUNT, sizeof(*b->stats.entries), GFP_KERNEL);
	return b->stats.entries ? 0 : -ENOMEM;
}

void stats_fini(struct ballonet *b)
{
	kfree(b->stats.entries);
}

void stats_start(struct ballonet *b)
{
	if (b->queues[QUEUE_STATS].vq)
		stats_send(b);
}
