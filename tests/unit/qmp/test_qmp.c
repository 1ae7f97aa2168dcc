/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_qmp.c - a conversation: what is asked, and which question an answer belongs to
 */
#include "qmp/qmp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define LINE_MAX_B 256

static int setup(void **state)
{
	static struct qmp q;

	*state = &q;
	return qmp_init(&q, LINE_MAX_B);
}

static int teardown(void **state)
{
	qmp_fini(*state);
	return 0;
}

/* Feeds @bytes, and expects one message or error of them. */
static int feed(struct qmp *q, const char *bytes, struct qmp_msg *msg)
{
	size_t len = strlen(bytes);

	return qmp_next(q, &bytes, &len, msg);
}

static void commands_are_lines_of_json(void **state)
{
	struct qmp *q = *state;
	char arguments[128];

	qmp_ask(q, QMP_CAPABILITIES, 1);
	qmp_ask(q, QMP_LIST_ANON, 1);
	qmp_ask_get(q, QMP_STATS, "\"/machine/peripheral/b\"", 1);
	assert_int_equal(qmp_cmd_interval("\"/p\"", 10, arguments, sizeof(arguments)), 0);
	qmp_ask_interval(q, arguments, 1);
	qmp_ask_target(q, QMP_TARGET_ALL, 1);
	assert_int_equal(q->error, 0);
	assert_string_equal(q->out.data,
			    "{\"execute\":\"qmp_capabilities\"}\n"
			    "{\"execute\":\"qom-list\",\"arguments\":"
			    "{\"path\":\"/machine/peripheral-anon\"}}\n"
			    "{\"execute\":\"qom-get\",\"arguments\":"
			    "{\"path\":\"/machine/peripheral/b\",\"property\":\"guest-stats\"}}\n"
			    "{\"execute\":\"qom-set\",\"arguments\":{\"path\":\"/p\","
			    "\"property\":\"guest-stats-polling-interval\",\"value\":10}}\n"
			    "{\"execute\":\"balloon\",\"arguments\":"
			    "{\"value\":9223372036854775807}}\n");
}

static void arguments_without_room_are_none(void **state)
{
	char arguments[16] = "x";

	(void)state;
	assert_int_equal(qmp_cmd_interval("\"/p\"", 10, arguments, sizeof(arguments)), -EMSGSIZE);
	assert_string_equal(arguments, "");
}

static void answers_belong_to_questions_in_their_order(void **state)
{
	struct qmp *q = *state;
	struct qmp_asked to;

	assert_null(qmp_oldest(q));
	qmp_ask(q, QMP_ACTUAL, 5);
	qmp_ask(q, QMP_MEMORY, 7);
	assert_int_equal(qmp_oldest(q)->at_us, 5);
	assert_int_equal(qmp_in_flight(q, QMP_MEMORY), 1);
	assert_int_equal(qmp_answered(q, &to), 0);
	assert_int_equal(to.cmd, QMP_ACTUAL);
	assert_int_equal(qmp_answered(q, &to), 0);
	assert_int_equal(to.cmd, QMP_MEMORY);
	assert_int_equal(qmp_answered(q, &to), -EPROTO);
}

static void too_many_questions_are_an_error_until_a_reset(void **state)
{
	struct qmp *q = *state;
	unsigned int i;

	for (i = 0; i < QMP_ASKED_MAX; i++)
		qmp_ask(q, QMP_ACTUAL, i);
	assert_int_equal(q->error, 0);
	qmp_ask(q, QMP_ACTUAL, i);
	assert_int_equal(q->error, -EMSGSIZE);
	assert_int_equal(q->nasked, QMP_ASKED_MAX);
	qmp_reset(q);
	assert_int_equal(q->error, 0);
	assert_null(qmp_oldest(q));
	assert_int_equal(q->out.len, 0);
}

static void what_is_no_message_is_kept_for_the_error(void **state)
{
	struct qmp *q = *state;
	struct qmp_msg msg;
	char endless[LINE_MAX_B + 2];

	assert_int_equal(feed(q, "\r\n\r\nSSH-2.0-OpenSSH\r\n", &msg), -EBADMSG);
	assert_string_equal(q->strange, "SSH-2.0-OpenSSH");
	memset(endless, 'x', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = '\0';
	assert_int_equal(feed(q, endless, &msg), -EMSGSIZE);
}

static void figures_of_answers_are_checked(void **state)
{
	struct qmp *q = *state;
	struct qmp_msg msg;
	uint64_t b = 0;

	assert_int_equal(
		feed(q, "{\"return\": {\"base-memory\": 64, \"plugged-memory\": 8}}\n", &msg), 1);
	assert_int_equal(qmp_memory_parse(msg.body, &b), 0);
	assert_int_equal(b, 72);
	assert_int_equal(qmp_actual_parse(msg.body, &b), -EPROTO);
	assert_false(qmp_is_no_device(&msg));
	qmp_msg_fini(&msg);
	assert_int_equal(
		feed(q, "{\"return\": {\"base-memory\": 64, \"plugged-memory\": -8}}\n", &msg), 1);
	assert_int_equal(qmp_memory_parse(msg.body, &b), -EPROTO);
	qmp_msg_fini(&msg);
	assert_int_equal(
		feed(q, "{\"error\": {\"class\": \"DeviceNotActive\", \"desc\": \"no\"}}\n", &msg),
		1);
	assert_true(qmp_is_no_device(&msg));
	qmp_msg_fini(&msg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(commands_are_lines_of_json, setup, teardown),
		cmocka_unit_test(arguments_without_room_are_none),
		cmocka_unit_test_setup_teardown(answers_belong_to_questions_in_their_order, setup,
						teardown),
		cmocka_unit_test_setup_teardown(too_many_questions_are_an_error_until_a_reset,
						setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_message_is_kept_for_the_error, setup,
						teardown),
		cmocka_unit_test_setup_teardown(figures_of_answers_are_checked, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
