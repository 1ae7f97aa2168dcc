/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_rightsize.c - a balloon that is left inflated, step by step and stop by stop
 *
 * In:    a calm 1 GiB guest that needs 94 MiB, of which kind it is, and what it does.
 * Out:   the decisions.
 */
#include "world.h"

#include "policy/rightsize.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define RAM (1024 * MIB)
#define FAST (20 * USEC_PER_MSEC)
#define STEP u64_ppm(RAM, 10000)
#define RESERVE (96 * MIB)
#define KEEP (32 * MIB) /* free memory that keeps a guest from reclaiming */

/* A guest that is to be right-sized. */
static void rightsize(struct world *w, enum guest_kind kind)
{
	world_init(w);
	w->settings.mode = MODE_RIGHTSIZE;
	w->history.guest.gives_back = kind == GUEST_SHRINKER;
	if (kind == GUEST_BALLONET)
		w->vm.stats.tag[BALLOON_STAT_MEMTOT] |=
			BALLOON_MARK_BALLONET | BALLOON_MARK_PRESSURE;
}

/* It has followed: @balloon_b are in its balloon. */
static void followed(struct world *w, uint64_t balloon_b, uint64_t after_us)
{
	world_balloon(w, balloon_b);
	world_after(w, after_us);
}

/* One whose balloon was left at @balloon_b. */
static void sized(struct world *w, enum guest_kind kind, uint64_t balloon_b)
{
	rightsize(w, kind);
	w->settings.size_step_ppm = balloon_b * PPM / RAM + 1;
	world_tick(w);
	assert_int_equal(w->d.phase, PHASE_SIZING);
	followed(w, RAM - w->history.balloon.target_b, FAST);
	assert_int_equal(w->d.phase, PHASE_SIZED);
	assert_int_equal(w->d.reason, REASON_SIZED);
	w->settings.size_step_ppm = 10000;
}

static void assert_stopped(const struct world *w, enum reason why)
{
	assert_int_equal(w->d.reason, why);
	assert_int_equal(w->d.phase, PHASE_DEFLATING);
	assert_true(w->d.actions & ACT_SET_TARGET);
	assert_int_equal(w->d.target_b, RAM);
}

static void the_balloon_grows_by_one_small_step_at_a_time_and_stays(void **state)
{
	struct world w;

	(void)state;
	rightsize(&w, GUEST_UNKNOWN);
	world_tick(&w);
	assert_int_equal(w.d.phase, PHASE_SIZING);
	assert_int_equal(w.d.reason, REASON_SIZE_STEP);
	assert_int_equal(w.d.target_b, RAM - STEP);
	followed(&w, STEP, FAST);
	assert_int_equal(w.d.phase, PHASE_SIZED);
	assert_int_equal(w.d.reason, REASON_SIZED);
	assert_false(w.d.actions & ACT_SET_TARGET);
	/* the next one is not before 10 s have passed */
	while (w.now_us + 200 * USEC_PER_MSEC < w.history.size.next_us) {
		world_after(&w, 200 * USEC_PER_MSEC);
		assert_int_equal(w.d.reason, REASON_SIZED);
		assert_false(w.d.actions & ACT_SET_TARGET);
	}
	world_after(&w, 200 * USEC_PER_MSEC);
	assert_int_equal(w.d.reason, REASON_SIZE_STEP);
	assert_int_equal(w.d.target_b, RAM - 2 * STEP);
	/* and none while it is not known to be well */
	followed(&w, 2 * STEP, FAST);
	w.now_us = w.history.size.next_us;
	w.history.guest.base.known = 0;
	w.history.guest.calm = TRI_UNKNOWN;
	world_after(&w, 0);
	assert_int_equal(w.d.phase, PHASE_SIZED);
}

