/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * store.c - a file of rows, each a text under a key
 *
 * Layer: learned.
 * In:    rows.
 * Out:   FOLDER/learned.sqlite; the rows that it holds.
 *
 * The rollback journal is kept and not a write-ahead log: that one could not be read on a file
 * system that is mounted read-only.
 */
#include "learned/store.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/num.h"

#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Another number is another format. A new column does not need one: it is added by ALTER TABLE. */
#define FORMAT 1
#define DAY_US (24 * 3600 * USEC_PER_SEC)
#define BUSY_MS 1000 /* somebody looks at it with sqlite3(1) */
#define FOLDER_MODE 0750
/* All text of one VM; journal/kept.h makes 3 KiB of it. */
#define TEXT_MAX 65536
#define STR(x) #x
#define TEXT_OF(x) STR(x)

#define SETUP                                                                           \
	"PRAGMA cache_size=-256; PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY; " \
	"PRAGMA journal_mode=TRUNCATE;"

#define CREATE                                                                           \
	"BEGIN; CREATE TABLE learned (key TEXT PRIMARY KEY, wall_us INTEGER NOT NULL, "  \
	"mono_us INTEGER NOT NULL, pid INTEGER NOT NULL, start_ticks INTEGER NOT NULL, " \
	"boot TEXT NOT NULL, text TEXT NOT NULL) WITHOUT ROWID; "                        \
	"PRAGMA user_version=" TEXT_OF(FORMAT) "; COMMIT;"

#define SELECT                                                                     \
	"SELECT key, wall_us, mono_us, pid, start_ticks, boot, text FROM learned " \
	"ORDER BY wall_us DESC LIMIT " TEXT_OF(STORE_ROWS_MAX)

#define INSERT "INSERT OR REPLACE INTO learned VALUES (?, ?, ?, ?, ?, ?, ?)"

#define TRIM                                                                             \
	"DELETE FROM learned WHERE wall_us < ?1 OR key NOT IN (SELECT key FROM learned " \
	"ORDER BY wall_us DESC LIMIT " TEXT_OF(STORE_ROWS_MAX) ")"

struct store {
	sqlite3 *db;
	sqlite3_stmt *put;
	unsigned int since_trim; /* rows that were put since rows were last dropped */
	char trouble[160];
};

const char *store_trouble(const struct store *s)
{
	return s->trouble;
}

static int failed(struct store *s)
{
	(void)snprintf(s->trouble, sizeof(s->trouble), "%s", sqlite3_errmsg(s->db));
	return -EIO;
}

static int run(struct store *s, const char *sql)
{
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : failed(s);
}

/* The first column of the first row, as a number. 0 or -EIO. */
static int ask(struct store *s, const char *sql, int *ret)
{
	sqlite3_stmt *stmt = NULL;
	int r = -EIO;

	if (sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW) {
		*ret = sqlite3_column_int(stmt, 0);
		r = 0;
	}
	if (r < 0)
		(void)failed(s);
	(void)sqlite3_finalize(stmt);
	return r;
}

static void close_db(struct store *s)
{
	(void)sqlite3_finalize(s->put);
	(void)sqlite3_close(s->db);
	s->put = NULL;
	s->db = NULL;
}

/* The file can be had, and is no file of ours. */
static int not_ours(struct store *s, const char *why)
{
	(void)snprintf(s->trouble, sizeof(s->trouble), "%s", why);
	return -EBADMSG;
}

/* What SQLite says of the file itself, and not of the disk or of the rights to it. */
static int of_file(struct store *s)
{
	int code = sqlite3_errcode(s->db);

	(void)failed(s);
	return code == SQLITE_NOTADB || code == SQLITE_CORRUPT || code == SQLITE_ERROR ? -EBADMSG
										       : -EIO;
}

/* Is all of it sound, and of this format? 0, -EBADMSG or -EIO. */
static int check(struct store *s, int format)
{
	int sound;

	if (format != FORMAT)
		return not_ours(s, "another version of ballonetd wrote it");
	if (ask(s, "SELECT quick_check = 'ok' FROM pragma_quick_check(1)", &sound) < 0)
		return of_file(s);
	return sound ? 0 : not_ours(s, "its pages do not agree");
}

/*
 * Opens the file, and creates the table where there is none. 0; -EIO where it cannot be had; or
 * -EBADMSG where it can, and is no file of ours.
 */
static int open_db(struct store *s, const char *path)
{
	int format, r;

	if (sqlite3_open_v2(path, &s->db,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW,
			    NULL) != SQLITE_OK)
		return failed(s);
	(void)sqlite3_busy_timeout(s->db, BUSY_MS);
	if (ask(s, "PRAGMA user_version", &format) < 0)
		return of_file(s);
	if (format == 0 && run(s, CREATE) < 0)
		return of_file(s);
	r = format ? check(s, format) : 0;
	if (r < 0)
		return r;
	if (sqlite3_db_readonly(s->db, "main") == 0 && run(s, SETUP) < 0)
		return -EIO;
	return sqlite3_prepare_v2(s->db, INSERT, -1, &s->put, NULL) == SQLITE_OK ? 0 : of_file(s);
}

