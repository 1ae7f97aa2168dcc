/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * apply.c - performs decisions; nothing else does
 *
 * Layer: daemon.
 * In:    one decision of a plan.
 * Out:   requests to the hypervisor, the guardian's ledger, a line in the log.
 *
 * The guardian is told of a balloon before the hypervisor is. So whenever the
 * daemon dies, every balloon that may be inflated is on the guardian's list.
 */
#include "daemon/apply.h"

#include "base/log.h"
#include "base/num.h"
#include "host/footprint.h"
#include "host/process.h"
#include "policy/explain.h"
#include "policy/guard.h"
#include "vmm/vmm.h"

#include <errno.h>
#include <string.h>

int apply_retell(const struct vm *vm, struct guardian *guardian)
{
	char undo[GUARDIAN_UNDO_MAX];
	const struct guardian_vm hold = {
		.id = vm->id,
		.qmp_path = vm->address,
		.ram_b = vm->facts.ram_b.value,
		.pid = vm->held_pid,
		.start_ticks = vm->held_ticks,
		.undo = undo,
	};

	vmm_conn_undo(vm->conn, undo, sizeof(undo));
	return guardian_hold(guardian, &hold);
}

/* Notes which process is about to be squeezed. */
static void note_process(struct vm *vm)
{
	const struct process *p = vm->footprint ? footprint_process(vm->footprint) : NULL;

	vm->held_pid = vmm_conn_pid(vm->conn);
	vm->held_ticks = p && p->pid == vm->held_pid ? p->start_ticks : 0;
}

void apply_gone(struct vm *vm, int proc, struct guardian *guardian)
{
	struct process p;
	bool gone;
	int r;

	if (!vm->held || !vm->held_ticks)
		return;
	r = process_init(proc, vm->held_pid, &p);
	gone = r == -ESRCH || (r == 0 && p.start_ticks != vm->held_ticks);
	if (r == 0)
		process_fini(&p);
	if (gone && (!guardian || guardian_clear(guardian, vm->id) == 0))
		vm->held = false;
}

/* The guardian's word for @vm, before its balloon grows. */
static bool hold(struct vm *vm, struct guardian *guardian)
{
	int r;

	if (vm->leased)
		return true;
	note_process(vm);
	r = guardian ? apply_retell(vm, guardian) : -ENOTCONN;
	if (r < 0) {
		log_debug("not-inflated vm=%s cause=guardian error=%s", vm->name, strerror(-r));
		return false;
	}
	vm->held = true;
	return true;
}

/* The guard's word on the target of @d, by the newest facts that its connection has. */
static bool is_allowed(const struct vm *vm, const struct decision *d,
		       struct daemon_figures *figures, uint64_t now_us, struct vm_facts *ret)
{
	enum reason why;

	*ret = vm->facts;
	vmm_facts(vm->conn, ret);
	why = guard_target(&vm->settings, ret, d->target_b, now_us);
	if (why == REASON_NONE)
		return true;
	figures->targets_refused++;
	log_debug("target-refused vm=%s why=%s", vm->name, reason_word(why));
	return false;
}

static void apply_target(struct vm *vm, const struct decision *d, struct guardian *guardian,
			 struct daemon_figures *figures, uint64_t now_us)
{
	struct vm_facts facts;
	int r;

	if (!is_allowed(vm, d, figures, now_us, &facts))
		return;
	if (d->target_b < vm->facts.ram_b.value && !hold(vm, guardian))
		return;
	r = vmm_set_target(vm->conn, d->target_b, now_us);
	if (r < 0) {
		log_debug("target-not-sent vm=%s error=%s", vm->name, strerror(-r));
		return;
	}
	vm->facts.target_b = fact_of(d->target_b, now_us);
	figures->targets++;
}

/* Nothing is out when it is over, so that nobody has to look after it. */
static void apply_press(struct vm *vm, const struct decision *d, struct daemon_figures *figures,
			uint64_t now_us)
{
	struct vm_facts facts;
	int r;

	if (!is_allowed(vm, d, figures, now_us, &facts))
		return;
	r = vmm_press(vm->conn, u64_sub_sat(facts.actual_b.value, d->target_b), now_us);
	if (r < 0)
		log_debug("press-not-sent vm=%s error=%s", vm->name, strerror(-r));
}

/* One line for every turn a VM takes, none for the many small steps in between. */
static void tell(const struct vm *vm, const struct decision *d, uint64_t now_us)
{
	char sentence[EXPLAIN_MAX];

	if (d->reason == vm->decision.reason && d->phase == vm->decision.phase)
		return;
	if (reason_is(d->reason, REASON_IS_SMALL))
		return;
	(void)explain(d, now_us, sentence, sizeof(sentence));
	log_event(d->phase == PHASE_WATCH ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
		  "vm vm=%s phase=%s reason=%s why=\"%s\"", vm->name, phase_word(d->phase),
		  reason_word(d->reason), sentence);
}

/* Keeps what "why" tells of the past. */
static void remember(struct vm *vm, const struct decision *d, uint64_t now_us)
{
	const struct vm_recent *last =
		&vm->recent[(vm->recent_n + VM_RECENT_MAX - 1) % VM_RECENT_MAX];
	if (reason_is(d->reason, REASON_IS_SMALL) ||
	    (vm->recent_n && last->decision.reason == d->reason &&
	     last->decision.phase == d->phase))
		return;
	vm->recent[vm->recent_n % VM_RECENT_MAX] =
		(struct vm_recent){ .time_us = now_us, .decision = *d };
	vm->recent_n++;
}

void apply_decision(struct vm *vm, const struct decision *d, struct guardian *guardian,
		    struct daemon_figures *figures, uint64_t now_us)
{
	tell(vm, d, now_us);
	remember(vm, d, now_us);
	if (d->actions & ACT_SET_TARGET)
		apply_target(vm, d, guardian, figures, now_us);
	if (d->actions & ACT_PRESS)
		apply_press(vm, d, figures, now_us);
	if (d->actions & ACT_POLLING)
		vmm_calm(vm->conn, now_us);
	vm->refresh_us = d->actions & ACT_REFRESH ? d->refresh_us : UINT64_MAX;
	vm->measure = d->actions & ACT_MEASURE;
	vm->wake_us = d->wake_us;
	/* the balloon is at 0 again; a guardian that cannot take it now is told on a later tick */
	if (vm->held && vm->history.balloon.target_b == 0 && guardian &&
	    guardian_clear(guardian, vm->id) == 0)
		vm->held = false;
	vm->decision = *d;
	vm->decided_us = now_us;
	vm->ticks++;
}
