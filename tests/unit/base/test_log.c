/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_log.c - lines and fields of the log
 *
 * In:    names that want to be more than names.
 * Out:   no name forges a field, and no event is empty where it has a figure.
 */
#include "base/log.h"

#include "base/num.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <cmocka.h>

static int was, file; /* standard error as it was, and what it is meanwhile */

static int set_up(void **state)
{
	(void)state;
	was = dup(STDERR_FILENO);
	file = memfd_create("log", MFD_CLOEXEC);
	assert_true(dup2(file, STDERR_FILENO) >= 0);
	(void)unsetenv("JOURNAL_STREAM");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	log_set_journal(NULL);
	(void)unsetenv("JOURNAL_STREAM");
	(void)dup2(was, STDERR_FILENO);
	(void)close(was);
	(void)close(file);
	return 0;
}

/* What the last event wrote. */
static const char *written(void)
{
	static char text[4096];
	ssize_t n = pread(file, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	(void)ftruncate(file, 0);
	(void)lseek(file, 0, SEEK_SET);
	return text;
}

static void pretend_journal(void)
{
	char stream[64];
	struct stat st;

	assert_int_equal(fstat(file, &st), 0);
	(void)snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		       (unsigned long long)st.st_ino);
	(void)setenv("JOURNAL_STREAM", stream, 1);
}

static void every_conversion_of_the_c_library_is_written(void **state)
{
	(void)state;
	log_info("up vm=%s n=%d,%u,%zu,%llu,%llx 5%%", "db", -1, 2U, (size_t)3, 4ULL, 31ULL);
	assert_string_equal(written(), "up vm=db n=\"-1,2,3,4,1f 5%\"\n");
	log_info("guest-up boots=%u features=0x%" PRIx64 " ram_b=%" PRIu64, 1U, UINT64_C(0xdb),
		 GIB);
	assert_string_equal(written(), "guest-up boots=1 features=0xdb ram_b=1073741824\n");
	log_warning("lease-ended balloon_b=%" PRIu64, MIB);
	assert_string_equal(written(), "lease-ended balloon_b=1048576\n");
	log_info("x a=%5.1f b=%-3d c=%c", 1.25, 7, 'c');
	assert_string_equal(written(), "x a=\"  1.2\" b=\"7  \" c=c\n");
}

static void no_name_forges_a_field(void **state)
{
	(void)state;
	log_info("up vm=%s pid=%d", "a pid=1", 7);
	assert_string_equal(written(), "up vm=\"a pid=1\" pid=7\n");
	log_info("held for=\"%s\" n=%d", "x\" n=9 \\\ny", 7);
	assert_string_equal(written(), "held for=\"x\\\" n=9 \\\\ y\" n=7\n");
	log_warning("bad vm=%s line=\"%.4s\"", "\"", "ab\"cdef");
	assert_string_equal(written(), "bad vm=\"\\\"\" line=\"ab\\\"c\"\n");
	log_error("two vm=%s this=%s", "a=b", "");
	assert_string_equal(written(), "two vm=\"a=b\" this=\n");
	log_error("what is=\"%s\"", "a\x1b[31m\x7f\xff\xc3\xbc");
	assert_string_equal(written(), "what is=\"a [31m ?\xc3\xbc\"\n");
	log_error("why cause=\"the daemon is silent\" n=%d", 1);
	assert_string_equal(written(), "why cause=\"the daemon is silent\" n=1\n");
}

static void a_line_is_cut_where_it_is_too_long(void **state)
{
	char name[3000];
	const char *text;

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	log_info("long vm=\"%s\" pid=%d", name, 7);
	text = written();
	assert_in_range(strlen(text), 1000, 1024);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	memset(name, '"', sizeof(name) - 1);
	log_info("long vm=%s", name);
	text = written();
	assert_in_range(strlen(text), 1000, 1024);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
}

static void what_is_above_the_level_is_not_written(void **state)
{
	(void)state;
	log_debug("not told");
	assert_string_equal(written(), "");
}

static void the_journal_hears_the_level_of_a_line(void **state)
{
	(void)state;
	pretend_journal();
	log_warning("up vm=%s", "db");
	assert_string_equal(written(), "<4>up vm=db\n");
	(void)setenv("JOURNAL_STREAM", "1:1", 1); /* that of somebody else, inherited */
	log_warning("up vm=%s", "db");
	assert_string_equal(written(), "up vm=db\n");
}

static char sent[2048];
static int answer;

static int take_fields(const struct iovec *fields, int n)
{
	int i;

	sent[0] = '\0';
	for (i = 0; i < n; i++) {
		(void)strncat(sent, fields[i].iov_base, fields[i].iov_len);
		(void)strcat(sent, "\n");
	}
	return answer;
}

static void the_journal_takes_fields(void **state)
{
	(void)state;
	log_set_journal(take_fields);
	log_info("vm-up vm=%s pid=%d", "a \"b\"", 7);
	assert_string_equal(written(), "vm-up vm=\"a \\\"b\\\"\" pid=7\n"); /* it is a file */
	pretend_journal();
	answer = 0;
	log_info("vm-up vm=%s pid=%d why=\"%s\"", "a \"b\"\nPRIORITY=0", 7, "x");
	assert_string_equal(sent, "MESSAGE=vm-up vm=\"a \\\"b\\\" PRIORITY=0\" pid=7 why=\"x\"\n"
				  "PRIORITY=6\nBALLONET_EVENT=vm-up\n"
				  "BALLONET_VM=a \"b\" PRIORITY=0\nBALLONET_PID=7\n"
				  "BALLONET_WHY=x\n");
	assert_string_equal(written(), "");
	answer = -1; /* it cannot be reached */
	log_info("vm-down");
	assert_string_equal(written(), "<6>vm-down\n");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(every_conversion_of_the_c_library_is_written),
		TEST(no_name_forges_a_field),
		TEST(a_line_is_cut_where_it_is_too_long),
		TEST(what_is_above_the_level_is_not_written),
		TEST(the_journal_hears_the_level_of_a_line),
		TEST(the_journal_takes_fields),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
