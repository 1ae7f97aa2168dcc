/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_schema.c - which keys a configuration file may have, and their texts
 *
 * Layer: config.
 * In:    a sound YAML file.
 * Out:   the texts of its keys, of the right shape.
 *
 * libcyaml reports an error as several log lines: "Unexpected key: x", then the
 * fields and entries around it, from the inside out. The path is taken from
 * there, and the line from the document. If its wording changes, the error is
 * still one line, only less exact.
 */
#include "config/config_schema.h"

#include "model/settings.h"

#include <cyaml/cyaml.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 65 /* of a key that stands in an error */

/* All field tables of the schema; they point at each other. */
struct schema {
	cyaml_schema_field_t defaults[CONFIG_SETTINGS_MAX + 1];
	cyaml_schema_field_t rule[CONFIG_SETTINGS_MAX + 2];
	cyaml_schema_field_t group[CONFIG_SETTINGS_MAX + 3];
	cyaml_schema_field_t vm[CONFIG_SETTINGS_MAX + 4];
	cyaml_schema_field_t top[16];
	cyaml_schema_value_t rule_value, group_value, vm_value, text_value, top_value;
};

static cyaml_schema_field_t text_field(const char *key, size_t offset)
{
	return (cyaml_schema_field_t){
		.key = key,
		.data_offset = (uint32_t)offset,
		.value = { CYAML_VALUE_STRING(CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, char, 0,
					      CONFIG_VALUE_MAX) },
	};
}

/* Fills in the fields of all settings, and the end. */
static void add_settings(cyaml_schema_field_t *field)
{
	const struct setting *table;
	size_t n, i;

	table = settings_table(&n);
	for (i = 0; i < n; i++)
		*field++ = text_field(table[i].key, offsetof(struct config_raw_group, setting[i]));
	*field = (cyaml_schema_field_t)CYAML_FIELD_END;
}

static cyaml_schema_value_t entry_value(const cyaml_schema_field_t *fields)
{
	return (cyaml_schema_value_t){ CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT,
							   struct config_raw_group, fields) };
}

#define TEXT(member) text_field(#member, offsetof(struct config_raw, member))
#define LIST(member, of)                                                                         \
	(cyaml_schema_field_t)                                                                   \
		CYAML_FIELD_SEQUENCE(#member, CYAML_FLAG_POINTER_NULL_STR | CYAML_FLAG_OPTIONAL, \
				     struct config_raw, member, of, 0, CONFIG_ENTRIES_MAX)

static void schema_init(struct schema *s)
{
	cyaml_schema_field_t *top = s->top;

	add_settings(s->defaults);
	s->rule[0] = text_field("match", offsetof(struct config_raw_group, match));
	add_settings(s->rule + 1);
	s->group[0] = text_field("name", offsetof(struct config_raw_group, name));
	s->group[1] = (cyaml_schema_field_t)CYAML_FIELD_SEQUENCE_COUNT(
		"match", CYAML_FLAG_POINTER_NULL_STR | CYAML_FLAG_OPTIONAL, struct config_raw_group,
		patterns, patterns_count, &s->text_value, 0, CONFIG_PATTERNS_MAX);
	add_settings(s->group + 2);
	s->vm[0] = text_field("name", offsetof(struct config_raw_group, name));
	s->vm[1] = text_field("qmp", offsetof(struct config_raw_group, qmp));
	s->vm[2] = text_field("device", offsetof(struct config_raw_group, device));
	add_settings(s->vm + 3);
	s->rule_value = entry_value(s->rule);
	s->group_value = entry_value(s->group);
	s->vm_value = entry_value(s->vm);
	s->text_value = (cyaml_schema_value_t){ CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0,
								   CONFIG_VALUE_MAX) };
	*top++ = TEXT(control);
	*top++ = TEXT(control_group);
	*top++ = TEXT(journal);
	*top++ = TEXT(journal_max_bytes);
	*top++ = TEXT(journal_files);
	*top++ = TEXT(guardian_after);
	*top++ = TEXT(discover);
	*top++ = TEXT(discover_every);
	*top++ = TEXT(host_cgroup);
	*top++ = LIST(sockets, &s->text_value);
	*top++ = LIST(vms, &s->vm_value);
	*top++ = LIST(groups, &s->group_value);
	*top++ = LIST(rules, &s->rule_value);
	*top++ = (cyaml_schema_field_t)CYAML_FIELD_MAPPING_PTR(
		"defaults", CYAML_FLAG_POINTER_NULL_STR | CYAML_FLAG_OPTIONAL, struct config_raw,
		defaults, s->defaults);
	*top = (cyaml_schema_field_t)CYAML_FIELD_END;
	s->top_value = (cyaml_schema_value_t){ CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER,
								   struct config_raw, s->top) };
}

/* -------------------------------------------------------- what libcyaml says */

struct complaint {
	char unknown[WORD_MAX]; /* the key that the schema does not have */
	char wanted[WORD_MAX];	/* STRING, SEQUENCE, MAPPING */
	char inner[WORD_MAX];	/* the innermost field */
	char outer[WORD_MAX];	/* the outermost field, where it is another one */
	bool key_in_entry;	/* inner is a key of an entry */
	unsigned int entry;	/* of a list, from 1; 0: none */
};

/* What follows @prefix in @line; NULL where the line does not begin with it. */
static const char *after(const char *line, const char *prefix)
{
	size_t n = strlen(prefix);

	line += strspn(line, " ");
	return strncmp(line, prefix, n) == 0 ? line + n : NULL;
}

