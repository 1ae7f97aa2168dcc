/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy.c - the verbs: facts of one tick in, decisions out
 *
 * Layer: policy (pure).
 * In:    a snapshot; per VM of it, its settings and what is remembered of it.
 * Out:   a plan, one decision per VM.
 *
 * Folding comes before deciding, so that every decision of a tick rests on the
 * same memory of all VMs.
 */
#include "policy/policy.h"

#include "policy/judge.h"
#include "policy/squeeze.h"

#include "base/num.h"

void policy_vm_init(struct history *h)
{
	*h = (struct history){ .phase = PHASE_WATCH, .overhead_b = FIGURE_UNKNOWN };
}

void policy_fold(const struct snapshot *snap, const struct settings *const settings[],
		 struct history *const hist[])
{
	size_t i;

	for (i = 0; i < snap->nvm; i++)
		judge_fold(settings[i], &snap->vm[i], snap->now_us, hist[i]);
}

void policy_decide(const struct snapshot *snap, const struct settings *const settings[],
		   struct history *const hist[], struct plan *plan)
{
	struct host_facts host = snap->host;
	size_t i;

	plan->now_us = snap->now_us;
	plan->nvm = snap->nvm;
	for (i = 0; i < snap->nvm; i++) {
		squeeze_step(settings[i], &host, &snap->vm[i], snap->now_us, hist[i], &plan->vm[i]);
		/* those that begin in one tick count for each other */
		if (plan->vm[i].reason == REASON_BEGIN ||
		    plan->vm[i].reason == REASON_BEGIN_REQUESTED)
			host.squeezing++;
	}
}
