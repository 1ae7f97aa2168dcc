/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.c - one line, one event, key=value, to standard error
 *
 * Layer: base.
 * In:    a level and a formatted event.
 * Out:   a line on standard error.
 *
 * A line goes out in one write(), so lines of two processes never mix.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define LOG_LINE_MAX 1024 /* longer events are cut: a peer may have written part of them */

static enum log_level log_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	log_level = level;
}

void log_event(enum log_level level, const char *fmt, ...)
{
	char line[LOG_LINE_MAX];
	size_t at = 0, i, start;
	ssize_t ignored;
	va_list ap;
	int n;

	if (level > log_level)
		return;
	if (!isatty(STDERR_FILENO))
		at = (size_t)snprintf(line, sizeof(line), "<%d>", (int)level);
	start = at;
	va_start(ap, fmt);
	n = vsnprintf(line + at, sizeof(line) - at - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	at += (size_t)n < sizeof(line) - at - 1 ? (size_t)n : sizeof(line) - at - 2;
	for (i = start; i < at; i++)
		if ((unsigned char)line[i] < ' ')
			line[i] = ' ';
	line[at++] = '\n';
	ignored = write(STDERR_FILENO, line, at);
	(void)ignored; /* there is nowhere left to say that saying failed */
}
