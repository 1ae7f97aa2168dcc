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
#include "ballonet.h"

#include <linux/delay.h>
#include <linux/log2.h>
#include <linux/pagemap.h>
#include <linux/vm_event_item.h>

#include "trace.h"

#define LEAK_STEP_PAGES (16 * MIB_PAGES) /* between two looks at the target */
#define ACTUAL_EVERY (HZ / 20)		 /* a large inflate lets the host see it grow */

const char *const direction_names[] = {
	[IDLE] = "idle", [INFLATING] = "inflating", [DEFLATING] = "deflating"
};

/* -------------------------------------------------------------- direction */

/* Under dir_lock. */
static void turn(struct ballonet *b, enum direction to)
{
	trace_ballonet_direction(b->dir, to, atomic_long_read(&b->size), b->target);
	b->dir = to;
}

static bool begin_inflate(struct ballonet *b)
{
	bool begun = false;

	spin_lock(&b->dir_lock);
	if (b->dir == IDLE) {
		turn(b, INFLATING);
		b->counters.inflates++;
		begun = true;
	}
	spin_unlock(&b->dir_lock);
	relief_recount(b);
	return begun;
}

static void end_inflate(struct ballonet *b)
{
	spin_lock(&b->dir_lock);
	WRITE_ONCE(b->inflate_end, jiffies);
	if (b->dir == INFLATING)
		turn(b, IDLE);
	spin_unlock(&b->dir_lock);
	relief_recount(b);
}

bool balloon_begin_deflate(struct ballonet *b, enum wish wish)
{
	bool begun = true;

	spin_lock(&b->dir_lock);
	if (wish == BY_PRESSURE && b->dir == INFLATING && ballonet_one_direction()) {
		begun = false;
		b->counters.pressure_refused++;
	} else {
		if (b->dir != DEFLATING && (wish != BY_PRESSURE || b->dir == IDLE)) {
			turn(b, DEFLATING);
			b->counters.deflates++;
		}
		b->deflaters++;
	}
	spin_unlock(&b->dir_lock);
	return begun;
}

void balloon_end_deflate(struct ballonet *b)
{
	spin_lock(&b->dir_lock);
	if (--b->deflaters == 0 && b->dir == DEFLATING)
		turn(b, IDLE);
	spin_unlock(&b->dir_lock);
	relief_recount(b);
}

void balloon_hold_off(struct ballonet *b)
{
	unsigned long wait = msecs_to_jiffies(ballonet_holdoff_ms());

	WRITE_ONCE(b->holdoff_end, jiffies + wait);
	WRITE_ONCE(b->holding_off, true);
	balloon_kick(b, wait + 1);
}

unsigned long balloon_held_off(struct ballonet *b)
{
	unsigned long end = READ_ONCE(b->holdoff_end);

	if (!READ_ONCE(b->holding_off))
		return 0;
	if (time_before(jiffies, end))
		return end - jiffies;
	WRITE_ONCE(b->holding_off, false);
	return 0;
}

/* ----------------------------------------------------------------- target */

void balloon_kick(struct ballonet *b, unsigned long delay)
{
	if (READ_ONCE(b->ready))
		mod_delayed_work(b->wq, &b->work, delay);
}

unsigned long balloon_target(struct ballonet *b)
{
	if (xchg(&b->retarget, false))
		b->target = ballonet_config_read(b, BALLOON_CONFIG_NUM_PAGES);
	return DIV_ROUND_UP(b->target, PFNS_PER_PAGE);
}

void balloon_write_actual(struct ballonet *b)
{
	mutex_lock(&b->actual_lock); /* else an old figure could be written over a new one */
	if (!READ_ONCE(b->gone))
		ballonet_config_write(b, BALLOON_CONFIG_ACTUAL,
				      atomic_long_read(&b->size) * PFNS_PER_PAGE);
	mutex_unlock(&b->actual_lock);
}

static void actual_work_fn(struct work_struct *work)
{
	balloon_write_actual(container_of(work, struct ballonet, actual_work));
}

/* ------------------------------------------------------------- accounting */

/* @page enters (1) or leaves (-1) the balloon. */
static void account(struct ballonet *b, struct page *page, int sign)
{
	atomic_long_add(sign, &b->node_pages[page_to_nid(page)]);
	if (b->managed_shrinks && !COMPAT_CORE_MOVES_PAGES)
		adjust_managed_page_count(page, -sign);
}

