/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_squeeze.c - a squeeze, step by step and stop by stop
 *
 * In:    a calm guest with 600 MiB stale, and what happens to it on the way.
 * Out:   the decisions.
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define RAM (1024 * MIB)
#define FAST (20 * USEC_PER_MSEC)

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
	assert_int_equal(w.history.total.squeezes, 1);
	assert_int_equal(w.history.total.yield_b, 600 * MIB);
	assert_int_equal(w.history.total.return_b, 0);
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
	w.settings.press_cache = PRESS_NEVER;
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
	w.vm.backed_b.value -= 600 * MIB;
	world_after(&w, FAST);
	world_stopped(&w, REASON_STOP_PRESSED);
	world_after(&w, FAST);
	assert_int_equal(w.d.phase, PHASE_VERIFYING);
	world_verify(&w, 0);
	assert_int_equal(w.history.done.freed_b[VERIFY_60S], 600 * MIB);
	assert_int_equal(w.history.total.yield_b, 600 * MIB);
}

static void a_press_leaves_the_guest_its_reserve(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.vm.press = 1;
	w.settings.min_efficiency_ppm = 0; /* however little it would free */
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
	world_stopped(&w, REASON_STOP_TIME);
	pressing(&w);
	w.vm.request = REQUEST_RELEASE;
	world_after(&w, FAST);
	world_stopped(&w, REASON_STOP_RELEASED);
}

static void the_last_bit_of_the_size_is_asked_for(void **state)
{
	struct world w;

	(void)state;
	world_inflating(&w);
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
	world_inflating(&w);
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
	world_inflating(&w);
	world_balloon(&w, 220 * MIB);
	w.vm.stats.taken_us = w.history.balloon.target_us; /* only the size is news */
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
	world_inflating(&w);
	w.history.now.size_b = 100 * MIB;
	world_after(&w, FAST);
	world_stopped(&w, REASON_STOP_SIZE);
}

static void the_reserve_ends_it(void **state)
{
	struct world w;

	(void)state;
	world_inflating(&w);
	w.settings.grow_max_b = GIB;
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = 96 * MIB;
	world_after(&w, FAST);
	world_stopped(&w, REASON_STOP_RESERVE);
	/* and so does a target that is out for more than there is now */
	world_inflating(&w);
	w.settings.grow_max_b = GIB;
	sent(&w, 200 * MIB);
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = (96 + 60) * MIB;
	world_after(&w, FAST);
	world_stopped(&w, REASON_STOP_RESERVE);
}

static void distress_means_all_memory_in_one_step(void **state)
{
	struct world w;

	(void)state;
	world_inflating(&w);
	w.vm.stats.tag[BALLOON_STAT_SWAP_OUT] += 4096;
	world_after(&w, FAST);
	world_stopped(&w, REASON_STOP_SWAP);
	world_inflating(&w);
	w.vm.stats.tag[BALLOON_STAT_OOM_KILL]++;
	world_after(&w, FAST);
	world_stopped(&w, REASON_STOP_OOM);
	world_inflating(&w);
	w.vm.stats.tag[BALLOON_STAT_MAJFLT] += 1000;
	world_after(&w, FAST);
	world_stopped(&w, REASON_STOP_FAULTS);
	world_inflating(&w);
	w.vm.stats.tag[BALLOON_STAT_AVAIL] -= 49 * MIB;
	world_after(&w, FAST);
	world_stopped(&w, REASON_STOP_GROWS);
}

static void a_stall_ends_it(void **state)
{
	struct world w;

	(void)state;
	world_inflating(&w);
	/* 4 s at less than 15 MiB/s; statistics keep coming */
	world_after(&w, 2 * USEC_PER_SEC);
	assert_int_equal(w.d.phase, PHASE_INFLATING);
	world_balloon(&w, 150 * MIB);
	world_after(&w, 2 * USEC_PER_SEC);
	assert_int_equal(w.d.phase, PHASE_INFLATING); /* 150 in 4 s is quick enough */
	world_balloon(&w, 205 * MIB);
	world_after(&w, 4 * USEC_PER_SEC);
	world_stopped(&w, REASON_STOP_STALL);
}

static void a_guest_that_gives_back_is_remembered(void **state)
{
	struct world w;

	(void)state;
	world_inflating(&w);
	world_balloon(&w, 80 * MIB);
	world_after(&w, FAST);
	world_stopped(&w, REASON_STOP_GIVES_BACK);
	assert_int_equal(w.history.guest.gives_back, 1);
	/* one whose balloon shrinks because it is short is not such a guest */
	world_inflating(&w);
	world_balloon(&w, 80 * MIB);
	w.settings.grow_max_b = GIB;
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = 90 * MIB;
	world_after(&w, FAST);
	world_stopped(&w, REASON_STOP_RESERVE);
	assert_int_equal(w.history.guest.gives_back, 0);
}

