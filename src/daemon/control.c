/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * control.c - the control API: HTTP and JSON on a unix socket
 *
 * Layer: daemon.
 * In:    requests of local clients.
 * Out:   what the fleet is like; requests of operators, through control_ops.
 *
 * Who may open the socket may squeeze and release: access is the socket's
 * mode and owner, as with other daemons of this kind. libmicrohttpd runs on
 * the daemon's loop by its epoll fd and never on a thread of its own; it is
 * given connections and not the socket, so that the socket can be made anew.
 */
#include "daemon/control.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/num.h"
#include "daemon/metrics.h"
#include "daemon/view.h"
#include "policy/explain.h"

#include <errno.h>
#include <microhttpd.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* Local clients: a dashboard, a scraper, some people; each holds one for a moment. */
#define CONNECTIONS_MAX 64
/* Those that wait for one of them; the kernel bounds it too (net.core.somaxconn). */
#define BACKLOG 1024
/* A client that asks nothing for this long is let go, so that one that waits can have its place. */
#define SILENT_MAX_S 5
/* One that asked, and may ask again: a scraper comes every 10 or 15 s. */
#define IDLE_MAX_S 30
/* All that can be asked for is {"dry_run":true}. */
#define BODY_MAX ((size_t)64 * 1024)
/* Every byte of the longest name percent-encoded, and the rest of the path. */
#define PATH_MAX_B ((size_t)3 * VM_NAME_MAX + 64)
/* Memory of one connection for request line and headers. */
#define HEADERS_MAX ((size_t)32 * 1024)
/* 10000 VMs are 15 MiB of metrics. */
#define METRICS_MAX ((size_t)64 * 1024 * 1024)

#define SOCKET_MODE 0660
#define FOLDER_MODE 0755

struct control {
	struct MHD_Daemon *mhd;
	int epoll_fd; /* of libmicrohttpd's own, and of listen_fd */
	int listen_fd;
	bool watched; /* is listen_fd in epoll_fd? Not while there is no room for more */
	gid_t group;
	const struct control_view *view;
	const struct control_ops *ops;
	void *userdata;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	struct stat bound; /* the socket as it was bound, so that only ours is removed */
};

/* One request from its first byte to its answer. */
struct request {
	struct buf body;
	bool too_large;
};

/* What a handler answers with. */
struct answer {
	unsigned int status;
	struct json_object *json; /* owned; NULL: out of memory */
	struct buf text;	  /* instead of json, where it holds anything */
};

typedef void (*handler_fn)(struct control *c, struct vm *vm, const struct request *req,
			   struct answer *ret);

struct route {
	const char *method;
	const char *path; /* NAME stands for a VM */
	handler_fn handle;
	const char *help;
};

static const struct route *routes_table(size_t *ret_n);

/* -------------------------------------------------------------------- answers */

static void answer_error(struct answer *ret, unsigned int status, const char *sentence)
{
	struct json_object *o = json_object_new_object();

	if (o)
		(void)json_object_object_add(o, "error", json_object_new_string(sentence));
	ret->status = status;
	ret->json = o;
}

static void answer_reason(struct answer *ret, const char *word, const char *sentence)
{
	answer_error(ret, MHD_HTTP_CONFLICT, sentence);
	if (ret->json)
		(void)json_object_object_add(ret->json, "reason", json_object_new_string(word));
}

static uint64_t now_of(const struct control *c)
{
	return c->ops->now(c->userdata);
}

static void get_vms(struct control *c, struct vm *vm, const struct request *req, struct answer *ret)
{
	struct json_object *o = json_object_new_object(), *list = json_object_new_array();
	uint64_t now = now_of(c);
	size_t i;

	(void)vm;
	(void)req;
	if (!o || !list) {
		json_object_put(o);
		json_object_put(list);
		return;
	}
	for (i = 0; i < c->view->fleet->n; i++)
		(void)json_object_array_add(list, view_vm(c->view->fleet->vm[i], now));
	(void)json_object_object_add(o, "vms", list);
	ret->json = o;
}

