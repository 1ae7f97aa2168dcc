/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conn.c - the socket of one VM's connection
 *
 * Layer: vmm.
 * In:    a path; bytes to send.
 * Out:   bytes received; trouble in a sentence.
 *
 * A unix socket connects at once or not at all: there is no "in progress". A full
 * backlog is a failure like any other, and is tried again later.
 */
#include "vmm/conn.h"

#include "vmm/loop.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"

void conn_tidy(const char *text, char *ret, size_t size)
{
	size_t i;

	for (i = 0; text[i] && i + 1 < size; i++) {
		unsigned char c = (unsigned char)text[i];

		ret[i] = c < 0x20 || c == 0x7f ? '?' : text[i];
	}
	if (text[i]) /* cut: not inside a character */
		while (i && ((unsigned char)text[i] & 0xc0) == 0x80)
			i--;
	ret[i] = '\0';
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
	if (epoll_ctl(conn->vmm->epoll_fd, op, conn->fd, &ev) < 0)
		return -errno;
	conn->want_out = out;
	return 0;
}

int conn_connect(struct vmm_conn *conn)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct ucred cred;
	socklen_t len = sizeof(cred);
	cleanup_close int fd = -EBADF;
	int r;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	memcpy(sa.sun_path, conn->address, sizeof(sa.sun_path));
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return -errno;
	conn->fd = fd;
	r = watch(conn, EPOLL_CTL_ADD, false);
	if (r < 0) {
		conn->fd = -EBADF;
		return r;
	}
	(void)take_fd(&fd);
	conn->pid = cred.pid;
	return 0;
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
	n = recv(conn->fd, conn->vmm->chunk, CONN_CHUNK, MSG_DONTWAIT);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	*ret_bytes = conn->vmm->chunk;
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
	due_set(&conn->vmm->due, &conn->due, at_us);
}
