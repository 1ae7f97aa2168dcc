/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loop.h - what all connections share
 *
 * Layer: vmm (for vmm.c and conn.c alone).
 * In:    -
 * Out:   -
 *
 * The files of a hypervisor do not include this; conn.h is enough for them.
 */
#ifndef BALLONET_VMM_LOOP_H
#define BALLONET_VMM_LOOP_H

#include "vmm/conn.h"

struct vmm {
	int epoll_fd;
	uint64_t poll_s;
	vmm_event_fn event;
	void *userdata;
	vmm_wall_fn wall;
	struct vmm_conn *first;
	size_t nconn, nremoved;
	struct due_heap due;
	unsigned int depth; /* inside how many calls that hold on to connections */
	uint64_t now_us;    /* the latest that a caller said */
	char chunk[CONN_CHUNK];
};

#endif
