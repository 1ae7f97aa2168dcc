/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * step.c - one step of one VM's machine: the moves that all phases share
 *
 * Layer: policy (pure).
 * In:    facts of one VM and of the host, settings, what is remembered.
 * Out:   one decision, being written.
 *
 * Every balloon comes down in the same way: all memory at once, requested until
 * the guest has it.
 */
#include "policy/step.h"

#include "policy/estimate.h"
#include "policy/floor.h"
#include "policy/guard.h"
#include "policy/learn.h"

#include "base/num.h"

/* A deflation is looked at this often, */
#define DEFLATE_LOOK_US (50 * USEC_PER_MSEC)
/* asked for again this often (a target may be lost with a connection or a reset), */
#define DEFLATE_AGAIN_US (2 * USEC_PER_SEC)
/* and called stuck after this: 512 MiB took 1-2 s under emulation. Then it is looked at less. */
#define DEFLATE_STUCK_US (10 * USEC_PER_SEC)
#define DEFLATE_STUCK_LOOK_US USEC_PER_SEC
/* Less than this is no more than a nudge for a driver whose target is where it thinks it is. */
#define NUDGE_B (4 * MIB)
/* VMs that are not calm are looked at this many times as often, but not more than once a second. */
#define RESTLESS_DIVISOR 4
/* Calm VMs share wakeups this far apart; the shortest interval is ten of them. */
#define CALM_SLOT_US (100 * USEC_PER_MSEC)

/*
 * Calm VMs are looked at once per interval, each at its own point of it, so
 * that 1000 do not tick at once; and points are apart by a slot, so that those
 * of one slot share a wakeup. The point comes from the id by Fibonacci hashing
 * (Knuth, TAOCP 3, 6.4). One that grows, is in need or is not known yet is
 * looked at more often: much may be free the next moment.
 */
uint64_t step_next_calm(const struct step *st)
{
	uint64_t interval_us =
		st->h->guest.calm == TRI_YES
			? st->s->interval_us
			: u64_max(st->s->interval_us / RESTLESS_DIVISOR, USEC_PER_SEC);
	uint64_t slots = interval_us / CALM_SLOT_US;
	uint64_t slot = (st->vm->id * UINT64_C(11400714819323198485) >> 32) % slots;
	uint64_t earliest_us = st->now_us + interval_us / 2;

	return earliest_us +
	       (interval_us + slot * CALM_SLOT_US - earliest_us % interval_us) % interval_us;
}

void step_enter(struct step *st, enum phase phase)
{
	st->h->phase.is = phase;
	st->h->phase.since_us = st->now_us;
}

void step_target(struct step *st, uint64_t target_b)
{
	st->d->actions |= ACT_SET_TARGET;
	st->d->target_b = target_b;
	st->h->balloon.target_b = target_b;
	st->h->balloon.target_us = st->now_us;
}

void step_refresh(struct step *st, uint64_t after_us)
{
	st->d->actions |= ACT_REFRESH;
	st->d->refresh_us = st->now_us + after_us;
	st->d->wake_us = st->d->refresh_us + st->s->answer_max_us;
}

void step_look(struct step *st)
{
	st->h->phase.looking_us = st->now_us;
	st->d->reason = REASON_LOOKING;
	st->d->actions |= ACT_MEASURE;
	step_refresh(st, 0);
}

void step_looked(struct step *st)
{
	if (st->h->phase.looking_us)
		st->d->actions |= ACT_POLLING;
	st->h->phase.looking_us = 0;
}

/* More than there can be stands for all, where a connection that is new does not know it yet. */
static uint64_t all_memory(const struct vm_facts *vm)
{
	return vm->ram_b.known ? vm->ram_b.value : UINT64_MAX;
}

void step_deflate(struct step *st, enum reason why)
{
	if (reason_is(why, REASON_IS_DISTRESS)) {
		floor_scare(st->s, st->vm, st->now_us, st->h);
		st->h->guest.calm =
			TRI_UNKNOWN; /* until it was watched again, with all of its memory */
	}
	step_enter(st, PHASE_DEFLATING);
	step_target(st, all_memory(st->vm));
	step_refresh(st, DEFLATE_LOOK_US);
	st->h->rest.stop = why;
	st->h->balloon.back_b = FIGURE_UNKNOWN;
	if (st->h->now.start_us) {
		st->h->now.stop = why;
		if (st->h->now.inflated_us == 0)
			st->h->now.inflated_us = st->now_us;
	}
	st->d->reason = why;
}

