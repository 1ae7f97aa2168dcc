/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * available.h - how much of the balloon the guest may count on
 *
 * Layer: guest.
 * In:    pages that enter and leave the balloon.
 * Out:   MemAvailable.
 */
#ifndef BALLONET_AVAILABLE_H
#define BALLONET_AVAILABLE_H

#include "ballonet.h"

/* Brings what is counted up to date: after a change of the size, the direction or the device. */
void available_recount(struct ballonet *b);
/* Ballooned pages that MemAvailable counts. */
unsigned long available_counted(struct ballonet *b);

#endif
