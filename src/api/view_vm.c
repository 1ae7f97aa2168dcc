/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * view_vm.c - a VM as the JSON objects of the control API
 *
 * Layer: api.
 * In:    a VM of the fleet.
 * Out:   JSON. An unknown figure is null, never 0.
 */
#include "api/view_vm.h"

#include "base/num.h"
#include "api/view_json.h"
#include "policy/estimate.h"
#include "vmm/vmm.h"

#include <stdio.h>

/* --------------------------------------------------------------------- words */

static const char *const state_words[VM_STATE_COUNT] = {
	[VM_STATE_DOWN] = "down",
	[VM_STATE_RUNNING] = "running",
	[VM_STATE_PAUSED] = "paused",
};

static const char *const source_words[FOOTPRINT_COUNT] = {
	[FOOTPRINT_NONE] = "none",	 [FOOTPRINT_CGROUP] = "cgroup",
	[FOOTPRINT_MEMFD] = "memfd",	 [FOOTPRINT_SMAPS] = "smaps",
	[FOOTPRINT_RSS] = "rss",	 [FOOTPRINT_PAGEMAP] = "pagemap",
	[FOOTPRINT_MAPPING] = "mapping",
};

static const char *const tri_words[TRI_COUNT] = {
	[TRI_UNKNOWN] = "unknown",
	[TRI_NO] = "off",
	[TRI_YES] = "on",
};

static const char *const request_words[REQUEST_COUNT] = {
	[REQUEST_NONE] = NULL,
	[REQUEST_SQUEEZE] = "squeeze",
	[REQUEST_RELEASE] = "release",
};

struct obstacle_word {
	enum obstacle bit;
	const char *word;
};

static const struct obstacle_word obstacle_words[] = {
	{ OBSTACLE_VFIO, "vfio" },
	{ OBSTACLE_MLOCK, "mlock" },
	{ OBSTACLE_HUGETLB, "hugetlb" },
};

static const char *word(const char *const *words, size_t n, uint64_t i)
{
	return i < n ? words[i] : "unknown";
}

/* ballonet.ko puts a mark where other drivers, which send whole pages, have zeroes. */
static bool runs_ballonet(const struct guest_stats *s)
{
	return stats_has(s, BALLOON_STAT_MEMTOT) &&
	       (s->tag[BALLOON_STAT_MEMTOT] & BALLOON_MARK_KIND) == BALLOON_MARK_BALLONET;
}

/* Which driver the balloon has in the guest, as far as it shows. */
static const char *driver_word(const struct vm *vm)
{
	if (vm->facts.device != TRI_YES)
		return vm->facts.device == TRI_NO ? "no-device" : "unknown";
	if (!estimate_possible(&vm->facts.stats))
		return "no-driver";
	return runs_ballonet(&vm->facts.stats) ? "ballonet" : "stock";
}

/* What would serve this VM better, naming the setting; NULL where nothing is known to. */
static const char *hint(const struct vm *vm)
{
	if (vm->facts.device == TRI_NO)
		return "restart it with a balloon device (QEMU: -device virtio-balloon-pci), and "
		       "its memory can be given back";
	if (vm->facts.device != TRI_YES)
		return NULL;
	if (!estimate_possible(&vm->facts.stats))
		return "once the guest has booted, run 'modprobe virtio_balloon' in it, and its "
		       "memory can be given back";
	if (vm->facts.reporting == TRI_NO)
		return "restart it with free-page-reporting=on, and freed memory comes back by "
		       "itself";
	return NULL;
}

/* ------------------------------------------------------------------- figures */

static uint64_t tag_figure(const struct guest_stats *s, enum balloon_stat tag)
{
	return stats_has(s, tag) ? s->tag[tag] : FIGURE_UNKNOWN;
}

static struct json_object *tri_json(uint64_t tri)
{
	return tri == TRI_UNKNOWN ? NULL : json_object_new_boolean(tri == TRI_YES);
}

