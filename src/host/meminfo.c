/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * meminfo.c - the host's memory, from /proc/meminfo
 *
 * Layer: host.
 * In:    /proc, as a directory fd, or its text.
 * Out:   facts in bytes.
 *
 * "kB" in that file means KiB.
 */
#include "host/meminfo.h"

#include "base/file.h"
#include "base/num.h"
#include "host/text.h"

#define MEMINFO_MAX (16 * KIB) /* about 1.6 KiB today; room for ten times as many lines */

int meminfo_parse(const char *text, uint64_t now_us, struct meminfo *ret)
{
	struct meminfo m = { 0 };
	const struct text_field field[] = {
		{ "MemTotal:", KIB, &m.total_b },     { "MemAvailable:", KIB, &m.available_b },
		{ "MemFree:", KIB, &m.free_b },	      { "SwapTotal:", KIB, &m.swap_total_b },
		{ "SwapFree:", KIB, &m.swap_free_b },
	};
	int r;

	r = text_fields(text, now_us, field, ARRAY_SIZE(field));
	if (r < 0)
		return r;
	*ret = m;
	return 0;
}

int meminfo_read(int proc, uint64_t now_us, struct meminfo *ret)
{
	char text[MEMINFO_MAX];
	int r;

	r = file_read_at(proc, "meminfo", text, sizeof(text), NULL);
	if (r < 0)
		return r;
	return meminfo_parse(text, now_us, ret);
}
