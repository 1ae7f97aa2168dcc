/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * world.c - one VM with a guest simple enough to reason about, and its clock
 *
 * In:    what a test says of it.
 * Out:   decisions of the real policy.
 *
 * It asserts that the policy goes the way a helper is named for, so that a
 * test that uses one does not pass for another reason.
 */
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define RAM (1024 * MIB)
#define TOTAL (970 * MIB)

void world_init(struct world *w)
{
	*w = (struct world){ .now_us = 1000 * USEC_PER_SEC };
	settings_init(&w->settings);
	settings_profile(&w->settings, PROFILE_KEEN);
	w->settings.reserve_ppm = PPM / 20; /* reserve_min counts: 96 MiB */
	w->settings.cache_age_us = 0;  /* its page cache may be pressed whenever it was filled */
	w->settings.size_watch_us = 0; /* and it may be right-sized as soon as it was looked at */
	w->host.total_b = fact_of(16 * GIB, w->now_us);
	w->host.available_b = fact_of(8 * GIB, w->now_us);
	w->vm = (struct vm_facts){
		.id = 1,
		.state = VM_STATE_RUNNING,
		.device = TRI_YES,
		.reporting = TRI_NO,
		.guarded = 1,
		.backed_source = FOOTPRINT_CGROUP,
		.ram_b = fact_of(RAM, w->now_us),
		.backed_b = fact_of(54 * MIB + 64 * MIB + 100 * MIB + 600 * MIB, w->now_us),
		.stats = { .known = 0xffff },
	};
	w->vm.stats.tag[BALLOON_STAT_MEMTOT] = TOTAL;
	w->vm.stats.tag[BALLOON_STAT_CACHES] = 60 * MIB;
	world_balloon(w, 0);
	policy_host_init(&w->learned);
	policy_vm_init(&w->history);
	w->history.guest.calm = TRI_YES;
	w->history.guest.busy = TRI_NO;
	w->history.guest.base = w->vm.stats;
	w->vm.cpu_us = fact_of(0, w->now_us);
	w->history.guest.base_cpu_us = w->vm.cpu_us;
	world_fresh(w);
}

void world_fresh(struct world *w)
{
	w->vm.stats.taken_us = w->now_us;
	w->vm.backed_b.taken_us = w->now_us;
	w->vm.cpu_us.taken_us = w->now_us;
	w->vm.actual_b.taken_us = w->now_us;
}

const struct decision *world_tick(struct world *w)
{
	struct snapshot snap = { .now_us = w->now_us, .host = w->host, .nvm = 1, .vm = &w->vm };
	const struct settings *settings[] = { &w->settings };
	struct history *history[] = { &w->history };
	const struct policy_host host = { .settings = &w->settings, .history = &w->learned };
	struct plan plan = { .vm = &w->d };

	policy_fold(&snap, &host, settings, history);
	policy_decide(&snap, &host, settings, history, &plan);
	w->market = plan.host;
	w->vm.request = REQUEST_NONE;
	if (w->d.actions & ACT_SET_TARGET)
		w->vm.target_b = fact_of(w->d.target_b, w->now_us);
	assert_int_equal(plan.nvm, 1);
	assert_int_equal(w->d.vm_id, w->vm.id);
	assert_true(w->d.wake_us > w->now_us);
	/* whatever happens: all memory is asked for, or no more than the reserve allows is taken */
	if (w->d.actions & ACT_SET_TARGET && w->d.target_b < w->vm.ram_b.value)
		assert_true(
			w->d.phase == PHASE_INFLATING || w->d.phase == PHASE_HOLDING ||
			w->d.phase == PHASE_SIZING || w->d.phase == PHASE_SIZED ||
			(w->d.phase == PHASE_DEFLATING && w->d.target_b > w->vm.actual_b.value));
	return &w->d;
}

const struct decision *world_after(struct world *w, uint64_t us)
{
	w->now_us += us;
	world_fresh(w);
	return world_tick(w);
}

