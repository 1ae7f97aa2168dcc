/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reserve.h - room that is held for VMs that are to start
 *
 * Layer: fleet.
 * In:    reservations of operators; the VMs that appear after them.
 * Out:   what is still to be held, which the policy counts as taken.
 *
 * This is only the ledger; policy/headroom.h says whether there is room. A new
 * VM uses up a reservation by the memory that it really has resident.
 */
#ifndef BALLONET_FLEET_RESERVE_H
#define BALLONET_FLEET_RESERVE_H

#include "fleet/fleet.h"

#include "base/num.h"
#include "model/snapshot.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* At once; a host that starts more VMs in ten minutes reserves for several together. */
#define RESERVE_MAX 64
/* How long room is held that nobody uses, where nothing is said. */
#define RESERVE_HOLD_US (UINT64_C(600) * USEC_PER_SEC)
/* Longer than this is no VM that is about to start. */
#define RESERVE_TIME_MAX_US (UINT64_C(86400) * USEC_PER_SEC)
/* A VM that appeared less than this ago is looked at every second while room is held: until it is
 * known what it took, its memory would count twice. */
#define RESERVE_WATCH_US (UINT64_C(60) * USEC_PER_SEC)

struct reservation {
	uint64_t id; /* > 0, never used again */
	uint64_t size_b;
	uint64_t left_b; /* of that, not used yet */
	uint64_t made_us;
	uint64_t by_us;		/* when the room is to be there; 0: as soon as it can be */
	uint64_t until_us;	/* held until then, used or not */
	char name[VM_NAME_MAX]; /* of the VM that it is for; "": whichever appears */
};

struct reserve {
	struct reservation r[RESERVE_MAX]; /* oldest first */
	size_t n;
	uint64_t last_id;
	bool changed; /* since reserve_changed() was asked */
};

/*
 * Holds @size_b from @now_us on, for the VM called @name ("": for any), that is
 * to be there within @within_us (0: as soon as it can be) and held for @hold_us
 * after that. NULL: there are RESERVE_MAX already.
 */
const struct reservation *reserve_add(struct reserve *r, uint64_t size_b, uint64_t within_us,
				      uint64_t hold_us, const char *name, uint64_t now_us);

/* The one called @id, or NULL. */
const struct reservation *reserve_find(const struct reserve *r, uint64_t id);

/* Ends it. Returns whether there was one. */
bool reserve_cancel(struct reserve *r, uint64_t id);

/* What is held and not used yet: by all, or by those that are older than @before (NULL: by all). */
uint64_t reserve_left(const struct reserve *r, const struct reservation *before);

/*
 * Takes what VMs of @fleet have resident from the reservations that are older
 * than they are: from those that name them first, of these the oldest first; ends those that are
 * used up or expired. What a VM used stays used, also when it is gone.
 */
void reserve_update(struct reserve *r, const struct fleet *fleet, uint64_t now_us);

/* Is @vm to be looked at every second, because room is held that it may be using? */
bool reserve_watches(const struct reserve *r, const struct vm *vm, uint64_t now_us);

/* When the next one expires; UINT64_MAX: there is none. */
uint64_t reserve_next(const struct reserve *r);

/* Was one made or ended since this was asked last? */
bool reserve_changed(struct reserve *r);

/* Fills in reserved_b and reserved_by_us, the earliest deadline that is still to come. */
void reserve_facts(const struct reserve *r, uint64_t now_us, struct host_facts *facts);

#endif