/* The device has taken the pages of @slot over. */
static void inflate_done(struct pfnq *q, struct slot *slot)
{
	struct ballonet *b = q->owner;
	struct page *page;

	list_for_each_entry(page, &slot->pages, lru)
		account(b, page, 1);
	atomic_long_add(balloon_page_list_enqueue(&b->info, &slot->pages), &b->size);
	atomic_long_sub(slot->count, &b->flying);
	b->counters.inflated_pages += slot->count;
}

static void free_list(struct list_head *pages)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, pages, lru) {
		list_del(&page->lru);
		__free_page(page);
	}
}

/* The device knows that the pages of @slot are the guest's again. */
static void deflate_done(struct pfnq *q, struct slot *slot)
{
	free_list(&slot->pages);
}

/* ---------------------------------------------------------------- inflate */

/* Blocks that the device discards in one piece, and that are worth a message of their own. */
#define BLOCK_ORDER pageblock_order

/*
 * Hypervisors discard page by page what comes by the inflate queue, and in one piece what is
 * reported. So blocks are reported first, and then there is nothing left to discard. A device that
 * takes big buffers joins pages itself.
 */
static bool reports_blocks(struct ballonet *b)
{
	return b->reporting_registered && ballonet_one_direction() &&
	       !virtio_has_feature(b->vdev, BALLOON_F_BIG_BUFFERS);
}

/* Fills @slot with up to @want pages; returns how many blocks of that stand in block_sg. */
static unsigned int fill(struct ballonet *b, struct watch *w, struct slot *slot, unsigned long want)
{
	unsigned int blocks = 0;

	sg_init_table(b->block_sg, PAGE_REPORTING_CAPACITY);
	while (slot->count < want && READ_ONCE(b->dir) == INFLATING) {
		unsigned int order, i;
		struct page *page = watch_alloc(w, ilog2(want - slot->count), &order);

		if (!page)
			break;
		if (order >= BLOCK_ORDER && blocks < PAGE_REPORTING_CAPACITY && reports_blocks(b))
			sg_set_page(&b->block_sg[blocks++], page, PAGE_SIZE << order, 0);
		if (order)
			split_page(page, order);
		slot_add(slot, page, 1U << order);
		for (i = 0; i < 1U << order; i++)
			list_add_tail(&page[i].lru, &slot->pages);
		atomic_long_add(1L << order, &b->flying);
		b->counters.allocated_pages += 1UL << order;
	}
	if (blocks)
		sg_mark_end(&b->block_sg[blocks - 1]);
	return blocks;
}

/* One buffer full; END_DONE if there may be more. */
static enum ending inflate_step(struct ballonet *b, struct watch *w, unsigned long want)
{
	struct slot *slot;
	unsigned int blocks;
	enum ending end = watch_look(b, w, &want);

	if (end != END_DONE)
		return end;
	slot = pfnq_get(&b->inflateq, DEVICE_PATIENCE);
	if (!slot) {
		ballonet_call_stuck(b);
		return END_DEVICE;
	}
	if (!ballonet_one_direction())
		want = min_t(unsigned long, want, BALLOON_BUFFER_PFNS / PFNS_PER_PAGE);
	blocks = fill(b, w, slot, min_t(unsigned long, want, b->inflateq.capacity));
	if (blocks)
		(void)report_send(b, b->block_sg, blocks); /* where it fails there is more to do */
	if (!slot->count || READ_ONCE(b->dir) != INFLATING) {
		end = READ_ONCE(b->dir) == INFLATING ? END_NO_PAGES : END_OOM;
		b->counters.allocated_pages -= slot->count;
		free_list(&slot->pages);
		atomic_long_sub(slot->count, &b->flying);
		pfnq_put(&b->inflateq, slot);
		return end;
	}
	pfnq_send(&b->inflateq, slot);
	if (!ballonet_one_direction())
		balloon_settle(b); /* then, one message was on its way at a time */
	cond_resched();
	return END_DONE;
}

/* Pages that are neither in the balloon nor on their way there. */
static long missing(struct ballonet *b)
{
	/* in this order a page that lands meanwhile is counted twice, not missed */
	long flying = atomic_long_read(&b->flying);

	return (long)balloon_target(b) - flying - atomic_long_read(&b->size);
}