static void statistics_that_do_not_follow_the_balloon_are_not_trusted(void **state)
{
	struct guest_stats before;
	struct world w;

	(void)state;
	world_inflating(&w);
	before = w.history.guest.start;
	w.vm.stats.tag[BALLOON_STAT_MEMFREE] = before.tag[BALLOON_STAT_MEMFREE];
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = before.tag[BALLOON_STAT_AVAIL];
	world_after(&w, FAST);
	world_stopped(&w, REASON_STOP_LIES);
	/* whatever it freed, and though there is more to win, the next one is not soon */
	w.vm.backed_b.value -= 300 * MIB;
	world_balloon(&w, 0);
	world_after(&w, 50 * USEC_PER_MSEC);
	assert_int_equal(w.d.phase, PHASE_VERIFYING);
	world_verify(&w, 0);
	assert_int_equal(w.d.phase, PHASE_RESTING);
	assert_int_equal(w.d.reason, REASON_REST_DISAPPOINTED);
	assert_int_equal(w.history.total.squeezes, 1);
}

static void a_guest_that_frees_memory_meanwhile_is_believed(void **state)
{
	struct world w;

	(void)state;
	world_inflating(&w);
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = w.history.guest.start.tag[BALLOON_STAT_AVAIL] - MIB;
	world_after(&w, FAST);
	assert_int_equal(w.d.phase, PHASE_INFLATING);
}

static void silence_ends_it(void **state)
{
	struct world w;

	(void)state;
	world_inflating(&w);
	assert_int_equal(w.d.wake_us, w.now_us + FAST + w.settings.answer_max_us);
	w.now_us = w.d.wake_us;
	world_tick(&w);
	world_stopped(&w, REASON_STOP_STATS);
	world_inflating(&w);
	w.vm.stats.known = 0;
	world_after(&w, FAST);
	world_stopped(&w, REASON_STOP_STATS);
}

static void taking_too_long_ends_it(void **state)
{
	struct world w;

	(void)state;
	world_inflating(&w);
	w.settings.stall_rate_b = 0;
	world_after(&w, 61 * USEC_PER_SEC);
	world_stopped(&w, REASON_STOP_TIME);
}

static void what_happens_to_the_vm_ends_it(void **state)
{
	struct world w;

	(void)state;
	world_inflating(&w);
	w.vm.state = VM_STATE_PAUSED;
	world_after(&w, FAST);
	world_stopped(&w, REASON_STOP_PAUSED);
	world_inflating(&w);
	w.vm.state = VM_STATE_DOWN;
	world_after(&w, FAST);
	world_stopped(&w, REASON_STOP_DISCONNECTED);
	world_inflating(&w);
	w.vm.boots++;
	world_after(&w, FAST);
	world_stopped(&w, REASON_STOP_RESET);
	world_inflating(&w);
	w.vm.target_error = 5;
	world_after(&w, FAST);
	world_stopped(&w, REASON_STOP_REFUSED);
	world_inflating(&w);
	w.settings.mode = MODE_OFF;
	world_after(&w, FAST);
	world_stopped(&w, REASON_STOP_MODE);
	world_inflating(&w);
	w.vm.request = REQUEST_RELEASE;
	world_after(&w, FAST);
	world_stopped(&w, REASON_STOP_RELEASED);
}

static void an_unmeasured_footprint_does_not_end_it_early(void **state)
{
	struct world w;

	(void)state;
	world_inflating(&w);
	w.vm.backed_b.value = 0;
	w.vm.backed_b.known = false;
	world_after(&w, FAST);
	assert_int_equal(w.d.phase, PHASE_INFLATING);
	assert_int_equal(w.d.fig.freed_b, FIGURE_UNKNOWN);
	/* nor does one that is older than the squeeze */
	world_inflating(&w);
	w.vm.backed_b.value = 0;
	w.now_us += FAST;
	world_fresh(&w);
	w.vm.backed_b.taken_us = w.history.now.start_us - 1;
	world_tick(&w);
	assert_int_equal(w.d.phase, PHASE_INFLATING);
}

static void a_guardian_that_dies_ends_an_inflate(void **state)
{
	struct world w;

	(void)state;
	world_inflating(&w);
	w.vm.guarded = 0;
	world_after(&w, FAST);
	world_stopped(&w, REASON_STOP_GUARDIAN);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_squeeze_frees_what_is_stale_and_lets_go),
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
		cmocka_unit_test(a_guardian_that_dies_ends_an_inflate),
		cmocka_unit_test(a_target_that_was_held_back_is_asked_for_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
