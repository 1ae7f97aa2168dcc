/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest.h - a model of a guest's memory, its balloon driver, and what both say of themselves
 *
 * Layer: sim.
 * In:    what it is (struct guest_spec), what its programs do, the size its balloon is to have.
 * Out:   bytes resident at the host; statistics as a guest sends them; how it suffers, and how
 *        much of its work it gets done.
 *
 * Memory is counted, not held: programs, a few files in the page cache, the
 * balloon, and free pages. Time passes only when it is asked about
 * (guest_advance), so a guest that nobody looks at costs nothing.
 */
#ifndef BALLONET_SIM_GUEST_H
#define BALLONET_SIM_GUEST_H

#include "sim/pages.h"

#include "model/snapshot.h"

#include <stdbool.h>
#include <stdint.h>

/* How the guest's driver gives a balloon back when the guest needs memory. */
enum guest_driver {
	DRIVER_NONE = 0, /* there is no driver: nothing is given, and no statistics are sent */
	DRIVER_PLAIN,	 /* deflates only when it is told to */
	DRIVER_NOTIFIER, /* gives 1 MiB for each call of the OOM notifier (up to 4.18, 5.7 on) */
	DRIVER_SHRINKER, /* gives before page cache, also while it inflates (4.19 to 5.6) */
	DRIVER_BALLONET, /* ballonet.ko: gives under pressure and on OOM, never while it inflates */
	DRIVER_COUNT,
};

/* What becomes of its statistics. */
enum guest_candour {
	GUEST_HONEST = 0,
	GUEST_FLATTERS, /* says that all of its memory is available */
	GUEST_FROZEN,	/* says for ever what it said first, and calls it new */
	GUEST_BABBLES,	/* says any number */
	GUEST_SILENT,	/* stops sending */
	GUEST_CANDOUR_COUNT,
};

struct guest_spec {
	uint64_t ram_b;	    /* of the machine */
	uint64_t managed_b; /* of it, what the guest's kernel manages: MEMTOT with no balloon */
	uint64_t kernel_b;  /* of that, what the kernel keeps for itself */
	uint64_t fixed_b;   /* of its RAM, resident whatever the guest does */
	uint64_t own_b;	    /* what its hypervisor has besides its RAM */
	uint64_t swap_b;
	uint64_t inflate_rate_b; /* bytes per second; 0: the balloon never moves */
	uint64_t deflate_rate_b;
	uint64_t inflate_cost_us; /* processor time for each GiB inflated */
	uint32_t vcpus;
	enum guest_driver driver;
	enum guest_candour candour;
	bool reporting; /* free page reporting works */
	bool new_stats; /* sends the statistics that Linux 6.12 added */
	bool apart;	/* its host counts its RAM apart from what else its hypervisor has */
};

enum guest_file_id {
	FILE_PROGRAMS = 0, /* mapped, and always in use: evicting it means major faults */
	FILE_DATA,	   /* read again */
	FILE_ARCHIVE,	   /* read once */
	GUEST_FILES,
};

struct guest_file {
	uint64_t cached_b;
	uint64_t evicted_b; /* was cached, and would have to be read again */
	uint64_t read_us;   /* last time */
	uint32_t reads;	    /* twice or more: it is on the active list */
};

/* What it suffered since it was made; it outlives a reset. */
struct guest_harm {
	uint64_t oom_kills;
	uint64_t swap_in_b;
	uint64_t swap_out_b;
	uint64_t refault_b;    /* file data that was read again because it had been evicted */
	uint64_t major_faults; /* of programs, and of swapped memory */
	uint64_t stall_us;     /* time its programs waited for any of these, or for the balloon */
};

/* Its application: how long it worked, and how much of that was lost. Outlives a reset, too. */
struct guest_work {
	uint64_t work_us;
	uint64_t lost_us;
	uint64_t first_us; /* of the work, the first 10 s after it had rested for a minute */
	uint64_t first_lost_us;
	uint64_t balloon_us; /* processor time that inflating took */
	uint64_t shown_us; /* of that, what its host sees as more: the rest was the application's */
};

