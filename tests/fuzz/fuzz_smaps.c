/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_smaps.c - smaps_parse() on any text
 *
 * In:    bytes in place of /proc/PID/smaps_rollup.
 * Out:   a crash where the parser breaks its word.
 */
#include "base/cleanup.h"
#include "base/num.h"
#include "host/smaps.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = strndup((const char *)data, size);
	struct fact f;

	if (!text || smaps_parse(text, 7, &f) < 0)
		return 0;
	if (!f.known || f.value % KIB || f.taken_us != 7)
		abort();
	return 0;
}
