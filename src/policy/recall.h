/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * recall.h - what a daemon before this one learned, as far as it still holds
 *
 * Layer: policy (pure).
 * In:    a history as it was kept; facts of now.
 * Out:   a history to go on with.
 */
#ifndef BALLONET_POLICY_RECALL_H
#define BALLONET_POLICY_RECALL_H

#include "model/history.h"
#include "model/settings.h"
#include "model/snapshot.h"

#include <stdbool.h>
#include <stdint.h>

/* How a history was kept. */
struct recall {
	const struct history *kept;
	uint64_t kept_us; /* when, by the monotonic clock of that time */
	uint64_t ago_us;  /* how long ago that is, by the wall clock */
	bool same;	  /* the VM is the same process as then, so both clocks are one */
};

/*
 * Puts what still holds into @h, which is new or has seen few ticks. What is true of the VM is
 * kept always; what is true of its guest only where the process is the same and the guest's
 * counters (swap, faults) did not fall: it was not started anew in between.
 */
void recall_vm(const struct settings *s, const struct recall *from, const struct vm_facts *vm,
	       uint64_t now_us, struct history *h);

/* The same for the host: how much of the expected squeezes brought, and how fast. */
void recall_host(const struct host_history *kept, struct host_history *h);

#endif
