/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_reason.c - the table of reasons is whole
 *
 * In:    every reason, and one from nowhere.
 * Out:   a word of its own, a sentence, and what follows from it.
 */
#include "model/reason.h"

#include "base/num.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static void every_reason_has_a_word_of_its_own_and_a_sentence(void **state)
{
	int i, k;

	(void)state;
	for (i = 0; i < REASON_COUNT; i++) {
		const char *word = reason_word((enum reason)i);

		assert_int_equal(strspn(word, "abcdefghijklmnopqrstuvwxyz-"), strlen(word));
		for (k = 0; k < i; k++)
			assert_string_not_equal(word, reason_word((enum reason)k));
		assert_true(strlen(reason_sentence((enum reason)i)) > 10);
	}
	assert_string_equal(reason_word(REASON_STOP_SWAP), "stop-swap");
}

static void a_reason_from_nowhere_has_no_trait(void **state)
{
	(void)state;
	assert_string_equal(reason_word(REASON_COUNT), "unknown");
	assert_string_equal(reason_sentence(REASON_COUNT), reason_sentence(REASON_NONE));
	assert_false(reason_is(REASON_COUNT, REASON_IS_DISTRESS));
}

/* A guest that was held for long, and one whose floor stopped it, gave what they had. */
static void only_a_guest_that_kept_back_is_unwilling(void **state)
{
	static const enum reason willing[] = { REASON_STOP_SIZE,     REASON_STOP_YIELD,
					       REASON_STOP_HOLD_MAX, REASON_STOP_FLOOR,
					       REASON_STOP_GROWS,    REASON_STOP_RELEASED };
	static const enum reason unwilling[] = { REASON_STOP_STALL, REASON_STOP_TIME,
						 REASON_STOP_STATS, REASON_STOP_LIES,
						 REASON_STOP_REFUSED };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(willing); i++)
		assert_false(reason_is(willing[i], REASON_IS_UNWILLING));
	for (i = 0; i < ARRAY_SIZE(unwilling); i++)
		assert_true(reason_is(unwilling[i], REASON_IS_UNWILLING));
}

static void distress_earns_a_rest_of_its_own(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < REASON_COUNT; i++)
		if (reason_is((enum reason)i, REASON_IS_DISTRESS))
			assert_int_equal(reason_rest((enum reason)i), REASON_REST_SCARED);
	assert_int_equal(reason_rest(REASON_STOP_RELEASED), REASON_REST_RELEASED);
	assert_int_equal(reason_rest(REASON_STOP_LIES), REASON_REST_LIED);
	assert_int_equal(reason_rest(REASON_STOP_MODE), REASON_REST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reason_has_a_word_of_its_own_and_a_sentence),
		cmocka_unit_test(a_reason_from_nowhere_has_no_trait),
		cmocka_unit_test(only_a_guest_that_kept_back_is_unwilling),
		cmocka_unit_test(distress_earns_a_rest_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
