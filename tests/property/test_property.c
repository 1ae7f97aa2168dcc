/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_property.c - the invariants hold in thousands of random worlds, and a broken policy is
 * caught
 *
 * In:    the number of worlds as the argument (or BALLONET_WORLDS).
 * Out:   for a world in which one does not hold: its seed, the invariant, the figures.
 *
 * A world is some VMs of any kind on a host of any size, for a quarter of an
 * hour in which something happens every few seconds: pauses, resets, lost
 * connections, needs, changed settings, VMs that end, a controller that dies.
 */
#include "broken.h"
#include "checker.h"

#include "base/num.h"
#include "sim/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define WORLDS_DEFAULT 5000
/* Worlds in which a broken policy has to be caught at the latest. */
#define CATCH_WITHIN 2000
#define LENGTH_US (900 * USEC_PER_SEC)
/* The guardian's watchdog and the time it has then (issue: "within the watchdog and 3 s"). */
#define GUARDIAN_US (8 * USEC_PER_SEC)

static uint64_t worlds_wanted;

/* Settings that modes are switched between. */
struct tried {
	struct settings mode[MODE_COUNT];
};

static void draw_scenario(uint64_t seed, struct rng *r, struct scenario *sc)
{
	int i;

	scenario_init(sc);
	sc->seed = seed;
	sc->vms = sc->vms_per_host = rng_within(r, 1, 4);
	sc->length_us = LENGTH_US;
	sc->lifetime_us = rng_within(r, 0, 3) ? 0 : 300 * USEC_PER_SEC;
	sc->boot_us = 5 * USEC_PER_SEC;
	sc->ram_min_b = 512 * MIB;
	sc->ram_max_b = 4 * GIB;
	sc->host_share_ppm = rng_within(r, 40, 130) * PPM / 100;
	sc->inflate_rate_b = rng_within(r, 10, 2000) * MIB;
	sc->deflate_rate_b = rng_within(r, 100, 4000) * MIB;
	sc->stuck_ppm = PPM / 20;
	sc->own_b = rng_within(r, 0, 300) * MIB;
	sc->apart_ppm = PPM / 2;
	sc->inflate_cost_us = rng_within(r, 0, 16) * USEC_PER_SEC;
	settings_profile(&sc->settings, (enum profile)rng_within(r, 0, PROFILE_COUNT - 1));
	sc->settings.cost_max_ppm = rng_within(r, 1, 20) * PPM / 1000;
	sc->settings.min_efficiency_ppm = rng_within(r, 0, 40) * PPM / 100;
	for (i = 0; i < GUEST_CANDOUR_COUNT; i++)
		sc->candour[i] = i == GUEST_HONEST ? 6 : 1;
	sc->settings.mode = rng_chance(r, PPM / 3) ? MODE_RIGHTSIZE : MODE_SQUEEZE;
	sc->settings.size_step_ppm = rng_within(r, 5, 100) * PPM / 1000;
	sc->settings.size_settle_us = rng_within(r, 1, 60) * USEC_PER_SEC;
	sc->settings.shares = rng_within(r, 1, 1000);
	sc->settings.size_watch_us = rng_within(r, 0, 60) * USEC_PER_SEC;
	if (rng_chance(r, PPM / 4))
		sc->settings.ceiling_b = 512 * MIB;
	if (rng_chance(r, PPM / 4))
		sc->settings.floor_b = 256 * MIB;
	sc->settings.interval_us = rng_within(r, 1, 10) * USEC_PER_SEC;
	sc->settings.step_b = rng_within(r, 8, 256) * MIB;
	sc->settings.reserve_min_b = rng_within(r, 32, 256) * MIB;
	sc->settings.rest_min_us = rng_within(r, 1, 60) * USEC_PER_SEC;
	sc->settings.min_yield_b = rng_within(r, 8, 64) * MIB;
}

