/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * output.c - reading figures out of JSON and printing them for people
 *
 * Layer: cli.
 * In:    a JSON object of the daemon.
 * Out:   text without control characters.
 */
#include "cli/output.h"

#include "base/num.h"
#include "policy/explain.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Bytes of the control character at @p; 0 where it is none. C1 is U+0080 to U+009F. */
static size_t control_length(const char *p)
{
	unsigned char c = (unsigned char)p[0], next = c ? (unsigned char)p[1] : 0;

	if (c < ' ' || c == 0x7f)
		return 1;
	return c == 0xc2 && next >= 0x80 && next <= 0x9f ? 2 : 0;
}

void out_text(FILE *to, const char *text)
{
	while (*text) {
		size_t n = control_length(text);

		(void)fputc(n ? '?' : *text, to);
		text += n ? n : 1;
	}
}

size_t out_width(const char *text)
{
	size_t columns = 0;

	while (*text) {
		size_t n = control_length(text);

		/* bytes that continue a character take no column of their own */
		columns += n || ((unsigned char)*text & 0xc0) != 0x80;
		text += n ? n : 1;
	}
	return columns;
}

size_t out_columns(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		return 0;
	return size.ws_col;
}

static struct json_object *member(struct json_object *o, const char *key, enum json_type type)
{
	struct json_object *value = NULL;

	if (!json_object_is_type(o, json_type_object) ||
	    !json_object_object_get_ex(o, key, &value) || !json_object_is_type(value, type))
		return NULL;
	return value;
}

uint64_t out_number(struct json_object *o, const char *key, uint64_t otherwise)
{
	struct json_object *value = member(o, key, json_type_int);

	/* json-c answers 0 for a negative number */
	if (!value || json_object_get_int64(value) < 0)
		return otherwise;
	return json_object_get_uint64(value);
}

const char *out_string(struct json_object *o, const char *key)
{
	struct json_object *value = member(o, key, json_type_string);

	return value ? json_object_get_string(value) : "";
}

struct json_object *out_object(struct json_object *o, const char *key)
{
	return member(o, key, json_type_object);
}

struct json_object *out_array(struct json_object *o, const char *key)
{
	return member(o, key, json_type_array);
}

static void list_text(struct json_object *list, char *text, size_t size)
{
	size_t i, n = list ? json_object_array_length(list) : 0, len = 0;

	for (i = 0; i < n && len < size; i++) {
		struct json_object *word = json_object_array_get_idx(list, i);
		int m = snprintf(text + len, size - len, "%s%s", i ? ", " : "",
				 json_object_is_type(word, json_type_string)
					 ? json_object_get_string(word)
					 : "?");

		len += m > 0 ? (size_t)m : 0;
	}
}

static void time_text(uint64_t us, char *text, size_t size)
{
	unsigned long long tenths = us / (USEC_PER_SEC / 10), s = tenths / 10;

	if (s < 120)
		(void)snprintf(text, size, "%llu.%llu s", s, tenths % 10);
	else if (s < 7200)
		(void)snprintf(text, size, "%llu min %llu s", s / 60, s % 60);
	else
		(void)snprintf(text, size, "%llu h %llu min", s / 3600, s % 3600 / 60);
}

void out_number_text(uint64_t v, enum out_kind kind, char *text, size_t size)
{
	unsigned long long tenths = v / (PPM / 1000);

	switch (kind) {
	case OUT_BYTES:
		explain_bytes(v, text, size);
		break;
	case OUT_TIME:
		time_text(v, text, size);
		break;
	case OUT_SHARE:
		(void)snprintf(text, size, "%llu.%llu %%", tenths / 10, tenths % 10);
		break;
	default:
		(void)snprintf(text, size, "%llu", (unsigned long long)v);
	}
}

void out_figure(struct json_object *o, const char *key, enum out_kind kind, char *text, size_t size)
{
	struct json_object *yes_no = member(o, key, json_type_boolean);
	uint64_t v = out_number(o, key, UINT64_MAX);

	text[0] = '\0';
	if (kind == OUT_TEXT)
		(void)snprintf(text, size, "%s", out_string(o, key));
	else if (kind == OUT_LIST)
		list_text(out_array(o, key), text, size);
	else if (kind == OUT_YES_NO && yes_no)
		(void)snprintf(text, size, "%s", json_object_get_boolean(yes_no) ? "yes" : "no");
	else if (kind != OUT_YES_NO && v != UINT64_MAX)
		out_number_text(v, kind, text, size);
	if (!text[0])
		(void)snprintf(text, size, "-");
}

void out_rows(struct json_object *o, const struct out_row *rows, size_t n)
{
	char text[OUT_CELL_MAX];
	size_t i, width = 0;

	for (i = 0; i < n; i++)
		width = u64_max(width, strlen(rows[i].label));
	for (i = 0; i < n; i++) {
		out_figure(o, rows[i].key, rows[i].kind, text, sizeof(text));
		if (strcmp(text, "-") == 0)
			continue;
		(void)printf("  %-*s  ", (int)width, rows[i].label);
		out_text(stdout, text);
		(void)putchar('\n');
	}
}
