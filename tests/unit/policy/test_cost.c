/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_cost.c - what squeezes cost a guest, and that they are worth it
 *
 * In:    a calm guest with 600 MiB stale, and what is told of its time and of its host.
 * Out:   whether it is squeezed, and why not.
 */
#include "world.h"

#include "policy/cost.h"
#include "policy/estimate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define RAM (1024 * MIB)
#define SECOND USEC_PER_SEC

/* A squeeze of a balloon of @balloon_b that took @took_us, and @cpu_us of processor time. */
static void squeezed_in(struct world *w, uint64_t took_us, uint64_t balloon_b, uint64_t cpu_us)
{
	world_init(w);
	w->vm.cpu_us = fact_of(1000 * SECOND, w->now_us);
	w->history.now.start_us = w->now_us;
	cost_begin(&w->vm, &w->history);
	w->now_us += took_us;
	w->vm.cpu_us = fact_of(1000 * SECOND + cpu_us, w->now_us);
	w->history.now.balloon_b = balloon_b;
	cost_end(&w->settings, &w->vm, w->now_us, &w->history);
}

static void squeezed(struct world *w, uint64_t balloon_b, uint64_t cpu_us)
{
	squeezed_in(w, 10 * SECOND, balloon_b, cpu_us);
}

static uint64_t wait_us(const struct world *w, uint64_t inflate_b)
{
	return cost_affordable_us(&w->settings, &w->vm, &w->history, inflate_b, w->now_us) -
	       w->now_us;
}

static void the_price_is_what_was_used_beyond_the_usual(void **state)
{
	struct world w;

	(void)state;
	squeezed(&w, 512 * MIB, 3 * SECOND);
	assert_int_equal(w.history.now.cost_us, 3 * SECOND);
	assert_int_equal(w.history.cost.price_us, 6 * SECOND); /* for each GiB */
	assert_int_equal(w.history.cost.total_us, 3 * SECOND);
	/* a guest that uses a tenth of a processor all the time would have used 1 s */
	world_init(&w);
	w.history.guest.cpu_ppm = PPM / 10;
	w.history.now.start_us = w.now_us;
	cost_begin(&w.vm, &w.history);
	w.now_us += 10 * SECOND;
	w.vm.cpu_us = fact_of(3 * SECOND, w.now_us);
	w.history.now.balloon_b = GIB;
	cost_end(&w.settings, &w.vm, w.now_us, &w.history);
	assert_int_equal(w.history.now.cost_us, 2 * SECOND);
	/* the next one counts for half */
	w.history.now.start_us = w.now_us;
	w.history.guest.cpu_ppm = 0;
	cost_begin(&w.vm, &w.history);
	w.now_us += 10 * SECOND;
	w.vm.cpu_us.value += 4 * SECOND;
	cost_end(&w.settings, &w.vm, w.now_us, &w.history);
	assert_int_equal(w.history.cost.price_us, 3 * SECOND);
}

static void what_was_not_measured_costs_nothing(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.vm.cpu_us.known = false;
	cost_begin(&w.vm, &w.history);
	w.vm.cpu_us = fact_of(5 * SECOND, w.now_us);
	cost_end(&w.settings, &w.vm, w.now_us, &w.history);
	assert_int_equal(w.history.now.cost_us, FIGURE_UNKNOWN);
	cost_begin(&w.vm, &w.history);
	w.vm.cpu_us.known = false;
	cost_end(&w.settings, &w.vm, w.now_us, &w.history);
	assert_int_equal(w.history.now.cost_us, FIGURE_UNKNOWN);
	assert_int_equal(w.history.cost.spent_us, 0);
	squeezed(&w, MIB, SECOND); /* too small to teach a price, but it is paid */
	assert_int_equal(w.history.cost.price_us, 0);
	assert_int_equal(w.history.cost.spent_us, SECOND);
}

static void processor_time_that_jumps_costs_no_more_than_can_be_used(void **state)
{
	struct world w;

	(void)state;
	squeezed(&w, GIB, UINT64_MAX / 2);
	assert_int_equal(w.history.now.cost_us, 20 * SECOND); /* 10 s of two processors */
	squeezed(&w, GIB, UINT64_MAX - 500 * SECOND);	      /* backwards */
	assert_int_equal(w.history.now.cost_us, 0);
}

