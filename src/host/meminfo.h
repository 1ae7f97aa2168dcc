/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * meminfo.h - the host's memory, from /proc/meminfo
 *
 * Layer: host.
 * In:    /proc, as a directory fd, or its text.
 * Out:   facts in bytes.
 *
 * A missing line is an unknown fact: old kernels and some sandboxes have no
 * MemAvailable, for example.
 */
#ifndef BALLONET_HOST_MEMINFO_H
#define BALLONET_HOST_MEMINFO_H

#include "model/snapshot.h"

#include <stdint.h>

/* All in bytes. */
struct meminfo {
	struct fact total_b;
	struct fact available_b;
	struct fact free_b;
	struct fact swap_total_b;
	struct fact swap_free_b;
};

/*
 * Pure. 0, or -EBADMSG where a wanted line is malformed (no number, a sign, a
 * missing kB, over 2^64-1 bytes, given twice); *ret is written on success only.
 */
int meminfo_parse(const char *text, uint64_t now_us, struct meminfo *ret);

/* Reads "meminfo" below @proc. 0, -EBADMSG as above, -EMSGSIZE (absurdly long) or -errno. */
int meminfo_read(int proc, uint64_t now_us, struct meminfo *ret);

#endif
