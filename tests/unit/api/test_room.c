/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_room.c - room for VMs that are to start, asked of the control API */
#include "api/control.h"

#include "base/num.h"
#include "client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void room_that_is_there_is_held_and_let_go(void **state)
{
	struct json_object *o, *list;

	(void)state;
	o = ask_json("POST", "/v1/reservations", "{\"size_b\":1073741824,\"for\":\"new\"}", 201);
	assert_string_equal(text_of(o, "id"), "1");
	assert_string_equal(text_of(o, "answer"), "yes");
	assert_string_equal(text_of(o, "sentence"), "1.0 GiB is available.");
	assert_string_equal(text_of(o, "for"), "new");
	assert_string_equal(text_of(o, "left_b"), "1073741824");
	json_object_put(o);
	assert_int_equal(reserve_left(&world.sample.reserve, NULL), GIB);
	assert_true(reserve_changed(&world.sample.reserve));
	o = ask_json("GET", "/v1/reservations", NULL, 200);
	assert_true(json_object_object_get_ex(o, "reservations", &list));
	assert_int_equal(json_object_array_length(list), 1);
	json_object_put(o);
	json_object_put(ask_json("GET", "/v1/reservations/1", NULL, 200));
	json_object_put(ask_json("DELETE", "/v1/reservations/1", NULL, 200));
	assert_int_equal(world.sample.reserve.n, 0);
	refused("GET", "/v1/reservations/1", NULL, 404, "no such reservation");
	refused("DELETE", "/v1/reservations/1", NULL, 404, "no such reservation");
	refused("GET", "/v1/reservations/1x", NULL, 404, "no such reservation");
	refused("GET", "/v1/reservations/-1", NULL, 404, "no such reservation");
	refused("GET", "/v1/reservations/", NULL, 404, "no such path");
}

/* Of 16 GiB are 4 available, 6 % of the host are never given away, VMs offer 1000 MiB. */
static void room_that_can_be_freed_is_promised_for_when(void **state)
{
	struct json_object *o;

	(void)state;
	o = ask_json("POST", "/v1/reservations", "{\"size_b\":3435973836}", 201);
	assert_string_equal(text_of(o, "answer"), "when");
	assert_non_null(strstr(text_of(o, "sentence"), "have to be freed for these 3.2 GiB"));
	assert_string_equal(text_of(o, "missing_b"), "");
	json_object_put(o);
	/* what the first one holds is not there for the next */
	o = ask_json("POST", "/v1/reservations", "{\"size_b\":536870912}", 409);
	assert_string_equal(text_of(o, "reason"), "no");
	json_object_put(o);
	/* looked at again, each has those before it in its way, and not itself */
	o = ask_json("GET", "/v1/reservations/1", NULL, 200);
	assert_string_equal(text_of(o, "answer"), "when");
	json_object_put(o);
}

static void room_that_comes_too_late_is_held_and_says_so(void **state)
{
	struct json_object *o;

	(void)state;
	o = ask_json("POST", "/v1/reservations", "{\"size_b\":3435973836,\"within_us\":1000}", 201);
	assert_string_equal(text_of(o, "answer"), "late");
	assert_non_null(strstr(text_of(o, "sentence"), "longer than was asked for"));
	json_object_put(o);
}

/* Of 16 GiB 983 MiB are never given away, and VMs are counted on for 500. */
static void what_a_short_host_lacks_itself_is_told_apart(void **state)
{
	struct json_object *o;

	(void)state;
	world.sample.host.available_b.value = 100 * MIB;
	o = ask_json("POST", "/v1/reservations", "{\"size_b\":1}", 409);
	assert_non_null(strstr(text_of(o, "error"),
			       "This host lacks 883 MiB itself; with less than 1 MiB more, "
			       "883 MiB would have to be freed, and "));
	json_object_put(o);
	world.sample.host.available_b.value = 900 * MIB;
	o = ask_json("POST", "/v1/reservations", "{\"size_b\":104857600}", 201);
	assert_non_null(strstr(text_of(o, "sentence"),
			       "This host lacks 83 MiB itself; with 100 MiB more, "
			       "183 MiB have to be freed, which is"));
	json_object_put(o);
}

