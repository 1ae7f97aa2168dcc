/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_opportunity.c - when a squeeze is worth it and allowed
 *
 * In:    a calm guest with 600 MiB stale, and one thing changed.
 * Out:   the reason that the policy gives.
 */
#include "world.h"

#include "policy/estimate.h"
#include "policy/guard.h"
#include "policy/offer.h"
#include "policy/opportunity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct wish by_itself, requested = { .requested = true };

static enum reason reason_of(struct world *w)
{
	struct opportunity opp;

	opportunity_find(&w->settings, &w->host, &w->vm, &w->history, w->now_us, &by_itself, &opp);
	return opp.reason;
}

static void stale_memory_of_a_calm_guest_is_worth_it(void **state)
{
	struct opportunity opp;
	struct world w;

	(void)state;
	world_init(&w);
	opportunity_find(&w.settings, &w.host, &w.vm, &w.history, w.now_us, &by_itself, &opp);
	assert_int_equal(opp.reason, REASON_NONE);
	assert_int_equal(opp.est.stale_b, 600 * MIB);
	assert_int_equal(opp.est.reserve_b, 96 * MIB);
	assert_int_equal(opp.est.cold_b, 0); /* nine tenths of 60 are not worth it */
	assert_int_equal(opp.est.need_b, u64_ppm(w.vm.backed_b.value, 100000));
	/* 870 are free, but 930 - 96 is all that may be taken */
	assert_int_equal(opp.est.size_b, 834 * MIB);
	assert_int_equal(opp.expected_b, 600 * MIB);
}

static void what_is_missing_is_named(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.settings.mode = MODE_OFF;
	assert_int_equal(reason_of(&w), REASON_MODE_OFF);
	world_init(&w);
	w.vm.state = VM_STATE_DOWN;
	assert_int_equal(reason_of(&w), REASON_DISCONNECTED);
	w.vm.state = VM_STATE_PAUSED;
	assert_int_equal(reason_of(&w), REASON_PAUSED);
	world_init(&w);
	w.vm.device = TRI_NO;
	assert_int_equal(reason_of(&w), REASON_NO_DEVICE);
	world_init(&w);
	w.vm.obstacles = OBSTACLE_VFIO | OBSTACLE_MLOCK;
	assert_int_equal(reason_of(&w), REASON_PINNED_VFIO);
	w.vm.obstacles = OBSTACLE_MLOCK;
	assert_int_equal(reason_of(&w), REASON_PINNED_MLOCK);
	w.vm.obstacles = OBSTACLE_HUGETLB; /* may work: it is tried */
	assert_int_equal(reason_of(&w), REASON_NONE);
	world_init(&w);
	w.vm.stats.known = 0;
	assert_int_equal(reason_of(&w), REASON_NO_DRIVER);
	world_init(&w);
	w.vm.ram_b.known = false;
	assert_int_equal(reason_of(&w), REASON_NO_DRIVER);
	world_init(&w);
	w.vm.actual_b.known = false;
	assert_int_equal(reason_of(&w), REASON_NO_DRIVER);
	world_init(&w);
	w.vm.backed_b.known = false;
	assert_int_equal(reason_of(&w), REASON_RESIDENT_UNKNOWN);
	world_init(&w);
	w.vm.actual_b.value -= 4096;
	assert_int_equal(reason_of(&w), REASON_FOREIGN_BALLOON);
}

static void a_guest_that_is_not_calm_is_left_alone(void **state)
{
	struct opportunity opp;
	struct world w;

	(void)state;
	world_init(&w);
	w.history.guest.calm = TRI_UNKNOWN;
	assert_int_equal(reason_of(&w), REASON_NOT_CALM);
	/* an operator need not wait until it was watched, but a guest in need is not squeezed */
	opportunity_find(&w.settings, &w.host, &w.vm, &w.history, w.now_us, &requested, &opp);
	assert_int_equal(opp.reason, REASON_NONE);
	w.history.guest.calm = TRI_NO;
	assert_int_equal(reason_of(&w), REASON_IN_NEED);
	opportunity_find(&w.settings, &w.host, &w.vm, &w.history, w.now_us, &requested, &opp);
	assert_int_equal(opp.reason, REASON_IN_NEED);
}

