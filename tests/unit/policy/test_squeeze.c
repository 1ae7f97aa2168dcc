/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_squeeze.c - the state machine of one VM, phase by phase and stop by stop
 *
 * In:    a calm guest with 600 MiB stale, and what happens to it on the way.
 * Out:   the decisions; and, over random worlds, the invariants of the design.
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define RAM (1024 * MIB)
#define FAST (20 * USEC_PER_MSEC)

static void assert_stopped(const struct world *w, enum reason why)
{
	assert_int_equal(w->d.reason, why);
	assert_int_equal(w->d.phase, PHASE_DEFLATING);
	assert_true(w->d.actions & ACT_SET_TARGET);
	assert_int_equal(w->d.target_b, RAM);
	assert_int_equal(w->history.now.stop, why);
}

/* A squeeze that holds 100 MiB in its balloon, all of it freed. */
static void inflating(struct world *w)
{
	world_init(w);
	world_begin(w);
	world_balloon(w, 100 * MIB);
	w->vm.resident_b.value -= 100 * MIB;
	world_after(w, FAST);
	assert_int_equal(w->d.phase, PHASE_INFLATING);
}

/* The last target that went out left @balloon_b to the balloon. */
static void sent(struct world *w, uint64_t balloon_b)
{
	w->vm.target_b = fact_of(RAM - balloon_b, w->now_us);
}

static void a_squeeze_frees_what_is_stale_and_lets_go(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_squeeze(&w, 600 * MIB);
	assert_int_equal(w.history.now.stop, REASON_STOP_YIELD);
	assert_true(w.d.actions & ACT_POLLING);
	assert_true(w.d.actions & ACT_MEASURE);
	world_verify(&w, 0);
	assert_int_equal(w.d.phase, PHASE_RESTING);
	assert_int_equal(w.d.reason, REASON_REST);
	assert_int_equal(w.history.done.freed_b[VERIFY_AT_ONCE], 600 * MIB);
	assert_int_equal(w.history.done.freed_b[VERIFY_60S], 600 * MIB);
	assert_int_equal(w.history.squeezes, 1);
	assert_int_equal(w.history.yield_total_b, 600 * MIB);
	assert_int_equal(w.history.return_total_b, 0);
}

static void what_comes_back_is_counted(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_squeeze(&w, 600 * MIB);
	w.history.more = 6; /* this one is measured whole */
	world_verify(&w, 500 * MIB);
	assert_int_equal(w.d.reason, REASON_REST_DISAPPOINTED);
	assert_int_equal(w.history.return_total_b, 500 * MIB);
	assert_int_equal(w.history.done.freed_b[VERIFY_10S], 600 * MIB);
	assert_int_equal(w.history.done.freed_b[VERIFY_60S], 100 * MIB);
}

static void a_guest_that_claims_more_than_it_has_keeps_its_reserve(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.settings.step_b = 64 * GIB;
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = UINT64_MAX / 2;
	w.vm.stats.tag[BALLOON_STAT_MEMFREE] = UINT64_MAX / 4;
	w.vm.stats.tag[BALLOON_STAT_MEMTOT] = UINT64_MAX / 2;
	world_tick(&w);
	assert_false(w.d.actions & ACT_SET_TARGET);
	world_init(&w);
	w.settings.step_b = 64 * GIB;
	w.settings.press_cache = 0;
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = UINT64_MAX / 2;
	w.vm.stats.tag[BALLOON_STAT_MEMFREE] = 10 * GIB;
	w.vm.stats.tag[BALLOON_STAT_MEMTOT] = 9 * GIB;
	w.vm.request = REQUEST_SQUEEZE;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_BEGIN_REQUESTED);
	assert_true(w.d.target_b >= 96 * MIB);
}

static void steps_never_pass_the_step_nor_the_reserve(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_begin(&w);
	assert_int_equal(w.d.target_b, RAM - 128 * MIB);
	/* the balloon has not moved: the target stays */
	world_after(&w, FAST);
	assert_int_equal(w.d.reason, REASON_INFLATE_WAIT);
	assert_false(w.d.actions & ACT_SET_TARGET);
	world_balloon(&w, 70 * MIB);
	world_after(&w, FAST);
	assert_int_equal(w.d.reason, REASON_STEP);
	assert_int_equal(w.d.target_b, RAM - 198 * MIB);
	/* the guest came to use more: only 50 MiB above the reserve are left */
	world_balloon(&w, 190 * MIB);
	w.settings.grow_max_b = GIB;
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = (96 + 80) * MIB;
	world_after(&w, FAST);
	assert_int_equal(w.d.reason, REASON_STEP);
	assert_int_equal(w.d.target_b, RAM - 270 * MIB);
}

/* A guest that can press was asked to, and is at it. */
static void pressing(struct world *w)
{
	world_init(w);
	w->vm.press = 1;
	world_tick(w);
	assert_int_equal(w->d.phase, PHASE_INFLATING);
	assert_int_equal(w->d.reason, REASON_BEGIN);
	w->vm.pressing = 1;
}

static void a_guest_that_can_press_does_so_once_and_has_no_balloon(void **state)
{
	struct world w;

	(void)state;
	pressing(&w);
	assert_true(w.d.actions & ACT_PRESS);
	assert_false(w.d.actions & ACT_SET_TARGET);
	assert_true(w.d.target_b >= RAM - (970 - 40 - 96) * MIB); /* its reserve stays */
	assert_true(w.d.target_b <= RAM - 600 * MIB);
	world_after(&w, FAST);
	assert_int_equal(w.d.reason, REASON_PRESS_WAIT);
	assert_int_equal(w.d.actions, ACT_REFRESH);
	w.vm.pressing = 0;
	w.vm.resident_b.value -= 600 * MIB;
	world_after(&w, FAST);
	assert_stopped(&w, REASON_STOP_PRESSED);
	world_after(&w, FAST);
	assert_int_equal(w.d.phase, PHASE_VERIFYING);
	world_verify(&w, 0);
	assert_int_equal(w.history.done.freed_b[VERIFY_60S], 600 * MIB);
	assert_int_equal(w.history.yield_total_b, 600 * MIB);
}

static void a_press_leaves_the_guest_its_reserve(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.vm.press = 1;
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = (96 + 300) * MIB;
	world_tick(&w);
	assert_true(w.d.actions & ACT_PRESS);
	assert_true(w.d.target_b >= RAM - 300 * MIB);
}

static void a_press_that_does_not_end_is_not_waited_for(void **state)
{
	struct world w;

	(void)state;
	pressing(&w);
	world_after(&w, w.settings.inflate_max_us + 1);
	assert_stopped(&w, REASON_STOP_TIME);
	pressing(&w);
	w.vm.request = REQUEST_RELEASE;
	world_after(&w, FAST);
	assert_stopped(&w, REASON_STOP_RELEASED);
}

static void the_last_bit_of_the_size_is_asked_for(void **state)
{
	struct world w;

	(void)state;
	inflating(&w);
	w.history.now.size_b = 180 * MIB;
	sent(&w, 150 * MIB);
	world_after(&w, FAST);
	assert_int_equal(w.d.reason, REASON_STEP);
	assert_int_equal(w.d.target_b, RAM - 180 * MIB);
	world_after(&w, FAST);
	assert_int_equal(w.d.reason, REASON_INFLATE_WAIT);
}

