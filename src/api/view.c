/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * view.c - what the daemon knows, as the JSON objects of the control API
 *
 * Layer: api.
 * In:    a VM of the fleet, the host's facts, the daemon's figures.
 * Out:   JSON. What is not known is null, never 0.
 *
 * json_object_object_add() with a NULL value writes null, so unknown figures
 * need no branch where an object is put together.
 */
#include "api/view.h"

#include "base/num.h"
#include "host/hostgroup.h"
#include "policy/estimate.h"
#include "policy/explain.h"
#include "vmm/vmm.h"

#include <stdio.h>
#include <string.h>

#define TEXT_MAX 512 /* a path, or a sentence on trouble; cut where it is longer */

/* ------------------------------------------------------------------- scalars */

/* Bytes of the UTF-8 sequence at @p, 0 where it is none (RFC 3629, section 4). */
static size_t utf8_length(const unsigned char *p)
{
	size_t n, i;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	for (i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

void view_text(const char *bytes, char *text, size_t size)
{
	const unsigned char *p = (const unsigned char *)bytes;
	size_t len = 0;

	while (*p) {
		size_t n = utf8_length(p);

		if (len + (n ? n : 1) >= size)
			break;
		if (n)
			memcpy(text + len, p, n);
		else
			text[len] = '?';
		len += n ? n : 1;
		p += n ? n : 1;
	}
	text[len] = '\0';
}

static struct json_object *text_json(const char *bytes)
{
	char text[TEXT_MAX];

	view_text(bytes, text, sizeof(text));
	return json_object_new_string(text);
}

static struct json_object *figure_json(uint64_t figure)
{
	return figure == FIGURE_UNKNOWN ? NULL : json_object_new_uint64(figure);
}

static uint64_t fact_figure(const struct fact *f)
{
	return f->known ? f->value : FIGURE_UNKNOWN;
}

static uint64_t tag_figure(const struct guest_stats *s, enum balloon_stat tag)
{
	return stats_has(s, tag) ? s->tag[tag] : FIGURE_UNKNOWN;
}

static struct json_object *tri_json(uint64_t tri)
{
	return tri == TRI_UNKNOWN ? NULL : json_object_new_boolean(tri == TRI_YES);
}

static void add(struct json_object *to, const char *key, struct json_object *value)
{
	(void)json_object_object_add(to, key, value);
}

static void add_figure(struct json_object *to, const char *key, uint64_t figure)
{
	add(to, key, figure_json(figure));
}

static void add_text(struct json_object *to, const char *key, const char *text)
{
	add(to, key, text_json(text));
}

/* --------------------------------------------------------------------- words */

static const char *const state_words[VM_STATE_COUNT] = {
	[VM_STATE_DOWN] = "down",
	[VM_STATE_RUNNING] = "running",
	[VM_STATE_PAUSED] = "paused",
};

static const char *const source_words[FOOTPRINT_COUNT] = {
	[FOOTPRINT_NONE] = "none",   [FOOTPRINT_CGROUP] = "cgroup", [FOOTPRINT_MEMFD] = "memfd",
	[FOOTPRINT_SMAPS] = "smaps", [FOOTPRINT_RSS] = "rss",
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

/* What drives the balloon in the guest, as far as it shows. */
static const char *kind_word(const struct vm *vm)
{
	if (vm->facts.device != TRI_YES)
		return vm->facts.device == TRI_NO ? "none" : "unknown";
	if (!estimate_possible(&vm->facts.stats))
		return "no-driver";
	if (runs_ballonet(&vm->facts.stats))
		return "ballonet";
	return vm->history.gives_back ? "shrinker" : "stock";
}

/* What would serve this VM better, naming the setting; NULL where nothing is known to. */
static const char *hint(const struct vm *vm)
{
	if (vm->facts.device == TRI_NO)
		return "start it with a balloon device (QEMU: -device virtio-balloon-pci) and its "
		       "memory can be given back";
	if (vm->facts.device != TRI_YES)
		return NULL;
	if (!estimate_possible(&vm->facts.stats))
		return "load virtio_balloon in the guest and its memory can be given back";
	if (vm->facts.reporting == TRI_NO)
		return "start it with free-page-reporting=on and freed memory comes back by itself";
	return NULL;
}

static void add_sentence(struct json_object *to, const char *key, const struct decision *d,
			 uint64_t now_us)
{
	char text[EXPLAIN_MAX];

	(void)explain(d, now_us, text, sizeof(text));
	add_text(to, key, text);
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
	add_figure(o, "start_us", sq->start_us);
	add_figure(o, "end_us", sq->end_us ? sq->end_us : FIGURE_UNKNOWN);
	add(o, "stop",
	    sq->stop ? json_object_new_string(reason_word((enum reason)sq->stop)) : NULL);
	add(o, "requested", json_object_new_boolean(sq->requested != 0));
	add_figure(o, "size_b", sq->size_b);
	add_figure(o, "balloon_b", sq->balloon_b);
	add_figure(o, "stale_b", sq->stale_b);
	add_figure(o, "cold_b", sq->cold_b);
	add_figure(o, "resident_before_b", sq->resident_before_b);
	add_figure(o, "resident_low_b", sq->resident_low_b);
	for (i = 0; i < VERIFY_COUNT; i++)
		add_figure(o, freed_keys[i], sq->freed_b[i]);
	return o;
}

/* The squeeze under way, else the last one that was verified whole, else NULL. */
static struct json_object *last_squeeze(const struct history *h)
{
	bool under_way = h->phase >= PHASE_INFLATING && h->phase <= PHASE_VERIFYING;

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
		add_text(o, table[i].key, text);
	}
	return o;
}

static void add_identity(struct json_object *o, const struct vm *vm)
{
	const char *trouble = vm->conn ? vmm_conn_trouble(vm->conn) : "";

	add_text(o, "name", vm->name);
	add_figure(o, "id", vm->id);
	add(o, "pid", vm->pid ? json_object_new_int64(vm->pid) : NULL);
	add_text(o, "address", vm->address);
	add_text(o, "mode", mode_word(vm->settings.mode));
	add_text(o, "state", word(state_words, VM_STATE_COUNT, vm->facts.state));
	add(o, "group", vm->group[0] ? text_json(vm->group) : NULL);
	add(o, "group_too", vm->group_too[0] ? text_json(vm->group_too) : NULL);
	add(o, "set", set_json(vm));
	add_text(o, "kind", kind_word(vm));
	add_text(o, "guest", guest_kind_word(vm->history.kind));
	add_text(o, "reporting", word(tri_words, TRI_COUNT, vm->facts.reporting));
	add(o, "trouble", *trouble ? text_json(trouble) : NULL);
	add(o, "hint", hint(vm) ? text_json(hint(vm)) : NULL);
	add(o, "obstacles", obstacles_json(vm->facts.obstacles));
}

static const struct figures unknown_figures = {
	FIGURE_UNKNOWN, FIGURE_UNKNOWN, FIGURE_UNKNOWN, FIGURE_UNKNOWN,
	FIGURE_UNKNOWN, FIGURE_UNKNOWN, FIGURE_UNKNOWN, FIGURE_UNKNOWN,
	FIGURE_UNKNOWN, FIGURE_UNKNOWN, FIGURE_UNKNOWN,
};
_Static_assert(sizeof(struct figures) == 11 * sizeof(uint64_t), "each of them unknown");

void view_figures(const struct vm *vm, struct figures *ret)
{
	*ret = vm->decided_us ? vm->decision.fig : unknown_figures;
	/* no setting makes it 0: an opportunity was asked for and facts were missing */
	if (ret->need_b == 0)
		ret->need_b = ret->stale_b = ret->cold_b = ret->expected_b = FIGURE_UNKNOWN;
}

static void add_figures_of_now(struct json_object *o, const struct vm *vm, uint64_t now_us)
{
	const struct vm_facts *f = &vm->facts;
	uint64_t balloon_b = FIGURE_UNKNOWN;
	struct figures fig;

	view_figures(vm, &fig);
	if (f->ram_b.known && f->actual_b.known)
		balloon_b = u64_sub_sat(f->ram_b.value, f->actual_b.value);
	add_figure(o, "ram_b", fact_figure(&f->ram_b));
	add_figure(o, "actual_b", fact_figure(&f->actual_b));
	add_figure(o, "balloon_b", balloon_b);
	add_figure(o, "resident_b", fact_figure(&f->resident_b));
	add_text(o, "resident_source", word(source_words, FOOTPRINT_COUNT, f->resident_source));
	add_figure(o, "used_b", estimate_used(&f->stats));
	add_figure(o, "free_b", tag_figure(&f->stats, BALLOON_STAT_MEMFREE));
	add_figure(o, "available_b", tag_figure(&f->stats, BALLOON_STAT_AVAIL));
	add_figure(o, "cache_b", tag_figure(&f->stats, BALLOON_STAT_CACHES));
	add_figure(o, "stats_age_us",
		   f->stats.known ? u64_sub_sat(now_us, f->stats.taken_us) : FIGURE_UNKNOWN);
	add_figure(o, "stale_b", fig.stale_b);
	add_figure(o, "cold_b", fig.cold_b);
	add_figure(o, "expected_b", fig.expected_b);
	add_figure(o, "reserve_b", fig.reserve_b);
	add_figure(o, "floor_now_b", fig.floor_b);
}

/* What it is promised, what was learned, and what it offers to a host that is short. */
static void add_offer(struct json_object *o, const struct vm *vm)
{
	const struct offer *offer = &vm->history.offer;
	struct json_object *to = json_object_new_object();

	add_figure(o, "shares", vm->settings.shares);
	add_figure(o, "floor_b", vm->settings.floor_b);
	add_figure(o, "ceiling_b",
		   vm->settings.ceiling_b ? vm->settings.ceiling_b : FIGURE_UNKNOWN);
	add_figure(o, "settled_b", vm->history.settled_b ? vm->history.settled_b : FIGURE_UNKNOWN);
	add(o, "offer", to);
	if (!to)
		return;
	add_figure(to, "stale_b", offer->stale_b);
	add_figure(to, "cold_b", offer->cold_b);
	add_figure(to, "cold_class", offer->cold_class);
	add_figure(to, "coming_b", offer->coming_b);
	add_figure(to, "held_b", offer->held_b);
	add_figure(to, "held_class", offer->held_class);
}

struct json_object *view_vm(const struct vm *vm, uint64_t now_us)
{
	struct json_object *o = json_object_new_object();
	const struct history *h = &vm->history;
	const char *asked;

	if (!o)
		return NULL;
	add_identity(o, vm);
	add_text(o, "phase", phase_word((enum phase)h->phase));
	add_text(o, "reason", reason_word(vm->decision.reason));
	add_sentence(o, "why", &vm->decision, now_us);
	add_figure(o, "decided_us", vm->decided_us ? vm->decided_us : FIGURE_UNKNOWN);
	asked = word(request_words, REQUEST_COUNT, vm->request ? vm->request : h->request);
	add(o, "requested", asked ? text_json(asked) : NULL);
	add_figures_of_now(o, vm, now_us);
	add_offer(o, vm);
	add(o, "calm", tri_json(h->calm));
	add(o, "busy", tri_json(h->busy));
	add_figure(o, "squeezes", h->squeezes);
	add_figure(o, "yield_total_b", h->yield_total_b);
	add_figure(o, "return_total_b", h->return_total_b);
	add_figure(o, "rest_until_us",
		   h->phase == PHASE_RESTING ? h->rest_until_us : FIGURE_UNKNOWN);
	add(o, "last_squeeze", last_squeeze(h));
	return o;
}

/* ------------------------------------------------------------------------ why */

static struct json_object *figures_json(const struct figures *fig)
{
	struct json_object *o = json_object_new_object();

	if (!o)
		return NULL;
	add_figure(o, "resident_b", fig->resident_b);
	add_figure(o, "available_b", fig->available_b);
	add_figure(o, "reserve_b", fig->reserve_b);
	add_figure(o, "stale_b", fig->stale_b);
	add_figure(o, "cold_b", fig->cold_b);
	add_figure(o, "expected_b", fig->expected_b);
	add_figure(o, "need_b", fig->need_b);
	add_figure(o, "balloon_b", fig->balloon_b);
	add_figure(o, "freed_b", fig->freed_b);
	add_figure(o, "floor_b", fig->floor_b);
	add_figure(o, "until_us", fig->until_us);
	return o;
}

static struct json_object *recent_json(const struct vm_recent *r, uint64_t now_us)
{
	struct json_object *o = json_object_new_object();

	if (!o)
		return NULL;
	add_figure(o, "time_us", r->time_us);
	add_figure(o, "age_us", u64_sub_sat(now_us, r->time_us));
	add_text(o, "phase", phase_word(r->decision.phase));
	add_text(o, "reason", reason_word(r->decision.reason));
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
	add_text(o, "name", vm->name);
	add_text(o, "phase", phase_word((enum phase)vm->history.phase));
	add_text(o, "reason", reason_word(vm->decision.reason));
	add_sentence(o, "sentence", &vm->decision, now_us);
	view_figures(vm, &fig);
	add(o, "figures", figures_json(&fig));
	for (; i < vm->recent_n; i++)
		(void)json_object_array_add(recent,
					    recent_json(&vm->recent[i % VM_RECENT_MAX], now_us));
	add(o, "recent", recent);
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
		.phase = (enum phase)vm->history.phase,
		.reason = opp->reason == REASON_NONE ? REASON_BEGIN_REQUESTED : opp->reason,
		.fig = {
			.resident_b = fact_figure(&f->resident_b),
			.available_b = tag_figure(&f->stats, BALLOON_STAT_AVAIL),
			.reserve_b = estimated ? opp->est.reserve_b : FIGURE_UNKNOWN,
			.stale_b = estimated ? opp->est.stale_b : FIGURE_UNKNOWN,
			.cold_b = estimated ? opp->est.cold_b : FIGURE_UNKNOWN,
			.expected_b = estimated ? opp->expected_b : FIGURE_UNKNOWN,
			.need_b = estimated ? opp->est.need_b : FIGURE_UNKNOWN,
			.balloon_b = FIGURE_UNKNOWN,
			.freed_b = FIGURE_UNKNOWN,
			.floor_b = FIGURE_UNKNOWN,
			.until_us = FIGURE_UNKNOWN,
		},
	};
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
	explain_bytes(fig->resident_b, resident, sizeof(resident));
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
	add_text(o, "name", vm->name);
	add(o, "dry_run", json_object_new_boolean(true));
	add(o, "would_squeeze", json_object_new_boolean(would));
	add_text(o, "reason", reason_word(would ? REASON_BEGIN_REQUESTED : d.reason));
	add_text(o, "sentence", text);
	add(o, "figures", figures_json(&d.fig));
	return o;
}

/* ------------------------------------------------------------------- the host */

static uint64_t add_known(uint64_t sum, const struct fact *f)
{
	return f->known ? u64_add_sat(sum, f->value) : sum;
}

static void add_totals(struct json_object *o, const struct fleet *fleet)
{
	uint64_t resident = 0, balloon = 0, yield = 0, returned = 0;
	size_t i;

	for (i = 0; i < fleet->n; i++) {
		const struct vm_facts *f = &fleet->vm[i]->facts;

		resident = add_known(resident, &f->resident_b);
		if (f->ram_b.known && f->actual_b.known)
			balloon = u64_add_sat(balloon,
					      u64_sub_sat(f->ram_b.value, f->actual_b.value));
		yield = u64_add_sat(yield, fleet->vm[i]->history.yield_total_b);
		returned = u64_add_sat(returned, fleet->vm[i]->history.return_total_b);
	}
	add_figure(o, "vms", fleet->n);
	add_figure(o, "resident_total_b", resident);
	add_figure(o, "balloon_total_b", balloon);
	add_figure(o, "yield_total_b", yield);
	add_figure(o, "return_total_b", returned);
}

static void add_arbiter(struct json_object *o, const struct control_view *v)
{
	const struct host_decision *d = v->decision;
	struct json_object *to = json_object_new_object();
	char text[EXPLAIN_MAX];

	(void)explain_host(d, v->host, text, sizeof(text));
	add_text(o, "reason", reason_word(d->reason));
	add_text(o, "why", text);
	add(o, "arbiter", to);
	if (!to)
		return;
	add_figure(to, "want_b", d->deadline_us ? d->want_b : FIGURE_UNKNOWN);
	add_figure(to, "need_b", d->need_b);
	add_figure(to, "coming_b", d->coming_b);
	add_figure(to, "offered_b", d->offered_b);
	add_figure(to, "held_b", d->held_b);
	add_figure(to, "price", d->price);
	add_figure(to, "part_ppm", d->part_ppm);
	add_figure(to, "give_back", d->give_back);
	add_figure(to, "deadline_us", d->deadline_us ? d->deadline_us : FIGURE_UNKNOWN);
}

/* Whose memory total_b and available_b are, and whose pressure is told. */
static void add_source(struct json_object *o, const struct control_view *v)
{
	const char *trouble = v->hostgroup ? hostgroup_trouble(v->hostgroup) : "";
	bool group = v->hostgroup && !*trouble;

	add_text(o, "memory_source", group ? "cgroup" : "host");
	add_text(o, "pressure_source",
		 v->hostgroup && hostgroup_pressure_dir(v->hostgroup) >= 0 ? "cgroup" : "host");
	add(o, "host_cgroup", v->hostgroup ? text_json(hostgroup_path(v->hostgroup)) : NULL);
	add(o, "host_cgroup_trouble", *trouble ? text_json(trouble) : NULL);
}

struct json_object *view_host(const struct control_view *v, uint64_t now_us)
{
	struct json_object *o = json_object_new_object();

	if (!o)
		return NULL;
	add_figure(o, "total_b", fact_figure(&v->host->total_b));
	add_figure(o, "available_b", fact_figure(&v->host->available_b));
	add_figure(o, "psi_some_avg10_ppm", fact_figure(&v->host->psi_some_avg10_ppm));
	add_figure(o, "psi_full_avg10_ppm", fact_figure(&v->host->psi_full_avg10_ppm));
	add_source(o, v);
	add_arbiter(o, v);
	add(o, "headroom", view_headroom(v, now_us));
	add_figure(o, "reservations", v->reserve->n);
	add_figure(o, "reserved_b", reserve_left(v->reserve, NULL));
	add_totals(o, v->fleet);
	add(o, "dry_run", json_object_new_boolean(v->figures->dry_run));
	add(o, "guardian", json_object_new_boolean(v->figures->guardian));
	add_figure(o, "journal_lost", v->figures->journal_lost);
	add_text(o, "version", BALLONET_VERSION);
	add_figure(o, "start_us", v->figures->start_us);
	add_figure(o, "now_us", now_us);
	return o;
}
