/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_arbiter.c - who gives when the host is short, how much, and at which price
 *
 * In:    a 16 GiB host (short below 6 %, well above 10 %), and what VMs offer.
 * Out:   its decision, and what each VM is asked for; and, over random worlds,
 *        that no offer is ever counted twice or forgotten.
 */
#include "world.h"

#include "policy/arbiter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define RAM (1024 * MIB)
#define FAST (20 * USEC_PER_MSEC)
#define TOTAL (16 * GIB)
#define SHORT (TOTAL / 100 * 5)
#define BETWEEN (TOTAL / 100 * 8)
#define WELL (TOTAL / 100 * 11)

/* ---- the host's side alone ---- */

struct market {
	struct settings s;
	struct host_facts facts;
	struct host_history host;
	struct host_decision d;
	uint64_t now_us;
};

static void market_init(struct market *m)
{
	*m = (struct market){ .now_us = 1000 * USEC_PER_SEC };
	settings_init(&m->s);
	arbiter_init(&m->host);
	m->facts.total_b = fact_of(TOTAL, m->now_us);
	m->facts.available_b = fact_of(WELL, m->now_us);
}

static enum reason decide(struct market *m)
{
	arbiter_decide(&m->s, &m->facts, m->now_us, &m->host, &m->d);
	return m->d.reason;
}

/* The host misses @need_b of what it wants. */
static void misses(struct market *m, uint64_t need_b)
{
	m->s.host_short_ppm = m->s.host_well_ppm = PPM / 10;
	m->facts.available_b.value = u64_ppm(TOTAL, PPM / 10) - need_b;
	(void)decide(m);
	assert_int_equal(m->d.need_b, need_b);
}

static uint64_t asks(const struct market *m, const struct offer *offer)
{
	return arbiter_asks(&m->host, &m->d, offer);
}

static void short_and_well_are_two_marks_apart(void **state)
{
	struct market m;

	(void)state;
	market_init(&m);
	assert_int_equal(decide(&m), REASON_HOST_WELL);
	assert_int_equal(m.d.want_b, 0);
	assert_int_equal(m.d.deadline_us, 0);
	m.facts.available_b.value = BETWEEN;
	assert_int_equal(decide(&m), REASON_HOST_WELL);
	m.facts.available_b.value = SHORT;
	assert_int_equal(decide(&m), REASON_HOST_UNSERVED);
	assert_int_equal(m.d.want_b, u64_ppm(TOTAL, m.s.host_well_ppm));
	assert_int_equal(m.d.need_b, m.d.want_b - SHORT);
	assert_int_equal(m.d.deadline_us, m.now_us + m.s.free_within_us);
	m.now_us += USEC_PER_SEC;
	m.facts.available_b.value = BETWEEN; /* better, but not well */
	assert_int_equal(decide(&m), REASON_HOST_UNSERVED);
	assert_int_equal(m.d.deadline_us, m.now_us - USEC_PER_SEC + m.s.free_within_us);
	m.facts.available_b.value = WELL;
	assert_int_equal(decide(&m), REASON_HOST_WELL);
	m.facts.available_b.value = BETWEEN; /* and well again until it is short */
	assert_int_equal(decide(&m), REASON_HOST_WELL);
}

static void a_pressure_trigger_is_believed_while_there_is_no_plenty(void **state)
{
	struct market m;

	(void)state;
	market_init(&m);
	m.facts.pressure_us = m.now_us;
	assert_int_equal(decide(&m), REASON_HOST_WELL);
	m.facts.available_b.value = BETWEEN;
	m.now_us += 2 * USEC_PER_SEC;
	assert_int_equal(decide(&m), REASON_HOST_UNSERVED);
	/* one of longer ago says nothing of now */
	market_init(&m);
	m.facts.available_b.value = BETWEEN;
	m.facts.pressure_us = m.now_us;
	m.now_us += 2 * USEC_PER_SEC + 1;
	assert_int_equal(decide(&m), REASON_HOST_WELL);
}

