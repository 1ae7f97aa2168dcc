/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table.c - how each struct of a record is written: key, place and type
 *
 * Layer: journal (may include model, base).
 * In:    nothing.
 * Out:   one table per kind of record, for the encoder and the decoder.
 *
 * The assertions on sizes catch a member that is added to the model and forgotten
 * here: a replay would then differ, and nobody would know why.
 */
#include "journal/table.h"

#include "base/num.h"

/* clang-format off */
#define ROW(s, k, m, t, ...) \
	{ .key = k, .lead = ",\"" k "\":", .lead_len = sizeof(k) + 3, .type = t, \
	  .offset = offsetof(struct s, m), __VA_ARGS__ }
#define U64(s, m)            ROW(s, #m, m, FIELD_U64)
#define U64_MAX(s, m, max)   ROW(s, #m, m, FIELD_U64, .limit = max)
#define U32(s, m)            ROW(s, #m, m, FIELD_U32)
#define I32(s, m)            ROW(s, #m, m, FIELD_I32)
#define WORD32(s, m, n, fn)  ROW(s, #m, m, FIELD_WORD32, .limit = n, .word = fn)
#define WORD64(s, m, n, fn)  ROW(s, #m, m, FIELD_WORD64, .limit = n, .word = fn)
#define FACT(s, m)           ROW(s, #m, m, FIELD_FACT)
#define STATS(s, m)          ROW(s, #m, m, FIELD_STATS)
#define ARRAY(s, m, n)       ROW(s, #m, m, FIELD_ARRAY, .limit = n)
#define STRING(s, m)         ROW(s, #m, m, FIELD_STRING)
#define STRUCT(s, m, t)      ROW(s, #m, m, FIELD_STRUCT, .sub = &t)
#define SETTINGS(s, m)       ROW(s, #m, m, FIELD_SETTINGS)
#define LIST(s, m, c, t)     ROW(s, #m, m, FIELD_LIST, .count = offsetof(struct s, c), .sub = &t)
#define TABLE(s, rows)       { .field = rows, .n = ARRAY_SIZE(rows), .size = sizeof(struct s) }
/* clang-format on */

const char *const stats_keys[BALLOON_STAT_COUNT] = {
	[BALLOON_STAT_SWAP_IN] = "swap_in",
	[BALLOON_STAT_SWAP_OUT] = "swap_out",
	[BALLOON_STAT_MAJFLT] = "major_faults",
	[BALLOON_STAT_MINFLT] = "minor_faults",
	[BALLOON_STAT_MEMFREE] = "free",
	[BALLOON_STAT_MEMTOT] = "total",
	[BALLOON_STAT_AVAIL] = "available",
	[BALLOON_STAT_CACHES] = "caches",
	[BALLOON_STAT_HTLB_PGALLOC] = "hugetlb_allocated",
	[BALLOON_STAT_HTLB_PGFAIL] = "hugetlb_failed",
	[BALLOON_STAT_OOM_KILL] = "oom_kills",
	[BALLOON_STAT_ALLOC_STALL] = "alloc_stalls",
	[BALLOON_STAT_ASYNC_SCAN] = "async_scan",
	[BALLOON_STAT_DIRECT_SCAN] = "direct_scan",
	[BALLOON_STAT_ASYNC_RECLAIM] = "async_reclaim",
	[BALLOON_STAT_DIRECT_RECLAIM] = "direct_reclaim",
};

static const char *word_phase(uint64_t v)
{
	return phase_word((enum phase)v);
}

static const char *word_reason(uint64_t v)
{
	return reason_word((enum reason)v);
}

static const char *word_state(uint64_t v)
{
	static const char *const words[VM_STATE_COUNT] = { "down", "running", "paused" };

	return words[v];
}

static const char *word_tri(uint64_t v)
{
	static const char *const words[TRI_COUNT] = { "unknown", "no", "yes" };

	return words[v];
}

static const char *word_source(uint64_t v)
{
	static const char *const words[FOOTPRINT_COUNT] = { "none", "cgroup",  "memfd",	 "smaps",
							    "rss",  "pagemap", "mapping" };

	return words[v];
}

