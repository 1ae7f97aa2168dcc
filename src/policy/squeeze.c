/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * squeeze.c - the state machine of one VM: watch, inflate, deflate, verify, rest
 *
 * Layer: policy (pure).
 * In:    facts of one VM and of the host, settings, what is remembered.
 * Out:   one decision.
 *
 * What is legal in each phase:
 *   watch      the balloon is at 0 and no target of ours is out. May begin to
 *              inflate; may deflate a foreign balloon when an operator asks.
 *   inflating  targets only fall, each within the reserve by fresh facts.
 *              Leaves to deflating, for any of the stops; or to holding, where
 *              the host is short and the guest is well.
 *   holding    no target but the one that holds. Leaves to deflating only.
 *   deflating  the target is all memory, and nothing else is ever asked for.
 *              Leaves to verifying when the guest says that the balloon is at 0
 *              (to watch, where there was no squeeze of ours).
 *   verifying  the balloon is at 0; footprints are measured. Leaves to resting,
 *              or to gave-up.
 *   resting    as watch, but nothing begins until the rest is over or an
 *              operator asks.
 *   gave-up    as resting, without an end but an operator or a reset.
 */
#include "policy/squeeze.h"

#include "policy/guard.h"
#include "policy/judge.h"
#include "policy/opportunity.h"

#include "base/num.h"

/* A deflation is looked at this often, */
#define DEFLATE_LOOK_US (50 * USEC_PER_MSEC)
/* asked for again this often (a target may be lost with a connection or a reset), */
#define DEFLATE_AGAIN_US (2 * USEC_PER_SEC)
/* and called stuck after this: 512 MiB took 1-2 s under emulation. Then it is looked at less. */
#define DEFLATE_STUCK_US (10 * USEC_PER_SEC)
#define DEFLATE_STUCK_LOOK_US USEC_PER_SEC
/* A held balloon is looked at this often: distress outranks the host. */
#define HOLD_LOOK_US USEC_PER_SEC
/* A measurement that is this late is not waited for. */
#define VERIFY_LATE_US (2 * USEC_PER_SEC)
/* A guest whose balloon shrinks by more than this while it should grow takes pages back. */
#define GIVE_BACK_B (16 * MIB)
/* A balloon this close to its size is there, and less room than this is none. */
#define CLOSE_B MIB
/* Of a probe, at least this share must have stayed away for the rest to be pressed. */
#define COLD_LEAST_PPM (500 * UINT64_C(1000))
/* A VM whose turn it is not looks this often whether it is. */
#define TURN_LOOK_US (2 * USEC_PER_SEC)
/* Less than this is no more than a nudge for a driver whose target is where it thinks it is. */
#define NUDGE_B (4 * MIB)
/* Calm VMs share wakeups this far apart; the shortest interval is ten of them. */
#define CALM_SLOT_US (100 * USEC_PER_MSEC)
/* Between two looks the guest may use this much without any harm to the reserve. */
#define ROOM_SLACK_B (16 * MIB)

static const uint64_t verify_after_us[VERIFY_COUNT] = {
	[VERIFY_AT_ONCE] = 0,
	[VERIFY_1S] = 1 * USEC_PER_SEC,
	[VERIFY_10S] = 10 * USEC_PER_SEC,
	[VERIFY_60S] = 60 * USEC_PER_SEC,
};

/* All that a step reads and writes, so that each phase is one small function. */
struct step {
	const struct settings *s;
	const struct host_facts *host;
	const struct vm_facts *vm;
	uint64_t now_us;
	uint64_t balloon_b; /* in the balloon now, by the last figure known */
	struct history *h;
	struct decision *d;
};

/*
 * Calm VMs are looked at once per interval, each at its own point of it, so
 * that 1000 do not tick at once; and points are apart by a slot, so that those
 * of one slot share a wakeup. The point comes from the id by Fibonacci hashing
 * (Knuth, TAOCP 3, 6.4).
 */
static uint64_t next_calm(const struct step *st)
{
	uint64_t interval_us = st->s->interval_us;
	uint64_t slots = interval_us / CALM_SLOT_US;
	uint64_t slot = (st->vm->id * UINT64_C(11400714819323198485) >> 32) % slots;
	uint64_t earliest_us = st->now_us + interval_us / 2;

	return earliest_us +
	       (interval_us + slot * CALM_SLOT_US - earliest_us % interval_us) % interval_us;
}

