/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.c - one event, one line of key=value; to standard error or to the journal
 *
 * Layer: base.
 * In:    a level and an event.
 * Out:   a line on standard error; where that is the journal, an entry with its fields.
 *
 * Values come from names that anybody may choose. Where one ends is therefore never looked up in
 * the formatted text: the format alone says which keys there are, and formatting it up to a key
 * says where that key stands. A line goes out in one write(), so lines of two processes never mix.
 */
#include "base/log.h"

#include "base/num.h"
#include "base/utf8.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define TEXT_MAX 1024  /* longer events are cut: a peer may have written part of them */
#define FIELDS_MAX 16  /* of one event; further ones are part of the last */
#define FORMAT_MAX 512 /* bytes of a format */

static enum log_level log_level = LOG_LEVEL_INFO;
static int (*journal_send)(const struct iovec *fields, int n);

void log_set_level(enum log_level level)
{
	log_level = level;
}

void log_set_journal(int (*send)(const struct iovec *fields, int n))
{
	journal_send = send;
}

/* A key and its value, or the event (whose key is ""), as bytes of other texts. */
struct field {
	const char *key, *value;
	size_t key_n, value_n;
	bool quoted; /* the format has quotes around it */
};

struct event {
	char text[TEXT_MAX]; /* the format, filled in */
	struct field field[FIELDS_MAX];
	size_t n;
};

struct text {
	char *to;
	size_t len, max;
};

static void add(struct text *t, const char *bytes, size_t n)
{
	if (n > t->max - t->len)
		n = t->max - t->len;
	memcpy(t->to + t->len, bytes, n);
	t->len += n;
}

/* ------------------------------------------------------------- an event's fields */

/* Bytes of the key that begins at @p, which is a blank of a format, a word and a '='; 0: none. */
static size_t key_length(const char *p)
{
	size_t n = *p == ' ' ? strspn(p + 1, "abcdefghijklmnopqrstuvwxyz0123456789_") : 0;

	return n && p[1 + n] == '=' ? n : 0;
}

/* Where the first @n bytes of @fmt end in the text that all of it makes. */
__attribute__((format(printf, 1, 0))) static size_t end_of(const char *fmt, size_t n, va_list ap)
{
	char part[FORMAT_MAX];
	va_list copy;
	int len;

	(void)snprintf(part, sizeof(part), "%.*s", (int)n, fmt);
	va_copy(copy, ap);
	len = vsnprintf(NULL, 0, part, copy);
	va_end(copy);
	return len < 0 ? 0 : len < TEXT_MAX ? (size_t)len : TEXT_MAX - 1;
}

/* What a terminal, a line or a field must not have is replaced, byte by byte. */
static void make_clean(char *text)
{
	size_t n;

	for (; *text; text += n ? n : 1) {
		n = utf8_printable(text);
		if (n == 0)
			*text = (unsigned char)*text < ' ' || *text == 0x7f ? ' ' : '?';
	}
}

__attribute__((format(printf, 2, 0))) static void split(struct event *e, const char *fmt,
							va_list ap)
{
	size_t from = 0, at, end, key_n = 0;
	const char *key = "";
	va_list copy;

	va_copy(copy, ap);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, copy);
	va_end(copy);
	make_clean(e->text);
	for (e->n = 0, at = 0; e->n < FIELDS_MAX; at += 2 + key_n) {
		size_t begin = end_of(fmt, at, ap);

		from = at;
		while (fmt[at] && (e->n + 1 == FIELDS_MAX || !key_length(fmt + at)))
			at++;
		end = end_of(fmt, at, ap);
		e->field[e->n] = (struct field){ key, e->text + begin, key_n, end - begin, false };
		if (at > from + 1 && fmt[from] == '"' && fmt[at - 1] == '"') {
			e->field[e->n].quoted = true;
			e->field[e->n].value += end > begin;
			/* of a text that was cut, the second one is gone */
			e->field[e->n].value_n =
				u64_sub_sat(end - begin, end < TEXT_MAX - 1 ? 2 : 1);
		}
		e->n++;
		if (!fmt[at])
			break;
		key_n = key_length(fmt + at);
		key = fmt + at + 1;
	}
}