static void little_is_not_worth_it_unless_asked_for(void **state)
{
	struct opportunity opp;
	struct world w;

	(void)state;
	world_init(&w);
	w.vm.backed_b.value -= 580 * MIB;
	assert_int_equal(reason_of(&w), REASON_LITTLE_TO_GAIN);
	opportunity_find(&w.settings, &w.host, &w.vm, &w.history, w.now_us, &requested, &opp);
	assert_int_equal(opp.reason, REASON_NONE);
}

static void nothing_is_begun_below_the_reserve(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = 96 * MIB;
	assert_int_equal(reason_of(&w), REASON_AT_RESERVE);
	/* a large guest has a larger one: 5 % of 16 GiB */
	w.vm.ram_b.value = w.vm.actual_b.value = 16 * GIB;
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = u64_ppm(16 * GIB, 50000);
	assert_int_equal(reason_of(&w), REASON_AT_RESERVE);
}

static void old_facts_never_begin_a_squeeze(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.vm.stats.taken_us = w.now_us - w.settings.stats_max_age_us - 1;
	assert_int_equal(reason_of(&w), REASON_STATS_STALE);
	world_init(&w);
	w.vm.backed_b.taken_us = w.now_us - w.settings.stats_max_age_us - 1;
	assert_int_equal(reason_of(&w), REASON_STATS_STALE);
	world_init(&w);
	w.vm.actual_b.taken_us = w.now_us - w.settings.stats_max_age_us - 1;
	assert_int_equal(reason_of(&w), REASON_STATS_STALE);
	/* a fact that is a moment younger than the tick is fresh */
	w.vm.actual_b.taken_us = w.now_us + 5;
	assert_int_equal(reason_of(&w), REASON_NONE);
}

static void observing_stops_just_before_the_deed(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.settings.mode = MODE_OBSERVE;
	assert_int_equal(reason_of(&w), REASON_MODE_OBSERVE);
	w.vm.backed_b.value = 0;
	assert_int_equal(reason_of(&w), REASON_LITTLE_TO_GAIN);
}

static void stale_memory_is_left_to_reporting_that_works(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.vm.reporting = TRI_YES;
	assert_int_equal(reason_of(&w), REASON_LEFT_TO_REPORTING);
	w.history.guest.stale_since_us = w.now_us - 10 * USEC_PER_SEC;
	assert_int_equal(reason_of(&w), REASON_LEFT_TO_REPORTING);
	/* it had half a minute: it does not work here */
	w.history.guest.stale_since_us = w.now_us - 30 * USEC_PER_SEC;
	assert_int_equal(reason_of(&w), REASON_NONE);
	w.history.guest.stale_since_us = 0;
	w.vm.backed_b.value -= 580 * MIB;
	assert_int_equal(reason_of(&w), REASON_LITTLE_TO_GAIN);
}

static void cold_cache_is_pressed_though_reporting_works(void **state)
{
	struct opportunity opp;
	struct world w;

	(void)state;
	world_init(&w);
	w.vm.reporting = TRI_YES;
	w.vm.backed_b.value -= 600 * MIB;
	w.vm.stats.tag[BALLOON_STAT_MEMFREE] = 300 * MIB;
	w.vm.stats.tag[BALLOON_STAT_CACHES] = 600 * MIB;
	opportunity_find(&w.settings, &w.host, &w.vm, &w.history, w.now_us, &by_itself, &opp);
	assert_int_equal(opp.reason, REASON_NONE);
	assert_int_equal(opp.est.cold_b, 540 * MIB);
	assert_int_equal(opp.expected_b, 534 * MIB); /* the reserve leaves no more */
	/* the first time a part of the cache is tried: a fourth of what is to be inflated */
	assert_in_range(opp.est.press_b, 100 * MIB, 103 * MIB);
	assert_int_equal(opp.press_b, opp.est.press_b);
	assert_int_equal(opp.est.size_b, 300 * MIB + opp.est.press_b);
	w.history.cache.tried_us = w.now_us;
	w.history.cache.cold_ppm = 500000;
	opportunity_find(&w.settings, &w.host, &w.vm, &w.history, w.now_us, &by_itself, &opp);
	assert_int_equal(opp.press_b, 300 * MIB);
}

static void nothing_begins_without_a_guardian(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.vm.guarded = 0;
	assert_int_equal(reason_of(&w), REASON_NO_GUARDIAN);
}

