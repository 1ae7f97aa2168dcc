/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shared.h - the page that keeper and worker both see
 *
 * Layer: device.
 * In:    wishes of the keeper; what the worker sees and does.
 * Out:   each reads what the other wrote.
 *
 * It outlives the worker, which may be killed between any two stores. So a
 * figure is one store, and statistics are written to the slot that is not
 * shown. The keeper does not trust these figures; it only passes them on.
 */
#ifndef BALLONET_DEVICE_SHARED_H
#define BALLONET_DEVICE_SHARED_H

#include "ballonet/virtio_balloon.h"
#include "device/unback.h"

#include <stdbool.h>
#include <stdint.h>

#define SHARED_TROUBLE_MAX 160

struct device_stats {
	uint64_t taken_us; /* CLOCK_MONOTONIC, when they arrived */
	uint32_t known;	   /* bit N: tag[N] was sent */
	uint64_t tag[BALLOON_STAT_COUNT];
};

struct shared {
	/* written by the keeper */
	uint32_t stats_wanted; /* how often statistics were asked for */

	/* written by the worker */
	uint32_t stats_asked; /* how far the guest was asked for what is wanted */
	uint32_t stats_seq;   /* statistics that came; the last are in slot [seq % 2] */
	uint16_t stats_at;    /* the index of the buffer they were in */
	struct device_stats stats[2];
	uint64_t inflated_pages, deflated_pages, reported_b;
	uint64_t ignored; /* PFNs and ranges that are not in the guest's memory */
	struct unback_counts unback;
	char trouble[SHARED_TROUBLE_MAX]; /* why the worker ended by itself */
};

#endif
