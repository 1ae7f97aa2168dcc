/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * client.h - a client of the control API, and the world that it asks about
 *
 * Client and server share one thread: the client's socket does not block, and
 * the server is dispatched until the reply is whole.
 */
#ifndef TESTS_UNIT_API_CLIENT_H
#define TESTS_UNIT_API_CLIENT_H

#include "api/control.h"
#include "sample_fleet.h"

#include <json-c/json.h>

extern struct world {
	char folder[64], path[100];
	struct sample sample;
	struct control *control;
	/* what was asked of the daemon, what was to be set, and what is said to it */
	struct vm *asked_vm;
	enum vm_request asked;
	struct control_change change;
	const char *conflict;
} world;

extern const struct control_ops world_ops;

int world_set_up(void **state);
int world_tear_down(void **state);

/* A connection that does not block. */
int dial(void);

uint64_t now_ms(void);

/* Longer than anything takes that is waited for. */
#define DEADLINE_MS 10000

/* Sends @n bytes and returns all that comes back until the server closes; freed by the caller. */
char *exchange(int fd, const char *bytes, size_t n);

/* One request; returns the status, and the body in *ret where that is not NULL. */
int ask(const char *method, const char *url, const char *body, char **ret);

/* The same where the body must be JSON. */
struct json_object *ask_json(const char *method, const char *url, const char *body, int want);

const char *text_of(struct json_object *o, const char *key);

/* Is it refused with @status and a sentence that contains @part? */
void refused(const char *method, const char *url, const char *body, int status, const char *part);

#endif
