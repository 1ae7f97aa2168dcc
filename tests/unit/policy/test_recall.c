/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_recall.c - what was learned comes back, and only as far as it still holds
 *
 * In:    a history of a daemon that is gone.
 * Out:   the history that the next one goes on with.
 */
#include "policy/recall.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define AGO (10 * USEC_PER_SEC)

/* A guest that has been learned much of; the daemon that did so died AGO before now. */
static struct history learned(const struct world *w)
{
	struct history kept = w->history;

	kept.total.squeezes = 3;
	kept.total.yield_b = GIB;
	kept.need.scare_b = 300 * MIB;
	kept.need.scare_us = w->now_us - 2 * AGO;
	kept.need.habit.peak_b[5] = 200 * MIB;
	kept.need.habit.days[5] = 4;
	kept.need.habit.since_us = 77;
	kept.need.watched_us = 1;
	kept.need.peak_b = 100 * MIB;
	kept.guest.kind = GUEST_SHRINKER;
	kept.guest.gives_back = 1;
	kept.guest.overhead_b = 30 * MIB;
	kept.guest.base = w->vm.stats;
	kept.guest.base.taken_us = w->now_us - AGO;
	kept.cache.cold_ppm = PPM / 2;
	kept.cache.tried_us = w->now_us - 2 * AGO;
	kept.rest.last_us = 120 * USEC_PER_SEC;
	kept.rest.until_us = w->now_us + 60 * USEC_PER_SEC;
	kept.rest.why = REASON_REST_DISAPPOINTED;
	kept.size.settled_b = 500 * MIB;
	kept.size.settle_us = 60 * USEC_PER_SEC;
	kept.phase.is = PHASE_RESTING;
	kept.cost = (struct history_cost){
		.spent_us = 5, .spent_at_us = 6, .price_us = 7, .total_us = 8
	};
	return kept;
}

static void recall(struct world *w, const struct history *kept, bool same)
{
	const struct recall from = {
		.kept = kept, .kept_us = w->now_us - AGO, .ago_us = AGO, .same = same
	};

	policy_vm_init(&w->history);
	recall_vm(&w->settings, &from, &w->vm, w->now_us, &w->history);
}

static void a_guest_that_ran_on_is_known_whole(void **state)
{
	struct history kept;
	struct world w;

	(void)state;
	world_init(&w);
	world_fresh(&w);
	kept = learned(&w);
	recall(&w, &kept, true);
	assert_int_equal(w.history.guest.kind, GUEST_SHRINKER);
	assert_int_equal(w.history.guest.gives_back, 1);
	assert_int_equal(w.history.guest.overhead_b, 30 * MIB);
	assert_int_equal(w.history.cache.cold_ppm, PPM / 2);
	assert_int_equal(w.history.cost.spent_us, 5);
	assert_int_equal(w.history.cost.price_us, 7);
	assert_int_equal(w.history.cache.tried_us, kept.cache.tried_us);
	assert_int_equal(w.history.need.peak_b, 100 * MIB);
	assert_int_equal(w.history.size.settled_b, 500 * MIB);
	assert_int_equal(w.history.total.squeezes, 3);
	assert_int_equal(w.history.phase.is, PHASE_RESTING);
	assert_int_equal(w.history.rest.until_us, kept.rest.until_us);
	assert_int_equal(w.history.guest.base.known, 0); /* rates across a restart are none */
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_REST_DISAPPOINTED);
}

static void another_process_keeps_what_is_true_of_the_vm(void **state)
{
	struct history kept;
	struct world w;

	(void)state;
	world_init(&w);
	world_fresh(&w);
	kept = learned(&w);
	recall(&w, &kept, false);
	assert_int_equal(w.history.total.squeezes, 3);
	assert_int_equal(w.history.total.yield_b, GIB);
	assert_int_equal(w.history.cost.spent_us, 0);
	assert_int_equal(w.history.cost.price_us, 7);
	assert_int_equal(w.history.cost.total_us, 8);
	assert_int_equal(w.history.need.scare_b, 300 * MIB);
	assert_int_equal(w.history.need.habit.peak_b[5], 200 * MIB);
	assert_int_equal(w.history.need.habit.days[5], 4);
	assert_int_equal(w.history.need.habit.since_us, 0);
	assert_int_equal(w.history.guest.kind, GUEST_UNKNOWN);
	assert_int_equal(w.history.guest.overhead_b, FIGURE_UNKNOWN);
	assert_int_equal(w.history.cache.tried_us, 0);
	assert_int_equal(w.history.need.watched_us, 0);
	assert_int_equal(w.history.size.settled_b, 0);
	assert_int_equal(w.history.phase.is, PHASE_WATCH);
	assert_int_equal(w.history.rest.last_us, 0);
}

static void a_guest_that_was_reset_meanwhile_is_told_by_its_counters(void **state)
{
	struct history kept;
	struct world w;

	(void)state;
	world_init(&w);
	world_fresh(&w);
	kept = learned(&w);
	kept.guest.base.tag[BALLOON_STAT_MAJFLT] = w.vm.stats.tag[BALLOON_STAT_MAJFLT] + 1;
	recall(&w, &kept, true);
	assert_int_equal(w.history.guest.kind, GUEST_UNKNOWN);
	assert_int_equal(w.history.need.scare_b, 300 * MIB);
}

