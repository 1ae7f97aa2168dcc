/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decode.c - a line of a journal as a record
 *
 * Layer: journal (may include model, base; json-c).
 * In:    the bytes of one line, from anywhere.
 * Out:   a record whose every member was there, once, in its range.
 *
 * json-c keeps the last of two members with the same key, so duplicates are
 * found by counting the colons of the text. It also turns 2^64 and above into
 * 2^64-1, which means "unknown" here, so the digits themselves are checked.
 */
#include "journal/table.h"

#include "base/cleanup.h"
#include "base/num.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 8 /* record, list, VM, history, squeeze, array: 6, and room */

static void put_jsonp(json_object **o)
{
	json_object_put(*o);
}

static void tokener_freep(json_tokener **t)
{
	if (*t)
		json_tokener_free(*t);
}

#define cleanup_json __attribute__((cleanup(put_jsonp)))
#define cleanup_tokener __attribute__((cleanup(tokener_freep)))

/* Says what is wrong with @key, unless something was said already. Always -EBADMSG. */
static int bad(char *trouble, const char *key, const char *what)
{
	if (!*trouble)
		(void)snprintf(trouble, RECORD_TROUBLE_MAX, "\"%.40s\" %s", key, what);
	return -EBADMSG;
}

/* Members of all objects in @o. */
static size_t members_of(json_object *o)
{
	size_t n = 0, i;

	if (json_object_is_type(o, json_type_object)) {
		json_object_object_foreach(o, key, value)
		{
			(void)key;
			n += 1 + members_of(value);
		}
	} else if (json_object_is_type(o, json_type_array)) {
		for (i = 0; i < json_object_array_length(o); i++)
			n += members_of(json_object_array_get_idx(o, i));
	}
	return n;
}

/* Bytes of @line from @at on that are digits; *ret_fits: as a number they are at most 2^64-1. */
static size_t digits_of(const char *line, size_t len, size_t at, bool *ret_fits)
{
	static const char max[] = "18446744073709551615";
	size_t n = 0;

	while (at + n < len && line[at + n] >= '0' && line[at + n] <= '9')
		n++;
	*ret_fits = n < sizeof(max) - 1 ||
		    (n == sizeof(max) - 1 && memcmp(line + at, max, sizeof(max) - 1) <= 0);
	return n;
}

/*
 * What json-c does not tell: the colons of @line outside of strings, and
 * whether each number fits 64 bits (it would become the nearest that does).
 */
static bool scan(const char *line, size_t len, size_t *ret_colons)
{
	bool in_string = false, fits = true;
	size_t colons = 0, digits, i;

	for (i = 0; i < len && fits; i++) {
		if (in_string && line[i] == '\\') {
			i++;
		} else if (line[i] == '"') {
			in_string = !in_string;
		} else if (!in_string) {
			colons += line[i] == ':';
			digits = digits_of(line, len, i, &fits);
			i += digits ? digits - 1 : 0;
		}
	}
	*ret_colons = colons;
	return fits;
}

static bool get_u64(json_object *o, uint64_t max, uint64_t *ret)
{
	if (!json_object_is_type(o, json_type_int) || json_object_get_int64(o) < 0 ||
	    json_object_get_uint64(o) > max)
		return false;
	*ret = json_object_get_uint64(o);
	return true;
}

static bool get_i32(json_object *o, int32_t *ret)
{
	int64_t v;

	if (!json_object_is_type(o, json_type_int))
		return false;
	v = json_object_get_int64(o);
	if (v < INT32_MIN || v > INT32_MAX)
		return false;
	*ret = (int32_t)v;
	return true;
}

static bool get_word(json_object *o, const struct field *f, uint64_t *ret)
{
	uint64_t v;

	if (!json_object_is_type(o, json_type_string))
		return false;
	for (v = 0; v < f->limit; v++) {
		if (strcmp(f->word(v), json_object_get_string(o)) == 0) {
			*ret = v;
			return true;
		}
	}
	return false;
}

/* A JSON null is a NULL object to json-c. */
static bool get_fact(json_object *o, struct fact *ret)
{
	*ret = (struct fact){ .known = o != NULL };
	if (!o)
		return true;
	return json_object_is_type(o, json_type_array) && json_object_array_length(o) == 2 &&
	       get_u64(json_object_array_get_idx(o, 0), UINT64_MAX, &ret->value) &&
	       get_u64(json_object_array_get_idx(o, 1), UINT64_MAX, &ret->taken_us);
}

