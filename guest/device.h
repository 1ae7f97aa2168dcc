/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * device.h - whether the device answers, and its end
 *
 * Layer: guest.
 * In:    queues on which the device owes an answer.
 * Out:   answers, or the word that there will be none.
 */
#ifndef BALLONET_DEVICE_H
#define BALLONET_DEVICE_H

#include "ballonet.h"

/* A queue that has not been answered for so long is called stuck, and is not given any more. */
#define DEVICE_PATIENCE (5 * HZ)

static inline bool device_is_ready(const struct ballonet *b)
{
	return READ_ONCE(b->life) == LIFE_READY;
}

/* Nothing new may begin. */
static inline bool device_is_closed(const struct ballonet *b)
{
	return READ_ONCE(b->life) >= LIFE_FREEZING;
}

static inline bool device_is_gone(const struct ballonet *b)
{
	return READ_ONCE(b->life) == LIFE_GONE;
}

static inline bool device_is_stuck(const struct queue *q)
{
	return test_bit(QUEUE_STUCK, &q->flags);
}

/* Waits for @condition or the end of the device. False if it was the end. */
#define device_wait(b, queue, condition)                                              \
	({                                                                            \
		bool came = false;                                                    \
		while (!wait_event_timeout((queue)->acks,                             \
					   (came = (condition)) || device_is_gone(b), \
					   DEVICE_PATIENCE))                          \
			device_call_stuck(b, queue);                                  \
		came;                                                                 \
	})

/* The device has kept somebody waiting. If the driver is on its way out, this resets the device. */
void device_call_stuck(struct ballonet *b, struct queue *q);
/* The device has answered on @q. */
void device_answered(struct ballonet *b, struct queue *q);
/* From here on nothing new begins. */
void device_close(struct ballonet *b);
/* The end: whoever waits for the device is told. */
void device_reset(struct ballonet *b);

#endif
