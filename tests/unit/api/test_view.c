/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_view.c - what is not known is null, and all that is shown is valid JSON
 */
#include "api/view_host.h"
#include "api/view_json.h"
#include "api/view_vm.h"

#include "base/num.h"
#include "host/hostgroup.h"
#include "sample_fleet.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct sample sample;

static int set_up(void **state)
{
	(void)state;
	sample_init(&sample);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	sample_fini(&sample);
	return 0;
}

/* @o[@key], which must be there (if null). */
static struct json_object *get(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(o, key, &value))
		fail_msg("there is no %s", key);
	return value;
}

#define assert_null_key(o, key) assert_null(get(o, key))
#define assert_number(o, key, v) \
	assert_true(get(o, key) && json_object_get_uint64(get(o, key)) == (uint64_t)(v))
#define assert_text(o, key, v) assert_string_equal(json_object_get_string(get(o, key)), v)

static void a_vm_of_which_all_is_known_has_all_figures(void **state)
{
	struct json_object *o = view_vm(sample.known, SAMPLE_NOW_US), *sq;

	(void)state;
	assert_text(o, "name", "db");
	assert_number(o, "id", 1);
	assert_number(o, "pid", 4711);
	assert_text(o, "address", "/run/db.qmp");
	assert_text(o, "mode", "squeeze");
	assert_text(o, "profile", "balanced");
	assert_text(o, "phase", "resting");
	assert_text(o, "reason", "rest");
	assert_non_null(strstr(json_object_get_string(get(o, "why")), "rests for 30 s"));
	assert_text(o, "state", "running");
	assert_text(o, "driver", "stock");
	assert_text(o, "reporting", "off");
	assert_null_key(o, "trouble");
	assert_null_key(o, "requested");
	assert_non_null(strstr(json_object_get_string(get(o, "hint")), "free-page-reporting=on"));
	assert_number(o, "ram_b", GIB);
	assert_number(o, "actual_b", GIB);
	assert_number(o, "balloon_b", 0);
	assert_number(o, "resident_b", 900 * MIB);
	assert_number(o, "hypervisor_b", 60 * MIB);
	assert_null_key(o, "swapped_b");
	assert_text(o, "resident_source", "cgroup");
	assert_number(o, "used_b", 380 * MIB);
	assert_number(o, "free_b", 600 * MIB);
	assert_number(o, "available_b", 700 * MIB);
	assert_number(o, "cache_b", 120 * MIB);
	assert_number(o, "stale_b", 400 * MIB);
	assert_number(o, "cold_b", 90 * MIB);
	assert_number(o, "expected_b", 490 * MIB);
	assert_number(o, "reserve_b", 96 * MIB);
	assert_number(o, "stats_age_us", USEC_PER_SEC);
	assert_true(json_object_get_boolean(get(o, "calm")));
	assert_false(json_object_get_boolean(get(o, "busy")));
	assert_int_equal(json_object_array_length(get(o, "obstacles")), 0);
	assert_number(o, "squeezes", 3);
	assert_number(o, "yield_total_b", 1000 * MIB);
	assert_number(o, "return_total_b", 100 * MIB);
	assert_number(o, "rest_until_us", SAMPLE_NOW_US + 30 * USEC_PER_SEC);
	assert_text(o, "relief", "notifier");
	assert_text(o, "group", "databases");
	assert_text(o, "group_too", "all");
	assert_text(get(o, "set"), "shares", "200");
	assert_int_equal(json_object_object_length(get(o, "set")), 1);
	assert_number(o, "shares", 200);
	assert_number(o, "floor_b", 256 * MIB);
	assert_number(o, "floor_now_b", 300 * MIB);
	assert_null_key(o, "ceiling_b");
	assert_number(o, "settled_b", 500 * MIB);
	assert_number(get(o, "offer"), "stale_b", 400 * MIB);
	assert_number(get(o, "offer"), "cold_b", 90 * MIB);
	assert_number(get(o, "offer"), "cold_class", 2);
	sq = get(o, "last_squeeze");
	assert_number(sq, "start_us", SAMPLE_NOW_US - 90 * USEC_PER_SEC);
	assert_number(sq, "end_us", SAMPLE_NOW_US - 80 * USEC_PER_SEC);
	assert_text(sq, "stop", "stop-yield");
	assert_number(sq, "resident_before_b", 950 * MIB);
	assert_number(sq, "resident_low_b", 400 * MIB);
	assert_number(sq, "freed_0s_b", 550 * MIB);
	assert_null_key(sq, "freed_10s_b");
	assert_number(sq, "freed_60s_b", 530 * MIB);
	json_object_put(o);
}

