/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * control.h - the control API: HTTP and JSON on a unix socket
 *
 * Layer: api.
 * In:    requests of local clients (the command line is one like any other).
 * Out:   the state of the fleet; requests of operators, through control_ops.
 *
 * It runs on the daemon's one loop: the owner watches control_fd() and calls
 * control_dispatch(), which never blocks.
 */
#ifndef BALLONET_API_CONTROL_H
#define BALLONET_API_CONTROL_H

#include "api/owner.h"

#include <stdint.h>
#include <sys/types.h>

struct control;

/*
 * Serves a socket as listener_init() has it. 0 or -errno.
 */
int control_new(const char *path, gid_t group, int inherited, const struct control_view *view,
		const struct control_ops *ops, void *userdata, struct control **ret);

/* Closes all connections, and removes a socket that it made. Takes NULL. */
void control_free(struct control *c);

/* Readable when control_dispatch() has something to do. */
int control_fd(const struct control *c);

/* Handles what is readable. */
void control_dispatch(struct control *c);

/* Microseconds until control_dispatch() wants to be called all the same; UINT64_MAX: never. */
uint64_t control_timeout_us(const struct control *c);

#endif
