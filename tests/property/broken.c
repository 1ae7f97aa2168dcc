/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * broken.c - the real policy, spoilt in one way each: for the checker to be caught out by
 *
 * In:    what the controller is told.
 * Out:   the policy's decisions, of facts that were tampered with, or tampered with themselves.
 *
 * Each is a fault somebody could make: a figure that is not looked at, a
 * clock that is trusted, a step too many.
 */
#include "broken.h"

#include "base/num.h"

#include <stdlib.h>
#include <string.h>

/* The policy is told something else: a copy of the facts, changed by @spoil. */
static void decide_of(const struct snapshot *snap, const struct mind *mind, struct plan *plan,
		      void (*spoil)(struct vm_facts *vm, uint64_t now_us))
{
	struct snapshot other = *snap;
	size_t i;

	other.vm = calloc(snap->nvm, sizeof(*other.vm));
	if (!other.vm)
		abort();
	memcpy(other.vm, snap->vm, snap->nvm * sizeof(*other.vm));
	for (i = 0; i < snap->nvm; i++)
		spoil(&other.vm[i], snap->now_us);
	controller_ballonet.decide(&other, mind, plan);
	free(other.vm);
}

/* Goes on to inflate in the middle of a deflation. */
static void turns_round(const struct snapshot *snap, const struct mind *mind, struct plan *plan)
{
	size_t i;

	controller_ballonet.decide(snap, mind, plan);
	for (i = 0; i < snap->nvm; i++)
		if (plan->vm[i].reason == REASON_DEFLATE_WAIT) {
			plan->vm[i].actions |= ACT_SET_TARGET;
			plan->vm[i].target_b = u64_sub_sat(snap->vm[i].actual_b.value, 16 * MIB);
		}
}

/* Gives back half of the balloon, for a start. */
static void gives_half(const struct snapshot *snap, const struct mind *mind, struct plan *plan)
{
	size_t i;

	controller_ballonet.decide(snap, mind, plan);
	for (i = 0; i < snap->nvm; i++) {
		const struct vm_facts *vm = &snap->vm[i];
		struct decision *d = &plan->vm[i];

		if (d->actions & ACT_SET_TARGET && d->target_b == vm->ram_b.value)
			d->target_b -= (vm->ram_b.value - vm->actual_b.value) / 2;
	}
}

static void forget_distress(struct vm_facts *vm, uint64_t now_us)
{
	(void)now_us;
	vm->stats.known &=
		~(UINT32_C(1) << BALLOON_STAT_OOM_KILL | UINT32_C(1) << BALLOON_STAT_SWAP_OUT);
}

static void blind_to_distress(const struct snapshot *snap, const struct mind *mind,
			      struct plan *plan)
{
	decide_of(snap, mind, plan, forget_distress);
}

static void say_guarded(struct vm_facts *vm, uint64_t now_us)
{
	(void)now_us;
	vm->guarded = 1;
}

static void needs_no_guardian(const struct snapshot *snap, const struct mind *mind,
			      struct plan *plan)
{
	decide_of(snap, mind, plan, say_guarded);
}

static void say_plenty(struct vm_facts *vm, uint64_t now_us)
{
	(void)now_us;
	vm->stats.tag[BALLOON_STAT_AVAIL] += 256 * MIB;
	vm->stats.tag[BALLOON_STAT_MEMFREE] += 256 * MIB;
}

static void takes_the_reserve(const struct snapshot *snap, const struct mind *mind,
			      struct plan *plan)
{
	decide_of(snap, mind, plan, say_plenty);
}

static void say_fresh(struct vm_facts *vm, uint64_t now_us)
{
	vm->stats.taken_us = now_us;
	vm->actual_b.taken_us = now_us;
}

static void trusts_old_facts(const struct snapshot *snap, const struct mind *mind,
			     struct plan *plan)
{
	decide_of(snap, mind, plan, say_fresh);
}

static void say_running(struct vm_facts *vm, uint64_t now_us)
{
	vm->state = VM_STATE_RUNNING;
	vm->stats.taken_us = now_us;
}

static void inflates_what_is_paused(const struct snapshot *snap, const struct mind *mind,
				    struct plan *plan)
{
	decide_of(snap, mind, plan, say_running);
}

