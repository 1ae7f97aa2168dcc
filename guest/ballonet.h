/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ballonet.h - one balloon, and what the parts of the driver want of each other
 *
 * Layer: guest.
 * In:    the virtio balloon device, the kernel's memory management.
 * Out:   struct ballonet; one group of functions for each file.
 *
 * Locks, never nested in one another but in this order:
 *   op_lock      one long operation at a time (inflate, deflate, press); held across allocations,
 *                so nothing that the memory management calls may ever take it
 *   report_lock  the reporting queue, until the device answers; nothing is allocated under it
 *   actual_lock  the size as the device is told; nothing is allocated under it
 *   dir_lock, count_lock, press_lock, hint_lock, pfnq.lock
 *                a few instructions each, never sleep, never nested
 */
#ifndef BALLONET_H
#define BALLONET_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/page_reporting.h>
#include <linux/scatterlist.h>
#include <linux/spinlock.h>
#include <linux/virtio.h>
#include <linux/vmstat.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "ballonet/virtio_balloon.h"
#include "compat.h"

#define PFNS_PER_PAGE (PAGE_SIZE >> BALLOON_PFN_SHIFT)
#define MIB_PAGES ((1UL << 20) >> PAGE_SHIFT)

/* Buffers in flight on a queue: enough to keep the device busy while the next are filled, and no
 * more numbers in all than 64 KiB hold.
 */
#define PFNQ_SLOTS 16
#define PFNQ_SLOTS_LEAST 4
#define PFNQ_PFNS 16384
/* A device that has not answered for so long is called stuck; it is not given anything more. */
#define DEVICE_PATIENCE (5 * HZ)

enum direction {
	IDLE,	   /* the balloon keeps its size */
	INFLATING, /* one operation grows it; the shrinker gives nothing for its whole length */
	DEFLATING, /* one or more callers shrink it; no inflate begins */
};

/* Who shrinks the balloon. */
enum wish {
	BY_TARGET,   /* the host */
	BY_OOM,	     /* the guest is out of memory: ends an inflate */
	BY_PRESSURE, /* the guest is short: refused during an inflate */
};

/* Why an operation ended. */
enum ending {
	END_DONE,     /* as big as wished */
	END_RESERVE,  /* the guest has no more than its reserve left */
	END_NO_PAGES, /* there is nothing to be had without hurting */
	END_SWAP,     /* the guest has begun to swap */
	END_OOM,      /* the guest was out of memory meanwhile */
	END_DEVICE,   /* the device does not answer */
	END_STOP,     /* the driver is going away, or the host wishes otherwise */
	END_COUNT,
};

/* PFNs on their way to the device, and the pages they are of. */
struct slot {
	struct list_head link;	/* in pfnq.idle, or in flight */
	struct list_head pages; /* whose they are: see pfnq_send() */
	unsigned int count;	/* pages */
	bool keep;		/* the sender waits for it and takes it back himself */
	bool acked;
	__le32 *pfns;
};

struct ballonet;
struct pfnq;
typedef void (*pfnq_done_fn)(struct pfnq *q, struct slot *slot);

struct pfnq {
	struct virtqueue *vq;
	struct ballonet *owner;
	pfnq_done_fn done; /* takes the pages of an acked slot; must not sleep */
	spinlock_t lock;
	wait_queue_head_t acks;
	struct list_head idle, flying;
	unsigned int capacity; /* pages in a slot */
	struct slot slots[PFNQ_SLOTS];
};

/* Counts since probe, for debugfs. Racing increments may be lost, which nobody decides by. */
struct counters {
	u64 inflated_pages, deflated_pages, migrated_pages, allocated_pages;
	u64 oom_calls, oom_pages, pressure_calls, pressure_pages, pressure_refused;
	u64 regained_pages; /* by pressure during an inflate; 0 with the guard */
	u64 inflates, deflates, endings[END_COUNT];
	u64 presses, pressed_pages, last_press_us;
	u64 reported_pages, hinted_pages, stats_sent;
};

struct ballonet {
	struct virtio_device *vdev;
	struct workqueue_struct *wq;
	struct workqueue_struct
		*press_wq; /* waits for the kernel's own, so no rescuer may run it */

	/* life */
	bool ready;    /* works may be queued */
	bool retarget; /* the device has changed its configuration */
	u32 target;    /* PFNs; as last read */
	bool stopping; /* nothing new begins */
	bool gone;     /* the device has been reset: it will never answer, nor touch a page */
	bool stuck;    /* the device owes an answer for longer than DEVICE_PATIENCE */
	struct mutex reset_lock;
	struct notifier_block reboot_nb;

