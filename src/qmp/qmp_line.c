/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qmp_line.c - lines out of the chunks that a socket gives
 *
 * Layer: qmp.
 * In:    chunks of bytes, cut anywhere.
 * Out:   whole lines, without their end.
 *
 * The memory of a long line is freed once it is read: a thousand connections must
 * not each keep room for the largest reply they ever saw.
 */
#include "qmp/qmp_line.h"

#include <errno.h>
#include <string.h>

/* Held memory above this is freed after the line; guest-stats, cut in two, stays below. */
#define QMP_LINE_KEEP 4096

void qmp_line_init(struct qmp_line *r, size_t limit)
{
	buf_init(&r->held, limit);
	r->told = false;
}

void qmp_line_fini(struct qmp_line *r)
{
	buf_fini(&r->held);
	r->told = false;
}

static void forget_told(struct qmp_line *r)
{
	if (!r->told)
		return;
	r->told = false;
	if (r->held.cap > QMP_LINE_KEEP)
		buf_fini(&r->held);
	else
		buf_clear(&r->held);
}

int qmp_line_next(struct qmp_line *r, const char **chunk, size_t *len, const char **ret_line,
		  size_t *ret_len)
{
	const char *end, *line = *chunk;
	size_t n;
	int err;

	forget_told(r);
	if (*len == 0)
		return 0;
	end = memchr(line, '\n', *len);
	n = end ? (size_t)(end - line) : *len;
	if (n > r->held.limit - r->held.len)
		return -EMSGSIZE;
	if (!end || r->held.len) {
		err = buf_add(&r->held, line, n);
		if (err < 0)
			return err;
		line = r->held.data;
	}
	n += end ? 1 : 0;
	*chunk += n;
	*len -= n;
	if (!end)
		return 0;
	n = r->held.len ? r->held.len : n - 1;
	r->told = line == r->held.data;
	while (n && line[n - 1] == '\r')
		n--;
	*ret_line = line;
	*ret_len = n;
	return 1;
}
