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
#include "ballonet.h"

#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/slab.h>

#include "trace.h"

/* Takes pages; each block's order is in page->private. */
static void take(struct ballonet *b, unsigned long want)
{
	unsigned long taken = 0, now;
	struct watch w;

	watch_start(b, &w);
	while (taken < want) {
		unsigned int order;
		struct page *page;

		now = want - taken;
		if (watch_look(b, &w, &now) != END_DONE)
			return;
		page = watch_alloc(&w, ilog2(now), &order);
		if (!page)
			return;
		set_page_private(page, order);
		spin_lock(&b->press_lock);
		list_add_tail(&page->lru, &b->press_pages);
		spin_unlock(&b->press_lock);
		taken += 1UL << order;
		cond_resched();
	}
}

/* Returns how many pages. */
static unsigned long free_blocks(struct list_head *blocks)
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

unsigned long press_release(struct ballonet *b)
{
	LIST_HEAD(blocks);

	spin_lock(&b->press_lock);
	list_splice_init(&b->press_pages, &blocks);
	spin_unlock(&b->press_lock);
	return free_blocks(&blocks);
}

/* Moves as many blocks as the queue holds onto @blocks and into the buffer. Returns how many. */
static unsigned int next_buffer(struct ballonet *b, struct list_head *blocks)
{
	struct page *page, *next;
	unsigned int n = 0;

	sg_init_table(b->block_sg, PAGE_REPORTING_CAPACITY);
	spin_lock(&b->press_lock);
	list_for_each_entry_safe(page, next, &b->press_pages, lru) {
		if (n == PAGE_REPORTING_CAPACITY)
			break;
		sg_set_page(&b->block_sg[n++], page, PAGE_SIZE << page_private(page), 0);
		list_move_tail(&page->lru, blocks);
	}
	spin_unlock(&b->press_lock);
	if (n)
		sg_mark_end(&b->block_sg[n - 1]);
	return n;
}

/* Reports all that was taken, and frees it. Returns how many pages the device has seen. */
static unsigned long tell(struct ballonet *b)
{
	unsigned long told = 0, pages;
	LIST_HEAD(blocks);
	unsigned int n;
	int err = 0;

	while (!err && (n = next_buffer(b, &blocks))) {
		err = report_send(b, b->block_sg, n);
		pages = free_blocks(&blocks);
		if (!err)
			told += pages;
		cond_resched();
	}
	press_release(b);
	return told;
}

/* Returns how many pages, or -errno. */
static long press(struct ballonet *b, unsigned long want)
{
	u64 begin = ktime_get_ns();
	unsigned long told;

	if (!b->reporting_registered || READ_ONCE(b->stopping))
		return -EOPNOTSUPP;
	mutex_lock(&b->op_lock);
	told = report_now(b, want);
	if (told < want) {
		take(b, want - told);
		told += tell(b);
	}
	mutex_unlock(&b->op_lock);
	told = min(told, want); /* the kernel reports whole blocks, and more than was wished */
	b->counters.presses++;
	b->counters.pressed_pages += told;
	b->counters.last_press_us = (ktime_get_ns() - begin) / NSEC_PER_USEC;
	trace_ballonet_press(want, told, b->counters.last_press_us);
	return told;
}

/* Not by the caller itself: one who waits for a device that never answers would keep the driver
 * from being removed, and only removing it ends that wait.
 */
long press_by_hand(struct ballonet *b, unsigned long pages)
{
	long pressed;

	if (!b->reporting_registered)
		return -EOPNOTSUPP;
	if (mutex_lock_killable(&b->hand_lock))
		return -EINTR;
	if (READ_ONCE(b->hand_pages)) {
		pressed = -EBUSY; /* of a caller who did not wait for it */
		goto unlock;
	}
	WRITE_ONCE(b->hand_pages, pages);
	queue_work(b->press_wq, &b->press_work);
	pressed = wait_event_killable(b->hand_served,
				      !READ_ONCE(b->hand_pages) || READ_ONCE(b->stuck));
	if (!pressed)
		/* pairs with serve_hand() */
		pressed = smp_load_acquire(&b->hand_pages) ? -ETIMEDOUT : b->hand_pressed;
unlock:
	mutex_unlock(&b->hand_lock);
	return pressed;
}

static void serve_hand(struct ballonet *b)
{
	unsigned long pages = READ_ONCE(b->hand_pages);

	if (!pages)
		return;
	b->hand_pressed = press(b, pages);
	/* who sees this sees what came of it: press_by_hand() */
	smp_store_release(&b->hand_pages, 0);
	wake_up_all(&b->hand_served);
}

/* The device's own request; it sees by pressed_seq that it has been served. */
static void serve_device(struct ballonet *b)
{
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

static void press_work_fn(struct work_struct *work)
{
	struct ballonet *b = container_of(work, struct ballonet, press_work);

	serve_hand(b);
	serve_device(b);
}

int press_init(struct ballonet *b)
{
	INIT_WORK(&b->press_work, press_work_fn);
	spin_lock_init(&b->press_lock);
	INIT_LIST_HEAD(&b->press_pages);
	mutex_init(&b->hand_lock);
	init_waitqueue_head(&b->hand_served);
	b->block_sg = kcalloc(PAGE_REPORTING_CAPACITY, sizeof(*b->block_sg), GFP_KERNEL);
	return b->block_sg ? 0 : -ENOMEM;
}
