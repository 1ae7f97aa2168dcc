/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_learn.c - how a guest is doing, and what a squeeze teaches
 *
 * In:    statistics of two instants.
 * Out:   calm, busy, distress; cold cache, rest, giving up.
 */
#include "world.h"

#include "policy/distress.h"
#include "policy/learn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define SPAN (10 * USEC_PER_SEC)

/* A guest as it was one interval ago, to be judged by what a test changes now. */
static void judged(struct world *w)
{
	world_init(w);
	w->vm.cpu_us = fact_of(5 * USEC_PER_SEC, w->now_us);
	w->history.guest.base = w->vm.stats;
	w->history.guest.base_cpu_us = w->vm.cpu_us;
	w->history.guest.calm = TRI_UNKNOWN;
	w->history.guest.busy = TRI_UNKNOWN;
	w->now_us += SPAN;
	world_fresh(w);
	w->vm.cpu_us.taken_us = w->now_us;
}

static void fold(struct world *w)
{
	learn_fold(&w->settings, &w->host, &w->vm, w->now_us, &w->history);
}

static enum tri calm_after(enum balloon_stat tag, uint64_t by)
{
	struct world w;

	judged(&w);
	w.vm.stats.tag[tag] += by;
	fold(&w);
	return (enum tri)w.history.guest.calm;
}

static void a_guest_in_which_nothing_happens_is_calm_and_quiet(void **state)
{
	struct world w;

	(void)state;
	judged(&w);
	fold(&w);
	assert_int_equal(w.history.guest.calm, TRI_YES);
	assert_int_equal(w.history.guest.busy, TRI_NO);
}

static void signs_of_need_are_not_calm(void **state)
{
	struct world w;

	(void)state;
	assert_int_equal(calm_after(BALLOON_STAT_SWAP_OUT, MIB + 1), TRI_NO);
	assert_int_equal(calm_after(BALLOON_STAT_SWAP_OUT, MIB), TRI_YES);
	assert_int_equal(calm_after(BALLOON_STAT_SWAP_IN, MIB + 1), TRI_NO);
	assert_int_equal(calm_after(BALLOON_STAT_OOM_KILL, 1), TRI_NO);
	assert_int_equal(calm_after(BALLOON_STAT_ALLOC_STALL, 51), TRI_NO);
	assert_int_equal(calm_after(BALLOON_STAT_MAJFLT, 3010), TRI_NO);
	assert_int_equal(calm_after(BALLOON_STAT_MAJFLT, 3000), TRI_YES);
	judged(&w);
	w.vm.stats.tag[BALLOON_STAT_AVAIL] -= 122 * MIB; /* more than an eighth of 970 */
	fold(&w);
	assert_int_equal(w.history.guest.calm, TRI_UNKNOWN); /* it grows, but wants for nothing */
}

static void a_tag_that_is_not_sent_is_no_sign(void **state)
{
	struct world w;

	(void)state;
	judged(&w);
	w.vm.stats.known &= 0x3ff; /* a 6.1 guest */
	w.vm.stats.tag[BALLOON_STAT_OOM_KILL] = 7;
	fold(&w);
	assert_int_equal(w.history.guest.calm, TRI_YES);
	judged(&w);
	w.history.guest.base.known &= 0x3ff;
	w.vm.stats.tag[BALLOON_STAT_OOM_KILL] = 7;
	fold(&w);
	assert_int_equal(w.history.guest.calm, TRI_YES);
}

static void computing_and_reading_are_busy(void **state)
{
	struct world w;

	(void)state;
	judged(&w);
	w.vm.cpu_us.value += SPAN / 5;
	fold(&w);
	assert_int_equal(w.history.guest.busy, TRI_YES);
	judged(&w);
	w.vm.stats.tag[BALLOON_STAT_CACHES] += 17 * MIB;
	fold(&w);
	assert_int_equal(w.history.guest.busy, TRI_YES);
	judged(&w);
	w.vm.cpu_us.known = false;
	fold(&w);
	assert_int_equal(w.history.guest.busy, TRI_UNKNOWN);
	judged(&w);
	w.history.guest.base_cpu_us.known = false;
	fold(&w);
	assert_int_equal(w.history.guest.busy, TRI_UNKNOWN);
	judged(&w);
	/* fresh statistics beside a processor time of 10 ms ago: one step of it is no rate */
	w.history.guest.base_cpu_us.taken_us = w.now_us - 10 * USEC_PER_MSEC;
	w.vm.cpu_us.value += 10 * USEC_PER_MSEC;
	fold(&w);
	assert_int_equal(w.history.guest.busy, TRI_UNKNOWN);
}

