/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * metrics.c - what the daemon knows, as Prometheus text
 *
 * Layer: api.
 * In:    the fleet, the host's facts, the daemon's figures.
 * Out:   the text exposition format, version 0.0.4.
 *
 * Each family is a row: its name, type and help, and where its figure comes
 * from. Figures are whole numbers in the unit of the journal and are scaled on
 * the way out, since Prometheus wants bytes, seconds and ratios.
 */
#include "api/metrics.h"

#include "base/num.h"
#include "api/view_json.h"
#include "api/view_room.h"
#include "api/view_vm.h"
#include "model/plan.h"

#include <string.h>

enum metric_type { GAUGE, COUNTER, HISTOGRAM };

const uint64_t late_us[LATE_CLASSES] = {
	1 * USEC_PER_MSEC,  5 * USEC_PER_MSEC,	 10 * USEC_PER_MSEC,   20 * USEC_PER_MSEC,
	50 * USEC_PER_MSEC, 100 * USEC_PER_MSEC, 1000 * USEC_PER_MSEC, UINT64_MAX,
};

/* A family with one sample for each VM. */
struct vm_metric {
	const char *name;
	enum metric_type type;
	const char *help;
	uint64_t (*figure)(const struct vm *vm); /* FIGURE_UNKNOWN: no sample */
};

/* A family with one sample. */
struct host_metric {
	const char *name;
	enum metric_type type;
	const char *help;
	uint64_t (*figure)(const struct control_view *v);
	bool millionths; /* the figure is told divided by 1000000 */
};

/* -------------------------------------------------------------------- figures */

static uint64_t of_tag(const struct vm *vm, enum balloon_stat tag)
{
	return stats_has(&vm->facts.stats, tag) ? vm->facts.stats.tag[tag] : FIGURE_UNKNOWN;
}

static uint64_t vm_up(const struct vm *vm)
{
	return vm->facts.state != VM_STATE_DOWN;
}

static uint64_t vm_ram(const struct vm *vm)
{
	return json_fact(&vm->facts.ram_b);
}

static uint64_t vm_resident(const struct vm *vm)
{
	return view_resident(&vm->facts);
}

static uint64_t vm_balloon(const struct vm *vm)
{
	const struct vm_facts *f = &vm->facts;

	return f->ram_b.known && f->actual_b.known ? u64_sub_sat(f->ram_b.value, f->actual_b.value)
						   : FIGURE_UNKNOWN;
}

static uint64_t vm_available(const struct vm *vm)
{
	return of_tag(vm, BALLOON_STAT_AVAIL);
}

static uint64_t vm_free_memory(const struct vm *vm)
{
	return of_tag(vm, BALLOON_STAT_MEMFREE);
}

static uint64_t vm_stale(const struct vm *vm)
{
	struct figures fig;

	view_figures(vm, &fig);
	return fig.stale_b;
}

static uint64_t vm_cold(const struct vm *vm)
{
	struct figures fig;

	view_figures(vm, &fig);
	return fig.cold_b;
}

static uint64_t vm_squeezes(const struct vm *vm)
{
	return vm->history.total.squeezes;
}

static uint64_t vm_yield(const struct vm *vm)
{
	return vm->history.total.yield_b;
}

static uint64_t vm_return(const struct vm *vm)
{
	return vm->history.total.return_b;
}

static const struct vm_metric vm_metrics[] = {
	{ "ballonet_vm_up", GAUGE, "Whether there is a connection to its hypervisor.", vm_up },
	{ "ballonet_vm_ram_bytes", GAUGE, "Memory of the machine with the balloon at 0.", vm_ram },
	{ "ballonet_vm_resident_bytes", GAUGE, "Host memory that backs the guest's RAM.",
	  vm_resident },
	{ "ballonet_vm_balloon_bytes", GAUGE, "In the balloon now.", vm_balloon },
	{ "ballonet_vm_guest_available_bytes", GAUGE, "Available memory, as the guest says.",
	  vm_available },
	{ "ballonet_vm_guest_free_bytes", GAUGE, "Free memory, as the guest says.",
	  vm_free_memory },
	{ "ballonet_vm_stale_bytes", GAUGE, "Freed in the guest and still backed by the host.",
	  vm_stale },
	{ "ballonet_vm_cold_cache_bytes", GAUGE, "Page cache not expected to be read again.",
	  vm_cold },
	{ "ballonet_vm_squeezes_total", COUNTER, "Squeezes, of which each ended at balloon 0.",
	  vm_squeezes },
	{ "ballonet_vm_yield_bytes_total", COUNTER,
	  "Freed by squeezes, measured on the host when the balloon was back at 0.", vm_yield },
	{ "ballonet_vm_return_bytes_total", COUNTER, "Of the yield, resident again within 60 s.",
	  vm_return },
};

