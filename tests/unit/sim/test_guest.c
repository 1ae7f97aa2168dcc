/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_guest.c - the model guest does what guests were seen to do, and no page is lost on the way
 */
#include "sim/guest.h"

#include "base/num.h"
#include "sim/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define RAM GIB
#define MANAGED (970 * MIB)
#define FIXED (134 * MIB)

static struct guest_spec spec_of(enum guest_driver driver)
{
	return (struct guest_spec){
		.ram_b = RAM,
		.managed_b = MANAGED,
		.kernel_b = 60 * MIB,
		.fixed_b = FIXED,
		.inflate_rate_b = 200 * MIB,
		.deflate_rate_b = 400 * MIB,
		.driver = driver,
		.new_stats = true,
	};
}

static struct guest guest_of(enum guest_driver driver)
{
	struct guest_spec spec = spec_of(driver);
	struct guest g;

	guest_init(&g, &spec, 40 * MIB, 1000);
	return g;
}

/* Lets @s seconds pass, a tenth at a time. */
static void pass(struct guest *g, unsigned int s)
{
	unsigned int i;

	for (i = 0; i < s * 10; i++)
		guest_advance(g, g->now_us + USEC_PER_SEC / 10);
}

static void inflate_to(struct guest *g, uint64_t remaining_b)
{
	guest_balloon(g, remaining_b);
	pass(g, 10);
}

static void assert_every_page_is_somewhere(const struct guest *g)
{
	uint64_t sum_b =
		g->spec.kernel_b + g->anon_b + guest_cache(g) + g->balloon_b + g->free.free_b;
	uint64_t free_b = 0, backed_b = 0;
	unsigned int i;

	assert_int_equal(sum_b, g->spec.managed_b);
	for (i = 0; i < g->free.n; i++) {
		assert_true(g->free.layer[i].backed_b <= g->free.layer[i].size_b);
		free_b += g->free.layer[i].size_b;
		backed_b += g->free.layer[i].backed_b;
	}
	assert_int_equal(free_b, g->free.free_b);
	assert_int_equal(backed_b, g->free.backed_b);
	assert_true(g->swapped_b <= g->spec.swap_b);
}

static void a_guest_that_just_booted_is_backed_where_it_is_used(void **state)
{
	struct guest g = guest_of(DRIVER_PLAIN);

	(void)state;
	assert_int_equal(guest_resident(&g), FIXED + 100 * MIB);
	assert_int_equal(g.free.backed_b, 0);
	assert_every_page_is_somewhere(&g);
}

static void freed_memory_stays_resident_until_a_balloon_takes_it(void **state)
{
	struct guest g = guest_of(DRIVER_PLAIN);
	uint64_t booted_b = guest_resident(&g);

	(void)state;
	guest_give(&g, guest_want(&g, 600 * MIB));
	assert_int_equal(guest_resident(&g), booted_b + 600 * MIB);
	inflate_to(&g, RAM - 600 * MIB);
	assert_int_equal(g.balloon_b, 600 * MIB);
	assert_int_equal(guest_resident(&g), booted_b);
	inflate_to(&g, RAM);
	assert_int_equal(g.balloon_b, 0);
	assert_int_equal(guest_resident(&g), booted_b);
	assert_every_page_is_somewhere(&g);
}

static void a_second_balloon_takes_first_what_the_first_gave_back(void **state)
{
	struct guest g = guest_of(DRIVER_PLAIN);
	uint64_t before_b;

	(void)state;
	guest_give(&g, guest_want(&g, 600 * MIB));
	inflate_to(&g, RAM - 200 * MIB);
	inflate_to(&g, RAM);
	before_b = guest_resident(&g);
	inflate_to(&g, RAM - 200 * MIB);
	/* the same pages again: nothing more for the host */
	assert_int_equal(guest_resident(&g), before_b);
	inflate_to(&g, RAM - 500 * MIB);
	assert_int_equal(guest_resident(&g), before_b - 300 * MIB);
}

