/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tree.c - a /proc or cgroup of a test's own
 *
 * Layer: tests.
 * In:    paths and contents.
 * Out:   a temporary directory, removed by tree_fini().
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tree.h"

#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void tree_init(struct tree *t)
{
	(void)snprintf(t->path, sizeof(t->path), "/tmp/ballonet-test-XXXXXX");
	assert_non_null(mkdtemp(t->path));
	t->fd = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(t->fd >= 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_all(const char *path)
{
	assert_int_equal(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

void tree_remove(const struct tree *t, const char *path)
{
	char full[PATH_MAX];

	(void)snprintf(full, sizeof(full), "%s/%s", t->path, path);
	remove_all(full);
}

void tree_fini(struct tree *t)
{
	remove_all(t->path);
	(void)close(t->fd);
}

static void make_parents(const struct tree *t, const char *path)
{
	char dir[PATH_MAX];
	char *slash;

	(void)snprintf(dir, sizeof(dir), "%s", path);
	for (slash = strchr(dir, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdirat(t->fd, dir, 0755);
		*slash = '/';
	}
}

void tree_put_bytes(const struct tree *t, const char *path, const void *bytes, unsigned long n)
{
	int fd;

	make_parents(t, path);
	fd = openat(t->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	assert_int_equal(close(fd), 0);
}

void tree_put(const struct tree *t, const char *path, const char *text)
{
	tree_put_bytes(t, path, text, strlen(text));
}

void tree_link(const struct tree *t, const char *path, const char *target)
{
	make_parents(t, path);
	(void)unlinkat(t->fd, path, 0);
	assert_int_equal(symlinkat(target, t->fd, path), 0);
}

void tree_put_stat(const struct tree *t, int pid, const char *comm, char state,
		   unsigned long long user, unsigned long long system, unsigned long long start)
{
	char path[64], text[512];

	(void)snprintf(path, sizeof(path), "%d/stat", pid);
	(void)snprintf(text, sizeof(text),
		       "%d (%s) %c 1 %d %d 0 -1 4194560 1 2 3 4 %llu %llu 5 6 20 0 3 0 %llu 99 7\n",
		       pid, comm, state, pid, pid, user, system, start);
	tree_put(t, path, text);
}
