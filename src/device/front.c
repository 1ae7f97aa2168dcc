/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * front.c - the front end's side of the device: memory, rings, configuration
 *
 * Layer: device.
 * In:    vhost-user messages.
 * Out:   replies.
 *
 * QEMU's main loop waits for each answer and asserts when none comes. So nothing
 * here waits, and a front end is disconnected only for an invalid message.
 */
#include "device/front.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"

/* Messages answered per wakeup; setting a device up takes about 50. */
#define MESSAGES_MAX 64

static const uint64_t protocol_offered =
	UINT64_C(1) << VU_PROTOCOL_MQ | UINT64_C(1) << VU_PROTOCOL_REPLY_ACK |
	UINT64_C(1) << VU_PROTOCOL_BACKEND_REQ | UINT64_C(1) << VU_PROTOCOL_CONFIG |
	UINT64_C(1) << VU_PROTOCOL_RESET_DEVICE | UINT64_C(1) << VU_PROTOCOL_CONFIGURE_MEM_SLOTS;

static void forget(struct front *f)
{
	unsigned int i;

	f->sock = f->backend = -EBADF;
	f->features = f->protocol = 0;
	memset(f->config, 0, sizeof(f->config));
	for (i = 0; i < BALLOON_RINGS_MAX; i++)
		f->ring[i] = (struct front_ring){ .kick = -EBADF, .call = -EBADF };
	guestmem_init(&f->mem);
	vu_reader_init(&f->reader);
}

void front_init(struct front *f, uint64_t offered, bool huge, const struct front_ops *ops,
		void *userdata)
{
	*f = (struct front){ .ops = ops,
			     .userdata = userdata,
			     .offered = offered | UINT64_C(1) << VU_F_PROTOCOL_FEATURES,
			     .huge = huge };
	forget(f);
}

void front_open(struct front *f, int sock)
{
	f->sock = sock;
}

static void swap_fd(int *fd, int with)
{
	cleanup_close int old = *fd;

	(void)old;
	*fd = with;
}

void front_close(struct front *f)
{
	unsigned int i;

	f->ops->quiesce(f->userdata);
	for (i = 0; i < BALLOON_RINGS_MAX; i++) {
		swap_fd(&f->ring[i].kick, -EBADF);
		swap_fd(&f->ring[i].call, -EBADF);
	}
	vu_msg_close(&f->reader.msg);
	swap_fd(&f->backend, -EBADF);
	swap_fd(&f->sock, -EBADF);
	guestmem_fini(&f->mem);
	forget(f);
}

uint32_t front_config(const struct front *f, unsigned int field)
{
	uint32_t v;

	memcpy(&v, f->config + field, sizeof(v));
	return le32toh(v);
}

void front_set_config(struct front *f, unsigned int field, uint32_t value)
{
	value = htole32(value);
	memcpy(f->config + field, &value, sizeof(value));
}

int front_tell_config(struct front *f)
{
	struct vu_header h = { .request = VU_BACKEND_CONFIG_CHANGE, .flags = VU_VERSION };

	return f->backend < 0 ? -ENOTCONN : vu_send(f->backend, &h, NULL);
}

bool front_ring_ready(const struct front *f, unsigned int ring)
{
	const struct front_ring *r = &f->ring[ring];

	return r->kick >= 0 && r->enabled && r->placed;
}

bool front_any_ready(const struct front *f)
{
	unsigned int i;

	for (i = 0; i < BALLOON_RINGS_MAX; i++)
		if (front_ring_ready(f, i))
			return true;
	return false;
}

bool front_fresh(const struct front *f)
{
	unsigned int i;

	for (i = 0; i < BALLOON_RINGS_MAX; i++)
		if (front_ring_ready(f, i) && f->ring[i].base != 0)
			return false;
	return true;
}

static int bad(const char **ret_why, const char *why)
{
	*ret_why = why;
	return -EPROTO;
}

static int reply(struct front *f, const struct vu_msg *msg, const void *payload, uint32_t size)
{
	struct vu_header h = { .request = msg->h.request,
			       .flags = VU_VERSION | VU_FLAG_REPLY,
			       .size = size };

	return vu_send(f->sock, &h, payload) < 0 ? -EPIPE : 1;
}

static int reply_u64(struct front *f, const struct vu_msg *msg, uint64_t v)
{
	return reply(f, msg, &v, sizeof(v));
}

static struct guestmem_region region_of(const struct vu_region *v, int fd)
{
	return (struct guestmem_region){
		.gpa = v->gpa, .size = v->size, .user = v->user, .offset = v->offset, .fd = fd
	};
}

static int region_add(struct front *f, struct vu_msg *msg, const struct vu_region *v, size_t i)
{
	struct guestmem_region r = region_of(v, vu_take_fd(msg, i));
	int err = guestmem_add(&f->mem, &r, f->huge);

	if (err < 0 && r.fd >= 0)
		(void)close(r.fd);
	return err;
}

