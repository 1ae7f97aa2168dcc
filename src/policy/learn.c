/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * learn.c - how a guest is doing, and what squeezes of it taught
 *
 * Layer: policy (pure).
 * In:    statistics of two instants.
 * Out:   what is remembered: calm, busy, stale since; how cold its cache is; the next rest.
 *
 * Rates are told over about one interval. Across a squeeze none are told: they would be
 * our own doing.
 */
#include "policy/learn.h"

#include "policy/distress.h"
#include "policy/estimate.h"
#include "policy/floor.h"

#include "base/num.h"

/* A cache that grew by more in one interval is being filled: files are read. */
#define CACHE_GROWS_B (16 * MIB)
/* Where a cache was read again too soon, one must be this old at least. */
#define RIPE_MIN_US (60 * USEC_PER_SEC)
/* A large one may take in an eighth of its size, of a log that is written, and not be young for it.
 */
#define CACHE_GROWS_DIVISOR 8
/*
 * A cache that grew between two looks counts from half way. Of looks further apart nobody knows:
 * the first statistics of a guest may be those of its boot, hours ago.
 */
#define CACHE_GAP_MAX_US (60 * USEC_PER_SEC)
/* A squeeze that freed less than this freed nothing; a guest's own noise is about as large. */
#define ZERO_YIELD_B (4 * MIB)
/* After two squeezes in a row that free nothing, the rest is as long as it may be. */
#define ZERO_YIELDS_MAX 2
/* Cache that was hardly pressed teaches nothing about being cold. */
#define PRESSED_MIN_B (16 * MIB)
/* However cold a cache was so far, a tenth is left alone: programs and libraries that run. */
#define COLD_MAX_PPM (900 * UINT64_C(1000))

/* What it does: computes or reads files (busy), or next to nothing (idle). */
static void fold_activity(const struct settings *s, const struct vm_facts *vm, struct history *h)
{
	uint64_t span_us = u64_sub_sat(vm->cpu_us.taken_us, h->guest.base_cpu_us.taken_us);
	uint64_t used_us = u64_sub_sat(vm->cpu_us.value, h->guest.base_cpu_us.value);
	uint64_t all_us = u64_mul_sat(span_us, u64_max(vm->vcpus, 1));
	bool reads =
		estimate_grown(&h->guest.base, &vm->stats, BALLOON_STAT_CACHES) > CACHE_GROWS_B;

	if (!vm->cpu_us.known || !h->guest.base_cpu_us.known) {
		h->guest.busy = reads ? TRI_YES : TRI_UNKNOWN;
		h->guest.idle = TRI_UNKNOWN;
		return;
	}
	h->guest.cpu_ppm = u64_mul_sat(used_us, PPM) / u64_max(span_us, 1);
	h->guest.busy = reads || used_us > u64_ppm(all_us, s->calm_cpu_ppm) ? TRI_YES : TRI_NO;
	h->guest.idle = !reads && used_us <= u64_ppm(all_us, s->idle_cpu_ppm) ? TRI_YES : TRI_NO;
}

/* A guest that was started anew is another guest: only what is true of the VM is kept. */
static void forget(struct history *h)
{
	h->guest.base.known = 0;
	h->guest.calm = TRI_UNKNOWN;
	h->guest.busy = TRI_UNKNOWN;
	h->guest.idle = TRI_UNKNOWN;
	h->guest.stale_since_us = 0;
	h->guest.overhead_b = FIGURE_UNKNOWN;
	h->guest.gives_back = 0;
	h->guest.total_b = 0;
	h->rest.zero_yields = 0;
	h->rest.stale_b = 0;
	h->cache.tried_us = 0;
	h->guest.kind = GUEST_UNKNOWN;
	h->cache.since_us = 0;
	h->cache.ripe_after_us = 0;
	h->cache.pressed_b = 0;
	h->size.settled_b = 0;
	h->need.watched_us = 0;
	h->need.peak_b = 0;
	h->need.peak_last_b = 0;
}