static const char *word_request(uint64_t v)
{
	static const char *const words[REQUEST_COUNT] = { "none", "squeeze", "release" };

	return words[v];
}

static const struct field figures_rows[] = {
	U64(figures, backed_b), U64(figures, available_b), U64(figures, reserve_b),
	U64(figures, stale_b),	U64(figures, cold_b),	   U64(figures, expected_b),
	U64(figures, need_b),	U64(figures, balloon_b),   U64(figures, freed_b),
	U64(figures, floor_b),	U64(figures, unbacked_b),  U64(figures, until_us),
};
static const struct table figures_table = TABLE(figures, figures_rows);
_Static_assert(sizeof(struct figures) == 12 * 8, "a row per member");

static const struct field decision_rows[] = {
	U64(decision, vm_id),
	U32(decision, actions),
	WORD32(decision, phase, PHASE_COUNT, word_phase),
	WORD32(decision, reason, REASON_COUNT, word_reason),
	U64(decision, target_b),
	U64(decision, refresh_us),
	U64(decision, wake_us),
	STRUCT(decision, fig, figures_table),
};
const struct table decision_table = TABLE(decision, decision_rows);
_Static_assert(sizeof(struct decision) == 8 + 3 * 4 + 4 + 3 * 8 + sizeof(struct figures),
	       "a row per member");

static const struct field host_decision_rows[] = {
	U32(host_decision, hurry),	 WORD32(host_decision, reason, REASON_COUNT, word_reason),
	U64(host_decision, want_b),	 U64(host_decision, need_b),
	U64(host_decision, coming_b),	 U64(host_decision, offered_b),
	U64(host_decision, held_b),	 U64_MAX(host_decision, price, PRICE_CLASSES),
	U64(host_decision, part_ppm),	 U64_MAX(host_decision, give_back, PRICE_CLASSES),
	U64(host_decision, deadline_us),
};
const struct table host_decision_table = TABLE(host_decision, host_decision_rows);
_Static_assert(sizeof(struct host_decision) == 2 * 4 + 9 * 8, "a row per member");

static const struct field plan_rows[] = {
	U64(plan, now_us),
	STRUCT(plan, host, host_decision_table),
	LIST(plan, vm, nvm, decision_table),
};
static const struct table plan_table = TABLE(plan, plan_rows);

static const struct field host_rows[] = {
	FACT(host_facts, total_b),
	FACT(host_facts, available_b),
	FACT(host_facts, psi_some_avg10_ppm),
	FACT(host_facts, psi_full_avg10_ppm),
	U64(host_facts, cpus),
	U64(host_facts, squeezing),
	U64(host_facts, reserved_b),
	U64(host_facts, reserved_by_us),
	U64(host_facts, fall_b),
	U64(host_facts, pressure_us),
	FACT(host_facts, local_s),
};
static const struct table host_table = TABLE(host_facts, host_rows);
_Static_assert(sizeof(struct host_facts) == 5 * sizeof(struct fact) + 6 * 8, "a row per member");

static const struct field vm_facts_rows[] = {
	U64(vm_facts, id),
	WORD32(vm_facts, state, VM_STATE_COUNT, word_state),
	WORD32(vm_facts, device, TRI_COUNT, word_tri),
	WORD32(vm_facts, reporting, TRI_COUNT, word_tri),
	U32(vm_facts, obstacles),
	U32(vm_facts, boots),
	I32(vm_facts, target_error),
	WORD32(vm_facts, request, REQUEST_COUNT, word_request),
	WORD32(vm_facts, backed_source, FOOTPRINT_COUNT, word_source),
	FACT(vm_facts, ram_b),
	FACT(vm_facts, actual_b),
	FACT(vm_facts, backed_b),
	FACT(vm_facts, swapped_b),
	FACT(vm_facts, own_b),
	FACT(vm_facts, charged_b),
	FACT(vm_facts, cpu_us),
	STATS(vm_facts, stats),
	FACT(vm_facts, target_b),
	U32(vm_facts, guarded),
	U32(vm_facts, leftover),
	U32(vm_facts, press),
	U32(vm_facts, pressing),
	U32(vm_facts, vcpus),
};
static const struct table vm_facts_table = TABLE(vm_facts, vm_facts_rows);
_Static_assert(sizeof(struct vm_facts) ==
		       8 + 14 * 4 + 8 * sizeof(struct fact) + sizeof(struct guest_stats),
	       "a row per member; one of 14 words is padding");

