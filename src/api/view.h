/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * view.h - what the daemon knows, as the JSON objects of the control API
 *
 * Layer: api.
 * In:    a VM of the fleet, the host's facts, the daemon's figures.
 * Out:   JSON. What is not known is null, never 0.
 *
 * Its words and keys are a promise to scripts: docs/control-api.md.
 */
#ifndef BALLONET_API_VIEW_H
#define BALLONET_API_VIEW_H

#include "api/control.h"
#include "fleet/reserve.h"
#include "policy/headroom.h"
#include "policy/opportunity.h"

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

/* A VM: who, where it stands, figures, what was won. NULL: out of memory. */
struct json_object *view_vm(const struct vm *vm, uint64_t now_us);

/* Why its last decision is what it is, and the ones before it. NULL: out of memory. */
struct json_object *view_why(const struct vm *vm, uint64_t now_us);

/* The host and the daemon. NULL: out of memory. */
struct json_object *view_host(const struct control_view *v, uint64_t now_us);

/* What a squeeze that an operator asked for would do now. NULL: out of memory. */
struct json_object *view_dry_run(const struct vm *vm, const struct opportunity *opp,
				 uint64_t now_us);

/* What can be had, and how soon. NULL: out of memory. */
struct json_object *view_headroom(const struct control_view *v, uint64_t now_us);

/* What can be had, by the policy. */
void view_find_headroom(const struct control_view *v, struct headroom *ret);

/*
 * The policy's answer to whether @size_b can be there within @within_us (0:
 * whenever), besides what is held by reservations older than @before (NULL: by all).
 */
void view_room(const struct control_view *v, const struct reservation *before, uint64_t size_b,
	       uint64_t within_us, struct reservation_answer *ret);

/* An answer as a word ("yes"), as a sentence, and its figures as members of @to. */
const char *view_room_word(enum reserve_answer answer);
void view_room_text(const struct control_view *v, const struct reservation_answer *a,
		    uint64_t size_b, char *text, size_t size);
void view_room_figures(struct json_object *to, const struct reservation_answer *a);

/* A reservation, and how it stands with it now. NULL: out of memory. */
struct json_object *view_reservation(const struct control_view *v, const struct reservation *r,
				     uint64_t now_us);

/*
 * Text of any bytes as valid UTF-8, cut to @size: what is no UTF-8 becomes
 * '?'. JSON and the metrics may carry nothing else.
 */
void view_text(const char *bytes, char *text, size_t size);

/*
 * The figures of its last decision. What the decision did not estimate, because
 * a fact was missing, is FIGURE_UNKNOWN; so is all before the first decision.
 */
void view_figures(const struct vm *vm, struct figures *ret);

/* The sentence for why @opp is none, with its figures; @text has EXPLAIN_MAX bytes. */
void view_refusal(const struct vm *vm, const struct opportunity *opp, uint64_t now_us, char *text);

#endif
