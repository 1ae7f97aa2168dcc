/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * remember.c - what is learned of each VM and of the host outlives this daemon
 *
 * Layer: daemon.
 * In:    VMs and the host's history, as they are ticked.
 * Out:   what a daemon before this one learned, in their histories; texts to keep.
 *
 * The key is the UUID: a VM without one is not kept, because its name or socket may be another's
 * tomorrow. A guest that was reset while no daemon watched is told by its counters, and QEMU keeps
 * the figures of the boot before: so this waits for figures that were taken after we met.
 */
#include "daemon/remember.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/num.h"
#include "journal/kept.h"
#include "policy/recall.h"
#include "vmm/vmm.h"

#include <string.h>

/* A VM is kept this often at most, so that a thousand of them cost next to nothing, */
#define KEEP_US (15 * 60 * USEC_PER_SEC)
/* and this soon after a squeeze, which teaches most. One that lived for less is not worth a row. */
#define KEEP_SOON_US (60 * USEC_PER_SEC)
/* A guest that tells nothing for this long is not waited for. */
#define WAIT_US (60 * USEC_PER_SEC)
#define TEXT_MAX ((size_t)64 * KIB)
#define HOST_KEY "host"

static struct learned_process process_of(const struct vm *vm)
{
	return (struct learned_process){ .pid = vm->process_pid, .start_ticks = vm->process_ticks };
}

void remember_recall(struct learned *l, struct vm *vm, uint64_t now_us)
{
	const struct learned_process p = process_of(vm);
	struct history kept = { 0 };
	struct learned_text found;

	if (vm->recalled || !l || vm->facts.state == VM_STATE_DOWN)
		return;
	if (!vm->met_us)
		vm->met_us = now_us;
	if ((!vm->facts.stats.known || vm->facts.stats.taken_us <= vm->met_us) &&
	    now_us < u64_add_sat(vm->met_us, WAIT_US))
		return;
	vm->recalled = true;
	vm->kept_us = now_us;
	vm->kept_squeezes = vm->history.total.squeezes;
	if (!*vmm_conn_uuid(vm->conn) || !learned_find(l, vmm_conn_uuid(vm->conn), &p, &found) ||
	    kept_decode_vm(found.text, strlen(found.text), &kept) < 0)
		return;
	recall_vm(&vm->settings,
		  &(const struct recall){ .kept = &kept,
					  .kept_us = found.kept_us,
					  .ago_us = found.ago_us,
					  .same = found.same },
		  &vm->facts, now_us, &vm->history);
	vm->kept_squeezes = vm->history.total.squeezes;
	vm->announced = false;
	log_info("vm-recalled vm=%s ago_s=%llu same_process=%d squeezes=%llu", vm->name,
		 (unsigned long long)(found.ago_us / USEC_PER_SEC), found.same,
		 (unsigned long long)vm->history.total.squeezes);
}

static void keep(struct learned *l, struct vm *vm, uint64_t now_us)
{
	const struct learned_process p = process_of(vm);
	struct buf text;

	buf_init(&text, TEXT_MAX);
	if (kept_encode_vm(&text, &vm->history) == 0)
		(void)learned_keep(l, vmm_conn_uuid(vm->conn), &p, text.data);
	buf_fini(&text);
	vm->kept_us = now_us;
	vm->kept_squeezes = vm->history.total.squeezes;
}

void remember_keep(struct learned *l, struct vm *vm, uint64_t now_us)
{
	bool soon = vm->kept_squeezes != vm->history.total.squeezes;

	if (l && vm->recalled && *vmm_conn_uuid(vm->conn) &&
	    now_us >= u64_add_sat(vm->kept_us, soon ? KEEP_SOON_US : KEEP_US))
		keep(l, vm, now_us);
}

void remember_recall_host(struct learned *l, struct host_history *h)
{
	const struct learned_process none = { 0 };
	struct host_history kept = { 0 };
	struct learned_text found;

	if (l && learned_find(l, HOST_KEY, &none, &found) &&
	    kept_decode_host(found.text, strlen(found.text), &kept) == 0)
		recall_host(&kept, h);
}

void remember_keep_host(struct learned *l, const struct host_history *h, uint64_t now_us,
			uint64_t *kept_us)
{
	const struct learned_process none = { 0 };
	struct buf text;

	if (!l || now_us < u64_add_sat(*kept_us, KEEP_US))
		return;
	buf_init(&text, TEXT_MAX);
	if (kept_encode_host(&text, h) == 0)
		(void)learned_keep(l, HOST_KEY, &none, text.data);
	buf_fini(&text);
	*kept_us = now_us;
}

void remember_all(struct learned *l, const struct fleet *fleet, const struct host_history *h)
{
	uint64_t kept_us = 0;
	size_t i;

	if (!l)
		return;
	for (i = 0; i < fleet->n; i++)
		if (fleet->vm[i]->recalled && *vmm_conn_uuid(fleet->vm[i]->conn))
			keep(l, fleet->vm[i], 0);
	remember_keep_host(l, h, UINT64_MAX, &kept_us);
}
