/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * policy.h - the verbs: facts of one tick in, decisions out
 *
 * Layer: policy (pure: no clock, no allocator, no I/O, no log).
 * In:    a snapshot; per VM of it, its settings and what is remembered of it.
 * Out:   a plan, one decision per VM, in the snapshot's order.
 *
 * The daemon, the simulator and the replay link this same object: the same
 * facts and memory give the same plan, always.
 */
#ifndef BALLONET_POLICY_POLICY_H
#define BALLONET_POLICY_POLICY_H

#include "model/history.h"
#include "model/plan.h"
#include "model/settings.h"
#include "model/snapshot.h"

/* The host's side: the settings of `defaults`, and what is remembered of it. */
struct policy_host {
	const struct settings *settings;
	struct host_history *history;
};

/* A host, and a VM, seen for the first time. */
void policy_host_init(struct host_history *h);
void policy_vm_init(struct history *h);

/* A VM that will not be seen again: the host forgets what it offered. */
void policy_vm_gone(struct host_history *host, struct history *h);

/*
 * Folds the facts of a tick into what is remembered: statistics to tell rates
 * from, what can be learned from facts alone, and what each VM offers. Call once
 * per tick, before policy_decide(). settings[i] and hist[i] belong to snap->vm[i].
 */
void policy_fold(const struct snapshot *snap, const struct policy_host *host,
		 const struct settings *const settings[], struct history *const hist[]);

/*
 * Decides. plan->vm has room for snap->nvm decisions; all are written. A
 * decision's wake_us is later than snap->now_us.
 */
void policy_decide(const struct snapshot *snap, const struct policy_host *host,
		   const struct settings *const settings[], struct history *const hist[],
		   struct plan *plan);

#endif
