/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_text.c - one YAML file: read whole, sound, and able to say where a key stands
 *
 * Layer: config.
 * In:    a file.
 * Out:   a tree of its keys and values, and the line of each.
 *
 * Aliases are refused: a configuration this flat does not need them, and without
 * them no file grows in memory beyond its size on disk.
 */
#include "config/config_text.h"

#include "base/cleanup.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define DEPTH_MAX 8  /* the schema has 4 levels; the rest is for a better error than "too deep" */
#define KEYS_MAX 128 /* keys of one mapping; the schema has fewer than 40 */

/* ------------------------------------------------------------------- errors */

/* Room for the sentence of an error; what is longer is cut. */
#define SENTENCE_MAX 512

/* Appends to the @len characters of @err; returns the new length. */
static size_t __attribute__((format(printf, 3, 4)))
addf(struct config_error *err, size_t len, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(err->text + len, err->size - len, fmt, ap);
	va_end(ap);
	if (n < 0)
		return len;
	return (size_t)n < err->size - len ? len + (size_t)n : err->size - 1;
}

static size_t add_place(struct config_error *err, size_t len, const struct config_place *place)
{
	if (place->section)
		len = addf(err, len, "%s", place->section);
	if (place->section && place->entry >= 0)
		len = addf(err, len, "[%d]", place->entry);
	if (place->key)
		len = addf(err, len, "%s%.64s", place->section ? "." : "", place->key);
	return addf(err, len, ": ");
}

