/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config.c - the settings of a VM: defaults, its group, rules, its own entry
 *
 * Layer: config.
 * In:    struct config, filled in by config_load.c.
 * Out:   the group and the settings of a VM by its name.
 *
 * A layer of settings applies whole or not at all: it may be valid by itself and
 * still contradict the layer below.
 */
#include "config/config.h"

#include "base/num.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTROL_DEFAULT "/run/ballonet/control.sock"
#define STATE_DEFAULT "/var/lib/ballonet"
#define JOURNAL_DEFAULT "/var/lib/ballonet/journal.jsonl"

int config_init(struct config *c)
{
	struct config fresh = {
		.control = strdup(CONTROL_DEFAULT),
		.control_group = CONFIG_NO_GROUP,
		.journal = strdup(JOURNAL_DEFAULT),
		.state = strdup(STATE_DEFAULT),
		.journal_max_b = 16 * MIB,
		.journal_files = 4,
		.guardian_after_us = 5 * USEC_PER_SEC,
		.discover = true,
		.discover_every_us = 10 * USEC_PER_SEC,
		.host_cgroup = strdup(""),
	};

	if (!fresh.control || !fresh.journal || !fresh.state || !fresh.host_cgroup) {
		config_fini(&fresh);
		return -ENOMEM;
	}
	settings_init(&fresh.defaults);
	*c = fresh;
	return 0;
}

static void group_fini(struct config_group *group)
{
	size_t i;

	for (i = 0; i < group->nmatch; i++)
		free(group->match[i]);
	free(group->match);
	free(group->name);
}

void config_fini(struct config *c)
{
	size_t i;

	for (i = 0; i < c->nsockets; i++)
		free(c->sockets[i]);
	for (i = 0; i < c->nvms; i++) {
		free(c->vms[i].name);
		free(c->vms[i].path);
	}
	for (i = 0; i < c->nrules; i++)
		free(c->rules[i].match);
	for (i = 0; i < c->ngroups; i++)
		group_fini(&c->groups[i]);
	free(c->groups);
	free(c->host_cgroup);
	free(c->sockets);
	free(c->vms);
	free(c->rules);
	free(c->control);
	free(c->journal);
	free(c->state);
	*c = (struct config){ 0 };
}

bool config_of_host(const struct setting *key)
{
	static const char *const keys[] = { "free_within", "host_short", "host_well", "host_room" };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(key->key, keys[i]) == 0)
			return true;
	return false;
}

const char *config_overlay(struct settings *s, const struct settings *given, uint64_t mask)
{
	struct settings whole = *s;
	const char *conflict;

	settings_overlay(&whole, given, mask);
	conflict = settings_conflict(&whole);
	if (!conflict)
		*s = whole;
	return conflict;
}

static bool in_group(const struct config_group *group, const char *name)
{
	size_t i;

	for (i = 0; i < group->nmatch; i++)
		if (fnmatch(group->match[i], name, 0) == 0)
			return true;
	return false;
}

const struct config_group *config_group(const struct config *c, const char *name,
					const struct config_group **ret_too)
{
	const struct config_group *first = NULL;
	size_t i;

	*ret_too = NULL;
	for (i = 0; i < c->ngroups && !*ret_too; i++) {
		if (!in_group(&c->groups[i], name))
			continue;
		if (first)
			*ret_too = &c->groups[i];
		else
			first = &c->groups[i];
	}
	return first;
}

const char *config_settings(const struct config *c, const char *name, struct settings *ret)
{
	const char *conflict = NULL, *one;
	const struct config_group *group, *too;
	struct settings s = c->defaults;
	size_t i;

	group = config_group(c, name, &too);
	if (group)
		conflict = config_overlay(&s, &group->settings, group->mask);
	for (i = 0; i < c->nrules; i++) {
		if (fnmatch(c->rules[i].match, name, 0) != 0)
			continue;
		one = config_overlay(&s, &c->rules[i].settings, c->rules[i].mask);
		conflict = conflict ? conflict : one;
	}
	for (i = 0; i < c->nvms; i++) {
		if (strcmp(c->vms[i].name, name) != 0)
			continue;
		one = config_overlay(&s, &c->vms[i].settings, c->vms[i].mask);
		conflict = conflict ? conflict : one;
	}
	*ret = s;
	return conflict;
}

/* A key that is obeyed only when the daemon starts. */
struct started_key {
	const char *key;
	size_t at;   /* offset in struct config */
	size_t size; /* of what is there */
	bool text;   /* it is a char * */
};

#define STARTED(name, field, text_)                                                           \
	{                                                                                     \
		name, offsetof(struct config, field), sizeof(((struct config *)NULL)->field), \
			text_                                                                 \
	}

static const struct started_key started_keys[] = {
	STARTED("control", control, true),
	STARTED("control_group", control_group, false),
	STARTED("journal", journal, true),
	STARTED("state", state, true),
	STARTED("journal_max_bytes", journal_max_b, false),
	STARTED("journal_files", journal_files, false),
	STARTED("guardian_after", guardian_after_us, false),
	STARTED("host_cgroup", host_cgroup, true),
};

static bool same(const struct started_key *key, const char *a, const char *b)
{
	return key->text ? strcmp(*(char *const *)a, *(char *const *)b) == 0
			 : memcmp(a, b, key->size) == 0;
}

bool config_keep_started(struct config *fresh, struct config *running, char *names, size_t size)
{
	unsigned char kept[sizeof(uint64_t)];
	size_t i, len = 0;

	names[0] = '\0';
	for (i = 0; i < ARRAY_SIZE(started_keys); i++) {
		const struct started_key *key = &started_keys[i];
		char *a = (char *)fresh + key->at, *b = (char *)running + key->at;

		if (same(key, a, b))
			continue;
		memcpy(kept, a, key->size);
		memcpy(a, b, key->size);
		memcpy(b, kept, key->size);
		if (len < size)
			len += (size_t)snprintf(names + len, size - len, "%s%s", len ? ", " : "",
						key->key);
	}
	return len != 0;
}
