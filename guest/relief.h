/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * relief.h - giving back: when the guest is out of memory, and when it is short
 *
 * Layer: guest.
 * In:    the OOM notifier chain, the shrinker.
 * Out:   free pages.
 */
#ifndef BALLONET_RELIEF_H
#define BALLONET_RELIEF_H

#include "ballonet.h"

/* 0 or -errno; relief_stop() either way. */
int relief_start(struct ballonet *b);
void relief_stop(struct ballonet *b);

#endif