static void never_backed_memory_that_a_balloon_takes_frees_nothing(void **state)
{
	struct guest g = guest_of(DRIVER_PLAIN);
	uint64_t booted_b = guest_ram(&g);

	(void)state;
	g.spec.own_b = 150 * MIB; /* no balloon brings back what is not RAM */
	inflate_to(&g, RAM - 700 * MIB);
	assert_int_equal(g.balloon_b, 700 * MIB);
	assert_int_equal(guest_ram(&g), booted_b);
	assert_int_equal(guest_resident(&g), booted_b + 150 * MIB);
}

static void inflating_costs_processor_time_and_a_busy_guest_more_of_its_own(void **state)
{
	struct guest idle = guest_of(DRIVER_PLAIN), busy = idle;

	(void)state;
	idle.spec.inflate_cost_us = busy.spec.inflate_cost_us = 8 * USEC_PER_SEC;
	idle.spec.vcpus = busy.spec.vcpus = 1;
	busy.busy_ppm = PPM;
	guest_balloon(&idle, RAM - 512 * MIB);
	guest_balloon(&busy, RAM - 512 * MIB);
	pass(&idle, 2);
	pass(&busy, 2);
	/* 25 to 40 MiB/s instead of 130 */
	assert_in_range(busy.balloon_b, idle.balloon_b / 5, idle.balloon_b / 3);
	pass(&idle, 20);
	pass(&busy, 20);
	assert_in_range(idle.work.balloon_us, 3990000, 4000000);
	assert_int_equal(idle.work.shown_us, idle.work.balloon_us);
	assert_int_equal(idle.work.lost_us, 0);
	/* its host does not see it use more: its application has less */
	assert_in_range(busy.work.balloon_us, 3990000, 4000000);
	assert_int_equal(busy.work.shown_us, 0);
	assert_int_equal(busy.work.lost_us, busy.work.balloon_us);
}

static void an_application_is_slower_the_colder_its_data_are(void **state)
{
	struct guest g = guest_of(DRIVER_PLAIN);
	uint64_t half_us, all_us;

	(void)state;
	all_us = guest_work(&g, 400 * MIB, USEC_PER_SEC);
	guest_read_some(&g, FILE_DATA, 400 * MIB, 200 * MIB);
	half_us = guest_work(&g, 400 * MIB, USEC_PER_SEC);
	guest_read(&g, FILE_DATA, 400 * MIB);
	assert_int_equal(guest_work(&g, 400 * MIB, USEC_PER_SEC), 0);
	assert_in_range(half_us, 390000, 395000); /* 0.61 of its throughput is left */
	assert_in_range(all_us, 560000, 570000);  /* an operation takes 2.3 times as long */
	assert_int_equal(g.work.lost_us, all_us + half_us);
	assert_int_equal(g.work.first_us, 3 * USEC_PER_SEC);
	pass(&g, 20); /* it is awake, and not just woken */
	(void)guest_work(&g, 400 * MIB, USEC_PER_SEC);
	assert_int_equal(g.work.first_us, 3 * USEC_PER_SEC);
	pass(&g, 90);
	(void)guest_work(&g, 400 * MIB, USEC_PER_SEC);
	assert_int_equal(g.work.first_us, 4 * USEC_PER_SEC);
}

static void a_balloon_moves_at_its_rate_and_then_stays(void **state)
{
	struct guest g = guest_of(DRIVER_PLAIN);

	(void)state;
	guest_balloon(&g, RAM - 100 * MIB);
	guest_advance(&g, g.now_us + USEC_PER_SEC / 4);
	assert_int_equal(g.balloon_b, 50 * MIB);
	pass(&g, 5);
	assert_int_equal(g.balloon_b, 100 * MIB);
}

static void what_passes_at_once_or_in_steps_is_the_same(void **state)
{
	struct guest a = guest_of(DRIVER_PLAIN), b;
	uint64_t apart_b_s;

	(void)state;
	guest_give(&a, guest_want(&a, 400 * MIB));
	guest_balloon(&a, RAM - 400 * MIB);
	b = a;
	guest_advance(&a, a.now_us + 10 * USEC_PER_SEC);
	pass(&b, 10);
	assert_int_equal(guest_resident(&a), guest_resident(&b));
	apart_b_s =
		(uint64_t)((a.resident_b_us > b.resident_b_us ? a.resident_b_us - b.resident_b_us
							      : b.resident_b_us - a.resident_b_us) /
			   USEC_PER_SEC);
	assert_true(apart_b_s < 10 * MIB);
}

