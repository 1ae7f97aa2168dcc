/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cost.c - what squeezes cost a guest in processor time, and what they may
 *
 * Layer: policy (pure).
 * In:    the processor time of a VM before and after a squeeze.
 * Out:   its price, and whether the next one can be afforded.
 *
 * The price is per GiB inflated and not per GiB freed: the guest works for each
 * page that it gives, also for one that the host never backed.
 */
#include "policy/cost.h"

#include "base/num.h"

/* The budget is for an hour. */
#define BUCKET_US (UINT64_C(3600) * USEC_PER_SEC)
/* A balloon of less teaches no price: what it cost is the noise of two measurements. */
#define PRICED_MIN_B (32 * MIB)

/* Processor time that flows out in @span_us: half of what may be spent. */
static uint64_t allowed_us(const struct settings *s, const struct vm_facts *vm, uint64_t span_us)
{
	return u64_mul_sat(u64_ppm(span_us, s->cost_max_ppm), u64_max(vm->vcpus, 1)) / 2;
}

/* What is in the bucket at @now_us. */
static uint64_t spent(const struct settings *s, const struct vm_facts *vm, const struct history *h,
		      uint64_t now_us)
{
	return u64_sub_sat(h->cost.spent_us,
			   allowed_us(s, vm, u64_sub_sat(now_us, h->cost.spent_at_us)));
}

void cost_begin(const struct vm_facts *vm, struct history *h)
{
	h->now.cpu_before_us = vm->cpu_us.known ? vm->cpu_us.value : FIGURE_UNKNOWN;
	h->now.cost_us = FIGURE_UNKNOWN;
}

void cost_end(const struct settings *s, const struct vm_facts *vm, uint64_t now_us,
	      struct history *h)
{
	struct squeeze *sq = &h->now;
	uint64_t span_us = u64_sub_sat(now_us, sq->start_us), price_us;
	uint64_t usual_us = u64_ppm(span_us, h->guest.cpu_ppm);

	if (!vm->cpu_us.known || sq->cpu_before_us == FIGURE_UNKNOWN)
		return;
	sq->cost_us = u64_sub_sat(u64_sub_sat(vm->cpu_us.value, sq->cpu_before_us), usual_us);
	/* a counter may jump, but nobody uses more than its processors and one of the hypervisor */
	sq->cost_us = u64_min(sq->cost_us, u64_mul_sat(span_us, u64_max(vm->vcpus, 1) + 1));
	h->cost.spent_us = u64_add_sat(spent(s, vm, h, now_us), sq->cost_us);
	h->cost.spent_at_us = now_us;
	h->cost.total_us = u64_add_sat(h->cost.total_us, sq->cost_us);
	if (sq->balloon_b < PRICED_MIN_B)
		return;
	price_us = u64_mul_sat(sq->cost_us, GIB / MIB) / (sq->balloon_b / MIB);
	h->cost.price_us = h->cost.price_us ? (h->cost.price_us + price_us) / 2 : price_us;
}

uint64_t cost_affordable_us(const struct settings *s, const struct vm_facts *vm,
			    const struct history *h, uint64_t inflate_b, uint64_t now_us)
{
	uint64_t room_us = allowed_us(s, vm, BUCKET_US), per_second_us;
	uint64_t wants_us = u64_mul_sat(h->cost.price_us, inflate_b / MIB) / (GIB / MIB);
	uint64_t over_us;

	wants_us = u64_min(wants_us, room_us); /* a dearer one needs an empty bucket */
	over_us = u64_sub_sat(u64_add_sat(spent(s, vm, h, now_us), wants_us), room_us);
	per_second_us = u64_max(allowed_us(s, vm, USEC_PER_SEC), 1);
	return u64_add_sat(now_us, u64_mul_sat(over_us, USEC_PER_SEC) / per_second_us);
}
