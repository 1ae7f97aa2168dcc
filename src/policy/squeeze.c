/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * squeeze.c - the phases of a squeeze: watch, inflate, hold
 *
 * Layer: policy (pure).
 * In:    a step of one VM's machine.
 * Out:   its decision.
 *
 * A squeeze is one burst. What it freed is measured at the host, at once and
 * again after 1, 10 and 60 s, and sets the size of the next one.
 */
#include "policy/squeeze.h"

#include "policy/cost.h"
#include "policy/distress.h"
#include "policy/floor.h"
#include "policy/guard.h"
#include "policy/opportunity.h"

#include "base/num.h"

/*
 * A held balloon is looked at this often: the guest lives on its reserve, and one
 * that asks for all there is uses that up in a quarter of a second.
 */
#define HELD_LOOK_US (100 * USEC_PER_MSEC)
/* A guest whose balloon shrinks by more than this while it should grow takes pages back. */
#define GIVE_BACK_B (16 * MIB)
/* A balloon of this much shows in what its guest has available. */
#define SHOWS_B (64 * MIB)
/* Each time that a balloon took so much more than was never backed, it is looked what was freed. */
#define CHECK_EVERY_B (64 * MIB)
/* The next squeeze may come this soon where there is much new to win, doubling so many times. */
#define MORE_AFTER_US (10 * USEC_PER_SEC)
#define MORE_MAX 6
/* A VM whose turn it is not looks this often whether it is. */
#define TURN_LOOK_US (2 * USEC_PER_SEC)
/* Between two looks the guest may use this much without any harm to the reserve. */
#define ROOM_SLACK_B (16 * MIB)

static uint64_t less(uint64_t before, const struct fact *now)
{
	return now->known ? u64_sub_sat(before, now->value) : FIGURE_UNKNOWN;
}

/*
 * What the host has back. Its cgroup knows better than the mapping where only
 * parts of huge pages were given: those are unmapped, and freed later or never.
 */
static uint64_t freed(const struct squeeze *sq, const struct vm_facts *vm)
{
	uint64_t freed_b = less(sq->backed_before_b, &vm->backed_b);

	if (freed_b == FIGURE_UNKNOWN || sq->charged_before_b == FIGURE_UNKNOWN)
		return freed_b;
	return u64_min(freed_b, less(sq->charged_before_b, &vm->charged_b));
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
	if (st->vm->backed_b.known && st->vm->backed_b.taken_us >= sq->start_us)
		sq->backed_low_b = u64_min(sq->backed_low_b, st->vm->backed_b.value);
	st->d->fig.freed_b = freed(sq, st->vm);
	st->d->fig.unbacked_b = sq->unbacked_b;
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
		.unbacked_b = opp->est.unbacked_b,
		.check_b = u64_add_sat(opp->est.unbacked_b, CHECK_EVERY_B),
		.backed_before_b = vm->backed_b.value,
		.charged_before_b = vm->charged_b.known ? vm->charged_b.value : FIGURE_UNKNOWN,
		.backed_low_b = vm->backed_b.value,
		.available_before_b = opp->est.available_b,
		.cache_before_b = cache_b,
		.cache_low_b = cache_b,
		.used_after_b = FIGURE_UNKNOWN,
		.freed_b = { FIGURE_UNKNOWN, FIGURE_UNKNOWN, FIGURE_UNKNOWN, FIGURE_UNKNOWN },
	};
	cost_begin(vm, st->h);
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
 * A host that is short does not wait. Else a guest that is right-sized is not
 * squeezed besides.
 */
static bool may_be_early(const struct step *st)
{
	if (reason_is((enum reason)st->h->rest.stop, REASON_IS_UNWILLING))
		return false; /* nobody counts on what it says to have */
	return st->asked_b || (st->s->mode != MODE_RIGHTSIZE &&
			       st->now_us >= u64_add_sat(st->h->now.end_us, more_after(st)));
}

/*
 * A rest that was earned by disappointment is kept, but by a guest that has
 * come to hold a squeeze's worth of stale memory more since.
 */
static bool is_tired(const struct step *st, const struct opportunity *opp)
{
	uint64_t new_b = u64_sub_sat(opp->est.stale_b, st->h->rest.stale_b);

	return !st->asked_b && st->h->phase.is == PHASE_RESTING && st->h->rest.why != REASON_REST &&
	       !(reason_is((enum reason)st->h->rest.why, REASON_IS_DISAPPOINTED) &&
		 opp->est.need_b && new_b >= opp->est.need_b);
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
	if (is_tired(st, &opp) || (opp.reason != REASON_NONE &&
				   (opp.reason != REASON_STATS_STALE || st->h->phase.looking_us))) {
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

	return why != REASON_NONE ? why : distress_find(st->s, st->vm, st->h);
}

/* Says its guest to have as much available as before, whatever is in the balloon? */
static bool lies(const struct step *st)
{
	const uint64_t *was = st->h->guest.start.tag, *is = st->vm->stats.tag;

	return st->balloon_b >= SHOWS_B && is[BALLOON_STAT_AVAIL] >= was[BALLOON_STAT_AVAIL];
}

/*
 * Does the balloon take memory beyond what was never backed, and the host gets
 * less than a fourth of that? It is measured anew for that, now and then.
 */
static bool gets_nothing(struct step *st)
{
	struct squeeze *sq = &st->h->now;
	uint64_t beyond_b = u64_sub_sat(st->balloon_b, sq->unbacked_b);

	if (sq->requested || st->balloon_b < sq->check_b)
		return false;
	if (sq->check_us == 0)
		sq->check_us = st->now_us;
	if (st->d->fig.freed_b == FIGURE_UNKNOWN || st->vm->backed_b.taken_us < sq->check_us) {
		st->d->actions |= ACT_MEASURE;
		return false;
	}
	sq->check_us = 0;
	sq->check_b = st->balloon_b + CHECK_EVERY_B;
	return st->d->fig.freed_b < beyond_b / 4;
}

static enum reason stop_inflate(struct step *st)
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
	if (!sq->requested && st->vm->backed_b.taken_us >= sq->start_us &&
	    st->d->fig.freed_b >= st->d->fig.expected_b && st->d->fig.freed_b != FIGURE_UNKNOWN)
		return REASON_STOP_YIELD;
	if (u64_add_sat(st->balloon_b, CLOSE_B) >= sq->size_b)
		return REASON_STOP_SIZE;
	if (gets_nothing(st))
		return REASON_STOP_NOTHING;
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
	uint64_t reserve_b = estimate_reserve(st->s, st->vm);

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
