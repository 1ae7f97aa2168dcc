/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_steer.c - set, squeeze and release, and what they say of it
 *
 * In:    set, squeeze, release over the sample fleet.
 * Out:   what they print and exit with, and what became of the VM.
 */
#include "program.h"
#include "server.h"

#include "base/num.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <unistd.h>

#include <cmocka.h>

static void settings_are_set_and_taken_back(void **state)
{
	struct run r;

	(void)state;
	server_start_sample();
	CALL(&r, "set", "db", "floor=512MiB", "mode=observe");
	expect(&r, 0, "db: until the daemon ends ", "");
	expect(&r, 0, "mode=observe", "");
	expect(&r, 0, "floor=512MiB", "");
	expect(&r, 0, "shares=200", "");
	CALL(&r, "set", "db", "shares="); /* one is taken back */
	assert_null(strstr(r.out, "shares"));
	expect(&r, 0, "floor=512MiB", "");
	CALL(&r, "set", "db", "--reset");
	expect(&r, 0, "db: nothing is set; the configuration applies\n", "");
}

static void settings_that_cannot_be_are_told_with_their_exit_codes(void **state)
{
	struct run r;

	(void)state;
	server_start_sample();
	CALL(&r, "set", "db", "share=5");
	expect(&r, 2, "", "there is no setting 'share'; did you mean shares?");
	CALL(&r, "set", "db", "shares=0");
	expect(&r, 2, "", "shares: 0 is out of range (1 to 10000)");
	CALL(&r, "set", "db", "floor=2GiB");
	expect(&r, 1, "", "floor is above ceiling");
	CALL(&r, "set", "nobody", "shares=5");
	expect(&r, 4, "", "There is no VM called 'nobody'.");
	CALL(&r, "set", "db", "shares");
	expect(&r, 2, "", "'shares' is not of the form KEY=VALUE.");
	CALL(&r, "set", "db", "=5");
	expect(&r, 2, "", "'=5' is not of the form KEY=VALUE.");
	CALL(&r, "set", "db", "shares=5", "shares=6");
	expect(&r, 2, "", "shares is given twice.");
	CALL(&r, "set", "db");
	expect(&r, 2, "", "'set' needs KEY=VALUE or --reset; see");
	CALL(&r, "set");
	expect(&r, 2, "", "'set' needs a NAME");
}

static void a_squeeze_is_watched_until_the_balloon_is_back_at_0(void **state)
{
	struct run r;

	(void)state;
	server_start_sample();
	CALL(&r, "squeeze", "db");
	expect(&r, 0, "db: 550 MiB freed in ", "inflating: ");
	expect(&r, 0, "reason: stop-yield", "deflating: ");
}

static void a_squeeze_may_be_left_to_itself(void **state)
{
	struct run r;

	(void)state;
	server_start_sample();
	CALL(&r, "squeeze", "--no-wait", "--json", "db");
	expect(&r, 0, "\"accepted\":true", "");
}

static void a_squeeze_that_the_policy_does_not_begin_is_told(void **state)
{
	struct world *w = world_new();
	struct run r;

	(void)state;
	w->refuses = true;
	server_start(w, NULL);
	world_free(w);
	CALL(&r, "squeeze", "db");
	expect(&r, 1, "", "the squeeze did not begin. The guest's memory use is growing");
	CALL(&r, "squeeze", "--json", "db");
	expect(&r, 1, "\"reason\":\"not-calm\"", "");
	json_object_put(json_of(&r));
}

static void a_dry_run_says_what_would_be_done(void **state)
{
	struct world *w = world_new();
	struct run r;

	(void)state;
	w->sample.known->settings.mode = MODE_OFF;
	server_start(w, NULL);
	world_free(w);
	CALL(&r, "squeeze", "--dry-run", "db");
	expect(&r, 1, "Its mode is off", "");
}

static void a_dry_run_that_would_free_nothing_is_a_failure(void **state)
{
	static const char *const expected[] = { "0", "1000000", "1048576", "null" };
	char answer[200];
	struct run r;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(expected); i++) {
		(void)snprintf(
			answer, sizeof(answer),
			"HTTP/1.0 200 OK\r\n\r\n{\"would_squeeze\":true,\"sentence\":\"So.\","
			"\"figures\":{\"expected_b\":%s}}",
			expected[i]);
		server_start(NULL, answer);
		CALL(&r, "squeeze", "--dry-run", "db");
		expect(&r, i < 2 ? 1 : 0, "So.\n", "");
		server_stop();
		(void)unlink(server_path);
	}
}

