/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * configure.h - which configuration the daemon reads
 *
 * Layer: daemon.
 * In:    options of the command line.
 * Out:   a configuration.
 */
#ifndef BALLONET_DAEMON_CONFIGURE_H
#define BALLONET_DAEMON_CONFIGURE_H

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

/* The files that count; NULL: none. */
struct config_source {
	const char *file, *dir;
};

struct config_source configure_source(const struct daemon_options *o);

/*
 * Loads the configuration that the options name. What is wrong with it is
 * logged. 0 or -errno; *ret is for config_fini() then.
 */
int configure(const struct daemon_options *o, struct config *ret);

#endif