static void reporting_gives_back_what_was_freed_and_no_page_cache(void **state)
{
	struct guest_spec spec = spec_of(DRIVER_PLAIN);
	uint64_t booted_b, after_b;
	struct guest g;

	(void)state;
	spec.reporting = true;
	guest_init(&g, &spec, 40 * MIB, 1000);
	guest_read_new(&g, FILE_ARCHIVE, 200 * MIB);
	booted_b = guest_resident(&g);
	guest_give(&g, guest_want(&g, 500 * MIB));
	guest_advance(&g, g.now_us + 2100 * USEC_PER_MSEC);
	after_b = guest_resident(&g) - booted_b;
	assert_in_range(after_b, 240 * MIB, 260 * MIB); /* half after 2.1 s, as measured */
	guest_advance(&g, g.now_us + 10 * USEC_PER_SEC);
	after_b = guest_resident(&g) - booted_b;
	assert_in_range(after_b, 1, 40 * MIB);
	assert_int_equal(g.report_b, 0);
	assert_every_page_is_somewhere(&g);
}

static void a_balloon_presses_cache_read_once_before_cache_read_again(void **state)
{
	struct guest g = guest_of(DRIVER_PLAIN);

	(void)state;
	guest_read(&g, FILE_DATA, 200 * MIB);
	guest_read(&g, FILE_DATA, 200 * MIB);
	pass(&g, 1);
	guest_read_new(&g, FILE_ARCHIVE, 300 * MIB); /* later, and goes first all the same */
	inflate_to(&g, RAM - 600 * MIB);
	assert_int_equal(g.file[FILE_DATA].cached_b, 200 * MIB);
	assert_true(g.file[FILE_ARCHIVE].cached_b < 100 * MIB);
	assert_int_equal(g.harm.refault_b, 0);
	inflate_to(&g, RAM - 800 * MIB);
	inflate_to(&g, RAM);
	guest_read(&g, FILE_DATA, 200 * MIB);
	assert_in_range(g.harm.refault_b, 100 * MIB, 200 * MIB);
	assert_every_page_is_somewhere(&g);
}

static void a_stock_balloon_swaps_when_the_cache_is_gone_and_ballonet_stops_before(void **state)
{
	enum guest_driver driver;

	(void)state;
	for (driver = DRIVER_NOTIFIER; driver <= DRIVER_BALLONET; driver += 2) {
		struct guest_spec spec = spec_of(driver);
		struct guest g;

		spec.swap_b = 256 * MIB;
		guest_init(&g, &spec, 40 * MIB, 1000);
		(void)guest_want(&g, 300 * MIB);
		inflate_to(&g, 128 * MIB);
		assert_int_equal(g.harm.swap_out_b > 0, driver == DRIVER_NOTIFIER);
		assert_int_equal(g.harm.oom_kills, 0);
		if (driver == DRIVER_BALLONET)
			assert_true(guest_available(&g) >= 90 * MIB);
		assert_every_page_is_somewhere(&g);
	}
}

static void a_shrinker_guest_takes_pages_back_while_it_inflates(void **state)
{
	struct guest g = guest_of(DRIVER_SHRINKER);
	uint64_t largest_b = 0, fell_b = 0;
	int i;

	(void)state;
	guest_read_new(&g, FILE_ARCHIVE, 500 * MIB);
	guest_balloon(&g, RAM - 700 * MIB);
	for (i = 0; i < 400; i++) {
		guest_advance(&g, g.now_us + 25 * USEC_PER_MSEC);
		largest_b = u64_max(largest_b, g.balloon_b);
		fell_b = u64_max(fell_b, largest_b - g.balloon_b);
	}
	assert_true(largest_b < 450 * MIB);			    /* it never gets there, */
	assert_true(fell_b > 16 * MIB);				    /* goes back again and again, */
	assert_int_equal(g.file[FILE_ARCHIVE].cached_b, 500 * MIB); /* and no cache is pressed */
}

