/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sample_fleet.c - a fleet made by hand, for what shows fleets
 *
 * In:    nothing.
 * Out:   a control_view over three VMs.
 */
#include "sample_fleet.h"

#include "base/num.h"
#include "policy/policy.h"
#include "vmm/vmm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The connection of the VM that is down; never looked into. */
#define DOWN_CONN ((struct vmm_conn *)(uintptr_t)0x10)

/* Stands in for vmm/: the only thing of it that the control API asks. */
const char *vmm_conn_trouble(const struct vmm_conn *conn)
{
	return conn == DOWN_CONN ? "The socket /run/weird is not there." : "";
}

static struct vm *add(struct sample *s, const char *name, const char *address)
{
	struct vm *vm;

	assert_int_equal(fleet_add(&s->fleet, name, address, &vm), 0);
	settings_init(&vm->settings);
	vm->mode = vm->settings.mode;
	policy_vm_init(&vm->history);
	return vm;
}

static void remember(struct vm *vm, uint64_t time_us, enum phase phase, enum reason reason)
{
	struct vm_recent *r = &vm->recent[vm->recent_n++ % VM_RECENT_MAX];

	r->time_us = time_us;
	r->decision = vm->decision;
	r->decision.phase = phase;
	r->decision.reason = reason;
}

static void make_facts(struct vm_facts *f, uint64_t now)
{
	f->state = VM_STATE_RUNNING;
	f->device = TRI_YES;
	f->reporting = TRI_NO;
	f->guarded = 1;
	f->backed_source = FOOTPRINT_CGROUP;
	f->ram_b = fact_of(GIB, now);
	f->actual_b = fact_of(GIB, now);
	f->backed_b = fact_of(900 * MIB, now);
	f->own_b = fact_of(60 * MIB, now);
	f->stats.taken_us = now;
	f->stats.known = 0xff;
	f->stats.tag[BALLOON_STAT_MEMTOT] = 980 * MIB;
	f->stats.tag[BALLOON_STAT_MEMFREE] = 600 * MIB;
	f->stats.tag[BALLOON_STAT_AVAIL] = 700 * MIB;
	f->stats.tag[BALLOON_STAT_CACHES] = 120 * MIB;
}

static uint64_t setting_bit(const char *key)
{
	size_t n;

	return UINT64_C(1) << (setting_find(key) - settings_table(&n));
}

static void make_known(struct sample *s)
{
	struct vm *vm = add(s, "db", "/run/db.qmp");
	struct history *h = &vm->history;

	make_facts(&vm->facts, SAMPLE_NOW_US - USEC_PER_SEC);
	vm->pid = 4711;
	(void)snprintf(vm->group, sizeof(vm->group), "databases");
	(void)snprintf(vm->group_too, sizeof(vm->group_too), "all");
	vm->settings.shares = 200;
	vm->settings.floor_b = 256 * MIB;
	vm->set = setting_bit("shares");
	h->guest.kind = GUEST_NOTIFIER;
	h->size.settled_b = 500 * MIB;
	h->offer = (struct offer){ .stale_b = 400 * MIB, .cold_b = 90 * MIB, .cold_class = 2 };
	vm->decided_us = SAMPLE_NOW_US - USEC_PER_SEC;
	h->phase.is = PHASE_RESTING;
	h->guest.calm = TRI_YES;
	h->guest.busy = TRI_NO;
	h->rest.until_us = SAMPLE_NOW_US + 30 * USEC_PER_SEC;
	h->total.squeezes = 3;
	h->total.yield_b = 1000 * MIB;
	h->total.return_b = 100 * MIB;
	h->done = (struct squeeze){
		.start_us = SAMPLE_NOW_US - 90 * USEC_PER_SEC,
		.end_us = SAMPLE_NOW_US - 80 * USEC_PER_SEC,
		.stop = REASON_STOP_YIELD,
		.size_b = 600 * MIB,
		.balloon_b = 580 * MIB,
		.stale_b = 550 * MIB,
		.cold_b = 0,
		.backed_before_b = 950 * MIB,
		.backed_low_b = 400 * MIB,
		.freed_b = { 550 * MIB, 540 * MIB, FIGURE_UNKNOWN, 530 * MIB },
	};
	vm->decision = (struct decision){
		.vm_id = vm->id,
		.phase = PHASE_RESTING,
		.reason = REASON_REST,
		.fig = { .backed_b = 900 * MIB,
			 .available_b = 700 * MIB,
			 .reserve_b = 96 * MIB,
			 .stale_b = 400 * MIB,
			 .cold_b = 90 * MIB,
			 .expected_b = 490 * MIB,
			 .need_b = 90 * MIB,
			 .balloon_b = 0,
			 .freed_b = 530 * MIB,
			 .floor_b = 300 * MIB,
			 .until_us = h->rest.until_us },
	};
	remember(vm, SAMPLE_NOW_US - 90 * USEC_PER_SEC, PHASE_INFLATING, REASON_BEGIN);
	remember(vm, SAMPLE_NOW_US - 20 * USEC_PER_SEC, PHASE_RESTING, REASON_REST);
	s->known = vm;
}

