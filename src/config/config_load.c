/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_load.c - the configuration: from the texts of files to struct config
 *
 * Layer: config.
 * In:    the texts of the keys of some files (config_schema.h).
 * Out:   the whole configuration, checked, or one error that names file, line and key.
 *
 * All files are read before any is checked: defaults in a later file apply to
 * the rules in an earlier one too.
 */
#include "config/config.h"

#include "base/cleanup.h"
#include "base/num.h"
#include "config/config_read.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Files of one folder; a configuration of more is a mistake, such as the wrong folder. */
#define FILES_MAX 64

struct sources {
	struct config_source file[1 + FILES_MAX];
	size_t n;
};

/* The daemon's own keys, in the form of settings so that their texts are read alike. */
struct own_key {
	struct setting key;
	size_t raw; /* offset of the text in struct config_raw */
	size_t at;  /* offset of the uint64_t in struct config */
};

#define OWN(name, unit_, field, lo, hi)                                                         \
	{                                                                                       \
		.key = { .key = #name, .unit = unit_, .min = lo, .max = hi },                   \
		.raw = offsetof(struct config_raw, name), .at = offsetof(struct config, field), \
	}

static const struct own_key own_keys[] = {
	OWN(journal_max_bytes, UNIT_BYTES, journal_max_b, 64 * KIB, 64 * GIB),
	OWN(journal_files, UNIT_COUNT, journal_files, 1, 1000),
	/* twice the second in which the daemon says that it lives; an hour is no protection */
	OWN(guardian_after, UNIT_TIME, guardian_after_us, 2 * USEC_PER_SEC, 3600 * USEC_PER_SEC),
	OWN(discover_every, UNIT_TIME, discover_every_us, 500 * USEC_PER_MSEC, 3600 * USEC_PER_SEC),
};

/* ------------------------------------------------------------ one file's part */

static int apply_own(const struct config_source *from, struct config *c, struct config_error *err)
{
	static const struct setting discover = { .key = "discover", .unit = UNIT_BOOL, .max = 1 };
	const struct config_raw *raw = &from->raw;
	struct config_place place = { .entry = -1 };
	uint64_t value;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < ARRAY_SIZE(own_keys); i++) {
		const char *text = *(char *const *)((const char *)raw + own_keys[i].raw);

		if (!text)
			continue;
		r = config_read_value(from, place, &own_keys[i].key, text, &value, err);
		if (r == 0)
			memcpy((char *)c + own_keys[i].at, &value, sizeof(value));
	}
	if (r == 0 && raw->discover) {
		r = config_read_value(from, place, &discover, raw->discover, &value, err);
		c->discover = value;
	}
	place.key = "control";
	if (r == 0 && raw->control)
		r = config_read_path(from, &place, raw->control, CONFIG_SOCKET_PATH_MAX,
				     &c->control, err);
	place.key = "control_group";
	if (r == 0 && raw->control_group)
		r = config_read_gid(from, &place, raw->control_group, &c->control_group, err);
	place.key = "host_cgroup";
	if (r == 0 && raw->host_cgroup)
		r = config_read_cgroup(from, &place, raw->host_cgroup, &c->host_cgroup, err);
	place.key = "journal";
	if (r == 0 && raw->journal && raw->journal[0])
		r = config_read_path(from, &place, raw->journal, CONFIG_VALUE_MAX, &c->journal,
				     err);
	else if (r == 0 && raw->journal)
		r = config_read_text(&c->journal, "");
	place.key = "state";
	if (r == 0 && raw->state && raw->state[0])
		r = config_read_path(from, &place, raw->state, CONFIG_VALUE_MAX, &c->state, err);
	else if (r == 0 && raw->state)
		r = config_read_text(&c->state, "");
	return r;
}

static int apply_defaults(const struct config_source *from, struct config *c,
			  struct config_error *err)
{
	struct config_place place = { .section = "defaults", .entry = -1 };
	struct settings given = c->defaults;
	const char *conflict;
	uint64_t mask = 0;
	int r;

	r = config_read_settings(from, place, &from->raw.defaults, &given, &mask, err);
	if (r < 0)
		return r;
	settings_overlay(&c->defaults, &given, mask);
	conflict = settings_conflict(&c->defaults);
	return conflict ? config_error(err, &from->text, &place, "%s", conflict) : 0;
}

