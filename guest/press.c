// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * press.c - what an inflate and a deflate do to the host, without a balloon in between
 *
 * Layer: guest.
 * In:    how many pages.
 * Out:   as many as there were to be had have been seen by the device; all are free again.
 *
 * What lies about free in large blocks is reported where it lies, by the kernel's own reporting:
 * nothing is allocated, so nothing is cleared. Only what is missing then is taken, down to clean
 * cache. All of that is taken before the first is reported: freed pages are the next to be handed
 * out, so two halves would report the same pages twice.
 */
#include "press.h"

#include <linux/ktime.h>
#include <linux/log2.h>

#include "balloon.h"
#include "config.h"
#include "device.h"
#include "report.h"
#include "trace.h"
#include "watch.h"

/* Takes pages; each block's order is in page->private. */
static void press_take(struct ballonet *b, unsigned long want)
{
	unsigned int releases = READ_ONCE(b->press.releases);
	unsigned long taken = 0, now;
	struct watch w;

	watch_start(b, &w);
	while (taken < want && READ_ONCE(b->press.releases) == releases) {
		unsigned int order;
		struct page *page;

		now = want - taken;
		if (watch_look(b, &w, &now) != END_DONE)
			return;
		page = watch_alloc(&w, ilog2(now), &order);
		if (!page)
			return;
		set_page_private(page, order);
		spin_lock(&b->lock);
		list_add_tail(&page->lru, &b->press.pages);
		b->press.held += 1UL << order;
		spin_unlock(&b->lock);
		taken += 1UL << order;
		cond_resched();
	}
}

/* Returns how many pages. */
static unsigned long press_free_blocks(struct list_head *blocks)
{
	unsigned long pages = 0;
	struct page *page, *next;

	list_for_each_entry_safe(page, next, blocks, lru) {
		unsigned int order = page_private(page);

		list_del(&page->lru);
		set_page_private(page, 0);
		__free_pages(page, order);
		pages += 1UL << order;
	}
	return pages;
}

/* Frees what is not in the device's hands. Returns how many pages. */
static unsigned long press_let_go(struct ballonet *b)
{
	LIST_HEAD(blocks);

	spin_lock(&b->lock);
	list_splice_init(&b->press.pages, &blocks);
	b->press.held = 0;
	spin_unlock(&b->lock);
	return press_free_blocks(&blocks);
}

unsigned long press_release(struct ballonet *b)
{
	spin_lock(&b->lock);
	b->press.releases++;
	spin_unlock(&b->lock);
	return press_let_go(b);
}

/* Moves as many blocks as the queue holds onto @blocks and into the buffer. Returns how many. */
static unsigned int press_next_buffer(struct ballonet *b, struct list_head *blocks)
{
	struct page *page, *next;
	unsigned int n = 0;

	sg_init_table(b->reporting.sg, PAGE_REPORTING_CAPACITY);
	spin_lock(&b->lock);
	list_for_each_entry_safe(page, next, &b->press.pages, lru) {
		if (n == PAGE_REPORTING_CAPACITY)
			break;
		sg_set_page(&b->reporting.sg[n++], page, PAGE_SIZE << page_private(page), 0);
		list_move_tail(&page->lru, blocks);
		b->press.held -= 1UL << page_private(page);
	}
	spin_unlock(&b->lock);
	if (n)
		sg_mark_end(&b->reporting.sg[n - 1]);
	return n;
}

/* Reports all that was taken, and frees it. Returns how many pages the device has seen. */
static unsigned long press_tell(struct ballonet *b)
{
	unsigned long told = 0, pages;
	LIST_HEAD(blocks);
	unsigned int n;
	int err = 0;

	while (!err && (n = press_next_buffer(b, &blocks))) {
		err = report_send(b, b->reporting.sg, n);
		pages = press_free_blocks(&blocks);
		if (!err)
			told += pages;
		cond_resched();
	}
	press_let_go(b);
	return told;
}

/* Returns how many pages, or -errno. */
static long press_out(struct ballonet *b, unsigned long want)
{
	ktime_t begin = ktime_get();
	unsigned long told;

	if (!b->reporting.registered || device_is_closed(b))
		return -EOPNOTSUPP;
	mutex_lock(&b->op_lock);
	told = report_now(b, want);
	if (told < want) {
		WRITE_ONCE(b->press.taker, current);
		press_take(b, want - told);
		WRITE_ONCE(b->press.taker, NULL);
		told += press_tell(b);
	}
	mutex_unlock(&b->op_lock);
	balloon_kick(b);	/* an inflate may have been put off */
	told = min(told, want); /* the kernel reports whole blocks, and more than was wished */
	b->counters.presses++;
	b->counters.pressed_pages += told;
	b->counters.last_press_us = ktime_us_delta(ktime_get(), begin);
	trace_ballonet_press(want, told, b->counters.last_press_us);
	return told;
}

/* Not by the caller itself: one who waits for a device that never answers would keep the driver
 * from being removed, and only removing it ends that wait.
 */
long press_by_hand(struct ballonet *b, unsigned long pages)
{
	struct queue *q = &b->queues[QUEUE_REPORT];
	int err;

	if (!b->reporting.registered)
		return -EOPNOTSUPP;
	if (cmpxchg(&b->press.by_hand, 0, pages))
		return -EBUSY;
	queue_work(b->press_wq, &b->press.work);
	err = wait_event_killable(q->acks, !READ_ONCE(b->press.by_hand) || device_is_stuck(q));
	if (err)
		return -EINTR;
	/* pairs with press_serve_hand() */
	return smp_load_acquire(&b->press.by_hand) ? -ETIMEDOUT : b->press.by_hand_pressed;
}

static void press_serve_hand(struct ballonet *b)
{
	unsigned long pages = READ_ONCE(b->press.by_hand);

	if (!pages)
		return;
	b->press.by_hand_pressed = press_out(b, pages);
	/* who sees this sees what came of it: press_by_hand() */
	smp_store_release(&b->press.by_hand, 0);
	wake_up_all(&b->queues[QUEUE_REPORT].acks);
}

/* The device's own request; it sees by pressed_seq that it has been served. */
static void press_serve_device(struct ballonet *b)
{
	u32 seq, pages;
	long pressed;

	if (device_is_closed(b) || !virtio_has_feature(b->vdev, BALLOON_F_PRESS))
		return;
	seq = config_read(b->vdev, BALLOON_CONFIG_PRESS_SEQ);
	if (seq == b->press.seq)
		return;
	b->press.seq = seq;
	pages = config_read(b->vdev, BALLOON_CONFIG_PRESS_PAGES);
	pressed = press_out(b, pages / PFNS_PER_PAGE);
	if (device_is_closed(b))
		return;
	config_write(b->vdev, BALLOON_CONFIG_PRESSED_PAGES, max(pressed, 0L) * PFNS_PER_PAGE);
	config_write(b->vdev, BALLOON_CONFIG_PRESSED_SEQ, seq);
}

static void press_work_fn(struct work_struct *work)
{
	struct ballonet *b = container_of(work, struct ballonet, press.work);

	press_serve_hand(b);
	press_serve_device(b);
}

void press_init(struct ballonet *b)
{
	INIT_WORK(&b->press.work, press_work_fn);
	INIT_LIST_HEAD(&b->press.pages);
}

void press_start(struct ballonet *b)
{
	if (virtio_has_feature(b->vdev, BALLOON_F_PRESS))
		b->press.seq = config_read(b->vdev, BALLOON_CONFIG_PRESSED_SEQ);
}
