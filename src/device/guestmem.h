/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestmem.h - the memory of one guest, and the only way to reach it
 *
 * Layer: device.
 * In:    regions as the front end tells them, each with a file descriptor.
 * Out:   a pointer, a file offset or a page number for a guest address that was checked.
 *
 * Every address from a guest passes guestmem_range(), guestmem_user_range() or
 * guestmem_page(); there is no other way to a byte of its memory.
 *
 * Pages are numbered through all regions. Numbers of one region follow its file
 * and are aligned as the file is, so that a huge page is 512 aligned numbers;
 * regions are at least one number apart, so that no run crosses two of them.
 */
#ifndef BALLONET_DEVICE_GUESTMEM_H
#define BALLONET_DEVICE_GUESTMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUESTMEM_PAGE UINT64_C(4096) /* the unit of PFNs */
#define GUESTMEM_HUGE (UINT64_C(2) << 20)

/* Slots that are offered to the front end; QEMU has one per DIMM and a few for RAM. */
#define GUESTMEM_REGIONS_MAX 32

/* Page numbers are below this: 4 TiB of guest memory, 128 MiB of (untouched) page set. */
#define GUESTMEM_PAGES_MAX (UINT64_C(1) << 30)

struct guestmem_region {
	uint64_t gpa;	 /* where the guest sees it; whole pages, as all that follow */
	uint64_t size;	 /* bytes, > 0 */
	uint64_t user;	 /* where the front end sees it: the addresses of rings */
	uint64_t offset; /* in the file */
	int fd;		 /* < 0: private memory, mapped already (tests) */
	uint8_t *map;	 /* NULL while not mapped */
	uint64_t first;	 /* number of its first page */
	uint64_t unit;	 /* pages that can only be freed together: 1, or those of a huge page */
	bool must;	 /* unit is a must (hugetlb), else it is a preference */
	bool counted;	 /* the first region of its file: blocks are counted once */
};

struct guestmem {
	size_t n;
	struct guestmem_region region[GUESTMEM_REGIONS_MAX];
};

void guestmem_init(struct guestmem *gm);

/* Unmaps everything and closes the descriptors. */
void guestmem_fini(struct guestmem *gm);

/*
 * Adds a region (map, first, unit, must and counted are worked out here) and
 * takes over @want->fd on success. @huge: ordinary shared memory on this host is
 * backed by huge pages. 0, -EINVAL (sizes, alignment, overlap, not a file that
 * can be mapped), -ERANGE (larger than the file, or than can be numbered),
 * -ENOSPC, or -errno.
 */
int guestmem_add(struct guestmem *gm, const struct guestmem_region *want, bool huge);

/* Forgets the region that is exactly that, *ret is its page numbers. 0 or -ENOENT. */
int guestmem_remove(struct guestmem *gm, const struct guestmem_region *want, uint64_t *ret_first,
		    uint64_t *ret_pages);

/* Is region @i that one, of the same file? */
bool guestmem_is(const struct guestmem *gm, size_t i, const struct guestmem_region *want);

/* Maps all regions. 0 or -errno. */
int guestmem_map(struct guestmem *gm);

/* @len bytes at guest address @gpa, all within one mapped region, or NULL. */
void *guestmem_range(const struct guestmem *gm, uint64_t gpa, uint64_t len);

/* The same by the front end's address. */
void *guestmem_user_range(const struct guestmem *gm, uint64_t user, uint64_t len);

/* Where @len bytes at the front end's address lie in a file. 0 or -EFAULT. */
int guestmem_user_offset(const struct guestmem *gm, uint64_t user, uint64_t len, int *ret_fd,
			 uint64_t *ret_offset);

/*
 * Page numbers from guest address @gpa on, as far as one region reaches: at
 * most @pages, at least one. 0 where no region has that whole page.
 */
uint64_t guestmem_pages(const struct guestmem *gm, uint64_t gpa, uint64_t pages,
			uint64_t *ret_first);

/* The region of a page number, or NULL. */
const struct guestmem_region *guestmem_of_page(const struct guestmem *gm, uint64_t page);

/* Bytes of all regions. */
uint64_t guestmem_size_b(const struct guestmem *gm);

/* Host bytes that back all regions' files now (st_blocks); 0 where there is no file. */
uint64_t guestmem_resident_b(const struct guestmem *gm);

#endif