static void a_vm_of_which_nothing_is_known_has_nulls_and_no_zeros(void **state)
{
	static const char *const unknown[] = {
		"pid",	       "ram_b",		"actual_b",	"balloon_b",	"resident_b",
		"used_b",      "free_b",	"available_b",	"cache_b",	"stale_b",
		"cold_b",      "expected_b",	"reserve_b",	"stats_age_us", "calm",
		"busy",	       "rest_until_us", "last_squeeze", "hint",		"requested",
		"decided_us",  "group",		"group_too",	"settled_b",	"ceiling_b",
		"floor_now_b",
	};
	struct json_object *o = view_vm(sample.down, SAMPLE_NOW_US);
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(unknown); i++)
		if (get(o, unknown[i]))
			fail_msg("%s is not null", unknown[i]);
	assert_text(o, "state", "down");
	assert_text(o, "driver", "unknown");
	assert_text(o, "reporting", "unknown");
	assert_text(o, "resident_source", "none");
	assert_text(o, "trouble", "The socket /run/weird is not there.");
	json_object_put(o);
}

static void the_host_tells_its_decision_and_whose_memory_it_is(void **state)
{
	struct json_object *o = view_host(&sample.view, SAMPLE_NOW_US);
	struct hostgroup *group;

	(void)state;
	assert_text(o, "reason", "host-well");
	assert_true(json_object_get_string(get(o, "why"))[0]);
	assert_number(get(o, "arbiter"), "offered_b", 1000 * MIB);
	assert_null_key(get(o, "arbiter"), "deadline_us");
	assert_number(get(o, "headroom"), "within_60s_b", 500 * MIB);
	assert_text(o, "memory_source", "host");
	assert_text(o, "pressure_source", "host");
	assert_null_key(o, "host_cgroup");
	assert_number(o, "reservations", 0);
	json_object_put(o);
	assert_int_equal(hostgroup_new(-EBADF, "machine.slice", &group), 0);
	sample.view.hostgroup = group;
	assert_false(hostgroup_apply(group, SAMPLE_NOW_US, &(struct meminfo){ 0 }));
	o = view_host(&sample.view, SAMPLE_NOW_US);
	assert_text(o, "memory_source", "host");
	assert_text(o, "host_cgroup", "machine.slice");
	assert_text(o, "host_cgroup_trouble",
		    "There is no memory cgroup machine.slice; the host's own figures are used.");
	json_object_put(o);
	hostgroup_free(group);
}

static void what_a_decision_did_not_estimate_is_null_too(void **state)
{
	struct json_object *o;

	(void)state;
	/* as the policy leaves it where facts are missing */
	sample.known->decision.reason = REASON_PAUSED;
	sample.known->decision.fig.need_b = 0;
	sample.known->decision.fig.stale_b = 0;
	o = view_vm(sample.known, SAMPLE_NOW_US);
	assert_null_key(o, "stale_b");
	assert_null_key(o, "cold_b");
	assert_null_key(o, "expected_b");
	assert_number(o, "reserve_b", 96 * MIB);
	json_object_put(o);
	o = view_why(sample.known, SAMPLE_NOW_US);
	assert_null_key(get(o, "figures"), "need_b");
	json_object_put(o);
}

