/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qmp_cmd.c - the commands that QEMU is sent
 *
 * Layer: qmp.
 * In:    a command and its arguments.
 * Out:   its line of text; its name for messages.
 */
#include "qmp/qmp_cmd.h"

#include "base/num.h"

#include <errno.h>
#include <stdio.h>

#define PERIPHERAL "/machine/peripheral"
#define ANON "/machine/peripheral-anon"
#define INTERVAL "guest-stats-polling-interval"

/* detail: the folder of a qom-list, the property of a qom-get. */
static const struct {
	const char *name, *execute, *detail;
} rows[] = {
	[QMP_CAPABILITIES] = { "qmp_capabilities", "qmp_capabilities", NULL },
	[QMP_STATUS] = { "query-status", "query-status", NULL },
	[QMP_NAME] = { "query-name", "query-name", NULL },
	[QMP_CPUS] = { "query-cpus-fast", "query-cpus-fast", NULL },
	[QMP_UUID] = { "query-uuid", "query-uuid", NULL },
	[QMP_LIST] = { "qom-list " PERIPHERAL, "qom-list", PERIPHERAL },
	[QMP_LIST_ANON] = { "qom-list " ANON, "qom-list", ANON },
	[QMP_MEMORY] = { "query-memory-size-summary", "query-memory-size-summary", NULL },
	[QMP_ACTUAL] = { "query-balloon", "query-balloon", NULL },
	[QMP_REPORTING] = { "qom-get free-page-reporting", "qom-get", "free-page-reporting" },
	[QMP_GET_INTERVAL] = { "qom-get " INTERVAL, "qom-get", INTERVAL },
	[QMP_SET_INTERVAL] = { "qom-set " INTERVAL, "qom-set", NULL },
	[QMP_STATS] = { "qom-get guest-stats", "qom-get", "guest-stats" },
	[QMP_TARGET] = { "balloon", "balloon", NULL },
};
_Static_assert(ARRAY_SIZE(rows) == QMP_CMD_COUNT, "a row per command");

const char *qmp_cmd_name(enum qmp_cmd cmd)
{
	return rows[cmd].name;
}

const char *qmp_cmd_folder(enum qmp_cmd cmd)
{
	return rows[cmd].detail;
}

int qmp_cmd_add(struct buf *out, enum qmp_cmd cmd)
{
	if (!rows[cmd].detail)
		return buf_printf(out, "{\"execute\":\"%s\"}\n", rows[cmd].execute);
	return buf_printf(out, "{\"execute\":\"%s\",\"arguments\":{\"path\":\"%s\"}}\n",
			  rows[cmd].execute, rows[cmd].detail);
}

int qmp_cmd_add_get(struct buf *out, enum qmp_cmd cmd, const char *path)
{
	return buf_printf(out,
			  "{\"execute\":\"%s\",\"arguments\":{\"path\":%s,\"property\":\"%s\"}}\n",
			  rows[cmd].execute, path, rows[cmd].detail);
}

int qmp_cmd_add_interval(struct buf *out, const char *arguments)
{
	return buf_printf(out, "{\"execute\":\"qom-set\",\"arguments\":%s}\n", arguments);
}

int qmp_cmd_add_target(struct buf *out, uint64_t target_b)
{
	return buf_printf(out, "{\"execute\":\"balloon\",\"arguments\":{\"value\":%llu}}\n",
			  (unsigned long long)target_b);
}

int qmp_cmd_interval(const char *path, uint64_t interval_s, char *text, size_t size)
{
	int n = snprintf(text, size, "{\"path\":%s,\"property\":\"" INTERVAL "\",\"value\":%llu}",
			 path, (unsigned long long)interval_s);

	if (n >= 0 && (size_t)n < size)
		return 0;
	text[0] = '\0';
	return -EMSGSIZE;
}
