/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * view_host.c - the host and the daemon as a JSON object of the control API
 *
 * Layer: api.
 * In:    the fleet, the host's facts, the arbiter's decision, the daemon's figures.
 * Out:   JSON. An unknown figure is null, never 0.
 */
#include "api/view_host.h"

#include "base/num.h"
#include "api/view_json.h"
#include "api/view_room.h"
#include "api/view_vm.h"
#include "host/hostgroup.h"
#include "policy/explain.h"

static uint64_t add_known(uint64_t sum, uint64_t figure)
{
	return figure != FIGURE_UNKNOWN ? u64_add_sat(sum, figure) : sum;
}

static void add_totals(struct json_object *o, const struct fleet *fleet)
{
	uint64_t resident = 0, balloon = 0, yield = 0, returned = 0;
	size_t i;

	for (i = 0; i < fleet->n; i++) {
		const struct vm_facts *f = &fleet->vm[i]->facts;

		resident = add_known(resident, view_resident(f));
		if (f->ram_b.known && f->actual_b.known)
			balloon = u64_add_sat(balloon,
					      u64_sub_sat(f->ram_b.value, f->actual_b.value));
		yield = u64_add_sat(yield, fleet->vm[i]->history.total.yield_b);
		returned = u64_add_sat(returned, fleet->vm[i]->history.total.return_b);
	}
	json_figure(o, "vms", fleet->n);
	json_figure(o, "resident_total_b", resident);
	json_figure(o, "balloon_total_b", balloon);
	json_figure(o, "yield_total_b", yield);
	json_figure(o, "return_total_b", returned);
}

static void add_arbiter(struct json_object *o, const struct control_view *v)
{
	const struct host_decision *d = v->decision;
	struct json_object *to = json_object_new_object();
	char text[EXPLAIN_MAX];

	(void)explain_host(d, v->host, text, sizeof(text));
	json_text(o, "reason", reason_word(d->reason));
	json_text(o, "why", text);
	json_add(o, "arbiter", to);
	if (!to)
		return;
	json_figure(to, "want_b", d->deadline_us ? d->want_b : FIGURE_UNKNOWN);
	json_figure(to, "need_b", d->need_b);
	json_figure(to, "coming_b", d->coming_b);
	json_figure(to, "offered_b", d->offered_b);
	json_figure(to, "held_b", d->held_b);
	json_figure(to, "price", d->price);
	json_figure(to, "part_ppm", d->part_ppm);
	json_figure(to, "give_back", d->give_back);
	json_figure(to, "deadline_us", d->deadline_us ? d->deadline_us : FIGURE_UNKNOWN);
}

/* Whose memory total_b and available_b are, and whose pressure is told. */
static void add_source(struct json_object *o, const struct control_view *v)
{
	const char *trouble = v->hostgroup ? hostgroup_trouble(v->hostgroup) : "";
	bool group = v->hostgroup && !*trouble;

	json_text(o, "memory_source", group ? "cgroup" : "host");
	json_text(o, "pressure_source",
		  v->hostgroup && hostgroup_pressure_dir(v->hostgroup) >= 0 ? "cgroup" : "host");
	json_add(o, "host_cgroup",
		 v->hostgroup ? json_text_of(hostgroup_path(v->hostgroup)) : NULL);
	json_add(o, "host_cgroup_trouble", *trouble ? json_text_of(trouble) : NULL);
}

struct json_object *view_host(const struct control_view *v, uint64_t now_us)
{
	struct json_object *o = json_object_new_object();

	if (!o)
		return NULL;
	json_figure(o, "total_b", json_fact(&v->host->total_b));
	json_figure(o, "available_b", json_fact(&v->host->available_b));
	json_figure(o, "psi_some_avg10_ppm", json_fact(&v->host->psi_some_avg10_ppm));
	json_figure(o, "psi_full_avg10_ppm", json_fact(&v->host->psi_full_avg10_ppm));
	add_source(o, v);
	add_arbiter(o, v);
	json_add(o, "headroom", view_headroom(v, now_us));
	json_figure(o, "reservations", v->reserve->n);
	json_figure(o, "reserved_b", reserve_left(v->reserve, NULL));
	add_totals(o, v->fleet);
	json_add(o, "dry_run", json_object_new_boolean(v->figures->dry_run));
	json_add(o, "guardian", json_object_new_boolean(v->figures->guardian));
	json_figure(o, "journal_lost", v->figures->journal_lost);
	json_text(o, "version", BALLONET_VERSION);
	json_figure(o, "start_us", v->figures->start_us);
	json_figure(o, "now_us", now_us);
	return o;
}
