// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * relief.c - giving back: when the guest is out of memory, when it is short, and what it may count
 * on
 *
 * Layer: guest.
 * In:    the OOM notifier chain, the shrinker.
 * Out:   free pages; MemAvailable.
 *
 * Two ways, because they are two wishes. Whoever wants a balloon that right-sizes itself wants
 * pressure; whoever presses on page cache wants it to stand firm until somebody would be killed.
 * Only what pressure frees is counted as available: before an OOM the kernel would have swapped and
 * dropped all of its cache, and available means without that.
 */
#include "ballonet.h"

#include <linux/oom.h>
#include <linux/swap.h>

#include "trace.h"

/* Small steps make a guest crawl: each call costs a whole failed round of reclaim. */
#define OOM_STEP_PAGES (64 * MIB_PAGES)
#define OOM_STEP_SHARE 8
#define SHRINK_BATCH_PAGES 256 /* one buffer */
#define ECHO HZ		       /* kswapd needs a fraction of it to reach its watermark */

static int on_oom(struct notifier_block *nb, unsigned long unused, void *freed_pages)
{
	struct ballonet *b = container_of(nb, struct ballonet, oom_nb);
	unsigned long want = OOM_STEP_PAGES, n, *freed = freed_pages;

	atomic_inc(&b->oom_seq); /* an inflate or a press stops, whatever the balloon holds */
	b->counters.oom_calls++;
	n = hint_release(b) + press_release(b);
	if (atomic_long_read(&b->size) || atomic_long_read(&b->flying)) {
		balloon_begin_deflate(b, BY_OOM);
		balloon_settle(b);
		want = max_t(unsigned long, want, atomic_long_read(&b->size) / OOM_STEP_SHARE);
		n += balloon_leak(b, want);
		balloon_end_deflate(b);
	}
	balloon_hold_off(b);
	queue_work(b->wq, &b->actual_work);
	b->counters.oom_pages += n;
	trace_ballonet_relief(BY_OOM, want, n);
	*freed += n;
	return NOTIFY_OK;
}

/* What an inflate has set off does not end with it: kswapd, once awake, goes on to its watermark,
 * and would take that from the balloon. Those who reclaim for themselves are in need, and are
 * served.
 */
static bool is_echo(struct ballonet *b)
{
	return current_is_kswapd() && time_before(jiffies, READ_ONCE(b->inflate_end) + ECHO);
}

/* Whether the shrinker has nothing to give now, whatever the balloon holds. */
static bool stands_firm(struct ballonet *b)
{
	return READ_ONCE(b->stuck) ||
	       (ballonet_one_direction() && (READ_ONCE(b->dir) == INFLATING || is_echo(b)));
}

static unsigned long shrink_count(struct shrinker *s, struct shrink_control *sc)
{
	struct ballonet *b = compat_shrinker_owner(s);

	return stands_firm(b) ? 0 : atomic_long_read(&b->size);
}

static unsigned long shrink_scan(struct shrinker *s, struct shrink_control *sc)
{
	struct ballonet *b = compat_shrinker_owner(s);
	unsigned long n;

	if (stands_firm(b) || !balloon_begin_deflate(b, BY_PRESSURE))
		return SHRINK_STOP;
	n = balloon_leak(b, sc->nr_to_scan);
	balloon_end_deflate(b);
	if (!n)
		return SHRINK_STOP;
	b->counters.pressure_calls++;
	b->counters.pressure_pages += n;
	if (READ_ONCE(b->dir) == INFLATING)
		b->counters.regained_pages += n;
	trace_ballonet_relief(BY_PRESSURE, sc->nr_to_scan, n);
	if (ballonet_one_direction())
		balloon_hold_off(b);
	queue_work(b->wq, &b->actual_work);
	return n;
}

/* Pages that are ballooned and could be had without the host. */
static bool freeable(struct ballonet *b)
{
	return b->shrinker_registered && READ_ONCE(b->dir) != INFLATING && !READ_ONCE(b->stuck);
}

void relief_recount(struct ballonet *b)
{
	int nid;

	if (!b->on_pressure)
		return;
	spin_lock(&b->count_lock);
	for_each_online_node(nid) {
		unsigned long now = freeable(b) ? atomic_long_read(&b->node_pages[nid]) : 0;
		long change = (long)now - (long)b->node_counted[nid];

		if (!change)
			continue;
		mod_node_page_state(NODE_DATA(nid), NR_KERNEL_MISC_RECLAIMABLE, change);
		b->node_counted[nid] = now;
	}
	spin_unlock(&b->count_lock);
}

unsigned long relief_counted(struct ballonet *b)
{
	unsigned long sum = 0;
	int nid;

	for_each_online_node(nid)
		sum += READ_ONCE(b->node_counted[nid]);
	return sum;
}

int relief_start(struct ballonet *b)
{
	int err;

	if (b->on_oom) {
		b->oom_nb.notifier_call = on_oom;
		err = register_oom_notifier(&b->oom_nb);
		if (err)
			return err;
		b->oom_registered = true;
	}
	if (b->on_pressure) {
		err = compat_shrinker_start(&b->shrinker, b, ballonet_seeks(), SHRINK_BATCH_PAGES,
					    shrink_count, shrink_scan);
		if (err)
			return err;
		b->shrinker_registered = true;
	}
	return 0;
}

void relief_stop(struct ballonet *b)
{
	if (b->oom_registered)
		unregister_oom_notifier(&b->oom_nb);
	b->oom_registered = false;
	if (b->shrinker_registered)
		compat_shrinker_stop(&b->shrinker);
	b->shrinker_registered = false;
	relief_recount(b);
}
