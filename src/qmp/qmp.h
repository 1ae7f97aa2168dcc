/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qmp.h - a conversation with one QEMU, without its socket
 *
 * Layer: qmp.
 * In:    commands to ask; the bytes that came.
 * Out:   the bytes to send; messages, and which command an answer belongs to.
 *
 * The owner has the socket (base/sock.h) and the clock, so that a loop of a
 * thousand connections and a process that waits for one use the same client.
 */
#ifndef BALLONET_QMP_QMP_H
#define BALLONET_QMP_QMP_H

#include "qmp/qmp_cmd.h"
#include "qmp/qmp_line.h"
#include "qmp/qmp_msg.h"

#include <stdint.h>

/* Commands in flight: looking for the device takes 8, a refresh 4, everything else is bounded. */
#define QMP_ASKED_MAX 32

struct qmp_asked {
	enum qmp_cmd cmd;
	uint64_t at_us;
};

struct qmp {
	struct json_tokener *tok;
	struct qmp_line line;
	struct buf out; /* to be sent; the owner takes what went out by buf_consume() */
	int error;	/* of the first command that could not be asked; 0: none */
	struct qmp_asked asked[QMP_ASKED_MAX]; /* a ring: in flight, oldest at first */
	unsigned int first, nasked;
	char strange[64]; /* the beginning of the line that was no message */
};

/* A conversation whose lines have at most @line_max bytes. 0 or -ENOMEM. */
int qmp_init(struct qmp *q, size_t line_max);
void qmp_fini(struct qmp *q);

/* The connection is gone: forgets all that was sent and received. */
void qmp_reset(struct qmp *q);

/*
 * These put a command into q->out and count it as in flight since @now_us. A
 * failure stays in q->error: -EMSGSIZE (too much waits), or -ENOMEM.
 */
void qmp_ask(struct qmp *q, enum qmp_cmd cmd, uint64_t now_us);
void qmp_ask_get(struct qmp *q, enum qmp_cmd cmd, const char *path, uint64_t now_us);
void qmp_ask_interval(struct qmp *q, const char *arguments, uint64_t now_us);
void qmp_ask_target(struct qmp *q, uint64_t target_b, uint64_t now_us);

/* How many commands @cmd are in flight. */
unsigned int qmp_in_flight(const struct qmp *q, enum qmp_cmd cmd);

/* The command that has been in flight for longest, which the next answer belongs to; NULL: none. */
const struct qmp_asked *qmp_oldest(const struct qmp *q);

/* Its answer is there. 0, or -EPROTO where nothing was asked. */
int qmp_answered(struct qmp *q, struct qmp_asked *ret);

/*
 * Takes the next message out of the @*len bytes at @*chunk, and moves both past
 * it. qmp_msg_fini() ends it. 1: a message; 0: the chunk is used up; -EBADMSG:
 * q->strange is not QMP; -EMSGSIZE: a line is too long; -ENOMEM.
 */
int qmp_next(struct qmp *q, const char **chunk, size_t *len, struct qmp_msg *ret);

#endif
