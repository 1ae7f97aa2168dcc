/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * opportunity.c - is a squeeze of this VM worth it and allowed, now?
 *
 * Layer: policy (pure).
 * In:    the facts of a VM whose balloon is at 0, and what is remembered.
 * Out:   REASON_NONE to begin, or why not, with the figures.
 *
 * Freshness is checked last: old statistics are good enough for "not worth it",
 * and only a VM that looks promising is asked for new ones.
 */
#include "policy/opportunity.h"

#include "policy/cost.h"
#include "policy/floor.h"

#include "base/num.h"

/*
 * Free page reporting had half of 512 MiB back after 2.1 s and 95 % after 4 s
 * (measured on Linux 6.1); what is stale for this long it does not see.
 */
#define REPORTING_TAKES_US (30 * USEC_PER_SEC)

enum reason opportunity_missing(const struct settings *s, const struct vm_facts *vm)
{
	if (s->mode == MODE_OFF)
		return REASON_MODE_OFF;
	if (vm->state == VM_STATE_DOWN)
		return REASON_DISCONNECTED;
	if (vm->state == VM_STATE_PAUSED)
		return REASON_PAUSED;
	if (vm->device != TRI_YES)
		return REASON_NO_DEVICE;
	if (vm->obstacles & OBSTACLE_VFIO)
		return REASON_PINNED_VFIO;
	if (vm->obstacles & OBSTACLE_MLOCK)
		return REASON_PINNED_MLOCK;
	if (!estimate_possible(&vm->stats) || !vm->ram_b.known || !vm->actual_b.known)
		return REASON_NO_DRIVER;
	if (!vm->backed_b.known)
		return REASON_RESIDENT_UNKNOWN;
	if (vm->actual_b.value < vm->ram_b.value)
		return REASON_FOREIGN_BALLOON;
	return REASON_NONE;
}

/* Is stale memory to be left to free page reporting? */
static bool reporting_serves(const struct vm_facts *vm, const struct history *h, uint64_t now_us)
{
	return vm->reporting == TRI_YES &&
	       (!h->guest.stale_since_us ||
		u64_sub_sat(now_us, h->guest.stale_since_us) < REPORTING_TAKES_US);
}

/* Free pages come first: what of the wanted memory a balloon of the estimated size gets. */
static void share_out(const struct estimate *est, uint64_t stale_b, struct opportunity *opp)
{
	uint64_t of_free_b = u64_min(est->size_b, est->free_b);

	opp->stale_b = u64_min(stale_b, of_free_b);
	opp->press_b = u64_min(est->press_b, est->size_b - of_free_b);
	opp->expected_b = u64_add_sat(opp->stale_b,
				      u64_min(est->cold_b, u64_sub_sat(est->room_b, est->free_b)));
}

/*
 * Only what the host asks for: stale memory, and page cache for what is left.
 * Free pages that the host has back already are handed out first, so that a
 * balloon takes those besides.
 */
static void share_out_asked(uint64_t asked_b, struct opportunity *opp)
{
	struct estimate *est = &opp->est;
	uint64_t gone_b = est->free_b - est->stale_b;

	opp->asked = true;
	est->cold_b = est->dear_b;
	est->press_b = u64_min(est->dear_b, u64_sub_sat(asked_b, est->stale_b));
	est->size_b = u64_add_sat(gone_b, u64_min(asked_b, est->stale_b));
	est->size_b = u64_min(u64_add_sat(est->size_b, est->press_b), est->room_b);
	share_out(est, u64_min(asked_b, est->stale_b), opp);
	opp->expected_b = u64_add_sat(opp->stale_b, opp->press_b);
}

/* Does it cost the guest no more than it is worth? */
static enum reason affordable(const struct settings *s, const struct vm_facts *vm,
			      const struct history *h, uint64_t now_us, struct opportunity *opp)
{
	/* a balloon that the reserve keeps small gets what was never backed first, and less else */
	uint64_t beyond_b =
		u64_sub_sat(u64_min(opp->est.size_b, opp->est.free_b), opp->est.unbacked_b);
	uint64_t yield_b = u64_add_sat(u64_min(opp->stale_b, beyond_b), opp->press_b);

	if (yield_b < u64_ppm(opp->est.size_b, s->min_efficiency_ppm))
		return REASON_UNBACKED;
	opp->begin_us = cost_affordable_us(s, vm, h, opp->est.size_b, now_us);
	return opp->begin_us > now_us ? REASON_COST : REASON_NONE;
}