/* Do the settings of a rule or VM go together with the defaults? */
static int check_group(const struct config_source *from, const struct config_place *place,
		       const struct config *c, const struct settings *given, uint64_t mask,
		       struct config_error *err)
{
	struct settings whole = c->defaults;
	const char *conflict = config_overlay(&whole, given, mask);

	return conflict ? config_error(err, &from->text, place, "%s", conflict) : 0;
}

/* @array of @n elements with room for @more behind them, all zero; NULL without memory. */
static void *grown(void *array, size_t n, size_t more, size_t size)
{
	char *p = reallocarray(array, n + more + 1, size); /* + 1: never of size 0 */

	if (p)
		memset(p + n * size, 0, (more + 1) * size);
	return p;
}

static int apply_rules(const struct config_source *from, struct config *c, struct config_error *err)
{
	struct config_place place = { .section = "rules" };
	const struct config_raw *raw = &from->raw;
	struct config_rule *rules;
	int r = 0;

	rules = grown(c->rules, c->nrules, raw->rules.n, sizeof(*rules));
	if (!rules)
		return -ENOMEM;
	c->rules = rules;
	for (place.entry = 0; r == 0 && place.entry < (int)raw->rules.n; place.entry++) {
		const struct config_raw_group *group = &raw->rules.group[place.entry];
		struct config_rule *rule = &c->rules[c->nrules];

		if (!group->match || !group->match[0])
			return config_error(err, &from->text, &place,
					    "needs 'match', a pattern for names of VMs");
		r = config_read_text(&rule->match, group->match);
		if (r < 0)
			return r;
		c->nrules++;
		r = config_read_settings(from, place, group, &rule->settings, &rule->mask, err);
		if (r == 0)
			r = check_group(from, &place, c, &rule->settings, rule->mask, err);
	}
	return r;
}

/* The group that has the pattern already, or NULL. */
static const struct config_group *group_of_pattern(const struct config *c, const char *pattern)
{
	size_t i, j;

	for (i = 0; i < c->ngroups; i++)
		for (j = 0; j < c->groups[i].nmatch; j++)
			if (strcmp(c->groups[i].match[j], pattern) == 0)
				return &c->groups[i];
	return NULL;
}

static int apply_patterns(const struct config_source *from, struct config_place place,
			  const struct config *c, const struct config_raw_group *raw,
			  struct config_group *group, struct config_error *err)
{
	const struct config_group *other;
	size_t i;
	int r;

	if (raw->patterns.n == 0)
		return config_error(err, &from->text, &place,
				    "needs 'match', a list of patterns for names of VMs");
	place.key = "match";
	group->match = calloc(raw->patterns.n, sizeof(char *));
	if (!group->match)
		return -ENOMEM;
	for (i = 0; i < raw->patterns.n; i++) {
		const char *pattern = raw->patterns.text[i];

		if (!pattern[0])
			return config_error(err, &from->text, &place, "contains an empty pattern");
		other = group_of_pattern(c, pattern);
		if (other)
			return config_error(err, &from->text, &place,
					    "'%.64s' is already a pattern of group '%.64s', so "
					    "'%.64s' cannot have it too",
					    pattern, other->name, group->name);
		r = config_read_text(&group->match[i], pattern);
		if (r < 0)
			return r;
		group->nmatch = i + 1;
	}
	return 0;
}

/* Room for one more group is there; what this one owns is freed with *c also where it fails. */
static int apply_group(const struct config_source *from, struct config_place place,
		       struct config *c, struct config_error *err)
{
	const struct config_raw_group *raw = &from->raw.groups.group[place.entry];
	struct config_group *group = &c->groups[c->ngroups];
	const char *fault;
	size_t i;
	int r;

	if (!raw->name || !raw->name[0])
		return config_error(err, &from->text, &place,
				    "needs 'name', the name of the group");
	r = config_read_text(&group->name, raw->name);
	if (r < 0)
		return r;
	c->ngroups++;
	place.key = "name";
	fault = config_read_name_fault(raw->name);
	if (fault)
		return config_error(err, &from->text, &place, "'%.32s' %s", raw->name, fault);
	for (i = 0; i + 1 < c->ngroups; i++)
		if (strcmp(c->groups[i].name, raw->name) == 0)
			return config_error(err, &from->text, &place,
					    "there is already a group '%.64s'", raw->name);
	place.key = NULL;
	r = apply_patterns(from, place, c, raw, group, err);
	if (r == 0)
		r = config_read_settings(from, place, raw, &group->settings, &group->mask, err);
	return r < 0 ? r : check_group(from, &place, c, &group->settings, group->mask, err);
}

