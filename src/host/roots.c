/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * roots.c - where this host's facts are read from
 *
 * Layer: host.
 * In:    /proc and /sys/fs/cgroup.
 * Out:   two directory fds that everything in host/ is read below.
 *
 * The only two absolute paths of the layer are here.
 */
#include "host/roots.h"

#include "base/cleanup.h"
#include "host/hostgroup.h"

#include <errno.h>
#include <fcntl.h>

#define ROOT_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

int host_roots_init(struct host_roots *ret)
{
	int proc, cgroup;

	proc = open("/proc", ROOT_FLAGS);
	if (proc < 0)
		return -errno;
	cgroup = open("/sys/fs/cgroup", ROOT_FLAGS);
	*ret = (struct host_roots){ .proc = proc, .cgroup = cgroup < 0 ? -EBADF : cgroup };
	return 0;
}

void host_roots_fini(struct host_roots *roots)
{
	cleanup_closep(&roots->proc);
	cleanup_closep(&roots->cgroup);
	hostgroup_free(roots->host);
	*roots = (struct host_roots){ .proc = -EBADF, .cgroup = -EBADF };
}
