/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * view_vm.h - a VM as the JSON objects of the control API
 *
 * Layer: api.
 * In:    a VM of the fleet.
 * Out:   JSON. An unknown figure is null, never 0.
 *
 * Scripts rely on its words and keys: docs/control-api.md.
 */
#ifndef BALLONET_API_VIEW_VM_H
#define BALLONET_API_VIEW_VM_H

#include "fleet/fleet.h"
#include "policy/explain.h"
#include "policy/opportunity.h"

#include <json-c/json.h>
#include <stdint.h>

/* A VM: who, where it stands, figures, what was won. NULL: out of memory. */
struct json_object *view_vm(const struct vm *vm, uint64_t now_us);

/* Why its last decision is what it is, and the ones before it. NULL: out of memory. */
struct json_object *view_why(const struct vm *vm, uint64_t now_us);

/* What a squeeze that an operator asked for would do now. NULL: out of memory. */
struct json_object *view_dry_run(const struct vm *vm, const struct opportunity *opp,
				 uint64_t now_us);

/*
 * The figures of its last decision. What the decision did not estimate, because
 * a fact was missing, is FIGURE_UNKNOWN; so is all before the first decision.
 */
void view_figures(const struct vm *vm, struct figures *ret);

/* What of a VM's RAM is in the host's memory, and not in its swap; FIGURE_UNKNOWN where unknown. */
uint64_t view_resident(const struct vm_facts *f);

/* The sentence for why @opp is none, with its figures; @text has EXPLAIN_MAX bytes. */
void view_refusal(const struct vm *vm, const struct opportunity *opp, uint64_t now_us, char *text);

#endif