static void a_guest_that_goes_on_giving_is_waited_for(void **state)
{
	struct world w;
	uint64_t i;

	(void)state;
	rightsize(&w, GUEST_SHRINKER);
	w.settings.size_step_ppm = PPM / 2;
	world_tick(&w);
	assert_int_equal(w.d.target_b, RAM / 2);
	for (i = 1; i < 100; i++) { /* a minute and a half */
		followed(&w, i * MIB, USEC_PER_SEC);
		assert_int_equal(w.d.reason, REASON_SIZE_WAIT);
		assert_false(w.d.actions & ACT_SET_TARGET);
	}
	/* one that does not for 10 s is not asked any further */
	for (i = 1; i < 10; i++) {
		world_after(&w, USEC_PER_SEC);
		assert_int_equal(w.d.reason, REASON_SIZE_WAIT);
	}
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.reason, REASON_SIZE_FOLLOW);
	assert_int_equal(w.d.target_b, RAM - 99 * MIB);
	assert_int_equal(w.history.size.settled_b, RAM - 99 * MIB);
}

static void what_a_guest_takes_back_it_keeps_longer_each_time(void **state)
{
	struct world w;
	uint64_t settle_us;

	(void)state;
	sized(&w, GUEST_SHRINKER, 200 * MIB);
	settle_us = w.settings.size_settle_us;
	followed(&w, 199 * MIB, USEC_PER_SEC); /* a page more or less is nothing */
	assert_int_equal(w.d.reason, REASON_SIZED);
	followed(&w, 150 * MIB, USEC_PER_SEC);
	assert_int_equal(w.d.reason, REASON_SIZE_FOLLOW);
	assert_int_equal(w.d.phase, PHASE_SIZED);
	assert_int_equal(w.d.target_b, RAM - 150 * MIB);
	assert_int_equal(w.history.size.settled_b, RAM - 150 * MIB);
	assert_int_equal(w.history.size.next_us, w.now_us + settle_us);
	followed(&w, 100 * MIB, USEC_PER_SEC);
	assert_int_equal(w.history.size.next_us, w.now_us + 2 * settle_us);
	/* an hour at most */
	w.history.size.settle_us = 50 * 60 * USEC_PER_SEC;
	followed(&w, 50 * MIB, USEC_PER_SEC);
	assert_int_equal(w.history.size.next_us, w.now_us + w.settings.rest_max_us);
	/* a step that it followed afterwards halves that */
	while (w.d.phase == PHASE_SIZED)
		world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.reason, REASON_SIZE_STEP);
	followed(&w, RAM - w.history.balloon.target_b, FAST);
	assert_int_equal(w.history.size.settle_us, w.settings.rest_max_us / 2);
}

static void a_guest_that_takes_back_on_the_way_is_followed_at_once(void **state)
{
	struct world w;

	(void)state;
	sized(&w, GUEST_SHRINKER, 200 * MIB);
	w.settings.size_step_ppm = PPM / 10;
	while (w.d.phase == PHASE_SIZED)
		world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.reason, REASON_SIZE_STEP);
	followed(&w, 250 * MIB, FAST);
	assert_int_equal(w.d.reason, REASON_SIZE_WAIT);
	followed(&w, 247 * MIB, FAST);
	assert_int_equal(w.d.reason, REASON_SIZE_FOLLOW);
	assert_int_equal(w.d.target_b, RAM - 247 * MIB);
}