static void what_the_reserve_leaves_is_asked_for_when_nothing_is_out(void **state)
{
	struct world w;

	(void)state;
	inflating(&w);
	world_balloon(&w, 198 * MIB);
	w.settings.grow_max_b = GIB;
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = (96 + 13) * MIB;
	sent(&w, 198 * MIB);
	world_after(&w, FAST);
	assert_int_equal(w.d.reason, REASON_STEP);
	assert_int_equal(w.d.target_b, RAM - 211 * MIB);
}

static void a_step_waits_for_statistics_that_are_newer_than_the_last(void **state)
{
	struct world w;

	(void)state;
	inflating(&w);
	world_balloon(&w, 220 * MIB);
	w.vm.stats.taken_us = w.history.target_us; /* only the size is news */
	w.now_us += FAST;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_INFLATE_WAIT);
}

static void a_size_that_is_not_known_begins_nothing(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.vm.actual_b.known = false;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_NO_DRIVER);
	w.vm.ram_b.known = false;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_NO_DRIVER);
}

static void the_size_ends_it(void **state)
{
	struct world w;

	(void)state;
	inflating(&w);
	w.history.now.size_b = 100 * MIB;
	world_after(&w, FAST);
	assert_stopped(&w, REASON_STOP_SIZE);
}

static void the_reserve_ends_it(void **state)
{
	struct world w;

	(void)state;
	inflating(&w);
	w.settings.grow_max_b = GIB;
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = 96 * MIB;
	world_after(&w, FAST);
	assert_stopped(&w, REASON_STOP_RESERVE);
	/* and so does a target that is out for more than there is now */
	inflating(&w);
	w.settings.grow_max_b = GIB;
	sent(&w, 200 * MIB);
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = (96 + 60) * MIB;
	world_after(&w, FAST);
	assert_stopped(&w, REASON_STOP_RESERVE);
}

static void distress_means_all_memory_in_one_step(void **state)
{
	struct world w;

	(void)state;
	inflating(&w);
	w.vm.stats.tag[BALLOON_STAT_SWAP_OUT] += 4096;
	world_after(&w, FAST);
	assert_stopped(&w, REASON_STOP_SWAP);
	inflating(&w);
	w.vm.stats.tag[BALLOON_STAT_OOM_KILL]++;
	world_after(&w, FAST);
	assert_stopped(&w, REASON_STOP_OOM);
	inflating(&w);
	w.vm.stats.tag[BALLOON_STAT_MAJFLT] += 1000;
	world_after(&w, FAST);
	assert_stopped(&w, REASON_STOP_FAULTS);
	inflating(&w);
	w.vm.stats.tag[BALLOON_STAT_AVAIL] -= 49 * MIB;
	world_after(&w, FAST);
	assert_stopped(&w, REASON_STOP_GROWS);
}

static void a_stall_ends_it(void **state)
{
	struct world w;

	(void)state;
	inflating(&w);
	/* 4 s at less than 15 MiB/s; statistics keep coming */
	world_after(&w, 2 * USEC_PER_SEC);
	assert_int_equal(w.d.phase, PHASE_INFLATING);
	world_balloon(&w, 150 * MIB);
	world_after(&w, 2 * USEC_PER_SEC);
	assert_int_equal(w.d.phase, PHASE_INFLATING); /* 150 in 4 s is quick enough */
	world_balloon(&w, 205 * MIB);
	world_after(&w, 4 * USEC_PER_SEC);
	assert_stopped(&w, REASON_STOP_STALL);
}

static void a_guest_that_gives_back_is_remembered(void **state)
{
	struct world w;

	(void)state;
	inflating(&w);
	world_balloon(&w, 80 * MIB);
	world_after(&w, FAST);
	assert_stopped(&w, REASON_STOP_GIVES_BACK);
	assert_int_equal(w.history.gives_back, 1);
	/* one whose balloon shrinks because it is short is not such a guest */
	inflating(&w);
	world_balloon(&w, 80 * MIB);
	w.settings.grow_max_b = GIB;
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = 90 * MIB;
	world_after(&w, FAST);
	assert_stopped(&w, REASON_STOP_RESERVE);
	assert_int_equal(w.history.gives_back, 0);
}

static void statistics_that_do_not_follow_the_balloon_are_not_trusted(void **state)
{
	struct guest_stats before;
	struct world w;

	(void)state;
	inflating(&w);
	before = w.history.start;
	w.vm.stats.tag[BALLOON_STAT_MEMFREE] = before.tag[BALLOON_STAT_MEMFREE];
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = before.tag[BALLOON_STAT_AVAIL];
	world_after(&w, FAST);
	assert_stopped(&w, REASON_STOP_LIES);
	/* whatever it freed, and though there is more to win, the next one is not soon */
	w.vm.resident_b.value -= 300 * MIB;
	world_balloon(&w, 0);
	world_after(&w, 50 * USEC_PER_MSEC);
	assert_int_equal(w.d.phase, PHASE_VERIFYING);
	world_verify(&w, 0);
	assert_int_equal(w.d.phase, PHASE_RESTING);
	assert_int_equal(w.d.reason, REASON_REST_DISAPPOINTED);
	assert_int_equal(w.history.squeezes, 1);
}

static void a_guest_that_frees_memory_meanwhile_is_believed(void **state)
{
	struct world w;

	(void)state;
	inflating(&w);
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = w.history.start.tag[BALLOON_STAT_AVAIL] - MIB;
	world_after(&w, FAST);
	assert_int_equal(w.d.phase, PHASE_INFLATING);
}

static void silence_ends_it(void **state)
{
	struct world w;

	(void)state;
	inflating(&w);
	assert_int_equal(w.d.wake_us, w.now_us + FAST + w.settings.answer_max_us);
	w.now_us = w.d.wake_us;
	world_tick(&w);
	assert_stopped(&w, REASON_STOP_STATS);
	inflating(&w);
	w.vm.stats.known = 0;
	world_after(&w, FAST);
	assert_stopped(&w, REASON_STOP_STATS);
}

static void taking_too_long_ends_it(void **state)
{
	struct world w;

	(void)state;
	inflating(&w);
	w.settings.stall_rate_b = 0;
	world_after(&w, 61 * USEC_PER_SEC);
	assert_stopped(&w, REASON_STOP_TIME);
}

static void what_happens_to_the_vm_ends_it(void **state)
{
	struct world w;

	(void)state;
	inflating(&w);
	w.vm.state = VM_STATE_PAUSED;
	world_after(&w, FAST);
	assert_stopped(&w, REASON_STOP_PAUSED);
	inflating(&w);
	w.vm.state = VM_STATE_DOWN;
	world_after(&w, FAST);
	assert_stopped(&w, REASON_STOP_DISCONNECTED);
	inflating(&w);
	w.vm.boots++;
	world_after(&w, FAST);
	assert_stopped(&w, REASON_STOP_RESET);
	inflating(&w);
	w.vm.target_error = 5;
	world_after(&w, FAST);
	assert_stopped(&w, REASON_STOP_REFUSED);
	inflating(&w);
	w.settings.mode = MODE_OFF;
	world_after(&w, FAST);
	assert_stopped(&w, REASON_STOP_MODE);
	inflating(&w);
	w.vm.request = REQUEST_RELEASE;
	world_after(&w, FAST);
	assert_stopped(&w, REASON_STOP_RELEASED);
}

