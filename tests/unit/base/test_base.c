/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_base.c - saturating numbers, bounded buffers, small files, lines of the log
 *
 * In:    the extremes.
 * Out:   no number wraps, no buffer passes its limit.
 */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
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

/* What the last log_event() wrote. */
static const char *logged(int log)
{
	static char text[4096];
	ssize_t n = pread(log, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	(void)ftruncate(log, 0);
	(void)lseek(log, 0, SEEK_SET);
	return text;
}

static void no_name_forges_a_field_of_the_log(void **state)
{
	int log = memfd_create("log", MFD_CLOEXEC), was = dup(STDERR_FILENO);
	char name[3000];
	const char *text;

	(void)state;
	assert_true(dup2(log, STDERR_FILENO) >= 0);
	log_info("up vm=%s n=%d,%u,%zu,%llu,%llx 5%%", "db", -1, 2U, (size_t)3, 4ULL, 31ULL);
	assert_string_equal(logged(log), "<6>up vm=db n=-1,2,3,4,1f 5%\n");
	log_info("up vm=%s pid=%d", "a pid=1", 7);
	assert_string_equal(logged(log), "<6>up vm=\"a pid=1\" pid=7\n");
	log_info("held for=\"%s\" n=%d", "x\" n=9 \\\ny", 7);
	assert_string_equal(logged(log), "<6>held for=\"x\\\" n=9 \\\\ y\" n=7\n");
	log_warning("bad vm=%s line=\"%.4s\"", "\"", "ab\"cdef");
	assert_string_equal(logged(log), "<4>bad vm=\"\\\"\" line=\"ab\\\"c\"\n");
	log_error("two vm=%s this=%s", "a=b", "");
	assert_string_equal(logged(log), "<3>two vm=\"a=b\" this=\n");
	log_debug("not told");
	assert_string_equal(logged(log), "");
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	log_info("long vm=%s", name);
	text = logged(log);
	assert_int_equal(strlen(text), 1024);
	assert_ptr_equal(strchr(text, '\n'), text + 1023);
	(void)dup2(was, STDERR_FILENO);
	(void)close(was);
	(void)close(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_saturate),
		cmocka_unit_test(a_buffer_never_passes_its_limit),
		cmocka_unit_test(a_file_that_does_not_fit_is_refused),
		cmocka_unit_test(no_name_forges_a_field_of_the_log),
		cmocka_unit_test(ownership_moves_and_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
