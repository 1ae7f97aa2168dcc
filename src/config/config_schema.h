/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_schema.h - which keys a configuration file may have, and their texts
 *
 * Layer: config.
 * In:    a sound YAML file.
 * Out:   the texts of its keys, of the right shape; config_load.c interprets them.
 *
 * The keys of settings come from settings_table() when the schema is built, so
 * that there is one list of them.
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

/* A rule, a group, a VM, or the defaults. Texts are NULL where the key is not given. */
struct config_raw_group {
	char *name; /* of a VM or a group */
	char *qmp;
	char *device;
	char *match;	 /* of a rule */
	char **patterns; /* of a group */
	unsigned int patterns_count;
	char *setting[CONFIG_SETTINGS_MAX]; /* in the order of settings_table() */
};

struct config_raw {
	char *control;
	char *control_group;
	char *journal;
	char *journal_max_bytes;
	char *journal_files;
	char *guardian_after;
	char *discover;
	char *discover_every;
	char *host_cgroup;
	char **sockets;
	unsigned int sockets_count;
	struct config_raw_group *vms;
	unsigned int vms_count;
	struct config_raw_group *defaults;
	struct config_raw_group *rules;
	unsigned int rules_count;
	struct config_raw_group *groups;
	unsigned int groups_count;
};

/*
 * The texts of @t; NULL where the file is empty. 0, -EINVAL (unknown key,
 * wrong shape, too long, too many) or -ENOMEM, with @err written.
 */
int config_schema_load(const struct config_text *t, struct config_raw **ret,
		       struct config_error *err);

/* The key of settings_table() that was probably meant by @key, or NULL. */
const char *config_schema_nearest(const char *key);

/* Takes NULL. */
void config_schema_free(struct config_raw *raw);

#endif
