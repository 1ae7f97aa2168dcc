/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_qmp_msg.c - what one line says, above all its numbers
 */
#include "qmp/qmp_msg.h"

#include "base/num.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int parse(const char *line, struct qmp_msg *ret)
{
	struct json_tokener *tok = qmp_tokener_new();
	int r = qmp_msg_parse(tok, line, strlen(line), ret);

	json_tokener_free(tok);
	return r;
}

static int parse_stats(const char *stats, const char *last_update, struct qmp_stats *ret)
{
	struct qmp_msg msg;
	char line[512];
	int r;

	(void)snprintf(line, sizeof(line), "{\"return\": {\"stats\": {%s}, \"last-update\": %s}}",
		       stats, last_update);
	assert_int_equal(parse(line, &msg), 0);
	assert_int_equal(msg.type, QMP_MSG_RETURN);
	r = qmp_stats_parse(msg.body, ret);
	qmp_msg_fini(&msg);
	return r;
}

static void messages_are_told_apart(void **state)
{
	struct qmp_msg msg;

	(void)state;
	assert_int_equal(parse("{\"QMP\": {\"capabilities\": []}}", &msg), 0);
	assert_int_equal(msg.type, QMP_MSG_GREETING);
	qmp_msg_fini(&msg);
	assert_int_equal(parse("{\"return\": {}, \"id\": 7} ", &msg), 0);
	assert_int_equal(msg.type, QMP_MSG_RETURN);
	qmp_msg_fini(&msg);
	assert_int_equal(parse("{\"error\": {\"class\": \"C\", \"desc\": \"D\"}}", &msg), 0);
	assert_int_equal(msg.type, QMP_MSG_ERROR);
	assert_string_equal(msg.word, "C");
	assert_string_equal(msg.text, "D");
	qmp_msg_fini(&msg);
	assert_int_equal(parse("{\"event\": \"E\", \"data\": {\"actual\": 5}}", &msg), 0);
	assert_int_equal(msg.type, QMP_MSG_EVENT);
	assert_string_equal(msg.word, "E");
	assert_non_null(msg.body);
	qmp_msg_fini(&msg);
}

static void what_is_not_a_message_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"x",
		"7",
		"\"text\"",
		"[1]",
		"null",
		"{}",
		"{\"QMP\"}",
		"{\"return\": {}",
		"{\"return\": {}}}",
		"{\"return\": {}} 7",
		"{\"return\": {}, \"error\": {\"class\": \"C\", \"desc\": \"D\"}}",
		"{\"error\": {}}",
		"{\"error\": {\"class\": 7, \"desc\": \"D\"}}",
		"{\"event\": null}",
		"{\"event\": [], \"data\": {}}",
		"{\"event\": \"\xff\"}",
		"{\"event\": \"\xed\xa0\x80\"",
		"{return: {}}",
		"{\"return\": 01}",
		"{\"return\": {},}",
		"/* */ {\"return\": {}}",
	};
	struct qmp_msg msg;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		if (parse(bad[i], &msg) != -EBADMSG)
			fail_msg("taken for a message: %s", bad[i]);
}

static void unknown_figures_are_not_zero(void **state)
{
	struct qmp_stats s;

	(void)state;
	assert_int_equal(parse_stats("\"stat-free-memory\": 18446744073709551615, "
				     "\"stat-total-memory\": 18446744073709551614, "
				     "\"stat-swap-in\": 0, \"stat-of-tomorrow\": -1",
				     "1700000000", &s),
			 0);
	assert_int_equal(s.known, 1u << BALLOON_STAT_MEMTOT | 1u << BALLOON_STAT_SWAP_IN);
	assert_true(s.tag[BALLOON_STAT_MEMTOT] == UINT64_MAX - 1);
	assert_int_equal(s.tag[BALLOON_STAT_SWAP_IN], 0);
	assert_int_equal(s.last_update_s, 1700000000);
}

static void number_too_large_for_64_bits_is_unknown(void **state)
{
	struct qmp_stats s;

	(void)state;
	assert_int_equal(parse_stats("\"stat-free-memory\": 18446744073709551616", "1", &s), 0);
	assert_int_equal(s.known, 0);
}

