/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_config.c - any bytes are a configuration, or one line that says why not
 *
 * In:    the bytes of a configuration file.
 * Out:   a trap where an error is no line, or a configuration is not sound.
 */
#include "config/config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct config *c)
{
	struct settings s;
	size_t i;

	if (c->control[0] != '/' || c->journal_files < 1 || settings_conflict(&c->defaults))
		__builtin_trap();
	for (i = 0; i < c->nvms; i++) {
		(void)config_settings(c, c->vms[i].name, &s);
		if (settings_conflict(&s) || c->vms[i].path[0] != '/')
			__builtin_trap();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[64], error[256] = "";
	struct config c;
	int fd, r;

	fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		__builtin_trap();
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = config_load(path, NULL, &c, error, sizeof(error));
	if (r == 0) {
		check(&c);
		config_fini(&c);
	} else if (error[0] == '\0' || strchr(error, '\n')) {
		__builtin_trap();
	}
	(void)close(fd);
	return 0;
}
