/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keeper.h - the process that survives: connection, configuration, lease, worker
 *
 * Layer: device.
 * In:    a front end, clients of the control socket, the worker's news.
 * Out:   a worker while there are rings to serve; targets to the guest.
 */
#ifndef BALLONET_DEVICE_KEEPER_H
#define BALLONET_DEVICE_KEEPER_H

#include <stdbool.h>
#include <stdint.h>

struct keeper_config {
	const char *socket;  /* where the front end connects to */
	const char *control; /* where clients connect to */
	uint64_t features;   /* of the balloon, offered to the guest (bits of virtio_balloon.h) */
	bool huge;	     /* see guestmem_add() */
	int stop_fd;	     /* readable when it is time to end (signalfd) */
};

/* All features of the balloon that can be offered. */
uint64_t keeper_features(void);

/* Runs until stop_fd is readable. 0 or -errno; what went wrong was logged. */
int keeper_run(const struct keeper_config *config);

#endif
