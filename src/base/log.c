/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.c - one line, one event, key=value, to standard error
 *
 * Layer: base.
 * In:    a level and a formatted event.
 * Out:   a line on standard error.
 *
 * A line goes out in one write(), so lines of two processes never mix. What is
 * not a program's own word comes in by %s, from names that anybody may choose:
 * it is escaped here, so that no caller can forget it and no name forge a field.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG_LINE_MAX 1024 /* longer events are cut: a peer may have written part of them */

static enum log_level log_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	log_level = level;
}

struct line {
	char text[LOG_LINE_MAX];
	size_t len;
};

static void add(struct line *l, char c)
{
	if (l->len < sizeof(l->text) - 1) /* there is always room for the end of the line */
		l->text[l->len++] = (unsigned char)c < ' ' ? ' ' : c;
}

static void add_all(struct line *l, const char *text)
{
	while (*text)
		add(l, *text++);
}

/* Could a value of these bytes be taken for more than one, or for a quoted one? */
static bool needs_quotes(const char *text, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if ((unsigned char)text[i] <= ' ' || strchr("\"\\=", text[i]))
			return true;
	return false;
}

/* A %s, of which @most bytes are wanted: right behind a '=' it is a value without quotes so far. */
static void add_text(struct line *l, const char *text, size_t most)
{
	size_t n = strnlen(text, most), i;
	bool quote = l->len && l->text[l->len - 1] == '=' && needs_quotes(text, n);

	if (quote)
		add(l, '"');
	for (i = 0; i < n; i++) {
		if (text[i] == '"' || text[i] == '\\')
			add(l, '\\');
		add(l, text[i]);
	}
	if (quote)
		add(l, '"');
}

/*
 * One of the conversions that events have: %s, %.Ns, %d, %u, %zu, %llu, %llx. Returns what follows
 * it; NULL for any other, whose argument nobody could step over.
 */
static const char *add_conversion(struct line *l, const char *fmt, va_list *ap)
{
	size_t most = SIZE_MAX;
	char number[32] = "";

	if (*fmt == '.')
		for (fmt++, most = 0; *fmt >= '0' && *fmt <= '9'; fmt++)
			most = most * 10 + (size_t)(*fmt - '0');
	if (*fmt == 's')
		add_text(l, va_arg(*ap, const char *), most);
	else if (*fmt == '%')
		add(l, '%');
	else if (*fmt == 'd')
		(void)snprintf(number, sizeof(number), "%d", va_arg(*ap, int));
	else if (*fmt == 'u')
		(void)snprintf(number, sizeof(number), "%u", va_arg(*ap, unsigned int));
	else if (strncmp(fmt, "zu", 2) == 0)
		(void)snprintf(number, sizeof(number), "%zu", va_arg(*ap, size_t));
	else if (strncmp(fmt, "llu", 3) == 0)
		(void)snprintf(number, sizeof(number), "%llu", va_arg(*ap, unsigned long long));
	else if (strncmp(fmt, "llx", 3) == 0)
		(void)snprintf(number, sizeof(number), "%llx", va_arg(*ap, unsigned long long));
	else
		return NULL;
	add_all(l, number);
	return fmt + strspn(fmt, "zl") + 1;
}

void log_event(enum log_level level, const char *fmt, ...)
{
	struct line l = { .len = 0 };
	ssize_t ignored;
	va_list ap;

	if (level > log_level)
		return;
	if (!isatty(STDERR_FILENO))
		l.len = (size_t)snprintf(l.text, sizeof(l.text), "<%d>", (int)level);
	va_start(ap, fmt);
	while (fmt && *fmt)
		if (*fmt != '%')
			add(&l, *fmt++);
		else
			fmt = add_conversion(&l, fmt + 1, &ap);
	va_end(ap);
	l.text[l.len++] = '\n';
	ignored = write(STDERR_FILENO, l.text, l.len);
	(void)ignored; /* there is nowhere left to say that saying failed */
}