static void a_host_whose_memory_falls_fast_is_short_before_it_is_gone(void **state)
{
	struct market m;

	(void)state;
	market_init(&m);
	m.facts.fall_b = GIB; /* 1.5 of it before those who are asked have given */
	assert_int_equal(decide(&m), REASON_HOST_UNSERVED);
	assert_in_range(m.d.want_b, u64_ppm(TOTAL, m.s.host_well_ppm) + 1536 * MIB - MIB,
			u64_ppm(TOTAL, m.s.host_well_ppm) + 1536 * MIB);
	m.facts.fall_b = 0; /* it fell less for a moment */
	m.now_us += m.s.free_within_us - 1;
	assert_int_equal(decide(&m), REASON_HOST_UNSERVED);
	m.now_us += 1; /* it was a start, and is over */
	assert_int_equal(decide(&m), REASON_HOST_WELL);
	m.facts.fall_b = 10 * MIB; /* what always comes and goes */
	assert_int_equal(decide(&m), REASON_HOST_WELL);
	m.facts.fall_b = 8 * GIB; /* where there is plenty, nobody looks ahead */
	m.facts.available_b.value = TOTAL / 2;
	assert_int_equal(decide(&m), REASON_HOST_WELL);
}

static void what_is_reserved_is_wanted_besides(void **state)
{
	struct market m;

	(void)state;
	market_init(&m);
	m.facts.reserved_b = GIB; /* WELL less that is short */
	assert_int_equal(decide(&m), REASON_HOST_UNSERVED);
	assert_int_equal(m.d.want_b, u64_ppm(TOTAL, m.s.host_well_ppm) + GIB);
	assert_int_equal(m.d.deadline_us, m.now_us + m.s.free_within_us);
	m.facts.reserved_by_us = m.now_us + 60 * USEC_PER_SEC;
	(void)decide(&m);
	assert_int_equal(m.d.deadline_us, m.facts.reserved_by_us);
	m.facts.available_b.value = SHORT; /* short by itself, it has no such time */
	(void)decide(&m);
	assert_int_equal(m.d.deadline_us, m.now_us + m.s.free_within_us);
	m.facts.available_b.value = WELL;
	m.facts.reserved_b = 0;
	assert_int_equal(decide(&m), REASON_HOST_WELL);
}

static void twice_as_much_is_asked_for_when_half_of_the_time_is_over(void **state)
{
	struct offer offer = { .stale_b = 500 * MIB };
	struct history h = { 0 };
	struct market m;

	(void)state;
	market_init(&m);
	arbiter_offer(&m.host, &h, &offer);
	misses(&m, 100 * MIB);
	assert_in_range(asks(&m, &offer), 99 * MIB, 101 * MIB);
	m.now_us += m.s.free_within_us / 2;
	assert_int_equal(decide(&m), REASON_HOST_SHORT);
	assert_int_equal(m.d.need_b, 100 * MIB);
	assert_in_range(asks(&m, &offer), 199 * MIB, 201 * MIB);
}

static void a_host_whose_figures_are_not_known_asks_for_nothing(void **state)
{
	struct offer offer = { .stale_b = GIB };
	struct market m;

	(void)state;
	market_init(&m);
	m.facts.available_b.value = SHORT;
	(void)decide(&m);
	m.facts.available_b.known = false;
	assert_int_equal(decide(&m), REASON_HOST_UNKNOWN);
	assert_int_equal(m.d.want_b, 0);
	assert_int_equal(m.d.give_back, PRICE_CLASSES); /* and nothing is held on a guess */
	assert_int_equal(asks(&m, &offer), 0);
	m.facts.available_b.known = true;
	m.facts.total_b.known = false;
	assert_int_equal(decide(&m), REASON_HOST_UNKNOWN);
	m.facts.total_b.known = true;
	m.facts.available_b.value = BETWEEN; /* it begins anew */
	assert_int_equal(decide(&m), REASON_HOST_WELL);
}

static void stale_memory_goes_first_then_cache_by_its_price(void **state)
{
	struct history a = { 0 }, b = { 0 };
	struct offer cheap = { .stale_b = 100 * MIB, .cold_b = 200 * MIB, .cold_class = 2 };
	struct offer dear = { .stale_b = 100 * MIB, .cold_b = 200 * MIB, .cold_class = 3 };
	struct market m;

	(void)state;
	market_init(&m);
	arbiter_offer(&m.host, &a, &cheap);
	arbiter_offer(&m.host, &b, &dear);
	misses(&m, 100 * MIB);
	assert_int_equal(m.d.offered_b, 600 * MIB);
	assert_int_equal(m.d.reason, REASON_HOST_SHORT);
	assert_int_equal(m.d.price, 0);
	assert_int_equal(asks(&m, &cheap), 50 * MIB);
	assert_int_equal(asks(&m, &dear), 50 * MIB);
	misses(&m, 300 * MIB);
	assert_int_equal(m.d.price, 2);
	assert_int_equal(asks(&m, &cheap), 200 * MIB);
	assert_int_equal(asks(&m, &dear), 100 * MIB);
	misses(&m, 550 * MIB);
	assert_int_equal(m.d.price, 3);
	assert_int_equal(asks(&m, &cheap), 300 * MIB);
	assert_int_equal(asks(&m, &dear), 250 * MIB);
	/* all of it, and not enough */
	misses(&m, 601 * MIB);
	assert_int_equal(m.d.reason, REASON_HOST_UNSERVED);
	assert_int_equal(m.d.price, PRICE_CLASSES);
	assert_int_equal(asks(&m, &cheap) + asks(&m, &dear), 600 * MIB);
}