/*
 * Do the statistics or the processor time span too little to tell rates from?
 * Statistics may be older than the processor time that came with them, and
 * that one counts in steps of 10 ms: one step of a short span would look busy.
 */
static bool spans_little(const struct settings *s, const struct vm_facts *vm,
			 const struct history *h)
{
	uint64_t least_us = s->interval_us / 2;

	if (vm->stats.taken_us < u64_add_sat(h->guest.base.taken_us, least_us))
		return true;
	return vm->cpu_us.known && h->guest.base_cpu_us.known &&
	       vm->cpu_us.taken_us < u64_add_sat(h->guest.base_cpu_us.taken_us, least_us);
}

/* Calm and busy, over a span of about one interval. */
static void fold_rates(const struct settings *s, const struct vm_facts *vm, struct history *h)
{
	bool first = h->guest.base.known == 0;

	if (!first && spans_little(s, vm, h))
		return;
	if (!first) {
		h->guest.calm = distress_calm(s, &h->guest.base, &vm->stats);
		fold_activity(s, vm, h);
	}
	h->guest.base = vm->stats;
	h->guest.base_cpu_us = vm->cpu_us;
}

/* How long stale memory has been there, and the overhead, which only ever was smaller. */
static void fold_footprint(const struct settings *s, const struct host_facts *host,
			   const struct vm_facts *vm, uint64_t now_us, struct history *h)
{
	struct estimate est;

	if (!vm->backed_b.known || !vm->ram_b.known)
		return;
	if (now_us <= u64_add_sat(vm->stats.taken_us, s->stats_max_age_us) &&
	    fact_fresh(&vm->backed_b, now_us, s->stats_max_age_us) &&
	    h->guest.overhead_b != FIGURE_UNKNOWN)
		h->guest.overhead_b = u64_min(
			h->guest.overhead_b, u64_sub_sat(vm->backed_b.value, estimate_used(vm, h)));
	estimate_vm(s, host, vm, h, now_us, 0, &est);
	if (est.stale_b < s->min_yield_b)
		h->guest.stale_since_us = 0;
	else if (h->guest.stale_since_us == 0)
		h->guest.stale_since_us = now_us;
}

/*
 * Since when its page cache has not grown. It grew some time between the two
 * statistics that tell of it: half way between them is the best guess.
 */
static void fold_cache(const struct vm_facts *vm, struct history *h)
{
	uint64_t cache_b = vm->stats.tag[BALLOON_STAT_CACHES], taken_us = vm->stats.taken_us;
	uint64_t grows_b = u64_max(CACHE_GROWS_B, h->cache.size_b / CACHE_GROWS_DIVISOR);
	uint64_t gap_us = u64_sub_sat(taken_us, h->cache.seen_us);

	if (!stats_has(&vm->stats, BALLOON_STAT_CACHES))
		return;
	if (h->cache.since_us == 0 || cache_b > u64_add_sat(h->cache.size_b, grows_b)) {
		h->cache.since_us = h->cache.since_us && gap_us <= CACHE_GAP_MAX_US
					    ? h->cache.seen_us + gap_us / 2
					    : taken_us;
		h->cache.size_b = cache_b;
	}
	h->cache.size_b = u64_min(h->cache.size_b, cache_b);
	h->cache.seen_us = taken_us;
}

/*
 * Was page cache that was pressed read again? Too soon, and its like must be
 * twice as old the next time; not before it paid, and half of that will do.
 * Nobody outside can tell other files from the same: either way the guest had
 * to read as much, and the host had the room until then.
 */
static void fold_press(const struct settings *s, const struct vm_facts *vm, struct history *h)
{
	uint64_t cache_b = vm->stats.tag[BALLOON_STAT_CACHES], taken_us = vm->stats.taken_us;
	bool back = cache_b >= u64_add_sat(h->cache.pressed_low_b, h->cache.pressed_b / 2);
	bool paid = taken_us >= u64_add_sat(h->cache.pressed_us, s->cold_pays_us);
	uint64_t after_us = u64_max(h->cache.ripe_after_us, s->cache_age_us);

	if (h->cache.pressed_b == 0 || !stats_has(&vm->stats, BALLOON_STAT_CACHES) ||
	    (!back && !paid))
		return;
	if (paid)
		h->cache.ripe_after_us = u64_max(after_us / 2, s->cache_age_us);
	else
		h->cache.ripe_after_us =
			u64_min(u64_max(u64_mul_sat(after_us, 2), RIPE_MIN_US), s->rest_max_us);
	h->cache.pressed_b = 0;
}

