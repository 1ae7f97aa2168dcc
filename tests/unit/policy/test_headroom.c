/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_headroom.c - how much memory could be had how soon, and what a reservation is told
 *
 * In:    what VMs offer, and squeezes that were learned from.
 * Out:   bytes, and answers.
 */
#include "policy/arbiter.h"
#include "policy/headroom.h"

#include "base/num.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* A host whose VMs offer 4 GiB, at two prices. */
static void offering(struct host_history *host)
{
	arbiter_init(host);
	host->offer_b[0] = GIB;
	host->offer_b[PRICE_CLASSES - 1] = 3 * GIB;
}

/* @n squeezes that freed @share_ppm of 1 GiB in a second. */
static void learned(struct host_history *host, uint64_t n, uint64_t share_ppm)
{
	while (n--)
		arbiter_learn(host, GIB, u64_ppm(GIB, share_ppm), USEC_PER_SEC);
}

static void a_host_that_has_not_squeezed_is_taken_for_a_slow_one(void **state)
{
	struct host_history host;
	struct headroom room;

	(void)state;
	offering(&host);
	learned(&host, 19, PPM); /* one more would be enough */
	headroom_find(&host, 1, &room);
	assert_int_equal(room.squeezes, 19);
	assert_int_equal(room.offered_b, 4 * GIB);
	assert_int_equal(room.share_ppm, PPM / 2);
	assert_int_equal(room.b[HEADROOM_1S], 64 * MIB);
	assert_int_equal(room.b[HEADROOM_10S], 640 * MIB);
	assert_int_equal(room.b[HEADROOM_60S], 2 * GIB); /* half of what is offered, no more */
}

static void of_twenty_squeezes_no_more_than_one_stayed_below_what_is_promised(void **state)
{
	struct host_history host;
	struct headroom room;

	(void)state;
	offering(&host);
	learned(&host, 19, PPM);
	learned(&host, 1, PPM / 4);
	headroom_find(&host, 1, &room);
	assert_int_equal(room.squeezes, 20);
	assert_int_equal(room.share_ppm, PPM);
	assert_int_equal(room.rate_b, GIB);
	assert_int_equal(room.b[HEADROOM_1S], GIB);
	assert_int_equal(room.b[HEADROOM_10S], 4 * GIB);
	/* two of twenty did: it promises what those gave */
	arbiter_init(&host);
	host.offer_b[0] = 4 * GIB;
	learned(&host, 18, PPM);
	learned(&host, 2, PPM / 4);
	headroom_find(&host, 1, &room);
	assert_int_equal(room.share_ppm, PPM / 4);
	assert_int_equal(room.rate_b, 256 * MIB);
	assert_int_equal(room.b[HEADROOM_60S], GIB);
}

static void squeezes_that_free_nothing_are_promised_nothing_of(void **state)
{
	struct host_history host;
	struct headroom room;

	(void)state;
	offering(&host);
	learned(&host, 20, 0);
	headroom_find(&host, 1, &room);
	assert_int_equal(room.share_ppm, 0);
	assert_int_equal(room.b[HEADROOM_60S], 0);
}

static void vms_at_the_same_time_are_faster_than_one(void **state)
{
	struct host_history host;
	struct headroom room;

	(void)state;
	offering(&host);
	headroom_find(&host, 4, &room);
	assert_int_equal(room.b[HEADROOM_1S], 256 * MIB);
	headroom_find(&host, UINT64_MAX, &room); /* however many: no more than is offered */
	assert_int_equal(room.b[HEADROOM_1S], 2 * GIB);
}

static void counts_that_do_not_add_up_are_no_crash(void **state)
{
	struct host_history host;
	struct headroom room;

	(void)state;
	offering(&host);
	host.shares[LEARN_SHARES - 1] = 1000; /* and not one rate, as a bad journal may say */
	headroom_find(&host, 1, &room);
	assert_int_equal(room.share_ppm, PPM);
	assert_int_equal(room.rate_b, MIB << (LEARN_RATES - 1));
}

/* What a 16 GiB host of which @available_b are available says to 2 GiB within @within_us. */
static struct reservation_answer ask(uint64_t available_b, uint64_t size_b, uint64_t within_us)
{
	struct host_facts facts = { .total_b = fact_of(16 * GIB, 1),
				    .available_b = fact_of(available_b, 1) };
	struct reservation_answer answer;
	struct host_history host;
	struct headroom room;
	struct settings s;

	settings_init(&s);
	s.host_short_ppm = PPM / 16; /* 1 GiB is never given away */
	offering(&host);
	headroom_find(&host, 1, &room);
	headroom_reserve(&s, &facts, &room, size_b, within_us, &answer);
	return answer;
}

