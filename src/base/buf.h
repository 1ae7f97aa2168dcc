/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * buf.h - a byte buffer that grows up to a stated limit
 *
 * Layer: base.
 * In:    bytes or formatted text.
 * Out:   one contiguous, NUL-terminated run of bytes.
 *
 * The limit is part of the buffer, so that no peer can make it grow without
 * end; an append that would pass it fails and leaves the content as it was.
 */
#ifndef BALLONET_BASE_BUF_H
#define BALLONET_BASE_BUF_H

#include <stddef.h>

struct buf {
	char *data;   /* NULL while nothing was appended; else NUL-terminated */
	size_t len;   /* bytes held, without the NUL */
	size_t cap;   /* bytes allocated */
	size_t limit; /* bytes that may be held at most */
};

/* An empty buffer that will never hold more than @limit bytes. */
void buf_init(struct buf *b, size_t limit);

/* Frees the memory; the buffer is empty and usable again with the same limit. */
void buf_fini(struct buf *b);

/* Forgets the content and keeps the memory. */
void buf_clear(struct buf *b);

/* Makes room for @more bytes behind the content. 0, -EMSGSIZE past the limit, or -ENOMEM. */
int buf_reserve(struct buf *b, size_t more);

/* Appends @n bytes. 0, -EMSGSIZE past the limit, or -ENOMEM. */
int buf_add(struct buf *b, const void *bytes, size_t n);

/* Appends formatted text. 0, -EMSGSIZE past the limit, -ENOMEM, or -EINVAL for a bad format. */
int buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Drops the first @n bytes (all, where @n is more than are held). */
void buf_consume(struct buf *b, size_t n);

#endif
