/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_schema.c - which keys a configuration file may have, and their texts
 *
 * Layer: config.
 * In:    a sound YAML file.
 * Out:   the texts of its keys, of the right shape.
 *
 * One walk over the tree of a file, along tables of keys. The depth of the walk
 * is that of the tables, whatever the file holds.
 */
#include "config/config_schema.h"

#include "base/num.h"
#include "model/settings.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 65 /* of a key that is looked for among those there are */

struct key {
	const char *key;
	enum {
		KEY_TEXT,   /* const char * */
		KEY_TEXTS,  /* struct config_raw_texts */
		KEY_GROUPS, /* struct config_raw_list */
		KEY_GROUP,  /* struct config_raw_group: the defaults */
	} kind;
	size_t at;	       /* offset in struct config_raw or config_raw_group */
	size_t max;	       /* entries of a list */
	const struct keys *of; /* an entry of it */
};

struct keys {
	const struct key *row;
	size_t n;
	bool settings; /* and those of settings_table() */
};

#define TOP(name, kind_, ...)                                                \
	{                                                                    \
#name, kind_, offsetof(struct config_raw, name), __VA_ARGS__ \
	}
#define GROUP(name, kind_, member, ...)                                             \
	{                                                                           \
		name, kind_, offsetof(struct config_raw_group, member), __VA_ARGS__ \
	}
#define ROWS(table) table, ARRAY_SIZE(table)

static const struct key rule_rows[] = { GROUP("match", KEY_TEXT, match, 0, NULL) };
static const struct key group_rows[] = {
	GROUP("name", KEY_TEXT, name, 0, NULL),
	GROUP("match", KEY_TEXTS, patterns, CONFIG_PATTERNS_MAX, NULL),
};
static const struct key vm_rows[] = {
	GROUP("name", KEY_TEXT, name, 0, NULL),
	GROUP("qmp", KEY_TEXT, qmp, 0, NULL),
	GROUP("device", KEY_TEXT, device, 0, NULL),
};
static const struct keys defaults = { NULL, 0, true };
static const struct keys rule = { ROWS(rule_rows), true };
static const struct keys group = { ROWS(group_rows), true };
static const struct keys vm = { ROWS(vm_rows), true };

static const struct key top_rows[] = {
	TOP(control, KEY_TEXT, 0, NULL),
	TOP(control_group, KEY_TEXT, 0, NULL),
	TOP(journal, KEY_TEXT, 0, NULL),
	TOP(journal_max_bytes, KEY_TEXT, 0, NULL),
	TOP(journal_files, KEY_TEXT, 0, NULL),
	TOP(state, KEY_TEXT, 0, NULL),
	TOP(guardian_after, KEY_TEXT, 0, NULL),
	TOP(discover, KEY_TEXT, 0, NULL),
	TOP(discover_every, KEY_TEXT, 0, NULL),
	TOP(host_cgroup, KEY_TEXT, 0, NULL),
	TOP(sockets, KEY_TEXTS, CONFIG_ENTRIES_MAX, NULL),
	TOP(vms, KEY_GROUPS, CONFIG_ENTRIES_MAX, &vm),
	TOP(groups, KEY_GROUPS, CONFIG_ENTRIES_MAX, &group),
	TOP(rules, KEY_GROUPS, CONFIG_ENTRIES_MAX, &rule),
	TOP(defaults, KEY_GROUP, 0, &defaults),
};
static const struct keys top = { ROWS(top_rows), false };

/* ------------------------------------------------------------- what was meant */