static void all_squeezes_of_an_hour_share_one_budget(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	assert_int_equal(wait_us(&w, GIB), 0); /* the first can always be afforded */
	squeezed_in(&w, 40 * SECOND, GIB, 30 * SECOND);
	w.settings.cost_max_ppm = PPM / 50; /* 72 s in an hour, half of it at once */
	assert_int_equal(wait_us(&w, 200 * MIB), 0);
	/* another of 30 s must wait until 24 s are paid off, at 1 % of the time */
	assert_in_range(wait_us(&w, GIB), 2400 * SECOND, 2401 * SECOND);
	w.now_us += 2401 * SECOND;
	assert_int_equal(wait_us(&w, GIB), 0);
	/* two processors have twice the time */
	w.now_us -= 2401 * SECOND;
	w.vm.vcpus = 2;
	assert_int_equal(wait_us(&w, GIB), 0);
	/* one that costs more than an hour's budget waits until all is paid off */
	w.vm.vcpus = 0;
	assert_in_range(wait_us(&w, 8 * GIB), 3000 * SECOND, 3001 * SECOND);
}

static void a_squeeze_that_cannot_be_afforded_says_when_it_can(void **state)
{
	struct world w;

	(void)state;
	squeezed_in(&w, 40 * SECOND, GIB, 40 * SECOND);
	w.settings.cost_max_ppm = PPM / 50;
	w.history.now = (struct squeeze){ 0 };
	w.history.guest.base_cpu_us = w.vm.cpu_us;
	world_fresh(&w);
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_COST);
	assert_true(w.d.fig.until_us > w.now_us && w.d.fig.until_us < w.now_us + 4000 * SECOND);
	/* an operator and a host in need pay any price */
	w.vm.request = REQUEST_SQUEEZE;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_BEGIN_REQUESTED);
}

static void a_busy_guest_is_left_alone_unless_the_host_is_short(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.history.guest.busy = TRI_YES;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_BUSY);
	w.settings.ceiling_b = 400 * MIB; /* an operator wants it below that in any case */
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_BEGIN);
	world_init(&w);
	w.history.guest.busy = TRI_YES;
	w.host.available_b.value = w.host.total_b.value / 100;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_BEGIN_HOST);
}

/*
 * The first real guest (Debian 12 with PostgreSQL, 1.5 GiB): 18 s after its
 * start 421 MiB of its process were resident, 150 of them the hypervisor's own.
 * They were taken for stale, and a balloon went through 1 GiB for nothing, twice.
 */
static void young_postgresql(struct world *w)
{
	uint64_t *tag = w->vm.stats.tag;

	world_init(w);
	settings_init(&w->settings); /* its defaults */
	w->vm.ram_b = w->vm.actual_b = fact_of(1536 * MIB, w->now_us);
	w->vm.backed_source = FOOTPRINT_PAGEMAP;
	w->vm.backed_b = fact_of(271 * MIB, w->now_us);
	tag[BALLOON_STAT_MEMTOT] = 1478 * MIB;
	tag[BALLOON_STAT_MEMFREE] = 1258 * MIB;
	tag[BALLOON_STAT_AVAIL] = 1330 * MIB;
	tag[BALLOON_STAT_CACHES] = 110 * MIB;
	w->history.guest.base = w->vm.stats;
}

static void what_a_hypervisor_has_itself_is_not_taken_for_stale_memory(void **state)
{
	struct world w;

	(void)state;
	young_postgresql(&w);
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_LITTLE_TO_GAIN);
	assert_int_equal(w.d.fig.stale_b, 0);
}

static void memory_that_the_host_never_gave_is_not_inflated_for_little(void **state)
{
	struct world w;

	(void)state;
	young_postgresql(&w);
	w.vm.backed_b.value = 421 * MIB; /* as if 143 MiB were really stale */
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_UNBACKED);
	assert_int_equal(w.d.fig.stale_b, 143 * MIB);
	assert_int_equal(w.d.fig.unbacked_b, 1115 * MIB);
	w.vm.request = REQUEST_SQUEEZE;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_BEGIN_REQUESTED);
	/* a reserve that keeps the balloon small lets it reach less of what is stale */
	young_postgresql(&w);
	w.vm.backed_b.value = 711 * MIB; /* 433 of 1258 free MiB are stale */
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_BEGIN);
	young_postgresql(&w);
	w.vm.backed_b.value = 711 * MIB;
	w.settings.reserve_ppm = PPM / 10 * 3;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_UNBACKED);
	/* the 500 MiB that a batch freed are worth it */
	young_postgresql(&w);
	w.vm.backed_b.value = 771 * MIB;
	world_tick(&w);
	assert_int_equal(w.d.reason, REASON_BEGIN);
}

