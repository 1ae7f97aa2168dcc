/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rightsize.c - the phases of right-sizing: a balloon that is left inflated
 *
 * Layer: policy (pure).
 * In:    a step of one VM's machine.
 * Out:   its decision.
 *
 * The guest is asked for one small step at a time, and keeps what it takes back:
 * the target follows at once, so that its driver never works against its own
 * reclaim. A guest that cannot take memory back gives free memory only, and keeps
 * some of it. When it has used that up it gets all its memory.
 */
#include "policy/rightsize.h"

#include "policy/distress.h"
#include "policy/estimate.h"
#include "policy/floor.h"
#include "policy/guard.h"
#include "policy/opportunity.h"

#include "base/num.h"

/* A guest that gave nothing for so long is not asked any further: it has not that much to give. */
#define FOLLOW_MAX_US (10 * USEC_PER_SEC)
/* A guest that cannot take back by itself is looked at this often: it may take 300 MiB/s. */
#define HELPLESS_LOOK_US (200 * USEC_PER_MSEC)
/* A balloon that is smaller than its target by more than this was taken from. */
#define TAKEN_B (2 * MIB)
/* A balloon that grew by this much shows in what its guest has: less may come from per-CPU lists.
 */
#define SHOWS_B (64 * MIB)

/* Does this guest take pages back under pressure, before it is short? */
static bool gives_back(const struct vm_facts *vm, const struct history *h)
{
	uint64_t mark = vm->stats.tag[BALLOON_STAT_MEMTOT] & BALLOON_MARK_MASK;

	return h->guest.kind == GUEST_SHRINKER ||
	       (h->guest.kind == GUEST_BALLONET && mark & BALLOON_MARK_PRESSURE);
}

void rightsize_room(const struct settings *s, const struct host_facts *host,
		    const struct vm_facts *vm, const struct history *h, uint64_t now_us,
		    struct rightsize_room *ret)
{
	uint64_t room_b = guard_room(s, vm, now_us), keep_b = estimate_keep(s, &vm->stats);
	uint64_t above_b;
	struct estimate est;

	ret->floor_b = floor_of(s, h, host, now_us, true);
	estimate_vm(s, host, vm, h, now_us, ret->floor_b, &est);
	if (gives_back(vm, h)) {
		est.free_b = u64_add_sat(est.free_b, est.press_b);
	} else {
		keep_b = u64_add_sat(keep_b, est.reserve_b);
		ret->floor_b = u64_max(ret->floor_b, floor_recent(s, vm, h, now_us));
	}
	above_b = u64_sub_sat(vm->actual_b.value, ret->floor_b);
	room_b = u64_min(room_b, u64_sub_sat(est.free_b, keep_b));
	ret->why = above_b <= room_b ? REASON_SIZED_FLOOR : REASON_SIZED_RESERVE;
	if (ret->floor_b == FIGURE_UNKNOWN)
		ret->why = REASON_SIZE_WATCHED;
	ret->room_b = u64_min(room_b, above_b);
}

static uint64_t room(struct step *st, enum reason *ret_why)
{
	struct rightsize_room found;

	rightsize_room(st->s, st->host, st->vm, st->h, st->now_us, &found);
	st->d->fig.floor_b = found.floor_b;
	if (found.why == REASON_SIZE_WATCHED)
		st->d->fig.until_us =
			u64_add_sat(u64_max(st->h->need.watched_us, 1), st->s->size_watch_us);
	*ret_why = found.why;
	return found.room_b;
}

/* How far the next step goes: a share of the VM, all that is above its ceiling, or what the host
 * asks for. */
static uint64_t stride(const struct step *st)
{
	uint64_t step_b = u64_max(u64_ppm(st->vm->ram_b.value, st->s->size_step_ppm), CLOSE_B);

	if (st->s->ceiling_b)
		step_b = u64_max(step_b, u64_sub_sat(st->vm->actual_b.value, st->s->ceiling_b));
	return u64_max(step_b, st->asked_b);
}

/* Nothing is under way: the balloon stays where it is, because @why. */
static void settle(struct step *st, enum reason why)
{
	if (st->h->phase.is != PHASE_SIZED)
		step_enter(st, PHASE_SIZED);
	step_refresh(st, gives_back(st->vm, st->h) ? HOLD_LOOK_US : HELPLESS_LOOK_US);
	st->h->size.available_b = st->vm->stats.tag[BALLOON_STAT_AVAIL];
	st->d->fig.until_us = st->h->size.next_us;
	st->d->reason = why;
}

/* From here on rates are told, and what the guest says is held against what its balloon does. */
static void begin_span(struct step *st)
{
	st->h->guest.start = st->vm->stats;
	st->h->size.from_b = st->balloon_b;
}

/* The balloon grows by one step of the @room_b that there is. */
static void grow(struct step *st, uint64_t room_b)
{
	step_enter(st, PHASE_SIZING);
	step_target(st, st->vm->actual_b.value - u64_min(stride(st), room_b));
	step_refresh(st, st->s->fast_interval_us);
	begin_span(st);
	st->h->balloon.mark_us = st->now_us;
	st->h->balloon.mark_b = st->balloon_b;
	st->h->size.next_us = st->now_us + st->s->size_every_us;
	st->d->reason = st->asked_b ? REASON_SIZE_HOST : REASON_SIZE_STEP;
}

