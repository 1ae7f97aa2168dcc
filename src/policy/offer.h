/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * offer.h - what a VM adds to the sums of its host
 *
 * Layer: policy (pure).
 * In:    the facts of a VM, and what is remembered of it.
 * Out:   what it offers, what is on its way, and what it holds.
 */
#ifndef BALLONET_POLICY_OFFER_H
#define BALLONET_POLICY_OFFER_H

#include "model/history.h"
#include "model/settings.h"
#include "model/snapshot.h"

/*
 * What this VM offers, where its guest is calm and may be asked; what it was asked
 * for and did not give yet; what it holds. Writes all of *ret.
 */
void offer_find(const struct settings *s, const struct host_facts *host, const struct vm_facts *vm,
		const struct history *h, uint64_t now_us, struct offer *ret);

#endif