static void a_balloon_beyond_what_was_unbacked_that_frees_nothing_goes_to_0(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_begin(&w);
	assert_int_equal(w.history.now.unbacked_b, 270 * MIB);
	while (w.d.phase == PHASE_INFLATING) {
		assert_true(w.history.now.balloon_b <= 470 * MIB);
		world_balloon(&w, RAM - w.history.balloon.target_b);
		/* its footprint is walked seldom, unless it is asked for */
		w.now_us += 20 * USEC_PER_MSEC;
		w.vm.stats.taken_us = w.vm.actual_b.taken_us = w.now_us;
		if (w.d.actions & ACT_MEASURE)
			w.vm.backed_b.taken_us = w.now_us;
		world_tick(&w);
	}
	world_stopped(&w, REASON_STOP_NOTHING);
	/* what could not be had is its overhead from now on, and stale no more */
	world_balloon(&w, 0);
	world_after(&w, 50 * USEC_PER_MSEC);
	world_after(&w, 1);
	assert_int_equal(w.history.guest.overhead_b, w.vm.backed_b.value - 100 * MIB);
}

static void a_measurement_that_is_missing_stops_nothing(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_begin(&w);
	w.vm.backed_b.known = false;
	while (w.d.phase == PHASE_INFLATING) {
		world_balloon(&w, RAM - w.history.balloon.target_b);
		world_after(&w, 20 * USEC_PER_MSEC);
	}
	assert_int_equal(w.d.reason, REASON_STOP_RESERVE);
}

static void what_its_cgroup_still_has_is_not_freed(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.vm.charged_b = fact_of(900 * MIB, w.now_us);
	world_begin(&w);
	world_balloon(&w, 100 * MIB);
	w.vm.backed_b.value -= 100 * MIB;
	w.vm.charged_b.value -= 20 * MIB; /* the rest are parts of huge pages */
	world_after(&w, 20 * USEC_PER_MSEC);
	assert_int_equal(w.d.fig.freed_b, 20 * MIB);
	w.vm.charged_b.value -= 200 * MIB; /* its hypervisor freed some of its own */
	world_after(&w, 20 * USEC_PER_MSEC);
	assert_int_equal(w.d.fig.freed_b, 100 * MIB);
	w.vm.charged_b.known = false;
	world_after(&w, 20 * USEC_PER_MSEC);
	assert_int_equal(w.d.fig.freed_b, 100 * MIB);
}

static void a_balloon_is_never_counted_as_used(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	world_tick(&w); /* with the balloon at 0 its kernel manages 970 MiB */
	assert_int_equal(estimate_used(&w.vm, &w.history), 100 * MIB);
	/* a driver with deflate-on-oom leaves the total as it is */
	world_balloon(&w, 300 * MIB);
	assert_int_equal(estimate_used(&w.vm, &w.history), 100 * MIB);
	/* one without takes the balloon from it */
	w.vm.stats.tag[BALLOON_STAT_MEMTOT] = 670 * MIB;
	assert_int_equal(estimate_used(&w.vm, &w.history), 100 * MIB);
	w.history.guest.total_b = 0; /* it was never seen without one */
	assert_int_equal(estimate_used(&w.vm, &w.history), 100 * MIB);
	w.history.guest.total_b = 970 * MIB;
	w.vm.actual_b.known = false;
	assert_int_equal(estimate_used(&w.vm, &w.history), 100 * MIB);
	w.vm.ram_b.known = false;
	assert_int_equal(estimate_used(&w.vm, &w.history), 100 * MIB);
}

