// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * relief.c - giving back: when the guest is out of memory, and when it is short
 *
 * Layer: guest.
 * In:    the OOM notifier chain, the shrinker.
 * Out:   free pages.
 *
 * Two ways, because they are two wishes. Whoever wants a balloon that right-sizes itself wants
 * pressure; whoever presses on page cache wants it to stand firm until somebody would be killed.
 */
#include "relief.h"

#include <linux/oom.h>
#include <linux/swap.h>

#include "available.h"
#include "balloon.h"
#include "device.h"
#include "hint.h"
#include "params.h"
#include "press.h"
#include "trace.h"

/* Small steps make a guest crawl: each call costs a whole failed round of reclaim. */
#define OOM_STEP_PAGES (64 * MIB_PAGES)
#define OOM_STEP_SHARE 8
#define SHRINK_BATCH_PAGES 256 /* one buffer */
#define ECHO HZ		       /* kswapd needs a fraction of it to reach its watermark */

static int relief_on_oom(struct notifier_block *nb, unsigned long unused, void *freed_pages)
{
	struct ballonet *b = container_of(nb, struct ballonet, relief.oom_nb);
	unsigned long want = OOM_STEP_PAGES, n, *freed = freed_pages;

	atomic_inc(
		&b->relief.oom_seq); /* an inflate or a press stops, whatever the balloon holds */
	b->counters.oom_calls++;
	n = hint_release(b) + press_release(b);
	if (atomic_long_read(&b->balloon.size) || atomic_long_read(&b->balloon.flying)) {
		balloon_begin_deflate(b, BY_OOM);
		balloon_settle(b);
		want = max_t(unsigned long, want,
			     atomic_long_read(&b->balloon.size) / OOM_STEP_SHARE);
		n += balloon_leak(b, want);
		balloon_end_deflate(b);
	}
	balloon_hold_off(b);
	queue_work(b->wq, &b->balloon.actual_work);
	b->counters.oom_pages += n;
	trace_ballonet_relief(BY_OOM, want, n);
	*freed += n;
	return NOTIFY_OK;
}

/* What an inflate has set off does not end with it: kswapd, once awake, goes on to its watermark,
 * and would take that from the balloon. Those who reclaim for themselves are in need, and are
 * served.
 */
static bool relief_is_echo(struct ballonet *b)
{
	return current_is_kswapd() &&
	       time_before(jiffies, READ_ONCE(b->balloon.inflate_end) + ECHO);
}

/* Whether the shrinker has nothing to give now, whatever the balloon holds. */
static bool relief_stands_firm(struct ballonet *b)
{
	return device_is_stuck(&b->queues[QUEUE_DEFLATE]) ||
	       READ_ONCE(b->balloon.dir) == INFLATING || relief_is_echo(b);
}

static unsigned long relief_shrink_count(struct shrinker *s, struct shrink_control *sc)
{
	struct ballonet *b = compat_shrinker_owner(s);

	return relief_stands_firm(b) ? 0 : atomic_long_read(&b->balloon.size);
}

static unsigned long relief_shrink_scan(struct shrinker *s, struct shrink_control *sc)
{
	struct ballonet *b = compat_shrinker_owner(s);
	unsigned long n;

	if (relief_stands_firm(b) || !balloon_begin_deflate(b, BY_PRESSURE))
		return SHRINK_STOP;
	n = balloon_leak(b, sc->nr_to_scan);
	balloon_end_deflate(b);
	if (!n)
		return SHRINK_STOP;
	b->counters.pressure_calls++;
	b->counters.pressure_pages += n;
	trace_ballonet_relief(BY_PRESSURE, sc->nr_to_scan, n);
	balloon_hold_off(b);
	queue_work(b->wq, &b->balloon.actual_work);
	return n;
}

int relief_start(struct ballonet *b)
{
	int err;

	if (b->relief.on_oom) {
		b->relief.oom_nb.notifier_call = relief_on_oom;
		err = register_oom_notifier(&b->relief.oom_nb);
		if (err)
			return err;
		b->relief.oom_registered = true;
	}
	if (b->relief.on_pressure) {
		err = compat_shrinker_start(&b->relief.shrinker, b, params_seeks(),
					    SHRINK_BATCH_PAGES, relief_shrink_count,
					    relief_shrink_scan);
		if (err)
			return err;
		b->relief.shrinker_registered = true;
	}
	return 0;
}

void relief_stop(struct ballonet *b)
{
	if (b->relief.oom_registered)
		unregister_oom_notifier(&b->relief.oom_nb);
	b->relief.oom_registered = false;
	if (b->relief.shrinker_registered)
		compat_shrinker_stop(&b->relief.shrinker);
	b->relief.shrinker_registered = false;
	available_recount(b);
}