/* The @n characters at @text as a word, cut where it is too long. */
static void copy_word(char *word, const char *text, size_t n)
{
	(void)snprintf(word, WORD_MAX, "%.*s", (int)n, text);
}

static void listen(cyaml_log_t level, void *ctx, const char *fmt, va_list ap)
{
	struct complaint *c = ctx;
	const char *rest;
	char line[256];

	(void)level;
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	rest = after(line, "Load: Unexpected key: ");
	if (rest) /* a newline ends the line, but may stand in the key too */
		copy_word(c->unknown, rest, strlen(rest) - (rest[strlen(rest) - 1] == '\n'));
	rest = after(line, "Load: Expecting ");
	if (rest)
		copy_word(c->wanted, rest, strcspn(rest, ","));
	rest = after(line, "in sequence entry '");
	if (rest) {
		if (c->outer[0]) { /* a list of an entry: from here on it is a key of that */
			memcpy(c->inner, c->outer, sizeof(c->inner));
			c->outer[0] = '\0';
		}
		c->entry = (unsigned int)strtoul(rest, NULL, 10);
		c->key_in_entry = c->inner[0];
	}
	rest = after(line, "in mapping field '");
	if (rest)
		copy_word(c->inner[0] || c->entry ? c->outer : c->inner, rest, strcspn(rest, "'"));
}

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

/* The key that was probably meant, or NULL. */
static const char *nearest(const cyaml_schema_field_t *field, const char *key)
{
	size_t best = 1 + strlen(key) / 3, d;
	const char *found = NULL;

	for (; field->key; field++) {
		d = distance(field->key, key);
		if (d <= best && (!found || d < best)) {
			best = d;
			found = field->key;
		}
	}
	return found;
}

const char *config_schema_nearest(const char *key)
{
	struct schema s = { 0 };

	schema_init(&s);
	return nearest(s.defaults, key);
}

static const cyaml_schema_field_t *fields_of(const struct schema *s, const char *section)
{
	if (!section)
		return s->top;
	if (strcmp(section, "vms") == 0)
		return s->vm;
	if (strcmp(section, "groups") == 0)
		return s->group;
	return strcmp(section, "rules") == 0 ? s->rule : s->defaults;
}

static struct config_place place_of(const struct complaint *c)
{
	struct config_place p = { .entry = -1 };

	if (c->entry) {
		p.entry = (int)c->entry - 1;
		p.section = c->outer[0] ? c->outer : c->inner;
		p.key = c->key_in_entry ? c->inner : NULL;
	} else {
		p.section = c->outer[0] ? c->outer : NULL;
		p.key = c->inner[0] ? c->inner : NULL;
	}
	if (c->unknown[0]) {
		if (!c->entry)
			p.section = p.key;
		p.key = c->unknown;
	}
	return p;
}

static const char *shape_of(const char *wanted)
{
	if (strcmp(wanted, "SEQUENCE") == 0)
		return "a list (- VALUE)";
	if (strcmp(wanted, "MAPPING") == 0)
		return "keys with values (KEY: VALUE)";
	return "one value";
}

static int complain(const struct schema *s, const struct config_text *t, cyaml_err_t e,
		    const struct complaint *c, struct config_error *err)
{
	struct config_place place = place_of(c);
	const char *meant;

	switch (e) {
	case CYAML_ERR_INVALID_KEY:
		meant = nearest(fields_of(s, place.section), c->unknown);
		if (meant)
			return config_error(err, t, &place, "no such key; did you mean %s?", meant);
		return config_error(err, t, &place, "no such key");
	case CYAML_ERR_INVALID_VALUE:
		return config_error(err, t, &place, "must be %s", shape_of(c->wanted));
	case CYAML_ERR_STRING_LENGTH_MAX:
		return config_error(err, t, &place, "longer than %d bytes", CONFIG_VALUE_MAX);
	case CYAML_ERR_SEQUENCE_ENTRIES_MAX:
		place = (struct config_place){ .entry = -1, .key = place.section };
		return config_error(err, t, &place, "more than %d entries", CONFIG_ENTRIES_MAX);
	case CYAML_ERR_OOM:
		(void)config_error(err, t, NULL, "out of memory");
		return -ENOMEM;
	default:
		return config_error(err, t, &place, "%s", cyaml_strerror(e));
	}
}

/* --------------------------------------------------------------------- load */

static const cyaml_config_t quiet = { .mem_fn = cyaml_mem, .flags = CYAML_CFG_NO_ALIAS };

int config_schema_load(const struct config_text *t, struct config_raw **ret,
		       struct config_error *err)
{
	struct complaint c = { 0 };
	cyaml_config_t config = quiet;
	struct schema s = { 0 };
	void *data = NULL;
	cyaml_err_t e;

	if (t->empty) {
		*ret = NULL;
		return 0;
	}
	schema_init(&s);
	config.log_fn = listen;
	config.log_ctx = &c;
	config.log_level = CYAML_LOG_ERROR;
	e = cyaml_load_data((const uint8_t *)t->bytes, t->len, &config, &s.top_value, &data, NULL);
	if (e != CYAML_OK)
		return complain(&s, t, e, &c, err);
	*ret = data;
	return 0;
}

void config_schema_free(struct config_raw *raw)
{
	struct schema s = { 0 };

	schema_init(&s);
	(void)cyaml_free(&quiet, &s.top_value, raw, 0);
}
