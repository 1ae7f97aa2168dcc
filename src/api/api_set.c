/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * api_set.c - settings of a VM that are changed at run time
 *
 * Layer: api.
 * In:    PATCH of a VM: a JSON object of settings.
 * Out:   a change that is valid as a whole, through control_ops; or what is wrong with it.
 *
 * It is a merge patch (RFC 7396) on the settings changed at run time: a value sets
 * a key, null resets it. A patch applies whole or not at all.
 */
#include "api/api_set.h"

#include "base/num.h"
#include "config/config.h"
#include "config/config_schema.h"
#include "api/view_json.h"
#include "api/view_vm.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#define FAULT_MAX 160
#define SENTENCE_MAX 256 /* a key and a fault */

/* The text of a value as the configuration would have it; NULL: it is no such thing. */
static const char *value_text(struct json_object *value)
{
	switch (json_object_get_type(value)) {
	case json_type_string:
	case json_type_int:
	case json_type_boolean:
		return json_object_get_string(value);
	default:
		return NULL;
	}
}

static int find_key(const char *text, size_t *ret_i, char *why, size_t size)
{
	const struct setting *table;
	const char *meant;
	char clean[64];
	size_t n, i;

	table = settings_table(&n);
	for (i = 0; i < n; i++) {
		if (strcmp(table[i].key, text) != 0)
			continue;
		if (config_of_host(&table[i])) {
			(void)snprintf(why, size,
				       "%s applies to the whole host: put it under defaults", text);
			return -EINVAL;
		}
		*ret_i = i;
		return 0;
	}
	view_text(text, clean, sizeof(clean));
	meant = config_schema_nearest(text);
	(void)snprintf(why, size, "there is no setting '%s'%s%s%s", clean,
		       meant ? "; did you mean " : "", meant ? meant : "", meant ? "?" : "");
	return -EINVAL;
}

/* Reads one key of the patch into *change. 0, or -EINVAL with @why. */
static int read_key(const char *key, struct json_object *value, struct control_change *change,
		    char *why, size_t size)
{
	const struct setting *table;
	const char *text = value_text(value);
	char fault[FAULT_MAX];
	size_t n, i;
	uint64_t v;

	if (strcmp(key, "reset") == 0) {
		change->reset = json_object_get_boolean(value);
		(void)snprintf(why, size, "reset is true or false");
		return json_object_is_type(value, json_type_boolean) ? 0 : -EINVAL;
	}
	if (find_key(key, &i, why, size) < 0)
		return -EINVAL;
	if (!value) {
		change->clear |= UINT64_C(1) << i;
		return 0;
	}
	table = settings_table(&n);
	if (config_read_setting(&table[i], text ? text : "", &v, fault, sizeof(fault)) < 0) {
		(void)snprintf(why, size, "%s: %s", key, fault);
		return -EINVAL;
	}
	setting_put(&change->values, &table[i], v);
	change->mask |= UINT64_C(1) << i;
	return 0;
}

void api_patch_vm(const struct api *api, struct vm *vm, const struct api_request *req,
		  struct api_answer *ret)
{
	struct json_object *o = api_body(&req->body);
	struct control_change change = { 0 };
	char why[SENTENCE_MAX], clean[SENTENCE_MAX];
	const char *conflict;
	int r = 0;

	if (!o) {
		api_error(ret, MHD_HTTP_BAD_REQUEST,
			  "The body must be a JSON object of settings, as {\"shares\": 200}.");
		return;
	}
	json_object_object_foreach(o, key, value)
	{
		if (r == 0)
			r = read_key(key, value, &change, why, sizeof(why));
	}
	json_object_put(o);
	if (r < 0) {
		view_text(why, clean, sizeof(clean));
		api_error(ret, MHD_HTTP_BAD_REQUEST, clean);
		return;
	}
	conflict = api->ops->set(api->userdata, vm, &change);
	if (conflict)
		api_refuse(ret, "conflict", conflict);
	else
		ret->json = view_vm(vm, api_now(api));
}
