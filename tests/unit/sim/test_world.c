/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_world.c - worlds in virtual time: the same for all, exact in their sums, and fair to a host
 */
#include "sim/run.h"

#include "base/num.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static struct scenario sc;
static char trouble[SCENARIO_TROUBLE_MAX];

static void read_text(const char *text)
{
	scenario_init(&sc);
	if (scenario_read(&sc, text, trouble) < 0)
		fail_msg("%s", trouble);
}

/* One honest 1 GiB guest without swap that does what a script says. */
#define ONE                                                                             \
	"vms: 1\nlifetime: 0s\nram_min: 1GiB\nram_max: 1GiB\nswap: 0%\nreporting: 0%\n" \
	"flatters: 0\nfrozen: 0\nbabbles: 0\nsilent: 0\nstuck: 0%\ndriver_none: 0\n"    \
	"driver_notifier: 0\ndriver_shrinker: 0\ndriver_ballonet: 0\nlength: 10min\n"

static void a_seed_tells_the_same_world(void **state)
{
	struct run a, b;

	(void)state;
	read_text("vms: 30\nvms_per_host: 10\nlength: 2h\nseed: 5");
	assert_int_equal(run_scenario(&sc, &controller_ballonet, &a), 0);
	assert_int_equal(run_scenario(&sc, &controller_ballonet, &b), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(a.hosts, 3);
	sc.seed = 6;
	assert_int_equal(run_scenario(&sc, &controller_ballonet, &b), 0);
	assert_int_not_equal(a.all.resident_mib_s, b.all.resident_mib_s);
}

static void a_host_is_the_same_among_any_number_of_hosts(void **state)
{
	struct run one, two;

	(void)state;
	read_text("vms: 10\nvms_per_host: 10\nlength: 1h");
	assert_int_equal(run_scenario(&sc, &controller_none, &one), 0);
	sc.vms = 20;
	assert_int_equal(run_scenario(&sc, &controller_none, &two), 0);
	assert_true(two.all.resident_mib_s > one.all.resident_mib_s);
	sc.vms = 10;
	assert_int_equal(run_scenario(&sc, &controller_none, &two), 0);
	assert_memory_equal(&one, &two, sizeof(one));
}

static void guests_do_the_same_under_every_controller(void **state)
{
	const struct controller *const of[] = { &controller_ballonet, &controller_none,
						&controller_mom };
	struct world w[ARRAY_SIZE(of)];
	size_t i, j;

	(void)state;
	read_text("vms: 20\nlength: 3h");
	for (i = 0; i < ARRAY_SIZE(of); i++) {
		assert_int_equal(world_init(&w[i], &sc, of[i], 0), 0);
		while (world_step(&w[i]))
			;
	}
	for (i = 1; i < ARRAY_SIZE(of); i++)
		for (j = 0; j < w[0].n; j++) {
			const struct load *a = &w[0].vm[j].load, *b = &w[i].vm[j].load;

			assert_memory_equal(&a->rng, &b->rng, sizeof(a->rng));
			assert_int_equal(a->next_us, b->next_us);
			assert_int_equal(w[0].vm[j].end_us, w[i].vm[j].end_us);
		}
	for (i = 0; i < ARRAY_SIZE(of); i++)
		world_fini(&w[i]);
}

static void the_integral_is_that_of_what_is_resident(void **state)
{
	struct run run;

	(void)state;
	/* 300 MiB from the 100th second to the 400th, and stale until the end; what booting left is
	 * among them */
	read_text(ONE "do: 100s hold 300MiB\ndo: 400s free 300MiB\ndo: 500s mark\n");
	assert_int_equal(run_scenario(&sc, &controller_none, &run), 0);
	assert_int_equal(run.marks, 1);
	uint64_t low_b = run.mark[0].resident_b - 300 * MIB;

	assert_in_range(run.all.resident_mib_s, low_b / MIB * 600 + 300 * 500 - 600,
			low_b / MIB * 600 + 300 * 500 + 11 * 100 + 600);
	assert_int_equal(run.peak_b, run.mark[0].resident_b);
}

static void the_policy_frees_what_is_stale_within_a_minute(void **state)
{
	struct run none, ballonet;

	(void)state;
	read_text(ONE "do: 100s touch 600MiB\ndo: 160s mark\ndo: 500s mark\n");
	assert_int_equal(run_scenario(&sc, &controller_none, &none), 0);
	assert_int_equal(run_scenario(&sc, &controller_ballonet, &ballonet), 0);
	assert_true(none.mark[0].resident_b - ballonet.mark[0].resident_b > 540 * MIB);
	assert_true(none.mark[1].resident_b - ballonet.mark[1].resident_b > 540 * MIB);
	assert_int_equal(ballonet.all.harm.oom_kills, 0);
	assert_int_equal(ballonet.all.squeezes, 1);
	assert_true(ballonet.all.yield_b > 540 * MIB);
}

static void a_young_guest_of_a_large_hypervisor_is_left_alone(void **state)
{
	struct run apart, whole;

	(void)state;
	/* its hypervisor has 150 MiB, and a balloon would go through memory never backed */
	read_text(ONE "host_memory: 16GiB\nown: 150MiB\napart: 100%\n");
	assert_int_equal(run_scenario(&sc, &controller_ballonet, &apart), 0);
	sc.apart_ppm = 0;
	assert_int_equal(run_scenario(&sc, &controller_ballonet, &whole), 0);
	assert_int_equal(apart.all.squeezes, 0);
	assert_int_equal(whole.all.squeezes, 0);
	assert_int_equal(apart.all.work.balloon_us, 0);
}

static void an_application_is_slower_after_its_cache_was_pressed(void **state)
{
	struct run none, balanced, keen;

	(void)state;
	read_text(ONE "host_memory: 16GiB\ndo: 10s read 600MiB\ndo: 11s work 600MiB\n"
		      "do: 100s work 0\ndo: 400s work 600MiB\ndo: 500s work 0\n");
	assert_int_equal(run_scenario(&sc, &controller_none, &none), 0);
	assert_int_equal(run_scenario(&sc, &controller_ballonet, &balanced), 0);
	settings_profile(&sc.settings, PROFILE_KEEN);
	assert_int_equal(run_scenario(&sc, &controller_ballonet, &keen), 0);
	assert_int_equal(none.all.work.lost_us, 0);
	assert_int_equal(none.all.work.first_us, 20 * USEC_PER_SEC);
	assert_int_equal(balanced.all.work.lost_us, 0);
	assert_true(keen.all.work.first_lost_us > USEC_PER_SEC);
	assert_true(keen.all.work.lost_us > keen.all.work.first_lost_us);
	assert_int_equal(keen.all.work.work_us, none.all.work.work_us);
}

static void an_operator_of_a_script_is_obeyed(void **state)
{
	struct run run;

	(void)state;
	read_text(ONE "setting.min_yield: 900GiB\ndo: 100s touch 400MiB\ndo: 150s squeeze\n");
	assert_int_equal(run_scenario(&sc, &controller_ballonet, &run), 0);
	assert_int_equal(run.all.squeezes, 1);
	assert_true(run.all.yield_b > 350 * MIB);
}

static void a_controller_that_stops_does_nothing_more(void **state)
{
	struct run run;

	(void)state;
	read_text(ONE "do: 50s stop\ndo: 100s touch 600MiB\n");
	assert_int_equal(run_scenario(&sc, &controller_ballonet, &run), 0);
	assert_int_equal(run.all.squeezes, 0);
}

static void vms_come_and_go(void **state)
{
	struct world w;
	uint64_t begun;

	(void)state;
	read_text("vms: 20\nlength: 4h\nlifetime: 1h");
	assert_int_equal(world_init(&w, &sc, &controller_ballonet, 0), 0);
	world_run(&w);
	begun = w.last_id;
	assert_in_range(begun, 50, 150); /* 20, and 80 more on average */
	assert_int_equal(w.resident_b, 0);
	assert_int_equal(w.squeezing, 0);
	world_fini(&w);
}

static void a_host_without_memory_kills_its_largest_vm(void **state)
{
	struct run tight, wide;

	(void)state;
	read_text("vms: 10\nlength: 12h\nlifetime: 0s\nhost_share: 45%");
	assert_int_equal(run_scenario(&sc, &controller_none, &tight), 0);
	assert_true(tight.host_oom_kills > 0);
	sc.host_share_ppm = PPM;
	assert_int_equal(run_scenario(&sc, &controller_none, &wide), 0);
	assert_int_equal(wide.host_oom_kills, 0);
}

static void a_dead_controllers_balloons_are_brought_to_0_by_the_guardian(void **state)
{
	struct world w;

	(void)state;
	read_text(ONE "inflate_rate: 50MiB\ndo: 10s touch 600MiB\n");
	assert_int_equal(world_init(&w, &sc, &controller_ballonet, 0), 0);
	while (world_step(&w) && w.vm[0].guest.balloon_b < 100 * MIB)
		;
	assert_int_equal(w.vm[0].decision.phase, PHASE_INFLATING);
	world_kill_controller(&w, 5 * USEC_PER_SEC);
	w.end_us = w.now_us + 7 * USEC_PER_SEC;
	while (world_step(&w))
		;
	guest_advance(&w.vm[0].guest, w.now_us);
	assert_int_equal(w.vm[0].guest.balloon_b, 0);
	world_fini(&w);
}

/* Looks per VM and hour: a VM is looked at when it is due, however many others there are. */
static void looks_per_vm_do_not_grow_with_their_number(void **state)
{
	struct run few, many;

	(void)state;
	read_text("length: 1h\nlifetime: 0s");
	sc.vms = sc.vms_per_host = 20;
	assert_int_equal(run_scenario(&sc, &controller_ballonet, &few), 0);
	sc.vms = sc.vms_per_host = 400;
	assert_int_equal(run_scenario(&sc, &controller_ballonet, &many), 0);
	assert_true(many.ticks / 400 < few.ticks / 20 * 3 / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_seed_tells_the_same_world),
		cmocka_unit_test(a_host_is_the_same_among_any_number_of_hosts),
		cmocka_unit_test(guests_do_the_same_under_every_controller),
		cmocka_unit_test(the_integral_is_that_of_what_is_resident),
		cmocka_unit_test(the_policy_frees_what_is_stale_within_a_minute),
		cmocka_unit_test(a_young_guest_of_a_large_hypervisor_is_left_alone),
		cmocka_unit_test(an_application_is_slower_after_its_cache_was_pressed),
		cmocka_unit_test(an_operator_of_a_script_is_obeyed),
		cmocka_unit_test(a_controller_that_stops_does_nothing_more),
		cmocka_unit_test(vms_come_and_go),
		cmocka_unit_test(a_host_without_memory_kills_its_largest_vm),
		cmocka_unit_test(a_dead_controllers_balloons_are_brought_to_0_by_the_guardian),
		cmocka_unit_test(looks_per_vm_do_not_grow_with_their_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
