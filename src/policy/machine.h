/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine.h - the state machine of one VM: which phase it is in, and who steps there
 *
 * Layer: policy (pure).
 * In:    facts of one VM and of the host, settings, what is remembered.
 * Out:   one decision.
 *
 * The direction never turns round on the way: an inflation ends before anything
 * deflates, and a deflation reaches 0 before another inflation may start.
 */
#ifndef BALLONET_POLICY_MACHINE_H
#define BALLONET_POLICY_MACHINE_H

#include "model/history.h"
#include "model/plan.h"
#include "model/settings.h"
#include "model/snapshot.h"

/*
 * One step of the machine. @host_decision: what the host needs at this tick. Writes
 * @h, what was learned to @learned, and all of *ret.
 */
void machine_step(const struct settings *s, const struct host_facts *host,
		  const struct host_decision *host_decision, const struct vm_facts *vm,
		  uint64_t now_us, struct history *h, struct host_history *learned,
		  struct decision *ret);

#endif
