/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * writer.c - the journal on disk: bounded, rotated, never blocking
 *
 * Layer: journal (may include model, base).
 * In:    records of a tick.
 * Out:   PATH, and older parts PATH.1, PATH.2, ...
 *
 * Theory of operation: a journal is up (there is an open file) or down. Any
 * failure takes it down; records are then counted and dropped. From time to time
 * it is opened again, and begins with a "journal" record and the state of every
 * VM. So a gap never breaks a replay.
 */
#include "journal/writer.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define RETRY_US                                                                         \
	(10 * USEC_PER_SEC) /* a full disk seldom heals sooner; one line per try at most \
			     */
#define JOURNAL_MODE 0640   /* names of VMs are for the administrators */
#define PENDING_MAX ((size_t)8 * RECORD_LINE_MAX) /* the beginning of a part, with 16,000 VMs */

struct journal {
	char path[PATH_MAX];
	char program[64];
	uint64_t max_b;
	unsigned int keep;
	journal_begin_fn begin;
	void *userdata;
	int fd;		   /* -EBADF: down */
	uint64_t size_b;   /* of the file */
	uint64_t end_b;	   /* the part ends when the file is this large */
	uint64_t retry_us; /* while down: when to try; 0: not decided yet */
	struct buf pending;
	uint64_t npending; /* records in it */
	uint64_t lost;	   /* records */
	uint64_t lost_up;  /* lost, when it was up last */
	bool warned;	   /* since it was up last */
};

/* Takes the journal down; what is pending is lost. */
static void go_down(struct journal *j, const char *what, int error)
{
	if (!j->warned)
		log_warning("journal-down path=%s what=%s error=\"%s\" retry_s=%u", j->path, what,
			    strerror(-error), (unsigned int)(RETRY_US / USEC_PER_SEC));
	j->warned = true;
	if (j->fd >= 0)
		(void)close(take_fd(&j->fd));
	j->lost += j->npending;
	j->npending = 0;
	j->retry_us = 0;
	buf_fini(&j->pending);
}

static void add(struct journal *j, const struct record *rec)
{
	int r;

	if (j->fd < 0) {
		j->lost++;
		return;
	}
	j->npending++;
	r = record_encode(&j->pending, rec);
	if (r < 0)
		go_down(j, "encode", r);
}

