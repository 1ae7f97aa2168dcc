/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * api.c - requests and answers of the control API
 *
 * Layer: api.
 * In:    bodies of requests, sentences.
 * Out:   JSON objects, and answers that say what is wrong.
 */
#include "api/api.h"

#include <microhttpd.h>

void api_error(struct api_answer *ret, unsigned int status, const char *sentence)
{
	struct json_object *o = json_object_new_object();

	if (o)
		(void)json_object_object_add(o, "error", json_object_new_string(sentence));
	ret->status = status;
	ret->json = o;
}

void api_refuse(struct api_answer *ret, const char *word, const char *sentence)
{
	api_error(ret, MHD_HTTP_CONFLICT, sentence);
	if (ret->json)
		(void)json_object_object_add(ret->json, "reason", json_object_new_string(word));
}

uint64_t api_now(const struct api *api)
{
	return api->ops->now(api->userdata);
}

struct json_object *api_body(const struct buf *body)
{
	struct json_tokener *tok = json_tokener_new_ex(4); /* they are one level deep */
	struct json_object *o = NULL;

	if (tok && body->len) {
		json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
		o = json_tokener_parse_ex(tok, body->data, (int)body->len);
	}
	if (tok)
		json_tokener_free(tok);
	if (json_object_is_type(o, json_type_object))
		return o;
	json_object_put(o);
	return NULL;
}

void api_answer_fini(struct api_answer *answer)
{
	json_object_put(answer->json);
	buf_fini(&answer->text);
}
