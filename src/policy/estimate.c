/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * estimate.c - what of a VM's memory could be freed, by the figures of now
 *
 * Layer: policy (pure).
 * In:    facts of one VM, its settings, what was learned of it.
 * Out:   stale memory, cold cache, the reserve, and how large a balloon may be.
 *
 * A balloon takes free pages first and page cache only when they run out, so
 * whoever wants cold cache must ask for all free memory as well.
 */
#include "policy/estimate.h"

#include "base/num.h"

/* The hypervisor's own memory before any was measured: QEMU with one guest has 30-80 MiB. */
#define HYPERVISOR_B (64 * MIB)

/* Guests are kept from the watermarks by a share of their memory too: 1/32 is thrice the usual. */
#define FREE_KEEP_DIVISOR 32

bool estimate_possible(const struct guest_stats *stats)
{
	uint32_t need = UINT32_C(1) << BALLOON_STAT_MEMFREE | UINT32_C(1) << BALLOON_STAT_MEMTOT |
			UINT32_C(1) << BALLOON_STAT_AVAIL;

	return (stats->known & need) == need;
}

uint64_t estimate_used(const struct guest_stats *stats)
{
	if (!estimate_possible(stats))
		return FIGURE_UNKNOWN;
	return u64_sub_sat(stats->tag[BALLOON_STAT_MEMTOT], stats->tag[BALLOON_STAT_MEMFREE]);
}

uint64_t estimate_reserve(const struct settings *s, const struct guest_stats *stats)
{
	return u64_max(s->reserve_min_b, u64_ppm(stats->tag[BALLOON_STAT_MEMTOT], s->reserve_ppm));
}

/* The page cache taken for cold, and what of it is pressed now. */
static void estimate_cold(const struct settings *s, const struct history *h, struct estimate *est)
{
	uint64_t cold_b;

	if (!s->press_cache || est->busy || h->gives_back)
		return;
	cold_b = u64_ppm(est->cache_b, h->cold_tried_us ? h->cold_ppm : s->cold_first_ppm);
	if (cold_b < est->need_b)
		return;
	est->cold_b = cold_b;
	est->press_b = h->cold_tried_us ? cold_b : u64_ppm(est->cache_b, s->cold_probe_ppm);
}

void estimate_vm(const struct settings *s, const struct vm_facts *vm, const struct history *h,
		 struct estimate *ret)
{
	const uint64_t *tag = vm->stats.tag;
	uint64_t total = tag[BALLOON_STAT_MEMTOT], overhead, keep, want;
	struct estimate est = {
		.reserve_b = estimate_reserve(s, &vm->stats),
		.available_b = tag[BALLOON_STAT_AVAIL],
		.free_b = tag[BALLOON_STAT_MEMFREE],
		.busy = h->busy != TRI_NO,
	};

	overhead = h->overhead_b;
	if (overhead == FIGURE_UNKNOWN)
		overhead = u64_sub_sat(vm->ram_b.value, total) + HYPERVISOR_B;
	est.stale_b = u64_sub_sat(vm->resident_b.value, estimate_used(&vm->stats));
	est.stale_b = u64_min(u64_sub_sat(est.stale_b, overhead), est.free_b);

	est.cache_b = u64_sub_sat(est.available_b, est.free_b);
	if (stats_has(&vm->stats, BALLOON_STAT_CACHES))
		est.cache_b = u64_min(est.cache_b, tag[BALLOON_STAT_CACHES]);
	est.need_b = u64_max(s->min_yield_b, u64_ppm(vm->resident_b.value, s->min_yield_ppm));
	estimate_cold(s, h, &est);

	keep = u64_max(s->free_keep_min_b, total / FREE_KEEP_DIVISOR);
	want = est.press_b ? u64_add_sat(est.free_b, est.press_b) : u64_sub_sat(est.free_b, keep);
	est.size_b = u64_min(want, u64_sub_sat(est.available_b, est.reserve_b));
	*ret = est;
}
