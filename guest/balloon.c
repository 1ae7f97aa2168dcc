// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * balloon.c - the size of the balloon: one target, one direction at a time
 *
 * Layer: guest.
 * In:    the device's target; cries for help.
 * Out:   pages in the balloon, and the device knows which.
 *
 *   IDLE       -> INFLATING  the work, when the target is larger and nobody holds it off
 *   INFLATING  -> IDLE       the work, when it is done or may not go on
 *   INFLATING  -> DEFLATING  the OOM notifier; the work notices and stops; what the device already
 *                            has in hand is finished
 *   IDLE       -> DEFLATING  the work, the OOM notifier, the shrinker
 *   DEFLATING  -> IDLE       the last of them
 *
 * A page belongs to a slot from its allocation until the device has acked it, then to the balloon's
 * list. In between nobody may free it: a device that answers late would discard what somebody else
 * has stored there.
 */
#include "balloon.h"

#include <linux/delay.h>
#include <linux/log2.h>
#include <linux/pagemap.h>
#include <linux/vm_event_item.h>

#include "available.h"
#include "config.h"
#include "device.h"
#include "params.h"
#include "pfnq.h"
#include "report.h"
#include "trace.h"
#include "watch.h"

#define LEAK_STEP_PAGES (16 * MIB_PAGES) /* between two looks at the target */
#define ACTUAL_EVERY (HZ / 20)		 /* a large inflate lets the host see it grow */

/* -------------------------------------------------------------- direction */

/* Under lock. */
static void balloon_turn(struct ballonet *b, enum direction to)
{
	trace_ballonet_direction(b->balloon.dir, to, atomic_long_read(&b->balloon.size),
				 b->balloon.target);
	b->balloon.dir = to;
}

static bool balloon_begin_inflate(struct ballonet *b)
{
	bool begun = false;

	spin_lock(&b->lock);
	if (b->balloon.dir == IDLE) {
		balloon_turn(b, INFLATING);
		b->counters.inflates++;
		begun = true;
	}
	spin_unlock(&b->lock);
	available_recount(b);
	return begun;
}

static void balloon_end_inflate(struct ballonet *b)
{
	spin_lock(&b->lock);
	if (b->balloon.dir == INFLATING)
		balloon_turn(b, IDLE);
	spin_unlock(&b->lock);
	available_recount(b);
}

bool balloon_begin_deflate(struct ballonet *b, enum wish wish)
{
	bool begun = true;

	spin_lock(&b->lock);
	if (wish == BY_PRESSURE && b->balloon.dir == INFLATING) {
		begun = false;
		b->counters.pressure_refused++;
	} else {
		if (b->balloon.dir != DEFLATING &&
		    (wish != BY_PRESSURE || b->balloon.dir == IDLE)) {
			balloon_turn(b, DEFLATING);
			b->counters.deflates++;
		}
		b->balloon.deflaters++;
	}
	spin_unlock(&b->lock);
	return begun;
}

void balloon_end_deflate(struct ballonet *b)
{
	spin_lock(&b->lock);
	if (--b->balloon.deflaters == 0 && b->balloon.dir == DEFLATING)
		balloon_turn(b, IDLE);
	spin_unlock(&b->lock);
	available_recount(b);
}

void balloon_kick(struct ballonet *b)
{
	if (device_is_ready(b))
		queue_work(b->wq, &b->balloon.work);
}

void balloon_pause(struct ballonet *b, bool pause)
{
	if (pause)
		set_bit(BALLOON_PAUSED, &b->balloon.flags);
	else
		clear_bit(BALLOON_PAUSED, &b->balloon.flags);
	balloon_kick(b);
}

void balloon_hold_off(struct ballonet *b)
{
	unsigned long wait = msecs_to_jiffies(params_holdoff_ms());

	WRITE_ONCE(b->balloon.holdoff_end, jiffies + wait);
	set_bit(BALLOON_HOLDING_OFF, &b->balloon.flags);
	if (device_is_ready(b))
		mod_delayed_work(b->wq, &b->balloon.holdoff, wait + 1);
}

unsigned long balloon_held_off(struct ballonet *b)
{
	unsigned long end = READ_ONCE(b->balloon.holdoff_end);

	if (!test_bit(BALLOON_HOLDING_OFF, &b->balloon.flags))
		return 0;
	if (time_before(jiffies, end))
		return end - jiffies;
	clear_bit(BALLOON_HOLDING_OFF, &b->balloon.flags);
	return 0;
}

