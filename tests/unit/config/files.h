/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * files.h - a configuration's files, and what comes of loading them
 *
 * In:    texts.
 * Out:   files in a folder of their own; the configuration, or its error.
 */
#ifndef BALLONET_TESTS_CONFIG_FILES_H
#define BALLONET_TESTS_CONFIG_FILES_H

#include "config/config.h"

#include <stddef.h>

extern char file[80]; /* ballonet.yaml */
extern char dir[80];  /* ballonet.d */

int config_files_set_up(void **state);
int config_files_tear_down(void **state);

void write_file(const char *path, const char *bytes, size_t n);
/* Writes ballonet.yaml; and a file of ballonet.d, one of those that tear_down() knows. */
void write_text(const char *text);
void write_part(const char *name, const char *text);

/* Loads what there is; fails the test where it is refused. */
void load(struct config *ret);

/* Is what there is now refused with @want and exactly @path @rest, and nothing changed? */
void refused_at(const char *path, int want, const char *rest);
void refused(const char *text, const char *rest);

#endif
