/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * status.c - "ballonet status": the host, and a line for each VM
 *
 * Layer: cli.
 * In:    /v1/host and /v1/vms.
 * Out:   a table aligned for people, and what would serve some VMs better.
 */
#include "base/num.h"
#include "cli/cli.h"
#include "cli/output.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct column {
	const char *title;
	const char *key;
	enum out_kind kind;
	bool right;    /* numbers are read from the right */
	bool optional; /* left out where no VM has anything there */
};

static const struct column columns[] = {
	{ "NAME", "name", OUT_TEXT, false, false },
	{ "GROUP", "group", OUT_TEXT, false, true },
	{ "STATE", "state", OUT_TEXT, false, false },
	{ "MODE", "mode", OUT_TEXT, false, false },
	{ "RELIEF", "relief", OUT_TEXT, false, false },
	{ "PHASE", "phase", OUT_TEXT, false, false },
	{ "RAM", "ram_b", OUT_BYTES, true, false },
	{ "RESIDENT", "resident_b", OUT_BYTES, true, false },
	{ "USED", "used_b", OUT_BYTES, true, false },
	{ "BALLOON", "balloon_b", OUT_BYTES, true, false },
	{ "STALE", "stale_b", OUT_BYTES, true, false },
	{ "COLD", "cold_b", OUT_BYTES, true, false },
	{ "WON", "won_b", OUT_BYTES, true, false },
	{ "WHY", "say", OUT_TEXT, false, false },
};

/* A column that is left out has this width. */
#define LEFT_OUT SIZE_MAX

/* A terminal narrower than this is not worth cutting sentences for. */
#define WHY_MIN 20

/* Adds what the table shows and the daemon does not say: what was won for good, all there is to
 * say. */
static void complete(struct json_object *vm)
{
	uint64_t won = u64_sub_sat(out_number(vm, "yield_total_b", 0),
				   out_number(vm, "return_total_b", 0));
	const char *trouble = out_string(vm, "trouble");
	char say[OUT_CELL_MAX];

	if (!json_object_is_type(vm, json_type_object))
		return;
	(void)snprintf(say, sizeof(say), "%s%s%s", out_string(vm, "why"), *trouble ? " " : "",
		       trouble);
	(void)json_object_object_add(vm, "won_b", json_object_new_uint64(won));
	(void)json_object_object_add(vm, "say", json_object_new_string(say));
}

/* Cuts @text to @width columns, between two characters. */
static void cut(char *text, size_t width)
{
	char *p = text + strlen(text);

	while (p > text && out_width(text) > width) {
		do
			p--;
		while (p > text && ((unsigned char)*p & 0xc0) == 0x80);
		*p = '\0';
	}
}

static void print_cell(const char *text, size_t width, bool right)
{
	int pad = (int)u64_sub_sat(width, out_width(text));

	if (right)
		(void)printf("%*s", pad, "");
	out_text(stdout, text);
	if (!right)
		(void)printf("%*s", pad, "");
}

/* Prints the line of @vm, or the titles where it is NULL. */
static void print_line(struct json_object *vm, const size_t *width)
{
	size_t i, last = ARRAY_SIZE(columns) - 1;
	char text[OUT_CELL_MAX];

	for (i = 0; i <= last; i++) {
		if (width[i] == LEFT_OUT)
			continue;
		if (vm)
			out_figure(vm, columns[i].key, columns[i].kind, text, sizeof(text));
		else
			(void)snprintf(text, sizeof(text), "%s", columns[i].title);
		if (i < last) {
			print_cell(text, width[i], columns[i].right);
			(void)fputs("  ", stdout);
			continue;
		}
		if (width[last])
			cut(text, width[last]);
		out_text(stdout, text);
		(void)putchar('\n');
	}
}

/* Widths of all columns; of the last one, 0 where it needs no cutting. */
static void measure(struct json_object *list, size_t *width)
{
	size_t i, j, last = ARRAY_SIZE(columns) - 1, all = 0, terminal = out_columns();
	char text[OUT_CELL_MAX];

	for (i = 0; i < last; i++) {
		bool empty = columns[i].optional;

		width[i] = strlen(columns[i].title);
		for (j = 0; j < json_object_array_length(list); j++) {
			out_figure(json_object_array_get_idx(list, j), columns[i].key,
				   columns[i].kind, text, sizeof(text));
			width[i] = u64_max(width[i], out_width(text));
			empty &= strcmp(text, "-") == 0;
		}
		if (empty) {
			width[i] = LEFT_OUT;
			continue;
		}
		all += width[i] + 2;
	}
	width[last] = terminal >= all + WHY_MIN ? terminal - all : 0;
}

