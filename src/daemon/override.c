/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * override.c - settings that were set at run time, by the name of the VM
 *
 * Layer: daemon.
 * In:    changes that operators ask for.
 * Out:   what is set for a VM, until the daemon ends.
 *
 * A plain list: people change settings by hand, and it is searched only when a
 * VM's settings are computed.
 */
#include "daemon/override.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void overrides_fini(struct overrides *all)
{
	free(all->o);
	*all = (struct overrides){ 0 };
}

static struct override *find(const struct overrides *all, const char *name)
{
	size_t i;

	for (i = 0; i < all->n; i++)
		if (strcmp(all->o[i].name, name) == 0)
			return &all->o[i];
	return NULL;
}

const struct override *overrides_find(const struct overrides *all, const char *name)
{
	return find(all, name);
}

void overrides_try(const struct overrides *all, const char *name,
		   const struct control_change *change, struct override *ret)
{
	const struct override *old = find(all, name);
	const struct setting *table;
	size_t n, i;

	*ret = old && !change->reset ? *old : (struct override){ 0 };
	(void)snprintf(ret->name, sizeof(ret->name), "%s", name);
	ret->mask = (ret->mask & ~change->clear) | change->mask;
	table = settings_table(&n);
	for (i = 0; i < n; i++)
		if (change->mask & UINT64_C(1) << i)
			setting_put(&ret->values, &table[i],
				    setting_get(&change->values, &table[i]));
}

int overrides_put(struct overrides *all, const struct override *o)
{
	struct override *old = find(all, o->name), *grown;

	if (old && o->mask) {
		*old = *o;
	} else if (old) {
		*old = all->o[--all->n];
	} else if (o->mask) {
		if (all->n == OVERRIDES_MAX)
			return -ENOSPC;
		grown = reallocarray(all->o, all->n + 1, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		all->o = grown;
		all->o[all->n++] = *o;
	}
	return 0;
}
