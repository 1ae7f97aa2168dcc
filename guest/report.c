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
#include "ballonet.h"

int report_send(struct ballonet *b, struct scatterlist *sg, unsigned int n)
{
	unsigned int len;
	int err;

	mutex_lock(&b->report_lock);
	if (READ_ONCE(b->gone) || READ_ONCE(b->stopping) || !b->reportq) {
		err = -ENODEV;
	} else {
		err = virtqueue_add_inbuf(b->reportq, sg, n, b, GFP_NOWAIT | __GFP_NOWARN);
		if (!err) {
			virtqueue_kick(b->reportq);
			if (ballonet_wait(b, b->report_ack, virtqueue_get_buf(b->reportq, &len)))
				ballonet_answered(b);
			else
				err = -ENODEV;
		}
	}
	mutex_unlock(&b->report_lock);
	return err;
}

static int report_free_pages(struct page_reporting_dev_info *info, struct scatterlist *sg,
			     unsigned int n)
{
	struct ballonet *b = container_of(info, struct ballonet, reporting);
	struct scatterlist *one;
	unsigned int i;
	int err = report_send(b, sg, n);

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
		mod_delayed_work(b->press_wq, &b->reporting.work, 0);
		flush_delayed_work(&b->reporting.work);
		sum = READ_ONCE(b->counters.reported_pages) - begin;
	} while (sum < want && sum != before - begin && !READ_ONCE(b->stopping));
	return sum;
}

int report_start(struct ballonet *b)
{
	int err;

	if (!b->reportq)
		return 0;
	if (virtqueue_get_vring_size(b->reportq) < PAGE_REPORTING_CAPACITY) {
		dev_warn(&b->vdev->dev, "reporting queue of %u is too short, not used\n",
			 virtqueue_get_vring_size(b->reportq));
		return 0;
	}
	b->reporting.report = report_free_pages;
	err = page_reporting_register(&b->reporting);
	if (err == -EBUSY) {
		dev_warn(&b->vdev->dev,
			 "another device has free pages reported, this one has not\n");
		return 0;
	}
	b->reporting_registered = !err;
	return err;
}

void report_stop(struct ballonet *b)
{
	if (b->reporting_registered)
		page_reporting_unregister(&b->reporting);
	b->reporting_registered = false;
}