/* Letters to insert, drop or change to come from one word to the other. */
static size_t distance(const char *a, const char *b)
{
	size_t row[WORD_MAX], la = strlen(a), lb = strlen(b), i, j;

	if (la >= WORD_MAX || lb >= WORD_MAX)
		return WORD_MAX;
	for (j = 0; j <= lb; j++)
		row[j] = j;
	for (i = 1; i <= la; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (j = 1; j <= lb; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[lb];
}

/* Is @candidate nearer to @key than *best? Then it is *found. */
static void consider(const char *candidate, const char *key, size_t *best, const char **found)
{
	size_t d = distance(candidate, key);

	if (d < *best) {
		*best = d;
		*found = candidate;
	}
}

/* The key that was probably meant, or NULL. */
static const char *nearest(const struct keys *keys, const char *key)
{
	size_t best = 2 + strlen(key) / 3, n, i;
	const char *found = NULL;
	const struct setting *table = settings_table(&n);

	for (i = 0; i < keys->n; i++)
		consider(keys->row[i].key, key, &best, &found);
	for (i = 0; keys->settings && i < n; i++)
		consider(table[i].key, key, &best, &found);
	return found;
}

const char *config_schema_nearest(const char *key)
{
	return nearest(&defaults, key);
}

/* --------------------------------------------------------------------- walk */

struct walk {
	const struct config_text *t;
	struct config_error *err;
};

/* Is @node of the shape that is wanted at @place? 0 or -EINVAL. */
static int check_shape(const struct walk *w, const struct config_place *place,
		       const struct config_node *node, enum config_shape wanted)
{
	static const char *const shapes[] = {
		[CONFIG_VALUE] = "one value",
		[CONFIG_LIST] = "a list (- VALUE)",
		[CONFIG_MAP] = "keys with values (KEY: VALUE)",
	};

	if (node->shape == wanted)
		return 0;
	return config_error(w->err, w->t, place, "must be %s", shapes[wanted]);
}

/* "KEY:" and nothing, or a word for nothing: a list or map that is not given. */
static bool is_nothing(const struct config_node *node)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL" };
	size_t i;

	for (i = 0; node->shape == CONFIG_VALUE && i < ARRAY_SIZE(words); i++)
		if (strcmp(node->text, words[i]) == 0)
			return true;
	return false;
}

static int take_text(const struct walk *w, const struct config_place *place,
		     const struct config_node *node, const char **to)
{
	int r = check_shape(w, place, node, CONFIG_VALUE);

	if (r == 0 && strlen(node->text) > CONFIG_VALUE_MAX)
		r = config_error(w->err, w->t, place, "longer than %d bytes", CONFIG_VALUE_MAX);
	*to = node->text;
	return r;
}

/* Room for the entries of list @node in *@to; NULL where there are none. 0, -EINVAL or -ENOMEM. */
static int make_room(const struct walk *w, const struct config_place *place,
		     const struct config_node *node, size_t max, size_t size, void **to)
{
	int r = check_shape(w, place, node, CONFIG_LIST);

	if (r < 0)
		return r;
	if (node->n > max)
		return config_error(w->err, w->t, place, "more than %zu entries", max);
	*to = calloc(node->n + 1, size);
	return *to ? 0 : -ENOMEM;
}

/* The place of the entries of the list at @place; one of an entry's own has none. */
static struct config_place entries_of(struct config_place place)
{
	if (!place.section)
		place = (struct config_place){ .section = place.key, .entry = -1 };
	return place;
}

static int take_texts(const struct walk *w, const struct config_place *place,
		      const struct config_node *node, size_t max, struct config_raw_texts *to)
{
	struct config_place at = entries_of(*place);
	const struct config_node *item;
	void *room = NULL;
	size_t i = 0;
	int r;

	r = make_room(w, place, node, max, sizeof(*to->text), &room);
	if (r < 0 || !room)
		return r;
	to->text = room;
	to->n = node->n;
	for (item = node->first; r == 0 && item; item = item->next, i++) {
		if (!place->section)
			at.entry = (int)i;
		r = take_text(w, &at, item, &to->text[i]);
	}
	return r;
}

static int take_map(const struct walk *w, struct config_place place, const struct config_node *map,
		    const struct keys *keys, void *to);

static int take_groups(const struct walk *w, const struct config_place *place,
		       const struct config_node *node, const struct key *key,
		       struct config_raw_list *to)
{
	struct config_place at = entries_of(*place);
	const struct config_node *item;
	void *room = NULL;
	int r;

	r = make_room(w, place, node, key->max, sizeof(*to->group), &room);
	if (r < 0)
		return r;
	to->group = room;
	to->n = node->n;
	at.entry = 0;
	for (item = node->first; r == 0 && item; item = item->next, at.entry++)
		r = take_map(w, at, item, key->of, &to->group[at.entry]);
	return r;
}

static int take_value(const struct walk *w, const struct config_place *place,
		      const struct config_node *node, const struct key *key, void *to)
{
	if (key->kind != KEY_TEXT && is_nothing(node))
		return 0;
	switch (key->kind) {
	case KEY_TEXTS:
		return take_texts(w, place, node, key->max, to);
	case KEY_GROUPS:
		return take_groups(w, place, node, key, to);
	case KEY_GROUP:
		return take_map(w, entries_of(*place), node, key->of, to);
	case KEY_TEXT:
	default:
		return take_text(w, place, node, to);
	}
}

/* The row of @key, or that of the setting of its name, which is written to @room; or NULL. */
static const struct key *find_key(const struct keys *keys, const char *key, struct key *room)
{
	const struct setting *setting = keys->settings ? setting_find(key) : NULL;
	size_t i, n;

	for (i = 0; i < keys->n; i++)
		if (strcmp(keys->row[i].key, key) == 0)
			return &keys->row[i];
	if (!setting)
		return NULL;
	i = (size_t)(setting - settings_table(&n));
	*room = (struct key){ setting->key, KEY_TEXT, offsetof(struct config_raw_group, setting[i]),
			      0, NULL };
	return room;
}

static int take_map(const struct walk *w, struct config_place place, const struct config_node *map,
		    const struct keys *keys, void *to)
{
	const struct config_node *node;
	const struct key *key;
	const char *meant;
	struct key room;
	int r;

	r = check_shape(w, &place, map, CONFIG_MAP);
	for (node = map->first; r == 0 && node; node = node->next->next) {
		place.key = node->text;
		key = find_key(keys, node->text, &room);
		if (key) {
			r = take_value(w, &place, node->next, key, (char *)to + key->at);
			continue;
		}
		if (setting_find(node->text)) {
			r = config_error(w->err, w->t, &place,
					 "is a setting; put it under defaults");
			continue;
		}
		meant = nearest(keys, node->text);
		r = meant ? config_error(w->err, w->t, &place, "no such key; did you mean %s?",
					 meant)
			  : config_error(w->err, w->t, &place, "no such key");
	}
	return r;
}

int config_schema_read(const struct config_text *t, struct config_raw *ret,
		       struct config_error *err)
{
	const struct walk w = { t, err };
	struct config_raw raw = { 0 };
	int r = 0;

	if (t->root)
		r = take_map(&w, (struct config_place){ .entry = -1 }, t->root, &top, &raw);
	if (r < 0) {
		config_schema_fini(&raw);
		return r;
	}
	*ret = raw;
	return 0;
}

void config_schema_fini(struct config_raw *raw)
{
	size_t i;

	for (i = 0; i < raw->groups.n; i++)
		free(raw->groups.group[i].patterns.text);
	free(raw->groups.group);
	free(raw->rules.group);
	free(raw->vms.group);
	free(raw->sockets.text);
	*raw = (struct config_raw){ 0 };
}
