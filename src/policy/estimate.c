/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * estimate.c - how much of a VM's memory could be freed
 *
 * Layer: policy (pure).
 * In:    facts of one VM, its settings, what was learned of it.
 * Out:   stale memory, cold cache, the reserve, and how large a balloon may be.
 *
 * A balloon takes free pages first, and page cache only when they run out. So a
 * balloon for cold cache must be large enough for all free memory as well.
 */
#include "policy/estimate.h"

#include "policy/arbiter.h"

#include "base/num.h"

/* The hypervisor's own memory before any was measured: QEMU with one guest has 30-80 MiB. */
#define HYPERVISOR_B (64 * MIB)

/* A VM this close to its ceiling is there. */
#define CEILING_SLACK_B (16 * MIB)

/* Guests are kept from the watermarks by a share of their memory too: 1/32 is thrice the usual. */
#define FREE_KEEP_DIVISOR 32

bool estimate_possible(const struct guest_stats *stats)
{
	uint32_t need = UINT32_C(1) << BALLOON_STAT_MEMFREE | UINT32_C(1) << BALLOON_STAT_MEMTOT |
			UINT32_C(1) << BALLOON_STAT_AVAIL;

	return (stats->known & need) == need;
}

uint64_t estimate_tag(const struct guest_stats *stats, enum balloon_stat tag)
{
	return stats_has(stats, tag) ? stats->tag[tag] : FIGURE_UNKNOWN;
}

uint64_t estimate_grown(const struct guest_stats *from, const struct guest_stats *to,
			enum balloon_stat tag)
{
	if (!stats_has(from, tag) || !stats_has(to, tag))
		return 0;
	return u64_sub_sat(to->tag[tag], from->tag[tag]);
}

uint64_t estimate_used(const struct vm_facts *vm, const struct history *h)
{
	uint64_t total_b = vm->stats.tag[BALLOON_STAT_MEMTOT];
	uint64_t balloon_b = u64_sub_sat(vm->ram_b.value, vm->actual_b.value);

	if (!estimate_possible(&vm->stats))
		return FIGURE_UNKNOWN;
	if (h->guest.total_b && vm->ram_b.known && vm->actual_b.known)
		total_b = u64_min(total_b, u64_sub_sat(h->guest.total_b, balloon_b));
	return u64_sub_sat(total_b, vm->stats.tag[BALLOON_STAT_MEMFREE]);
}

uint64_t estimate_reserve(const struct settings *s, const struct vm_facts *vm)
{
	const uint64_t *tag = vm->stats.tag;
	bool swaps = (stats_has(&vm->stats, BALLOON_STAT_SWAP_OUT) && tag[BALLOON_STAT_SWAP_OUT]) ||
		     (stats_has(&vm->stats, BALLOON_STAT_SWAP_IN) && tag[BALLOON_STAT_SWAP_IN]);
	uint64_t of_b = vm->ram_b.known ? vm->ram_b.value : tag[BALLOON_STAT_MEMTOT];

	return u64_max(s->reserve_min_b,
		       u64_ppm(of_b, swaps ? s->reserve_swap_ppm : s->reserve_ppm));
}

/* Is page cache worth pressing, as the host is now? */
static bool cache_is_of_use(const struct settings *s, const struct host_facts *host)
{
	if (s->press_cache != PRESS_HOST_ROOM)
		return s->press_cache == PRESS_ALWAYS;
	return host->available_b.known && host->total_b.known &&
	       host->available_b.value < u64_ppm(host->total_b.value, s->host_room_ppm);
}

/*
 * A first try presses a part of the cache, but no less than makes it worth its
 * cost: the balloon takes what is free and was never backed as well.
 */
static uint64_t probe_size(const struct settings *s, const struct estimate *est)
{
	uint64_t least_mib =
		u64_sub_sat(u64_ppm(est->free_b, s->min_efficiency_ppm), est->stale_b) / MIB + 1;
	uint64_t least_b =
		u64_mul_sat(least_mib, PPM) / u64_max(PPM - s->min_efficiency_ppm, 1) * MIB + MIB;

	return u64_max(u64_ppm(est->cache_b, s->cold_probe_ppm), u64_min(least_b, est->cold_b / 2));
}

