/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_usage.c - wrong calls, help, and the commands that need no daemon
 *
 * In:    words on the command line.
 * Out:   what is printed, and the exit codes.
 */
#include "program.h"
#include "server.h"

#include "base/num.h"
#include "model/snapshot.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void a_wrong_call_is_told_and_does_nothing(void **state)
{
	struct run r;

	(void)state;
	CALL(&r, "frobnicate");
	expect(&r, 2, "", "unknown command 'frobnicate'");
	CALL(&r, "vm");
	expect(&r, 2, "", "'vm' needs a NAME; see");
	CALL(&r, "release");
	expect(&r, 2, "", "'release' needs a NAME or --all; see");
	CALL(&r, "vm", "a", "b");
	expect(&r, 2, "", "unexpected argument 'b'; see");
	CALL(&r, "status", "a");
	expect(&r, 2, "", "unexpected argument 'a'; see");
	CALL(&r, "status", "--all");
	expect(&r, 2, "", "'status' has no option --all; see 'ballonet status --help'.");
	CALL(&r, "release", "--all", "a");
	expect(&r, 2, "", "--all and a NAME exclude each other");
	CALL(&r, "--frob", "status");
	expect(&r, 2, "", "ballonet: unrecognized option '--frob'\nTry 'ballonet --help'.\n");
	assert_memory_equal(r.err, "ballonet: ", 10); /* not the path that it was called by */
	CALL(&r, "--json");
	expect(&r, 2, "", "no command");
	CALL(&r, "replay", "/nowhere/journal");
	assert_int_equal(r.code, 2);
}

static void a_world_is_simulated_without_a_daemon(void **state)
{
	static const char *const names[] = { "ballonet", "none", "reporting",
					     "static",	 "mom",	 "proxmox" };
	struct json_object *o, *runs;
	struct run r, again;
	size_t i;

	(void)state;
	CALL(&r, "simulate", "--vms", "5", "--hours", "1", "--controller", "all");
	for (i = 0; i < ARRAY_SIZE(names); i++)
		expect(&r, 0, names[i], "");
	expect(&r, 0, "5 VMs, 1 h, seed 1", "");
	CALL(&r, "simulate", "--vms", "5", "--hours", "1", "--seed", "9", "--json", "--scenario",
	     "tight", "--host-memory", "6GiB");
	assert_int_equal(r.code, 0);
	o = json_tokener_parse(r.out);
	assert_true(json_object_object_get_ex(o, "runs", &runs));
	assert_int_equal(json_object_array_length(runs), 1);
	assert_non_null(strstr(r.out, "\"resident_mib_s\""));
	assert_non_null(strstr(r.out, "\"seed\":9"));
	(void)json_object_put(o);
	/* the same seed, the same figures */
	CALL(&r, "simulate", "--vms", "5", "--hours", "2", "--seed", "3");
	CALL(&again, "simulate", "--vms", "5", "--hours", "2", "--seed", "3");
	assert_string_equal(r.out, again.out);
}

static void a_world_that_cannot_be_is_told(void **state)
{
	struct run r;

	(void)state;
	CALL(&r, "simulate", "--controller", "nobody");
	expect(&r, 2, "", "unknown controller 'nobody'; use one of ballonet, ");
	CALL(&r, "simulate", "--scenario", "/nowhere/world");
	expect(&r, 2, "", "neither a built-in scenario (mixed, ");
	CALL(&r, "simulate", "--scenario", "/proc/version");
	expect(&r, 2, "", "line 1: not 'KEY: VALUE'");
	CALL(&r, "simulate", "--vms", "many");
	expect(&r, 2, "", "--vms: 'many' is not a valid value");
	CALL(&r, "simulate", "--hours", "0");
	expect(&r, 2, "", "--hours: '0' is out of range");
	CALL(&r, "simulate", "--host-memory", "-1");
	expect(&r, 2, "", "--host-memory: ");
	CALL(&r, "status", "--seed", "1");
	expect(&r, 2, "", "'status' has no option --seed");
	CALL(&r, "simulate", "--dry-run");
	expect(&r, 2, "", "'simulate' has no option --dry-run");
}

static void help_of_status_tells_all_values_of_guest(void **state)
{
	struct run r;
	uint64_t kind;

	(void)state;
	CALL(&r, "help", "status");
	expect(&r, 0, "RELIEF", "");
	for (kind = 0; kind < GUEST_KIND_COUNT; kind++)
		expect(&r, 0, guest_kind_word(kind), "");
}

static void help_is_there_for_all_and_for_each(void **state)
{
	static const char *const names[] = { "status",	"vm",	"why",	  "squeeze",
					     "release", "host", "replay", "simulate" };
	struct run r;
	size_t i;

	(void)state;
	CALL(&r, "--help");
	for (i = 0; i < ARRAY_SIZE(names); i++)
		expect(&r, 0, names[i], "");
	expect(&r, 0, "exit codes:", "");
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		char usage[64];

		(void)snprintf(usage, sizeof(usage), "usage: ballonet %s", names[i]);
		CALL(&r, names[i], "--help");
		expect(&r, 0, usage, "");
		CALL(&r, "help", names[i]);
		expect(&r, 0, usage, "");
	}
	CALL(&r, "--version");
	expect(&r, 0, "ballonet ", "");
	CALL(&r, "version");
	expect(&r, 0, "ballonet ", "");
}

int main(int argc, char **argv)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, server_set_up, server_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_wrong_call_is_told_and_does_nothing),
		TEST(a_world_is_simulated_without_a_daemon),
		TEST(a_world_that_cannot_be_is_told),
		TEST(help_of_status_tells_all_values_of_guest),
		TEST(help_is_there_for_all_and_for_each),
	};

	if (argc != 2)
		return 2;
	program = argv[1];
	return cmocka_run_group_tests_name("cli usage", tests, NULL, NULL);
}