/* ----------------------------------------------------------------- target */

static void balloon_holdoff_fn(struct work_struct *work)
{
	balloon_kick(container_of(to_delayed_work(work), struct ballonet, balloon.holdoff));
}

static void balloon_retry_fn(struct work_struct *work)
{
	balloon_kick(container_of(to_delayed_work(work), struct ballonet, balloon.retry));
}

static void balloon_retry_later(struct ballonet *b)
{
	if (device_is_ready(b))
		mod_delayed_work(b->wq, &b->balloon.retry, msecs_to_jiffies(params_retry_ms()));
}

unsigned long balloon_target(struct ballonet *b)
{
	if (test_and_clear_bit(BALLOON_RETARGET, &b->balloon.flags))
		b->balloon.target = config_read(b->vdev, BALLOON_CONFIG_NUM_PAGES);
	return DIV_ROUND_UP(b->balloon.target, PFNS_PER_PAGE);
}

/* Pages that are in the balloon and should not be; negative: the other way round. */
static long balloon_over(struct ballonet *b)
{
	return atomic_long_read(&b->balloon.size) - (long)balloon_target(b);
}

void balloon_write_actual(struct ballonet *b)
{
	mutex_lock(&b->device_lock); /* else an old figure could be written over a new one */
	if (!device_is_gone(b))
		config_write(b->vdev, BALLOON_CONFIG_ACTUAL,
			     atomic_long_read(&b->balloon.size) * PFNS_PER_PAGE);
	mutex_unlock(&b->device_lock);
}

static void balloon_actual_work_fn(struct work_struct *work)
{
	balloon_write_actual(container_of(work, struct ballonet, balloon.actual_work));
}

/* ------------------------------------------------------------- accounting */

/* @page enters (1) or leaves (-1) the balloon. */
static void balloon_account(struct ballonet *b, struct page *page, int sign)
{
	atomic_long_add(sign, &b->available.ballooned[page_to_nid(page)]);
	if (b->balloon.managed_shrinks && !COMPAT_CORE_MOVES_PAGES)
		adjust_managed_page_count(page, -sign);
}

/* The device has taken the pages of @slot over. */
static void balloon_inflate_done(struct pfnq *q, struct slot *slot)
{
	struct ballonet *b = q->owner;
	struct page *page;

	list_for_each_entry(page, &slot->pages, lru)
		balloon_account(b, page, 1);
	atomic_long_add(slot->count, &b->balloon.size); /* before anybody can take them out */
	balloon_page_list_enqueue(&b->balloon.info, &slot->pages);
	atomic_long_sub(slot->count, &b->balloon.flying);
	b->counters.inflated_pages += slot->count;
}

static void balloon_free_list(struct list_head *pages)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, pages, lru) {
		list_del(&page->lru);
		__free_page(page);
	}
}

/* The device knows that the pages of @slot are the guest's again. */
static void balloon_deflate_done(struct pfnq *q, struct slot *slot)
{
	balloon_free_list(&slot->pages);
}

/* ---------------------------------------------------------------- inflate */

/* Blocks that the device discards in one piece, and that are worth a message of their own. */
#define BLOCK_ORDER pageblock_order

/*
 * Hypervisors discard page by page what comes by the inflate queue, and in one piece what is
 * reported. So blocks are reported first, and then there is nothing left to discard. A device that
 * takes big buffers joins pages itself.
 */
static bool balloon_reports_blocks(struct ballonet *b)
{
	return b->reporting.registered && !virtio_has_feature(b->vdev, BALLOON_F_BIG_BUFFERS);
}

