/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stats.h - the guest's statistics
 *
 * Layer: guest.
 * In:    the kernel's counters, when the device returns the buffer.
 * Out:   the buffer, filled anew.
 */
#ifndef BALLONET_STATS_H
#define BALLONET_STATS_H

#include "ballonet.h"

/* 0 or -ENOMEM; stats_fini() either way. */
int stats_init(struct ballonet *b);
void stats_fini(struct ballonet *b);
void stats_start(struct ballonet *b);

#endif
