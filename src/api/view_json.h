/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * view_json.h - figures and texts as members of JSON objects
 *
 * Layer: api.
 * In:    figures, FIGURE_UNKNOWN where there is none, and texts of any bytes.
 * Out:   members: what is not known is null, what is no UTF-8 is '?'.
 *
 * Adding to a NULL object (out of memory) does nothing.
 */
#ifndef BALLONET_API_VIEW_JSON_H
#define BALLONET_API_VIEW_JSON_H

#include "model/snapshot.h"

#include <json-c/json.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Text of any bytes as valid UTF-8, cut to @size: what is no UTF-8 becomes
 * '?'. JSON and the metrics may carry nothing else.
 */
void view_text(const char *bytes, char *text, size_t size);

/* The value of a fact; FIGURE_UNKNOWN where it is not known. */
uint64_t json_fact(const struct fact *f);

/* A string, made valid by view_text(). NULL: out of memory. */
struct json_object *json_text_of(const char *bytes);

/* Adds a member and takes over @value; NULL is written as null. */
void json_add(struct json_object *to, const char *key, struct json_object *value);
void json_figure(struct json_object *to, const char *key, uint64_t figure);
void json_text(struct json_object *to, const char *key, const char *bytes);

#endif