/* Fills @slot with up to @want pages; returns how many blocks of that stand in block_sg. */
static unsigned int balloon_fill(struct ballonet *b, struct watch *w, struct slot *slot,
				 unsigned long want)
{
	unsigned int blocks = 0;

	sg_init_table(b->reporting.sg, PAGE_REPORTING_CAPACITY);
	while (slot->count < want && READ_ONCE(b->balloon.dir) == INFLATING) {
		unsigned int order, i;
		struct page *page = watch_alloc(w, ilog2(want - slot->count), &order);

		if (!page)
			break;
		if (order >= BLOCK_ORDER && blocks < PAGE_REPORTING_CAPACITY &&
		    balloon_reports_blocks(b))
			sg_set_page(&b->reporting.sg[blocks++], page, PAGE_SIZE << order, 0);
		if (order)
			split_page(page, order);
		pfnq_add(&b->balloon.inflateq, slot, page, 1U << order);
		for (i = 0; i < 1U << order; i++)
			list_add_tail(&page[i].lru, &slot->pages);
		atomic_long_add(1L << order, &b->balloon.flying);
		b->counters.allocated_pages += 1UL << order;
	}
	if (blocks)
		sg_mark_end(&b->reporting.sg[blocks - 1]);
	return blocks;
}

/* One buffer full; END_DONE if there may be more. */
static enum ending balloon_inflate_step(struct ballonet *b, struct watch *w, unsigned long want)
{
	struct pfnq *q = &b->balloon.inflateq;
	struct slot *slot;
	unsigned int blocks;
	enum ending end = watch_look(b, w, &want);

	if (end != END_DONE)
		return end;
	slot = pfnq_get(q, DEVICE_PATIENCE);
	if (!slot) {
		device_call_stuck(b, q->queue);
		return END_DEVICE;
	}
	blocks = balloon_fill(b, w, slot, min_t(unsigned long, want, q->capacity));
	if (blocks)
		(void)report_send(b, b->reporting.sg, blocks); /* if it fails there is more to do */
	if (!slot->count || READ_ONCE(b->balloon.dir) != INFLATING) {
		end = READ_ONCE(b->balloon.dir) == INFLATING ? END_NO_PAGES : END_OOM;
		b->counters.allocated_pages -= slot->count;
		balloon_free_list(&slot->pages);
		atomic_long_sub(slot->count, &b->balloon.flying);
		pfnq_put(q, slot);
		return end;
	}
	pfnq_send(q, slot);
	cond_resched();
	return END_DONE;
}

/* Pages that are neither in the balloon nor on their way there. */
static long balloon_missing(struct ballonet *b)
{
	/* in this order a page that lands meanwhile is counted twice, not missed */
	long flying = atomic_long_read(&b->balloon.flying);

	return (long)balloon_target(b) - flying - atomic_long_read(&b->balloon.size);
}

/* Until the device has answered all of @q, or is gone. False after @patience jiffies. */
static bool balloon_await(struct ballonet *b, struct pfnq *q, unsigned long patience)
{
	return wait_event_timeout(q->queue->acks, pfnq_quiet(q) || device_is_gone(b), patience);
}

static enum ending balloon_inflate(struct ballonet *b)
{
	unsigned long told = jiffies;
	enum ending end = END_DONE;
	struct watch w;
	long want;

	watch_start(b, &w);
	while (end == END_DONE && (want = balloon_missing(b)) > 0 &&
	       !test_bit(BALLOON_PAUSED, &b->balloon.flags)) {
		end = balloon_inflate_step(b, &w, want);
		if (time_after(jiffies, told + ACTUAL_EVERY)) {
			balloon_write_actual(b);
			told = jiffies;
		}
	}
	if (!balloon_await(b, &b->balloon.inflateq, DEVICE_PATIENCE)) {
		device_call_stuck(b, b->balloon.inflateq.queue);
		end = END_DEVICE;
	}
	return end;
}

/* Whether an inflate may begin: over-asked guests are tried again and again. */
static enum ending balloon_may_grow(struct ballonet *b)
{
	struct pfnq *q = &b->balloon.inflateq;
	unsigned long want = 1;
	enum ending end;
	struct watch w;

	watch_start(b, &w);
	end = watch_look(b, &w, &want);
	if (end == END_DONE && device_is_stuck(q->queue) && !pfnq_quiet(q))
		end = END_DEVICE;
	return end;
}

/* False when it is to be tried again later, which is seen to. */
static bool balloon_grow(struct ballonet *b)
{
	unsigned long left = balloon_held_off(b);
	enum ending end;

	if (test_bit(BALLOON_PAUSED, &b->balloon.flags))
		return false;
	if (left) {
		mod_delayed_work(b->wq, &b->balloon.holdoff, left);
		return false;
	}
	end = balloon_may_grow(b);
	if (end == END_DONE) {
		if (!balloon_begin_inflate(b)) {
			balloon_retry_later(b); /* somebody is being given to */
			return false;
		}
		end = balloon_inflate(b);
		balloon_end_inflate(b);
	}
	b->counters.endings[end]++;
	if (end == END_DONE || end == END_STOP)
		return true;
	if ((end == END_OOM || end == END_SWAP) && params_holdoff_ms())
		balloon_hold_off(b);
	else
		balloon_retry_later(b);
	return false;
}

