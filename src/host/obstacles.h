/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * obstacles.h - what keeps a VM's host pages from being freed
 *
 * Layer: host.
 * In:    the process of a VM.
 * Out:   a set of enum obstacle.
 *
 * A balloon in such a VM inflates as usual and frees nothing, so this is checked
 * before a squeeze.
 */
#ifndef BALLONET_HOST_OBSTACLES_H
#define BALLONET_HOST_OBSTACLES_H

#include "host/process.h"

#include <stdint.h>

/*
 * Bits of enum obstacle, in *ret: VFIO (or vDPA, which pins just the same) by
 * open files, hugetlb by memory files or mappings, mlock where at least half
 * of what is resident is locked. Looks at every open file: for once in a
 * while. 0; -ESRCH, -EACCES, -EBADMSG or -errno: *ret is left alone.
 */
int process_obstacles(const struct process *p, uint64_t now_us, uint32_t *ret);

#endif
