/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * device.h - one VM by way of its ballonet-device
 *
 * Layer: vmm (inside only).
 * In:    lines of the device's control socket.
 * Out:   values of them.
 */
#ifndef BALLONET_VMM_DEVICE_H
#define BALLONET_VMM_DEVICE_H

#include "model/snapshot.h"

#include <stdbool.h>
#include <stdint.h>

/* How long a target lives without us. Renewed at a third, so that two may be late. */
#define DEVICE_LEASE_S 9

/* Longer than any line of a device (1 KiB). */
#define DEVICE_LINE_MAX 4096

/* What a "state" line says that is of use here. */
struct device_state {
	bool front;  /* a hypervisor is connected */
	bool driver; /* the guest's driver has set its queues up */
	int32_t pid; /* the hypervisor */
	uint32_t boots;
	uint64_t features;
	uint64_t ram_b, target_b, balloon_b;
	uint32_t press_seq, pressed_seq; /* presses asked for, and done */
};

/*
 * Reads the words behind "state" or "stats". Words that are not known are those
 * of a later device and are skipped. 0, or -EPROTO where a word has no number,
 * or one that is needed is missing, or a number that cannot be.
 */
int device_parse_state(const char *words, struct device_state *ret);
int device_parse_stats(const char *words, struct guest_stats *ret);

#endif
