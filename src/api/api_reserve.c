/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * api_reserve.c - reservations: created, shown, cancelled
 *
 * Layer: api.
 * In:    {"size_b":N,"within_us":N,"hold_us":N,"for":"NAME"}.
 * Out:   a reservation and the policy's answer to it; or why there is none.
 *
 * Room that cannot be freed is not reserved: it would only cause squeezes that
 * win nothing.
 */
#include "api/api_reserve.h"

#include "base/num.h"
#include "fleet/reserve.h"
#include "api/view_room.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SENTENCE_MAX 512

struct wanted {
	uint64_t size_b, within_us, hold_us;
	const char *name; /* lives as long as the body */
};

/* A whole number from @min to @max. */
static int read_number(struct json_object *value, uint64_t min, uint64_t max, uint64_t *ret)
{
	uint64_t v;

	if (!json_object_is_type(value, json_type_int) || json_object_get_int64(value) < 0)
		return -EINVAL; /* json-c answers 0 for a negative number */
	v = json_object_get_uint64(value);
	if (v < min || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

/* NULL, or what is wrong with this member. */
static const char *read_member(const char *key, struct json_object *value, struct wanted *wish)
{
	if (strcmp(key, "size_b") == 0)
		return read_number(value, 1, UINT64_MAX - 1, &wish->size_b) < 0
			       ? "The size (size_b) must be at least 1 byte."
			       : NULL;
	if (strcmp(key, "within_us") == 0)
		return read_number(value, 0, RESERVE_TIME_MAX_US, &wish->within_us) < 0
			       ? "The time to free it (within_us) must be at most 24 hours."
			       : NULL;
	if (strcmp(key, "hold_us") == 0)
		return read_number(value, USEC_PER_SEC, RESERVE_TIME_MAX_US, &wish->hold_us) < 0
			       ? "The time to hold it (hold_us) must be from 1 second to 24 hours."
			       : NULL;
	if (strcmp(key, "for") != 0)
		return "The body must be {\"size_b\":N} with \"within_us\", \"hold_us\" and "
		       "\"for\" where they are wanted.";
	if (!json_object_is_type(value, json_type_string) || !json_object_get_string(value)[0] ||
	    strlen(json_object_get_string(value)) >= VM_NAME_MAX)
		return "for must be the name of a VM.";
	wish->name = json_object_get_string(value);
	return NULL;
}

static const char *read_wish(struct json_object *o, struct wanted *wish)
{
	const char *fault =
		o ? NULL : "The body must be a JSON object, as {\"size_b\":1073741824}.";

	*wish = (struct wanted){ .hold_us = RESERVE_HOLD_US, .name = "" };
	if (o) {
		json_object_object_foreach(o, key, value)
		{
			if (!fault)
				fault = read_member(key, value, wish);
		}
	}
	if (!fault && !wish->size_b)
		fault = "size_b, the size in bytes, is missing.";
	return fault;
}

/* Answers that mean that nothing is held. */
static bool is_refusal(enum reserve_answer answer)
{
	return answer == RESERVE_NO || answer == RESERVE_TOO_LARGE || answer == RESERVE_UNKNOWN;
}

void api_post_reservation(const struct api *api, struct vm *vm, const struct api_request *req,
			  struct api_answer *ret)
{
	struct json_object *o = api_body(&req->body);
	const struct reservation *made = NULL;
	struct reservation_answer answer;
	char sentence[SENTENCE_MAX];
	struct wanted wish;
	const char *fault;

	(void)vm;
	fault = read_wish(o, &wish);
	if (fault) {
		api_error(ret, MHD_HTTP_BAD_REQUEST, fault);
	} else {
		view_room(api->view, NULL, wish.size_b, wish.within_us, &answer);
		if (is_refusal(answer.answer)) {
			view_room_text(api->view, &answer, wish.size_b, sentence, sizeof(sentence));
			api_refuse(ret, view_room_word(answer.answer), sentence);
			view_room_figures(ret->json, &answer);
		} else {
			made = reserve_add(api->view->reserve, wish.size_b, wish.within_us,
					   wish.hold_us, wish.name, api_now(api));
			if (!made)
				api_refuse(ret, "too-many",
					   "There are 64 reservations already, and no more are "
					   "held at once.");
		}
	}
	json_object_put(o);
	if (!made)
		return;
	ret->status = MHD_HTTP_CREATED;
	ret->json = view_reservation(api->view, made, api_now(api));
}

void api_get_reservations(const struct api *api, struct vm *vm, const struct api_request *req,
			  struct api_answer *ret)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	const struct reserve *r = api->view->reserve;
	size_t i;

	(void)vm;
	(void)req;
	if (!o || !list) {
		json_object_put(o);
		json_object_put(list);
		return;
	}
	for (i = 0; i < r->n; i++)
		(void)json_object_array_add(list,
					    view_reservation(api->view, &r->r[i], api_now(api)));
	(void)json_object_object_add(o, "reservations", list);
	ret->json = o;
}

/* The one that the path names; where there is none, that is answered. */
static const struct reservation *named(const struct api *api, const struct api_request *req,
				       struct api_answer *ret)
{
	const char *text = strrchr(req->url, '/') + 1;
	const struct reservation *found = NULL;
	char *end;
	uint64_t id;

	id = strtoull(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end)
		found = reserve_find(api->view->reserve, id);
	if (!found)
		api_error(ret, MHD_HTTP_NOT_FOUND,
			  "There is no such reservation (any more): it was used up, it expired, or "
			  "it was cancelled.");
	return found;
}

void api_get_reservation(const struct api *api, struct vm *vm, const struct api_request *req,
			 struct api_answer *ret)
{
	const struct reservation *found = named(api, req, ret);

	(void)vm;
	if (found)
		ret->json = view_reservation(api->view, found, api_now(api));
}

void api_delete_reservation(const struct api *api, struct vm *vm, const struct api_request *req,
			    struct api_answer *ret)
{
	const struct reservation *found = named(api, req, ret);

	(void)vm;
	if (!found)
		return;
	ret->json = view_reservation(api->view, found, api_now(api));
	(void)reserve_cancel(api->view->reserve, found->id);
}
