/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keeper_state.h - what the files of the keeper share
 *
 * Layer: device (inside only; keeper.h is the interface).
 * In:    -
 * Out:   -
 *
 * keeper.c is the loop, the worker's life and the front end; keeper_client.c is
 * what clients see and ask. The former calls the latter.
 */
#ifndef BALLONET_DEVICE_KEEPER_STATE_H
#define BALLONET_DEVICE_KEEPER_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "device/control.h"
#include "device/front.h"
#include "device/pageset.h"
#include "device/shared.h"

#define KEEPER_NEVER UINT64_MAX

struct keeper {
	int listen;
	struct front front;
	pid_t front_pid; /* the hypervisor; 0: none is connected */
	struct control control;
	struct shared *shared;
	struct pageset batch, pending, inside;
	int doorbell, news;

	/* the worker */
	pid_t pid; /* 0: none runs */
	int pidfd;
	uint64_t started_us;
	uint64_t start_us;	   /* when to start one; KEEPER_NEVER: nothing changed */
	unsigned int quick_deaths; /* one after the other */
	uint32_t restarts;	   /* workers that died and were followed by another */
	bool stopped; /* no ring was ready at some time since a worker was last started */
	bool broken;  /* no worker until rings change */

	/* the guest */
	uint32_t boots;
	uint64_t lease_us; /* when the target ends; KEEPER_NEVER: it is 0 */
	uint32_t told_seq; /* statistics that clients were told of */
	uint64_t tell_us; /* when clients are to be told the state; KEEPER_NEVER: nothing changed */
	uint64_t told_us; /* when they were last told, */
	uint32_t told_pressed; /* and of which press */
};

/* Clients are to be told the state, soon. */
void keeper_changed(struct keeper *k);

/* Did the guest's driver take the feature? */
bool keeper_has(const struct keeper *k, unsigned int feature);

/* The balloon that is wanted, until @lease_us; and what the guest is to press. */
void keeper_set_target(struct keeper *k, uint64_t pages, uint64_t lease_us);
void keeper_set_press(struct keeper *k, uint32_t pages, uint32_t id);

/* Tell all clients the state now; and statistics that they were not told of. */
void keeper_tell_state(struct keeper *k);
void keeper_tell_stats(struct keeper *k);

/* A client's command, as control_init() wants it; @userdata is the keeper. */
const char *keeper_on_command(void *userdata, const struct control_command *cmd);

#endif