static void a_vm_waits_for_its_turn_unless_asked_for(void **state)
{
	struct opportunity opp;
	struct world w;

	(void)state;
	world_init(&w);
	w.host.squeezing = 1;
	assert_int_equal(reason_of(&w), REASON_TURN);
	w.host.cpus = 4;
	assert_int_equal(reason_of(&w), REASON_NONE);
	w.host.squeezing = 2;
	assert_int_equal(reason_of(&w), REASON_TURN);
	w.settings.max_squeezes = 3;
	assert_int_equal(reason_of(&w), REASON_NONE);
	w.host.squeezing = 3;
	opportunity_find(&w.settings, &w.host, &w.vm, &w.history, w.now_us, &requested, &opp);
	assert_int_equal(opp.reason, REASON_NONE);
}

static void cache_of_a_busy_guest_is_not_pressed(void **state)
{
	struct estimate est;
	struct world w;

	(void)state;
	world_init(&w);
	w.history.guest.busy = TRI_UNKNOWN;
	estimate_vm(&w.settings, &w.host, &w.vm, &w.history, w.now_us, 0, &est);
	assert_int_equal(est.cold_b, 0);
	/* all that is free but what keeps the guest from reclaiming */
	assert_int_equal(est.size_b, 834 * MIB);
	w.vm.stats.tag[BALLOON_STAT_MEMFREE] = 400 * MIB;
	estimate_vm(&w.settings, &w.host, &w.vm, &w.history, w.now_us, 0, &est);
	assert_int_equal(est.size_b, 368 * MIB);
	world_init(&w);
	w.settings.press_cache = PRESS_NEVER;
	estimate_vm(&w.settings, &w.host, &w.vm, &w.history, w.now_us, 0, &est);
	assert_int_equal(est.cold_b, 0);
	world_init(&w);
	w.history.guest.gives_back = 1;
	estimate_vm(&w.settings, &w.host, &w.vm, &w.history, w.now_us, 0, &est);
	assert_int_equal(est.cold_b, 0);
}

static void overhead_that_was_learned_is_believed(void **state)
{
	struct estimate est;
	struct world w;

	(void)state;
	world_init(&w);
	w.history.guest.overhead_b = 300 * MIB;
	estimate_vm(&w.settings, &w.host, &w.vm, &w.history, w.now_us, 0, &est);
	assert_int_equal(est.stale_b, 418 * MIB);
	w.vm.stats.known &= ~(UINT32_C(1) << BALLOON_STAT_CACHES); /* old guests send no CACHES */
	estimate_vm(&w.settings, &w.host, &w.vm, &w.history, w.now_us, 0, &est);
	assert_int_equal(est.cache_b, 60 * MIB);
}

static void used_memory_is_unknown_without_statistics(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.vm.stats.known = 0;
	assert_int_equal(estimate_used(&w.vm, &w.history), FIGURE_UNKNOWN);
}

static void the_guard_lets_a_balloon_shrink_always(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.vm.state = VM_STATE_DOWN;
	w.vm.stats.known = 0;
	assert_int_equal(guard_target(&w.settings, &w.vm, 1024 * MIB, w.now_us), REASON_NONE);
	w.vm.actual_b.known = false;
	assert_int_equal(guard_target(&w.settings, &w.vm, 1024 * MIB, w.now_us), REASON_NONE);
	w.vm.ram_b.known = false;
	assert_int_equal(guard_target(&w.settings, &w.vm, 1024 * MIB, w.now_us),
			 REASON_STOP_DISCONNECTED);
}

