/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * estimate.h - how much of a VM's memory could be freed
 *
 * Layer: policy (pure).
 * In:    facts of one VM, its settings, what was learned of it.
 * Out:   stale memory, cold cache, the reserve, and how large a balloon may be.
 *
 * It is an estimate for deciding only. What was freed is always measured.
 */
#ifndef BALLONET_POLICY_ESTIMATE_H
#define BALLONET_POLICY_ESTIMATE_H

#include "model/history.h"
#include "model/settings.h"
#include "model/snapshot.h"

/* Bytes. All are 0 where the statistics they need were never sent. */
struct estimate {
	uint64_t reserve_b;   /* available memory that must stay with the guest */
	uint64_t available_b; /* as the guest says */
	uint64_t free_b;      /* as the guest says */
	uint64_t cache_b;     /* page cache that counts as available */
	uint64_t stale_b;     /* resident, and not in use by the guest */
	uint64_t need_b;      /* what a squeeze must be expected to free to be worth it */
	uint64_t cold_b; /* page cache taken for cold; 0 for a busy guest, or less than need_b */
	uint64_t cold_class; /* the price of page cache, enum of model/history.h's classes */
	uint64_t dear_b;     /* page cache that a host in need can have at that price */
	uint64_t press_b; /* of that, what is pressed now: a part of it as long as it was not tried
			   */
	uint64_t floor_b; /* memory that a balloon must leave */
	uint64_t room_b;  /* the largest balloon that reserve and floor allow */
	uint64_t size_b;  /* the balloon that would get stale_b and press_b, within the reserve */
	uint64_t ripe_us; /* its page cache is worth pressing, but too young until then; 0: no */
	uint64_t unbacked_b; /* free in the guest, and the host never gave it: a balloon takes it
				first */
	bool busy;	     /* its page cache is taken to be in use */
	bool over_ceiling;   /* more is resident than its ceiling */
};

/* Free memory that is left to a guest whose page cache is not to be pressed. */
uint64_t estimate_keep(const struct settings *s, const struct guest_stats *stats);

/* The balloon that gets what is free, less a little where no page cache is wanted, and @press_b. */
uint64_t estimate_size(const struct settings *s, const struct guest_stats *stats,
		       const struct estimate *est, uint64_t press_b);

/* Statistics that the policy cannot do without: MEMFREE, MEMTOT, AVAIL. */
bool estimate_possible(const struct guest_stats *stats);

/* The value of @tag, or FIGURE_UNKNOWN. */
uint64_t estimate_tag(const struct guest_stats *stats, enum balloon_stat tag);

/* By how much the value of @tag grew between two statistics; 0 where one has none. */
uint64_t estimate_grown(const struct guest_stats *from, const struct guest_stats *to,
			enum balloon_stat tag);

/*
 * The guest's used memory (total less free), without what its balloon holds;
 * FIGURE_UNKNOWN without statistics. Some drivers count a balloon as memory in
 * use, others take it from the total: what the total was without one tells.
 */
uint64_t estimate_used(const struct vm_facts *vm, const struct history *h);

/*
 * The guest's reserve: a share of the memory it has with the balloon at 0, a
 * smaller one where it is known to have swap, and reserve_min at least.
 */
uint64_t estimate_reserve(const struct settings *s, const struct vm_facts *vm);

/*
 * Estimates for a VM whose balloon is at 0, from statistics that are possible
 * and a footprint that is known.
 *
 *   stale = backed - used - overhead
 *   cold  = learned share of the page cache, where the guest is quiet
 *
 * Nothing that the host sees tells cache that is read again from cache that is
 * not. One that grew a moment ago is likely to be; of a guest that is not quite
 * idle, one that was never tried is probed: a small part is pressed, and what of
 * it comes back within 10 s tells. Cache that is not worth a squeeze
 * by itself is left alone, for pressing it takes all free memory first.
 *
 * overhead is what the last squeeze could not bring back. Before one it is
 * taken to be what the guest does not manage (ram - MEMTOT: its kernel image
 * and page structures), and 64 MiB of the hypervisor's own where those are not
 * counted apart.
 *
 * What the VM has resident above its ceiling is pressed without a probe, and
 * whether or not its guest is busy. @floor_b: memory that a balloon must leave.
 */
void estimate_vm(const struct settings *s, const struct host_facts *host, const struct vm_facts *vm,
		 const struct history *h, uint64_t now_us, uint64_t floor_b, struct estimate *ret);

#endif
