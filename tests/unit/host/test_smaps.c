/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_smaps.c - the behaviour of host/smaps.h
 *
 * Layer: tests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/num.h"
#include "host/smaps.h"
#include "tree.h"

#include <errno.h>

static const char head[] = "5588fb965000-7ffec0baf000 ---p 00000000 00:00 0   [rollup]\n";

static void resident_is_rss_and_not_its_share(void **state)
{
	struct fact f;

	(void)state;
	assert_int_equal(smaps_parse("a-b ---p 0 00:00 0 [rollup]\nRss:  2000 kB\nPss: 10 kB\n"
				     "Pss_Dirty: 9 kB\nSwap: 7 kB\n",
				     5, &f),
			 0);
	assert_true(f.known);
	assert_int_equal(f.value, 2000 * KIB);
	assert_int_equal(f.taken_us, 5);
}

static void hugetlb_pages_are_added_since_rss_leaves_them_out(void **state)
{
	struct fact f;

	(void)state;
	assert_int_equal(smaps_parse("Rss: 1 kB\nShared_Hugetlb: 2048 kB\n"
				     "Private_Hugetlb: 4096 kB\n",
				     5, &f),
			 0);
	assert_int_equal(f.value, 6145 * KIB);
}

static void text_without_a_sound_rss_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		head,
		"Pss: 1 kB\n",
		"Rss: kB\n",
		"Rss: -1 kB\n",
		"Rss: 18446744073709551615 kB\n",
		"Rss: 1 kB\nRss: 1 kB\n",
		"Rss: 18014398509481983 kB\nShared_Hugetlb: 18014398509481983 kB\n",
		"Rss: 18014398509481983 kB\nPrivate_Hugetlb: 1 kB\n",
		"Rss: 1 kB\nShared_Hugetlb: ? kB\n",
	};
	struct fact f = fact_of(42, 42);
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(smaps_parse(bad[i], 5, &f), -EBADMSG);
		assert_int_equal(f.value, 42);
	}
}

static void a_process_without_memory_is_gone(void **state)
{
	struct fact f;
	struct tree t;

	(void)state;
	tree_init(&t);
	assert_int_equal(smaps_read(t.fd, 1, &f), -ENOENT);
	tree_put(&t, "smaps_rollup", "");
	assert_int_equal(smaps_read(t.fd, 1, &f), -ESRCH);
	tree_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resident_is_rss_and_not_its_share),
		cmocka_unit_test(hugetlb_pages_are_added_since_rss_leaves_them_out),
		cmocka_unit_test(text_without_a_sound_rss_is_refused),
		cmocka_unit_test(a_process_without_memory_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