/* Something happens to @vm. */
static void disturb(struct world *w, struct world_vm *vm, struct tried *tried, struct rng *r)
{
	uint64_t some_b = rng_within(r, 1, 100) * vm->guest.spec.ram_b / 200;

	switch (rng_within(r, 0, 18)) {
	case 0:
		vm->state = VM_STATE_PAUSED;
		break;
	case 1:
		vm->state = VM_STATE_DOWN;
		break;
	case 2:
		world_reset_vm(w, vm);
		break;
	case 3:
		vm->request = (enum vm_request)rng_within(r, 0, REQUEST_COUNT - 1);
		break;
	case 4:
		vm->unguarded = rng_chance(r, PPM / 2);
		break;
	case 5:
		vm->settings = &tried->mode[rng_within(r, 0, MODE_COUNT - 1)];
		break;
	case 6:
	case 7: /* so much that it has to swap, or to kill */
		guest_give(&vm->guest, guest_want(&vm->guest, some_b * 2) / 2);
		break;
	case 8:
		guest_give(&vm->guest, some_b);
		break;
	case 9:
		guest_read_new(&vm->guest, FILE_ARCHIVE, some_b);
		break;
	case 10:
		world_end_vm(w, vm);
		break;
	case 11:
		w->total_b = w->resident_b + rng_within(r, 0, GIB);
		break;
	case 12:
		w->reserved_b = rng_within(r, 0, 1) * some_b;
		w->reserved_by_us = rng_within(r, 0, 1) * (w->now_us + 5 * USEC_PER_SEC);
		break;
	case 13: /* the machine slept, or somebody set its clock */
		w->now_us += rng_within(r, 0, 1) * rng_within(r, 0, 120) * USEC_PER_SEC;
		w->wall_us = rng_within(r, 0, 400) * 86400 * USEC_PER_SEC;
		break;
	case 14: /* everybody needs memory at once */
		for (vm = w->vm; vm < w->vm + w->n; vm++) {
			(void)guest_want(&vm->guest, some_b);
			world_touch(w, vm);
		}
		return;
	case 15: /* it computes, or no longer does */
		load_busy(&vm->load, &vm->guest, w->now_us,
			  rng_within(r, 0, 1) * rng_within(r, 0, 150) * PPM / 100);
		break;
	default: /* most of the time all is well */
		vm->state = VM_STATE_RUNNING;
		vm->unguarded = false;
		vm->settings = &tried->mode[w->sc->settings.mode];
		return;
	}
	world_touch(w, vm);
}

/* The controller has died: the guardian does its work, and then no balloon may be left. */
static void live_on(struct world *w, struct checker *c)
{
	size_t i;

	w->end_us = w->now_us + GUARDIAN_US;
	while (world_step(w))
		;
	for (i = 0; i < w->n; i++)
		guest_advance(&w->vm[i].guest, w->now_us + 40 * USEC_PER_SEC);
	checker_after_loss(c, w);
}

static void add_checked(struct checker *sum, const struct checker *c, uint64_t seed, uint64_t at_us)
{
	int i;

	for (i = 0; i < INVARIANTS; i++)
		sum->checked[i] += c->checked[i];
	if (c->broken == HOLDS || sum->broken != HOLDS)
		return;
	sum->broken = c->broken;
	(void)snprintf(sum->why, sizeof(sum->why), "seed %llu, at %.3f s: %.150s",
		       (unsigned long long)seed, (double)at_us / 1e6, c->why);
}

/* Lives through the world of @seed under @controller. Returns squeezes, for whoever counts. */
static uint64_t live(uint64_t seed, const struct controller *controller, struct checker *sum)
{
	struct scenario sc;
	struct tried tried;
	struct checker c;
	struct world w;
	struct rng r;
	uint64_t next_us, dies_us, squeezes = 0;
	int i;

	rng_seed(&r, seed);
	draw_scenario(seed, &r, &sc);
	for (i = 0; i < MODE_COUNT; i++) {
		tried.mode[i] = sc.settings;
		tried.mode[i].mode = (uint64_t)i;
	}
	assert_int_equal(world_init(&w, &sc, controller, 0), 0);
	assert_int_equal(checker_init(&c, &w), 0);
	next_us = w.now_us + rng_wait(&r, 4 * USEC_PER_SEC);
	dies_us = rng_chance(&r, PPM / 3) ? w.now_us + rng_within(&r, 0, LENGTH_US) : UINT64_MAX;
	while (c.broken == HOLDS && !w.controller_dead && world_step(&w)) {
		if (w.now_us < next_us)
			continue;
		next_us = w.now_us + rng_wait(&r, 4 * USEC_PER_SEC);
		disturb(&w, &w.vm[rng_within(&r, 0, w.n - 1)], &tried, &r);
		/* it dies when something is going on, rather than at any time */
		if (w.now_us >= dies_us && w.squeezing)
			world_kill_controller(&w, GUARDIAN_US - 3 * USEC_PER_SEC);
	}
	if (w.controller_dead && c.broken == HOLDS)
		live_on(&w, &c);
	add_checked(sum, &c, seed, w.now_us - w.begin_us);
	for (i = 0; i < LOAD_KINDS; i++)
		squeezes += w.sum[i].squeezes;
	for (i = 0; i < (int)w.n; i++)
		squeezes += w.vm[i].history.total.squeezes;
	checker_fini(&c);
	world_fini(&w);
	return squeezes;
}