/* ------------------------------------------------------------------ as one line */

/* Could a value of these bytes be taken for more than one, or for a quoted one? */
static bool needs_quotes(const struct field *f)
{
	size_t i;

	for (i = 0; i < f->value_n; i++)
		if (strchr(" \"\\=", f->value[i]))
			return true;
	return false;
}

static void add_value(struct text *line, const struct field *f)
{
	bool quotes = f->key_n && (f->quoted || needs_quotes(f));
	size_t i;

	if (quotes)
		add(line, "\"", 1);
	for (i = 0; i < f->value_n; i++) {
		if (f->value[i] == '"' || f->value[i] == '\\')
			add(line, "\\", 1);
		add(line, f->value + i, 1);
	}
	if (quotes)
		add(line, "\"", 1);
}

static void make_line(const struct event *e, struct text *line)
{
	size_t i;

	for (i = 0; i < e->n; i++) {
		if (i > 0) {
			add(line, " ", 1);
			add(line, e->field[i].key, e->field[i].key_n);
			add(line, "=", 1);
		}
		add_value(line, &e->field[i]);
	}
}

/* ---------------------------------------------------------------- to the journal */

/* Is standard error the stream that JOURNAL_STREAM names (systemd.exec(5))? */
static bool is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[64];
	struct stat st;

	if (!stream || fstat(STDERR_FILENO, &st) < 0)
		return false;
	(void)snprintf(ours, sizeof(ours), "%llu:%llu", (unsigned long long)st.st_dev,
		       (unsigned long long)st.st_ino);
	return strcmp(stream, ours) == 0;
}

/* Appends "PREFIXKEY=VALUE", and what it is to @iov. */
static void add_field(struct text *t, struct iovec *iov, const char *prefix, const struct field *f)
{
	size_t begin = t->len, i;

	add(t, prefix, strlen(prefix));
	for (i = 0; i < f->key_n; i++) {
		char c = (char)toupper((unsigned char)f->key[i]);

		add(t, &c, 1);
	}
	add(t, "=", 1);
	add(t, f->value, f->value_n);
	*iov = (struct iovec){ t->to + begin, t->len - begin };
}

static bool send_fields(enum log_level level, const struct event *e, const struct text *line)
{
	char bytes[4 * TEXT_MAX], digit = (char)('0' + level);
	const struct field message = { "", line->to, 0, line->len, false };
	const struct field priority = { "", &digit, 0, 1, false };
	struct text t = { bytes, 0, sizeof(bytes) };
	struct iovec iov[FIELDS_MAX + 2];
	size_t i;

	add_field(&t, &iov[0], "MESSAGE", &message);
	add_field(&t, &iov[1], "PRIORITY", &priority);
	add_field(&t, &iov[2], "BALLONET_EVENT", &e->field[0]);
	for (i = 1; i < e->n; i++)
		add_field(&t, &iov[i + 2], "BALLONET_", &e->field[i]);
	return journal_send(iov, (int)e->n + 2) >= 0;
}

void log_event(enum log_level level, const char *fmt, ...)
{
	bool journal = is_journal();
	char bytes[TEXT_MAX + 4];
	struct text line = { bytes + 3, 0, TEXT_MAX - 4 };
	struct event e = { .n = 0 };
	ssize_t ignored;
	va_list ap;

	if (level > log_level)
		return;
	va_start(ap, fmt);
	split(&e, fmt, ap);
	va_end(ap);
	make_line(&e, &line);
	if (journal && journal_send && send_fields(level, &e, &line))
		return;
	memcpy(bytes, (char[]){ '<', (char)('0' + level), '>' }, 3);
	line.to[line.len++] = '\n';
	ignored = journal ? write(STDERR_FILENO, bytes, line.len + 3)
			  : write(STDERR_FILENO, line.to, line.len);
	(void)ignored; /* there is nowhere left to say that saying failed */
}
