/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * world.c - fake QEMUs on real sockets, in virtual time, in one thread
 *
 * In:    what each of them is like.
 * Out:   a vmm that is connected to them, and what it told.
 */
#include "world.h"

#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

/* What one peer writes at a time: a flood takes turns with the vmm. */
#define PEER_CHUNK 65536
#define RUN_MAX 100000

static const char flood_event[] =
	"{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": \"RTC_CHANGE\"}\r\n";

static uint64_t wall_us(void *userdata)
{
	struct world *w = userdata;

	return WORLD_WALL_US + (w->now_us - WORLD_START_US) + (uint64_t)w->wall_shift_us;
}

static void on_event(void *userdata, struct vmm_conn *conn, enum vmm_event event)
{
	struct world *w = userdata;
	struct peer *p = vmm_conn_userdata(conn);

	p->events[event]++;
	p->event_us[event] = w->now_us;
	if (w->on_event)
		w->on_event(p, event);
}

struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	log_set_level(LOG_LEVEL_ERROR);
	w->now_us = WORLD_START_US;
	(void)snprintf(w->folder, sizeof(w->folder), "/tmp/ballonet-vmm-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	assert_int_equal(vmm_new(WORLD_POLL_S, on_event, w, &w->vmm), 0);
	vmm_set_wall_clock(w->vmm, wall_us);
	return w;
}

void peer_hang_up(struct peer *p)
{
	if (p->client >= 0)
		(void)close(p->client);
	p->client = -1;
	p->flood = 0;
	buf_clear(&p->in);
	buf_clear(&p->out);
}

void peer_die(struct peer *p)
{
	peer_hang_up(p);
	if (p->listener >= 0)
		(void)close(p->listener);
	p->listener = -1;
	(void)unlink(p->path);
}

void peer_remove(struct peer *p)
{
	vmm_remove(p->conn);
	p->conn = NULL;
}

void world_free(struct world *w)
{
	unsigned int i;

	for (i = 0; i < w->npeer; i++) { /* nobody is left to wait for */
		peer_remove(&w->peer[i]);
		peer_die(&w->peer[i]);
		buf_fini(&w->peer[i].in);
		buf_fini(&w->peer[i].out);
	}
	world_run(w);
	vmm_free(w->vmm);
	assert_int_equal(rmdir(w->folder), 0);
	free(w);
}

void peer_listen(struct peer *p)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	memcpy(sa.sun_path, p->path, sizeof(sa.sun_path));
	p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(p->listener >= 0);
	assert_int_equal(bind(p->listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(p->listener, 1), 0);
}

struct peer *world_add(struct world *w)
{
	struct peer *p = &w->peer[w->npeer++];

	assert_true(w->npeer <= WORLD_PEERS);
	p->world = w;
	p->client = -1;
	fake_vm_init(&p->vm, "guest", GIB);
	buf_init(&p->in, MIB);
	buf_init(&p->out, 4 * MIB);
	(void)snprintf(p->path, sizeof(p->path), "%s/%u", w->folder, w->npeer);
	peer_listen(p);
	assert_int_equal(vmm_add(w->vmm, VMM_QMP, p->path, p, w->now_us, &p->conn), 0);
	return p;
}