static void the_price_rises_with_what_was_come_back_for_and_with_shares(void **state)
{
	uint64_t back_ppm;

	(void)state;
	assert_int_equal(arbiter_class(0, 100), 1);
	assert_int_equal(arbiter_class(PPM, 100), PRICE_CLASSES - 1);
	assert_int_equal(arbiter_class(PPM, 10000), PRICE_CLASSES - 1);
	assert_int_equal(arbiter_class(0, 10000), 1);
	for (back_ppm = 0; back_ppm <= PPM; back_ppm += PPM / 100) {
		assert_int_equal(arbiter_class(back_ppm, 200),
				 arbiter_class(u64_min(2 * back_ppm, PPM), 100));
		assert_int_equal(arbiter_class(back_ppm, 50), arbiter_class(back_ppm / 2, 100));
		assert_true(arbiter_class(back_ppm + PPM / 100, 100) >=
			    arbiter_class(back_ppm, 100));
	}
}

static void little_is_not_asked_for(void **state)
{
	struct history h[3] = { 0 };
	struct offer little = { .stale_b = 4 * MIB - 1, .cold_b = 4 * MIB - 1, .cold_class = 1 };
	struct offer some = { .stale_b = 4 * MIB }, much = { .stale_b = 100 * MIB };
	struct market m;

	(void)state;
	market_init(&m);
	/* what is not worth asking for is not counted on either */
	arbiter_offer(&m.host, &h[0], &little);
	misses(&m, MIB);
	assert_int_equal(m.d.offered_b, 0);
	assert_int_equal(m.d.reason, REASON_HOST_SHORT); /* nothing to complain of */
	assert_int_equal(asks(&m, &h[0].offer), 0);
	/* who is asked for less gives 4 MiB, and no more than it has */
	arbiter_offer(&m.host, &h[1], &some);
	arbiter_offer(&m.host, &h[2], &much);
	misses(&m, MIB);
	assert_int_equal(asks(&m, &much), 4 * MIB);
	assert_int_equal(asks(&m, &some), 4 * MIB);
	misses(&m, 1); /* less than a millionth of what is offered is asked for, too */
	assert_int_equal(asks(&m, &much), 4 * MIB);
}

static void what_others_of_the_tick_give_is_not_asked_for_again(void **state)
{
	struct history h[100] = { 0 };
	struct offer offer = { .stale_b = 8 * MIB };
	uint64_t asked_b = 0, ask_b;
	struct market m;
	size_t i;

	(void)state;
	market_init(&m);
	for (i = 0; i < ARRAY_SIZE(h); i++)
		arbiter_offer(&m.host, &h[i], &offer);
	misses(&m, 10 * MIB); /* a hundredth of it each, which is less than the least */
	for (i = 0; i < ARRAY_SIZE(h); i++) {
		ask_b = asks(&m, &h[i].offer);
		if (ask_b)
			arbiter_offer(&m.host, &h[i], &(const struct offer){ .coming_b = ask_b });
		asked_b += ask_b;
	}
	assert_int_equal(asked_b, 12 * MIB);
	(void)decide(&m);
	assert_int_equal(m.d.need_b, 0);
	assert_int_equal(m.d.coming_b, 12 * MIB);
	assert_int_equal(m.d.reason, REASON_HOST_SHORT);
	assert_int_equal(asks(&m, &h[99].offer), 0);
}

