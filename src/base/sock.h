/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sock.h - a connection to a unix socket
 *
 * Layer: base.
 * In:    a path.
 * Out:   a file descriptor that never blocks, and who listens there.
 *
 * A unix socket connects at once or not at all: there is no "in progress" to
 * wait for, and a full backlog (-EAGAIN) is a failure like any other.
 */
#ifndef BALLONET_BASE_SOCK_H
#define BALLONET_BASE_SOCK_H

#include <sys/types.h>

/*
 * Connects to the stream socket at @path. @ret_pid is the process that began to
 * listen (SO_PEERCRED), 0 where it is not to be seen from here. The fd, or
 * -errno; -ENAMETOOLONG for a path that sun_path cannot hold.
 */
int sock_connect(const char *path, pid_t *ret_pid);

#endif
