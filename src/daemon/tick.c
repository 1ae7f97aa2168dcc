/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tick.c - observe, fold, decide, apply: what the daemon does when a VM is due
 *
 * Layer: daemon.
 * In:    the fleet; the time.
 * Out:   requests to hypervisors, records in the journal.
 *
 * Facts enter in observe() and leave as decisions in apply(). Nothing in between
 * looks at the world.
 */
#include "daemon/tick.h"

#include "daemon/apply.h"
#include "daemon/remember.h"

#include "base/fds.h"
#include "base/log.h"
#include "base/num.h"
#include "host/facts.h"
#include "host/footprint.h"
#include "host/obstacles.h"
#include "host/process.h"
#include "policy/explain.h"
#include "policy/policy.h"
#include "vmm/vmm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The host's memory is read at most this often: a squeeze ticks 50 times a second. */
#define HOST_EVERY_US (100 * USEC_PER_MSEC)
/* It is looked at this often though no VM is due: a shortage is seen in time. */
#define HOST_LOOK_US USEC_PER_SEC
/* or this often, where what is available is less than this many times what makes it well: one
 * guest may take 300 MiB/s. */
#define HOST_NEAR_US HOST_EVERY_US
#define HOST_NEAR 3
/* A calm VM that does not answer a poll is ticked all the same; vmm/ gives up by then. */
#define POLL_MAX_US (6 * USEC_PER_SEC)

void tick_init(struct tick *t, struct fleet *fleet, const struct host_roots *roots,
	       const struct settings *host_settings, struct daemon_figures *figures)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	*t = (struct tick){
		.fleet = fleet,
		.roots = roots,
		.host_settings = host_settings,
		.figures = figures,
	};
	policy_host_init(&t->host_history);
	t->cpus = cpus > 0 ? (uint64_t)cpus : 0;
}

void tick_fini(struct tick *t)
{
	due_heap_fini(&t->heap);
	free(t->due);
	free(t->facts);
	free(t->decision);
	free(t->settings);
	free(t->history);
}

static bool grow_one(void *array, size_t n, size_t size)
{
	void *p = reallocarray(*(void **)array, n, size);

	if (!p)
		return false;
	*(void **)array = p;
	return true;
}

/* Room for @n VMs in one tick. */
static bool tick_reserve(struct tick *t, size_t n)
{
	if (n <= t->cap)
		return true;
	n += n / 2;
	if (due_reserve(&t->heap, n) < 0)
		return false;
	if (!grow_one(&t->due, n, sizeof(*t->due)) || !grow_one(&t->facts, n, sizeof(*t->facts)) ||
	    !grow_one(&t->decision, n, sizeof(*t->decision)) ||
	    !grow_one(&t->settings, n, sizeof(*t->settings)) ||
	    !grow_one(&t->history, n, sizeof(*t->history)))
		return false;
	t->cap = n;
	return true;
}

static struct vm *vm_of_due(struct due *d)
{
	return (struct vm *)((char *)d - offsetof(struct vm, next));
}

/* Keeps the heap in step with the VM's own times. */
static void reschedule(struct tick *t, struct vm *vm)
{
	if (t->cap < t->fleet->n)
		return; /* out of memory when it was added: tick_adopt() tries again */
	due_set(&t->heap, &vm->next,
		u64_min(u64_min(vm->due_us, vm->wake_us), u64_min(vm->refresh_us, vm->walk_us)));
}

uint64_t tick_next(const struct tick *t)
{
	const struct due *first = due_first(&t->heap);

	return first ? u64_min(first->at_us, t->look_us) : t->look_us; /* also without any VM */
}

/* Is the host short, or has it just been under pressure? */
static bool is_urgent(const struct tick *t, uint64_t now_us)
{
	return t->host_decision.want_b ||
	       (t->pressure_us && now_us < u64_add_sat(t->pressure_us, HOST_LOOK_US));
}

void tick_due(struct tick *t, struct vm *vm, uint64_t now_us)
{
	uint64_t at_us = vm->polling && !is_urgent(t, now_us) ? now_us + TICK_BATCH_US : now_us;

	vm->due_us = u64_min(vm->due_us, at_us);
	reschedule(t, vm);
}

void tick_adopt(struct tick *t)
{
	size_t i;

	if (!tick_reserve(t, t->fleet->n))
		return; /* out of memory: the next look around tries again */
	for (i = 0; i < t->fleet->n; i++)
		reschedule(t, t->fleet->vm[i]);
}

void tick_forget(struct tick *t, struct vm *vm)
{
	t->squeezing -= vm->squeezing;
	vm->squeezing = false;
	policy_vm_gone(&t->host_history, &vm->history);
	due_set(&t->heap, &vm->next, DUE_NEVER);
}

void tick_hurry(struct tick *t)
{
	size_t i;

	for (i = 0; i < t->fleet->n; i++)
		if (!t->fleet->vm[i]->polling) {
			t->fleet->vm[i]->wake_us = 0;
			reschedule(t, t->fleet->vm[i]);
		}
}

