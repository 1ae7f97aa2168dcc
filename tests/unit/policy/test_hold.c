/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_hold.c - balloons that a short host asks for, and holds
 *
 * In:    a host that is short, and a guest that has something.
 * Out:   how long a balloon is held, whether it grows on, who is asked.
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define RAM (1024 * MIB)
#define FAST (20 * USEC_PER_MSEC)
#define TOTAL (16 * GIB)
#define WELL (TOTAL / 100 * 11)

/* A balloon that is held because the host is short. */
static void holding(struct world *w)
{
	world_inflating(w);
	w->host.available_b.value = GIB / 2;
	w->history.now.size_b = 100 * MIB;
	w->vm.backed_b.value = 200 * MIB; /* it has no more to give */
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
	world_stopped(&w, REASON_STOP_HOST_WELL);
	holding(&w);
	w.host.available_b.known = false; /* not known to be short */
	world_after(&w, USEC_PER_SEC);
	world_stopped(&w, REASON_STOP_HOST_WELL);
	holding(&w);
	w.host.total_b.known = false;
	world_after(&w, USEC_PER_SEC);
	world_stopped(&w, REASON_STOP_HOST_WELL);
	holding(&w);
	world_after(&w, w.settings.hold_max_us);
	world_stopped(&w, REASON_STOP_HOLD_MAX);
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
static void follow(struct world *w, uint64_t backed_b)
{
	while (w->d.phase == PHASE_INFLATING) {
		uint64_t balloon_b = RAM - w->history.balloon.target_b;

		world_balloon(w, balloon_b);
		if (balloon_b > 870 * MIB) /* what is free: the rest is page cache */
			w->vm.stats.tag[BALLOON_STAT_CACHES] = 930 * MIB - balloon_b;
		/* what the host has back already, 270 MiB, is handed out first */
		w->vm.backed_b.value = backed_b - u64_sub_sat(balloon_b, 270 * MIB);
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
		if (w.now_us < w.history.balloon.mark_us + USEC_PER_SEC)
			assert_about(w.learned.coming_b, 100 * MIB);
		else
			assert_int_equal(w.learned.coming_b, 0);
		world_after(&w, FAST);
	}
	world_stopped(&w, REASON_STOP_STALL);
	world_after(&w, 50 * USEC_PER_MSEC);
	while (w.d.phase == PHASE_VERIFYING) {
		assert_int_equal(w.learned.offer_b[0], 0);
		world_after(&w, USEC_PER_SEC);
	}
	assert_int_equal(w.d.phase, PHASE_RESTING);
	assert_int_equal(w.learned.offer_b[0], 0);
	for (i = 0; i < ARRAY_SIZE(why); i++) {
		w.history.rest.stop = why[i];
		world_after(&w, USEC_PER_SEC);
		assert_int_equal(w.learned.offer_b[0], 0);
	}
	w.now_us = w.history.rest.until_us;
	world_after(&w, 0);
	assert_int_equal(w.d.phase, PHASE_WATCH);
	assert_about(w.learned.offer_b[0], (930 - 96 - 270) * MIB);
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.reason, REASON_BEGIN_HOST);
}

static void a_guest_that_was_held_to_the_end_may_be_asked_again(void **state)
{
	struct world w;

	(void)state;
	holding(&w);
	world_after(&w, w.settings.hold_max_us);
	world_stopped(&w, REASON_STOP_HOLD_MAX);
	world_balloon(&w, 0);
	w.vm.backed_b.value += 500 * MIB; /* it is filled again at once */
	world_after(&w, 50 * USEC_PER_MSEC);
	assert_int_equal(w.d.phase, PHASE_VERIFYING);
	w.history.guest.calm = TRI_YES;
	world_after(&w, USEC_PER_SEC);
	assert_true(w.d.phase == PHASE_INFLATING || w.learned.offer_b[0] > 0);
}

