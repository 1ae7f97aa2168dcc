// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * device.c - whether the device answers, and its end
 *
 * Layer: guest.
 * In:    queues on which the device owes an answer.
 * Out:   answers, or the word that there will be none.
 *
 * Pages that the device has in hand belong to nobody until it answers or is reset, however long
 * that takes. So who waits is never sent away with less.
 */
#include "device.h"

#include "available.h"

void device_call_stuck(struct ballonet *b, struct queue *q)
{
	if (!test_and_set_bit(QUEUE_STUCK, &q->flags)) {
		dev_warn(&b->vdev->dev, "the device has not answered for %u s\n",
			 DEVICE_PATIENCE / HZ);
		available_recount(b);
		wake_up_all(&q->acks);
	}
	if (device_is_closed(b))
		device_reset(b);
}

void device_answered(struct ballonet *b, struct queue *q)
{
	if (device_is_stuck(q) && test_and_clear_bit(QUEUE_STUCK, &q->flags))
		available_recount(b);
}

void device_close(struct ballonet *b)
{
	bool stuck = false;
	unsigned int i;

	mutex_lock(&b->device_lock);
	if (b->life < LIFE_FREEZING)
		WRITE_ONCE(b->life, LIFE_FREEZING);
	mutex_unlock(&b->device_lock);
	for (i = 0; i < QUEUE_COUNT; i++)
		stuck |= device_is_stuck(&b->queues[i]);
	if (stuck)
		device_reset(b); /* whoever waits for an answer has waited long enough */
}

void device_reset(struct ballonet *b)
{
	unsigned int i;

	mutex_lock(&b->device_lock);
	if (b->life != LIFE_GONE) {
		compat_reset(b->vdev);
		WRITE_ONCE(b->life, LIFE_GONE);
	}
	mutex_unlock(&b->device_lock);
	for (i = 0; i < QUEUE_COUNT; i++)
		wake_up_all(&b->queues[i].acks);
}
