/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * client.h - one request to the daemon's control API
 *
 * Layer: client (may include base).
 * In:    the path of the control socket, a method, a path, maybe a body.
 * Out:   the status and body of the reply, whatever they are.
 *
 * The caller judges what the reply says. This file makes sure that it came, in
 * time, and within a size limit.
 */
#ifndef BALLONET_CLIENT_CLIENT_H
#define BALLONET_CLIENT_CLIENT_H

#include "base/buf.h"

/* Where the daemon listens unless told otherwise. */
#define CLIENT_SOCKET_DEFAULT "/run/ballonet/control.sock"

/* The daemon answers within milliseconds; one that is stopped or hangs does not. */
#define CLIENT_TIMEOUT_MS 10000

/*
 * How long a full queue of the daemon's socket is waited for: it lets clients
 * that ask nothing go after 5 s (src/api/control.c).
 */
#define CLIENT_CONNECT_MS 6000

/* 10000 VMs are 20 MiB of JSON. */
#define CLIENT_REPLY_MAX ((size_t)64 * 1024 * 1024)

/*
 * Sends one request and waits for the whole reply. @body is JSON, or NULL.
 * @reply is an initialized buffer that is cleared first; its own limit bounds
 * the reply. Writes *ret_status (an HTTP status) and @reply on success.
 *
 * 0, or: -ENOENT (no socket), -ECONNREFUSED (nobody listens), -EACCES,
 * -ENAMETOOLONG (@socket), -EAGAIN (its queue stays full), -ETIMEDOUT,
 * -EMSGSIZE (the reply is too large), -EPROTO (what answers does not speak
 * HTTP, or stopped in the middle), -ENOMEM.
 */
int client_request(const char *socket, const char *method, const char *path, const char *body,
		   long *ret_status, struct buf *reply);

/* Appends @text to the path in @path with all but letters, digits and "-._~" percent-encoded. */
int client_add_segment(struct buf *path, const char *text);

#endif