static void all_vms_are_hurried_once_a_second_while_there_is_not_enough(void **state)
{
	struct history h = { 0 };
	struct market m;

	(void)state;
	market_init(&m);
	(void)decide(&m);
	assert_int_equal(m.d.hurry, 0);
	misses(&m, GIB);
	assert_int_equal(m.d.hurry, 1);
	(void)decide(&m);
	assert_int_equal(m.d.hurry, 0);
	m.now_us += USEC_PER_SEC;
	(void)decide(&m);
	assert_int_equal(m.d.hurry, 1);
	m.now_us += USEC_PER_SEC;
	arbiter_offer(&m.host, &h, &(const struct offer){ .coming_b = GIB });
	(void)decide(&m);
	assert_int_equal(m.d.hurry, 0); /* it is on its way */
}

static void balloons_go_back_one_class_a_second_the_cheap_ones_first(void **state)
{
	struct offer held = { .held_b = GIB, .held_class = 3 };
	struct history h = { 0 };
	struct market m;

	(void)state;
	market_init(&m);
	m.facts.available_b.value = SHORT;
	(void)decide(&m);
	arbiter_offer(&m.host, &h, &held);
	m.now_us += USEC_PER_SEC;
	(void)decide(&m);
	assert_int_equal(m.d.give_back, 0);
	assert_int_equal(m.d.held_b, GIB);
	m.facts.available_b.value = WELL;
	assert_int_equal(decide(&m), REASON_HOST_GIVES_BACK);
	assert_int_equal(m.d.give_back, 1);
	m.now_us += 2 * USEC_PER_SEC;
	(void)decide(&m);
	assert_int_equal(m.d.give_back, 3);
	m.facts.available_b.value = SHORT; /* it was too early: the rest is kept */
	(void)decide(&m);
	assert_int_equal(m.d.give_back, 0);
	m.facts.available_b.value = WELL;
	(void)decide(&m);
	assert_int_equal(m.d.give_back, 1);
	m.now_us += 1000 * USEC_PER_SEC;
	(void)decide(&m);
	assert_int_equal(m.d.give_back, PRICE_CLASSES);
}

static void an_offer_takes_the_place_of_the_one_before(void **state)
{
	struct offer first = { .stale_b = GIB, .cold_b = GIB, .cold_class = 5, .coming_b = MIB };
	struct offer lie = { .cold_b = UINT64_MAX, .cold_class = 5, .coming_b = UINT64_MAX };
	struct offer next = { .cold_b = GIB, .cold_class = 7, .held_b = MIB, .held_class = 2 };
	struct history a = { 0 }, b = { 0 };
	struct market m;

	(void)state;
	market_init(&m);
	arbiter_offer(&m.host, &a, &first);
	/* whatever a hypervisor makes of its memory, it is gone when that is */
	arbiter_offer(&m.host, &b, &lie);
	policy_vm_gone(&m.host, &b);
	assert_int_equal(m.host.offer_b[0], GIB);
	assert_int_equal(m.host.offer_b[5], GIB);
	assert_int_equal(m.host.coming_b, MIB);
	arbiter_offer(&m.host, &a, &next);
	assert_int_equal(m.host.offer_b[0], 0);
	assert_int_equal(m.host.offer_b[5], 0);
	assert_int_equal(m.host.offer_b[7], GIB);
	assert_int_equal(m.host.held_b[2], MIB);
	assert_int_equal(m.host.coming_b, 0);
}

static void squeezes_are_counted_by_share_and_by_rate(void **state)
{
	struct market m;

	(void)state;
	market_init(&m);
	arbiter_learn(&m.host, 100 * MIB, 50 * MIB, USEC_PER_SEC);
	assert_int_equal(m.host.shares[8], 1);
	assert_int_equal(m.host.rates[5], 1); /* from 32 to 64 MiB/s */
	arbiter_learn(&m.host, 100 * MIB, 200 * MIB, 0);
	assert_int_equal(m.host.shares[16], 1);
	assert_int_equal(m.host.rates[LEARN_RATES - 1], 1);
	arbiter_learn(&m.host, 100 * MIB, MIB, USEC_PER_SEC);
	assert_int_equal(m.host.shares[0], 1);
	assert_int_equal(m.host.rates[0], 1);
	arbiter_learn(&m.host, 100 * MIB, 2 * MIB, USEC_PER_SEC);
	assert_int_equal(m.host.rates[1], 1);
}

/* ---- several VMs ---- */

#define VMS 5

struct many {
	struct world w[VMS];
	struct host_history host;
	struct plan plan;
	struct decision d[VMS];
};

static void many_init(struct many *m)
{
	size_t i;

	memset(m, 0, sizeof(*m));
	policy_host_init(&m->host);
	for (i = 0; i < VMS; i++) {
		world_init(&m->w[i]);
		m->w[i].vm.id = i + 1;
	}
}

