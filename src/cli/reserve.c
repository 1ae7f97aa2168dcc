/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reserve.c - "ballonet reserve SIZE": room for a VM that is to start
 *
 * Layer: cli.
 * In:    POST /v1/reservations, then /v1/reservations/ID again and again.
 * Out:   whether it is there, and an exit code that a script can go by.
 *
 * On an exit code other than 0 nothing is held, or a message says what may be:
 * a script that gives up has nothing to clean up.
 */
#include "base/num.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "model/settings.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOK_US (200 * USEC_PER_MSEC)
#define PATH_TEXT_MAX 128

/* How long may be waited for room, or room be held: as the daemon takes it. */
#define TIME_MAX_US (UINT64_C(86400) * USEC_PER_SEC)

static const struct setting size_key = {
	.key = "SIZE", .unit = UNIT_BYTES, .min = 1, .max = UINT64_MAX - 1
};
static const struct setting within_key = {
	.key = "--within", .unit = UNIT_TIME, .min = USEC_PER_MSEC, .max = TIME_MAX_US
};
static const struct setting hold_key = {
	.key = "--hold", .unit = UNIT_TIME, .min = USEC_PER_SEC, .max = TIME_MAX_US
};

/* Reads @text as a value of @key; NULL: it was not said, and *ret is left alone. */
static int read_text(const char *text, const struct setting *key, const char *example,
		     uint64_t *ret)
{
	char min[SETTING_TEXT_MAX], max[SETTING_TEXT_MAX];
	int r = text ? setting_parse(key, text, ret) : 0;

	if (r == -ERANGE && key->unit == UNIT_TIME) {
		setting_text(key, key->min, min, sizeof(min));
		setting_text(key, key->max, max, sizeof(max));
		return cli_fail(EXIT_USAGE, "%s: %s is out of range (%s to %s).", key->key, text,
				min, max);
	}
	if (r < 0)
		return cli_fail(EXIT_USAGE, "%s: '%s' is not a %s such as %s.", key->key, text,
				key->unit == UNIT_TIME ? "time" : "size", example);
	return EXIT_OK;
}

static void add_number(struct json_object *o, const char *key, uint64_t v)
{
	if (v != UINT64_MAX)
		(void)json_object_object_add(o, key, json_object_new_uint64(v));
}

/* The body of the request; an exit code where the command line is no such thing. */
static int make_body(const struct cli *cli, struct json_object *o)
{
	uint64_t size_b = 0, within_us = UINT64_MAX, hold_us = UINT64_MAX;
	int code;

	code = read_text(cli->argument, &size_key, "4GiB", &size_b);
	if (code == EXIT_OK)
		code = read_text(cli->reserve.within, &within_key, "30s", &within_us);
	if (code == EXIT_OK)
		code = read_text(cli->reserve.hold, &hold_key, "10min", &hold_us);
	add_number(o, "size_b", size_b);
	add_number(o, "within_us", within_us);
	add_number(o, "hold_us", hold_us);
	if (cli->reserve.name)
		(void)json_object_object_add(o, "for", json_object_new_string(cli->reserve.name));
	return code;
}

static int ask_one(const struct cli *cli, const char *method, const char *id,
		   struct json_object **ret)
{
	struct cli_why why = { .text = "" };
	char path[PATH_TEXT_MAX];
	int code;

	(void)snprintf(path, sizeof(path), "/v1/reservations/%s", id);
	code = cli_try(cli, method, path, NULL, EXIT_NO_VM, ret, &why);
	return code == EXIT_OK ? code : cli_fail(code, "%s", why.text);
}

static void id_text(struct json_object *o, char *text, size_t size)
{
	(void)snprintf(text, size, "%llu", (unsigned long long)out_number(o, "id", 0));
}

/* Hold it no longer, or say that it still may be; that it is gone already is just as well. */
static bool let_go(const struct cli *cli, struct json_object *o)
{
	struct json_object *gone;
	struct cli_why why;
	char path[PATH_TEXT_MAX], id[32];
	int code;

	id_text(o, id, sizeof(id));
	(void)snprintf(path, sizeof(path), "/v1/reservations/%s", id);
	code = cli_try(cli, "DELETE", path, NULL, EXIT_NO_VM, &gone, &why);
	if (code == EXIT_OK)
		json_object_put(gone);
	if (code == EXIT_OK || code == EXIT_NO_VM)
		return true;
	(void)cli_fail(code,
		       "reservation %s could not be cancelled. If the daemon is still running, it "
		       "is held until it expires.",
		       id);
	return false;
}

static bool says(struct json_object *o, const char *answer)
{
	return strcmp(out_string(o, "answer"), answer) == 0;
}

/* Is its time over? One without a time is never late, but ends. */
static bool is_late(struct json_object *o)
{
	return out_number(o, "now_us", 0) >= out_number(o, "by_us", UINT64_MAX);
}

/* From here on who interrupts us is heard in nap() alone, so that the room can be let go first. */
static void hear_interrupts(sigset_t *ret)
{
	(void)sigemptyset(ret);
	(void)sigaddset(ret, SIGINT);
	(void)sigaddset(ret, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, ret, NULL);
}

