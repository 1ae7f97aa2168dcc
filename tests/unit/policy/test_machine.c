/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_machine.c - who steps when: rest, operators, leftovers, turns
 *
 * In:    a VM at rest or released, operators, other VMs.
 * Out:   the decisions; and, over random worlds, the invariants of the design.
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define RAM (1024 * MIB)
#define FAST (20 * USEC_PER_MSEC)

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
	w.vm.backed_b.value += 600 * MIB;
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
		w.vm.backed_b.value = 0; /* more freed than was ever expected */
		world_balloon(&w, RAM - w.history.balloon.target_b);
		world_after(&w, FAST);
	}
	world_stopped(&w, REASON_STOP_RESERVE);
	assert_true(w.history.now.balloon_b > 830 * MIB);
}

static void two_squeezes_that_free_nothing_are_followed_by_a_long_rest(void **state)
{
	struct world w;
	int round;

	(void)state;
	world_init(&w);
	for (round = 0; round < 2; round++) {
		w.history.guest.overhead_b = FIGURE_UNKNOWN; /* stale memory grew again */
		w.history.guest.busy = TRI_NO;
		w.history.guest.calm = TRI_YES;
		world_squeeze(&w, 0);
		world_verify(&w, 0);
		if (round == 0) {
			assert_true(reason_is(w.d.reason, REASON_IS_DISAPPOINTED));
			w.now_us = w.history.rest.until_us;
			world_fresh(&w);
		}
	}
	/* two that freed nothing: it is long before it is tried again, but not for ever */
	assert_int_equal(w.d.phase, PHASE_RESTING);
	assert_true(reason_is(w.d.reason, REASON_IS_DISAPPOINTED));
	assert_int_equal(w.history.rest.until_us, w.now_us + w.settings.rest_max_us);
	w.now_us = w.history.rest.until_us;
	w.history.guest.overhead_b = FIGURE_UNKNOWN;
	w.history.guest.calm = TRI_YES;
	world_fresh(&w);
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_BEGIN);
}

static void more_stale_memory_ends_a_rest_that_was_earned_by_disappointment(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.history.phase.is = PHASE_RESTING;
	w.history.rest.why = REASON_REST_UNBACKED;
	w.history.rest.until_us = w.now_us + 3600 * USEC_PER_SEC;
	w.history.rest.stale_b = 600 * MIB;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_REST_UNBACKED);
	w.history.rest.stale_b = 500 * MIB; /* a squeeze's worth is a tenth of what is backed */
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_BEGIN);
	/* a guest that was in distress rests all the same */
	world_init(&w);
	w.history.phase.is = PHASE_RESTING;
	w.history.rest.why = REASON_REST_SCARED;
	w.history.rest.until_us = w.now_us + 3600 * USEC_PER_SEC;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_REST_SCARED);
}

static void what_was_given_up_is_tried_again_when_asked_for_or_when_its_cause_is_gone(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.vm.obstacles = OBSTACLE_HUGETLB;
	w.history.rest.zero_yields = 1;
	world_squeeze(&w, 0);
	world_verify(&w, 0);
	assert_int_equal(w.d.phase, PHASE_GAVE_UP);
	assert_int_equal(w.d.reason, REASON_GAVE_UP);
	world_after(&w, 24 * 3600 * USEC_PER_SEC);
	assert_int_equal(w.d.phase, PHASE_GAVE_UP);
	w.vm.request = REQUEST_SQUEEZE;
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.phase, PHASE_INFLATING);
	world_init(&w);
	w.vm.obstacles = OBSTACLE_HUGETLB;
	w.history.phase.is = PHASE_GAVE_UP;
	w.history.rest.why = REASON_GAVE_UP;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_GAVE_UP);
	w.vm.boots++;
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.phase, PHASE_WATCH);
	w.history.phase.is = PHASE_GAVE_UP;
	w.vm.obstacles = 0;
	world_after(&w, USEC_PER_SEC);
	assert_int_not_equal(w.d.phase, PHASE_GAVE_UP);
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
	world_stopped(&w, REASON_STOP_RELEASED);
	world_balloon(&w, 0);
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.reason, REASON_REST_RELEASED);
	assert_int_equal(w.history.total.squeezes, 0);
	assert_int_equal(w.history.rest.until_us, w.now_us + w.settings.release_rest_us);
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
	world_inflating(&w);
	w.vm.request = REQUEST_RELEASE;
	world_after(&w, FAST);
	world_balloon(&w, 0);
	world_after(&w, FAST);
	world_verify(&w, 0);
	assert_int_equal(w.d.reason, REASON_REST_RELEASED);
	assert_int_equal(w.history.rest.until_us, w.now_us + w.settings.release_rest_us);
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
	world_stopped(&w, REASON_STOP_LEFTOVER);
	world_balloon(&w, 0);
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.phase, PHASE_WATCH);
	assert_int_equal(w.history.total.squeezes, 0);
	w.history.guest.calm = TRI_YES;
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.reason, REASON_BEGIN);
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
	a.history.phase.is = PHASE_WATCH;
	a.history.phase.request = REQUEST_SQUEEZE;
	policy_decide(&snap, &host, settings, history, &plan);
	assert_int_equal(d[0].reason, REASON_BEGIN_REQUESTED);
	assert_int_equal(d[1].reason, REASON_TURN);
}

/* ---- random worlds: whatever a guest does, the invariants of the design hold ---- */

/* The guest and the host do something, the balloon moves towards its target or not. */
static void disturb(struct world *w, uint64_t *seed)
{
	uint64_t target_b = w->history.balloon.target_b ? w->history.balloon.target_b : RAM;
	uint64_t balloon_b = RAM - w->vm.actual_b.value, what = world_random(seed);

	balloon_b = what % 3 ? RAM - target_b : (balloon_b + RAM - target_b) / 2;
	world_balloon(w, u64_min(balloon_b, RAM));
	w->now_us = world_random(seed) % 4 ? w->d.wake_us
					   : w->now_us + 1 + world_random(seed) % USEC_PER_SEC;
	if (!world_disturb(w, seed))
		w->settings.mode = MODE_SQUEEZE;
	if (world_random(seed) % 24 == 0)
		w->host.available_b.value = world_random(seed) % (4 * GIB);
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
			uint64_t phase = w.history.phase.is;
			bool released;

			disturb(&w, &s);
			released = w.vm.request == REQUEST_RELEASE;
			world_tick(&w);
			check_invariants(&w, phase, released);
		}
		squeezes += w.history.total.squeezes;
	}
	assert_true(squeezes > 400); /* or the worlds prove nothing */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resting_ends_by_time_or_by_an_operator),
		cmocka_unit_test(a_requested_squeeze_goes_to_its_size),
		cmocka_unit_test(two_squeezes_that_free_nothing_are_followed_by_a_long_rest),
		cmocka_unit_test(more_stale_memory_ends_a_rest_that_was_earned_by_disappointment),
		cmocka_unit_test(
			what_was_given_up_is_tried_again_when_asked_for_or_when_its_cause_is_gone),
		cmocka_unit_test(a_foreign_balloon_goes_only_when_an_operator_asks),
		cmocka_unit_test(a_release_stops_what_was_about_to_begin),
		cmocka_unit_test(a_released_squeeze_rests_longer_than_others),
		cmocka_unit_test(a_leftover_of_a_daemon_that_died_goes_by_itself),
		cmocka_unit_test(a_vm_whose_turn_it_is_not_looks_again_soon),
		cmocka_unit_test(two_vms_of_one_tick_take_turns),
		cmocka_unit_test(invariants_hold_in_random_worlds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