static void a_refusal_is_told_with_its_own_exit_code(void **state)
{
	struct run r;

	(void)state;
	server_start_sample();
	CALL(&r, "squeeze", "b\xc3\xbcro 1");
	expect(&r, 1, "", "ballonet: A squeeze is under way already.\n");
	CALL(&r, "release", SAMPLE_WEIRD);
	expect(&r, 1, "", "ballonet: There is no connection to its hypervisor.\n");
	CALL(&r, "vm", "nobody");
	expect(&r, 4, "", "ballonet: There is no VM called 'nobody'.\n");
	CALL(&r, "why", "a/../b");
	expect(&r, 4, "", "ballonet: There is no VM called 'a/../b'.\n");
	CALL(&r, "vm", "..");
	expect(&r, 4, "", "ballonet: There is no VM called '..'.\n");
}

static void release_takes_one_or_all(void **state)
{
	struct json_object *o;
	struct run r;

	(void)state;
	server_start_sample();
	CALL(&r, "release", "db");
	expect(&r, 0, "db: its balloon is at 0 already\n", "");
	/* the one that is down is named, keeps none of the others from it, and has nothing to give
	 */
	CALL(&r, "release", "--all");
	expect(&r, 0, "b\xc3\xbcro 1: its balloon goes to 0\n",
	       "ballonet: we\"ir\\d??[31m?: There is no connection to its hypervisor. Nothing is "
	       "known to be in its balloon.\n");
	expect(&r, 0, "db: its balloon is at 0 already\n", "");
	CALL(&r, "release", "--all", "--json");
	expect(&r, 0, "\"holds\":false", "");
	o = json_of(&r);
	assert_int_equal(json_object_array_length(json_object_object_get(o, "released")), 2);
	assert_int_equal(json_object_array_length(json_object_object_get(o, "refused")), 1);
	json_object_put(o);
}

static void release_of_a_vm_without_a_balloon_promises_nothing_of_one(void **state)
{
	struct world *w = world_new();
	struct run r;

	(void)state;
	w->sample.known->facts.device = TRI_NO;
	w->sample.known->facts.actual_b = (struct fact){ .known = false };
	server_start(w, NULL);
	world_free(w);
	CALL(&r, "release", "db");
	expect(&r, 0, "db: nothing is known to be in its balloon\n", "");
}

static void release_of_all_fails_where_one_that_holds_memory_was_refused(void **state)
{
	struct world *w = world_new();
	struct vm *down = w->sample.down;
	struct run r;

	(void)state;
	down->facts.ram_b = fact_of(GIB, 1);
	down->facts.actual_b = fact_of(GIB - 100 * MIB, 1);
	server_start(w, NULL);
	world_free(w);
	CALL(&r, "release", "--all");
	expect(&r, 1, "db: its balloon is at 0 already\n", "no connection to its hypervisor.\n");
	CALL(&r, "release", "--all", "--json");
	expect(&r, 1, "\"holds\":true", "");
	json_object_put(json_of(&r));
}

int main(int argc, char **argv)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, server_set_up, server_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(settings_are_set_and_taken_back),
		TEST(settings_that_cannot_be_are_told_with_their_exit_codes),
		TEST(a_squeeze_is_watched_until_the_balloon_is_back_at_0),
		TEST(a_squeeze_may_be_left_to_itself),
		TEST(a_squeeze_that_the_policy_does_not_begin_is_told),
		TEST(a_dry_run_says_what_would_be_done),
		TEST(a_dry_run_that_would_free_nothing_is_a_failure),
		TEST(a_refusal_is_told_with_its_own_exit_code),
		TEST(release_takes_one_or_all),
		TEST(release_of_a_vm_without_a_balloon_promises_nothing_of_one),
		TEST(release_of_all_fails_where_one_that_holds_memory_was_refused),
	};

	if (argc != 2)
		return 2;
	program = argv[1];
	return cmocka_run_group_tests_name("cli steer", tests, NULL, NULL);
}
