/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_explain.c - every decision can be told in one plain sentence
 *
 * In:    decisions of every reason.
 * Out:   sentences without a hole.
 */
#include "world.h"

#include "policy/explain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static struct decision sample(enum reason reason)
{
	return (struct decision){
		.reason = reason,
		.target_b = 100 * MIB,
		.fig = { .backed_b = 2000 * MIB, .until_us = 70 * USEC_PER_SEC },
	};
}

static size_t explain_of_host(enum reason reason, char *text, size_t size)
{
	const struct host_decision d = { .reason = reason, .want_b = 700 * MIB };
	const struct host_facts facts = { .available_b = fact_of(600 * MIB, 1) };

	return explain_host(&d, &facts, text, size);
}

static void the_hosts_own_figures_stand_in_its_sentences(void **state)
{
	const struct host_decision unknown = { .reason = REASON_HOST_WELL };
	const struct host_facts none = { 0 };
	struct decision vm = sample(REASON_HOST_SHORT);
	char text[EXPLAIN_MAX];

	(void)state;
	(void)explain_of_host(REASON_HOST_SHORT, text, sizeof(text));
	assert_non_null(strstr(text, "has 600 MiB available and wants 700 MiB"));
	(void)explain_host(&unknown, &none, text, sizeof(text));
	assert_non_null(strstr(text, "an unknown amount"));
	/* a figure that what is told of does not have stays a name */
	(void)explain(&vm, 0, text, sizeof(text));
	assert_non_null(strstr(text, "{want}"));
}

static void every_reason_is_one_sentence_with_its_numbers(void **state)
{
	char text[EXPLAIN_MAX];
	int reason;

	(void)state;
	for (reason = 0; reason < REASON_COUNT; reason++) {
		struct decision d = sample((enum reason)reason);
		size_t n = reason < REASON_HOST_WELL
				   ? explain(&d, 10 * USEC_PER_SEC, text, sizeof(text))
				   : explain_of_host((enum reason)reason, text, sizeof(text));

		assert_true(n > 10 && n < EXPLAIN_MAX);
		assert_int_equal(strlen(text), n);
		assert_null(strpbrk(text, "{}"));
		assert_true(text[n - 1] == '.' || text[n - 1] == '?');
		assert_string_not_equal(reason_word((enum reason)reason), "unknown");
	}
}

/* Each figure is unlike the others; the words are what a sentence about it has to hold. */
static void sentences_hold_the_figures_that_they_are_about(void **state)
{
	static const struct {
		enum reason reason;
		const char *words[5];
	} rows[] = {
		{ REASON_LITTLE_TO_GAIN, { "406 MiB", "307 MiB" } },
		{ REASON_AT_RESERVE, { "802 MiB", "703 MiB" } },
		{ REASON_AT_FLOOR, { "150 MiB" } },
		{ REASON_BEGIN, { "406 MiB", "901 MiB", "604 MiB", "505 MiB", "802 MiB" } },
		{ REASON_BEGIN_HOST, { "406 MiB", "901 MiB" } },
		{ REASON_STEP, { "208 MiB", "109 MiB", "250 MiB", "802 MiB" } },
		{ REASON_HOLD_HOST_SHORT, { "208 MiB", "60 s", "802 MiB" } },
		{ REASON_STOP_STALL, { "208 MiB", "109 MiB" } },
		{ REASON_STOP_LIES, { "208 MiB", "802 MiB" } },
		{ REASON_SIZE_STEP, { "250 MiB" } },
		{ REASON_DEFLATE_WAIT, { "208 MiB" } },
		{ REASON_VERIFY, { "109 MiB", "60 s" } },
		{ REASON_REST, { "60 s" } },
		{ REASON_REST_DISAPPOINTED, { "109 MiB", "60 s" } },
	};
	struct decision d = { .target_b = 250 * MIB,
			      .fig = { .backed_b = 901 * MIB,
				       .available_b = 802 * MIB,
				       .reserve_b = 703 * MIB,
				       .stale_b = 604 * MIB,
				       .cold_b = 505 * MIB,
				       .expected_b = 406 * MIB,
				       .need_b = 307 * MIB,
				       .balloon_b = 208 * MIB,
				       .freed_b = 109 * MIB,
				       .floor_b = 150 * MIB,
				       .until_us = 70 * USEC_PER_SEC } };
	char text[EXPLAIN_MAX];
	size_t i, k;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		d.reason = rows[i].reason;
		(void)explain(&d, 10 * USEC_PER_SEC, text, sizeof(text));
		for (k = 0; k < ARRAY_SIZE(rows[i].words) && rows[i].words[k]; k++)
			if (!strstr(text, rows[i].words[k]))
				fail_msg("no %s in: %s", rows[i].words[k], text);
	}
}