static void distress_means_all_memory_and_a_floor(void **state)
{
	const struct {
		enum balloon_stat tag;
		enum reason why;
	} signs[] = { { BALLOON_STAT_SWAP_OUT, REASON_STOP_SWAP },
		      { BALLOON_STAT_OOM_KILL, REASON_STOP_OOM },
		      { BALLOON_STAT_MAJFLT, REASON_STOP_FAULTS } };
	struct world w;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(signs); i++) {
		sized(&w, GUEST_SHRINKER, 200 * MIB);
		w.vm.stats.tag[signs[i].tag] += 4096;
		world_after(&w, USEC_PER_SEC);
		assert_stopped(&w, signs[i].why);
		assert_int_equal(w.history.need.scare_b, 94 * MIB + RESERVE);
		world_balloon(&w, 0);
		world_after(&w, 50 * USEC_PER_MSEC);
		assert_int_equal(w.d.phase, PHASE_RESTING);
		assert_int_equal(w.d.reason, REASON_REST_SCARED);
		assert_int_equal(w.history.total.squeezes, 0);
	}
	/* on the way as well */
	rightsize(&w, GUEST_SHRINKER);
	world_tick(&w);
	w.vm.stats.tag[BALLOON_STAT_OOM_KILL]++;
	world_after(&w, FAST);
	assert_stopped(&w, REASON_STOP_OOM);
	/* a fault now and then over a long time is none: rates are told over about one step */
	sized(&w, GUEST_SHRINKER, 200 * MIB);
	for (i = 0; i < 60; i++) {
		w.vm.stats.tag[BALLOON_STAT_MAJFLT] += 200;
		world_after(&w, USEC_PER_SEC);
		assert_int_not_equal(w.d.phase, PHASE_DEFLATING);
		followed(&w, RAM - w.history.balloon.target_b, FAST);
	}
}

static void a_guest_that_uses_up_its_reserve_gets_all_memory_in_one_step(void **state)
{
	struct world w;

	(void)state;
	/* one that helps itself may go far below it */
	sized(&w, GUEST_BALLONET, 200 * MIB);
	assert_int_equal(w.history.guest.kind, GUEST_BALLONET);
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = RESERVE / 4;
	world_after(&w, USEC_PER_SEC);
	assert_int_not_equal(w.d.phase, PHASE_DEFLATING);
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = RESERVE / 4 - 1;
	world_after(&w, USEC_PER_SEC);
	assert_stopped(&w, REASON_STOP_SHORT);
	/* one that cannot may not, */
	sized(&w, GUEST_UNKNOWN, 200 * MIB);
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = RESERVE - 1;
	world_after(&w, 200 * USEC_PER_MSEC);
	assert_stopped(&w, REASON_STOP_SHORT);
	/* nor when it is soon there, */
	sized(&w, GUEST_UNKNOWN, 200 * MIB);
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = 600 * MIB;
	world_after(&w, 200 * USEC_PER_MSEC);
	assert_int_equal(w.d.phase, PHASE_SIZED);
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = 400 * MIB;
	world_after(&w, 200 * USEC_PER_MSEC);
	assert_stopped(&w, REASON_STOP_SHORT);
	/* nor when its free memory is gone, if only for page cache, */
	sized(&w, GUEST_UNKNOWN, 200 * MIB);
	w.vm.stats.tag[BALLOON_STAT_MEMFREE] = KEEP - 1;
	world_after(&w, 200 * USEC_PER_MSEC);
	assert_stopped(&w, REASON_STOP_SHORT);
	/* nor on the way */
	rightsize(&w, GUEST_UNKNOWN);
	world_tick(&w);
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = RESERVE - 1;
	world_after(&w, FAST);
	assert_stopped(&w, REASON_STOP_SHORT);
}

static void ballonet_without_its_shrinker_cannot_help_itself(void **state)
{
	struct world w;

	(void)state;
	sized(&w, GUEST_BALLONET, 200 * MIB);
	w.vm.stats.tag[BALLOON_STAT_MEMTOT] &= ~(uint64_t)BALLOON_MARK_PRESSURE;
	w.vm.stats.tag[BALLOON_STAT_AVAIL] = RESERVE - 1;
	world_after(&w, USEC_PER_SEC);
	assert_stopped(&w, REASON_STOP_SHORT);
}