static uint64_t host_total(const struct control_view *v)
{
	return json_fact(&v->host->total_b);
}

static uint64_t host_available(const struct control_view *v)
{
	return json_fact(&v->host->available_b);
}

static uint64_t host_psi_some(const struct control_view *v)
{
	return json_fact(&v->host->psi_some_avg10_ppm);
}

static uint64_t host_psi_full(const struct control_view *v)
{
	return json_fact(&v->host->psi_full_avg10_ppm);
}

static uint64_t daemon_vms(const struct control_view *v)
{
	return v->fleet->n;
}

static uint64_t daemon_ticks(const struct control_view *v)
{
	return v->figures->ticks;
}

static uint64_t daemon_vm_ticks(const struct control_view *v)
{
	return v->figures->vm_ticks;
}

static uint64_t daemon_targets(const struct control_view *v)
{
	return v->figures->targets;
}

static uint64_t daemon_refused(const struct control_view *v)
{
	return v->figures->targets_refused;
}

static uint64_t daemon_lost(const struct control_view *v)
{
	return v->figures->journal_lost;
}

static uint64_t daemon_reloads(const struct control_view *v)
{
	return v->figures->reloads;
}

static uint64_t daemon_reload_errors(const struct control_view *v)
{
	return v->figures->reload_errors;
}

static uint64_t daemon_dry_run(const struct control_view *v)
{
	return v->figures->dry_run;
}

static uint64_t daemon_guardian(const struct control_view *v)
{
	return v->figures->guardian;
}

static uint64_t host_short(const struct control_view *v)
{
	return v->history->short_since_us != 0;
}

static uint64_t host_held(const struct control_view *v)
{
	return v->decision->held_b;
}

static uint64_t host_offered(const struct control_view *v)
{
	return v->decision->offered_b;
}

static uint64_t host_reservations(const struct control_view *v)
{
	return v->reserve->n;
}

static uint64_t host_reserved(const struct control_view *v)
{
	return reserve_left(v->reserve, NULL);
}

static const struct host_metric host_metrics[] = {
	{ "ballonet_host_memory_total_bytes", GAUGE, "Memory of the host.", host_total, false },
	{ "ballonet_host_memory_available_bytes", GAUGE, "Available memory of the host.",
	  host_available, false },
	{ "ballonet_host_psi_memory_some_avg10_ratio", GAUGE,
	  "Share of the last 10 s in which some task waited for memory.", host_psi_some, true },
	{ "ballonet_host_psi_memory_full_avg10_ratio", GAUGE,
	  "Share of the last 10 s in which all tasks waited for memory.", host_psi_full, true },
	{ "ballonet_host_short", GAUGE, "Whether the host is short of memory.", host_short, false },
	{ "ballonet_host_offered_bytes", GAUGE, "What VMs offer to a host that is short.",
	  host_offered, false },
	{ "ballonet_host_held_bytes", GAUGE, "In balloons that are held because the host is short.",
	  host_held, false },
	{ "ballonet_reservations", GAUGE, "Reservations of room for VMs that are to start.",
	  host_reservations, false },
	{ "ballonet_reserved_bytes", GAUGE, "What these hold and was not used yet.", host_reserved,
	  false },
	{ "ballonet_vms", GAUGE, "VMs known.", daemon_vms, false },
	{ "ballonet_ticks_total", COUNTER, "Runs of observe, fold, decide, apply.", daemon_ticks,
	  false },
	{ "ballonet_vm_ticks_total", COUNTER, "VMs decided about, all runs together.",
	  daemon_vm_ticks, false },
	{ "ballonet_targets_total", COUNTER, "Balloon targets set.", daemon_targets, false },
	{ "ballonet_targets_refused_total", COUNTER,
	  "Balloon targets refused by the guard just before they were set.", daemon_refused,
	  false },
	{ "ballonet_journal_lost_records_total", COUNTER,
	  "Records of the journal that could not be written.", daemon_lost, false },
	{ "ballonet_config_reloads_total", COUNTER, "Reloads of the configuration.", daemon_reloads,
	  false },
	{ "ballonet_config_reload_errors_total", COUNTER,
	  "Reloads that were refused and changed nothing.", daemon_reload_errors, false },
	{ "ballonet_dry_run", GAUGE, "Whether the daemon only says what it would do.",
	  daemon_dry_run, false },
	{ "ballonet_guardian_up", GAUGE, "Whether the guardian is alive.", daemon_guardian, false },
};

/* ----------------------------------------------------------------------- text */

/* The first error sticks; what is appended after it does not matter. */
struct text {
	struct buf *out;
	int error;
};

#define put(t, ...)                                             \
	do {                                                    \
		int put_r_ = buf_printf((t)->out, __VA_ARGS__); \
		(t)->error = (t)->error ? (t)->error : put_r_;  \
	} while (0)

