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
#include "ballonet.h"

/* Blocks of this order, as they need no more than a few hundred messages a GiB. */
#define HINT_ORDER COMPAT_MAX_ORDER
#define GFP_HINT (__GFP_NORETRY | __GFP_NOWARN | __GFP_NOMEMALLOC)

static bool all_answered(struct ballonet *b)
{
	unsigned int len;

	while (b->hint_flying && virtqueue_get_buf(b->hintq, &len))
		b->hint_flying--;
	return !b->hint_flying;
}

static int add(struct ballonet *b, void *data, size_t size, bool to_device)
{
	struct scatterlist sg;
	int err;

	sg_init_one(&sg, data, size);
	if (to_device)
		err = virtqueue_add_outbuf(b->hintq, &sg, 1, b, GFP_KERNEL);
	else
		err = virtqueue_add_inbuf(b->hintq, &sg, 1, b, GFP_KERNEL);
	if (err)
		return err;
	b->hint_flying++;
	virtqueue_kick(b->hintq);
	return 0;
}

/*
 * Sends one buffer and waits, until the device has answered or wants something else: QEMU may leave
 * what comes in that moment lying until the next round. 0 or -errno.
 */
static int send(struct ballonet *b, void *data, size_t size, bool to_device)
{
	int err = add(b, data, size, to_device);

	if (err)
		return err;
	return ballonet_wait(b, b->hint_ack, all_answered(b) || READ_ONCE(b->hint_changed))
		       ? 0
		       : -ENODEV;
}

/*
 * A round begins when the device has seen all of the last one: it would take what is left of that
 * for this one's, and read this id where the last one's was.
 */
static int begin_round(struct ballonet *b, u32 id)
{
	if (!ballonet_wait(b, b->hint_ack, all_answered(b)))
		return -ENODEV;
	b->hint_cmd = cpu_to_le32(id);
	return send(b, &b->hint_cmd, sizeof(b->hint_cmd), true);
}

/* Nobody waits for that: the device may have ended the round itself. */
static void end_round(struct ballonet *b)
{
	b->hint_stop = cpu_to_le32(BALLOON_HINT_STOP);
	(void)add(b, &b->hint_stop, sizeof(b->hint_stop), true);
}

/* One free block; 0 while there may be more. */
static int hint_one(struct ballonet *b)
{
	struct page *page;
	int err;

	if (si_mem_available() < (long)ballonet_reserve_pages(b) + (1L << HINT_ORDER))
		return -ENOMEM;
	page = alloc_pages(GFP_HINT, HINT_ORDER);
	if (!page)
		return -ENOMEM;
	err = send(b, page_address(page), PAGE_SIZE << HINT_ORDER, false);
	spin_lock(&b->hint_lock);
	list_add(&page->lru, &b->hint_pages);
	spin_unlock(&b->hint_lock);
	b->counters.hinted_pages += 1UL << HINT_ORDER;
	return err;
}

unsigned long hint_release(struct ballonet *b)
{
	struct page *page, *next;
	unsigned long n = 0;
	LIST_HEAD(pages);

	spin_lock(&b->hint_lock);
	list_splice_init(&b->hint_pages, &pages);
	spin_unlock(&b->hint_lock);
	list_for_each_entry_safe(page, next, &pages, lru) {
		list_del(&page->lru);
		__free_pages(page, HINT_ORDER);
		n += 1UL << HINT_ORDER;
	}
	return n;
}

/* QEMU shows the id only until it has been answered: it is read again after a change only. */
static bool still(struct ballonet *b, u32 id)
{
	return !xchg(&b->hint_changed, false) ||
	       ballonet_config_read(b, BALLOON_CONFIG_HINT_CMD_ID) == id;
}

static void hint_work_fn(struct work_struct *work)
{
	struct ballonet *b = container_of(work, struct ballonet, hint_work);
	int seq = atomic_read(&b->oom_seq);
	u32 id;

	if (!b->hintq || READ_ONCE(b->stopping))
		return;
	WRITE_ONCE(b->hint_changed, false);
	id = ballonet_config_read(b, BALLOON_CONFIG_HINT_CMD_ID);
	if (id == BALLOON_HINT_DONE)
		hint_release(b);
	if (id == BALLOON_HINT_DONE || id == BALLOON_HINT_STOP || id == b->hint_id)
		return;
	b->hint_id = id;
	if (begin_round(b, id))
		return;
	while (!READ_ONCE(b->stopping) && atomic_read(&b->oom_seq) == seq && still(b, id) &&
	       !hint_one(b))
		;
	if (!READ_ONCE(b->gone))
		end_round(b);
}

void hint_init(struct ballonet *b)
{
	INIT_WORK(&b->hint_work, hint_work_fn);
	spin_lock_init(&b->hint_lock);
	INIT_LIST_HEAD(&b->hint_pages);
	init_waitqueue_head(&b->hint_ack);
}
