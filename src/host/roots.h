/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * roots.h - where this host's facts are read from
 *
 * Layer: host.
 * In:    /proc and /sys/fs/cgroup, or a test's own trees.
 * Out:   two directory fds that everything in host/ is read below.
 *
 * No other module of host/ has an absolute path, so that each can be tested on a
 * made-up tree.
 */
#ifndef BALLONET_HOST_ROOTS_H
#define BALLONET_HOST_ROOTS_H

struct hostgroup;

struct host_roots {
	int proc;		/* /proc */
	int cgroup;		/* /sys/fs/cgroup: v1, v2 or both; -EBADF: there is none */
	struct hostgroup *host; /* the cgroup that stands for the host; NULL: the host itself */
};

/*
 * Opens the real ones. A host without /sys/fs/cgroup is fine (-EBADF stands
 * for it); without /proc it is not: -errno.
 */
int host_roots_init(struct host_roots *ret);

/* Closes all; may be called again. */
void host_roots_fini(struct host_roots *roots);

#endif
