/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * server.h - what ballonet talks to in its tests
 *
 * In:    a world, or the bytes that every request is answered with.
 * Out:   a forked child that serves server_path: the daemon's own control API over the sample
 *        fleet, in which a squeeze that is asked for runs by the clock; or odd answers.
 */
#ifndef BALLONET_TESTS_CLI_SERVER_H
#define BALLONET_TESTS_CLI_SERVER_H

#include "sample_fleet.h"

#include <stdbool.h>
#include <stdint.h>

/* A squeeze is over, and room that is reserved is there, so long after it was asked for. */
#define ENDS_MS 900

struct world {
	struct sample sample;
	struct vm *vm; /* that a squeeze was asked for */
	uint64_t asked_us;
	bool refuses; /* the policy decides not to begin */
	bool frees;   /* room that is reserved is there after ENDS_MS */
};

/* The control socket; in a folder of its own for each test. */
extern char server_path[90];

/* For cmocka: each test has no server at first, and the one it started is ended. */
int server_set_up(void **state);
int server_tear_down(void **state);

/* The world of the sample fleet, to be changed before a server is started over it. */
struct world *world_new(void);
void world_free(struct world *w);

/* Starts a server: with @text, one that answers that; else one over @w. */
void server_start(struct world *w, const char *text);

/* Starts one over the sample fleet as it is. */
void server_start_sample(void);

/* Ends it; its socket stays, and nobody listens there. */
void server_stop(void);

/* The machine's clock, and what the server's says. */
uint64_t server_uptime_us(void);
uint64_t server_now_us(void);

#endif