static void enter(struct step *st, enum phase phase)
{
	st->h->phase = phase;
	st->h->phase_since_us = st->now_us;
}

static void want_target(struct step *st, uint64_t target_b)
{
	st->d->actions |= ACT_SET_TARGET;
	st->d->target_b = target_b;
	st->h->target_b = target_b;
	st->h->target_us = st->now_us;
}

/* Asks for statistics in @after_us; the next tick is when they come, or when they are overdue. */
static void want_refresh(struct step *st, uint64_t after_us)
{
	st->d->actions |= ACT_REFRESH;
	st->d->refresh_us = st->now_us + after_us;
	st->d->wake_us = st->d->refresh_us + st->s->answer_max_us;
}

/* Every way out of inflating and holding, and of a foreign balloon: all memory, in one request. */
static void deflate(struct step *st, enum reason why)
{
	enter(st, PHASE_DEFLATING);
	want_target(st, st->vm->ram_b.value);
	want_refresh(st, DEFLATE_LOOK_US);
	st->h->now.stop = why;
	st->d->reason = why;
}

static uint64_t less(uint64_t before, const struct fact *now)
{
	return now->known ? u64_sub_sat(before, now->value) : FIGURE_UNKNOWN;
}

static uint64_t tag_or_unknown(const struct guest_stats *stats, enum balloon_stat tag)
{
	return stats_has(stats, tag) ? stats->tag[tag] : FIGURE_UNKNOWN;
}

/* What the squeeze under way has seen at most and at least. */
static void track(struct step *st)
{
	struct squeeze *sq = &st->h->now;

	sq->balloon_b = u64_max(sq->balloon_b, st->balloon_b);
	sq->cache_low_b =
		u64_min(sq->cache_low_b, tag_or_unknown(&st->vm->stats, BALLOON_STAT_CACHES));
	if (st->vm->resident_b.known && st->vm->resident_b.taken_us >= sq->start_us)
		sq->resident_low_b = u64_min(sq->resident_low_b, st->vm->resident_b.value);
	st->d->fig.freed_b = less(sq->resident_before_b, &st->vm->resident_b);
	st->d->fig.stale_b = sq->stale_b;
	st->d->fig.cold_b = sq->cold_b;
	st->d->fig.expected_b = u64_add_sat(sq->stale_b, sq->cold_b);
}

static void take_step(struct step *st);