/* What a guest that is asked for more than it has left gets, with a balloon of 500 MiB. */
static struct guest in_need(enum guest_driver driver)
{
	struct guest g = guest_of(driver);

	inflate_to(&g, RAM - 500 * MIB);
	(void)guest_want(&g, 500 * MIB);
	return g;
}

static void each_driver_gives_back_in_its_own_way(void **state)
{
	struct guest plain = in_need(DRIVER_PLAIN), notifier = in_need(DRIVER_NOTIFIER);
	struct guest shrinker = in_need(DRIVER_SHRINKER), ballonet = in_need(DRIVER_BALLONET);

	(void)state;
	assert_int_equal(plain.harm.oom_kills, 1);
	assert_int_equal(plain.balloon_b, 500 * MIB);
	assert_int_equal(notifier.harm.oom_kills, 0);
	assert_int_equal(shrinker.harm.oom_kills, 0);
	assert_int_equal(ballonet.harm.oom_kills, 0);
	/* a MiB a call keeps everybody waiting; the others have given before it came to that */
	assert_true(notifier.harm.stall_us > shrinker.harm.stall_us + USEC_PER_SEC / 2);
	assert_true(notifier.harm.stall_us > ballonet.harm.stall_us + USEC_PER_SEC / 2);
	assert_true(ballonet.balloon_b < 500 * MIB);
}

static void evicted_programs_come_back_by_major_faults(void **state)
{
	struct guest g = guest_of(DRIVER_PLAIN);

	(void)state;
	inflate_to(&g, 60 * MIB);
	inflate_to(&g, RAM);
	pass(&g, 10);
	assert_true(g.harm.major_faults > 0);
	assert_int_equal(g.file[FILE_PROGRAMS].cached_b, 40 * MIB);
	assert_int_equal(g.file[FILE_PROGRAMS].evicted_b, 0);
}

static void statistics_are_what_linux_counts(void **state)
{
	struct guest g = guest_of(DRIVER_PLAIN), n = guest_of(DRIVER_NOTIFIER);
	struct guest_stats s = { 0 };

	(void)state;
	guest_read_new(&g, FILE_ARCHIVE, 100 * MIB);
	inflate_to(&g, RAM - 200 * MIB);
	guest_say(&g, 0, &s);
	assert_int_equal(s.taken_us, g.now_us);
	assert_int_equal(s.known, 0xffff);
	assert_int_equal(s.tag[BALLOON_STAT_MEMTOT], MANAGED - 200 * MIB);
	assert_int_equal(s.tag[BALLOON_STAT_MEMFREE], g.free.free_b - g.hidden_b);
	assert_int_equal(s.tag[BALLOON_STAT_CACHES], 140 * MIB);
	assert_true(s.tag[BALLOON_STAT_AVAIL] <= g.free.free_b + 140 * MIB);
	assert_true(s.tag[BALLOON_STAT_AVAIL] >= g.free.free_b + 15 * MIB);
	inflate_to(&n, RAM - 200 * MIB);
	guest_say(&n, 0, &s);
	assert_int_equal(s.tag[BALLOON_STAT_MEMTOT], MANAGED);
}

static void liars_lie_each_in_its_way(void **state)
{
	struct guest g = guest_of(DRIVER_PLAIN);
	struct guest_stats s = { 0 }, was;

	(void)state;
	g.spec.candour = GUEST_FROZEN;
	guest_say(&g, 0, &s);
	was = s;
	(void)guest_want(&g, 300 * MIB);
	pass(&g, 1);
	guest_say(&g, 0, &s);
	assert_int_equal(s.tag[BALLOON_STAT_MEMFREE], was.tag[BALLOON_STAT_MEMFREE]);
	assert_int_equal(s.taken_us, g.now_us);
	g.spec.candour = GUEST_FLATTERS;
	guest_say(&g, 0, &s);
	assert_int_equal(s.tag[BALLOON_STAT_AVAIL], MANAGED);
	g.spec.candour = GUEST_BABBLES;
	guest_say(&g, UINT64_MAX, &s);
	assert_true(s.tag[BALLOON_STAT_MEMFREE] > RAM);
	g.spec.candour = GUEST_SILENT;
	was = s;
	pass(&g, 1);
	guest_say(&g, 0, &s);
	assert_int_equal(s.taken_us, was.taken_us);
	g.spec.driver = DRIVER_NONE;
	g.spec.candour = GUEST_HONEST;
	guest_say(&g, 0, &s);
	assert_int_equal(s.taken_us, was.taken_us);
}

