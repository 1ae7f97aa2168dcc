/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guard.c - the last check before the balloon grows
 *
 * Layer: policy (pure).
 * In:    the facts of now and the target about to be set.
 * Out:   REASON_NONE, or why the target must not be set.
 *
 * It repeats the checks of the squeeze on purpose: newer facts may have come
 * between the decision and its execution.
 */
#include "policy/guard.h"

#include "policy/estimate.h"

#include "base/num.h"

enum reason guard_facts(const struct settings *s, const struct vm_facts *vm, uint64_t now_us)
{
	if (s->mode != MODE_SQUEEZE && s->mode != MODE_RIGHTSIZE)
		return REASON_STOP_MODE;
	if (vm->state == VM_STATE_DOWN)
		return REASON_STOP_DISCONNECTED;
	if (vm->state == VM_STATE_PAUSED)
		return REASON_STOP_PAUSED;
	if (!vm->ram_b.known || !vm->actual_b.known || !estimate_possible(&vm->stats) ||
	    now_us > u64_add_sat(vm->stats.taken_us, s->stats_max_age_us))
		return REASON_STOP_STATS;
	return REASON_NONE;
}

static uint64_t above_reserve(const struct settings *s, const struct vm_facts *vm)
{
	/* whatever it says, it has no more available than it has */
	uint64_t available_b = u64_min(vm->stats.tag[BALLOON_STAT_AVAIL], vm->actual_b.value);

	return u64_sub_sat(available_b, estimate_reserve(s, vm));
}

static uint64_t above_floor(const struct settings *s, const struct vm_facts *vm)
{
	return u64_sub_sat(vm->actual_b.value, s->floor_b);
}

uint64_t guard_room(const struct settings *s, const struct vm_facts *vm, uint64_t now_us)
{
	if (guard_facts(s, vm, now_us) != REASON_NONE)
		return 0;
	return u64_min(above_reserve(s, vm), above_floor(s, vm));
}

enum reason guard_limit(const struct settings *s, const struct vm_facts *vm)
{
	return above_floor(s, vm) < above_reserve(s, vm) ? REASON_STOP_FLOOR : REASON_STOP_RESERVE;
}

enum reason guard_target(const struct settings *s, const struct vm_facts *vm, uint64_t target_b,
			 uint64_t now_us)
{
	enum reason why;

	if (vm->actual_b.known && target_b >= vm->actual_b.value)
		return REASON_NONE;
	if (vm->ram_b.known && target_b >= vm->ram_b.value)
		return REASON_NONE;
	why = guard_facts(s, vm, now_us);
	if (why != REASON_NONE)
		return why;
	if (vm->actual_b.value - target_b > guard_room(s, vm, now_us))
		return guard_limit(s, vm);
	return REASON_NONE;
}