struct guest {
	struct guest_spec spec;
	uint64_t now_us;
	uint64_t anon_b;    /* memory of programs, without what is swapped out */
	uint64_t swapped_b; /* of theirs as well, but on the swap disk */
	struct guest_file file[GUEST_FILES];
	struct pages free;
	uint64_t hidden_b; /* of the free pages, what lies on per-CPU lists: it counts as used */
	uint64_t balloon_b;
	uint64_t wanted_b; /* the size the balloon is to have */
	uint64_t report_b; /* bytes per second that are being reported at present */
	uint64_t stalls;   /* allocations that had to reclaim by themselves */
	uint64_t minor_faults;
	struct guest_harm harm;
	struct guest_work work;
	uint64_t busy_ppm;		 /* share of each of its processors that programs use */
	uint64_t working_us;		 /* its application worked then; 0: it never did */
	uint64_t woken_us;		 /* since then, after it had rested */
	struct guest_stats frozen;	 /* what GUEST_FROZEN says */
	unsigned __int128 resident_b_us; /* resident bytes x microseconds since it was made */
};

/* A guest that has just booted, at @now_us, its programs being @programs_b of files. */
void guest_init(struct guest *g, const struct guest_spec *spec, uint64_t programs_b,
		uint64_t now_us);

/* It was reset: everything starts anew but the count of what it suffered. */
void guest_reset(struct guest *g, uint64_t programs_b, uint64_t now_us);

/* Time passes: the balloon moves, free pages are reported, programs use their pages again. */
void guest_advance(struct guest *g, uint64_t now_us);

/* Time passes while the guest does not run. */
void guest_stand_still(struct guest *g, uint64_t now_us);

/* Programs want @size_b more; what cannot be had in the end costs an OOM kill. Returns bytes got.
 */
uint64_t guest_want(struct guest *g, uint64_t size_b);

/* Programs free @size_b, or all they have. */
void guest_give(struct guest *g, uint64_t size_b);

/* The first @size_b of @file are read. */
void guest_read(struct guest *g, enum guest_file_id file, uint64_t size_b);

/* The same, of which @most_b at most have to be brought in. */
void guest_read_some(struct guest *g, enum guest_file_id file, uint64_t size_b, uint64_t most_b);

/*
 * Its application works for @span_us on the first @size_b of its data, which it
 * is to read besides. The colder they are, the less it gets done: returns how
 * much of that time is lost.
 */
uint64_t guest_work(struct guest *g, uint64_t size_b, uint64_t span_us);

/* @size_b of @file are read that never were before. */
void guest_read_new(struct guest *g, enum guest_file_id file, uint64_t size_b);

/* The file's cached pages are freed without being missed: it was deleted. */
void guest_drop(struct guest *g, enum guest_file_id file);

/* The hypervisor asks for @remaining_b to remain to the guest. */
void guest_balloon(struct guest *g, uint64_t remaining_b);

/* Bytes: of its RAM, and with what its hypervisor has besides. */
uint64_t guest_ram(const struct guest *g);
uint64_t guest_resident(const struct guest *g);
uint64_t guest_cache(const struct guest *g);
uint64_t guest_available(const struct guest *g); /* as MemAvailable, honestly */

/*
 * Between guest.c and guest_work.c: its balloon grew by @size_b. Of processors that are in use,
 * what that takes is the application's loss, and its host sees no more used than before.
 */
void guest_charge(struct guest *g, uint64_t size_b);

/* Bytes per second at which its balloon grows: no more than those who work on it can do. */
uint64_t guest_inflate_rate(const struct guest *g);

/* What it sends when it is asked now. @noise is a random number for those who need one. */
void guest_say(struct guest *g, uint64_t noise, struct guest_stats *ret);

#endif