/* Moves what cannot be used out of the way, and says so. */
static void move_aside(const struct store *s, const char *path)
{
	char bad[PATH_MAX + 8], journal[PATH_MAX + 16];

	(void)snprintf(bad, sizeof(bad), "%s.bad", path);
	(void)snprintf(journal, sizeof(journal), "%s-journal", path);
	(void)rename(path, bad);
	(void)unlink(journal);
	log_warning("learned-damaged path=%s why=\"%s\" effect=\"moved to %s, and begun anew\"",
		    path, s->trouble, bad);
}

int store_open(const char *folder, char *why, size_t size, struct store **ret)
{
	struct store *s = calloc(1, sizeof(*s));
	char path[PATH_MAX];
	int r;

	if (!s)
		return -ENOMEM;
	(void)mkdir(folder, FOLDER_MODE); /* where that fails, opening says why */
	if ((size_t)snprintf(path, sizeof(path), "%s/learned.sqlite", folder) >= sizeof(path))
		r = -EIO;
	else
		r = open_db(s, path);
	if (r == -EBADMSG) {
		close_db(s);
		move_aside(s, path);
		r = open_db(s, path);
	}
	if (r < 0) {
		(void)snprintf(why, size, "%s", s->trouble);
		store_close(s);
		return r == -ENOMEM ? r : -EIO;
	}
	*ret = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	close_db(s);
	free(s);
}

static void copy_text(char *to, size_t size, sqlite3_stmt *stmt, int column)
{
	const unsigned char *text = sqlite3_column_text(stmt, column);

	(void)snprintf(to, size, "%s", text ? (const char *)text : "");
}

int store_load(struct store *s, void (*fn)(void *userdata, const struct store_row *row),
	       void *userdata)
{
	sqlite3_stmt *stmt = NULL;
	struct store_row row;
	int r;

	if (sqlite3_prepare_v2(s->db, SELECT, -1, &stmt, NULL) != SQLITE_OK)
		return failed(s);
	while ((r = sqlite3_step(stmt)) == SQLITE_ROW) {
		copy_text(row.key, sizeof(row.key), stmt, 0);
		row.mark.wall_us = (uint64_t)sqlite3_column_int64(stmt, 1);
		row.mark.mono_us = (uint64_t)sqlite3_column_int64(stmt, 2);
		row.mark.pid = (pid_t)sqlite3_column_int(stmt, 3);
		row.mark.start_ticks = (uint64_t)sqlite3_column_int64(stmt, 4);
		copy_text(row.mark.boot, sizeof(row.mark.boot), stmt, 5);
		row.text = (char *)(uintptr_t)sqlite3_column_text(stmt, 6);
		if (row.text && sqlite3_column_bytes(stmt, 6) <= TEXT_MAX)
			fn(userdata, &row);
	}
	if (r != SQLITE_DONE)
		(void)failed(s);
	(void)sqlite3_finalize(stmt);
	return r == SQLITE_DONE ? 0 : -EIO;
}

int store_begin(struct store *s)
{
	return run(s, "BEGIN");
}

void store_undo(struct store *s)
{
	(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

int store_put(struct store *s, const struct store_row *row)
{
	const struct store_mark *m = &row->mark;
	int r = 0;

	(void)sqlite3_reset(s->put);
	r |= sqlite3_bind_text(s->put, 1, row->key, -1, SQLITE_STATIC);
	r |= sqlite3_bind_int64(s->put, 2, (sqlite3_int64)m->wall_us);
	r |= sqlite3_bind_int64(s->put, 3, (sqlite3_int64)m->mono_us);
	r |= sqlite3_bind_int(s->put, 4, m->pid);
	r |= sqlite3_bind_int64(s->put, 5, (sqlite3_int64)m->start_ticks);
	r |= sqlite3_bind_text(s->put, 6, m->boot, -1, SQLITE_STATIC);
	r |= sqlite3_bind_text(s->put, 7, row->text, -1, SQLITE_STATIC);
	if (r != SQLITE_OK || sqlite3_step(s->put) != SQLITE_DONE)
		r = failed(s);
	(void)sqlite3_reset(s->put);
	(void)sqlite3_clear_bindings(s->put);
	s->since_trim++;
	return r;
}

static int trim(struct store *s, uint64_t wall_us)
{
	uint64_t oldest_us = u64_sub_sat(wall_us, STORE_KEEP_DAYS * DAY_US);
	sqlite3_stmt *stmt = NULL;
	int r = 0;

	if (sqlite3_prepare_v2(s->db, TRIM, -1, &stmt, NULL) != SQLITE_OK ||
	    sqlite3_bind_int64(stmt, 1, (sqlite3_int64)oldest_us) != SQLITE_OK ||
	    sqlite3_step(stmt) != SQLITE_DONE)
		r = failed(s);
	(void)sqlite3_finalize(stmt);
	if (r == 0)
		s->since_trim = 0;
	return r;
}

int store_end(struct store *s, uint64_t wall_us)
{
	int r = s->since_trim > STORE_ROWS_MAX / 4 ? trim(s, wall_us) : 0;

	return r < 0 ? r : run(s, "COMMIT");
}