static void a_held_balloon_grows_on_when_the_host_needs_more(void **state)
{
	uint64_t since_us, before_b;
	struct world w;

	(void)state;
	asked(&w, 100 * MIB);
	before_b = w.vm.backed_b.value;
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
	w.vm.backed_b.taken_us = since_us - 1;
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
		uint64_t *tag = i ? w.vm.stats.tag : w.history.guest.start.tag;

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
	world_stopped(&w, REASON_STOP_HOLD_MAX);
	world_balloon(&w, 0);
	world_after(&w, 50 * USEC_PER_MSEC);
	while (w.history.phase.verify_next == VERIFY_AT_ONCE)
		world_after(&w, 1);
	assert_int_equal(w.history.total.squeezes, 1);
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
	world_stopped(&w, REASON_STOP_SWAP);
	holding(&w);
	w.settings.grow_max_b = GIB;
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = 71 * MIB;
	world_after(&w, USEC_PER_SEC);
	world_stopped(&w, REASON_STOP_RESERVE);
	/* a reserve that is broken at the end of an inflate is not held on to either */
	world_inflating(&w);
	w.host.available_b.value = GIB / 2;
	w.settings.grow_max_b = GIB;
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = 71 * MIB;
	world_after(&w, FAST);
	world_stopped(&w, REASON_STOP_RESERVE);
	/* and holding can be switched off */
	world_inflating(&w);
	w.host.available_b.value = GIB / 2;
	w.settings.hold_max_us = 0;
	w.history.now.size_b = 100 * MIB;
	world_after(&w, FAST);
	world_stopped(&w, REASON_STOP_SIZE);
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
	world_stopped(&w, REASON_STOP_RELEASED);
	/* asked again, it goes on deflating */
	w.vm.request = REQUEST_RELEASE;
	world_after(&w, FAST);
	assert_int_equal(w.d.reason, REASON_DEFLATE_WAIT);
	holding(&w);
	w.vm.request = REQUEST_RELEASE;
	world_after(&w, FAST);
	world_stopped(&w, REASON_STOP_RELEASED);
}

/* The quiet guest of world.h with 300 MiB of page cache besides; its host misses @need_b. */
static void cached_on_short_host(struct world *w, uint64_t need_b)
{
	world_init(w);
	w->vm.stats.tag[BALLOON_STAT_MEMFREE] = 570 * MIB;
	w->vm.stats.tag[BALLOON_STAT_CACHES] = 360 * MIB;
	w->vm.backed_b.value = 54 * MIB + 64 * MIB + 400 * MIB + 200 * MIB; /* 200 are stale */
	w->history.guest.base = w->vm.stats;
	w->settings.host_short_ppm = w->settings.host_well_ppm = PPM / 10;
	w->host.available_b.value = u64_ppm(TOTAL, PPM / 10) - need_b;
}

/* Follows its targets until something else happens, all that goes beyond free memory being cache.
 */
static void follow_cached(struct world *w)
{
	uint64_t before_b = w->vm.backed_b.value;

	while (w->d.phase == PHASE_INFLATING) {
		uint64_t balloon_b = RAM - w->history.balloon.target_b;

		world_balloon(w, balloon_b);
		w->vm.stats.tag[BALLOON_STAT_MEMFREE] = u64_sub_sat(570 * MIB, balloon_b);
		w->vm.stats.tag[BALLOON_STAT_CACHES] =
			360 * MIB - u64_sub_sat(balloon_b, 570 * MIB);
		/* what was never backed comes first */
		w->vm.backed_b.value = before_b - u64_sub_sat(balloon_b, 370 * MIB);
		world_after(w, FAST);
	}
}

static void a_vm_gives_its_stale_memory_first(void **state)
{
	struct world w;

	(void)state;
	cached_on_short_host(&w, 100 * MIB);
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_BEGIN_HOST);
	assert_int_equal(w.history.now.asked, 1);
	assert_int_equal(w.history.now.class, 0);
	assert_int_equal(w.history.now.stale_b, 100 * MIB);
	assert_int_equal(w.history.now.cold_b, 0);
	/* pages that the host has back already are handed out first, so they come besides */
	assert_int_equal(w.history.now.size_b, 370 * MIB + 100 * MIB);
	assert_int_equal(w.learned.coming_b, 100 * MIB);
	follow_cached(&w);
	assert_int_equal(w.d.phase, PHASE_HOLDING);
	assert_int_equal(w.learned.coming_b, 0);
	assert_int_equal(w.learned.held_b[0], 470 * MIB);
}

