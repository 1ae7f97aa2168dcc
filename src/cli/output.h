/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * output.h - reading figures out of JSON and printing them for people
 *
 * Layer: cli.
 * In:    a JSON object of the daemon.
 * Out:   text without control characters.
 *
 * Names come from hypervisors and may hold anything, control characters of a
 * terminal included.
 */
#ifndef BALLONET_CLI_OUTPUT_H
#define BALLONET_CLI_OUTPUT_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Long enough for one cell of a table, cut where it is not. */
#define OUT_CELL_MAX 512

/* Writes @text with control characters (C0, DEL, C1) replaced by '?'. */
void out_text(FILE *to, const char *text);

/* How many columns @text takes: one for each character, as far as UTF-8 tells. */
size_t out_width(const char *text);

/* Columns of the terminal at standard output; 0 where it is none. */
size_t out_columns(void);

/* How a figure is to be read. */
enum out_kind {
	OUT_TEXT,   /* as it is */
	OUT_BYTES,  /* "612 MiB" */
	OUT_TIME,   /* of microseconds: "12.3 s", "4 min 10 s", "3 h 5 min" */
	OUT_SHARE,  /* of millionths: "4.2 %" */
	OUT_COUNT,  /* a number */
	OUT_YES_NO, /* true or false */
	OUT_LIST,   /* words with commas between them */
};

/* @v as text; @kind is one of those that are a number. */
void out_number_text(uint64_t v, enum out_kind kind, char *text, size_t size);

/* @o[@key] as text; "-" where it is null, missing, or of another type. */
void out_figure(struct json_object *o, const char *key, enum out_kind kind, char *text,
		size_t size);

/* @o[@key] as a number, @otherwise where it is null, missing, negative or no number. */
uint64_t out_number(struct json_object *o, const char *key, uint64_t otherwise);

/* @o[@key] as text; "" where it is null, missing or no text. Lives as long as @o. */
const char *out_string(struct json_object *o, const char *key);

/* @o[@key] where it is an object, else NULL. */
struct json_object *out_object(struct json_object *o, const char *key);

/* @o[@key] where it is an array, else NULL. */
struct json_object *out_array(struct json_object *o, const char *key);

/* One line of a list of figures. */
struct out_row {
	const char *label;
	const char *key;
	enum out_kind kind;
};

/* Prints the figures of @o that are known, a line each: "  label   figure". */
void out_rows(struct json_object *o, const struct out_row *rows, size_t n);

#endif
