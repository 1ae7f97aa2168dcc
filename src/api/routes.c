/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * routes.c - the paths of the control API, and who handles each
 *
 * Layer: api.
 * In:    a request, parsed by control.c.
 * Out:   a status, and JSON or text; requests of operators, through control_ops.
 *
 * A path is a row of a table: its name, its handler, and the line of help that
 * GET / shows. Nothing here decides: a request for a squeeze is passed on, and
 * the policy decides at the VM's next tick.
 */
#include "api/routes.h"

#include "base/num.h"
#include "api/api_reserve.h"
#include "api/api_set.h"
#include "api/metrics.h"
#include "api/view_host.h"
#include "api/view_json.h"
#include "api/view_room.h"
#include "api/view_vm.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

/* Every byte of the longest name percent-encoded, and the rest of the path. */
#define PATH_MAX_B ((size_t)3 * VM_NAME_MAX + 64)
/* 10000 VMs are 15 MiB of metrics. */
#define METRICS_MAX ((size_t)64 * 1024 * 1024)

struct route {
	const char *method;
	const char *path; /* NAME stands for a VM, ID for what its handler finds */
	api_handler *handle;
	const char *help;
};

static const struct route *routes_table(size_t *ret_n);

/* -------------------------------------------------------------------- answers */

static void get_vms(const struct api *api, struct vm *vm, const struct api_request *req,
		    struct api_answer *ret)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	uint64_t now = api_now(api);
	size_t i;

	(void)vm;
	(void)req;
	if (!o || !list) {
		json_object_put(o);
		json_object_put(list);
		return;
	}
	for (i = 0; i < api->view->fleet->n; i++)
		(void)json_object_array_add(list, view_vm(api->view->fleet->vm[i], now));
	(void)json_object_object_add(o, "vms", list);
	ret->json = o;
}

static void get_vm(const struct api *api, struct vm *vm, const struct api_request *req,
		   struct api_answer *ret)
{
	(void)req;
	ret->json = view_vm(vm, api_now(api));
}

static void get_why(const struct api *api, struct vm *vm, const struct api_request *req,
		    struct api_answer *ret)
{
	(void)req;
	ret->json = view_why(vm, api_now(api));
}

static void get_host(const struct api *api, struct vm *vm, const struct api_request *req,
		     struct api_answer *ret)
{
	(void)vm;
	(void)req;
	ret->json = view_host(api->view, api_now(api));
}

static void get_headroom(const struct api *api, struct vm *vm, const struct api_request *req,
			 struct api_answer *ret)
{
	(void)vm;
	(void)req;
	ret->json = view_headroom(api->view, api_now(api));
}

static void get_metrics(const struct api *api, struct vm *vm, const struct api_request *req,
			struct api_answer *ret)
{
	(void)vm;
	(void)req;
	if (metrics_write(api->view, &ret->text) < 0)
		buf_fini(&ret->text);
}

static void get_routes(const struct api *api, struct vm *vm, const struct api_request *req,
		       struct api_answer *ret)
{
	struct json_object *list = json_object_new_array(), *o;
	const struct route *routes;
	size_t n, i;

	(void)api;
	(void)vm;
	(void)req;
	routes = routes_table(&n);
	for (i = 0; list && i < n; i++) {
		o = json_object_new_object();
		if (!o)
			break;
		(void)json_object_object_add(o, "method", json_object_new_string(routes[i].method));
		(void)json_object_object_add(o, "path", json_object_new_string(routes[i].path));
		(void)json_object_object_add(o, "help", json_object_new_string(routes[i].help));
		(void)json_object_array_add(list, o);
	}
	ret->json = list;
}

/* ------------------------------------------------------------------- requests */

/* Reads the body of a squeeze: nothing, or {"dry_run":BOOL}. 0 or -EINVAL. */
static int read_body(const struct buf *body, bool *ret_dry_run)
{
	struct json_object *o = api_body(body);
	bool dry_run = false;
	int r = o || body->len == 0 ? 0 : -EINVAL;

	if (o) {
		json_object_object_foreach(o, key, value)
		{
			if (strcmp(key, "dry_run") != 0 ||
			    !json_object_is_type(value, json_type_boolean))
				r = -EINVAL;
			else
				dry_run = json_object_get_boolean(value);
		}
	}
	json_object_put(o);
	if (r == 0)
		*ret_dry_run = dry_run;
	return r;
}