/* The page cache taken for cold, its price, and what of it is pressed now. */
static void estimate_cold(const struct settings *s, const struct host_facts *host,
			  const struct history *h, uint64_t now_us, struct estimate *est)
{
	uint64_t kept_ppm = h->cache.tried_us ? h->cache.cold_ppm : s->cold_first_ppm;
	uint64_t cold_b = u64_ppm(est->cache_b, kept_ppm);
	uint64_t ripe_us =
		u64_add_sat(h->cache.since_us, u64_max(h->cache.ripe_after_us, s->cache_age_us));

	/* of a busy guest, or where it was read again too soon, it is the dearest */
	est->cold_class = est->busy || h->cache.ripe_after_us > s->cache_age_us
				  ? PRICE_CLASSES - 1
				  : arbiter_class(PPM - kept_ppm, s->shares);
	if (s->press_cache == PRESS_NEVER || h->guest.gives_back)
		return;
	est->dear_b = cold_b;
	if (est->busy || cold_b < est->need_b || !cache_is_of_use(s, host))
		return;
	if (now_us < ripe_us) {
		est->ripe_us = ripe_us;
		return;
	}
	est->cold_b = cold_b;
	est->press_b = h->cache.tried_us || h->guest.idle == TRI_YES ? cold_b : probe_size(s, est);
}

/* What is resident above the ceiling is asked for in any case. */
static void estimate_ceiling(const struct settings *s, const struct vm_facts *vm,
			     const struct history *h, struct estimate *est)
{
	uint64_t over_b = u64_sub_sat(vm->backed_b.value, s->ceiling_b);

	if (s->ceiling_b == 0 || over_b < CEILING_SLACK_B)
		return;
	est->over_ceiling = true;
	est->need_b = u64_min(est->need_b, CEILING_SLACK_B);
	if (!h->guest.gives_back)
		est->press_b = u64_max(est->press_b,
				       u64_min(u64_sub_sat(over_b, est->stale_b), est->cache_b));
	est->cold_b = u64_max(est->cold_b, est->press_b);
}

uint64_t estimate_keep(const struct settings *s, const struct guest_stats *stats)
{
	return u64_max(s->free_keep_min_b, stats->tag[BALLOON_STAT_MEMTOT] / FREE_KEEP_DIVISOR);
}

uint64_t estimate_size(const struct settings *s, const struct guest_stats *stats,
		       const struct estimate *est, uint64_t press_b)
{
	uint64_t want_b = press_b ? u64_add_sat(est->free_b, press_b)
				  : u64_sub_sat(est->free_b, estimate_keep(s, stats));

	return u64_min(want_b, est->room_b);
}

void estimate_vm(const struct settings *s, const struct host_facts *host, const struct vm_facts *vm,
		 const struct history *h, uint64_t now_us, uint64_t floor_b, struct estimate *ret)
{
	const uint64_t *tag = vm->stats.tag;
	uint64_t overhead = h->guest.overhead_b;
	struct estimate est = {
		.reserve_b = estimate_reserve(s, vm),
		.available_b = tag[BALLOON_STAT_AVAIL],
		.free_b = tag[BALLOON_STAT_MEMFREE],
		.floor_b = floor_b,
		.busy = h->guest.busy != TRI_NO,
	};

	if (overhead == FIGURE_UNKNOWN)
		overhead = u64_sub_sat(vm->ram_b.value, tag[BALLOON_STAT_MEMTOT]) +
			   (footprint_is_apart(vm->backed_source) ? 0 : HYPERVISOR_B);
	est.stale_b = u64_sub_sat(vm->backed_b.value, estimate_used(vm, h));
	est.stale_b = u64_min(u64_sub_sat(est.stale_b, overhead), est.free_b);
	est.unbacked_b = est.free_b - est.stale_b;

	est.cache_b = u64_sub_sat(est.available_b, est.free_b);
	if (stats_has(&vm->stats, BALLOON_STAT_CACHES))
		est.cache_b = u64_min(est.cache_b, tag[BALLOON_STAT_CACHES]);
	est.need_b = u64_max(s->min_yield_b, u64_ppm(vm->backed_b.value, s->min_yield_ppm));
	estimate_cold(s, host, h, now_us, &est);
	estimate_ceiling(s, vm, h, &est);

	est.room_b = u64_min(u64_sub_sat(est.available_b, est.reserve_b),
			     u64_sub_sat(vm->ram_b.value, floor_b));
	est.size_b = estimate_size(s, &vm->stats, &est, est.press_b);
	*ret = est;
}