static void invariants_hold_in_thousands_of_random_worlds(void **state)
{
	struct checker sum = { 0 };
	uint64_t seed, squeezes = 0;
	int i;

	(void)state;
	for (seed = 1; seed <= worlds_wanted && sum.broken == HOLDS; seed++)
		squeezes += live(seed, &controller_ballonet, &sum);
	if (sum.broken != HOLDS)
		fail_msg("invariant %d: %s", (int)sum.broken, sum.why);
	(void)printf("%llu worlds, %llu squeezes; checked:", (unsigned long long)worlds_wanted,
		     (unsigned long long)squeezes);
	for (i = 1; i < INVARIANTS; i++)
		(void)printf(" %llu", (unsigned long long)sum.checked[i]);
	(void)printf("\n");
	/* or these worlds prove nothing */
	assert_true(squeezes > worlds_wanted);
	for (i = 1; i < INVARIANTS; i++)
		assert_true(sum.checked[i] > worlds_wanted / 20);
}

/* A guest frees as much every five minutes as makes a squeeze worth it, whatever it costs. */
static void squeezes_of_any_hour_cost_what_they_may_and_one_more_at_most(void **state)
{
	struct checker c;
	struct scenario sc;
	struct world w;
	uint64_t next_us;

	(void)state;
	scenario_init(&sc);
	sc.vms = sc.vms_per_host = 1;
	sc.length_us = 12 * 3600 * USEC_PER_SEC;
	sc.lifetime_us = 0;
	sc.reporting_ppm = 0;
	sc.inflate_cost_us = 8 * USEC_PER_SEC;
	sc.ram_max_b = sc.ram_min_b;
	sc.settings.cost_max_ppm = PPM / 500; /* 7 s, and half of the memory costs 4 */
	for (int i = 0; i < LOAD_KINDS; i++)
		sc.kind[i] = i == LOAD_IDLE;
	for (int i = 0; i < DRIVER_COUNT; i++)
		sc.driver[i] = i == DRIVER_PLAIN;
	assert_int_equal(world_init(&w, &sc, &controller_ballonet, 0), 0);
	assert_int_equal(checker_init(&c, &w), 0);
	next_us = w.now_us + 300 * USEC_PER_SEC;
	while (world_step(&w)) {
		if (w.now_us < next_us)
			continue;
		next_us = w.now_us + 300 * USEC_PER_SEC;
		guest_give(&w.vm[0].guest,
			   guest_want(&w.vm[0].guest, w.vm[0].guest.spec.ram_b / 2));
	}
	(void)printf("%llu squeezes; %s\n", (unsigned long long)c.checked[COST], c.why);
	assert_string_equal(c.why, "");
	assert_in_range(c.checked[COST], 5, 1000);
	checker_fini(&c);
	world_fini(&w);
}

static void a_broken_policy_is_caught_for_each_invariant(void **state)
{
	const struct broken *broken;
	bool seen[INVARIANTS] = { false };
	size_t i, n;

	(void)state;
	broken = broken_policies(&n);
	for (i = 0; i < n; i++) {
		struct checker sum = { 0 };
		uint64_t seed;

		/* a fault may break others on its way; it is caught for what it is all the same */
		for (seed = 1; seed <= CATCH_WITHIN && sum.broken != broken[i].breaks; seed++) {
			sum.broken = HOLDS;
			(void)live(seed, &broken[i].controller, &sum);
		}
		(void)printf("%s: %s\n", broken[i].controller.name, sum.why);
		assert_int_equal(sum.broken, broken[i].breaks);
		seen[broken[i].breaks] = true;
	}
	for (i = 1; i < INVARIANTS; i++)
		assert_true(seen[i]);
}

/* A host of @n guests of a kind that are sized for good, whose memory is short. */
static void draw_sized(struct scenario *sc, uint64_t n)
{
	scenario_init(sc);
	sc->vms = sc->vms_per_host = n;
	sc->length_us = 24 * 3600 * USEC_PER_SEC; /* they are watched for some hours first */
	sc->lifetime_us = 0;
	sc->ram_max_b = sc->ram_min_b;
	sc->stuck_ppm = 0;
	for (int i = GUEST_HONEST + 1; i < GUEST_CANDOUR_COUNT; i++)
		sc->candour[i] = 0;
	for (int i = 0; i < DRIVER_COUNT; i++)
		sc->driver[i] = i == DRIVER_PLAIN;
	sc->swap_ppm = PPM;
	sc->settings.mode = MODE_RIGHTSIZE;
	sc->settings.size_step_ppm = PPM / 20;
}

/* Bytes in all balloons. */
static uint64_t in_balloons(const struct world *w)
{
	uint64_t sum_b = 0;
	size_t i;

	for (i = 0; i < w->n; i++)
		sum_b += w->vm[i].guest.balloon_b;
	return sum_b;
}

