/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * listener.c - a unix socket that others connect to, and its file
 *
 * Layer: api.
 * In:    a path, and the group that may use it.
 * Out:   a descriptor to accept from.
 *
 * The file may be left over from a daemon that died, belong to one that lives,
 * or disappear while we listen. Each case is handled differently.
 */
#include "api/listener.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* Those that wait to be accepted; the kernel bounds it too (net.core.somaxconn). */
#define BACKLOG 1024
#define SOCKET_MODE 0660
#define FOLDER_MODE 0755

static int make_folder(const char *path)
{
	cleanup_free char *folder = strdup(path);
	char *slash = folder ? strrchr(folder, '/') : NULL;

	if (!folder)
		return -ENOMEM;
	if (!slash || slash == folder)
		return 0;
	*slash = '\0';
	return mkdir(folder, FOLDER_MODE) < 0 && errno != EEXIST ? -errno : 0;
}

/* Removes a socket that nobody listens on. 0, -EADDRINUSE, -EEXIST (no socket) or -errno. */
static int remove_dead(const struct sockaddr_un *addr)
{
	cleanup_close int fd = -EBADF;
	struct stat st;

	if (lstat(addr->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 || errno == EAGAIN)
		return -EADDRINUSE;
	if (errno != ECONNREFUSED)
		return -errno;
	return unlink(addr->sun_path) < 0 ? -errno : 0;
}

/* Gives a socket its group, unless that is -1. */
static int give_group(const char *path, gid_t group)
{
	return group != (gid_t)-1 && chown(path, (uid_t)-1, group) < 0 ? -errno : 0;
}

static int listen_on(struct listener *l, gid_t group)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	cleanup_close int fd = -EBADF;
	int r;

	memcpy(addr.sun_path, l->path, sizeof(addr.sun_path));
	r = make_folder(l->path);
	if (r == 0)
		r = remove_dead(&addr);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	/* the mode of the socket before it is bound is what it is bound with, less the umask:
	 * never wider than wanted, not even for a moment */
	if (fd < 0 || fchmod(fd, SOCKET_MODE) < 0 ||
	    bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	r = give_group(l->path, group);
	if (r == 0 && (chmod(l->path, SOCKET_MODE) < 0 || lstat(l->path, &l->bound) < 0 ||
		       listen(fd, BACKLOG) < 0))
		r = -errno;
	if (r < 0) {
		(void)unlink(l->path);
		return r;
	}
	l->fd = take_fd(&fd);
	return 0;
}

static void remove_own(const struct listener *l)
{
	struct stat st;

	if (l->bound.st_ino && lstat(l->path, &st) == 0 && st.st_ino == l->bound.st_ino &&
	    st.st_dev == l->bound.st_dev)
		(void)unlink(l->path);
}

/* Takes over a socket that listens already. */
static int take_over(struct listener *l, gid_t group, int inherited)
{
	struct sockaddr_un addr = { 0 };
	socklen_t len = sizeof(addr) - 1; /* its path may lack an end */

	l->fd = inherited;
	if (fcntl(l->fd, F_SETFL, O_NONBLOCK) < 0 ||
	    getsockname(l->fd, (struct sockaddr *)&addr, &len) < 0)
		return -errno;
	return *addr.sun_path ? give_group(addr.sun_path, group) : 0;
}

int listener_init(struct listener *l, const char *path, gid_t group, int inherited)
{
	*l = (struct listener){ .fd = -EBADF };
	if (inherited >= 0)
		return take_over(l, group, inherited);
	if (strlen(path) >= sizeof(l->path))
		return -ENAMETOOLONG;
	(void)snprintf(l->path, sizeof(l->path), "%s", path);
	return listen_on(l, group);
}

void listener_fini(struct listener *l)
{
	remove_own(l);
	if (l->fd >= 0)
		(void)close(l->fd);
	l->fd = -EBADF;
}
