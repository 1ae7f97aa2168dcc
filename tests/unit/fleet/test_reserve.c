/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_reserve.c - the ledger of room that is held for VMs that are to start
 */
#include "fleet/reserve.h"

#include "base/num.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define T0 (UINT64_C(1000) * USEC_PER_SEC)
#define S USEC_PER_SEC

struct scene {
	struct reserve reserve;
	struct fleet fleet;
};

static void scene_init(struct scene *s)
{
	*s = (struct scene){ 0 };
	fleet_init(&s->fleet);
}

static void scene_fini(struct scene *s)
{
	fleet_fini(&s->fleet);
}

static uint64_t hold(struct scene *s, uint64_t size_b, const char *name, uint64_t now_us)
{
	const struct reservation *r =
		reserve_add(&s->reserve, size_b, 0, RESERVE_HOLD_US, name, now_us);

	assert_non_null(r);
	return r->id;
}

/* A VM that appeared at @appeared_us. */
static struct vm *start(struct scene *s, const char *name, uint64_t appeared_us)
{
	char address[64];
	struct vm *vm;

	(void)snprintf(address, sizeof(address), "/run/%s", name);
	assert_int_equal(fleet_add(&s->fleet, name, address, &vm), 0);
	vm->appeared_us = appeared_us;
	vm->started_us = appeared_us;
	return vm;
}

static void grow(struct vm *vm, uint64_t backed_b, uint64_t now_us)
{
	vm->facts.backed_b = fact_of(backed_b, now_us);
}

static uint64_t left(const struct scene *s, uint64_t id)
{
	const struct reservation *r = reserve_find(&s->reserve, id);

	return r ? r->left_b : 0;
}

static void room_is_used_as_a_vm_that_appeared_later_takes_memory(void **state)
{
	struct scene s;
	struct vm *vm;
	uint64_t id;

	(void)state;
	scene_init(&s);
	id = hold(&s, 1000 * MIB, "", T0);
	vm = start(&s, "new", T0 + S);
	grow(vm, 300 * MIB, T0 + 2 * S);
	reserve_update(&s.reserve, &s.fleet, T0 + 2 * S);
	assert_int_equal(left(&s, id), 700 * MIB);
	reserve_update(&s.reserve, &s.fleet, T0 + 3 * S); /* nothing is taken twice */
	assert_int_equal(left(&s, id), 700 * MIB);
	grow(vm, 100 * MIB, T0 + 4 * S); /* and what was squeezed is not given back */
	reserve_update(&s.reserve, &s.fleet, T0 + 4 * S);
	grow(vm, 350 * MIB, T0 + 5 * S);
	reserve_update(&s.reserve, &s.fleet, T0 + 5 * S);
	assert_int_equal(left(&s, id), 650 * MIB);
	assert_true(reserve_changed(&s.reserve)); /* it was made */
	grow(vm, 2000 * MIB, T0 + 6 * S);
	reserve_update(&s.reserve, &s.fleet, T0 + 6 * S);
	assert_null(reserve_find(&s.reserve, id));
	assert_int_equal(s.reserve.n, 0);
	assert_true(reserve_changed(&s.reserve));
	assert_false(reserve_changed(&s.reserve));
	scene_fini(&s);
}

static void vms_that_were_there_before_use_nothing(void **state)
{
	struct scene s;
	uint64_t id;

	(void)state;
	scene_init(&s);
	grow(start(&s, "old", T0 - S), 900 * MIB, T0 + S);
	grow(start(&s, "never", 0), 900 * MIB, T0 + S);
	/* a figure from before it appeared: of the process before it */
	grow(start(&s, "again", T0 + 5 * S), 900 * MIB, T0 + S);
	id = hold(&s, 1000 * MIB, "", T0);
	reserve_update(&s.reserve, &s.fleet, T0 + 6 * S);
	assert_int_equal(left(&s, id), 1000 * MIB);
	scene_fini(&s);
}