/* Does the table say what is known? Front ends send it with every start. */
static bool same_table(const struct front *f, const struct vu_msg *msg)
{
	size_t i;

	for (i = 0; i < msg->p.table.n; i++) {
		struct guestmem_region r = region_of(&msg->p.table.region[i], msg->fd[i]);

		if (!guestmem_is(&f->mem, i, &r))
			return false;
	}
	return i == f->mem.n;
}

static int on_mem_table(struct front *f, struct vu_msg *msg, const char **ret_why)
{
	size_t i;

	f->ops->quiesce(f->userdata);
	if (same_table(f, msg))
		return 0; /* pages that wait keep their numbers */
	f->ops->forget_pages(f->userdata, 0, GUESTMEM_PAGES_MAX);
	guestmem_fini(&f->mem);
	for (i = 0; i < msg->p.table.n; i++)
		if (region_add(f, msg, &msg->p.table.region[i], i) < 0)
			return bad(ret_why, "memory that cannot be");
	return 0;
}

static int on_mem_add(struct front *f, struct vu_msg *msg, const char **ret_why)
{
	f->ops->quiesce(f->userdata);
	if (region_add(f, msg, &msg->p.reg.region, 0) < 0)
		return bad(ret_why, "memory that cannot be");
	return 0;
}

static int on_mem_remove(struct front *f, const struct vu_msg *msg, const char **ret_why)
{
	const struct vu_region *v = &msg->p.reg.region;
	struct guestmem_region r = { .gpa = v->gpa, .size = v->size, .user = v->user };
	uint64_t first, pages;

	f->ops->quiesce(f->userdata);
	if (guestmem_remove(&f->mem, &r, &first, &pages) < 0)
		return bad(ret_why, "memory to remove that was never added");
	f->ops->forget_pages(f->userdata, first, pages);
	return 0;
}

static struct front_ring *ring_of(struct front *f, uint64_t index, const char **ret_why)
{
	if (index < BALLOON_RINGS_MAX)
		return &f->ring[index];
	*ret_why = "a ring that does not exist";
	return NULL;
}

/* Where the ring stands: the used index, or what it was last if that cannot be read. */
static uint16_t ring_position(const struct front *f, const struct front_ring *r)
{
	uint64_t offset;
	uint16_t idx;
	int fd;

	if (!r->placed || r->kick < 0 ||
	    guestmem_user_offset(&f->mem, r->addr.used + 2, sizeof(idx), &fd, &offset) < 0 ||
	    pread(fd, &idx, sizeof(idx), (off_t)offset) != sizeof(idx))
		return r->base;
	return le16toh(idx);
}

static int on_ring_state(struct front *f, const struct vu_msg *msg, const char **ret_why)
{
	const struct vu_ring_state *s = &msg->p.state;
	struct front_ring *r = ring_of(f, s->index, ret_why);
	struct vu_ring_state position;

	if (!r)
		return -EPROTO;
	f->ops->quiesce(f->userdata);
	switch (msg->h.request) {
	case VU_SET_VRING_NUM:
		if (s->num == 0 || s->num > VIRTQ_NUM_MAX)
			return bad(ret_why, "a ring of an impossible size");
		r->num = s->num;
		return 0;
	case VU_SET_VRING_BASE:
		r->base = (uint16_t)s->num;
		return 0;
	case VU_SET_VRING_ENABLE:
		r->enabled = s->num != 0;
		return 0;
	default: /* VU_GET_VRING_BASE */
		r->base = ring_position(f, r);
		swap_fd(&r->kick, -EBADF);
		position = (struct vu_ring_state){ .index = s->index, .num = r->base };
		return reply(f, msg, &position, sizeof(position));
	}
}

static int on_ring_addr(struct front *f, const struct vu_msg *msg, const char **ret_why)
{
	struct front_ring *r = ring_of(f, msg->p.addr.index, ret_why);

	if (!r)
		return -EPROTO;
	f->ops->quiesce(f->userdata);
	r->addr = msg->p.addr;
	r->placed = true;
	return 0;
}

static int on_ring_fd(struct front *f, struct vu_msg *msg, const char **ret_why)
{
	struct front_ring *r = ring_of(f, msg->p.u64 & VU_RING_MASK, ret_why);

	if (!r)
		return -EPROTO;
	if (msg->h.request == VU_SET_VRING_ERR)
		return 0; /* errors are told on the control socket, and in the log */
	f->ops->quiesce(f->userdata);
	if (msg->h.request == VU_SET_VRING_CALL) {
		swap_fd(&r->call, vu_take_fd(msg, 0));
		return 0;
	}
	if (msg->p.u64 & VU_RING_NO_FD)
		return bad(ret_why, "a ring that is to be polled");
	swap_fd(&r->kick, vu_take_fd(msg, 0));
	if (!(f->features >> VU_F_PROTOCOL_FEATURES & 1))
		r->enabled = true;
	return 0;
}