static enum ending inflate(struct ballonet *b)
{
	unsigned long told = jiffies;
	enum ending end = END_DONE;
	struct watch w;
	long want;

	watch_start(b, &w);
	while (end == END_DONE && (want = missing(b)) > 0) {
		end = inflate_step(b, &w, want);
		if (time_after(jiffies, told + ACTUAL_EVERY)) {
			balloon_write_actual(b);
			told = jiffies;
		}
	}
	if (!wait_event_timeout(b->inflateq.acks, pfnq_quiet(&b->inflateq) || b->gone,
				DEVICE_PATIENCE)) {
		ballonet_call_stuck(b);
		end = END_DEVICE;
	}
	return end;
}

/* Returns jiffies after which to try again, 0 for not at all. */
static unsigned long grow(struct ballonet *b)
{
	unsigned long left = balloon_held_off(b), want = 1;
	enum ending end;
	struct watch w;

	if (left)
		return left;
	/* over-asked guests are tried again and again: do not even begin without a reason */
	watch_start(b, &w);
	end = watch_look(b, &w, &want);
	if (end == END_DONE && READ_ONCE(b->stuck) && !pfnq_quiet(&b->inflateq))
		end = END_DEVICE;
	if (end == END_DONE) {
		if (!begin_inflate(b))
			return msecs_to_jiffies(ballonet_retry_ms());
		end = inflate(b);
		end_inflate(b);
	}
	b->counters.endings[end]++;
	if (end == END_DONE || end == END_STOP)
		return 0;
	if (end == END_OOM || end == END_SWAP)
		balloon_hold_off(b);
	return max(balloon_held_off(b), msecs_to_jiffies(ballonet_retry_ms()));
}

/* ---------------------------------------------------------------- deflate */

unsigned long balloon_leak(struct ballonet *b, unsigned long want)
{
	unsigned long freed = 0, patience = READ_ONCE(b->stuck) ? 0 : DEVICE_PATIENCE;

	while (freed < want && !READ_ONCE(b->gone)) {
		struct slot *slot = pfnq_get(&b->deflateq, patience);
		struct page *page;
		LIST_HEAD(pages);
		size_t n;

		if (!slot) {
			ballonet_call_stuck(b);
			break;
		}
		n = balloon_page_list_dequeue(&b->info, &pages,
					      min_t(size_t, want - freed, b->deflateq.capacity));
		if (!n) {
			pfnq_put(&b->deflateq, slot);
			break;
		}
		list_for_each_entry(page, &pages, lru) {
			slot_add(slot, page, 1);
			account(b, page, -1);
		}
		atomic_long_sub(n, &b->size);
		freed += n;
		if (b->must_tell)
			list_splice(&pages, &slot->pages);
		else
			free_list(&pages);
		pfnq_send(&b->deflateq, slot);
		cond_resched();
	}
	if ((b->must_tell || !ballonet_one_direction()) && freed &&
	    !wait_event_timeout(b->deflateq.acks, pfnq_quiet(&b->deflateq) || b->gone, patience))
		ballonet_call_stuck(b);
	b->counters.deflated_pages += freed;
	relief_recount(b);
	return freed;
}

/* Returns jiffies after which to try again, 0 for at once or not at all. */
static unsigned long shrink(struct ballonet *b, unsigned long want)
{
	unsigned long freed;

	balloon_begin_deflate(b, BY_TARGET);
	freed = balloon_leak(b, min(want, LEAK_STEP_PAGES));
	while (freed && atomic_long_read(&b->size) > balloon_target(b) && !READ_ONCE(b->stopping))
		freed = balloon_leak(b, min_t(unsigned long, LEAK_STEP_PAGES,
					      atomic_long_read(&b->size) - balloon_target(b)));
	balloon_end_deflate(b);
	return freed ? 0 : msecs_to_jiffies(ballonet_retry_ms());
}

void balloon_settle(struct ballonet *b)
{
	if (!READ_ONCE(b->stuck))
		wait_event_timeout(b->inflateq.acks, pfnq_quiet(&b->inflateq) || READ_ONCE(b->gone),
				   HZ);
}

