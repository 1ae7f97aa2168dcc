/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cgroup.c - the memory cgroup that a VM has to itself
 *
 * Layer: host.
 * In:    a process, and the root of the cgroup file systems (v1, v2, both).
 * Out:   bytes charged to it, without the page cache of files.
 *
 * Below a systemd or libvirt scope the process is in a child (libvirt/emulator)
 * that may have no memory files of its own. So the search goes upwards, and the
 * whole tree below the cgroup found must belong to the VM.
 */
#include "host/cgroup.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/num.h"
#include "host/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define CGROUP_TEXT_MAX 8192 /* a line for each of a dozen hierarchies */
#define PROCS_TEXT_MAX 1024  /* a cgroup with more pids than fit is shared anyway */
#define STAT_TEXT_MAX 16384  /* memory.stat is 1.5 to 3 KiB */
#define TREE_DEPTH_MAX 4     /* scope/libvirt/vcpuN is 2 below the scope */
#define TREE_DIRS_MAX 1024   /* libvirt makes one for each vCPU */

static bool has_memory(const char *list, size_t len)
{
	const char *end = list + len;

	while (list < end) {
		size_t n = strcspn(list, ",:");

		if (n == strlen("memory") && strncmp(list, "memory", n) == 0)
			return true;
		list += n + 1;
	}
	return false;
}

static int copy_path(const char *path, size_t len, char *ret, size_t size)
{
	if (len == 0 || path[0] != '/')
		return -EBADMSG;
	path++;
	len--;
	if (len >= size)
		return -ENAMETOOLONG;
	memcpy(ret, path, len);
	ret[len] = '\0';
	/* the kernel writes "/../x" for a cgroup outside of our namespace */
	if (strcmp(ret, "..") == 0 || strncmp(ret, "../", 3) == 0 || strstr(ret, "/../"))
		return -EBADMSG;
	return 0;
}

int cgroup_path_parse(const char *text, bool *ret_v2, char *ret_path, size_t size)
{
	const char *v2_path = NULL;
	size_t v2_len = 0;
	const char *line;
	int r;

	for (line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t len = strcspn(line, "\n");
		const char *list = memchr(line, ':', len);
		const char *path =
			list ? memchr(list + 1, ':', len - (size_t)(list + 1 - line)) : NULL;

		if (!path)
			return -EBADMSG;
		list++;
		path++;
		len -= (size_t)(path - line);
		if (has_memory(list, (size_t)(path - 1 - list))) {
			r = copy_path(path, len, ret_path, size);
			if (r == 0)
				*ret_v2 = false;
			return r;
		}
		if (path - list == 1) { /* "0::/path" */
			v2_path = path;
			v2_len = len;
		}
	}
	if (!v2_path)
		return -ENOENT;
	r = copy_path(v2_path, v2_len, ret_path, size);
	if (r == 0)
		*ret_v2 = true;
	return r;
}

int cgroup_file_cache_parse(const char *text, bool v2, bool hierarchical, uint64_t *ret_b)
{
	struct fact cache = { 0 }, shmem = { 0 };
	const char *const cache_key = v2 ? "file" : hierarchical ? "total_cache" : "cache";
	const char *const shmem_key = !v2 && hierarchical ? "total_shmem" : "shmem";
	const struct text_field field[] = {
		{ cache_key, 1, &cache },
		{ shmem_key, 1, &shmem },
	};
	int r;

	r = text_fields(text, 0, field, ARRAY_SIZE(field));
	if (r < 0)
		return r;
	if (!cache.known || !shmem.known)
		return -EBADMSG;
	*ret_b = u64_sub_sat(cache.value, shmem.value);
	return 0;
}

/* Is every process in this one cgroup @pid? 0, or -ENOENT where not or not to be told. */
static int only_pid(int dir, pid_t pid)
{
	char text[PROCS_TEXT_MAX];
	const char *p = text;
	uint64_t other;
	int r;

	r = file_read_at(dir, "cgroup.procs", text, sizeof(text), NULL);
	if (r == -EOPNOTSUPP)
		return 0; /* a threaded cgroup: its processes show in the one above */
	if (r < 0)
		return -ENOENT;
	while (*p) {
		if (text_u64(&p, &other) < 0 || other != (uint64_t)pid || !text_skip(&p, "\n"))
			return -ENOENT;
	}
	return 0;
}

