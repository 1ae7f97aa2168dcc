/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_meminfo.c - the behaviour of host/meminfo.h and host/facts.h
 *
 * Layer: tests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/num.h"
#include "host/facts.h"
#include "host/meminfo.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static const char good[] = "MemTotal:        1000 kB\nMemFree:          300 kB\n"
			   "MemAvailable:     600 kB\nBuffers:  9 kB\nSwapTotal: 50 kB\n"
			   "SwapFree:          40 kB\nHugePages_Total:   0\n";

static const char psi_good[] = "some avg10=1.50 avg60=0.00 avg300=0.00 total=7\n"
			       "full avg10=0.25 avg60=0.00 avg300=0.00 total=3\n";

static void figures_are_bytes_as_of_the_time_given(void **state)
{
	struct meminfo m;

	(void)state;
	assert_int_equal(meminfo_parse(good, 77, &m), 0);
	assert_true(m.total_b.known);
	assert_int_equal(m.total_b.value, 1000 * KIB);
	assert_int_equal(m.total_b.taken_us, 77);
	assert_int_equal(m.available_b.value, 600 * KIB);
	assert_int_equal(m.free_b.value, 300 * KIB);
	assert_int_equal(m.swap_total_b.value, 50 * KIB);
	assert_int_equal(m.swap_free_b.value, 40 * KIB);
}

static void a_missing_line_is_unknown_and_not_zero(void **state)
{
	struct meminfo m;

	(void)state;
	assert_int_equal(meminfo_parse("MemTotal: 5 kB\nMemAvailableX: 1 kB\n", 1, &m), 0);
	assert_true(m.total_b.known);
	assert_false(m.available_b.known);
	assert_int_equal(meminfo_parse("", 1, &m), 0);
	assert_false(m.total_b.known);
}

static void malformed_lines_are_refused_and_nothing_is_written(void **state)
{
	static const char *const bad[] = {
		"MemTotal: -1 kB\n",
		"MemTotal: +1 kB\n",
		"MemTotal: lots kB\n",
		"MemTotal:\n",
		"MemTotal: \nMemFree: 3 kB\n",
		"MemTotal: 12",
		"MemTotal: 12 MB\n",
		"MemTotal: 12 kB junk\n",
		"MemTotal: 0x10 kB\n",
		"MemTotal: 18446744073709551616 kB\n",
		"MemTotal: 18446744073709551615 kB\n",
		"MemTotal: 18014398509481984 kB\n", /* 2^54 KiB: one more than fits as bytes */
		"MemTotal: 99999999999999999999999999999 kB\n",
		"MemTotal: 1 kB\nMemTotal: 2 kB\n",
	};
	struct meminfo m, before;
	size_t i;

	(void)state;
	memset(&m, 0x5a, sizeof(m));
	before = m;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(meminfo_parse(bad[i], 1, &m), -EBADMSG);
		assert_memory_equal(&m, &before, sizeof(m));
	}
}

static void the_largest_size_that_fits_is_taken(void **state)
{
	struct meminfo m;

	(void)state;
	assert_int_equal(meminfo_parse("MemTotal: 18014398509481983 kB", 1, &m), 0);
	assert_int_equal(m.total_b.value, UINT64_MAX - 1023);
}

static void a_file_that_is_missing_or_without_end_is_an_error(void **state)
{
	static char huge[1 << 20];
	struct meminfo m;
	struct tree t;

	(void)state;
	tree_init(&t);
	assert_int_equal(meminfo_read(t.fd, 1, &m), -ENOENT);
	memset(huge, 'x', sizeof(huge));
	tree_put_bytes(&t, "meminfo", huge, sizeof(huge));
	assert_int_equal(meminfo_read(t.fd, 1, &m), -EMSGSIZE);
	tree_put(&t, "meminfo", good);
	assert_int_equal(meminfo_read(t.fd, 1, &m), 0);
	assert_int_equal(m.total_b.value, 1000 * KIB);
	tree_fini(&t);
}

static void the_real_meminfo_is_plausible(void **state)
{
	struct host_roots roots;
	struct meminfo m;

	(void)state;
	assert_int_equal(host_roots_init(&roots), 0);
	assert_int_equal(meminfo_read(roots.proc, 1, &m), 0);
	assert_true(m.total_b.known && m.free_b.known);
	assert_true(m.total_b.value > 64 * MIB);
	assert_true(m.free_b.value <= m.total_b.value);
	host_roots_fini(&roots);
	host_roots_fini(&roots);
	assert_int_equal(roots.proc, -EBADF);
}

