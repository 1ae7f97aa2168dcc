/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cgroup.h - the memory cgroup that a VM has to itself
 *
 * Layer: host.
 * In:    a process, and the root of the cgroup file systems (v1, v2, both).
 * Out:   bytes charged to it, without the page cache of files.
 *
 * It is exact for anonymous memory, where RSS is not (partly freed huge pages),
 * but only if nobody else is charged to it.
 */
#ifndef BALLONET_HOST_CGROUP_H
#define BALLONET_HOST_CGROUP_H

#include "host/process.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cgroup {
	int usage; /* memory.current or memory.usage_in_bytes */
	int stat;  /* memory.stat */
	bool v2;
	bool hierarchical; /* usage counts the cgroups below it too */
};

#define CGROUP_NONE ((struct cgroup){ .usage = -EBADF, .stat = -EBADF })

/*
 * Pure. Finds the memory cgroup in the text of /proc/PID/cgroup: the v1 line
 * with the controller "memory", else the v2 line. *ret_path has no leading '/'
 * and is "" for the root. 0, -ENOENT (no such line), -EBADMSG (malformed, or a
 * path that leads out of the tree), or -ENAMETOOLONG for @size.
 */
int cgroup_path_parse(const char *text, bool *ret_v2, char *ret_path, size_t size);

/*
 * Pure. The page cache of files without shared memory, from memory.stat: v2
 * file - shmem, v1 cache - shmem (the total_ ones where @hierarchical). 0 or
 * -EBADMSG where a figure is missing or malformed.
 */
int cgroup_file_cache_parse(const char *text, bool v2, bool hierarchical, uint64_t *ret_b);

/*
 * Opens the nearest cgroup, at or above the one that @p is in, that has memory
 * files, if it holds @p and nobody else, itself and below, and is not the
 * root. 0, -ENOENT where there is none, or it is shared, or too large to tell;
 * -ESRCH, or -errno.
 */
int cgroup_open_own(int root, const struct process *p, struct cgroup *ret);

/* Closes it; may be called again. */
void cgroup_fini(struct cgroup *cg);

/*
 * Bytes charged to it without the page cache of files: two preads. 0, -ENODEV
 * where the cgroup is gone, -EBADMSG or -errno.
 */
int cgroup_usage(const struct cgroup *cg, uint64_t *ret_b);

#endif
