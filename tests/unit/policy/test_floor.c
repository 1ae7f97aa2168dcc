/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_floor.c - memory that a balloon must leave: promised, of distress, of an hour of the day
 *
 * In:    a guest that needs 94 MiB (what it has less what is available in it), and clocks.
 * Out:   floors.
 */
#include "world.h"

#include "policy/floor.h"
#include "policy/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define HOUR (3600 * USEC_PER_SEC)
#define NEED (94 * MIB)
#define RAM (1024 * MIB)
#define RESERVE (96 * MIB)

/* Some day, 10:00, as seconds of local time. */
#define TEN (UINT64_C(20000) * 86400 + 10 * 3600)

static uint64_t floor_now(const struct world *w, bool lasting)
{
	return floor_of(&w->settings, &w->history, &w->host, w->now_us, lasting);
}

/* It needs @need_b from now on. */
static void needs(struct world *w, uint64_t need_b)
{
	w->vm.stats.tag[BALLOON_STAT_AVAIL] = w->vm.actual_b.value - need_b;
}

/* It is @local_s, which need not be what the machine's own clock makes of it. */
static void at(struct world *w, uint64_t local_s)
{
	w->host.local_s = fact_of(local_s, w->now_us);
}

/* One look at it. */
static void watch(struct world *w)
{
	world_fresh(w);
	floor_watch(&w->settings, &w->host, &w->vm, w->now_us, &w->history);
}

/* Watches the hour that begins at @local_s, of which @minutes, and the first moment of the next. */
static void watch_hour(struct world *w, uint64_t local_s, uint64_t minutes, uint64_t need_b)
{
	uint64_t i;

	needs(w, need_b);
	for (i = 0; i < minutes; i++) {
		at(w, local_s + i * 60);
		watch(w);
		w->now_us += 60 * USEC_PER_SEC;
	}
	needs(w, NEED);
	at(w, local_s + 3600);
	watch(w);
}

static void a_floor_that_is_promised_is_kept(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	assert_int_equal(floor_now(&w, true), 0);
	w.settings.floor_b = 400 * MIB;
	assert_int_equal(floor_now(&w, false), 400 * MIB);
	/* of 1024 MiB the balloon may take 624, though the reserve would allow 834 */
	w.vm.request = REQUEST_SQUEEZE;
	world_tick(&w);
	assert_int_equal(w.d.phase, PHASE_INFLATING);
	assert_int_equal(w.history.now.size_b, 624 * MIB);
	assert_int_equal(w.d.fig.floor_b, 400 * MIB);
	/* a floor above all of its memory leaves nothing */
	world_init(&w);
	w.settings.floor_b = 2 * GIB;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_AT_FLOOR);
}

static void a_squeeze_that_a_floor_stopped_says_so(void **state)
{
	struct world w;

	(void)state;
	world_inflating(&w);
	w.settings.floor_b = RAM - 200 * MIB; /* the guest keeps its reserve by far */
	world_balloon(&w, 200 * MIB);
	world_after(&w, 20 * USEC_PER_MSEC);
	world_stopped(&w, REASON_STOP_FLOOR);
	assert_int_equal(w.d.fig.floor_b, RAM - 200 * MIB);
	assert_int_equal(guard_target(&w.settings, &w.vm, RAM - 300 * MIB, w.now_us),
			 REASON_STOP_FLOOR);
}

static void a_right_sized_guest_that_its_floor_keeps_says_which(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.settings.mode = MODE_RIGHTSIZE;
	w.settings.floor_b = RAM;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_AT_FLOOR);
	assert_int_equal(w.d.fig.floor_b, RAM);
}

static void the_floor_of_distress_halves_over_time(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	needs(&w, 700 * MIB);
	floor_scare(&w.settings, &w.vm, w.now_us, &w.history);
	assert_int_equal(floor_now(&w, false), 700 * MIB + RESERVE);
	w.now_us += w.settings.floor_half_us - 1;
	assert_int_equal(floor_now(&w, false), 700 * MIB + RESERVE);
	w.now_us += 1;
	assert_int_equal(floor_now(&w, false), (700 * MIB + RESERVE) / 2);
	w.now_us += w.settings.floor_half_us;
	assert_int_equal(floor_now(&w, false), (700 * MIB + RESERVE) / 4);
	w.now_us += 1000 * w.settings.floor_half_us;
	assert_int_equal(floor_now(&w, false), 0);
}

