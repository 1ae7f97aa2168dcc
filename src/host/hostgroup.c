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
#include "base/num.h"
#include "host/cgroup.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hostgroup {
	int root; /* borrowed */
	char *path;
	struct cgroup cgroup;
	int pressure;	   /* the same cgroup in the v2 tree; -EBADF: it tells no pressure */
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
	*g = (struct hostgroup){ .root = root, .cgroup = CGROUP_NONE, .pressure = -EBADF };
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
	cgroup_fini(&g->cgroup);
	cleanup_closep(&g->pressure);
	g->pressure = -EBADF;
}

void hostgroup_free(struct hostgroup *g)
{
	if (!g)
		return;
	lose(g);
	free(g->path);
	free(g);
}

/* Looks for the cgroup. */
static bool find(struct hostgroup *g, uint64_t now_us)
{
	if (now_us < g->again_us)
		return false;
	if (cgroup_open(g->root, g->path, &g->cgroup) < 0) {
		g->again_us = now_us + HOSTGROUP_AGAIN_US;
		(void)snprintf(g->trouble, sizeof(g->trouble),
			       "There is no memory cgroup %.128s; the host's own figures are used.",
			       g->path);
		return false;
	}
	g->pressure = cgroup_open_v2(g->root, g->path, "memory.pressure");
	g->trouble[0] = '\0';
	g->changes++;
	return true;
}

static int read_group(const struct hostgroup *g, uint64_t *ret_limit_b, uint64_t *ret_available_b)
{
	uint64_t limit, usage, cache;
	int r;

	r = cgroup_limit(&g->cgroup, &limit);
	if (r == 0)
		r = cgroup_charged(&g->cgroup, &usage);
	if (r == 0)
		r = cgroup_reclaimable(&g->cgroup, &cache);
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

	if (g->cgroup.dir < 0 && !find(g, now_us))
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
