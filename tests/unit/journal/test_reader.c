/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_reader.c - a journal file is read to its end, or to the line that is wrong
 */
#include "journal/reader.h"

#include "base/cleanup.h"
#include "base/num.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define GONE "{\"record\":\"gone\",\"id\":7}\n"

static int file_with(const char *text, size_t len)
{
	int fd = memfd_create("journal", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

/* Records until the end or an error, which *ret_end is. */
static unsigned int count(struct reader *r, int *ret_end)
{
	struct record rec;
	unsigned int n = 0;

	while ((*ret_end = reader_next(r, &rec)) == 1) {
		record_fini(&rec);
		n++;
	}
	return n;
}

static void check(const char *text, size_t len, unsigned int records, int end, bool torn,
		  uint64_t line)
{
	cleanup_close int fd = file_with(text, len);
	struct reader r;
	int got;

	reader_init(&r, fd);
	assert_int_equal(count(&r, &got), records);
	assert_int_equal(got, end);
	assert_int_equal(r.torn, torn);
	assert_int_equal(r.line, line);
	if (end == -EBADMSG)
		assert_true(strlen(r.trouble) > 0);
	reader_fini(&r);
}

static void records_come_one_after_the_other(void **state)
{
	(void)state;
	check("", 0, 0, 0, false, 1);
	check(GONE, sizeof(GONE) - 1, 1, 0, false, 2);
	check(GONE GONE, 2 * sizeof(GONE) - 2, 2, 0, false, 3);
}

static void a_torn_last_line_is_the_end_and_is_said(void **state)
{
	size_t cut;

	(void)state;
	for (cut = 1; cut < sizeof(GONE) - 1; cut++)
		check(GONE GONE, 2 * (sizeof(GONE) - 1) - cut, 1, 0, true, 2);
	check(GONE "\0\0\0\0", sizeof(GONE) + 3, 1, 0, true, 2);
}

static void garbage_in_the_middle_is_an_error_with_its_line(void **state)
{
	static const char *const garbage[] = { "\n", "garbage\n", "{\"record\":\"gone\"}\n",
					       "\xff\xfe\n",
					       "{\"record\":\"gone\",\"id\":7}\r\r{\n" };
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(garbage); i++) {
		int n = snprintf(text, sizeof(text), "%s%s%s", GONE, garbage[i], GONE);

		check(text, (size_t)n, 1, -EBADMSG, false, 2);
	}
	check(GONE "a\0b\n" GONE, 2 * (sizeof(GONE) - 1) + 4, 1, -EBADMSG, false, 2);
}

static void a_line_without_end_costs_no_more_than_the_limit(void **state)
{
	cleanup_free char *text = malloc(RECORD_LINE_MAX * 2);
	cleanup_close int fd = -EBADF;
	struct reader r;
	int got;

	(void)state;
	assert_non_null(text);
	memset(text, ' ', RECORD_LINE_MAX * 2);
	fd = file_with(text, RECORD_LINE_MAX * 2);
	reader_init(&r, fd);
	assert_int_equal(count(&r, &got), 0);
	assert_int_equal(got, -EBADMSG);
	assert_string_equal(r.trouble, "the line is too long");
	assert_true(r.pending.cap <= 4 * (size_t)RECORD_LINE_MAX);
	reader_fini(&r);
}

static void lines_longer_than_one_read_are_whole(void **state)
{
	cleanup_free char *text = NULL;
	char *at;
	size_t size = 300000 + sizeof(GONE);

	(void)state;
	text = malloc(2 * size);
	assert_non_null(text);
	for (at = text; at < text + 2 * 300000; at += 300000 + sizeof(GONE) - 1) {
		memset(at, ' ', 300000);
		memcpy(at + 300000, GONE, sizeof(GONE) - 1);
	}
	check(text, (size_t)(at - text), 2, 0, false, 3);
}

static void short_lines_across_many_reads_are_all_there(void **state)
{
	enum { LINES = 20000 };
	cleanup_free char *text = malloc(LINES * (sizeof(GONE) - 1));
	unsigned int i;

	(void)state;
	assert_non_null(text);
	for (i = 0; i < LINES; i++)
		memcpy(text + i * (sizeof(GONE) - 1), GONE, sizeof(GONE) - 1);
	check(text, LINES * (sizeof(GONE) - 1), LINES, 0, false, LINES + 1);
}

static void a_file_that_cannot_be_read_is_an_error(void **state)
{
	struct reader r;
	int got;

	(void)state;
	reader_init(&r, -EBADF);
	assert_int_equal(count(&r, &got), 0);
	assert_int_equal(got, -EBADF);
	reader_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_come_one_after_the_other),
		cmocka_unit_test(a_torn_last_line_is_the_end_and_is_said),
		cmocka_unit_test(garbage_in_the_middle_is_an_error_with_its_line),
		cmocka_unit_test(a_line_without_end_costs_no_more_than_the_limit),
		cmocka_unit_test(lines_longer_than_one_read_are_whole),
		cmocka_unit_test(short_lines_across_many_reads_are_all_there),
		cmocka_unit_test(a_file_that_cannot_be_read_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
