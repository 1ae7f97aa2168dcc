/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reader.h - the records of a journal file, one after the other
 *
 * Layer: journal (may include model, base).
 * In:    a file descriptor.
 * Out:   records; or which line is wrong, and how.
 *
 * A crash leaves a last line without its end. That is reported, but is no error;
 * anything else that is wrong is one.
 */
#ifndef BALLONET_JOURNAL_READER_H
#define BALLONET_JOURNAL_READER_H

#include "journal/record.h"

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct reader {
	int fd; /* not owned */
	struct buf pending;
	size_t scanned; /* bytes of pending that hold no newline */
	size_t taken;	/* bytes of pending that were handed out */
	uint64_t line;	/* number of the last line looked at, from 1 */
	bool torn;	/* after the end: the last line had no end, and was left out */
	char trouble[RECORD_TROUBLE_MAX]; /* after an error: what is wrong with that line */
};

/* Reads from @fd, which stays the caller's. */
void reader_init(struct reader *r, int fd);
void reader_fini(struct reader *r);

/*
 * The next record: 1, and *ret owns memory (record_fini()). 0 at the end of
 * the file. -EBADMSG where the line is no record or longer than RECORD_LINE_MAX
 * (see r->line and r->trouble), or -errno of read() or memory.
 */
int reader_next(struct reader *r, struct record *ret);

#endif
