/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_text.c - one YAML file: read whole, sound, and able to say where a key stands
 *
 * Layer: config.
 * In:    a file.
 * Out:   its bytes, and the line of any key.
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
#include <stdlib.h>
#include <string.h>

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

/* ------------------------------------------------------------------- checks */

static int parser_error(struct config_error *err, const struct config_text *t,
			const yaml_parser_t *parser)
{
	if (parser->error == YAML_MEMORY_ERROR) {
		(void)config_error(err, t, NULL, "out of memory");
		return -ENOMEM;
	}
	return error_at(err, t, parser->problem_mark.line,
			parser->problem ? parser->problem : "this is no YAML");
}

/* What is wrong with an event by itself; NULL where nothing is. */
static const char *event_fault(const yaml_event_t *event, size_t *depth, size_t *documents)
{
	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return "aliases are not supported";
	case YAML_DOCUMENT_START_EVENT:
		return ++*documents > 1 ? "a second document begins (one per file)" : NULL;
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return ++*depth > DEPTH_MAX ? "nested too deep" : NULL;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		--*depth;
		return NULL;
	case YAML_SCALAR_EVENT:
		return memchr(event->data.scalar.value, '\0', event->data.scalar.length)
			       ? "a text contains a NUL byte"
			       : NULL;
	default:
		return NULL;
	}
}

/* Reads all events once. What passes here can be loaded without recursion or expansion. */
static int check_events(const struct config_text *t, struct config_error *err)
{
	size_t depth = 0, documents = 0;
	yaml_parser_t parser;
	yaml_event_t event;
	const char *fault;
	bool end = false;
	int r = 0;

	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&parser, (const unsigned char *)t->bytes, t->len);
	while (r == 0 && !end) {
		if (!yaml_parser_parse(&parser, &event)) {
			r = parser_error(err, t, &parser);
			break;
		}
		fault = event_fault(&event, &depth, &documents);
		if (fault)
			r = error_at(err, t, event.start_mark.line, fault);
		end = event.type == YAML_STREAM_END_EVENT;
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return r;
}

static yaml_node_t *node_of(const struct config_text *t, int index)
{
	/* libyaml takes no const document, and changes nothing of it here */
	return yaml_document_get_node((yaml_document_t *)&t->doc, index);
}

static const char *scalar(const yaml_node_t *node)
{
	return (const char *)node->data.scalar.value;
}

/* Which section or entry of one is the node number @map? Neither: the place of nothing. */
static struct config_place place_of(const struct config_text *t, int map)
{
	struct config_place place = { .entry = -1 };
	const yaml_node_t *root = t->doc.nodes.start, *value;
	const yaml_node_pair_t *pair;
	const yaml_node_item_t *item;

	if (root->type != YAML_MAPPING_NODE)
		return place;
	for (pair = root->data.mapping.pairs.start; pair < root->data.mapping.pairs.top; pair++) {
		value = node_of(t, pair->value);
		if (node_of(t, pair->key)->type != YAML_SCALAR_NODE)
			continue;
		place.section = scalar(node_of(t, pair->key));
		if (pair->value == map)
			return place;
		if (value->type != YAML_SEQUENCE_NODE)
			continue;
		for (item = value->data.sequence.items.start; item < value->data.sequence.items.top;
		     item++)
			if (*item == map) {
				place.entry = (int)(item - value->data.sequence.items.start);
				return place;
			}
	}
	place.section = NULL;
	return place;
}

static int given_twice(const struct config_text *t, const yaml_node_t *map, const yaml_node_t *key,
		       const yaml_node_t *other, struct config_error *err)
{
	struct config_place place = place_of(t, (int)(map - t->doc.nodes.start) + 1);
	char sentence[64];

	place.key = scalar(key);
	(void)snprintf(sentence, sizeof(sentence), "given twice, first in line %zu",
		       other->start_mark.line + 1);
	return put_error(err, t, key->start_mark.line + 1, &place, sentence);
}

static int check_mapping(const struct config_text *t, const yaml_node_t *map,
			 struct config_error *err)
{
	const yaml_node_pair_t *pairs = map->data.mapping.pairs.start;
	size_t n = (size_t)(map->data.mapping.pairs.top - pairs), i, j;

	if (n > KEYS_MAX)
		return error_at(err, t, map->start_mark.line, "too many keys");
	for (i = 0; i < n; i++) {
		const yaml_node_t *key = node_of(t, pairs[i].key);

		if (key->type != YAML_SCALAR_NODE)
			return error_at(err, t, key->start_mark.line, "a key must be a word");
		for (j = 0; j < i; j++) {
			const yaml_node_t *other = node_of(t, pairs[j].key);

			if (strcmp(scalar(key), scalar(other)) == 0)
				return given_twice(t, map, key, other, err);
		}
	}
	return 0;
}