static void an_unmeasured_footprint_does_not_end_it_early(void **state)
{
	struct world w;

	(void)state;
	inflating(&w);
	w.vm.resident_b.value = 0;
	w.vm.resident_b.known = false;
	world_after(&w, FAST);
	assert_int_equal(w.d.phase, PHASE_INFLATING);
	assert_int_equal(w.d.fig.freed_b, FIGURE_UNKNOWN);
	/* nor does one that is older than the squeeze */
	inflating(&w);
	w.vm.resident_b.value = 0;
	w.now_us += FAST;
	world_fresh(&w);
	w.vm.resident_b.taken_us = w.history.now.start_us - 1;
	world_tick(&w);
	assert_int_equal(w.d.phase, PHASE_INFLATING);
}

static void deflating_asks_again_and_says_when_it_is_stuck(void **state)
{
	struct world w;

	(void)state;
	inflating(&w);
	w.vm.request = REQUEST_RELEASE;
	world_after(&w, FAST);
	world_after(&w, 50 * USEC_PER_MSEC);
	assert_int_equal(w.d.reason, REASON_DEFLATE_WAIT);
	assert_false(w.d.actions & ACT_SET_TARGET);
	world_after(&w, 2 * USEC_PER_SEC);
	assert_true(w.d.actions & ACT_SET_TARGET);
	assert_int_equal(w.d.target_b, RAM);
	world_after(&w, 10 * USEC_PER_SEC);
	assert_int_equal(w.d.reason, REASON_DEFLATE_STUCK);
	assert_int_equal(w.d.phase, PHASE_DEFLATING);
	/* an operator's squeeze cannot turn it round */
	w.vm.request = REQUEST_SQUEEZE;
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.phase, PHASE_DEFLATING);
	/* a paused guest's balloon may read 0 and move later */
	world_balloon(&w, 0);
	w.vm.state = VM_STATE_PAUSED;
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.phase, PHASE_DEFLATING);
	/* a size that is not known is not 0 */
	w.vm.state = VM_STATE_RUNNING;
	w.vm.actual_b.known = false;
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.phase, PHASE_DEFLATING);
	w.vm.actual_b.known = true;
	/* a size from before the request is no answer to it */
	w.vm.state = VM_STATE_RUNNING;
	w.now_us += USEC_PER_SEC;
	w.vm.actual_b.taken_us = w.history.target_us;
	world_tick(&w);
	assert_int_equal(w.d.phase, PHASE_DEFLATING);
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.phase, PHASE_VERIFYING);
}

static void verifying_measures_at_once_and_after_1_10_and_60_s(void **state)
{
	struct world w;
	uint64_t end;

	(void)state;
	world_init(&w);
	world_squeeze(&w, 600 * MIB);
	end = w.history.now.end_us;
	assert_int_equal(w.d.wake_us, end + 1);
	world_after(&w, 1);
	assert_int_equal(w.history.now.freed_b[VERIFY_AT_ONCE], 600 * MIB);
	assert_int_equal(w.d.wake_us, end + USEC_PER_SEC);
	/* a footprint from before it is due does not count */
	w.now_us = end + USEC_PER_SEC;
	world_tick(&w);
	assert_int_equal(w.history.now.freed_b[VERIFY_1S], FIGURE_UNKNOWN);
	assert_int_equal(w.d.wake_us, w.now_us + 50 * USEC_PER_MSEC);
	assert_true(w.d.actions & ACT_MEASURE);
	world_after(&w, 50 * USEC_PER_MSEC);
	assert_int_equal(w.history.now.freed_b[VERIFY_1S], 600 * MIB);
	/* one that does not come is given up after 2 s */
	w.now_us = end + 13 * USEC_PER_SEC;
	w.vm.resident_b.known = false;
	world_tick(&w);
	assert_int_equal(w.history.now.freed_b[VERIFY_10S], FIGURE_UNKNOWN);
	assert_int_equal(w.history.verify_next, VERIFY_60S);
	w.now_us = end + 63 * USEC_PER_SEC;
	world_tick(&w);
	assert_int_equal(w.d.phase, PHASE_RESTING);
	assert_int_equal(w.history.done.freed_b[VERIFY_60S], FIGURE_UNKNOWN);
}

static void a_squeeze_whose_yield_is_unknown_teaches_no_overhead(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_squeeze(&w, 600 * MIB);
	w.vm.resident_b.known = false;
	world_after(&w, 3 * USEC_PER_SEC);
	assert_int_equal(w.history.squeezes, 1);
	assert_int_equal(w.history.yield_total_b, 0);
	assert_int_equal(w.history.overhead_b, FIGURE_UNKNOWN);
}

static void what_a_full_squeeze_leaves_is_overhead(void **state)
{
	const enum reason full[] = { REASON_STOP_SIZE, REASON_STOP_RESERVE };
	struct world w;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(full); i++) {
		world_init(&w);
		world_squeeze(&w, 600 * MIB);
		w.history.now.stop = full[i];
		world_after(&w, 1);
		assert_int_equal(w.history.overhead_b, 118 * MIB);
	}
	/* one that ended early left more than that */
	world_init(&w);
	world_squeeze(&w, 600 * MIB);
	w.history.now.stop = REASON_STOP_SWAP;
	world_after(&w, 1);
	assert_int_equal(w.history.overhead_b, FIGURE_UNKNOWN);
	/* and one without statistics afterwards tells nothing */
	world_init(&w);
	world_squeeze(&w, 600 * MIB);
	w.history.now.stop = REASON_STOP_SIZE;
	w.history.now.used_after_b = FIGURE_UNKNOWN;
	world_after(&w, 1);
	assert_int_equal(w.history.overhead_b, FIGURE_UNKNOWN);
}

static void a_reset_ends_verifying(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_squeeze(&w, 600 * MIB);
	w.vm.boots++;
	world_after(&w, 1);
	assert_int_equal(w.d.phase, PHASE_RESTING);
}

static void resting_ends_by_time_or_by_an_operator(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_squeeze(&w, 600 * MIB);
	world_verify(&w, 0);
	world_after(&w, 10 * USEC_PER_SEC);
	assert_int_equal(w.d.phase, PHASE_RESTING);
	assert_int_equal(w.d.fig.freed_b, 600 * MIB);
	w.vm.request = REQUEST_SQUEEZE;
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.reason, REASON_BEGIN_REQUESTED);
	world_init(&w);
	world_squeeze(&w, 600 * MIB);
	world_verify(&w, 0);
	w.vm.resident_b.value += 600 * MIB;
	world_after(&w, w.settings.rest_min_us);
	assert_int_equal(w.d.phase, PHASE_INFLATING);
}

static void a_requested_squeeze_goes_to_its_size(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.vm.request = REQUEST_SQUEEZE;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_BEGIN_REQUESTED);
	while (w.d.phase == PHASE_INFLATING) {
		w.vm.resident_b.value = 0; /* more freed than was ever expected */
		world_balloon(&w, RAM - w.history.target_b);
		world_after(&w, FAST);
	}
	assert_stopped(&w, REASON_STOP_RESERVE);
	assert_true(w.history.now.balloon_b > 830 * MIB);
}