/* The guest took memory back: that is its size for a while, longer each time. */
static void follow(struct step *st)
{
	uint64_t longer_us = u64_max(u64_mul_sat(st->h->size.settle_us, 2), st->s->size_settle_us);

	st->h->size.settle_us =
		u64_min(longer_us, u64_max(st->s->rest_max_us, st->s->size_settle_us));
	st->h->size.settled_b = st->vm->actual_b.value;
	st->h->size.next_us = st->now_us + st->h->size.settle_us;
	step_target(st, st->vm->actual_b.value);
	settle(st, REASON_SIZE_FOLLOW);
}

/*
 * Does the guest want more than it has? Near its reserve is where one is meant
 * to be that helps itself; any other was left free memory as well, and has come
 * to use that, if only for page cache, or will have in two more looks.
 */
static bool is_short(const struct step *st)
{
	const uint64_t *tag = st->vm->stats.tag;
	uint64_t reserve_b = estimate_reserve(st->s, st->vm);
	uint64_t available_b = tag[BALLOON_STAT_AVAIL], fell_b = 0;

	if (gives_back(st->vm, st->h))
		return available_b < reserve_b / 4;
	if (st->h->phase.is == PHASE_SIZED)
		fell_b = u64_sub_sat(st->h->size.available_b, available_b);
	return u64_sub_sat(available_b, u64_mul_sat(fell_b, 2)) < reserve_b ||
	       tag[BALLOON_STAT_MEMFREE] < estimate_keep(st->s, &st->vm->stats);
}

static bool says_something_new(const struct step *st)
{
	const uint64_t *was = st->h->guest.start.tag, *is = st->vm->stats.tag;

	return is[BALLOON_STAT_AVAIL] != was[BALLOON_STAT_AVAIL] ||
	       is[BALLOON_STAT_MEMFREE] != was[BALLOON_STAT_MEMFREE];
}

/*
 * Has a balloon grown, and was left, since its guest last said anything new? A
 * running kernel has no two figures the same after a thousand of its pages went.
 */
static bool is_frozen(const struct step *st)
{
	return st->h->phase.is == PHASE_SIZED && st->vm->stats.taken_us > st->h->phase.since_us &&
	       st->balloon_b >= u64_add_sat(st->h->size.from_b, SHOWS_B) && !says_something_new(st);
}

/* What ends right-sizing for now. */
static enum reason stop(const struct step *st)
{
	enum reason why = step_stop(st);

	if (why != REASON_NONE)
		return why;
	if (st->s->mode != MODE_RIGHTSIZE)
		return REASON_STOP_MODE;
	why = distress_hurt(st->s, st->vm, st->h);
	if (why != REASON_NONE)
		return why;
	if (is_frozen(st))
		return REASON_STOP_LIES;
	return is_short(st) ? REASON_STOP_SHORT : REASON_NONE;
}

void rightsize_watch(struct step *st)
{
	const struct wish wish = { .sizing = true };
	bool looked = st->h->phase.looking_us != 0;
	struct opportunity opp;
	uint64_t room_b = 0;

	/* the same must be there and well as for a squeeze */
	opportunity_find(st->s, st->host, st->vm, st->h, st->now_us, &wish, &opp);
	opportunity_figures(&opp, &st->d->fig);
	st->d->reason = opp.reason;
	st->d->wake_us = step_next_calm(st);
	if (opp.reason == REASON_NONE && st->h->guest.calm != TRI_YES)
		st->d->reason = REASON_NOT_CALM;
	if (opp.reason == REASON_STATS_STALE && !looked) {
		step_look(st);
		return;
	}
	if (st->d->reason == REASON_NONE)
		room_b = room(st, &st->d->reason);
	if (room_b < CLOSE_B) {
		step_looked(st);
		return;
	}
	st->h->phase.looking_us = 0;
	st->h->now = (struct squeeze){ 0 };
	grow(st, room_b);
}

void rightsize_sizing(struct step *st)
{
	enum reason why = stop(st);

	/* a target that the guard or the guardian held back is not out */
	if (st->vm->target_b.known)
		st->h->balloon.target_b = st->vm->target_b.value;
	if (why != REASON_NONE) {
		step_deflate(st, why);
		return;
	}
	if (st->vm->actual_b.value <= u64_add_sat(st->h->balloon.target_b, CLOSE_B)) {
		st->h->size.settle_us /=
			2; /* what it learned of its size is not forgotten at once */
		st->h->rest.last_us /= 2;
		settle(st, REASON_SIZED);
		return;
	}
	if (st->balloon_b >= u64_add_sat(st->h->balloon.mark_b, CLOSE_B)) {
		st->h->balloon.mark_b = st->balloon_b;
		st->h->balloon.mark_us = st->now_us;
	}
	if (u64_add_sat(st->balloon_b, TAKEN_B) < st->h->balloon.mark_b ||
	    st->now_us - st->h->balloon.mark_us >= FOLLOW_MAX_US) {
		follow(st);
		return;
	}
	step_refresh(st, st->s->fast_interval_us);
	st->d->reason = REASON_SIZE_WAIT;
}

void rightsize_sized(struct step *st)
{
	enum reason why = stop(st);
	uint64_t room_b;

	if (why != REASON_NONE) {
		step_deflate(st, why);
		return;
	}
	if (st->vm->actual_b.value > u64_add_sat(st->h->balloon.target_b, TAKEN_B)) {
		follow(st);
		return;
	}
	room_b = room(st, &why);
	if (says_something_new(st) &&
	    st->now_us >= u64_add_sat(st->h->guest.start.taken_us, st->s->size_every_us))
		begin_span(st); /* of about one step */
	if (room_b >= CLOSE_B &&
	    (st->asked_b || (st->now_us >= st->h->size.next_us && st->h->guest.calm == TRI_YES)))
		grow(st, room_b);
	else
		settle(st, room_b < CLOSE_B ? why : REASON_SIZED);
}
