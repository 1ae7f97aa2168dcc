/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vhost_user.c - the messages of the vhost-user protocol, checked for shape
 *
 * Layer: device.
 * In:    a stream socket.
 * Out:   whole messages.
 *
 * A header is read alone, since only it says how much follows. Reading any of the
 * next message would take its descriptors too.
 */
#include "device/vhost_user.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/num.h"

#define FD_RING 100 /* as many as the payload says: one, or none with VU_RING_NO_FD */
#define FD_REGIONS 101
#define FD_ANY 102 /* none or one */

#define SIZE_CONFIG UINT32_MAX
#define SIZE_TABLE (UINT32_MAX - 1)
#define CONFIG_HEAD ((uint32_t)offsetof(struct vu_config, bytes))
#define TABLE_HEAD ((uint32_t)offsetof(struct vu_mem_table, region))

/* A request that is known: size of its payload, descriptors. */
struct shape {
	uint32_t size;
	uint32_t fds;
	bool known;
};

static const struct shape shapes[] = {
	[VU_GET_FEATURES] = { 0, 0, true },
	[VU_SET_FEATURES] = { sizeof(uint64_t), 0, true },
	[VU_SET_OWNER] = { 0, 0, true },
	[VU_RESET_OWNER] = { 0, 0, true },
	[VU_SET_MEM_TABLE] = { SIZE_TABLE, FD_REGIONS, true },
	[VU_SET_VRING_NUM] = { sizeof(struct vu_ring_state), 0, true },
	[VU_SET_VRING_ADDR] = { sizeof(struct vu_ring_addr), 0, true },
	[VU_SET_VRING_BASE] = { sizeof(struct vu_ring_state), 0, true },
	[VU_GET_VRING_BASE] = { sizeof(struct vu_ring_state), 0, true },
	[VU_SET_VRING_KICK] = { sizeof(uint64_t), FD_RING, true },
	[VU_SET_VRING_CALL] = { sizeof(uint64_t), FD_RING, true },
	[VU_SET_VRING_ERR] = { sizeof(uint64_t), FD_RING, true },
	[VU_GET_PROTOCOL_FEATURES] = { 0, 0, true },
	[VU_SET_PROTOCOL_FEATURES] = { sizeof(uint64_t), 0, true },
	[VU_GET_QUEUE_NUM] = { 0, 0, true },
	[VU_SET_VRING_ENABLE] = { sizeof(struct vu_ring_state), 0, true },
	[VU_SET_BACKEND_REQ_FD] = { 0, 1, true },
	[VU_GET_CONFIG] = { SIZE_CONFIG, 0, true },
	[VU_SET_CONFIG] = { SIZE_CONFIG, 0, true },
	[VU_RESET_DEVICE] = { 0, 0, true },
	[VU_GET_MAX_MEM_SLOTS] = { 0, 0, true },
	[VU_ADD_MEM_REG] = { sizeof(struct vu_mem_reg), 1, true },
	[VU_REM_MEM_REG] = { sizeof(struct vu_mem_reg), FD_ANY, true },
};

static bool size_fits(const struct shape *s, const struct vu_msg *msg)
{
	uint32_t size = msg->h.size;

	switch (s->size) {
	case SIZE_CONFIG:
		return size >= CONFIG_HEAD && msg->p.config.size <= VU_CONFIG_MAX &&
		       size == CONFIG_HEAD + msg->p.config.size &&
		       msg->p.config.offset <= VU_CONFIG_MAX - msg->p.config.size;
	case SIZE_TABLE:
		/* some front ends send the whole array whatever its use */
		return size >= TABLE_HEAD && msg->p.table.n <= VU_FDS_MAX &&
		       size >= TABLE_HEAD + msg->p.table.n * sizeof(struct vu_region);
	default:
		return size == s->size;
	}
}

static bool fds_fit(const struct shape *s, const struct vu_msg *msg)
{
	switch (s->fds) {
	case FD_RING:
		return msg->nfd == !(msg->p.u64 & VU_RING_NO_FD);
	case FD_REGIONS:
		return msg->nfd == msg->p.table.n;
	case FD_ANY:
		return msg->nfd <= 1;
	default:
		return msg->nfd == s->fds;
	}
}