static void a_squeeze_under_way_is_shown_with_nulls_for_what_comes_yet(void **state)
{
	struct json_object *o = view_vm(sample.busy, SAMPLE_NOW_US), *sq = get(o, "last_squeeze");

	(void)state;
	assert_text(o, "driver", "stock");
	assert_number(o, "balloon_b", 300 * MIB);
	assert_null_key(o, "hint");
	assert_int_equal(json_object_array_length(get(o, "obstacles")), 2);
	assert_number(sq, "start_us", SAMPLE_NOW_US - USEC_PER_SEC);
	assert_null_key(sq, "end_us");
	assert_null_key(sq, "stop");
	assert_null_key(sq, "freed_0s_b");
	json_object_put(o);

	/* over, and verified: it is the done one that is shown */
	sample.busy->history.done = sample.busy->history.now;
	sample.busy->history.done.start_us = 42;
	sample.busy->history.phase.is = PHASE_RESTING;
	o = view_vm(sample.busy, SAMPLE_NOW_US);
	assert_number(get(o, "last_squeeze"), "start_us", 42);
	json_object_put(o);
}

static void a_guest_that_marks_its_statistics_is_known_by_them(void **state)
{
	uint64_t *total = &sample.known->facts.stats.tag[BALLOON_STAT_MEMTOT];
	struct json_object *o;

	(void)state;
	*total |= BALLOON_MARK_BALLONET | BALLOON_MARK_OOM;
	o = view_vm(sample.known, SAMPLE_NOW_US);
	assert_text(o, "driver", "ballonet");
	json_object_put(o);
	*total ^= 0x100; /* no more the mark */
	o = view_vm(sample.known, SAMPLE_NOW_US);
	assert_text(o, "driver", "stock");
	json_object_put(o);
}

static void a_request_that_waits_is_shown(void **state)
{
	struct json_object *o;

	(void)state;
	sample.known->request = REQUEST_RELEASE;
	o = view_vm(sample.known, SAMPLE_NOW_US);
	assert_text(o, "requested", "release");
	json_object_put(o);
	sample.known->request = REQUEST_NONE;
	sample.known->history.phase.request = REQUEST_SQUEEZE;
	o = view_vm(sample.known, SAMPLE_NOW_US);
	assert_text(o, "requested", "squeeze");
	json_object_put(o);
}

static void a_hint_names_what_is_missing(void **state)
{
	struct json_object *o;

	(void)state;
	sample.known->facts.device = TRI_NO;
	o = view_vm(sample.known, SAMPLE_NOW_US);
	assert_text(o, "driver", "no-device");
	assert_non_null(strstr(json_object_get_string(get(o, "hint")), "virtio-balloon"));
	json_object_put(o);
	sample.known->facts.device = TRI_YES;
	sample.known->facts.stats.known = 0;
	o = view_vm(sample.known, SAMPLE_NOW_US);
	assert_text(o, "driver", "no-driver");
	assert_non_null(strstr(json_object_get_string(get(o, "hint")), "modprobe virtio_balloon"));
	json_object_put(o);
}

static void why_tells_the_newest_last_and_forgets_the_oldest(void **state)
{
	struct json_object *o = view_why(sample.known, SAMPLE_NOW_US), *recent;
	uint64_t i;

	(void)state;
	recent = get(o, "recent");
	assert_text(o, "phase", "resting");
	assert_text(o, "reason", "rest");
	assert_number(get(o, "figures"), "need_b", 90 * MIB);
	assert_int_equal(json_object_array_length(recent), 2);
	assert_text(json_object_array_get_idx(recent, 0), "reason", "begin");
	assert_text(json_object_array_get_idx(recent, 1), "reason", "rest");
	assert_number(json_object_array_get_idx(recent, 1), "age_us", 20 * USEC_PER_SEC);
	json_object_put(o);

	for (i = 0; i < VM_RECENT_MAX + 3; i++)
		sample.known->recent[i % VM_RECENT_MAX].time_us = 100 + i;
	sample.known->recent_n = VM_RECENT_MAX + 3;
	o = view_why(sample.known, SAMPLE_NOW_US);
	recent = get(o, "recent");
	assert_int_equal(json_object_array_length(recent), VM_RECENT_MAX);
	assert_number(json_object_array_get_idx(recent, 0), "time_us", 103);
	assert_number(json_object_array_get_idx(recent, VM_RECENT_MAX - 1), "time_us",
		      100 + VM_RECENT_MAX + 2);
	json_object_put(o);
}