static void make_busy(struct sample *s)
{
	struct vm *vm = add(s, "b\xc3\xbcro 1", "/run/buero.qmp");
	struct history *h = &vm->history;

	make_facts(&vm->facts, SAMPLE_NOW_US);
	vm->facts.actual_b.value = GIB - 300 * MIB;
	vm->facts.reporting = TRI_YES;
	vm->facts.obstacles = OBSTACLE_VFIO | OBSTACLE_HUGETLB;
	vm->decided_us = SAMPLE_NOW_US;
	h->phase.is = PHASE_INFLATING;
	h->guest.gives_back = 1;
	h->now = (struct squeeze){
		.start_us = SAMPLE_NOW_US - USEC_PER_SEC,
		.balloon_b = 300 * MIB,
		.backed_before_b = 900 * MIB,
		.backed_low_b = 700 * MIB,
		.freed_b = { FIGURE_UNKNOWN, FIGURE_UNKNOWN, FIGURE_UNKNOWN, FIGURE_UNKNOWN },
	};
	vm->decision.phase = PHASE_INFLATING;
	vm->decision.reason = REASON_STEP;
	vm->decision.target_b = GIB - 400 * MIB;
	vm->decision.fig = (struct figures){
		.backed_b = 700 * MIB,
		.available_b = 300 * MIB,
		.reserve_b = 96 * MIB,
		.stale_b = FIGURE_UNKNOWN,
		.cold_b = FIGURE_UNKNOWN,
		.expected_b = 400 * MIB,
		.need_b = FIGURE_UNKNOWN,
		.balloon_b = 300 * MIB,
		.freed_b = 200 * MIB,
		.floor_b = FIGURE_UNKNOWN,
		.until_us = FIGURE_UNKNOWN,
	};
	s->busy = vm;
}

void sample_init(struct sample *s)
{
	memset(s, 0, sizeof(*s));
	fleet_init(&s->fleet);
	make_known(s);
	s->down = add(s, SAMPLE_WEIRD, "/run/weird");
	s->down->conn = DOWN_CONN;
	make_busy(s);
	s->host.total_b = fact_of(16 * GIB, SAMPLE_NOW_US);
	s->host.available_b = fact_of(4 * GIB, SAMPLE_NOW_US);
	s->host.psi_some_avg10_ppm = fact_of(12500, SAMPLE_NOW_US);
	s->host.cpus = 4;
	s->host.local_s = fact_of(UINT64_C(1800000000), SAMPLE_NOW_US);
	settings_init(&s->defaults);
	policy_host_init(&s->history);
	s->history.offer_b[0] = 400 * MIB;
	s->history.offer_b[2] = 600 * MIB;
	s->decision = (struct host_decision){
		.reason = REASON_HOST_WELL,
		.offered_b = 1000 * MIB,
		.give_back = PRICE_CLASSES,
	};
	s->figures = (struct daemon_figures){
		.start_us = 5,
		.ticks = 10,
		.vm_ticks = 30,
		.late = { 5, 3, 0, 0, 1, 0, 0, 1 },
		.late_sum_us = 2500000,
		.targets = 7,
		.targets_refused = 1,
		.guardian = true,
	};
	s->view = (struct control_view){
		.fleet = &s->fleet,
		.host = &s->host,
		.history = &s->history,
		.decision = &s->decision,
		.defaults = &s->defaults,
		.figures = &s->figures,
		.reserve = &s->reserve,
	};
}

void sample_fini(struct sample *s)
{
	fleet_fini(&s->fleet);
}
