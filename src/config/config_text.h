/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_text.h - one YAML file: read whole, sound, and able to say where a key stands
 *
 * Layer: config.
 * In:    a file.
 * Out:   its bytes, and the line of any key.
 *
 * libcyaml checks a file against a schema but names a line before the fault, and
 * an operator needs the right one.
 */
#ifndef BALLONET_CONFIG_CONFIG_TEXT_H
#define BALLONET_CONFIG_CONFIG_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

/* A thousand VMs with a rule each take 200 KiB; more than this is no configuration. */
#define CONFIG_TEXT_MAX ((size_t)1024 * 1024)

struct config_text {
	char *path; /* as it is called in errors */
	char *bytes;
	size_t len;
	bool empty; /* there is nothing in it but comments */
	yaml_document_t doc;
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
 * Takes @n bytes of YAML at @bytes (owned from now on, in failure too) and
 * refuses what is no sound YAML: bad syntax, aliases, a second document, a key
 * given twice, NULs in texts, deep nesting. 0, -EINVAL or -ENOMEM, with @err written.
 */
int config_text_parse(const char *path, char *bytes, size_t n, struct config_text *ret,
		      struct config_error *err);

/* Reads and parses the file @path. 0 or -errno, with @err written. */
int config_text_read(const char *path, struct config_text *ret, struct config_error *err);

void config_text_fini(struct config_text *t);

/* The line (from 1) of @place, or of what is nearest to it; 0 in an empty file. */
size_t config_text_line(const struct config_text *t, const struct config_place *place);

#endif
