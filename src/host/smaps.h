/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * smaps.h - what a process has mapped and resident, from smaps_rollup
 *
 * Layer: host.
 * In:    /proc/PID, as a directory fd, or the text.
 * Out:   resident bytes.
 *
 * Rss, not Pss: Pss changes when another process maps or unmaps the same pages,
 * and that must not be counted as memory freed here.
 */
#ifndef BALLONET_HOST_SMAPS_H
#define BALLONET_HOST_SMAPS_H

#include "model/snapshot.h"

#include <stdint.h>

/*
 * Pure. Rss plus the hugetlb pages, which the kernel leaves out of Rss. 0, or
 * -EBADMSG without a sound Rss line; *ret is written on success only.
 */
int smaps_parse(const char *text, uint64_t now_us, struct fact *ret_resident_b);

/*
 * Reads "smaps_rollup" below @piddir. Dear: it walks the page tables (3.5-6.7
 * ms per 512 MiB). 0, -ESRCH (no such process any more), -EBADMSG or -errno.
 */
int smaps_read(int piddir, uint64_t now_us, struct fact *ret_resident_b);

#endif
