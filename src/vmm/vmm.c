/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmm.c - the loop of all connections, and the interface to them
 *
 * Layer: vmm.
 * In:    readiness of sockets, the time, decisions.
 * Out:   calls to the kind of each connection.
 *
 * A removed connection stays open, hidden, until its hypervisor has answered:
 * QEMU drops the commands of a client that closes at once, and a target of "all"
 * or a restored interval would be lost.
 */
#include "vmm/vmm.h"

#include "vmm/conn.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/num.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

/* Connections handled per call: at 14 us each the caller has its other fds back after 1 ms. */
#define DISPATCH_MAX 64
/* Instants handled per call; a connect costs 30 us. */
#define TIMEOUT_MAX 64
/* How long vmm_free() waits for the last answers: 50 rounds of 10 ms. */
#define DRAIN_ROUNDS 50
#define DRAIN_ROUND_MS 10

struct vmm {
	struct conn_common common; /* the first member */
	struct vmm_conn *first;
	size_t nconn, nremoved;
	unsigned int depth; /* inside how many calls that hold on to connections */
	uint64_t now_us;    /* the latest that a caller said */
};

static struct vmm *vmm_of(const struct vmm_conn *conn)
{
	return (struct vmm *)conn->common;
}

static const struct vmm_ops *const kinds[] = {
	[VMM_QMP] = &qemu_ops,
	[VMM_DEVICE] = &device_ops,
};

/* The one clock of this layer: hypervisors stamp statistics with the wall clock of the host. */
static uint64_t wall_clock(void *userdata)
{
	(void)userdata;
	return clock_us(CLOCK_REALTIME);
}

void vmm_set_wall_clock(struct vmm *vmm, vmm_wall_fn fn)
{
	vmm->common.wall = fn;
}

int vmm_new(uint64_t poll_s, vmm_event_fn fn, void *userdata, struct vmm **ret)
{
	cleanup_free struct vmm *vmm = calloc(1, sizeof(*vmm));

	if (!vmm)
		return -ENOMEM;
	if (poll_s == 0)
		return -EINVAL;
	vmm->common.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (vmm->common.epoll_fd < 0)
		return -errno;
	vmm->common.poll_s = poll_s;
	vmm->common.event = fn;
	vmm->common.userdata = userdata;
	vmm->common.wall = wall_clock;
	*ret = take_ptr(vmm);
	return 0;
}

int vmm_set_poll(struct vmm *vmm, uint64_t poll_s, uint64_t now_us)
{
	struct vmm_conn *conn;

	if (poll_s == 0)
		return -EINVAL;
	vmm->common.poll_s = poll_s;
	for (conn = vmm->first; conn; conn = conn->next)
		if (!conn->removed)
			conn->ops->calm(conn, now_us); /* one that is squeezed sets its own again */
	return 0;
}

static void conn_free(struct vmm_conn *conn)
{
	struct vmm *vmm = vmm_of(conn);

	conn_due(conn, DUE_NEVER);
	if (conn->prev)
		conn->prev->next = conn->next;
	else
		vmm->first = conn->next;
	if (conn->next)
		conn->next->prev = conn->prev;
	vmm->nconn--;
	vmm->nremoved -= conn->removed;
	conn->ops->free(conn);
}

/* Frees what was removed and is answered; connections stay put while a call holds on to them. */
static void reap(struct vmm *vmm)
{
	struct vmm_conn *conn, *next;

	if (vmm->depth || vmm->nremoved == 0)
		return;
	for (conn = vmm->first; conn; conn = next) {
		next = conn->next;
		if (conn->removed && !conn->ops->unanswered(conn))
			conn_free(conn);
	}
}

static void handle(const struct epoll_event *ev, uint64_t now_us)
{
	struct vmm_conn *conn = ev->data.ptr;

	if (conn->fd >= 0 && (ev->events & EPOLLOUT))
		conn->ops->writable(conn, now_us);
	if (conn->fd >= 0 && (ev->events & ~(uint32_t)EPOLLOUT))
		conn->ops->readable(conn, now_us);
}

static void dispatch(struct vmm *vmm, uint64_t now_us, int wait_ms)
{
	struct epoll_event ev[DISPATCH_MAX];
	int i, n;

	vmm->now_us = now_us;
	vmm->depth++;
	n = epoll_wait(vmm->common.epoll_fd, ev, DISPATCH_MAX, wait_ms);
	for (i = 0; i < n; i++)
		handle(&ev[i], now_us);
	vmm->depth--;
	reap(vmm);
}

void vmm_dispatch(struct vmm *vmm, uint64_t now_us)
{
	dispatch(vmm, now_us, 0);
}

uint64_t vmm_deadline(const struct vmm *vmm)
{
	const struct due *due = due_first(&vmm->common.due);

	return due ? due->at_us : DUE_NEVER;
}

static struct vmm_conn *conn_of_due(struct due *due)
{
	return (struct vmm_conn *)((char *)due - offsetof(struct vmm_conn, due));
}