static const struct field snapshot_rows[] = {
	U64(snapshot, now_us),
	STRUCT(snapshot, host, host_table),
	LIST(snapshot, vm, nvm, vm_facts_table),
};
static const struct table snapshot_table = TABLE(snapshot, snapshot_rows);
_Static_assert(sizeof(struct snapshot) == 8 + sizeof(struct host_facts) + 16, "a row per member");

static const struct field squeeze_rows[] = {
	U64(squeeze, start_us),
	U64(squeeze, inflated_us),
	U64(squeeze, end_us),
	WORD64(squeeze, stop, REASON_COUNT, word_reason),
	U64_MAX(squeeze, requested, 1),
	U64_MAX(squeeze, press, 1),
	U64_MAX(squeeze, probe, 1),
	U64_MAX(squeeze, asked, 2),
	U64_MAX(squeeze, class, PRICE_CLASSES - 1),
	U64(squeeze, size_b),
	U64(squeeze, balloon_b),
	U64(squeeze, stale_b),
	U64(squeeze, cold_b),
	U64(squeeze, unbacked_b),
	U64(squeeze, check_b),
	U64(squeeze, check_us),
	U64(squeeze, cpu_before_us),
	U64(squeeze, cost_us),
	U64(squeeze, backed_before_b),
	U64(squeeze, charged_before_b),
	U64(squeeze, backed_low_b),
	U64(squeeze, available_before_b),
	U64(squeeze, cache_before_b),
	U64(squeeze, cache_low_b),
	U64(squeeze, used_after_b),
	ARRAY(squeeze, freed_b, VERIFY_COUNT),
};
static const struct table squeeze_table = TABLE(squeeze, squeeze_rows);
_Static_assert(sizeof(struct squeeze) == (25 + VERIFY_COUNT) * 8, "a row per member");

static const struct field habit_rows[] = {
	ARRAY(habit, peak_b, HABIT_HOURS),
	ARRAY(habit, days, HABIT_HOURS),
	ARRAY(habit, seen_s, HABIT_HOURS),
	U64(habit, hour),
	U64(habit, since_us),
	U64(habit, now_b),
};
static const struct table habit_table = TABLE(habit, habit_rows);
_Static_assert(sizeof(struct habit) == (3 * HABIT_HOURS + 3) * 8, "a row per member");

static const struct field offer_rows[] = {
	U64(offer, stale_b),  U64(offer, cold_b), U64_MAX(offer, cold_class, PRICE_CLASSES - 1),
	U64(offer, coming_b), U64(offer, held_b), U64_MAX(offer, held_class, PRICE_CLASSES - 1),
};
static const struct table offer_table = TABLE(offer, offer_rows);
_Static_assert(sizeof(struct offer) == 6 * 8, "a row per member");

static const struct field history_phase_rows[] = {
	WORD64(history_phase, is, PHASE_COUNT, word_phase),
	U64(history_phase, since_us),
	U64_MAX(history_phase, verify_next, VERIFY_60S),
	U64(history_phase, looking_us),
	WORD64(history_phase, request, REQUEST_COUNT, word_request),
};
static const struct table history_phase_table = TABLE(history_phase, history_phase_rows);
_Static_assert(sizeof(struct history_phase) == 5 * 8, "a row per member");

static const struct field history_balloon_rows[] = {
	U64(history_balloon, target_b), U64(history_balloon, target_us),
	U64(history_balloon, mark_us),	U64(history_balloon, mark_b),
	U64(history_balloon, back_b),
};
static const struct table history_balloon_table = TABLE(history_balloon, history_balloon_rows);
_Static_assert(sizeof(struct history_balloon) == 5 * 8, "a row per member");

