/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * worker.h - the process that serves the rings, and may die at any time
 *
 * Layer: device.
 * In:    what the keeper knows of the device, as it was when the worker was forked.
 * Out:   chains given back, holes punched, struct shared.
 */
#ifndef BALLONET_DEVICE_WORKER_H
#define BALLONET_DEVICE_WORKER_H

#include "device/front.h"
#include "device/pageset.h"
#include "device/shared.h"

/* Exit codes of a worker that ended by itself; shared->trouble says why. */
#define WORKER_BROKEN 3 /* the guest broke the rules: no use in another worker */
#define WORKER_FAILED 4 /* it could not begin */

struct worker {
	struct front *front;
	struct shared *shared;
	struct pageset *batch;	 /* empty */
	struct pageset *pending; /* see balloon.h, as the last worker left it */
	struct pageset *inside;	 /* or NULL, see unback.h */
	int doorbell;		 /* eventfd: the keeper wants something */
	int news;		 /* eventfd: there is something for the keeper */
};

/* Serves the rings until it is killed. To be called in a child of its own. */
_Noreturn void worker_main(const struct worker *w);

#endif
