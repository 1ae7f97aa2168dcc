/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * facts.h - the host's own part of a snapshot
 *
 * Layer: host.
 * In:    /proc/meminfo and /proc/pressure/memory, or the memory cgroup that stands for the host;
 *        the clock on the wall.
 * Out:   struct host_facts.
 *
 * Memory is read every time, pressure at most every HOST_PSI_US, because a
 * fast reader would starve the triggers on the same file.
 */
#ifndef BALLONET_HOST_FACTS_H
#define BALLONET_HOST_FACTS_H

#include "host/roots.h"
#include "model/snapshot.h"

#include <stdint.h>

/* How old pressure may be before it is read again; avg10 hardly moves within it. */
#define HOST_PSI_US UINT64_C(5000000)

/*
 * The file to read, and to put triggers on: *ret_dir and a path below it. It is
 * the host's own, or that of the cgroup that stands for it where that tells any.
 */
const char *host_pressure_path(const struct host_roots *roots, int *ret_dir);

/*
 * Brings @facts up to date; begin with a zeroed one and hand in the same again.
 * Written are total_b, available_b, psi_* and local_s; the rest is left alone.
 * A host without PSI has unknown pressure, which is no error, and so has local
 * time before 1970. 0, or -errno where meminfo cannot be read or parsed: then
 * total_b and available_b are unknown, unless a cgroup tells them.
 */
int host_facts_update(const struct host_roots *roots, uint64_t now_us, struct host_facts *facts);

#endif
