/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * api.h - what the control API answers: its paths, and who handles each
 *
 * Layer: api.
 * In:    a request, parsed by control.c.
 * Out:   a status, and JSON or text; requests of operators, through control_ops.
 */
#ifndef BALLONET_API_API_H
#define BALLONET_API_API_H

#include "base/buf.h"
#include "api/control.h"

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

/* Fills in *ret, which the caller gives to api_answer_fini(). */
void api_respond(const struct api *api, const struct api_request *req, struct api_answer *ret);

void api_answer_fini(struct api_answer *answer);

#endif
