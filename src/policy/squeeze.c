/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * squeeze.c - the phases of a squeeze: watch, inflate, hold, verify
 *
 * Layer: policy (pure).
 * In:    a step of one VM's machine.
 * Out:   its decision.
 *
 * A squeeze is one burst. What it freed is measured at the host, at once and
 * again after 1, 10 and 60 s, and sets the size of the next one.
 */
#include "policy/squeeze.h"

#include "policy/arbiter.h"
#include "policy/floor.h"
#include "policy/guard.h"
#include "policy/learn.h"
#include "policy/opportunity.h"

#include "base/num.h"

/* A measurement is asked for again this often, */
#define VERIFY_LOOK_US (50 * USEC_PER_MSEC)
/* and one that is this late is not waited for. */
#define VERIFY_LATE_US (2 * USEC_PER_SEC)
/*
 * A held balloon is looked at this often: the guest lives on its reserve, and one
 * that asks for all there is uses that up in a quarter of a second.
 */
#define HELD_LOOK_US (100 * USEC_PER_MSEC)
/* A guest whose balloon shrinks by more than this while it should grow takes pages back. */
#define GIVE_BACK_B (16 * MIB)
/* A balloon of this much shows in what its guest has available. */
#define SHOWS_B (64 * MIB)
/* Of a probe, at least this share must have stayed away for the rest to be pressed. */
#define COLD_LEAST_PPM (500 * UINT64_C(1000))
/* The next squeeze may come this soon where there is much new to win, doubling so many times. */
#define MORE_AFTER_US (10 * USEC_PER_SEC)
#define MORE_MAX 6
/* A VM whose turn it is not looks this often whether it is. */
#define TURN_LOOK_US (2 * USEC_PER_SEC)
/* Between two looks the guest may use this much without any harm to the reserve. */
#define ROOM_SLACK_B (16 * MIB)

static const uint64_t verify_after_us[VERIFY_COUNT] = {
	[VERIFY_AT_ONCE] = 0,
	[VERIFY_1S] = 1 * USEC_PER_SEC,
	[VERIFY_10S] = 10 * USEC_PER_SEC,
	[VERIFY_60S] = 60 * USEC_PER_SEC,
};

static uint64_t less(uint64_t before, const struct fact *now)
{
	return now->known ? u64_sub_sat(before, now->value) : FIGURE_UNKNOWN;
}

/* What the squeeze under way has seen at most and at least. */
void squeeze_track(struct step *st)
{
	struct squeeze *sq = &st->h->now;

	if (sq->start_us == 0)
		return;
	sq->balloon_b = u64_max(sq->balloon_b, st->balloon_b);
	sq->cache_low_b =
		u64_min(sq->cache_low_b, estimate_tag(&st->vm->stats, BALLOON_STAT_CACHES));
	if (st->vm->resident_b.known && st->vm->resident_b.taken_us >= sq->start_us)
		sq->resident_low_b = u64_min(sq->resident_low_b, st->vm->resident_b.value);
	st->d->fig.freed_b = less(sq->resident_before_b, &st->vm->resident_b);
	st->d->fig.stale_b = sq->stale_b;
	st->d->fig.cold_b = sq->cold_b;
	st->d->fig.expected_b = u64_add_sat(sq->stale_b, sq->cold_b);
}

static void take_step(struct step *st);
static void press(struct step *st);

static void begin(struct step *st, const struct opportunity *opp)
{
	const struct vm_facts *vm = st->vm;
	uint64_t cache_b = estimate_tag(&vm->stats, BALLOON_STAT_CACHES);
	bool requested = st->h->phase.request == REQUEST_SQUEEZE;

	st->h->now = (struct squeeze){
		.start_us = st->now_us,
		.requested = requested,
		.asked = opp->asked,
		.press = vm->press,
		.probe = !opp->asked && opp->est.press_b < opp->est.cold_b,
		.class = opp->press_b ? opp->est.cold_class : 0,
		.size_b = opp->est.size_b,
		.stale_b = opp->stale_b,
		.cold_b = opp->press_b,
		.resident_before_b = vm->resident_b.value,
		.resident_low_b = vm->resident_b.value,
		.available_before_b = opp->est.available_b,
		.cache_before_b = cache_b,
		.cache_low_b = cache_b,
		.used_after_b = FIGURE_UNKNOWN,
		.freed_b = { FIGURE_UNKNOWN, FIGURE_UNKNOWN, FIGURE_UNKNOWN, FIGURE_UNKNOWN },
	};
	st->h->guest.start = vm->stats;
	st->h->phase.looking_us = 0;
	st->h->balloon.mark_us = st->now_us;
	st->h->balloon.mark_b = 0;
	st->h->balloon.target_b = vm->ram_b.value;
	st->h->balloon.target_us = 0;
	step_enter(st, PHASE_INFLATING);
	if (vm->press)
		press(st);
	else
		take_step(st);
	st->d->reason = requested    ? REASON_BEGIN_REQUESTED
			: opp->asked ? REASON_BEGIN_HOST
				     : REASON_BEGIN;
}