/* Its process is not known, or gone. */
static void lose_footprint(struct vm *vm)
{
	footprint_free(vm->footprint);
	vm->footprint = NULL;
	vm->walk_us = UINT64_MAX;
	vm->measuring = false;
	vm->facts.backed_b.known = false;
	vm->facts.swapped_b.known = false;
	vm->facts.own_b.known = false;
	vm->facts.charged_b.known = false;
	vm->facts.backed_source = FOOTPRINT_NONE;
}

/* What can be known of its process from outside, found out anew. */
static void attach(struct tick *t, struct vm *vm, uint64_t now_us)
{
	int r;

	lose_footprint(vm);
	vm->facts.obstacles = 0;
	vm->facts.target_b.known = false; /* whatever went out went to another process */
	vm->attach = false;
	if (!vm->pid) /* discovery knows better: a daemonized QEMU is not who began to listen */
		vm->pid = vmm_conn_pid(vm->conn);
	if (!vm->pid)
		return;
	r = footprint_new(t->roots, &t->footprints, vm->pid, &vm->footprint);
	vm->attach = fds_is_short(r); /* later, then */
	if (vm->attach)
		return;
	if (r < 0) {
		log_warning("footprint vm=%s pid=%d error=%s", vm->name, (int)vm->pid,
			    strerror(-r));
		return;
	}
	fleet_process(vm, footprint_process(vm->footprint), now_us);
	(void)process_obstacles(footprint_process(vm->footprint), now_us, &vm->facts.obstacles);
}

/* Phases in which a VM is left to its own pace, and asked only what its hypervisor holds. */
static bool is_unhurried(const struct vm *vm)
{
	return !phase_has_balloon((enum phase)vm->history.phase.is) &&
	       !vm->history.phase.looking_us;
}

/* The time of this VM has come: a calm one is asked first, any other is due. */
static void wake(struct vm *vm, uint64_t now_us)
{
	if (is_unhurried(vm) && !vm->polling && vm->settings.mode != MODE_OFF &&
	    vmm_poll(vm->conn, now_us) == 0) {
		vm->polling = true;
		vm->wake_us = now_us + POLL_MAX_US;
		return;
	}
	vm->due_us = now_us;
}

/* Measures its footprint, or goes on with that. */
static void measure(struct vm *vm, uint64_t now_us)
{
	struct vm_facts *facts = &vm->facts;
	struct footprint_figures found;
	int r;

	r = footprint_read(vm->footprint, facts->ram_b.known ? facts->ram_b.value : 0, now_us,
			   vm->measure, &found);
	if (r == -ESRCH) { /* the connection will say so too */
		lose_footprint(vm);
		return;
	}
	vm->walk_us = footprint_next(vm->footprint);
	vm->measuring = vm->walk_us != UINT64_MAX && (vm->measuring || vm->measure);
	vm->measure = false;
	facts->cpu_us = footprint_cpu(vm->footprint);
	if (r < 0)
		return;
	facts->backed_b = found.backed_b;
	facts->swapped_b = found.swapped_b;
	facts->own_b = found.own_b;
	facts->charged_b = found.charged_b;
	facts->backed_source = found.source;
}

/* Page tables of a large VM are walked in turns: after the last one, who waited for it is due. */
static void walk(struct vm *vm, uint64_t now_us)
{
	bool waited = vm->measuring;

	vm->walk_us = UINT64_MAX;
	if (vm->footprint)
		measure(vm, now_us);
	if (waited && !vm->measuring)
		vm->due_us = now_us;
}

/* Counts how late @d is; one at 0 was hurried, and is not. */
static void count_late(struct daemon_figures *f, const struct due *d, uint64_t now_us)
{
	uint64_t by_us = u64_sub_sat(now_us, d->at_us);
	size_t i = 0;

	if (d->at_us == 0)
		return;
	while (by_us > late_us[i])
		i++;
	f->late[i]++;
	f->late_sum_us = u64_add_sat(f->late_sum_us, by_us);
}

/* Starts what has to be asked now; gathers what is due, and takes it out of the heap. */
static size_t gather(struct tick *t, uint64_t now_us)
{
	struct due *first;
	size_t n = 0;

	for (first = due_first(&t->heap); first && first->at_us <= now_us;
	     first = due_first(&t->heap)) {
		struct vm *vm = vm_of_due(first);

		count_late(t->figures, first, now_us);
		if (vm->refresh_us <= now_us) {
			vm->refresh_us = UINT64_MAX;
			(void)vmm_refresh(vm->conn, now_us); /* silence is due at wake_us */
		}
		if (vm->walk_us <= now_us)
			walk(vm, now_us);
		if (vm->due_us > now_us && vm->wake_us <= now_us)
			wake(vm, now_us);
		if (vm->due_us > now_us) {
			reschedule(t, vm);
			continue;
		}
		due_set(&t->heap, &vm->next, DUE_NEVER);
		t->due[n++] = vm;
	}
	return n;
}

