/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * history.h - what the policy remembers of one VM from tick to tick
 *
 * Layer: model (pure).
 * In:    policy/ alone writes it.
 * Out:   policy/ reads it; the control API shows it; journal/ keeps it, so that
 *        a replay can begin in the middle.
 *
 * It is flat: no pointers, so that a copy is a checkpoint.
 */
#ifndef BALLONET_MODEL_HISTORY_H
#define BALLONET_MODEL_HISTORY_H

#include "model/plan.h"
#include "model/snapshot.h"

#include <stdbool.h>
#include <stdint.h>

/* When the footprint is measured after a squeeze: at once, after 1, 10 and 60 s. */
enum { VERIFY_AT_ONCE, VERIFY_1S, VERIFY_10S, VERIFY_60S, VERIFY_COUNT };

/* One squeeze, under way or over. Bytes; FIGURE_UNKNOWN where not known. */
struct squeeze {
	uint64_t start_us;
	uint64_t end_us;    /* when the balloon was back at 0; 0 before that */
	uint64_t stop;	    /* enum reason that ended the inflate; 0 before that */
	uint64_t requested; /* 1: an operator asked for it */
	uint64_t probe;	    /* 1: only tries whether the page cache is cold */
	uint64_t size_b;    /* the balloon meant at most */
	uint64_t balloon_b; /* the largest balloon seen */
	uint64_t stale_b;   /* expected, of stale memory */
	uint64_t cold_b;    /* expected, of cold cache */
	uint64_t resident_before_b;
	uint64_t resident_low_b;
	uint64_t available_before_b;
	uint64_t cache_before_b;
	uint64_t cache_low_b;
	uint64_t used_after_b;		/* the guest's used memory when the balloon was back at 0 */
	uint64_t freed_b[VERIFY_COUNT]; /* resident_before_b less the resident bytes then */
};

struct history {
	/* where it stands */
	uint64_t phase; /* enum phase */
	uint64_t phase_since_us;
	uint64_t target_b;  /* last target asked for; 0: none since the balloon was at 0 */
	uint64_t target_us; /* when */
	uint64_t mark_us;   /* progress is judged from here: when, */
	uint64_t mark_b;    /* and how many bytes the balloon held then */
	uint64_t rest_until_us;
	uint64_t boots;	      /* vm_facts.boots as last seen */
	uint64_t verify_next; /* VERIFY_*: the next measurement that is due */

	/* what was asked for by an operator and not answered yet: enum vm_request */
	uint64_t request;

	/* how the guest has been, judged over about one interval */
	struct guest_stats base; /* the statistics that rates are told from */
	struct fact base_cpu_us; /* processor time then */
	uint64_t calm; /* enum tri: no: it is short of memory; unknown: not known to be well */
	uint64_t busy; /* enum tri: it computes or reads files */
	uint64_t stale_since_us;  /* stale memory is large since then; 0: it is not */
	uint64_t looking_us;	  /* fresh statistics were asked for then; 0: they were not */
	struct guest_stats start; /* as they were when the inflate began */

	/* what was learned */
	uint64_t overhead_b;	/* resident bytes that no squeeze brings back; FIGURE_UNKNOWN before
				   one */
	uint64_t cold_tried_us; /* when cold_ppm was learned; 0: not yet, or too long ago */
	uint64_t cold_ppm;   /* share of the page cache that is worth pressing, once it was tried */
	uint64_t gives_back; /* 1: takes pages back while inflating (a 4.19-5.6 shrinker guest) */
	uint64_t rest_us;    /* how long the last rest was; 0: there was none */
	uint64_t zero_yields; /* squeezes in a row that freed nothing */

	/* what was won */
	uint64_t squeezes;
	uint64_t yield_total_b;	 /* measured when the balloon was back at 0 */
	uint64_t return_total_b; /* of that, back within 60 s */
	uint64_t ending;	 /* enum reason of the rest or the giving up */
	struct squeeze now;	 /* under way, where phase says so */
	struct squeeze done;	 /* the last one that was verified whole; start_us 0: none */
};

#endif
