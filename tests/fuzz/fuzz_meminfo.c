/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_meminfo.c - meminfo_parse() on any text
 *
 * In:    bytes in place of /proc/meminfo.
 * Out:   a crash where the parser breaks its word.
 */
#include "base/cleanup.h"
#include "base/num.h"
#include "host/meminfo.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = strndup((const char *)data, size);
	struct meminfo m;

	if (!text || meminfo_parse(text, 7, &m) < 0)
		return 0;
	if (m.total_b.known && (m.total_b.value % KIB || m.total_b.taken_us != 7))
		abort(); /* whole KiB, and the time that was given */
	return 0;
}