static int on_features(struct front *f, const struct vu_msg *msg)
{
	uint64_t odd = msg->p.u64 & ~f->offered;

	f->ops->quiesce(f->userdata);
	if (odd)
		log_warning("features-refused bits=0x%llx", (unsigned long long)odd);
	f->features = msg->p.u64 & f->offered;
	return 0;
}

/*
 * The front end writes its copy of the whole block, of which all but what the
 * guest owns may be old.
 */
static int on_set_config(struct front *f, const struct vu_msg *msg)
{
	static const unsigned int own[] = { BALLOON_CONFIG_ACTUAL, BALLOON_CONFIG_POISON_VAL,
					    BALLOON_CONFIG_PRESSED_SEQ,
					    BALLOON_CONFIG_PRESSED_PAGES };
	const struct vu_config *c = &msg->p.config;
	uint32_t poison = front_config(f, BALLOON_CONFIG_POISON_VAL);
	size_t i;

	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (own[i] >= c->offset && own[i] + 4 <= c->offset + c->size)
			memcpy(f->config + own[i], c->bytes + (own[i] - c->offset), 4);
	if (front_config(f, BALLOON_CONFIG_POISON_VAL) != poison)
		f->ops->quiesce(f->userdata); /* a worker knows what it was started with */
	f->ops->config_written(f->userdata);
	return 0;
}

static int on_get_config(struct front *f, const struct vu_msg *msg)
{
	struct vu_config c = msg->p.config;

	memcpy(c.bytes, f->config + c.offset, c.size);
	return reply(f, msg, &c, msg->h.size);
}

static int on_reset(struct front *f)
{
	unsigned int i;

	f->ops->quiesce(f->userdata);
	for (i = 0; i < BALLOON_RINGS_MAX; i++) {
		swap_fd(&f->ring[i].kick, -EBADF);
		f->ring[i].enabled = false;
		f->ring[i].base = 0;
	}
	return 0;
}

/* 1: answered, 0: done and nothing was answered, or -errno. */
static int dispatch(struct front *f, struct vu_msg *msg, const char **ret_why)
{
	switch (msg->h.request) {
	case VU_GET_FEATURES:
		return reply_u64(f, msg, f->offered);
	case VU_SET_FEATURES:
		return on_features(f, msg);
	case VU_SET_OWNER:
		return 0;
	case VU_RESET_OWNER:
	case VU_RESET_DEVICE:
		return on_reset(f);
	case VU_SET_MEM_TABLE:
		return on_mem_table(f, msg, ret_why);
	case VU_ADD_MEM_REG:
		return on_mem_add(f, msg, ret_why);
	case VU_REM_MEM_REG:
		return on_mem_remove(f, msg, ret_why);
	case VU_GET_MAX_MEM_SLOTS:
		return reply_u64(f, msg, GUESTMEM_REGIONS_MAX);
	case VU_SET_VRING_NUM:
	case VU_SET_VRING_BASE:
	case VU_GET_VRING_BASE:
	case VU_SET_VRING_ENABLE:
		return on_ring_state(f, msg, ret_why);
	case VU_SET_VRING_ADDR:
		return on_ring_addr(f, msg, ret_why);
	case VU_SET_VRING_KICK:
	case VU_SET_VRING_CALL:
	case VU_SET_VRING_ERR:
		return on_ring_fd(f, msg, ret_why);
	case VU_GET_PROTOCOL_FEATURES:
		return reply_u64(f, msg, protocol_offered);
	case VU_SET_PROTOCOL_FEATURES:
		f->protocol = msg->p.u64 & protocol_offered;
		return 0;
	case VU_GET_QUEUE_NUM:
		return reply_u64(f, msg, BALLOON_RINGS_MAX);
	case VU_SET_BACKEND_REQ_FD:
		swap_fd(&f->backend, vu_take_fd(msg, 0));
		return 0;
	case VU_GET_CONFIG:
		return on_get_config(f, msg);
	case VU_SET_CONFIG:
		return on_set_config(f, msg);
	default:
		return bad(ret_why, "a request that is not known here"); /* vu_check() has it */
	}
}

int front_handle(struct front *f, struct vu_msg *msg, const char **ret_why)
{
	bool ack =
		(msg->h.flags & VU_FLAG_NEED_REPLY) && (f->protocol >> VU_PROTOCOL_REPLY_ACK & 1);
	int r = dispatch(f, msg, ret_why);

	vu_msg_close(msg);
	if (r != 0 && !(r == -EPROTO && ack))
		return r < 0 ? r : 0;
	if (r < 0)
		log_warning("request-refused request=%u why=\"%s\"", msg->h.request, *ret_why);
	if (ack)
		return reply_u64(f, msg, r < 0) < 0 ? -EPIPE : 0;
	return 0;
}

int front_readable(struct front *f, const char **ret_why)
{
	int i, r;

	for (i = 0; i < MESSAGES_MAX; i++) {
		r = vu_read(&f->reader, f->sock, ret_why);
		if (r <= 0)
			return r;
		r = front_handle(f, &f->reader.msg, ret_why);
		if (r < 0)
			return r;
	}
	return 0;
}
