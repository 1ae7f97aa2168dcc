/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * remember.h - what is learned of each VM and of the host outlives this daemon
 *
 * Layer: daemon.
 * In:    VMs and the host's history, as they are ticked.
 * Out:   what a daemon before this one learned, in their histories; texts to keep.
 */
#ifndef BALLONET_DAEMON_REMEMBER_H
#define BALLONET_DAEMON_REMEMBER_H

#include "fleet/fleet.h"
#include "learned/learned.h"

#include <stdint.h>

/*
 * Call before each tick of @vm: once its UUID and figures of its guest are there, its history gets
 * what was kept. Then vm->announced is false, so that the journal says so.
 */
void remember_recall(struct learned *l, struct vm *vm, uint64_t now_us);

/* Call after each tick of @vm: keeps what was learned, now and then. */
void remember_keep(struct learned *l, struct vm *vm, uint64_t now_us);

/* The same for the host. *@kept_us is when it was kept last; 0: never. */
void remember_recall_host(struct learned *l, struct host_history *h);
void remember_keep_host(struct learned *l, const struct host_history *h, uint64_t now_us,
			uint64_t *kept_us);

/* The daemon ends: keeps all that was learned. */
void remember_all(struct learned *l, const struct fleet *fleet, const struct host_history *h);

#endif
