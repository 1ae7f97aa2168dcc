/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy.c - the verbs: facts of one tick in, decisions out
 *
 * Layer: policy (pure).
 * In:    a snapshot; per VM of it, its settings and what is remembered of it.
 * Out:   a plan, one decision per VM.
 *
 * Folding comes before deciding, so that every decision of a tick is based on the
 * same history of all VMs.
 */
#include "policy/policy.h"

#include "policy/arbiter.h"
#include "policy/learn.h"
#include "policy/machine.h"
#include "policy/offer.h"

#include "base/num.h"

void policy_vm_init(struct history *h)
{
	*h = (struct history){ .phase.is = PHASE_WATCH,
			       .balloon.back_b = FIGURE_UNKNOWN,
			       .guest.overhead_b = FIGURE_UNKNOWN };
}

void policy_host_init(struct host_history *h)
{
	arbiter_init(h);
}

void policy_vm_gone(struct host_history *host, struct history *h)
{
	arbiter_offer(host, h, &(const struct offer){ 0 });
}

static void offer(const struct snapshot *snap, const struct policy_host *host,
		  const struct settings *s, const struct vm_facts *vm, struct history *h)
{
	struct offer now;

	offer_find(s, &snap->host, vm, h, snap->now_us, &now);
	arbiter_offer(host->history, h, &now);
}

void policy_fold(const struct snapshot *snap, const struct policy_host *host,
		 const struct settings *const settings[], struct history *const hist[])
{
	size_t i;

	for (i = 0; i < snap->nvm; i++) {
		learn_fold(settings[i], &snap->host, &snap->vm[i], snap->now_us, hist[i]);
		offer(snap, host, settings[i], &snap->vm[i], hist[i]);
	}
}

void policy_decide(const struct snapshot *snap, const struct policy_host *host,
		   const struct settings *const settings[], struct history *const hist[],
		   struct plan *plan)
{
	struct host_facts facts = snap->host;
	size_t i;

	plan->now_us = snap->now_us;
	plan->nvm = snap->nvm;
	arbiter_decide(host->settings, &facts, snap->now_us, host->history, &plan->host);
	for (i = 0; i < snap->nvm; i++) {
		machine_step(settings[i], &facts, &plan->host, &snap->vm[i], snap->now_us, hist[i],
			     host->history, &plan->vm[i]);
		/* those that begin in one tick count for each other */
		if (reason_is(plan->vm[i].reason, REASON_IS_BEGINNING))
			facts.squeezing++;
		/* and what they were asked for is no longer on offer */
		offer(snap, host, settings[i], &snap->vm[i], hist[i]);
	}
}
