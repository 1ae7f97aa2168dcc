/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostgroup.c - a memory cgroup that stands for the whole host
 *
 * Layer: host.
 * In:    the root of the cgroup file systems (v1, v2, both), and a path below it.
 * Out:   its memory, and where its pressure is told.
 *
 * Usage includes page cache that the kernel drops before it kills, so that cache
 * counts as available here, as in MemAvailable. Only cgroup v2 reports pressure.
 * Where memory is still v1, the same path is tried in the v2 tree beside it.
 */
#include "host/hostgroup.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/num.h"
#include "host/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STAT_TEXT_MAX 16384 /* memory.stat is 1.5 to 3 KiB */
#define NUMBER_TEXT_MAX 64
#define DIR_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)

struct hostgroup {
	int root; /* borrowed */
	char *path;
	int dir;      /* -EBADF: it is not there */
	int pressure; /* the same cgroup in the v2 tree; -EBADF: it tells no pressure */
	bool v2;
	uint64_t again_us; /* when to look for it again */
	uint64_t changes;
	char trouble[HOSTGROUP_TROUBLE_MAX];
};

const char *hostgroup_fault(const char *path)
{
	const char *p = path + strspn(path, "/");

	if (!*p)
		return "is the root: name a cgroup below it";
	if (strlen(path) >= PATH_MAX)
		return "is too long for a path";
	while (*p) {
		size_t n = strcspn(p, "/");

		if (n == 2 && strncmp(p, "..", 2) == 0)
			return "must not contain '..'";
		p += n;
		p += strspn(p, "/");
	}
	return NULL;
}

int hostgroup_new(int root, const char *path, struct hostgroup **ret)
{
	struct hostgroup *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	*g = (struct hostgroup){ .root = root, .dir = -EBADF, .pressure = -EBADF };
	g->path = strdup(path);
	if (!g->path) {
		free(g);
		return -ENOMEM;
	}
	*ret = g;
	return 0;
}

static void lose(struct hostgroup *g)
{
	cleanup_closep(&g->dir);
	cleanup_closep(&g->pressure);
	g->dir = g->pressure = -EBADF;
}

void hostgroup_free(struct hostgroup *g)
{
	if (!g)
		return;
	lose(g);
	free(g->path);
	free(g);
}

int hostgroup_limit_parse(const char *text, uint64_t *ret_b)
{
	uint64_t limit = UINT64_MAX;

	if (!text_skip(&text, "max") && text_u64(&text, &limit) < 0)
		return -EBADMSG;
	if (*text != '\n' && *text != '\0')
		return -EBADMSG;
	*ret_b = limit;
	return 0;
}

int hostgroup_cache_parse(const char *text, uint64_t *ret_b)
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

/* @tree below the root of cgroups, or that root itself where there is none. */
static int open_tree(int root, const char *tree)
{
	int fd = openat(root, tree, DIR_FLAGS);

	return fd < 0 ? openat(root, ".", DIR_FLAGS) : fd;
}

/* Opens the cgroup below @tree where it has @file; -EBADF where not. */
static int open_group(int root, const char *tree, const char *path, const char *file)
{
	cleanup_close int base = open_tree(root, tree);
	cleanup_close int dir = -EBADF;

	dir = base < 0 ? -EBADF : openat(base, path + strspn(path, "/"), DIR_FLAGS);
	if (dir < 0 || faccessat(dir, file, R_OK, 0) < 0)
		return -EBADF;
	return take_fd(&dir);
}

/* Looks for the cgroup where memory is v1, then where it is v2. */
static bool find(struct hostgroup *g, uint64_t now_us)
{
	if (now_us < g->again_us)
		return false;
	g->dir = open_group(g->root, "memory", g->path, "memory.limit_in_bytes");
	g->v2 = g->dir < 0;
	if (g->v2)
		g->dir = open_group(g->root, "unified", g->path, "memory.max");
	if (g->dir < 0) {
		g->again_us = now_us + HOSTGROUP_AGAIN_US;
		(void)snprintf(g->trouble, sizeof(g->trouble),
			       "There is no memory cgroup %.128s; the host's own figures are used.",
			       g->path);
		return false;
	}
	g->pressure = open_group(g->root, "unified", g->path, "memory.pressure");
	g->trouble[0] = '\0';
	g->changes++;
	return true;
}

static int read_number(int dir, const char *file, uint64_t *ret)
{
	char text[NUMBER_TEXT_MAX];
	int r;

	r = file_read_at(dir, file, text, sizeof(text), NULL);
	return r < 0 ? r : hostgroup_limit_parse(text, ret);
}

static int read_group(const struct hostgroup *g, uint64_t *ret_limit_b, uint64_t *ret_available_b)
{
	uint64_t limit, usage, cache;
	char text[STAT_TEXT_MAX];
	int r;

	r = read_number(g->dir, g->v2 ? "memory.max" : "memory.limit_in_bytes", &limit);
	if (r == 0)
		r = read_number(g->dir, g->v2 ? "memory.current" : "memory.usage_in_bytes", &usage);
	if (r == 0)
		r = file_read_at(g->dir, "memory.stat", text, sizeof(text), NULL);
	if (r == 0)
		r = hostgroup_cache_parse(text, &cache);
	if (r < 0)
		return r;
	*ret_limit_b = limit;
	*ret_available_b = u64_add_sat(u64_sub_sat(limit, usage), u64_min(cache, usage));
	return 0;
}

/* No more than the host has. */
static void cap(struct fact *f, uint64_t value_b, uint64_t now_us)
{
	*f = fact_of(f->known ? u64_min(f->value, value_b) : value_b, now_us);
}

bool hostgroup_apply(struct hostgroup *g, uint64_t now_us, struct meminfo *m)
{
	uint64_t limit_b, available_b;
	int r;

	if (g->dir < 0 && !find(g, now_us))
		return false;
	r = read_group(g, &limit_b, &available_b);
	if (r < 0) { /* removed, or no cgroup at all */
		lose(g);
		g->changes++;
		g->again_us = now_us + HOSTGROUP_AGAIN_US;
		(void)snprintf(g->trouble, sizeof(g->trouble),
			       "The memory cgroup %.128s cannot be read (%s); the host's own "
			       "figures are used.",
			       g->path, strerror(-r));
		return false;
	}
	cap(&m->total_b, limit_b, now_us);
	cap(&m->available_b, available_b, now_us);
	return true;
}

int hostgroup_pressure_dir(const struct hostgroup *g)
{
	return g->pressure;
}

uint64_t hostgroup_changes(const struct hostgroup *g)
{
	return g->changes;
}

const char *hostgroup_path(const struct hostgroup *g)
{
	return g->path;
}

const char *hostgroup_trouble(const struct hostgroup *g)
{
	return g->trouble;
}
