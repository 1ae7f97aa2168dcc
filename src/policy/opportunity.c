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

#include "policy/arbiter.h"
#include "policy/floor.h"
#include "policy/guard.h"
#include "policy/rightsize.h"

#include "base/num.h"

/*
 * Free page reporting had half of 512 MiB back after 2.1 s and 95 % after 4 s
 * (measured on Linux 6.1); what is stale for this long it does not see.
 */
#define REPORTING_TAKES_US (30 * USEC_PER_SEC)

/* What a VM offered this many intervals ago is not counted on. */
#define OFFER_INTERVALS 3
/* and, however seldom it is looked at, what it offered this long ago. */
#define OFFER_MAX_US (60 * USEC_PER_SEC)
/* Of a held balloon's guest, less room than this is not asked for. */
#define MORE_MIN_B (16 * MIB)
/* A balloon that has not begun to move after this is not waited for: others are asked as well. */
#define MOVES_BY_US USEC_PER_SEC

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

static enum reason worth_it(const struct vm_facts *vm, const struct history *h, uint64_t now_us,
			    struct opportunity *opp)
{
	bool left = reporting_serves(vm, h, now_us);
	uint64_t whole_b = opp->expected_b;

	if (left)
		share_out(&opp->est, 0, opp);
	if (h->guest.calm != TRI_YES)
		return h->guest.calm == TRI_NO ? REASON_IN_NEED : REASON_NOT_CALM;
	if (opp->expected_b >= opp->est.need_b)
		return REASON_NONE;
	return left && whole_b >= opp->est.need_b ? REASON_LEFT_TO_REPORTING
						  : REASON_LITTLE_TO_GAIN;
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
	    !fact_fresh(&vm->resident_b, now_us, s->stats_max_age_us) ||
	    !fact_fresh(&vm->actual_b, now_us, s->stats_max_age_us))
		return REASON_STATS_STALE;
	return REASON_NONE;
}

void opportunity_find(const struct settings *s, const struct host_facts *host,
		      const struct vm_facts *vm, const struct history *h, uint64_t now_us,
		      const struct wish *wish, struct opportunity *ret)
{
	uint64_t floor_b = floor_of(s, h, host, now_us, wish->asked_b != 0);
	struct opportunity opp = { .reason = missing(s, vm) };

	*ret = opp;
	if (opp.reason != REASON_NONE)
		return;
	estimate_vm(s, vm, h, now_us, floor_b, &opp.est);
	share_out(&opp.est, opp.est.stale_b, &opp);
	if (wish->asked_b)
		share_out_asked(wish->asked_b, &opp);

	if (opp.est.room_b == 0)
		opp.reason =
			u64_sub_sat(vm->ram_b.value, floor_b) ? REASON_AT_RESERVE : REASON_AT_FLOOR;
	else if (wish->sizing || (opp.est.size_b && is_asked_for(wish)))
		opp.reason = h->guest.calm == TRI_NO ? REASON_IN_NEED : REASON_NONE;
	else
		opp.reason = worth_it(vm, h, now_us, &opp);
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
}

/* May the host count on what this VM has? Old figures are good enough to ask for fresh ones. */
static bool may_offer(const struct settings *s, const struct vm_facts *vm, const struct history *h,
		      uint64_t now_us)
{
	bool released = (h->phase.is == PHASE_RESTING && h->rest.why == REASON_REST_RELEASED) ||
			(h->phase.is == PHASE_VERIFYING && h->now.stop == REASON_STOP_RELEASED);

	return missing(s, vm) == REASON_NONE && s->mode != MODE_OBSERVE && vm->guarded &&
	       h->guest.calm == TRI_YES && !released &&
	       now_us <= u64_add_sat(vm->stats.taken_us,
				     u64_min(OFFER_INTERVALS * s->interval_us, OFFER_MAX_US));
}

/* A right-sized guest offers what it could still do without; how cold that is nobody knows. */
static void offer_sized(const struct settings *s, const struct host_facts *host,
			const struct vm_facts *vm, const struct history *h, uint64_t now_us,
			struct offer *ret)
{
	bool took_back = h->size.next_us > u64_add_sat(now_us, s->size_every_us);
	struct rightsize_room room;

