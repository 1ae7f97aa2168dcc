/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * learn.h - how a guest is doing: calm, busy, in distress
 *
 * Layer: policy (pure).
 * In:    statistics of two instants.
 * Out:   what is remembered (calm, busy, stale since), and signs of distress.
 *
 * Statistics 10 ms apart say nothing about a guest. So calm is judged over about
 * one interval, and remembered in between.
 */
#ifndef BALLONET_POLICY_LEARN_H
#define BALLONET_POLICY_LEARN_H

#include "model/history.h"
#include "model/settings.h"
#include "model/snapshot.h"

/* Folds new facts into what is remembered. A guest that was reset is judged anew. */
void learn_fold(const struct settings *s, const struct host_facts *host, const struct vm_facts *vm,
		uint64_t now_us, struct history *h);

/*
 * Signs of distress since h->start, while a balloon is held or grows:
 * REASON_STOP_SWAP, _OOM, _FAULTS, _GROWS, or REASON_NONE.
 */
enum reason learn_distress(const struct settings *s, const struct vm_facts *vm,
			   const struct history *h);

/* The same signs but for growth, which a guest whose balloon is left inflated may show. */
enum reason learn_hurt(const struct settings *s, const struct vm_facts *vm,
		       const struct history *h);

/* Did this squeeze take so much page cache that it teaches something? */
bool learn_pressed(const struct squeeze *sq);

/* How long the rest is after one that brought nothing: twice the last, between the two settings. */
uint64_t learn_longer_rest(const struct settings *s, const struct history *h);

/* What a squeeze that was verified whole taught: cold_ppm, rest_us, zero_yields, ending. */
void learn_squeeze(const struct settings *s, const struct vm_facts *vm, struct history *h);

/* What a probe of the page cache taught within 10 s: cold_ppm. */
void learn_probe(const struct vm_facts *vm, struct history *h);

#endif