static void put_family(struct text *t, const char *name, enum metric_type type, const char *help)
{
	static const char *const types[] = { "gauge", "counter", "histogram" };

	put(t, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, types[type]);
}

/* @bytes as the value of a label: valid UTF-8, with what the format wants escaped. */
static void label_text(const char *bytes, char *label)
{
	char text[VM_NAME_MAX];
	const char *p;

	view_text(bytes, text, sizeof(text));
	for (p = text; *p; p++) {
		if (*p == '"' || *p == '\\' || *p == '\n')
			*label++ = '\\';
		*label++ = *p == '\n' ? 'n' : *p;
	}
	*label = '\0';
}

#define LABEL_MAX (2 * VM_NAME_MAX) /* every byte escaped */

static void put_vm_metric(struct text *t, const struct vm_metric *m, const struct fleet *fleet)
{
	char label[LABEL_MAX];
	uint64_t v;
	size_t i;

	put_family(t, m->name, m->type, m->help);
	for (i = 0; i < fleet->n; i++) {
		v = m->figure(fleet->vm[i]);
		if (v == FIGURE_UNKNOWN)
			continue;
		label_text(fleet->vm[i]->name, label);
		put(t, "%s{vm=\"%s\"} %llu\n", m->name, label, (unsigned long long)v);
	}
}

static void put_phases(struct text *t, const struct fleet *fleet)
{
	char label[LABEL_MAX];
	uint64_t phase;
	size_t i;

	put_family(t, "ballonet_vm_phase", GAUGE, "1 for the phase that the VM is in.");
	for (i = 0; i < fleet->n; i++) {
		label_text(fleet->vm[i]->name, label);
		for (phase = 0; phase < PHASE_COUNT; phase++)
			put(t, "ballonet_vm_phase{vm=\"%s\",phase=\"%s\"} %d\n", label,
			    phase_word((enum phase)phase), fleet->vm[i]->history.phase.is == phase);
	}
}

static void put_host_metric(struct text *t, const struct host_metric *m,
			    const struct control_view *v)
{
	uint64_t figure = m->figure(v);

	put_family(t, m->name, m->type, m->help);
	if (figure == FIGURE_UNKNOWN)
		return;
	if (m->millionths)
		put(t, "%s %llu.%06llu\n", m->name, (unsigned long long)(figure / PPM),
		    (unsigned long long)(figure % PPM));
	else
		put(t, "%s %llu\n", m->name, (unsigned long long)figure);
}

static void put_headroom(struct text *t, const struct control_view *v)
{
	struct headroom room;
	size_t i;

	view_find_headroom(v, &room);
	put_family(t, "ballonet_headroom_bytes", GAUGE,
		   "Memory that can be had from VMs within a time, as 95 of 100 squeezes kept it.");
	for (i = 0; i < HEADROOM_COUNT; i++)
		put(t, "ballonet_headroom_bytes{within=\"%llus\"} %llu\n",
		    (unsigned long long)(headroom_within_us[i] / USEC_PER_SEC),
		    (unsigned long long)room.b[i]);
}

/* @us as seconds: all figures of the format are in base units. */
static void put_seconds(struct text *t, uint64_t us)
{
	put(t, "%llu.%06llu", (unsigned long long)(us / USEC_PER_SEC),
	    (unsigned long long)(us % USEC_PER_SEC));
}

static void put_late(struct text *t, const struct daemon_figures *f)
{
	static const char name[] = "ballonet_tick_late_seconds";
	uint64_t n = 0;
	size_t i;

	put_family(t, name, HISTOGRAM, "How late VMs were looked at.");
	for (i = 0; i < LATE_CLASSES; i++) {
		n += f->late[i];
		put(t, "%s_bucket{le=\"", name);
		if (late_us[i] == UINT64_MAX)
			put(t, "+Inf");
		else
			put_seconds(t, late_us[i]);
		put(t, "\"} %llu\n", (unsigned long long)n);
	}
	put(t, "%s_sum ", name);
	put_seconds(t, f->late_sum_us);
	put(t, "\n%s_count %llu\n", name, (unsigned long long)n);
}

int metrics_write(const struct control_view *v, struct buf *out)
{
	struct text t = { .out = out };
	size_t i;

	put_family(&t, "ballonet_build_info", GAUGE, "1, with the version as a label.");
	put(&t, "ballonet_build_info{version=\"%s\"} 1\n", BALLONET_VERSION);
	for (i = 0; i < ARRAY_SIZE(host_metrics); i++)
		put_host_metric(&t, &host_metrics[i], v);
	put_headroom(&t, v);
	put_late(&t, v->figures);
	for (i = 0; i < ARRAY_SIZE(vm_metrics); i++)
		put_vm_metric(&t, &vm_metrics[i], v->fleet);
	put_phases(&t, v->fleet);
	return t.error;
}