static void rates_need_a_span(void **state)
{
	struct world w;

	(void)state;
	judged(&w);
	w.vm.stats.taken_us = w.history.guest.base.taken_us + 10 * USEC_PER_MSEC;
	w.vm.stats.tag[BALLOON_STAT_SWAP_OUT] += GIB;
	fold(&w);
	assert_int_equal(w.history.guest.calm, TRI_UNKNOWN);
	/* the first statistics ever tell no rate */
	judged(&w);
	w.history.guest.base.known = 0;
	fold(&w);
	assert_int_equal(w.history.guest.calm, TRI_UNKNOWN);
	assert_int_equal(w.history.guest.base.taken_us, w.now_us);
}

static void our_own_squeeze_is_not_judged(void **state)
{
	const enum phase phases[] = { PHASE_INFLATING, PHASE_HOLDING, PHASE_DEFLATING };
	struct world w;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(phases); i++) {
		judged(&w);
		w.history.phase.is = phases[i];
		fold(&w);
		assert_int_equal(w.history.guest.calm, TRI_UNKNOWN);
		assert_int_equal(w.history.guest.base.known, 0);
	}
}

static void without_statistics_nothing_is_folded(void **state)
{
	struct world w;

	(void)state;
	judged(&w);
	w.vm.stats.known = 0;
	w.vm.request = REQUEST_RELEASE;
	fold(&w);
	assert_int_equal(w.history.guest.calm, TRI_UNKNOWN);
	assert_int_equal(w.history.phase.request, REQUEST_RELEASE);
}

static void a_reset_makes_another_guest_of_it(void **state)
{
	struct world w;

	(void)state;
	judged(&w);
	w.history.guest.overhead_b = MIB;
	w.history.guest.gives_back = 1;
	w.history.rest.zero_yields = 1;
	w.vm.boots = 1;
	fold(&w);
	assert_int_equal(w.history.guest.overhead_b, FIGURE_UNKNOWN);
	assert_int_equal(w.history.guest.gives_back, 0);
	assert_int_equal(w.history.rest.zero_yields, 0);
	assert_int_equal(w.history.guest.calm, TRI_UNKNOWN);
}

static void stale_memory_is_remembered_since_when(void **state)
{
	struct world w;
	uint64_t since;

	(void)state;
	judged(&w);
	fold(&w);
	since = w.history.guest.stale_since_us;
	assert_int_equal(since, w.now_us);
	w.now_us += SPAN;
	fold(&w);
	assert_int_equal(w.history.guest.stale_since_us, since);
	w.vm.backed_b.value -= 550 * MIB;
	fold(&w);
	assert_int_equal(w.history.guest.stale_since_us, 0);
	w.vm.backed_b.value += 550 * MIB;
	w.vm.ram_b.known = false; /* what is not known is not estimated from */
	fold(&w);
	assert_int_equal(w.history.guest.stale_since_us, 0);
	w.vm.ram_b.known = true;
	w.vm.backed_b.known = false;
	fold(&w);
	assert_int_equal(w.history.guest.stale_since_us, 0);
}

static void overhead_only_falls_and_only_by_fresh_facts(void **state)
{
	struct world w;

	(void)state;
	judged(&w);
	w.history.guest.overhead_b = 900 * MIB; /* resident less used is 718 */
	w.vm.stats.taken_us = w.now_us - 3 * USEC_PER_SEC;
	fold(&w);
	assert_int_equal(w.history.guest.overhead_b, 900 * MIB);
	world_fresh(&w);
	w.vm.backed_b.taken_us = w.now_us - 3 * USEC_PER_SEC;
	fold(&w);
	assert_int_equal(w.history.guest.overhead_b, 900 * MIB);
	world_fresh(&w);
	fold(&w);
	assert_int_equal(w.history.guest.overhead_b, 718 * MIB);
	w.vm.backed_b.value += 100 * MIB;
	fold(&w);
	assert_int_equal(w.history.guest.overhead_b, 718 * MIB);
}