static void what_happens_to_the_vm_ends_it(void **state)
{
	struct world w;

	(void)state;
	sized(&w, GUEST_SHRINKER, 200 * MIB);
	w.settings.mode = MODE_SQUEEZE;
	world_after(&w, USEC_PER_SEC);
	assert_stopped(&w, REASON_STOP_MODE);
	world_balloon(&w, 0);
	world_after(&w, 50 * USEC_PER_MSEC);
	assert_int_equal(w.d.reason, REASON_REST);
	sized(&w, GUEST_SHRINKER, 200 * MIB);
	w.settings.mode = MODE_OFF;
	world_after(&w, USEC_PER_SEC);
	assert_stopped(&w, REASON_STOP_MODE);
	sized(&w, GUEST_SHRINKER, 200 * MIB);
	w.vm.request = REQUEST_RELEASE;
	world_after(&w, USEC_PER_SEC);
	assert_stopped(&w, REASON_STOP_RELEASED);
	world_balloon(&w, 0);
	world_after(&w, 50 * USEC_PER_MSEC);
	assert_int_equal(w.d.reason, REASON_REST_RELEASED);
	sized(&w, GUEST_SHRINKER, 200 * MIB);
	w.vm.guarded = 0;
	world_after(&w, USEC_PER_SEC);
	assert_stopped(&w, REASON_STOP_GUARDIAN);
	sized(&w, GUEST_SHRINKER, 200 * MIB);
	w.vm.target_error = 5;
	world_after(&w, USEC_PER_SEC);
	assert_stopped(&w, REASON_STOP_REFUSED);
	sized(&w, GUEST_SHRINKER, 200 * MIB);
	w.now_us = w.d.wake_us + USEC_PER_SEC; /* no statistics came */
	world_tick(&w);
	assert_stopped(&w, REASON_STOP_STATS);
	rightsize(&w, GUEST_SHRINKER);
	world_tick(&w);
	w.vm.boots++;
	world_after(&w, FAST);
	assert_stopped(&w, REASON_STOP_RESET);
}

static void a_connection_that_is_new_is_asked_for_more_than_there_can_be(void **state)
{
	struct world w;

	(void)state;
	sized(&w, GUEST_SHRINKER, 200 * MIB);
	w.vm.state = VM_STATE_DOWN;
	w.vm.ram_b = w.vm.actual_b = (struct fact){ 0 };
	w.vm.stats.known = 0;
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.reason, REASON_STOP_DISCONNECTED);
	assert_int_equal(w.d.target_b, UINT64_MAX); /* and not 0 */
	w.vm.state = VM_STATE_RUNNING;
	w.vm.ram_b = fact_of(RAM, w.now_us);
	world_balloon(&w, 0);
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.phase, PHASE_RESTING);
}

static uint64_t room_of(struct world *w, enum reason *ret_why)
{
	struct rightsize_room room;

	world_tick(w); /* which folds what it needs, and which kind it is */
	rightsize_room(&w->settings, &w->host, &w->vm, &w->history, w->now_us, &room);
	*ret_why = room.why;
	return room.room_b;
}

static void who_cannot_take_back_keeps_free_memory_and_what_it_needed(void **state)
{
	enum reason why;
	struct world w;

	(void)state;
	/* 870 are free; 834 of 930 available are above the reserve */
	rightsize(&w, GUEST_SHRINKER);
	assert_int_equal(room_of(&w, &why), 834 * MIB);
	assert_int_equal(why, REASON_SIZED_RESERVE);
	rightsize(&w, GUEST_UNKNOWN);
	assert_int_equal(room_of(&w, &why), 870 * MIB - KEEP - RESERVE);
	assert_int_equal(why, REASON_SIZED_RESERVE);
	w.history.need.peak_last_b = 500 * MIB; /* it needed that much in the last 24 h */
	assert_int_equal(room_of(&w, &why), RAM - 500 * MIB - RESERVE);
	assert_int_equal(why, REASON_SIZED_FLOOR);
	/* page cache only of one that can, and only where it is cold */
	rightsize(&w, GUEST_BALLONET);
	w.vm.stats.tag[BALLOON_STAT_MEMFREE] = 200 * MIB;
	w.vm.stats.tag[BALLOON_STAT_CACHES] = 600 * MIB;
	w.history.guest.base = w.vm.stats;
	w.history.cache.tried_us = w.now_us;
	w.history.cache.cold_ppm = PPM / 2;
	assert_int_equal(room_of(&w, &why), 500 * MIB - KEEP);
	w.history.guest.busy = TRI_YES;
	assert_int_equal(room_of(&w, &why), 200 * MIB - KEEP);
}