static int apply_groups(const struct config_source *from, struct config *c,
			struct config_error *err)
{
	struct config_place place = { .section = "groups" };
	struct config_group *groups;
	int r = 0;

	groups = grown(c->groups, c->ngroups, from->raw.groups.n, sizeof(*groups));
	if (!groups)
		return -ENOMEM;
	c->groups = groups;
	for (; r == 0 && place.entry < (int)from->raw.groups.n; place.entry++)
		r = apply_group(from, place, c, err);
	return r;
}

static int apply_sockets(const struct config_source *from, struct config *c,
			 struct config_error *err)
{
	struct config_place place = { .section = "sockets" };
	const struct config_raw *raw = &from->raw;
	char **sockets;
	int r = 0;

	sockets = grown(c->sockets, c->nsockets, raw->sockets.n, sizeof(char *));
	if (!sockets)
		return -ENOMEM;
	c->sockets = sockets;
	for (place.entry = 0; r == 0 && place.entry < (int)raw->sockets.n; place.entry++) {
		r = config_read_path(from, &place, raw->sockets.text[place.entry], CONFIG_VALUE_MAX,
				     &c->sockets[c->nsockets], err);
		if (r == 0)
			c->nsockets++;
	}
	return r;
}

/* Where VM number @i of the whole configuration stands. */
static void vm_origin(const struct sources *all, size_t i, const struct config_source **ret_from,
		      struct config_place *ret_place)
{
	const struct config_source *from = all->file;

	for (; i >= from->raw.vms.n; from++)
		i -= from->raw.vms.n;
	*ret_from = from;
	*ret_place = (struct config_place){ .section = "vms", .entry = (int)i };
}

/* Refuses VM number @i where an earlier one has its name or its socket. */
static int check_unique(const struct sources *all, const struct config *c, size_t i,
			struct config_error *err)
{
	const struct config_vm *vm = &c->vms[i];
	const struct config_source *from, *other;
	struct config_place place, at;
	size_t j;

	vm_origin(all, i, &from, &place);
	for (j = 0; j < i; j++) {
		if (vm->name[0] && strcmp(vm->name, c->vms[j].name) == 0)
			place.key = "name";
		else if (strcmp(vm->path, c->vms[j].path) == 0)
			place.key = vm->device ? "device" : "qmp";
		else
			continue;
		vm_origin(all, j, &other, &at);
		at.key = place.key;
		return config_error(err, &from->text, &place,
				    "'%.128s' already belongs to another VM, see %s:%zu",
				    place.key[0] == 'n' ? vm->name : vm->path, other->text.path,
				    config_text_line(&other->text, &at));
	}
	return 0;
}

static int apply_vm(const struct config_source *from, struct config_place place, struct config *c,
		    struct config_error *err)
{
	const struct config_raw_group *group = &from->raw.vms.group[place.entry];
	struct config_vm *vm = &c->vms[c->nvms++];
	const char *name = group->name ? group->name : "", *fault;
	const char *path = group->device ? group->device : group->qmp;
	int r;

	r = config_read_text(&vm->name, name);
	if (r == 0)
		r = config_read_text(&vm->path, path ? path : "");
	if (r < 0)
		return r;
	vm->device = group->device;
	if (!path)
		return config_error(err, &from->text, &place,
				    "needs 'qmp', the path of its socket, or 'device', the "
				    "control socket of its ballonet-device");
	if (group->qmp && group->device)
		return config_error(err, &from->text, &place,
				    "has both 'qmp' and 'device': give only one of them");
	place.key = "name";
	fault = config_read_name_fault(name);
	if (fault)
		return config_error(err, &from->text, &place, "'%.32s' %s", name, fault);
	place.key = vm->device ? "device" : "qmp";
	r = config_read_path(from, &place, path, CONFIG_SOCKET_PATH_MAX, &vm->path, err);
	place.key = NULL;
	if (r == 0)
		r = config_read_settings(from, place, group, &vm->settings, &vm->mask, err);
	if (r == 0 && vm->mask && !name[0])
		r = config_error(err, &from->text, &place, "has settings, so it needs 'name'");
	return r < 0 ? r : check_group(from, &place, c, &vm->settings, vm->mask, err);
}