static void old_statistics_are_asked_for_once_per_interval(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.now_us += 5 * USEC_PER_SEC;
	w.vm.request = REQUEST_SQUEEZE;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_LOOKING);
	assert_int_equal(w.d.actions, ACT_REFRESH | ACT_MEASURE);
	assert_int_equal(w.d.refresh_us, w.now_us);
	/* none came */
	w.now_us = w.d.wake_us;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_STATS_STALE);
	assert_int_equal(w.d.actions, ACT_POLLING);
	assert_int_equal(w.history.request, REQUEST_NONE);
	/* they came */
	w.now_us += 10 * USEC_PER_SEC;
	w.vm.request = REQUEST_SQUEEZE;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_LOOKING);
	world_after(&w, 5 * USEC_PER_MSEC);
	assert_int_equal(w.d.reason, REASON_BEGIN_REQUESTED);
}

static void calm_vms_are_looked_at_each_at_its_own_point_of_the_interval(void **state)
{
	uint64_t first, point[3];
	struct world w;
	uint64_t id;

	(void)state;
	for (id = 1; id <= 3; id++) {
		world_init(&w);
		w.settings.mode = MODE_OBSERVE;
		w.vm.id = id;
		world_tick(&w);
		first = w.d.wake_us;
		assert_true(first >= w.now_us + 5 * USEC_PER_SEC);
		assert_true(first < w.now_us + 15 * USEC_PER_SEC);
		world_after(&w, first - w.now_us);
		assert_int_equal(w.d.wake_us, first + 10 * USEC_PER_SEC);
		point[id - 1] = first % (10 * USEC_PER_SEC);
	}
	assert_true(point[0] != point[1] && point[1] != point[2]);
}

static void two_zero_yields_give_up_until_an_operator_or_a_reset(void **state)
{
	struct world w;
	int round;

	(void)state;
	world_init(&w);
	for (round = 0; round < 2; round++) {
		w.history.overhead_b = FIGURE_UNKNOWN; /* stale memory grew again */
		w.history.busy = TRI_NO;
		w.history.calm = TRI_YES;
		world_squeeze(&w, 0);
		world_verify(&w, 0);
		if (round == 0) {
			assert_int_equal(w.d.reason, REASON_REST_DISAPPOINTED);
			w.now_us = w.history.rest_until_us;
			world_fresh(&w);
		}
	}
	assert_int_equal(w.d.phase, PHASE_GAVE_UP);
	assert_int_equal(w.d.reason, REASON_GAVE_UP);
	world_after(&w, 24 * 3600 * USEC_PER_SEC);
	assert_int_equal(w.d.phase, PHASE_GAVE_UP);
	w.vm.request = REQUEST_SQUEEZE;
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.phase, PHASE_INFLATING);
	world_init(&w);
	w.history.phase = PHASE_GAVE_UP;
	w.history.ending = REASON_GAVE_UP_HUGETLB;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_GAVE_UP_HUGETLB);
	w.vm.boots++;
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.phase, PHASE_WATCH);
}

static void giving_up_on_hugetlb_says_so(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.vm.obstacles = OBSTACLE_HUGETLB;
	w.history.zero_yields = 1;
	world_squeeze(&w, 0);
	world_verify(&w, 0);
	assert_int_equal(w.d.phase, PHASE_GAVE_UP);
	assert_int_equal(w.d.reason, REASON_GAVE_UP_HUGETLB);
}

static void a_foreign_balloon_goes_only_when_an_operator_asks(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_balloon(&w, 300 * MIB);
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_FOREIGN_BALLOON);
	assert_int_equal(w.d.actions, 0);
	w.vm.request = REQUEST_RELEASE;
	world_after(&w, USEC_PER_SEC);
	assert_stopped(&w, REASON_STOP_RELEASED);
	world_balloon(&w, 0);
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.reason, REASON_REST_RELEASED);
	assert_int_equal(w.history.squeezes, 0);
	assert_int_equal(w.history.rest_until_us, w.now_us + w.settings.release_rest_us);
}

/* A balloon that is held because the host is short. */
static void holding(struct world *w)
{
	inflating(w);
	w->host.available_b.value = GIB / 2;
	w->history.now.size_b = 100 * MIB;
	w->vm.resident_b.value = 200 * MIB; /* it has no more to give */
	world_after(w, FAST);
	assert_int_equal(w->d.phase, PHASE_HOLDING);
	assert_int_equal(w->d.target_b, RAM - 100 * MIB);
	world_after(w, USEC_PER_SEC);
	assert_int_equal(w->d.reason, REASON_HOLD_HOST_SHORT);
	assert_false(w->d.actions & ACT_SET_TARGET);
	/* a guest that asks for all it has left is seen before that is gone */
	assert_true(w->d.refresh_us <= w->now_us + 100 * USEC_PER_MSEC);
}

static void a_balloon_is_held_only_while_the_host_is_short(void **state)
{
	struct world w;

	(void)state;
	holding(&w);
	w.host.available_b.value = u64_ppm(16 * GIB, 90000); /* above short, not yet well */
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.phase, PHASE_HOLDING);
	w.host.available_b.value = 2 * GIB;
	world_after(&w, USEC_PER_SEC);
	assert_stopped(&w, REASON_STOP_HOST_WELL);
	holding(&w);
	w.host.available_b.known = false; /* not known to be short */
	world_after(&w, USEC_PER_SEC);
	assert_stopped(&w, REASON_STOP_HOST_WELL);
	holding(&w);
	w.host.total_b.known = false;
	world_after(&w, USEC_PER_SEC);
	assert_stopped(&w, REASON_STOP_HOST_WELL);
	holding(&w);
	world_after(&w, w.settings.hold_max_us);
	assert_stopped(&w, REASON_STOP_TIME);
}

/* Parts of an offer are told in millionths. */
static void assert_about(uint64_t b, uint64_t wanted_b)
{
	assert_in_range(b, wanted_b - MIB, wanted_b + MIB);
}

/* A host that misses @need_b, and a guest with 600 MiB that are stale. */
static void asked(struct world *w, uint64_t need_b)
{
	world_init(w);
	w->settings.host_short_ppm = w->settings.host_well_ppm = 100000;
	w->settings.free_within_us = 600 * USEC_PER_SEC; /* it is not late */
	w->host.available_b.value = u64_ppm(16 * GIB, 100000) - need_b;
	world_tick(w);
	assert_int_equal(w->d.reason, REASON_BEGIN_HOST);
}

/* Follows its targets until something else happens; what was stale goes first. */
static void follow(struct world *w, uint64_t resident_b)
{
	while (w->d.phase == PHASE_INFLATING) {
		uint64_t balloon_b = RAM - w->history.target_b;

		world_balloon(w, balloon_b);
		if (balloon_b > 870 * MIB) /* what is free: the rest is page cache */
			w->vm.stats.tag[BALLOON_STAT_CACHES] = 930 * MIB - balloon_b;
		/* what the host has back already, 270 MiB, is handed out first */
		w->vm.resident_b.value = resident_b - u64_sub_sat(balloon_b, 270 * MIB);
		world_after(w, FAST);
	}
}

