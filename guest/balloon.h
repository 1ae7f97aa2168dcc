/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * balloon.h - the size of the balloon: one target, one direction at a time
 *
 * Layer: guest.
 * In:    the device's target; cries for help.
 * Out:   pages in the balloon, and the device knows which.
 */
#ifndef BALLONET_BALLOON_H
#define BALLONET_BALLOON_H

#include "ballonet.h"

/* Who shrinks the balloon. */
enum wish {
	BY_TARGET,   /* the host */
	BY_OOM,	     /* the guest is out of memory: ends an inflate */
	BY_PRESSURE, /* the guest is short: refused during an inflate */
};

int balloon_init(struct ballonet *b);
void balloon_fini(struct ballonet *b);
/* Its two queues. 0 or -errno; balloon_stop() either way. */
int balloon_start(struct ballonet *b, unsigned int pfns_per_buffer);
/* After the reset: frees all that is left. */
void balloon_stop(struct ballonet *b);
void balloon_cancel(struct ballonet *b);
/* Has the work look at the target; any context. */
void balloon_kick(struct ballonet *b);
/* Pages. */
unsigned long balloon_target(struct ballonet *b);
/* Begins to shrink; false when that is not to be now. Each true one is ended by its wisher. */
bool balloon_begin_deflate(struct ballonet *b, enum wish wish);
void balloon_end_deflate(struct ballonet *b);
/* Takes up to @want pages out and frees them; never allocates, never takes op_lock. Returns how
 * many.
 */
unsigned long balloon_leak(struct ballonet *b, unsigned long want);
/* Takes out what the device has back while it answers, and tells it. Sleeps. */
void balloon_leak_all(struct ballonet *b);
/* Gives an inflate that has just been ended a moment to hand over what the device has seen. */
void balloon_settle(struct ballonet *b);
/* While the guest goes to sleep it needs its memory: nothing is inflated until the pause ends. */
void balloon_pause(struct ballonet *b, bool pause);
void balloon_hold_off(struct ballonet *b);
/* Jiffies until an inflate may begin. */
unsigned long balloon_held_off(struct ballonet *b);
/* Tells the device how large the balloon is. Sleeps. */
void balloon_write_actual(struct ballonet *b);

#endif
