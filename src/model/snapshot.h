/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * snapshot.h - the facts of one tick: the host, and every VM that is due
 *
 * Layer: model (pure).
 * In:    host/ and vmm/ fill it in.
 * Out:   policy/ reads it, journal/ writes it down.
 *
 * Every figure says when it was taken and whether it is known. Zero never stands
 * for "unknown".
 */
#ifndef BALLONET_MODEL_SNAPSHOT_H
#define BALLONET_MODEL_SNAPSHOT_H

#include "ballonet/virtio_balloon.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longest name of a VM that is kept; QEMU allows any, a longer one is cut. */
#define VM_NAME_MAX 128

/* One figure. Where !known, value and taken_us mean nothing. */
struct fact {
	uint64_t value;
	uint64_t taken_us; /* CLOCK_MONOTONIC, microseconds */
	bool known;
};

/* A figure that is known as of @taken_us. */
static inline struct fact fact_of(uint64_t value, uint64_t taken_us)
{
	return (struct fact){ .value = value, .taken_us = taken_us, .known = true };
}

/* Is the figure known and no older than @max_age_us at @now_us? One from the future is fresh. */
static inline bool fact_fresh(const struct fact *f, uint64_t now_us, uint64_t max_age_us)
{
	return f->known && (f->taken_us >= now_us || now_us - f->taken_us <= max_age_us);
}

/* Yes, no, or not known yet. */
enum tri { TRI_UNKNOWN = 0, TRI_NO, TRI_YES, TRI_COUNT };

/* What the hypervisor says of the VM. */
enum vm_state {
	VM_STATE_DOWN = 0, /* no connection; facts are the last ones known */
	VM_STATE_RUNNING,
	VM_STATE_PAUSED, /* the guest does not run: it can neither inflate nor answer */
	VM_STATE_COUNT,
};

/* Where a footprint was measured; see host/footprint.h. */
enum footprint_source {
	FOOTPRINT_NONE = 0,
	FOOTPRINT_CGROUP,  /* usage of the VM's own memory cgroup, without file cache */
	FOOTPRINT_MEMFD,   /* st_blocks of the files that hold its RAM */
	FOOTPRINT_SMAPS,   /* smaps_rollup */
	FOOTPRINT_RSS,	   /* the process's own count, where smaps would take too long */
	FOOTPRINT_PAGEMAP, /* its RAM's own mapping, by PAGEMAP_SCAN */
	FOOTPRINT_MAPPING, /* its RAM's own mapping, by smaps */
	FOOTPRINT_COUNT,
};

/* Does this source count the guest's RAM apart from what else its hypervisor has? */
static inline bool footprint_is_apart(enum footprint_source source)
{
	return source == FOOTPRINT_MEMFD || source == FOOTPRINT_PAGEMAP ||
	       source == FOOTPRINT_MAPPING;
}

/* Why host pages of a VM might not be freeable: a set of bits. */
enum obstacle {
	OBSTACLE_VFIO = 1 << 0,	   /* a device is assigned: its memory is pinned */
	OBSTACLE_MLOCK = 1 << 1,   /* memory is locked */
	OBSTACLE_HUGETLB = 1 << 2, /* memory is hugetlb: only whole huge pages can go */
};

/* What an operator asked for since the last tick of this VM. */
enum vm_request {
	REQUEST_NONE = 0,
	REQUEST_SQUEEZE,
	REQUEST_RELEASE,
	REQUEST_COUNT,
};

/* The statistics that a guest sent; sizes are bytes. */
struct guest_stats {
	uint64_t taken_us; /* they are no older than this; means nothing where known is 0 */
	uint32_t known;	   /* bit N: tag[N] was sent */
	uint64_t tag[BALLOON_STAT_COUNT];
};

static inline bool stats_has(const struct guest_stats *s, enum balloon_stat tag)
{
	return s->known & (UINT32_C(1) << tag);
}

struct host_facts {
	struct fact total_b;		/* MemTotal */
	struct fact available_b;	/* MemAvailable */
	struct fact psi_some_avg10_ppm; /* share of the last 10 s in which some task stalled */
	struct fact psi_full_avg10_ppm; /* the same, all tasks at once */
	uint64_t cpus;			/* processors; 0: not known */
	uint64_t squeezing;		/* VMs whose balloon is on its way up or down */
	uint64_t reserved_b;		/* of available_b, promised to VMs that are to start */
	uint64_t reserved_by_us;	/* when it has to be there at the latest; 0: as usual */
	uint64_t fall_b;		/* bytes per second by which available_b fell of late */
	uint64_t pressure_us;		/* a pressure trigger fired then; 0: none ever did */
	struct fact local_s; /* local time of day, as seconds since 1970 would count it */
};

/* How a guest gives memory back, told by what it does. */
enum guest_kind {
	GUEST_UNKNOWN = 0, /* it was not pressed yet */
	GUEST_NONE,	   /* no balloon driver speaks to us */
	GUEST_NOTIFIER, /* keeps what it gave until it is out of memory (Linux to 4.18, from 5.7) */
	GUEST_SHRINKER, /* takes pages back under pressure, also of its own inflating (4.19-5.6) */
	GUEST_BALLONET, /* ballonet.ko: gives back in one direction at a time */
	GUEST_KIND_COUNT,
};

/* The word of a kind ("notifier"); never NULL. */
const char *guest_kind_word(uint64_t kind);

struct vm_facts {
	uint64_t id; /* unique in the daemon's life; 0 is never used */
	enum vm_state state;
	enum tri device;      /* is there a balloon device? */
	enum tri reporting;   /* is free page reporting offered by the device? */
	uint32_t obstacles;   /* enum obstacle */
	uint32_t boots;	      /* times the guest was reset while connected */
	int32_t target_error; /* errno of the last target that was refused; 0: accepted */
	enum vm_request request;
	enum footprint_source backed_source;
	struct fact ram_b;     /* memory of the machine, with the balloon at 0 */
	struct fact actual_b;  /* ram_b less the balloon, as the guest says */
	struct fact backed_b;  /* host bytes that back its RAM: resident and swapped */
	struct fact swapped_b; /* of these, in the host's swap; unknown where not told apart */
	struct fact own_b;     /* what its hypervisor has besides; unknown where not told apart */
	struct fact charged_b; /* usage of its own memory cgroup; unknown where it has none */
	struct fact cpu_us;    /* processor time it has used since it started */
	struct fact target_b;  /* the last target that was sent, as bytes that remain */
	uint32_t guarded;      /* 1: should we die, somebody brings its balloon to 0 */
	uint32_t leftover;     /* 1: its balloon was left by a ballonetd that died */
	uint32_t press; /* 1: the guest can press, which frees what a balloon would, without one */
	uint32_t pressing; /* 1: it was asked to, and has not said that it is done */
	uint32_t vcpus;	   /* virtual processors; 0: not known */
	struct guest_stats stats;
};

struct snapshot {
	uint64_t now_us; /* CLOCK_MONOTONIC */
	struct host_facts host;
	size_t nvm;
	struct vm_facts *vm; /* only the VMs that are due this tick */
};

#endif