static void a_floor_is_left_and_a_ceiling_comes_down_in_one_step(void **state)
{
	struct world w;

	(void)state;
	sized(&w, GUEST_SHRINKER, 200 * MIB);
	w.settings.floor_b = RAM - 200 * MIB;
	w.history.size.next_us = w.now_us;
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.reason, REASON_SIZED_FLOOR);
	assert_int_equal(w.d.phase, PHASE_SIZED);
	assert_int_equal(w.d.fig.floor_b, RAM - 200 * MIB);
	rightsize(&w, GUEST_SHRINKER);
	w.settings.ceiling_b = 600 * MIB;
	world_tick(&w);
	assert_int_equal(w.d.target_b, 600 * MIB);
	followed(&w, RAM - 600 * MIB, FAST);
	while (w.d.phase == PHASE_SIZED)
		world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.target_b, 600 * MIB - STEP);
	/* below the least step there is no room */
	rightsize(&w, GUEST_SHRINKER);
	w.settings.floor_b = RAM - MIB + 1;
	world_tick(&w);
	assert_int_equal(w.d.phase, PHASE_WATCH);
	assert_int_equal(w.d.reason, REASON_SIZED_FLOOR);
}

/* Figures that stand still while the balloon grows are those of another time. */
static void a_guest_whose_figures_are_frozen_is_left_alone_longer_each_time(void **state)
{
	struct guest_stats frozen;
	struct world w;
	uint64_t rest_us;

	(void)state;
	/* so small a balloon fits into what the kernel keeps per processor: it shows in nothing */
	rightsize(&w, GUEST_UNKNOWN);
	frozen = w.vm.stats;
	world_tick(&w);
	followed(&w, STEP, FAST);
	memcpy(w.vm.stats.tag, frozen.tag, sizeof(frozen.tag));
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.reason, REASON_SIZED);

	rightsize(&w, GUEST_UNKNOWN);
	w.settings.size_step_ppm = PPM / 10;
	frozen = w.vm.stats;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_SIZE_STEP);
	followed(&w, RAM / 10, FAST); /* these may be of before: they are not held against it */
	assert_int_equal(w.d.reason, REASON_SIZED);
	memcpy(w.vm.stats.tag, frozen.tag, sizeof(frozen.tag));
	world_after(&w, USEC_PER_SEC);
	assert_stopped(&w, REASON_STOP_LIES);
	rest_us = w.history.rest.last_us;
	w.vm.actual_b = fact_of(RAM, w.now_us + FAST);
	world_after(&w, FAST);
	assert_int_equal(w.d.reason, REASON_REST_LIED);
	assert_int_equal(w.history.rest.last_us, u64_max(2 * rest_us, w.settings.rest_min_us));
	assert_int_equal(w.history.rest.until_us, w.now_us + w.history.rest.last_us);

	/* one of the two that moves is enough, and so is a balloon that did not grow */
	rightsize(&w, GUEST_UNKNOWN);
	w.settings.size_step_ppm = PPM / 10;
	w.settings.size_every_us = 3600 * USEC_PER_SEC;
	frozen = w.vm.stats;
	world_tick(&w);
	followed(&w, RAM / 10, FAST);
	memcpy(w.vm.stats.tag, frozen.tag, sizeof(frozen.tag));
	w.vm.stats.tag[BALLOON_STAT_MEMFREE] -= 4096;
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.reason, REASON_SIZED);
	memcpy(w.vm.stats.tag, frozen.tag, sizeof(frozen.tag));
	w.vm.stats.tag[BALLOON_STAT_AVAIL] -= 4096;
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.reason, REASON_SIZED);
	memcpy(w.vm.stats.tag, frozen.tag, sizeof(frozen.tag));
	w.vm.actual_b = fact_of(RAM - 3 * MIB, w.now_us);
	w.history.balloon.target_b = RAM - 3 * MIB;
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.reason, REASON_SIZED);
}

