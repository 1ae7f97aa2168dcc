/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * override.h - settings that were set at run time, by the name of the VM
 *
 * Layer: daemon.
 * In:    changes that operators ask for.
 * Out:   what is set for a VM, until the daemon ends.
 *
 * Kept by name, so that a VM that is started again keeps them.
 */
#ifndef BALLONET_DAEMON_OVERRIDE_H
#define BALLONET_DAEMON_OVERRIDE_H

#include "api/owner.h"
#include "fleet/fleet.h"

#include "model/settings.h"

#include <stddef.h>
#include <stdint.h>

/* As many as a configuration may have VMs. */
#define OVERRIDES_MAX 8192

struct override {
	char name[VM_NAME_MAX];
	uint64_t mask; /* bit N: settings_table()[N] is set; never 0 */
	struct settings values;
};

/* Zeroed, it is empty. */
struct overrides {
	struct override *o;
	size_t n;
};

void overrides_fini(struct overrides *all);

/* What is set for @name, or NULL. */
const struct override *overrides_find(const struct overrides *all, const char *name);

/* What would be set for @name after @change. */
void overrides_try(const struct overrides *all, const char *name,
		   const struct control_change *change, struct override *ret);

/* Takes @o in the place of what was set for its name. 0, -ENOMEM, or -ENOSPC: there are too many.
 */
int overrides_put(struct overrides *all, const struct override *o);

#endif