static void a_guest_that_would_not_give_is_not_asked_until_it_has_rested(void **state)
{
	const enum reason why[] = { REASON_STOP_STATS, REASON_STOP_TIME, REASON_STOP_REFUSED,
				    REASON_STOP_LIES };
	struct world w;
	size_t i;

	(void)state;
	asked(&w, 100 * MIB);
	w.host.squeezing = 1; /* it is not its turn without being asked */
	assert_about(w.learned.coming_b, 100 * MIB);
	while (w.d.phase == PHASE_INFLATING) { /* its balloon does not move */
		if (w.now_us < w.history.mark_us + USEC_PER_SEC)
			assert_about(w.learned.coming_b, 100 * MIB);
		else
			assert_int_equal(w.learned.coming_b, 0);
		world_after(&w, FAST);
	}
	assert_stopped(&w, REASON_STOP_STALL);
	world_after(&w, 50 * USEC_PER_MSEC);
	while (w.d.phase == PHASE_VERIFYING) {
		assert_int_equal(w.learned.offer_b[0], 0);
		world_after(&w, USEC_PER_SEC);
	}
	assert_int_equal(w.d.phase, PHASE_RESTING);
	assert_int_equal(w.learned.offer_b[0], 0);
	for (i = 0; i < ARRAY_SIZE(why); i++) {
		w.history.now.stop = why[i];
		world_after(&w, USEC_PER_SEC);
		assert_int_equal(w.learned.offer_b[0], 0);
	}
	w.now_us = w.history.rest_until_us;
	world_after(&w, 0);
	assert_int_equal(w.d.phase, PHASE_WATCH);
	assert_about(w.learned.offer_b[0], (930 - 96 - 270) * MIB);
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.reason, REASON_BEGIN_HOST);
}

static void a_held_balloon_grows_on_when_the_host_needs_more(void **state)
{
	uint64_t since_us, before_b;
	struct world w;

	(void)state;
	asked(&w, 100 * MIB);
	before_b = w.vm.resident_b.value;
	follow(&w, before_b);
	assert_int_equal(w.d.phase, PHASE_HOLDING);
	assert_int_equal(w.d.actions & ACT_MEASURE, ACT_MEASURE);
	since_us = w.now_us;
	assert_int_equal(w.d.fig.until_us, since_us + w.settings.hold_max_us);
	/* what it has besides is on offer, and not asked for while the host has enough */
	assert_about(w.learned.held_b[0], 370 * MIB);
	assert_about(w.learned.offer_b[0], (930 - 370 - 96) * MIB); /* to its reserve */
	assert_int_equal(w.learned.offer_b[2], 0);
	w.settings.host_well_ppm = 200000;
	w.learned.coming_b = 2 * GIB; /* of others */
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.reason, REASON_HOLD_HOST_SHORT);
	w.learned.coming_b = 0;
	/* a footprint from before it was held tells nothing of what is left */
	w.vm.resident_b.taken_us = since_us - 1;
	w.now_us += USEC_PER_SEC;
	w.vm.stats.taken_us = w.vm.actual_b.taken_us = w.now_us;
	world_tick(&w);
	assert_int_equal(w.learned.offer_b[0], 0);
	assert_int_equal(w.d.reason, REASON_HOLD_HOST_SHORT);
	/* 400 MiB more */
	w.settings.host_well_ppm = 100000;
	w.host.available_b.value = u64_ppm(16 * GIB, 100000) - 400 * MIB;
	world_after(&w, 70 * USEC_PER_SEC);
	assert_int_equal(w.d.reason, REASON_HOLD_MORE);
	assert_int_equal(w.d.phase, PHASE_INFLATING);
	assert_about(w.d.fig.expected_b, 500 * MIB);
	assert_about(w.history.now.size_b, (770 + 36) * MIB);
	assert_int_equal(w.history.now.class, 0);
	assert_about(w.learned.coming_b, 400 * MIB);
	follow(&w, before_b);
	assert_int_equal(w.d.phase, PHASE_HOLDING);
	assert_about(w.learned.held_b[0], 806 * MIB);
	/* and then its page cache, with the rest of what is stale */
	assert_about(w.learned.offer_b[0], 28 * MIB);
	for (size_t i = 0; i < 2; i++) {
		uint64_t *tag = i ? w.vm.stats.tag : w.history.start.tag;

		tag[BALLOON_STAT_AVAIL] += 300 * MIB;
		tag[BALLOON_STAT_CACHES] = 300 * MIB;
	}
	world_after(&w, 100 * USEC_PER_MSEC);
	assert_int_equal(w.d.reason, REASON_HOLD_MORE);
	assert_about(w.history.now.cold_b, 58 * MIB); /* it has 218, and its reserve */
	assert_about(w.history.now.size_b, (806 + 64 + 58) * MIB);
	assert_int_not_equal(w.history.now.class, 0);
	w.history.now.size_b = 806 * MIB;
	/* it was held for the first time long ago: that is what counts */
	world_after(&w, FAST);
	assert_int_equal(w.d.phase, PHASE_HOLDING);
	w.now_us = since_us + w.settings.hold_max_us - 1;
	world_after(&w, 1);
	assert_stopped(&w, REASON_STOP_TIME);
	world_balloon(&w, 0);
	world_after(&w, 50 * USEC_PER_MSEC);
	while (w.history.verify_next == VERIFY_AT_ONCE)
		world_after(&w, 1);
	assert_int_equal(w.history.squeezes, 1);
	for (size_t i = 0; i < LEARN_RATES; i++)
		assert_int_equal(w.learned.rates[i], 0);
}

static void distress_outranks_a_short_host(void **state)
{
	struct world w;

	(void)state;
	holding(&w);
	w.vm.stats.tag[BALLOON_STAT_SWAP_OUT] += 4096;
	world_after(&w, USEC_PER_SEC);
	assert_stopped(&w, REASON_STOP_SWAP);
	holding(&w);
	w.settings.grow_max_b = GIB;
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = 71 * MIB;
	world_after(&w, USEC_PER_SEC);
	assert_stopped(&w, REASON_STOP_RESERVE);
	/* a reserve that is broken at the end of an inflate is not held on to either */
	inflating(&w);
	w.host.available_b.value = GIB / 2;
	w.settings.grow_max_b = GIB;
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = 71 * MIB;
	world_after(&w, FAST);
	assert_stopped(&w, REASON_STOP_RESERVE);
	/* and holding can be switched off */
	inflating(&w);
	w.host.available_b.value = GIB / 2;
	w.settings.hold_max_us = 0;
	w.history.now.size_b = 100 * MIB;
	world_after(&w, FAST);
	assert_stopped(&w, REASON_STOP_SIZE);
}

static void releasing_what_rests_lengthens_the_rest(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_squeeze(&w, 600 * MIB);
	w.vm.request = REQUEST_RELEASE;
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.reason, REASON_REST_RELEASED);
	/* but a balloon that somebody inflates meanwhile goes when asked */
	world_balloon(&w, 100 * MIB);
	w.vm.request = REQUEST_RELEASE;
	world_after(&w, USEC_PER_SEC);
	assert_stopped(&w, REASON_STOP_RELEASED);
	/* asked again, it goes on deflating */
	w.vm.request = REQUEST_RELEASE;
	world_after(&w, FAST);
	assert_int_equal(w.d.reason, REASON_DEFLATE_WAIT);
	holding(&w);
	w.vm.request = REQUEST_RELEASE;
	world_after(&w, FAST);
	assert_stopped(&w, REASON_STOP_RELEASED);
}

