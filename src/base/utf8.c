/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * utf8.c - which bytes are UTF-8
 *
 * Layer: base.
 * In:    text of any bytes.
 * Out:   the length of its first character.
 *
 * The NUL that ends a string is never part of a character, so nothing behind it is read.
 */
#include "base/utf8.h"

#include <stdbool.h>

size_t utf8_length(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	unsigned char low = 0x80, high = 0xbf; /* what the second byte may be */
	size_t n, i;

	if (p[0] < 0x80)
		return p[0] != 0;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (p[0] == 0xe0)
		low = 0xa0; /* longer than needed */
	else if (p[0] == 0xed)
		high = 0x9f; /* surrogates */
	else if (p[0] == 0xf0)
		low = 0x90; /* longer than needed */
	else if (p[0] == 0xf4)
		high = 0x8f; /* past U+10FFFF */
	if (p[1] < low || p[1] > high)
		return 0;
	for (i = 2; i < n; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return n;
}

size_t utf8_printable(const char *s)
{
	const unsigned char *p = (const unsigned char *)s;
	bool c0 = *p < 0x20 || *p == 0x7f, c1 = p[0] == 0xc2 && p[1] < 0xa0;

	return c0 || c1 ? 0 : utf8_length(s);
}
