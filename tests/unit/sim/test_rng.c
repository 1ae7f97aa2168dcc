/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_rng.c - the same numbers everywhere, and of the distributions that were asked for */
#include "sim/rng.h"

#include "base/num.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define DRAWS 200000

static void a_seed_tells_all_numbers(void **state)
{
	struct rng a, b, c;
	int i;

	(void)state;
	rng_seed(&a, 7);
	rng_seed(&b, 7);
	rng_seed(&c, 8);
	for (i = 0; i < 100; i++) {
		uint64_t one = rng_next(&a);

		assert_int_equal(one, rng_next(&b));
		assert_int_not_equal(one, rng_next(&c));
	}
}

/* The reference implementations' first numbers: splitmix64 from 0, xoshiro256** from {1, 2, 3, 4}.
 */
static void numbers_are_those_of_the_published_algorithms(void **state)
{
	struct rng r;

	(void)state;
	rng_seed(&r, 0);
	assert_true(r.s[0] == UINT64_C(0xe220a8397b1dcdaf));
	assert_true(r.s[1] == UINT64_C(0x6e789e6aa1b965f4));
	r = (struct rng){ { 1, 2, 3, 4 } };
	assert_true(rng_next(&r) == 11520);
	assert_true(rng_next(&r) == 0);
	assert_true(rng_next(&r) == 1509978240);
}

static void a_range_is_filled_to_both_ends(void **state)
{
	uint64_t seen = 0;
	struct rng r;
	int i;

	(void)state;
	rng_seed(&r, 1);
	for (i = 0; i < 1000; i++) {
		uint64_t v = rng_within(&r, 10, 13);

		assert_in_range(v, 10, 13);
		seen |= UINT64_C(1) << v;
	}
	assert_int_equal(seen, 0xf << 10);
	assert_int_equal(rng_within(&r, 5, 5), 5);
	(void)rng_within(&r, 0, UINT64_MAX);
}

static void chances_and_waits_have_their_mean(void **state)
{
	uint64_t hits = 0, sum = 0, longest = 0, above = 0;
	struct rng r;
	int i;

	(void)state;
	rng_seed(&r, 2);
	for (i = 0; i < DRAWS; i++) {
		uint64_t wait = rng_wait(&r, 1000);

		hits += rng_chance(&r, PPM / 4);
		sum += wait;
		above += wait > 1000;
		longest = u64_max(longest, wait);
	}
	assert_in_range(hits, DRAWS * 24 / 100, DRAWS * 26 / 100);
	assert_in_range(sum / (DRAWS / 1000), 970000, 1030000);
	/* exponential: 36.8 % are longer than the mean, and some are much longer */
	assert_in_range(above, DRAWS * 355 / 1000, DRAWS * 380 / 1000);
	assert_in_range(longest, 8000, 12000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_seed_tells_all_numbers),
		cmocka_unit_test(numbers_are_those_of_the_published_algorithms),
		cmocka_unit_test(a_range_is_filled_to_both_ends),
		cmocka_unit_test(chances_and_waits_have_their_mean),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
