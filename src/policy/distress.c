/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * distress.c - signs that a guest is short of memory
 *
 * Layer: policy (pure).
 * In:    statistics of two instants.
 * Out:   whether a guest was calm in between, or why its balloon must go to 0.
 *
 * Counters come from the guest and may run backwards or jump. A difference
 * saturates at 0, and a jump at worst postpones a squeeze.
 */
#include "policy/distress.h"

#include "policy/estimate.h"

#include "base/num.h"

/* Swap traffic in one interval that is no sign of need: a page now and then is touched again. */
#define SWAP_CALM_B MIB
/* A guest that took an eighth of its memory in one interval is growing. */
#define GROWING_DIVISOR 8
/* Allocation stalls in one interval that are no sign of need. */
#define STALLS_CALM 50

static uint64_t per_second(uint64_t count, uint64_t span_us)
{
	return u64_mul_sat(count, USEC_PER_SEC) / u64_max(span_us, USEC_PER_SEC);
}

enum tri distress_calm(const struct settings *s, const struct guest_stats *from,
		       const struct guest_stats *to)
{
	uint64_t span_us = to->taken_us - from->taken_us;
	uint64_t growing = u64_max(s->grow_max_b, to->tag[BALLOON_STAT_MEMTOT] / GROWING_DIVISOR);

	if (estimate_grown(from, to, BALLOON_STAT_SWAP_OUT) > SWAP_CALM_B)
		return TRI_NO;
	if (estimate_grown(from, to, BALLOON_STAT_SWAP_IN) > SWAP_CALM_B)
		return TRI_NO;
	if (estimate_grown(from, to, BALLOON_STAT_OOM_KILL) > 0)
		return TRI_NO;
	if (estimate_grown(from, to, BALLOON_STAT_ALLOC_STALL) > STALLS_CALM)
		return TRI_NO;
	if (per_second(estimate_grown(from, to, BALLOON_STAT_MAJFLT), span_us) > s->faults_per_s)
		return TRI_NO;
	return estimate_grown(to, from, BALLOON_STAT_AVAIL) <= growing ? TRI_YES : TRI_UNKNOWN;
}

enum reason distress_hurt(const struct settings *s, const struct vm_facts *vm,
			  const struct history *h)
{
	const struct guest_stats *from = &h->guest.start, *to = &vm->stats;

	if (estimate_grown(from, to, BALLOON_STAT_OOM_KILL) > 0)
		return REASON_STOP_OOM;
	if (estimate_grown(from, to, BALLOON_STAT_SWAP_OUT) > 0)
		return REASON_STOP_SWAP;
	if (per_second(estimate_grown(from, to, BALLOON_STAT_MAJFLT),
		       u64_sub_sat(to->taken_us, from->taken_us)) > s->faults_per_s)
		return REASON_STOP_FAULTS;
	return REASON_NONE;
}

enum reason distress_find(const struct settings *s, const struct vm_facts *vm,
			  const struct history *h)
{
	uint64_t balloon_b = u64_sub_sat(vm->ram_b.value, vm->actual_b.value);
	uint64_t taken_b = estimate_grown(&vm->stats, &h->guest.start, BALLOON_STAT_AVAIL);
	enum reason why = distress_hurt(s, vm, h);

	if (why != REASON_NONE)
		return why;
	return u64_sub_sat(taken_b, balloon_b) > s->grow_max_b ? REASON_STOP_GROWS : REASON_NONE;
}
