/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pagemap.c - which pages of a range of another process are present or swapped
 *
 * Layer: host.
 * In:    /proc/PID, as a directory fd, and addresses.
 * Out:   exact counts, in pieces of a bounded length.
 *
 * The interface is younger than the headers that this is built with, so it
 * stands here as include/uapi/linux/fs.h defines it.
 */
#include "host/pagemap.h"

#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

/* struct pm_scan_arg and struct page_region of linux/fs.h */
struct scan_arg {
	uint64_t size;
	uint64_t flags;
	uint64_t start, end;
	uint64_t walk_end; /* out: where the walk stopped */
	uint64_t vec, vec_len;
	uint64_t max_pages;
	uint64_t category_inverted;
	uint64_t category_mask;	      /* all of these, */
	uint64_t category_anyof_mask; /* and one of these */
	uint64_t return_mask;
};

struct scan_region {
	uint64_t start, end;
	uint64_t categories;
};

#define SCAN_IOCTL _IOWR('f', 16, struct scan_arg)
#define SCAN_PRESENT (UINT64_C(1) << 3)
#define SCAN_SWAPPED (UINT64_C(1) << 4)
#define SCAN_ZERO_PAGE (UINT64_C(1) << 5)

/* Ranges told by one call; memory of which every second page is there has 128 a MiB. */
#define REGIONS 256

int pagemap_open(int piddir)
{
	int fd = openat(piddir, "pagemap", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int pagemap_count(int fd, uint64_t start, uint64_t end, struct ram_bytes *sum)
{
	struct scan_region region[REGIONS];
	struct ram_bytes found = *sum;
	int i, n;

	while (start < end) {
		struct scan_arg arg = {
			.size = sizeof(arg),
			.start = start,
			.end = end,
			.vec = (uintptr_t)region,
			.vec_len = REGIONS,
			.category_inverted = SCAN_ZERO_PAGE,
			.category_mask = SCAN_ZERO_PAGE,
			.category_anyof_mask = SCAN_PRESENT | SCAN_SWAPPED,
			.return_mask = SCAN_PRESENT | SCAN_SWAPPED,
		};

		n = ioctl(fd, SCAN_IOCTL, &arg);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (arg.walk_end <= start)
			return -EIO;
		for (i = 0; i < n; i++) {
			uint64_t size_b = u64_sub_sat(region[i].end, region[i].start);

			if (region[i].categories & SCAN_PRESENT)
				found.present_b = u64_add_sat(found.present_b, size_b);
			else
				found.swapped_b = u64_add_sat(found.swapped_b, size_b);
		}
		start = arg.walk_end;
	}
	*sum = found;
	return 0;
}
