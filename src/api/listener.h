/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * listener.h - a unix socket that others connect to, and its file
 *
 * Layer: api.
 * In:    a path, and the group that may use it.
 * Out:   a descriptor to accept from.
 *
 * Whoever may open the socket may squeeze and release: its mode and owner are
 * the access control. A file that is not ours, or no longer, is never touched.
 */
#ifndef BALLONET_API_LISTENER_H
#define BALLONET_API_LISTENER_H

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>

struct listener {
	int fd;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	struct stat bound; /* the socket as it was bound, so that only ours is removed */
};

/*
 * With @inherited < 0, listens on @path (mode 0660, group @group or, where that is -1, the
 * process's; its folder is made, mode 0755, where it is not there; a socket
 * that nobody listens on is replaced, one in use is -EADDRINUSE). Else @inherited listens
 * already, and is this one's; of its file only the group is changed, where one is given.
 * 0 or -errno; @l is good for listener_fini() either way.
 */
int listener_init(struct listener *l, const char *path, gid_t group, int inherited);

/* Closes it, and removes the file that it made. */
void listener_fini(struct listener *l);

#endif