	/* the balloon */
	struct mutex op_lock;
	struct delayed_work work;	/* to the target */
	struct work_struct actual_work; /* tell the device how big we are */
	struct balloon_dev_info info;	/* the pages, order 0 each */
	atomic_long_t size;		/* pages */
	atomic_long_t flying;		/* pages taken that are not in the balloon yet */
	struct mutex actual_lock;
	struct pfnq inflateq, deflateq;
	bool must_tell;	      /* a page may be used only after the device knows */
	bool managed_shrinks; /* ballooned pages are not counted in MemTotal */
	unsigned long events[NR_VM_EVENT_ITEMS]; /* under op_lock */

	/* the direction */
	spinlock_t dir_lock;
	enum direction dir;
	unsigned int deflaters;	   /* callers inside DEFLATING */
	unsigned long holdoff_end; /* jiffies; no inflate before */
	bool holding_off;
	unsigned long inflate_end; /* jiffies; of the last */

	/* giving back */
	bool on_oom, on_pressure;
	struct notifier_block oom_nb;
	struct compat_shrinker shrinker;
	bool oom_registered, shrinker_registered;
	atomic_t oom_seq; /* grows with each cry for help */
	spinlock_t count_lock;
	atomic_long_t node_pages[MAX_NUMNODES];	  /* ballooned, by node */
	unsigned long node_counted[MAX_NUMNODES]; /* of them in MemAvailable; under count_lock */

	/* reporting and pressing share a queue */
	struct virtqueue *reportq;
	struct mutex report_lock;
	wait_queue_head_t report_ack;
	struct page_reporting_dev_info reporting;
	bool reporting_registered;
	struct scatterlist *block_sg; /* blocks to be reported; under op_lock */
	struct work_struct press_work;
	spinlock_t press_lock;
	struct list_head press_pages; /* taken and not yet in the device's hands */
	u32 press_seq;		      /* of the device's last request */
	struct mutex hand_lock;	      /* one request by sysfs at a time */
	unsigned long hand_pages;     /* requested by sysfs; 0 when that has been served */
	long hand_pressed;	      /* what came of it */
	wait_queue_head_t hand_served;

	/* hints */
	struct virtqueue *hintq;
	wait_queue_head_t hint_ack;
	struct work_struct hint_work;
	spinlock_t hint_lock;
	struct list_head hint_pages;
	u32 hint_id;	   /* of the last round */
	bool hint_changed; /* the device has changed its configuration */
	__le32 hint_cmd;   /* what the device is told; here because it must not lie on a stack */
	__le32 hint_stop;
	unsigned int hint_flying; /* buffers that the device has not answered */

	/* statistics */
	struct virtqueue *statsq;
	struct work_struct stats_work;
	struct stat_entry *stats;
	unsigned long stats_events[NR_VM_EVENT_ITEMS]; /* used by stats_work only */

	struct dentry *debugfs;
	struct counters counters;
};

/* main.c: parameters, the device's life */
unsigned int ballonet_holdoff_ms(void);
unsigned int ballonet_retry_ms(void);
int ballonet_seeks(void);
bool ballonet_one_direction(void); /* false in tests that want 4.19 back */
/* Pages that an inflate or a press leaves available. */
unsigned long ballonet_reserve_pages(struct ballonet *b);
u32 ballonet_config_read(struct ballonet *b, unsigned int offset);
void ballonet_config_write(struct ballonet *b, unsigned int offset, u32 value);
/* Waits for @condition or the end of the device. False if it was the end. */
#define ballonet_wait(b, head, condition)                                                      \
	({                                                                                     \
		bool came = false;                                                             \
		while (!wait_event_timeout(head, (came = (condition)) || READ_ONCE((b)->gone), \
					   DEVICE_PATIENCE))                                   \
			ballonet_call_stuck(b);                                                \
		came;                                                                          \
	})
/* The device has kept somebody waiting. If the driver is on its way out, this resets the device. */
void ballonet_call_stuck(struct ballonet *b);
/* The device has answered. */
void ballonet_answered(struct ballonet *b);
void ballonet_reset(struct ballonet *b);

/* balloon.c: the size, the direction */
int balloon_init(struct ballonet *b);
void balloon_fini(struct ballonet *b);
void balloon_kick(struct ballonet *b, unsigned long delay);
unsigned long balloon_target(struct ballonet *b);
/* Begins to shrink; false when that is not to be now. Each true one is ended by its wisher. */
bool balloon_begin_deflate(struct ballonet *b, enum wish wish);
void balloon_end_deflate(struct ballonet *b);
/* Takes up to @want pages out and frees them; never allocates, never takes op_lock. Returns how
 * many.
 */