void step_rest(struct step *st, enum reason why)
{
	uint64_t rest_us = u64_max(st->h->rest.last_us, st->s->rest_min_us);

	if (st->h->now.start_us == 0) /* a guest that took its size back rests as long as then */
		rest_us = u64_max(rest_us, st->h->size.settle_us);
	if (why == REASON_REST_RELEASED)
		rest_us = u64_max(rest_us, st->s->release_rest_us);
	step_looked(st);
	step_enter(st, reason_is(why, REASON_IS_GAVE_UP) ? PHASE_GAVE_UP : PHASE_RESTING);
	st->h->rest.why = why;
	st->h->rest.until_us = st->now_us + rest_us;
	st->d->reason = why;
	st->d->fig.until_us = st->h->rest.until_us;
	st->d->wake_us = step_next_calm(st);
}

enum reason step_stop(const struct step *st)
{
	const struct vm_facts *vm = st->vm;

	if (st->h->phase.request == REQUEST_RELEASE)
		return REASON_STOP_RELEASED;
	if (vm->boots != st->h->guest.boots)
		return REASON_STOP_RESET;
	if (vm->target_error)
		return REASON_STOP_REFUSED;
	if (!vm->guarded)
		return REASON_STOP_GUARDIAN;
	return guard_facts(st->s, vm, st->now_us);
}

/* The balloon is at 0: what stays freed is measured from here on. */
static void deflated(struct step *st)
{
	enum reason why = (enum reason)st->h->rest.stop;

	st->d->actions |= ACT_POLLING;
	st->h->balloon.target_b = 0;
	if (why == REASON_STOP_LEFTOVER) {
		step_enter(st, PHASE_WATCH);
		st->d->reason = REASON_STOP_LEFTOVER;
		st->d->wake_us = step_next_calm(st);
		return;
	}
	if (st->h->now.start_us == 0) { /* no squeeze of ours: there is nothing to verify */
		if (why == REASON_STOP_LIES)
			st->h->rest.last_us = learn_longer_rest(st->s, st->h);
		step_rest(st, reason_rest(why));
		return;
	}
	st->h->now.end_us = st->now_us;
	st->h->now.used_after_b = estimate_used(st->vm, st->h);
	st->h->phase.verify_next = VERIFY_AT_ONCE;
	step_enter(st, PHASE_VERIFYING);
	st->d->actions |= ACT_MEASURE;
	st->d->reason = REASON_VERIFY;
	st->d->fig.until_us = st->now_us + 60 * USEC_PER_SEC;
	st->d->wake_us = st->now_us + 1;
}

/*
 * The next request of a deflation that has not come to its end. A guest that
 * was reset begins with its balloon at 0, while its hypervisor still shows the
 * old size and is told of no change: a nudge and back makes it tell.
 */
static void deflate_again(struct step *st)
{
	const struct vm_facts *vm = st->vm;
	bool nudged = st->h->balloon.target_b < vm->ram_b.value;
	bool lives = estimate_possible(&vm->stats) && vm->stats.taken_us > st->h->balloon.target_us;
	bool moved = st->balloon_b != st->h->balloon.back_b || st->balloon_b <= NUDGE_B;

	st->h->balloon.back_b = st->balloon_b;
	step_target(st, lives && !moved && !nudged ? vm->ram_b.value - NUDGE_B : all_memory(vm));
}

void step_deflating(struct step *st)
{
	const struct vm_facts *vm = st->vm;
	bool stuck, nudged = st->h->balloon.target_b < vm->ram_b.value;

	/* a paused guest holds what it held, and when it goes on it reads what is wanted by then */
	if (vm->state != VM_STATE_DOWN && vm->actual_b.known && !nudged &&
	    vm->actual_b.taken_us > st->h->balloon.target_us && st->balloon_b == 0) {
		deflated(st);
		return;
	}
	if (st->now_us - st->h->balloon.target_us >= DEFLATE_AGAIN_US ||
	    (nudged && st->balloon_b <= NUDGE_B))
		deflate_again(st);
	stuck = st->now_us - st->h->phase.since_us >= DEFLATE_STUCK_US;
	step_refresh(st, stuck ? DEFLATE_STUCK_LOOK_US : DEFLATE_LOOK_US);
	/* a size comes without fresh statistics too: look again soon either way */
	st->d->wake_us = st->d->refresh_us + DEFLATE_LOOK_US;
	st->d->reason = stuck ? REASON_DEFLATE_STUCK : REASON_DEFLATE_WAIT;
}
