/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qmp_line.h - lines out of the chunks that a socket gives
 *
 * Layer: qmp.
 * In:    chunks of bytes, cut anywhere.
 * Out:   whole lines, without their end.
 *
 * A line that is whole within a chunk is returned in place, without a copy. Nearly
 * every reply is.
 */
#ifndef BALLONET_QMP_QMP_LINE_H
#define BALLONET_QMP_QMP_LINE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct qmp_line {
	struct buf held; /* the beginning of a line whose end has not come */
	bool told;	 /* held was handed out as a line, and is to be forgotten */
};

/* A reader of lines of at most @limit bytes. */
void qmp_line_init(struct qmp_line *r, size_t limit);
void qmp_line_fini(struct qmp_line *r);

/*
 * Takes the next line out of what is held and the @*len bytes at @*chunk, and
 * moves both past it. The line lasts until the next call or as long as the
 * chunk, has no '\n' or '\r' at its end, and need not end with a NUL.
 * 1: a line; 0: the chunk is used up; -EMSGSIZE: longer than the limit; -ENOMEM.
 */
int qmp_line_next(struct qmp_line *r, const char **chunk, size_t *len, const char **ret_line,
		  size_t *ret_len);

#endif
