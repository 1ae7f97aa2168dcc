/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario.h - the description of a model world, and the table of its keys
 *
 * Layer: sim.
 * In:    a built-in name, or the lines of a file.
 * Out:   struct scenario, every value within its range.
 *
 * Keys are rows of a table of the same shape as the settings', so that they
 * are read, ranged and documented the same way.
 */
#ifndef BALLONET_SIM_SCENARIO_H
#define BALLONET_SIM_SCENARIO_H

#include "sim/load.h"

#include "model/settings.h"

struct scenario {
	/* the world */
	uint64_t seed;
	uint64_t vms;
	uint64_t vms_per_host;
	uint64_t length_us;
	uint64_t host_memory_b; /* of each host; 0: host_share_ppm of its first VMs' memory */
	uint64_t host_share_ppm;
	uint64_t host_cpus;   /* of each host; 0: one for every two VMs */
	uint64_t lifetime_us; /* of a VM on average, another comes for it; 0: for ever */
	uint64_t boot_us;     /* between two of them */
	/* the machines */
	uint64_t ram_min_b;
	uint64_t ram_max_b;	/* a power of two times ram_min_b, each as likely */
	uint64_t swap_ppm;	/* of the machines have a swap disk, of a quarter of their memory */
	uint64_t reporting_ppm; /* of the machines can do free page reporting */
	uint64_t inflate_rate_b; /* bytes per second */
	uint64_t deflate_rate_b;
	uint64_t inflate_cost_us; /* processor time for each GiB inflated */
	uint64_t own_b;		  /* the hypervisor's own memory */
	uint64_t apart_ppm;	  /* of the machines have their RAM counted apart from it */
	uint64_t kernel_b;	  /* what a guest's kernel keeps, and 2 % of its memory besides */
	uint64_t driver[DRIVER_COUNT];	       /* weights */
	uint64_t kind[LOAD_KINDS];	       /* weights */
	uint64_t candour[GUEST_CANDOUR_COUNT]; /* weights */
	uint64_t stuck_ppm;		       /* of the balloons never move */
	struct script script;	  /* where it has steps, all guests do these and nothing else */
	struct settings settings; /* of the policy */
};

/* The default world. */
void scenario_init(struct scenario *sc);

/* Names of the built-in scenarios and what they are, in order; *ret_n of them. */
struct scenario_name {
	const char *name;
	const char *help;
	const char *text; /* lines, as in a file */
};
const struct scenario_name *scenario_names(size_t *ret_n);

/* Longest sentence of scenario_read(). */
#define SCENARIO_TROUBLE_MAX 200

/*
 * Reads lines "KEY: VALUE" into @sc, over what is there; "#" begins a comment,
 * "setting.KEY" is one of the policy's settings, and "do: TIME WHAT SIZE" adds
 * a step to the script. 0, or -EINVAL with a sentence that names the line.
 */
int scenario_read(struct scenario *sc, const char *text, char trouble[SCENARIO_TROUBLE_MAX]);

#endif
