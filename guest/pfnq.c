// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pfnq.c - a queue of page numbers for the device, several buffers at a time
 *
 * Layer: guest.
 * In:    slots that the balloon has filled.
 * Out:   the same slots, after the device has seen them, to done().
 *
 * Sending never allocates: slots and their arrays are made when the driver starts, and a buffer of
 * one piece needs no indirect descriptor. So a guest that is out of memory can still give back.
 */
#include "pfnq.h"

#include <linux/slab.h>

#include "device.h"

void pfnq_init(struct pfnq *q, struct ballonet *owner, struct queue *queue, pfnq_done_fn done)
{
	q->owner = owner;
	q->queue = queue;
	q->done = done;
	spin_lock_init(&q->lock);
	INIT_LIST_HEAD(&q->idle);
	INIT_LIST_HEAD(&q->flying);
}

int pfnq_start(struct pfnq *q, unsigned int pfns)
{
	unsigned int slots = clamp_t(unsigned int, PFNQ_PFNS / pfns, PFNQ_SLOTS_LEAST, PFNQ_SLOTS);
	unsigned int i;

	slots = min_t(unsigned int, slots, virtqueue_get_vring_size(q->queue->vq));
	for (i = 0; i < slots; i++) {
		struct slot *slot = &q->slots[i];

		INIT_LIST_HEAD(&slot->pages);
		slot->count = 0;
		slot->keep = slot->acked = false;
		slot->pfns = kmalloc_array(pfns, sizeof(*slot->pfns), GFP_KERNEL);
		if (!slot->pfns)
			return -ENOMEM;
		list_add_tail(&slot->link, &q->idle);
	}
	q->capacity = pfns / PFNS_PER_PAGE;
	return 0;
}

void pfnq_fini(struct pfnq *q)
{
	unsigned int i;

	for (i = 0; i < PFNQ_SLOTS; i++) {
		WARN_ON_ONCE(q->slots[i].pfns && !list_empty(&q->slots[i].pages));
		kfree(q->slots[i].pfns);
		q->slots[i].pfns = NULL;
	}
	INIT_LIST_HEAD(&q->idle);
}

/* The interrupt only wakes: whoever waits, or sends the next, does the work. */
static void pfnq_reap(struct pfnq *q)
{
	struct slot *slot;
	unsigned long flags;
	unsigned int len;
	bool keep;

	for (;;) {
		spin_lock_irqsave(&q->lock, flags);
		slot = q->queue->vq ? virtqueue_get_buf(q->queue->vq, &len) : NULL;
		if (slot) {
			list_del_init(&slot->link);
			keep = slot->keep;
			slot->acked = true;
		}
		spin_unlock_irqrestore(&q->lock, flags);
		if (!slot)
			return;
		device_answered(q->owner, q->queue);
		if (keep) {
			wake_up_all(&q->queue->acks); /* the keeper may not be the one who reaps */
			continue;
		}
		q->done(q, slot);
		pfnq_put(q, slot);
	}
}

void pfnq_put(struct pfnq *q, struct slot *slot)
{
	unsigned long flags;

	spin_lock_irqsave(&q->lock, flags);
	slot->count = 0;
	slot->keep = slot->acked = false;
	list_add(&slot->link, &q->idle);
	spin_unlock_irqrestore(&q->lock, flags);
	wake_up_all(&q->queue->acks);
}

static struct slot *pfnq_take_idle(struct pfnq *q)
{
	struct slot *slot;
	unsigned long flags;

	pfnq_reap(q);
	spin_lock_irqsave(&q->lock, flags);
	slot = list_first_entry_or_null(&q->idle, struct slot, link);
	if (slot)
		list_del_init(&slot->link);
	spin_unlock_irqrestore(&q->lock, flags);
	return slot;
}

struct slot *pfnq_get(struct pfnq *q, unsigned long timeout)
{
	struct slot *slot = pfnq_take_idle(q);

	if (!slot && timeout)
		wait_event_timeout(q->queue->acks, (slot = pfnq_take_idle(q)), timeout);
	return slot;
}

void pfnq_add(struct pfnq *q, struct slot *slot, struct page *page, unsigned int pages)
{
	unsigned long pfn = page_to_pfn(page) * PFNS_PER_PAGE;
	unsigned int at = slot->count * PFNS_PER_PAGE, i;

	for (i = 0; i < pages * PFNS_PER_PAGE; i++)
		slot->pfns[at + i] = cpu_to_virtio32(q->owner->vdev, pfn + i);
	slot->count += pages;
}

void pfnq_send(struct pfnq *q, struct slot *slot)
{
	struct scatterlist sg;
	unsigned long flags;
	bool notify = false;
	int err;

	sg_init_one(&sg, slot->pfns, slot->count * PFNS_PER_PAGE * sizeof(*slot->pfns));
	spin_lock_irqsave(&q->lock, flags);
	err = q->queue->vq ? virtqueue_add_outbuf(q->queue->vq, &sg, 1, slot, GFP_NOWAIT) : -ENODEV;
	/* also a slot that could not be sent is in flight: its pages are nobody else's until the
	 * device is reset; it happens only when the device has broken its queue
	 */
	list_add_tail(&slot->link, &q->flying);
	if (!err)
		notify = virtqueue_kick_prepare(q->queue->vq);
	spin_unlock_irqrestore(&q->lock, flags);
	if (notify)
		virtqueue_notify(q->queue->vq);
}

bool pfnq_acked(struct pfnq *q, struct slot *slot)
{
	pfnq_reap(q);
	return READ_ONCE(slot->acked);
}

bool pfnq_quiet(struct pfnq *q)
{
	unsigned long flags;
	bool quiet;

	pfnq_reap(q);
	spin_lock_irqsave(&q->lock, flags);
	quiet = list_empty(&q->flying);
	spin_unlock_irqrestore(&q->lock, flags);
	return quiet;
}

void pfnq_take_back(struct pfnq *q, struct slot *slot)
{
	unsigned long flags;

	spin_lock_irqsave(&q->lock, flags);
	if (!slot->acked)
		list_del_init(&slot->link);
	spin_unlock_irqrestore(&q->lock, flags);
	pfnq_put(q, slot);
}

void pfnq_abandon(struct pfnq *q)
{
	struct slot *slot, *next;
	unsigned long flags;
	LIST_HEAD(lost);

	spin_lock_irqsave(&q->lock, flags);
	q->queue->vq = NULL;
	list_for_each_entry_safe(slot, next, &q->flying, link)
		if (!slot->keep)
			list_move_tail(&slot->link, &lost);
	spin_unlock_irqrestore(&q->lock, flags);
	wake_up_all(&q->queue->acks);
	list_for_each_entry_safe(slot, next, &lost, link) {
		list_del_init(&slot->link);
		q->done(q, slot);
		pfnq_put(q, slot);
	}
}