/* A balloon is out in right-sizing too, and the daemon releases all of them when it ends. */
static void the_end_of_a_balloon_blames_nobody_who_may_not_have_been_there(void **state)
{
	static const enum reason stops[] = { REASON_STOP_PAUSED, REASON_STOP_DISCONNECTED,
					     REASON_STOP_RESET, REASON_STOP_MODE };
	char text[EXPLAIN_MAX];
	struct decision d;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(stops); i++) {
		d = sample(stops[i]);
		(void)explain(&d, 0, text, sizeof(text));
		assert_null(strstr(text, "squeeze"));
	}
	d = sample(REASON_STOP_RELEASED);
	(void)explain(&d, 0, text, sizeof(text));
	assert_non_null(strstr(text, "by an operator or because the daemon ends"));
}

static void figures_read_as_people_say_them(void **state)
{
	struct decision d = sample(REASON_BEGIN);
	char text[EXPLAIN_MAX];

	(void)state;
	d.fig.expected_b = 600 * MIB + 1;
	d.fig.stale_b = FIGURE_UNKNOWN;
	(void)explain(&d, 0, text, sizeof(text));
	assert_non_null(strstr(text, "600 MiB of 1.9 GiB resident"));
	assert_non_null(strstr(text, "an unknown amount stale"));
	d = sample(REASON_STEP);
	(void)explain(&d, 0, text, sizeof(text));
	assert_non_null(strstr(text, "falls to 100 MiB"));
	d = sample(REASON_REST);
	(void)explain(&d, 10 * USEC_PER_SEC, text, sizeof(text));
	assert_non_null(strstr(text, "60 s more"));
	d.fig.until_us = FIGURE_UNKNOWN;
	(void)explain(&d, 10 * USEC_PER_SEC, text, sizeof(text));
	assert_non_null(strstr(text, "an unknown time"));
}

static void times_are_told_in_the_unit_that_people_use(void **state)
{
	static const struct {
		uint64_t s;
		const char *text;
	} times[] = {
		{ 0, "for 0 s more" },		{ 119, "for 119 s more" },
		{ 120, "for 2 min more" },	{ 7199, "for 119 min more" },
		{ 7200, "for 2 h 0 min more" }, { 3 * 3600 - 1, "for 2 h 59 min more" },
	};
	struct decision d = sample(REASON_SIZE_WATCHED);
	char text[EXPLAIN_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(times); i++) {
		d.fig.until_us = (100 + times[i].s) * USEC_PER_SEC;
		(void)explain(&d, 100 * USEC_PER_SEC, text, sizeof(text));
		assert_non_null(strstr(text, times[i].text));
	}
}

static void a_sentence_that_does_not_fit_is_cut(void **state)
{
	struct decision d = sample(REASON_MODE_OFF);
	char text[8], one[1];

	(void)state;
	assert_true(explain(&d, 0, text, sizeof(text)) > sizeof(text));
	assert_string_equal(text, "Its mod");
	(void)explain(&d, 0, one, sizeof(one));
	assert_string_equal(one, "");
}

static void a_reason_from_nowhere_is_no_crash(void **state)
{
	struct decision d = sample((enum reason)1000);
	char text[EXPLAIN_MAX];

	(void)state;
	assert_true(explain(&d, 0, text, sizeof(text)) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reason_is_one_sentence_with_its_numbers),
		cmocka_unit_test(the_hosts_own_figures_stand_in_its_sentences),
		cmocka_unit_test(sentences_hold_the_figures_that_they_are_about),
		cmocka_unit_test(the_end_of_a_balloon_blames_nobody_who_may_not_have_been_there),
		cmocka_unit_test(figures_read_as_people_say_them),
		cmocka_unit_test(times_are_told_in_the_unit_that_people_use),
		cmocka_unit_test(a_sentence_that_does_not_fit_is_cut),
		cmocka_unit_test(a_reason_from_nowhere_is_no_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
