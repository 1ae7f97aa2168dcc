/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * headroom.c - "ballonet headroom": memory that could be freed, and how soon
 *
 * Layer: cli.
 * In:    /v1/headroom.
 * Out:   a line per figure.
 */
#include "base/num.h"
#include "cli/cli.h"
#include "cli/output.h"

static const struct out_row rows[] = {
	{ "within 1 s", "within_1s_b", OUT_BYTES },
	{ "within 10 s", "within_10s_b", OUT_BYTES },
	{ "within 60 s", "within_60s_b", OUT_BYTES },
	{ "offered by VMs", "offered_b", OUT_BYTES },
	{ "share counted on", "share_ppm", OUT_SHARE },
	{ "speed of a VM, per second", "rate_b", OUT_BYTES },
	{ "VMs squeezed at a time", "at_once", OUT_COUNT },
	{ "squeezes learned from", "squeezes", OUT_COUNT },
	{ "available now", "available_b", OUT_BYTES },
	{ "of that, reserved", "reserved_b", OUT_BYTES },
};

int cmd_headroom(const struct cli *cli)
{
	struct json_object *room;
	int code;

	code = cli_ask(cli, "GET", "/v1/headroom", NULL, &room);
	if (code != EXIT_OK)
		return code;
	if (cli->json)
		code = cli_print_json(room);
	else
		out_rows(room, rows, ARRAY_SIZE(rows));
	json_object_put(room);
	return code;
}
