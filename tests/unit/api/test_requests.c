/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_requests.c - what is asked of the control API about VMs, and what it answers */
#include "api/control.h"

#include "base/num.h"
#include "client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void vms_are_listed_and_found_by_name(void **state)
{
	struct json_object *o, *list;

	(void)state;
	o = ask_json("GET", "/v1/vms", NULL, 200);
	assert_true(json_object_object_get_ex(o, "vms", &list));
	assert_int_equal(json_object_array_length(list), 3);
	json_object_put(o);
	o = ask_json("GET", "/v1/vms/db", NULL, 200);
	assert_string_equal(text_of(o, "name"), "db");
	json_object_put(o);
	o = ask_json("GET", "/v1/vms/db/why", NULL, 200);
	assert_string_equal(text_of(o, "reason"), "rest");
	json_object_put(o);
	o = ask_json("GET", "/v1/host", NULL, 200);
	assert_string_equal(text_of(o, "vms"), "3");
	json_object_put(o);
}

static void names_are_percent_decoded(void **state)
{
	struct json_object *o;

	(void)state;
	o = ask_json("GET", "/v1/vms/b%C3%BCro%201", NULL, 200);
	assert_string_equal(text_of(o, "name"), "b\xc3\xbcro 1");
	json_object_put(o);
	o = ask_json("GET", "/v1/vms/we%22ir%5cd%0A%1B%5B31m%FF/why", NULL, 200);
	assert_string_equal(text_of(o, "name"), SAMPLE_WEIRD_CLEAN);
	json_object_put(o);
	/* as it was shown, it is found too */
	json_object_put(ask_json("GET", "/v1/vms/we%22ir%5cd%0A%1B%5B31m?x", NULL, 404));
	json_object_put(ask_json("GET", "/v1/vms/we%22ir%5cd%0A%1B%5B31m%3F", NULL, 200));
	refused("GET", "/v1/vms/a%2Fb", NULL, 404, "no VM called 'a/b'");
	refused("GET", "/v1/vms/db%", NULL, 404, "no such path");
	refused("GET", "/v1/vms/db%zz", NULL, 404, "no such path");
	refused("GET", "/v1/vms/db%00x", NULL, 404, "no such path");
}

static void what_is_not_there_is_404_and_the_wrong_method_405(void **state)
{
	char *reply;

	(void)state;
	refused("GET", "/v1/vms/nobody", NULL, 404, "no VM called 'nobody'");
	refused("GET", "/v1/vms/db/nothing", NULL, 404, "no such path");
	refused("GET", "/v1/vms/", NULL, 404, "no such path");
	refused("GET", "/v2", NULL, 404, "no such path");
	refused("POST", "/v1/vms/nobody/squeeze", NULL, 404, "no VM called 'nobody'");
	refused("DELETE", "/v1/vms/db", NULL, 405, "another method");
	refused("GET", "/v1/vms/db/squeeze", NULL, 405, "another method");
	reply = exchange(dial(), "PUT /v1/host HTTP/1.0\r\n\r\n", 25);
	assert_non_null(strstr(reply, " 405 "));
	assert_non_null(strstr(reply, "Allow: GET, HEAD\r\n"));
	free(reply);
	assert_int_equal(ask("HEAD", "/v1/vms", NULL, NULL), 200);
}

static uint64_t bit(const char *key)
{
	size_t n;

	return UINT64_C(1) << (setting_find(key) - settings_table(&n));
}

static void settings_are_set_as_a_merge_patch(void **state)
{
	struct json_object *o;

	(void)state;
	o = ask_json("PATCH", "/v1/vms/db",
		     "{\"shares\":200,\"floor\":\"1GiB\",\"press_cache\":\"never\","
		     "\"mode\":\"rightsize\",\"ceiling\":null}",
		     200);
	assert_string_equal(text_of(o, "name"), "db");
	json_object_put(o);
	assert_ptr_equal(world.asked_vm, world.sample.known);
	assert_false(world.change.reset);
	assert_int_equal(world.change.mask,
			 bit("shares") | bit("floor") | bit("press_cache") | bit("mode"));
	assert_int_equal(world.change.clear, bit("ceiling"));
	assert_int_equal(world.change.values.shares, 200);
	assert_int_equal(world.change.values.floor_b, GIB);
	assert_int_equal(world.change.values.press_cache, 0);
	assert_int_equal(world.change.values.mode, MODE_RIGHTSIZE);
	json_object_put(ask_json("PATCH", "/v1/vms/db", "{\"reset\":true}", 200));
	assert_true(world.change.reset);
	assert_int_equal(world.change.mask | world.change.clear, 0);
}