static void all_guests_in_distress_at_once_get_all_their_memory(void **state)
{
	struct checker c;
	struct scenario sc;
	struct world w;
	uint64_t end_us;
	size_t i;

	(void)state;
	draw_sized(&sc, 20);
	assert_int_equal(world_init(&w, &sc, &controller_ballonet, 0), 0);
	assert_int_equal(checker_init(&c, &w), 0);
	while (in_balloons(&w) < 20 * 100 * MIB)
		assert_true(world_step(&w));
	for (i = 0; i < w.n; i++)
		(void)guest_want(&w.vm[i].guest, guest_available(&w.vm[i].guest) + 128 * MIB);
	end_us = w.now_us + 5 * USEC_PER_SEC;
	while (w.now_us < end_us && world_step(&w))
		;
	for (i = 0; i < w.n; i++)
		assert_true(w.vm[i].guest.balloon_b < 32 * MIB);
	assert_string_equal(c.why, "");
	checker_fini(&c);
	world_fini(&w);
}

static void vms_that_vanish_in_a_squeeze_leave_nothing_behind(void **state)
{
	const struct host_history none = { 0 };
	struct scenario sc;
	struct world w;
	uint64_t gone = 0;
	size_t i;

	(void)state;
	draw_sized(&sc, 20);
	sc.settings.mode = MODE_SQUEEZE;
	sc.host_share_ppm = PPM / 2; /* short, so that balloons are held as well */
	assert_int_equal(world_init(&w, &sc, &controller_ballonet, 0), 0);
	while (world_step(&w))
		for (i = 0; i < w.n; i++)
			if (w.vm[i].here && w.vm[i].guest.balloon_b > 64 * MIB) {
				world_end_vm(&w, &w.vm[i]);
				gone++;
			}
	assert_in_range(gone, 10, 10000);
	for (i = 0; i < w.n; i++)
		world_end_vm(&w, &w.vm[i]);
	assert_int_equal(w.squeezing, 0);
	assert_memory_equal(w.host.offer_b, none.offer_b, sizeof(none.offer_b));
	assert_memory_equal(w.host.held_b, none.held_b, sizeof(none.held_b));
	assert_int_equal(w.host.coming_b, 0);
	world_fini(&w);
}

/* Asks for the state of things an hour after each jump: squeezes go on as if nothing had been. */
static void clocks_that_jump_keep_nobody_from_being_looked_at(void **state)
{
	const uint64_t day_us = UINT64_C(86400) * USEC_PER_SEC;
	const uint64_t walls_us[] = { 0, 400 * day_us, 10 * day_us, 0 };
	struct checker c;
	struct scenario sc;
	struct world w;
	uint64_t ticks, end_us;
	size_t i;

	(void)state;
	scenario_init(&sc);
	sc.vms = 10;
	sc.length_us = 365 * day_us;
	assert_int_equal(world_init(&w, &sc, &controller_ballonet, 0), 0);
	assert_int_equal(checker_init(&c, &w), 0);
	for (i = 0; i < ARRAY_SIZE(walls_us); i++) {
		w.now_us += 6 * 3600 * USEC_PER_SEC; /* it slept */
		w.wall_us = walls_us[i];
		ticks = w.ticks;
		end_us = w.now_us + 3600 * USEC_PER_SEC;
		while (w.now_us < end_us)
			assert_true(world_step(&w));
		assert_true(w.ticks - ticks >= 10 * 300);
	}
	assert_string_equal(c.why, "");
	checker_fini(&c);
	world_fini(&w);
}

static void a_seed_tells_the_same_world_every_time(void **state)
{
	struct checker a = { 0 }, b = { 0 };
	int i;

	(void)state;
	assert_int_equal(live(3, &controller_ballonet, &a), live(3, &controller_ballonet, &b));
	for (i = 0; i < INVARIANTS; i++)
		assert_int_equal(a.checked[i], b.checked[i]);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(invariants_hold_in_thousands_of_random_worlds),
		cmocka_unit_test(squeezes_of_any_hour_cost_what_they_may_and_one_more_at_most),
		cmocka_unit_test(a_broken_policy_is_caught_for_each_invariant),
		cmocka_unit_test(all_guests_in_distress_at_once_get_all_their_memory),
		cmocka_unit_test(vms_that_vanish_in_a_squeeze_leave_nothing_behind),
		cmocka_unit_test(clocks_that_jump_keep_nobody_from_being_looked_at),
		cmocka_unit_test(a_seed_tells_the_same_world_every_time),
	};
	const char *wanted = argc > 1 ? argv[1] : getenv("BALLONET_WORLDS");

	worlds_wanted = wanted ? strtoull(wanted, NULL, 10) : WORLDS_DEFAULT;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
