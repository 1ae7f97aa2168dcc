/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pagemap.h - which pages of a range of another process are present or swapped
 *
 * Layer: host.
 * In:    /proc/PID, as a directory fd, and addresses.
 * Out:   exact counts, in pieces of a bounded length.
 *
 * By PAGEMAP_SCAN (Linux 6.7; Documentation/admin-guide/mm/pagemap.rst), which
 * walks page tables and tells ranges: 3 ms per GiB of 4 KiB pages where smaps
 * takes 28, 0.05 ms of huge pages (Linux 6.18, AMD EPYC). It hands out no frame
 * numbers and so needs no privilege but that of reading the process. The zero
 * page, which a read of untouched memory maps, is nobody's memory and not counted.
 */
#ifndef BALLONET_HOST_PAGEMAP_H
#define BALLONET_HOST_PAGEMAP_H

#include "host/maps.h"

#include <stdint.h>

/*
 * Opens "pagemap" below @piddir for pagemap_count(). An fd, which ends with the
 * process's memory; -ESRCH, -EACCES, or -errno.
 */
int pagemap_open(int piddir);

/*
 * Adds what is present and swapped in [@start, @end) to *sum. 0; -ENOTTY: this
 * kernel has no PAGEMAP_SCAN; -ESRCH: the process is gone; or -errno.
 */
int pagemap_count(int fd, uint64_t start, uint64_t end, struct ram_bytes *sum);

#endif
