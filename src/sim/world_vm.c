/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * world_vm.c - the life of one VM of a world: drawn, begun, reset, ended
 *
 * Layer: sim.
 * In:    the scenario, the VM's own random numbers, the time.
 * Out:   the VM's guest and load; what it adds to the world's sums.
 */
#include "sim/world.h"

#include "base/num.h"

/* Guests that do what a script says have no programs to speak of: as the laboratory's. */
#define SCRIPT_PROGRAMS_B (3 * MIB)
/* Machines have a processor for so much memory, and one at least. */
#define VCPU_RAM_B (2 * GIB)

/* The row of @weights that a random number falls into. */
static unsigned int draw(struct rng *r, const uint64_t *weights, unsigned int n)
{
	uint64_t sum = 0, at;
	unsigned int i;

	for (i = 0; i < n; i++)
		sum += weights[i];
	at = rng_within(r, 0, sum - 1);
	for (i = 0; at >= weights[i]; i++)
		at -= weights[i];
	return i;
}

/* Draws what the VM is. Everything is drawn in any case, so that one figure moves no other. */
void world_draw_spec(const struct world *w, struct rng *r, struct guest_spec *ret)
{
	const struct scenario *sc = w->sc;
	uint64_t doublings = 0, b;
	bool stuck;

	for (b = sc->ram_min_b; b <= sc->ram_max_b / 2; b *= 2)
		doublings++;
	*ret = (struct guest_spec){ .ram_b = sc->ram_min_b << rng_within(r, 0, doublings) };
	ret->driver = (enum guest_driver)draw(r, sc->driver, DRIVER_COUNT);
	ret->candour = (enum guest_candour)draw(r, sc->candour, GUEST_CANDOUR_COUNT);
	ret->swap_b = rng_chance(r, sc->swap_ppm) ? ret->ram_b / 4 : 0;
	ret->reporting = rng_chance(r, sc->reporting_ppm) && w->controller->reporting &&
			 ret->driver != DRIVER_NONE && ret->driver != DRIVER_SHRINKER;
	ret->new_stats = rng_chance(r, PPM / 2);
	stuck = rng_chance(r, sc->stuck_ppm);
	ret->inflate_rate_b = stuck ? 0 : sc->inflate_rate_b;
	ret->deflate_rate_b = sc->deflate_rate_b;
	/* a 1 GiB guest manages 973 MiB: the kernel's image, and 1/64 for its page structures */
	ret->managed_b = (ret->ram_b - ret->ram_b / 64 - 35 * MIB) / 4096 * 4096;
	ret->kernel_b = (sc->kernel_b + ret->ram_b / 50) / 4096 * 4096;
	ret->fixed_b = ret->ram_b - ret->managed_b;
	ret->own_b = sc->own_b;
	ret->apart = rng_chance(r, sc->apart_ppm);
	ret->inflate_cost_us = sc->inflate_cost_us;
	ret->vcpus = (uint32_t)u64_max(ret->ram_b / VCPU_RAM_B, 1);
}

/* Keeps the host's sum. */
void world_account(struct world *w, struct world_vm *vm)
{
	uint64_t resident_b = vm->here ? guest_resident(&vm->guest) : 0;

	w->resident_b += resident_b - vm->resident_b;
	vm->resident_b = resident_b;
	w->peak_b = u64_max(w->peak_b, w->resident_b);
}