/* Writes the whole error; @t and @place may be NULL, @line 0. Returns -EINVAL. */
static int put_error(struct config_error *err, const struct config_text *t, size_t line,
		     const struct config_place *place, const char *sentence)
{
	size_t len = 0;
	char *p;

	if (err->size == 0)
		return -EINVAL;
	if (t && line)
		len = addf(err, len, "%s:%zu: ", t->path, line);
	else if (t)
		len = addf(err, len, "%s: ", t->path);
	if (place)
		len = add_place(err, len, place);
	(void)addf(err, len, "%s", sentence);
	for (p = err->text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	return -EINVAL;
}

int config_error(struct config_error *err, const struct config_text *t,
		 const struct config_place *place, const char *fmt, ...)
{
	char sentence[SENTENCE_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(sentence, sizeof(sentence), fmt, ap);
	va_end(ap);
	return put_error(err, t, t && place ? config_text_line(t, place) : 0, place, sentence);
}

static int error_at(struct config_error *err, const struct config_text *t, size_t line,
		    const char *what)
{
	return put_error(err, t, line + 1, NULL, what);
}

/* --------------------------------------------------------------------- tree */

/* A file that is being read: what is open, from the root to where the parser is. */
struct reading {
	struct config_text *t;
	struct config_error *err;
	struct config_node *last; /* node of all */
	struct {
		struct config_node *node, *last; /* and its last child */
	} open[DEPTH_MAX];
	size_t depth;
	size_t documents;
};

/* Adds a node where the parser is. 0 or -ENOMEM. */
static int add_node(struct reading *r, enum config_shape shape, const yaml_event_t *event,
		    const char *text)
{
	struct config_node *node = calloc(1, sizeof(*node) + strlen(text) + 1);
	struct config_node *parent = r->depth ? r->open[r->depth - 1].node : NULL;

	if (!node)
		return -ENOMEM;
	node->shape = shape;
	node->line = event->start_mark.line + 1;
	memcpy(node->text, text, strlen(text) + 1);
	*(r->last ? &r->last->after : &r->t->nodes) = node;
	r->last = node;
	if (!parent) {
		r->t->root = node;
	} else {
		struct config_node *before = r->open[r->depth - 1].last;

		*(before ? &before->next : &parent->first) = node;
		r->open[r->depth - 1].last = node;
		parent->n++;
	}
	if (shape != CONFIG_VALUE) {
		r->open[r->depth].node = node;
		r->open[r->depth++].last = NULL;
	}
	return 0;
}

static int add_container(struct reading *r, enum config_shape shape, const yaml_event_t *event)
{
	if (r->depth == DEPTH_MAX)
		return error_at(r->err, r->t, event->start_mark.line, "nested too deep");
	return add_node(r, shape, event, "");
}

static int add_value(struct reading *r, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;

	if (memchr(text, '\0', event->data.scalar.length))
		return error_at(r->err, r->t, event->start_mark.line, "a text contains a NUL byte");
	return add_node(r, CONFIG_VALUE, event, text);
}

static int take_event(struct reading *r, const yaml_event_t *event)
{
	size_t line = event->start_mark.line;

	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return error_at(r->err, r->t, line, "aliases are not supported");
	case YAML_DOCUMENT_START_EVENT:
		return ++r->documents == 1 ? 0
					   : error_at(r->err, r->t, line,
						      "a second document begins (one per file)");
	case YAML_SEQUENCE_START_EVENT:
		return add_container(r, CONFIG_LIST, event);
	case YAML_MAPPING_START_EVENT:
		return add_container(r, CONFIG_MAP, event);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		r->depth--;
		return 0;
	case YAML_SCALAR_EVENT:
		return add_value(r, event);
	default:
		return 0;
	}
}

static int parser_error(struct reading *r, const yaml_parser_t *parser)
{
	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	return error_at(r->err, r->t, parser->problem_mark.line,
			parser->problem ? parser->problem : "this is no YAML");
}

static int read_events(struct config_text *t, const char *bytes, size_t len,
		       struct config_error *err)
{
	struct reading reading = { .t = t, .err = err };
	yaml_parser_t parser;
	yaml_event_t event;
	bool end = false;
	int r = 0;

	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, len);
	while (r == 0 && !end) {
		if (!yaml_parser_parse(&parser, &event)) {
			r = parser_error(&reading, &parser);
			break;
		}
		r = take_event(&reading, &event);
		end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return r;
}

/* ------------------------------------------------------------------- checks */

/* Which section or entry of one is @map? Neither: the place of nothing. */
static struct config_place place_of(const struct config_text *t, const struct config_node *map)
{
	const struct config_node *key, *value, *item;
	struct config_place place = { .entry = -1 };

	for (key = t->root->first; key; key = value->next) {
		value = key->next;
		place.section = key->text;
		if (value == map)
			return place;
		if (value->shape != CONFIG_LIST)
			continue;
		place.entry = 0;
		for (item = value->first; item; item = item->next, place.entry++)
			if (item == map)
				return place;
		place.entry = -1;
	}
	place.section = NULL;
	return place;
}

static int given_twice(const struct config_text *t, const struct config_node *map,
		       const struct config_node *key, const struct config_node *other,
		       struct config_error *err)
{
	struct config_place place = place_of(t, map);
	char sentence[64];

	place.key = key->text;
	(void)snprintf(sentence, sizeof(sentence), "given twice, first in line %zu", other->line);
	return put_error(err, t, key->line, &place, sentence);
}

static int check_map(const struct config_text *t, const struct config_node *map,
		     struct config_error *err)
{
	const struct config_node *key, *other;

	if (map->n / 2 > KEYS_MAX)
		return put_error(err, t, map->line, NULL, "too many keys");
	for (key = map->first; key; key = key->next->next) {
		if (key->shape != CONFIG_VALUE)
			return put_error(err, t, key->line, NULL, "a key must be a word");
		for (other = map->first; other != key; other = other->next->next)
			if (strcmp(key->text, other->text) == 0)
				return given_twice(t, map, key, other, err);
	}
	return 0;
}

static int check_tree(struct config_text *t, struct config_error *err)
{
	const struct config_node *node;
	int r;

	if (t->root && t->root->shape == CONFIG_VALUE && !t->root->text[0])
		t->root = NULL; /* a document of nothing ("---") */
	if (t->root && t->root->shape != CONFIG_MAP)
		return put_error(err, t, t->root->line, NULL,
				 "a configuration is made of keys with values (KEY: VALUE)");
	for (node = t->nodes; node; node = node->after) {
		if (node->shape != CONFIG_MAP)
			continue;
		r = check_map(t, node, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ---------------------------------------------------------------- in and out */

int config_text_read(const char *path, struct config_text *ret, struct config_error *err)
{
	cleanup_free char *bytes = malloc(CONFIG_TEXT_MAX + 1);
	struct config_text t = { .path = strdup(path) };
	size_t n;
	int r;

	r = bytes && t.path ? file_read_at(AT_FDCWD, path, bytes, CONFIG_TEXT_MAX + 1, &n)
			    : -ENOMEM;
	if (r == -EMSGSIZE)
		(void)config_error(err, NULL, NULL, "%s: larger than %zu KiB", path,
				   CONFIG_TEXT_MAX / 1024);
	else if (r < 0)
		(void)config_error(err, NULL, NULL, "%s: cannot be read: %s", path, strerror(-r));
	else
		r = read_events(&t, bytes, n, err);
	if (r == 0)
		r = check_tree(&t, err);
	if (r < 0) {
		config_text_fini(&t);
		return r;
	}
	*ret = t;
	return 0;
}

void config_text_fini(struct config_text *t)
{
	struct config_node *node, *after;

	for (node = t->nodes; node; node = after) {
		after = node->after;
		free(node);
	}
	free(t->path);
	*t = (struct config_text){ 0 };
}

/* -------------------------------------------------------------------- places */

/* The value of @key in @map, its line in *line; NULL where there is none. */
static const struct config_node *look_up(const struct config_node *map, const char *key,
					 size_t *line)
{
	const struct config_node *k;

	if (map->shape != CONFIG_MAP)
		return NULL;
	for (k = map->first; k && strcmp(k->text, key) != 0; k = k->next->next)
		;
	if (!k)
		return NULL;
	*line = k->line;
	return k->next;
}

static const struct config_node *entry_of(const struct config_node *list, int entry, size_t *line)
{
	const struct config_node *node;

	if (list->shape != CONFIG_LIST)
		return NULL;
	for (node = list->first; node && entry > 0; entry--)
		node = node->next;
	if (node)
		*line = node->line;
	return node;
}

size_t config_text_line(const struct config_text *t, const struct config_place *place)
{
	const struct config_node *node = t->root;
	size_t line = 1;

	if (!node)
		return 0;
	if (place->section)
		node = look_up(node, place->section, &line);
	if (node && place->section && place->entry >= 0)
		node = entry_of(node, place->entry, &line);
	if (node && place->key)
		(void)look_up(node, place->key, &line);
	return line;
}