static enum reason distress_after(enum balloon_stat tag, int64_t by, uint64_t balloon_b)
{
	struct world w;

	world_init(&w);
	w.history.guest.start = w.vm.stats;
	w.now_us += 100 * USEC_PER_MSEC;
	w.vm.stats.taken_us = w.now_us;
	w.vm.actual_b.value = w.vm.ram_b.value - balloon_b;
	w.vm.stats.tag[tag] += (uint64_t)by;
	return distress_find(&w.settings, &w.vm, &w.history);
}

static void distress_is_told_from_counters_since_the_inflate_began(void **state)
{
	(void)state;
	assert_int_equal(distress_after(BALLOON_STAT_MINFLT, 100000, 0), REASON_NONE);
	assert_int_equal(distress_after(BALLOON_STAT_OOM_KILL, 1, 0), REASON_STOP_OOM);
	assert_int_equal(distress_after(BALLOON_STAT_SWAP_OUT, 4096, 0), REASON_STOP_SWAP);
	assert_int_equal(distress_after(BALLOON_STAT_MAJFLT, 300, 0), REASON_NONE);
	assert_int_equal(distress_after(BALLOON_STAT_MAJFLT, 301, 0), REASON_STOP_FAULTS);
	/* what the balloon took is not the guest's growth */
	assert_int_equal(distress_after(BALLOON_STAT_AVAIL, -(int64_t)(200 * MIB), 160 * MIB),
			 REASON_NONE);
	assert_int_equal(distress_after(BALLOON_STAT_AVAIL, -(int64_t)(200 * MIB), 150 * MIB),
			 REASON_STOP_GROWS);
}

/* A verified squeeze that expected 600 MiB: freed so much at once, and so much after 60 s. */
static void learn(struct world *w, uint64_t at_once_b, uint64_t late_b)
{
	world_init(w);
	w->history.done = (struct squeeze){
		.start_us = 1,
		.stale_b = 600 * MIB,
		.balloon_b = 800 * MIB,
		.used_after_b = 100 * MIB,
		.cache_before_b = 60 * MIB,
		.cache_low_b = 60 * MIB,
		.charged_before_b = FIGURE_UNKNOWN,
		.freed_b = { at_once_b, at_once_b, at_once_b, late_b },
	};
	learn_squeeze(&w->settings, &w->host, &w->vm, w->now_us, &w->history);
}

static void a_good_yield_rests_shortly(void **state)
{
	struct world w;

	(void)state;
	learn(&w, 600 * MIB, 590 * MIB);
	assert_int_equal(w.history.rest.why, REASON_REST);
	assert_int_equal(w.history.rest.last_us, w.settings.rest_min_us);
}

static void a_yield_that_comes_back_disappoints(void **state)
{
	struct world w;

	(void)state;
	learn(&w, 600 * MIB, 200 * MIB);
	assert_int_equal(w.history.rest.why, REASON_REST_DISAPPOINTED);
	assert_int_equal(w.history.rest.last_us, w.settings.rest_min_us);
	learn_squeeze(&w.settings, &w.host, &w.vm, w.now_us, &w.history);
	assert_int_equal(w.history.rest.last_us, 2 * w.settings.rest_min_us);
	/* an hour at most */
	w.history.rest.last_us = 50 * 60 * USEC_PER_SEC;
	learn_squeeze(&w.settings, &w.host, &w.vm, w.now_us, &w.history);
	assert_int_equal(w.history.rest.last_us, w.settings.rest_max_us);
}

static void memory_that_the_guest_came_to_use_is_no_disappointment(void **state)
{
	struct world w;

	(void)state;
	learn(&w, 600 * MIB, 200 * MIB);
	w.history.done.used_after_b = 0; /* the guest uses 100 MiB more than it did: 300 kept */
	w.history.rest.why = 0;
	learn_squeeze(&w.settings, &w.host, &w.vm, w.now_us, &w.history);
	assert_int_equal(w.history.rest.why, REASON_REST);
	/* not so where it is not known what it used */
	w.history.done.used_after_b = FIGURE_UNKNOWN;
	learn_squeeze(&w.settings, &w.host, &w.vm, w.now_us, &w.history);
	assert_int_equal(w.history.rest.why, REASON_REST_DISAPPOINTED);
	w.history.done.used_after_b = 0;
	w.vm.stats.known = 0;
	learn_squeeze(&w.settings, &w.host, &w.vm, w.now_us, &w.history);
	assert_int_equal(w.history.rest.why, REASON_REST_DISAPPOINTED);
}

