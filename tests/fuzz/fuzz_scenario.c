/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_scenario.c - scenario_read() on any text, and a minute of the world it tells of
 *
 * In:    bytes in place of a scenario file.
 * Out:   a crash where the parser lets a value through that no world can be made of.
 */
#include "base/cleanup.h"
#include "base/num.h"
#include "sim/run.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = strndup((const char *)data, size);
	char trouble[SCENARIO_TROUBLE_MAX] = "";
	struct scenario sc;
	struct run run;

	scenario_init(&sc);
	if (!text)
		return 0;
	if (scenario_read(&sc, text, trouble) < 0) {
		if (!*trouble)
			abort(); /* it always says why */
		return 0;
	}
	sc.vms = u64_min(sc.vms, 3);
	sc.vms_per_host = u64_min(sc.vms_per_host, 3);
	sc.length_us = u64_min(sc.length_us, 60 * USEC_PER_SEC);
	(void)run_scenario(&sc, &controller_ballonet, &run);
	return 0;
}
