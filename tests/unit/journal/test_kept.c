/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_kept.c - what is kept of a history can be read by this and by other versions
 */
#include "journal/kept.h"

#include "base/num.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct history sample(void)
{
	struct history h = { .phase.is = PHASE_RESTING,
			     .guest = { .kind = GUEST_SHRINKER, .overhead_b = FIGURE_UNKNOWN },
			     .cache = { .cold_ppm = 700000, .tried_us = 5 },
			     .need = { .scare_b = 3 * MIB, .habit.peak_b[23] = 9 },
			     .total = { .squeezes = 8 } };

	h.guest.base.known = 1u << BALLOON_STAT_MAJFLT;
	h.guest.base.tag[BALLOON_STAT_MAJFLT] = 42;
	return h;
}

static void what_is_kept_of_a_vm_can_be_read(void **state)
{
	struct history h = sample(), read = { 0 };
	struct buf b;

	(void)state;
	buf_init(&b, 64 * KIB);
	assert_int_equal(kept_encode_vm(&b, &h), 0);
	assert_int_equal(kept_decode_vm(b.data, b.len, &read), 0);
	assert_memory_equal(&read, &h, sizeof(h));
	h.now.start_us = 7; /* a squeeze is of the moment */
	buf_clear(&b);
	assert_int_equal(kept_encode_vm(&b, &h), 0);
	read = (struct history){ 0 };
	assert_int_equal(kept_decode_vm(b.data, b.len, &read), 0);
	assert_int_equal(read.now.start_us, 0);
	buf_fini(&b);
}

static void what_is_kept_of_the_host_can_be_read(void **state)
{
	struct host_history h = { .shares = { 1, 2, 3 }, .rates = { 4 }, .coming_b = 5 },
			    read = { 0 };
	struct buf b;

	(void)state;
	buf_init(&b, 64 * KIB);
	assert_int_equal(kept_encode_host(&b, &h), 0);
	assert_int_equal(kept_decode_host(b.data, b.len, &read), 0);
	assert_memory_equal(read.shares, h.shares, sizeof(h.shares));
	assert_memory_equal(read.rates, h.rates, sizeof(h.rates));
	assert_int_equal(read.coming_b, 0);
	assert_int_equal(kept_decode_host("{\"shares\":[1]}", 14, &read), -EBADMSG);
	buf_fini(&b);
}

static int decode(const char *text, struct history *h)
{
	return kept_decode_vm(text, strlen(text), h);
}

static void another_version_may_know_more_or_less(void **state)
{
	struct history h = sample();

	(void)state;
	assert_int_equal(decode("{}", &h), 0);
	assert_int_equal(h.cache.cold_ppm, 700000); /* what is missing stays as it is */
	assert_int_equal(decode("{\"fresh\":1,\"cache\":{\"cold_ppm\":5,\"later\":[]}}", &h), 0);
	assert_int_equal(h.cache.cold_ppm, 5);
	assert_int_equal(h.cache.tried_us, 5);
}

static void what_is_wrong_changes_nothing(void **state)
{
	static const char *const wrong[] = {
		"",
		"[]",
		"{\"cache\":7}",
		"{\"cache\":{\"cold_ppm\":-1}}",
		"{\"total\":{\"squeezes\":1},\"cache\":{\"cold_ppm\":\"x\"}}",
		"{\"phase\":{\"is\":\"no such phase\"}}",
		"{\"cache\":{\"cold_ppm\":1,\"cold_ppm\":2}}",
		"{\"cache\":{\"cold_ppm\":18446744073709551616}}",
		"{\"need\":{\"habit\":{\"days\":[1,2]}}}",
	};
	struct history h = sample(), before = h;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		assert_int_equal(decode(wrong[i], &h), -EBADMSG);
		assert_memory_equal(&h, &before, sizeof(h));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_kept_of_a_vm_can_be_read),
		cmocka_unit_test(what_is_kept_of_the_host_can_be_read),
		cmocka_unit_test(another_version_may_know_more_or_less),
		cmocka_unit_test(what_is_wrong_changes_nothing),
	};

	return cmocka_run_group_tests_name("kept", tests, NULL, NULL);
}
