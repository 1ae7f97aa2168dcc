/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hostgroup.h - a memory cgroup that stands for the whole host
 *
 * Layer: host.
 * In:    the root of the cgroup file systems (v1, v2, both), and a path below it.
 * Out:   its memory, and where its pressure is told.
 *
 * A host may limit its VMs to a part of its memory (machine.slice). While that
 * cgroup does not exist, for example until the first VM starts, the host's own
 * figures are used.
 */
#ifndef BALLONET_HOST_HOSTGROUP_H
#define BALLONET_HOST_HOSTGROUP_H

#include "host/meminfo.h"

#include <stdbool.h>
#include <stdint.h>

struct hostgroup;

/* How often one that is not there is looked for. */
#define HOSTGROUP_AGAIN_US UINT64_C(5000000)

/* Longest sentence on what is wrong. */
#define HOSTGROUP_TROUBLE_MAX 256

/*
 * What is wrong with @path as one below the root of cgroups ("machine.slice",
 * "/lab/host"), or NULL: it must not be the root, nor lead out of it.
 */
const char *hostgroup_fault(const char *path);

/* @root is borrowed; @path as above. Nothing is opened yet. 0 or -ENOMEM. */
int hostgroup_new(int root, const char *path, struct hostgroup **ret);

/* Takes NULL. */
void hostgroup_free(struct hostgroup *g);

/*
 * Puts what the cgroup has in the place of what the host has: total_b is its
 * limit, available_b what is left of that and the page cache of files in it;
 * neither is more than @m said before. True where it did; else @m is as it was,
 * and hostgroup_trouble() says why.
 */
bool hostgroup_apply(struct hostgroup *g, uint64_t now_us, struct meminfo *m);

/* The directory whose memory.pressure is its own; -EBADF: there is none. */
int hostgroup_pressure_dir(const struct hostgroup *g);

/* Counts up whenever it was found or lost, so that triggers can be set anew. */
uint64_t hostgroup_changes(const struct hostgroup *g);

/* Its path as it was given; and what is wrong with it, "" where nothing is. */
const char *hostgroup_path(const struct hostgroup *g);
const char *hostgroup_trouble(const struct hostgroup *g);

#endif
