/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ram.h - what of a guest's RAM is resident, counted apart from its hypervisor's own memory
 *
 * Layer: host.
 * In:    the process of a VM, and how much memory its guest has.
 * Out:   bytes present and swapped of the RAM that this process alone has.
 *
 * A pass over large RAM is taken in turns, between which the owner serves
 * others. RAM in a file that is shared (memfd) is told by the file's blocks,
 * so its blocks are found here and counted in footprint.c.
 */
#ifndef BALLONET_HOST_RAM_H
#define BALLONET_HOST_RAM_H

#include "host/maps.h"
#include "host/process.h"

#include <stdbool.h>
#include <stdint.h>

/* One turn: 128 MiB of 4 KiB pages take about 0.4 ms, and turns end with the first slice beyond. */
#define RAM_SLICE_B (UINT64_C(128) << 20)
#define RAM_TURN_US UINT64_C(4000)

/* Zeroed, it has no RAM. Nothing in it is to be freed. */
struct ram {
	struct maps_ram map;
	uint64_t size_b; /* as asked for */
	bool by_smaps;	 /* this kernel has no PAGEMAP_SCAN, or refuses it */
	/* a pass under way */
	bool passing;
	size_t block; /* the one it is at, and where in it */
	uint64_t at;
	struct ram_bytes sum;
};

/*
 * Finds the blocks of @size_b bytes of RAM. Where they are those that @ram has
 * already, a pass under way goes on. 0, or as maps_find_ram(), and @ram is left alone.
 */
int ram_find(const struct process *p, uint64_t size_b, struct ram *ram);

/*
 * Can it be counted? By smaps where pagemap cannot be opened. 0, or -errno where
 * neither can.
 */
int ram_try(struct ram *ram, const struct process *p);

/* Does the process alone have any of it? */
bool ram_has_private(const struct ram *ram);

/*
 * Goes on with a pass, or begins one. 0: it is over and *ret written;
 * -EINPROGRESS: call again; -ESRCH; -ESTALE: its mappings changed under way, so
 * find them again; or -errno. With ram->by_smaps it takes all of it in one turn.
 */
int ram_pass(struct ram *ram, const struct process *p, struct ram_bytes *ret);

#endif