static int apply_vms(const struct sources *all, const struct config_source *from, struct config *c,
		     struct config_error *err)
{
	struct config_place place = { .section = "vms" };
	const struct config_raw *raw = &from->raw;
	struct config_vm *vms;
	int r = 0;

	/* each is compared with all before it */
	if (c->nvms + raw->vms.n > CONFIG_ENTRIES_MAX) {
		place = (struct config_place){ .entry = -1, .key = "vms" };
		return config_error(err, &from->text, &place, "more than %d VMs in all",
				    CONFIG_ENTRIES_MAX);
	}
	vms = grown(c->vms, c->nvms, raw->vms.n, sizeof(*vms));
	if (!vms)
		return -ENOMEM;
	c->vms = vms;
	for (; r == 0 && place.entry < (int)raw->vms.n; place.entry++) {
		r = apply_vm(from, place, c, err);
		if (r == 0)
			r = check_unique(all, c, c->nvms - 1, err);
	}
	return r;
}

/* ------------------------------------------------------------------ all files */

static int build(const struct sources *all, struct config *c, struct config_error *err)
{
	const struct config_source *from;
	int r = 0;
	size_t i;

	for (i = 0; r == 0 && i < all->n; i++) {
		from = &all->file[i];
		r = apply_own(from, c, err);
		if (r == 0)
			r = apply_defaults(from, c, err);
	}
	for (i = 0; r == 0 && i < all->n; i++) {
		from = &all->file[i];
		r = apply_groups(from, c, err);
		if (r == 0)
			r = apply_rules(from, c, err);
		if (r == 0)
			r = apply_sockets(from, c, err);
		if (r == 0)
			r = apply_vms(all, from, c, err);
	}
	return r;
}

static void sources_fini(struct sources *all)
{
	size_t i;

	for (i = 0; i < all->n; i++)
		config_source_fini(&all->file[i]);
}

/* Reads one more file, for which there is room. */
static int sources_add(struct sources *all, const char *path, struct config_error *err)
{
	int r = config_source_read(path, &all->file[all->n], err);

	all->n += r == 0;
	return r;
}

static int is_yaml(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return entry->d_name[0] != '.' && n > 5 && strcmp(entry->d_name + n - 5, ".yaml") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name); /* not by locale */
}

/* The *.yaml files of folder @dir, in order of name; none where there is no folder. */
static int sources_add_dir(struct sources *all, const char *dir, struct config_error *err)
{
	struct dirent **entry;
	char path[4096];
	int n, i, r = 0;

	n = scandir(dir, &entry, is_yaml, by_name);
	if (n < 0 && errno == ENOENT)
		return 0;
	if (n < 0) {
		r = -errno;
		(void)config_error(err, NULL, NULL, "%s: cannot be read: %s", dir, strerror(-r));
		return r;
	}
	if (n > FILES_MAX)
		r = config_error(err, NULL, NULL, "%s: more than %d files", dir, FILES_MAX);
	for (i = 0; i < n; i++) {
		if (r == 0) {
			(void)snprintf(path, sizeof(path), "%s/%s", dir, entry[i]->d_name);
			r = sources_add(all, path, err);
		}
		free(entry[i]);
	}
	free(entry);
	return r;
}

int config_load(const char *file, const char *dir, struct config *ret, char *error, size_t size)
{
	struct config_error err = { .text = error, .size = size };
	struct sources all = { 0 };
	struct config c;
	int r;

	r = config_init(&c);
	if (r < 0)
		return r;
	if (file)
		r = sources_add(&all, file, &err);
	if (r == 0 && dir)
		r = sources_add_dir(&all, dir, &err);
	if (r == 0)
		r = build(&all, &c, &err);
	if (r == -ENOMEM)
		(void)config_error(&err, NULL, NULL, "out of memory");
	sources_fini(&all);
	if (r < 0) {
		config_fini(&c);
		return r;
	}
	*ret = c;
	return 0;
}