/* Waits a moment; true: somebody interrupted it. */
static bool nap(const sigset_t *interrupts)
{
	const struct timespec time = { .tv_nsec = (long)(LOOK_US * 1000) };

	return sigtimedwait(interrupts, NULL, &time) > 0;
}

/* Looks until the room is there or it is too late. *o is the last look. */
static int wait_for_room(const struct cli *cli, const sigset_t *interrupts, struct json_object **o)
{
	char last[OUT_CELL_MAX] = "", id[32];
	struct json_object *next;
	int code;

	id_text(*o, id, sizeof(id));
	while (!says(*o, "yes") && !is_late(*o)) {
		if (!cli->json && strcmp(last, out_string(*o, "answer")) != 0) {
			(void)snprintf(last, sizeof(last), "%s", out_string(*o, "answer"));
			out_text(stderr, out_string(*o, "sentence"));
			(void)fputc('\n', stderr);
		}
		if (nap(interrupts))
			return cli_fail(EXIT_REFUSED, "interrupted%s.",
					let_go(cli, *o) ? "; nothing is held" : "");
		code = ask_one(cli, "GET", id, &next);
		if (code != EXIT_OK) { /* nobody is there any more to start what it was for */
			(void)let_go(cli, *o);
			return code;
		}
		json_object_put(*o);
		*o = next;
	}
	return EXIT_OK;
}

/* What became of it; what is not there in time is not held any longer. */
static int tell(const struct cli *cli, struct json_object *o)
{
	bool late = cli->no_wait ? says(o, "late") : !says(o, "yes");

	if (late)
		(void)let_go(cli, o);
	if (cli->json)
		(void)cli_print_json(o);
	if (late)
		return cli->json ? EXIT_LATE
				 : cli_fail(EXIT_LATE, "not free in time: %s",
					    out_string(o, "sentence"));
	if (!cli->json) {
		(void)printf("reservation %llu: ", (unsigned long long)out_number(o, "id", 0));
		out_text(stdout, out_string(o, "sentence"));
		(void)putchar('\n');
	}
	return EXIT_OK;
}

static int make(const struct cli *cli)
{
	struct json_object *body = json_object_new_object(), *o;
	sigset_t interrupts;
	int code;

	hear_interrupts(&interrupts); /* before there is anything to let go */
	code = make_body(cli, body);
	if (code == EXIT_OK)
		code = cli_ask(cli, "POST", "/v1/reservations",
			       json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN), &o);
	json_object_put(body);
	if (code != EXIT_OK)
		return code;
	if (!cli->no_wait)
		code = wait_for_room(cli, &interrupts, &o);
	if (code == EXIT_OK)
		code = tell(cli, o);
	json_object_put(o);
	return code;
}

static int cancel(const struct cli *cli)
{
	const char *id = cli->reserve.cancel;
	struct json_object *o;
	int code;

	if (!*id || strlen(id) > 20 || strspn(id, "0123456789") != strlen(id))
		return cli_fail(EXIT_USAGE, "'%s' is not the number of a reservation.", id);
	code = ask_one(cli, "DELETE", id, &o);
	if (code != EXIT_OK)
		return code;
	if (cli->json)
		code = cli_print_json(o);
	else
		(void)printf("reservation %s: cancelled\n", id);
	json_object_put(o);
	return code;
}

static void print_line(struct json_object *o)
{
	char size[OUT_CELL_MAX], left[OUT_CELL_MAX], ends[OUT_CELL_MAX];
	uint64_t ends_us = u64_sub_sat(out_number(o, "until_us", 0), out_number(o, "now_us", 0));
	const char *name = out_string(o, "for");

	out_figure(o, "size_b", OUT_BYTES, size, sizeof(size));
	out_figure(o, "left_b", OUT_BYTES, left, sizeof(left));
	out_number_text(ends_us, OUT_TIME, ends, sizeof(ends));
	(void)printf("%llu: %s, %s not used yet, ends in %s, for ",
		     (unsigned long long)out_number(o, "id", 0), size, left, ends);
	out_text(stdout, *name ? name : "any VM");
	(void)fputs(". ", stdout);
	out_text(stdout, out_string(o, "sentence"));
	(void)putchar('\n');
}

static int list_all(const struct cli *cli)
{
	struct json_object *o, *list;
	size_t i;
	int code;

	code = cli_ask(cli, "GET", "/v1/reservations", NULL, &o);
	if (code != EXIT_OK)
		return code;
	list = out_array(o, "reservations");
	if (cli->json) {
		code = cli_print_json(o);
	} else if (!list) {
		code = cli_fail(EXIT_BAD_REPLY, "the answer has no list of reservations.");
	} else {
		if (json_object_array_length(list) == 0)
			(void)puts("There are no reservations.");
		for (i = 0; i < json_object_array_length(list); i++)
			print_line(json_object_array_get_idx(list, i));
	}
	json_object_put(o);
	return code;
}

int cmd_reserve(const struct cli *cli)
{
	if (cli->reserve.list)
		return list_all(cli);
	return cli->reserve.cancel ? cancel(cli) : make(cli);
}
