/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * squeeze.c - "ballonet squeeze NAME": asks for a squeeze and watches it
 *
 * Layer: cli.
 * In:    POST /v1/vms/NAME/squeeze, then /v1/vms/NAME again and again.
 * Out:   progress on standard error, what was freed on standard output.
 *
 * The daemon answers "accepted" and decides at the VM's next tick, with fresh
 * facts. So this command watches whether a squeeze really begins.
 */
#include "base/num.h"
#include "cli/cli.h"
#include "cli/output.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOK_US (200 * USEC_PER_MSEC)
/* A decision follows within a second or two: fresh statistics are asked for first. */
#define DECIDE_MAX_US (15 * USEC_PER_SEC)
/* An inflate may take a minute, a hold ten (the defaults); a balloon may be stuck for ever. */
#define WATCH_MAX_US (UINT64_C(900) * USEC_PER_SEC)

enum outcome { WAITING, UNDER_WAY, DONE, NOT_BEGUN };

/* What became of the request that was accepted at @since_us? */
static enum outcome outcome_of(struct json_object *vm, uint64_t since_us)
{
	struct json_object *squeeze = out_object(vm, "last_squeeze");

	if (squeeze && out_number(squeeze, "start_us", 0) >= since_us)
		return out_number(squeeze, "end_us", 0) ? DONE : UNDER_WAY;
	if (strcmp(out_string(vm, "requested"), "squeeze") == 0 ||
	    out_number(vm, "decided_us", 0) < since_us ||
	    strcmp(out_string(vm, "reason"), "looking") == 0)
		return WAITING;
	return NOT_BEGUN;
}

/* Tells on standard error where it stands: one line that changes, or a line per phase. */
static void show(struct json_object *vm, char *last, size_t size)
{
	bool terminal = isatty(STDERR_FILENO);
	const char *phase = out_string(vm, "phase");

	if (!terminal && strcmp(phase, last) == 0)
		return;
	(void)snprintf(last, size, "%s", phase);
	(void)fputs(terminal ? "\r\033[K" : "", stderr);
	out_text(stderr, phase);
	(void)fputs(": ", stderr);
	out_text(stderr, out_string(vm, "why"));
	(void)fputs(terminal ? "" : "\n", stderr);
	(void)fflush(stderr);
}

static void show_end(void)
{
	if (isatty(STDERR_FILENO))
		(void)fputs("\r\033[K", stderr);
}

static void nap(void)
{
	const struct timespec time = { .tv_nsec = (long)(LOOK_US * 1000) };

	(void)nanosleep(&time, NULL);
}

/* Looks until it is decided and done. EXIT_OK with the last look in *ret, or an exit code. */
static int watch(const struct cli *cli, uint64_t since_us, struct json_object **ret,
		 enum outcome *ret_outcome)
{
	uint64_t waited_us = 0, limit_us = DECIDE_MAX_US;
	enum outcome outcome = WAITING;
	struct json_object *vm;
	char last[64] = "";
	int code;

	for (;;) {
		code = cli_ask_vm(cli, "GET", cli->argument, "", NULL, &vm);
		if (code != EXIT_OK)
			break;
		outcome = outcome_of(vm, since_us);
		if (outcome == UNDER_WAY)
			limit_us = WATCH_MAX_US;
		if (outcome == DONE || outcome == NOT_BEGUN || waited_us >= limit_us)
			break;
		if (!cli->json)
			show(vm, last, sizeof(last));
		json_object_put(vm);
		nap();
		waited_us += LOOK_US;
	}
	if (!cli->json)
		show_end();
	if (code != EXIT_OK)
		return code;
	*ret = vm;
	*ret_outcome = outcome;
	return EXIT_OK;
}

/* What @squeeze freed; one that was deflated this instant is measured at the next. */
static uint64_t freed_b(struct json_object *squeeze)
{
	uint64_t low = out_number(squeeze, "resident_low_b", UINT64_MAX);
	uint64_t was = out_number(squeeze, "resident_before_b", low);

	return out_number(squeeze, "freed_0s_b", u64_sub_sat(was, low));
}

static void print_done(struct json_object *vm)
{
	struct json_object *squeeze = out_object(vm, "last_squeeze");
	char freed[OUT_CELL_MAX], took[OUT_CELL_MAX], before[OUT_CELL_MAX], now[OUT_CELL_MAX];
	uint64_t start = out_number(squeeze, "start_us", 0);

	out_number_text(freed_b(squeeze), OUT_BYTES, freed, sizeof(freed));
	out_number_text(u64_sub_sat(out_number(squeeze, "end_us", 0), start), OUT_TIME, took,
			sizeof(took));
	out_figure(squeeze, "resident_before_b", OUT_BYTES, before, sizeof(before));
	out_figure(vm, "resident_b", OUT_BYTES, now, sizeof(now));
	out_text(stdout, out_string(vm, "name"));
	(void)printf(": %s freed in %s (%s resident before, %s now), reason: ", freed, took, before,
		     now);
	out_text(stdout, out_string(squeeze, "stop"));
	(void)putchar('\n');
}

static int tell(const struct cli *cli, struct json_object *vm, enum outcome outcome)
{
	if (cli->json) {
		int code = cli_print_json(vm);

		return code != EXIT_OK ? code : outcome == DONE ? EXIT_OK : EXIT_REFUSED;
	}
	switch (outcome) {
	case DONE:
		print_done(vm);
		return EXIT_OK;
	case NOT_BEGUN:
		return cli_fail(EXIT_REFUSED, "the squeeze did not begin. %s",
				out_string(vm, "why"));
	default:
		return cli_fail(EXIT_REFUSED,
				"the squeeze is not over yet. %s See 'ballonet why %s'.",
				out_string(vm, "why"), cli->argument);
	}
}

/* Would it free anything? Less than a MiB is nothing; not known is something. */
static bool would_free(struct json_object *o)
{
	struct json_object *would = NULL;

	(void)json_object_object_get_ex(o, "would_squeeze", &would);
	return json_object_get_boolean(would) &&
	       out_number(out_object(o, "figures"), "expected_b", UINT64_MAX) >= MIB;
}

static int dry_run(const struct cli *cli)
{
	struct json_object *o;
	int code;

	code = cli_ask_vm(cli, "POST", cli->argument, "/squeeze", "{\"dry_run\":true}", &o);
	if (code != EXIT_OK)
		return code;
	code = would_free(o) ? EXIT_OK : EXIT_REFUSED;
	if (cli->json) {
		(void)cli_print_json(o);
	} else {
		out_text(stdout, out_string(o, "sentence"));
		(void)putchar('\n');
	}
	json_object_put(o);
	return code;
}

int cmd_squeeze(const struct cli *cli)
{
	struct json_object *accepted, *vm;
	enum outcome outcome;
	uint64_t since_us;
	int code;

	if (cli->dry_run)
		return dry_run(cli);
	code = cli_ask_vm(cli, "POST", cli->argument, "/squeeze", NULL, &accepted);
	if (code != EXIT_OK)
		return code;
	since_us = out_number(accepted, "now_us", 0);
	if (cli->no_wait) {
		code = cli->json ? cli_print_json(accepted) : EXIT_OK;
		json_object_put(accepted);
		return code;
	}
	json_object_put(accepted);
	code = watch(cli, since_us, &vm, &outcome);
	if (code != EXIT_OK)
		return code;
	code = tell(cli, vm, outcome);
	json_object_put(vm);
	return code;
}
