/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * why.c - "ballonet why [NAME]": the last decisions, as sentences
 *
 * Layer: cli.
 * In:    /v1/vms/NAME/why, or /v1/host.
 * Out:   the current decision with its figures, then earlier ones, newest last.
 */
#include "base/num.h"
#include "cli/cli.h"
#include "cli/output.h"

#include <stdio.h>

static const struct out_row figure_rows[] = {
	{ "resident", "resident_b", OUT_BYTES },
	{ "available in the guest", "available_b", OUT_BYTES },
	{ "reserve", "reserve_b", OUT_BYTES },
	{ "stale", "stale_b", OUT_BYTES },
	{ "free but never given by the host", "unbacked_b", OUT_BYTES },
	{ "cold cache", "cold_b", OUT_BYTES },
	{ "expected of a squeeze", "expected_b", OUT_BYTES },
	{ "worth it from", "need_b", OUT_BYTES },
	{ "balloon", "balloon_b", OUT_BYTES },
	{ "freed", "freed_b", OUT_BYTES },
	{ "floor", "floor_b", OUT_BYTES },
};

static const struct out_row arbiter_rows[] = {
	{ "wanted available", "want_b", OUT_BYTES }, { "missing", "need_b", OUT_BYTES },
	{ "being freed", "coming_b", OUT_BYTES },    { "offered by VMs", "offered_b", OUT_BYTES },
	{ "held in balloons", "held_b", OUT_BYTES },
};

/* Without a name, the decision is the host's. */
static int why_host(const struct cli *cli)
{
	struct json_object *host;
	int code;

	code = cli_ask(cli, "GET", "/v1/host", NULL, &host);
	if (code != EXIT_OK)
		return code;
	if (cli->json) {
		code = cli_print_json(host);
	} else {
		(void)fputs("host (", stdout);
		out_text(stdout, out_string(host, "reason"));
		(void)fputs("): ", stdout);
		out_text(stdout, out_string(host, "why"));
		(void)putchar('\n');
		out_rows(out_object(host, "arbiter"), arbiter_rows, ARRAY_SIZE(arbiter_rows));
	}
	json_object_put(host);
	return code;
}

static void print_recent(struct json_object *list)
{
	size_t i, n = list ? json_object_array_length(list) : 0;
	char age[OUT_CELL_MAX];

	if (n)
		(void)puts("earlier decisions, newest last");
	for (i = 0; i < n; i++) {
		struct json_object *o = json_object_array_get_idx(list, i);

		out_figure(o, "age_us", OUT_TIME, age, sizeof(age));
		(void)printf("  %10s ago  ", age);
		out_text(stdout, out_string(o, "phase"));
		(void)fputs(": ", stdout);
		out_text(stdout, out_string(o, "sentence"));
		(void)putchar('\n');
	}
}

int cmd_why(const struct cli *cli)
{
	struct json_object *why;
	const char *trouble;
	int code;

	if (!cli->argument)
		return why_host(cli);
	code = cli_ask_vm(cli, "GET", cli->argument, "/why", NULL, &why);
	if (code != EXIT_OK)
		return code;
	if (cli->json) {
		code = cli_print_json(why);
	} else {
		trouble = out_string(why, "trouble");
		out_text(stdout, out_string(why, "name"));
		(void)fputs(" (", stdout);
		out_text(stdout, out_string(why, "phase"));
		(void)fputs("): ", stdout);
		out_text(stdout, out_string(why, "sentence"));
		(void)putchar('\n');
		if (*trouble) {
			(void)fputs("  trouble: ", stdout);
			out_text(stdout, trouble);
			(void)putchar('\n');
		}
		out_rows(out_object(why, "figures"), figure_rows, ARRAY_SIZE(figure_rows));
		print_recent(out_array(why, "recent"));
	}
	json_object_put(why);
	return code;
}
