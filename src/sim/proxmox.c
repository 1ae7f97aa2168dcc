/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * proxmox.c - model of Proxmox's automatic ballooning
 *
 * Layer: sim.
 * In:    the facts of all VMs, every 10 s.
 * Out:   a target for each.
 *
 * As its rule is published: host memory is to be 80 % used, with a dead band of
 * 10 MiB; what is too much or too little is shared out among the VMs, 100 MiB
 * a step each at most, between a VM's minimum and its maximum. A guest whose
 * free memory is a quarter of its minimum or less is pressured: it shrinks last
 * and grows first. Shares are equal here, and a VM's minimum is half of it.
 */
#include "sim/controller.h"

#include "base/num.h"

#define EVERY_US (10 * USEC_PER_SEC)
#define USED_PPM (800 * UINT64_C(1000))
#define BAND_B (10 * MIB)
#define STEP_B (100 * MIB)
#define MINIMUM_DIVISOR 2

static bool pressured(const struct vm_facts *vm)
{
	return vm->stats.tag[BALLOON_STAT_MEMFREE] <= vm->ram_b.value / MINIMUM_DIVISOR / 4;
}

/* How far @vm can go that way in one step. */
static uint64_t room(const struct vm_facts *vm, bool shrink)
{
	uint64_t now_b = vm->actual_b.value;
	uint64_t room_b = shrink ? u64_sub_sat(now_b, vm->ram_b.value / MINIMUM_DIVISOR)
				 : u64_sub_sat(vm->ram_b.value, now_b);

	return u64_min(room_b, STEP_B);
}

/* Shares @goal_b out among those VMs that are pressured, or those that are not. */
static uint64_t share_out(const struct snapshot *snap, bool shrink, bool of_pressured,
			  uint64_t goal_b, struct plan *plan)
{
	uint64_t left_b = goal_b, each_b, part_b, n = 0;
	size_t i;

	for (i = 0; i < snap->nvm; i++)
		n += controller_can(&snap->vm[i]) && pressured(&snap->vm[i]) == of_pressured &&
		     room(&snap->vm[i], shrink) > 0;
	if (n == 0)
		return goal_b;
	each_b = u64_max(goal_b / n, MIB);
	for (i = 0; i < snap->nvm && left_b; i++) {
		const struct vm_facts *vm = &snap->vm[i];

		if (!controller_can(vm) || pressured(vm) != of_pressured)
			continue;
		part_b = u64_min(u64_min(each_b, left_b), room(vm, shrink));
		if (part_b == 0)
			continue;
		plan->vm[i].actions = ACT_SET_TARGET;
		plan->vm[i].target_b =
			shrink ? vm->actual_b.value - part_b : vm->actual_b.value + part_b;
		left_b -= part_b;
	}
	return left_b;
}

static void decide(const struct snapshot *snap, const struct mind *mind, struct plan *plan)
{
	const struct host_facts *host = &snap->host;
	uint64_t used_b = u64_sub_sat(host->total_b.value, host->available_b.value);
	uint64_t goal_b = u64_ppm(host->total_b.value, USED_PPM), left_b;
	bool shrink = used_b > goal_b;
	size_t i;

	(void)mind;
	for (i = 0; i < snap->nvm; i++)
		controller_rest(&snap->vm[i], controller_next(snap->now_us, EVERY_US),
				&plan->vm[i]);
	left_b = shrink ? used_b - goal_b : goal_b - used_b;
	if (left_b <= BAND_B)
		return;
	left_b = share_out(snap, shrink, !shrink, left_b, plan);
	if (left_b)
		(void)share_out(snap, shrink, shrink, left_b, plan);
}

const struct controller controller_proxmox = {
	.name = "proxmox",
	.help = "model of Proxmox's automatic ballooning",
	.decide = decide,
};
