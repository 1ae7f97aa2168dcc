/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * control.c - the control API: HTTP and JSON on a unix socket
 *
 * Layer: api.
 * In:    requests of local clients.
 * Out:   the state of the fleet; requests of operators, through control_ops.
 *
 * Whoever may open the socket may squeeze and release: its mode and owner are
 * the access control. libmicrohttpd runs on the daemon's loop by its epoll fd,
 * never on a thread of its own. It gets connections and not the socket, so that
 * the socket can be replaced.
 */
#include "api/control.h"

#include "base/fds.h"
#include "base/num.h"
#include "api/api.h"
#include "api/listener.h"
#include "api/metrics.h"
#include "api/places.h"
#include "api/routes.h"

#include <errno.h>
#include <microhttpd.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* Connections let in or sent away per call: the daemon has other things to do. */
#define LET_IN_MAX 128
/* A client that asks nothing for this long is let go, so that one that waits can have its place. */
#define SILENT_MAX_S 5
/* One that asked, and may ask again: a scraper comes every 10 or 15 s. */
#define IDLE_MAX_S 30
/* All that can be asked for is {"dry_run":true}. */
#define BODY_MAX ((size_t)64 * 1024)
/* Memory of one connection for request line and headers. */
#define HEADERS_MAX ((size_t)32 * 1024)

struct control {
	struct MHD_Daemon *mhd;
	int epoll_fd; /* of libmicrohttpd's own, and of the listener's */
	struct listener listener;
	bool watched; /* is the listener in epoll_fd? Not while there is no room for more */
	struct places places;
	struct api api;
};

/* ---------------------------------------------------------- libmicrohttpd's side */

static struct MHD_Response *response_of(const struct api_answer *answer, const char **ret_type)
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

static enum MHD_Result send_answer(struct MHD_Connection *conn, const struct api_answer *answer)
{
	struct MHD_Response *response;
	enum MHD_Result r;
	const char *type;

	response = response_of(answer, &type);
	if (!response)
		return MHD_NO; /* out of memory: closes the connection */
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	(void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (answer->allow[0])
		(void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, answer->allow);
	r = MHD_queue_response(conn, answer->status, response);
	MHD_destroy_response(response);
	return r;
}

/* Keeps the first BODY_MAX bytes of a body; what is more is read and dropped. */
static void take_body(struct api_request *req, const char *data, size_t n)
{
	if (!req->too_large && buf_add(&req->body, data, n) < 0)
		req->too_large = true;
}

/* Who connected. */
static bool find_peer(struct MHD_Connection *conn, struct ucred *ret)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD);
	socklen_t len = sizeof(*ret);

	return info && getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, ret, &len) == 0;
}

/* A request that may change something is answered only if it is known whose it is. */
static void respond(const struct control *c, struct MHD_Connection *conn,
		    const struct api_request *req, struct api_answer *ret)
{
	bool reads = strcmp(req->method, MHD_HTTP_METHOD_GET) == 0 ||
		     strcmp(req->method, MHD_HTTP_METHOD_HEAD) == 0;
	struct ucred peer;

	if (!reads && !find_peer(conn, &peer)) {
		*ret = (struct api_answer){ 0 };
		api_error(ret, MHD_HTTP_FORBIDDEN, "The system does not say who asks.");
		return;
	}
	routes_respond(&c->api, req, ret);
	if (!reads && c->api.ops->asked)
		c->api.ops->asked(c->api.userdata,
				  &(const struct control_asked){ .uid = peer.uid,
								 .pid = peer.pid,
								 .method = req->method,
								 .path = req->url,
								 .status = ret->status });
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *conn, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *data_n, void **req_cls)
{
	const struct control *c = cls;
	struct api_request *req = *req_cls;
	struct api_answer answer;
	enum MHD_Result r;

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
	req->method = method;
	req->url = url;
	respond(c, conn, req, &answer);
	r = send_answer(conn, &answer);
	api_answer_fini(&answer);
	return r;
}

static void on_completed(void *cls, struct MHD_Connection *conn, void **req_cls,
			 enum MHD_RequestTerminationCode code)
{
	struct api_request *req = *req_cls;

