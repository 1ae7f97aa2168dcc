/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config.h - the configuration: YAML in, struct config out
 *
 * Layer: config.
 * In:    /etc/ballonet/ballonet.yaml and the *.yaml files of ballonet.d/, in order of name.
 * Out:   the whole configuration, checked, or one error that names file, line and key.
 *
 * A configuration is parsed and checked whole before it is used: a reload that
 * fails changes nothing.
 */
#ifndef BALLONET_CONFIG_CONFIG_H
#define BALLONET_CONFIG_CONFIG_H

#include "model/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Settings for the VMs whose name matches. */
struct config_rule {
	char *match;   /* glob, as fnmatch(3) */
	uint64_t mask; /* bit N: settings_table()[N] is given */
	struct settings settings;
};

/* VMs that have something in common. A VM belongs to one group at most. */
struct config_group {
	char *name;
	char **match; /* globs, as fnmatch(3) */
	size_t nmatch;
	uint64_t mask; /* as of a rule */
	struct settings settings;
};

/* A VM that is named by the operator. */
struct config_vm {
	char *name;    /* "" : as the hypervisor says */
	char *path;    /* of its socket */
	bool device;   /* the socket is a ballonet-device's, else QEMU's (QMP) */
	uint64_t mask; /* as of a rule, for this VM alone; 0 where it has no name */
	struct settings settings;
};

#define CONFIG_NO_GROUP ((gid_t)-1)

struct config {
	char *control;		    /* path of the control socket */
	gid_t control_group;	    /* that it belongs to; CONFIG_NO_GROUP: the daemon's own */
	char *journal;		    /* path of the journal; "": none */
	char *state;		    /* folder of what was learned; "": it is not kept */
	uint64_t journal_max_b;	    /* a file is rotated at this size */
	uint64_t journal_files;	    /* rotated files kept, >= 1 */
	uint64_t guardian_after_us; /* a daemon silent for this long is taken to hang */
	bool discover;		    /* find QEMU processes in /proc */
	uint64_t discover_every_us;
	char *host_cgroup; /* the memory cgroup that stands for the host; "": none */
	char **sockets;	   /* globs of QMP sockets */
	size_t nsockets;
	struct config_vm *vms;
	size_t nvms;
	struct settings defaults;
	struct config_group *groups; /* the first that matches is the one */
	size_t ngroups;
	struct config_rule *rules; /* all that match apply, later ones over earlier ones */
	size_t nrules;
};

/* No file at all: discovery on, everything at its default. 0 or -ENOMEM. */
int config_init(struct config *c);
void config_fini(struct config *c);

/*
 * Loads @file (NULL: none) and the *.yaml files of folder @dir (NULL or
 * missing: none) over the defaults. On failure *ret is untouched and @error
 * holds one line, "FILE:LINE: KEY: what is wrong". A @file that is not there
 * is -ENOENT. 0, -ENOENT, -EINVAL or another -errno.
 */
int config_load(const char *file, const char *dir, struct config *ret, char *error, size_t size);

/*
 * Some keys are obeyed only when the daemon starts. Exchanges the values of
 * these between @fresh and @running, so that @fresh says what is in force, and
 * writes the names of those that differed to @names ("control, journal_files").
 * Returns whether there were any.
 */
bool config_keep_started(struct config *fresh, struct config *running, char *names, size_t size);

/*
 * The group of a VM called @name, or NULL; *ret_too is the next one that it
 * matches and does not belong to, or NULL.
 */
const struct config_group *config_group(const struct config *c, const char *name,
					const struct config_group **ret_too);

/*
 * The settings of a VM called @name: defaults, then those of its group, then
 * every rule that matches, in order, then what its own entry says. What is sound
 * by itself may still contradict the rest; what contradicts what applies so far
 * is left out, so that the result is always sound. Returns NULL, or the
 * contradiction.
 */
const char *config_settings(const struct config *c, const char *name, struct settings *ret);

/*
 * Puts those values of @given into *s that @mask says (bit N: settings_table()[N]),
 * unless they contradict the rest: then *s is as it was. Returns NULL, or the
 * contradiction.
 */
const char *config_overlay(struct settings *s, const struct settings *given, uint64_t mask);

/*
 * Reads the text of one setting of a VM. 0, or -EINVAL with a sentence without
 * its end ("'x' is not a size such as 64MiB") in @why.
 */
int config_read_setting(const struct setting *key, const char *text, uint64_t *ret, char *why,
			size_t size);

/* Is the setting one of the host, which VMs cannot have one each of? */
bool config_of_host(const struct setting *key);

#endif