/* ---------------------------------------------------------------- deflate */

/* Takes up to @want pages out of the balloon, onto @pages. Returns how many. */
static size_t balloon_take_out(struct ballonet *b, struct list_head *pages, size_t want)
{
	size_t n = balloon_page_list_dequeue(&b->balloon.info, pages, want);
	struct page *page;

	list_for_each_entry(page, pages, lru)
		balloon_account(b, page, -1);
	atomic_long_sub(n, &b->balloon.size);
	b->counters.deflated_pages += n;
	return n;
}

unsigned long balloon_leak(struct ballonet *b, unsigned long want)
{
	struct pfnq *q = &b->balloon.deflateq;
	unsigned long freed = 0, patience = device_is_stuck(q->queue) ? 0 : DEVICE_PATIENCE;

	while (freed < want && !device_is_gone(b)) {
		struct slot *slot = pfnq_get(q, patience);
		struct page *page;
		LIST_HEAD(pages);
		size_t n;

		if (!slot) {
			device_call_stuck(b, q->queue);
			break;
		}
		n = balloon_take_out(b, &pages, min_t(size_t, want - freed, q->capacity));
		if (!n) {
			pfnq_put(q, slot);
			break;
		}
		list_for_each_entry(page, &pages, lru)
			pfnq_add(q, slot, page, 1);
		freed += n;
		if (b->balloon.must_tell)
			list_splice(&pages, &slot->pages);
		else
			balloon_free_list(&pages);
		pfnq_send(q, slot);
		cond_resched();
	}
	if (b->balloon.must_tell && freed && !balloon_await(b, q, patience))
		device_call_stuck(b, q->queue);
	available_recount(b);
	return freed;
}

/* False when it is to be tried again later, which is seen to. */
static bool balloon_shrink(struct ballonet *b, long over)
{
	unsigned long freed;

	balloon_begin_deflate(b, BY_TARGET);
	do {
		freed = balloon_leak(b, min_t(unsigned long, over, LEAK_STEP_PAGES));
		over = balloon_over(b);
	} while (freed && over > 0 && !device_is_closed(b));
	balloon_end_deflate(b);
	if (!freed)
		balloon_retry_later(b);
	return freed;
}

void balloon_settle(struct ballonet *b)
{
	if (!device_is_stuck(b->balloon.inflateq.queue))
		balloon_await(b, &b->balloon.inflateq, HZ);
}

/* Who inflates takes op_lock, and waits for no press: that ends with a kick. What shrinks does not,
 * so that the guest has its memory at once.
 */
static void balloon_work_fn(struct work_struct *work)
{
	struct ballonet *b = container_of(work, struct ballonet, balloon.work);
	bool more = true;

	/* what the device answers after its time is up is nobody's to wait for */
	pfnq_quiet(&b->balloon.inflateq);
	pfnq_quiet(&b->balloon.deflateq);
	while (more && !device_is_closed(b)) {
		long over = balloon_over(b);

		if (over == 0)
			break;
		if (over > 0) {
			more = balloon_shrink(b, over);
		} else {
			more = mutex_trylock(&b->op_lock);
			if (!more)
				break;
			more = balloon_grow(b);
			mutex_unlock(&b->op_lock);
			if (!more && balloon_over(b) > 0)
				more = true; /* the target has fallen meanwhile */
		}
	}
	balloon_write_actual(b);
}

/* -------------------------------------------------------------- migration */

/* Tells the device about one page and waits. 0, or -EAGAIN when the device is gone. */
static int balloon_tell_one(struct ballonet *b, struct pfnq *q, struct slot *slot,
			    struct page *page)
{
	bool acked;

	pfnq_add(q, slot, page, 1);
	slot->keep = true;
	pfnq_send(q, slot);
	acked = device_wait(b, q->queue, pfnq_acked(q, slot));
	pfnq_take_back(q, slot);
	return acked ? 0 : -EAGAIN;
}