static void a_guest_that_was_not_watched_for_long_enough_is_left_alone(void **state)
{
	struct world w;

	(void)state;
	rightsize(&w, GUEST_UNKNOWN);
	w.settings.size_watch_us = 3600 * USEC_PER_SEC;
	world_tick(&w);
	assert_int_equal(w.d.phase, PHASE_WATCH);
	assert_int_equal(w.d.reason, REASON_SIZE_WATCHED);
	assert_int_equal(w.d.fig.until_us, w.now_us + w.settings.size_watch_us);
	assert_int_equal(w.d.actions, 0); /* nor is it asked for statistics all the time */
	world_after(&w, w.settings.size_watch_us);
	assert_int_equal(w.d.reason, REASON_SIZE_STEP);
}

static void what_is_missing_is_named(void **state)
{
	struct world w;

	(void)state;
	rightsize(&w, GUEST_UNKNOWN);
	w.history.guest.calm = TRI_NO;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_IN_NEED);
	w.history.guest.calm = TRI_UNKNOWN;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_NOT_CALM);
	w.history.guest.calm = TRI_YES;
	w.vm.guarded = 0;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_NO_GUARDIAN);
	assert_int_equal(w.d.phase, PHASE_WATCH);
	/* where all free memory is page cache there is still something to size */
	rightsize(&w, GUEST_SHRINKER);
	w.vm.stats.tag[BALLOON_STAT_MEMFREE] = KEEP + 20 * MIB;
	w.history.guest.busy = TRI_YES;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_SIZE_STEP);
	/* others of the host that are squeezed are no reason to wait */
	rightsize(&w, GUEST_SHRINKER);
	w.host.squeezing = 10;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_SIZE_STEP);
}

static void fresh_figures_decide(void **state)
{
	struct world w;

	(void)state;
	rightsize(&w, GUEST_UNKNOWN);
	w.now_us += 5 * USEC_PER_SEC;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_LOOKING);
	assert_true(w.d.actions & ACT_REFRESH);
	w.now_us = w.d.wake_us; /* none came */
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_STATS_STALE);
	assert_int_equal(w.d.actions, ACT_POLLING);
	w.now_us += 5 * USEC_PER_SEC;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_LOOKING);
	world_after(&w, 5 * USEC_PER_MSEC);
	assert_int_equal(w.d.reason, REASON_SIZE_STEP);
	assert_int_equal(w.history.phase.looking_us, 0);
}

static void a_target_that_was_held_back_is_not_waited_for(void **state)
{
	struct world w;

	(void)state;
	rightsize(&w, GUEST_SHRINKER);
	world_tick(&w);
	w.vm.target_b = fact_of(RAM, w.now_us); /* the guard let none but the old one out */
	world_after(&w, FAST);
	assert_int_equal(w.d.phase, PHASE_SIZED);
	/* where nothing was ever sent, it is given up after a while */
	rightsize(&w, GUEST_SHRINKER);
	world_tick(&w);
	w.vm.target_b.known = false;
	world_after(&w, FAST);
	assert_int_equal(w.d.reason, REASON_SIZE_WAIT);
	world_after(&w, 10 * USEC_PER_SEC);
	assert_int_equal(w.d.reason, REASON_SIZE_FOLLOW);
}

/* The host misses @need_b, and all of it is asked of this VM. */
static void asks(struct world *w, uint64_t need_b)
{
	w->settings.host_short_ppm = w->settings.host_well_ppm = PPM / 10;
	w->host.available_b.value = u64_ppm(16 * GIB, PPM / 10) - need_b;
}