static void begin(struct step *st, const struct opportunity *opp, bool requested)
{
	const struct vm_facts *vm = st->vm;
	uint64_t cache_b = tag_or_unknown(&vm->stats, BALLOON_STAT_CACHES);

	st->h->now = (struct squeeze){
		.start_us = st->now_us,
		.requested = requested,
		.probe = opp->est.press_b < opp->est.cold_b,
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
	st->h->start = vm->stats;
	st->h->mark_us = st->now_us;
	st->h->mark_b = 0;
	st->h->target_b = vm->ram_b.value;
	st->h->target_us = 0;
	enter(st, PHASE_INFLATING);
	take_step(st);
	st->d->reason = requested ? REASON_BEGIN_REQUESTED : REASON_BEGIN;
}

static void step_watch(struct step *st)
{
	bool requested = st->h->request == REQUEST_SQUEEZE, looked = st->h->looking_us != 0;
	struct opportunity opp;

	opportunity_find(st->s, st->host, st->vm, st->h, st->now_us, requested, &opp);
	if (opp.est.need_b) { /* there were facts to estimate from */
		st->d->fig.stale_b = opp.est.stale_b;
		st->d->fig.cold_b = opp.est.cold_b;
		st->d->fig.expected_b = opp.expected_b;
		st->d->fig.need_b = opp.est.need_b;
	}
	st->d->reason = opp.reason;
	st->d->wake_us = next_calm(st);
	st->h->looking_us = 0;
	if (opp.reason == REASON_STATS_STALE && !looked) {
		st->h->looking_us = st->now_us;
		st->d->reason = REASON_LOOKING;
		st->d->actions |= ACT_MEASURE;
		want_refresh(st, 0);
		return;
	}
	st->h->request = REQUEST_NONE;
	if (opp.reason == REASON_TURN)
		st->d->wake_us = u64_min(st->d->wake_us, st->now_us + TURN_LOOK_US);
	if (opp.reason == REASON_NONE)
		begin(st, &opp, requested);
	else if (looked)
		st->d->actions |= ACT_POLLING;
}

/* The stops that end an inflate and a hold alike. */
static enum reason stop_common(const struct step *st)
{
	const struct vm_facts *vm = st->vm;
	enum reason why;

	if (st->h->request == REQUEST_RELEASE)
		return REASON_STOP_RELEASED;
	if (vm->boots != st->h->boots)
		return REASON_STOP_RESET;
	if (vm->target_error)
		return REASON_STOP_REFUSED;
	if (!vm->guarded)
		return REASON_STOP_GUARDIAN;
	why = guard_facts(st->s, vm, st->now_us);
	return why != REASON_NONE ? why : judge_distress(st->s, vm, st->h);
}

static enum reason stop_inflate(const struct step *st)
{
	const struct squeeze *sq = &st->h->now;
	uint64_t room_b = guard_room(st->s, st->vm, st->now_us);
	uint64_t out_b = u64_sub_sat(st->vm->actual_b.value, st->h->target_b);
	uint64_t span_us = st->now_us - st->h->mark_us;
	enum reason why = stop_common(st);

	if (why != REASON_NONE)
		return why;
	if (st->now_us > u64_add_sat(st->vm->stats.taken_us, st->s->answer_max_us))
		return REASON_STOP_STATS;
	if (st->now_us - sq->start_us > st->s->inflate_max_us)
		return REASON_STOP_TIME;
	if (room_b > 0 && u64_add_sat(st->balloon_b, GIVE_BACK_B) < sq->balloon_b)
		return REASON_STOP_GIVES_BACK;
	if (room_b < CLOSE_B || out_b > room_b + ROOM_SLACK_B)
		return REASON_STOP_RESERVE;
	if (!sq->requested && st->vm->resident_b.taken_us >= sq->start_us &&
	    st->d->fig.freed_b >= st->d->fig.expected_b && st->d->fig.freed_b != FIGURE_UNKNOWN)
		return REASON_STOP_YIELD;
	if (u64_add_sat(st->balloon_b, CLOSE_B) >= sq->size_b)
		return REASON_STOP_SIZE;
	if (span_us >= st->s->stall_after_us &&
	    u64_sub_sat(st->balloon_b, st->h->mark_b) <
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
	if (st->vm->stats.taken_us <= st->h->target_us) {
		/* these statistics do not tell yet what the last step did to the guest */
	} else if (target_b + st->s->step_b / 2 <= st->h->target_b ||
		   (target_b < st->h->target_b &&
		    (next_b == st->h->now.size_b ||
		     st->vm->actual_b.value < st->h->target_b + CLOSE_B))) {
		/* half a step is worth a request; so is all that is left, or what there is room
		 * for where nothing is out any more */
		want_target(st, target_b);
		st->d->reason = REASON_STEP;
	}
	want_refresh(st, st->s->fast_interval_us);
}

static bool host_below(const struct step *st, uint64_t share_ppm)
{
	const struct host_facts *host = st->host;

	return host->total_b.known && host->available_b.known &&
	       host->available_b.value < u64_ppm(host->total_b.value, share_ppm);
}

/* Has the guest used up a quarter of its reserve? Being close to it is the aim, this is not. */
static bool reserve_broken(const struct step *st)
{
	uint64_t reserve_b = estimate_reserve(st->s, &st->vm->stats);

	return st->vm->stats.tag[BALLOON_STAT_AVAIL] < reserve_b - reserve_b / 4;
}

/* Ends an inflate that went as meant: held while the host is short, else let go. */
static void inflated(struct step *st, enum reason why)
{
	if (st->s->hold_max_us == 0 || !host_below(st, st->s->host_short_ppm) ||
	    reserve_broken(st)) {
		deflate(st, why);
		return;
	}
	enter(st, PHASE_HOLDING);
	want_target(st, st->vm->actual_b.value);
	want_refresh(st, HOLD_LOOK_US);
	st->d->reason = REASON_HOLD_HOST_SHORT;
}

static void step_inflating(struct step *st)
{
	enum reason why;

	/* a target that the guard or the guardian held back is not out */
	st->h->target_b = st->vm->target_b.known ? st->vm->target_b.value : st->vm->ram_b.value;
	track(st);
	why = stop_inflate(st);
	switch (why) {
	case REASON_NONE:
		break;
	case REASON_STOP_SIZE:
	case REASON_STOP_YIELD:
	case REASON_STOP_RESERVE:
		inflated(st, why);
		return;
	case REASON_STOP_GIVES_BACK:
		st->h->gives_back = 1;
		/* fall through */
	default:
		deflate(st, why);
		return;
	}
	if (st->now_us - st->h->mark_us >= st->s->stall_after_us) {
		st->h->mark_us = st->now_us;
		st->h->mark_b = st->balloon_b;
	}
	take_step(st);
}

static void step_holding(struct step *st)
{
	enum reason why;

	track(st);
	why = stop_common(st);
	if (why == REASON_NONE && reserve_broken(st))
		why = REASON_STOP_RESERVE;
	if (why == REASON_NONE && st->now_us - st->h->phase_since_us >= st->s->hold_max_us)
		why = REASON_STOP_TIME;
	if (why == REASON_NONE && !host_below(st, st->s->host_well_ppm))
		why = REASON_STOP_HOST_WELL;
	if (why != REASON_NONE) {
		deflate(st, why);
		return;
	}
	want_refresh(st, HOLD_LOOK_US);
	st->d->fig.until_us = st->h->phase_since_us + st->s->hold_max_us;
	st->d->reason = REASON_HOLD_HOST_SHORT;
}

static void rest(struct step *st, enum reason why)
{
	uint64_t rest_us = u64_max(st->h->rest_us, st->s->rest_min_us);

	if (why == REASON_REST_RELEASED)
		rest_us = u64_max(rest_us, st->s->release_rest_us);
	enter(st, why == REASON_GAVE_UP || why == REASON_GAVE_UP_HUGETLB ? PHASE_GAVE_UP
									 : PHASE_RESTING);
	st->h->ending = why;
	st->h->rest_until_us = st->now_us + rest_us;
	st->d->reason = why;
	st->d->fig.until_us = st->h->rest_until_us;
	st->d->wake_us = next_calm(st);
}

/* The balloon is at 0: what stays freed is measured from here on. */
static void deflated(struct step *st)
{
	st->d->actions |= ACT_POLLING;
	st->h->target_b = 0;
	if (st->h->now.stop == REASON_STOP_LEFTOVER) {
		enter(st, PHASE_WATCH);
		st->d->reason = REASON_STOP_LEFTOVER;
		st->d->wake_us = next_calm(st);
		return;
	}
	if (st->h->now.start_us == 0) { /* no squeeze of ours: there is nothing to verify */
		rest(st, REASON_REST_RELEASED);
		return;
	}
	st->h->now.end_us = st->now_us;
	st->h->now.used_after_b = estimate_used(&st->vm->stats);
	st->h->verify_next = VERIFY_AT_ONCE;
	enter(st, PHASE_VERIFYING);
	st->d->actions |= ACT_MEASURE;
	st->d->reason = REASON_VERIFY;
	st->d->fig.until_us = st->now_us + verify_after_us[VERIFY_60S];
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
	bool nudged = st->h->target_b < vm->ram_b.value;
	bool lives = estimate_possible(&vm->stats) && vm->stats.taken_us > st->h->target_us;
	bool moved = st->balloon_b != st->h->mark_b || st->balloon_b <= NUDGE_B;

	st->h->mark_b = st->balloon_b;
	want_target(st, lives && !moved && !nudged ? vm->ram_b.value - NUDGE_B : vm->ram_b.value);
}

static void step_deflating(struct step *st)
{
	const struct vm_facts *vm = st->vm;
	bool stuck, nudged = st->h->target_b < vm->ram_b.value;

	if (st->h->now.start_us)
		track(st);
	if (vm->state == VM_STATE_RUNNING && vm->actual_b.known && !nudged &&
	    vm->actual_b.taken_us > st->h->target_us && st->balloon_b == 0) {
		deflated(st);
		return;
	}
	if (st->now_us - st->h->target_us >= DEFLATE_AGAIN_US ||
	    (nudged && st->balloon_b <= NUDGE_B))
		deflate_again(st);
	stuck = st->now_us - st->h->phase_since_us >= DEFLATE_STUCK_US;
	want_refresh(st, stuck ? DEFLATE_STUCK_LOOK_US : DEFLATE_LOOK_US);
	/* a size comes without fresh statistics too: look again soon either way */
	st->d->wake_us = st->d->refresh_us + DEFLATE_LOOK_US;
	st->d->reason = stuck ? REASON_DEFLATE_STUCK : REASON_DEFLATE_WAIT;
}

/* The first measurement: what was won, and what no squeeze brings back. */
static void first_yield(struct step *st)
{
	struct squeeze *sq = &st->h->now;

	st->h->squeezes++;
	if (sq->freed_b[VERIFY_AT_ONCE] == FIGURE_UNKNOWN)
		return;
	st->h->yield_total_b = u64_add_sat(st->h->yield_total_b, sq->freed_b[VERIFY_AT_ONCE]);
	if (sq->used_after_b == FIGURE_UNKNOWN)
		return;
	if (sq->stop == REASON_STOP_SIZE || sq->stop == REASON_STOP_RESERVE)
		st->h->overhead_b = u64_sub_sat(st->vm->resident_b.value, sq->used_after_b);
}

/* The last measurement: what was won, and what it taught. */
static void verified(struct step *st)
{
	struct squeeze *sq = &st->h->now;

	st->h->done = *sq;
	if (sq->freed_b[VERIFY_60S] != FIGURE_UNKNOWN)
		st->h->return_total_b =
			u64_add_sat(st->h->return_total_b, u64_sub_sat(sq->freed_b[VERIFY_AT_ONCE],
								       sq->freed_b[VERIFY_60S]));
	judge_learn(st->s, st->vm, st->h);
	rest(st,
	     sq->stop == REASON_STOP_RELEASED ? REASON_REST_RELEASED : (enum reason)st->h->ending);
}

/* A probe of the page cache is over after 10 s: where it was cold, all of it is pressed at once. */
static bool probed(struct step *st)
{
	st->h->done = st->h->now;
	st->d->actions |= ACT_POLLING;
	judge_learn_probe(st->vm, st->h);
	if (st->h->cold_tried_us == 0 || st->h->cold_ppm < COLD_LEAST_PPM)
		return false;
	enter(st, PHASE_WATCH);
	step_watch(st);
	return true;
}

static void step_verifying(struct step *st)
{
	struct squeeze *sq = &st->h->now;
	uint64_t due_us = sq->end_us + verify_after_us[st->h->verify_next];
	const struct fact *resident = &st->vm->resident_b;
	bool taken = resident->known && resident->taken_us >= due_us;

	track(st);
	if (st->vm->boots != st->h->boots) {
		rest(st, REASON_REST);
		return;
	}
	if (st->h->request == REQUEST_SQUEEZE) {
		enter(st, PHASE_WATCH);
		step_watch(st);
		return;
	}
	st->d->reason = REASON_VERIFY;
	st->d->actions |= ACT_MEASURE;
	if (taken || st->now_us > due_us + VERIFY_LATE_US) {
		sq->freed_b[st->h->verify_next] =
			taken ? less(sq->resident_before_b, resident) : FIGURE_UNKNOWN;
		if (st->h->verify_next == VERIFY_AT_ONCE)
			first_yield(st);
		if (++st->h->verify_next == VERIFY_COUNT) {
			verified(st);
			return;
		}
		if (sq->probe && st->h->verify_next == VERIFY_60S && probed(st))
			return;
		due_us = sq->end_us + verify_after_us[st->h->verify_next];
	}
	st->d->fig.until_us = sq->end_us + verify_after_us[VERIFY_60S];
	/* nothing else is looked at meanwhile but by the calm clock, which keeps judging */
	st->d->wake_us = u64_max(st->now_us + 1, u64_min(due_us, next_calm(st)));
	if (st->now_us >= due_us) /* a measurement that did not come is asked for again, slowly */
		st->d->wake_us = st->now_us + DEFLATE_LOOK_US;
	else if (sq->probe &&
		 st->h->verify_next == VERIFY_10S) /* the guest's cache, as it is then */
		want_refresh(st, due_us - st->now_us);
}

static void step_resting(struct step *st)
{
	st->d->fig.freed_b = st->h->done.freed_b[VERIFY_60S];
	st->d->fig.until_us = st->h->rest_until_us;
	if (st->h->request == REQUEST_SQUEEZE || st->now_us >= st->h->rest_until_us) {
		enter(st, PHASE_WATCH);
		step_watch(st);
		return;
	}
	st->d->reason = (enum reason)st->h->ending;
	st->d->wake_us = u64_max(st->now_us + 1, u64_min(next_calm(st), st->h->rest_until_us));
}

static void step_gave_up(struct step *st)
{
	if (st->h->request == REQUEST_SQUEEZE || st->vm->boots != st->h->boots) {
		st->h->zero_yields = 0;
		enter(st, PHASE_WATCH);
		step_watch(st);
		return;
	}
	st->d->reason = (enum reason)st->h->ending;
	st->d->wake_us = next_calm(st);
}

/* An operator may ask for any balloon to go to 0, ours or not, and for peace afterwards. */
static void release(struct step *st)
{
	bool looked = st->h->looking_us != 0;

	if (st->balloon_b > 0) {
		st->h->now.start_us = 0;
		deflate(st, REASON_STOP_RELEASED);
		return;
	}
	st->h->looking_us = 0;
	rest(st, REASON_REST_RELEASED);
	if (looked)
		st->d->actions |= ACT_POLLING;
}

/* A balloon that a ballonetd left when it died is as good as ours. */
static bool is_leftover(const struct step *st)
{
	return st->vm->leftover && st->vm->state == VM_STATE_RUNNING && st->balloon_b > 0;
}

/* Is a balloon of ours out? Its phase then knows best how it comes down. */
static bool is_inflated(const struct history *h)
{
	return h->phase == PHASE_INFLATING || h->phase == PHASE_HOLDING ||
	       h->phase == PHASE_DEFLATING;
}

static void dispatch(struct step *st)
{
	if (!is_inflated(st->h) && st->h->request == REQUEST_RELEASE) {
		release(st);
		return;
	}
	if (!is_inflated(st->h) && is_leftover(st)) {
		st->h->now.start_us = 0;
		deflate(st, REASON_STOP_LEFTOVER);
		return;
	}
	switch ((enum phase)st->h->phase) {
	case PHASE_INFLATING:
		step_inflating(st);
		break;
	case PHASE_HOLDING:
		step_holding(st);
		break;
	case PHASE_DEFLATING:
		step_deflating(st);
		break;
	case PHASE_VERIFYING:
		step_verifying(st);
		break;
	case PHASE_RESTING:
		step_resting(st);
		break;
	case PHASE_GAVE_UP:
		step_gave_up(st);
		break;
	case PHASE_WATCH:
	default:
		step_watch(st);
		break;
	}
}

static uint64_t fact_or_unknown(const struct fact *f)
{
	return f->known ? f->value : FIGURE_UNKNOWN;
}

void squeeze_step(const struct settings *s, const struct host_facts *host,
		  const struct vm_facts *vm, uint64_t now_us, struct history *h,
		  struct decision *ret)
{
	bool possible = estimate_possible(&vm->stats);
	struct step st = { .s = s, .host = host, .vm = vm, .now_us = now_us, .h = h, .d = ret };

	if (vm->ram_b.known && vm->actual_b.known)
		st.balloon_b = u64_sub_sat(vm->ram_b.value, vm->actual_b.value);
	*ret = (struct decision){
		.vm_id = vm->id,
		.fig = {
			.resident_b = fact_or_unknown(&vm->resident_b),
			.available_b = tag_or_unknown(&vm->stats, BALLOON_STAT_AVAIL),
			.reserve_b = possible ? estimate_reserve(s, &vm->stats) : FIGURE_UNKNOWN,
			.stale_b = FIGURE_UNKNOWN,
			.cold_b = FIGURE_UNKNOWN,
			.expected_b = FIGURE_UNKNOWN,
			.need_b = FIGURE_UNKNOWN,
			.balloon_b = st.balloon_b,
			.freed_b = FIGURE_UNKNOWN,
			.until_us = FIGURE_UNKNOWN,
		},
	};
	dispatch(&st);
	if (h->phase != PHASE_WATCH || !h->looking_us)
		h->request = REQUEST_NONE;
	h->boots = vm->boots;
	ret->phase = (enum phase)h->phase;
}