static void what_was_not_measured_is_no_yield(void **state)
{
	struct world w;

	(void)state;
	learn(&w, FIGURE_UNKNOWN, FIGURE_UNKNOWN);
	assert_int_equal(w.history.rest.why, REASON_REST_DISAPPOINTED);
	assert_int_equal(w.history.rest.zero_yields, 0);
	learn(&w, 500 * MIB, FIGURE_UNKNOWN);
	assert_int_equal(w.history.rest.why, REASON_REST);
}

static void two_squeezes_that_free_nothing_rest_as_long_as_may_be(void **state)
{
	struct world w;

	(void)state;
	learn(&w, MIB, MIB);
	assert_int_equal(w.history.rest.zero_yields, 1);
	assert_int_equal(w.history.rest.why, REASON_REST_DISAPPOINTED);
	assert_int_equal(w.history.rest.last_us, w.settings.rest_min_us);
	learn_squeeze(&w.settings, &w.host, &w.vm, w.now_us, &w.history);
	assert_int_equal(w.history.rest.why, REASON_REST_DISAPPOINTED);
	assert_int_equal(w.history.rest.last_us, w.settings.rest_max_us);
	/* only what cannot change while it runs is given up */
	w.vm.obstacles = OBSTACLE_HUGETLB;
	learn_squeeze(&w.settings, &w.host, &w.vm, w.now_us, &w.history);
	assert_int_equal(w.history.rest.why, REASON_GAVE_UP);
}

static void the_reason_of_a_rest_names_what_was_measured(void **state)
{
	struct world w;

	(void)state;
	learn(&w, 60 * MIB, 60 * MIB);
	w.history.done.unbacked_b = 600 * MIB; /* of the 800 in the balloon */
	learn_squeeze(&w.settings, &w.host, &w.vm, w.now_us, &w.history);
	assert_int_equal(w.history.rest.why, REASON_REST_UNBACKED);
	/* 500 MiB were unmapped, but its cgroup has only 60 less: parts of huge pages */
	w.history.done.backed_before_b = 800 * MIB;
	w.history.done.backed_low_b = 300 * MIB;
	w.history.done.charged_before_b = 900 * MIB;
	learn_squeeze(&w.settings, &w.host, &w.vm, w.now_us, &w.history);
	assert_int_equal(w.history.rest.why, REASON_REST_UNBACKED); /* it has no cgroup any more */
	w.vm.charged_b = fact_of(840 * MIB, w.now_us);
	learn_squeeze(&w.settings, &w.host, &w.vm, w.now_us, &w.history);
	assert_int_equal(w.history.rest.why, REASON_REST_UNSPLIT);
	w.history.done.freed_b[VERIFY_AT_ONCE] = 500 * MIB;
	w.history.done.freed_b[VERIFY_60S] = 500 * MIB;
	learn_squeeze(&w.settings, &w.host, &w.vm, w.now_us, &w.history);
	assert_int_equal(w.history.rest.why, REASON_REST);
	w.history.done.backed_low_b = 799 * MIB; /* hardly anything was unmapped */
	w.history.done.freed_b[VERIFY_AT_ONCE] = 0;
	learn_squeeze(&w.settings, &w.host, &w.vm, w.now_us, &w.history);
	assert_int_equal(w.history.rest.why, REASON_REST_UNBACKED);
}