static void accept_request(const struct api *api, struct vm *vm, enum vm_request request,
			   struct api_answer *ret)
{
	struct json_object *o = json_object_new_object();
	char name[VM_NAME_MAX];
	uint64_t now = api_now(api);
	int r;

	r = api->ops->request(api->userdata, vm, request);
	if (r < 0) {
		json_object_put(o);
		api_error(ret, MHD_HTTP_INTERNAL_SERVER_ERROR, strerror(-r));
		return;
	}
	ret->status = MHD_HTTP_ACCEPTED;
	ret->json = o;
	if (!o)
		return;
	view_text(vm->name, name, sizeof(name));
	(void)json_object_object_add(o, "accepted", json_object_new_boolean(true));
	(void)json_object_object_add(o, "name", json_object_new_string(name));
	(void)json_object_object_add(o, "now_us", json_object_new_uint64(now));
}

#define DRY_RUN_TEXT "The daemon runs with --dry-run: it only says what it would do."

static void post_squeeze(const struct api *api, struct vm *vm, const struct api_request *req,
			 struct api_answer *ret)
{
	const struct wish requested = { .requested = true };
	struct opportunity opp;
	char text[EXPLAIN_MAX];
	bool dry_run;

	if (read_body(&req->body, &dry_run) < 0) {
		api_error(ret, MHD_HTTP_BAD_REQUEST,
			  "The body must be empty or {\"dry_run\": true or false}.");
		return;
	}
	if (phase_has_balloon((enum phase)vm->history.phase.is)) {
		api_refuse(ret, phase_word((enum phase)vm->history.phase.is),
			   "A squeeze is under way already.");
		return;
	}
	opportunity_find(&vm->settings, api->view->host, &vm->facts, &vm->history, api_now(api),
			 &requested, &opp);
	if (dry_run) {
		ret->json = view_dry_run(vm, &opp, api_now(api));
	} else if (api->view->figures->dry_run) {
		api_refuse(ret, "dry-run", DRY_RUN_TEXT);
	} else if (opp.reason != REASON_NONE && opp.reason != REASON_STATS_STALE) {
		/* (fresh statistics are asked for before a squeeze begins) */
		view_refusal(vm, &opp, api_now(api), text);
		api_refuse(ret, reason_word(opp.reason), text);
	} else {
		accept_request(api, vm, REQUEST_SQUEEZE, ret);
	}
}

/* Always in order, whatever the mode: a balloon at 0 hurts nobody. */
static void post_release(const struct api *api, struct vm *vm, const struct api_request *req,
			 struct api_answer *ret)
{
	(void)req;
	if (vm->facts.state == VM_STATE_DOWN)
		api_refuse(ret, reason_word(REASON_DISCONNECTED),
			   "There is no connection to its hypervisor.");
	else if (api->view->figures->dry_run)
		api_refuse(ret, "dry-run", DRY_RUN_TEXT);
	else
		accept_request(api, vm, REQUEST_RELEASE, ret);
}

/* --------------------------------------------------------------------- routes */

static const struct route routes[] = {
	{ "GET", "/", get_routes, "this list" },
	{ "GET", "/v1/vms", get_vms, "all VMs" },
	{ "GET", "/v1/vms/NAME", get_vm, "one VM" },
	{ "PATCH", "/v1/vms/NAME", api_patch_vm,
	  "set settings of it until the daemon ends; {\"reset\":true}: take them back" },
	{ "GET", "/v1/vms/NAME/why", get_why, "why its last decisions are what they are" },
	{ "POST", "/v1/vms/NAME/squeeze", post_squeeze,
	  "squeeze it now; {\"dry_run\":true}: only say what would be done" },
	{ "POST", "/v1/vms/NAME/release", post_release, "bring its balloon to 0 now" },
	{ "GET", "/v1/host", get_host, "the host and the daemon" },
	{ "GET", "/v1/headroom", get_headroom, "memory that can be had within 1, 10 and 60 s" },
	{ "GET", "/v1/reservations", api_get_reservations, "all reservations" },
	{ "POST", "/v1/reservations", api_post_reservation,
	  "hold room for a VM that is to start: {\"size_b\":N}" },
	{ "GET", "/v1/reservations/ID", api_get_reservation, "one reservation" },
	{ "DELETE", "/v1/reservations/ID", api_delete_reservation, "hold it no longer" },
	{ "GET", "/metrics", get_metrics, "all figures as Prometheus text" },
};