/* Finds the opportunity for @wish, and shows its figures. */
static void find(struct step *st, const struct wish *wish, struct opportunity *opp)
{
	opportunity_find(st->s, st->host, st->vm, st->h, st->now_us, wish, opp);
	if (opp->est.ripe_us)
		st->ripe_us = opp->est.ripe_us;
	opportunity_figures(opp, &st->d->fig);
}

void squeeze_watch(struct step *st)
{
	bool looked = st->h->phase.looking_us != 0;
	struct wish wish = { .requested = st->h->phase.request == REQUEST_SQUEEZE,
			     .asked_b = st->asked_b };
	struct opportunity opp;

	find(st, &wish, &opp);
	st->d->reason = opp.reason;
	st->d->wake_us = step_next_calm(st);
	if (opp.reason == REASON_STATS_STALE && !looked) {
		step_look(st);
		return;
	}
	if (opp.reason == REASON_TURN)
		st->d->wake_us = u64_min(st->d->wake_us, st->now_us + TURN_LOOK_US);
	st->d->wake_us = u64_min(st->d->wake_us, st->ripe_us);
	if (opp.reason == REASON_NONE)
		begin(st, &opp);
	else
		step_looked(st);
	st->h->phase.request = REQUEST_NONE;
}

/*
 * Squeezes that follow each other are 10 s apart, then 20, 40 and so on: of a
 * guest that frees and takes the same memory all the time, one is soon measured
 * whole and found to be not worth it.
 */
static uint64_t more_after(const struct step *st)
{
	return MORE_AFTER_US << u64_min(st->h->rest.early, MORE_MAX);
}

/*
 * A host that is short does not wait. Else a rest that was earned by disappointment
 * is kept, and a guest that is right-sized is not squeezed besides.
 */
static bool may_be_early(const struct step *st)
{
	bool tired = st->h->phase.is == PHASE_RESTING && st->h->rest.why != REASON_REST;

	if (reason_is((enum reason)st->h->rest.stop, REASON_IS_UNWILLING))
		return false; /* nobody counts on what it says to have */
	return st->asked_b || (!tired && st->s->mode != MODE_RIGHTSIZE &&
			       st->now_us >= u64_add_sat(st->h->now.end_us, more_after(st)));
}

bool squeeze_more(struct step *st)
{
	const struct wish wish = { .asked_b = st->asked_b };
	struct opportunity opp = { .reason = REASON_REST };

	if (may_be_early(st))
		opportunity_find(st->s, st->host, st->vm, st->h, st->now_us, &wish, &opp);
	if (opp.est.ripe_us)
		st->ripe_us = opp.est.ripe_us;
	/* one that was asked for fresh figures and did not answer is left alone */
	if (opp.reason != REASON_NONE &&
	    (opp.reason != REASON_STATS_STALE || st->h->phase.looking_us)) {
		step_looked(st);
		return false;
	}
	find(st, &wish, &opp);
	if (opp.reason == REASON_STATS_STALE) {
		step_look(st);
		return true;
	}
	st->h->rest.early += !opp.asked;
	begin(st, &opp);
	return true;
}

/* The stops that end an inflate and a hold alike. */
static enum reason stop_common(const struct step *st)
{
	enum reason why = step_stop(st);

	return why != REASON_NONE ? why : learn_distress(st->s, st->vm, st->h);
}

/* Says its guest to have as much available as before, whatever is in the balloon? */
static bool lies(const struct step *st)
{
	const uint64_t *was = st->h->guest.start.tag, *is = st->vm->stats.tag;

	return st->balloon_b >= SHOWS_B && is[BALLOON_STAT_AVAIL] >= was[BALLOON_STAT_AVAIL];
}

static enum reason stop_inflate(const struct step *st)
{
	const struct squeeze *sq = &st->h->now;
	uint64_t room_b = guard_room(st->s, st->vm, st->now_us);
	uint64_t out_b = u64_sub_sat(st->vm->actual_b.value, st->h->balloon.target_b);
	uint64_t span_us = st->now_us - st->h->balloon.mark_us;
	enum reason why = stop_common(st);

