/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * operators.c - what operators ask for through the control API
 *
 * Layer: daemon.
 * In:    requests and changes of settings.
 * Out:   VMs that are due with a request, settings that are set.
 */
#include "daemon/operators.h"

#include "api/control.h"

#include "base/clock.h"
#include "base/log.h"
#include "journal/writer.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

void operators_request(struct operators *o, struct vm *vm, enum vm_request request)
{
	vm->request = request;
	tick_due(o->tick, vm, monotonic_us());
}

static int on_request(void *userdata, struct vm *vm, enum vm_request request)
{
	operators_request(userdata, vm, request);
	return 0;
}

static uint64_t on_now(void *userdata)
{
	(void)userdata;
	return monotonic_us();
}

static const char *on_set(void *userdata, struct vm *vm, const struct control_change *change)
{
	struct operators *o = userdata;
	const char *conflict;

	if (o->ending)
		return "The daemon is stopping.";
	conflict = discovery_set(o->discovery, vm, change);
	if (!conflict)
		tick_due(o->tick, vm, monotonic_us());
	return conflict;
}

static void on_asked(void *userdata, const struct control_asked *asked)
{
	const struct operators *o = userdata;

	log_info("asked uid=%u pid=%d method=%s path=\"%.200s\" status=%u",
		 (unsigned int)asked->uid, (int)asked->pid, asked->method, asked->path,
		 asked->status);
	if (o->tick->journal)
		journal_asked(o->tick->journal, &(const struct record_asked){
							.time_us = monotonic_us(),
							.uid = asked->uid,
							.pid = (uint64_t)asked->pid,
							.method = (char *)(uintptr_t)asked->method,
							.path = (char *)(uintptr_t)asked->path,
							.status = asked->status });
}

static const struct control_ops control_ops = {
	.request = on_request,
	.set = on_set,
	.asked = on_asked,
	.now = on_now,
};

static int on_control(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct operators *o = userdata;

	(void)source;
	(void)fd;
	(void)events;
	control_dispatch(o->control);
	return 0;
}

/* The socket that systemd listens on for us; -EBADF: there is none; or -errno. */
static int inherited_socket(void)
{
	int n = sd_listen_fds(1), r;

	if (n <= 0)
		return n < 0 ? n : -EBADF;
	r = sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_STREAM, 1, NULL, 0);
	if (r < 0)
		return r;
	return n == 1 && r ? SD_LISTEN_FDS_START : -EINVAL;
}

int operators_serve(struct operators *o, const char *path, gid_t group)
{
	int fd = inherited_socket(), r = fd;
	const char *why = "";

	if (fd >= 0 && sd_is_socket_unix(fd, SOCK_STREAM, 1, path, 0) == 0)
		log_warning(
			"control-path path=%s effect=\"not used, as systemd passed on a socket: "
			"change the path in ballonetd.socket\"",
			path);
	if (fd >= 0 || fd == -EBADF)
		r = control_new(path, group, fd, &o->view, &control_ops, o, &o->control);
	if (r >= 0)
		return sd_event_add_io(o->loop, NULL, control_fd(o->control), EPOLLIN, on_control,
				       o);
	if (fd == -EINVAL)
		why = "systemd must pass on one listening unix socket: see ballonetd.socket";
	else if (r == -EADDRINUSE)
		why = "another ballonetd is running";
	log_error("no-control-socket path=%s error=\"%s\" why=\"%s\"", path, strerror(-r), why);
	return r;
}

void operators_work(struct operators *o)
{
	if (control_timeout_us(o->control) == 0)
		control_dispatch(o->control);
}

uint64_t operators_timeout_us(const struct operators *o)
{
	return control_timeout_us(o->control);
}

void operators_fini(struct operators *o)
{
	control_free(o->control);
}
