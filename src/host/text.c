/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * text.c - the only parser of numbers in the kernel's text files
 *
 * Layer: host.
 * In:    NUL-terminated text of /proc or a cgroup.
 * Out:   unsigned numbers, or -EBADMSG.
 *
 * Unknown lines are skipped, since kernels keep adding some. A malformed wanted
 * line fails the whole file, since nothing in it can then be trusted.
 */
#include "host/text.h"

#include "base/num.h"
#include "base/utf8.h"

#include <errno.h>
#include <string.h>

bool text_skip(const char **p, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*p, word, n) != 0)
		return false;
	*p += n;
	return true;
}

int text_u64(const char **p, uint64_t *ret)
{
	const char *s = *p;
	uint64_t v = 0;

	for (; *s >= '0' && *s <= '9'; s++) {
		if (__builtin_mul_overflow(v, UINT64_C(10), &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*s - '0'), &v))
			return -EBADMSG;
	}
	if (s == *p)
		return -EBADMSG;
	*p = s;
	*ret = v;
	return 0;
}

static void skip_blanks(const char **p)
{
	*p += strspn(*p, " \t");
}

/* The rest of a wanted line, behind its key. */
static int parse_value(const char *p, uint64_t unit, uint64_t *ret)
{
	uint64_t v;
	int r;

	skip_blanks(&p);
	r = text_u64(&p, &v);
	if (r < 0)
		return r;
	if (unit == KIB && !text_skip(&p, " kB"))
		return -EBADMSG;
	skip_blanks(&p);
	if (*p != '\n' && *p != '\0')
		return -EBADMSG;
	if (__builtin_mul_overflow(v, unit, ret))
		return -EBADMSG;
	return 0;
}

static int parse_line(const char *line, uint64_t now_us, const struct text_field *field, size_t n,
		      uint64_t *seen)
{
	uint64_t v;
	size_t i;
	int r;

	for (i = 0; i < n; i++) {
		const char *p = line;

		if (!text_skip(&p, field[i].key) || !strchr(" \t\n", *p))
			continue;
		if (*seen & (UINT64_C(1) << i))
			return -EBADMSG;
		r = parse_value(p, field[i].unit, &v);
		if (r < 0)
			return r;
		*field[i].out = fact_of(v, now_us);
		*seen |= UINT64_C(1) << i;
		break;
	}
	return 0;
}

int text_fields(const char *text, uint64_t now_us, const struct text_field *field, size_t n)
{
	const char *line = text;
	uint64_t seen = 0;
	int r;

	while (line && *line) {
		r = parse_line(line, now_us, field, n, &seen);
		if (r < 0)
			return r;
		line = strchr(line, '\n');
		if (line)
			line++;
	}
	return 0;
}

size_t text_printable(const char *text)
{
	size_t n = 0, len;

	while ((len = utf8_printable(text + n)))
		n += len;
	return n;
}

void text_make_printable(char *text)
{
	text += text_printable(text);
	while (*text) {
		*text = '?';
		text += text_printable(text);
	}
}
