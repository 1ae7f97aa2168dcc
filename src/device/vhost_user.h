/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vhost_user.h - the messages of the vhost-user protocol, checked for shape
 *
 * Layer: device.
 * In:    bytes and descriptors from a front end.
 * Out:   whole messages whose size and number of descriptors fit their kind.
 *
 * From the protocol's specification (QEMU, docs/interop/vhost-user). Numbers
 * are the host's own byte order, because both ends are on one host.
 */
#ifndef BALLONET_DEVICE_VHOST_USER_H
#define BALLONET_DEVICE_VHOST_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum vu_request {
	VU_GET_FEATURES = 1,
	VU_SET_FEATURES = 2,
	VU_SET_OWNER = 3,
	VU_RESET_OWNER = 4,
	VU_SET_MEM_TABLE = 5,
	VU_SET_VRING_NUM = 8,
	VU_SET_VRING_ADDR = 9,
	VU_SET_VRING_BASE = 10,
	VU_GET_VRING_BASE = 11,
	VU_SET_VRING_KICK = 12,
	VU_SET_VRING_CALL = 13,
	VU_SET_VRING_ERR = 14,
	VU_GET_PROTOCOL_FEATURES = 15,
	VU_SET_PROTOCOL_FEATURES = 16,
	VU_GET_QUEUE_NUM = 17,
	VU_SET_VRING_ENABLE = 18,
	VU_SET_BACKEND_REQ_FD = 21,
	VU_GET_CONFIG = 24,
	VU_SET_CONFIG = 25,
	VU_RESET_DEVICE = 34,
	VU_GET_MAX_MEM_SLOTS = 36,
	VU_ADD_MEM_REG = 37,
	VU_REM_MEM_REG = 38,
};

/* What the back end sends by itself, on the backend channel. */
#define VU_BACKEND_CONFIG_CHANGE 2

/* Protocol feature bits. */
#define VU_PROTOCOL_MQ 0
#define VU_PROTOCOL_REPLY_ACK 3
#define VU_PROTOCOL_BACKEND_REQ 5
#define VU_PROTOCOL_CONFIG 9
#define VU_PROTOCOL_RESET_DEVICE 13
#define VU_PROTOCOL_CONFIGURE_MEM_SLOTS 15

/* Device feature bit with which a front end says that it speaks of protocol features. */
#define VU_F_PROTOCOL_FEATURES 30

#define VU_VERSION 1u
#define VU_FLAG_REPLY (1u << 2)
#define VU_FLAG_NEED_REPLY (1u << 3)

#define VU_FDS_MAX 8 /* of VU_SET_MEM_TABLE; everything else has one */
#define VU_CONFIG_MAX 256
#define VU_RING_MASK 0xffu
#define VU_RING_NO_FD 0x100u

struct vu_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /* of the payload, bytes */
};

struct vu_ring_state {
	uint32_t index;
	uint32_t num;
};

struct vu_ring_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t desc, used, avail, log;
};

struct vu_region {
	uint64_t gpa, size, user, offset;
};

struct vu_mem_table {
	uint32_t n, padding;
	struct vu_region region[VU_FDS_MAX];
};

struct vu_mem_reg {
	uint64_t padding;
	struct vu_region region;
};

struct vu_config {
	uint32_t offset, size, flags;
	uint8_t bytes[VU_CONFIG_MAX];
};

union vu_payload {
	uint64_t u64;
	struct vu_ring_state state;
	struct vu_ring_addr addr;
	struct vu_mem_table table;
	struct vu_mem_reg reg;
	struct vu_config config;
};

struct vu_msg {
	struct vu_header h;
	union vu_payload p;
	int fd[VU_FDS_MAX];
	size_t nfd; /* those that are still to be closed */
};

/* A message on its way in; what came of it so far. */
struct vu_reader {
	struct vu_msg msg;
	size_t have; /* bytes of header and payload */
};

void vu_reader_init(struct vu_reader *rd);

/* Closes the descriptors that nobody took. */
void vu_msg_close(struct vu_msg *msg);

/*
 * Reads what is there, and never waits. 1: @rd->msg is whole and of a good
 * shape; handle it, vu_msg_close() it, and call again. 0: more is to come.
 * -EPIPE: the other end has gone. -EPROTO: *ret_why says what is wrong.
 */
int vu_read(struct vu_reader *rd, int sock, const char **ret_why);

/* Is the whole message in @msg of a good shape? NULL: yes. */
const char *vu_check(const struct vu_msg *msg);

/* Takes the descriptor of a message; -EBADF where it has none. */
int vu_take_fd(struct vu_msg *msg, size_t i);

/* Sends a message without descriptors, and never waits. 0 or -errno. */
int vu_send(int sock, const struct vu_header *h, const void *payload);

#endif