static void a_reset_begins_anew_and_keeps_count(void **state)
{
	struct guest g = in_need(DRIVER_PLAIN);

	(void)state;
	guest_reset(&g, 40 * MIB, g.now_us + USEC_PER_SEC);
	assert_int_equal(g.balloon_b, 0);
	assert_int_equal(g.anon_b, 0);
	assert_int_equal(g.harm.oom_kills, 1);
	assert_int_equal(guest_resident(&g), FIXED + 100 * MIB);
	assert_every_page_is_somewhere(&g);
}

static void no_page_is_lost_whatever_happens(void **state)
{
	struct rng r;
	int i, n;

	(void)state;
	rng_seed(&r, 1);
	for (n = 0; n < 200; n++) {
		struct guest_spec spec =
			spec_of((enum guest_driver)rng_within(&r, 0, DRIVER_COUNT - 1));
		struct guest g;

		spec.swap_b = rng_within(&r, 0, 1) * 256 * MIB;
		spec.reporting = rng_chance(&r, PPM / 2);
		guest_init(&g, &spec, 40 * MIB, 1000);
		for (i = 0; i < 200; i++) {
			uint64_t some_b = rng_within(&r, 0, 700 * MIB);

			switch (rng_within(&r, 0, 6)) {
			case 0:
				(void)guest_want(&g, some_b);
				break;
			case 1:
				guest_give(&g, some_b);
				break;
			case 2:
				guest_read(&g, FILE_DATA, some_b);
				break;
			case 3:
				guest_read_new(&g, FILE_ARCHIVE, some_b);
				break;
			case 4:
				guest_balloon(&g, RAM - some_b);
				break;
			case 5:
				guest_drop(&g, FILE_ARCHIVE);
				break;
			default:
				guest_advance(&g, g.now_us + rng_within(&r, 0, 5 * USEC_PER_SEC));
				break;
			}
			assert_every_page_is_somewhere(&g);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_that_just_booted_is_backed_where_it_is_used),
		cmocka_unit_test(freed_memory_stays_resident_until_a_balloon_takes_it),
		cmocka_unit_test(a_second_balloon_takes_first_what_the_first_gave_back),
		cmocka_unit_test(never_backed_memory_that_a_balloon_takes_frees_nothing),
		cmocka_unit_test(inflating_costs_processor_time_and_a_busy_guest_more_of_its_own),
		cmocka_unit_test(an_application_is_slower_the_colder_its_data_are),
		cmocka_unit_test(a_balloon_moves_at_its_rate_and_then_stays),
		cmocka_unit_test(what_passes_at_once_or_in_steps_is_the_same),
		cmocka_unit_test(reporting_gives_back_what_was_freed_and_no_page_cache),
		cmocka_unit_test(a_balloon_presses_cache_read_once_before_cache_read_again),
		cmocka_unit_test(
			a_stock_balloon_swaps_when_the_cache_is_gone_and_ballonet_stops_before),
		cmocka_unit_test(a_shrinker_guest_takes_pages_back_while_it_inflates),
		cmocka_unit_test(each_driver_gives_back_in_its_own_way),
		cmocka_unit_test(evicted_programs_come_back_by_major_faults),
		cmocka_unit_test(statistics_are_what_linux_counts),
		cmocka_unit_test(liars_lie_each_in_its_way),
		cmocka_unit_test(a_reset_begins_anew_and_keeps_count),
		cmocka_unit_test(no_page_is_lost_whatever_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
