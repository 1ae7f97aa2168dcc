/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * world.c - one host with its VMs in virtual time, under one controller
 *
 * Layer: sim.
 * In:    a scenario, the number of the host in it, a controller.
 * Out:   what became of the VMs and the host.
 *
 * An instant has the order of the daemon's tick: what happens in the guests,
 * observe, decide, apply. All that is drawn for a VM comes from the seed, the
 * host and the VM's place, never from what the controller did: every
 * controller meets the same world.
 */
#include "sim/world.h"

#include "base/num.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A guest's statistics on demand: median 4.4 ms (measured). */
#define ANSWER_US 4400
/* Short of memory, the host wakes the controller; so often at most. */
#define HURRY_EVERY_US (2 * USEC_PER_SEC)
/* The first VMs come one after the other in this time: nobody starts a host's VMs at once. */
#define ARRIVALS_US (60 * USEC_PER_SEC)
/* Pressure is told by how far available memory is below this share: 0 there, all of it at 0. */
#define PRESSURE_PPM (30 * UINT64_C(1000))
/* VMs are fetched so many before they are worked on. */
#define AHEAD 3
#define CACHE_LINE_B 64

uint64_t world_available(const struct world *w)
{
	return u64_sub_sat(w->total_b, w->resident_b);
}

static struct due *due_of(struct world *w, const struct world_vm *vm)
{
	return &w->due[vm - w->vm];
}

void world_reschedule(struct world *w, struct world_vm *vm)
{
	uint64_t next_us = u64_min(u64_min(vm->wake_us, vm->refresh_us), vm->answer_us);

	next_us = u64_min(next_us, vm->end_us);
	if (vm->here && vm->state != VM_STATE_PAUSED)
		next_us = u64_min(next_us, vm->load.next_us);
	due_set(&w->heap, due_of(w, vm), next_us);
}

void world_touch(struct world *w, struct world_vm *vm)
{
	if (!vm->here || w->controller_dead)
		return;
	vm->wake_us = w->now_us;
	world_reschedule(w, vm);
}

/* The host has nothing left: its OOM killer takes the largest VM. */
static void kill_largest(struct world *w)
{
	struct world_vm *largest = &w->vm[0];
	size_t i;

	for (i = 1; i < w->n; i++)
		if (w->vm[i].resident_b > largest->resident_b)
			largest = &w->vm[i];
	w->oom_kills++;
	world_end_vm(w, largest);
}

/* ---------------------------------------------------------------- the host */

static uint64_t pressure(const struct world *w)
{
	uint64_t least_b = u64_ppm(w->total_b, PRESSURE_PPM);

	return PPM - u64_share_ppm(world_available(w), least_b);
}

/* A pressure trigger fired, or the policy asks for it: everybody is looked at now. */
static void hurry(struct world *w)
{
	size_t i;

	if (w->controller_dead || w->now_us < w->hurried_us + HURRY_EVERY_US)
		return;
	w->hurried_us = w->now_us;
	for (i = 0; i < w->n; i++)
		if (w->vm[i].refresh_us == DUE_NEVER && w->vm[i].answer_us == DUE_NEVER)
			world_touch(w, &w->vm[i]);
}

static void keep_host(struct world *w)
{
	while (w->resident_b > w->total_b)
		kill_largest(w);
	if (pressure(w) == 0)
		return;
	w->pressure_us = w->now_us;
	hurry(w);
}

static struct host_facts host_facts(const struct world *w)
{
	return (struct host_facts){
		.total_b = fact_of(w->total_b, w->now_us),
		.available_b = fact_of(world_available(w), w->now_us),
		.psi_some_avg10_ppm = fact_of(pressure(w), w->now_us),
		.psi_full_avg10_ppm = fact_of(pressure(w) / 2, w->now_us),
		.cpus = w->cpus,
		.squeezing = w->squeezing,
		.reserved_b = w->reserved_b,
		.reserved_by_us = w->reserved_by_us,
		.pressure_us = w->pressure_us,
		/* loads go by the world's clock, which is that of the day */
		.local_s = fact_of((w->now_us + w->wall_us) / USEC_PER_SEC, w->now_us),
	};
}

