/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_due.c - the earliest instant, compared with looking at all of them
 */
#include "base/due.h"

#include "base/num.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define N 50
#define ROUNDS 200

static uint64_t earliest(const struct due *d)
{
	uint64_t at_us = DUE_NEVER;
	size_t i;

	for (i = 0; i < N; i++)
		at_us = u64_min(at_us, d[i].at_us);
	return at_us;
}

static void assert_first(const struct due_heap *h, const struct due *d)
{
	if (earliest(d) == DUE_NEVER)
		assert_null(due_first(h));
	else
		assert_int_equal(due_first(h)->at_us, earliest(d));
}

static void first_is_the_earliest_whatever_moves(void **state)
{
	struct due_heap h = { 0 };
	struct due d[N];
	unsigned int seed = 7;
	size_t i, round;

	(void)state;
	assert_int_equal(due_reserve(&h, N), 0);
	assert_int_equal(due_reserve(&h, 1), 0);
	for (i = 0; i < N; i++)
		due_init(&d[i]);
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < 3 * N; i++) {
			struct due *x = &d[(unsigned int)rand_r(&seed) % N];
			uint64_t at_us = (uint64_t)rand_r(&seed) % 100;

			due_set(&h, x, at_us < 30 ? DUE_NEVER : at_us);
			assert_first(&h, d);
		}
		while (due_first(&h)) { /* whatever lies wrong comes up at last */
			assert_first(&h, d);
			due_set(&h, due_first(&h), DUE_NEVER);
		}
		assert_first(&h, d);
	}
	due_heap_fini(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_is_the_earliest_whatever_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
