/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_controller.c - the models of other controllers do what is published of those */
#include "sim/controller.h"

#include "base/num.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define NOW (1003 * USEC_PER_SEC)
#define VMS 3

struct table {
	struct vm_facts vm[VMS];
	struct snapshot snap;
	struct decision d[VMS];
	struct plan plan;
};

/* A host of 10 GiB with @available_b of it, and VMs of 2 GiB with @free_b free each. */
static void lay(struct table *t, uint64_t available_b, uint64_t free_b)
{
	size_t i;

	*t = (struct table){ .snap = { .now_us = NOW, .nvm = VMS } };
	for (i = 0; i < VMS; i++) {
		t->vm[i] = (struct vm_facts){
			.id = i + 1,
			.state = VM_STATE_RUNNING,
			.ram_b = fact_of(2 * GIB, NOW),
			.actual_b = fact_of(2 * GIB, NOW),
			.stats = { .known = 0x3ff, .taken_us = NOW },
		};
		t->vm[i].stats.tag[BALLOON_STAT_MEMTOT] = 2 * GIB;
		t->vm[i].stats.tag[BALLOON_STAT_MEMFREE] = free_b;
		t->vm[i].stats.tag[BALLOON_STAT_AVAIL] = free_b;
	}
	t->snap.host.total_b = fact_of(10 * GIB, NOW);
	t->snap.host.available_b = fact_of(available_b, NOW);
	t->snap.vm = t->vm;
	t->plan.vm = t->d;
}

static void run(struct table *t, const struct controller *c)
{
	const struct mind mind = { 0 };

	c->decide(&t->snap, &mind, &t->plan);
}

static void mom_shrinks_by_5_per_cent_below_20_per_cent_free(void **state)
{
	struct table t;

	(void)state;
	lay(&t, 10 * GIB * 19 / 100, GIB);
	run(&t, &controller_mom);
	assert_true(t.d[0].actions & ACT_SET_TARGET);
	assert_int_equal(t.d[0].target_b, 2 * GIB - u64_ppm(2 * GIB, 50000));
	assert_int_equal(t.d[0].wake_us, 1010 * USEC_PER_SEC);
}

static void mom_leaves_a_guest_a_fifth_free(void **state)
{
	struct table t;

	(void)state;
	lay(&t, GIB, 2 * GIB * 22 / 100);
	run(&t, &controller_mom);
	assert_in_range(t.d[0].target_b, 2 * GIB * 979 / 1000, 2 * GIB * 981 / 1000);
	lay(&t, GIB, 2 * GIB * 15 / 100);
	run(&t, &controller_mom);
	assert_false(t.d[0].actions & ACT_SET_TARGET);
}

static void mom_grows_again_when_the_host_is_well(void **state)
{
	struct table t;

	(void)state;
	lay(&t, 3 * GIB, GIB);
	t.vm[0].actual_b.value = GIB;
	run(&t, &controller_mom);
	assert_int_equal(t.d[0].target_b, GIB + u64_ppm(GIB, 50000));
	assert_false(t.d[1].actions & ACT_SET_TARGET);
}

static void proxmox_takes_100_mib_a_step_above_80_per_cent(void **state)
{
	struct table t;

	(void)state;
	lay(&t, GIB, GIB);
	run(&t, &controller_proxmox);
	assert_int_equal(t.d[0].target_b, 2 * GIB - 100 * MIB);
	assert_int_equal(t.d[2].target_b, 2 * GIB - 100 * MIB);
}

static void proxmox_rests_in_its_band_and_at_the_minimum(void **state)
{
	struct table t;

	(void)state;
	lay(&t, 2 * GIB + 5 * MIB, GIB);
	run(&t, &controller_proxmox);
	assert_false(t.d[0].actions & ACT_SET_TARGET);
	lay(&t, GIB, GIB);
	t.vm[0].actual_b.value = GIB;
	run(&t, &controller_proxmox);
	assert_false(t.d[0].actions & ACT_SET_TARGET);
	assert_true(t.d[1].actions & ACT_SET_TARGET);
}

static void proxmox_spares_the_pressured_and_grows_them_first(void **state)
{
	struct table t;

	(void)state;
	lay(&t, 2 * GIB - 50 * MIB, GIB);
	t.vm[1].stats.tag[BALLOON_STAT_MEMFREE] = 200 * MIB; /* a quarter of its minimum is 256 */
	run(&t, &controller_proxmox);
	assert_true(t.d[0].actions & ACT_SET_TARGET);
	assert_false(t.d[1].actions & ACT_SET_TARGET);
	lay(&t, 2 * GIB + 50 * MIB, GIB);
	t.vm[0].actual_b.value = t.vm[1].actual_b.value = GIB;
	t.vm[1].stats.tag[BALLOON_STAT_MEMFREE] = 200 * MIB;
	run(&t, &controller_proxmox);
	assert_false(t.d[0].actions & ACT_SET_TARGET);
	assert_int_equal(t.d[1].target_b, GIB + 50 * MIB);
}

static void nobody_touches_a_guest_that_says_nothing(void **state)
{
	const struct controller *const models[] = { &controller_mom, &controller_proxmox };
	struct table t;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(models); i++) {
		lay(&t, GIB / 2, GIB);
		t.vm[1].stats.known = 0;
		t.vm[2].state = VM_STATE_PAUSED;
		run(&t, models[i]);
		assert_true(t.d[0].actions & ACT_SET_TARGET);
		assert_false(t.d[1].actions & ACT_SET_TARGET);
		assert_false(t.d[2].actions & ACT_SET_TARGET);
	}
}

static void a_static_balloon_is_set_and_none_is_not(void **state)
{
	struct table t;

	(void)state;
	lay(&t, 5 * GIB, GIB);
	run(&t, &controller_static);
	assert_int_equal(t.d[0].target_b, u64_ppm(2 * GIB, 625000));
	run(&t, &controller_none);
	assert_int_equal(t.d[0].actions, 0);
	assert_true(controller_reporting.reporting && !controller_none.reporting);
}

static void controllers_are_found_by_name(void **state)
{
	const struct controller *const *all;
	size_t i, n;

	(void)state;
	all = controllers(&n);
	for (i = 0; i < n; i++)
		assert_ptr_equal(controller_find(all[i]->name), all[i]);
	assert_ptr_equal(all[0], &controller_ballonet);
	assert_null(controller_find("nobody"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mom_shrinks_by_5_per_cent_below_20_per_cent_free),
		cmocka_unit_test(mom_leaves_a_guest_a_fifth_free),
		cmocka_unit_test(mom_grows_again_when_the_host_is_well),
		cmocka_unit_test(proxmox_takes_100_mib_a_step_above_80_per_cent),
		cmocka_unit_test(proxmox_rests_in_its_band_and_at_the_minimum),
		cmocka_unit_test(proxmox_spares_the_pressured_and_grows_them_first),
		cmocka_unit_test(nobody_touches_a_guest_that_says_nothing),
		cmocka_unit_test(a_static_balloon_is_set_and_none_is_not),
		cmocka_unit_test(controllers_are_found_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