static void a_reservation_is_answered_yes_when_late_or_no(void **state)
{
	struct reservation_answer a;

	(void)state;
	a = ask(3 * GIB, 2 * GIB, 0);
	assert_int_equal(a.answer, RESERVE_YES);
	assert_int_equal(a.to_free_b, 0);
	/* one byte is missing */
	a = ask(3 * GIB - 1, 2 * GIB, USEC_PER_SEC);
	assert_int_equal(a.answer, RESERVE_WHEN);
	assert_int_equal(a.to_free_b, 1);
	/* 640 MiB at 64 MiB/s */
	a = ask(3 * GIB - 640 * MIB, 2 * GIB, 11 * USEC_PER_SEC);
	assert_int_equal(a.answer, RESERVE_WHEN);
	assert_true(a.within_us >= 10 * USEC_PER_SEC && a.within_us < 10100 * USEC_PER_MSEC);
	a = ask(3 * GIB - 640 * MIB, 2 * GIB, 9 * USEC_PER_SEC);
	assert_int_equal(a.answer, RESERVE_LATE);
	assert_true(a.within_us >= 10 * USEC_PER_SEC);
	/* 2 GiB are counted on */
	a = ask(GIB, 2 * GIB, UINT64_MAX);
	assert_int_equal(a.answer, RESERVE_WHEN);
	a = ask(GIB - 3 * MIB, 2 * GIB, UINT64_MAX);
	assert_int_equal(a.answer, RESERVE_NO);
	assert_int_equal(a.missing_b, 3 * MIB);
}

static void a_reservation_larger_than_the_host_is_told_so(void **state)
{
	(void)state;
	assert_int_equal(ask(16 * GIB, 15 * GIB, 0).answer, RESERVE_YES);
	assert_int_equal(ask(16 * GIB, 15 * GIB + 1, 0).answer, RESERVE_TOO_LARGE);
	assert_int_equal(ask(16 * GIB, UINT64_MAX, 0).answer, RESERVE_TOO_LARGE);
}

static void what_is_reserved_already_is_not_promised_twice(void **state)
{
	struct host_facts facts = { .total_b = fact_of(16 * GIB, 1),
				    .available_b = fact_of(4 * GIB, 1),
				    .reserved_b = 3 * GIB };
	struct reservation_answer a;
	struct headroom room = {
		.offered_b = 8 * GIB, .share_ppm = PPM, .rate_b = GIB, .at_once = 1
	};
	struct settings s;

	(void)state;
	settings_init(&s);
	s.host_short_ppm = PPM / 16;
	headroom_reserve(&s, &facts, &room, 2 * GIB, UINT64_MAX, &a);
	assert_int_equal(a.answer, RESERVE_WHEN);
	assert_int_equal(a.to_free_b, 2 * GIB);
	facts.reserved_b = UINT64_MAX; /* more than there can be */
	headroom_reserve(&s, &facts, &room, 2 * GIB, UINT64_MAX, &a);
	assert_int_equal(a.answer, RESERVE_NO);
}

static void a_host_whose_figures_are_not_known_promises_nothing(void **state)
{
	struct headroom room = {
		.offered_b = 8 * GIB, .share_ppm = PPM, .rate_b = GIB, .at_once = 1
	};
	struct host_facts facts = { .total_b = fact_of(16 * GIB, 1) };
	struct reservation_answer a;
	struct settings s;

	(void)state;
	settings_init(&s);
	headroom_reserve(&s, &facts, &room, MIB, 0, &a);
	assert_int_equal(a.answer, RESERVE_UNKNOWN);
	facts.available_b = facts.total_b;
	facts.total_b.known = false;
	headroom_reserve(&s, &facts, &room, MIB, 0, &a);
	assert_int_equal(a.answer, RESERVE_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_host_that_has_not_squeezed_is_taken_for_a_slow_one),
		cmocka_unit_test(of_twenty_squeezes_no_more_than_one_stayed_below_what_is_promised),
		cmocka_unit_test(squeezes_that_free_nothing_are_promised_nothing_of),
		cmocka_unit_test(vms_at_the_same_time_are_faster_than_one),
		cmocka_unit_test(counts_that_do_not_add_up_are_no_crash),
		cmocka_unit_test(a_reservation_is_answered_yes_when_late_or_no),
		cmocka_unit_test(a_reservation_larger_than_the_host_is_told_so),
		cmocka_unit_test(what_is_reserved_already_is_not_promised_twice),
		cmocka_unit_test(a_host_whose_figures_are_not_known_promises_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
