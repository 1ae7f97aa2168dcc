/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine.c - the state machine of one VM: which phase it is in, and who steps there
 *
 * Layer: policy (pure).
 * In:    facts of one VM and of the host, settings, what is remembered.
 * Out:   one decision.
 *
 * What is legal in each phase:
 *   watch      the balloon is at 0 and no target of ours is out. May begin to
 *              inflate or to size; may deflate a foreign balloon when an
 *              operator asks.
 *   inflating  (squeeze.c) targets only fall, each within the reserve by fresh
 *              facts. Leaves to deflating, for any of the stops; or to holding,
 *              where the host is short and the guest is well.
 *   holding    (squeeze.c) no target but the one that holds. Leaves to
 *              deflating; or to inflating again, where the host asks for more.
 *   deflating  (step.c) the target is all memory, and nothing else is ever
 *              asked for. Leaves when the guest says that the balloon is at 0:
 *              to verifying after a squeeze, else to resting or watch.
 *   verifying  (verify.c) the balloon is at 0; footprints are measured. Leaves
 *              to resting, to gave-up, or to inflating where there is much new
 *              to win.
 *   sizing     (rightsize.c) one target is out, a step below what the guest
 *              had. Leaves to sized when the guest has followed, will not, or
 *              takes back; to deflating for any of the stops.
 *   sized      (rightsize.c) the balloon is left where it is, or follows what
 *              the guest took back. Leaves to sizing, or to deflating.
 *   resting    as watch, but nothing begins until the rest is over, an operator
 *              asks, or a short host does; or there is much new to win.
 *   gave-up    as resting, without an end but an operator or a reset.
 */
#include "policy/machine.h"

#include "policy/arbiter.h"
#include "policy/estimate.h"
#include "policy/rightsize.h"
#include "policy/squeeze.h"
#include "policy/step.h"
#include "policy/verify.h"

#include "base/num.h"

static void watch(struct step *st)
{
	if (st->h->phase.is != PHASE_WATCH)
		step_enter(st, PHASE_WATCH);
	if (st->s->mode == MODE_RIGHTSIZE && st->h->phase.request != REQUEST_SQUEEZE)
		rightsize_watch(st);
	else
		squeeze_watch(st);
}

static void step_resting(struct step *st)
{
	st->d->fig.freed_b = st->h->done.freed_b[VERIFY_60S];
	st->d->fig.until_us = st->h->rest.until_us;
	if (st->h->phase.request == REQUEST_SQUEEZE || st->now_us >= st->h->rest.until_us) {
		st->h->rest.early = 0;
		watch(st);
		return;
	}
	if (squeeze_more(st))
		return;
	st->d->reason = (enum reason)st->h->rest.why;
	st->d->wake_us = u64_min(step_next_calm(st), u64_min(st->h->rest.until_us, st->ripe_us));
	st->d->wake_us = u64_max(st->now_us + 1, st->d->wake_us);
}

static void step_gave_up(struct step *st)
{
	bool still = st->vm->obstacles & OBSTACLE_HUGETLB;

	if (st->h->phase.request == REQUEST_SQUEEZE || st->vm->boots != st->h->guest.boots ||
	    !still) {
		st->h->rest.zero_yields = 0;
		watch(st);
		return;
	}
	st->d->reason = (enum reason)st->h->rest.why;
	st->d->wake_us = step_next_calm(st);
}

/* An operator may ask for any balloon to go to 0, ours or not, and for peace afterwards. */
static void release(struct step *st)
{
	if (st->balloon_b > 0) {
		st->h->now.start_us = 0;
		step_deflate(st, REASON_STOP_RELEASED);
		return;
	}
	step_rest(st, REASON_REST_RELEASED);
}

/* A balloon that a ballonetd left when it died is as good as ours. */
static bool is_leftover(const struct step *st)
{
	return st->vm->leftover && st->vm->state == VM_STATE_RUNNING && st->balloon_b > 0;
}

static void dispatch(struct step *st)
{
	/* the phase of a balloon of ours knows best how it comes down */
	bool out = phase_has_balloon((enum phase)st->h->phase.is);

	if (!out && st->h->phase.request == REQUEST_RELEASE) {
		release(st);
		return;
	}
	if (!out && is_leftover(st)) {
		st->h->now.start_us = 0;
		step_deflate(st, REASON_STOP_LEFTOVER);
		return;
	}
	switch ((enum phase)st->h->phase.is) {
	case PHASE_INFLATING:
		squeeze_inflating(st);
		break;
	case PHASE_HOLDING:
		squeeze_holding(st);
		break;
	case PHASE_DEFLATING:
		squeeze_track(st);
		step_deflating(st);
		break;
	case PHASE_VERIFYING:
		verify_squeeze(st);
		break;
	case PHASE_SIZING:
		rightsize_sizing(st);
		break;
	case PHASE_SIZED:
		rightsize_sized(st);
		break;
	case PHASE_RESTING:
		step_resting(st);
		break;
	case PHASE_GAVE_UP:
		step_gave_up(st);
		break;
	case PHASE_WATCH:
	default:
		watch(st);
		break;
	}
}

static uint64_t fact_or_unknown(const struct fact *f)
{
	return f->known ? f->value : FIGURE_UNKNOWN;
}

static void begin_decision(const struct step *st, struct decision *ret)
{
	const struct vm_facts *vm = st->vm;
	bool possible = estimate_possible(&vm->stats);

	*ret = (struct decision){
		.vm_id = vm->id,
		.fig = {
			.backed_b = fact_or_unknown(&vm->backed_b),
			.available_b = estimate_tag(&vm->stats, BALLOON_STAT_AVAIL),
			.reserve_b = possible ? estimate_reserve(st->s, vm)
					      : FIGURE_UNKNOWN,
			.stale_b = FIGURE_UNKNOWN,
			.cold_b = FIGURE_UNKNOWN,
			.expected_b = FIGURE_UNKNOWN,
			.need_b = FIGURE_UNKNOWN,
			.balloon_b = st->balloon_b,
			.freed_b = FIGURE_UNKNOWN,
			.floor_b = FIGURE_UNKNOWN,
			.unbacked_b = FIGURE_UNKNOWN,
			.until_us = FIGURE_UNKNOWN,
		},
	};
}

void machine_step(const struct settings *s, const struct host_facts *host,
		  const struct host_decision *host_decision, const struct vm_facts *vm,
		  uint64_t now_us, struct history *h, struct host_history *learned,
		  struct decision *ret)
{
	struct step st = {
		.s = s,
		.host = host,
		.host_decision = host_decision,
		.vm = vm,
		.now_us = now_us,
		.asked_b = arbiter_asks(learned, host_decision, &h->offer),
		.ripe_us = UINT64_MAX,
		.h = h,
		.learned = learned,
		.d = ret,
	};

	if (vm->ram_b.known && vm->actual_b.known)
		st.balloon_b = u64_sub_sat(vm->ram_b.value, vm->actual_b.value);
	begin_decision(&st, ret);
	dispatch(&st);
	if (h->phase.is != PHASE_WATCH || !h->phase.looking_us)
		h->phase.request = REQUEST_NONE;
	h->guest.boots = vm->boots;
	ret->phase = (enum phase)h->phase.is;
}
