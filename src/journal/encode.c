/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * encode.c - a record as one line of JSON
 *
 * Layer: journal (may include model, base).
 * In:    a record.
 * Out:   its line, behind what a buffer holds.
 *
 * It writes text directly instead of building a tree of objects: a tick of 1000
 * VMs has 60,000 figures, and the daemon has 30 us per VM for everything.
 */
#include "journal/table.h"

#include "base/num.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define UNKNOWN "18446744073709551615" /* FIGURE_UNKNOWN */
#define DIGITS_MAX (sizeof(UNKNOWN) - 1)
#define STATS_ALL ((UINT32_C(1) << BALLOON_STAT_COUNT) - 1)

/* Where the text goes, between @at and @end; the first error stays, and nothing is written after.
 */
struct out {
	struct buf *b;
	char *at, *end;
	int error;
};

static void begin(struct out *o, struct buf *b)
{
	*o = (struct out){ .b = b };
	if (!b->data)
		return; /* the first byte makes room */
	o->at = b->data + b->len;
	o->end = b->data + u64_min(b->cap - 1, b->limit);
}

/* The buffer has it all, or what it had at @start. */
static int end(struct out *o, size_t start)
{
	if (o->b->data) {
		o->b->len = o->error ? start : (size_t)(o->at - o->b->data);
		o->b->data[o->b->len] = '\0';
	}
	return o->error;
}

/* Makes room for @n more bytes. False: there is none. */
static bool grow(struct out *o, size_t n)
{
	int r;

	if (o->error)
		return false;
	if (o->b->data)
		o->b->len = (size_t)(o->at - o->b->data);
	r = buf_reserve(o->b, n);
	if (r < 0) {
		o->error = r;
		o->end = o->at;
		return false;
	}
	o->at = o->b->data + o->b->len;
	o->end = o->b->data + u64_min(o->b->cap - 1, o->b->limit);
	return true;
}

static inline void put_bytes(struct out *o, const char *text, size_t n)
{
	if ((!o->at || (size_t)(o->end - o->at) < n) && !grow(o, n))
		return;
	memcpy(o->at, text, n);
	o->at += n;
}

static inline void put_char(struct out *o, char c)
{
	if (o->at == o->end && !grow(o, 1))
		return;
	*o->at++ = c;
}

static void put_text(struct out *o, const char *text)
{
	put_bytes(o, text, strlen(text));
}