static void get_vm(struct control *c, struct vm *vm, const struct request *req, struct answer *ret)
{
	(void)req;
	ret->json = view_vm(vm, now_of(c));
}

static void get_why(struct control *c, struct vm *vm, const struct request *req, struct answer *ret)
{
	(void)req;
	ret->json = view_why(vm, now_of(c));
}

static void get_host(struct control *c, struct vm *vm, const struct request *req,
		     struct answer *ret)
{
	(void)vm;
	(void)req;
	ret->json = view_host(c->view, now_of(c));
}

static void get_metrics(struct control *c, struct vm *vm, const struct request *req,
			struct answer *ret)
{
	(void)vm;
	(void)req;
	if (metrics_write(c->view, &ret->text) < 0)
		buf_fini(&ret->text);
}

static void get_routes(struct control *c, struct vm *vm, const struct request *req,
		       struct answer *ret)
{
	struct json_object *list = json_object_new_array(), *o;
	const struct route *routes;
	size_t n, i;

	(void)c;
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
	struct json_tokener *tok = json_tokener_new_ex(4); /* it is one level deep */
	struct json_object *o = NULL;
	bool dry_run = false;
	int r = -EINVAL;

	if (body->len == 0) {
		r = 0;
	} else if (tok) {
		json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
		o = json_tokener_parse_ex(tok, body->data, (int)body->len);
	}
	if (json_object_is_type(o, json_type_object)) {
		r = 0;
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
	if (tok)
		json_tokener_free(tok);
	if (r == 0)
		*ret_dry_run = dry_run;
	return r;
}

static void accept_request(struct control *c, struct vm *vm, enum vm_request request,
			   struct answer *ret)
{
	struct json_object *o = json_object_new_object();
	char name[VM_NAME_MAX];
	uint64_t now = now_of(c);
	int r;

