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

#include "daemon/configure.h"

/*
 * Runs until SIGTERM or SIGINT. 0 where all balloons are at 0 then, 1 where
 * some were left to the guardian, or -errno where it could not start or go on.
 */
int daemon_run(const struct daemon_options *o);

#endif