static void a_lesser_distress_does_not_lower_the_floor(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	needs(&w, 700 * MIB);
	floor_scare(&w.settings, &w.vm, w.now_us, &w.history);
	needs(&w, 100 * MIB);
	w.now_us += USEC_PER_SEC;
	floor_scare(&w.settings, &w.vm, w.now_us, &w.history);
	assert_int_equal(floor_now(&w, false), 700 * MIB + RESERVE);
	/* what was half forgotten is remembered from the new episode on */
	w.now_us += w.settings.floor_half_us;
	floor_scare(&w.settings, &w.vm, w.now_us, &w.history);
	assert_int_equal(floor_now(&w, false), (700 * MIB + RESERVE) / 2);
	w.now_us += w.settings.floor_half_us;
	assert_int_equal(floor_now(&w, false), (700 * MIB + RESERVE) / 4);
}

static void distress_without_figures_teaches_no_floor(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.vm.actual_b.known = false;
	floor_scare(&w.settings, &w.vm, w.now_us, &w.history);
	w.vm.actual_b.known = true;
	w.vm.stats.known = 0;
	floor_scare(&w.settings, &w.vm, w.now_us, &w.history);
	assert_int_equal(floor_now(&w, true), 0);
}

static void distress_during_an_inflate_makes_a_floor(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_begin(&w);
	world_balloon(&w, 100 * MIB);
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = 200 * MIB;
	w.vm.stats.tag[BALLOON_STAT_SWAP_OUT] += 4096;
	world_after(&w, 20 * USEC_PER_MSEC);
	assert_int_equal(w.d.reason, REASON_STOP_SWAP);
	assert_int_equal(floor_now(&w, false), (1024 - 100 - 200) * MIB + RESERVE);
}

static void an_hour_that_was_watched_on_two_days_has_a_floor(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	watch_hour(&w, TEN, 60, 600 * MIB);
	at(&w, TEN);
	assert_int_equal(floor_now(&w, true), 0); /* one day may be an accident */
	watch_hour(&w, TEN + 86400, 60, 600 * MIB);
	assert_int_equal(w.history.need.habit.days[10], 2);
	at(&w, TEN + 86400);
	assert_int_equal(floor_now(&w, true), u64_ppm(600 * MIB, 2 * PPM / 3));
	assert_int_equal(floor_now(&w, false), 0); /* a squeeze is over before it matters */
	/* it counts ten minutes ahead, and is over with the hour */
	at(&w, TEN + 86400 - 600);
	assert_true(floor_now(&w, true) > 0);
	at(&w, TEN + 86400 - 601);
	assert_int_equal(floor_now(&w, true), 0);
	at(&w, TEN + 86400 + 3599);
	assert_true(floor_now(&w, true) > 0);
	at(&w, TEN + 86400 + 3600);
	assert_int_equal(floor_now(&w, true), 0);
	w.host.local_s.known = false;
	assert_int_equal(floor_now(&w, true), 0);
}

static void more_days_are_believed_more_and_more_need_counts_at_once(void **state)
{
	struct world w;
	uint64_t day;

	(void)state;
	world_init(&w);
	for (day = 0; day < 20; day++)
		watch_hour(&w, TEN + day * 86400, 60, 600 * MIB);
	assert_int_equal(w.history.need.habit.days[10], HABIT_DAYS_MAX);
	at(&w, TEN + 19 * 86400);
	assert_int_equal(floor_now(&w, true), u64_ppm(600 * MIB, 14 * PPM / 15));
	watch_hour(&w, TEN + 20 * 86400, 60, 800 * MIB);
	assert_int_equal(w.history.need.habit.peak_b[10], 800 * MIB);
	/* less than usual by a quarter a day */
	watch_hour(&w, TEN + 21 * 86400, 60, 400 * MIB);
	assert_int_equal(w.history.need.habit.peak_b[10], 700 * MIB);
	watch_hour(&w, TEN + 22 * 86400, 60, 400 * MIB);
	assert_int_equal(w.history.need.habit.peak_b[10], 625 * MIB);
}

static void what_was_learned_of_an_hour_expires(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	watch_hour(&w, TEN, 60, 600 * MIB);
	watch_hour(&w, TEN + 86400, 60, 600 * MIB);
	at(&w, TEN + 9 * 86400);
	assert_true(floor_now(&w, true) > 0);
	at(&w, TEN + 10 * 86400); /* a day more than was remembered */
	assert_int_equal(floor_now(&w, true), 0);
}

static void an_hour_of_which_little_was_watched_teaches_nothing(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	watch_hour(&w, TEN, 29, 600 * MIB);
	assert_int_equal(w.history.need.habit.days[10], 0);
	watch_hour(&w, TEN, 30, 600 * MIB);
	assert_int_equal(w.history.need.habit.days[10], 1);
}