static void add_sentence(struct json_object *to, const char *key, const struct decision *d,
			 uint64_t now_us)
{
	char text[EXPLAIN_MAX];

	(void)explain(d, now_us, text, sizeof(text));
	json_text(to, key, text);
}

/* ----------------------------------------------------------------------- a VM */

static struct json_object *squeeze_json(const struct squeeze *sq)
{
	static const char *const freed_keys[VERIFY_COUNT] = {
		[VERIFY_AT_ONCE] = "freed_0s_b",
		[VERIFY_1S] = "freed_1s_b",
		[VERIFY_10S] = "freed_10s_b",
		[VERIFY_60S] = "freed_60s_b",
	};
	struct json_object *o = json_object_new_object();
	size_t i;

	if (!o)
		return NULL;
	json_figure(o, "start_us", sq->start_us);
	json_figure(o, "end_us", sq->end_us ? sq->end_us : FIGURE_UNKNOWN);
	json_add(o, "stop",
		 sq->stop ? json_object_new_string(reason_word((enum reason)sq->stop)) : NULL);
	json_add(o, "requested", json_object_new_boolean(sq->requested != 0));
	json_figure(o, "size_b", sq->size_b);
	json_figure(o, "balloon_b", sq->balloon_b);
	json_figure(o, "stale_b", sq->stale_b);
	json_figure(o, "cold_b", sq->cold_b);
	json_figure(o, "resident_before_b", sq->backed_before_b);
	json_figure(o, "resident_low_b", sq->backed_low_b);
	for (i = 0; i < VERIFY_COUNT; i++)
		json_figure(o, freed_keys[i], sq->freed_b[i]);
	return o;
}

/* The squeeze under way, else the last one that was verified whole, else NULL. */
static struct json_object *last_squeeze(const struct history *h)
{
	bool under_way = h->phase.is >= PHASE_INFLATING && h->phase.is <= PHASE_VERIFYING;

	if (under_way && h->now.start_us)
		return squeeze_json(&h->now);
	return h->done.start_us ? squeeze_json(&h->done) : NULL;
}

static struct json_object *obstacles_json(uint32_t obstacles)
{
	struct json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; list && i < ARRAY_SIZE(obstacle_words); i++)
		if (obstacles & obstacle_words[i].bit)
			(void)json_object_array_add(list,
						    json_object_new_string(obstacle_words[i].word));
	return list;
}

/* What was set at run time, as texts. */
static struct json_object *set_json(const struct vm *vm)
{
	struct json_object *o = json_object_new_object();
	const struct setting *table;
	char text[SETTING_TEXT_MAX];
	size_t n, i;

	table = settings_table(&n);
	for (i = 0; o && i < n; i++) {
		if (!(vm->set & UINT64_C(1) << i))
			continue;
		setting_text(&table[i], setting_get(&vm->settings, &table[i]), text, sizeof(text));
		json_text(o, table[i].key, text);
	}
	return o;
}

static void add_trouble(struct json_object *o, const struct vm *vm)
{
	const char *trouble = vm->conn ? vmm_conn_trouble(vm->conn) : "";

	json_add(o, "trouble", *trouble ? json_text_of(trouble) : NULL);
}

static void add_identity(struct json_object *o, const struct vm *vm)
{
	json_text(o, "name", vm->name);
	json_figure(o, "id", vm->id);
	json_add(o, "pid", vm->pid ? json_object_new_int64(vm->pid) : NULL);
	json_text(o, "address", vm->address);
	json_text(o, "mode", mode_word(vm->mode));
	json_text(o, "profile", profile_word(vm->settings.profile));
	json_text(o, "state", word(state_words, VM_STATE_COUNT, vm->facts.state));
	json_add(o, "group", vm->group[0] ? json_text_of(vm->group) : NULL);
	json_add(o, "group_too", vm->group_too[0] ? json_text_of(vm->group_too) : NULL);
	json_add(o, "set", set_json(vm));
	json_text(o, "driver", driver_word(vm));
	json_text(o, "relief", guest_kind_word(vm->history.guest.kind));
	json_text(o, "reporting", word(tri_words, TRI_COUNT, vm->facts.reporting));
	add_trouble(o, vm);
	json_add(o, "hint", hint(vm) ? json_text_of(hint(vm)) : NULL);
	json_add(o, "obstacles", obstacles_json(vm->facts.obstacles));
}