static const struct field history_guest_rows[] = {
	U64(history_guest, boots),
	WORD64(history_guest, kind, GUEST_KIND_COUNT, guest_kind_word),
	U64_MAX(history_guest, gives_back, 1),
	STATS(history_guest, base),
	FACT(history_guest, base_cpu_us),
	WORD64(history_guest, calm, TRI_COUNT, word_tri),
	WORD64(history_guest, busy, TRI_COUNT, word_tri),
	WORD64(history_guest, idle, TRI_COUNT, word_tri),
	U64(history_guest, cpu_ppm),
	U64(history_guest, total_b),
	STATS(history_guest, start),
	U64(history_guest, stale_since_us),
	U64(history_guest, overhead_b),
};
static const struct table history_guest_table = TABLE(history_guest, history_guest_rows);
_Static_assert(sizeof(struct history_guest) ==
		       10 * 8 + sizeof(struct fact) + 2 * sizeof(struct guest_stats),
	       "a row per member");

static const struct field history_rest_rows[] = {
	U64(history_rest, until_us),
	U64(history_rest, last_us),
	WORD64(history_rest, why, REASON_COUNT, word_reason),
	WORD64(history_rest, stop, REASON_COUNT, word_reason),
	U64(history_rest, early),
	U64(history_rest, zero_yields),
	U64(history_rest, stale_b),
};
static const struct table history_rest_table = TABLE(history_rest, history_rest_rows);
_Static_assert(sizeof(struct history_rest) == 7 * 8, "a row per member");

static const struct field history_cache_rows[] = {
	U64(history_cache, size_b),	U64(history_cache, since_us),
	U64(history_cache, seen_us),	U64(history_cache, ripe_after_us),
	U64(history_cache, tried_us),	U64(history_cache, cold_ppm),
	U64(history_cache, pressed_b),	U64(history_cache, pressed_low_b),
	U64(history_cache, pressed_us),
};
static const struct table history_cache_table = TABLE(history_cache, history_cache_rows);
_Static_assert(sizeof(struct history_cache) == 9 * 8, "a row per member");

static const struct field history_need_rows[] = {
	U64(history_need, scare_b),
	U64(history_need, scare_us),
	U64(history_need, watched_us),
	U64(history_need, peak_us),
	U64(history_need, peak_b),
	U64(history_need, peak_last_b),
	STRUCT(history_need, habit, habit_table),
};
static const struct table history_need_table = TABLE(history_need, history_need_rows);
_Static_assert(sizeof(struct history_need) == 6 * 8 + sizeof(struct habit), "a row per member");

static const struct field history_size_rows[] = {
	U64(history_size, next_us), U64(history_size, settled_b),   U64(history_size, settle_us),
	U64(history_size, from_b),  U64(history_size, available_b),
};
static const struct table history_size_table = TABLE(history_size, history_size_rows);
_Static_assert(sizeof(struct history_size) == 5 * 8, "a row per member");

static const struct field history_cost_rows[] = {
	U64(history_cost, spent_us),
	U64(history_cost, spent_at_us),
	U64(history_cost, price_us),
	U64(history_cost, total_us),
};
static const struct table history_cost_table = TABLE(history_cost, history_cost_rows);
_Static_assert(sizeof(struct history_cost) == 4 * 8, "a row per member");

static const struct field history_total_rows[] = {
	U64(history_total, squeezes),
	U64(history_total, yield_b),
	U64(history_total, return_b),
};
static const struct table history_total_table = TABLE(history_total, history_total_rows);
_Static_assert(sizeof(struct history_total) == 3 * 8, "a row per member");