static void a_release_stops_what_was_about_to_begin(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.now_us += 5 * USEC_PER_SEC;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_LOOKING);
	w.vm.request = REQUEST_RELEASE;
	world_after(&w, 5 * USEC_PER_MSEC); /* the fresh statistics come with it */
	assert_int_equal(w.d.reason, REASON_REST_RELEASED);
	assert_int_equal(w.d.actions, ACT_POLLING);
	world_after(&w, w.settings.release_rest_us - 1);
	assert_int_equal(w.d.phase, PHASE_RESTING);
}

static void a_released_squeeze_rests_longer_than_others(void **state)
{
	struct world w;

	(void)state;
	inflating(&w);
	w.vm.request = REQUEST_RELEASE;
	world_after(&w, FAST);
	world_balloon(&w, 0);
	world_after(&w, FAST);
	world_verify(&w, 0);
	assert_int_equal(w.d.reason, REASON_REST_RELEASED);
	assert_int_equal(w.history.rest_until_us, w.now_us + w.settings.release_rest_us);
}

static void a_leftover_of_a_daemon_that_died_goes_by_itself(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_balloon(&w, 300 * MIB);
	w.vm.leftover = 1;
	w.vm.state = VM_STATE_PAUSED;
	world_tick(&w);
	assert_int_equal(w.d.phase, PHASE_WATCH);
	w.vm.state = VM_STATE_RUNNING;
	world_after(&w, USEC_PER_SEC);
	assert_stopped(&w, REASON_STOP_LEFTOVER);
	world_balloon(&w, 0);
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.phase, PHASE_WATCH);
	assert_int_equal(w.history.squeezes, 0);
	w.history.calm = TRI_YES;
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.reason, REASON_BEGIN);
}

static void a_guardian_that_dies_ends_an_inflate(void **state)
{
	struct world w;

	(void)state;
	inflating(&w);
	w.vm.guarded = 0;
	world_after(&w, FAST);
	assert_stopped(&w, REASON_STOP_GUARDIAN);
}

static void a_target_that_was_held_back_is_asked_for_again(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_begin(&w);
	w.vm.target_b.known = false; /* it never went out */
	world_after(&w, FAST);
	assert_int_equal(w.d.reason, REASON_STEP);
	assert_int_equal(w.d.target_b, RAM - 128 * MIB);
}

static void a_guest_that_was_reset_is_nudged(void **state)
{
	struct world w;

	(void)state;
	inflating(&w);
	w.vm.boots++;
	world_after(&w, FAST);
	assert_stopped(&w, REASON_STOP_RESET);
	/* while no statistics of the new guest are there, it is only asked again */
	w.vm.stats.known = 0;
	world_after(&w, 2 * USEC_PER_SEC);
	assert_int_equal(w.d.target_b, RAM);
	w.vm.stats.known = 0xffff; /* or only the old one's */
	w.now_us += 2 * USEC_PER_SEC;
	w.vm.stats.taken_us = w.history.target_us;
	world_tick(&w);
	assert_int_equal(w.d.target_b, RAM);
	world_after(&w, 2 * USEC_PER_SEC);
	assert_int_equal(w.d.target_b, RAM - 4 * MIB);
	/* the new driver inflates to that from 0, and the old size is gone */
	world_balloon(&w, 4 * MIB);
	world_after(&w, 50 * USEC_PER_MSEC);
	assert_int_equal(w.d.target_b, RAM);
	assert_int_equal(w.d.phase, PHASE_DEFLATING);
	world_balloon(&w, 0);
	world_after(&w, 50 * USEC_PER_MSEC);
	assert_int_equal(w.d.phase, PHASE_VERIFYING);
	/* one that moves is not nudged */
	inflating(&w);
	w.vm.request = REQUEST_RELEASE;
	world_after(&w, FAST);
	world_balloon(&w, 90 * MIB);
	world_after(&w, 2 * USEC_PER_SEC);
	assert_int_equal(w.d.target_b, RAM);
	/* nor is one whose nudge did not help nudged twice in a row */
	world_after(&w, 2 * USEC_PER_SEC);
	assert_int_equal(w.d.target_b, RAM - 4 * MIB);
	world_after(&w, 2 * USEC_PER_SEC);
	assert_int_equal(w.d.target_b, RAM);
}

/* A quiet guest with nothing stale, and 600 MiB of page cache that was never tried. */
static void cached(struct world *w)
{
	world_init(w);
	w->vm.resident_b.value = 54 * MIB + 64 * MIB + 700 * MIB;
	w->vm.stats.tag[BALLOON_STAT_MEMFREE] = 300 * MIB;
	w->vm.stats.tag[BALLOON_STAT_CACHES] = 600 * MIB;
	w->history.base = w->vm.stats;
}

/* The probe of it, until 10 s after; @back_b of what was pressed has been read again. */
static void probe(struct world *w, uint64_t back_b)
{
	uint64_t *tag = w->vm.stats.tag;

	cached(w);
	world_begin(w);
	assert_int_equal(w->history.now.probe, 1);
	assert_int_equal(w->history.now.size_b, 360 * MIB);
	while (w->d.phase == PHASE_INFLATING) {
		world_balloon(w, RAM - w->history.target_b);
		tag[BALLOON_STAT_MEMFREE] = 0;
		tag[BALLOON_STAT_CACHES] = 540 * MIB;
		world_after(w, FAST);
	}
	world_balloon(w, 0);
	tag[BALLOON_STAT_MEMFREE] = 360 * MIB - back_b;
	tag[BALLOON_STAT_CACHES] = 540 * MIB + back_b;
	world_after(w, 50 * USEC_PER_MSEC);
	assert_int_equal(w->d.phase, PHASE_VERIFYING);
	while (w->d.phase == PHASE_VERIFYING && w->history.verify_next < VERIFY_60S) {
		if (w->history.verify_next == VERIFY_10S && w->d.actions & ACT_REFRESH)
			assert_int_equal(w->d.refresh_us,
					 w->history.now.end_us + 10 * USEC_PER_SEC);
		w->now_us = w->d.actions & ACT_REFRESH ? w->d.refresh_us + 1 : w->d.wake_us;
		world_fresh(w);
		world_tick(w);
	}
}

static void cold_cache_is_pressed_whole_once_a_probe_stayed_away(void **state)
{
	struct world w;

	(void)state;
	probe(&w, 0);
	assert_int_equal(w.d.reason, REASON_BEGIN);
	assert_int_equal(w.history.now.probe, 0);
	assert_int_equal(w.history.cold_ppm, 900000);
	assert_int_equal(w.history.now.cold_b, 474 * MIB);
}

static void hot_cache_is_left_alone_after_a_probe(void **state)
{
	struct world w;

	(void)state;
	probe(&w, 55 * MIB);
	assert_int_equal(w.d.phase, PHASE_VERIFYING);
	world_verify(&w, 60 * MIB);
	assert_int_equal(w.d.reason, REASON_REST_DISAPPOINTED);
	w.now_us = w.history.rest_until_us;
	world_fresh(&w);
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_LITTLE_TO_GAIN);
}