static const struct figures unknown_figures = {
	FIGURE_UNKNOWN, FIGURE_UNKNOWN, FIGURE_UNKNOWN, FIGURE_UNKNOWN,
	FIGURE_UNKNOWN, FIGURE_UNKNOWN, FIGURE_UNKNOWN, FIGURE_UNKNOWN,
	FIGURE_UNKNOWN, FIGURE_UNKNOWN, FIGURE_UNKNOWN, FIGURE_UNKNOWN,
};
_Static_assert(sizeof(struct figures) == 12 * sizeof(uint64_t), "each of them unknown");

void view_figures(const struct vm *vm, struct figures *ret)
{
	*ret = vm->decided_us ? vm->decision.fig : unknown_figures;
	/* no setting makes it 0: an opportunity was asked for and facts were missing */
	if (ret->need_b == 0)
		ret->need_b = ret->stale_b = ret->cold_b = ret->expected_b = FIGURE_UNKNOWN;
}

uint64_t view_resident(const struct vm_facts *f)
{
	uint64_t swapped_b = f->swapped_b.known ? f->swapped_b.value : 0;

	return f->backed_b.known ? u64_sub_sat(f->backed_b.value, swapped_b) : FIGURE_UNKNOWN;
}

static void add_figures_of_now(struct json_object *o, const struct vm *vm, uint64_t now_us)
{
	const struct vm_facts *f = &vm->facts;
	uint64_t balloon_b = FIGURE_UNKNOWN;
	struct figures fig;

	view_figures(vm, &fig);
	if (f->ram_b.known && f->actual_b.known)
		balloon_b = u64_sub_sat(f->ram_b.value, f->actual_b.value);
	json_figure(o, "ram_b", json_fact(&f->ram_b));
	json_figure(o, "actual_b", json_fact(&f->actual_b));
	json_figure(o, "balloon_b", balloon_b);
	json_figure(o, "resident_b", view_resident(f));
	json_figure(o, "swapped_b", json_fact(&f->swapped_b));
	json_figure(o, "hypervisor_b", json_fact(&f->own_b));
	json_text(o, "resident_source", word(source_words, FOOTPRINT_COUNT, f->backed_source));
	json_figure(o, "used_b", estimate_used(f, &vm->history));
	json_figure(o, "free_b", tag_figure(&f->stats, BALLOON_STAT_MEMFREE));
	json_figure(o, "available_b", tag_figure(&f->stats, BALLOON_STAT_AVAIL));
	json_figure(o, "cache_b", tag_figure(&f->stats, BALLOON_STAT_CACHES));
	json_figure(o, "stats_age_us",
		    f->stats.known ? u64_sub_sat(now_us, f->stats.taken_us) : FIGURE_UNKNOWN);
	json_figure(o, "stale_b", fig.stale_b);
	json_figure(o, "cold_b", fig.cold_b);
	json_figure(o, "expected_b", fig.expected_b);
	json_figure(o, "reserve_b", fig.reserve_b);
	json_figure(o, "floor_now_b", fig.floor_b);
}

