/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text.h - the only parser of numbers in the kernel's text files
 *
 * Layer: host.
 * In:    NUL-terminated text of /proc or a cgroup.
 * Out:   unsigned numbers, or -EBADMSG.
 *
 * strtoull() accepts signs, turns "-1" into 2^64-1 and needs errno for overflow.
 * Here a number is digits that fit 64 bits, and everything else is refused.
 */
#ifndef BALLONET_HOST_TEXT_H
#define BALLONET_HOST_TEXT_H

#include "model/snapshot.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Moves *@p behind @word where the text goes on with it. */
bool text_skip(const char **p, const char *word);

/*
 * Reads decimal digits at *@p and moves *@p behind them. 0, or -EBADMSG where
 * there is no digit or the number is over 2^64-1; then *@p stays where it was.
 */
int text_u64(const char **p, uint64_t *ret);

/* One wanted line "KEY NUMBER" or "KEY NUMBER kB". */
struct text_field {
	const char *key;  /* the whole first word of the line, with its colon if it has one */
	uint64_t unit;	  /* KIB: "kB" must follow, and the fact is bytes; 1: nothing may follow */
	struct fact *out; /* left alone where the line is missing */
};

/*
 * Looks for the @n wanted lines in @text and writes each found figure as known
 * at @now_us. 0, or -EBADMSG where a wanted line holds no number, one that does
 * not fit 64 bits, a wrong unit, or comes twice; facts may be half written then,
 * so callers hand in a copy.
 */
int text_fields(const char *text, uint64_t now_us, const struct text_field *field, size_t n);

/* Bytes of @text up to its end, or the first that belongs to no printable character of UTF-8. */
size_t text_printable(const char *text);

/* What is shown on terminals and in JSON is printable UTF-8: the rest becomes '?'. */
void text_make_printable(char *text);

#endif
