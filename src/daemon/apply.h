/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * apply.h - performs decisions; nothing else does
 *
 * Layer: daemon.
 * In:    one decision of a plan.
 * Out:   requests to the hypervisor, the guardian's ledger, a line in the log.
 *
 * A decision may be a moment old, so the guard checks every growing balloon
 * again, with the current facts.
 */
#ifndef BALLONET_DAEMON_APPLY_H
#define BALLONET_DAEMON_APPLY_H

#include "api/owner.h"
#include "fleet/fleet.h"
#include "guardian/guardian.h"

/* Performs @d, and remembers it in @vm. @guardian NULL: nothing may inflate. */
void apply_decision(struct vm *vm, const struct decision *d, struct guardian *guardian,
		    struct daemon_figures *figures, uint64_t now_us);

/* Tells @guardian once more of the balloon of a VM that it holds. 0, or as guardian_hold(). */
int apply_retell(const struct vm *vm, struct guardian *guardian);

/*
 * Takes the hold back where the process that was squeezed is gone. Where it
 * may live on, though unseen, its balloon is still to go. @proc: a
 * directory fd of /proc. @guardian may be NULL.
 */
void apply_gone(struct vm *vm, int proc, struct guardian *guardian);

#endif
