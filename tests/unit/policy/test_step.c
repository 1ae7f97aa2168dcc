/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_step.c - deflating, the calm clock, and what is asked for anew
 *
 * In:    a VM in any phase, and time that goes on.
 * Out:   what is asked of its hypervisor, and when it is looked at next.
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define RAM (1024 * MIB)
#define FAST (20 * USEC_PER_MSEC)

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
	assert_int_equal(w.history.phase.request, REQUEST_NONE);
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

static void deflating_asks_again_and_says_when_it_is_stuck(void **state)
{
	struct world w;

	(void)state;
	world_inflating(&w);
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
	/* without a connection nothing is known */
	world_balloon(&w, 0);
	w.vm.state = VM_STATE_DOWN;
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
	w.vm.actual_b.taken_us = w.history.balloon.target_us;
	world_tick(&w);
	assert_int_equal(w.d.phase, PHASE_DEFLATING);
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.phase, PHASE_VERIFYING);
}

static void a_paused_guest_whose_balloon_is_at_0_is_not_waited_for(void **state)
{
	struct world w;

	(void)state;
	world_inflating(&w);
	w.vm.state = VM_STATE_PAUSED;
	world_after(&w, FAST);
	world_stopped(&w, REASON_STOP_PAUSED);
	world_after(&w, 11 * USEC_PER_SEC);
	assert_int_equal(w.d.reason, REASON_DEFLATE_STUCK); /* it holds 100 MiB */
	world_init(&w);
	world_begin(&w);
	w.vm.state = VM_STATE_PAUSED;
	world_after(&w, FAST);
	world_stopped(&w, REASON_STOP_PAUSED);
	world_balloon(&w, 0);
	world_after(&w, FAST);
	assert_int_equal(w.d.phase, PHASE_VERIFYING);
}

static void a_guest_that_was_reset_is_nudged(void **state)
{
	struct world w;

	(void)state;
	world_inflating(&w);
	w.vm.boots++;
	world_after(&w, FAST);
	world_stopped(&w, REASON_STOP_RESET);
	/* while no statistics of the new guest are there, it is only asked again */
	w.vm.stats.known = 0;
	world_after(&w, 2 * USEC_PER_SEC);
	assert_int_equal(w.d.target_b, RAM);
	w.vm.stats.known = 0xffff; /* or only the old one's */
	w.now_us += 2 * USEC_PER_SEC;
	w.vm.stats.taken_us = w.history.balloon.target_us;
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
	world_inflating(&w);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(old_statistics_are_asked_for_once_per_interval),
		cmocka_unit_test(calm_vms_are_looked_at_each_at_its_own_point_of_the_interval),
		cmocka_unit_test(deflating_asks_again_and_says_when_it_is_stuck),
		cmocka_unit_test(a_paused_guest_whose_balloon_is_at_0_is_not_waited_for),
		cmocka_unit_test(a_guest_that_was_reset_is_nudged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
