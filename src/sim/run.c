/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run.c - a whole scenario under one controller, summed up
 *
 * Layer: sim.
 * In:    a scenario, a controller.
 * Out:   struct run, the figures of all its hosts.
 *
 * One host at a time also keeps the working set within a processor's cache.
 */
#include "sim/run.h"

#include "base/num.h"

#include <string.h>

static void add_sum(struct run_sum *to, const struct world_sum *of)
{
	to->vms += of->vms;
	to->resident_mib_s += (uint64_t)(of->resident_b_us / MIB / USEC_PER_SEC);
	to->squeezes += of->squeezes;
	to->yield_b += of->yield_b;
	to->return_b += of->return_b;
	to->harm.oom_kills += of->harm.oom_kills;
	to->harm.swap_in_b += of->harm.swap_in_b;
	to->harm.swap_out_b += of->harm.swap_out_b;
	to->harm.refault_b += of->harm.refault_b;
	to->harm.major_faults += of->harm.major_faults;
	to->harm.stall_us += of->harm.stall_us;
	to->work.work_us += of->work.work_us;
	to->work.lost_us += of->work.lost_us;
	to->work.first_us += of->work.first_us;
	to->work.first_lost_us += of->work.first_lost_us;
	to->work.balloon_us += of->work.balloon_us;
	to->work.shown_us += of->work.shown_us;
}

static void add(struct run *to, const struct world *w)
{
	int i;

	if (to->hosts++ == 0) {
		memcpy(to->mark, w->mark, sizeof(to->mark));
		to->marks = w->marks;
	}
	for (i = 0; i < LOAD_KINDS; i++) {
		add_sum(&to->kind[i], &w->sum[i]);
		add_sum(&to->all, &w->sum[i]);
	}
	to->peak_b += w->peak_b;
	to->host_oom_kills += w->oom_kills;
	to->ticks += w->ticks;
}

int run_scenario(const struct scenario *sc, const struct controller *controller, struct run *ret)
{
	uint64_t hosts = (sc->vms + sc->vms_per_host - 1) / sc->vms_per_host, i;
	struct run run = { 0 };
	struct world w;
	int r;

	for (i = 0; i < hosts; i++) {
		r = world_init(&w, sc, controller, i);
		if (r < 0)
			return r;
		world_run(&w);
		add(&run, &w);
		world_fini(&w);
	}
	*ret = run;
	return 0;
}
