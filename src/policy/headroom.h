/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * headroom.h - how much memory could be freed, and how soon
 *
 * Layer: policy (pure).
 * In:    what VMs offer, and what squeezes of this host taught.
 * Out:   bytes within 1, 10 and 60 s; the answer to a reservation.
 *
 * It promises what 95 of 100 squeezes achieved: of every learned figure it takes
 * the value that at most one squeeze in twenty stayed below.
 */
#ifndef BALLONET_POLICY_HEADROOM_H
#define BALLONET_POLICY_HEADROOM_H

#include "model/history.h"
#include "model/settings.h"
#include "model/snapshot.h"

enum { HEADROOM_1S, HEADROOM_10S, HEADROOM_60S, HEADROOM_COUNT };

/* The times, microseconds. */
extern const uint64_t headroom_within_us[HEADROOM_COUNT];

struct headroom {
	uint64_t b[HEADROOM_COUNT]; /* bytes that can be freed within 1, 10 and 60 s */
	uint64_t offered_b;	    /* what VMs offer, before any doubt */
	uint64_t share_ppm;	    /* of what is expected, this share is counted on */
	uint64_t rate_b;	    /* bytes per second that one VM is counted on for */
	uint64_t at_once;	    /* VMs at the same time */
	uint64_t squeezes;	    /* squeezes it was learned from; few: defaults stand in */
};

/*
 * The headroom of a host whose VMs offer what @host sums up. @at_once: VMs that
 * may be squeezed at the same time (>= 1).
 */
void headroom_find(const struct host_history *host, uint64_t at_once, struct headroom *ret);

/* Is there room for a VM of some size, and when? */
enum reserve_answer {
	RESERVE_YES,	   /* it is there now */
	RESERVE_WHEN,	   /* it will be, within ret_within_us */
	RESERVE_LATE,	   /* it will be, but later than was asked for: ret_within_us */
	RESERVE_NO,	   /* there is not as much: ret_missing_b */
	RESERVE_TOO_LARGE, /* the host has not as much memory at all */
	RESERVE_UNKNOWN,   /* the host's figures are not known */
	RESERVE_ANSWER_COUNT,
};

struct reservation_answer {
	enum reserve_answer answer;
	uint64_t within_us; /* RESERVE_WHEN, RESERVE_LATE: when it is expected to be there */
	uint64_t missing_b; /* RESERVE_NO: bytes that cannot be had */
	uint64_t to_free_b; /* bytes that have to be freed for it; 0: RESERVE_YES */
};

/*
 * Can @size_b be there within @within_us, besides what is reserved already
 * (facts->reserved_b) and the share host_short that is never given away?
 */
void headroom_reserve(const struct settings *s, const struct host_facts *facts,
		      const struct headroom *room, uint64_t size_b, uint64_t within_us,
		      struct reservation_answer *ret);

#endif
