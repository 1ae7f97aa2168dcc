/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ballonet.h - one balloon: what each part of the driver keeps
 *
 * Layer: guest.
 * In:    the virtio balloon device, the kernel's memory management.
 * Out:   struct ballonet. Types only; a part's functions are in the header of its file.
 *
 * Who calls whom, from the top: main - show, features - stats, relief - press, hint - balloon -
 * report, watch, pfnq - device - available, config, params, trace, compat. No call goes upwards.
 *
 * Locks, in the order in which they nest:
 *   op_lock      one long operation at a time (inflate, deflate, press); held across allocations,
 *                so nothing that the memory management calls may take it
 *   report_lock  the reporting queue, until the device answers; nothing is allocated under it
 *   device_lock  the size as the device is told, the reset; nothing is allocated under it
 *   lock         the direction, the pages of presses and hints, what MemAvailable counts: a few
 *                instructions each; never sleeps
 *   pfnq.lock    the slots and the ring of one queue; never sleeps, never nests with lock
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

enum life {
	LIFE_PROBED,   /* being started; no work is queued yet */
	LIFE_READY,    /* works may be queued */
	LIFE_FREEZING, /* nothing new begins, what is under way ends */
	LIFE_GONE,     /* the device has been reset: it will never answer, nor touch a page */
};

enum direction {
	IDLE,	   /* the balloon keeps its size */
	INFLATING, /* one operation grows it; the shrinker gives nothing for its whole length */
	DEFLATING, /* one or more callers shrink it; no inflate begins */
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

enum queue_index {
	QUEUE_INFLATE,
	QUEUE_DEFLATE,
	QUEUE_STATS,
	QUEUE_HINT,
	QUEUE_REPORT,
	QUEUE_COUNT,
};

struct queue {
	struct virtqueue *vq; /* NULL: the device does not have it */
	wait_queue_head_t acks;
	unsigned long flags; /* QUEUE_STUCK */
};

/* Bit of queue.flags: the device owes an answer for longer than DEVICE_PATIENCE. */
#define QUEUE_STUCK 0

/* PFNs on their way to the device, and the pages they are of. */
struct slot {
	struct list_head link;	/* in pfnq.idle, or in flight */
	struct list_head pages; /* whose they are: see pfnq_send() */
	unsigned int count;	/* pages */
	bool keep;		/* the sender waits for it and takes it back himself */
	bool acked;
	__virtio32 *pfns;
};

struct ballonet;
struct pfnq;
typedef void (*pfnq_done_fn)(struct pfnq *q, struct slot *slot);

struct pfnq {
	struct ballonet *owner;
	struct queue *queue;
	pfnq_done_fn done; /* takes the pages of an acked slot; must not sleep */
	spinlock_t lock;
	struct list_head idle, flying;
	unsigned int capacity; /* pages in a slot */
	struct slot slots[PFNQ_SLOTS];
};

/* Counts since probe, for debugfs. Racing increments may be lost, which nobody decides by. */
struct counters {
	u64 inflated_pages, deflated_pages, migrated_pages, allocated_pages;
	u64 oom_calls, oom_pages, pressure_calls, pressure_pages, pressure_refused;
	u64 inflates, deflates, endings[END_COUNT];
	u64 presses, pressed_pages, last_press_us;
	u64 reported_pages, hinted_pages, stats_sent;
};

/* balloon.c */
struct balloon {
	struct work_struct work;	/* to the target */
	struct delayed_work holdoff;	/* ends: the work may inflate again */
	struct delayed_work retry;	/* what could not be fulfilled */
	struct work_struct actual_work; /* tell the device how big we are */
	struct balloon_dev_info info;	/* the pages, order 0 each */
	atomic_long_t size;		/* pages */
	atomic_long_t flying;		/* pages taken that are not in the balloon yet */
	struct pfnq inflateq, deflateq;
	u32 target;		   /* PFNs; as last read */
	unsigned long flags;	   /* BALLOON_RETARGET, BALLOON_HOLDING_OFF */
	bool must_tell;		   /* a page may be used only after the device knows */
	bool managed_shrinks;	   /* ballooned pages are not counted in MemTotal */
	enum direction dir;	   /* under lock */
	unsigned int deflaters;	   /* callers inside DEFLATING; under lock */
	unsigned long holdoff_end; /* jiffies; no inflate before */
	unsigned long events[NR_VM_EVENT_ITEMS]; /* under op_lock */
};

/* Bits of balloon.flags. */
#define BALLOON_RETARGET 0    /* the device has changed its configuration */
#define BALLOON_HOLDING_OFF 1 /* until holdoff_end */
#define BALLOON_PAUSED 2      /* the guest goes to sleep */

/* relief.c */
struct relief {
	bool on_oom, on_pressure;
	bool oom_registered, shrinker_registered;
	struct notifier_block oom_nb;
	struct compat_shrinker shrinker;
	atomic_t cries; /* grows with each: inflates, presses and rounds of hints end */
};

/* available.c */
struct available {
	atomic_long_t ballooned[MAX_NUMNODES]; /* pages */
	unsigned long counted[MAX_NUMNODES];   /* of them in MemAvailable; under lock */
};

/* report.c */
struct reporting {
	struct page_reporting_dev_info info;
	bool registered;
	struct scatterlist *sg; /* blocks of our own; under op_lock */
};

/* press.c */
struct press {
	struct work_struct work;
	struct list_head pages;	   /* taken and not yet in the device's hands; under lock */
	unsigned long held;	   /* pages of these; under lock */
	unsigned int releases;	   /* times that the guest needed them; under lock */
	struct task_struct *taker; /* who takes pages just now */
	u32 seq;		   /* of the device's last request */
	unsigned long by_hand;	   /* pages requested by sysfs; 0 when that has been served */
	long by_hand_pressed;	   /* what came of it */
};

/* hint.c */
struct hint {
	struct work_struct work;
	struct list_head pages; /* under lock */
	unsigned long held;	/* pages of these; under lock */
	unsigned int releases;	/* times that the guest needed them; under lock */
	u32 id;			/* of the last round */
	unsigned long flags;	/* HINT_CHANGED */
	struct hint_words *words;
	unsigned int flying; /* buffers that the device has not answered */
};

/* Bit of hint.flags: the device has changed its configuration. */
#define HINT_CHANGED 0

/* What the device is told, in memory of its own: neither a stack nor vmalloc can be shown to it. */
struct hint_words {
	__virtio32 id, stop;
};

/* stats.c */
struct stats {
	struct work_struct work;
	struct stat_entry *entries;
	unsigned long events[NR_VM_EVENT_ITEMS]; /* used by the work only */
};

struct ballonet {
	struct virtio_device *vdev;
	enum life life;
	struct workqueue_struct *wq;
	struct workqueue_struct *press_wq; /* waits for the kernel's own: no rescuer may run it */
	struct mutex op_lock, report_lock, device_lock;
	spinlock_t lock;
	struct queue queues[QUEUE_COUNT];
	bool queues_found; /* and not deleted yet */
	struct balloon balloon;
	struct relief relief;
	struct available available;
	struct reporting reporting;
	struct press press;
	struct hint hint;
	struct stats stats;
	struct counters counters;
	struct notifier_block reboot_nb, pm_nb;
	struct dentry *debugfs;
};

#endif