static void host_facts_come_from_meminfo_and_pressure(void **state)
{
	struct host_facts f = { 0 };
	struct host_roots roots;
	struct tree t;

	(void)state;
	tree_init(&t);
	roots = (struct host_roots){ .proc = t.fd, .cgroup = -EBADF };
	tree_put(&t, "meminfo", good);
	tree_put(&t, "pressure/memory", psi_good);
	assert_int_equal(host_facts_update(&roots, 10, &f), 0);
	assert_int_equal(f.total_b.value, 1000 * KIB);
	assert_int_equal(f.available_b.value, 600 * KIB);
	assert_int_equal(f.psi_some_avg10_ppm.value, 15000);
	assert_int_equal(f.psi_full_avg10_ppm.value, 2500);
	tree_fini(&t);
}

static void a_host_without_psi_has_unknown_pressure(void **state)
{
	struct host_facts f = { 0 };
	struct host_roots roots;
	struct tree t;

	(void)state;
	tree_init(&t);
	roots = (struct host_roots){ .proc = t.fd, .cgroup = -EBADF };
	tree_put(&t, "meminfo", good);
	assert_int_equal(host_facts_update(&roots, 10, &f), 0);
	assert_true(f.total_b.known);
	assert_false(f.psi_some_avg10_ppm.known);
	assert_false(f.psi_full_avg10_ppm.known);
	tree_fini(&t);
}

static void figures_that_cannot_be_read_any_more_become_unknown(void **state)
{
	struct host_facts f = { 0 };
	struct host_roots roots;
	struct tree t;

	(void)state;
	tree_init(&t);
	roots = (struct host_roots){ .proc = t.fd, .cgroup = -EBADF };
	tree_put(&t, "meminfo", good);
	tree_put(&t, "pressure/memory", psi_good);
	assert_int_equal(host_facts_update(&roots, 10, &f), 0);
	tree_remove(&t, "meminfo");
	tree_remove(&t, "pressure");
	assert_int_equal(host_facts_update(&roots, 11 + HOST_PSI_US, &f), -ENOENT);
	assert_false(f.total_b.known);
	assert_false(f.available_b.known);
	assert_false(f.psi_some_avg10_ppm.known);
	tree_fini(&t);
}

static void pressure_is_read_seldom_for_the_sake_of_the_triggers(void **state)
{
	struct host_facts f = { 0 };
	struct host_roots roots;
	struct tree t;

	(void)state;
	tree_init(&t);
	roots = (struct host_roots){ .proc = t.fd, .cgroup = -EBADF };
	tree_put(&t, "meminfo", good);
	tree_put(&t, "pressure/memory", psi_good);
	assert_int_equal(host_facts_update(&roots, 10, &f), 0);
	tree_put(&t, "pressure/memory", "some avg10=9.00 avg60=0.00 avg300=0.00 total=7\n");
	assert_int_equal(host_facts_update(&roots, 10 + HOST_PSI_US, &f), 0);
	assert_int_equal(f.psi_some_avg10_ppm.value, 15000);
	assert_int_equal(f.psi_some_avg10_ppm.taken_us, 10);
	assert_int_equal(f.total_b.taken_us, 10 + HOST_PSI_US);
	assert_int_equal(host_facts_update(&roots, 11 + HOST_PSI_US, &f), 0);
	assert_int_equal(f.psi_some_avg10_ppm.value, 90000);
	assert_false(f.psi_full_avg10_ppm.known);
	tree_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_are_bytes_as_of_the_time_given),
		cmocka_unit_test(a_missing_line_is_unknown_and_not_zero),
		cmocka_unit_test(malformed_lines_are_refused_and_nothing_is_written),
		cmocka_unit_test(the_largest_size_that_fits_is_taken),
		cmocka_unit_test(a_file_that_is_missing_or_without_end_is_an_error),
		cmocka_unit_test(the_real_meminfo_is_plausible),
		cmocka_unit_test(host_facts_come_from_meminfo_and_pressure),
		cmocka_unit_test(a_host_without_psi_has_unknown_pressure),
		cmocka_unit_test(figures_that_cannot_be_read_any_more_become_unknown),
		cmocka_unit_test(pressure_is_read_seldom_for_the_sake_of_the_triggers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