static int check_document(const struct config_text *t, struct config_error *err)
{
	const yaml_node_t *node;
	int r;

	for (node = t->doc.nodes.start; node < t->doc.nodes.top; node++)
		if (node->type == YAML_MAPPING_NODE) {
			r = check_mapping(t, node, err);
			if (r < 0)
				return r;
		}
	if (!t->empty && t->doc.nodes.start->type != YAML_MAPPING_NODE)
		return error_at(err, t, t->doc.nodes.start->start_mark.line,
				"a configuration is made of keys with values (KEY: VALUE)");
	return 0;
}

/* No document at all, or one of nothing ("---"). */
static bool is_empty(const yaml_document_t *doc)
{
	const yaml_node_t *root = doc->nodes.start;

	return doc->nodes.top == root ||
	       (root->type == YAML_SCALAR_NODE && root->data.scalar.length == 0);
}

static int load_document(struct config_text *t, struct config_error *err)
{
	yaml_parser_t parser;
	int r = 0;

	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&parser, (const unsigned char *)t->bytes, t->len);
	if (!yaml_parser_load(&parser, &t->doc)) {
		r = parser_error(err, t, &parser);
		t->doc = (yaml_document_t){ 0 };
	}
	yaml_parser_delete(&parser);
	return r;
}

/* ---------------------------------------------------------------- in and out */

int config_text_parse(const char *path, char *bytes, size_t n, struct config_text *ret,
		      struct config_error *err)
{
	struct config_text t = { .bytes = bytes, .len = n };
	int r = -ENOMEM;

	t.path = strdup(path);
	if (t.path)
		r = check_events(&t, err);
	if (r == 0)
		r = load_document(&t, err);
	if (r == 0) {
		t.empty = is_empty(&t.doc);
		r = check_document(&t, err);
	}
	if (r < 0) {
		if (r == -ENOMEM)
			(void)config_error(err, NULL, NULL, "%s: out of memory", path);
		config_text_fini(&t);
		return r;
	}
	*ret = t;
	return 0;
}

int config_text_read(const char *path, struct config_text *ret, struct config_error *err)
{
	cleanup_free char *bytes = malloc(CONFIG_TEXT_MAX + 1);
	size_t n;
	int r;

	r = bytes ? file_read_at(AT_FDCWD, path, bytes, CONFIG_TEXT_MAX + 1, &n) : -ENOMEM;
	if (r == -EMSGSIZE) {
		(void)config_error(err, NULL, NULL, "%s: larger than %zu KiB", path,
				   CONFIG_TEXT_MAX / 1024);
		return r;
	}
	if (r < 0) {
		(void)config_error(err, NULL, NULL, "%s: cannot be read: %s", path, strerror(-r));
		return r;
	}
	return config_text_parse(path, take_ptr(bytes), n, ret, err);
}

void config_text_fini(struct config_text *t)
{
	yaml_document_delete(&t->doc);
	free(t->path);
	free(t->bytes);
	*t = (struct config_text){ 0 };
}

/* -------------------------------------------------------------------- places */

/* The value of @key in mapping @map, its line in *line; NULL where there is none. */
static const yaml_node_t *look_up(const struct config_text *t, const yaml_node_t *map,
				  const char *key, size_t *line)
{
	const yaml_node_pair_t *pair;

	if (map->type != YAML_MAPPING_NODE)
		return NULL;
	for (pair = map->data.mapping.pairs.start; pair < map->data.mapping.pairs.top; pair++) {
		const yaml_node_t *k = node_of(t, pair->key);

		if (strcmp(scalar(k), key) != 0)
			continue;
		*line = k->start_mark.line + 1;
		return node_of(t, pair->value);
	}
	return NULL;
}

static const yaml_node_t *entry_of(const struct config_text *t, const yaml_node_t *list, int entry,
				   size_t *line)
{
	const yaml_node_t *node;

	if (list->type != YAML_SEQUENCE_NODE ||
	    entry >= list->data.sequence.items.top - list->data.sequence.items.start)
		return NULL;
	node = node_of(t, list->data.sequence.items.start[entry]);
	*line = node->start_mark.line + 1;
	return node;
}

size_t config_text_line(const struct config_text *t, const struct config_place *place)
{
	const yaml_node_t *node;
	size_t line = 1;

	if (t->empty)
		return 0;
	node = t->doc.nodes.start;
	if (place->section)
		node = look_up(t, node, place->section, &line);
	if (node && place->section && place->entry >= 0)
		node = entry_of(t, node, place->entry, &line);
	if (node && place->key)
		(void)look_up(t, node, place->key, &line);
	return line;
}
