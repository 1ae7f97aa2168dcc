/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arbiter.h - who gives when the host is short, how much, and at which price
 *
 * Layer: policy (pure).
 * In:    the host's figures; what each VM offers and at which price.
 * Out:   one decision for the host, from which each VM tells its part.
 *
 * It works like a market with one price: offers are summed by class of price, and
 * the price is the lowest class at which the sums cover the need. So the work per
 * VM does not grow with the number of VMs.
 */
#ifndef BALLONET_POLICY_ARBITER_H
#define BALLONET_POLICY_ARBITER_H

#include "model/history.h"
#include "model/plan.h"
#include "model/settings.h"
#include "model/snapshot.h"

/* A host of which nothing is known yet. */
void arbiter_init(struct host_history *host);

/* Puts what a VM offers now, where it is worth asking for, in the place of what it offered before.
 */
void arbiter_offer(struct host_history *host, struct history *h, const struct offer *now);

/* The need of the host, and the price. Writes the instants of @host and all of *ret. */
void arbiter_decide(const struct settings *s, const struct host_facts *facts, uint64_t now_us,
		    struct host_history *host, struct host_decision *ret);

/*
 * Bytes that are asked of a VM that offers @offer; 0: it is left alone, and so
 * are all once what those before it were asked for at @d covers the need.
 */
uint64_t arbiter_asks(const struct host_history *host, const struct host_decision *d,
		      const struct offer *offer);

/*
 * The class of a VM's page cache: 1 if none of it was read again, up to
 * PRICE_CLASSES - 1. @back_ppm: share that was read again. Twice the @shares (100:
 * usual) have the effect of twice that share.
 */
uint64_t arbiter_class(uint64_t back_ppm, uint64_t shares);

/* A squeeze freed @freed_b of @expected_b in @span_us: what headroom is told from. */
void arbiter_learn(struct host_history *host, uint64_t expected_b, uint64_t freed_b,
		   uint64_t span_us);

#endif