/* What kind of guest it shows itself to be. A notifier is told by first_yield() in verify.c. */
static void fold_kind(const struct vm_facts *vm, struct history *h)
{
	if (vm->device == TRI_NO)
		h->guest.kind = GUEST_NONE;
	else if (!estimate_possible(&vm->stats))
		h->guest.kind = vm->state == VM_STATE_RUNNING ? GUEST_NONE : h->guest.kind;
	else if ((vm->stats.tag[BALLOON_STAT_MEMTOT] & BALLOON_MARK_KIND) == BALLOON_MARK_BALLONET)
		h->guest.kind = GUEST_BALLONET;
	else if (h->guest.gives_back)
		h->guest.kind = GUEST_SHRINKER;
	else if (h->guest.kind == GUEST_NONE)
		h->guest.kind = GUEST_UNKNOWN;
}

void learn_fold(const struct settings *s, const struct host_facts *host, const struct vm_facts *vm,
		uint64_t now_us, struct history *h)
{
	if (vm->request != REQUEST_NONE)
		h->phase.request = vm->request;
	if (vm->boots != h->guest.boots)
		forget(h);
	if (now_us - h->cache.tried_us > s->rest_max_us)
		h->cache.tried_us = 0; /* other files are in it by now: it is tried again */
	fold_kind(vm, h);
	floor_watch(s, host, vm, now_us, h);
	if (!estimate_possible(&vm->stats))
		return;
	if (vm->ram_b.known && vm->actual_b.known && vm->actual_b.value == vm->ram_b.value &&
	    vm->stats.taken_us >= vm->actual_b.taken_us)
		h->guest.total_b = vm->stats.tag[BALLOON_STAT_MEMTOT];
	switch ((enum phase)h->phase.is) {
	case PHASE_INFLATING:
	case PHASE_HOLDING:
	case PHASE_DEFLATING:
		h->guest.base.known = 0; /* rates across a squeeze would be our own doing */
		break;
	case PHASE_SIZING:
	case PHASE_SIZED:
		fold_rates(s, vm, h);
		fold_cache(vm, h);
		break;
	default:
		fold_rates(s, vm, h);
		fold_cache(vm, h);
		fold_press(s, vm, h);
		fold_footprint(s, host, vm, now_us, h);
		break;
	}
}

bool learn_pressed(const struct squeeze *sq)
{
	return sq->cache_before_b != FIGURE_UNKNOWN &&
	       u64_sub_sat(sq->cache_before_b, sq->cache_low_b) >= PRESSED_MIN_B;
}

/* How much of the cache that was pressed stayed away teaches how cold caches are here. */
static void learn_cold(const struct vm_facts *vm, const struct squeeze *sq, struct history *h)
{
	uint64_t pressed_b, back_b, kept_ppm;

	if (!stats_has(&vm->stats, BALLOON_STAT_CACHES) || !learn_pressed(sq))
		return;
	pressed_b = u64_sub_sat(sq->cache_before_b, sq->cache_low_b);
	back_b = u64_sub_sat(vm->stats.tag[BALLOON_STAT_CACHES], sq->cache_low_b);
	kept_ppm = PPM - u64_share_ppm(back_b, pressed_b);
	kept_ppm = u64_min(kept_ppm, COLD_MAX_PPM);
	h->cache.cold_ppm = h->cache.tried_us ? (h->cache.cold_ppm + kept_ppm) / 2 : kept_ppm;
	h->cache.tried_us = sq->end_us;
}

