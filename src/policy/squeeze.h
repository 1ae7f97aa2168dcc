/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * squeeze.h - the state machine of one VM: watch, inflate, deflate, verify, rest
 *
 * Layer: policy (pure).
 * In:    facts of one VM and of the host, settings, what is remembered.
 * Out:   one decision.
 *
 * The direction never turns round on the way: an inflate ends by full
 * deflation, and a deflation runs to 0 before another inflate may start.
 */
#ifndef BALLONET_POLICY_SQUEEZE_H
#define BALLONET_POLICY_SQUEEZE_H

#include "model/history.h"
#include "model/plan.h"
#include "model/settings.h"
#include "model/snapshot.h"

/* One step of the machine. Writes @h and all of *ret. */
void squeeze_step(const struct settings *s, const struct host_facts *host,
		  const struct vm_facts *vm, uint64_t now_us, struct history *h,
		  struct decision *ret);

#endif
