/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * footprint.h - host bytes that back a guest's RAM, from the best source there is
 *
 * Layer: host.
 * In:    the process of a VM, and how much memory its guest has.
 * Out:   bytes, and where they were counted.
 *
 * RAM is counted apart from what else its hypervisor has, where its mapping is
 * found (host/maps.h):
 * 1. FOOTPRINT_MEMFD: allocated blocks of the memory files that hold it. A stat
 *    for each (0.5 us). What of them is swapped cannot be told apart.
 * 2. FOOTPRINT_PAGEMAP: its own mapping, by PAGEMAP_SCAN (3 ms per GiB of 4 KiB
 *    pages, in turns of some ms).
 * 3. FOOTPRINT_MAPPING: its own mapping, by smaps (10 to 40 ms per GiB of the whole process).
 * Else it is the whole process that is counted:
 * 4. FOOTPRINT_CGROUP: usage of the memory cgroup that the VM has to itself,
 *    without the page cache of files. Two preads.
 * 5. FOOTPRINT_SMAPS: smaps_rollup, which walks all page tables.
 * 6. FOOTPRINT_RSS: the kernel's count of the same pages, some MiB off. Used where
 *    the walk would delay all other VMs.
 * 2, 3 and 5 are read again only when RSS has moved and enough time has passed:
 * FOOTPRINT_REST times their last duration, times the number of VMs that wait
 * for it. A caller may force it.
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
#define FOOTPRINT_REST 400

/* RSS that moved by less did not move: QEMU's own threads come and go. */
#define FOOTPRINT_MOVED_B (UINT64_C(1) << 20)

/* From this RSS on nobody reads smaps: 16 GiB of 4 KiB pages take 0.3 to 0.45 s, in the loop. */
#define FOOTPRINT_WALK_MAX_B (UINT64_C(16) << 30)

/* What the footprints of a host share; begin with a zeroed one. */
struct footprint_budget {
	uint64_t waiting; /* VMs that wait to have their page tables walked */
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

struct footprint_figures {
	enum footprint_source source; /* figures of two sources do not compare */
	struct fact backed_b;  /* resident and swapped; of the RAM, or of the whole process */
	struct fact swapped_b; /* of that, in the host's swap; unknown where not told apart */
	struct fact own_b;     /* what the hypervisor has besides, where the RAM is counted apart */
	struct fact charged_b; /* usage of the VM's own cgroup; unknown where it has none */
};

/*
 * Measures the RAM of @ram_b bytes (0: not known). Figures are as of @now_us,
 * or, where page tables are walked and without @force, as of an earlier time
 * that they say. 0; -EINPROGRESS: nothing was measured yet, see
 * footprint_next(); -ESRCH when the process is gone or another has its pid;
 * -EACCES, -EBADMSG or -errno where no source gave a figure. *ret is written
 * on success only.
 */
int footprint_read(struct footprint *fp, uint64_t ram_b, uint64_t now_us, bool force,
		   struct footprint_figures *ret);

/* When footprint_read() is to be called again to go on with a walk; UINT64_MAX: none is under way.
 */
uint64_t footprint_next(const struct footprint *fp);

#endif