static void bad_settings_are_refused_whole_and_named(void **state)
{
	(void)state;
	refused("PATCH", "/v1/vms/db", NULL, 400, "must be a JSON object");
	refused("PATCH", "/v1/vms/db", "[1]", 400, "must be a JSON object");
	refused("PATCH", "/v1/vms/db", "{\"shares\":200,\"share\":1}", 400,
		"there is no setting 'share'; did you mean shares?");
	refused("PATCH", "/v1/vms/db", "{\"\\u001b[31m\":1}", 400, "there is no setting '");
	refused("PATCH", "/v1/vms/db", "{\"shares\":0}", 400,
		"shares: 0 is out of range (1 to 10000)");
	refused("PATCH", "/v1/vms/db", "{\"shares\":-1}", 400,
		"shares: '-1' is not a whole number");
	refused("PATCH", "/v1/vms/db", "{\"floor\":18446744073709551615}", 400,
		"floor: 18446744073709551615 is out of range");
	refused("PATCH", "/v1/vms/db", "{\"floor\":[1]}", 400, "floor: '' is not a size");
	refused("PATCH", "/v1/vms/db", "{\"mode\":\"squeze\"}", 400, "mode: 'squeze' is not off");
	refused("PATCH", "/v1/vms/db", "{\"reset\":1}", 400, "reset is true or false");
	refused("PATCH", "/v1/vms/db", "{\"host_short\":\"5%\"}", 400,
		"host_short applies to the whole host: put it under defaults");
	refused("PATCH", "/v1/vms/nobody", "{}", 404, "no VM called 'nobody'");
}

static void settings_that_do_not_go_together_are_a_conflict(void **state)
{
	struct json_object *o;

	(void)state;
	world.conflict = "floor is above ceiling";
	o = ask_json("PATCH", "/v1/vms/db", "{\"floor\":\"2GiB\"}", 409);
	assert_string_equal(text_of(o, "error"), "floor is above ceiling");
	assert_string_equal(text_of(o, "reason"), "conflict");
	json_object_put(o);
}

static void a_path_of_several_methods_names_them_all(void **state)
{
	char *reply;

	(void)state;
	reply = exchange(dial(), "PUT /v1/vms/db HTTP/1.0\r\n\r\n", 27);
	assert_non_null(strstr(reply, " 405 "));
	assert_non_null(strstr(reply, "Allow: GET, HEAD, PATCH\r\n"));
	free(reply);
}

static void metrics_are_text(void **state)
{
	char *text;

	(void)state;
	assert_int_equal(ask("GET", "/metrics", NULL, &text), 200);
	assert_non_null(strstr(text, "\n# TYPE ballonet_vm_up gauge\n"));
	free(text);
}

static void the_list_of_routes_is_served(void **state)
{
	char *text;

	(void)state;
	assert_int_equal(ask("GET", "/", NULL, &text), 200);
	assert_non_null(strstr(text, "/v1/vms/NAME/squeeze"));
	free(text);
}

static void a_squeeze_is_accepted_and_asked_for(void **state)
{
	struct json_object *o = ask_json("POST", "/v1/vms/db/squeeze", NULL, 202);

	(void)state;
	assert_string_equal(text_of(o, "accepted"), "true");
	assert_string_equal(text_of(o, "name"), "db");
	assert_ptr_equal(world.asked_vm, world.sample.known);
	assert_int_equal(world.asked, REQUEST_SQUEEZE);
	json_object_put(o);
	/* statistics that are old are asked for anew */
	world.sample.known->facts.stats.taken_us = 1;
	json_object_put(ask_json("POST", "/v1/vms/db/squeeze", "{\"dry_run\":false}", 202));
}

static void a_squeeze_is_accepted_in_every_phase_in_which_none_is_under_way(void **state)
{
	enum phase phase;

	(void)state;
	for (phase = PHASE_WATCH; phase < PHASE_COUNT; phase++) {
		bool under_way = phase == PHASE_INFLATING || phase == PHASE_HOLDING ||
				 phase == PHASE_DEFLATING || phase == PHASE_SIZING ||
				 phase == PHASE_SIZED;

		world.asked_vm = NULL;
		world.sample.known->history.phase.is = phase;
		json_object_put(
			ask_json("POST", "/v1/vms/db/squeeze", NULL, under_way ? 409 : 202));
		assert_ptr_equal(world.asked_vm, under_way ? NULL : world.sample.known);
	}
}

static void a_dry_run_says_what_would_be_done_and_asks_for_nothing(void **state)
{
	struct json_object *o;

	(void)state;
	o = ask_json("POST", "/v1/vms/db/squeeze", "{\"dry_run\":true}", 200);
	assert_string_equal(text_of(o, "would_squeeze"), "true");
	assert_non_null(strstr(text_of(o, "sentence"), "It would free about"));
	json_object_put(o);
	world.sample.known->settings.mode = MODE_OFF;
	o = ask_json("POST", "/v1/vms/db/squeeze", "{\"dry_run\":true}", 200);
	assert_string_equal(text_of(o, "would_squeeze"), "false");
	assert_string_equal(text_of(o, "reason"), "mode-off");
	json_object_put(o);
	assert_null(world.asked_vm);
}