/* Bytes of the yield that count as kept: what the guest came to use since is its good right. */
static uint64_t kept(const struct vm_facts *vm, const struct history *h, const struct squeeze *sq)
{
	uint64_t at_once = sq->freed_b[VERIFY_AT_ONCE], late = sq->freed_b[VERIFY_60S];
	uint64_t used_b = estimate_used(vm, h), returned_b;

	if (late == FIGURE_UNKNOWN)
		return at_once;
	returned_b = u64_sub_sat(at_once, late);
	if (used_b == FIGURE_UNKNOWN || sq->used_after_b == FIGURE_UNKNOWN)
		return at_once - returned_b;
	return at_once - u64_sub_sat(returned_b, u64_sub_sat(used_b, sq->used_after_b));
}

void learn_probe(const struct vm_facts *vm, struct history *h)
{
	learn_cold(vm, &h->done, h);
}

uint64_t learn_longer_rest(const struct settings *s, const struct history *h)
{
	return u64_min(u64_max(u64_mul_sat(h->rest.last_us, 2), s->rest_min_us), s->rest_max_us);
}

/* Why a squeeze that freed @freed_b was not worth it, by what was measured. */
static enum reason disappointment(const struct vm_facts *vm, const struct squeeze *sq,
				  uint64_t freed_b)
{
	uint64_t unmapped_b = u64_sub_sat(sq->backed_before_b, sq->backed_low_b);

	if (sq->charged_before_b != FIGURE_UNKNOWN && vm->charged_b.known &&
	    unmapped_b >= ZERO_YIELD_B && freed_b < unmapped_b / 2)
		return REASON_REST_UNSPLIT;
	if (freed_b < sq->balloon_b / 4 && sq->unbacked_b >= sq->balloon_b / 2)
		return REASON_REST_UNBACKED;
	return REASON_REST_DISAPPOINTED;
}

/* Did it free nothing, once more? Then it is long before it is tried again. */
static void learn_zero(const struct settings *s, const struct vm_facts *vm, uint64_t freed_b,
		       struct history *h)
{
	const struct squeeze *sq = &h->done;

	if (freed_b >= ZERO_YIELD_B)
		h->rest.zero_yields = 0;
	else if (u64_min(sq->balloon_b, u64_add_sat(sq->stale_b, sq->cold_b)) >= s->min_yield_b)
		h->rest.zero_yields++;
	if (h->rest.zero_yields < ZERO_YIELDS_MAX)
		return;
	h->rest.last_us = s->rest_max_us;
	if (vm->obstacles & OBSTACLE_HUGETLB)
		h->rest.why = REASON_GAVE_UP;
}

void learn_squeeze(const struct settings *s, const struct host_facts *host,
		   const struct vm_facts *vm, uint64_t now_us, struct history *h)
{
	const struct squeeze *sq = &h->done;
	uint64_t expected_b = u64_add_sat(sq->stale_b, sq->cold_b);
	uint64_t hoped_b = u64_max(s->min_yield_b, expected_b) / 2;
	uint64_t freed_b = sq->freed_b[VERIFY_AT_ONCE], kept_b;
	struct estimate est;
	bool worth;

	learn_cold(vm, sq, h);
	h->rest.why = REASON_REST_DISAPPOINTED;
	h->rest.last_us = learn_longer_rest(s, h);
	estimate_vm(s, host, vm, h, now_us, 0, &est);
	h->rest.stale_b = est.stale_b;
	if (freed_b == FIGURE_UNKNOWN)
		return;
	h->rest.why = disappointment(vm, sq, freed_b);
	kept_b = kept(vm, h, sq);
	worth = sq->asked || sq->requested ||
		kept_b >= u64_ppm(sq->balloon_b, s->min_efficiency_ppm);
	/* what was taken from a guest whose word is not good is no success, however much it was */
	if (worth && kept_b >= hoped_b && sq->stop != REASON_STOP_LIES) {
		h->rest.why = REASON_REST;
		h->rest.last_us = s->rest_min_us;
	}
	learn_zero(s, vm, freed_b, h);
}
