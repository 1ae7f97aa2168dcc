/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_pageset.c - numbers go in in any order and come out as maximal runs
 *
 * Layer: tests.
 * In:    sets made by hand and by chance.
 * Out:   what pageset.h promises.
 */
#include "device/pageset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect_run(const struct pageset *ps, uint64_t from, uint64_t first, uint64_t n)
{
	uint64_t got_first = 0, got_n = 0;

	assert_true(pageset_next(ps, from, &got_first, &got_n));
	assert_int_equal(got_first, first);
	assert_int_equal(got_n, n);
}

static void test_descending_numbers_are_one_run(void **state)
{
	struct pageset ps;
	uint64_t i, first, n;

	(void)state;
	assert_int_equal(pageset_init(&ps, PAGESET_MAX), 0);
	for (i = 1000; i > 700; i--)
		pageset_add(&ps, i, 1);
	pageset_add(&ps, 900, 1); /* twice is once */
	expect_run(&ps, 0, 701, 300);
	assert_false(pageset_next(&ps, 1001, &first, &n));
	pageset_fini(&ps);
}

static void test_the_last_number_and_far_numbers_are_found(void **state)
{
	struct pageset ps;
	uint64_t first, n;

	(void)state;
	assert_int_equal(pageset_init(&ps, PAGESET_MAX), 0);
	pageset_add(&ps, PAGESET_MAX - 1, 1);
	pageset_add(&ps, 0, 1);
	pageset_add(&ps, 12345678, 129);
	expect_run(&ps, 0, 0, 1);
	expect_run(&ps, 1, 12345678, 129);
	expect_run(&ps, 12345678 + 129, PAGESET_MAX - 1, 1);
	pageset_clear(&ps);
	assert_false(pageset_next(&ps, 0, &first, &n));
	pageset_fini(&ps);
}

static void test_a_summary_that_says_maybe_of_an_empty_word_does_no_harm(void **state)
{
	struct pageset ps;
	uint64_t first, n;

	(void)state;
	assert_int_equal(pageset_init(&ps, PAGESET_MAX), 0);
	pageset_add(&ps, 5000, 3);
	pageset_add(&ps, 900000, 3);
	ps.level[0][5000 / 64] = 0; /* as after a kill between two stores */
	expect_run(&ps, 0, 900000, 3);
	pageset_remove(&ps, 900000, 3);
	assert_false(pageset_next(&ps, 0, &first, &n));
	pageset_fini(&ps);
}

static void test_sizes_that_cannot_be_are_refused(void **state)
{
	struct pageset ps;

	(void)state;
	assert_true(pageset_init(&ps, 0) < 0);
	assert_true(pageset_init(&ps, PAGESET_MAX + 1) < 0);
}

/* Against an array of bools, with ranges of all lengths. */
static void test_it_is_the_set_that_a_plain_array_is(void **state)
{
	enum { SIZE = 20000 };
	static bool plain[SIZE];
	struct pageset ps;
	uint64_t first, n, from, i;
	int round;

	(void)state;
	srandom(4);
	assert_int_equal(pageset_init(&ps, SIZE), 0);
	for (round = 0; round < 2000; round++) {
		uint64_t at = (uint64_t)random() % SIZE;
		uint64_t len = (uint64_t)random() % (round % 3 ? 70 : 1500);
		bool add = random() % 2;

		len = at + len > SIZE ? SIZE - at : len;
		memset(plain + at, add, len);
		if (add)
			pageset_add(&ps, at, len);
		else
			pageset_remove(&ps, at, len);
		if (len)
			assert_int_equal(pageset_has(&ps, at, len), add);
		if (round % 50)
			continue;
		for (i = 0, from = 0; pageset_next(&ps, from, &first, &n); from = first + n) {
			for (; i < first; i++)
				assert_false(plain[i]);
			for (; i < first + n; i++)
				assert_true(plain[i]);
		}
		for (; i < SIZE; i++)
			assert_false(plain[i]);
	}
	pageset_fini(&ps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_descending_numbers_are_one_run),
		cmocka_unit_test(test_the_last_number_and_far_numbers_are_found),
		cmocka_unit_test(test_a_summary_that_says_maybe_of_an_empty_word_does_no_harm),
		cmocka_unit_test(test_sizes_that_cannot_be_are_refused),
		cmocka_unit_test(test_it_is_the_set_that_a_plain_array_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
