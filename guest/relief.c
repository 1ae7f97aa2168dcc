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
#include "watch.h"

/* Small steps make a guest crawl: each call costs a whole failed round of reclaim. */
#define OOM_STEP_PAGES (64 * MIB_PAGES)
#define OOM_STEP_SHARE 8
#define SHRINK_BATCH_PAGES 256 /* one buffer */

static int relief_on_oom(struct notifier_block *nb, unsigned long unused, void *freed_pages)
{
	struct ballonet *b = container_of(nb, struct ballonet, relief.oom_nb);
	unsigned long want = OOM_STEP_PAGES, n, *freed = freed_pages;
	struct balloon *balloon = &b->balloon;

	atomic_inc(&b->relief.cries); /* an inflate or a press stops, whatever the balloon holds */
	b->counters.oom_calls++;
	n = hint_release(b, ULONG_MAX) + press_release(b);
	if (b->relief.on_oom &&
	    (atomic_long_read(&balloon->size) || atomic_long_read(&balloon->flying))) {
		balloon_begin_deflate(b, BY_OOM);
		balloon_settle(b);
		want = max_t(unsigned long, want,
			     atomic_long_read(&balloon->size) / OOM_STEP_SHARE);
		n += balloon_leak(b, want);
		balloon_end_deflate(b);
	}
	balloon_hold_off(b);
	queue_work(b->wq, &balloon->actual_work);
	b->counters.oom_pages += n;
	trace_ballonet_relief(BY_OOM, want, n);
	*freed += n;
	return NOTIFY_OK;
}

/* Whether the guest is short. Reclaim is no sign of it: who reads files is always reclaiming, and
 * what an inflate has woken kswapd for goes on after it. What may be had without the balloon is.
 */
static bool relief_is_due(struct ballonet *b)
{
	return si_mem_available() - (long)available_counted(b) < (long)watch_reserve_pages(b);
}

/* Whether the shrinker has nothing to give now, whatever the balloon holds. */
static bool relief_stands_firm(struct ballonet *b)
{
	return device_is_stuck(&b->queues[QUEUE_DEFLATE]) ||
	       READ_ONCE(b->balloon.dir) == INFLATING || !relief_is_due(b);
}

/* What a press takes makes the kernel reclaim: that is no need, neither its own nor kswapd's. */
static bool relief_spares_presses(struct ballonet *b)
{
	return current_is_kswapd() || READ_ONCE(b->press.taker) == current;
}

/* Pages that wait until the device has seen them. */
static unsigned long relief_in_hand(struct ballonet *b)
{
	return READ_ONCE(b->hint.held) + (relief_spares_presses(b) ? 0 : READ_ONCE(b->press.held));
}

static unsigned long relief_let_go(struct ballonet *b, unsigned long want)
{
	unsigned long n = READ_ONCE(b->hint.held) ? hint_release(b, want) : 0;

	if (n < want && READ_ONCE(b->press.held) && !relief_spares_presses(b))
		n += press_release(b);
	return n;
}

/* What pressure may have of the balloon. */
static unsigned long relief_in_balloon(struct ballonet *b)
{
	if (!b->relief.on_pressure || relief_stands_firm(b))
		return 0;
	return atomic_long_read(&b->balloon.size);
}

static unsigned long relief_shrink_count(struct shrinker *s, struct shrink_control *sc)
{
	struct ballonet *b = compat_shrinker_owner(s);

	return relief_in_hand(b) + relief_in_balloon(b);
}

static unsigned long relief_deflate(struct ballonet *b, unsigned long want)
{
	unsigned long n;

	if (!relief_in_balloon(b) || !balloon_begin_deflate(b, BY_PRESSURE))
		return 0;
	n = balloon_leak(b, want);
	balloon_end_deflate(b);
	if (!n)
		return 0;
	balloon_hold_off(b);
	queue_work(b->wq, &b->balloon.actual_work);
	return n;
}

static unsigned long relief_shrink_scan(struct shrinker *s, struct shrink_control *sc)
{
	struct ballonet *b = compat_shrinker_owner(s);
	unsigned long n;

	n = relief_in_hand(b) ? relief_let_go(b, sc->nr_to_scan)
			      : relief_deflate(b, sc->nr_to_scan);
	if (!n)
		return SHRINK_STOP;
	b->counters.pressure_calls++;
	b->counters.pressure_pages += n;
	trace_ballonet_relief(BY_PRESSURE, sc->nr_to_scan, n);
	return n;
}

/* Registers, whatever was negotiated: pages of a migration or a press are the guest's. */
int relief_start(struct ballonet *b)
{
	int err;

	b->relief.oom_nb.notifier_call = relief_on_oom;
	err = register_oom_notifier(&b->relief.oom_nb);
	if (err)
		return err;
	b->relief.oom_registered = true;
	err = compat_shrinker_start(&b->relief.shrinker, b, params_seeks(), SHRINK_BATCH_PAGES,
				    relief_shrink_count, relief_shrink_scan);
	if (err)
		return err;
	b->relief.shrinker_registered = true;
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