void world_balloon(struct world *w, uint64_t balloon_b)
{
	uint64_t *tag = w->vm.stats.tag;

	w->vm.actual_b = fact_of(RAM - balloon_b, w->now_us);
	tag[BALLOON_STAT_MEMFREE] = u64_sub_sat(TOTAL - 100 * MIB, balloon_b);
	tag[BALLOON_STAT_AVAIL] = u64_sub_sat(TOTAL - 40 * MIB, balloon_b);
}

void world_begin(struct world *w)
{
	world_tick(w);
	assert_int_equal(w->d.phase, PHASE_INFLATING);
	assert_int_equal(w->d.reason, REASON_BEGIN);
	assert_true(w->d.actions & ACT_SET_TARGET);
}

void world_squeeze(struct world *w, uint64_t freed_b)
{
	uint64_t before_b = w->vm.backed_b.value;

	world_begin(w);
	while (w->d.phase == PHASE_INFLATING) {
		world_balloon(w, RAM - w->history.balloon.target_b);
		w->vm.backed_b.value = before_b - freed_b;
		world_after(w, 20 * USEC_PER_MSEC);
	}
	assert_int_equal(w->d.phase, PHASE_DEFLATING);
	assert_int_equal(w->d.target_b, RAM);
	world_balloon(w, 0);
	world_after(w, 50 * USEC_PER_MSEC);
	assert_int_equal(w->d.phase, PHASE_VERIFYING);
}

void world_verify(struct world *w, uint64_t late_b)
{
	while (w->d.phase == PHASE_VERIFYING) {
		w->now_us = w->d.wake_us;
		if (w->history.phase.verify_next == VERIFY_60S)
			w->vm.backed_b.value += late_b;
		if (w->history.phase.verify_next == VERIFY_60S)
			late_b = 0;
		world_fresh(w);
		world_tick(w);
	}
}

void world_stopped(const struct world *w, enum reason why)
{
	assert_int_equal(w->d.reason, why);
	assert_int_equal(w->d.phase, PHASE_DEFLATING);
	assert_true(w->d.actions & ACT_SET_TARGET);
	assert_int_equal(w->d.target_b, RAM);
	assert_int_equal(w->history.rest.stop, why);
}

void world_inflating(struct world *w)
{
	world_init(w);
	world_begin(w);
	world_balloon(w, 100 * MIB);
	w->vm.backed_b.value -= 100 * MIB;
	world_after(w, 20 * USEC_PER_MSEC);
	assert_int_equal(w->d.phase, PHASE_INFLATING);
}

uint64_t world_random(uint64_t *seed)
{
	*seed ^= *seed << 13; /* xorshift64 (Marsaglia 2003) */
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

bool world_disturb(struct world *w, uint64_t *seed)
{
	uint64_t *tag = w->vm.stats.tag, some = world_random(seed) % (64 * MIB);

	if (world_random(seed) % 8)
		world_fresh(w);
	w->vm.backed_b.value = 200 * MIB + world_random(seed) % (700 * MIB);
	switch (world_random(seed) % 24) {
	case 0:
		tag[BALLOON_STAT_SWAP_OUT] += some;
		break;
	case 1:
		tag[BALLOON_STAT_OOM_KILL]++;
		break;
	case 2:
		tag[BALLOON_STAT_AVAIL] = u64_sub_sat(tag[BALLOON_STAT_AVAIL], 8 * some);
		break;
	case 3:
		w->vm.state = (enum vm_state)(world_random(seed) % VM_STATE_COUNT);
		break;
	case 4:
		w->vm.request = (enum vm_request)(world_random(seed) % REQUEST_COUNT);
		break;
	case 5:
		w->vm.boots++;
		break;
	case 6:
		w->settings.mode = world_random(seed) % MODE_COUNT;
		break;
	case 7:
		w->vm.stats.known = world_random(seed) % 2 ? 0 : 0xffff;
		break;
	case 8:
		w->vm.guarded = 0;
		break;
	default: /* most of the time all is well */
		w->vm.state = VM_STATE_RUNNING;
		w->vm.guarded = 1;
		w->vm.stats.known = 0xffff;
		return false;
	}
	return true;
}
