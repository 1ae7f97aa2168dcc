/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtq.c - one split virtqueue in the memory of a guest that may lie
 *
 * Layer: device.
 * In:    descriptors, the available ring.
 * Out:   chains; the used ring.
 *
 * The guest can write to all of it at any time. So everything is copied once, and
 * the copy is checked and used. Little-endian throughout, as VERSION_1 requires.
 */
#include "device/virtq.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_ring.h>

int virtq_init(struct virtq *vq, const struct guestmem *gm, const struct virtq_config *c)
{
	uint64_t num = c->num;

	if (num == 0 || num > VIRTQ_NUM_MAX || (num & (num - 1)))
		return -EINVAL;
	if (c->desc % 16 || c->avail % 2 || c->used % 4)
		return -EINVAL;
	*vq = (struct virtq){ .gm = gm,
			      .num = (uint16_t)num,
			      .event_idx = c->event_idx,
			      .indirect = c->indirect,
			      .tell = true };
	vq->desc = guestmem_user_range(gm, c->desc, num * sizeof(struct vring_desc));
	vq->avail = guestmem_user_range(gm, c->avail, 6 + 2 * num);
	vq->used = guestmem_user_range(gm, c->used, 6 + num * sizeof(struct vring_used_elem));
	/* the file's alignment may differ from that of its addresses */
	if (!vq->desc || !vq->avail || !vq->used || (uintptr_t)vq->desc % 16 ||
	    (uintptr_t)vq->avail % 2 || (uintptr_t)vq->used % 4)
		return -EFAULT;
	vq->next_used =
		le16toh(__atomic_load_n(&((struct vring_used *)vq->used)->idx, __ATOMIC_ACQUIRE));
	vq->next_avail = vq->told_used = vq->next_used;
	return 0;
}

static uint16_t load16(const uint16_t *p)
{
	return le16toh(__atomic_load_n(p, __ATOMIC_ACQUIRE));
}

static void copy_desc(const struct vring_desc *from, struct vring_desc *ret)
{
	const volatile struct vring_desc *v = from;

	ret->addr = le64toh(v->addr);
	ret->len = le32toh(v->len);
	ret->flags = le16toh(v->flags);
	ret->next = le16toh(v->next);
}

static int bad(const char **ret_why, const char *why)
{
	*ret_why = why;
	return -EPROTO;
}

/* A table of descriptors: the ring's own, or an indirect one. */
struct table {
	const struct vring_desc *desc;
	uint32_t num;
	bool indirect;
};

static int open_indirect(struct virtq *vq, const struct vring_desc *d, struct table *ret,
			 const char **ret_why)
{
	if (!vq->indirect)
		return bad(ret_why, "an indirect table that was not negotiated");
	if (ret->indirect)
		return bad(ret_why, "an indirect table in an indirect table");
	if (d->flags & VRING_DESC_F_NEXT)
		return bad(ret_why, "a descriptor behind an indirect table");
	if (d->len == 0 || d->len % sizeof(*d) || d->len / sizeof(*d) > VIRTQ_SEGS_MAX)
		return bad(ret_why, "an indirect table of an odd length");
	ret->desc = guestmem_range(vq->gm, d->addr, d->len);
	if (!ret->desc)
		return bad(ret_why, "an indirect table outside of its memory");
	ret->num = d->len / (uint32_t)sizeof(*d);
	ret->indirect = true;
	return 0;
}

static int walk(struct virtq *vq, struct virtq_chain *ret, const char **ret_why)
{
	struct table t = { .desc = vq->desc, .num = vq->num };
	struct vring_desc d;
	uint32_t at = ret->head, seen = 0;
	int r;

	ret->n = 0;
	for (;;) {
		if (at >= t.num)
			return bad(ret_why, "a descriptor that does not exist");
		if (seen++ >= t.num || ret->n == VIRTQ_SEGS_MAX)
			return bad(ret_why, "a chain that does not end");
		copy_desc(&t.desc[at], &d);
		if (d.flags & VRING_DESC_F_INDIRECT) {
			r = open_indirect(vq, &d, &t, ret_why);
			if (r < 0)
				return r;
			at = seen = 0;
			continue;
		}
		ret->seg[ret->n++] = (struct virtq_seg){ .gpa = d.addr,
							 .len = d.len,
							 .writable = d.flags & VRING_DESC_F_WRITE };
		if (!(d.flags & VRING_DESC_F_NEXT))
			return 1;
		at = d.next;
	}
}

int virtq_pop(struct virtq *vq, struct virtq_chain *ret, const char **ret_why)
{
	const struct vring_avail *avail = vq->avail;
	uint16_t ahead = (uint16_t)(load16(&avail->idx) - vq->next_avail);

	if (ahead == 0)
		return 0;
	if (ahead > vq->num)
		return bad(ret_why, "an index that ran backwards or too far");
	ret->head = load16(&avail->ring[vq->next_avail & (vq->num - 1)]);
	vq->next_avail++;
	return walk(vq, ret, ret_why);
}

void virtq_unpop(struct virtq *vq)
{
	vq->next_avail--;
}

void virtq_push(struct virtq *vq, uint16_t head)
{
	struct vring_used_elem *e =
		&((struct vring_used *)vq->used)->ring[vq->next_used & (vq->num - 1)];

	*(volatile uint32_t *)&e->id = htole32(head);
	*(volatile uint32_t *)&e->len = 0; /* nothing is ever written into a buffer */
	vq->next_used++;
}

/* Where the guest writes how far it wants not to be told. */
static const uint16_t *used_event(const struct virtq *vq)
{
	return &((const struct vring_avail *)vq->avail)->ring[vq->num];
}

static uint16_t *avail_event(const struct virtq *vq)
{
	return (uint16_t *)&((struct vring_used *)vq->used)->ring[vq->num];
}

bool virtq_publish(struct virtq *vq)
{
	struct vring_used *used = vq->used;
	uint16_t before = vq->told_used;
	bool tell = vq->tell;

	__atomic_store_n(&used->idx, htole16(vq->next_used), __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	vq->told_used = vq->next_used;
	vq->tell = false;
	if (tell)
		return true;
	if (before == vq->next_used)
		return false;
	if (vq->event_idx)
		return vring_need_event(load16(used_event(vq)), vq->next_used, before);
	return !(load16(&((struct vring_avail *)vq->avail)->flags) & VRING_AVAIL_F_NO_INTERRUPT);
}

bool virtq_listen(struct virtq *vq)
{
	struct vring_used *used = vq->used;

	if (vq->event_idx)
		__atomic_store_n(avail_event(vq), htole16(vq->next_avail), __ATOMIC_RELAXED);
	else
		__atomic_store_n(&used->flags, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return load16(&((struct vring_avail *)vq->avail)->idx) != vq->next_avail;
}
