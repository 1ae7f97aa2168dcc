/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * owner.h - what the control API shows, and what it asks of its owner
 *
 * Layer: api.
 * In:    the fleet, the host and the daemon's own figures, lent by the daemon.
 * Out:   requests of operators.
 */
#ifndef BALLONET_API_OWNER_H
#define BALLONET_API_OWNER_H

#include "fleet/fleet.h"
#include "model/history.h"
#include "model/plan.h"
#include "model/settings.h"
#include "model/snapshot.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct hostgroup;
struct reserve;

/* How late a VM can be looked at, each class up to so much; the last is without end. */
#define LATE_CLASSES 8
extern const uint64_t late_us[LATE_CLASSES]; /* in metrics.c */

/* Figures of the daemon itself; counters since it started. */
struct daemon_figures {
	uint64_t start_us;
	uint64_t ticks;		     /* runs of observe, fold, decide, apply */
	uint64_t vm_ticks;	     /* VMs ticked, all runs together */
	uint64_t late[LATE_CLASSES]; /* VMs by how late they were looked at: up to late_us[i] */
	uint64_t late_sum_us;
	uint64_t targets;	  /* targets set */
	uint64_t targets_refused; /* by the guard, just before they were set */
	uint64_t journal_lost;	  /* records that could not be written */
	uint64_t reloads;
	uint64_t reload_errors;
	bool dry_run;
	bool guardian; /* is it alive? */
};

/* What the control API shows; all of it belongs to the owner and is read in dispatch only. */
struct control_view {
	const struct fleet *fleet;
	const struct host_facts *host;
	const struct host_history *history;   /* what the policy remembers of the host */
	const struct host_decision *decision; /* of the last tick */
	const struct settings *defaults;      /* those of the host among them */
	const struct hostgroup *hostgroup;    /* what stands for the host; NULL: itself */
	const struct daemon_figures *figures;
	struct reserve *reserve; /* requests make and end reservations in it */
};

/* A change of what was set for a VM at run time; bits as of settings_table(). */
struct control_change {
	bool reset;	/* first of all nothing is set any more */
	uint64_t clear; /* these are not set any more, */
	uint64_t mask;	/* and these are, to */
	struct settings values;
};

/* A request that may change something, once it was answered. */
struct control_asked {
	uid_t uid; /* of whoever connected, by the kernel's word */
	pid_t pid;
	const char *method;
	const char *path;
	unsigned int status; /* as it was answered */
};

struct control_ops {
	/* An operator asks. Returns 0: it waits for the VM's next tick, which comes at once. */
	int (*request)(void *userdata, struct vm *vm, enum vm_request request);
	/* An operator changes settings. NULL, or a sentence on why that cannot be. */
	const char *(*set)(void *userdata, struct vm *vm, const struct control_change *change);
	/* Somebody asked for a change, in vain or not. NULL: nobody wants to know. */
	void (*asked)(void *userdata, const struct control_asked *asked);
	/* CLOCK_MONOTONIC in microseconds. */
	uint64_t (*now)(void *userdata);
};

#endif