static void before_a_driver_answered_nothing_is_known(void **state)
{
	struct qmp_stats s;

	(void)state;
	assert_int_equal(parse_stats("\"stat-free-memory\": 5", "0", &s), 0);
	assert_int_equal(s.known, 0);
}

static void of_duplicate_keys_the_last_one_counts(void **state)
{
	struct qmp_stats s;

	(void)state;
	assert_int_equal(parse_stats("\"stat-free-memory\": 5, \"stat-free-memory\": 6", "1", &s),
			 0);
	assert_int_equal(s.tag[BALLOON_STAT_MEMFREE], 6);
	assert_int_equal(parse_stats("\"stat-free-memory\": 5, \"stat-free-memory\": -6", "1", &s),
			 -EPROTO);
}

static void what_is_not_a_count_is_refused(void **state)
{
	static const char *const bad[] = {
		"-1",
		"NaN",
		"-9223372036854775808",
		"-99999999999999999999",
		"1.0",
		"1e3",
		"\"5\"",
		"true",
		"null",
		"[]",
		"{}",
	};
	char stats[128];
	struct qmp_stats s = { .known = 77 };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		(void)snprintf(stats, sizeof(stats), "\"stat-swap-out\": %s", bad[i]);
		assert_int_equal(parse_stats(stats, "1", &s), -EPROTO);
		assert_int_equal(parse_stats("", bad[i], &s), -EPROTO);
	}
	assert_int_equal(s.known, 77); /* written on success only */
}

static void every_tag_has_its_name(void **state)
{
	struct qmp_stats s;

	(void)state;
	assert_int_equal(
		parse_stats("\"stat-swap-in\":0,\"stat-swap-out\":1,\"stat-major-faults\":2,"
			    "\"stat-minor-faults\":3,\"stat-free-memory\":4,\"stat-total-memory\":"
			    "5,\"stat-available-memory\":6,\"stat-disk-caches\":7,"
			    "\"stat-htlb-pgalloc\":8,\"stat-htlb-pgfail\":9,\"stat-oom-kills\":10,"
			    "\"stat-alloc-stalls\":11,\"stat-async-scans\":12,"
			    "\"stat-direct-scans\":13,\"stat-async-reclaims\":14,"
			    "\"stat-direct-reclaims\":15",
			    "1", &s),
		0);
	assert_int_equal(s.known, (1u << BALLOON_STAT_COUNT) - 1);
	for (unsigned int i = 0; i < BALLOON_STAT_COUNT; i++)
		assert_int_equal(s.tag[i], i);
}

static void balloon_is_found_among_devices(void **state)
{
	static const struct {
		const char *list, *name;
		int r;
	} rows[] = {
		{ "[]", NULL, 0 },
		{ "[{\"name\": \"n\", \"type\": \"child<virtio-net-pci>\"}]", NULL, 0 },
		{ "[{\"name\": \"l\", \"type\": \"link<virtio-balloon-pci>\"}]", NULL, 0 },
		{ "[{\"name\": \"a\", \"type\": \"child<virtio-balloon-pci>\"},"
		  "{\"name\": \"b\", \"type\": \"child<virtio-balloon-pci>\"}]",
		  "a", 0 },
		{ "[{\"name\": \"c\", \"type\": \"child<virtio-balloon-pci-transitional>\"}]", "c",
		  0 },
		{ "{}", NULL, -EPROTO },
		{ "[1]", NULL, -EPROTO },
		{ "[{\"name\": 7, \"type\": \"child<virtio-balloon-pci>\"}]", NULL, -EPROTO },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		struct json_object *o = json_tokener_parse(rows[i].list);
		const char *name = NULL;

		assert_int_equal(qmp_find_balloon(o, &name), rows[i].r);
		if (rows[i].name)
			assert_string_equal(name, rows[i].name);
		else
			assert_null(name);
		json_object_put(o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_told_apart),
		cmocka_unit_test(what_is_not_a_message_is_refused),
		cmocka_unit_test(unknown_figures_are_not_zero),
		cmocka_unit_test(number_too_large_for_64_bits_is_unknown),
		cmocka_unit_test(before_a_driver_answered_nothing_is_known),
		cmocka_unit_test(of_duplicate_keys_the_last_one_counts),
		cmocka_unit_test(what_is_not_a_count_is_refused),
		cmocka_unit_test(every_tag_has_its_name),
		cmocka_unit_test(balloon_is_found_among_devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
