/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * opportunity.c - is a squeeze of this VM worth it and allowed, now?
 *
 * Layer: policy (pure).
 * In:    the facts of a VM whose balloon is at 0, and what is remembered.
 * Out:   REASON_NONE to begin, or why not, with the figures.
 *
 * Freshness is asked last: old statistics are good enough to say "not worth
 * it", and only a VM that looks promising is disturbed for new ones.
 */
#include "policy/opportunity.h"

#include "base/num.h"

/*
 * Free page reporting had half of 512 MiB back after 2.1 s and 95 % after 4 s
 * (measured on Linux 6.1); what is stale for this long it does not see.
 */
#define REPORTING_TAKES_US (30 * USEC_PER_SEC)

/* What must be there before anything can be estimated. */
static enum reason missing(const struct settings *s, const struct vm_facts *vm)
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
	if (!vm->resident_b.known)
		return REASON_RESIDENT_UNKNOWN;
	if (vm->actual_b.value < vm->ram_b.value)
		return REASON_FOREIGN_BALLOON;
	return REASON_NONE;
}

/* Is stale memory to be left to free page reporting? */
static bool reporting_serves(const struct vm_facts *vm, const struct history *h, uint64_t now_us)
{
	return vm->reporting == TRI_YES &&
	       (!h->stale_since_us || u64_sub_sat(now_us, h->stale_since_us) < REPORTING_TAKES_US);
}

/* Of stale and cold memory, what a balloon of the estimated size gets: free pages come first. */
static uint64_t expected(const struct estimate *est, uint64_t stale_b)
{
	uint64_t of_free = u64_min(est->size_b, est->free_b);

	return u64_add_sat(u64_min(stale_b, of_free), u64_min(est->cold_b, est->size_b - of_free));
}

static enum reason worth_it(const struct vm_facts *vm, const struct history *h, uint64_t now_us,
			    struct opportunity *opp)
{
	bool left = reporting_serves(vm, h, now_us);
	uint64_t whole = opp->expected_b;

	if (left)
		opp->expected_b = expected(&opp->est, 0);
	if (h->calm != TRI_YES)
		return h->calm == TRI_NO ? REASON_IN_NEED : REASON_NOT_JUDGED;
	if (opp->expected_b >= opp->need_b)
		return REASON_NONE;
	return left && whole >= opp->need_b ? REASON_LEFT_TO_REPORTING : REASON_LITTLE_TO_GAIN;
}

void opportunity_find(const struct settings *s, const struct vm_facts *vm, const struct history *h,
		      uint64_t now_us, bool requested, struct opportunity *ret)
{
	struct opportunity opp = { .reason = missing(s, vm) };

	*ret = opp;
	if (opp.reason != REASON_NONE)
		return;
	estimate_vm(s, vm, h, &opp.est);
	opp.expected_b = expected(&opp.est, opp.est.stale_b);
	opp.need_b = u64_max(s->min_yield_b, u64_ppm(vm->resident_b.value, s->min_yield_ppm));

	if (opp.est.size_b == 0)
		opp.reason = REASON_AT_RESERVE;
	else if (requested)
		opp.reason = h->calm == TRI_NO ? REASON_IN_NEED : REASON_NONE;
	else
		opp.reason = worth_it(vm, h, now_us, &opp);

	if (opp.reason == REASON_NONE &&
	    (now_us > u64_add_sat(vm->stats.taken_us, s->stats_max_age_us) ||
	     !fact_fresh(&vm->resident_b, now_us, s->stats_max_age_us) ||
	     !fact_fresh(&vm->actual_b, now_us, s->stats_max_age_us)))
		opp.reason = REASON_STATS_STALE;
	if (opp.reason == REASON_NONE && s->mode == MODE_OBSERVE)
		opp.reason = REASON_MODE_OBSERVE;
	*ret = opp;
}