static void a_yield_of_less_than_a_fourth_of_the_balloon_disappoints_unless_asked_for(void **state)
{
	struct world w;

	(void)state;
	learn(&w, 150 * MIB, 150 * MIB);
	w.history.done.stale_b = 150 * MIB;
	w.history.done.balloon_b = 601 * MIB;
	learn_squeeze(&w.settings, &w.host, &w.vm, w.now_us, &w.history);
	assert_int_equal(w.history.rest.why, REASON_REST_DISAPPOINTED);
	w.history.done.balloon_b = 600 * MIB;
	learn_squeeze(&w.settings, &w.host, &w.vm, w.now_us, &w.history);
	assert_int_equal(w.history.rest.why, REASON_REST);
	w.history.done.balloon_b = 800 * MIB;
	w.history.done.asked = 1;
	learn_squeeze(&w.settings, &w.host, &w.vm, w.now_us, &w.history);
	assert_int_equal(w.history.rest.why, REASON_REST);
	w.history.done.asked = 0;
	w.history.done.requested = 1;
	learn_squeeze(&w.settings, &w.host, &w.vm, w.now_us, &w.history);
	assert_int_equal(w.history.rest.why, REASON_REST);
}

static void nothing_freed_where_nothing_was_expected_proves_nothing(void **state)
{
	struct world w;

	(void)state;
	learn(&w, 0, 0);
	w.history.rest.zero_yields = 0;
	w.history.done.stale_b = 0;
	learn_squeeze(&w.settings, &w.host, &w.vm, w.now_us, &w.history);
	assert_int_equal(w.history.rest.zero_yields, 0);
}

static uint64_t cold_after(uint64_t before_b, uint64_t low_b, uint64_t now_b)
{
	struct world w;

	learn(&w, 600 * MIB, 600 * MIB);
	w.history.cache.tried_us = 1;
	w.history.cache.cold_ppm = 750000;
	w.history.done.cache_before_b = before_b;
	w.history.done.cache_low_b = low_b;
	w.vm.stats.tag[BALLOON_STAT_CACHES] = now_b;
	learn_squeeze(&w.settings, &w.host, &w.vm, w.now_us, &w.history);
	return w.history.cache.cold_ppm;
}

static void what_was_learned_of_the_cache_is_forgotten_after_a_while(void **state)
{
	struct world w;

	(void)state;
	judged(&w);
	w.history.cache.tried_us = w.now_us - w.settings.rest_max_us;
	fold(&w);
	assert_int_not_equal(w.history.cache.tried_us, 0);
	w.now_us++;
	fold(&w);
	assert_int_equal(w.history.cache.tried_us, 0);
}

static void the_first_try_is_believed_as_it_is(void **state)
{
	struct world w;

	(void)state;
	learn(&w, 600 * MIB, 600 * MIB);
	w.history.done.end_us = 7;
	w.history.done.cache_before_b = 600 * MIB;
	w.history.done.cache_low_b = 500 * MIB;
	w.vm.stats.tag[BALLOON_STAT_CACHES] = 590 * MIB;
	learn_probe(&w.vm, &w.history);
	assert_int_equal(w.history.cache.tried_us, 7);
	assert_int_equal(w.history.cache.cold_ppm, 100000);
}

static void cache_that_stays_away_was_cold(void **state)
{
	struct world w;

	(void)state;
	assert_int_equal(cold_after(600 * MIB, 100 * MIB, 100 * MIB), 825000);
	assert_int_equal(cold_after(600 * MIB, 100 * MIB, 350 * MIB), 625000);
	assert_int_equal(cold_after(600 * MIB, 100 * MIB, 600 * MIB), 375000);
	/* pressed too little, or not known: nothing is learned */
	assert_int_equal(cold_after(600 * MIB, 590 * MIB, 600 * MIB), 750000);
	assert_int_equal(cold_after(FIGURE_UNKNOWN, FIGURE_UNKNOWN, 600 * MIB), 750000);
	learn(&w, 600 * MIB, 600 * MIB);
	w.vm.stats.known &= ~(UINT32_C(1) << BALLOON_STAT_CACHES);
	w.history.cache.cold_ppm = 1;
	learn_squeeze(&w.settings, &w.host, &w.vm, w.now_us, &w.history);
	assert_int_equal(w.history.cache.cold_ppm, 1);
}

