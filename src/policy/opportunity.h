/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * opportunity.h - is a squeeze of this VM worth it and allowed, now?
 *
 * Layer: policy (pure).
 * In:    the facts of a VM whose balloon is at 0, and what is remembered.
 * Out:   REASON_NONE to begin, or why not, with the figures.
 *
 * An operator's request skips the worth-it checks, never the safety checks.
 */
#ifndef BALLONET_POLICY_OPPORTUNITY_H
#define BALLONET_POLICY_OPPORTUNITY_H

#include "policy/estimate.h"

#include "model/plan.h"

/* Who wants a squeeze, and of what. All 0: the policy by itself, of all there is. */
struct wish {
	bool requested;	  /* an operator asks */
	bool sizing;	  /* the guest is to be right-sized: by small steps, of whatever there is */
	uint64_t asked_b; /* the host is short and asks for this much */
};

struct opportunity {
	enum reason reason; /* REASON_NONE: begin */
	bool asked;	    /* it is for the host's sake */
	struct estimate est;
	uint64_t stale_b;    /* stale memory that a balloon of est.size_b would get */
	uint64_t press_b;    /* page cache that it would get */
	uint64_t expected_b; /* what there is to win: stale memory, and all cold cache */
	uint64_t begin_us;   /* REASON_COST: it can be afforded then */
};

/* What must be there before anything can be estimated: REASON_NONE, or what is not. */
enum reason opportunity_missing(const struct settings *s, const struct vm_facts *vm);

/*
 * REASON_NONE, or the first thing in the way. Every reason that is not about
 * facts missing comes with est filled in. REASON_STATS_STALE says that all else
 * is well and fresh statistics decide.
 */
void opportunity_find(const struct settings *s, const struct host_facts *host,
		      const struct vm_facts *vm, const struct history *h, uint64_t now_us,
		      const struct wish *wish, struct opportunity *ret);

/* Puts what was found into the figures of a decision; nothing where facts were missing. */
void opportunity_figures(const struct opportunity *opp, struct figures *ret);

#endif
