/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_device_control.c - lines from both ends of the control socket
 *
 * In:    a line.
 * Out:   a crash, or nothing.
 */
#include "device/control.h"
#include "vmm/device.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_command cmd;
	struct device_state state;
	struct guest_stats stats;
	const char *why = NULL;
	char *line = malloc(size + 1);

	if (!line)
		return 0;
	if (size)
		memcpy(line, data, size);
	line[size] = '\0';
	if (control_parse(line, &cmd, &why) == 0) {
		if (cmd.lease_s > CONTROL_LEASE_MAX_S)
			abort();
		if (cmd.verb == CONTROL_BALLOON && cmd.bytes && !cmd.lease_s)
			abort();
	} else if (!why) {
		abort();
	}
	if (device_parse_state(line, &state) == 0 && state.pid < 0)
		abort();
	if (device_parse_stats(line, &stats) == 0 && stats.known >> BALLOON_STAT_COUNT)
		abort();
	free(line);
	return 0;
}