	(void)cls;
	(void)conn;
	(void)code;
	if (!req)
		return;
	buf_fini(&req->body);
	free(req);
	*req_cls = NULL;
}

/* Counts who is in. */
static void on_connection(void *cls, struct MHD_Connection *conn, void **socket_cls,
			  enum MHD_ConnectionNotificationCode code)
{
	struct control *c = cls;
	const union MHD_ConnectionInfo *info;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		places_leave(*socket_cls);
		return;
	}
	info = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD);
	*socket_cls = info ? places_enter(&c->places, info->connect_fd) : NULL;
}

/* Leaves %XX as it is: '/' in a name must not be taken for one in the path. */
static size_t no_unescape(void *cls, struct MHD_Connection *conn, char *s)
{
	(void)cls;
	(void)conn;
	return strlen(s);
}

/* --------------------------------------------------------------------- socket */

static int start_http(struct control *c)
{
	struct epoll_event event = { .events = EPOLLIN };
	const union MHD_DaemonInfo *info;

	c->mhd = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL,
				  on_request, c, MHD_OPTION_CONNECTION_LIMIT, PLACES_MAX,
				  MHD_OPTION_CONNECTION_TIMEOUT, SILENT_MAX_S,
				  MHD_OPTION_CONNECTION_MEMORY_LIMIT, HEADERS_MAX,
				  MHD_OPTION_UNESCAPE_CALLBACK, no_unescape, NULL,
				  MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
				  MHD_OPTION_NOTIFY_CONNECTION, on_connection, c, MHD_OPTION_END);
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
	return info && info->num_connections >= PLACES_MAX;
}

/* What libmicrohttpd wants to hear of a peer, whose name nobody needs. */
static const struct sockaddr_un unnamed = { .sun_family = AF_UNIX };

/* There is no place for this one: it hears so, and does not keep others waiting. */
static void send_away(int fd)
{
	static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nConnection: "
				     "close\r\nContent-Length: 0\r\n\r\n";

	(void)!send(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)close(fd);
}

/*
 * Lets one in, or sends it away. 0, or -errno: there is no room for anybody, nobody
 * waits, or the system has no more.
 */
static int let_one_in(struct control *c)
{
	int fd;

	if (is_full(c))
		return -EBUSY;
	fds_open();
	/* cppcheck-suppress nullPointer; accept4(2) takes NULL for "it does not matter who" */
	fd = accept4(c->listener.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	fds_close();
	if (fd < 0)
		return -errno;
	if (!places_may_enter(&c->places, fd)) {
		send_away(fd);
		return 0;
	}
	/* it closes fd where it fails */
	(void)MHD_add_connection(c->mhd, fd, (const struct sockaddr *)&unnamed,
				 sizeof(unnamed.sun_family));
	return 0;
}

/* Lets in who waits. A socket that cannot be served is not watched, or we would spin. */
static void let_in(struct control *c)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = c->listener.fd };
	unsigned int n = 0;
	bool watch_it;
	int r;

	do
		r = let_one_in(c);
	while (n++ < LET_IN_MAX && (r == 0 || r == -ECONNABORTED || r == -EINTR));
	watch_it = r == 0 || r == -EAGAIN;
	if (watch_it != c->watched &&
	    epoll_ctl(c->epoll_fd, watch_it ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, c->listener.fd,
		      &event) == 0)
		c->watched = watch_it;
}

int control_new(const char *path, gid_t group, int inherited, const struct control_view *view,
		const struct control_ops *ops, void *userdata, struct control **ret)
{
	struct control *c;
	int r;

	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->api = (struct api){ .view = view, .ops = ops, .userdata = userdata };
	c->places.group = group != (gid_t)-1 ? group : getegid();
	c->listener.fd = -EBADF;
	c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	r = c->epoll_fd < 0 ? -errno : listener_init(&c->listener, path, group, inherited);
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
	listener_fini(&c->listener);
	if (c->epoll_fd >= 0)
		(void)close(c->epoll_fd);
	free(c);
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
