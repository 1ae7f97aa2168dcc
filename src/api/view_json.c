/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * view_json.c - figures and texts as members of JSON objects
 *
 * Layer: api.
 * In:    figures, FIGURE_UNKNOWN where there is none, and texts of any bytes.
 * Out:   members: what is not known is null, what is no UTF-8 is '?'.
 */
#include "api/view_json.h"

#include "base/utf8.h"
#include "model/plan.h"

#include <string.h>

#define TEXT_MAX 512 /* a path, or a sentence on trouble; cut where it is longer */

void view_text(const char *bytes, char *text, size_t size)
{
	size_t len = 0, n;

	for (; *bytes; bytes += n ? n : 1) {
		n = utf8_length(bytes);
		if (len + (n ? n : 1) >= size)
			break;
		memcpy(text + len, n ? bytes : "?", n ? n : 1);
		len += n ? n : 1;
	}
	text[len] = '\0';
}

uint64_t json_fact(const struct fact *f)
{
	return f->known ? f->value : FIGURE_UNKNOWN;
}

struct json_object *json_text_of(const char *bytes)
{
	char text[TEXT_MAX];

	view_text(bytes, text, sizeof(text));
	return json_object_new_string(text);
}

void json_add(struct json_object *to, const char *key, struct json_object *value)
{
	(void)json_object_object_add(to, key, value);
}

void json_figure(struct json_object *to, const char *key, uint64_t figure)
{
	json_add(to, key, figure == FIGURE_UNKNOWN ? NULL : json_object_new_uint64(figure));
}

void json_text(struct json_object *to, const char *key, const char *bytes)
{
	json_add(to, key, json_text_of(bytes));
}
