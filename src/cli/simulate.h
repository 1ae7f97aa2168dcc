/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * simulate.h - "ballonet simulate": a world of model VMs under the real policy, and under others
 *
 * Layer: cli (may include sim, model, base).
 * In:    the command's own options.
 * Out:   a line for each controller, or JSON.
 *
 * It needs no daemon and touches no machine.
 */
#ifndef BALLONET_CLI_SIMULATE_H
#define BALLONET_CLI_SIMULATE_H

#include "cli/cli.h"

/* Returns an exit code. */
int cmd_simulate(const struct simulate *ask, bool json);

#endif
