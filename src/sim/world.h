/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * world.h - one host with its VMs in virtual time, under one controller
 *
 * Layer: sim.
 * In:    a scenario, the number of the host in it, a controller.
 * Out:   what became of the VMs and the host.
 *
 * It models everything around the policy: the hypervisor with its statistics, the
 * footprint, the guardian, the tick. A VM needs processor time only at its own
 * instants, so that the cost per VM does not grow with their number.
 */
#ifndef BALLONET_SIM_WORLD_H
#define BALLONET_SIM_WORLD_H

#include "sim/controller.h"
#include "sim/guest.h"
#include "sim/load.h"
#include "sim/scenario.h"

#include "base/due.h"

/* One VM. Tests may change it between two steps: world_touch() it then. */
struct world_vm {
	struct vm_facts facts; /* as of its last tick; written at each */
	struct history history;
	const struct settings *settings;
	struct decision decision; /* the last one */

	enum vm_state state;
	uint32_t boots;
	bool here; /* false: it has ended, and another one is about to come */
	bool unguarded;
	enum vm_request request;
	bool squeezing; /* it counts as one that is being squeezed */

	enum load_kind kind;
	struct guest guest;
	struct load load;
	uint64_t programs_b;
	uint64_t base_b;
	uint64_t resident_b;	 /* as it counts in the host's sum */
	uint64_t target_b;	 /* the last that was asked for, as bytes that remain */
	struct guest_stats held; /* statistics that the hypervisor holds */
	struct rng rng;		 /* of what becomes of the VM itself */

	uint64_t wake_us;    /* tick it then */
	uint64_t refresh_us; /* ask for statistics then; DUE_NEVER: no */
	uint64_t answer_us;  /* they come then; DUE_NEVER: none were asked for */
	uint64_t end_us;     /* it ends or begins then */
};

/* The figures of an instant that a script marked; sums since the beginning of the VM. */
struct world_mark {
	uint64_t at_us; /* after the beginning */
	uint64_t resident_b;
	uint64_t ram_b;	    /* of that, what is the guest's RAM */
	uint64_t ram_mib_s; /* the integral of it */
	struct guest_harm harm;
	struct guest_work work;
};

#define WORLD_MARKS 16

/* What a step did, for whoever watches. */
struct world;

struct world_tick {
	const struct world *world;
	uint64_t now_us;
	const struct snapshot *snap;
	const struct plan *plan;
	struct world_vm *const *vm; /* of each VM in the snapshot */
};

struct world {
	const struct scenario *sc;
	const struct controller *controller;
	uint64_t begin_us;
	uint64_t wall_us; /* the wall clock is ahead of now_us by this; tests move it */
	uint64_t now_us;
	uint64_t end_us;

	size_t n;
	struct world_vm *vm;
	struct due *due; /* one for each, apart from it: the heap walks them all the time */
	struct due_heap heap;
	uint64_t last_id;

	/* the host */
	uint64_t total_b;
	uint64_t cpus;
	uint64_t resident_b; /* of all VMs */
	uint64_t peak_b;
	uint64_t squeezing;
	uint64_t oom_kills; /* VMs killed because the host had no memory left */
	uint64_t hurried_us;
	uint64_t pressure_us; /* a pressure trigger fired then; 0: none did */
	uint64_t reserved_b;  /* promised to VMs that are to start */
	uint64_t reserved_by_us;
	unsigned int asks;    /* bits of enum script_do that wait for the end of this instant */
	bool controller_dead; /* or not started yet: nobody is looked at */

	/* one entry per VM that is due */
	struct vm_facts *facts;
	struct decision *decision;
	struct host_history host; /* what the controller remembers of it */
	const struct settings **settings;
	struct history **history;
	struct world_vm **ticked;

	/* what ended VMs leave behind, by kind */
	struct world_sum {
		uint64_t vms;
		struct guest_harm harm;
		struct guest_work work;
		unsigned __int128 resident_b_us;
		uint64_t squeezes, yield_b, return_b;
	} sum[LOAD_KINDS];
	uint64_t ticks; /* VMs looked at, ever */

	/* of the first VM, where a script asked for them */
	struct world_mark mark[WORLD_MARKS];
	size_t marks;

	/* called after each tick, with what was decided; for tests */
	void (*watch)(void *arg, const struct world_tick *tick);
	void *watch_arg;
};

/* Host number @host of the scenario, which must outlive the world. 0 or -ENOMEM. */
int world_init(struct world *w, const struct scenario *sc, const struct controller *controller,
	       uint64_t host);
void world_fini(struct world *w);

/* Goes on to the next instant at which something happens, and does it. False at the end. */
bool world_step(struct world *w);

/* Until the end; then every guest's figures are up to date, and the sums those of all. */
void world_run(struct world *w);

/* Something of @vm was changed by hand: it is looked at now. */
void world_touch(struct world *w, struct world_vm *vm);

/* The VM's guest is reset, or the whole VM ends and another one comes later. */
void world_reset_vm(struct world *w, struct world_vm *vm);
void world_end_vm(struct world *w, struct world_vm *vm);

/* The controller dies; whoever the guardian knows of gets its memory back after @after_us. */
void world_kill_controller(struct world *w, uint64_t after_us);

/* Processor time that a VM has used, as its host sees it. */
uint64_t world_cpu(const struct world *w, const struct world_vm *vm);

/* Memory that the host has available. */
uint64_t world_available(const struct world *w);

/* Between world.c and world_vm.c. */

/* Draws what a VM is. Everything is drawn in any case, so that one figure moves no other. */
void world_draw_spec(const struct world *w, struct rng *r, struct guest_spec *ret);

/* A VM begins; time passes for it; what it has resident is put into the host's sum. */
void world_begin_vm(struct world *w, struct world_vm *vm);
void world_advance_vm(struct world *w, struct world_vm *vm);
void world_account(struct world *w, struct world_vm *vm);

/* When the VM is next of interest has changed. */
void world_reschedule(struct world *w, struct world_vm *vm);

#endif
