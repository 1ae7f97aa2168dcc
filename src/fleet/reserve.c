/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reserve.c - room that is held for VMs that are to start
 *
 * Layer: fleet.
 * In:    reservations of operators; the VMs that appear after them.
 * Out:   what is still to be held, which the policy counts as taken.
 *
 * Each VM records how much of its resident memory came out of a reservation
 * (vm->charged_b). So nothing is counted twice, and room does not become unused
 * again when the VM is squeezed later.
 */
#include "fleet/reserve.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>

const struct reservation *reserve_add(struct reserve *r, uint64_t size_b, uint64_t within_us,
				      uint64_t hold_us, const char *name, uint64_t now_us)
{
	struct reservation *new = &r->r[r->n];

	if (r->n == RESERVE_MAX)
		return NULL;
	*new = (struct reservation){
		.id = ++r->last_id,
		.size_b = size_b,
		.left_b = size_b,
		.made_us = now_us,
		.by_us = within_us ? u64_add_sat(now_us, within_us) : 0,
		.until_us = u64_add_sat(now_us, u64_add_sat(within_us, hold_us)),
	};
	(void)snprintf(new->name, sizeof(new->name), "%s", name);
	r->n++;
	r->changed = true;
	log_info("reservation id=%llu size=%llu for=\"%s\" within_us=%llu hold_us=%llu",
		 (unsigned long long)new->id, (unsigned long long)size_b, name,
		 (unsigned long long)within_us, (unsigned long long)hold_us);
	return new;
}

const struct reservation *reserve_find(const struct reserve *r, uint64_t id)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (r->r[i].id == id)
			return &r->r[i];
	return NULL;
}

static void end(struct reserve *r, size_t i, const char *why)
{
	const struct reservation *old = &r->r[i];

	log_info("reservation-ended id=%llu size=%llu left=%llu why=%s",
		 (unsigned long long)old->id, (unsigned long long)old->size_b,
		 (unsigned long long)old->left_b, why);
	r->n--;
	memmove(&r->r[i], &r->r[i + 1], (r->n - i) * sizeof(r->r[0]));
	r->changed = true;
}

bool reserve_cancel(struct reserve *r, uint64_t id)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (r->r[i].id == id) {
			end(r, i, "cancelled");
			return true;
		}
	return false;
}

uint64_t reserve_left(const struct reserve *r, const struct reservation *before)
{
	uint64_t left_b = 0;
	size_t i;

	for (i = 0; i < r->n && &r->r[i] != before; i++)
		left_b = u64_add_sat(left_b, r->r[i].left_b);
	return left_b;
}

static bool names(const struct reservation *of, const struct vm *vm)
{
	return strcmp(of->name, vm->name) == 0 || strcmp(of->name, vm->called) == 0;
}

/*
 * May @vm use @of? It must have appeared later, and be the one where one is named. Where none is,
 * its process must have begun later as well: one that was found late is not new. (Who is named may
 * have been the script that asked for the room and then became the VM.)
 */
static bool is_for(const struct reservation *of, const struct vm *vm)
{
	if (!vm->appeared_us || vm->appeared_us < of->made_us)
		return false;
	return of->name[0] ? names(of, vm) : vm->started_us >= of->made_us;
}

/* Takes what @vm came to have resident since it was charged last, from those with or without names.
 */
static void charge(struct reserve *r, struct vm *vm, bool named)
{
	const struct fact *resident = &vm->facts.backed_b;
	size_t i;

	/* a figure from before it appeared is of another process */
	if (!resident->known || resident->taken_us < vm->appeared_us)
		return;
	for (i = 0; i < r->n; i++) {
		struct reservation *of = &r->r[i];
		uint64_t part_b;

		if (!is_for(of, vm) || (of->name[0] != '\0') != named)
			continue;
		part_b = u64_min(of->left_b, u64_sub_sat(resident->value, vm->charged_b));
		of->left_b -= part_b;
		vm->charged_b += part_b;
	}
}

void reserve_update(struct reserve *r, const struct fleet *fleet, uint64_t now_us)
{
	size_t i;

	for (i = 0; r->n && i < fleet->n; i++) {
		charge(r, fleet->vm[i], true); /* what is held for it alone comes first */
		charge(r, fleet->vm[i], false);
	}
	for (i = r->n; i-- > 0;) {
		if (r->r[i].left_b == 0)
			end(r, i, "used");
		else if (now_us >= r->r[i].until_us)
			end(r, i, "expired");
	}
}

bool reserve_watches(const struct reserve *r, const struct vm *vm, uint64_t now_us)
{
	size_t i;

	if (!vm->appeared_us || now_us >= u64_add_sat(vm->appeared_us, RESERVE_WATCH_US))
		return false;
	for (i = 0; i < r->n; i++)
		if (is_for(&r->r[i], vm))
			return true;
	return false;
}

uint64_t reserve_next(const struct reserve *r)
{
	uint64_t next_us = UINT64_MAX;
	size_t i;

	for (i = 0; i < r->n; i++)
		next_us = u64_min(next_us, r->r[i].until_us);
	return next_us;
}

bool reserve_changed(struct reserve *r)
{
	bool changed = r->changed;

	r->changed = false;
	return changed;
}

void reserve_facts(const struct reserve *r, uint64_t now_us, struct host_facts *facts)
{
	size_t i;

	facts->reserved_b = reserve_left(r, NULL);
	facts->reserved_by_us = 0;
	for (i = 0; i < r->n; i++) {
		uint64_t by_us = r->r[i].by_us;

		if (by_us > now_us && (!facts->reserved_by_us || by_us < facts->reserved_by_us))
			facts->reserved_by_us = by_us;
	}
}
