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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where a VM stands; what is legal in each is told in policy/squeeze.c. */
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

/* Why a decision is what it is; policy/explain.c says each in a sentence. */
enum reason {
	REASON_NONE = 0,
	/* nothing is begun */
	REASON_MODE_OFF,
	REASON_DISCONNECTED,
	REASON_PAUSED,
	REASON_NO_DEVICE,
	REASON_NO_DRIVER,
	REASON_STATS_STALE,
	REASON_RESIDENT_UNKNOWN,
	REASON_FOREIGN_BALLOON,
	REASON_PINNED_VFIO,
	REASON_PINNED_MLOCK,
	REASON_IN_NEED,
	REASON_NOT_JUDGED,
	REASON_LITTLE_TO_GAIN,
	REASON_LEFT_TO_REPORTING,
	REASON_AT_RESERVE,
	REASON_NO_GUARDIAN,
	REASON_TURN,
	REASON_MODE_OBSERVE,
	REASON_AT_FLOOR,
	REASON_LOOKING, /* worth it by old figures; fresh ones are on their way */
	/* under way */
	REASON_BEGIN,
	REASON_BEGIN_REQUESTED,
	REASON_BEGIN_HOST,
	REASON_STEP,
	REASON_INFLATE_WAIT,
	REASON_PRESS_WAIT,
	REASON_HOLD_HOST_SHORT,
	REASON_HOLD_MORE,
	/* an inflate ends */
	REASON_STOP_SIZE,
	REASON_STOP_PRESSED,
	REASON_STOP_YIELD,
	REASON_STOP_RESERVE,
	REASON_STOP_SWAP,
	REASON_STOP_OOM,
	REASON_STOP_FAULTS,
	REASON_STOP_GROWS,
	REASON_STOP_STALL,
	REASON_STOP_GIVES_BACK,
	REASON_STOP_STATS,
	REASON_STOP_LIES,
	REASON_STOP_TIME,
	REASON_STOP_PAUSED,
	REASON_STOP_DISCONNECTED,
	REASON_STOP_RESET,
	REASON_STOP_REFUSED,
	REASON_STOP_MODE,
	REASON_STOP_RELEASED,
	REASON_STOP_HOST_WELL,
	REASON_STOP_GUARDIAN,
	REASON_STOP_LEFTOVER,
	REASON_STOP_SHORT,
	/* right-sizing */
	REASON_SIZE_STEP,
	REASON_SIZE_HOST,
	REASON_SIZE_WAIT,
	REASON_SIZE_FOLLOW,
	REASON_SIZED,
	REASON_SIZED_RESERVE,
	REASON_SIZED_FLOOR,
	/* afterwards */
	REASON_DEFLATE_WAIT,
	REASON_DEFLATE_STUCK,
	REASON_VERIFY,
	REASON_REST,
	REASON_REST_DISAPPOINTED,
	REASON_REST_RELEASED,
	REASON_GAVE_UP,
	REASON_GAVE_UP_HUGETLB,
	REASON_REST_SCARED,
	REASON_REST_LIED,
	/* of the host */
	REASON_HOST_WELL,
	REASON_HOST_UNKNOWN,
	REASON_HOST_SHORT,
	REASON_HOST_UNSERVED,
	REASON_HOST_GIVES_BACK,
	REASON_COUNT,
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
	uint64_t resident_b;
	uint64_t available_b;
	uint64_t reserve_b;
	uint64_t stale_b;    /* freed in the guest, still backed by the host */
	uint64_t cold_b;     /* page cache expected not to be come back for */
	uint64_t expected_b; /* what a squeeze is expected to free */
	uint64_t need_b;     /* what it must free at least to be worth it */
	uint64_t balloon_b;  /* in the balloon now */
	uint64_t freed_b;    /* freed so far by this squeeze, measured on the host */
	uint64_t floor_b; /* memory that a balloon must leave the guest, from settings or learned */
	uint64_t until_us; /* when this phase is over; FIGURE_UNKNOWN: no such time */
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

/* The machine-readable word of a phase or a reason ("inflating", "stop-reserve"); never NULL. */
const char *phase_word(enum phase phase);
const char *reason_word(enum reason reason);

#endif