const char *vu_check(const struct vu_msg *msg)
{
	const struct shape *s;

	if (msg->h.request >= ARRAY_SIZE(shapes) || !shapes[msg->h.request].known)
		return "a request that is not known here";
	s = &shapes[msg->h.request];
	if (!size_fits(s, msg))
		return "a payload of the wrong size";
	if (!fds_fit(s, msg))
		return "a wrong number of descriptors";
	return NULL;
}

void vu_reader_init(struct vu_reader *rd)
{
	rd->have = 0;
	rd->msg.nfd = 0;
}

void vu_msg_close(struct vu_msg *msg)
{
	size_t i;

	for (i = 0; i < msg->nfd; i++)
		if (msg->fd[i] >= 0)
			(void)close(msg->fd[i]);
	msg->nfd = 0;
}

int vu_take_fd(struct vu_msg *msg, size_t i)
{
	int fd = i < msg->nfd ? msg->fd[i] : -EBADF;

	if (i < msg->nfd)
		msg->fd[i] = -EBADF;
	return fd;
}

/* Takes the descriptors that came; false where there are more than any message has. */
static bool take_fds(struct vu_msg *msg, struct msghdr *mh)
{
	bool fit = !(mh->msg_flags & MSG_CTRUNC);
	struct cmsghdr *c;
	size_t i, n;
	int fd;

	for (c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (msg->nfd < VU_FDS_MAX) {
				msg->fd[msg->nfd++] = fd;
			} else {
				(void)close(fd);
				fit = false;
			}
		}
	}
	return fit;
}

/* Reads up to @want bytes of the message in all. Bytes > 0, or -errno. */
static ssize_t read_upto(struct vu_reader *rd, int sock, size_t want)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * VU_FDS_MAX)];
	struct msghdr mh = { .msg_control = control, .msg_controllen = sizeof(control) };
	struct iovec iov;
	ssize_t n;

	if (rd->have < sizeof(rd->msg.h))
		iov.iov_base = (char *)&rd->msg.h + rd->have;
	else
		iov.iov_base = (char *)&rd->msg.p + (rd->have - sizeof(rd->msg.h));
	iov.iov_len = want - rd->have;
	mh.msg_iov = &iov;
	mh.msg_iovlen = 1;
	n = recvmsg(sock, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (!take_fds(&rd->msg, &mh))
		return -EPROTO;
	if (n == 0)
		return -EPIPE;
	rd->have += (size_t)n;
	return n;
}

int vu_read(struct vu_reader *rd, int sock, const char **ret_why)
{
	size_t head = sizeof(rd->msg.h), want;
	ssize_t n;

	for (;;) {
		want = rd->have < head ? head : head + rd->msg.h.size;
		if (rd->have >= head && rd->have == want)
			break;
		n = read_upto(rd, sock, want);
		if (n == -EAGAIN)
			return 0;
		if (n == -EPROTO)
			*ret_why = "too many descriptors";
		if (n < 0)
			return n == -EPROTO ? -EPROTO : -EPIPE;
		if (rd->have != head)
			continue;
		if ((rd->msg.h.flags & 3) != VU_VERSION || (rd->msg.h.flags & VU_FLAG_REPLY)) {
			*ret_why = "a header of another protocol";
			return -EPROTO;
		}
		if (rd->msg.h.size > sizeof(rd->msg.p)) {
			*ret_why = "a message that is too long";
			return -EPROTO;
		}
		memset(&rd->msg.p, 0, sizeof(rd->msg.p));
	}
	rd->have = 0;
	*ret_why = vu_check(&rd->msg);
	return *ret_why ? -EPROTO : 1;
}

int vu_send(int sock, const struct vu_header *h, const void *payload)
{
	struct iovec iov[2] = {
		{ .iov_base = (void *)(uintptr_t)h, .iov_len = sizeof(*h) },
		{ .iov_base = (void *)(uintptr_t)payload, .iov_len = h->size },
	};
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = h->size ? 2 : 1 };
	ssize_t n;

	n = sendmsg(sock, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return -errno;
	return (size_t)n == sizeof(*h) + h->size ? 0 : -EAGAIN;
}
