/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reason.h - why a decision is what it is, and the table of it
 *
 * Layer: model (pure).
 * In:    policy/ gives every decision one reason.
 * Out:   its word, its sentence, and what follows from it.
 *
 * The table is the only list of reasons: code that treats some of them alike asks
 * for the trait that they share, so that a new reason is one new row.
 */
#ifndef BALLONET_MODEL_REASON_H
#define BALLONET_MODEL_REASON_H

#include <stdbool.h>
#include <stdint.h>

enum reason {
	/* nothing is begun */
	REASON_NONE = 0,
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
	REASON_NOT_CALM,
	REASON_BUSY,
	REASON_LITTLE_TO_GAIN,
	REASON_UNBACKED,
	REASON_COST,
	REASON_LEFT_TO_REPORTING,
	REASON_AT_RESERVE,
	REASON_NO_GUARDIAN,
	REASON_TURN,
	REASON_MODE_OBSERVE,
	REASON_AT_FLOOR,
	REASON_LOOKING,
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
	REASON_STOP_FLOOR,
	REASON_STOP_SWAP,
	REASON_STOP_OOM,
	REASON_STOP_FAULTS,
	REASON_STOP_GROWS,
	REASON_STOP_STALL,
	REASON_STOP_NOTHING,
	REASON_STOP_GIVES_BACK,
	REASON_STOP_STATS,
	REASON_STOP_LIES,
	REASON_STOP_TIME,
	REASON_STOP_HOLD_MAX,
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
	REASON_SIZE_WATCHED,
	/* afterwards */
	REASON_DEFLATE_WAIT,
	REASON_DEFLATE_STUCK,
	REASON_VERIFY,
	REASON_REST,
	REASON_REST_DISAPPOINTED,
	REASON_REST_UNBACKED,
	REASON_REST_UNSPLIT,
	REASON_REST_RELEASED,
	REASON_GAVE_UP,
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

/* What several reasons have in common: a set of bits. */
enum reason_trait {
	REASON_IS_SMALL = 1 << 0,     /* one of many steps on the way: no line in the log */
	REASON_IS_BEGINNING = 1 << 1, /* a squeeze begins */
	REASON_IS_MEANT = 1 << 2,     /* the inflate went as meant: its balloon may be held */
	REASON_IS_DRAINED = 1 << 3,   /* all that may be had was taken: what is left is overhead */
	REASON_IS_DISTRESS = 1 << 4,  /* the guest is short of memory */
	REASON_IS_UNWILLING = 1 << 5, /* the guest did not give what it said to have */
	REASON_IS_GAVE_UP = 1 << 6,   /* squeezing frees nothing here */
	REASON_IS_DISAPPOINTED = 1 << 7, /* the last squeeze was not worth it */
};

/* Does @reason have @trait? One from nowhere has none. */
bool reason_is(enum reason reason, enum reason_trait trait);

/* Why a VM rests whose balloon went to 0 because of @reason, and was no squeeze's. */
enum reason reason_rest(enum reason reason);

/* The machine-readable word ("stop-reserve"), which scripts match on; never NULL. */
const char *reason_word(enum reason reason);

/* The sentence for people, with {figures} by name (policy/explain.c); never NULL. */
const char *reason_sentence(enum reason reason);

#endif
