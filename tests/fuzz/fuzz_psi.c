/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_psi.c - psi_parse() on any text
 *
 * In:    bytes in place of a PSI file.
 * Out:   a crash where the parser breaks its word.
 */
#include "base/cleanup.h"
#include "host/psi.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = strndup((const char *)data, size);
	struct psi psi;

	if (!text || psi_parse(text, &psi) < 0)
		return 0;
	if (!psi.has_some && !psi.has_full)
		abort();
	if (psi.some.avg10_ppm > PPM || psi.full.avg300_ppm > PPM)
		abort(); /* a share is never more than the whole */
	return 0;
}