/* The device takes @newpage and gives @page back. Both, or neither, or there is no device. */
static int balloon_tell_move(struct ballonet *b, struct page *newpage, struct page *page)
{
	struct pfnq *inflateq = &b->balloon.inflateq, *deflateq = &b->balloon.deflateq;
	struct slot *in, *out;
	int err;

	if (device_is_stuck(inflateq->queue) || device_is_stuck(deflateq->queue))
		return -EAGAIN;
	in = pfnq_get(inflateq, 0);
	if (!in)
		return -EAGAIN;
	out = pfnq_get(deflateq, 0);
	if (!out) {
		pfnq_put(inflateq, in);
		return -EAGAIN;
	}
	err = balloon_tell_one(b, inflateq, in, newpage);
	if (err) {
		pfnq_put(deflateq, out);
		return err;
	}
	return balloon_tell_one(b, deflateq, out, page);
}

/* Compaction wants @page elsewhere. */
static int balloon_migrate(struct balloon_dev_info *info, struct page *newpage, struct page *page,
			   enum migrate_mode mode)
{
	struct ballonet *b = container_of(info, struct ballonet, balloon.info);
	int err = balloon_tell_move(b, newpage, page);

	if (err)
		return err;
	atomic_long_dec(&b->available.ballooned[page_to_nid(page)]);
	atomic_long_inc(&b->available.ballooned[page_to_nid(newpage)]);
	b->counters.migrated_pages++;
	if (!COMPAT_CORE_MOVES_PAGES && b->balloon.managed_shrinks &&
	    page_zone(page) != page_zone(newpage)) {
		adjust_managed_page_count(page, 1);
		adjust_managed_page_count(newpage, -1);
	}
	compat_migrated(info, newpage, page);
	available_recount(b); /* the node may be about to go */
	return 0;
}

/* ------------------------------------------------------------------- life */

int balloon_init(struct ballonet *b)
{
	struct balloon *balloon = &b->balloon;

	INIT_WORK(&balloon->work, balloon_work_fn);
	INIT_DELAYED_WORK(&balloon->holdoff, balloon_holdoff_fn);
	INIT_DELAYED_WORK(&balloon->retry, balloon_retry_fn);
	INIT_WORK(&balloon->actual_work, balloon_actual_work_fn);
	pfnq_init(&balloon->inflateq, b, &b->queues[QUEUE_INFLATE], balloon_inflate_done);
	pfnq_init(&balloon->deflateq, b, &b->queues[QUEUE_DEFLATE], balloon_deflate_done);
	balloon_devinfo_init(&balloon->info);
	if (COMPAT_MIGRATION)
		balloon->info.migratepage = balloon_migrate;
	return compat_migration_start(&balloon->info);
}

void balloon_fini(struct ballonet *b)
{
	compat_migration_stop(&b->balloon.info);
}

int balloon_start(struct ballonet *b, unsigned int pfns_per_buffer)
{
	int err = pfnq_start(&b->balloon.inflateq, pfns_per_buffer);

	return err ?: pfnq_start(&b->balloon.deflateq, pfns_per_buffer);
}

void balloon_cancel(struct ballonet *b)
{
	cancel_delayed_work_sync(&b->balloon.holdoff);
	cancel_delayed_work_sync(&b->balloon.retry);
	cancel_work_sync(&b->balloon.work);
	cancel_work_sync(&b->balloon.actual_work);
}

void balloon_leak_all(struct ballonet *b)
{
	mutex_lock(&b->op_lock);
	while (!device_is_gone(b) && !device_is_stuck(b->balloon.deflateq.queue) &&
	       balloon_leak(b, atomic_long_read(&b->balloon.size)))
		;
	balloon_write_actual(b);
	mutex_unlock(&b->op_lock);
}

void balloon_stop(struct ballonet *b)
{
	pfnq_abandon(&b->balloon.inflateq);
	pfnq_abandon(&b->balloon.deflateq);
	while (atomic_long_read(&b->balloon.size)) {
		LIST_HEAD(pages);

		if (!balloon_take_out(b, &pages, LEAK_STEP_PAGES))
			usleep_range(1000, 2000); /* compaction has one in hand, puts it back */
		balloon_free_list(&pages);
	}
	available_recount(b);
	pfnq_fini(&b->balloon.inflateq);
	pfnq_fini(&b->balloon.deflateq);
}
