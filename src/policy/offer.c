/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * offer.c - what a VM adds to the sums of its host
 *
 * Layer: policy (pure).
 * In:    the facts of a VM, and what is remembered of it.
 * Out:   what it offers, what is on its way, and what it holds.
 *
 * Only a calm guest offers anything. A price that counts on memory which never
 * comes would keep those VMs from being asked that have some.
 */
#include "policy/offer.h"

#include "policy/arbiter.h"
#include "policy/estimate.h"
#include "policy/floor.h"
#include "policy/guard.h"
#include "policy/opportunity.h"
#include "policy/rightsize.h"

#include "base/num.h"

/* What a VM offered this many intervals ago is not counted on. */
#define OFFER_INTERVALS 3
/* and, however seldom it is looked at, what it offered this long ago. */
#define OFFER_MAX_US (60 * USEC_PER_SEC)
/* Of a held balloon's guest, less room than this is not asked for. */
#define MORE_MIN_B (16 * MIB)
/* A balloon that has not begun to move after this is not waited for: others are asked as well. */
#define MOVES_BY_US USEC_PER_SEC

/* May the host count on what this VM has? Old figures are good enough to ask for fresh ones. */
static bool may_offer(const struct settings *s, const struct vm_facts *vm, const struct history *h,
		      uint64_t now_us)
{
	bool released = (h->phase.is == PHASE_RESTING && h->rest.why == REASON_REST_RELEASED) ||
			(h->phase.is == PHASE_VERIFYING && h->now.stop == REASON_STOP_RELEASED);

	return opportunity_missing(s, vm) == REASON_NONE && s->mode != MODE_OBSERVE &&
	       vm->guarded && h->guest.calm == TRI_YES && !released &&
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
	estimate_vm(s, host, vm, h, now_us, floor_of(s, h, host, now_us, true), &est);
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
	if (room_b < MORE_MIN_B || vm->backed_b.taken_us < h->phase.since_us)
		return;
	then.stats = h->guest.start;
	then.actual_b = then.ram_b;
	estimate_vm(s, host, &then, h, now_us, floor_b, &est);
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
	uint64_t freed_b = u64_sub_sat(sq->backed_before_b, vm->backed_b.value);

	if (now_us < u64_add_sat(h->balloon.mark_us, MOVES_BY_US) || balloon_b > h->balloon.mark_b)
		ret->coming_b = u64_sub_sat(u64_add_sat(sq->stale_b, sq->cold_b), freed_b);
}

void offer_find(const struct settings *s, const struct host_facts *host, const struct vm_facts *vm,
		const struct history *h, uint64_t now_us, struct offer *ret)
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