static void the_guard_refuses_what_facts_do_not_allow(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	/* 930 available, 96 in reserve: the balloon may hold 834 */
	assert_int_equal(guard_room(&w.settings, &w.vm, w.now_us), 834 * MIB);
	assert_int_equal(guard_target(&w.settings, &w.vm, 190 * MIB, w.now_us), REASON_NONE);
	assert_int_equal(guard_target(&w.settings, &w.vm, 190 * MIB - 1, w.now_us),
			 REASON_STOP_RESERVE);
	w.settings.mode = MODE_OBSERVE;
	assert_int_equal(guard_target(&w.settings, &w.vm, 900 * MIB, w.now_us), REASON_STOP_MODE);
	assert_int_equal(guard_room(&w.settings, &w.vm, w.now_us), 0);
	world_init(&w);
	w.vm.state = VM_STATE_PAUSED;
	assert_int_equal(guard_facts(&w.settings, &w.vm, w.now_us), REASON_STOP_PAUSED);
	world_init(&w);
	w.vm.stats.known = 1;
	assert_int_equal(guard_facts(&w.settings, &w.vm, w.now_us), REASON_STOP_STATS);
	world_init(&w);
	w.vm.ram_b.known = false;
	assert_int_equal(guard_facts(&w.settings, &w.vm, w.now_us), REASON_STOP_STATS);
	world_init(&w);
	w.vm.actual_b.known = false;
	assert_int_equal(guard_facts(&w.settings, &w.vm, w.now_us), REASON_STOP_STATS);
	world_init(&w);
	assert_int_equal(guard_facts(&w.settings, &w.vm,
				     w.now_us + w.settings.stats_max_age_us + 1),
			 REASON_STOP_STATS);
}

/* Nothing is stale, and there are 600 MiB of page cache. */
static void cached(struct world *w)
{
	world_init(w);
	w->vm.backed_b.value = 54 * MIB + 64 * MIB + 670 * MIB;
	w->vm.stats.tag[BALLOON_STAT_MEMFREE] = 300 * MIB;
	w->vm.stats.tag[BALLOON_STAT_CACHES] = 600 * MIB;
	w->history.guest.base = w->vm.stats;
}

static void estimate(const struct world *w, struct estimate *est)
{
	estimate_vm(&w->settings, &w->host, &w->vm, &w->history, w->now_us, 0, est);
}

static void all_cold_cache_of_an_idle_guest_is_pressed_at_once(void **state)
{
	struct estimate est;
	struct world w;

	(void)state;
	cached(&w);
	w.history.guest.idle = TRI_YES;
	estimate(&w, &est);
	assert_int_equal(est.press_b, 540 * MIB);
	w.history.guest.idle = TRI_NO; /* of one that is only quiet a tenth is tried */
	w.settings.min_efficiency_ppm = 0;
	estimate(&w, &est);
	assert_int_equal(est.press_b, 60 * MIB);
	assert_int_equal(est.cold_b, 540 * MIB);
	/* or as much as makes it worth its cost: 300 free come first, and a fourth is to be won */
	w.settings.min_efficiency_ppm = PPM / 4;
	w.vm.backed_b.value -= 600 * MIB;
	estimate(&w, &est);
	assert_in_range(est.press_b, 100 * MIB, 103 * MIB);
	/* but half of it at most */
	w.settings.min_efficiency_ppm = PPM;
	estimate(&w, &est);
	assert_int_equal(est.press_b, 270 * MIB);
}

static void page_cache_that_is_too_young_is_left_alone_until_it_is_ripe(void **state)
{
	struct estimate est;
	struct world w;

	(void)state;
	cached(&w);
	w.settings.cache_age_us = 40 * USEC_PER_SEC;
	w.history.cache.since_us = w.now_us - 39 * USEC_PER_SEC;
	w.history.cache.size_b = 600 * MIB;
	w.history.cache.seen_us = w.now_us;
	estimate(&w, &est);
	assert_int_equal(est.cold_b, 0);
	assert_int_equal(est.ripe_us, w.now_us + USEC_PER_SEC);
	assert_int_equal(reason_of(&w), REASON_LITTLE_TO_GAIN);
	/* and it is looked at then, rather than whenever its turn comes */
	world_tick(&w);
	assert_int_equal(w.d.wake_us, w.now_us + USEC_PER_SEC);
	w.now_us = w.d.wake_us;
	world_fresh(&w);
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_BEGIN);
	assert_int_equal(w.history.now.probe, 1);
	/* what was learned to be needed counts where it is more */
	w.history.cache.ripe_after_us = 3600 * USEC_PER_SEC;
	estimate(&w, &est);
	assert_int_equal(est.ripe_us, w.history.cache.since_us + w.history.cache.ripe_after_us);
}

