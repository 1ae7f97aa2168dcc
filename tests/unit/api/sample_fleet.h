/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sample_fleet.h - a fleet made by hand, for what shows fleets
 *
 * In:    nothing; no VM and no hypervisor is needed.
 * Out:   a control_view over three VMs: one rests and all of it is known, one
 *        is down and nothing of it is known, one is being squeezed.
 */
#ifndef BALLONET_TESTS_SAMPLE_FLEET_H
#define BALLONET_TESTS_SAMPLE_FLEET_H

#include "api/owner.h"
#include "fleet/reserve.h"

/* The name of the VM that is down: quotes, a newline, an escape sequence, no UTF-8. */
#define SAMPLE_WEIRD "we\"ir\\d\n\x1b[31m\xff"
#define SAMPLE_WEIRD_CLEAN "we\"ir\\d\n\x1b[31m?"

/* What the daemon's clock says, microseconds. */
#define SAMPLE_NOW_US UINT64_C(1000000000)

struct sample {
	struct fleet fleet;
	struct host_facts host;
	struct host_history history;
	struct host_decision decision;
	struct settings defaults;
	struct reserve reserve;
	struct daemon_figures figures;
	struct control_view view;
	struct vm *known, *down, *busy;
};

void sample_init(struct sample *s);
void sample_fini(struct sample *s);

#endif
