/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * view_room.h - room for VMs that are to start, as the JSON objects of the control API
 *
 * Layer: api.
 * In:    the ledger of reservations, the host's facts, the policy's headroom.
 * Out:   JSON, and the sentences that go with the answers.
 *
 * Scripts rely on its words and keys: docs/control-api.md.
 */
#ifndef BALLONET_API_VIEW_ROOM_H
#define BALLONET_API_VIEW_ROOM_H

#include "api/owner.h"
#include "fleet/reserve.h"
#include "policy/headroom.h"

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

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

#endif