static void page_cache_that_was_read_again_too_soon_is_the_dearest(void **state)
{
	struct world w;

	(void)state;
	cached_on_short_host(&w, 250 * MIB);
	w.history.cache.ripe_after_us = w.settings.cache_age_us + 1;
	world_tick(&w);
	assert_int_equal(w.market.price, PRICE_CLASSES - 1);
	assert_int_equal(w.history.now.class, PRICE_CLASSES - 1);
}

static void and_page_cache_for_what_is_left(void **state)
{
	struct world w;

	(void)state;
	cached_on_short_host(&w, 250 * MIB);
	w.history.guest.busy = TRI_YES; /* even of a busy guest, at the highest price */
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_BEGIN_HOST);
	assert_int_equal(w.market.price, PRICE_CLASSES - 1);
	assert_int_equal(w.history.now.class, PRICE_CLASSES - 1);
	assert_int_equal(w.history.now.stale_b, 200 * MIB);
	assert_in_range(w.history.now.cold_b, 50 * MIB - 1000, 50 * MIB);
	assert_int_equal(w.history.now.size_b, 570 * MIB + w.history.now.cold_b);
	assert_int_equal(w.history.now.probe, 0);
}

static void a_held_balloon_goes_back_by_its_class(void **state)
{
	struct world w;

	(void)state;
	cached_on_short_host(&w, 250 * MIB);
	world_tick(&w);
	assert_int_equal(w.history.now.class, 2);
	follow_cached(&w);
	assert_int_equal(w.d.phase, PHASE_HOLDING);
	w.host.available_b.value = WELL;
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.phase, PHASE_HOLDING);
	assert_int_equal(w.market.reason, REASON_HOST_GIVES_BACK);
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.phase, PHASE_HOLDING);
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.reason, REASON_STOP_HOST_WELL);
}

static void nothing_is_held_below_a_floor_that_lasts(void **state)
{
	struct world w;
	size_t hour = 10;

	(void)state;
	cached_on_short_host(&w, GIB);
	w.host.local_s = fact_of(UINT64_C(20000) * 86400 + hour * 3600, w.now_us);
	w.history.need.habit.days[hour] = HABIT_DAYS_MAX;
	w.history.need.habit.seen_s[hour] = w.host.local_s.value;
	w.history.need.habit.peak_b[hour] = 450 * MIB;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_BEGIN_HOST);
	assert_int_equal(w.d.fig.floor_b, u64_ppm(450 * MIB, 14 * PPM / 15));
	assert_int_equal(w.history.now.size_b, RAM - w.d.fig.floor_b);
	w.history.need.habit.peak_b[hour] = 600 * MIB; /* more than it is left by now */
	follow_cached(&w);
	assert_int_equal(w.d.phase, PHASE_DEFLATING);
	assert_true(reason_is(w.d.reason, REASON_IS_MEANT));
}

static void a_guest_in_distress_outranks_the_host_until_it_was_watched_again(void **state)
{
	struct world w;
	uint64_t end_us;

	(void)state;
	cached_on_short_host(&w, GIB);
	world_tick(&w);
	world_balloon(&w, 100 * MIB);
	w.vm.stats.tag[BALLOON_STAT_SWAP_OUT] += 4096;
	world_after(&w, FAST);
	assert_int_equal(w.d.reason, REASON_STOP_SWAP);
	world_balloon(&w, 0);
	world_after(&w, FAST);
	end_us = w.now_us;
	while (w.now_us < end_us + 5 * USEC_PER_SEC) {
		assert_int_equal(w.d.phase, PHASE_VERIFYING);
		assert_int_equal(w.market.offered_b, 0);
		assert_int_equal(w.market.reason, REASON_HOST_UNSERVED);
		world_after(&w, USEC_PER_SEC);
	}
}

static void a_vm_that_an_operator_let_go_is_not_asked(void **state)
{
	struct world w;

	(void)state;
	cached_on_short_host(&w, GIB);
	world_tick(&w);
	follow_cached(&w);
	assert_int_equal(w.d.phase, PHASE_HOLDING);
	w.vm.request = REQUEST_RELEASE;
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.reason, REASON_STOP_RELEASED);
	world_balloon(&w, 0);
	world_after(&w, FAST);
	while (w.d.phase == PHASE_VERIFYING) {
		w.history.guest.calm = TRI_YES;
		world_after(&w, USEC_PER_SEC);
		assert_int_equal(w.market.offered_b, 0); /* nor is it counted on */
	}
	assert_int_equal(w.d.reason, REASON_REST_RELEASED);
	w.history.guest.calm = TRI_YES;
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.phase, PHASE_RESTING);
	assert_int_equal(w.market.offered_b, 0);
}

