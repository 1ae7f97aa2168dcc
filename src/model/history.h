/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * history.h - what the policy remembers of a VM, and of the host, from tick to tick
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
	uint64_t inflated_us; /* when it stopped to grow; 0 before that */
	uint64_t end_us;      /* when the balloon was back at 0; 0 before that */
	uint64_t stop;	      /* enum reason that ended the inflate; 0 before that */
	uint64_t requested;   /* 1: an operator asked for it */
	uint64_t press;	      /* 1: by the guest's press, without a balloon */
	uint64_t probe;	      /* 1: only tries whether the page cache is cold */
	uint64_t asked;	      /* 1: the host was short and asked for it; 2: and then for more */
	uint64_t class;	      /* the dearest class that is pressed */
	uint64_t size_b;      /* the balloon meant at most */
	uint64_t balloon_b;   /* the largest balloon seen; right-sizing: the one it grows from */
	uint64_t stale_b;     /* expected, of stale memory */
	uint64_t cold_b;      /* expected, of cold cache */
	uint64_t resident_before_b;
	uint64_t resident_low_b;
	uint64_t available_before_b;
	uint64_t cache_before_b;
	uint64_t cache_low_b;
	uint64_t used_after_b;		/* the guest's used memory when the balloon was back at 0 */
	uint64_t freed_b[VERIFY_COUNT]; /* resident_before_b less the resident bytes then */
};

/*
 * Prices. Class 0 is stale memory, which costs its guest nothing; the others are page cache, the
 * dearer the more of it was come back for and the more shares its VM has.
 */
#define PRICE_CLASSES 16

/* What one VM adds to the sums of its host. Bytes. */
struct offer {
	uint64_t stale_b;    /* can be had for nothing */
	uint64_t cold_b;     /* can be had at the price of class cold_class */
	uint64_t cold_class; /* 1 to PRICE_CLASSES - 1 */
	uint64_t coming_b;   /* asked of it, and not in its balloon yet */
	uint64_t held_b;     /* in its balloon, for the host's sake */
	uint64_t held_class; /* the dearest class of that */
};

/* What an hour of the day taught of a guest's need. */
#define HABIT_HOURS 24
struct habit {
	uint64_t
		peak_b[HABIT_HOURS]; /* the most it needed in that hour, older days counting less */
	uint64_t days[HABIT_HOURS];  /* days on which that hour was watched, up to HABIT_DAYS_MAX */
	uint64_t seen_s[HABIT_HOURS]; /* local time when it was watched last */
	uint64_t hour;		      /* the one being watched, as hours of local time */
	uint64_t since_us;	      /* since then; 0: none is */
	uint64_t now_b;		      /* the most needed in it so far */
};
#define HABIT_DAYS_MAX 14

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
	uint64_t idle; /* enum tri: it does next to nothing */
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

	uint64_t kind;		/* enum guest_kind */
	uint64_t scare_b;	/* memory that it needed when it was in distress, */
	uint64_t scare_us;	/* and when; 0: it never was */
	uint64_t cache_b;	/* its page cache when that last grew, */
	uint64_t cache_us;	/* and when; 0: not watched yet */
	uint64_t cache_seen_us; /* statistics that were looked at for that */
	uint64_t ripe_after_us; /* the age that its cache must have to be pressed; 0: as set */
	uint64_t pressed_b;	/* page cache that was pressed last; 0: it was judged already */
	uint64_t pressed_low_b; /* what was left of it */
	uint64_t pressed_us;	/* and when */
	uint64_t more;		/* squeezes in a row that did not wait for the rest of the last */
	uint64_t size_us;	/* right-sizing: the next step is not before this */
	uint64_t settled_b;   /* where a right-sized guest took memory back: what it had then; 0: it
				 never did */
	uint64_t watched_us;  /* its need is watched since then; 0: it is not */
	uint64_t peak_us;     /* since then, */
	uint64_t peak_b;      /* it needed this much at most, */
	uint64_t peak_last_b; /* and this much in the 12 h before */
	struct habit habit;

	/* what it offers to its host */
	struct offer offer;

	/* what was won */
	uint64_t squeezes;
	uint64_t yield_total_b;	 /* measured when the balloon was back at 0 */
	uint64_t return_total_b; /* of that, back within 60 s */
	uint64_t ending;	 /* enum reason of the rest or the giving up */
	struct squeeze now;	 /* under way, where phase says so */
	struct squeeze done;	 /* the last one that was verified whole; start_us 0: none */
};

/* Squeezes are counted by how much of the expected they freed, in sixteenths, */
#define LEARN_SHARES 17
/* and by how fast: class i is from 2^i MiB/s on. */
#define LEARN_RATES 16

/* What the policy remembers of the host. */
struct host_history {
	uint64_t short_since_us; /* 0: the host is well */
	uint64_t well_since_us;	 /* since it is well again; 0: it is short, or was never */
	uint64_t fell_us;    /* when its memory last fell so fast that it would soon be short, */
	uint64_t fell_b;     /* and how much would be gone by then */
	uint64_t hurried_us; /* when all VMs were last asked to show what they have */
	uint64_t offer_b[PRICE_CLASSES]; /* what all VMs offer, by price */
	uint64_t held_b[PRICE_CLASSES];	 /* what all VMs hold, by price */
	uint64_t coming_b;		 /* asked of VMs, and on its way */
	uint64_t shares[LEARN_SHARES];	 /* what was learned: squeezes by share of the expected, */
	uint64_t rates[LEARN_RATES];	 /* and by bytes per second */
};

#endif
