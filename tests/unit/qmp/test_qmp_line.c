/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_qmp_line.c - lines out of chunks, cut anywhere
 */
#include "qmp/qmp_line.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LIMIT 64

/* Feeds @text in pieces of @piece bytes; the lines come out joined by '|'. */
static int feed(const char *text, size_t piece, char *ret, size_t size)
{
	struct qmp_line r;
	const char *line, *chunk;
	size_t len, left, total = strlen(text), used = 0, at;
	int n = 0;

	qmp_line_init(&r, LIMIT);
	for (at = 0; at < total && n >= 0; at += piece) {
		chunk = text + at;
		left = piece < total - at ? piece : total - at;
		while ((n = qmp_line_next(&r, &chunk, &left, &line, &len)) > 0) {
			assert_true(used + len + 2 <= size);
			memcpy(ret + used, line, len);
			used += len;
			ret[used++] = '|';
		}
	}
	ret[used] = '\0';
	qmp_line_fini(&r);
	return n;
}

static void lines_are_the_same_however_they_are_cut(void **state)
{
	static const char text[] = "one\r\ntwo\n\n\r\nthree\r\r\nfo\rur\nrest";
	char out[128];
	size_t piece;

	(void)state;
	for (piece = 1; piece <= sizeof(text); piece++) {
		assert_int_equal(feed(text, piece, out, sizeof(out)), 0);
		assert_string_equal(out, "one|two|||three|fo\rur|");
	}
}

static void line_of_the_limit_fits_and_a_longer_one_does_not(void **state)
{
	char text[LIMIT + 3], out[128];
	size_t piece;

	(void)state;
	for (piece = 1; piece <= sizeof(text); piece++) {
		memset(text, 'x', sizeof(text));
		text[LIMIT] = '\n';
		text[LIMIT + 1] = '\0';
		assert_int_equal(feed(text, piece, out, sizeof(out)), 0);
		assert_int_equal(strlen(out), LIMIT + 1);
		text[LIMIT] = 'x';
		text[LIMIT + 1] = '\n';
		text[LIMIT + 2] = '\0';
		assert_int_equal(feed(text, piece, out, sizeof(out)), -EMSGSIZE);
		assert_string_equal(out, "");
		text[LIMIT + 1] = '\0'; /* refused before its end has come */
		assert_int_equal(feed(text, piece, out, sizeof(out)), -EMSGSIZE);
	}
}

static void line_that_is_whole_is_not_copied(void **state)
{
	static const char text[] = "whole\n";
	const char *chunk = text, *line;
	size_t left = sizeof(text) - 1, len;
	struct qmp_line r;

	(void)state;
	qmp_line_init(&r, LIMIT);
	assert_int_equal(qmp_line_next(&r, &chunk, &left, &line, &len), 1);
	assert_ptr_equal(line, text);
	assert_int_equal(len, 5);
	assert_int_equal(left, 0);
	assert_null(r.held.data);
	qmp_line_fini(&r);
}

static void memory_of_a_long_line_is_given_back(void **state)
{
	size_t size = 100000, left = size, len;
	char *text = malloc(size);
	const char *chunk = text, *line;
	struct qmp_line r;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', size);
	qmp_line_init(&r, 2 * size);
	assert_int_equal(qmp_line_next(&r, &chunk, &left, &line, &len), 0);
	chunk = "\n", left = 1;
	assert_int_equal(qmp_line_next(&r, &chunk, &left, &line, &len), 1);
	assert_int_equal(len, size);
	assert_int_equal(qmp_line_next(&r, &chunk, &left, &line, &len), 0);
	assert_null(r.held.data);
	qmp_line_fini(&r);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_the_same_however_they_are_cut),
		cmocka_unit_test(line_of_the_limit_fits_and_a_longer_one_does_not),
		cmocka_unit_test(line_that_is_whole_is_not_copied),
		cmocka_unit_test(memory_of_a_long_line_is_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
