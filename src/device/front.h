/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * front.h - the front end's side of the device: memory, rings, configuration
 *
 * Layer: device.
 * In:    whole vhost-user messages.
 * Out:   replies, and what a worker needs to serve the rings.
 *
 * It lives in the process that is never restarted. Of the guest's memory it
 * touches only the two bytes of a used index.
 */
#ifndef BALLONET_DEVICE_FRONT_H
#define BALLONET_DEVICE_FRONT_H

#include "ballonet/virtio_balloon.h"
#include "device/balloon.h"
#include "device/guestmem.h"
#include "device/vhost_user.h"

#include <stdbool.h>
#include <stdint.h>

struct front_ring {
	uint32_t num;
	uint16_t base; /* where it stood when it was stopped, or is to begin */
	bool placed;   /* its addresses are known */
	bool enabled;
	struct vu_ring_addr addr;
	int kick; /* -EBADF: stopped */
	int call;
};

/* What changes in the world when a message does: called before the change is made. */
struct front_ops {
	/* The worker must not run on: memory, rings or features are about to change. */
	void (*quiesce)(void *userdata);
	/* Page numbers that mean nothing any more. */
	void (*forget_pages)(void *userdata, uint64_t first, uint64_t n);
	/* The guest wrote to the configuration space. */
	void (*config_written)(void *userdata);
};

struct front {
	const struct front_ops *ops;
	void *userdata;
	int sock;    /* to the front end */
	int backend; /* the channel for messages of our own, -EBADF: none */
	struct vu_reader reader;
	uint64_t offered;  /* features */
	uint64_t features; /* those that were taken */
	uint64_t protocol; /* protocol features that were taken */
	bool huge;	   /* see guestmem_add() */
	struct guestmem mem;
	struct front_ring ring[BALLOON_RINGS_MAX];
	uint8_t config[VU_CONFIG_MAX];
};

void front_init(struct front *f, uint64_t offered, bool huge, const struct front_ops *ops,
		void *userdata);

/* A front end connected; takes over @sock. */
void front_open(struct front *f, int sock);

/* Closes and forgets everything but what front_init() was told. */
void front_close(struct front *f);

/*
 * Reads and answers what is there, a bounded number of messages. 0; -EPIPE: the
 * front end has gone; -EPROTO: it broke the rules, *ret_why says how. After an
 * error only front_close() may follow.
 */
int front_readable(struct front *f, const char **ret_why);

/* Answers one message of a good shape, as front_readable() does. */
int front_handle(struct front *f, struct vu_msg *msg, const char **ret_why);

/* Is the ring to be served? */
bool front_ring_ready(const struct front *f, unsigned int ring);

/* Is any ring? */
bool front_any_ready(const struct front *f);

/* Has no ring that is to be served been used since the guest's driver set it up? */
bool front_fresh(const struct front *f);

/* A field of the configuration space, one of BALLOON_CONFIG_*. */
uint32_t front_config(const struct front *f, unsigned int field);
void front_set_config(struct front *f, unsigned int field, uint32_t value);

/* Tells the front end that the configuration space changed. 0 or -errno. */
int front_tell_config(struct front *f);

#endif
