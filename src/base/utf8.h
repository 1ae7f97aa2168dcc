/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * utf8.h - which bytes are UTF-8
 *
 * Layer: base.
 * In:    text of any bytes.
 * Out:   the length of its first character.
 */
#ifndef BALLONET_BASE_UTF8_H
#define BALLONET_BASE_UTF8_H

#include <stddef.h>

/*
 * Bytes of the character that @s, a string, begins with; 0 where it begins with none, or is "".
 * As RFC 3629, section 4, has it: neither longer than needed, nor a surrogate, nor past U+10FFFF.
 */
size_t utf8_length(const char *s);

/* The same, and 0 for what a terminal obeys instead of showing it: C0, DEL and C1. */
size_t utf8_printable(const char *s);

#endif
