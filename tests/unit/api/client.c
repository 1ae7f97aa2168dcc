/* SPDX-License-Identifier: GPL-2.0-or-later */
/* client.c - a client of the control API, and the world that it asks about */
#include "client.h"

#include "base/num.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct world world;

static int on_request(void *userdata, struct vm *vm, enum vm_request request)
{
	assert_ptr_equal(userdata, &world.sample);
	world.asked_vm = vm;
	world.asked = request;
	return 0;
}

static uint64_t on_now(void *userdata)
{
	(void)userdata;
	return SAMPLE_NOW_US;
}

static const char *on_set(void *userdata, struct vm *vm, const struct control_change *c)
{
	assert_ptr_equal(userdata, &world.sample);
	world.asked_vm = vm;
	world.change = *c;
	return world.conflict;
}

const struct control_ops world_ops = { .request = on_request, .set = on_set, .now = on_now };

int world_set_up(void **state)
{
	(void)state;
	world.asked_vm = NULL;
	world.asked = REQUEST_NONE;
	world.conflict = NULL;
	sample_init(&world.sample);
	(void)snprintf(world.folder, sizeof(world.folder), "/tmp/ballonet-control-XXXXXX");
	assert_non_null(mkdtemp(world.folder));
	(void)snprintf(world.path, sizeof(world.path), "%s/run/control.sock", world.folder);
	assert_int_equal(control_new(world.path, (gid_t)-1, -EBADF, &world.sample.view, &world_ops,
				     &world.sample, &world.control),
			 0);
	return 0;
}

int world_tear_down(void **state)
{
	char run[80];

	(void)state;
	control_free(world.control);
	world.control = NULL;
	sample_fini(&world.sample);
	(void)snprintf(run, sizeof(run), "%s/run", world.folder);
	assert_int_equal(rmdir(run), 0); /* the socket is gone */
	assert_int_equal(rmdir(world.folder), 0);
	return 0;
}

int dial(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	memcpy(addr.sun_path, world.path, strlen(world.path) + 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

uint64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Sends @n bytes and returns all that comes back until the server closes; freed by the caller. */
char *exchange(int fd, const char *bytes, size_t n)
{
	uint64_t end = now_ms() + DEADLINE_MS;
	char *reply = calloc(1, MIB);
	size_t len = 0;

	assert_non_null(reply);
	for (;;) {
		struct pollfd fds[2] = { { .fd = control_fd(world.control), .events = POLLIN },
					 { .fd = fd, .events = POLLIN } };
		ssize_t sent = n ? send(fd, bytes, n, MSG_NOSIGNAL) : 0, got;

		if (sent > 0) {
			bytes += sent;
			n -= (size_t)sent;
		}
		if (poll(fds, 2, control_timeout_us(world.control) ? 20 : 0) < 0)
			fail();
		control_dispatch(world.control);
		got = recv(fd, reply + len, MIB - len - 1, 0);
		if (got == 0 || (got < 0 && errno == ECONNRESET))
			break;
		if (got > 0)
			len += (size_t)got;
		if (now_ms() > end)
			fail_msg("no end of the reply: %s", reply);
	}
	(void)close(fd);
	return reply;
}

/* One request; returns the status, and the body in *ret where that is not NULL. */
int ask(const char *method, const char *url, const char *body, char **ret)
{
	char request[4096], *reply, *at;
	int status, n;

	n = snprintf(
		request, sizeof(request),
		"%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
		method, url, body ? strlen(body) : 0, body ? body : "");
	assert_true(n > 0 && (size_t)n < sizeof(request));
	reply = exchange(dial(), request, (size_t)n);
	if (sscanf(reply, "HTTP/1.1 %d ", &status) != 1)
		fail_msg("no status: %s", reply);
	at = strstr(reply, "\r\n\r\n");
	assert_non_null(at);
	if (ret)
		*ret = strdup(at + 4);
	free(reply);
	return status;
}

/* The same where the body must be JSON. */
struct json_object *ask_json(const char *method, const char *url, const char *body, int want)
{
	struct json_object *o;
	char *text;
	int status = ask(method, url, body, &text);

	if (status != want)
		fail_msg("%s %s: %d %s", method, url, status, text);
	o = json_tokener_parse(text);
	if (!o)
		fail_msg("no JSON: %s", text);
	free(text);
	return o;
}

const char *text_of(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	(void)json_object_object_get_ex(o, key, &value);
	return value ? json_object_get_string(value) : "";
}

/* Is it refused with @status and a sentence that contains @part? */
void refused(const char *method, const char *url, const char *body, int status, const char *part)
{
	struct json_object *o = ask_json(method, url, body, status);

	if (!strstr(text_of(o, "error"), part))
		fail_msg("'%s' is not in '%s'", part, text_of(o, "error"));
	json_object_put(o);
	assert_null(world.asked_vm);
}
