/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * learn.h - how a guest is doing, and what squeezes of it taught
 *
 * Layer: policy (pure).
 * In:    statistics of two instants.
 * Out:   what is remembered: calm, busy, stale since; how cold its cache is; the next rest.
 *
 * Statistics 10 ms apart say nothing about a guest. So calm is told over about
 * one interval, and remembered in between.
 */
#ifndef BALLONET_POLICY_LEARN_H
#define BALLONET_POLICY_LEARN_H

#include "model/history.h"
#include "model/settings.h"
#include "model/snapshot.h"

/* Folds new facts into what is remembered. A guest that was reset is another guest. */
void learn_fold(const struct settings *s, const struct host_facts *host, const struct vm_facts *vm,
		uint64_t now_us, struct history *h);

/* Did this squeeze take so much page cache that it teaches something? */
bool learn_pressed(const struct squeeze *sq);

/* How long the rest is after one that brought nothing: twice the last, between the two settings. */
uint64_t learn_longer_rest(const struct settings *s, const struct history *h);

/* What a squeeze that was verified whole taught: cold_ppm, the rest. */
void learn_squeeze(const struct settings *s, const struct host_facts *host,
		   const struct vm_facts *vm, uint64_t now_us, struct history *h);

/* What a probe of the page cache taught within 10 s: cold_ppm. */
void learn_probe(const struct vm_facts *vm, struct history *h);

#endif