/* ----------------------------------------------------------------- a tick */

static struct world_mark mark_of(const struct world *w, const struct guest *g)
{
	uint64_t at_us = w->now_us - w->begin_us;
	uint64_t own_mib_s = g->spec.own_b / MIB * (at_us / USEC_PER_SEC);

	return (struct world_mark){
		.at_us = at_us,
		.resident_b = guest_resident(g),
		.ram_b = guest_ram(g),
		.ram_mib_s = (uint64_t)(g->resident_b_us / MIB / USEC_PER_SEC) - own_mib_s,
		.harm = g->harm,
		.work = g->work,
	};
}

/* The steps of a script that are not the guest's to do. True where the controller is to look. */
static bool do_script(struct world *w, struct world_vm *vm)
{
	unsigned int asks = vm->load.asks;

	vm->load.asks = 0;
	if (asks & 1U << SCRIPT_MARK && vm == w->vm && w->marks < WORLD_MARKS)
		w->mark[w->marks++] = mark_of(w, &vm->guest);
	w->asks |= asks & (1U << SCRIPT_START | 1U << SCRIPT_STOP);
	if (asks & 1U << SCRIPT_SQUEEZE)
		vm->request = REQUEST_SQUEEZE;
	return asks & 1U << SCRIPT_SQUEEZE;
}

/* What happens to @vm at this instant. True where the controller is to look at it. */
static bool happen(struct world *w, struct world_vm *vm)
{
	uint64_t now_us = w->now_us;
	bool look = false;

	if (vm->end_us <= now_us) {
		if (vm->here) {
			world_end_vm(w, vm);
			return false;
		}
		world_begin_vm(w, vm);
	}
	world_advance_vm(w, vm);
	if (vm->state != VM_STATE_PAUSED && vm->load.next_us <= now_us) {
		load_run(&vm->load, &vm->guest, now_us);
		world_account(w, vm);
		if (vm->load.asks)
			look = do_script(w, vm) && !w->controller_dead;
	}
	if (vm->refresh_us <= now_us) {
		vm->refresh_us = DUE_NEVER;
		if (vm->state == VM_STATE_RUNNING && vm->guest.spec.driver != DRIVER_NONE)
			vm->answer_us = now_us + ANSWER_US;
	}
	if (vm->answer_us <= now_us) {
		vm->answer_us = DUE_NEVER;
		guest_say(&vm->guest, rng_next(&vm->load.rng_noise), &vm->held);
		look = true;
	}
	return look || vm->wake_us <= now_us;
}

uint64_t world_cpu(const struct world *w, const struct world_vm *vm)
{
	return load_cpu(&vm->load, w->now_us) + vm->guest.work.shown_us;
}

static void observe_vm(struct world *w, struct world_vm *vm)
{
	struct vm_facts *f = &vm->facts;

	f->state = vm->state;
	f->boots = vm->boots;
	f->guarded = !vm->unguarded;
	f->request = vm->request;
	vm->request = REQUEST_NONE;
	f->backed_b = fact_of(vm->resident_b, w->now_us);
	if (vm->guest.spec.apart) {
		f->backed_b.value -= vm->guest.spec.own_b;
		f->own_b = fact_of(vm->guest.spec.own_b, w->now_us);
	}
	f->cpu_us = fact_of(world_cpu(w, vm), w->now_us);
	if (vm->state == VM_STATE_DOWN)
		return; /* what a hypervisor told last */
	f->ram_b = fact_of(vm->guest.spec.ram_b, w->now_us);
	f->actual_b = fact_of(vm->guest.spec.ram_b - vm->guest.balloon_b, w->now_us);
	f->stats = vm->held;
	if (vm->held.taken_us != w->now_us && vm->state == VM_STATE_RUNNING)
		/* the hypervisor's own poll: what it holds next time is of now */
		guest_say(&vm->guest, rng_next(&vm->load.rng_noise), &vm->held);
}

