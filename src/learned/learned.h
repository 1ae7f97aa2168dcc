/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * learned.h - what was learned, by key, in memory and on disk
 *
 * Layer: learned (may include base).
 * In:    texts, each of a VM (by its UUID) or of the host.
 * Out:   the same texts after a restart.
 *
 * All is read at the start. From then on a thread writes what is new, once a minute and in one
 * transaction, so that no call of the loop waits for a disk. What a daemon learned in its last
 * minute is lost where it is killed.
 */
#ifndef BALLONET_LEARNED_LEARNED_H
#define BALLONET_LEARNED_LEARNED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct learned;

/* Of which process something was learned. */
struct learned_process {
	pid_t pid;
	uint64_t start_ticks; /* as host/process.h; 0: not known */
};

struct learned_text {
	const char *text; /* until the next call */
	uint64_t kept_us; /* when it was kept, CLOCK_MONOTONIC of that boot of the host */
	uint64_t ago_us;  /* and how long ago, by the wall clock */
	bool same;	  /* the process is the same, on the same boot of the host */
};

/*
 * @folder: the state directory; @proc: a /proc root. Where there is no disk to use that is logged,
 * and all is kept in memory. 0, or -errno of the thread.
 */
int learned_open(const char *folder, int proc, struct learned **ret);

/* Writes what is left and closes; it may take a moment. Takes NULL. */
void learned_close(struct learned *l);

/* What is kept under @key; @p is who asks. False: nothing is. */
bool learned_find(struct learned *l, const char *key, const struct learned_process *p,
		  struct learned_text *ret);

/* Keeps a copy of @text. 0, or -ENOMEM; then the text before it stays. */
int learned_keep(struct learned *l, const char *key, const struct learned_process *p,
		 const char *text);

#endif
