/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tree.h - a /proc or cgroup of a test's own
 *
 * Layer: tests.
 * In:    paths and contents.
 * Out:   a temporary directory, removed by tree_fini().
 */
#ifndef BALLONET_TESTS_TREE_H
#define BALLONET_TESTS_TREE_H

struct tree {
	char path[64];
	int fd;
};

void tree_init(struct tree *t);
void tree_fini(struct tree *t);

/* Writes @text to the file @path, with all its directories; an old one is overwritten in place. */
void tree_put(const struct tree *t, const char *path, const char *text);

/* The same for bytes with NULs in them. */
void tree_put_bytes(const struct tree *t, const char *path, const void *bytes, unsigned long n);

/* Makes the symbolic link @path that shows @target. */
void tree_link(const struct tree *t, const char *path, const char *target);

/* Removes @path and all below it. */
void tree_remove(const struct tree *t, const char *path);

/* A plausible /proc/PID/stat: @comm in its parentheses, @state, times in ticks. */
void tree_put_stat(const struct tree *t, int pid, const char *comm, char state,
		   unsigned long long user, unsigned long long system, unsigned long long start);

#endif
