/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * controller.c - the list of controllers, and the simplest of them
 *
 * Layer: sim.
 * In:    the facts of the VMs that are due.
 * Out:   a plan.
 *
 * The real policy is called here and nowhere else in the simulator.
 */
#include "sim/controller.h"

#include "policy/estimate.h"

#include "base/num.h"

#include <string.h>

/* Those that never act are asked once in a while all the same. */
#define REST_US (3600 * USEC_PER_SEC)
/* A static balloon as an operator might choose it: 640 of 1024 MiB remain. */
#define STATIC_REMAINS_PPM (625 * UINT64_C(1000))

uint64_t controller_next(uint64_t now_us, uint64_t every_us)
{
	return (now_us / every_us + 1) * every_us;
}

void controller_rest(const struct vm_facts *vm, uint64_t wake_us, struct decision *ret)
{
	*ret = (struct decision){ .vm_id = vm->id, .wake_us = wake_us };
}

bool controller_can(const struct vm_facts *vm)
{
	return vm->state == VM_STATE_RUNNING && vm->ram_b.known && vm->actual_b.known &&
	       estimate_possible(&vm->stats);
}

static void decide_ballonet(const struct snapshot *snap, const struct mind *mind, struct plan *plan)
{
	policy_fold(snap, mind->host, mind->settings, mind->vm);
	policy_decide(snap, mind->host, mind->settings, mind->vm, plan);
}

static void decide_none(const struct snapshot *snap, const struct mind *mind, struct plan *plan)
{
	size_t i;

	(void)mind;
	for (i = 0; i < snap->nvm; i++)
		controller_rest(&snap->vm[i], controller_next(snap->now_us, REST_US), &plan->vm[i]);
}

static void decide_static(const struct snapshot *snap, const struct mind *mind, struct plan *plan)
{
	size_t i;

	decide_none(snap, mind, plan);
	for (i = 0; i < snap->nvm; i++) {
		const struct vm_facts *vm = &snap->vm[i];

		plan->vm[i].actions = ACT_SET_TARGET;
		plan->vm[i].target_b = u64_ppm(vm->ram_b.value, STATIC_REMAINS_PPM);
	}
}

const struct controller controller_ballonet = {
	.name = "ballonet",
	.help = "the real policy, beside free page reporting",
	.reporting = true,
	.decide = decide_ballonet,
};

const struct controller controller_ballonet_alone = {
	.name = "ballonet-alone",
	.help = "the real policy, where free page reporting is off",
	.decide = decide_ballonet,
};

const struct controller controller_none = {
	.name = "none",
	.help = "unmanaged",
	.decide = decide_none,
};

const struct controller controller_reporting = {
	.name = "reporting",
	.help = "model of free page reporting alone",
	.reporting = true,
	.decide = decide_none,
};

const struct controller controller_static = {
	.name = "static",
	.help = "model of a static balloon of 3/8",
	.decide = decide_static,
};

static const struct controller *const all[] = {
	&controller_ballonet,  &controller_ballonet_alone, &controller_none,
	&controller_reporting, &controller_static,	   &controller_mom,
	&controller_proxmox,
};

const struct controller *const *controllers(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(all);
	return all;
}

const struct controller *controller_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(all); i++)
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}
