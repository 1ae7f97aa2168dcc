/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_base.c - saturating numbers, bounded buffers, small files, UTF-8
 *
 * In:    the extremes.
 * Out:   no number wraps, no buffer passes its limit.
 */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/num.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static void numbers_saturate(void **state)
{
	(void)state;
	assert_int_equal(u64_add_sat(UINT64_MAX, 1), UINT64_MAX);
	assert_int_equal(u64_sub_sat(1, 2), 0);
	assert_int_equal(u64_mul_sat(UINT64_MAX, 2), UINT64_MAX);
	assert_int_equal(u64_ppm(UINT64_MAX, 500000), UINT64_MAX / 2);
	assert_int_equal(u64_ppm(1000, 50000), 50);
	assert_int_equal(u64_clamp(5, 7, 6), 7);
	assert_int_equal(u64_share_ppm(1, 4), 250000);
	assert_int_equal(u64_share_ppm(0, 0), PPM);
	assert_int_equal(u64_share_ppm(UINT64_MAX / 2, UINT64_MAX), 500000);
}

static void a_buffer_never_passes_its_limit(void **state)
{
	struct buf b;
	int i;

	(void)state;
	buf_init(&b, 1000);
	for (i = 0; i < 100; i++)
		assert_int_equal(buf_add(&b, "0123456789", 10), 0);
	assert_int_equal(buf_add(&b, "x", 1), -EMSGSIZE);
	assert_int_equal(buf_printf(&b, "%d", 1), -EMSGSIZE);
	assert_int_equal(b.len, 1000);
	assert_int_equal(strlen(b.data), 1000);
	buf_consume(&b, 995);
	assert_string_equal(b.data, "56789");
	assert_int_equal(buf_printf(&b, "-%s", "end"), 0);
	assert_string_equal(b.data, "56789-end");
	buf_consume(&b, 100);
	assert_int_equal(b.len, 0);
	assert_string_equal(b.data, "");
	assert_int_equal(buf_add(&b, NULL, 0), 0);
	buf_fini(&b);
	buf_clear(&b);
	assert_null(b.data);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -EMSGSIZE);
}

static void a_file_that_does_not_fit_is_refused(void **state)
{
	char dir[] = "/tmp/ballonet-base-XXXXXX", text[8];
	cleanup_close int fd = -EBADF;
	cleanup_close int f = -EBADF;
	size_t len;

	(void)state;
	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	f = openat(fd, "f", O_CREAT | O_RDWR, 0600);
	assert_int_equal(write(f, "1234567", 7), 7);
	assert_int_equal(file_read_at(fd, "f", text, sizeof(text), &len), 0);
	assert_int_equal(len, 7);
	assert_string_equal(text, "1234567");
	assert_int_equal(file_read_at(fd, "f", text, 7, NULL), -EMSGSIZE);
	assert_int_equal(file_read_at(fd, "g", text, sizeof(text), NULL), -ENOENT);
	assert_int_equal(file_read_at(fd, ".", text, sizeof(text), NULL), -EISDIR);
	assert_int_equal(unlinkat(fd, "f", 0), 0);
	assert_int_equal(rmdir(dir), 0);
}

static void ownership_moves_and_leaves_nothing_behind(void **state)
{
	char *p = strdup("x"), *q;
	int fd = 7;

	(void)state;
	q = take_ptr(p);
	assert_null(p);
	free(q);
	assert_int_equal(take_fd(&fd), 7);
	assert_int_equal(fd, -EBADF);
}

static void what_is_no_utf8_has_no_length(void **state)
{
	static const char *const good[] = { "a",
					    "\xc2\x80",
					    "\xe0\xa0\x80",
					    "\xed\x9f\xbf",
					    "\xf0\x90\x80\x80",
					    "\xf4\x8f\xbf\xbf" };
	static const char *const bad[] = {
		"",
		"\x80",
		"\xc1\x81",
		"\xc3",
		"\xc3(",
		"\xe0\x9f\x80",
		"\xe2\x82",
		"\xed\xa0\x80",
		"\xe2(\x80",
		"\xe2\x82(",
		"\xf0\x8f\x80\x80",
		"\xf0\x90",
		"\xf0\x90\x80\xc0",
		"\xf4\x90\x80\x80",
		"\xf5",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(utf8_length(good[i]), strlen(good[i]));
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(utf8_length(bad[i]), 0);
	assert_int_equal(utf8_printable("\xc3\xa9"), 2);
	assert_int_equal(utf8_printable("\xc2\x9b"), 0);
	assert_int_equal(utf8_printable("\x1b"), 0);
	assert_int_equal(utf8_printable("\x7f"), 0);
	assert_int_equal(utf8_printable(""), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_saturate),
		cmocka_unit_test(a_buffer_never_passes_its_limit),
		cmocka_unit_test(a_file_that_does_not_fit_is_refused),
		cmocka_unit_test(what_is_no_utf8_has_no_length),
		cmocka_unit_test(ownership_moves_and_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
