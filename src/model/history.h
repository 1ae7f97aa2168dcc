/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * history.h - what the policy remembers of a VM, and of the host, from tick to tick
 *
 * Layer: model (pure).
 * In:    policy/ alone writes it.
 * Out:   policy/ reads it; the control API shows it; journal/ keeps it, so that
 *        a replay can begin in the middle.
 *
 * It holds no pointers, so a copy is a checkpoint. Each part is about one concern.
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
	uint64_t inflated_us;	/* when it stopped to grow; 0 before that */
	uint64_t end_us;	/* when the balloon was back at 0; 0 before that */
	uint64_t stop;		/* enum reason that ended the inflate; 0 before that */
	uint64_t requested;	/* 1: an operator asked for it */
	uint64_t press;		/* 1: by the guest's press, without a balloon */
	uint64_t probe;		/* 1: only tries whether the page cache is cold */
	uint64_t asked;		/* 1: the host was short and asked for it; 2: and then for more */
	uint64_t class;		/* the dearest class that is pressed */
	uint64_t size_b;	/* the balloon meant at most */
	uint64_t balloon_b;	/* the largest balloon seen */
	uint64_t stale_b;	/* expected, of stale memory */
	uint64_t cold_b;	/* expected, of cold cache */
	uint64_t unbacked_b;	/* of it, memory that the host never gave, which comes first */
	uint64_t check_b;	/* a balloon of this much must have freed something */
	uint64_t check_us;	/* it was that large then, and is being measured; 0: it is not */
	uint64_t cpu_before_us; /* processor time of the VM when it began */
	uint64_t cost_us;	/* what it cost of that, beyond what the guest used anyway */
	uint64_t backed_before_b;
	uint64_t charged_before_b; /* the same, as its own memory cgroup counts */
	uint64_t backed_low_b;
	uint64_t available_before_b;
	uint64_t cache_before_b;
	uint64_t cache_low_b;
	uint64_t used_after_b;		/* the guest's used memory when the balloon was back at 0 */
	uint64_t freed_b[VERIFY_COUNT]; /* backed_before_b less the resident bytes then */
};

/*
 * Prices. Class 0 is stale memory, which costs its guest nothing. The others are page cache: the
 * class rises with how much of it was read again, and with the shares of its VM.
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

/* Where the VM stands. */
struct history_phase {
	uint64_t is; /* enum phase */
	uint64_t since_us;
	uint64_t verify_next; /* VERIFY_*: the next measurement that is due */
	uint64_t looking_us;  /* fresh statistics were asked for then; 0: they were not */
	uint64_t request;     /* enum vm_request: asked for by an operator, not answered yet */
};

/* The balloon: what is asked of it, and how it follows. */
struct history_balloon {
	uint64_t target_b;  /* last target asked for; 0: none since the balloon was at 0 */
	uint64_t target_us; /* when */
	uint64_t mark_us;   /* growth is measured from here: when, */
	uint64_t mark_b;    /* and what the balloon held then */
	uint64_t back_b; /* deflating: what it held when asked for again; FIGURE_UNKNOWN: not yet */
};

/* The guest: what it is, and how it has been over about one interval. */
struct history_guest {
	uint64_t boots;	     /* vm_facts.boots as last seen */
	uint64_t kind;	     /* enum guest_kind */
	uint64_t gives_back; /* 1: takes pages back while inflating (a 4.19-5.6 shrinker guest) */
	struct guest_stats base; /* the statistics that rates are told from */
	struct fact base_cpu_us; /* processor time then */
	uint64_t calm;	  /* enum tri: no: it is short of memory; unknown: not known to be well */
	uint64_t busy;	  /* enum tri: it computes or reads files */
	uint64_t idle;	  /* enum tri: it does next to nothing */
	uint64_t cpu_ppm; /* share of one processor that it used */
	uint64_t total_b; /* memory that its kernel manages with the balloon at 0; 0: not known */
	struct guest_stats start; /* the statistics that distress is told from */
	uint64_t stale_since_us;  /* stale memory is large since then; 0: it is not */
	uint64_t overhead_b; /* resident bytes that no squeeze brings back; FIGURE_UNKNOWN at first
			      */
};

/* The rest after a balloon went to 0, and what the next one depends on. */
struct history_rest {
	uint64_t until_us;
	uint64_t last_us;     /* how long the last one was; 0: there was none */
	uint64_t why;	      /* enum reason of the rest or the giving up */
	uint64_t stop;	      /* enum reason that last brought a balloon to 0 */
	uint64_t early;	      /* squeezes in a row that did not wait for the rest of the last */
	uint64_t zero_yields; /* squeezes in a row that freed nothing */
	uint64_t stale_b;     /* what was stale when the last one disappointed */
};

/* The guest's page cache: how old, and how cold. */
struct history_cache {
	uint64_t size_b;	/* its size when it last grew, */
	uint64_t since_us;	/* and when; 0: not watched yet */
	uint64_t seen_us;	/* statistics that were looked at for that */
	uint64_t ripe_after_us; /* the age that it must have to be pressed; 0: as set */
	uint64_t tried_us;	/* when cold_ppm was learned; 0: not yet, or too long ago */
	uint64_t cold_ppm;	/* share of it that is worth pressing, once it was tried */
	uint64_t pressed_b;	/* what was pressed last; 0: whether that paid is known already */
	uint64_t pressed_low_b; /* what was left of it */
	uint64_t pressed_us;	/* and when */
};

/* What the guest needed: in distress, of late, and by the hour of the day. */
struct history_need {
	uint64_t scare_b;     /* when it was in distress, */
	uint64_t scare_us;    /* and when; 0: it never was */
	uint64_t watched_us;  /* its need is watched since then; 0: it is not */
	uint64_t peak_us;     /* since then, */
	uint64_t peak_b;      /* it needed this much at most, */
	uint64_t peak_last_b; /* and this much in the 12 h before */
	struct habit habit;
};

/* Right-sizing. */
struct history_size {
	uint64_t next_us;     /* the next step is not before this */
	uint64_t settled_b;   /* what it had when it took memory back; 0: it never did */
	uint64_t settle_us;   /* how long it was left alone then; 0: it never was */
	uint64_t from_b;      /* the balloon whose growth its statistics must show */
	uint64_t available_b; /* what it had available at the last look */
};

/* What squeezes cost the guest in processor time (policy/cost.h). */
struct history_cost {
	uint64_t spent_us;    /* not paid off yet, */
	uint64_t spent_at_us; /* as of then */
	uint64_t price_us;    /* for each GiB inflated; 0: not known yet */
	uint64_t total_us;    /* of all squeezes */
};

/* What was won. */
struct history_total {
	uint64_t squeezes;
	uint64_t yield_b;  /* measured when the balloon was back at 0 */
	uint64_t return_b; /* of that, back within 60 s */
};

/* What the policy remembers of a VM. */
struct history {
	struct history_phase phase;
	struct history_balloon balloon;
	struct history_guest guest;
	struct history_rest rest;
	struct history_cache cache;
	struct history_need need;
	struct history_size size;
	struct offer offer; /* what it offers to its host */
	struct history_cost cost;
	struct history_total total;
	struct squeeze now;  /* the last that began; start_us 0: what came since was none */
	struct squeeze done; /* the last one that was verified whole; start_us 0: none */
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
