/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guestmem.c - the memory of one guest, and the only way to reach it
 *
 * Layer: device.
 * In:    regions from the front end; addresses from the guest.
 * Out:   pointers and page numbers that lie within.
 *
 * A region longer than its file is refused: touching memory behind the end of
 * the file would kill the process.
 */
#include "device/guestmem.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define BLOCK_B 512 /* the unit of st_blocks, whatever the file system */
#define HUGE_PAGES (GUESTMEM_HUGE / GUESTMEM_PAGE)

void guestmem_init(struct guestmem *gm)
{
	gm->n = 0;
}

static void region_fini(struct guestmem_region *r)
{
	if (r->fd < 0)
		return; /* it was the caller's */
	if (r->map)
		(void)munmap(r->map, r->size);
	(void)close(r->fd);
}

void guestmem_fini(struct guestmem *gm)
{
	while (gm->n)
		region_fini(&gm->region[--gm->n]);
}

static bool overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

static bool fits(uint64_t start, uint64_t size)
{
	return start % GUESTMEM_PAGE == 0 && start + size > start;
}

static int check_shape(const struct guestmem *gm, const struct guestmem_region *want)
{
	size_t i;

	if (want->size % GUESTMEM_PAGE || !fits(want->gpa, want->size) ||
	    !fits(want->user, want->size) || !fits(want->offset, want->size))
		return -EINVAL;
	for (i = 0; i < gm->n; i++) {
		const struct guestmem_region *r = &gm->region[i];

		if (overlap(r->gpa, r->size, want->gpa, want->size) ||
		    overlap(r->user, r->size, want->user, want->size))
			return -EINVAL;
	}
	return 0;
}