static void observe_host(struct tick *t, uint64_t now_us)
{
	struct fact was = t->host.available_b;
	uint64_t span_us = now_us - t->host_us;
	int r;

	if (t->host_us && span_us < HOST_EVERY_US)
		return;
	fds_open();
	r = host_facts_update(t->roots, now_us, &t->host);
	fds_close();
	if (r < 0)
		log_warning("host-facts error=%s", strerror(-r));
	t->fall_b = 0;
	if (t->host_us && was.known && t->host.available_b.known)
		t->fall_b = u64_mul_sat(u64_sub_sat(was.value, t->host.available_b.value),
					USEC_PER_SEC) /
			    span_us;
	t->host_us = now_us;
}

/* How long the host may go without a look when no VM is due. */
static uint64_t host_look_us(const struct tick *t)
{
	uint64_t near_b =
		HOST_NEAR * u64_ppm(t->host.total_b.value, t->host_settings->host_well_ppm);

	return t->host.available_b.known && t->host.available_b.value < near_b ? HOST_NEAR_US
									       : HOST_LOOK_US;
}

static void observe_vm(struct tick *t, struct vm *vm, uint64_t now_us)
{
	struct vm_facts *facts = &vm->facts;

	vmm_facts(vm->conn, facts);
	facts->guarded = vm->leased || t->guardian;
	facts->request = vm->request;
	vm->request = REQUEST_NONE;
	vm->due_us = UINT64_MAX;
	vm->polling = false;
	if (vm->attach)
		attach(t, vm, now_us);
	if (vm->footprint)
		measure(vm, now_us);
}

static void observe(struct tick *t, size_t n, uint64_t now_us, struct snapshot *ret)
{
	size_t i;

	observe_host(t, now_us);
	for (i = 0; i < n; i++) {
		struct vm *vm = t->due[i];

		observe_vm(t, vm, now_us);
		remember_recall(t->learned, vm, now_us);
		if (!vm->announced && t->journal)
			journal_vm(t->journal, vm->id, vm->name, &vm->settings, &vm->history);
		vm->announced = true;
		t->facts[i] = vm->facts;
		t->settings[i] = &vm->settings;
		t->history[i] = &vm->history;
	}
	*ret = (struct snapshot){ .now_us = now_us, .host = t->host, .nvm = n, .vm = t->facts };
	ret->host.cpus = t->cpus;
	ret->host.squeezing = t->squeezing;
	ret->host.fall_b = t->fall_b;
	ret->host.pressure_us = t->pressure_us;
	ret->host.reserved_b = t->reserved_b;
	ret->host.reserved_by_us = t->reserved_by_us;
}

/* A balloon on its way counts, so that others wait; one that is stuck keeps nobody waiting. */
static void count_squeezes(struct tick *t, struct vm *vm, const struct decision *d)
{
	bool counts = d->phase == PHASE_INFLATING ||
		      (d->phase == PHASE_DEFLATING && d->reason != REASON_DEFLATE_STUCK &&
		       vm->facts.state == VM_STATE_RUNNING);

	t->squeezing -= vm->squeezing;
	t->squeezing += counts;
	vm->squeezing = counts;
}

static void apply(struct tick *t, const struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->nvm; i++) {
		apply_decision(t->due[i], &plan->vm[i], t->guardian, t->figures, plan->now_us);
		count_squeezes(t, t->due[i], &plan->vm[i]);
		reschedule(t, t->due[i]);
		remember_keep(t->learned, t->due[i], plan->now_us);
	}
	remember_keep_host(t->learned, &t->host_history, plan->now_us, &t->host_kept_us);
}

/* One line for every turn the host takes. */
static void tell_host(struct tick *t, const struct host_decision *now)
{
	char sentence[EXPLAIN_MAX];

	if (now->reason != t->host_decision.reason) {
		(void)explain_host(now, &t->host, sentence, sizeof(sentence));
		log_event(now->reason == REASON_HOST_WELL ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO,
			  "host reason=%s why=\"%s\"", reason_word(now->reason), sentence);
	}
	t->host_decision = *now;
}

/* A look at the host alone that changed nothing of what is remembered is not worth a record. */
static void keep(struct tick *t, const struct snapshot *snap, const struct plan *plan,
		 const struct host_history *before)
{
	if (!t->journal)
		return;
	if (snap->nvm || memcmp(before, &t->host_history, sizeof(*before)) != 0)
		journal_tick(t->journal, snap, plan);
	journal_flush(t->journal, snap->now_us);
	t->figures->journal_lost = journal_lost(t->journal);
}

void tick_run(struct tick *t, uint64_t now_us)
{
	const struct policy_host host = { .settings = t->host_settings,
					  .history = &t->host_history };
	struct host_history before = t->host_history;
	struct snapshot snap;
	struct plan plan;
	size_t n;

	n = gather(t, now_us);
	if (n == 0 && now_us < t->look_us)
		return;
	plan.vm = t->decision;

	observe(t, n, now_us, &snap);
	t->look_us = now_us + host_look_us(t);
	policy_fold(&snap, &host, t->settings, t->history);
	policy_decide(&snap, &host, t->settings, t->history, &plan);
	apply(t, &plan);

	t->figures->ticks++;
	t->figures->vm_ticks += n;
	keep(t, &snap, &plan, &before);
	tell_host(t, &plan.host);
	if (plan.host.hurry)
		tick_hurry(t);
}