/* Takes what is in the balloon for freed. */
static void claims_the_balloon(const struct snapshot *snap, const struct mind *mind,
			       struct plan *plan)
{
	uint64_t before_b;
	size_t i;

	for (i = 0; i < snap->nvm; i++) {
		struct snapshot one = *snap;
		struct plan first = { .vm = &plan->vm[i] };
		struct mind own = { mind->host, &mind->settings[i], &mind->vm[i] };

		one.nvm = 1;
		one.vm = &snap->vm[i];
		before_b = mind->vm[i]->total.squeezes;
		controller_ballonet.decide(&one, &own, &first);
		if (mind->vm[i]->total.squeezes != before_b)
			mind->vm[i]->total.yield_b += mind->vm[i]->now.balloon_b / 4;
	}
	plan->nvm = snap->nvm;
}

static void tells_of_the_balloon(const struct snapshot *snap, const struct mind *mind,
				 struct plan *plan)
{
	size_t i;

	controller_ballonet.decide(snap, mind, plan);
	for (i = 0; i < snap->nvm; i++)
		if (plan->vm[i].phase == PHASE_INFLATING)
			plan->vm[i].fig.freed_b = plan->vm[i].fig.balloon_b + MIB;
}

/* One VM that says nothing, and nobody is looked at for a while. */
static void waits_for_the_silent(const struct snapshot *snap, const struct mind *mind,
				 struct plan *plan)
{
	size_t i;

	controller_ballonet.decide(snap, mind, plan);
	for (i = 0; i < snap->nvm; i++)
		if (snap->vm[i].stats.known == 0)
			plan->vm[i].wake_us += 3600 * USEC_PER_SEC;
}

/* A guest says that it has no memory, and so none is left to it. */
static void believes_any_number(const struct snapshot *snap, const struct mind *mind,
				struct plan *plan)
{
	size_t i;

	controller_ballonet.decide(snap, mind, plan);
	for (i = 0; i < snap->nvm; i++)
		if (plan->vm[i].actions & ACT_SET_TARGET &&
		    snap->vm[i].stats.tag[BALLOON_STAT_MEMTOT] > snap->vm[i].ram_b.value)
			plan->vm[i].target_b = snap->vm[i].stats.tag[BALLOON_STAT_MEMTOT];
}

static void forget_work(struct vm_facts *vm, uint64_t now_us)
{
	(void)now_us;
	vm->cpu_us.known = false;
}

static void squeezes_the_busy(const struct snapshot *snap, const struct mind *mind,
			      struct plan *plan)
{
	decide_of(snap, mind, plan, forget_work);
}

/* Each squeeze is the first. */
static void forgets_its_cost(const struct snapshot *snap, const struct mind *mind,
			     struct plan *plan)
{
	size_t i;

	controller_ballonet.decide(snap, mind, plan);
	for (i = 0; i < snap->nvm; i++)
		mind->vm[i]->cost = (struct history_cost){ 0 };
}

static const struct broken all[] = {
	{ ONE_DIRECTION, { .name = "turns-round", .decide = turns_round } },
	{ ONE_DIRECTION, { .name = "gives-half", .decide = gives_half } },
	{ DISTRESS, { .name = "blind-to-distress", .decide = blind_to_distress } },
	{ CONTROLLER_LOST, { .name = "needs-no-guardian", .decide = needs_no_guardian } },
	{ RESERVE, { .name = "takes-the-reserve", .decide = takes_the_reserve } },
	{ OLD_FACTS, { .name = "trusts-old-facts", .decide = trusts_old_facts } },
	{ OLD_FACTS, { .name = "inflates-what-is-paused", .decide = inflates_what_is_paused } },
	{ MEASURED, { .name = "claims-the-balloon", .decide = claims_the_balloon } },
	{ MEASURED, { .name = "tells-of-the-balloon", .decide = tells_of_the_balloon } },
	{ BAD_PEER, { .name = "waits-for-the-silent", .decide = waits_for_the_silent } },
	{ BAD_PEER, { .name = "believes-any-number", .decide = believes_any_number } },
	{ BUSY, { .name = "squeezes-the-busy", .decide = squeezes_the_busy } },
	{ COST, { .name = "forgets-its-cost", .decide = forgets_its_cost } },
};

const struct broken *broken_policies(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(all);
	return all;
}