static enum reason worth_it(const struct settings *s, const struct vm_facts *vm,
			    const struct history *h, uint64_t now_us, struct opportunity *opp)
{
	bool left = reporting_serves(vm, h, now_us);
	uint64_t whole_b = opp->expected_b;

	if (left)
		share_out(&opp->est, 0, opp);
	if (h->guest.calm != TRI_YES)
		return h->guest.calm == TRI_NO ? REASON_IN_NEED : REASON_NOT_CALM;
	if (opp->expected_b < opp->est.need_b)
		return left && whole_b >= opp->est.need_b ? REASON_LEFT_TO_REPORTING
							  : REASON_LITTLE_TO_GAIN;
	if (opp->est.over_ceiling)
		return REASON_NONE; /* an operator asks for that */
	if (h->guest.busy == TRI_YES)
		return REASON_BUSY;
	return affordable(s, vm, h, now_us, opp);
}

/* Does anybody want it besides the policy by itself? */
static bool is_asked_for(const struct wish *wish)
{
	return wish->requested || wish->asked_b;
}

/* May one more VM of this host be squeezed? */
static bool has_turn(const struct settings *s, const struct host_facts *host)
{
	uint64_t most = s->max_squeezes ? s->max_squeezes : u64_max(host->cpus / 2, 1);

	return host->squeezing < most;
}

static enum reason allowed(const struct settings *s, const struct host_facts *host,
			   const struct vm_facts *vm, uint64_t now_us, const struct wish *wish)
{
	if (s->mode == MODE_OBSERVE)
		return REASON_MODE_OBSERVE;
	if (!vm->guarded)
		return REASON_NO_GUARDIAN;
	if (!wish->sizing && !is_asked_for(wish) && !has_turn(s, host))
		return REASON_TURN;
	if (now_us > u64_add_sat(vm->stats.taken_us, s->stats_max_age_us) ||
	    !fact_fresh(&vm->backed_b, now_us, s->stats_max_age_us) ||
	    !fact_fresh(&vm->actual_b, now_us, s->stats_max_age_us))
		return REASON_STATS_STALE;
	return REASON_NONE;
}

void opportunity_find(const struct settings *s, const struct host_facts *host,
		      const struct vm_facts *vm, const struct history *h, uint64_t now_us,
		      const struct wish *wish, struct opportunity *ret)
{
	uint64_t floor_b = floor_of(s, h, host, now_us, wish->asked_b != 0);
	struct opportunity opp = { .reason = opportunity_missing(s, vm), .begin_us = now_us };

	*ret = opp;
	if (opp.reason != REASON_NONE)
		return;
	estimate_vm(s, host, vm, h, now_us, floor_b, &opp.est);
	share_out(&opp.est, opp.est.stale_b, &opp);
	if (wish->asked_b)
		share_out_asked(wish->asked_b, &opp);

	if (opp.est.room_b == 0)
		opp.reason =
			u64_sub_sat(vm->ram_b.value, floor_b) ? REASON_AT_RESERVE : REASON_AT_FLOOR;
	else if (wish->sizing || (opp.est.size_b && is_asked_for(wish)))
		opp.reason = h->guest.calm == TRI_NO ? REASON_IN_NEED : REASON_NONE;
	else
		opp.reason = worth_it(s, vm, h, now_us, &opp);
	if (opp.reason == REASON_NONE)
		opp.reason = allowed(s, host, vm, now_us, wish);
	*ret = opp;
}

void opportunity_figures(const struct opportunity *opp, struct figures *ret)
{
	if (opp->est.need_b == 0)
		return; /* there was nothing to estimate from */
	ret->stale_b = opp->est.stale_b;
	ret->cold_b = opp->est.cold_b;
	ret->expected_b = opp->expected_b;
	ret->need_b = opp->est.need_b;
	ret->floor_b = opp->est.floor_b;
	ret->unbacked_b = opp->est.unbacked_b;
	if (opp->reason == REASON_COST)
		ret->until_us = opp->begin_us;
}