static const struct field history_rows[] = {
	STRUCT(history, phase, history_phase_table),
	STRUCT(history, balloon, history_balloon_table),
	STRUCT(history, guest, history_guest_table),
	STRUCT(history, rest, history_rest_table),
	STRUCT(history, cache, history_cache_table),
	STRUCT(history, need, history_need_table),
	STRUCT(history, size, history_size_table),
	STRUCT(history, offer, offer_table),
	STRUCT(history, cost, history_cost_table),
	STRUCT(history, total, history_total_table),
	STRUCT(history, now, squeeze_table),
	STRUCT(history, done, squeeze_table),
};
static const struct table history_table = TABLE(history, history_rows);
_Static_assert(sizeof(struct history) ==
		       sizeof(struct history_phase) + sizeof(struct history_balloon) +
			       sizeof(struct history_guest) + sizeof(struct history_rest) +
			       sizeof(struct history_cache) + sizeof(struct history_need) +
			       sizeof(struct history_size) + sizeof(struct offer) +
			       sizeof(struct history_cost) + sizeof(struct history_total) +
			       2 * sizeof(struct squeeze),
	       "a row per member");

/* The balloon, the offer and the squeezes are of the moment. */
static const struct field kept_rows[] = {
	STRUCT(history, phase, history_phase_table), STRUCT(history, guest, history_guest_table),
	STRUCT(history, rest, history_rest_table),   STRUCT(history, cache, history_cache_table),
	STRUCT(history, need, history_need_table),   STRUCT(history, size, history_size_table),
	STRUCT(history, cost, history_cost_table),   STRUCT(history, total, history_total_table),
};
const struct table kept_table = TABLE(history, kept_rows);

static const struct field host_history_rows[] = {
	U64(host_history, short_since_us),
	U64(host_history, well_since_us),
	U64(host_history, fell_us),
	U64(host_history, fell_b),
	U64(host_history, hurried_us),
	ARRAY(host_history, offer_b, PRICE_CLASSES),
	ARRAY(host_history, held_b, PRICE_CLASSES),
	U64(host_history, coming_b),
	ARRAY(host_history, shares, LEARN_SHARES),
	ARRAY(host_history, rates, LEARN_RATES),
};
static const struct table host_history_table = TABLE(host_history, host_history_rows);
_Static_assert(sizeof(struct host_history) ==
		       (6 + 2 * PRICE_CLASSES + LEARN_SHARES + LEARN_RATES) * 8,
	       "a row per member");

static const struct field kept_host_rows[] = {
	ARRAY(host_history, shares, LEARN_SHARES),
	ARRAY(host_history, rates, LEARN_RATES),
};
const struct table kept_host_table = TABLE(host_history, kept_host_rows);

static const struct field journal_rows[] = {
	U64(record_journal, version),
	U64(record_journal, wall_us),
	U64(record_journal, mono_us),
	STRING(record_journal, program),
};
static const struct table journal_table = TABLE(record_journal, journal_rows);

static const struct field host_record_rows[] = {
	SETTINGS(record_host, settings),
	STRUCT(record_host, history, host_history_table),
};
static const struct table host_record_table = TABLE(record_host, host_record_rows);

static const struct field vm_rows[] = {
	U64(record_vm, id),
	STRING(record_vm, name),
	SETTINGS(record_vm, settings),
	STRUCT(record_vm, history, history_table),
};
static const struct table vm_table = TABLE(record_vm, vm_rows);

static const struct field gone_rows[] = {
	U64(record_gone, id),
};
static const struct table gone_table = TABLE(record_gone, gone_rows);

static const struct field asked_rows[] = {
	U64(record_asked, time_us),   U64(record_asked, uid),	  U64(record_asked, pid),
	STRING(record_asked, method), STRING(record_asked, path), U64(record_asked, status),
};
static const struct table asked_table = TABLE(record_asked, asked_rows);
_Static_assert(sizeof(struct record_asked) == 4 * 8 + 2 * sizeof(char *), "a row per member");

const struct record_type record_types[RECORD_KIND_COUNT] = {
	[RECORD_JOURNAL] = { "journal", &journal_table },
	[RECORD_HOST] = { "host", &host_record_table },
	[RECORD_VM] = { "vm", &vm_table },
	[RECORD_GONE] = { "gone", &gone_table },
	[RECORD_SNAPSHOT] = { "snapshot", &snapshot_table },
	[RECORD_PLAN] = { "plan", &plan_table },
	[RECORD_ASKED] = { "asked", &asked_table },
};