static void a_probe_that_pressed_nothing_teaches_nothing(void **state)
{
	struct world w;

	(void)state;
	cached(&w);
	w.history.phase = PHASE_VERIFYING;
	w.history.verify_next = VERIFY_10S;
	w.history.now = (struct squeeze){ .start_us = 1, .end_us = 2, .probe = 1 };
	w.history.now.cache_before_b = w.history.now.cache_low_b = 600 * MIB;
	world_after(&w, 1);
	assert_int_equal(w.d.phase, PHASE_VERIFYING);
	assert_int_equal(w.history.cold_tried_us, 0);
}

static void an_operator_need_not_wait_for_the_verdict(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_squeeze(&w, 600 * MIB);
	w.vm.request = REQUEST_SQUEEZE;
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.reason, REASON_BEGIN_REQUESTED);
}

static void a_vm_whose_turn_it_is_not_looks_again_soon(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.host.squeezing = 1;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_TURN);
	assert_true(w.d.wake_us <= w.now_us + 2 * USEC_PER_SEC);
}

static void two_vms_of_one_tick_take_turns(void **state)
{
	struct world a, b;
	struct vm_facts vm[2];
	const struct settings *settings[] = { &a.settings, &b.settings };
	struct history *history[] = { &a.history, &b.history };
	struct decision d[2];
	const struct policy_host host = { .settings = &a.settings, .history = &a.learned };
	struct plan plan = { .vm = d };
	struct snapshot snap;

	(void)state;
	world_init(&a);
	world_init(&b);
	vm[0] = a.vm;
	vm[1] = b.vm;
	snap = (struct snapshot){ .now_us = a.now_us, .host = a.host, .nvm = 2, .vm = vm };
	policy_decide(&snap, &host, settings, history, &plan);
	assert_int_equal(d[0].reason, REASON_BEGIN);
	assert_int_equal(d[1].reason, REASON_TURN);
	/* those that an operator asked for count as well */
	a.history.phase = PHASE_WATCH;
	a.history.request = REQUEST_SQUEEZE;
	policy_decide(&snap, &host, settings, history, &plan);
	assert_int_equal(d[0].reason, REASON_BEGIN_REQUESTED);
	assert_int_equal(d[1].reason, REASON_TURN);
}

/* ---- random worlds: whatever a guest does, the invariants of the design hold ---- */

static uint64_t rnd(uint64_t *seed)
{
	*seed ^= *seed << 13; /* xorshift64 (Marsaglia 2003) */
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* The guest and the host do something, the balloon moves towards its target or not. */
static void disturb(struct world *w, uint64_t *seed)
{
	uint64_t *tag = w->vm.stats.tag;
	uint64_t target_b = w->history.target_b ? w->history.target_b : RAM;
	uint64_t what = rnd(seed) % 24, some = rnd(seed) % (64 * MIB);
	uint64_t balloon_b = RAM - w->vm.actual_b.value;

	balloon_b = what % 3 ? RAM - target_b : (balloon_b + RAM - target_b) / 2;
	world_balloon(w, u64_min(balloon_b, RAM));
	w->now_us = rnd(seed) % 4 ? w->d.wake_us : w->now_us + 1 + rnd(seed) % USEC_PER_SEC;
	if (rnd(seed) % 8)
		world_fresh(w);
	tag[BALLOON_STAT_AVAIL] = u64_sub_sat(tag[BALLOON_STAT_AVAIL], some);
	w->vm.resident_b.value = 300 * MIB + rnd(seed) % (500 * MIB);
	switch (what) {
	case 0:
		tag[BALLOON_STAT_SWAP_OUT] += some;
		break;
	case 1:
		tag[BALLOON_STAT_OOM_KILL]++;
		break;
	case 2:
		w->vm.state = (enum vm_state)(rnd(seed) % VM_STATE_COUNT);
		break;
	case 3:
		w->vm.request = (enum vm_request)(rnd(seed) % REQUEST_COUNT);
		break;
	case 4:
		w->vm.boots++;
		break;
	case 5:
		w->settings.mode = rnd(seed) % MODE_COUNT;
		break;
	case 6:
		w->host.available_b.value = rnd(seed) % (4 * GIB);
		break;
	case 8:
		w->vm.guarded = rnd(seed) % 4 > 0;
		break;
	case 7:
		w->vm.stats.known = rnd(seed) % 2 ? 0 : 0xffff;
		break;
	default: /* most of the time all is well */
		w->vm.state = VM_STATE_RUNNING;
		w->vm.guarded = 1;
		w->settings.mode = MODE_SQUEEZE;
		w->vm.stats.known = 0xffff;
		break;
	}
}

static void check_invariants(const struct world *w, uint64_t before_phase, bool released)
{
	const struct decision *d = &w->d;
	uint64_t balloon_b = RAM - w->vm.actual_b.value, reserve_b = 96 * MIB;
	bool grows = d->actions & ACT_SET_TARGET && d->target_b < w->vm.actual_b.value;

	/* 1. a deflation runs to 0 before another inflate may start */
	if (before_phase == PHASE_DEFLATING && d->phase != PHASE_DEFLATING)
		assert_int_equal(balloon_b, 0);
	if (before_phase == PHASE_DEFLATING)
		assert_false(grows);
	/* 2. distress means target 0 in one step */
	if (d->phase == PHASE_DEFLATING && before_phase != PHASE_DEFLATING)
		assert_true(d->actions & ACT_SET_TARGET && d->target_b == RAM);
	if (!grows)
		return;
	/* nobody inflates what an operator let go in the same breath */
	assert_false(released);
	assert_int_equal(w->vm.guarded, 1);
	/* 4. nothing is taken below the reserve, by the facts of now */
	assert_true(w->vm.stats.tag[BALLOON_STAT_AVAIL] >=
		    reserve_b + w->vm.actual_b.value - d->target_b);
	/* 5. unknown or stale facts mean no inflating */
	assert_int_equal(w->vm.state, VM_STATE_RUNNING);
	assert_true(w->settings.mode == MODE_SQUEEZE || w->settings.mode == MODE_RIGHTSIZE);
	assert_int_equal(w->vm.stats.known, 0xffff);
	assert_true(w->now_us <= w->vm.stats.taken_us + w->settings.stats_max_age_us);
}

static void invariants_hold_in_random_worlds(void **state)
{
	uint64_t seed, squeezes = 0;
	struct world w;
	int i;

	(void)state;
	for (seed = 1; seed <= 400; seed++) {
		uint64_t s = seed * UINT64_C(0x9e3779b97f4a7c15);

		world_init(&w);
		world_tick(&w);
		for (i = 0; i < 300; i++) {
			uint64_t phase = w.history.phase;
			bool released;

			disturb(&w, &s);
			released = w.vm.request == REQUEST_RELEASE;
			world_tick(&w);
			check_invariants(&w, phase, released);
		}
		squeezes += w.history.squeezes;
	}
	assert_true(squeezes > 400); /* or the worlds prove nothing */
}

/* A squeeze that was verified for 10 s while the guest freed 300 MiB more. */
static void more_to_win(struct world *w, uint64_t already)
{
	world_init(w);
	world_squeeze(w, 600 * MIB);
	w->history.more = already;
	while (w->history.verify_next < VERIFY_60S) {
		w->now_us = w->d.wake_us;
		w->history.calm = TRI_YES;
		world_fresh(w);
		world_tick(w);
	}
}

static void much_new_to_win_does_not_wait_for_the_rest(void **state)
{
	struct world w;
	uint64_t already, after_us = 10 * USEC_PER_SEC;

	(void)state;
	for (already = 0; already < 3; already++, after_us *= 2) {
		more_to_win(&w, already);
		assert_int_equal(w.d.phase, PHASE_VERIFYING);
		w.vm.resident_b.value += 300 * MIB;
		w.now_us = w.history.now.end_us + after_us - 1;
		w.history.calm = TRI_YES;
		world_after(&w, 0);
		assert_int_equal(w.d.phase, PHASE_VERIFYING);
		w.history.calm = TRI_YES;
		world_after(&w, 1);
		assert_int_equal(w.d.reason, REASON_BEGIN);
		assert_int_equal(w.history.more, already + 1);
		/* the last one taught what it was measured for */
		assert_int_equal(w.history.done.freed_b[VERIFY_10S], 600 * MIB);
		assert_int_equal(w.history.done.freed_b[VERIFY_60S], FIGURE_UNKNOWN);
		assert_int_equal(w.history.ending, REASON_REST);
	}
}

static void page_cache_that_ripens_meanwhile_is_waited_for(void **state)
{
	struct world w;

	(void)state;
	more_to_win(&w, 0);
	w.settings.cache_age_us = 20 * USEC_PER_SEC;
	w.vm.stats.tag[BALLOON_STAT_CACHES] = 400 * MIB;
	w.vm.stats.tag[BALLOON_STAT_MEMFREE] = 300 * MIB;
	w.history.base = w.vm.stats;
	w.history.calm = TRI_YES;
	world_after(&w, USEC_PER_SEC);
	w.history.busy = TRI_NO;
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.phase, PHASE_VERIFYING);
	assert_true(w.history.cache_us > w.history.now.end_us);
	assert_true(w.d.wake_us <= w.history.cache_us + w.settings.cache_age_us);
}

