/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mom.c - model of MOM's default ballooning rules
 *
 * Layer: sim.
 * In:    the facts of all VMs, every 10 s.
 * Out:   a target for each.
 *
 * As its rules are published: below 20 % of free host memory every guest
 * shrinks by 5 % at most, towards what it uses and 20 % free; else it grows by
 * 5 %. Page cache counts as used. What is resident plays no part.
 */
#include "sim/controller.h"

#include "base/num.h"

#define EVERY_US (10 * USEC_PER_SEC)
#define PRESSED_PPM (200 * UINT64_C(1000))
#define CHANGE_MAX_PPM (50 * UINT64_C(1000))
#define CHANGE_MIN_PPM (2500 * UINT64_C(1))
#define GUEST_FREE_PPM (200 * UINT64_C(1000))

static uint64_t shrunk(const struct vm_facts *vm, uint64_t now_b)
{
	uint64_t used_b = u64_sub_sat(now_b, vm->stats.tag[BALLOON_STAT_MEMFREE]);
	uint64_t least_b = u64_add_sat(used_b, u64_ppm(now_b, GUEST_FREE_PPM));

	return u64_clamp(now_b - u64_ppm(now_b, CHANGE_MAX_PPM), u64_min(least_b, now_b), now_b);
}

static uint64_t grown(const struct vm_facts *vm, uint64_t now_b)
{
	return u64_min(u64_add_sat(now_b, u64_ppm(now_b, CHANGE_MAX_PPM)), vm->ram_b.value);
}

static void decide(const struct snapshot *snap, const struct mind *mind, struct plan *plan)
{
	const struct host_facts *host = &snap->host;
	bool pressed = host->available_b.value < u64_ppm(host->total_b.value, PRESSED_PPM);
	size_t i;

	(void)mind;
	for (i = 0; i < snap->nvm; i++) {
		const struct vm_facts *vm = &snap->vm[i];
		struct decision *d = &plan->vm[i];
		uint64_t now_b = vm->actual_b.value, next_b;

		controller_rest(vm, controller_next(snap->now_us, EVERY_US), d);
		if (!controller_can(vm))
			continue;
		next_b = pressed ? shrunk(vm, now_b) : grown(vm, now_b);
		if (u64_max(next_b, now_b) - u64_min(next_b, now_b) <=
		    u64_ppm(now_b, CHANGE_MIN_PPM))
			continue;
		d->actions = ACT_SET_TARGET;
		d->target_b = next_b;
	}
}

const struct controller controller_mom = {
	.name = "mom",
	.help = "model of MOM's default rules",
	.decide = decide,
};