static void room_that_cannot_be_had_is_not_held(void **state)
{
	struct json_object *o;

	(void)state;
	o = ask_json("POST", "/v1/reservations", "{\"size_b\":8589934592}", 409);
	assert_string_equal(text_of(o, "reason"), "no");
	assert_non_null(strstr(text_of(o, "error"), "of that cannot be had."));
	assert_true(strtoull(text_of(o, "missing_b"), NULL, 10) > 4 * GIB);
	json_object_put(o);
	o = ask_json("POST", "/v1/reservations", "{\"size_b\":18446744073709551614}", 409);
	assert_string_equal(text_of(o, "reason"), "too-large");
	assert_non_null(strstr(text_of(o, "error"),
			       "GiB are more than this host can give: it has 16.0 GiB"));
	json_object_put(o);
	world.sample.host.available_b.known = false;
	o = ask_json("POST", "/v1/reservations", "{\"size_b\":1}", 409);
	assert_string_equal(text_of(o, "reason"), "unknown");
	json_object_put(o);
	assert_int_equal(world.sample.reserve.n, 0);
}

static void a_bad_reservation_is_refused_with_what_is_wrong(void **state)
{
	static const char *const bad[][2] = {
		{ NULL, "must be a JSON object" },
		{ "5", "must be a JSON object" },
		{ "{}", "size_b, the size in bytes, is missing" },
		{ "{\"size_b\":0}", "at least 1 byte" },
		{ "{\"size_b\":-1}", "at least 1 byte" },
		{ "{\"size_b\":\"1GiB\"}", "at least 1 byte" },
		{ "{\"size_b\":1.5}", "at least 1 byte" },
		{ "{\"size_b\":18446744073709551616}", "at least 1 byte" },
		{ "{\"size_b\":1,\"within_us\":86400000001}", "at most 24 hours" },
		{ "{\"size_b\":1,\"hold_us\":0}", "from 1 second to 24 hours" },
		{ "{\"size_b\":1,\"hold_us\":86400000001}", "from 1 second to 24 hours" },
		{ "{\"size_b\":1,\"for\":\"\"}", "for must be" },
		{ "{\"size_b\":1,\"for\":7}", "for must be" },
		{ "{\"size_b\":1,\"size\":7}", "The body must be" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		refused("POST", "/v1/reservations", bad[i][0], 400, bad[i][1]);
	assert_int_equal(world.sample.reserve.n, 0);
}

static void the_65th_reservation_is_refused(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < RESERVE_MAX; i++)
		json_object_put(ask_json("POST", "/v1/reservations", "{\"size_b\":1}", 201));
	refused("POST", "/v1/reservations", "{\"size_b\":1}", 409, "64 reservations already");
}

static void headroom_is_told_for_three_times(void **state)
{
	struct json_object *o;

	(void)state;
	o = ask_json("GET", "/v1/headroom", NULL, 200);
	assert_string_equal(text_of(o, "offered_b"), "1048576000");
	assert_string_equal(text_of(o, "within_1s_b"), "134217728");  /* 2 VMs at 64 MiB/s */
	assert_string_equal(text_of(o, "within_60s_b"), "524288000"); /* half of what is offered */
	assert_string_equal(text_of(o, "squeezes"), "0");
	json_object_put(o);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_set_up, world_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(room_that_is_there_is_held_and_let_go),
		TEST(room_that_can_be_freed_is_promised_for_when),
		TEST(room_that_comes_too_late_is_held_and_says_so),
		TEST(what_a_short_host_lacks_itself_is_told_apart),
		TEST(room_that_cannot_be_had_is_not_held),
		TEST(a_bad_reservation_is_refused_with_what_is_wrong),
		TEST(the_65th_reservation_is_refused),
		TEST(headroom_is_told_for_three_times),
	};

	return cmocka_run_group_tests_name("room", tests, NULL, NULL);
}
