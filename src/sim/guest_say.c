/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_say.c - the statistics that a model guest sends, honest or not
 *
 * Layer: sim.
 * In:    the guest's memory, its driver, its candour.
 * Out:   figures as a guest sends them.
 */
#include "sim/guest.h"

#include "base/num.h"

static void say_honestly(const struct guest *g, struct guest_stats *ret)
{
	uint64_t *tag = ret->tag;
	/* only with DEFLATE_ON_OOM does the guest go on to count its balloon as memory it has */
	bool counts = g->spec.driver == DRIVER_NOTIFIER || g->spec.driver == DRIVER_SHRINKER ||
		      g->spec.driver == DRIVER_BALLONET;

	ret->known = g->spec.new_stats ? 0xffff : 0x3ff;
	tag[BALLOON_STAT_SWAP_IN] = g->harm.swap_in_b;
	tag[BALLOON_STAT_SWAP_OUT] = g->harm.swap_out_b;
	tag[BALLOON_STAT_MAJFLT] = g->harm.major_faults;
	tag[BALLOON_STAT_MINFLT] = g->minor_faults;
	tag[BALLOON_STAT_MEMFREE] = u64_sub_sat(g->free.free_b, g->hidden_b);
	tag[BALLOON_STAT_MEMTOT] = g->spec.managed_b - (counts ? 0 : g->balloon_b);
	tag[BALLOON_STAT_AVAIL] = guest_available(g);
	tag[BALLOON_STAT_CACHES] = guest_cache(g);
	tag[BALLOON_STAT_OOM_KILL] = g->harm.oom_kills;
	tag[BALLOON_STAT_ALLOC_STALL] = g->stalls;
	if (g->spec.driver == DRIVER_BALLONET)
		tag[BALLOON_STAT_MEMTOT] |= BALLOON_MARK_BALLONET | BALLOON_MARK_OOM |
					    BALLOON_MARK_PRESSURE |
					    (g->spec.reporting ? BALLOON_MARK_REPORTING : 0);
}

void guest_say(struct guest *g, uint64_t noise, struct guest_stats *ret)
{
	uint64_t taken_us = ret->taken_us;
	int i;

	if (g->spec.driver == DRIVER_NONE)
		return;
	if (g->spec.candour == GUEST_SILENT && ret->known && noise % 4 == 0)
		return;
	if (g->spec.candour == GUEST_FROZEN && g->frozen.known) {
		*ret = g->frozen;
		ret->taken_us = g->now_us;
		return;
	}
	*ret = (struct guest_stats){ .taken_us = g->now_us };
	say_honestly(g, ret);
	if (g->spec.candour == GUEST_FROZEN)
		g->frozen = *ret;
	if (g->spec.candour == GUEST_FLATTERS) {
		ret->tag[BALLOON_STAT_AVAIL] = g->spec.managed_b;
		ret->tag[BALLOON_STAT_MEMFREE] = g->spec.managed_b - g->spec.managed_b / 8;
	}
	if (g->spec.candour != GUEST_BABBLES)
		return;
	for (i = 0; i < BALLOON_STAT_COUNT; i++)
		ret->tag[i] = noise >> i * 3 % 40;
	ret->known = (uint32_t)(noise >> 20) & 0xffff;
	ret->taken_us = noise % 8 ? g->now_us : taken_us;
}