/* What it is promised, what was learned, and what it offers to a host that is short. */
static void add_offer(struct json_object *o, const struct vm *vm)
{
	const struct offer *offer = &vm->history.offer;
	struct json_object *to = json_object_new_object();

	json_figure(o, "shares", vm->settings.shares);
	json_figure(o, "floor_b", vm->settings.floor_b);
	json_figure(o, "ceiling_b",
		    vm->settings.ceiling_b ? vm->settings.ceiling_b : FIGURE_UNKNOWN);
	json_figure(o, "settled_b",
		    vm->history.size.settled_b ? vm->history.size.settled_b : FIGURE_UNKNOWN);
	json_add(o, "offer", to);
	if (!to)
		return;
	json_figure(to, "stale_b", offer->stale_b);
	json_figure(to, "cold_b", offer->cold_b);
	json_figure(to, "cold_class", offer->cold_class);
	json_figure(to, "coming_b", offer->coming_b);
	json_figure(to, "held_b", offer->held_b);
	json_figure(to, "held_class", offer->held_class);
}

struct json_object *view_vm(const struct vm *vm, uint64_t now_us)
{
	struct json_object *o = json_object_new_object();
	const struct history *h = &vm->history;
	const char *asked;

	if (!o)
		return NULL;
	add_identity(o, vm);
	json_text(o, "phase", phase_word((enum phase)h->phase.is));
	json_text(o, "reason", reason_word(vm->decision.reason));
	add_sentence(o, "why", &vm->decision, now_us);
	json_figure(o, "decided_us", vm->decided_us ? vm->decided_us : FIGURE_UNKNOWN);
	asked = word(request_words, REQUEST_COUNT, vm->request ? vm->request : h->phase.request);
	json_add(o, "requested", asked ? json_text_of(asked) : NULL);
	add_figures_of_now(o, vm, now_us);
	add_offer(o, vm);
	json_add(o, "calm", tri_json(h->guest.calm));
	json_add(o, "busy", tri_json(h->guest.busy));
	json_figure(o, "squeezes", h->total.squeezes);
	json_figure(o, "yield_total_b", h->total.yield_b);
	json_figure(o, "return_total_b", h->total.return_b);
	json_figure(o, "rest_until_us",
		    h->phase.is == PHASE_RESTING ? h->rest.until_us : FIGURE_UNKNOWN);
	json_add(o, "last_squeeze", last_squeeze(h));
	return o;
}

/* ------------------------------------------------------------------------ why */

static struct json_object *figures_json(const struct figures *fig)
{
	struct json_object *o = json_object_new_object();

	if (!o)
		return NULL;
	json_figure(o, "resident_b", fig->backed_b);
	json_figure(o, "available_b", fig->available_b);
	json_figure(o, "reserve_b", fig->reserve_b);
	json_figure(o, "stale_b", fig->stale_b);
	json_figure(o, "unbacked_b", fig->unbacked_b);
	json_figure(o, "cold_b", fig->cold_b);
	json_figure(o, "expected_b", fig->expected_b);
	json_figure(o, "need_b", fig->need_b);
	json_figure(o, "balloon_b", fig->balloon_b);
	json_figure(o, "freed_b", fig->freed_b);
	json_figure(o, "floor_b", fig->floor_b);
	json_figure(o, "until_us", fig->until_us);
	return o;
}

static struct json_object *recent_json(const struct vm_recent *r, uint64_t now_us)
{
	struct json_object *o = json_object_new_object();

	if (!o)
		return NULL;
	json_figure(o, "time_us", r->time_us);
	json_figure(o, "age_us", u64_sub_sat(now_us, r->time_us));
	json_text(o, "phase", phase_word(r->decision.phase));
	json_text(o, "reason", reason_word(r->decision.reason));
	add_sentence(o, "sentence", &r->decision, r->time_us);
	return o;
}

struct json_object *view_why(const struct vm *vm, uint64_t now_us)
{
	struct json_object *o = json_object_new_object(), *recent = json_object_new_array();
	uint64_t i = vm->recent_n > VM_RECENT_MAX ? vm->recent_n - VM_RECENT_MAX : 0;
	struct figures fig;

