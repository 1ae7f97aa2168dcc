/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_policy.c - how long one policy step for many due VMs takes
 *
 * In:    how many VMs (1000), how many steps (200).
 * Out:   one JSON line: microseconds of processor time of a step, the median and the dearest.
 *
 * The VMs are those of a model world after an hour: most are calm, some rest,
 * some are in the middle of a squeeze. Each step is 10 s after the last, with
 * fresh facts of every VM, which is the dearest case: all are due, and all are
 * judged. (The daemon spreads calm VMs over the interval.)
 */
#include "sim/world.h"

#include "base/num.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define VMS_DEFAULT 1000
#define STEPS_DEFAULT 200
#define STEP_US (10 * USEC_PER_SEC)

static uint64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts); /* others run, too */
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* The facts as they would be a step later: newer, and a little different. */
static void age(struct vm_facts *vm, uint64_t now_us)
{
	vm->stats.taken_us = vm->backed_b.taken_us = vm->actual_b.taken_us = now_us;
	vm->cpu_us.value += STEP_US / 100;
	vm->cpu_us.taken_us = now_us;
	vm->stats.tag[BALLOON_STAT_MINFLT] += 100;
	vm->request = REQUEST_NONE;
}

int main(int argc, char **argv)
{
	size_t vms = argc > 1 ? strtoul(argv[1], NULL, 10) : VMS_DEFAULT;
	size_t steps = argc > 2 ? strtoul(argv[2], NULL, 10) : STEPS_DEFAULT, i, k;
	uint64_t *took_ns = calloc(steps, sizeof(*took_ns));
	struct scenario sc;
	struct world w;

	scenario_init(&sc);
	sc.vms = sc.vms_per_host = vms;
	if (!took_ns || world_init(&w, &sc, &controller_ballonet, 0) < 0)
		return 1;
	w.end_us = w.now_us + 3600 * USEC_PER_SEC;
	while (world_step(&w))
		;
	for (i = 0; i < vms; i++) {
		w.facts[i] = w.vm[i].facts;
		w.settings[i] = w.vm[i].settings;
		w.history[i] = &w.vm[i].history;
	}
	for (k = 0; k < steps; k++) {
		struct snapshot snap = { .now_us = w.now_us + (k + 1) * STEP_US,
					 .nvm = vms,
					 .vm = w.facts };
		const struct policy_host host = { &sc.settings, &w.host };
		const struct mind mind = { &host, w.settings, w.history };
		struct plan plan = { .vm = w.decision };
		uint64_t from_ns;

		snap.host.total_b = fact_of(w.total_b, snap.now_us);
		snap.host.available_b = fact_of(world_available(&w), snap.now_us);
		snap.host.cpus = w.cpus;
		for (i = 0; i < vms; i++)
			age(&w.facts[i], snap.now_us);
		from_ns = now_ns();
		controller_ballonet.decide(&snap, &mind, &plan);
		took_ns[k] = now_ns() - from_ns;
	}
	qsort(took_ns, steps, sizeof(*took_ns), compare);
	(void)printf("{\"vms\":%zu,\"steps\":%zu,\"median_us\":%.1f,\"worst_us\":%.1f}\n", vms,
		     steps, (double)took_ns[steps / 2] / 1000, (double)took_ns[steps - 1] / 1000);
	world_fini(&w);
	free(took_ns);
	return 0;
}