static void apply(struct world *w, struct world_vm *vm, const struct decision *d)
{
	bool counts = d->phase == PHASE_INFLATING ||
		      (d->phase == PHASE_DEFLATING && d->reason != REASON_DEFLATE_STUCK &&
		       vm->state == VM_STATE_RUNNING);

	vm->decision = *d;
	if (d->actions & ACT_SET_TARGET && vm->state != VM_STATE_DOWN) {
		vm->target_b = u64_min(d->target_b, vm->guest.spec.ram_b);
		vm->facts.target_b = fact_of(d->target_b, w->now_us);
		guest_balloon(&vm->guest, vm->target_b);
	}
	vm->refresh_us = d->actions & ACT_REFRESH ? d->refresh_us : DUE_NEVER;
	vm->wake_us = d->wake_us;
	w->squeezing += counts;
	w->squeezing -= vm->squeezing;
	vm->squeezing = counts;
	w->ticks++;
}

static void tick(struct world *w, size_t n)
{
	struct snapshot snap = { .now_us = w->now_us, .host = host_facts(w), .nvm = n };
	const struct policy_host host = { .settings = &w->sc->settings, .history = &w->host };
	struct mind mind = { .host = &host, .settings = w->settings, .vm = w->history };
	struct plan plan = { .vm = w->decision };
	size_t i;

	for (i = 0; i < n; i++) {
		struct world_vm *vm = w->ticked[i];

		observe_vm(w, vm);
		w->settings[i] = vm->settings;
		w->history[i] = &vm->history;
		if (n > 1)
			w->facts[i] = vm->facts;
	}
	snap.vm = n > 1 ? w->facts : &w->ticked[0]->facts;
	w->controller->decide(&snap, &mind, &plan);
	if (plan.host.hurry)
		hurry(w);
	if (w->watch)
		w->watch(w->watch_arg,
			 &(struct world_tick){ w, w->now_us, &snap, &plan, w->ticked });
	for (i = 0; i < n; i++) {
		apply(w, w->ticked[i], &plan.vm[i]);
		world_reschedule(w, w->ticked[i]);
	}
}

/* The guardian does what it is for: whoever it knows of gets all memory back. */
static void guard(struct world *w)
{
	size_t i;

	for (i = 0; i < w->n; i++) {
		struct world_vm *vm = &w->vm[i];

		if (!vm->here || vm->unguarded)
			continue;
		world_advance_vm(w, vm);
		vm->target_b = vm->guest.spec.ram_b;
		guest_balloon(&vm->guest, vm->target_b);
	}
}

void world_kill_controller(struct world *w, uint64_t after_us)
{
	size_t i;

	w->controller_dead = true;
	for (i = 0; i < w->n; i++) {
		w->vm[i].wake_us = w->vm[i].refresh_us = w->vm[i].answer_us = DUE_NEVER;
		world_reschedule(w, &w->vm[i]);
	}
	due_set(&w->heap, &w->due[w->n], w->now_us + after_us);
}

/* What a script has for the controller: done between two instants, when nobody is on the way. */
static void do_asked(struct world *w)
{
	size_t i;

	if (w->asks & 1U << SCRIPT_STOP)
		world_kill_controller(w, 0);
	if (w->asks & 1U << SCRIPT_START) {
		w->controller_dead = false;
		for (i = 0; i < w->n; i++)
			world_touch(w, &w->vm[i]);
	}
	w->asks = 0;
}

/* Has a VM brought into the processor's cache: of 10,000 none is there when its time comes. */
static void fetch(const struct world_vm *vm)
{
	const char *p = (const char *)vm;
	size_t i;

	for (i = 0; i < sizeof(*vm); i += CACHE_LINE_B)
		__builtin_prefetch(p + i);
}

