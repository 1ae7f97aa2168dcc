/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * program.h - runs ballonet, and looks at what it printed
 *
 * In:    words of a command line.
 * Out:   exit code, standard output, standard error.
 */
#ifndef BALLONET_TESTS_CLI_PROGRAM_H
#define BALLONET_TESTS_CLI_PROGRAM_H

#include <json-c/json.h>

/* The path of ballonet. */
extern const char *program;

struct run {
	int code;
	char out[16384], err[4096];
};

/* Runs ballonet with the words, NULL at the end; BALLONET_SOCKET is server_path. */
void call(struct run *ret, ...);
#define CALL(r, ...) call(r, __VA_ARGS__, NULL)

/* Fails unless it left with @code, and @out and @err are in what it printed. */
void expect(const struct run *r, int code, const char *out, const char *err);

/* Fails unless a line of its output is "  LABEL   VALUE", however wide the labels are. */
void expect_row(const struct run *r, const char *label, const char *value);

/* The standard output as JSON, which it must be; the caller's to put. */
struct json_object *json_of(const struct run *r);

/* Nothing that a terminal would obey is in @text. */
void assert_tame(const char *text);

#endif