/* The same for the cgroup and all below it. Recurses TREE_DEPTH_MAX deep at most. */
static int only_pid_below(int dir, pid_t pid, unsigned int depth, unsigned int *dirs)
{
	cleanup_closedir DIR *list = NULL;
	struct dirent *e;
	int fd, r;

	if (depth > TREE_DEPTH_MAX || (*dirs)++ >= TREE_DIRS_MAX)
		return -ENOENT;
	r = only_pid(dir, pid);
	if (r < 0)
		return r;
	fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	list = fdopendir(fd);
	if (!list) {
		(void)close(fd);
		return -ENOMEM;
	}
	while ((e = readdir(list))) {
		cleanup_close int child = -EBADF;

		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		child = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (child < 0)
			continue; /* removed meanwhile */
		r = only_pid_below(child, pid, depth + 1, dirs);
		if (r < 0)
			return r;
	}
	return 0;
}

/* v1: does the usage count the cgroups below? Always so since 5.11, where the file may go. */
static bool is_hierarchical(int dir)
{
	char text[16];

	if (file_read_at(dir, "memory.use_hierarchy", text, sizeof(text), NULL) < 0)
		return true;
	return text[0] != '0';
}

static int open_files(int dir, bool v2, struct cgroup *ret)
{
	cleanup_close int usage = -EBADF;
	cleanup_close int stat = -EBADF;

	usage = openat(dir, v2 ? "memory.current" : "memory.usage_in_bytes", O_RDONLY | O_CLOEXEC);
	if (usage < 0)
		return -errno;
	stat = openat(dir, "memory.stat", O_RDONLY | O_CLOEXEC);
	if (stat < 0)
		return -errno;
	*ret = (struct cgroup){ .usage = take_fd(&usage),
				.stat = take_fd(&stat),
				.v2 = v2,
				.hierarchical = v2 || is_hierarchical(dir) };
	return 0;
}

/* At @path below @base, or above. @path is cut on the way up. */
static int open_nearest(int base, char *path, pid_t pid, bool v2, struct cgroup *ret)
{
	unsigned int dirs = 0;

	while (*path) {
		cleanup_close int dir = openat(base, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		char *slash = strrchr(path, '/');
		struct cgroup cg;
		int r;

		if (dir < 0)
			return -errno;
		r = open_files(dir, v2, &cg);
		if (r == 0) {
			r = only_pid_below(dir, pid, 0, &dirs);
			if (r < 0)
				cgroup_fini(&cg);
			else
				*ret = cg;
			return r;
		}
		if (r != -ENOENT)
			return r;
		*(slash ? slash : path) = '\0';
	}
	return -ENOENT;
}

int cgroup_open_own(int root, const struct process *p, struct cgroup *ret)
{
	cleanup_close int base = -EBADF;
	char text[CGROUP_TEXT_MAX], path[PATH_MAX];
	bool v2;
	int r;

	if (root < 0)
		return -ENOENT;
	r = file_read_at(p->dir, "cgroup", text, sizeof(text), NULL);
	if (r < 0)
		return r;
	r = cgroup_path_parse(text, &v2, path, sizeof(path));
	if (r < 0)
		return r;
	/* v1 has a directory for each controller, v2 beside v1 one of its own */
	base = openat(root, v2 ? "unified" : "memory", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return open_nearest(base < 0 ? root : base, path, p->pid, v2, ret);
}

void cgroup_fini(struct cgroup *cg)
{
	cleanup_closep(&cg->usage);
	cleanup_closep(&cg->stat);
	*cg = CGROUP_NONE;
}

int cgroup_usage(const struct cgroup *cg, uint64_t *ret_b)
{
	char text[STAT_TEXT_MAX];
	const char *p = text;
	uint64_t usage, cache;
	int r;

	r = file_read_fd(cg->usage, text, sizeof(text), NULL);
	if (r < 0)
		return r;
	r = text_u64(&p, &usage);
	if (r < 0)
		return r;
	r = file_read_fd(cg->stat, text, sizeof(text), NULL);
	if (r < 0)
		return r;
	r = cgroup_file_cache_parse(text, cg->v2, cg->hierarchical, &cache);
	if (r < 0)
		return r;
	*ret_b = u64_sub_sat(usage, cache);
	return 0;
}
