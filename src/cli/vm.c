/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm.c - "ballonet vm NAME": all that is known of one VM
 *
 * Layer: cli.
 * In:    /v1/vms/NAME.
 * Out:   a line per figure; an unknown figure has no line.
 */
#include "base/num.h"
#include "cli/cli.h"
#include "cli/output.h"

#include <stdio.h>

static const struct out_row vm_rows[] = {
	{ "state", "state", OUT_TEXT },
	{ "mode", "mode", OUT_TEXT },
	{ "profile", "profile", OUT_TEXT },
	{ "group", "group", OUT_TEXT },
	{ "also matches", "group_too", OUT_TEXT },
	{ "phase", "phase", OUT_TEXT },
	{ "why", "why", OUT_TEXT },
	{ "trouble", "trouble", OUT_TEXT },
	{ "hint", "hint", OUT_TEXT },
	{ "memory", "ram_b", OUT_BYTES },
	{ "guest RAM resident", "resident_b", OUT_BYTES },
	{ "guest RAM swapped", "swapped_b", OUT_BYTES },
	{ "hypervisor's own", "hypervisor_b", OUT_BYTES },
	{ "measured by", "resident_source", OUT_TEXT },
	{ "used by the guest", "used_b", OUT_BYTES },
	{ "free in the guest", "free_b", OUT_BYTES },
	{ "available in the guest", "available_b", OUT_BYTES },
	{ "page cache", "cache_b", OUT_BYTES },
	{ "age of statistics", "stats_age_us", OUT_TIME },
	{ "balloon", "balloon_b", OUT_BYTES },
	{ "stale", "stale_b", OUT_BYTES },
	{ "cold cache", "cold_b", OUT_BYTES },
	{ "expected of a squeeze", "expected_b", OUT_BYTES },
	{ "reserve", "reserve_b", OUT_BYTES },
	{ "shares", "shares", OUT_COUNT },
	{ "floor set", "floor_b", OUT_BYTES },
	{ "floor now", "floor_now_b", OUT_BYTES },
	{ "ceiling", "ceiling_b", OUT_BYTES },
	{ "settled at", "settled_b", OUT_BYTES },
	{ "calm", "calm", OUT_YES_NO },
	{ "busy", "busy", OUT_YES_NO },
	{ "balloon driver", "driver", OUT_TEXT },
	{ "takes memory back as", "relief", OUT_TEXT },
	{ "free page reporting", "reporting", OUT_TEXT },
	{ "obstacles", "obstacles", OUT_LIST },
	{ "squeezes", "squeezes", OUT_COUNT },
	{ "freed by squeezes", "yield_total_b", OUT_BYTES },
	{ "taken back within 60 s", "return_total_b", OUT_BYTES },
	{ "process", "pid", OUT_COUNT },
	{ "socket", "address", OUT_TEXT },
};

static const struct out_row offer_rows[] = {
	{ "stale, for free", "stale_b", OUT_BYTES },
	{ "cold cache", "cold_b", OUT_BYTES },
	{ "price of cold cache (1 to 15)", "cold_class", OUT_COUNT },
	{ "being freed", "coming_b", OUT_BYTES },
	{ "held for the host", "held_b", OUT_BYTES },
};

static const struct out_row squeeze_rows[] = {
	{ "ended by", "stop", OUT_TEXT },
	{ "largest balloon", "balloon_b", OUT_BYTES },
	{ "resident before", "resident_before_b", OUT_BYTES },
	{ "resident at the lowest", "resident_low_b", OUT_BYTES },
	{ "stale expected", "stale_b", OUT_BYTES },
	{ "cold cache expected", "cold_b", OUT_BYTES },
	{ "freed at once", "freed_0s_b", OUT_BYTES },
	{ "freed after 1 s", "freed_1s_b", OUT_BYTES },
	{ "freed after 10 s", "freed_10s_b", OUT_BYTES },
	{ "freed after 60 s", "freed_60s_b", OUT_BYTES },
};

/* Prints an object of @vm under its own title, where there is one. */
static void print_part(struct json_object *vm, const char *key, const char *title,
		       const struct out_row *rows, size_t n)
{
	struct json_object *part = out_object(vm, key);

	if (!part)
		return;
	(void)puts(title);
	out_rows(part, rows, n);
}

/* What was set at run time, each with its value as it is written. */
static void print_set(struct json_object *set)
{
	if (!set || json_object_object_length(set) == 0)
		return;
	(void)puts("set until the daemon ends");
	json_object_object_foreach(set, key, value)
	{
		(void)fputs("  ", stdout);
		out_text(stdout, key);
		(void)fputs("  ", stdout);
		out_text(stdout, value ? json_object_get_string(value) : "-");
		(void)putchar('\n');
	}
}

static void print_vm(struct json_object *vm)
{
	out_text(stdout, out_string(vm, "name"));
	(void)putchar('\n');
	out_rows(vm, vm_rows, ARRAY_SIZE(vm_rows));
	print_set(out_object(vm, "set"));
	print_part(vm, "offer", "offers to the host", offer_rows, ARRAY_SIZE(offer_rows));
	print_part(vm, "last_squeeze", "last squeeze", squeeze_rows, ARRAY_SIZE(squeeze_rows));
}

int cmd_vm(const struct cli *cli)
{
	struct json_object *vm;
	int code;

	code = cli_ask_vm(cli, "GET", cli->argument, "", NULL, &vm);
	if (code != EXIT_OK)
		return code;
	if (cli->json)
		code = cli_print_json(vm);
	else
		print_vm(vm);
	json_object_put(vm);
	return code;
}
