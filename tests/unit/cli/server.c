/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * server.c - what ballonet talks to in its tests
 *
 * In:    a world, or the bytes that every request is answered with.
 * Out:   a forked child that serves server_path.
 */
#include "server.h"

#include "api/control.h"
#include "base/num.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* When a squeeze that was asked for begins, and turns round. */
#define BEGINS_MS 300
#define TURNS_MS 600

char server_path[90];
static char folder[64];
static pid_t server;
static uint64_t began_us; /* when the test was started */

uint64_t server_uptime_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / 1000;
}

/* Goes on from the moment of the sample, however long the machine is up. */
uint64_t server_now_us(void)
{
	return SAMPLE_NOW_US + (server_uptime_us() - began_us);
}

static uint64_t on_now(void *userdata)
{
	(void)userdata;
	return server_now_us();
}

static int on_request(void *userdata, struct vm *vm, enum vm_request request)
{
	struct world *w = userdata;

	if (request == REQUEST_SQUEEZE) {
		w->vm = vm;
		w->asked_us = server_now_us();
		vm->request = request;
	}
	return 0;
}

static const char *on_set(void *userdata, struct vm *vm, const struct control_change *change)
{
	size_t n, i;

	(void)userdata;
	if (change->values.floor_b > GIB)
		return "floor is above ceiling";
	vm->set = (change->reset ? 0 : vm->set & ~change->clear) | change->mask;
	for (i = 0; i < (settings_table(&n), n); i++)
		if (change->mask & UINT64_C(1) << i)
			setting_put(&vm->settings, &settings_table(&n)[i],
				    setting_get(&change->values, &settings_table(&n)[i]));
	return NULL;
}

static void begin(struct world *w, struct vm *vm, uint64_t now)
{
	vm->request = REQUEST_NONE;
	vm->decided_us = now;
	if (w->refuses) {
		vm->decision.reason = REASON_NOT_CALM;
		w->vm = NULL;
		return;
	}
	vm->history.phase.is = PHASE_INFLATING;
	vm->decision.reason = REASON_STEP;
	vm->history.now = vm->history.done;
	vm->history.now.start_us = now;
	vm->history.now.end_us = 0;
	vm->history.now.stop = REASON_NONE;
}

/* What the clock brings about. */
static void run(struct world *w)
{
	struct vm *vm = w->vm;
	uint64_t now = server_now_us(), ms;

	if (w->frees && w->sample.reserve.n &&
	    now >= w->sample.reserve.r[0].made_us + ENDS_MS * USEC_PER_MSEC)
		w->sample.host.available_b = fact_of(15 * GIB, now);
	reserve_update(&w->sample.reserve, &w->sample.fleet, now);
	if (!vm)
		return;
	ms = (now - w->asked_us) / 1000;
	if (ms >= BEGINS_MS && vm->request == REQUEST_SQUEEZE) {
		begin(w, vm, now);
	} else if (ms >= TURNS_MS && vm->history.phase.is == PHASE_INFLATING) {
		vm->history.phase.is = PHASE_DEFLATING;
		vm->history.now.stop = REASON_STOP_YIELD;
	} else if (ms >= ENDS_MS && vm->history.phase.is == PHASE_DEFLATING) {
		vm->history.phase.is = PHASE_VERIFYING;
		vm->history.now.end_us = now;
	}
}

static void serve(struct world *w)
{
	static const struct control_ops ops = { .request = on_request,
						.set = on_set,
						.now = on_now };
	struct control *control;

	if (control_new(server_path, (gid_t)-1, -EBADF, &w->sample.view, &ops, w, &control) < 0)
		_exit(1);
	for (;;) {
		struct pollfd fd = { .fd = control_fd(control), .events = POLLIN };

		(void)poll(&fd, 1, control_timeout_us(control) ? 20 : 0);
		run(w);
		control_dispatch(control);
	}
}

/*
 * Answers @text to every request, whatever it asks. Where a form feed parts it, the first part
 * answers the first request and so on, the last all that follow.
 */
static void serve_text(const char *text)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
	char request[4096];

	memcpy(addr.sun_path, server_path, strlen(server_path) + 1);
	if (bind(listener, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(listener, 8) < 0)
		_exit(1);
	for (;;) {
		fd = accept(listener, NULL, NULL);
		if (recv(fd, request, sizeof(request), 0) > 0) {
			size_t n = strcspn(text, "\f");

			(void)send(fd, text, n, MSG_NOSIGNAL);
			text += text[n] ? n + 1 : 0;
		}
		(void)close(fd);
	}
}

/* Is somebody listening? */
static bool dials(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok;

	memcpy(addr.sun_path, server_path, strlen(server_path) + 1);
	ok = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
	(void)close(fd);
	return ok;
}

void server_start(struct world *w, const char *text)
{
	const struct timespec moment = { .tv_nsec = 5000000 };
	uint64_t end = server_now_us() + 10 * USEC_PER_SEC;

	server = fork();
	assert_true(server >= 0);
	if (server == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (text)
			serve_text(text);
		else
			serve(w);
	}
	while (!dials()) {
		assert_true(server_now_us() < end);
		(void)nanosleep(&moment, NULL);
	}
}

void server_stop(void)
{
	if (server > 0) {
		(void)kill(server, SIGKILL);
		(void)waitpid(server, NULL, 0);
	}
	server = 0;
}

int server_set_up(void **state)
{
	(void)state;
	server = 0;
	began_us = server_uptime_us();
	(void)snprintf(folder, sizeof(folder), "/tmp/ballonet-cli-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(server_path, sizeof(server_path), "%s/control.sock", folder);
	return 0;
}

int server_tear_down(void **state)
{
	(void)state;
	server_stop();
	(void)unlink(server_path);
	return rmdir(folder);
}

struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	sample_init(&w->sample);
	return w;
}

void world_free(struct world *w)
{
	sample_fini(&w->sample);
	free(w);
}

void server_start_sample(void)
{
	struct world *w = world_new();

	server_start(w, NULL);
	world_free(w);
}
