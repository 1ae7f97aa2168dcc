/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_text.h - one YAML file: read whole, sound, and able to say where a key stands
 *
 * Layer: config.
 * In:    a file.
 * Out:   a tree of its keys and values, and the line of each.
 */
#ifndef BALLONET_CONFIG_CONFIG_TEXT_H
#define BALLONET_CONFIG_CONFIG_TEXT_H

#include <stddef.h>

/* A thousand VMs with a rule each take 200 KiB; more than this is no configuration. */
#define CONFIG_TEXT_MAX ((size_t)1024 * 1024)

enum config_shape {
	CONFIG_VALUE, /* one text */
	CONFIG_LIST,
	CONFIG_MAP, /* its children are a key, its value, the next key, ... */
};

struct config_node {
	enum config_shape shape;
	size_t line;		   /* from 1 */
	size_t n;		   /* children: entries of a list, keys and values of a map */
	struct config_node *first; /* child */
	struct config_node *next;  /* child of the same parent */
	struct config_node *after; /* the node that came next in the file */
	char text[];		   /* of a value; keys are values, too */
};

struct config_text {
	char *path;		   /* as it is called in errors */
	struct config_node *root;  /* a map; NULL: there is nothing in the file but comments */
	struct config_node *nodes; /* all of them */
};

/* Where something stands: "KEY", "SECTION.KEY", "SECTION[ENTRY]" or "SECTION[ENTRY].KEY". */
struct config_place {
	const char *section; /* NULL: at the top */
	int entry;	     /* -1: SECTION is no list */
	const char *key;     /* NULL: the section or entry itself */
};

/* Room for one error; see config_error(). */
struct config_error {
	char *text;
	size_t size;
};

/*
 * Writes one line "FILE:LINE: KEY: sentence" to @err, without what a terminal
 * would obey. @t may be NULL (no file), @place too (no line). Returns -EINVAL.
 */
int config_error(struct config_error *err, const struct config_text *t,
		 const struct config_place *place, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * Reads the file @path, and refuses what is no sound YAML: bad syntax, aliases,
 * a second document, a key given twice, NULs in texts, deep nesting. 0, -EINVAL
 * or another -errno, with @err written.
 */
int config_text_read(const char *path, struct config_text *ret, struct config_error *err);

void config_text_fini(struct config_text *t);

/* The line (from 1) of @place, or of what is nearest to it; 0 in an empty file. */
size_t config_text_line(const struct config_text *t, const struct config_place *place);

#endif
