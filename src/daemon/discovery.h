/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * discovery.h - which VMs there are: configured, globbed, discovered
 *
 * Layer: daemon.
 * In:    the configuration, the file system, the processes of this host.
 * Out:   VMs added to and removed from the fleet, with their connections.
 *
 * A VM is identified by the path of its socket, however it was found.
 */
#ifndef BALLONET_DAEMON_DISCOVERY_H
#define BALLONET_DAEMON_DISCOVERY_H

#include "config/config.h"
#include "fleet/fleet.h"
#include "daemon/override.h"

#include "host/discover.h"
#include "host/roots.h"

#include <stdbool.h>
#include <stdint.h>

struct vmm;

struct discovery {
	/* borrowed */
	struct fleet *fleet;
	struct vmm *vmm;
	const struct config *config;
	const struct host_roots *roots;
	bool dry_run;
	/* may a VM that is down and that nobody names be forgotten? */
	bool (*is_free)(void *userdata, struct vm *vm);
	/* called before a VM is taken from the fleet */
	void (*gone)(void *userdata, struct vm *vm);
	void *userdata;

	struct overrides overrides; /* what was set at run time */
	uint64_t round;
	struct discover_walk walk; /* through the processes of the host, where one is under way */
	bool warned;		   /* VMs without a socket for us were told of in the last round */
};

/*
 * Goes on with a look around, which adds who is new and removes who is gone. True: it is over.
 * False: it is to be called again soon, when others had their turn.
 */
bool discovery_update(struct discovery *r, uint64_t now_us);

/* The group and the settings of @vm by its name, as they apply now. */
void discovery_settings(const struct discovery *r, struct vm *vm);

/*
 * Changes what is set for @vm at run time. NULL, or a sentence on why that
 * cannot be; then everything is as it was.
 */
const char *discovery_set(struct discovery *r, struct vm *vm, const struct control_change *change);

/* Closes all connections and footprints, and forgets what was set; the fleet is its owner's. */
void discovery_close(struct discovery *r);

#endif