static void an_idle_guest_does_next_to_nothing(void **state)
{
	struct world w;

	(void)state;
	judged(&w);
	w.vm.cpu_us.value += SPAN / 20;
	fold(&w);
	assert_int_equal(w.history.guest.idle, TRI_YES);
	judged(&w);
	w.vm.cpu_us.value += SPAN / 20 + 1;
	fold(&w);
	assert_int_equal(w.history.guest.idle, TRI_NO);
	assert_int_equal(w.history.guest.busy, TRI_NO);
	judged(&w);
	w.vm.stats.tag[BALLOON_STAT_CACHES] += 17 * MIB; /* it reads */
	fold(&w);
	assert_int_equal(w.history.guest.idle, TRI_NO);
	judged(&w);
	w.vm.stats.tag[BALLOON_STAT_CACHES] += 17 * MIB;
	w.vm.cpu_us.known = false;
	fold(&w);
	assert_int_equal(w.history.guest.idle, TRI_UNKNOWN);
	assert_int_equal(w.history.guest.busy, TRI_YES);
}

/* Its page cache is @cache_b, @after_us later. */
static void caches(struct world *w, uint64_t cache_b, uint64_t after_us)
{
	w->now_us += after_us;
	world_fresh(w);
	w->vm.stats.tag[BALLOON_STAT_CACHES] = cache_b;
	fold(w);
}

static void page_cache_is_as_old_as_it_did_not_grow(void **state)
{
	struct world w;
	uint64_t first_us;

	(void)state;
	judged(&w);
	caches(&w, 400 * MIB, 0);
	first_us = w.now_us;
	assert_int_equal(w.history.cache.since_us, first_us);
	/* an eighth of it may come without making it young, by and by as well as at once */
	caches(&w, 430 * MIB, SPAN);
	caches(&w, 450 * MIB, SPAN);
	assert_int_equal(w.history.cache.since_us, first_us);
	/* more grew some time between the last two looks: half way is the best guess */
	caches(&w, 450 * MIB + 1, SPAN);
	assert_int_equal(w.history.cache.since_us, w.now_us - SPAN / 2);
	/* what is dropped and read again is young */
	caches(&w, 100 * MIB, SPAN);
	caches(&w, 117 * MIB, SPAN);
	assert_int_equal(w.history.cache.since_us, w.now_us - SPAN / 2);
	/* a guest that does not tell is not watched */
	judged(&w);
	w.vm.stats.known &= ~(UINT32_C(1) << BALLOON_STAT_CACHES);
	fold(&w);
	assert_int_equal(w.history.cache.since_us, 0);
}

/* As where a guest's last statistics were from its boot, before anybody asked for any. */
static void page_cache_that_grew_nobody_knows_when_counts_as_new(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	caches(&w, 10 * MIB, 0);
	caches(&w, 600 * MIB, 60 * USEC_PER_SEC);
	assert_int_equal(w.history.cache.since_us, w.now_us - 30 * USEC_PER_SEC);
	caches(&w, 900 * MIB, 60 * USEC_PER_SEC + 1);
	assert_int_equal(w.history.cache.since_us, w.now_us);
}

/* 100 MiB of it were pressed @ago_us ago, down to 50; @cache_b are there now. */
static uint64_t ripe_after(uint64_t ago_us, uint64_t cache_b, uint64_t before_us)
{
	struct world w;

	judged(&w);
	w.settings.cache_age_us = 40 * USEC_PER_SEC;
	w.history.cache.pressed_b = 100 * MIB;
	w.history.cache.pressed_low_b = 50 * MIB;
	w.history.cache.pressed_us = w.now_us - ago_us;
	w.history.cache.ripe_after_us = before_us;
	w.vm.stats.tag[BALLOON_STAT_CACHES] = cache_b;
	fold(&w);
	return w.history.cache.pressed_b ? 0 : w.history.cache.ripe_after_us;
}

static void cache_that_was_read_again_too_soon_must_be_older_the_next_time(void **state)
{
	const uint64_t pays_us = 600 * USEC_PER_SEC, hour_us = 3600 * USEC_PER_SEC;
	struct world w;
	uint64_t after_us;

	(void)state;
	/* not back, and it may yet come */
	assert_int_equal(ripe_after(pays_us - 1, 99 * MIB, hour_us / 2), 0);
	/* half of it is back too soon: twice as old the next time, and an hour at most */
	assert_int_equal(ripe_after(pays_us - 1, 100 * MIB, hour_us / 4), hour_us / 2);
	assert_int_equal(ripe_after(pays_us - 1, 100 * MIB, hour_us), hour_us);
	after_us = ripe_after(pays_us - 1, 100 * MIB, 0);
	assert_true(after_us >= 80 * USEC_PER_SEC);
	/* it paid, whether or not it is back: half of that will do, but no less than is set */
	assert_int_equal(ripe_after(pays_us, 100 * MIB, hour_us), hour_us / 2);
	assert_int_equal(ripe_after(pays_us, 50 * MIB, hour_us), hour_us / 2);
	assert_int_equal(ripe_after(pays_us, 50 * MIB, 0), 40 * USEC_PER_SEC);
	/* what is not told is not judged */
	judged(&w);
	w.history.cache.pressed_b = 100 * MIB;
	w.vm.stats.known &= ~(UINT32_C(1) << BALLOON_STAT_CACHES);
	fold(&w);
	assert_int_equal(w.history.cache.pressed_b, 100 * MIB);
}

