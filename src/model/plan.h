/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan.h - the decisions of one tick, as data
 *
 * Layer: model (pure).
 * In:    policy/ fills it in, one decision per VM of the snapshot.
 * Out:   daemon/apply performs it, journal/ writes it down.
 *
 * A decision carries its reason and the figures it is based on, so that "why" can
 * be answered later.
 */
#ifndef BALLONET_MODEL_PLAN_H
#define BALLONET_MODEL_PLAN_H

#include "model/reason.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a VM stands; policy/machine.c says what is legal in each. */
enum phase {
	PHASE_WATCH = 0, /* balloon at 0, nothing under way */
	PHASE_INFLATING,
	PHASE_HOLDING, /* inflated, and the host is short */
	PHASE_DEFLATING,
	PHASE_VERIFYING, /* balloon at 0; what stays freed is being measured */
	PHASE_RESTING,
	PHASE_SIZING,  /* right-sizing: the balloon grows by a step */
	PHASE_SIZED,   /* right-sizing: the balloon is left where it is */
	PHASE_GAVE_UP, /* squeezing frees nothing here; only an operator or a reset starts again */
	PHASE_COUNT,
};

/* What to do: a set of bits. */
enum action {
	ACT_SET_TARGET = 1 << 0, /* set the balloon target to target_b */
	ACT_REFRESH =
		1 << 1, /* ask the guest for statistics at refresh_us, and tick when they arrive */
	ACT_MEASURE = 1 << 2, /* measure the footprint at the next tick, whatever it costs */
	ACT_POLLING = 1 << 3, /* the fast part is over: put the polling interval back */
	ACT_PRESS = 1 << 4,   /* have the guest press, down to target_b */
};

#define FIGURE_UNKNOWN UINT64_MAX

/* The figures a decision came from; FIGURE_UNKNOWN where one is not known. Bytes. */
struct figures {
	uint64_t backed_b;
	uint64_t available_b;
	uint64_t reserve_b;
	uint64_t stale_b;    /* freed in the guest, still backed by the host */
	uint64_t cold_b;     /* page cache that is not expected to be read again */
	uint64_t expected_b; /* what a squeeze is expected to free */
	uint64_t need_b;     /* what it must free at least to be worth it */
	uint64_t balloon_b;  /* in the balloon now */
	uint64_t freed_b;    /* freed so far by this squeeze, measured on the host */
	uint64_t floor_b; /* memory that a balloon must leave the guest, from settings or learned */
	uint64_t unbacked_b; /* free in the guest, and never given by the host */
	uint64_t until_us;   /* when this phase is over; FIGURE_UNKNOWN: no such time */
};

struct decision {
	uint64_t vm_id;
	uint32_t actions; /* enum action */
	enum phase phase; /* after this step */
	enum reason reason;
	uint64_t target_b;   /* bytes that remain to the guest; where ACT_SET_TARGET or ACT_PRESS */
	uint64_t refresh_us; /* where ACT_REFRESH */
	uint64_t wake_us;    /* tick this VM again then, or when asked-for statistics arrive */
	struct figures fig;
};

/* What the host needs, and at which price. Bytes. */
struct host_decision {
	uint32_t hurry;	      /* 1: all calm VMs are to show what they have, now */
	enum reason reason;   /* REASON_HOST_* */
	uint64_t want_b;      /* available memory that there should be */
	uint64_t need_b;      /* of that, not there and not on its way */
	uint64_t coming_b;    /* on its way from VMs that were asked */
	uint64_t offered_b;   /* what VMs offer at any price */
	uint64_t held_b;      /* in balloons for the host's sake */
	uint64_t price;	      /* classes below this are taken whole, */
	uint64_t part_ppm;    /* and of this one, this share; PPM where price is PRICE_CLASSES */
	uint64_t give_back;   /* held balloons of classes below this go to 0 */
	uint64_t deadline_us; /* when want_b is to be there; 0: nothing is wanted */
};

struct plan {
	uint64_t now_us;
	struct host_decision host;
	size_t nvm;
	struct decision *vm;
};

/* Is a balloon of ours out in @phase? Others leave a VM to its own pace. */
bool phase_has_balloon(enum phase phase);

/* The machine-readable word of a phase ("inflating"); never NULL. */
const char *phase_word(enum phase phase);

#endif
