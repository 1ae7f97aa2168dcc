/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reader.c - the records of a journal file, one after the other
 *
 * Layer: journal (may include model, base).
 * In:    a file descriptor.
 * Out:   records; or which line is wrong, and how.
 *
 * It reads in pieces and drops what it has returned, so that a journal of any
 * size needs only the memory of its longest line.
 */
#include "journal/reader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define READ_PIECE 65536 /* a few ticks of a small host */

void reader_init(struct reader *r, int fd)
{
	*r = (struct reader){ .fd = fd };
	buf_init(&r->pending, RECORD_LINE_MAX + READ_PIECE);
}

void reader_fini(struct reader *r)
{
	buf_fini(&r->pending);
}

/* Reads one piece more. Bytes read, 0 at the end, or -errno. */
static int fill(struct reader *r)
{
	ssize_t n;
	int ret;

	buf_consume(&r->pending, r->taken);
	r->scanned -= r->taken;
	r->taken = 0;
	ret = buf_reserve(&r->pending, READ_PIECE);
	if (ret < 0)
		return ret;
	do {
		n = read(r->fd, r->pending.data + r->pending.len, READ_PIECE);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	r->pending.len += (size_t)n;
	r->pending.data[r->pending.len] = '\0';
	return (int)n;
}

/* The next line, without its newline, until the next call. 1, 0 at the end, or -errno. */
static int next_line(struct reader *r, const char **ret_line, size_t *ret_len)
{
	const char *nl;
	int n;

	for (;;) {
		nl = r->scanned < r->pending.len ? memchr(r->pending.data + r->scanned, '\n',
							  r->pending.len - r->scanned)
						 : NULL;
		if (nl)
			break;
		r->scanned = r->pending.len;
		if (r->scanned - r->taken > RECORD_LINE_MAX) {
			(void)snprintf(r->trouble, sizeof(r->trouble), "the line is too long");
			return -EBADMSG;
		}
		n = fill(r);
		if (n < 0)
			return n;
		if (n == 0) {
			r->torn = r->pending.len > r->taken;
			return 0;
		}
	}
	*ret_line = r->pending.data + r->taken;
	*ret_len = (size_t)(nl - *ret_line);
	r->taken += *ret_len + 1;
	r->scanned = r->taken;
	return 1;
}

int reader_next(struct reader *r, struct record *ret)
{
	const char *line;
	size_t len;
	int n;

	r->line++;
	n = next_line(r, &line, &len);
	if (n <= 0)
		return n;
	n = record_decode(line, len, r->trouble, ret);
	return n < 0 ? n : 1;
}
