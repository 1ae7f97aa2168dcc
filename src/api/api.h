/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * api.h - requests and answers of the control API
 *
 * Layer: api.
 * In:    bodies of requests, sentences.
 * Out:   JSON objects, and answers that say what is wrong.
 */
#ifndef BALLONET_API_API_H
#define BALLONET_API_API_H

#include "base/buf.h"
#include "api/owner.h"

#include <json-c/json.h>
#include <stdbool.h>

/* What the handlers work on; all of it belongs to the owner. */
struct api {
	const struct control_view *view;
	const struct control_ops *ops;
	void *userdata; /* of ops */
};

struct api_request {
	const char *method;
	const char *url; /* as it came, %XX and all */
	struct buf body;
	bool too_large; /* the body was, and is not whole */
};

struct api_answer {
	unsigned int status;
	char allow[32];		  /* the Allow header; "": none */
	struct json_object *json; /* owned; NULL: out of memory */
	struct buf text;	  /* instead of json, where it holds anything */
};

/* Answers {"error":@sentence}. */
void api_error(struct api_answer *ret, unsigned int status, const char *sentence);

/* The same with 409 and {"reason":@word}: it cannot be done as things are. */
void api_refuse(struct api_answer *ret, const char *word, const char *sentence);

/* The object in @body, the caller's to put; NULL where it holds none, or something besides. */
struct json_object *api_body(const struct buf *body);

/* What the daemon's clock says. */
uint64_t api_now(const struct api *api);

/* Answers a path. @vm is the one that the path names, else NULL. */
typedef void api_handler(const struct api *api, struct vm *vm, const struct api_request *req,
			 struct api_answer *ret);

void api_answer_fini(struct api_answer *answer);

#endif
