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
#define NUMBER_TEXT_MAX 64
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
/* v1 has a directory for each controller, v2 beside v1 one of its own */
#define V1_TREE "memory"
#define V2_TREE "unified"
#define TREE_DEPTH_MAX 4   /* scope/libvirt/vcpuN is 2 below the scope */
#define TREE_DIRS_MAX 1024 /* libvirt makes one for each vCPU */

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

int cgroup_number_parse(const char *text, uint64_t *ret_b)
{
	uint64_t number = UINT64_MAX;

	if (!text_skip(&text, "max") && text_u64(&text, &number) < 0)
		return -EBADMSG;
	if (*text != '\n' && *text != '\0')
		return -EBADMSG;
	*ret_b = number;
	return 0;
}

int cgroup_reclaimable_parse(const char *text, uint64_t *ret_b)
{
	struct fact here[2] = { 0 }, below[2] = { 0 };
	const struct text_field field[] = {
		{ "inactive_file", 1, &here[0] },
		{ "active_file", 1, &here[1] },
		{ "total_inactive_file", 1, &below[0] },
		{ "total_active_file", 1, &below[1] },
	};
	const struct fact *f = here;
	int r;

	r = text_fields(text, 0, field, ARRAY_SIZE(field));
	if (r < 0)
		return r;
	if (below[0].known && below[1].known)
		f = below;
	if (!f[0].known || !f[1].known)
		return -EBADMSG;
	*ret_b = u64_add_sat(f[0].value, f[1].value);
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

static bool has_file(int dir, const char *file)
{
	return faccessat(dir, file, R_OK, 0) == 0;
}

static const char *usage_file(bool v2)
{
	return v2 ? "memory.current" : "memory.usage_in_bytes";
}

/* The directory of one controller's cgroups below @root, or @root where there is only one tree. */
static int open_tree(int root, const char *tree)
{
	int fd = openat(root, tree, DIR_FLAGS);

	return fd < 0 ? openat(root, ".", DIR_FLAGS) : fd;
}

/* @dir is @ret's from now on. */
static void take_dir(int dir, bool v2, struct cgroup *ret)
{
	*ret = (struct cgroup){ .dir = dir, .v2 = v2, .hierarchical = v2 || is_hierarchical(dir) };
}

/* Opens @path in @tree where it has @file. An fd, or -EBADF. */
static int open_where(int root, const char *tree, const char *path, const char *file)
{
	cleanup_close int base = open_tree(root, tree);
	cleanup_close int dir = -EBADF;

	dir = base < 0 ? -EBADF : openat(base, path + strspn(path, "/"), DIR_FLAGS);
	return dir >= 0 && has_file(dir, file) ? take_fd(&dir) : -EBADF;
}

int cgroup_open(int root, const char *path, struct cgroup *ret)
{
	int dir = open_where(root, V1_TREE, path, usage_file(false));

	if (dir >= 0) {
		take_dir(dir, false, ret);
		return 0;
	}
	dir = open_where(root, V2_TREE, path, usage_file(true));
	if (dir < 0)
		return -ENOENT;
	take_dir(dir, true, ret);
	return 0;
}

int cgroup_open_v2(int root, const char *path, const char *file)
{
	return open_where(root, V2_TREE, path, file);
}

/* At @path below @base, or above. @path is cut on the way up. */
static int open_nearest(int base, char *path, pid_t pid, bool v2, struct cgroup *ret)
{
	unsigned int dirs = 0;

	while (*path) {
		cleanup_close int dir = openat(base, path, DIR_FLAGS);
		char *slash = strrchr(path, '/');
		int r;

		if (dir < 0)
			return -errno;
		if (has_file(dir, usage_file(v2))) {
			r = only_pid_below(dir, pid, 0, &dirs);
			if (r == 0)
				take_dir(take_fd(&dir), v2, ret);
			return r;
		}
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
	base = open_tree(root, v2 ? V2_TREE : V1_TREE);
	return base < 0 ? -errno : open_nearest(base, path, p->pid, v2, ret);
}

void cgroup_fini(struct cgroup *cg)
{
	cleanup_closep(&cg->dir);
	*cg = CGROUP_NONE;
}

static int read_number(const struct cgroup *cg, const char *file, uint64_t *ret_b)
{
	char text[NUMBER_TEXT_MAX];
	int r;

	r = cg->dir < 0 ? -EBADF : file_read_at(cg->dir, file, text, sizeof(text), NULL);
	return r < 0 ? r : cgroup_number_parse(text, ret_b);
}

int cgroup_charged(const struct cgroup *cg, uint64_t *ret_b)
{
	uint64_t usage_b;
	int r;

	r = read_number(cg, usage_file(cg->v2), &usage_b);
	if (r == 0 && usage_b == UINT64_MAX)
		r = -EBADMSG; /* only a limit may be "max" */
	if (r == 0)
		*ret_b = usage_b;
	return r;
}

int cgroup_limit(const struct cgroup *cg, uint64_t *ret_b)
{
	return read_number(cg, cg->v2 ? "memory.max" : "memory.limit_in_bytes", ret_b);
}

int cgroup_reclaimable(const struct cgroup *cg, uint64_t *ret_b)
{
	char text[STAT_TEXT_MAX];
	int r;

	r = file_read_at(cg->dir, "memory.stat", text, sizeof(text), NULL);
	return r < 0 ? r : cgroup_reclaimable_parse(text, ret_b);
}

int cgroup_usage(const struct cgroup *cg, uint64_t *ret_b)
{
	char text[STAT_TEXT_MAX];
	uint64_t usage, cache;
	int r;

	r = cgroup_charged(cg, &usage);
	if (r < 0)
		return r;
	r = file_read_at(cg->dir, "memory.stat", text, sizeof(text), NULL);
	if (r < 0)
		return r;
	r = cgroup_file_cache_parse(text, cg->v2, cg->hierarchical, &cache);
	if (r < 0)
		return r;
	*ret_b = u64_sub_sat(usage, cache);
	return 0;
}