static void put_u64(struct out *o, uint64_t v)
{
	char digits[DIGITS_MAX], *at = digits + sizeof(digits);

	if (v == FIGURE_UNKNOWN) { /* half of a calm VM's figures */
		put_bytes(o, UNKNOWN, sizeof(UNKNOWN) - 1);
		return;
	}
	do {
		*--at = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	put_bytes(o, at, (size_t)(digits + sizeof(digits) - at));
}

static void put_i64(struct out *o, int64_t v)
{
	if (v < 0)
		put_char(o, '-');
	put_u64(o, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

static void put_key(struct out *o, const char *key, bool first)
{
	if (!first)
		put_char(o, ',');
	put_char(o, '"');
	put_text(o, key);
	put_bytes(o, "\":", 2);
}

static void put_string(struct out *o, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	char escape[8];
	size_t n;

	put_char(o, '"');
	for (; *s; s += n ? n : 1) {
		n = utf8_length((const char *)s);
		if (n == 0) {
			put_text(o, "\xef\xbf\xbd");
		} else if (*s == '"' || *s == '\\') {
			put_char(o, '\\');
			put_char(o, (char)*s);
		} else if (*s < ' ' || *s == 0x7f) {
			(void)snprintf(escape, sizeof(escape), "\\u%04x", *s);
			put_text(o, escape);
		} else {
			put_bytes(o, (const char *)s, n);
		}
	}
	put_char(o, '"');
}

static void put_word(struct out *o, const struct field *f, uint64_t v)
{
	if (v >= f->limit) {
		o->error = o->error ? o->error : -EINVAL;
		return;
	}
	put_char(o, '"');
	put_text(o, f->word(v));
	put_char(o, '"');
}

static void put_fact(struct out *o, const struct fact *fact)
{
	if (!fact->known) {
		put_bytes(o, "null", 4);
		return;
	}
	put_char(o, '[');
	put_u64(o, fact->value);
	put_char(o, ',');
	put_u64(o, fact->taken_us);
	put_char(o, ']');
}

static void put_stats(struct out *o, const struct guest_stats *s)
{
	size_t i;

	if (!(s->known & STATS_ALL)) {
		put_bytes(o, "null", 4);
		return;
	}
	put_char(o, '{');
	put_key(o, STATS_TAKEN, true);
	put_u64(o, s->taken_us);
	for (i = 0; i < BALLOON_STAT_COUNT; i++) {
		if (!stats_has(s, (enum balloon_stat)i))
			continue;
		put_key(o, stats_keys[i], false);
		put_u64(o, s->tag[i]);
	}
	put_char(o, '}');
}

static void put_array(struct out *o, const uint64_t *v, uint64_t n)
{
	uint64_t i;

	put_char(o, '[');
	for (i = 0; i < n; i++) {
		if (i)
			put_char(o, ',');
		put_u64(o, v[i]);
	}
	put_char(o, ']');
}

static void put_settings(struct out *o, const struct settings *s)
{
	const char *const *words;
	const struct setting *row;
	size_t n, nwords, i;
	uint64_t v;

	row = settings_table(&n);
	put_char(o, '{');
	for (i = 0; i < n; i++) {
		v = setting_get(s, &row[i]);
		put_key(o, row[i].key, i == 0);
		words = setting_words(row[i].unit, &nwords);
		if (words)
			put_string(o, words[u64_min(v, nwords - 1)]);
		else
			put_u64(o, v);
	}
	put_char(o, '}');
}

static void put_struct(struct out *o, const struct table *t, const char *base);

static void put_list(struct out *o, const struct field *f, const char *base)
{
	const char *item = *(const char *const *)(base + f->offset);
	size_t n = *(const size_t *)(base + f->count), i;

	if (n > RECORD_VMS_MAX)
		o->error = o->error ? o->error : -EMSGSIZE;
	put_char(o, '[');
	for (i = 0; i < n && !o->error; i++) {
		if (i)
			put_char(o, ',');
		put_struct(o, f->sub, item + i * f->sub->size);
	}
	put_char(o, ']');
}

static void put_value(struct out *o, const struct field *f, const char *base)
{
	const void *at = base + f->offset;

	switch (f->type) {
	case FIELD_U64:
		put_u64(o, *(const uint64_t *)at);
		break;
	case FIELD_U32:
		put_u64(o, *(const uint32_t *)at);
		break;
	case FIELD_I32:
		put_i64(o, *(const int32_t *)at);
		break;
	case FIELD_WORD32:
		put_word(o, f, *(const uint32_t *)at);
		break;
	case FIELD_WORD64:
		put_word(o, f, *(const uint64_t *)at);
		break;
	case FIELD_FACT:
		put_fact(o, at);
		break;
	case FIELD_STATS:
		put_stats(o, at);
		break;
	case FIELD_ARRAY:
		put_array(o, at, f->limit);
		break;
	case FIELD_STRING:
		put_string(o, *(const char *const *)at);
		break;
	case FIELD_STRUCT:
		put_struct(o, f->sub, at);
		break;
	case FIELD_SETTINGS:
		put_settings(o, at);
		break;
	case FIELD_LIST:
		put_list(o, f, base);
		break;
	}
}

/* The members, without the braces. */
static void put_members(struct out *o, const struct table *t, const char *base, bool first)
{
	const struct field *f;
	size_t comma;

	for (f = t->field; f < t->field + t->n; f++) {
		comma = first && f == t->field;
		put_bytes(o, f->lead + comma, f->lead_len - comma);
		put_value(o, f, base);
	}
}

static void put_struct(struct out *o, const struct table *t, const char *base)
{
	put_char(o, '{');
	put_members(o, t, base, true);
	put_char(o, '}');
}

int table_encode(struct buf *b, const struct table *t, const void *base)
{
	size_t start = b->len;
	struct out o;

	begin(&o, b);
	put_struct(&o, t, base);
	return end(&o, start);
}

int record_encode(struct buf *b, const struct record *r)
{
	const struct record_type *type = &record_types[r->kind];
	size_t start = b->len;
	struct out o;

	begin(&o, b);
	put_text(&o, "{\"record\":\"");
	put_text(&o, type->word);
	put_char(&o, '"');
	put_members(&o, type->table, record_body(r), false);
	put_text(&o, "}\n");
	if (!o.error && (size_t)(o.at - b->data) - start > RECORD_LINE_MAX)
		o.error = -EMSGSIZE;
	return end(&o, start);
}

/* One value as it is written, cut where it does not fit. */
static void value_text(const struct field *f, const char *base, char *text, size_t size)
{
	struct buf b;
	struct out o;

	buf_init(&b, RECORD_LINE_MAX);
	begin(&o, &b);
	put_value(&o, f, base);
	(void)snprintf(text, size, "%s", end(&o, 0) < 0 ? "?" : b.data);
	buf_fini(&b);
}

static bool struct_differs(const struct table *t, const char *prefix, const char *a, const char *b,
			   struct record_difference *ret)
{
	const struct field *f;

	for (f = t->field; f < t->field + t->n; f++) {
		if (f->type == FIELD_STRUCT) {
			if (struct_differs(f->sub, f->key, a + f->offset, b + f->offset, ret))
				return true;
			continue;
		}
		value_text(f, a, ret->a, sizeof(ret->a));
		value_text(f, b, ret->b, sizeof(ret->b));
		if (strcmp(ret->a, ret->b) != 0) {
			(void)snprintf(ret->key, sizeof(ret->key), "%s%s%s", prefix,
				       *prefix ? "." : "", f->key);
			return true;
		}
	}
	return false;
}

bool record_decision_differs(const struct decision *a, const struct decision *b,
			     struct record_difference *ret)
{
	return struct_differs(&decision_table, "", (const char *)a, (const char *)b, ret);
}

bool record_host_differs(const struct host_decision *a, const struct host_decision *b,
			 struct record_difference *ret)
{
	return struct_differs(&host_decision_table, "host", (const char *)a, (const char *)b, ret);
}