static void habits_can_be_switched_off(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.settings.habit_expires_us = 0;
	watch_hour(&w, TEN, 60, 600 * MIB);
	watch_hour(&w, TEN + 86400, 60, 600 * MIB);
	assert_int_equal(w.history.need.habit.days[10], 0);
	w.settings.habit_expires_us = HOUR;
	w.vm.actual_b.known = false;
	watch_hour(&w, TEN, 60, 600 * MIB);
	assert_int_equal(w.history.need.habit.days[10], 0);
}

static void a_clock_that_jumps_back_and_forth_teaches_nothing(void **state)
{
	struct world w;
	uint64_t i;

	(void)state;
	world_init(&w);
	needs(&w, 600 * MIB);
	for (i = 0; i < 1000; i++) {
		at(&w, TEN + i % 2 * 3 * 3600);
		watch(&w);
		w.now_us += 60 * USEC_PER_SEC;
	}
	assert_int_equal(w.history.need.habit.days[10], 0);
	assert_int_equal(w.history.need.habit.days[13], 0);
}

static void a_clock_that_went_back_an_hour_counts_the_day_once(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	watch_hour(&w, TEN, 60, 600 * MIB);
	watch_hour(&w, TEN, 60, 500 * MIB); /* summer time ends */
	assert_int_equal(w.history.need.habit.days[10], 1);
}

/* What it needed of late, with the reserve. */
static uint64_t recent(const struct world *w)
{
	return floor_recent(&w->settings, &w->vm, &w->history, w->now_us);
}

static void the_most_that_was_needed_is_known_for_12_to_24_hours(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	assert_int_equal(recent(&w), FIGURE_UNKNOWN); /* not watched at all */
	w.settings.size_watch_us = 2 * HOUR;
	needs(&w, 600 * MIB);
	watch(&w);
	w.now_us += 2 * HOUR - 1;
	assert_int_equal(recent(&w), FIGURE_UNKNOWN);
	w.now_us += 1;
	needs(&w, NEED);
	watch(&w);
	assert_int_equal(recent(&w), 600 * MIB + RESERVE);
	w.now_us += 10 * HOUR;
	watch(&w); /* the first 12 h are over */
	assert_int_equal(recent(&w), 600 * MIB + RESERVE);
	w.now_us += 12 * HOUR;
	watch(&w);
	assert_int_equal(recent(&w), NEED + RESERVE);
}

static void an_hour_with_a_gap_in_it_was_not_watched(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	needs(&w, 600 * MIB);
	at(&w, TEN);
	watch(&w);
	w.now_us += 60 * USEC_PER_SEC;
	w.vm.state = VM_STATE_DOWN;
	watch(&w);
	w.vm.state = VM_STATE_RUNNING;
	at(&w, TEN + 3 * 3600);
	w.now_us += 3 * HOUR;
	watch(&w);
	assert_int_equal(w.history.need.habit.days[10], 0);
	/* nor is one whose guest does not tell how it is */
	w.vm.stats.known = 0;
	watch(&w);
	assert_int_equal(w.history.need.habit.since_us, 0);
}

static void an_hour_that_was_seen_in_the_future_is_not_believed(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	watch_hour(&w, TEN + 1000 * 86400, 60, 600 * MIB);
	watch_hour(&w, TEN + 1001 * 86400, 60, 600 * MIB);
	at(&w, TEN + 1001 * 86400);
	assert_true(floor_now(&w, true) > 0);
	at(&w, TEN); /* the clock was set right */
	assert_int_equal(floor_now(&w, true), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_floor_that_is_promised_is_kept),
		cmocka_unit_test(a_squeeze_that_a_floor_stopped_says_so),
		cmocka_unit_test(a_right_sized_guest_that_its_floor_keeps_says_which),
		cmocka_unit_test(the_floor_of_distress_halves_over_time),
		cmocka_unit_test(a_lesser_distress_does_not_lower_the_floor),
		cmocka_unit_test(distress_without_figures_teaches_no_floor),
		cmocka_unit_test(distress_during_an_inflate_makes_a_floor),
		cmocka_unit_test(an_hour_that_was_watched_on_two_days_has_a_floor),
		cmocka_unit_test(more_days_are_believed_more_and_more_need_counts_at_once),
		cmocka_unit_test(what_was_learned_of_an_hour_expires),
		cmocka_unit_test(an_hour_of_which_little_was_watched_teaches_nothing),
		cmocka_unit_test(habits_can_be_switched_off),
		cmocka_unit_test(a_clock_that_jumps_back_and_forth_teaches_nothing),
		cmocka_unit_test(a_clock_that_went_back_an_hour_counts_the_day_once),
		cmocka_unit_test(the_most_that_was_needed_is_known_for_12_to_24_hours),
		cmocka_unit_test(an_hour_with_a_gap_in_it_was_not_watched),
		cmocka_unit_test(an_hour_that_was_seen_in_the_future_is_not_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
