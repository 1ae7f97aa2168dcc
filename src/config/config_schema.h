/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_schema.h - which keys a configuration file may have, and their texts
 *
 * Layer: config.
 * In:    a sound YAML file.
 * Out:   the texts of its keys, of the right shape; config_load.c interprets them.
 *
 * The keys of settings come from settings_table(), so that there is one list of them.
 */
#ifndef BALLONET_CONFIG_CONFIG_SCHEMA_H
#define BALLONET_CONFIG_CONFIG_SCHEMA_H

#include "config/config_text.h"

/* Room for the keys of settings_table(), one bit each in a mask. */
#define CONFIG_SETTINGS_MAX 64

/* Entries of one list; a host has at most some thousand VMs. */
#define CONFIG_ENTRIES_MAX 8192

/* Bytes of one text: a path (PATH_MAX) is the longest thing there is. */
#define CONFIG_VALUE_MAX 4096

/* Patterns of one group. */
#define CONFIG_PATTERNS_MAX 256

struct config_raw_texts {
	const char **text;
	size_t n;
};

/* A rule, a group, a VM, or the defaults. Texts are NULL where the key is not given. */
struct config_raw_group {
	const char *name; /* of a VM or a group */
	const char *qmp;
	const char *device;
	const char *match;			  /* of a rule */
	struct config_raw_texts patterns;	  /* of a group */
	const char *setting[CONFIG_SETTINGS_MAX]; /* in the order of settings_table() */
};

struct config_raw_list {
	struct config_raw_group *group;
	size_t n;
};

struct config_raw {
	const char *control;
	const char *control_group;
	const char *journal;
	const char *journal_max_bytes;
	const char *state;
	const char *journal_files;
	const char *guardian_after;
	const char *discover;
	const char *discover_every;
	const char *host_cgroup;
	struct config_raw_texts sockets;
	struct config_raw_list vms, groups, rules;
	struct config_raw_group defaults;
};

/*
 * The texts of @t, which live as long as that does. 0, -EINVAL (unknown key,
 * wrong shape, too long, too many) or -ENOMEM, with @err written.
 */
int config_schema_read(const struct config_text *t, struct config_raw *ret,
		       struct config_error *err);

/* The key of settings_table() that was probably meant by @key, or NULL. */
const char *config_schema_nearest(const char *key);

void config_schema_fini(struct config_raw *raw);

#endif
