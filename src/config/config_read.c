/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_read.c - one file, and one value of it: from text to what it means
 *
 * Layer: config.
 * In:    texts (config_schema.h).
 * Out:   figures, paths and names, or an error with the place.
 */
#include "config/config_read.h"

#include "base/num.h"
#include "host/hostgroup.h"
#include "model/snapshot.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int config_source_read(const char *path, struct config_source *ret, struct config_error *err)
{
	struct config_source s;
	int r = config_text_read(path, &s.text, err);

	if (r < 0)
		return r;
	r = config_schema_read(&s.text, &s.raw, err);
	if (r < 0) {
		config_text_fini(&s.text);
		return r;
	}
	*ret = s;
	return 0;
}

void config_source_fini(struct config_source *s)
{
	config_schema_fini(&s->raw);
	config_text_fini(&s->text);
}

static const char *example_of(enum setting_unit unit)
{
	switch (unit) {
	case UNIT_MODE:
		return "off, observe, squeeze or rightsize";
	case UNIT_PROFILE:
		return "gentle, balanced or keen";
	case UNIT_PRESS:
		return "never, host-short, host-room or always";
	case UNIT_BOOL:
		return "true or false";
	case UNIT_BYTES:
		return "a size such as 64MiB";
	case UNIT_TIME:
		return "a time such as 10s or 5min";
	case UNIT_SHARE:
		return "a share such as 5%";
	case UNIT_COUNT:
	default:
		return "a whole number";
	}
}

int config_read_setting(const struct setting *key, const char *text, uint64_t *ret, char *why,
			size_t size)
{
	char min[SETTING_TEXT_MAX], max[SETTING_TEXT_MAX];
	int r;

	r = setting_parse(key, text, ret);
	if (r == 0)
		return 0;
	if (r == -ERANGE) {
		setting_text(key, key->min, min, sizeof(min));
		setting_text(key, key->max, max, sizeof(max));
		(void)snprintf(why, size, "%.32s is out of range (%s to %s)", text, min, max);
	} else {
		(void)snprintf(why, size, "'%.32s' is not %s", text, example_of(key->unit));
	}
	return -EINVAL;
}

int config_read_value(const struct config_source *from, struct config_place place,
		      const struct setting *key, const char *text, uint64_t *ret,
		      struct config_error *err)
{
	char why[160];

	place.key = key->key;
	if (config_read_setting(key, text, ret, why, sizeof(why)) < 0)
		return config_error(err, &from->text, &place, "%s", why);
	return 0;
}

/* Reads what is given of a group's settings into *settings, and which into *mask. */
int config_read_settings(const struct config_source *from, struct config_place place,
			 const struct config_raw_group *group, struct settings *settings,
			 uint64_t *mask, struct config_error *err)
{
	const struct setting *table;
	uint64_t value;
	size_t n, i;
	int r;

	table = settings_table(&n);
	for (i = 0; i < n; i++) {
		if (!group->setting[i])
			continue;
		if (place.entry >= 0 && config_of_host(&table[i])) {
			place.key = table[i].key;
			return config_error(err, &from->text, &place,
					    "applies to the whole host: put it under defaults");
		}
		r = config_read_value(from, place, &table[i], group->setting[i], &value, err);
		if (r < 0)
			return r;
		setting_put(settings, &table[i], value);
		*mask |= UINT64_C(1) << i;
	}
	return 0;
}

int config_read_text(char **to, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return -ENOMEM;
	free(*to);
	*to = copy;
	return 0;
}

/* What is wrong with a path, or NULL. */
static const char *path_fault(const char *path, size_t max)
{
	if (path[0] != '/')
		return "must be an absolute path";
	if (strlen(path) >= max)
		return "is too long for a path";
	return NULL;
}

int config_read_path(const struct config_source *from, const struct config_place *place,
		     const char *text, size_t max, char **to, struct config_error *err)
{
	const char *fault = path_fault(text, max);

	if (fault)
		return config_error(err, &from->text, place, "'%.128s' %s", text, fault);
	return config_read_text(to, text);
}

/* Empty means none, as a later file may want it; so it does below. */
int config_read_cgroup(const struct config_source *from, const struct config_place *place,
		       const char *text, char **to, struct config_error *err)
{
	const char *fault = text[0] ? hostgroup_fault(text) : NULL;

	if (fault)
		return config_error(err, &from->text, place, "'%.128s' %s", text, fault);
	return config_read_text(to, text);
}

int config_read_gid(const struct config_source *from, const struct config_place *place,
		    const char *name, gid_t *to, struct config_error *err)
{
	const struct group *group = name[0] ? getgrnam(name) : NULL;

	if (name[0] && !group)
		return config_error(err, &from->text, place, "there is no group called '%.64s'",
				    name);
	*to = group ? group->gr_gid : CONFIG_NO_GROUP;
	return 0;
}

const char *config_read_name_fault(const char *name)
{
	const char *p;

	if (strlen(name) >= VM_NAME_MAX)
		return "is too long";
	for (p = name; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return "contains a control character";
	return NULL;
}