static void a_vm_that_was_found_late_uses_only_what_names_it(void **state)
{
	uint64_t any, named;
	struct vm *late;
	struct scene s;

	(void)state;
	scene_init(&s);
	any = hold(&s, 1000 * MIB, "", T0);
	named = hold(&s, 1000 * MIB, "script", T0);
	late = start(&s, "late", T0 + S);
	late->started_us = T0 - 1;
	grow(late, 300 * MIB, T0 + 2 * S);
	late = start(&s, "script", T0 + S); /* it asked for the room, and became the VM */
	late->started_us = T0 - 1;
	grow(late, 300 * MIB, T0 + 2 * S);
	reserve_update(&s.reserve, &s.fleet, T0 + 2 * S);
	assert_int_equal(left(&s, any), 1000 * MIB);
	assert_int_equal(left(&s, named), 700 * MIB);
	scene_fini(&s);
}

static void the_oldest_is_used_first_and_one_that_names_a_vm_by_that_alone(void **state)
{
	uint64_t first, named, last;
	struct scene s;
	struct vm *db, *web;

	(void)state;
	scene_init(&s);
	first = hold(&s, 100 * MIB, "", T0);
	named = hold(&s, 200 * MIB, "db", T0 + 1);
	last = hold(&s, 400 * MIB, "", T0 + 2);
	web = start(&s, "web", T0 + S);
	grow(web, 150 * MIB, T0 + 2 * S);
	reserve_update(&s.reserve, &s.fleet, T0 + 2 * S);
	assert_int_equal(left(&s, first), 0);
	assert_int_equal(left(&s, named), 200 * MIB);
	assert_int_equal(left(&s, last), 350 * MIB);
	db = start(&s, "db", T0 + 3 * S);
	grow(db, 250 * MIB, T0 + 4 * S); /* its own first, then what is for any */
	reserve_update(&s.reserve, &s.fleet, T0 + 4 * S);
	assert_int_equal(left(&s, named), 0);
	assert_int_equal(left(&s, last), 300 * MIB);
	assert_int_equal(reserve_left(&s.reserve, NULL), 300 * MIB);
	scene_fini(&s);
}

static void a_vm_that_vanishes_leaves_what_it_did_not_use(void **state)
{
	struct scene s;
	struct vm *vm;
	uint64_t id;

	(void)state;
	scene_init(&s);
	id = hold(&s, 1000 * MIB, "db", T0);
	vm = start(&s, "db", T0 + S);
	grow(vm, 300 * MIB, T0 + 2 * S);
	reserve_update(&s.reserve, &s.fleet, T0 + 2 * S);
	fleet_remove(&s.fleet, vm); /* in the middle of a squeeze, for all that is known */
	reserve_update(&s.reserve, &s.fleet, T0 + 3 * S);
	assert_int_equal(left(&s, id), 700 * MIB);
	vm = start(&s, "db", T0 + 4 * S); /* started again, it uses the rest */
	grow(vm, 700 * MIB, T0 + 5 * S);
	reserve_update(&s.reserve, &s.fleet, T0 + 5 * S);
	assert_null(reserve_find(&s.reserve, id));
	scene_fini(&s);
}

static void what_nobody_uses_expires(void **state)
{
	const struct reservation *r;
	struct scene s;

	(void)state;
	scene_init(&s);
	r = reserve_add(&s.reserve, GIB, 30 * S, 60 * S, "", T0);
	assert_int_equal(r->by_us, T0 + 30 * S);
	assert_int_equal(r->until_us, T0 + 90 * S);
	assert_int_equal(reserve_next(&s.reserve), T0 + 90 * S);
	reserve_update(&s.reserve, &s.fleet, T0 + 90 * S - 1);
	assert_int_equal(s.reserve.n, 1);
	(void)reserve_changed(&s.reserve);
	reserve_update(&s.reserve, &s.fleet, T0 + 90 * S);
	assert_int_equal(s.reserve.n, 0);
	assert_true(reserve_changed(&s.reserve));
	assert_int_equal(reserve_next(&s.reserve), UINT64_MAX);
	scene_fini(&s);
}