static void a_guest_whose_counters_are_not_known_may_have_been_reset(void **state)
{
	struct history kept;
	struct world w;

	(void)state;
	world_init(&w);
	world_fresh(&w);
	kept = learned(&w);
	kept.guest.base.known = 0;
	recall(&w, &kept, true);
	assert_int_equal(w.history.guest.kind, GUEST_UNKNOWN);

	kept = learned(&w);
	w.vm.stats.known = 0;
	recall(&w, &kept, true);
	assert_int_equal(w.history.guest.kind, GUEST_UNKNOWN);
}

static void in_a_squeeze_the_statistics_of_its_beginning_tell(void **state)
{
	struct history kept;
	struct world w;

	(void)state;
	world_init(&w);
	world_fresh(&w);
	kept = learned(&w);
	kept.guest.start = kept.guest.base;
	kept.guest.base.known = 0;
	recall(&w, &kept, true);
	assert_int_equal(w.history.guest.kind, GUEST_SHRINKER);

	kept = learned(&w);
	kept.guest.start = kept.guest.base; /* the newer ones count */
	kept.guest.start.taken_us++;
	kept.guest.start.tag[BALLOON_STAT_MAJFLT] = w.vm.stats.tag[BALLOON_STAT_MAJFLT] + 1;
	recall(&w, &kept, true);
	assert_int_equal(w.history.guest.kind, GUEST_UNKNOWN);
}

static void the_age_of_a_scare_goes_on_by_the_wall_clock(void **state)
{
	struct history kept;
	struct world w;

	(void)state;
	world_init(&w);
	kept = learned(&w);
	recall(&w, &kept, false);
	assert_int_equal(w.history.need.scare_us, kept.need.scare_us);
	/* the host was booted anew: its clock began at 0 after the scare */
	w.now_us = AGO / 2;
	recall_vm(&w.settings,
		  &(const struct recall){
			  .kept = &kept, .kept_us = kept.need.scare_us + AGO, .ago_us = AGO },
		  &w.vm, w.now_us, &w.history);
	assert_int_equal(w.history.need.scare_us, 1);
	kept.need.scare_us = 0; /* it never was */
	recall(&w, &kept, false);
	assert_int_equal(w.history.need.scare_us, 0);
}

static void a_reset_that_was_seen_stays_seen(void **state)
{
	struct history kept;
	struct world w;

	(void)state;
	world_init(&w);
	world_fresh(&w);
	kept = learned(&w);
	w.vm.boots = 4;
	recall(&w, &kept, true);
	world_tick(&w);
	assert_int_equal(w.history.guest.kind, GUEST_SHRINKER); /* no reset since then */
}

static void a_rest_without_end_has_an_end(void **state)
{
	struct history kept;
	struct world w;

	(void)state;
	world_init(&w);
	world_fresh(&w);
	kept = learned(&w);
	kept.rest.until_us = UINT64_MAX;
	kept.size.next_us = UINT64_MAX;
	kept.cache.cold_ppm = UINT64_MAX;
	kept.phase.is = PHASE_GAVE_UP;
	recall(&w, &kept, true);
	assert_int_equal(w.history.rest.until_us, w.now_us + w.settings.rest_max_us);
	assert_int_equal(w.history.size.next_us, w.now_us + w.settings.rest_max_us);
	assert_int_equal(w.history.cache.cold_ppm, PPM);
	assert_int_equal(w.history.phase.is, PHASE_GAVE_UP);
	kept.phase.is = PHASE_INFLATING; /* the guardian has ended that */
	recall(&w, &kept, true);
	assert_int_equal(w.history.phase.is, PHASE_WATCH);
}

static void a_balloon_that_was_left_comes_down_all_the_same(void **state)
{
	struct history kept;
	struct world w;

	(void)state;
	world_init(&w);
	world_fresh(&w);
	kept = learned(&w);
	policy_vm_init(&w.history);
	w.history.phase.is = PHASE_DEFLATING;
	recall_vm(&w.settings, &(const struct recall){ .kept = &kept, .same = true }, &w.vm,
		  w.now_us, &w.history);
	assert_int_equal(w.history.phase.is, PHASE_DEFLATING);
	assert_int_equal(w.history.rest.until_us, 0);
	assert_int_equal(w.history.guest.kind, GUEST_SHRINKER);
}

static void the_host_keeps_what_squeezes_brought(void **state)
{
	struct host_history kept, h;

	(void)state;
	policy_host_init(&kept);
	policy_host_init(&h);
	kept.shares[16] = 9;
	kept.rates[3] = 5;
	kept.coming_b = GIB;
	recall_host(&kept, &h);
	assert_int_equal(h.shares[16], 9);
	assert_int_equal(h.rates[3], 5);
	assert_int_equal(h.coming_b, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_that_ran_on_is_known_whole),
		cmocka_unit_test(another_process_keeps_what_is_true_of_the_vm),
		cmocka_unit_test(a_guest_that_was_reset_meanwhile_is_told_by_its_counters),
		cmocka_unit_test(a_guest_whose_counters_are_not_known_may_have_been_reset),
		cmocka_unit_test(in_a_squeeze_the_statistics_of_its_beginning_tell),
		cmocka_unit_test(the_age_of_a_scare_goes_on_by_the_wall_clock),
		cmocka_unit_test(a_reset_that_was_seen_stays_seen),
		cmocka_unit_test(a_rest_without_end_has_an_end),
		cmocka_unit_test(a_balloon_that_was_left_comes_down_all_the_same),
		cmocka_unit_test(the_host_keeps_what_squeezes_brought),
	};

	return cmocka_run_group_tests_name("recall", tests, NULL, NULL);
}
