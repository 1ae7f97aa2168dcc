/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conn.c - the socket of one VM's connection
 *
 * Layer: vmm.
 * In:    a path; bytes to send.
 * Out:   bytes received; trouble in a sentence.
 *
 * What a socket does not take waits in the owner's buffer, and epoll then watches
 * for room; a connection without anything to send is not woken for it.
 */
#include "vmm/conn.h"

#include "base/cleanup.h"
#include "base/sock.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

void conn_tidy(const char *text, char *ret, size_t size)
{
	size_t len = 0, n;

	for (; *text; text += n ? n : 1) {
		n = utf8_printable(text);
		if (len + (n ? n : 1) >= size)
			break;
		memcpy(ret + len, n ? text : "?", n ? n : 1);
		len += n ? n : 1;
	}
	ret[len] = '\0';
}

void conn_trouble(struct vmm_conn *conn, const char *fmt, ...)
{
	char text[4 * CONN_TROUBLE_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	conn_tidy(text, conn->trouble, sizeof(conn->trouble));
}

static int watch(struct vmm_conn *conn, int op, bool out)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = conn };

	if (out)
		ev.events |= EPOLLOUT;
	if (epoll_ctl(conn->common->epoll_fd, op, conn->fd, &ev) < 0)
		return -errno;
	conn->want_out = out;
	return 0;
}

int conn_connect(struct vmm_conn *conn)
{
	cleanup_close int fd = sock_connect(conn->address, &conn->pid);
	int r;

	if (fd < 0)
		return fd;
	conn->fd = fd;
	r = watch(conn, EPOLL_CTL_ADD, false);
	if (r < 0)
		conn->fd = -EBADF;
	else
		(void)take_fd(&fd);
	return r;
}

void conn_close(struct vmm_conn *conn)
{
	if (conn->fd >= 0)
		(void)close(conn->fd); /* which also ends the watch */
	conn->fd = -EBADF;
	conn->want_out = false;
}

ssize_t conn_read(struct vmm_conn *conn, const char **ret_bytes)
{
	ssize_t n;

	if (conn->fd < 0)
		return -EAGAIN;
	n = recv(conn->fd, conn->common->chunk, CONN_CHUNK, MSG_DONTWAIT);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	*ret_bytes = conn->common->chunk;
	return n ? n : -EPIPE;
}

int conn_flush(struct vmm_conn *conn, struct buf *out)
{
	ssize_t n;

	if (out->len) {
		n = send(conn->fd, out->data, out->len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n > 0)
			buf_consume(out, (size_t)n);
	}
	if (conn->want_out == (out->len > 0))
		return 0;
	return watch(conn, EPOLL_CTL_MOD, out->len > 0);
}

void conn_due(struct vmm_conn *conn, uint64_t at_us)
{
	due_set(&conn->common->due, &conn->due, at_us);
}

void conn_emit(struct vmm_conn *conn, enum vmm_event event)
{
	if (!conn->removed)
		conn->common->event(conn->common->userdata, conn, event);
}

uint64_t conn_poll_s(const struct vmm_conn *conn)
{
	return conn->common->poll_s;
}

uint64_t conn_wall_us(const struct vmm_conn *conn)
{
	return conn->common->wall(conn->common->userdata);
}