static void the_kind_of_a_guest_is_told_by_what_it_does(void **state)
{
	struct world w;

	(void)state;
	judged(&w);
	fold(&w);
	assert_int_equal(w.history.guest.kind, GUEST_UNKNOWN);
	w.vm.stats.known = 0;
	w.vm.state = VM_STATE_PAUSED; /* nothing can be told of one that does not run */
	fold(&w);
	assert_int_equal(w.history.guest.kind, GUEST_UNKNOWN);
	w.vm.state = VM_STATE_RUNNING;
	fold(&w);
	assert_int_equal(w.history.guest.kind, GUEST_NONE);
	w.vm.stats.known = 0xffff; /* its driver came */
	fold(&w);
	assert_int_equal(w.history.guest.kind, GUEST_UNKNOWN);
	w.history.guest.kind = GUEST_NOTIFIER;
	w.history.guest.gives_back = 1;
	fold(&w);
	assert_int_equal(w.history.guest.kind, GUEST_SHRINKER);
	w.vm.stats.tag[BALLOON_STAT_MEMTOT] |= BALLOON_MARK_BALLONET;
	fold(&w);
	assert_int_equal(w.history.guest.kind, GUEST_BALLONET);
	w.vm.device = TRI_NO;
	fold(&w);
	assert_int_equal(w.history.guest.kind, GUEST_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_in_which_nothing_happens_is_calm_and_quiet),
		cmocka_unit_test(signs_of_need_are_not_calm),
		cmocka_unit_test(a_tag_that_is_not_sent_is_no_sign),
		cmocka_unit_test(computing_and_reading_are_busy),
		cmocka_unit_test(rates_need_a_span),
		cmocka_unit_test(our_own_squeeze_is_not_judged),
		cmocka_unit_test(without_statistics_nothing_is_folded),
		cmocka_unit_test(a_reset_makes_another_guest_of_it),
		cmocka_unit_test(stale_memory_is_remembered_since_when),
		cmocka_unit_test(overhead_only_falls_and_only_by_fresh_facts),
		cmocka_unit_test(distress_is_told_from_counters_since_the_inflate_began),
		cmocka_unit_test(a_good_yield_rests_shortly),
		cmocka_unit_test(a_yield_that_comes_back_disappoints),
		cmocka_unit_test(memory_that_the_guest_came_to_use_is_no_disappointment),
		cmocka_unit_test(what_was_not_measured_is_no_yield),
		cmocka_unit_test(two_squeezes_that_free_nothing_rest_as_long_as_may_be),
		cmocka_unit_test(the_reason_of_a_rest_names_what_was_measured),
		cmocka_unit_test(
			a_yield_of_less_than_a_fourth_of_the_balloon_disappoints_unless_asked_for),
		cmocka_unit_test(nothing_freed_where_nothing_was_expected_proves_nothing),
		cmocka_unit_test(cache_that_stays_away_was_cold),
		cmocka_unit_test(what_was_learned_of_the_cache_is_forgotten_after_a_while),
		cmocka_unit_test(the_first_try_is_believed_as_it_is),
		cmocka_unit_test(an_idle_guest_does_next_to_nothing),
		cmocka_unit_test(page_cache_is_as_old_as_it_did_not_grow),
		cmocka_unit_test(page_cache_that_grew_nobody_knows_when_counts_as_new),
		cmocka_unit_test(cache_that_was_read_again_too_soon_must_be_older_the_next_time),
		cmocka_unit_test(the_kind_of_a_guest_is_told_by_what_it_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
