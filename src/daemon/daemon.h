/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * daemon.h - the running daemon: one loop, and what it serves
 *
 * Layer: daemon.
 * In:    options of the command line.
 * Out:   an exit status.
 *
 * It owns everything and lends it to the modules that work on it.
 */
#ifndef BALLONET_DAEMON_DAEMON_H
#define BALLONET_DAEMON_DAEMON_H

#include <stdbool.h>

struct daemon_options {
	const char *config_file; /* NULL: the default one, if it is there */
	const char *config_dir;	 /* NULL: the default one, if it is there */
	const char *control;	 /* NULL: as configured */
	bool dry_run;		 /* decide and say, but set no target */
};

#define DAEMON_CONFIG_FILE "/etc/ballonet/ballonet.yaml"
#define DAEMON_CONFIG_DIR "/etc/ballonet/ballonet.d"

struct config;

/*
 * Loads the configuration that the options name. What is wrong with it is
 * logged. 0 or -errno; *ret is for config_fini() then.
 */
int daemon_configure(const struct daemon_options *o, struct config *ret);

/*
 * Runs until SIGTERM or SIGINT. 0 where all balloons are at 0 then, 1 where
 * some were left to the guardian, or -errno where it could not start or go on.
 */
int daemon_run(const struct daemon_options *o);

#endif