static void facts_are_the_sum_and_the_next_deadline(void **state)
{
	struct host_facts f = { .reserved_b = 5, .reserved_by_us = 5 };
	struct scene s;

	(void)state;
	scene_init(&s);
	reserve_facts(&s.reserve, T0, &f);
	assert_int_equal(f.reserved_b, 0);
	assert_int_equal(f.reserved_by_us, 0);
	(void)reserve_add(&s.reserve, GIB, 0, 60 * S, "", T0);
	(void)reserve_add(&s.reserve, GIB, 20 * S, 60 * S, "", T0);
	(void)reserve_add(&s.reserve, MIB, 10 * S, 60 * S, "db", T0);
	reserve_facts(&s.reserve, T0, &f);
	assert_int_equal(f.reserved_b, 2 * GIB + MIB);
	assert_int_equal(f.reserved_by_us, T0 + 10 * S);
	reserve_facts(&s.reserve, T0 + 10 * S, &f); /* that one is over */
	assert_int_equal(f.reserved_by_us, T0 + 20 * S);
	reserve_facts(&s.reserve, T0 + 20 * S, &f);
	assert_int_equal(f.reserved_by_us, 0);
	scene_fini(&s);
}

static void there_are_so_many_at_once_and_no_more(void **state)
{
	uint64_t second = 0;
	struct scene s;
	size_t i;

	(void)state;
	scene_init(&s);
	for (i = 0; i < RESERVE_MAX; i++)
		second = hold(&s, GIB, "", T0);
	assert_null(reserve_add(&s.reserve, GIB, 0, S, "", T0));
	assert_int_equal(s.reserve.n, RESERVE_MAX);
	assert_true(reserve_cancel(&s.reserve, second));
	assert_false(reserve_cancel(&s.reserve, second));
	assert_int_not_equal(hold(&s, GIB, "", T0), second); /* no number twice */
	scene_fini(&s);
}

static void sums_and_times_saturate(void **state)
{
	struct host_facts f;
	struct scene s;

	(void)state;
	scene_init(&s);
	(void)reserve_add(&s.reserve, UINT64_MAX, UINT64_MAX, UINT64_MAX, "", T0);
	(void)reserve_add(&s.reserve, UINT64_MAX, 0, UINT64_MAX, "", T0);
	reserve_facts(&s.reserve, T0, &f);
	assert_int_equal(f.reserved_b, UINT64_MAX);
	reserve_update(&s.reserve, &s.fleet, T0 + S);
	assert_int_equal(s.reserve.n, 2);
	scene_fini(&s);
}

static void a_vm_that_may_be_using_room_is_watched_for_a_minute(void **state)
{
	struct scene s;
	struct vm *db, *web, *old;

	(void)state;
	scene_init(&s);
	old = start(&s, "old", T0 - S);
	(void)hold(&s, GIB, "db", T0);
	db = start(&s, "db", T0 + S);
	web = start(&s, "web", T0 + S);
	assert_true(reserve_watches(&s.reserve, db, T0 + 2 * S));
	assert_false(reserve_watches(&s.reserve, web, T0 + 2 * S));
	assert_false(reserve_watches(&s.reserve, old, T0 + 2 * S));
	assert_false(reserve_watches(&s.reserve, db, T0 + S + RESERVE_WATCH_US));
	scene_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(room_is_used_as_a_vm_that_appeared_later_takes_memory),
		cmocka_unit_test(vms_that_were_there_before_use_nothing),
		cmocka_unit_test(a_vm_that_was_found_late_uses_only_what_names_it),
		cmocka_unit_test(the_oldest_is_used_first_and_one_that_names_a_vm_by_that_alone),
		cmocka_unit_test(a_vm_that_vanishes_leaves_what_it_did_not_use),
		cmocka_unit_test(what_nobody_uses_expires),
		cmocka_unit_test(facts_are_the_sum_and_the_next_deadline),
		cmocka_unit_test(there_are_so_many_at_once_and_no_more),
		cmocka_unit_test(sums_and_times_saturate),
		cmocka_unit_test(a_vm_that_may_be_using_room_is_watched_for_a_minute),
	};

	return cmocka_run_group_tests_name("reserve", tests, NULL, NULL);
}
