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
	int dir; /* -EBADF: none */
	bool v2;
	bool hierarchical; /* usage counts the cgroups below it too */
};

#define CGROUP_NONE ((struct cgroup){ .dir = -EBADF })

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
 * Pure. The page cache of files that can be reclaimed, from memory.stat:
 * inactive_file + active_file, the total_ ones of v1 where they are there. 0 or
 * -EBADMSG where a figure is missing or malformed.
 */
int cgroup_reclaimable_parse(const char *text, uint64_t *ret_b);

/* Pure. A limit or a usage: a number, or "max" for UINT64_MAX. 0 or -EBADMSG. */
int cgroup_number_parse(const char *text, uint64_t *ret_b);

/*
 * Opens the nearest cgroup, at or above the one that @p is in, that has memory
 * files, if it holds @p and nobody else, itself and below, and is not the
 * root. 0, -ENOENT where there is none, or it is shared, or too large to tell;
 * -ESRCH, or -errno.
 */
int cgroup_open_own(int root, const struct process *p, struct cgroup *ret);

/* Closes it; may be called again. */
void cgroup_fini(struct cgroup *cg);

/* Opens the memory cgroup @path below @root: of v1, else of v2. 0, -ENOENT, or -errno. */
int cgroup_open(int root, const char *path, struct cgroup *ret);

/* Opens the directory of @path in the v2 tree where it has @file. An fd, or -EBADF. */
int cgroup_open_v2(int root, const char *path, const char *file);

/*
 * These read by name, so that a cgroup that was removed is noticed. 0, -ENODEV or
 * -ENOENT where it is gone, -EBADMSG or -errno; -EBADF without one.
 */
int cgroup_usage(const struct cgroup *cg, uint64_t *ret_b);   /* without the page cache of files */
int cgroup_charged(const struct cgroup *cg, uint64_t *ret_b); /* with it */
int cgroup_reclaimable(const struct cgroup *cg, uint64_t *ret_b);
int cgroup_limit(const struct cgroup *cg, uint64_t *ret_b);

#endif
