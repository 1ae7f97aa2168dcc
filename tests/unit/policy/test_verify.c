/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_verify.c - what a squeeze won, and what it teaches the next one
 *
 * In:    a squeeze that is over, and what comes back.
 * Out:   measurements, what is remembered, and whether another one follows.
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define RAM (1024 * MIB)
#define FAST (20 * USEC_PER_MSEC)

static void what_comes_back_is_counted(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_squeeze(&w, 600 * MIB);
	w.history.rest.early = 6; /* this one is measured whole */
	world_verify(&w, 500 * MIB);
	assert_int_equal(w.d.reason, REASON_REST_DISAPPOINTED);
	assert_int_equal(w.history.total.return_b, 500 * MIB);
	assert_int_equal(w.history.done.freed_b[VERIFY_10S], 600 * MIB);
	assert_int_equal(w.history.done.freed_b[VERIFY_60S], 100 * MIB);
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
	w.vm.backed_b.known = false;
	world_tick(&w);
	assert_int_equal(w.history.now.freed_b[VERIFY_10S], FIGURE_UNKNOWN);
	assert_int_equal(w.history.phase.verify_next, VERIFY_60S);
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
	w.vm.backed_b.known = false;
	world_after(&w, 3 * USEC_PER_SEC);
	assert_int_equal(w.history.total.squeezes, 1);
	assert_int_equal(w.history.total.yield_b, 0);
	assert_int_equal(w.history.guest.overhead_b, FIGURE_UNKNOWN);
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
		assert_int_equal(w.history.guest.overhead_b, 118 * MIB);
	}
	/* one that ended early left more than that */
	world_init(&w);
	world_squeeze(&w, 600 * MIB);
	w.history.now.stop = REASON_STOP_SWAP;
	world_after(&w, 1);
	assert_int_equal(w.history.guest.overhead_b, FIGURE_UNKNOWN);
	/* and one without statistics afterwards tells nothing */
	world_init(&w);
	world_squeeze(&w, 600 * MIB);
	w.history.now.stop = REASON_STOP_SIZE;
	w.history.now.used_after_b = FIGURE_UNKNOWN;
	world_after(&w, 1);
	assert_int_equal(w.history.guest.overhead_b, FIGURE_UNKNOWN);
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

/* A quiet guest with nothing stale, and 600 MiB of page cache that was never tried. */
static void cached(struct world *w)
{
	world_init(w);
	w->vm.backed_b.value = 54 * MIB + 64 * MIB + 700 * MIB;
	w->vm.stats.tag[BALLOON_STAT_MEMFREE] = 300 * MIB;
	w->vm.stats.tag[BALLOON_STAT_CACHES] = 600 * MIB;
	w->history.guest.base = w->vm.stats;
}

/* The probe of it, until 10 s after; @back_b of what was pressed has been read again. */
static void probe(struct world *w, uint64_t back_b)
{
	uint64_t *tag = w->vm.stats.tag;

	cached(w);
	w->settings.min_efficiency_ppm = 0; /* a tenth is tried, whatever it costs */
	world_begin(w);
	assert_int_equal(w->history.now.probe, 1);
	assert_int_equal(w->history.now.size_b, 360 * MIB);
	while (w->d.phase == PHASE_INFLATING) {
		world_balloon(w, RAM - w->history.balloon.target_b);
		tag[BALLOON_STAT_MEMFREE] = 0;
		tag[BALLOON_STAT_CACHES] = 540 * MIB;
		world_after(w, FAST);
	}
	world_balloon(w, 0);
	tag[BALLOON_STAT_MEMFREE] = 360 * MIB - back_b;
	tag[BALLOON_STAT_CACHES] = 540 * MIB + back_b;
	world_after(w, 50 * USEC_PER_MSEC);
	assert_int_equal(w->d.phase, PHASE_VERIFYING);
	while (w->d.phase == PHASE_VERIFYING && w->history.phase.verify_next < VERIFY_60S) {
		if (w->history.phase.verify_next == VERIFY_10S && w->d.actions & ACT_REFRESH)
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
	assert_int_equal(w.history.cache.cold_ppm, 900000);
	assert_int_equal(w.history.now.cold_b, 474 * MIB);
	/* it kept what it gave while its cache was pressed */
	assert_int_equal(w.history.guest.kind, GUEST_NOTIFIER);
}

static void hot_cache_is_left_alone_after_a_probe(void **state)
{
	struct world w;

	(void)state;
	probe(&w, 55 * MIB);
	assert_int_equal(w.d.phase, PHASE_VERIFYING);
	world_verify(&w, 60 * MIB);
	assert_true(reason_is(w.d.reason, REASON_IS_DISAPPOINTED));
	w.now_us = w.history.rest.until_us;
	world_fresh(&w);
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_LITTLE_TO_GAIN);
}

