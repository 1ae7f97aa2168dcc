/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_cmdline.c - discover_parse_cmdline() on any bytes
 *
 * In:    bytes in place of /proc/PID/cmdline.
 * Out:   a crash where the parser breaks its word.
 */
#include "host/discover.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Are there control characters, which a terminal would obey? */
static bool has_controls(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct discover_vm vm;
	size_t i;

	if (discover_parse_cmdline((const char *)data, size, &vm) < 0)
		return 0;
	if (vm.nsocket > DISCOVER_SOCKETS_MAX || has_controls(vm.name) || has_controls(vm.uuid))
		abort();
	for (i = 0; i < vm.nsocket; i++) {
		if (!vm.socket[i].path[0] || has_controls(vm.socket[i].path))
			abort();
		if (i && vm.socket[i - 1].rank > vm.socket[i].rank)
			abort(); /* best first */
		if (vm.socket[i].taken_by_libvirt != (vm.socket[i].rank == DISCOVER_LIBVIRT))
			abort();
	}
	return 0;
}
