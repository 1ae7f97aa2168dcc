/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verify.c - the last phase of a squeeze: what stays freed
 *
 * Layer: policy (pure).
 * In:    a step of one VM's machine whose balloon is back at 0.
 * Out:   its decision, and what the squeeze taught.
 *
 * Only the host's own figures count, at once and again after 1, 10 and 60 s. Where
 * there is much new to win, the next squeeze does not wait for the last of them.
 */
#include "policy/verify.h"

#include "policy/arbiter.h"
#include "policy/cost.h"
#include "policy/learn.h"
#include "policy/squeeze.h"

#include "base/num.h"

/* A measurement is asked for again this often, */
#define VERIFY_LOOK_US (50 * USEC_PER_MSEC)
/* and one that is this late is not waited for. */
#define VERIFY_LATE_US (2 * USEC_PER_SEC)
/* Of a probe, at least this share must have stayed away for the rest to be pressed. */
#define COLD_LEAST_PPM (500 * UINT64_C(1000))

static const uint64_t verify_after_us[VERIFY_COUNT] = {
	[VERIFY_AT_ONCE] = 0,
	[VERIFY_1S] = 1 * USEC_PER_SEC,
	[VERIFY_10S] = 10 * USEC_PER_SEC,
	[VERIFY_60S] = 60 * USEC_PER_SEC,
};

/* The first measurement: what was won, and what no squeeze brings back. */
static void first_yield(struct step *st)
{
	struct squeeze *sq = &st->h->now;
	uint64_t expected_b = u64_add_sat(sq->stale_b, sq->cold_b);
	uint64_t freed_b = sq->freed_b[VERIFY_AT_ONCE];

	st->h->total.squeezes++;
	cost_end(st->s, st->vm, st->now_us, st->h);
	if (learn_pressed(sq)) {
		st->h->cache.pressed_b = sq->cache_before_b - sq->cache_low_b;
		st->h->cache.pressed_low_b = sq->cache_low_b;
		st->h->cache.pressed_us = sq->end_us;
	}
	if (learn_pressed(sq) && st->h->guest.kind == GUEST_UNKNOWN)
		st->h->guest.kind = GUEST_NOTIFIER;
	if (freed_b == FIGURE_UNKNOWN)
		return;
	st->h->total.yield_b = u64_add_sat(st->h->total.yield_b, freed_b);
	if (expected_b && sq->asked < 2) /* how fast a balloon grew in two goes is not known */
		arbiter_learn(st->learned, expected_b, freed_b, sq->inflated_us - sq->start_us);
	if (reason_is((enum reason)sq->stop, REASON_IS_DRAINED) &&
	    sq->used_after_b != FIGURE_UNKNOWN)
		st->h->guest.overhead_b = u64_sub_sat(st->vm->backed_b.value, sq->used_after_b);
}

/* The last measurement: what was won, and what it taught. */
static void verified(struct step *st)
{
	struct squeeze *sq = &st->h->now;

	st->h->done = *sq;
	if (sq->freed_b[VERIFY_60S] != FIGURE_UNKNOWN)
		st->h->total.return_b =
			u64_add_sat(st->h->total.return_b, u64_sub_sat(sq->freed_b[VERIFY_AT_ONCE],
								       sq->freed_b[VERIFY_60S]));
	learn_squeeze(st->s, st->host, st->vm, st->now_us, st->h);
}

/* A probe of the page cache is over after 10 s: where it was cold, all of it is pressed at once. */
static bool probed(struct step *st)
{
	st->h->done = st->h->now;
	st->d->actions |= ACT_POLLING;
	learn_probe(st->vm, st->h);
	if (st->h->cache.tried_us == 0 || st->h->cache.cold_ppm < COLD_LEAST_PPM)
		return false;
	step_enter(st, PHASE_WATCH);
	squeeze_watch(st);
	return true;
}

/* Takes the measurement that is due. True where the phase is over by that. */
static bool measure(struct step *st, uint64_t due_us)
{
	struct squeeze *sq = &st->h->now;
	const struct fact *resident = &st->vm->backed_b;
	bool taken = resident->known && resident->taken_us >= due_us;

	if (!taken && st->now_us <= due_us + VERIFY_LATE_US)
		return false;
	sq->freed_b[st->h->phase.verify_next] = taken ? st->d->fig.freed_b : FIGURE_UNKNOWN;
	if (st->h->phase.verify_next == VERIFY_AT_ONCE)
		first_yield(st);
	if (st->h->phase.verify_next == VERIFY_60S) {
		verified(st);
		step_rest(st, sq->stop == REASON_STOP_RELEASED ? REASON_REST_RELEASED
							       : (enum reason)st->h->rest.why);
		return true;
	}
	st->h->phase.verify_next++;
	return sq->probe && st->h->phase.verify_next == VERIFY_60S && probed(st);
}

/* Does another squeeze begin, though this one is not measured whole? */
static bool cut_short(struct step *st, bool (*begin_next)(struct step *st))
{
	const struct squeeze last = st->h->now;

	if (!begin_next(st))
		return false;
	if (st->h->phase.verify_next > VERIFY_AT_ONCE && st->h->phase.is != PHASE_VERIFYING) {
		st->h->done = last;
		learn_squeeze(st->s, st->host, st->vm, st->now_us, st->h);
	}
	return true;
}

/* An operator does not wait. */
static bool requested(struct step *st)
{
	if (st->h->phase.request != REQUEST_SQUEEZE)
		return false;
	step_enter(st, PHASE_WATCH);
	squeeze_watch(st);
	return true;
}

/* Once 10 s are measured, there may be much new to win; a host that is short waits for the first.
 */
static bool new_to_win(struct step *st)
{
	const struct squeeze *sq = &st->h->now;
	bool rested = st->h->phase.verify_next == VERIFY_60S && !sq->probe;

	return (rested || (st->asked_b && st->h->phase.verify_next > VERIFY_AT_ONCE)) &&
	       sq->stop != REASON_STOP_RELEASED && squeeze_more(st);
}

void verify_squeeze(struct step *st)
{
	struct squeeze *sq = &st->h->now;
	uint64_t due_us;

	squeeze_track(st);
	if (st->vm->boots != st->h->guest.boots) {
		step_rest(st, REASON_REST);
		return;
	}
	/* what it was expected to free is no figure of now any more */
	st->d->fig.stale_b = FIGURE_UNKNOWN;
	st->d->fig.cold_b = FIGURE_UNKNOWN;
	if (cut_short(st, requested))
		return;
	st->d->reason = REASON_VERIFY;
	st->d->actions |= ACT_MEASURE;
	if (measure(st, sq->end_us + verify_after_us[st->h->phase.verify_next]) ||
	    cut_short(st, new_to_win))
		return;
	due_us = sq->end_us + verify_after_us[st->h->phase.verify_next];
	st->d->fig.until_us = sq->end_us + verify_after_us[VERIFY_60S];
	/* nothing else is looked at meanwhile but by the calm clock, which keeps judging */
	st->d->wake_us = u64_min(due_us, u64_min(step_next_calm(st), st->ripe_us));
	st->d->wake_us = u64_max(st->now_us + 1, st->d->wake_us);
	if (st->now_us >= due_us) /* a measurement that did not come is asked for again, slowly */
		st->d->wake_us = st->now_us + VERIFY_LOOK_US;
	else if (sq->probe && st->h->phase.verify_next == VERIFY_10S) /* the guest's cache, then */
		step_refresh(st, due_us - st->now_us);
}