static bool same_file(int a, int b)
{
	struct stat sa, sb;

	return a >= 0 && b >= 0 && fstat(a, &sa) == 0 && fstat(b, &sb) == 0 &&
	       sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

static int look_at_file(struct guestmem_region *r, bool huge)
{
	struct statfs fs;
	struct stat st;

	if (fstat(r->fd, &st) < 0 || fstatfs(r->fd, &fs) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size < 0 || (uint64_t)st.st_size < r->offset + r->size)
		return -ERANGE;
	r->must = fs.f_type == HUGETLBFS_MAGIC;
	if (r->must)
		r->unit = (uint64_t)fs.f_bsize / GUESTMEM_PAGE;
	else if (huge && fs.f_type == TMPFS_MAGIC)
		r->unit = HUGE_PAGES;
	/* mmap() takes hugetlb in whole pages only */
	if (r->must && (r->unit == 0 || (r->size | r->offset) % (uint64_t)fs.f_bsize))
		return -EINVAL;
	return 0;
}

/* A number for the first page: behind all others, and as aligned as the file is. */
static int give_number(const struct guestmem *gm, struct guestmem_region *r)
{
	uint64_t align = r->unit > HUGE_PAGES ? r->unit : HUGE_PAGES, next = 0;
	size_t i;

	for (i = 0; i < gm->n; i++) {
		const struct guestmem_region *o = &gm->region[i];

		if (o->first + o->size / GUESTMEM_PAGE >= next)
			next = o->first + o->size / GUESTMEM_PAGE + 1;
	}
	next = (next + align - 1) / align * align + r->offset / GUESTMEM_PAGE % align;
	if (next >= GUESTMEM_PAGES_MAX || r->size / GUESTMEM_PAGE > GUESTMEM_PAGES_MAX - next)
		return -ERANGE;
	r->first = next;
	return 0;
}

int guestmem_add(struct guestmem *gm, const struct guestmem_region *want, bool huge)
{
	struct guestmem_region r = *want;
	size_t i;
	int err;

	if (gm->n == GUESTMEM_REGIONS_MAX)
		return -ENOSPC;
	err = check_shape(gm, want);
	if (err < 0)
		return err;
	r.unit = 1;
	r.must = false;
	if (r.fd >= 0) {
		r.map = NULL;
		err = look_at_file(&r, huge);
		if (err < 0)
			return err;
	}
	err = give_number(gm, &r);
	if (err < 0)
		return err;
	r.counted = r.fd >= 0;
	for (i = 0; i < gm->n && r.counted; i++)
		r.counted = !same_file(gm->region[i].fd, r.fd);
	gm->region[gm->n++] = r;
	return 0;
}

int guestmem_remove(struct guestmem *gm, const struct guestmem_region *want, uint64_t *ret_first,
		    uint64_t *ret_pages)
{
	size_t i, j;

	for (i = 0; i < gm->n; i++) {
		struct guestmem_region r = gm->region[i];

		if (r.gpa != want->gpa || r.size != want->size || r.user != want->user)
			continue;
		memmove(&gm->region[i], &gm->region[i + 1],
			(gm->n - i - 1) * sizeof(gm->region[0]));
		gm->n--;
		for (j = 0; j < gm->n && r.counted; j++)
			if (same_file(gm->region[j].fd, r.fd)) {
				gm->region[j].counted = true;
				break;
			}
		region_fini(&r);
		*ret_first = r.first;
		*ret_pages = r.size / GUESTMEM_PAGE;
		return 0;
	}
	return -ENOENT;
}

bool guestmem_is(const struct guestmem *gm, size_t i, const struct guestmem_region *want)
{
	const struct guestmem_region *r = &gm->region[i];

	return i < gm->n && r->gpa == want->gpa && r->size == want->size && r->user == want->user &&
	       r->offset == want->offset && same_file(r->fd, want->fd);
}

int guestmem_map(struct guestmem *gm)
{
	size_t i;

	for (i = 0; i < gm->n; i++) {
		struct guestmem_region *r = &gm->region[i];
		void *map;

		if (r->map)
			continue;
		map = mmap(NULL, r->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, r->fd,
			   (off_t)r->offset);
		if (map == MAP_FAILED)
			return -errno;
		r->map = map;
	}
	return 0;
}

/* Is [@at, @at + @len) within [@start, @start + @size)? No sum here can wrap. */
static bool within(uint64_t at, uint64_t len, uint64_t start, uint64_t size)
{
	return at >= start && at - start <= size && len <= size - (at - start);
}

void *guestmem_range(const struct guestmem *gm, uint64_t gpa, uint64_t len)
{
	size_t i;

	for (i = 0; i < gm->n; i++) {
		const struct guestmem_region *r = &gm->region[i];

		if (r->map && within(gpa, len, r->gpa, r->size))
			return r->map + (gpa - r->gpa);
	}
	return NULL;
}

static const struct guestmem_region *of_user(const struct guestmem *gm, uint64_t user, uint64_t len)
{
	size_t i;

	for (i = 0; i < gm->n; i++)
		if (within(user, len, gm->region[i].user, gm->region[i].size))
			return &gm->region[i];
	return NULL;
}

void *guestmem_user_range(const struct guestmem *gm, uint64_t user, uint64_t len)
{
	const struct guestmem_region *r = of_user(gm, user, len);

	return r && r->map ? r->map + (user - r->user) : NULL;
}

int guestmem_user_offset(const struct guestmem *gm, uint64_t user, uint64_t len, int *ret_fd,
			 uint64_t *ret_offset)
{
	const struct guestmem_region *r = of_user(gm, user, len);

	if (!r || r->fd < 0)
		return -EFAULT;
	*ret_fd = r->fd;
	*ret_offset = r->offset + (user - r->user);
	return 0;
}

uint64_t guestmem_pages(const struct guestmem *gm, uint64_t gpa, uint64_t pages,
			uint64_t *ret_first)
{
	size_t i;

	if (gpa % GUESTMEM_PAGE || pages == 0)
		return 0;
	for (i = 0; i < gm->n; i++) {
		const struct guestmem_region *r = &gm->region[i];
		uint64_t left;

		if (!within(gpa, GUESTMEM_PAGE, r->gpa, r->size))
			continue;
		left = (r->size - (gpa - r->gpa)) / GUESTMEM_PAGE;
		*ret_first = r->first + (gpa - r->gpa) / GUESTMEM_PAGE;
		return pages < left ? pages : left;
	}
	return 0;
}

const struct guestmem_region *guestmem_of_page(const struct guestmem *gm, uint64_t page)
{
	size_t i;

	for (i = 0; i < gm->n; i++)
		if (within(page, 1, gm->region[i].first, gm->region[i].size / GUESTMEM_PAGE))
			return &gm->region[i];
	return NULL;
}

uint64_t guestmem_size_b(const struct guestmem *gm)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < gm->n; i++)
		sum += gm->region[i].size; /* GUESTMEM_PAGES_MAX keeps it small */
	return sum;
}

uint64_t guestmem_resident_b(const struct guestmem *gm)
{
	uint64_t sum = 0;
	struct stat st;
	size_t i;

	for (i = 0; i < gm->n; i++)
		if (gm->region[i].counted && fstat(gm->region[i].fd, &st) == 0)
			sum += (uint64_t)st.st_blocks * BLOCK_B;
	return sum;
}
