// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * press.c - what an inflate and a deflate do to the host, without a balloon in between
 *
 * Layer: guest.
 * In:    how many pages.
 * Out:   as many as there were to be had have been seen by the device; all are free again.
 *
 * All pages are taken before the first is reported. Freed pages are the next to be handed out, so
 * two presses of half the size would report the same pages twice.
 */
#include "ballonet.h"

#include <linux/delay.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/slab.h>

#include "trace.h"

/* Takes pages; each block's order is in page->private. Returns how many. */
static unsigned long take(struct ballonet *b, unsigned long want, struct list_head *pages)
{
	unsigned long taken = 0, now;
	enum ending end;
	struct watch w;

	watch_start(b, &w);
	while (taken < want) {
		unsigned int order;
		struct page *page;

		now = want - taken;
		end = watch_look(b, &w, &now);
		if (end != END_DONE)
			break;
		page = watch_alloc(&w, ilog2(now), &order);
		if (!page)
			break;
		set_page_private(page, order);
		list_add_tail(&page->lru, pages);
		taken += 1UL << order;
		cond_resched();
	}
	return taken;
}

/* Reports all of @pages, as many to a buffer as the queue holds. Returns how many pages. */
static unsigned long tell(struct ballonet *b, struct list_head *pages)
{
	unsigned int n = 0, most = PAGE_REPORTING_CAPACITY;
	unsigned long told = 0, in_buffer = 0;
	int oom_seq = atomic_read(&b->oom_seq), err;
	struct page *page;

	/* a guest that is out of memory gets its pages back, told or not */
	list_for_each_entry(page, pages, lru)
	{
		if (atomic_read(&b->oom_seq) != oom_seq)
			break;
		if (n == 0)
			sg_init_table(b->press_sg, most);
		sg_set_page(&b->press_sg[n++], page, PAGE_SIZE << page_private(page), 0);
		in_buffer += 1UL << page_private(page);
		if (n < most && !list_is_last(&page->lru, pages))
			continue;
		sg_mark_end(&b->press_sg[n - 1]);
		err = report_send(b, b->press_sg, n);
		if (err)
			break;
		told += in_buffer;
		in_buffer = n = 0;
	}
	return told;
}

static void give_back(struct list_head *pages)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, pages, lru)
	{
		unsigned int order = page_private(page);

		list_del(&page->lru);
		set_page_private(page, 0);
		__free_pages(page, order);
	}
}

long press(struct ballonet *b, unsigned long want)
{
	u64 begin = ktime_get_ns();
	LIST_HEAD(pages);
	long told;

	if (!b->reporting_registered)
		return -EOPNOTSUPP;
	if (mutex_lock_killable(&b->op_lock))
		return -EINTR;
	WRITE_ONCE(b->pressing, take(b, want, &pages));
	told = tell(b, &pages);
	give_back(&pages);
	WRITE_ONCE(b->pressing, 0);
	wake_up_all(&b->press_end);
	mutex_unlock(&b->op_lock);
	b->counters.presses++;
	b->counters.pressed_pages += told;
	b->counters.last_press_us = (ktime_get_ns() - begin) / NSEC_PER_USEC;
	trace_ballonet_press(want, told, b->counters.last_press_us);
	return told;
}

unsigned long press_abort(struct ballonet *b)
{
	unsigned long pages = READ_ONCE(b->pressing);

	/* whoever presses never waits for memory, so this cannot wait for itself */
	if (pages && !wait_event_timeout(b->press_end, !READ_ONCE(b->pressing), HZ))
		return 0;
	return pages;
}

/* The device's own request; it sees by pressed_seq that it has been served. */
static void press_work_fn(struct work_struct *work)
{
	struct ballonet *b = container_of(work, struct ballonet, press_work);
	u32 seq, pages;
	long pressed;

	if (READ_ONCE(b->stopping) || !virtio_has_feature(b->vdev, BALLOON_F_PRESS))
		return;
	seq = ballonet_config_read(b, BALLOON_CONFIG_PRESS_SEQ);
	if (seq == b->press_seq)
		return;
	b->press_seq = seq;
	pages = ballonet_config_read(b, BALLOON_CONFIG_PRESS_PAGES);
	pressed = press(b, pages / PFNS_PER_PAGE);
	if (READ_ONCE(b->stopping))
		return;
	ballonet_config_write(b, BALLOON_CONFIG_PRESSED_PAGES, max(pressed, 0L) * PFNS_PER_PAGE);
	ballonet_config_write(b, BALLOON_CONFIG_PRESSED_SEQ, seq);
}

int press_init(struct ballonet *b)
{
	INIT_WORK(&b->press_work, press_work_fn);
	init_waitqueue_head(&b->press_end);
	b->press_sg = kcalloc(PAGE_REPORTING_CAPACITY, sizeof(*b->press_sg), GFP_KERNEL);
	return b->press_sg ? 0 : -ENOMEM;
}
