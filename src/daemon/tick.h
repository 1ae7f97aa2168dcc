/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tick.h - observe, fold, decide, apply: what the daemon does when a VM is due
 *
 * Layer: daemon.
 * In:    the fleet; the time.
 * Out:   requests to hypervisors, records in the journal.
 *
 * A VM that is being squeezed is due with every reply of its guest, a calm one
 * once per interval. All that are due together share one tick.
 */
#ifndef BALLONET_DAEMON_TICK_H
#define BALLONET_DAEMON_TICK_H

#include "api/owner.h"
#include "fleet/fleet.h"
#include "guardian/guardian.h"

#include "host/footprint.h"
#include "host/roots.h"
#include "journal/writer.h"
#include "base/due.h"
#include "base/num.h"
#include "model/snapshot.h"

#include <stdint.h>

struct tick {
	/* borrowed */
	struct fleet *fleet;
	const struct host_roots *roots;
	struct daemon_figures *figures;
	struct journal *journal;	      /* NULL: none is kept */
	struct learned *learned;	      /* NULL: nothing is kept beyond this process */
	struct guardian *guardian;	      /* NULL: it is not there, so nothing inflates */
	const struct settings *host_settings; /* those of `defaults`, that the arbiter obeys */
	/* facts of the host that its owner brings */
	uint64_t pressure_us;	 /* when the pressure trigger fired last; 0: never */
	uint64_t reserved_b;	 /* promised to VMs that are to start, */
	uint64_t reserved_by_us; /* and when it has to be there; 0: as usual */

	struct footprint_budget footprints;
	struct host_facts host;
	uint64_t host_us; /* when it was read; 0: never */
	uint64_t fall_b;  /* bytes per second by which its available memory fell of late */
	uint64_t look_us; /* when the host is looked at though no VM is due */
	struct host_history host_history;   /* what the policy remembers of it */
	struct host_decision host_decision; /* of the last tick */
	uint64_t host_kept_us;		    /* when what was learned of it was kept last */
	uint64_t cpus;			    /* processors of the host; 0: not known */
	uint64_t squeezing;		    /* VMs that are being squeezed */
	struct due_heap heap;		    /* the VMs, by when they are to be looked at */

	/* one entry per VM that is due, grown as needed */
	size_t cap;
	struct vm **due;
	struct vm_facts *facts;
	struct decision *decision;
	const struct settings **settings;
	struct history **history;
};

void tick_init(struct tick *t, struct fleet *fleet, const struct host_roots *roots,
	       const struct settings *host_settings, struct daemon_figures *figures);
void tick_fini(struct tick *t);

/* The next instant at which tick_run() has something to do; UINT64_MAX: none. */
uint64_t tick_next(const struct tick *t);

/*
 * Something came for @vm: it is ticked at once; or, where it is calm and the host
 * is well, together with whatever else comes within TICK_BATCH_US, for less than
 * alone.
 */
void tick_due(struct tick *t, struct vm *vm, uint64_t now_us);
#define TICK_BATCH_US (50 * USEC_PER_MSEC)

/* VMs were added to the fleet: from now on they are ticked. Those that were there stay as they are.
 */
void tick_adopt(struct tick *t);

/* This VM is about to leave the fleet: the host forgets what it offered. */
void tick_forget(struct tick *t, struct vm *vm);

/* Asks calm VMs whose time has come for their figures, and ticks all that are due. */
void tick_run(struct tick *t, uint64_t now_us);

/* The host is under pressure: every calm VM is asked now and not at its next interval. */
void tick_hurry(struct tick *t);

#endif
