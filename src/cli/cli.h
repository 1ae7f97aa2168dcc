/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cli.h - what the subcommands share: how they are called, asking the daemon
 *
 * Layer: cli (may include client, journal, sim, policy, model, base).
 * In:    the command line.
 * Out:   text or JSON on standard output, one sentence on standard error, an exit code.
 *
 * One file per subcommand, and one row of the table in main.c.
 */
#ifndef BALLONET_CLI_CLI_H
#define BALLONET_CLI_CLI_H

#include <json-c/json.h>
#include <stdbool.h>

/* For scripts; they stand in the manual page, and one that was released does not change. */
enum exit_code {
	EXIT_OK = 0,
	EXIT_REFUSED = 1,   /* refused, or a replay differs */
	EXIT_USAGE = 2,	    /* called wrongly, or a file cannot be read */
	EXIT_NO_DAEMON = 3, /* the daemon is not there, or may not be asked */
	EXIT_NO_VM = 4,	    /* there is no such VM or reservation */
	EXIT_BAD_REPLY = 5, /* what answers is not this daemon */
	EXIT_LATE = 6,	    /* the room that was asked for is not there in time */
};

/* How room is to be reserved; NULL where it was not said. Texts, as they were typed. */
struct reserve_options {
	const char *within, *hold;
	const char *name;   /* --for */
	const char *cancel; /* ID */
	bool list;
};

/* How a world is to be simulated; NULL where it was not said. Texts, for the scenario's table. */
struct simulate {
	const char *scenario; /* a name or a file */
	const char *controller;
	const char *profile, *seed, *vms, *hours, *host_memory;
};

/* How the command line was called. */
struct cli {
	const char *socket;
	bool json;
	bool all;     /* release */
	bool dry_run; /* squeeze */
	bool no_wait; /* squeeze, reserve */
	bool reset;   /* set */
	struct simulate simulate;
	struct reserve_options reserve;
	const char *argument; /* the NAME, SIZE or FILE; NULL: none */
	char **more;	      /* what follows it, NULL at the end: KEY=VALUE of set */
};

/* A sentence on why it was not done; cut where it is longer. */
struct cli_why {
	char text[1024];
};

/* Each prints what it has to say and returns an exit code. */
int cmd_status(const struct cli *cli);
int cmd_vm(const struct cli *cli);
int cmd_why(const struct cli *cli);
int cmd_squeeze(const struct cli *cli);
int cmd_release(const struct cli *cli);
int cmd_host(const struct cli *cli);
int cmd_headroom(const struct cli *cli);
int cmd_set(const struct cli *cli);
int cmd_reserve(const struct cli *cli);

/* Prints "ballonet: SENTENCE" to standard error; returns @code (enum exit_code). */
int cli_fail(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Asks the daemon. EXIT_OK with *ret an object (the caller's to put) when it
 * did or will do what was asked; else says why it did not and returns the
 * exit code.
 */
int cli_ask(const struct cli *cli, const char *method, const char *path, const char *body,
	    struct json_object **ret);

/*
 * The same without a word of its own: @why holds the sentence where the code is
 * not EXIT_OK. @not_found is the exit code that 404 means.
 */
int cli_try(const struct cli *cli, const char *method, const char *path, const char *body,
	    int not_found, struct json_object **ret, struct cli_why *why);

/* cli_ask() for /v1/vms/@name@tail. */
int cli_ask_vm(const struct cli *cli, const char *method, const char *name, const char *tail,
	       const char *body, struct json_object **ret);

/* cli_try() for the same. */
int cli_try_vm(const struct cli *cli, const char *method, const char *name, const char *tail,
	       const char *body, struct json_object **ret, struct cli_why *why);

/* Prints @o as JSON for people and programs. EXIT_OK, or EXIT_BAD_REPLY where it cannot. */
int cli_print_json(struct json_object *o);

#endif