	if (!o || !recent) {
		json_object_put(o);
		json_object_put(recent);
		return NULL;
	}
	json_text(o, "name", vm->name);
	json_text(o, "phase", phase_word((enum phase)vm->history.phase.is));
	json_text(o, "reason", reason_word(vm->decision.reason));
	add_sentence(o, "sentence", &vm->decision, now_us);
	add_trouble(o, vm);
	view_figures(vm, &fig);
	json_add(o, "figures", figures_json(&fig));
	for (; i < vm->recent_n; i++)
		(void)json_object_array_add(recent,
					    recent_json(&vm->recent[i % VM_RECENT_MAX], now_us));
	json_add(o, "recent", recent);
	return o;
}

/* ------------------------------------------------------------------- dry runs */

static void opportunity_decision(const struct vm *vm, const struct opportunity *opp,
				 struct decision *ret)
{
	const struct vm_facts *f = &vm->facts;
	bool estimated = opp->est.need_b != 0;

	*ret = (struct decision){
		.vm_id = vm->id,
		.phase = (enum phase)vm->history.phase.is,
		.reason = opp->reason == REASON_NONE ? REASON_BEGIN_REQUESTED : opp->reason,
		.fig = {
			.backed_b = json_fact(&f->backed_b),
			.available_b = tag_figure(&f->stats, BALLOON_STAT_AVAIL),
			.reserve_b = estimated ? opp->est.reserve_b : FIGURE_UNKNOWN,
			.stale_b = FIGURE_UNKNOWN,
			.cold_b = FIGURE_UNKNOWN,
			.expected_b = FIGURE_UNKNOWN,
			.need_b = FIGURE_UNKNOWN,
			.balloon_b = FIGURE_UNKNOWN,
			.freed_b = FIGURE_UNKNOWN,
			.floor_b = FIGURE_UNKNOWN,
			.unbacked_b = FIGURE_UNKNOWN,
			.until_us = FIGURE_UNKNOWN,
		},
	};
	opportunity_figures(opp, &ret->fig);
	if (f->ram_b.known && f->actual_b.known)
		ret->fig.balloon_b = u64_sub_sat(f->ram_b.value, f->actual_b.value);
}

void view_refusal(const struct vm *vm, const struct opportunity *opp, uint64_t now_us, char *text)
{
	struct decision d;

	opportunity_decision(vm, opp, &d);
	(void)explain(&d, now_us, text, EXPLAIN_MAX);
}

/* "It would free about 612 MiB (600 MiB stale, 12 MiB cold cache) of 900 MiB resident." */
static void would_text(const struct figures *fig, char *text, size_t size)
{
	char expected[32], stale[32], cold[32], resident[32];

	explain_bytes(fig->expected_b, expected, sizeof(expected));
	explain_bytes(fig->stale_b, stale, sizeof(stale));
	explain_bytes(fig->cold_b, cold, sizeof(cold));
	explain_bytes(fig->backed_b, resident, sizeof(resident));
	(void)snprintf(text, size,
		       "It would free about %s (%s stale, %s cold cache) of %s resident.", expected,
		       stale, cold, resident);
}

struct json_object *view_dry_run(const struct vm *vm, const struct opportunity *opp,
				 uint64_t now_us)
{
	/* old statistics say enough: a squeeze would begin by asking for fresh ones */
	bool would = opp->reason == REASON_NONE || opp->reason == REASON_STATS_STALE;
	struct json_object *o = json_object_new_object();
	char text[EXPLAIN_MAX];
	struct decision d;

	if (!o)
		return NULL;
	opportunity_decision(vm, opp, &d);
	if (would)
		would_text(&d.fig, text, sizeof(text));
	else
		(void)explain(&d, now_us, text, sizeof(text));
	json_text(o, "name", vm->name);
	json_add(o, "dry_run", json_object_new_boolean(true));
	json_add(o, "would_squeeze", json_object_new_boolean(would));
	json_text(o, "reason", reason_word(would ? REASON_BEGIN_REQUESTED : d.reason));
	json_text(o, "sentence", text);
	json_add(o, "figures", figures_json(&d.fig));
	return o;
}