/* A tick of those VMs whose bit is in @due. Time and host are those of the first world. */
static void many_tick(struct many *m, unsigned int due)
{
	const struct settings *settings[VMS];
	const struct policy_host host = { &m->w[0].settings, &m->host };
	struct vm_facts vm[VMS];
	struct history *history[VMS];
	struct snapshot snap = { .now_us = m->w[0].now_us, .host = m->w[0].host, .vm = vm };
	size_t i, n = 0;

	for (i = 0; i < VMS; i++) {
		if (!(due & 1U << i))
			continue;
		vm[n] = m->w[i].vm;
		settings[n] = &m->w[i].settings;
		history[n++] = &m->w[i].history;
		m->w[i].vm.request = REQUEST_NONE;
	}
	snap.nvm = n;
	m->plan.vm = m->d;
	policy_fold(&snap, &host, settings, history);
	policy_decide(&snap, &host, settings, history, &m->plan);
	for (i = 0, n = 0; i < VMS; i++)
		if (due & 1U << i)
			m->w[i].d = m->d[n++];
}

/* What the host should remember, counted from what each VM offers. */
static void recount(const struct many *m)
{
	struct host_history sum;
	size_t i;

	arbiter_init(&sum);
	for (i = 0; i < VMS; i++) {
		const struct offer *o = &m->w[i].history.offer;

		sum.offer_b[0] += o->stale_b;
		sum.offer_b[o->cold_class] += o->cold_b;
		sum.held_b[o->held_class] += o->held_b;
		sum.coming_b += o->coming_b;
	}
	assert_memory_equal(sum.offer_b, m->host.offer_b, sizeof(sum.offer_b));
	assert_memory_equal(sum.held_b, m->host.held_b, sizeof(sum.held_b));
	assert_int_equal(sum.coming_b, m->host.coming_b);
}

static void when_all_vms_are_in_need_nothing_is_offered(void **state)
{
	struct many m;
	size_t i;

	(void)state;
	many_init(&m);
	m.w[0].host.available_b.value = SHORT;
	for (i = 0; i < VMS; i++)
		m.w[i].history.guest.calm = TRI_NO;
	many_tick(&m, ~0U);
	assert_int_equal(m.plan.host.reason, REASON_HOST_UNSERVED);
	assert_int_equal(m.plan.host.offered_b, 0);
	for (i = 0; i < VMS; i++) {
		assert_int_equal(m.d[i].phase, PHASE_WATCH);
		assert_int_equal(m.d[i].reason, REASON_IN_NEED);
	}
	recount(&m);
}

static void when_all_held_vms_come_into_need_all_get_their_memory(void **state)
{
	struct many m;
	size_t i;

	(void)state;
	many_init(&m);
	m.w[0].host.available_b.value = 0;
	m.w[0].settings.host_well_ppm = PPM / 2;
	many_tick(&m, ~0U);
	for (i = 0; i < VMS; i++) {
		assert_int_equal(m.d[i].reason, REASON_BEGIN_HOST);
		world_balloon(&m.w[i], 100 * MIB);
		m.w[i].vm.stats.tag[BALLOON_STAT_OOM_KILL]++;
		world_fresh(&m.w[i]);
	}
	m.w[0].now_us += FAST;
	many_tick(&m, ~0U);
	for (i = 0; i < VMS; i++) {
		assert_int_equal(m.d[i].reason, REASON_STOP_OOM);
		assert_int_equal(m.d[i].target_b, RAM);
	}
	many_tick(&m, ~0U);
	assert_int_equal(m.plan.host.reason, REASON_HOST_UNSERVED);
	assert_int_equal(m.plan.host.coming_b, 0);
	recount(&m);
}

static void a_vm_that_vanishes_mid_squeeze_is_not_waited_for(void **state)
{
	struct many m;

	(void)state;
	many_init(&m);
	m.w[0].host.available_b.value = u64_ppm(TOTAL, m.w[0].settings.host_short_ppm) - MIB;
	many_tick(&m, ~0U);
	assert_int_equal(m.d[0].reason, REASON_BEGIN_HOST);
	assert_true(m.w[0].history.offer.coming_b > 0);
	recount(&m);
	policy_vm_gone(&m.host, &m.w[0].history);
	policy_vm_gone(&m.host, &m.w[1].history);
	recount(&m);
	assert_int_equal(m.w[0].history.offer.coming_b, 0);
	many_tick(&m, ~3U); /* the others are asked for what it did not give */
	assert_true(m.plan.host.need_b > 0);
	recount(&m);
}

