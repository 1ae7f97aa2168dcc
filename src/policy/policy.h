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

/* A VM seen for the first time. */
void policy_vm_init(struct history *h);

/*
 * Folds the facts of a tick into what is remembered: statistics to tell rates
 * from, and what can be learned from facts alone. Call once per tick, before
 * policy_decide(). settings[i] and hist[i] belong to snap->vm[i].
 */
void policy_fold(const struct snapshot *snap, const struct settings *const settings[],
		 struct history *const hist[]);

/*
 * Decides. plan->vm has room for snap->nvm decisions; all are written. A
 * decision's wake_us is later than snap->now_us.
 */
void policy_decide(const struct snapshot *snap, const struct settings *const settings[],
		   struct history *const hist[], struct plan *plan);

#endif
