/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run.h - a whole scenario under one controller, summed up
 *
 * Layer: sim.
 * In:    a scenario, a controller.
 * Out:   struct run, the figures of all its hosts.
 *
 * Hosts share nothing, so they are run one after the other.
 */
#ifndef BALLONET_SIM_RUN_H
#define BALLONET_SIM_RUN_H

#include "sim/controller.h"
#include "sim/guest.h"
#include "sim/scenario.h"
#include "sim/world.h"

/* Of the machines of a kind, or of all. */
struct run_sum {
	uint64_t vms;		 /* that there ever were */
	uint64_t resident_mib_s; /* the integral: resident MiB x seconds */
	uint64_t squeezes;
	uint64_t yield_b;  /* what the controller says it freed, at once */
	uint64_t return_b; /* of that, back within 60 s */
	struct guest_harm harm;
	struct guest_work work;
};

struct run {
	uint64_t hosts;
	struct run_sum all, kind[LOAD_KINDS];
	uint64_t peak_b; /* the most resident memory of each host, added up */
	uint64_t host_oom_kills;
	uint64_t ticks;			     /* times the controller looked at a VM */
	struct world_mark mark[WORLD_MARKS]; /* of the first VM, where there is a script */
	size_t marks;
};

/* Runs @sc under @controller to its end. 0 or -ENOMEM. */
int run_scenario(const struct scenario *sc, const struct controller *controller, struct run *ret);

#endif