static void what_is_above_the_ceiling_is_pressed_in_any_case(void **state)
{
	struct estimate est;
	struct world w;

	(void)state;
	cached(&w);
	w.history.guest.busy = TRI_YES;
	w.settings.ceiling_b = w.vm.backed_b.value - 16 * MIB + 1; /* it is there, almost */
	assert_int_equal(reason_of(&w), REASON_LITTLE_TO_GAIN);
	w.settings.ceiling_b--;
	assert_int_equal(reason_of(&w), REASON_NONE);
	estimate(&w, &est);
	assert_int_equal(est.press_b, 16 * MIB);
	w.settings.ceiling_b = 1; /* no more than there is cache */
	estimate(&w, &est);
	assert_int_equal(est.press_b, 600 * MIB);
	w.history.guest.gives_back = 1; /* of a guest that takes pages back only what is free */
	estimate(&w, &est);
	assert_int_equal(est.press_b, 0);
}

static void where_nothing_is_to_be_had_nothing_begins_though_asked_for(void **state)
{
	struct opportunity opp;
	struct world w;

	(void)state;
	cached(&w);
	w.history.guest.busy = TRI_YES;
	w.vm.stats.tag[BALLOON_STAT_MEMFREE] = 30 * MIB; /* which keeps it from reclaiming */
	opportunity_find(&w.settings, &w.host, &w.vm, &w.history, w.now_us, &requested, &opp);
	assert_int_equal(opp.reason, REASON_LITTLE_TO_GAIN);
}

static uint64_t offer_of(const struct world *w)
{
	struct offer offer;

	offer_find(&w->settings, &w->host, &w->vm, &w->history, w->now_us, &offer);
	return offer.stale_b + offer.cold_b;
}

static void only_what_may_be_asked_for_is_offered(void **state)
{
	struct world w;

	(void)state;
	cached(&w);
	assert_int_equal(offer_of(&w), 534 * MIB); /* all that the reserve leaves */
	w.vm.stats.taken_us = w.now_us + 5;	   /* a moment younger than the tick */
	assert_int_equal(offer_of(&w), 534 * MIB);
	w.now_us += 30 * USEC_PER_SEC + 5; /* three intervals old */
	assert_int_equal(offer_of(&w), 534 * MIB);
	w.now_us++;
	assert_int_equal(offer_of(&w), 0);
	cached(&w);
	w.settings.mode = MODE_OBSERVE;
	assert_int_equal(offer_of(&w), 0);
	cached(&w);
	w.vm.guarded = 0;
	assert_int_equal(offer_of(&w), 0);
	cached(&w);
	w.history.guest.calm = TRI_UNKNOWN;
	assert_int_equal(offer_of(&w), 0);
	cached(&w);
	w.vm.device = TRI_NO;
	assert_int_equal(offer_of(&w), 0);
	cached(&w);
	w.history.phase.is = PHASE_GAVE_UP;
	assert_int_equal(offer_of(&w), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stale_memory_of_a_calm_guest_is_worth_it),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(a_guest_that_is_not_calm_is_left_alone),
		cmocka_unit_test(little_is_not_worth_it_unless_asked_for),
		cmocka_unit_test(nothing_is_begun_below_the_reserve),
		cmocka_unit_test(old_facts_never_begin_a_squeeze),
		cmocka_unit_test(observing_stops_just_before_the_deed),
		cmocka_unit_test(stale_memory_is_left_to_reporting_that_works),
		cmocka_unit_test(cold_cache_is_pressed_though_reporting_works),
		cmocka_unit_test(nothing_begins_without_a_guardian),
		cmocka_unit_test(a_vm_waits_for_its_turn_unless_asked_for),
		cmocka_unit_test(cache_of_a_busy_guest_is_not_pressed),
		cmocka_unit_test(overhead_that_was_learned_is_believed),
		cmocka_unit_test(used_memory_is_unknown_without_statistics),
		cmocka_unit_test(the_guard_lets_a_balloon_shrink_always),
		cmocka_unit_test(the_guard_refuses_what_facts_do_not_allow),
		cmocka_unit_test(all_cold_cache_of_an_idle_guest_is_pressed_at_once),
		cmocka_unit_test(page_cache_that_is_too_young_is_left_alone_until_it_is_ripe),
		cmocka_unit_test(what_is_above_the_ceiling_is_pressed_in_any_case),
		cmocka_unit_test(where_nothing_is_to_be_had_nothing_begins_though_asked_for),
		cmocka_unit_test(only_what_may_be_asked_for_is_offered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