void world_begin_vm(struct world *w, struct world_vm *vm)
{
	struct guest_spec spec;
	uint64_t life_us;

	world_draw_spec(w, &vm->rng, &spec);
	vm->kind = (enum load_kind)draw(&vm->rng, w->sc->kind, LOAD_KINDS);
	life_us = rng_wait(&vm->rng, w->sc->lifetime_us);
	if (w->sc->script.n) {
		load_init_script(&vm->load, &w->sc->script, w->now_us);
		vm->programs_b = SCRIPT_PROGRAMS_B;
		vm->base_b = 0;
	} else {
		vm->programs_b = load_init(&vm->load, vm->kind, spec.ram_b, rng_next(&vm->rng),
					   w->now_us, &vm->base_b);
	}
	guest_init(&vm->guest, &spec, vm->programs_b, w->now_us);
	load_busy(&vm->load, &vm->guest, w->now_us, vm->load.cpu_ppm);
	(void)guest_want(&vm->guest, vm->base_b);
	policy_vm_init(&vm->history);
	vm->facts = (struct vm_facts){
		.id = ++w->last_id,
		.device = TRI_YES,
		.reporting = spec.reporting ? TRI_YES : TRI_NO,
		.backed_source = spec.apart ? FOOTPRINT_PAGEMAP : FOOTPRINT_SMAPS,
		.vcpus = spec.vcpus,
	};
	vm->decision = (struct decision){ 0 };
	vm->held = (struct guest_stats){ 0 };
	vm->state = VM_STATE_RUNNING;
	vm->boots = 0;
	vm->here = true;
	vm->request = REQUEST_NONE;
	vm->target_b = spec.ram_b;
	vm->wake_us = w->controller_dead ? DUE_NEVER : w->now_us;
	vm->refresh_us = vm->answer_us = DUE_NEVER;
	vm->end_us = w->sc->lifetime_us ? w->now_us + u64_max(life_us, USEC_PER_SEC) : DUE_NEVER;
	world_account(w, vm);
}

static void add_harm(struct guest_harm *to, const struct guest_harm *of)
{
	to->oom_kills += of->oom_kills;
	to->swap_in_b += of->swap_in_b;
	to->swap_out_b += of->swap_out_b;
	to->refault_b += of->refault_b;
	to->major_faults += of->major_faults;
	to->stall_us += of->stall_us;
}

static void add_work(struct guest_work *to, const struct guest_work *of)
{
	to->work_us += of->work_us;
	to->lost_us += of->lost_us;
	to->first_us += of->first_us;
	to->first_lost_us += of->first_lost_us;
	to->balloon_us += of->balloon_us;
	to->shown_us += of->shown_us;
}

/* Time passes for @vm; nothing else happens. */
void world_advance_vm(struct world *w, struct world_vm *vm)
{
	if (!vm->here)
		return;
	if (vm->state == VM_STATE_PAUSED)
		guest_stand_still(&vm->guest, w->now_us);
	else
		guest_advance(&vm->guest, w->now_us);
	world_account(w, vm);
}

void world_end_vm(struct world *w, struct world_vm *vm)
{
	struct world_sum *sum = &w->sum[vm->kind];

	if (!vm->here)
		return;
	world_advance_vm(w, vm);
	sum->vms++;
	add_harm(&sum->harm, &vm->guest.harm);
	add_work(&sum->work, &vm->guest.work);
	sum->resident_b_us += vm->guest.resident_b_us;
	sum->squeezes += vm->history.total.squeezes;
	sum->yield_b += vm->history.total.yield_b;
	sum->return_b += vm->history.total.return_b;
	policy_vm_gone(&w->host, &vm->history);
	w->squeezing -= vm->squeezing;
	vm->squeezing = false;
	vm->here = false;
	vm->wake_us = vm->refresh_us = vm->answer_us = DUE_NEVER;
	vm->end_us = w->now_us + w->sc->boot_us;
	world_account(w, vm);
	world_reschedule(w, vm);
}

void world_reset_vm(struct world *w, struct world_vm *vm)
{
	if (!vm->here)
		return;
	world_advance_vm(w, vm);
	guest_reset(&vm->guest, vm->programs_b, w->now_us);
	(void)guest_want(&vm->guest, vm->base_b);
	load_reset(&vm->load, w->now_us);
	vm->boots++;
	vm->held.known = 0;
	vm->answer_us = DUE_NEVER;
	/* its driver begins with what the device still wants */
	guest_balloon(&vm->guest, vm->target_b);
	world_account(w, vm);
	world_touch(w, vm);
}
