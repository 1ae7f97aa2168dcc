/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fleet.h - the VMs that the daemon knows, by name
 *
 * Layer: fleet.
 * In:    discovery, configuration and connections add and remove VMs.
 * Out:   one struct vm each, for the tick to work on and the control API to show.
 *
 * Two hypervisors may use one name. Here names are unique: the second VM of a
 * name is called NAME@PID (or NAME@ID before its process is known).
 */
#ifndef BALLONET_FLEET_FLEET_H
#define BALLONET_FLEET_FLEET_H

#include "base/due.h"
#include "model/history.h"
#include "model/plan.h"
#include "model/settings.h"
#include "model/snapshot.h"

#include <stdbool.h>
#include <sys/types.h>

struct footprint;
struct process;
struct vmm_conn;

/* Decisions remembered for "why"; one is kept only when its reason or phase is a new one. */
#define VM_RECENT_MAX 16

struct vm_recent {
	uint64_t time_us;
	struct decision decision;
};

/* One VM as the daemon knows it. */
struct vm {
	uint64_t id; /* > 0, never used again */
	char name[VM_NAME_MAX];
	char *address; /* path of its QMP socket, or of its ballonet-device's */
	bool leased;   /* a ballonet-device: its target ends by itself, without a guardian */
	char called[VM_NAME_MAX]; /* as it is called in the world: the name that rules match */
	bool named;		  /* the configuration gave its name */
	bool was_up;		  /* its socket has served us: it stays with it */
	uint64_t seen;		  /* the discovery's round that last saw it */
	pid_t pid;		  /* 0: not known */
	pid_t process_pid;	  /* of the process that was measured last; 0: none yet */
	uint64_t process_ticks;	  /* when that began, as host/process.h */
	uint64_t started_us;	  /* the same, by our clock */
	uint64_t appeared_us;	  /* when it was first seen; 0: never yet */
	uint64_t charged_b;	  /* of its memory, taken from reservations; for reserve.c alone */

	struct settings settings;    /* as they apply to it */
	uint64_t mode;		     /* as it is set; in a dry run its settings only observe */
	uint64_t set;		     /* those of them that were set at run time: a bit per key */
	char group[VM_NAME_MAX];     /* of the configuration; "": none */
	char group_too[VM_NAME_MAX]; /* another that it matches, and does not belong to; "": none */
	struct history history;	     /* what the policy remembers */
	struct vm_facts facts;	     /* of its last tick */
	struct decision decision;    /* of its last tick */
	uint64_t decided_us;	     /* when; 0: never */
	enum vm_request request;     /* waits for its next tick */

	struct vm_recent recent[VM_RECENT_MAX]; /* a ring: the newest is at (recent_n - 1) % MAX */
	uint64_t recent_n;			/* ever added */

	struct vmm_conn *conn;
	struct footprint *footprint; /* NULL while the process is not known */

	/* for tick.c alone */
	bool squeezing;	     /* it counts as one that is being squeezed */
	struct due next;     /* the earliest of the four below */
	uint64_t due_us;     /* something came: tick then; UINT64_MAX: nothing did */
	uint64_t wake_us;    /* nothing came: look at it then */
	uint64_t refresh_us; /* ask for statistics then; UINT64_MAX: no */
	uint64_t walk_us;    /* go on with a walk of its page tables then; UINT64_MAX: none is */
	bool polling;	     /* calm, and asked; the answer makes it due */
	bool attach;	     /* its process is another: look at it anew */
	bool measure;	     /* measure the footprint whatever it costs */
	bool measuring;	     /* that is under way, and its end makes it due */
	bool held;	     /* the guardian was told of its balloon, and of these: */
	pid_t held_pid;	     /* who listens at address; 0: not known */
	uint64_t held_ticks; /* when that began, as host/process.h; 0: it is not the VM itself */
	bool kept;	     /* until its balloon is at 0, though nobody names it any more */
	bool announced;	     /* the journal knows it */
	uint64_t ticks;	     /* ever */

	/* for remember.c alone */
	bool recalled;		/* it has what was kept of it, or there was nothing */
	uint64_t met_us;	/* when it was first up; 0: never yet */
	uint64_t kept_us;	/* when it was kept last, and */
	uint64_t kept_squeezes; /* how many squeezes it had then */
};

struct fleet {
	struct vm **vm;
	size_t n;
	void *by_address; /* the same, as a tree of tsearch(3): each look around asks for all */
	uint64_t last_id;
};

void fleet_init(struct fleet *f);

/* Frees all VMs (not their connections and footprints: the owner closes those first). */
void fleet_fini(struct fleet *f);

/* A VM of unique name, and of an address that none has. @name "" is replaced by the file name of
 * @address, with its folder where that is "qmp.sock" or the like. 0 or -ENOMEM. */
int fleet_add(struct fleet *f, const char *name, const char *address, struct vm **ret);

/* Forgets and frees it. */
void fleet_remove(struct fleet *f, struct vm *vm);

/* Gives it another name, made unique. True where the name is not the one asked for. */
bool fleet_rename(struct fleet *f, struct vm *vm, const char *name);

/* The VM is to be had at another address, that none has. 0 or -ENOMEM. */
int fleet_move(struct fleet *f, struct vm *vm, const char *address);

/*
 * Its process is @p, at @now_us: another one than before is another VM to those who hold room,
 * however often it was connected to meanwhile.
 */
void fleet_process(struct vm *vm, const struct process *p, uint64_t now_us);

/* By name or by address; NULL where there is none. */
struct vm *fleet_find(const struct fleet *f, const char *name);
struct vm *fleet_find_address(const struct fleet *f, const char *address);

#endif
