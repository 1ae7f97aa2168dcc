/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * press.h - what an inflate and a deflate do to the host, without a balloon in between
 *
 * Layer: guest.
 * In:    how many pages.
 * Out:   as many as there were to be had have been seen by the device; all are free again.
 */
#ifndef BALLONET_PRESS_H
#define BALLONET_PRESS_H

#include "ballonet.h"

void press_init(struct ballonet *b);
/* A request that was there before the driver is none. */
void press_start(struct ballonet *b);
/* Presses up to @pages out. Returns how many; -EOPNOTSUPP without a reporting queue, -EBUSY while
 * another is served, -ETIMEDOUT when the device does not answer, -EINTR when the caller is killed;
 * in the last two cases the press itself goes on.
 */
long press_by_hand(struct ballonet *b, unsigned long pages);
/* The guest needs what a press holds and the device does not have in hand; the press ends. Returns
 * how many pages.
 */
unsigned long press_release(struct ballonet *b);

#endif