/* Renames PATH to PATH.1, PATH.1 to PATH.2 and so on; the oldest goes. 0 or -errno. */
static int rotate(const struct journal *j)
{
	char from[PATH_MAX + 16], to[PATH_MAX + 16];
	unsigned int i;

	if (j->keep == 0)
		return unlink(j->path) < 0 && errno != ENOENT ? -errno : 0;
	for (i = j->keep; i > 0; i--) {
		(void)snprintf(to, sizeof(to), "%s.%u", j->path, i);
		(void)snprintf(from, sizeof(from), "%s.%u", j->path, i - 1);
		if (rename(i == 1 ? j->path : from, to) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

/* Does the file end within a line, as after a crash? 1, 0 or -EIO. */
static int is_torn(int fd, off_t size)
{
	char last;

	if (size == 0)
		return 0;
	if (pread(fd, &last, 1, size - 1) != 1)
		return -EIO;
	return last != '\n';
}

/*
 * Opens the file to append to. One that ends within a line is rotated away as
 * it is, because behind a torn line nothing can be read. 0 or -errno.
 */
static int open_file(struct journal *j)
{
	cleanup_close int fd = -EBADF;
	struct stat st;
	int torn, r;

	/* O_NONBLOCK: a fifo without a reader must not hang the daemon */
	fd = open(j->path,
		  O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
		  JOURNAL_MODE);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	torn = is_torn(fd, st.st_size);
	if (torn < 0)
		return torn;
	if (torn || (uint64_t)st.st_size >= j->max_b) {
		r = rotate(j);
		if (r < 0)
			return r;
		(void)close(take_fd(&fd));
		fd = open(j->path, O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, JOURNAL_MODE);
		if (fd < 0)
			return -errno;
		st.st_size = 0;
	}
	j->fd = take_fd(&fd);
	j->size_b = (uint64_t)st.st_size;
	return 0;
}

/* One write() of what is pending; a part of it written is undone. 0 or -errno. */
static int write_pending(struct journal *j)
{
	ssize_t n;
	int r;

	if (j->pending.len == 0)
		return 0;
	n = write(j->fd, j->pending.data, j->pending.len);
	if (n == (ssize_t)j->pending.len) {
		j->size_b += (uint64_t)n;
		j->npending = 0;
		buf_clear(&j->pending);
		return 0;
	}
	r = n < 0 ? -errno : -ENOSPC;
	if (ftruncate(j->fd, (off_t)j->size_b) < 0)
		log_debug("journal-torn path=%s", j->path); /* open_file() will see it */
	return r;
}

/* Opens the file, if none is open, and writes the beginning of a part. */
static void begin_part(struct journal *j)
{
	struct record rec = {
		.kind = RECORD_JOURNAL,
		.journal = { .version = RECORD_VERSION,
			     .wall_us = clock_us(CLOCK_REALTIME),
			     .mono_us = clock_us(CLOCK_MONOTONIC),
			     .program = j->program },
	};
	uint64_t start_b, lost = j->lost;
	int r;

	r = open_file(j);
	if (r < 0)
		return go_down(j, r == -EINVAL ? "open-a-regular-file" : "open", r);
	start_b = j->size_b;
	add(j, &rec);
	j->begin(j, j->userdata);
	r = j->fd < 0 ? 0 : write_pending(j);
	if (r < 0)
		go_down(j, "write", r);
	if (j->fd < 0) {
		j->lost = lost; /* a beginning is written again, and so never lost */
		return;
	}
	buf_fini(&j->pending); /* it was far larger than a tick */
	/* with very many VMs and a small limit, beginnings must not be all there is */
	j->end_b = u64_max(j->max_b, start_b + 2 * (j->size_b - start_b));
	if (j->warned)
		log_info("journal-up path=%s lost=%llu", j->path,
			 (unsigned long long)(j->lost - j->lost_up));
	j->warned = false;
	j->lost_up = j->lost;
}

int journal_open(const char *path, uint64_t max_b, unsigned int keep, const char *program,
		 journal_begin_fn begin, void *userdata, uint64_t now_us, struct journal **ret)
{
	cleanup_free struct journal *j = NULL;

	if (keep > JOURNAL_FILES_MAX || !*path || strlen(path) >= sizeof(j->path))
		return -EINVAL;
	j = calloc(1, sizeof(*j));
	if (!j)
		return -ENOMEM;
	(void)snprintf(j->path, sizeof(j->path), "%s", path);
	(void)snprintf(j->program, sizeof(j->program), "%s", program);
	j->max_b = max_b;
	j->keep = keep;
	j->begin = begin;
	j->userdata = userdata;
	j->fd = -EBADF;
	buf_init(&j->pending, PENDING_MAX);
	begin_part(j);
	if (j->fd < 0)
		j->retry_us = u64_add_sat(now_us, RETRY_US);
	*ret = take_ptr(j);
	return 0;
}

void journal_close(struct journal *j)
{
	int r;

	if (!j)
		return;
	if (j->fd >= 0) {
		r = write_pending(j);
		if (r < 0)
			go_down(j, "write", r);
	}
	if (j->fd >= 0)
		(void)close(take_fd(&j->fd));
	buf_fini(&j->pending);
	free(j);
}

void journal_host(struct journal *j, const struct settings *settings,
		  const struct host_history *history)
{
	struct record rec = {
		.kind = RECORD_HOST,
		.host = { .settings = *settings, .history = *history },
	};

	add(j, &rec);
}

void journal_vm(struct journal *j, uint64_t id, const char *name, const struct settings *settings,
		const struct history *history)
{
	struct record rec = {
		.kind = RECORD_VM,
		.vm = { .id = id,
			.name = (char *)(uintptr_t)name,
			.settings = *settings,
			.history = *history },
	};

	add(j, &rec);
}

void journal_asked(struct journal *j, const struct record_asked *asked)
{
	struct record rec = { .kind = RECORD_ASKED, .asked = *asked };

	add(j, &rec);
}

void journal_gone(struct journal *j, uint64_t id)
{
	struct record rec = { .kind = RECORD_GONE, .gone = { .id = id } };

	add(j, &rec);
}

void journal_tick(struct journal *j, const struct snapshot *snap, const struct plan *plan)
{
	struct record rec = { .kind = RECORD_SNAPSHOT, .snapshot = *snap };

	add(j, &rec);
	rec = (struct record){ .kind = RECORD_PLAN, .plan = *plan };
	add(j, &rec);
}

void journal_flush(struct journal *j, uint64_t now_us)
{
	int r;

	if (j->fd >= 0) {
		r = write_pending(j);
		if (r < 0) {
			go_down(j, "write", r);
		} else if (j->size_b >= j->end_b) {
			(void)close(take_fd(&j->fd));
			begin_part(j);
		}
	} else if (j->retry_us && now_us >= j->retry_us) {
		begin_part(j);
	}
	if (j->fd < 0 && !j->retry_us)
		j->retry_us = u64_add_sat(now_us, RETRY_US);
}

uint64_t journal_lost(const struct journal *j)
{
	return j->lost;
}