static void a_squeeze_that_cannot_be_is_refused_with_its_reason(void **state)
{
	static const char url[] = "/v1/vms/db/squeeze";
	struct json_object *o;

	(void)state;
	refused("POST", "/v1/vms/b%C3%BCro%201/squeeze", NULL, 409, "under way already");
	refused("POST", "/v1/vms/we%22ir%5Cd%0A%1B%5B31m%FF/squeeze", NULL, 409, "no connection");
	world.sample.known->settings.mode = MODE_OFF;
	refused("POST", url, NULL, 409, "mode is off");
	world.sample.known->settings.mode = MODE_OBSERVE;
	refused("POST", url, NULL, 409, "only observed");
	world.sample.known->settings.mode = MODE_SQUEEZE;
	world.sample.known->facts.state = VM_STATE_PAUSED;
	refused("POST", url, NULL, 409, "paused");
	world.sample.known->facts.state = VM_STATE_RUNNING;
	world.sample.known->facts.obstacles = OBSTACLE_VFIO;
	refused("POST", url, NULL, 409, "VFIO");
	world.sample.known->facts.obstacles = 0;
	world.sample.figures.dry_run = true;
	refused("POST", url, NULL, 409, "--dry-run");
	o = ask_json("POST", url, NULL, 409);
	assert_string_equal(text_of(o, "reason"), "dry-run");
	json_object_put(o);
}

static void a_release_is_accepted_in_any_phase_and_mode(void **state)
{
	(void)state;
	json_object_put(ask_json("POST", "/v1/vms/b%C3%BCro%201/release", NULL, 202));
	assert_ptr_equal(world.asked_vm, world.sample.busy);
	assert_int_equal(world.asked, REQUEST_RELEASE);
	world.sample.known->settings.mode = MODE_OFF;
	json_object_put(ask_json("POST", "/v1/vms/db/release", NULL, 202));
	assert_ptr_equal(world.asked_vm, world.sample.known);
	world.asked_vm = NULL;
	refused("POST", "/v1/vms/we%22ir%5Cd%0A%1B%5B31m%FF/release", NULL, 409, "no connection");
	world.sample.figures.dry_run = true;
	refused("POST", "/v1/vms/db/release", NULL, 409, "--dry-run");
}

static void a_body_that_is_not_what_it_must_be_is_400(void **state)
{
	static const char *const bodies[] = {
		"{",
		"[]",
		"true",
		"{\"dry_run\":1}",
		"{\"dryrun\":true}",
		"dry_run=true",
		"{\"dry_run\":{\"a\":{\"b\":{\"c\":{}}}}}",
		"\xff",
		"{\"dry_run\":true}x",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bodies); i++)
		refused("POST", "/v1/vms/db/squeeze", bodies[i], 400, "The body must be");
}

static void a_body_that_is_too_large_is_413(void **state)
{
	static const char head[] = "POST /v1/vms/db/squeeze HTTP/1.1\r\nHost: x\r\n"
				   "Connection: close\r\nContent-Length: 100000\r\n\r\n";
	size_t n = strlen(head);
	char *request = calloc(1, n + 100001), *reply;

	(void)state;
	assert_non_null(request);
	memcpy(request, head, n);
	memset(request + n, ' ', 100000);
	reply = exchange(dial(), request, n + 100000);
	assert_non_null(strstr(reply, " 413 "));
	assert_null(world.asked_vm);
	free(reply);
	free(request);
}

static void a_path_that_is_too_long_is_414(void **state)
{
	char url[2000];

	(void)state;
	memset(url, 'a', sizeof(url) - 1);
	url[sizeof(url) - 1] = '\0';
	memcpy(url, "/v1/vms/", 8);
	refused("GET", url, NULL, 414, "too long");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_set_up, world_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(vms_are_listed_and_found_by_name),
		TEST(names_are_percent_decoded),
		TEST(what_is_not_there_is_404_and_the_wrong_method_405),
		TEST(metrics_are_text),
		TEST(settings_are_set_as_a_merge_patch),
		TEST(bad_settings_are_refused_whole_and_named),
		TEST(settings_that_do_not_go_together_are_a_conflict),
		TEST(a_path_of_several_methods_names_them_all),
		TEST(the_list_of_routes_is_served),
		TEST(a_squeeze_is_accepted_and_asked_for),
		TEST(a_squeeze_is_accepted_in_every_phase_in_which_none_is_under_way),
		TEST(a_dry_run_says_what_would_be_done_and_asks_for_nothing),
		TEST(a_squeeze_that_cannot_be_is_refused_with_its_reason),
		TEST(a_release_is_accepted_in_any_phase_and_mode),
		TEST(a_body_that_is_not_what_it_must_be_is_400),
		TEST(a_body_that_is_too_large_is_413),
		TEST(a_path_that_is_too_long_is_414),
	};

	return cmocka_run_group_tests_name("requests", tests, NULL, NULL);
}
