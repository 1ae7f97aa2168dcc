/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * footprint.h - host bytes that back a VM, from the best source there is
 *
 * Layer: host.
 * In:    the process of a VM.
 * Out:   one fact in bytes, and where it was measured.
 *
 * The sources, best first:
 * 1. FOOTPRINT_CGROUP: usage of the memory cgroup that the VM has to itself,
 *    without the page cache of files. Two preads.
 * 2. FOOTPRINT_MEMFD: allocated blocks of the memory files that hold the
 *    guest's RAM. A stat for each.
 * 3. FOOTPRINT_SMAPS: smaps_rollup, which walks page tables (70-105 ms for
 *    4 GiB). It is read again only when RSS has moved and enough time has passed:
 *    FOOTPRINT_SMAPS_REST times its last duration, times the number of VMs that
 *    wait for it. A caller may force it.
 * 4. FOOTPRINT_RSS: the kernel's count of the same pages, some MiB off. Used where
 *    the walk would delay all other VMs.
 * hugetlb is charged to no memory cgroup: for such a VM 2 comes before 1.
 */
#ifndef BALLONET_HOST_FOOTPRINT_H
#define BALLONET_HOST_FOOTPRINT_H

#include "host/process.h"
#include "host/roots.h"
#include "model/snapshot.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Durations of rest for one of work: all VMs together take at most 1/4 % of a core. */
#define FOOTPRINT_SMAPS_REST 400

/* RSS that moved by less did not move: QEMU's own threads come and go. */
#define FOOTPRINT_MOVED_B (UINT64_C(1) << 20)

/* From this RSS on nobody walks: 16 GiB of 4 KiB pages take 0.3 to 0.45 s, in the loop. */
#define FOOTPRINT_WALK_MAX_B (UINT64_C(16) << 30)

/* What the footprints of a host share; begin with a zeroed one. */
struct footprint_budget {
	uint64_t waiting; /* VMs that wait to be measured by smaps */
};

/*
 * How often the source is chosen again: somebody may have joined the cgroup,
 * or memory may have been plugged in. Seldom, for it looks at every open file.
 */
#define FOOTPRINT_CHOOSE_US UINT64_C(600000000)

/* Smaller memory files are not the RAM of a guest but sound buffers, logs and the like. */
#define FOOTPRINT_MEMFD_MIN_B (UINT64_C(32) << 20)

struct footprint;

/* @roots and @budget are used for as long as the footprint lives. 0, -ESRCH, -ENOMEM or -errno. */
int footprint_new(const struct host_roots *roots, struct footprint_budget *budget, pid_t pid,
		  struct footprint **ret);

/* Takes NULL. */
void footprint_free(struct footprint *fp);

/* The process it measures, for process_obstacles(). */
const struct process *footprint_process(const struct footprint *fp);

/* Processor time that the process had used at the last footprint_read(); unknown before one. */
struct fact footprint_cpu(const struct footprint *fp);

/*
 * Measures. *ret_b is as of @now_us, or, from FOOTPRINT_SMAPS and without
 * @force, as of an earlier time that it says. *ret_source may change from one
 * call to the next; figures of two sources do not compare. 0; -ESRCH when the
 * process is gone or another has its pid; -EACCES, -EBADMSG or -errno where no
 * source gave a figure: both outputs are left alone then.
 */
int footprint_read(struct footprint *fp, uint64_t now_us, bool force, struct fact *ret_b,
		   enum footprint_source *ret_source);

#endif