	if (why != REASON_NONE)
		return why;
	/* it is silent from its first step on, however old the figures were with which it began */
	if (st->now_us > u64_add_sat(u64_max(st->vm->stats.taken_us, st->h->phase.since_us),
				     st->s->answer_max_us))
		return REASON_STOP_STATS;
	if (lies(st))
		return REASON_STOP_LIES;
	if (st->now_us - st->h->phase.since_us > st->s->inflate_max_us)
		return REASON_STOP_TIME;
	if (room_b > 0 && u64_add_sat(st->balloon_b, GIVE_BACK_B) < sq->balloon_b)
		return REASON_STOP_GIVES_BACK;
	if (room_b < CLOSE_B || out_b > room_b + ROOM_SLACK_B)
		return guard_limit(st->s, st->vm);
	if (!sq->requested && st->vm->resident_b.taken_us >= sq->start_us &&
	    st->d->fig.freed_b >= st->d->fig.expected_b && st->d->fig.freed_b != FIGURE_UNKNOWN)
		return REASON_STOP_YIELD;
	if (u64_add_sat(st->balloon_b, CLOSE_B) >= sq->size_b)
		return REASON_STOP_SIZE;
	if (span_us >= st->s->stall_after_us &&
	    u64_sub_sat(st->balloon_b, st->h->balloon.mark_b) <
		    u64_mul_sat(st->s->stall_rate_b, span_us / USEC_PER_SEC))
		return REASON_STOP_STALL;
	return REASON_NONE;
}

/* The next target: as far ahead as a step, the room and the size allow. Targets only fall. */
static void take_step(struct step *st)
{
	uint64_t room_b = guard_room(st->s, st->vm, st->now_us);
	uint64_t next_b = st->balloon_b + u64_min(st->s->step_b, room_b);
	uint64_t target_b;

	next_b = u64_min(next_b, st->h->now.size_b);
	target_b = u64_sub_sat(st->vm->ram_b.value, next_b);
	st->d->reason = REASON_INFLATE_WAIT;
	if (st->vm->stats.taken_us <= st->h->balloon.target_us) {
		/* these statistics do not tell yet what the last step did to the guest */
	} else if (target_b + st->s->step_b / 2 <= st->h->balloon.target_b ||
		   (target_b < st->h->balloon.target_b &&
		    (next_b == st->h->now.size_b ||
		     st->vm->actual_b.value < st->h->balloon.target_b + CLOSE_B))) {
		/* half a step is worth a request; so is all that is left, or what there is room
		 * for where nothing is out any more */
		step_target(st, target_b);
		st->d->reason = REASON_STEP;
	}
	step_refresh(st, st->s->fast_interval_us);
}

/* Has the guest used up a quarter of its reserve? Being close to it is the aim, this is not. */
static bool reserve_broken(const struct step *st)
{
	uint64_t reserve_b = estimate_reserve(st->s, &st->vm->stats);

	return st->vm->stats.tag[BALLOON_STAT_AVAIL] < reserve_b - reserve_b / 4;
}

/* May this balloon stay for a while? */
static bool may_hold(const struct step *st)
{
	uint64_t floor_b = floor_of(st->s, st->h, st->host, st->now_us, true);

	return st->s->hold_max_us && st->host_decision->want_b && !reserve_broken(st) &&
	       st->vm->actual_b.value >= floor_b;
}

/* Ends an inflate that went as meant: held while the host is short, else let go. */
static void inflated(struct step *st, enum reason why)
{
	if (!may_hold(st)) {
		step_deflate(st, why);
		return;
	}
	st->h->now.stop = why;
	if (st->h->now.inflated_us == 0)
		st->h->now.inflated_us = st->now_us;
	step_enter(st, PHASE_HOLDING);
	step_target(st, st->vm->actual_b.value);
	step_refresh(st, HELD_LOOK_US);
	st->d->actions |= ACT_MEASURE; /* what it has besides is told by that */
	st->d->fig.until_us = st->h->now.inflated_us + st->s->hold_max_us;
	st->d->reason = REASON_HOLD_HOST_SHORT;
}

/* The host asks for more than is held: the inflate goes on, in the same direction. */
static void hold_more(struct step *st)
{
	struct squeeze *sq = &st->h->now;
	const struct offer *has = &st->h->offer;
	uint64_t free_b = st->vm->stats.tag[BALLOON_STAT_MEMFREE];
	uint64_t stale_b = u64_min(st->asked_b, has->stale_b), press_b = st->asked_b - stale_b;

	/* as in the beginning: what the host has back already comes first, page cache last */
	sq->size_b =
		u64_add_sat(st->balloon_b, press_b ? u64_add_sat(free_b, press_b)
						   : u64_sub_sat(free_b, has->stale_b) + stale_b);
	sq->stale_b = u64_add_sat(sq->stale_b, stale_b);
	sq->cold_b = u64_add_sat(sq->cold_b, press_b);
	sq->class = u64_max(sq->class, press_b ? has->cold_class : 0);
	sq->asked = 2;
	st->h->balloon.mark_us = st->now_us;
	st->h->balloon.mark_b = st->balloon_b;
	step_enter(st, PHASE_INFLATING);
	take_step(st);
	st->d->fig.expected_b = u64_add_sat(sq->stale_b, sq->cold_b);
	st->d->reason = REASON_HOLD_MORE;
}