static void the_host_asks_for_more_than_a_step(void **state)
{
	struct world w;

	(void)state;
	sized(&w, GUEST_SHRINKER, 200 * MIB);
	asks(&w, 300 * MIB);
	world_after(&w, USEC_PER_SEC); /* though the next step is not due */
	assert_int_equal(w.d.reason, REASON_SIZE_HOST);
	assert_in_range(w.vm.actual_b.value - w.d.target_b, 300 * MIB - KIB, 300 * MIB + KIB);
	assert_int_equal(w.learned.coming_b, w.vm.actual_b.value - w.d.target_b);
	world_after(&w, FAST); /* what is on its way is not asked for again */
	assert_int_equal(w.d.reason, REASON_SIZE_WAIT);
	/* a balloon at 0 is asked as well */
	rightsize(&w, GUEST_SHRINKER);
	asks(&w, 300 * MIB);
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_SIZE_HOST);
	/* what a guest keeps in any case is not counted on */
	sized(&w, GUEST_UNKNOWN, 200 * MIB);
	asks(&w, GIB);
	world_after(&w, 200 * USEC_PER_MSEC);
	assert_int_equal(w.market.offered_b,
			 870 * MIB - KEEP - RESERVE - (RAM - w.vm.actual_b.value));
}

static void a_guest_that_took_memory_back_or_is_not_well_is_not_asked_for_it(void **state)
{
	struct world w;

	(void)state;
	sized(&w, GUEST_SHRINKER, 200 * MIB);
	asks(&w, GIB);
	followed(&w, 100 * MIB, FAST);
	assert_int_equal(w.d.reason, REASON_SIZE_FOLLOW);
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.phase, PHASE_SIZED);
	assert_int_equal(w.market.offered_b, 0);
	sized(&w, GUEST_SHRINKER, 200 * MIB);
	asks(&w, GIB);
	w.history.guest.calm = TRI_NO;
	world_after(&w, USEC_PER_SEC);
	assert_int_equal(w.d.phase, PHASE_SIZED);
	assert_int_equal(w.market.offered_b, 0);
}

static void an_operator_may_squeeze_it_but_it_is_not_squeezed_by_itself(void **state)
{
	struct world w;

	(void)state;
	rightsize(&w, GUEST_SHRINKER);
	w.vm.request = REQUEST_SQUEEZE;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_BEGIN_REQUESTED);
	while (w.d.phase == PHASE_INFLATING)
		followed(&w, RAM - w.history.balloon.target_b, FAST);
	world_balloon(&w, 0);
	world_after(&w, FAST);
	while (w.d.phase == PHASE_VERIFYING || w.d.phase == PHASE_RESTING) {
		assert_int_not_equal(w.d.reason, REASON_BEGIN);
		w.history.guest.calm = TRI_YES;
		world_after(&w, USEC_PER_SEC);
	}
	assert_int_equal(w.d.phase, PHASE_SIZING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_balloon_grows_by_one_small_step_at_a_time_and_stays),
		cmocka_unit_test(a_guest_that_goes_on_giving_is_waited_for),
		cmocka_unit_test(what_a_guest_takes_back_it_keeps_longer_each_time),
		cmocka_unit_test(a_guest_that_takes_back_on_the_way_is_followed_at_once),
		cmocka_unit_test(distress_means_all_memory_and_a_floor),
		cmocka_unit_test(a_guest_that_uses_up_its_reserve_gets_all_memory_in_one_step),
		cmocka_unit_test(ballonet_without_its_shrinker_cannot_help_itself),
		cmocka_unit_test(what_happens_to_the_vm_ends_it),
		cmocka_unit_test(a_connection_that_is_new_is_asked_for_more_than_there_can_be),
		cmocka_unit_test(who_cannot_take_back_keeps_free_memory_and_what_it_needed),
		cmocka_unit_test(a_floor_is_left_and_a_ceiling_comes_down_in_one_step),
		cmocka_unit_test(a_guest_whose_figures_are_frozen_is_left_alone_longer_each_time),
		cmocka_unit_test(a_guest_that_was_not_watched_for_long_enough_is_left_alone),
		cmocka_unit_test(what_is_missing_is_named),
		cmocka_unit_test(fresh_figures_decide),
		cmocka_unit_test(a_target_that_was_held_back_is_not_waited_for),
		cmocka_unit_test(the_host_asks_for_more_than_a_step),
		cmocka_unit_test(a_guest_that_took_memory_back_or_is_not_well_is_not_asked_for_it),
		cmocka_unit_test(an_operator_may_squeeze_it_but_it_is_not_squeezed_by_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