static void why_of_a_vm_that_was_never_decided_about_has_null_figures(void **state)
{
	struct json_object *o = view_why(sample.down, SAMPLE_NOW_US);

	(void)state;
	assert_text(o, "sentence", "No decision has been made yet.");
	json_object_object_foreach(get(o, "figures"), key, value)
	{
		if (value)
			fail_msg("%s is not null", key);
	}
	assert_int_equal(json_object_array_length(get(o, "recent")), 0);
	json_object_put(o);
}

static void the_host_sums_up_what_is_known(void **state)
{
	struct json_object *o = view_host(&sample.view, SAMPLE_NOW_US);

	(void)state;
	assert_number(o, "total_b", 16 * GIB);
	assert_number(o, "available_b", 4 * GIB);
	assert_number(o, "psi_some_avg10_ppm", 12500);
	assert_null_key(o, "psi_full_avg10_ppm");
	assert_number(o, "vms", 3);
	assert_number(o, "resident_total_b", 1800 * MIB);
	assert_number(o, "balloon_total_b", 300 * MIB);
	assert_number(o, "yield_total_b", 1000 * MIB);
	assert_number(o, "return_total_b", 100 * MIB);
	assert_false(json_object_get_boolean(get(o, "dry_run")));
	assert_true(json_object_get_boolean(get(o, "guardian")));
	assert_text(o, "version", BALLONET_VERSION);
	assert_number(o, "start_us", 5);
	assert_number(o, "now_us", SAMPLE_NOW_US);
	json_object_put(o);
}

static void text_that_is_no_utf8_is_made_so(void **state)
{
	static const char *const rows[][2] = {
		{ "plain", "plain" },
		{ "b\xc3\xbcro", "b\xc3\xbcro" },
		{ "a\xff\xfe", "a??" },
		{ "\xc0\xaf", "??" },			    /* overlong */
		{ "\xed\xa0\x80", "???" },		    /* a surrogate */
		{ "\xf4\x90\x80\x80", "????" },		    /* past U+10FFFF */
		{ "\xf0\x9f\x8e\x88", "\xf0\x9f\x8e\x88" }, /* a balloon */
		{ "\xe2\x82", "??" },			    /* cut in the middle */
	};
	char text[64], small[4];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		view_text(rows[i][0], text, sizeof(text));
		assert_string_equal(text, rows[i][1]);
	}
	view_text("ab\xc3\xbc", small, sizeof(small)); /* not half a character */
	assert_string_equal(small, "ab");
}

static void a_hostile_name_is_still_json(void **state)
{
	struct json_object *o = view_vm(sample.down, SAMPLE_NOW_US), *back;
	struct json_tokener *tok = json_tokener_new();
	const char *text = json_object_to_json_string(o);

	(void)state;
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	back = json_tokener_parse_ex(tok, text, (int)strlen(text) + 1);
	assert_non_null(back);
	assert_text(back, "name", SAMPLE_WEIRD_CLEAN);
	json_tokener_free(tok);
	json_object_put(back);
	json_object_put(o);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_vm_of_which_all_is_known_has_all_figures),
		TEST(a_vm_of_which_nothing_is_known_has_nulls_and_no_zeros),
		TEST(what_a_decision_did_not_estimate_is_null_too),
		TEST(the_host_tells_its_decision_and_whose_memory_it_is),
		TEST(a_squeeze_under_way_is_shown_with_nulls_for_what_comes_yet),
		TEST(a_guest_that_marks_its_statistics_is_known_by_them),
		TEST(a_request_that_waits_is_shown),
		TEST(a_hint_names_what_is_missing),
		TEST(why_tells_the_newest_last_and_forgets_the_oldest),
		TEST(why_of_a_vm_that_was_never_decided_about_has_null_figures),
		TEST(the_host_sums_up_what_is_known),
		TEST(text_that_is_no_utf8_is_made_so),
		TEST(a_hostile_name_is_still_json),
	};

	return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}