/* One request for all of it: the guest takes its pages, shows them to the host, and frees them. */
static void press(struct step *st)
{
	uint64_t room_b = guard_room(st->s, st->vm, st->now_us);

	st->d->actions |= ACT_PRESS;
	st->d->target_b = u64_sub_sat(st->vm->actual_b.value, u64_min(st->h->now.size_b, room_b));
	st->h->balloon.target_b = st->d->target_b;
	step_refresh(st, st->s->fast_interval_us);
}

/* Waits for the end of a press. Of distress it knows nothing: it is over before that would help. */
static void pressing(struct step *st)
{
	enum reason why = step_stop(st);

	squeeze_track(st);
	if (why == REASON_NONE && !st->vm->pressing)
		why = REASON_STOP_PRESSED;
	if (why == REASON_NONE && st->now_us - st->h->now.start_us > st->s->inflate_max_us)
		why = REASON_STOP_TIME;
	if (why != REASON_NONE) {
		step_deflate(st, why);
		return;
	}
	st->d->target_b = st->h->balloon.target_b;
	step_refresh(st, st->s->fast_interval_us);
	st->d->reason = REASON_PRESS_WAIT;
}

void squeeze_inflating(struct step *st)
{
	enum reason why;

	if (st->h->now.press) {
		pressing(st);
		return;
	}
	/* a target that the guard or the guardian held back is not out */
	st->h->balloon.target_b =
		st->vm->target_b.known ? st->vm->target_b.value : st->vm->ram_b.value;
	squeeze_track(st);
	why = stop_inflate(st);
	if (why == REASON_STOP_FLOOR)
		st->d->fig.floor_b = st->s->floor_b;
	if (reason_is(why, REASON_IS_MEANT)) {
		inflated(st, why);
		return;
	}
	if (why != REASON_NONE) {
		st->h->guest.gives_back |= why == REASON_STOP_GIVES_BACK;
		step_deflate(st, why);
		return;
	}
	if (st->now_us - st->h->balloon.mark_us >= st->s->stall_after_us) {
		st->h->balloon.mark_us = st->now_us;
		st->h->balloon.mark_b = st->balloon_b;
	}
	take_step(st);
}

void squeeze_holding(struct step *st)
{
	enum reason why;

	squeeze_track(st);
	why = stop_common(st);
	if (why == REASON_NONE && reserve_broken(st))
		why = REASON_STOP_RESERVE;
	if (why == REASON_NONE && st->now_us - st->h->now.inflated_us >= st->s->hold_max_us)
		why = REASON_STOP_HOLD_MAX;
	if (why == REASON_NONE && st->h->now.class < st->host_decision->give_back)
		why = REASON_STOP_HOST_WELL;
	if (why != REASON_NONE) {
		step_deflate(st, why);
		return;
	}
	if (st->asked_b) {
		hold_more(st);
		return;
	}
	step_refresh(st, HELD_LOOK_US);
	st->d->fig.until_us = st->h->now.inflated_us + st->s->hold_max_us;
	st->d->reason = REASON_HOLD_HOST_SHORT;
}

/* The first measurement: what was won, and what no squeeze brings back. */
static void first_yield(struct step *st)
{
	struct squeeze *sq = &st->h->now;
	uint64_t expected_b = u64_add_sat(sq->stale_b, sq->cold_b);
	uint64_t freed_b = sq->freed_b[VERIFY_AT_ONCE];

	st->h->total.squeezes++;
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
		st->h->guest.overhead_b = u64_sub_sat(st->vm->resident_b.value, sq->used_after_b);
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
	learn_squeeze(st->s, st->vm, st->h);
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
	const struct fact *resident = &st->vm->resident_b;
	bool taken = resident->known && resident->taken_us >= due_us;

	if (!taken && st->now_us <= due_us + VERIFY_LATE_US)
		return false;
	sq->freed_b[st->h->phase.verify_next] =
		taken ? less(sq->resident_before_b, resident) : FIGURE_UNKNOWN;
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
		learn_squeeze(st->s, st->vm, st->h);
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

void squeeze_verifying(struct step *st)
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