static void a_probe_that_pressed_nothing_teaches_nothing(void **state)
{
	struct world w;

	(void)state;
	cached(&w);
	w.history.phase.is = PHASE_VERIFYING;
	w.history.phase.verify_next = VERIFY_10S;
	w.history.now = (struct squeeze){ .start_us = 1, .end_us = 2, .probe = 1 };
	w.history.now.cache_before_b = w.history.now.cache_low_b = 600 * MIB;
	world_after(&w, 1);
	assert_int_equal(w.d.phase, PHASE_VERIFYING);
	assert_int_equal(w.history.cache.tried_us, 0);
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

/* A squeeze that was verified for 10 s while the guest freed 300 MiB more. */
static void more_to_win(struct world *w, uint64_t already)
{
	world_init(w);
	world_squeeze(w, 600 * MIB);
	w->history.rest.early = already;
	while (w->history.phase.verify_next < VERIFY_60S) {
		w->now_us = w->d.wake_us;
		w->history.guest.calm = TRI_YES;
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
		w.vm.backed_b.value += 300 * MIB;
		w.now_us = w.history.now.end_us + after_us - 1;
		w.history.guest.calm = TRI_YES;
		world_after(&w, 0);
		assert_int_equal(w.d.phase, PHASE_VERIFYING);
		w.history.guest.calm = TRI_YES;
		world_after(&w, 1);
		assert_int_equal(w.d.reason, REASON_BEGIN);
		assert_int_equal(w.history.rest.early, already + 1);
		/* the last one taught what it was measured for */
		assert_int_equal(w.history.done.freed_b[VERIFY_10S], 600 * MIB);
		assert_int_equal(w.history.done.freed_b[VERIFY_60S], FIGURE_UNKNOWN);
		assert_int_equal(w.history.rest.why, REASON_REST);
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
	w.history.guest.base = w.vm.stats;
	w.history.guest.calm = TRI_YES;
	world_after(&w, USEC_PER_SEC);
	w.history.guest.busy = TRI_NO;
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.phase, PHASE_VERIFYING);
	assert_true(w.history.cache.since_us > w.history.now.end_us);
	assert_true(w.d.wake_us <= w.history.cache.since_us + w.settings.cache_age_us);
}

static void figures_that_speak_against_it_end_the_looking(void **state)
{
	struct world w;

	(void)state;
	more_to_win(&w, 0);
	w.vm.backed_b.value += 300 * MIB;
	w.now_us += 5 * USEC_PER_SEC;
	w.history.guest.calm = TRI_YES;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_LOOKING);
	assert_int_equal(w.d.phase, PHASE_VERIFYING);
	w.vm.backed_b.value -= 300 * MIB;
	world_after(&w, FAST);
	assert_int_equal(w.d.phase, PHASE_VERIFYING);
	assert_true(w.d.actions & ACT_POLLING);
	assert_int_equal(w.history.phase.looking_us, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_back_is_counted),
		cmocka_unit_test(verifying_measures_at_once_and_after_1_10_and_60_s),
		cmocka_unit_test(a_squeeze_whose_yield_is_unknown_teaches_no_overhead),
		cmocka_unit_test(what_a_full_squeeze_leaves_is_overhead),
		cmocka_unit_test(a_reset_ends_verifying),
		cmocka_unit_test(cold_cache_is_pressed_whole_once_a_probe_stayed_away),
		cmocka_unit_test(hot_cache_is_left_alone_after_a_probe),
		cmocka_unit_test(a_probe_that_pressed_nothing_teaches_nothing),
		cmocka_unit_test(an_operator_need_not_wait_for_the_verdict),
		cmocka_unit_test(much_new_to_win_does_not_wait_for_the_rest),
		cmocka_unit_test(page_cache_that_ripens_meanwhile_is_waited_for),
		cmocka_unit_test(figures_that_speak_against_it_end_the_looking),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