bool world_step(struct world *w)
{
	struct due *first = due_first(&w->heap);
	size_t here = 0, n = 0, i;

	if (!first || first->at_us >= w->end_us) {
		w->now_us = w->end_us;
		return false;
	}
	w->now_us = u64_max(w->now_us, first->at_us); /* tests let it jump */
	while (first && first->at_us <= w->now_us) {
		due_set(&w->heap, first, DUE_NEVER);
		if (first == &w->due[w->n])
			guard(w);
		else
			w->ticked[here++] = &w->vm[first - w->due];
		first = due_first(&w->heap);
	}
	for (i = 0; i < here; i++) {
		struct world_vm *vm = w->ticked[i];

		if (i + AHEAD < here)
			fetch(w->ticked[i + AHEAD]);
		if (happen(w, vm))
			w->ticked[n++] = vm;
		else
			world_reschedule(w, vm);
	}
	if (n)
		tick(w, n);
	if (w->asks)
		do_asked(w);
	keep_host(w);
	return true;
}

void world_run(struct world *w)
{
	size_t i;

	while (world_step(w))
		;
	for (i = 0; i < w->n; i++)
		world_end_vm(w, &w->vm[i]);
}

/* ---------------------------------------------------------- begin and end */

static bool reserve(struct world *w)
{
	w->vm = calloc(w->n, sizeof(*w->vm));
	w->due = calloc(w->n + 1, sizeof(*w->due));
	w->facts = calloc(w->n, sizeof(*w->facts));
	w->decision = calloc(w->n, sizeof(*w->decision));
	w->settings = calloc(w->n, sizeof(*w->settings));
	w->history = calloc(w->n, sizeof(*w->history));
	w->ticked = calloc(w->n, sizeof(*w->ticked));
	return w->vm && w->due && w->facts && w->decision && w->settings && w->history &&
	       w->ticked && due_reserve(&w->heap, w->n + 1) == 0;
}

static uint64_t seed_of(uint64_t a, uint64_t b, uint64_t c)
{
	struct rng r;

	rng_seed(&r, a);
	rng_seed(&r, rng_next(&r) ^ b);
	rng_seed(&r, rng_next(&r) ^ c);
	return rng_next(&r);
}

/* What the memory of the first VMs adds to. They have begun by then, or will within a minute. */
static uint64_t sum_of_ram(struct world *w)
{
	struct guest_spec spec;
	uint64_t sum_b = 0;
	size_t i;

	for (i = 0; i < w->n; i++) {
		struct rng copy = w->vm[i].rng;

		world_draw_spec(w, &copy, &spec);
		sum_b += spec.ram_b;
	}
	return sum_b;
}

int world_init(struct world *w, const struct scenario *sc, const struct controller *controller,
	       uint64_t host)
{
	uint64_t first = host * sc->vms_per_host;
	size_t i;

	/* virtual time begins late, so that no instant is mistaken for "never" */
	*w = (struct world){ .sc = sc, .controller = controller, .now_us = 3600 * USEC_PER_SEC };
	w->begin_us = w->now_us;
	w->end_us = w->now_us + sc->length_us;
	w->n = u64_min(sc->vms_per_host, sc->vms - first);
	if (!reserve(w)) {
		world_fini(w);
		return -ENOMEM;
	}
	due_init(&w->due[w->n]);
	for (i = 0; i < w->n; i++) {
		struct world_vm *vm = &w->vm[i];

		due_init(&w->due[i]);
		vm->settings = &sc->settings;
		rng_seed(&vm->rng, seed_of(sc->seed, host, i));
		vm->wake_us = vm->refresh_us = vm->answer_us = DUE_NEVER;
		vm->end_us = w->now_us + (sc->script.n ? 0 : ARRIVALS_US * i / w->n);
		world_reschedule(w, vm);
	}
	w->total_b =
		sc->host_memory_b ? sc->host_memory_b : u64_ppm(sum_of_ram(w), sc->host_share_ppm);
	for (i = 0; i < sc->script.n; i++)
		w->controller_dead |= sc->script.step[i].what == SCRIPT_START;
	w->cpus = sc->host_cpus ? sc->host_cpus : u64_max(w->n / 2, 1);
	return 0;
}

void world_fini(struct world *w)
{
	free(w->vm);
	free(w->due);
	free(w->facts);
	free(w->decision);
	free(w->settings);
	free(w->history);
	free(w->ticked);
	due_heap_fini(&w->heap);
}
