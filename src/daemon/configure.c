/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * configure.c - which configuration the daemon reads
 *
 * Layer: daemon.
 * In:    options of the command line.
 * Out:   a configuration.
 */
#include "daemon/configure.h"

#include "config/config.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct config_source configure_source(const struct daemon_options *o)
{
	struct config_source from = { o->config_file, o->config_dir };

	/* what was asked for must be there; the defaults need not */
	if (!from.file && access(DAEMON_CONFIG_FILE, F_OK) == 0)
		from.file = DAEMON_CONFIG_FILE;
	/* whoever names a file means that file, and no others behind their back */
	if (!from.dir && !o->config_file && access(DAEMON_CONFIG_DIR, F_OK) == 0)
		from.dir = DAEMON_CONFIG_DIR;
	return from;
}

int configure(const struct daemon_options *o, struct config *ret)
{
	struct config_source from = configure_source(o);
	char error[512];
	int r;

	if (from.dir && access(from.dir, F_OK) != 0) {
		r = -errno;
		(void)snprintf(error, sizeof(error), "%s: %s", from.dir, strerror(errno));
	} else {
		r = config_load(from.file, from.dir, ret, error, sizeof(error));
	}
	if (r < 0)
		log_error("configuration error=\"%s\"", error);
	return r;
}