unsigned long balloon_leak(struct ballonet *b, unsigned long want);
/* Frees all, whether the device listens or not; the device is reset or knows. */
void balloon_empty(struct ballonet *b);
/* Gives an inflate that has just been ended a moment to hand over what the device has seen. */
void balloon_settle(struct ballonet *b);
void balloon_hold_off(struct ballonet *b);
/* Jiffies until an inflate may begin. */
unsigned long balloon_held_off(struct ballonet *b);
/* Tells the device how large the balloon is. Sleeps. */
void balloon_write_actual(struct ballonet *b);

/* watch.c: how much may be taken, and where from */
struct watch {
	unsigned long swapped, killed; /* the kernel's counts at the start */
	int oom_seq;
	unsigned int looks;
	unsigned int order;	  /* larger free blocks than these were not to be had, */
	unsigned int clean_order; /* and no larger ones by reclaim */
};
void watch_start(struct ballonet *b, struct watch *w);
/* END_DONE if pages may be taken, and lowers *want to how many; else why not. */
enum ending watch_look(struct ballonet *b, struct watch *w, unsigned long *want);
/* A free block of at most @max_order, the larger the better; when there is none, a page of clean
 * cache. NULL when there is none either.
 */
struct page *watch_alloc(struct watch *w, unsigned int max_order, unsigned int *ret_order);

/* pfnq.c: page numbers to the device */
void pfnq_init(struct pfnq *q, struct ballonet *owner, pfnq_done_fn done);
/* Makes slots of @pfns each, as many as the ring can hold. 0 or -ENOMEM; pfnq_fini() either way. */
int pfnq_start(struct pfnq *q, struct virtqueue *vq, unsigned int pfns);
void pfnq_fini(struct pfnq *q);
/* The device's interrupt. */
void pfnq_callback(struct pfnq *q);
/* An idle slot; NULL if the device returned none within @timeout jiffies. */
struct slot *pfnq_get(struct pfnq *q, unsigned long timeout);
void pfnq_put(struct pfnq *q, struct slot *slot);
/* Notes the numbers of @page and the pages after it; there must be room. */
void slot_add(struct slot *slot, struct page *page, unsigned int pages);
/* Hands a slot to the device. When it is acked, done() gets it with its pages; with keep it stays
 * with the sender, who waits for pfnq_acked() and takes it back.
 */
void pfnq_send(struct pfnq *q, struct slot *slot);
bool pfnq_acked(struct pfnq *q, struct slot *slot);
void pfnq_take_back(struct pfnq *q, struct slot *slot);
/* True when nothing is in flight. */
bool pfnq_quiet(struct pfnq *q);
/* After a reset: what was in flight goes to done() as if acked. */
void pfnq_abandon(struct pfnq *q);

/* relief.c: OOM notifier, shrinker, MemAvailable */
int relief_start(struct ballonet *b);
void relief_stop(struct ballonet *b);
void relief_recount(struct ballonet *b);
unsigned long relief_counted(struct ballonet *b);

/* report.c, press.c, hint.c, stats.c, show.c */
int report_start(struct ballonet *b);
void report_stop(struct ballonet *b);
int report_send(struct ballonet *b, struct scatterlist *sg, unsigned int n);
/* Has the kernel report now, until @want pages or all that are free. Returns how many. Sleeps. */
unsigned long report_now(struct ballonet *b, unsigned long want);
int press_init(struct ballonet *b);
/* Presses up to @pages out. Returns how many; -EOPNOTSUPP without a reporting queue, -ETIMEDOUT
 * when the device does not answer, -EINTR when the caller is killed; the press itself then goes on.
 */
long press_by_hand(struct ballonet *b, unsigned long pages);
/* Frees what a press holds and the device does not have in hand. Returns how many pages. */
unsigned long press_release(struct ballonet *b);
void hint_init(struct ballonet *b);
unsigned long hint_release(struct ballonet *b);
int stats_init(struct ballonet *b);
void stats_start(struct ballonet *b);
extern const struct attribute_group *ballonet_groups[];
void show_init(void);
void show_exit(void);
void show_add(struct ballonet *b);
void show_remove(struct ballonet *b);
extern const char *const direction_names[];
extern const char *const ending_names[END_COUNT];

#endif
