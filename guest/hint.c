// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hint.c - free pages that a migration need not copy
 *
 * Layer: guest.
 * In:    the device's command id: a new one begins a round, STOP ends it, DONE returns the pages.
 * Out:   all large free blocks, held until the device is done with them.
 *
 * The blocks stay ours until DONE, so that nobody writes to a page that is not being copied.
 */
#include "hint.h"

#include <linux/slab.h>

#include "config.h"
#include "device.h"
#include "watch.h"

/* Blocks of this order, as they need no more than a few hundred messages a GiB. */
#define HINT_ORDER COMPAT_MAX_ORDER
#define GFP_HINT (__GFP_NORETRY | __GFP_NOWARN | __GFP_NOMEMALLOC)

static bool hint_all_answered(struct ballonet *b)
{
	struct queue *q = &b->queues[QUEUE_HINT];
	unsigned int len;

	while (b->hint.flying && virtqueue_get_buf(q->vq, &len)) {
		b->hint.flying--;
		device_answered(b, q);
	}
	return !b->hint.flying;
}

static int hint_add(struct ballonet *b, void *data, size_t size, bool to_device)
{
	struct scatterlist sg;
	int err;

	sg_init_one(&sg, data, size);
	if (to_device)
		err = virtqueue_add_outbuf(b->queues[QUEUE_HINT].vq, &sg, 1, b, GFP_KERNEL);
	else
		err = virtqueue_add_inbuf(b->queues[QUEUE_HINT].vq, &sg, 1, b, GFP_KERNEL);
	if (err)
		return err;
	b->hint.flying++;
	virtqueue_kick(b->queues[QUEUE_HINT].vq);
	return 0;
}

/*
 * Sends one buffer and waits, until the device has answered or wants something else: QEMU may leave
 * what comes in that moment lying until the next round. 0 or -errno.
 */
static int hint_send(struct ballonet *b, void *data, size_t size, bool to_device)
{
	int err = hint_add(b, data, size, to_device);

	if (err)
		return err;
	return device_wait(b, &b->queues[QUEUE_HINT],
			   hint_all_answered(b) || test_bit(HINT_CHANGED, &b->hint.flags))
		       ? 0
		       : -ENODEV;
}

/*
 * A round begins when the device has seen all of the last one: it would take what is left of that
 * for this one's, and read this id where the last one's was.
 */
static int hint_begin_round(struct ballonet *b, u32 id)
{
	if (!device_wait(b, &b->queues[QUEUE_HINT], hint_all_answered(b)))
		return -ENODEV;
	b->hint.words->id = cpu_to_virtio32(b->vdev, id);
	return hint_send(b, &b->hint.words->id, sizeof(b->hint.words->id), true);
}

/* Nobody waits for that: the device may have ended the round itself. */
static void hint_end_round(struct ballonet *b)
{
	b->hint.words->stop = cpu_to_virtio32(b->vdev, BALLOON_HINT_STOP);
	(void)hint_add(b, &b->hint.words->stop, sizeof(b->hint.words->stop), true);
}

/* One free block; 0 while there may be more. */
static int hint_one(struct ballonet *b)
{
	struct page *page;
	int err;

	if (si_mem_available() < (long)watch_reserve_pages(b) + (1L << HINT_ORDER))
		return -ENOMEM;
	page = alloc_pages(GFP_HINT, HINT_ORDER);
	if (!page)
		return -ENOMEM;
	err = hint_send(b, page_address(page), PAGE_SIZE << HINT_ORDER, false);
	spin_lock(&b->lock);
	list_add(&page->lru, &b->hint.pages);
	b->hint.held += 1UL << HINT_ORDER;
	spin_unlock(&b->lock);
	b->counters.hinted_pages += 1UL << HINT_ORDER;
	return err;
}

/* Frees at least @want pages, if as many are held. Returns how many. */
static unsigned long hint_free(struct ballonet *b, unsigned long want)
{
	struct page *page, *next;
	unsigned long n = 0;
	LIST_HEAD(pages);

	spin_lock(&b->lock);
	list_for_each_entry_safe(page, next, &b->hint.pages, lru) {
		if (n >= want)
			break;
		list_move(&page->lru, &pages);
		n += 1UL << HINT_ORDER;
	}
	b->hint.held -= n;
	spin_unlock(&b->lock);
	list_for_each_entry_safe(page, next, &pages, lru) {
		list_del(&page->lru);
		__free_pages(page, HINT_ORDER);
	}
	return n;
}

unsigned long hint_release(struct ballonet *b, unsigned long want)
{
	spin_lock(&b->lock);
	b->hint.releases++;
	spin_unlock(&b->lock);
	return hint_free(b, want);
}

/* QEMU shows the id only until it has been answered: it is read again after a change only. */
static bool hint_still(struct ballonet *b, u32 id)
{
	return !test_and_clear_bit(HINT_CHANGED, &b->hint.flags) ||
	       config_read(b->vdev, BALLOON_CONFIG_HINT_CMD_ID) == id;
}

static void hint_work_fn(struct work_struct *work)
{
	struct ballonet *b = container_of(work, struct ballonet, hint.work);
	int cries = atomic_read(&b->relief.cries);
	unsigned int releases = READ_ONCE(b->hint.releases);
	u32 id;

	if (!b->queues[QUEUE_HINT].vq || device_is_closed(b))
		return;
	clear_bit(HINT_CHANGED, &b->hint.flags);
	id = config_read(b->vdev, BALLOON_CONFIG_HINT_CMD_ID);
	if (id == BALLOON_HINT_DONE)
		hint_free(b, ULONG_MAX);
	if (id == BALLOON_HINT_DONE || id == BALLOON_HINT_STOP || id == b->hint.id)
		return;
	b->hint.id = id;
	if (hint_begin_round(b, id))
		return;
	while (!device_is_closed(b) && atomic_read(&b->relief.cries) == cries &&
	       READ_ONCE(b->hint.releases) == releases && hint_still(b, id) && !hint_one(b))
		;
	if (!device_is_gone(b))
		hint_end_round(b);
}

int hint_init(struct ballonet *b)
{
	INIT_WORK(&b->hint.work, hint_work_fn);
	INIT_LIST_HEAD(&b->hint.pages);
	b->hint.words = kmalloc(sizeof(*b->hint.words), GFP_KERNEL);
	return b->hint.words ? 0 : -ENOMEM;
}

void hint_fini(struct ballonet *b)
{
	kfree(b->hint.words);
}

void hint_stop(struct ballonet *b)
{
	hint_free(b, ULONG_MAX);
}

void hint_start(struct ballonet *b)
{
	b->hint.id = BALLOON_HINT_STOP;
	b->hint.flying = 0;
}

void hint_config_changed(struct ballonet *b)
{
	struct queue *q = &b->queues[QUEUE_HINT];

	if (!q->vq)
		return;
	set_bit(HINT_CHANGED, &b->hint.flags);
	wake_up_all(&q->acks);
	queue_work(b->wq, &b->hint.work);
}
