/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store.h - a file of rows, each a text under a key
 *
 * Layer: learned.
 * In:    rows.
 * Out:   FOLDER/learned.sqlite; the rows that it holds.
 *
 * Every call may block: only learned.c calls it, at the start and on a thread.
 */
#ifndef BALLONET_LEARNED_STORE_H
#define BALLONET_LEARNED_STORE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define STORE_KEY_MAX 40
#define STORE_BOOT_MAX 40
/* More than any host runs, and the same as discovery lists. */
#define STORE_ROWS_MAX 4096
/* A VM that was not seen for this long is forgotten. */
#define STORE_KEEP_DAYS 30

/* When a row was kept, and of which process. */
struct store_mark {
	uint64_t wall_us; /* CLOCK_REALTIME */
	uint64_t mono_us; /* CLOCK_MONOTONIC */
	pid_t pid;
	uint64_t start_ticks;	   /* as host/process.h; 0: the process was not known */
	char boot[STORE_BOOT_MAX]; /* of the host */
};

struct store_row {
	char key[STORE_KEY_MAX];
	struct store_mark mark;
	char *text;
};

struct store;

/*
 * Opens or creates the file. One that is damaged, or of another format, is moved aside to
 * learned.sqlite.bad, which is logged, and a new one is begun. Where it cannot be written but can
 * be read, it is opened for reading. 0, -ENOMEM, or -EIO with a sentence in @why.
 */
int store_open(const char *folder, char *why, size_t size, struct store **ret);
void store_close(struct store *s);

/* Calls @fn with every row, which it must not keep, the newest first. 0 or -EIO. */
int store_load(struct store *s, void (*fn)(void *userdata, const struct store_row *row),
	       void *userdata);

/*
 * One transaction: store_begin(), any number of store_put(), store_end(), which also drops rows
 * that are too old or too many. After a failure nothing of it is there. 0 or -EIO;
 * store_trouble() then says why.
 */
int store_begin(struct store *s);
int store_put(struct store *s, const struct store_row *row);
int store_end(struct store *s, uint64_t wall_us);
void store_undo(struct store *s);

const char *store_trouble(const struct store *s);

#endif
