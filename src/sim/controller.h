/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * controller.h - who sets the balloons' targets in a model world
 *
 * Layer: sim.
 * In:    the facts of the VMs that are due and of their host.
 * Out:   a plan, as the policy makes it.
 *
 * One of them is the real policy. The others are models of what other
 * controllers' published algorithms do, not those controllers.
 */
#ifndef BALLONET_SIM_CONTROLLER_H
#define BALLONET_SIM_CONTROLLER_H

#include "policy/policy.h"

#include <stdbool.h>
#include <stddef.h>

/* What a controller remembers: the policy's own memory, which others need less of. */
struct mind {
	const struct policy_host *host;
	const struct settings *const *settings; /* of each VM in the snapshot */
	struct history *const *vm;		/* of each VM in the snapshot */
};

struct controller {
	const char *name;
	const char *help;
	bool reporting; /* it is run where free page reporting is on, in guests that can */
	void (*decide)(const struct snapshot *snap, const struct mind *mind, struct plan *plan);
};

/* All there are, the real policy first; *ret_n of them. */
const struct controller *const *controllers(size_t *ret_n);

/* The one called @name, or NULL. */
const struct controller *controller_find(const char *name);

/* For models that look at all VMs together: the next multiple of @every_us after @now_us. */
uint64_t controller_next(uint64_t now_us, uint64_t every_us);

/* A decision that does nothing until @wake_us. */
void controller_rest(const struct vm_facts *vm, uint64_t wake_us, struct decision *ret);

/* May a model set a target for this VM: does it run, with a driver that says how it is? */
bool controller_can(const struct vm_facts *vm);

extern const struct controller controller_ballonet, controller_ballonet_alone, controller_none,
	controller_reporting, controller_static, controller_mom, controller_proxmox;

#endif