static void the_reserve_is_a_share_of_all_its_memory_and_less_with_swap(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	settings_init(&w.settings);
	w.vm.ram_b.value = 64 * GIB;
	assert_int_equal(estimate_reserve(&w.settings, &w.vm), u64_ppm(64 * GIB, 120000));
	w.vm.stats.tag[BALLOON_STAT_SWAP_OUT] = 1;
	assert_int_equal(estimate_reserve(&w.settings, &w.vm), u64_ppm(64 * GIB, 80000));
	w.vm.stats.tag[BALLOON_STAT_SWAP_OUT] = 0;
	w.vm.stats.tag[BALLOON_STAT_SWAP_IN] = 1;
	assert_int_equal(estimate_reserve(&w.settings, &w.vm), u64_ppm(64 * GIB, 80000));
	w.vm.stats.known &= ~(UINT32_C(1) << BALLOON_STAT_SWAP_IN);
	w.vm.stats.known &= ~(UINT32_C(1) << BALLOON_STAT_SWAP_OUT);
	assert_int_equal(estimate_reserve(&w.settings, &w.vm), u64_ppm(64 * GIB, 120000));
	w.vm.ram_b.known = false; /* what its kernel manages is the next best */
	w.vm.stats.tag[BALLOON_STAT_MEMTOT] = GIB;
	assert_int_equal(estimate_reserve(&w.settings, &w.vm), u64_ppm(GIB, 120000));
}

static void cache_is_pressed_where_it_is_of_use(void **state)
{
	struct estimate est;
	struct world w;

	(void)state;
	world_init(&w);
	w.vm.stats.tag[BALLOON_STAT_MEMFREE] = 300 * MIB;
	w.vm.stats.tag[BALLOON_STAT_CACHES] = 600 * MIB;
	w.settings.press_cache = PRESS_HOST_ROOM;
	estimate_vm(&w.settings, &w.host, &w.vm, &w.history, w.now_us, 0, &est);
	assert_int_equal(est.cold_b, 0);
	assert_int_equal(est.dear_b, 540 * MIB); /* which a host that is short may ask for */
	w.host.available_b.value = w.host.total_b.value / 10 * 3 - MIB;
	estimate_vm(&w.settings, &w.host, &w.vm, &w.history, w.now_us, 0, &est);
	assert_int_equal(est.cold_b, 540 * MIB);
	w.host.available_b.known = false;
	estimate_vm(&w.settings, &w.host, &w.vm, &w.history, w.now_us, 0, &est);
	assert_int_equal(est.cold_b, 0);
	w.host.available_b.known = true;
	w.host.total_b.known = false;
	estimate_vm(&w.settings, &w.host, &w.vm, &w.history, w.now_us, 0, &est);
	assert_int_equal(est.cold_b, 0);
	w.host.total_b.known = true;
	w.settings.press_cache = PRESS_HOST_SHORT;
	estimate_vm(&w.settings, &w.host, &w.vm, &w.history, w.now_us, 0, &est);
	assert_int_equal(est.cold_b, 0);
	assert_int_equal(est.dear_b, 540 * MIB);
}

static void a_guest_of_many_processors_is_busy_in_proportion(void **state)
{
	struct world w;

	(void)state;
	world_init(&w);
	w.vm.vcpus = 12;
	w.now_us += 10 * SECOND;
	w.vm.cpu_us.value = 5 * SECOND; /* half a core used by 12 */
	world_fresh(&w);
	world_tick(&w);
	assert_int_equal(w.history.guest.busy, TRI_NO);
	assert_int_equal(w.history.guest.cpu_ppm, PPM / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_price_is_what_was_used_beyond_the_usual),
		cmocka_unit_test(what_was_not_measured_costs_nothing),
		cmocka_unit_test(processor_time_that_jumps_costs_no_more_than_can_be_used),
		cmocka_unit_test(all_squeezes_of_an_hour_share_one_budget),
		cmocka_unit_test(a_squeeze_that_cannot_be_afforded_says_when_it_can),
		cmocka_unit_test(a_busy_guest_is_left_alone_unless_the_host_is_short),
		cmocka_unit_test(what_a_hypervisor_has_itself_is_not_taken_for_stale_memory),
		cmocka_unit_test(memory_that_the_host_never_gave_is_not_inflated_for_little),
		cmocka_unit_test(a_balloon_beyond_what_was_unbacked_that_frees_nothing_goes_to_0),
		cmocka_unit_test(a_measurement_that_is_missing_stops_nothing),
		cmocka_unit_test(what_its_cgroup_still_has_is_not_freed),
		cmocka_unit_test(a_balloon_is_never_counted_as_used),
		cmocka_unit_test(the_reserve_is_a_share_of_all_its_memory_and_less_with_swap),
		cmocka_unit_test(cache_is_pressed_where_it_is_of_use),
		cmocka_unit_test(a_guest_of_many_processors_is_busy_in_proportion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