static void balloon_work_fn(struct work_struct *work)
{
	struct ballonet *b = container_of(to_delayed_work(work), struct ballonet, work);
	unsigned long again = 0;

	mutex_lock(&b->op_lock);
	while (!again && !READ_ONCE(b->stopping)) {
		long over = atomic_long_read(&b->size) - (long)balloon_target(b);

		if (over == 0)
			break;
		again = over > 0 ? shrink(b, over) : grow(b);
	}
	balloon_write_actual(b);
	mutex_unlock(&b->op_lock);
	if (again)
		balloon_kick(b, again);
}

void balloon_empty(struct ballonet *b)
{
	while (atomic_long_read(&b->size)) {
		struct page *page;
		LIST_HEAD(pages);
		size_t n = balloon_page_list_dequeue(&b->info, &pages, LEAK_STEP_PAGES);

		list_for_each_entry(page, &pages, lru)
			account(b, page, -1);
		atomic_long_sub(n, &b->size);
		b->counters.deflated_pages += n;
		free_list(&pages);
		if (!n)
			usleep_range(1000, 2000); /* compaction has one in hand, and puts it back */
	}
	relief_recount(b);
}

/* -------------------------------------------------------------- migration */

/* Tells the device about one page and waits. 0, or -EAGAIN when the device is gone. */
static int tell_one(struct ballonet *b, struct pfnq *q, struct slot *slot, struct page *page)
{
	bool acked;

	slot_add(slot, page, 1);
	slot->keep = true;
	pfnq_send(q, slot);
	acked = ballonet_wait(b, q->acks, pfnq_acked(q, slot));
	pfnq_take_back(q, slot);
	return acked ? 0 : -EAGAIN;
}

/* The device takes @newpage and gives @page back. Both, or neither, or there is no device. */
static int tell_move(struct ballonet *b, struct page *newpage, struct page *page)
{
	struct slot *in, *out;
	int err;

	if (READ_ONCE(b->stuck))
		return -EAGAIN;
	in = pfnq_get(&b->inflateq, 0);
	if (!in)
		return -EAGAIN;
	out = pfnq_get(&b->deflateq, 0);
	if (!out) {
		pfnq_put(&b->inflateq, in);
		return -EAGAIN;
	}
	err = tell_one(b, &b->inflateq, in, newpage);
	if (err) {
		pfnq_put(&b->deflateq, out);
		return err;
	}
	return tell_one(b, &b->deflateq, out, page);
}

/* Compaction wants @page elsewhere. */
static int migrate(struct balloon_dev_info *info, struct page *newpage, struct page *page,
		   enum migrate_mode mode)
{
	struct ballonet *b = container_of(info, struct ballonet, info);
	int err = tell_move(b, newpage, page);

	if (err)
		return err;
	atomic_long_dec(&b->node_pages[page_to_nid(page)]);
	atomic_long_inc(&b->node_pages[page_to_nid(newpage)]);
	b->counters.migrated_pages++;
#if COMPAT_MIGRATION && !COMPAT_CORE_MOVES_PAGES
	{
		unsigned long flags;

		if (b->managed_shrinks && page_zone(page) != page_zone(newpage)) {
			adjust_managed_page_count(page, 1);
			adjust_managed_page_count(newpage, -1);
		}
		balloon_page_finalize(page);
		put_page(page); /* the balloon's own; compaction has another */
		get_page(newpage);
		spin_lock_irqsave(&info->pages_lock, flags);
		balloon_page_insert(info, newpage);
		info->isolated_pages--;
		__count_vm_event(BALLOON_MIGRATE);
		spin_unlock_irqrestore(&info->pages_lock, flags);
	}
#endif
	return 0;
}

/* -------------------------------------------------------------------- life */

int balloon_init(struct ballonet *b)
{
	mutex_init(&b->op_lock);
	mutex_init(&b->actual_lock);
	spin_lock_init(&b->dir_lock);
	INIT_DELAYED_WORK(&b->work, balloon_work_fn);
	INIT_WORK(&b->actual_work, actual_work_fn);
	pfnq_init(&b->inflateq, b, inflate_done);
	pfnq_init(&b->deflateq, b, deflate_done);
	balloon_devinfo_init(&b->info);
	if (COMPAT_MIGRATION)
		b->info.migratepage = migrate;
	return compat_migration_start(&b->info);
}

void balloon_fini(struct ballonet *b)
{
	compat_migration_stop(&b->info);
}