static void figures_that_speak_against_it_end_the_looking(void **state)
{
	struct world w;

	(void)state;
	more_to_win(&w, 0);
	w.vm.resident_b.value += 300 * MIB;
	w.now_us += 5 * USEC_PER_SEC;
	w.history.calm = TRI_YES;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_LOOKING);
	assert_int_equal(w.d.phase, PHASE_VERIFYING);
	w.vm.resident_b.value -= 300 * MIB;
	world_after(&w, FAST);
	assert_int_equal(w.d.phase, PHASE_VERIFYING);
	assert_true(w.d.actions & ACT_POLLING);
	assert_int_equal(w.history.looking_us, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_squeeze_frees_what_is_stale_and_lets_go),
		cmocka_unit_test(what_comes_back_is_counted),
		cmocka_unit_test(a_guest_that_claims_more_than_it_has_keeps_its_reserve),
		cmocka_unit_test(steps_never_pass_the_step_nor_the_reserve),
		cmocka_unit_test(a_guest_that_can_press_does_so_once_and_has_no_balloon),
		cmocka_unit_test(a_press_leaves_the_guest_its_reserve),
		cmocka_unit_test(a_press_that_does_not_end_is_not_waited_for),
		cmocka_unit_test(the_last_bit_of_the_size_is_asked_for),
		cmocka_unit_test(what_the_reserve_leaves_is_asked_for_when_nothing_is_out),
		cmocka_unit_test(a_step_waits_for_statistics_that_are_newer_than_the_last),
		cmocka_unit_test(a_size_that_is_not_known_begins_nothing),
		cmocka_unit_test(the_size_ends_it),
		cmocka_unit_test(the_reserve_ends_it),
		cmocka_unit_test(distress_means_all_memory_in_one_step),
		cmocka_unit_test(a_stall_ends_it),
		cmocka_unit_test(a_guest_that_gives_back_is_remembered),
		cmocka_unit_test(statistics_that_do_not_follow_the_balloon_are_not_trusted),
		cmocka_unit_test(a_guest_that_frees_memory_meanwhile_is_believed),
		cmocka_unit_test(silence_ends_it),
		cmocka_unit_test(taking_too_long_ends_it),
		cmocka_unit_test(what_happens_to_the_vm_ends_it),
		cmocka_unit_test(an_unmeasured_footprint_does_not_end_it_early),
		cmocka_unit_test(deflating_asks_again_and_says_when_it_is_stuck),
		cmocka_unit_test(verifying_measures_at_once_and_after_1_10_and_60_s),
		cmocka_unit_test(a_squeeze_whose_yield_is_unknown_teaches_no_overhead),
		cmocka_unit_test(what_a_full_squeeze_leaves_is_overhead),
		cmocka_unit_test(a_reset_ends_verifying),
		cmocka_unit_test(resting_ends_by_time_or_by_an_operator),
		cmocka_unit_test(a_requested_squeeze_goes_to_its_size),
		cmocka_unit_test(old_statistics_are_asked_for_once_per_interval),
		cmocka_unit_test(calm_vms_are_looked_at_each_at_its_own_point_of_the_interval),
		cmocka_unit_test(two_zero_yields_give_up_until_an_operator_or_a_reset),
		cmocka_unit_test(giving_up_on_hugetlb_says_so),
		cmocka_unit_test(a_foreign_balloon_goes_only_when_an_operator_asks),
		cmocka_unit_test(a_balloon_is_held_only_while_the_host_is_short),
		cmocka_unit_test(a_guest_that_would_not_give_is_not_asked_until_it_has_rested),
		cmocka_unit_test(a_held_balloon_grows_on_when_the_host_needs_more),
		cmocka_unit_test(distress_outranks_a_short_host),
		cmocka_unit_test(releasing_what_rests_lengthens_the_rest),
		cmocka_unit_test(a_release_stops_what_was_about_to_begin),
		cmocka_unit_test(a_released_squeeze_rests_longer_than_others),
		cmocka_unit_test(a_leftover_of_a_daemon_that_died_goes_by_itself),
		cmocka_unit_test(a_guardian_that_dies_ends_an_inflate),
		cmocka_unit_test(a_target_that_was_held_back_is_asked_for_again),
		cmocka_unit_test(a_guest_that_was_reset_is_nudged),
		cmocka_unit_test(cold_cache_is_pressed_whole_once_a_probe_stayed_away),
		cmocka_unit_test(hot_cache_is_left_alone_after_a_probe),
		cmocka_unit_test(a_probe_that_pressed_nothing_teaches_nothing),
		cmocka_unit_test(an_operator_need_not_wait_for_the_verdict),
		cmocka_unit_test(a_vm_whose_turn_it_is_not_looks_again_soon),
		cmocka_unit_test(two_vms_of_one_tick_take_turns),
		cmocka_unit_test(invariants_hold_in_random_worlds),
		cmocka_unit_test(much_new_to_win_does_not_wait_for_the_rest),
		cmocka_unit_test(page_cache_that_ripens_meanwhile_is_waited_for),
		cmocka_unit_test(figures_that_speak_against_it_end_the_looking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
