/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host.c - "ballonet host": the host and the daemon
 *
 * Layer: cli.
 * In:    /v1/host.
 * Out:   a line per figure; an unknown figure has no line.
 */
#include "base/num.h"
#include "cli/cli.h"
#include "cli/output.h"

static const struct out_row host_rows[] = {
	{ "state", "reason", OUT_TEXT },
	{ "why", "why", OUT_TEXT },
	{ "memory", "total_b", OUT_BYTES },
	{ "available", "available_b", OUT_BYTES },
	{ "memory figures of the", "memory_source", OUT_TEXT },
	{ "memory cgroup", "host_cgroup", OUT_TEXT },
	{ "cgroup trouble", "host_cgroup_trouble", OUT_TEXT },
	{ "reservations", "reservations", OUT_COUNT },
	{ "held for them", "reserved_b", OUT_BYTES },
	{ "pressure figures of the", "pressure_source", OUT_TEXT },
	{ "some tasks wait for memory", "psi_some_avg10_ppm", OUT_SHARE },
	{ "all tasks wait for memory", "psi_full_avg10_ppm", OUT_SHARE },
	{ "VMs", "vms", OUT_COUNT },
	{ "resident in VMs", "resident_total_b", OUT_BYTES },
	{ "in balloons now", "balloon_total_b", OUT_BYTES },
	{ "freed by squeezes", "yield_total_b", OUT_BYTES },
	{ "taken back within 60 s", "return_total_b", OUT_BYTES },
	{ "guardian running", "guardian", OUT_YES_NO },
	{ "lost journal records", "journal_lost", OUT_COUNT },
	{ "dry run", "dry_run", OUT_YES_NO },
	{ "ballonetd", "version", OUT_TEXT },
};

int cmd_host(const struct cli *cli)
{
	struct json_object *host;
	int code;

	code = cli_ask(cli, "GET", "/v1/host", NULL, &host);
	if (code != EXIT_OK)
		return code;
	if (cli->json)
		code = cli_print_json(host);
	else
		out_rows(host, host_rows, ARRAY_SIZE(host_rows));
	json_object_put(host);
	return code;
}
