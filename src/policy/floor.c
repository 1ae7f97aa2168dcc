/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * floor.c - memory that a balloon must leave a guest, promised or learned
 *
 * Layer: policy (pure).
 * In:    settings, what distress and the hours of former days taught.
 * Out:   bytes.
 *
 * A guest needs what it has less what it reports as available. Cache that it
 * could drop counts as not needed.
 */
#include "policy/floor.h"

#include "policy/estimate.h"

#include "base/num.h"

#define HOUR_S UINT64_C(3600)
#define DAY_S (24 * HOUR_S)
/* An hour of which less was watched teaches nothing; so a clock that jumps teaches nothing. */
#define WATCHED_MIN_US (UINT64_C(30) * 60 * USEC_PER_SEC)
/* The hour to come counts this long before it begins. */
#define AHEAD_S UINT64_C(600)
/* The most that was needed is told by two windows of this length, this one and the last. */
#define PEAK_US (12 * HOUR_S * USEC_PER_SEC)
/* One day may be an accident. */
#define DAYS_MIN 2

/* What the guest cannot do without now. The figures must be known. */
static uint64_t needed(const struct vm_facts *vm)
{
	return u64_sub_sat(vm->actual_b.value, vm->stats.tag[BALLOON_STAT_AVAIL]);
}

static uint64_t of_distress(const struct settings *s, const struct history *h, uint64_t now_us)
{
	uint64_t halves = u64_sub_sat(now_us, h->need.scare_us) / s->floor_half_us;

	return h->need.scare_us && halves < 64 ? h->need.scare_b >> halves : 0;
}

/* What was needed at @local_s on former days, by as much as they are to be trusted. */
static uint64_t of_hour(const struct settings *s, const struct habit *habit, uint64_t local_s)
{
	size_t slot = local_s / HOUR_S % HABIT_HOURS;
	uint64_t days = habit->days[slot];

	uint64_t seen_s = habit->seen_s[slot];
	uint64_t apart_s = u64_max(u64_sub_sat(local_s, seen_s), u64_sub_sat(seen_s, local_s));

	if (days < DAYS_MIN || apart_s > s->habit_expires_us / USEC_PER_SEC)
		return 0;
	return u64_ppm(habit->peak_b[slot], days * PPM / (days + 1));
}

uint64_t floor_of(const struct settings *s, const struct history *h, const struct host_facts *host,
		  uint64_t now_us, bool lasting)
{
	uint64_t floor_b = u64_max(s->floor_b, of_distress(s, h, now_us));

	if (!lasting || !host->local_s.known)
		return floor_b;
	floor_b = u64_max(floor_b, of_hour(s, &h->need.habit, host->local_s.value));
	return u64_max(floor_b, of_hour(s, &h->need.habit, host->local_s.value + AHEAD_S));
}

uint64_t floor_recent(const struct settings *s, const struct vm_facts *vm, const struct history *h,
		      uint64_t now_us)
{
	if (h->need.watched_us == 0 || now_us < u64_add_sat(h->need.watched_us, s->size_watch_us))
		return FIGURE_UNKNOWN;
	return u64_add_sat(u64_max(h->need.peak_b, h->need.peak_last_b), estimate_reserve(s, vm));
}

void floor_scare(const struct settings *s, const struct vm_facts *vm, uint64_t now_us,
		 struct history *h)
{
	uint64_t need_b;

	if (!vm->actual_b.known || !estimate_possible(&vm->stats))
		return;
	need_b = u64_add_sat(needed(vm), estimate_reserve(s, vm));
	h->need.scare_b = u64_max(need_b, of_distress(s, h, now_us));
	h->need.scare_us = now_us;
}

/* The hour that was watched is over. */
static void learn(struct habit *habit)
{
	size_t slot = habit->hour % HABIT_HOURS;
	uint64_t last_b = habit->peak_b[slot];
	uint64_t today = habit->hour * HOUR_S / DAY_S;

	if (habit->days[slot] == 0 || habit->seen_s[slot] / DAY_S != today)
		habit->days[slot] = u64_min(habit->days[slot] + 1, HABIT_DAYS_MAX);
	/* more than ever counts at once, less than usual by a quarter a day */
	habit->peak_b[slot] = u64_max(habit->now_b, last_b - u64_sub_sat(last_b, habit->now_b) / 4);
	habit->seen_s[slot] = habit->hour * HOUR_S;
}

static void watch_peak(uint64_t need_b, uint64_t now_us, struct history *h)
{
	if (h->need.watched_us == 0)
		h->need.watched_us = h->need.peak_us = now_us;
	if (now_us >= u64_add_sat(h->need.peak_us, PEAK_US)) {
		h->need.peak_last_b = h->need.peak_b;
		h->need.peak_b = 0;
		h->need.peak_us = now_us;
	}
	h->need.peak_b = u64_max(h->need.peak_b, need_b);
}

void floor_watch(const struct settings *s, const struct host_facts *host, const struct vm_facts *vm,
		 uint64_t now_us, struct history *h)
{
	struct habit *habit = &h->need.habit;
	uint64_t hour = host->local_s.value / HOUR_S;

	if (!vm->actual_b.known || vm->state != VM_STATE_RUNNING ||
	    !estimate_possible(&vm->stats)) {
		habit->since_us = 0; /* an hour with a gap in it was not watched */
		return;
	}
	watch_peak(needed(vm), now_us, h);
	if (!host->local_s.known || !s->habit_expires_us)
		return;
	if (habit->since_us == 0 || hour != habit->hour) {
		if (habit->since_us && u64_sub_sat(now_us, habit->since_us) >= WATCHED_MIN_US)
			learn(habit);
		habit->hour = hour;
		habit->since_us = now_us;
		habit->now_b = 0;
	}
	habit->now_b = u64_max(habit->now_b, needed(vm));
}
