/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * recall.c - what a daemon before this one learned, as far as it still holds
 *
 * Layer: policy (pure).
 * In:    a history as it was kept; facts of now.
 * Out:   a history to go on with.
 *
 * It mirrors forget() of learn.c: what a reset of the guest takes away must not come
 * back by a restart of the daemon.
 */
#include "policy/recall.h"

#include "base/num.h"

#include <string.h>

/* The last statistics that were kept, which are missing while a balloon is out. */
static const struct guest_stats *last_stats(const struct history *kept)
{
	if (kept->guest.base.known && kept->guest.base.taken_us >= kept->guest.start.taken_us)
		return &kept->guest.base;
	return &kept->guest.start;
}

/* Did the same guest run on? Its counters only ever rise, and begin at 0 when it is reset. */
static bool runs_on(const struct history *kept, const struct vm_facts *vm)
{
	static const enum balloon_stat counters[] = { BALLOON_STAT_SWAP_IN, BALLOON_STAT_SWAP_OUT,
						      BALLOON_STAT_MAJFLT, BALLOON_STAT_MINFLT };
	const struct guest_stats *last = last_stats(kept);
	bool compared = false;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(counters); i++) {
		if (!stats_has(last, counters[i]) || !stats_has(&vm->stats, counters[i]))
			continue;
		if (vm->stats.tag[counters[i]] < last->tag[counters[i]])
			return false;
		compared = true;
	}
	return compared;
}

static void recall_guest(const struct settings *s, const struct history *kept, uint64_t now_us,
			 struct history *h)
{
	h->guest.kind = kept->guest.kind;
	h->guest.gives_back = kept->guest.gives_back;
	h->guest.overhead_b = kept->guest.overhead_b;
	h->guest.total_b = kept->guest.total_b;
	h->cost = kept->cost;
	h->cache = kept->cache;
	h->cache.cold_ppm = u64_min(kept->cache.cold_ppm, PPM);
	h->need.watched_us = kept->need.watched_us;
	h->need.peak_us = kept->need.peak_us;
	h->need.peak_b = kept->need.peak_b;
	h->need.peak_last_b = kept->need.peak_last_b;
	h->size.settled_b = kept->size.settled_b;
	h->size.settle_us = kept->size.settle_us;
	h->size.next_us = u64_min(kept->size.next_us, u64_add_sat(now_us, s->rest_max_us));
	if (h->phase.is != PHASE_WATCH)
		return; /* a balloon that was left is being brought down, and rests by itself */
	h->rest = kept->rest;
	h->rest.until_us = u64_min(kept->rest.until_us, u64_add_sat(now_us, s->rest_max_us));
	if (kept->phase.is == PHASE_RESTING || kept->phase.is == PHASE_GAVE_UP) {
		h->phase.is = kept->phase.is;
		h->phase.since_us = kept->phase.since_us;
	}
}

void recall_vm(const struct settings *s, const struct recall *from, const struct vm_facts *vm,
	       uint64_t now_us, struct history *h)
{
	const struct history *kept = from->kept;
	uint64_t age_us;

	h->guest.boots = vm->boots;
	h->total = kept->total;
	h->cost.price_us = kept->cost.price_us;
	h->cost.total_us = kept->cost.total_us;
	h->need.habit = kept->need.habit;
	h->need.habit.since_us = 0; /* the hour in which nobody watched to its end tells little */
	h->need.scare_b = kept->need.scare_b;
	age_us = u64_add_sat(u64_sub_sat(from->kept_us, kept->need.scare_us), from->ago_us);
	if (kept->need.scare_us) /* by a clock that began at 0 it may have been before that */
		h->need.scare_us = u64_max(u64_sub_sat(now_us, age_us), 1);
	if (from->same && runs_on(kept, vm))
		recall_guest(s, kept, now_us, h);
}

void recall_host(const struct host_history *kept, struct host_history *h)
{
	memcpy(h->shares, kept->shares, sizeof(h->shares));
	memcpy(h->rates, kept->rates, sizeof(h->rates));
}