/* What is worth a word of the host: that it is short, what is promised, trouble with its cgroup. */
static void print_shortage(struct json_object *host)
{
	static const char *const words[] = { "host-short", "host-unserved", "host-gives-back" };
	const char *trouble = out_string(host, "host_cgroup_trouble");
	const char *reason = out_string(host, "reason");
	char held[OUT_CELL_MAX];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(reason, words[i]) == 0) {
			out_text(stdout, out_string(host, "why"));
			(void)putchar('\n');
		}
	if (out_number(host, "reservations", 0) > 0) {
		out_figure(host, "reserved_b", OUT_BYTES, held, sizeof(held));
		(void)printf("%s held for VMs that are about to start.\n", held);
	}
	if (*trouble) {
		out_text(stdout, trouble);
		(void)putchar('\n');
	}
}

static void print_host(struct json_object *host)
{
	char total[OUT_CELL_MAX], available[OUT_CELL_MAX], resident[OUT_CELL_MAX];
	char lost[OUT_CELL_MAX];
	struct json_object *dry_run = NULL, *guardian = NULL;

	out_figure(host, "total_b", OUT_BYTES, total, sizeof(total));
	out_figure(host, "available_b", OUT_BYTES, available, sizeof(available));
	out_figure(host, "resident_total_b", OUT_BYTES, resident, sizeof(resident));
	(void)printf("host: %s of %s available, %s resident in VMs\n", available, total, resident);
	print_shortage(host);
	if (json_object_object_get_ex(host, "dry_run", &dry_run) &&
	    json_object_get_boolean(dry_run))
		(void)puts("ballonetd runs with --dry-run: it only says what it would do.");
	if (json_object_object_get_ex(host, "guardian", &guardian) &&
	    !json_object_get_boolean(guardian) && !json_object_get_boolean(dry_run))
		(void)puts("The guardian process is not running, so no balloon is inflated. The "
			   "log of "
			   "ballonetd says why.");
	if (out_number(host, "journal_lost", 0) > 0) {
		out_figure(host, "journal_lost", OUT_COUNT, lost, sizeof(lost));
		(void)printf("The journal has lost %s records and cannot be replayed completely. "
			     "The log of ballonetd says why (journal-down).\n",
			     lost);
	}
	(void)putchar('\n');
}

/* Is the hint of VM @i one that no VM before it has? */
static bool first_of_hint(struct json_object *list, size_t i, const char *hint)
{
	size_t j;

	for (j = 0; j < i; j++)
		if (strcmp(out_string(json_object_array_get_idx(list, j), "hint"), hint) == 0)
			return false;
	return true;
}

/* Each hint once, with the names of the VMs that it is for. */
static void print_hints(struct json_object *list)
{
	size_t i, j, n = json_object_array_length(list);
	const char *hint;

	for (i = 0; i < n; i++) {
		hint = out_string(json_object_array_get_idx(list, i), "hint");
		if (!*hint || !first_of_hint(list, i, hint))
			continue;
		(void)putchar('\n');
		for (j = i; j < n; j++) {
			struct json_object *vm = json_object_array_get_idx(list, j);

			if (strcmp(out_string(vm, "hint"), hint) != 0)
				continue;
			(void)fputs(j > i ? ", " : "", stdout);
			out_text(stdout, out_string(vm, "name"));
		}
		(void)fputs(": ", stdout);
		out_text(stdout, hint);
		(void)fputs(".\n", stdout);
	}
}

static int print_vms(struct json_object *host, struct json_object *vms)
{
	struct json_object *list = out_array(vms, "vms");
	size_t width[ARRAY_SIZE(columns)], i, n;

	if (!list)
		return cli_fail(EXIT_BAD_REPLY, "the answer has no list of VMs.");
	print_host(host);
	n = json_object_array_length(list);
	if (n == 0) {
		(void)puts("ballonetd has found no VMs. A QEMU needs a QMP socket of its own for "
			   "it: see "
			   "ballonetd(8).");
		return EXIT_OK;
	}
	for (i = 0; i < n; i++)
		complete(json_object_array_get_idx(list, i));
	measure(list, width);
	print_line(NULL, width);
	for (i = 0; i < n; i++)
		print_line(json_object_array_get_idx(list, i), width);
	print_hints(list);
	return EXIT_OK;
}

int cmd_status(const struct cli *cli)
{
	struct json_object *host, *vms = NULL;
	int code;

	code = cli_ask(cli, "GET", "/v1/host", NULL, &host);
	if (code != EXIT_OK)
		return code;
	code = cli_ask(cli, "GET", "/v1/vms", NULL, &vms);
	if (code == EXIT_OK && cli->json) {
		/* one object: the VMs, and the host beside them */
		(void)json_object_object_add(vms, "host", json_object_get(host));
		code = cli_print_json(vms);
	} else if (code == EXIT_OK) {
		code = print_vms(host, vms);
	}
	json_object_put(vms);
	json_object_put(host);
	return code;
}
