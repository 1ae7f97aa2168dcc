/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtq.h - one split virtqueue in the memory of a guest that may lie
 *
 * Layer: device.
 * In:    addresses of the rings; what the guest put there.
 * Out:   chains of buffers, copied and checked; used entries.
 *
 * Chains are returned in the order in which they came. So the used index is all
 * that a new process needs to continue where another one was killed.
 */
#ifndef BALLONET_DEVICE_VIRTQ_H
#define BALLONET_DEVICE_VIRTQ_H

#include "device/guestmem.h"

#include <stdbool.h>
#include <stdint.h>

/* The largest ring that is taken; Linux and QEMU use 128, and 1024 is QEMU's own limit. */
#define VIRTQ_NUM_MAX 1024

/* Buffers in one chain; Linux reports 32 ranges at once, and 1024 is IOV_MAX everywhere. */
#define VIRTQ_SEGS_MAX 1024

struct virtq_config {
	uint32_t num;		    /* a power of two, 1 to VIRTQ_NUM_MAX */
	uint64_t desc, avail, used; /* front end addresses */
	bool event_idx;
	bool indirect;
};

struct virtq {
	const struct guestmem *gm;
	uint16_t num;
	bool event_idx, indirect;
	uint16_t next_avail; /* the next chain to take */
	uint16_t next_used;  /* the next entry to write */
	uint16_t told_used;  /* the guest was asked about its wish to be told up to here */
	bool tell;	     /* at the next virtq_publish() in any case */
	void *desc, *avail, *used;
};

/* One buffer; nothing but its shape was checked. */
struct virtq_seg {
	uint64_t gpa;
	uint32_t len;
	bool writable;
};

struct virtq_chain {
	uint16_t head;
	size_t n;
	struct virtq_seg seg[VIRTQ_SEGS_MAX];
};

/*
 * Begins, or goes on, at the used index that stands in the ring. 0, or -EINVAL
 * (num, alignment) or -EFAULT (not in the guest's memory).
 */
int virtq_init(struct virtq *vq, const struct guestmem *gm, const struct virtq_config *config);

/*
 * Takes the next chain. 1, 0 where there is none, or -EPROTO where the guest
 * broke the rules (*ret_why says how); the queue must not be used on then.
 */
int virtq_pop(struct virtq *vq, struct virtq_chain *ret, const char **ret_why);

/* Takes the last chain back: the next virtq_pop() finds it again. */
void virtq_unpop(struct virtq *vq);

/* Prepares to give @head back; the guest sees it at virtq_publish(). */
void virtq_push(struct virtq *vq, uint16_t head);

/* Shows the guest what was pushed. true: it wants to be told. */
bool virtq_publish(struct virtq *vq);

/* Asks to be told of the next chain. true: there is one already. */
bool virtq_listen(struct virtq *vq);

#endif
