/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * api_parts.h - what the files of the control API share
 *
 * Layer: api. For api*.c alone.
 * In:    requests.
 * Out:   answers.
 */
#ifndef BALLONET_API_API_PARTS_H
#define BALLONET_API_API_PARTS_H

#include "api/api.h"

/* Answers {"error":@sentence}. */
void api_error(struct api_answer *ret, unsigned int status, const char *sentence);

/* The same with 409 and {"reason":@word}: it cannot be done as things are. */
void api_refuse(struct api_answer *ret, const char *word, const char *sentence);

/* The object in @body, the caller's to put; NULL where it holds none, or something besides. */
struct json_object *api_body(const struct buf *body);

/* What the daemon's clock says. */
uint64_t api_now(const struct api *api);

/* Handlers of paths, by file. @vm is the one that the path names, else NULL. */
typedef void api_handler(const struct api *api, struct vm *vm, const struct api_request *req,
			 struct api_answer *ret);

api_handler api_patch_vm; /* api_set.c */

api_handler api_post_reservation; /* api_reserve.c */
api_handler api_get_reservations;
api_handler api_get_reservation;
api_handler api_delete_reservation;

#endif