void vmm_timeout(struct vmm *vmm, uint64_t now_us)
{
	struct due *due;
	int i;

	vmm->now_us = now_us;
	vmm->depth++;
	for (i = 0; i < TIMEOUT_MAX; i++) {
		due = due_first(&vmm->common.due);
		if (!due || due->at_us > now_us)
			break;
		conn_of_due(due)->ops->timeout(conn_of_due(due), now_us);
	}
	vmm->depth--;
	reap(vmm);
}

int vmm_fd(const struct vmm *vmm)
{
	return vmm->common.epoll_fd;
}

int vmm_add(struct vmm *vmm, enum vmm_kind kind, const char *address, void *conn_userdata,
	    uint64_t now_us, struct vmm_conn **ret)
{
	struct vmm_conn *conn;

	if ((size_t)kind >= ARRAY_SIZE(kinds) || strlen(address) >= CONN_ADDRESS_MAX ||
	    address[0] == '\0')
		return -EINVAL;
	if (due_reserve(&vmm->common.due, vmm->nconn + 1) < 0)
		return -ENOMEM;
	conn = kinds[kind]->new ();
	if (!conn)
		return -ENOMEM;
	conn->common = &vmm->common;
	conn->ops = kinds[kind];
	conn->userdata = conn_userdata;
	memcpy(conn->address, address, strlen(address) + 1);
	due_init(&conn->due);
	conn->next = vmm->first;
	if (conn->next)
		conn->next->prev = conn;
	vmm->first = conn;
	vmm->nconn++;
	vmm->now_us = now_us;
	conn_due(conn, now_us); /* the first attempt is a handler's work like all others */
	*ret = conn;
	return 0;
}

void vmm_remove(struct vmm_conn *conn)
{
	struct vmm *vmm;

	if (!conn || conn->removed)
		return;
	vmm = vmm_of(conn);
	conn->removed = true;
	vmm->nremoved++;
	conn->ops->leave(conn, vmm->now_us);
	reap(vmm);
}

void vmm_free(struct vmm *vmm)
{
	struct vmm_conn *conn;
	int i;

	if (!vmm)
		return;
	vmm->depth++; /* nothing may be freed in the midst of the list */
	for (conn = vmm->first; conn; conn = conn->next)
		vmm_remove(conn);
	vmm->depth--;
	reap(vmm);
	for (i = 0; i < DRAIN_ROUNDS && vmm->first; i++)
		dispatch(vmm, vmm->now_us, DRAIN_ROUND_MS);
	while (vmm->first)
		conn_free(vmm->first);
	due_heap_fini(&vmm->common.due);
	(void)close(vmm->common.epoll_fd);
	free(vmm);
}

void *vmm_conn_userdata(const struct vmm_conn *conn)
{
	return conn->userdata;
}

const char *vmm_conn_address(const struct vmm_conn *conn)
{
	return conn->address;
}

const char *vmm_conn_name(const struct vmm_conn *conn)
{
	return conn->name;
}

const char *vmm_conn_uuid(const struct vmm_conn *conn)
{
	return conn->uuid;
}

pid_t vmm_conn_pid(const struct vmm_conn *conn)
{
	return conn->fd >= 0 ? conn->pid : 0;
}

void vmm_conn_undo(const struct vmm_conn *conn, char *text, size_t size)
{
	text[0] = '\0';
	if (conn->ops->undo)
		conn->ops->undo(conn, text, size);
}

const char *vmm_conn_trouble(const struct vmm_conn *conn)
{
	return conn->trouble;
}

void vmm_facts(const struct vmm_conn *conn, struct vm_facts *facts)
{
	const struct vm_facts *f = &conn->facts;

	facts->state = f->state;
	facts->device = f->device;
	facts->reporting = f->reporting;
	facts->boots = f->boots;
	facts->target_error = f->target_error;
	facts->ram_b = f->ram_b;
	facts->actual_b = f->actual_b;
	facts->stats = f->stats;
	facts->leftover = f->leftover;
	facts->vcpus = f->vcpus;
	facts->press = f->press;
	facts->pressing = f->pressing;
}

int vmm_poll(struct vmm_conn *conn, uint64_t now_us)
{
	return conn->ops->poll(conn, now_us);
}

int vmm_refresh(struct vmm_conn *conn, uint64_t now_us)
{
	return conn->ops->refresh(conn, now_us);
}

void vmm_calm(struct vmm_conn *conn, uint64_t now_us)
{
	conn->ops->calm(conn, now_us);
}

int vmm_set_target(struct vmm_conn *conn, uint64_t target_b, uint64_t now_us)
{
	int r;

	if (target_b == 0)
		return -EINVAL;
	r = conn->ops->set_target(conn, target_b, now_us);
	if (r == 0)
		conn->facts.leftover = 0; /* from now on its balloon is of our making */
	return r;
}

int vmm_press(struct vmm_conn *conn, uint64_t press_b, uint64_t now_us)
{
	return conn->ops->press ? conn->ops->press(conn, press_b, now_us) : -EOPNOTSUPP;
}