static void what_was_won_is_measured_before_the_host_asks_again(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_squeeze(&w, 300 * MIB);
	w.settings.host_short_ppm = w.settings.host_well_ppm = PPM;
	w.vm.backed_b.taken_us = w.now_us - 1;
	w.now_us += FAST;
	w.vm.stats.taken_us = w.vm.actual_b.taken_us = w.now_us;
	world_tick(&w);
	assert_int_equal(w.d.phase, PHASE_VERIFYING);
	world_after(&w, FAST);
	assert_int_equal(w.d.reason, REASON_BEGIN_HOST);
	assert_int_equal(w.history.total.squeezes, 1);
	assert_int_equal(w.history.total.yield_b, 300 * MIB);
	assert_int_equal(w.history.done.freed_b[VERIFY_AT_ONCE], 300 * MIB);
}

/* A VM that rests because it disappointed; 200 MiB of it are stale again. */
static void resting(struct world *w)
{
	world_init(w);
	world_squeeze(w, 600 * MIB);
	w->history.rest.early = 6;
	world_verify(w, 500 * MIB);
	assert_int_equal(w->d.reason, REASON_REST_DISAPPOINTED);
	w->history.guest.calm = TRI_YES;
}

static void a_host_that_is_short_does_not_wait_for_a_rest(void **state)
{
	struct world w;

	(void)state;
	resting(&w);
	w.settings.host_short_ppm = w.settings.host_well_ppm = PPM;
	w.history.rest.early = 3;
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.reason, REASON_BEGIN_HOST);
	assert_int_equal(w.history.rest.early, 3); /* these are the policy's own */
}

static void a_rest_outlasts_a_host_that_was_short_for_a_moment(void **state)
{
	struct world w;

	(void)state;
	resting(&w);
	w.settings.host_short_ppm = w.settings.host_well_ppm = PPM;
	w.now_us += 5 * USEC_PER_SEC;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_LOOKING);
	assert_int_equal(w.d.phase, PHASE_RESTING);
	w.settings.host_short_ppm = 0;
	w.settings.host_well_ppm = 0;
	world_after(&w, FAST);
	assert_int_equal(w.d.reason, REASON_REST_DISAPPOINTED);
	assert_int_equal(w.d.actions, ACT_POLLING);
	/* one that does not answer is left alone as well */
	w.settings.host_short_ppm = w.settings.host_well_ppm = PPM;
	w.now_us += 5 * USEC_PER_SEC;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_LOOKING);
	w.now_us = w.d.wake_us;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_REST_DISAPPOINTED);
	assert_int_equal(w.d.actions, ACT_POLLING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_balloon_is_held_only_while_the_host_is_short),
		cmocka_unit_test(a_guest_that_would_not_give_is_not_asked_until_it_has_rested),
		cmocka_unit_test(a_guest_that_was_held_to_the_end_may_be_asked_again),
		cmocka_unit_test(a_held_balloon_grows_on_when_the_host_needs_more),
		cmocka_unit_test(distress_outranks_a_short_host),
		cmocka_unit_test(releasing_what_rests_lengthens_the_rest),
		cmocka_unit_test(a_vm_gives_its_stale_memory_first),
		cmocka_unit_test(page_cache_that_was_read_again_too_soon_is_the_dearest),
		cmocka_unit_test(and_page_cache_for_what_is_left),
		cmocka_unit_test(a_held_balloon_goes_back_by_its_class),
		cmocka_unit_test(nothing_is_held_below_a_floor_that_lasts),
		cmocka_unit_test(a_guest_in_distress_outranks_the_host_until_it_was_watched_again),
		cmocka_unit_test(a_vm_that_an_operator_let_go_is_not_asked),
		cmocka_unit_test(what_was_won_is_measured_before_the_host_asks_again),
		cmocka_unit_test(a_host_that_is_short_does_not_wait_for_a_rest),
		cmocka_unit_test(a_rest_outlasts_a_host_that_was_short_for_a_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