	r = c->ops->request(c->userdata, vm, request);
	if (r < 0) {
		json_object_put(o);
		answer_error(ret, MHD_HTTP_INTERNAL_SERVER_ERROR, strerror(-r));
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

static bool under_way(const struct vm *vm)
{
	return vm->history.phase >= PHASE_INFLATING && vm->history.phase <= PHASE_DEFLATING;
}

static void post_squeeze(struct control *c, struct vm *vm, const struct request *req,
			 struct answer *ret)
{
	struct opportunity opp;
	char text[EXPLAIN_MAX];
	bool dry_run;

	if (read_body(&req->body, &dry_run) < 0) {
		answer_error(ret, MHD_HTTP_BAD_REQUEST,
			     "The body must be empty or {\"dry_run\": true or false}.");
		return;
	}
	if (under_way(vm)) {
		answer_reason(ret, phase_word((enum phase)vm->history.phase),
			      "A squeeze is under way already.");
		return;
	}
	opportunity_find(&vm->settings, c->view->host, &vm->facts, &vm->history, now_of(c), true,
			 &opp);
	if (dry_run) {
		ret->json = view_dry_run(vm, &opp, now_of(c));
	} else if (c->view->figures->dry_run) {
		answer_reason(ret, "dry-run", DRY_RUN_TEXT);
	} else if (opp.reason != REASON_NONE && opp.reason != REASON_STATS_STALE) {
		/* (fresh statistics are asked for before a squeeze begins) */
		view_refusal(vm, &opp, now_of(c), text);
		answer_reason(ret, reason_word(opp.reason), text);
	} else {
		accept_request(c, vm, REQUEST_SQUEEZE, ret);
	}
}

/* Always in order, whatever the mode: a balloon at 0 hurts nobody. */
static void post_release(struct control *c, struct vm *vm, const struct request *req,
			 struct answer *ret)
{
	(void)req;
	if (vm->facts.state == VM_STATE_DOWN)
		answer_reason(ret, reason_word(REASON_DISCONNECTED),
			      "There is no connection to its hypervisor.");
	else if (c->view->figures->dry_run)
		answer_reason(ret, "dry-run", DRY_RUN_TEXT);
	else
		accept_request(c, vm, REQUEST_RELEASE, ret);
}

/* --------------------------------------------------------------------- routes */

static const struct route routes[] = {
	{ "GET", "/", get_routes, "this list" },
	{ "GET", "/v1/vms", get_vms, "all VMs" },
	{ "GET", "/v1/vms/NAME", get_vm, "one VM" },
	{ "GET", "/v1/vms/NAME/why", get_why, "why its last decisions are what they are" },
	{ "POST", "/v1/vms/NAME/squeeze", post_squeeze,
	  "squeeze it now; {\"dry_run\":true}: only say what would be done" },
	{ "POST", "/v1/vms/NAME/release", post_release, "bring its balloon to 0 now" },
	{ "GET", "/v1/host", get_host, "the host and the daemon" },
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

/* Does @url fit @path? Where NAME stands, any segment fits and is decoded into @name. */
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

/* Finds who answers; *ret_allow is the method that @url takes where @method is not it. */
static const struct route *find_route(const char *method, const char *url, char *name, size_t size,
				      const char **ret_allow)
{
	size_t i;

	*ret_allow = NULL;
	for (i = 0; i < ARRAY_SIZE(routes); i++) {
		if (!path_fits(routes[i].path, url, name, size))
			continue;
		if (method_fits(routes[i].method, method))
			return &routes[i];
		*ret_allow = routes[i].method;
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

/* Fills in *ret; returns the Allow header, or NULL. */
static const char *respond(struct control *c, const char *method, const char *url,
			   const struct request *req, struct answer *ret)
{
	char name[VM_NAME_MAX] = "", text[VM_NAME_MAX + 64];
	const struct route *route = NULL;
	const char *allow = NULL;
	struct vm *vm = NULL;

	if (strlen(url) > PATH_MAX_B) {
		answer_error(ret, MHD_HTTP_URI_TOO_LONG, "The path is too long.");
		return NULL;
	}
	route = find_route(method, url, name, sizeof(name), &allow);
	if (!route && allow) {
		answer_error(ret, MHD_HTTP_METHOD_NOT_ALLOWED, "This path takes another method.");
		return strcmp(allow, "GET") == 0 ? "GET, HEAD" : allow;
	}
	if (!route) {
		answer_error(ret, MHD_HTTP_NOT_FOUND, "There is no such path; see /.");
		return NULL;
	}
	if (name[0])
		vm = find_vm(c->view->fleet, name);
	if (name[0] && !vm) {
		char clean[VM_NAME_MAX];

		view_text(name, clean, sizeof(clean));
		(void)snprintf(text, sizeof(text), "There is no VM called '%s'.", clean);
		answer_error(ret, MHD_HTTP_NOT_FOUND, text);
	} else if (req->too_large) {
		answer_error(ret, MHD_HTTP_CONTENT_TOO_LARGE, "The body is too large.");
	} else {
		route->handle(c, vm, req, ret);
	}
	return NULL;
}

/* ---------------------------------------------------------- libmicrohttpd's side */

static struct MHD_Response *response_of(const struct answer *answer, const char **ret_type)
{
	const char *text = answer->text.data;
	size_t n = answer->text.len;

	*ret_type = METRICS_CONTENT_TYPE;
	if (!n && answer->json) {
		*ret_type = "application/json";
		text = json_object_to_json_string_length(
			answer->json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &n);
	}
	if (!text)
		return NULL;
	/* libmicrohttpd takes no const here, and copies */
	return MHD_create_response_from_buffer(n, (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
}

static enum MHD_Result send_answer(struct MHD_Connection *conn, const struct answer *answer,
				   const char *allow)
{
	struct MHD_Response *response;
	enum MHD_Result r;
	const char *type;

	response = response_of(answer, &type);
	if (!response)
		return MHD_NO; /* out of memory: closes the connection */
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (allow)
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, allow);
	r = MHD_queue_response(conn, answer->status, response);
	MHD_destroy_response(response);
	return r;
}

/* Keeps the first BODY_MAX bytes of a body; what is more is read and dropped. */
static void take_body(struct request *req, const char *data, size_t n)
{
	if (!req->too_large && buf_add(&req->body, data, n) < 0)
		req->too_large = true;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *conn, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *data_n, void **req_cls)
{
	struct answer answer = { .status = MHD_HTTP_OK };
	struct request *req = *req_cls;
	enum MHD_Result r;
	const char *allow;

	(void)version;
	if (!req) { /* the headers are here; the body follows */
		(void)MHD_set_connection_option(conn, MHD_CONNECTION_OPTION_TIMEOUT, IDLE_MAX_S);
		req = calloc(1, sizeof(*req));
		if (!req)
			return MHD_NO;
		buf_init(&req->body, BODY_MAX);
		*req_cls = req;
		return MHD_YES;
	}
	if (*data_n) {
		take_body(req, data, *data_n);
		*data_n = 0;
		return MHD_YES;
	}
	buf_init(&answer.text, METRICS_MAX);
	allow = respond(cls, method, url, req, &answer);
	r = send_answer(conn, &answer, allow);
	json_object_put(answer.json);
	buf_fini(&answer.text);
	return r;
}

static void on_completed(void *cls, struct MHD_Connection *conn, void **req_cls,
			 enum MHD_RequestTerminationCode code)
{
	struct request *req = *req_cls;

	(void)cls;
	(void)conn;
	(void)code;
	if (!req)
		return;
	buf_fini(&req->body);
	free(req);
	*req_cls = NULL;
}

/* Leaves %XX as it is: '/' in a name must not be taken for one in the path. */
static size_t no_unescape(void *cls, struct MHD_Connection *conn, char *s)
{
	(void)cls;
	(void)conn;
	return strlen(s);
}

/* --------------------------------------------------------------------- socket */

static int make_folder(const char *path)
{
	cleanup_free char *folder = strdup(path);
	char *slash = folder ? strrchr(folder, '/') : NULL;

	if (!folder)
		return -ENOMEM;
	if (!slash || slash == folder)
		return 0;
	*slash = '\0';
	return mkdir(folder, FOLDER_MODE) < 0 && errno != EEXIST ? -errno : 0;
}

/* Removes a socket that nobody listens on. 0, -EADDRINUSE, -EEXIST (no socket) or -errno. */
static int remove_dead(const struct sockaddr_un *addr)
{
	cleanup_close int fd = -EBADF;
	struct stat st;

	if (lstat(addr->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno == EAGAIN)
		return -EADDRINUSE;
	if (errno != ECONNREFUSED)
		return -errno;
	return unlink(addr->sun_path) < 0 ? -errno : 0;
}

/* Gives the socket its group and its mode; its path holds nothing else, or we could not bind it. */
static int hand_out(const struct control *c)
{
	if (c->group != (gid_t)-1 && chown(c->path, (uid_t)-1, c->group) < 0)
		return -errno;
	return chmod(c->path, SOCKET_MODE) < 0 ? -errno : 0;
}

static int listen_on(struct control *c)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	cleanup_close int fd = -EBADF;
	int r;

	memcpy(addr.sun_path, c->path, sizeof(addr.sun_path));
	r = make_folder(c->path);
	if (r == 0)
		r = remove_dead(&addr);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* the mode of the socket before it is bound is what it is bound with, less the umask:
	 * never wider than wanted, not even for a moment */
	if (fd < 0 || fchmod(fd, SOCKET_MODE) < 0 ||
	    bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	r = hand_out(c);
	if (r == 0 && (lstat(c->path, &c->bound) < 0 || listen(fd, BACKLOG) < 0))
		r = -errno;
	if (r < 0) {
		(void)unlink(c->path);
		return r;
	}
	c->listen_fd = take_fd(&fd);
	return 0;
}

static void remove_own(const struct control *c)
{
	struct stat st;

	if (c->bound.st_ino && lstat(c->path, &st) == 0 && st.st_ino == c->bound.st_ino &&
	    st.st_dev == c->bound.st_dev)
		(void)unlink(c->path);
}

static int start_http(struct control *c)
{
	struct epoll_event event = { .events = EPOLLIN };
	const union MHD_DaemonInfo *info;

	c->mhd = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL,
				  on_request, c, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
				  MHD_OPTION_CONNECTION_TIMEOUT, SILENT_MAX_S,
				  MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEADERS_MAX,
				  MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, NULL,
				  MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
	if (!c->mhd)
		return -ENOMEM; /* as far as it can be told */
	info = MHD_get_daemon_info(c->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	if (!info)
		return -ENOTSUP;
	event.data.fd = info->epoll_fd;
	return epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, info->epoll_fd, &event) < 0 ? -errno : 0;
}

static bool is_full(const struct control *c)
{
	const union MHD_DaemonInfo *info;

	info = MHD_get_daemon_info(c->mhd, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
	return info && info->num_connections >= CONNECTIONS_MAX;
}

/* What libmicrohttpd wants to hear of a peer, whose name nobody needs. */
static const struct sockaddr_un unnamed = { .sun_family = AF_UNIX };

/* Lets one in. 0, or -errno: there is no room, nobody waits, or the system has no more. */
static int let_one_in(struct control *c)
{
	int fd;

	if (is_full(c))
		return -EBUSY;
	/* cppcheck-suppress nullPointer; accept4(2) takes NULL for "it does not matter who" */
	fd = accept4(c->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return -errno;
	/* it closes fd where it fails */
	(void)MHD_add_connection(c->mhd, fd, (const struct sockaddr *)&unnamed,
				 sizeof(unnamed.sun_family));
	return 0;
}

/* Lets in who waits. A socket that cannot be served is not watched, or we would spin. */
static void let_in(struct control *c)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = c->listen_fd };
	bool watch_it;
	int r;

	do
		r = let_one_in(c);
	while (r == 0 || r == -ECONNABORTED || r == -EINTR);
	watch_it = r == -EAGAIN;
	if (watch_it != c->watched &&
	    epoll_ctl(c->epoll_fd, watch_it ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, c->listen_fd,
		      &event) == 0)
		c->watched = watch_it;
}

int control_new(const char *path, gid_t group, const struct control_view *view,
		const struct control_ops *ops, void *userdata, struct control **ret)
{
	struct control *c;
	int r;

	if (strlen(path) >= sizeof(c->path))
		return -ENAMETOOLONG;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	(void)snprintf(c->path, sizeof(c->path), "%s", path);
	c->group = group;
	c->view = view;
	c->ops = ops;
	c->userdata = userdata;
	c->listen_fd = -EBADF;
	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r = c->epoll_fd < 0 ? -errno : listen_on(c);
	if (r == 0)
		r = start_http(c);
	if (r < 0) {
		control_free(c);
		return r;
	}
	let_in(c);
	*ret = c;
	return 0;
}

void control_free(struct control *c)
{
	if (!c)
		return;
	if (c->mhd)
		MHD_stop_daemon(c->mhd);
	remove_own(c);
	if (c->listen_fd >= 0)
		(void)close(c->listen_fd);
	if (c->epoll_fd >= 0)
		(void)close(c->epoll_fd);
	free(c);
}

int control_check(struct control *c)
{
	int old = c->listen_fd, r;
	struct stat st;

	control_dispatch(c); /* also those that the system had no descriptor for */
	if (lstat(c->path, &st) == 0)
		return 0;
	if (errno != ENOENT)
		return -errno;
	r = listen_on(c);
	if (r < 0)
		return r;
	(void)close(old); /* and epoll forgets it */
	c->watched = false;
	control_dispatch(c);
	return 1;
}

int control_fd(const struct control *c)
{
	return c->epoll_fd;
}

void control_dispatch(struct control *c)
{
	let_in(c);
	(void)MHD_run(c->mhd);
	let_in(c); /* some may have left */
}

uint64_t control_timeout_us(const struct control *c)
{
	MHD_UNSIGNED_LONG_LONG ms;

	if (MHD_get_timeout(c->mhd, &ms) != MHD_YES)
		return UINT64_MAX;
	return u64_mul_sat(ms, USEC_PER_MSEC);
}
