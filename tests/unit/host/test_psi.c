/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_psi.c - the behaviour of host/psi.h
 *
 * Layer: tests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/num.h"
#include "host/psi.h"
#include "host/roots.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void shares_are_exact_in_ppm(void **state)
{
	struct psi p;

	(void)state;
	assert_int_equal(psi_parse("some avg10=12.34 avg60=0.05 avg300=100.00 total=123456\n"
				   "full avg10=0.01 avg60=0.00 avg300=9.90 total=0\n",
				   &p),
			 0);
	assert_true(p.has_some && p.has_full);
	assert_int_equal(p.some.avg10_ppm, 123400);
	assert_int_equal(p.some.avg60_ppm, 500);
	assert_int_equal(p.some.avg300_ppm, 1000000);
	assert_int_equal(p.some.total_us, 123456);
	assert_int_equal(p.full.avg10_ppm, 100);
	assert_int_equal(p.full.avg300_ppm, 99000);
}

static void one_of_the_two_lines_is_enough(void **state)
{
	struct psi p;

	(void)state;
	assert_int_equal(psi_parse("some avg10=0.00 avg60=0.00 avg300=0.00 total=5", &p), 0);
	assert_true(p.has_some);
	assert_false(p.has_full);
	assert_int_equal(psi_parse("full avg10=0.00 avg60=0.00 avg300=0.00 total=6\n", &p), 0);
	assert_false(p.has_some);
	assert_int_equal(p.full.total_us, 6);
	assert_int_equal(
		psi_parse("idle x=1\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=6\n", &p), 0);
}

static void malformed_text_is_refused_and_nothing_is_written(void **state)
{
	static const char *const bad[] = {
		"",
		"\n\n",
		"hello\n",
		"some\n",
		"some avg10=0.00 avg60=0.00 avg300=0.00\n",
		"some avg10=0.00 avg60=0.00 avg300=0.00 total=\n",
		"some avg10=0.00 avg60=0.00 avg300=0.00 total=-1\n",
		"some avg10=0.00 avg60=0.00 avg300=0.00 total=18446744073709551616\n",
		"some avg10=0.00 avg60=0.00 avg300=0.00 total=1 more=2\n",
		"some avg10=-0.01 avg60=0.00 avg300=0.00 total=1\n",
		"some avg10=100.01 avg60=0.00 avg300=0.00 total=1\n",
		"some avg10=99999999999999999999.00 avg60=0.00 avg300=0.00 total=1\n",
		/* times 10000 that is 8384 modulo 2^64 */
		"some avg10=1844674407370956.00 avg60=0.00 avg300=0.00 total=1\n",
		"some avg10=0.1 avg60=0.00 avg300=0.00 total=1\n",
		"some avg10=0.123 avg60=0.00 avg300=0.00 total=1\n",
		"some avg10=nan avg60=0.00 avg300=0.00 total=1\n",
		"some avg60=0.00 avg10=0.00 avg300=0.00 total=1\n",
		("some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"
		 "some avg10=0.00 avg60=0.00 avg300=0.00 total=2\n"),
		"some avg10=0.00 avg60=0.00 avg300=0.00 total=1\nfull avg10=0.0",
	};
	struct psi p, before;
	size_t i;

	(void)state;
	memset(&p, 0x5a, sizeof(p));
	before = p;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(psi_parse(bad[i], &p), -EBADMSG);
		assert_memory_equal(&p, &before, sizeof(p));
	}
}

static void a_file_that_is_not_there_says_so(void **state)
{
	struct psi p;
	struct tree t;
	int fd = -1;

	(void)state;
	tree_init(&t);
	assert_int_equal(psi_read(t.fd, "pressure/memory", &p), -ENOENT);
	assert_int_equal(psi_trigger_open(t.fd, "pressure/memory", 150000, 2000000, &fd), -ENOENT);
	assert_int_equal(fd, -1);
	tree_fini(&t);
}

static void a_file_that_is_too_long_is_refused(void **state)
{
	char huge[8192];
	struct psi p;
	struct tree t;

	(void)state;
	tree_init(&t);
	memset(huge, '\n', sizeof(huge));
	tree_put_bytes(&t, "memory", huge, sizeof(huge));
	assert_int_equal(psi_read(t.fd, "memory", &p), -EMSGSIZE);
	tree_fini(&t);
}

static void a_trigger_is_written_as_the_kernel_reads_it(void **state)
{
	char text[64] = "";
	struct tree t;
	int fd = -1, file;

	(void)state;
	tree_init(&t);
	tree_put(&t, "memory", "");
	assert_int_equal(psi_trigger_open(t.fd, "memory", 150000, 2000000, &fd), 0);
	file = openat(t.fd, "memory", O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(file, text, sizeof(text)), sizeof("some 150000 2000000"));
	assert_string_equal(text, "some 150000 2000000");
	(void)close(file);
	(void)close(fd);
	tree_fini(&t);
}

static void windows_that_the_kernel_refuses_to_the_unprivileged_are_refused(void **state)
{
	static const struct {
		uint64_t stall_us, window_us;
	} bad[] = {
		{ 100000, 0 },	{ 100000, 1000000 },  { 100000, 3000000 },     { 100000, 12000000 },
		{ 0, 2000000 }, { 2000001, 2000000 }, { UINT64_MAX, 2000000 }, { 1, UINT64_MAX },
	};
	struct tree t;
	size_t i;
	int fd = -1;

	(void)state;
	tree_init(&t);
	tree_put(&t, "memory", "");
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(psi_trigger_open(t.fd, "memory", bad[i].stall_us, bad[i].window_us,
						  &fd),
				 -EINVAL);
	assert_int_equal(fd, -1);
	tree_fini(&t);
}

/* A kernel without PSI, or a sandbox that hides it, answers in one of the defined ways. */
static void the_real_file_reads_and_takes_a_trigger_or_says_why_not(void **state)
{
	struct host_roots roots;
	struct pollfd p = { .events = POLLPRI };
	struct psi psi;
	int r;

	(void)state;
	assert_int_equal(host_roots_init(&roots), 0);
	r = psi_read(roots.proc, "pressure/memory", &psi);
	assert_true(r == 0 || r == -ENOENT || r == -EOPNOTSUPP);
	if (r == 0)
		assert_true(psi.has_some);
	r = psi_trigger_open(roots.proc, "pressure/memory", 1900000, 2000000, &p.fd);
	if (r == 0) {
		assert_true(poll(&p, 1, 0) >= 0);
		assert_false(p.revents & (POLLERR | POLLNVAL));
		(void)close(p.fd);
	} else {
		print_message("no trigger on this host: %s\n", strerror(-r));
		assert_true(r == -ENOENT || r == -EOPNOTSUPP || r == -EACCES || r == -EPERM ||
			    r == -EROFS);
	}
	host_roots_fini(&roots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_are_exact_in_ppm),
		cmocka_unit_test(one_of_the_two_lines_is_enough),
		cmocka_unit_test(malformed_text_is_refused_and_nothing_is_written),
		cmocka_unit_test(a_file_that_is_not_there_says_so),
		cmocka_unit_test(a_file_that_is_too_long_is_refused),
		cmocka_unit_test(a_trigger_is_written_as_the_kernel_reads_it),
		cmocka_unit_test(windows_that_the_kernel_refuses_to_the_unprivileged_are_refused),
		cmocka_unit_test(the_real_file_reads_and_takes_a_trigger_or_says_why_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
