/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rightsize.h - the phases of right-sizing: a balloon that is left inflated
 *
 * Layer: policy (pure).
 * In:    a step of one VM's machine.
 * Out:   its decision.
 *
 * Only policy/machine.c calls the phases; others may ask how much room there is.
 */
#ifndef BALLONET_POLICY_RIGHTSIZE_H
#define BALLONET_POLICY_RIGHTSIZE_H

#include "policy/step.h"

/* How far a balloon that stays may grow. */
struct rightsize_room {
	uint64_t room_b;  /* by so much, bytes */
	uint64_t floor_b; /* memory that it must leave */
	enum reason why;  /* REASON_SIZED_FLOOR, _RESERVE or SIZE_WATCHED: what allows no more */
};

/*
 * Free memory is taken down to what keeps the guest from reclaiming, and page
 * cache only where a squeeze would press it; of a guest that cannot take back
 * neither its last free memory nor any cache, and nothing that it needed of late.
 */
void rightsize_room(const struct settings *s, const struct host_facts *host,
		    const struct vm_facts *vm, const struct history *h, uint64_t now_us,
		    struct rightsize_room *ret);

/* The balloon is at 0: begins to size the guest, or says why not. */
void rightsize_watch(struct step *st);

void rightsize_sizing(struct step *st);
void rightsize_sized(struct step *st);

#endif
