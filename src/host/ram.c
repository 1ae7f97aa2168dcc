/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ram.c - what of a guest's RAM is resident, counted apart from its hypervisor's own memory
 *
 * Layer: host.
 * In:    the process of a VM, and how much memory its guest has.
 * Out:   bytes present and swapped of the RAM that this process alone has.
 *
 * A range that was unmapped has no page, which would look like memory that was
 * freed: a pass counts only when the mappings are the same at its end.
 */
#include "host/ram.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/num.h"
#include "host/pagemap.h"

#include <errno.h>
#include <fcntl.h>

static bool is_same(const struct maps_ram *a, const struct maps_ram *b)
{
	size_t i;

	for (i = 0; i < a->n && i < b->n; i++)
		if (a->block[i].start != b->block[i].start || a->block[i].end != b->block[i].end ||
		    a->block[i].shared != b->block[i].shared)
			return false;
	return a->n == b->n;
}

int ram_find(const struct process *p, uint64_t size_b, struct ram *ram)
{
	struct ram found = { .size_b = size_b };
	int r;

	r = maps_find_ram(p->dir, size_b, &found.map);
	if (r == 0 && !(ram->size_b == size_b && is_same(&found.map, &ram->map)))
		*ram = found;
	return r;
}

int ram_try(struct ram *ram, const struct process *p)
{
	cleanup_close int fd = pagemap_open(p->dir);

	if (fd >= 0)
		return 0;
	fd = openat(p->dir, "smaps", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ram->by_smaps = true;
	return 0;
}

bool ram_has_private(const struct ram *ram)
{
	size_t i;

	for (i = 0; i < ram->map.n; i++)
		if (!ram->map.block[i].shared)
			return true;
	return false;
}

/* Ends a pass: nobody may have unmapped what was counted. */
static int pass_end(struct ram *ram, const struct process *p, struct ram_bytes *ret)
{
	struct maps_ram now;
	int r;

	ram->passing = false;
	r = maps_find_ram(p->dir, ram->size_b, &now);
	if (r == -ENOENT || r == -ENOTUNIQ)
		return -ESTALE;
	if (r < 0)
		return r;
	if (!is_same(&now, &ram->map))
		return -ESTALE;
	*ret = ram->sum;
	return 0;
}

/* The block that the pass is at; NULL where it is through. */
static const struct maps_block *pass_block(struct ram *ram)
{
	const struct maps_block *b;

	for (; ram->block < ram->map.n; ram->block++, ram->at = 0) {
		b = &ram->map.block[ram->block];
		ram->at = u64_max(ram->at, b->start);
		if (!b->shared && ram->at < b->end)
			return b;
	}
	return NULL;
}

/* Counts the next slice. 1, 0 where there was none, or -errno. */
static int pass_slice(struct ram *ram, int fd)
{
	const struct maps_block *b = pass_block(ram);
	uint64_t end;
	int r;

	if (!b)
		return 0;
	end = u64_min(b->end, ram->at + RAM_SLICE_B);
	r = pagemap_count(fd, ram->at, end, &ram->sum);
	ram->at = end;
	return r < 0 ? r : 1;
}

int ram_pass(struct ram *ram, const struct process *p, struct ram_bytes *ret)
{
	cleanup_close int fd = -EBADF;
	uint64_t start_us = monotonic_us();
	int r;

	if (ram->by_smaps)
		return maps_read_smaps(p->dir, &ram->map, ret);
	fd = pagemap_open(p->dir);
	if (fd < 0)
		return fd;
	if (!ram->passing) {
		ram->passing = true;
		ram->block = 0;
		ram->at = 0;
		ram->sum = (struct ram_bytes){ 0 };
	}
	do
		r = pass_slice(ram, fd);
	while (r > 0 && monotonic_us() - start_us < RAM_TURN_US);
	if (r == -ENOTTY || r == -EPERM) {
		ram->passing = false;
		ram->by_smaps = true;
		return maps_read_smaps(p->dir, &ram->map, ret);
	}
	if (r > 0)
		return -EINPROGRESS;
	if (r == 0)
		return pass_end(ram, p, ret);
	ram->passing = false;
	return r;
}