static const struct route *routes_table(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(routes);
	return routes;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes %XX in the @n bytes at @text. 0, or -EINVAL: bad digits, a NUL, no room. */
static int percent_decode(const char *text, size_t n, char *to, size_t size)
{
	size_t i, len = 0;
	int c;

	for (i = 0; i < n; i++) {
		c = (unsigned char)text[i];
		if (c == '%') {
			int high = n - i > 2 ? hex_digit(text[i + 1]) : -1;
			int low = n - i > 2 ? hex_digit(text[i + 2]) : -1;

			c = high < 0 || low < 0 ? 0 : high << 4 | low;
			i += 2;
		}
		if (c == 0 || len + 1 >= size)
			return -EINVAL;
		to[len++] = (char)c;
	}
	to[len] = '\0';
	return 0;
}

/* Does @url fit @path? Where NAME or ID stands any segment fits, and that of NAME is decoded. */
static bool path_fits(const char *path, const char *url, char *name, size_t size)
{
	size_t n;

	while (*path) {
		if (strncmp(path, "NAME", 4) == 0) {
			n = strcspn(url, "/");
			if (n == 0 || percent_decode(url, n, name, size) < 0)
				return false;
			path += 4;
			url += n;
		} else if (strncmp(path, "ID", 2) == 0) {
			n = strcspn(url, "/");
			if (n == 0)
				return false;
			path += 2;
			url += n;
		} else if (*path++ != *url++) {
			return false;
		}
	}
	return *url == '\0';
}

static bool method_fits(const char *route, const char *method)
{
	return strcmp(route, method) == 0 ||
	       (strcmp(route, "GET") == 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) == 0);
}

/* Writes "GET, HEAD" or another method behind what is there. */
static void allow_too(char *allow, size_t size, const char *method)
{
	size_t len = strlen(allow);

	(void)snprintf(allow + len, size - len, "%s%s%s", len ? ", " : "", method,
		       strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

/* Finds who answers; @allow are the methods that @url takes where @method is none of them. */
static const struct route *find_route(const char *method, const char *url, char *name, size_t size,
				      char *allow, size_t allow_size)
{
	size_t i;

	allow[0] = '\0';
	for (i = 0; i < ARRAY_SIZE(routes); i++) {
		if (!path_fits(routes[i].path, url, name, size))
			continue;
		if (method_fits(routes[i].method, method))
			return &routes[i];
		allow_too(allow, allow_size, routes[i].method);
	}
	return NULL;
}

/* The VM called @name, or shown as @name because its own is no UTF-8. */
static struct vm *find_vm(const struct fleet *fleet, const char *name)
{
	struct vm *vm = fleet_find(fleet, name);
	char shown[VM_NAME_MAX];
	size_t i;

	for (i = 0; !vm && i < fleet->n; i++) {
		view_text(fleet->vm[i]->name, shown, sizeof(shown));
		if (strcmp(shown, name) == 0)
			vm = fleet->vm[i];
	}
	return vm;
}

void routes_respond(const struct api *api, const struct api_request *req, struct api_answer *ret)
{
	char name[VM_NAME_MAX] = "", text[VM_NAME_MAX + 64];
	const struct route *route = NULL;
	struct vm *vm = NULL;

	*ret = (struct api_answer){ .status = MHD_HTTP_OK };
	buf_init(&ret->text, METRICS_MAX);
	if (strlen(req->url) > PATH_MAX_B) {
		api_error(ret, MHD_HTTP_URI_TOO_LONG, "The path is too long.");
		return;
	}
	route = find_route(req->method, req->url, name, sizeof(name), ret->allow,
			   sizeof(ret->allow));
	if (!route && ret->allow[0]) {
		api_error(ret, MHD_HTTP_METHOD_NOT_ALLOWED, "This path takes another method.");
		return;
	}
	ret->allow[0] = '\0';
	if (!route) {
		api_error(ret, MHD_HTTP_NOT_FOUND, "There is no such path; see /.");
		return;
	}
	if (name[0])
		vm = find_vm(api->view->fleet, name);
	if (name[0] && !vm) {
		char clean[VM_NAME_MAX];

		view_text(name, clean, sizeof(clean));
		(void)snprintf(text, sizeof(text), "There is no VM called '%s'.", clean);
		api_error(ret, MHD_HTTP_NOT_FOUND, text);
	} else if (req->too_large) {
		api_error(ret, MHD_HTTP_CONTENT_TOO_LARGE, "The body is too large.");
	} else {
		route->handle(api, vm, req, ret);
	}
}