static bool get_stats(json_object *o, struct guest_stats *ret)
{
	json_object *v;
	int found = 1;
	size_t i;

	*ret = (struct guest_stats){ 0 };
	if (!o)
		return true;
	if (!json_object_is_type(o, json_type_object) ||
	    !json_object_object_get_ex(o, STATS_TAKEN, &v) ||
	    !get_u64(v, UINT64_MAX, &ret->taken_us))
		return false;
	for (i = 0; i < BALLOON_STAT_COUNT; i++) {
		if (!json_object_object_get_ex(o, stats_keys[i], &v))
			continue;
		if (!get_u64(v, UINT64_MAX, &ret->tag[i]))
			return false;
		ret->known |= UINT32_C(1) << i;
		found++;
	}
	return ret->known && json_object_object_length(o) == found;
}

static bool get_array(json_object *o, uint64_t n, uint64_t *ret)
{
	uint64_t i;

	if (!json_object_is_type(o, json_type_array) || json_object_array_length(o) != n)
		return false;
	for (i = 0; i < n; i++)
		if (!get_u64(json_object_array_get_idx(o, i), UINT64_MAX, &ret[i]))
			return false;
	return true;
}

static int get_string(json_object *o, char **ret)
{
	const char *text;

	if (!json_object_is_type(o, json_type_string))
		return -EBADMSG;
	text = json_object_get_string(o);
	if (strlen(text) != (size_t)json_object_get_string_len(o))
		return -EBADMSG; /* a NUL inside */
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

static bool get_setting(json_object *o, const struct setting *row, uint64_t *ret)
{
	const char *const *words;
	size_t n;

	words = setting_words(row->unit, &n);
	if (words) {
		if (!json_object_is_type(o, json_type_string))
			return false;
		for (*ret = row->min; *ret <= row->max; ++*ret)
			if (strcmp(words[*ret], json_object_get_string(o)) == 0)
				return true;
		return false;
	}
	return get_u64(o, row->max, ret) && *ret >= row->min;
}

static int get_settings(json_object *o, char *trouble, struct settings *ret)
{
	const struct setting *row;
	json_object *v;
	size_t n, i;
	uint64_t value;

	row = settings_table(&n);
	if (!json_object_is_type(o, json_type_object))
		return -EBADMSG;
	for (i = 0; i < n; i++) {
		if (!json_object_object_get_ex(o, row[i].key, &v))
			return bad(trouble, row[i].key, "is missing");
		if (!get_setting(v, &row[i], &value))
			return bad(trouble, row[i].key, "has no legal value");
		setting_put(ret, &row[i], value);
	}
	if ((size_t)json_object_object_length(o) != n)
		return bad(trouble, "settings", "has a key that is not known");
	return 0;
}

/* How strictly, and where to say what is wrong. */
struct reader {
	char *trouble;
	bool lenient; /* what is missing stays as it is, and what is not known is passed over */
};

static int get_struct(json_object *o, const struct table *t, bool outermost,
		      const struct reader *in, char *base);

static int get_list(json_object *o, const struct field *f, const struct reader *in, char *base)
{
	size_t n, i;
	char *item;
	int r;

	if (!json_object_is_type(o, json_type_array))
		return -EBADMSG;
	n = json_object_array_length(o);
	if (n > RECORD_VMS_MAX)
		return bad(in->trouble, f->key, "has too many elements");
	item = calloc(n ? n : 1, f->sub->size);
	if (!item)
		return -ENOMEM;
	*(char **)(base + f->offset) = item;
	*(size_t *)(base + f->count) = n;
	for (i = 0; i < n; i++) {
		r = get_struct(json_object_array_get_idx(o, i), f->sub, false, in,
			       item + i * f->sub->size);
		if (r < 0)
			return r;
	}
	return 0;
}

static int get_value(json_object *o, const struct field *f, const struct reader *in, char *base)
{
	void *at = base + f->offset;
	bool ok = false;
	uint64_t v = 0;

	switch (f->type) {
	case FIELD_U64:
		ok = get_u64(o, f->limit ? f->limit : UINT64_MAX, at);
		break;
	case FIELD_U32:
		ok = get_u64(o, UINT32_MAX, &v);
		*(uint32_t *)at = (uint32_t)v;
		break;
	case FIELD_I32:
		ok = get_i32(o, at);
		break;
	case FIELD_WORD32:
		ok = get_word(o, f, &v);
		*(uint32_t *)at = (uint32_t)v;
		break;
	case FIELD_WORD64:
		ok = get_word(o, f, at);
		break;
	case FIELD_FACT:
		ok = get_fact(o, at);
		break;
	case FIELD_STATS:
		ok = get_stats(o, at);
		break;
	case FIELD_ARRAY:
		ok = get_array(o, f->limit, at);
		break;
	case FIELD_STRING:
		return get_string(o, at);
	case FIELD_STRUCT:
		return get_struct(o, f->sub, false, in, at);
	case FIELD_SETTINGS:
		return get_settings(o, in->trouble, at);
	case FIELD_LIST:
		return get_list(o, f, in, base);
	}
	return ok ? 0 : -EBADMSG;
}

/* Names the first key of @o that is no row of @t; at the outermost level "record" is none either.
 */
static int unknown_key(json_object *o, const struct table *t, bool outermost, char *trouble)
{
	json_object_object_foreach(o, key, value)
	{
		size_t i;

		(void)value;
		for (i = 0; i < t->n && strcmp(t->field[i].key, key) != 0; i++)
			;
		if (i == t->n && !(outermost && strcmp(key, "record") == 0))
			return bad(trouble, key, "is not known");
	}
	return -EBADMSG;
}

static int get_struct(json_object *o, const struct table *t, bool outermost,
		      const struct reader *in, char *base)
{
	const struct field *f;
	json_object *v;
	int r;

	if (!json_object_is_type(o, json_type_object))
		return -EBADMSG;
	for (f = t->field; f < t->field + t->n; f++) {
		if (!json_object_object_get_ex(o, f->key, &v)) {
			if (in->lenient)
				continue;
			return bad(in->trouble, f->key, "is missing");
		}
		r = get_value(v, f, in, base);
		if (r == -EBADMSG)
			return bad(in->trouble, f->key, "has no legal value");
		if (r < 0)
			return r;
	}
	if (!in->lenient && (size_t)json_object_object_length(o) != t->n + outermost)
		return unknown_key(o, t, outermost, in->trouble);
	return 0;
}

static json_object *parse(const char *line, size_t len, char *trouble)
{
	cleanup_tokener json_tokener *tok = json_tokener_new_ex(DEPTH_MAX);
	cleanup_json json_object *o = NULL;
	size_t colons;

	if (!tok)
		return NULL;
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(tok, line, (int)len);
	if (json_tokener_get_error(tok) != json_tokener_success ||
	    json_tokener_get_parse_end(tok) != len || !json_object_is_type(o, json_type_object))
		(void)snprintf(trouble, RECORD_TROUBLE_MAX, "this is not a line of JSON");
	else if (!scan(line, len, &colons))
		(void)snprintf(trouble, RECORD_TROUBLE_MAX, "a number is too large");
	else if (colons != members_of(o))
		(void)snprintf(trouble, RECORD_TROUBLE_MAX, "a key is there twice");
	return *trouble ? NULL : take_ptr(o);
}

static int find_kind(json_object *o, char *trouble, enum record_kind *ret)
{
	json_object *word;
	unsigned int i;

	if (!json_object_object_get_ex(o, "record", &word) ||
	    !json_object_is_type(word, json_type_string))
		return bad(trouble, "record", "is missing");
	for (i = 0; i < RECORD_KIND_COUNT; i++) {
		if (strcmp(record_types[i].word, json_object_get_string(word)) == 0) {
			*ret = (enum record_kind)i;
			return 0;
		}
	}
	return bad(trouble, "record", "has no legal value");
}

int record_decode(const char *line, size_t len, char *trouble, struct record *ret)
{
	const struct reader in = { .trouble = trouble };
	cleanup_json json_object *o = NULL;
	struct record rec;
	int r;

	memset(&rec, 0, sizeof(rec)); /* all of the union, so that record_fini() may be called */
	*trouble = '\0';
	if (len > RECORD_LINE_MAX)
		return bad(trouble, "record", "is too long");
	o = parse(line, len, trouble);
	if (!o)
		return *trouble ? -EBADMSG : -ENOMEM;
	r = find_kind(o, trouble, &rec.kind);
	if (r == 0)
		r = get_struct(o, record_types[rec.kind].table, true, &in, record_body(&rec));
	if (r < 0) {
		record_fini(&rec);
		return r;
	}
	*ret = rec;
	return 0;
}

int table_decode(const char *text, size_t len, const struct table *t, void *base)
{
	char trouble[RECORD_TROUBLE_MAX] = "";
	const struct reader in = { .trouble = trouble, .lenient = true };
	cleanup_json json_object *o = NULL;

	o = len <= RECORD_LINE_MAX ? parse(text, len, trouble) : NULL;
	if (!o)
		return *trouble || len > RECORD_LINE_MAX ? -EBADMSG : -ENOMEM;
	return get_struct(o, t, false, &in, base);
}

void record_fini(struct record *r)
{
	const struct table *t = record_types[r->kind].table;
	const struct field *f;

	for (f = t->field; f < t->field + t->n; f++) {
		if (f->type != FIELD_STRING && f->type != FIELD_LIST)
			continue;
		free(*(void **)((char *)record_body(r) + f->offset));
		*(void **)((char *)record_body(r) + f->offset) = NULL;
	}
}