/* ---- random worlds ---- */

/* Something happens to one VM; its balloon may follow its target. */
static void disturb(struct world *w, uint64_t *seed)
{
	if (world_random(seed) % 4 && w->history.balloon.target_b)
		world_balloon(w, RAM - u64_min(w->history.balloon.target_b, RAM));
	if (!world_disturb(w, seed)) {
		w->vm.ram_b.value = RAM;
		w->settings.mode = world_random(seed) % 2 ? MODE_SQUEEZE : MODE_RIGHTSIZE;
		w->vm.stats.tag[BALLOON_STAT_CACHES] = 400 * MIB;
		w->settings.shares = 1 + world_random(seed) % 400;
	} else if (world_random(seed) % 4 == 0) { /* a hypervisor and a guest that lie */
		w->vm.ram_b.value = world_random(seed);
		w->vm.stats.tag[BALLOON_STAT_CACHES] = world_random(seed);
	}
}

static void the_sums_are_those_of_all_vms_in_any_order_of_events(void **state)
{
	uint64_t seed, phases = 0;
	struct many m;
	size_t i;
	int step;

	(void)state;
	for (seed = 1; seed <= 40; seed++) {
		uint64_t s = seed * UINT64_C(0x9e3779b97f4a7c15);

		many_init(&m);
		for (step = 0; step < 300; step++) {
			uint64_t now_us = m.w[0].now_us + world_random(&s) % (2 * USEC_PER_SEC);

			for (i = 0; i < VMS; i++) {
				m.w[i].now_us = now_us;
				disturb(&m.w[i], &s);
			}
			m.w[0].host.available_b =
				fact_of(world_random(&s) % (3 * GIB), m.w[0].now_us);
			m.w[0].host.available_b.known = world_random(&s) % 16 > 0;
			many_tick(&m, (unsigned int)world_random(&s));
			for (i = 0; i < VMS; i++)
				phases |= UINT64_C(1) << m.w[i].history.phase.is;
			recount(&m);
			if (world_random(&s) % 16)
				continue;
			/* one goes, and another comes in its place */
			i = world_random(&s) % VMS;
			policy_vm_gone(&m.host, &m.w[i].history);
			policy_vm_init(&m.w[i].history);
			m.w[i].vm.id += VMS;
			recount(&m);
		}
	}
	/* or the worlds prove nothing */
	assert_true(phases & UINT64_C(1) << PHASE_INFLATING);
	assert_true(phases & UINT64_C(1) << PHASE_HOLDING);
	assert_true(phases & UINT64_C(1) << PHASE_VERIFYING);
	assert_true(phases & UINT64_C(1) << PHASE_RESTING);
	assert_true(phases & UINT64_C(1) << PHASE_SIZING);
	assert_true(phases & UINT64_C(1) << PHASE_SIZED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_and_well_are_two_marks_apart),
		cmocka_unit_test(a_pressure_trigger_is_believed_while_there_is_no_plenty),
		cmocka_unit_test(a_host_whose_memory_falls_fast_is_short_before_it_is_gone),
		cmocka_unit_test(what_is_reserved_is_wanted_besides),
		cmocka_unit_test(twice_as_much_is_asked_for_when_half_of_the_time_is_over),
		cmocka_unit_test(a_host_whose_figures_are_not_known_asks_for_nothing),
		cmocka_unit_test(stale_memory_goes_first_then_cache_by_its_price),
		cmocka_unit_test(the_price_rises_with_what_was_come_back_for_and_with_shares),
		cmocka_unit_test(little_is_not_asked_for),
		cmocka_unit_test(what_others_of_the_tick_give_is_not_asked_for_again),
		cmocka_unit_test(all_vms_are_hurried_once_a_second_while_there_is_not_enough),
		cmocka_unit_test(balloons_go_back_one_class_a_second_the_cheap_ones_first),
		cmocka_unit_test(an_offer_takes_the_place_of_the_one_before),
		cmocka_unit_test(squeezes_are_counted_by_share_and_by_rate),
		cmocka_unit_test(when_all_vms_are_in_need_nothing_is_offered),
		cmocka_unit_test(when_all_held_vms_come_into_need_all_get_their_memory),
		cmocka_unit_test(a_vm_that_vanishes_mid_squeeze_is_not_waited_for),
		cmocka_unit_test(the_sums_are_those_of_all_vms_in_any_order_of_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
