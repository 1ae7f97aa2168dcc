/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * conn.h - one VM's connection: what vmm.c and the kinds of hypervisor share
 *
 * Layer: vmm (inside only; vmm.h is the interface).
 * In:    vmm.c says when a connection is readable, writable or due.
 * Out:   a kind says what it wants: bytes sent, an instant, an event.
 *
 * A kind embeds struct vmm_conn first and sees no epoll, no timer and no other
 * connection.
 */
#ifndef BALLONET_VMM_CONN_H
#define BALLONET_VMM_CONN_H

#include "vmm/event.h"

#include "base/buf.h"
#include "base/due.h"
#include "model/snapshot.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define CONN_ADDRESS_MAX 108 /* sun_path */
#define CONN_NAME_MAX 128    /* a name is shown in a column; QEMU itself has no limit */
#define CONN_UUID_MAX 37     /* 32 digits in five groups */
#define CONN_TROUBLE_MAX 240

/*
 * Bytes read from one connection per wakeup. guest-stats has 430 to 700; a
 * flood of events costs a millisecond of parsing before the others' turn.
 */
#define CONN_CHUNK 16384

/* What vmm.c does not know of a kind of hypervisor. All but poll..set_target may close it. */
struct vmm_ops {
	struct vmm_conn *(*new)(void); /* NULL: no memory */
	void (*free)(struct vmm_conn *conn);
	void (*start)(struct vmm_conn *conn, uint64_t now_us);
	void (*readable)(struct vmm_conn *conn, uint64_t now_us); /* or hung up */
	void (*writable)(struct vmm_conn *conn, uint64_t now_us);
	void (*timeout)(struct vmm_conn *conn, uint64_t now_us);
	int (*poll)(struct vmm_conn *conn, uint64_t now_us);
	int (*refresh)(struct vmm_conn *conn, uint64_t now_us);
	void (*calm)(struct vmm_conn *conn, uint64_t now_us);
	int (*set_target)(struct vmm_conn *conn, uint64_t target_b, uint64_t now_us);
	int (*press)(struct vmm_conn *conn, uint64_t press_b, uint64_t now_us); /* NULL: never */
	void (*undo)(const struct vmm_conn *conn, char *text, size_t size); /* NULL: nothing ever */
	void (*leave)(struct vmm_conn *conn, uint64_t now_us); /* say what must still be said */
	bool (*unanswered)(const struct vmm_conn *conn);       /* is a command under way? */
};

extern const struct vmm_ops qemu_ops;
extern const struct vmm_ops device_ops;

/* What all connections have in common; its owner is vmm.c. */
struct conn_common {
	int epoll_fd;
	uint64_t poll_s; /* the polling interval of guests that have none */
	struct due_heap due;
	vmm_event_fn event;
	vmm_wall_fn wall;
	void *userdata; /* of both */
	char chunk[CONN_CHUNK];
};

struct vmm_conn {
	struct conn_common *common;
	const struct vmm_ops *ops;
	void *userdata;
	struct vmm_conn *prev, *next;
	struct due due;
	int fd;	       /* -EBADF while not connected */
	bool want_out; /* epoll watches for room */
	bool removed;  /* the owner is done with it; it lives until nothing is unanswered */
	pid_t pid;
	struct vm_facts facts; /* the hypervisor's share */
	char address[CONN_ADDRESS_MAX];
	char name[CONN_NAME_MAX];
	char uuid[CONN_UUID_MAX];
	char trouble[CONN_TROUBLE_MAX];
};

/* Tells the owner, unless it has removed the connection. Must be the last act of a handler. */
void conn_emit(struct vmm_conn *conn, enum vmm_event event);

/* Sets the sentence on what is wrong; control characters become '?'. "" takes it back. */
void conn_trouble(struct vmm_conn *conn, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Copies @text into @size bytes at @ret: no control characters, cut between characters. */
void conn_tidy(const char *text, char *ret, size_t size);

/* Connects to the unix socket at the address, and watches it. 0 or -errno; never waits. */
int conn_connect(struct vmm_conn *conn);
void conn_close(struct vmm_conn *conn);

/*
 * Reads once, at most CONN_CHUNK bytes into memory that all connections share
 * and that lasts until the next read. Bytes > 0, -EAGAIN, -EPIPE at the end of
 * the stream, or -errno.
 */
ssize_t conn_read(struct vmm_conn *conn, const char **ret_bytes);

/* Sends what @out holds as far as the socket takes it, and watches for room for the rest. */
int conn_flush(struct vmm_conn *conn, struct buf *out);

/* Says when timeout() is to be called; DUE_NEVER: not at all. */
void conn_due(struct vmm_conn *conn, uint64_t at_us);

/* The polling interval of guests that have none. */
uint64_t conn_poll_s(const struct vmm_conn *conn);

/* The wall clock (microseconds since 1970), the one that hypervisors stamp statistics with. */
uint64_t conn_wall_us(const struct vmm_conn *conn);

#endif
