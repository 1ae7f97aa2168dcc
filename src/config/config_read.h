/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_read.h - one file, and one value of it: from text to what it means
 *
 * Layer: config (inside only).
 * In:    texts (config_schema.h).
 * Out:   figures, paths and names, or an error with the place.
 *
 * All return 0, or -EINVAL with @err written, or -ENOMEM.
 */
#ifndef BALLONET_CONFIG_CONFIG_READ_H
#define BALLONET_CONFIG_CONFIG_READ_H

#include "config/config.h"
#include "config/config_schema.h"

#include <sys/un.h>

#define CONFIG_SOCKET_PATH_MAX sizeof(((struct sockaddr_un *)NULL)->sun_path)

/* One file. */
struct config_source {
	struct config_text text;
	struct config_raw raw;
};

/* 0, or as config_text_read() and config_schema_read(). */
int config_source_read(const char *path, struct config_source *ret, struct config_error *err);
void config_source_fini(struct config_source *s);

/* Reads @text as a value of @key; the place's own key is set. */
int config_read_value(const struct config_source *from, struct config_place place,
		      const struct setting *key, const char *text, uint64_t *ret,
		      struct config_error *err);

/* Reads what is given of a group's settings into *settings, and which into *mask. */
int config_read_settings(const struct config_source *from, struct config_place place,
			 const struct config_raw_group *group, struct settings *settings,
			 uint64_t *mask, struct config_error *err);

/* These replace what *to is: by a copy, by an absolute path shorter than @max, by a cgroup. */
int config_read_text(char **to, const char *text);
int config_read_path(const struct config_source *from, const struct config_place *place,
		     const char *text, size_t max, char **to, struct config_error *err);
int config_read_cgroup(const struct config_source *from, const struct config_place *place,
		       const char *text, char **to, struct config_error *err);

/* The group of users called @name; "": CONFIG_NO_GROUP. */
int config_read_gid(const struct config_source *from, const struct config_place *place,
		    const char *name, gid_t *to, struct config_error *err);

/* What is wrong with the name of a VM or a group, or NULL. */
const char *config_read_name_fault(const char *name);

#endif