static bool peer_accept(struct peer *p)
{
	if (p->client >= 0 || p->listener < 0)
		return false;
	p->client = accept4(p->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (p->client < 0)
		return false;
	p->accepted++;
	if (p->greeting)
		(void)buf_printf(&p->out, "%s", p->greeting);
	else if (!p->no_greeting)
		fake_vm_greet(&p->vm, &p->out);
	return true;
}

static void peer_line(struct peer *p, const char *line)
{
	uint64_t wall_s = wall_us(p->world) / USEC_PER_SEC;
	size_t len = strlen(p->log);

	p->requests++;
	(void)snprintf(p->log + len, sizeof(p->log) - len, "%s\n", line);
	if (!p->mute)
		fake_vm_answer(&p->vm, line, wall_s, &p->out);
}

static bool peer_read(struct peer *p)
{
	char chunk[4096], *line, *end;
	ssize_t n;

	if (p->client < 0)
		return false;
	n = recv(p->client, chunk, sizeof(chunk), MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0) {
		peer_hang_up(p);
		return true;
	}
	assert_int_equal(buf_add(&p->in, chunk, (size_t)n), 0);
	for (line = p->in.data; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		peer_line(p, line);
	}
	buf_consume(&p->in, (size_t)(line - p->in.data));
	return true;
}

static void peer_flood(struct peer *p)
{
	char chunk[PEER_CHUNK];
	size_t n = p->flood < sizeof(chunk) ? p->flood : sizeof(chunk);

	if (p->out.len || !n)
		return;
	if (p->flood_byte) {
		memset(chunk, p->flood_byte, n);
	} else {
		for (n = 0; n + sizeof(flood_event) < sizeof(chunk); n += sizeof(flood_event) - 1)
			memcpy(chunk + n, flood_event, sizeof(flood_event) - 1);
	}
	assert_int_equal(buf_add(&p->out, chunk, n), 0);
	p->flood -= n < p->flood ? n : p->flood;
}

static bool peer_write(struct peer *p)
{
	ssize_t n;

	if (p->client < 0)
		return false;
	peer_flood(p);
	if (!p->out.len)
		return false;
	n = send(p->client, p->out.data, p->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return false;
	p->taken += (size_t)n;
	buf_consume(&p->out, (size_t)n);
	return true;
}

bool peer_step(struct peer *p)
{
	bool did;

	if (p->deaf)
		return false;
	did = peer_accept(p);
	did |= peer_read(p);
	did |= peer_write(p);
	return did;
}

static bool vmm_step(struct world *w)
{
	struct pollfd pfd = { .fd = vmm_fd(w->vmm), .events = POLLIN };
	bool did = false;

	if (poll(&pfd, 1, 0) > 0) {
		vmm_dispatch(w->vmm, w->now_us);
		did = true;
	}
	if (vmm_deadline(w->vmm) <= w->now_us) {
		vmm_timeout(w->vmm, w->now_us);
		did = true;
	}
	return did;
}

bool world_step(struct world *w)
{
	bool did = vmm_step(w);
	unsigned int i;

	for (i = 0; i < w->npeer; i++)
		did |= peer_step(&w->peer[i]);
	return did;
}

void world_run(struct world *w)
{
	unsigned int rounds;

	for (rounds = 0; world_step(w); rounds++)
		assert_true(rounds < RUN_MAX); /* it never comes to rest */
}

void world_pass(struct world *w, uint64_t us)
{
	uint64_t end_us = w->now_us + us;

	world_run(w);
	while (w->now_us < end_us) {
		w->now_us = u64_clamp(vmm_deadline(w->vmm), w->now_us, end_us);
		world_run(w);
	}
}

struct world *world_one(struct peer **ret)
{
	struct world *w = world_new();

	*ret = world_add(w);
	world_run(w);
	assert_int_equal((*ret)->events[VMM_EVENT_UP], 1);
	return w;
}

void peer_say_raw(struct peer *p, const char *text, size_t len)
{
	assert_int_equal(buf_add(&p->out, text, len), 0);
	world_run(p->world);
}

void peer_say(struct peer *p, const char *text)
{
	(void)buf_printf(&p->out, "%s\r\n", text);
	world_run(p->world);
}

unsigned int peer_count(const struct peer *p, const char *text)
{
	const char *at = p->log;
	unsigned int n;

	for (n = 0; (at = strstr(at, text)); n++)
		at++;
	return n;
}

void peer_forget(struct peer *p)
{
	p->log[0] = '\0';
	p->requests = 0;
}

struct vm_facts peer_facts(const struct peer *p)
{
	struct vm_facts f = { .id = 7 };

	vmm_facts(p->conn, &f);
	assert_int_equal(f.id, 7); /* not the vmm's share */
	return f;
}

void assert_trouble(const struct peer *p, const char *part)
{
	if (!strstr(vmm_conn_trouble(p->conn), part))
		fail_msg("\"%s\" does not say \"%s\"", vmm_conn_trouble(p->conn), part);
}

void assert_down(const struct peer *p, const char *trouble)
{
	assert_int_equal(peer_facts(p).state, VM_STATE_DOWN);
	assert_trouble(p, trouble);
}
