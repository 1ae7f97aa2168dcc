// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * report.c - free pages to the device, and back when it has seen them
 *
 * Layer: guest.
 * In:    pages that are nobody's: the kernel's free page reporting, and our own press.
 * Out:   the device has discarded what they held.
 *
 * One queue for both, one buffer at a time. Whoever has handed pages over waits until the device
 * answers or is reset, however long that takes: a page that were used before would be discarded
 * under its new owner.
 */
#include "report.h"

#include <linux/slab.h>

#include "device.h"

/* Under report_lock. */
static int report_locked(struct ballonet *b, struct scatterlist *sg, unsigned int n)
{
	struct queue *q = &b->queues[QUEUE_REPORT];
	unsigned int len;
	int err;

	if (device_is_closed(b) || !q->vq)
		return -ENODEV;
	err = virtqueue_add_inbuf(q->vq, sg, n, b, GFP_NOWAIT | __GFP_NOWARN);
	if (err)
		return err;
	virtqueue_kick(q->vq);
	if (!device_wait(b, q, virtqueue_get_buf(q->vq, &len)))
		return -ENODEV;
	device_answered(b, q);
	return 0;
}

int report_send(struct ballonet *b, struct scatterlist *sg, unsigned int n)
{
	int err;

	mutex_lock(&b->report_lock);
	err = report_locked(b, sg, n);
	mutex_unlock(&b->report_lock);
	return err;
}

/* The kernel's. It does not queue behind ours: free pages that wait are missing to the guest. What
 * we report is freed then, which calls for the next pass.
 */
static int report_free_pages(struct page_reporting_dev_info *info, struct scatterlist *sg,
			     unsigned int n)
{
	struct ballonet *b = container_of(info, struct ballonet, reporting.info);
	struct scatterlist *one;
	unsigned int i;
	int err;

	if (!mutex_trylock(&b->report_lock))
		return -EBUSY;
	err = report_locked(b, sg, n);
	mutex_unlock(&b->report_lock);
	if (!err)
		for_each_sg(sg, one, n, i)
			b->counters.reported_pages += one->length >> PAGE_SHIFT;
	return err;
}

unsigned long report_now(struct ballonet *b, unsigned long want)
{
	u64 begin = READ_ONCE(b->counters.reported_pages), before;
	unsigned long sum;

	do {
		before = READ_ONCE(b->counters.reported_pages);
		/* the work of a pass, which the kernel queues 2 s after pages were freed; a pass
		 * covers a part of what is free
		 */
		mod_delayed_work(b->press_wq, &b->reporting.info.work, 0);
		flush_delayed_work(&b->reporting.info.work);
		sum = READ_ONCE(b->counters.reported_pages) - begin;
	} while (sum < want && sum != before - begin && !device_is_closed(b));
	return sum;
}

int report_init(struct ballonet *b)
{
	b->reporting.sg = kcalloc(PAGE_REPORTING_CAPACITY, sizeof(*b->reporting.sg), GFP_KERNEL);
	return b->reporting.sg ? 0 : -ENOMEM;
}

void report_fini(struct ballonet *b)
{
	kfree(b->reporting.sg);
}

int report_start(struct ballonet *b)
{
	struct virtqueue *vq = b->queues[QUEUE_REPORT].vq;
	int err;

	if (!vq)
		return 0;
	if (virtqueue_get_vring_size(vq) < PAGE_REPORTING_CAPACITY) {
		dev_warn(&b->vdev->dev, "reporting queue of %u is too short, not used\n",
			 virtqueue_get_vring_size(vq));
		return 0;
	}
	b->reporting.info.report = report_free_pages;
	compat_set_reporting_order(&b->reporting.info);
	err = page_reporting_register(&b->reporting.info);
	if (err == -EBUSY) {
		dev_warn(&b->vdev->dev,
			 "another device has free pages reported, this one has not\n");
		return 0;
	}
	b->reporting.registered = !err;
	return err;
}

void report_stop(struct ballonet *b)
{
	if (b->reporting.registered)
		page_reporting_unregister(&b->reporting.info);
	b->reporting.registered = false;
}
