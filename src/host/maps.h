/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * maps.h - which mappings of a hypervisor's process are its guest's RAM
 *
 * Layer: host.
 * In:    /proc/PID, as a directory fd, or the lines of its "maps" or "smaps".
 * Out:   the blocks of the RAM, and what of them is resident.
 *
 * Nothing in /proc says "this is RAM". But RAM is readable, writable, not
 * executable, and its blocks (one; more with NUMA nodes or DIMMs) add up to
 * exactly the memory that the hypervisor says the guest has.
 */
#ifndef BALLONET_HOST_MAPS_H
#define BALLONET_HOST_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Blocks of one guest; QEMU allows 128 NUMA nodes and 256 DIMMs, a host has 8 nodes. */
#define MAPS_BLOCKS_MAX 32

/* Smaller mappings are no RAM: stacks, arenas of malloc, device memory. */
#define MAPS_BLOCK_MIN_B (UINT64_C(8) << 20)

/* Lines of one file that are read; QEMU has some hundred mappings, the kernel's limit is 65530. */
#define MAPS_LINES_MAX 1000000

struct maps_block {
	uint64_t start, end; /* addresses in the process, page aligned */
	bool shared;	     /* of a file that others may map too: memfd, /dev/shm, hugetlbfs */
	dev_t dev;	     /* of that file; 0: none */
	ino_t ino;
};

struct maps_ram {
	size_t n;
	struct maps_block block[MAPS_BLOCKS_MAX]; /* by address */
};

/* What may be RAM: the largest mappings that were shown to it. Begin with a zeroed one. */
struct maps_candidates {
	size_t n;
	struct maps_block block[MAPS_BLOCKS_MAX]; /* by size, largest first */
};

/* Pure. Takes one line of "maps"; one that cannot be RAM, or is no such line, changes nothing. */
void maps_consider(struct maps_candidates *c, const char *line);

/*
 * Pure. The blocks that are @ram_b bytes together: of all ways to make that sum
 * one with the fewest blocks. 0; -ENOENT: none do; -ENOTUNIQ: mappings of the
 * same size stand beside them, so that nobody can tell which are meant; -E2BIG:
 * too many to try. *ret is written on success only.
 */
int maps_choose(const struct maps_candidates *c, uint64_t ram_b, struct maps_ram *ret);

/*
 * Reads "maps" below @piddir and chooses. 0, -ESRCH (no such process any more),
 * -EACCES, -E2BIG, -errno, or as maps_choose().
 */
int maps_find_ram(int piddir, uint64_t ram_b, struct maps_ram *ret);

/* Bytes of RAM, by where they are. */
struct ram_bytes {
	uint64_t present_b; /* in the host's memory */
	uint64_t swapped_b; /* in the host's swap */
};

/*
 * Reads "smaps" below @piddir for the blocks of @ram that are not shared. Dear:
 * the kernel walks the page tables of the whole process (10-40 ms per GiB of
 * 4 KiB pages). 0; -ESRCH; -ESTALE: a block is not there any more; -EBADMSG; or -errno.
 */
int maps_read_smaps(int piddir, const struct maps_ram *ram, struct ram_bytes *ret);

#endif
