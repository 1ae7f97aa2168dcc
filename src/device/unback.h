/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unback.h - gives host memory back, in the largest possible pieces
 *
 * Layer: device.
 * In:    a batch of pages that the guest gave away; which of them it took back.
 * Out:   holes in the memory's files, and how much the host got for them.
 *
 * Where huge pages back the memory, half of one frees nothing and makes the
 * rest slow. So a huge page is unbacked when all of it is in the balloon, as
 * long as the guest has promised to ask before it takes a page back
 * (MUST_TELL_HOST). Which pages are inside is a set that outlives its process.
 */
#ifndef BALLONET_DEVICE_UNBACK_H
#define BALLONET_DEVICE_UNBACK_H

#include "device/guestmem.h"
#include "device/pageset.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Bytes punched by one system call at most. Neither kill nor stop gets through
 * to a process in one, and 64 MiB of 4 KiB pages take 6 to 20 ms.
 */
#define UNBACK_PIECE (UINT64_C(64) << 20)

struct unback_counts {
	uint64_t given_b;   /* given away by the guest and handed to unback */
	uint64_t punched_b; /* punched out */
	uint64_t punches;   /* system calls that did it */
	uint64_t freed_b;   /* what the file's blocks fell by meanwhile */
	uint64_t splits;    /* huge pages that had to be punched in part */
	uint64_t kept_b;    /* given, and not punched because that would free nothing */
	uint64_t errors;    /* system calls that failed */
};

/*
 * Unbacks all of @batch, and empties it; a run leaves the batch when it has been
 * unbacked, so that a process that is killed forgets none. @inside has the pages of the balloon
 * that are of huge pages, or NULL where none may wait for the others. Adds to
 * @counts.
 */
void unback_batch(const struct guestmem *gm, struct pageset *batch, struct pageset *inside,
		  struct unback_counts *counts);

#endif
