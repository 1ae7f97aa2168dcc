/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cost.h - what squeezes cost a guest in processor time, and what they may
 *
 * Layer: policy (pure).
 * In:    the processor time of a VM before and after a squeeze.
 * Out:   its price, and whether the next one can be afforded.
 *
 * A leaky bucket: what a squeeze cost goes in, and half of cost_max of the guest's
 * time flows out. It holds as much as flows out in an hour. So what goes in within
 * any hour, that which was empty at first and that which flows out meanwhile, is
 * no more than cost_max.
 */
#ifndef BALLONET_POLICY_COST_H
#define BALLONET_POLICY_COST_H

#include "model/history.h"
#include "model/settings.h"
#include "model/snapshot.h"

/* The squeeze @h->now begins: what its VM had used until then. */
void cost_begin(const struct vm_facts *vm, struct history *h);

/*
 * Its balloon is back at 0: what it cost, less what the guest was using anyway,
 * goes into the bucket and teaches the price.
 */
void cost_end(const struct settings *s, const struct vm_facts *vm, uint64_t now_us,
	      struct history *h);

/*
 * When a squeeze that inflates @inflate_b can be afforded: @now_us, or later.
 * The first one always can, and so can one that costs more than the bucket
 * holds, once that is empty.
 */
uint64_t cost_affordable_us(const struct settings *s, const struct vm_facts *vm,
			    const struct history *h, uint64_t inflate_b, uint64_t now_us);

#endif
