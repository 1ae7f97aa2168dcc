/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_fleet.c - names are unique in the daemon, whatever they are in the world
 *
 * In:    VMs of equal, long and odd names.
 * Out:   every one can be found by a name of its own.
 */
#include "fleet/fleet.h"

#include "base/num.h"
#include "host/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void a_vm_is_called_as_its_hypervisor_says(void **state)
{
	struct fleet f;
	struct vm *vm;

	(void)state;
	fleet_init(&f);
	assert_int_equal(fleet_add(&f, "", "/run/vm/web.qmp", &vm), 0);
	assert_string_equal(vm->name, "web.qmp");
	assert_false(fleet_rename(&f, vm, "web"));
	assert_ptr_equal(fleet_find(&f, "web"), vm);
	assert_ptr_equal(fleet_find_address(&f, "/run/vm/web.qmp"), vm);
	assert_null(fleet_find(&f, "web.qmp"));
	assert_null(fleet_find_address(&f, "/run/vm/other.qmp"));
	/* to be called again as it is called is no clash */
	assert_false(fleet_rename(&f, vm, "web"));
	fleet_fini(&f);
}

static void the_second_of_a_name_is_told_apart(void **state)
{
	struct vm *a, *b, *c;
	struct fleet f;

	(void)state;
	fleet_init(&f);
	assert_int_equal(fleet_add(&f, "db", "/a", &a), 0);
	assert_int_equal(fleet_add(&f, "db", "/b", &b), 0);
	assert_string_equal(b->name, "db@2");
	assert_int_equal(fleet_add(&f, "", "/c", &c), 0);
	c->pid = 4711;
	assert_true(fleet_rename(&f, c, "db"));
	assert_string_equal(c->name, "db@4711");
	assert_ptr_equal(fleet_find(&f, "db"), a);
	fleet_fini(&f);
}

static void long_and_odd_names_are_cut_and_mended(void **state)
{
	char name[400];
	struct vm *a, *b;
	struct fleet f;

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	fleet_init(&f);
	assert_int_equal(fleet_add(&f, name, "/a", &a), 0);
	assert_int_equal(strlen(a->name), VM_NAME_MAX - 1);
	assert_int_equal(fleet_add(&f, name, "/b", &b), 0);
	b->pid = 12345;
	assert_true(fleet_rename(&f, b, name));
	assert_string_not_equal(a->name, b->name);
	assert_true(strlen(b->name) < VM_NAME_MAX);
	(void)fleet_rename(&f, b, "a/b"); /* '/' would end it in a URL */
	assert_string_equal(b->name, "a_b");
	fleet_fini(&f);
}

static void a_vm_that_is_removed_is_gone_and_its_id_never_comes_again(void **state)
{
	struct vm *a, *b, *c;
	struct fleet f;

	(void)state;
	fleet_init(&f);
	assert_int_equal(fleet_add(&f, "a", "/a", &a), 0);
	assert_int_equal(fleet_add(&f, "b", "/b", &b), 0);
	fleet_remove(&f, a);
	assert_null(fleet_find(&f, "a"));
	assert_ptr_equal(fleet_find(&f, "b"), b);
	assert_int_equal(fleet_add(&f, "a", "/a", &c), 0);
	assert_int_equal(c->id, 3);
	fleet_remove(&f, b);
	fleet_remove(&f, c);
	assert_int_equal(f.n, 0);
	fleet_fini(&f);
}

static void one_that_is_connected_to_again_is_the_vm_it_was(void **state)
{
	struct process p = { .pid = 7, .start_ticks = 1000 };
	struct fleet f;
	struct vm *vm;

	(void)state;
	fleet_init(&f);
	assert_int_equal(fleet_add(&f, "db", "/a", &vm), 0);
	fleet_process(vm, &p, 5000);
	assert_int_equal(vm->appeared_us, 5000);
	vm->charged_b = 42;
	fleet_process(vm, &p, 6000);
	assert_int_equal(vm->appeared_us, 5000);
	assert_int_equal(vm->charged_b, 42);
	p.start_ticks++; /* another that has its pid */
	fleet_process(vm, &p, 7000);
	assert_int_equal(vm->appeared_us, 7000);
	assert_int_equal(vm->charged_b, 0);
	p.pid++;
	fleet_process(vm, &p, 8000);
	assert_int_equal(vm->appeared_us, 8000);
	fleet_fini(&f);
}

static void a_vm_without_a_name_is_called_after_its_socket(void **state)
{
	static const char *const rows[][2] = {
		{ "/run/web", "web" },
		{ "/run/web.qmp", "web.qmp" },
		{ "/run/db/qmp.sock", "db_qmp.sock" },
		{ "/tmp/x/q", "x_q" },
		{ "/q", "_q" },
		{ "q", "q" },
		{ "/run/queue", "queue" },
	};
	struct fleet f;
	struct vm *vm;
	size_t i;

	(void)state;
	fleet_init(&f);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(fleet_add(&f, "", rows[i][0], &vm), 0);
		assert_string_equal(vm->name, rows[i][1]);
	}
	fleet_fini(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_vm_without_a_name_is_called_after_its_socket),
		cmocka_unit_test(a_vm_is_called_as_its_hypervisor_says),
		cmocka_unit_test(the_second_of_a_name_is_told_apart),
		cmocka_unit_test(long_and_odd_names_are_cut_and_mended),
		cmocka_unit_test(a_vm_that_is_removed_is_gone_and_its_id_never_comes_again),
		cmocka_unit_test(one_that_is_connected_to_again_is_the_vm_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
