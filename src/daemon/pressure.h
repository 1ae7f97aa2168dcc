/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pressure.h - hears at once when the host is under memory pressure
 *
 * Layer: daemon.
 * In:    the kernel's pressure triggers; those of a cgroup where that stands for the host.
 * Out:   the tick looks at all VMs now.
 */
#ifndef BALLONET_DAEMON_PRESSURE_H
#define BALLONET_DAEMON_PRESSURE_H

#include "daemon/tick.h"

#include "host/roots.h"

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

struct pressure {
	/* borrowed */
	sd_event *loop;
	const struct host_roots *roots;
	struct tick *tick;

	int fd; /* of the trigger; -EBADF: none */
	sd_event_source *source;
	uint64_t group_changes; /* of the cgroup that stands for the host, when triggers were set */
	bool group_troubled;	/* it was told that this cgroup is not there */
};

/* Sets the trigger. 0 also where this kernel has none, which is told; or -errno. */
int pressure_watch(struct pressure *p);

/* The cgroup that stands for the host may come and go: its trigger is set anew, and it is told. */
void pressure_follow(struct pressure *p);

void pressure_fini(struct pressure *p);

#endif