	if (h->guest.calm != TRI_YES || took_back)
		return;
	rightsize_room(s, host, vm, h, now_us, &room);
	ret->cold_b = room.room_b;
	ret->cold_class = arbiter_class(PPM - s->cold_first_ppm, s->shares);
}

/*
 * A guest that would not give what it said to have is not counted on before it
 * has rested: a price that is set by what never comes would keep those from
 * being asked who have it.
 */
static bool would_not_give(const struct history *h)
{
	return reason_is((enum reason)h->rest.stop, REASON_IS_UNWILLING) &&
	       h->phase.is != PHASE_WATCH;
}

static void offer_at_zero(const struct settings *s, const struct host_facts *host,
			  const struct vm_facts *vm, const struct history *h, uint64_t now_us,
			  struct offer *ret)
{
	struct estimate est;

	if (would_not_give(h) || !may_offer(s, vm, h, now_us))
		return;
	if (s->mode == MODE_RIGHTSIZE) {
		offer_sized(s, host, vm, h, now_us, ret);
		return;
	}
	estimate_vm(s, vm, h, now_us, floor_of(s, h, host, now_us, true), &est);
	ret->stale_b = u64_min(est.stale_b, u64_sub_sat(est.room_b, est.free_b - est.stale_b));
	ret->cold_b = u64_min(est.dear_b, u64_sub_sat(est.room_b, est.free_b));
	ret->cold_class = est.cold_class;
}

/*
 * What a guest whose balloon is held has besides. Many drivers count the balloon
 * as memory in use, so what it uses is told by the figures from before that.
 */
static void offer_held(const struct settings *s, const struct host_facts *host,
		       const struct vm_facts *vm, const struct history *h, uint64_t now_us,
		       struct offer *ret)
{
	uint64_t floor_b = floor_of(s, h, host, now_us, true), room_b, free_b;
	struct vm_facts then = *vm;
	struct estimate est;

	ret->held_b = u64_sub_sat(vm->ram_b.value, vm->actual_b.value);
	ret->held_class = h->now.class;
	room_b = u64_min(guard_room(s, vm, now_us), u64_sub_sat(vm->actual_b.value, floor_b));
	if (room_b < MORE_MIN_B || vm->resident_b.taken_us < h->phase.since_us)
		return;
	then.stats = h->guest.start;
	estimate_vm(s, &then, h, now_us, floor_b, &est);
	free_b = vm->stats.tag[BALLOON_STAT_MEMFREE];
	ret->stale_b = u64_min(est.stale_b, u64_min(free_b, room_b));
	ret->cold_b = u64_min(u64_sub_sat(est.dear_b, h->now.cold_b), u64_sub_sat(room_b, free_b));
	ret->cold_class = est.cold_class;
}

/* What is on its way of an inflate, where that moves at all. */
static void offer_coming(const struct vm_facts *vm, const struct history *h, uint64_t now_us,
			 struct offer *ret)
{
	const struct squeeze *sq = &h->now;
	uint64_t balloon_b = u64_sub_sat(vm->ram_b.value, vm->actual_b.value);
	uint64_t freed_b = u64_sub_sat(sq->resident_before_b, vm->resident_b.value);

	if (now_us < u64_add_sat(h->balloon.mark_us, MOVES_BY_US) || balloon_b > h->balloon.mark_b)
		ret->coming_b = u64_sub_sat(u64_add_sat(sq->stale_b, sq->cold_b), freed_b);
}

void opportunity_offer(const struct settings *s, const struct host_facts *host,
		       const struct vm_facts *vm, const struct history *h, uint64_t now_us,
		       struct offer *ret)
{
	*ret = (struct offer){ 0 };
	switch ((enum phase)h->phase.is) {
	case PHASE_INFLATING:
		offer_coming(vm, h, now_us, ret);
		break;
	case PHASE_HOLDING:
		offer_held(s, host, vm, h, now_us, ret);
		break;
	case PHASE_SIZING:
		if (now_us < u64_add_sat(h->phase.since_us, MOVES_BY_US))
			ret->coming_b = u64_sub_sat(vm->actual_b.value, h->balloon.target_b);
		break;
	case PHASE_SIZED:
		offer_sized(s, host, vm, h, now_us, ret);
		break;
	case PHASE_WATCH:
	case PHASE_VERIFYING:
	case PHASE_RESTING:
		offer_at_zero(s, host, vm, h, now_us, ret);
		break;
	default:
		break;
	}
}
