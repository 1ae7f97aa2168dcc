/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qemu.c - the connection to one QEMU: states and lines
 *
 * Layer: vmm.
 * In:    bytes from the socket; wishes of vmm.c.
 * Out:   commands; UP and DOWN.
 *
 * Theory of operation. A handler (readable, writable, timeout) reads what came,
 * queues commands, and ends in settle(). That sends, closes a connection that
 * failed, and says when it wants to be called again. A call from outside ends in
 * settle_later(): a failure then waits for the next handler, so that no event is
 * reported within the caller's own call.
 */
#include "vmm/qemu.h"

#include "base/fds.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct qemu *qemu_of(struct vmm_conn *conn)
{
	return (struct qemu *)conn; /* its first member */
}

/*
 * Every trouble is one line in the log, and one that lasts is not repeated. That
 * descriptors lack is the daemon's to tell, once for all connections.
 */
static void tell_trouble(struct qemu *q)
{
	if (q->fds_short || strcmp(q->told, q->conn.trouble) == 0)
		return;
	memcpy(q->told, q->conn.trouble, sizeof(q->told));
	log_warning("vmm-down address=%s trouble=\"%s\"", q->conn.address, q->told);
}

/* Another process at the other end is another machine: nothing known of the first holds. */
static void begin_machine(struct qemu *q)
{
	uint32_t boots = q->conn.facts.boots + (q->machine_pid ? 1 : 0);

	if (q->machine_pid == q->conn.pid)
		return;
	q->machine_pid = q->conn.pid;
	q->conn.facts = (struct vm_facts){ .boots = boots };
	q->conn.uuid[0] = '\0';
	q->interval_known = false;
	q->have_last = false;
	q->reset_us = 0;
	q->ram_said = q->size_doubted = false;
	q->out = q->all_wanted = false;
}

/* Forgets what belonged to the stream. */
static void drop_stream(struct qemu *q)
{
	conn_close(&q->conn);
	qmp_reset(&q->qmp);
	q->failed = false;
	q->polling = q->refreshing = q->calm_wanted = false;
	q->target_asked = false;
	q->target_next_b = 0;
}

/*
 * The one place where the state changes.
 *
 *   DOWN -> GREETING        connected
 *   GREETING -> SETUP       greeted
 *   SETUP -> UP             the last answer of the last step is there
 *   any -> DOWN             the connection failed, or is not wanted any more
 */
static void qemu_enter(struct qemu *q, enum qemu_state state, uint64_t now_us)
{
	const char *path = q->path ? q->path : "\"none\""; /* a JSON string */
	enum qemu_state before = q->state;
	uint64_t lasted_us = now_us - q->since_us;

	q->state = state;
	q->since_us = now_us;
	switch (state) {
	case QEMU_DOWN:
		/* one that comes up and fails at once, again and again, is not hurried after */
		if (before == QEMU_UP && lasted_us >= QEMU_RETRY_MAX_US)
			q->wait_us = 0;
		q->wait_us = u64_clamp(2 * q->wait_us, QEMU_RETRY_FIRST_US,
				       q->out ? QEMU_RETRY_OUT_US : QEMU_RETRY_MAX_US);
		q->retry_us = now_us + q->wait_us;
		drop_stream(q);
		q->conn.facts.state = VM_STATE_DOWN;
		if (!q->conn.removed)
			tell_trouble(q);
		if (before == QEMU_UP)
			conn_emit(&q->conn, VMM_EVENT_DOWN);
		break;
	case QEMU_GREETING:
		break;
	case QEMU_SETUP:
		begin_machine(q);
		qemu_forget_device(q);
		q->list_error = false;
		q->vm_state = VM_STATE_PAUSED;
		q->step = 0;
		conn_trouble(&q->conn, "%s", "");
		(void)qemu_setup_step(q, now_us);
		break;
	case QEMU_UP:
		q->told[0] = '\0';
		q->conn.facts.state = q->vm_state;
		log_info("vmm-up address=%s name=%s pid=%d balloon=%.*s", q->conn.address,
			 q->conn.name, (int)q->conn.pid, (int)strlen(path) - 2, path + 1);
		conn_emit(&q->conn, VMM_EVENT_UP);
		break;
	}
}

/* QEMU answers one command after the other, so each has its time from the answer before on. */
static uint64_t answer_due_us(const struct qemu *q, const struct qmp_asked *oldest)
{
	return u64_max(oldest->at_us, q->answered_us) + QEMU_COMMAND_US;
}

/* What the connection waits for, and until when. */
static uint64_t due_us(const struct qemu *q)
{
	const struct qmp_asked *oldest = qmp_oldest(&q->qmp);
	uint64_t at_us = qemu_refresh_due(q);

	if (q->state == QEMU_DOWN)
		return q->conn.removed ? DUE_NEVER : q->retry_us;
	if (q->state == QEMU_GREETING)
		return q->since_us + QEMU_GREETING_US;
	if (oldest)
		at_us = u64_min(at_us, answer_due_us(q, oldest));
	return at_us;
}

static void flush(struct qemu *q)
{
	int r;

	if (q->failed || q->state == QEMU_DOWN)
		return;
	r = conn_flush(&q->conn, &q->qmp.out);
	if (q->qmp.error)
		qemu_fail(q, "QEMU answers too slowly: %u commands wait", q->qmp.nasked);
	else if (r < 0)
		qemu_fail(q, "QEMU cannot be written to: %s", strerror(-r));
}

static void settle(struct qemu *q, uint64_t now_us)
{
	flush(q);
	if (q->failed)
		qemu_enter(q, QEMU_DOWN, now_us);
	conn_due(&q->conn, q->failed ? now_us : due_us(q));
}

static void settle_later(struct qemu *q, uint64_t now_us)
{
	flush(q);
	conn_due(&q->conn, q->failed ? now_us : due_us(q));
}

/* An answer belongs to the oldest command in flight. */
static void take_answer(struct qemu *q, const struct qmp_msg *msg, uint64_t now_us)
{
	struct qmp_asked to;
	int r;

	if (qmp_answered(&q->qmp, &to) < 0) {
		qemu_fail(q, "QEMU sent an answer without a question");
		return;
	}
	q->answered_us = now_us;
	if (msg->type == QMP_MSG_ERROR) {
		qemu_cmd_error(q, &to, msg, now_us);
		return;
	}
	r = qemu_cmd_return(q, &to, msg->body, now_us);
	if (r == -EPROTO)
		qemu_fail(q, "QEMU's answer to %s is malformed", qmp_cmd_name(to.cmd));
	else if (r < 0)
		qemu_fail(q, "%s: %s", qmp_cmd_name(to.cmd), strerror(-r));
}

static void take_msg(struct qemu *q, const struct qmp_msg *msg, uint64_t now_us)
{
	switch (msg->type) {
	case QMP_MSG_GREETING:
		if (q->state == QEMU_GREETING)
			qemu_enter(q, QEMU_SETUP, now_us);
		else
			qemu_fail(q, "QEMU greeted twice");
		return;
	case QMP_MSG_EVENT:
		if (q->state != QEMU_GREETING && qemu_event(q, msg, now_us) < 0)
			qemu_fail(q, "QEMU's event %.40s is malformed", msg->word);
		return;
	case QMP_MSG_RETURN:
	case QMP_MSG_ERROR:
		take_answer(q, msg, now_us);
		break;
	}
	if (q->state != QEMU_SETUP || q->qmp.nasked || q->failed || q->conn.removed)
		return;
	if (!qemu_setup_step(q, now_us))
		qemu_enter(q, QEMU_UP, now_us);
}

/* What came is no message, by qmp_next(). */
static void fail_line(struct qemu *q, int error)
{
	if (error == -EBADMSG)
		qemu_fail(q, "the peer does not speak QMP, it sent: %s", q->qmp.strange);
	else if (error == -EMSGSIZE)
		qemu_fail(q, "a line from QEMU is longer than %zu KiB",
			  (size_t)(QEMU_LINE_MAX / KIB));
	else
		qemu_fail(q, "a line from QEMU: %s", strerror(-error));
}

static void qemu_readable(struct vmm_conn *conn, uint64_t now_us)
{
	struct qemu *q = qemu_of(conn);
	const char *chunk;
	struct qmp_msg msg;
	size_t left;
	ssize_t n;
	int r;

	n = conn_read(conn, &chunk);
	if (n == -EAGAIN)
		return;
	left = n > 0 ? (size_t)n : 0;
	if (n == -EPIPE)
		qemu_fail(q, "QEMU closed the connection");
	else if (n < 0)
		qemu_fail(q, "QEMU cannot be read from: %s", strerror((int)-n));
	while (q->state != QEMU_DOWN && !q->failed &&
	       (r = qmp_next(&q->qmp, &chunk, &left, &msg)) != 0) {
		if (r < 0) {
			fail_line(q, r);
			break;
		}
		take_msg(q, &msg, now_us);
		qmp_msg_fini(&msg);
	}
	settle(q, now_us);
}

static void qemu_writable(struct vmm_conn *conn, uint64_t now_us)
{
	settle(qemu_of(conn), now_us);
}

static void fail_ungreeted(struct qemu *q)
{
	qemu_fail(q, "no greeting: another client holds this QMP socket; "
		     "give ballonetd one of its own (or QEMU itself is stopped)");
}

static void qemu_start(struct vmm_conn *conn, uint64_t now_us)
{
	struct qemu *q = qemu_of(conn);
	int r = conn_connect(conn);

	q->fds_short = fds_is_short(r);
	if (r == 0)
		qemu_enter(q, QEMU_GREETING, now_us);
	else if (r == -EAGAIN)
		fail_ungreeted(q); /* earlier attempts still wait in the backlog */
	else
		qemu_fail(q, "cannot connect: %s", strerror(-r));
	settle(q, now_us);
}

static void qemu_timeout(struct vmm_conn *conn, uint64_t now_us)
{
	struct qemu *q = qemu_of(conn);
	const struct qmp_asked *oldest = qmp_oldest(&q->qmp);

	if (q->state == QEMU_DOWN) {
		if (now_us >= q->retry_us && !conn->removed)
			qemu_start(conn, now_us);
		return;
	}
	if (q->state == QEMU_GREETING && now_us >= q->since_us + QEMU_GREETING_US)
		fail_ungreeted(q);
	else if (oldest && now_us >= answer_due_us(q, oldest))
		qemu_fail(q, "QEMU did not answer %s within %u s", qmp_cmd_name(oldest->cmd),
			  (unsigned int)(QEMU_COMMAND_US / USEC_PER_SEC));
	else if (!q->failed && now_us >= qemu_refresh_due(q))
		qemu_refresh_go_on(q, now_us);
	settle(q, now_us);
}

/* Can the balloon device be asked? 0, -ENOTCONN, or -ENODEV. */
static int reachable(const struct qemu *q)
{
	if (q->state != QEMU_UP || q->failed)
		return -ENOTCONN;
	return q->path ? 0 : -ENODEV;
}

static int qemu_do_poll(struct vmm_conn *conn, uint64_t now_us)
{
	struct qemu *q = qemu_of(conn);
	int r = reachable(q);

	if (r < 0)
		return r;
	qemu_poll(q, now_us);
	settle_later(q, now_us);
	return 0;
}

static int qemu_do_refresh(struct vmm_conn *conn, uint64_t now_us)
{
	struct qemu *q = qemu_of(conn);
	int r = reachable(q);

	if (r < 0)
		return r;
	qemu_refresh(q, now_us);
	settle_later(q, now_us);
	return 0;
}

static void qemu_do_calm(struct vmm_conn *conn, uint64_t now_us)
{
	struct qemu *q = qemu_of(conn);

	if (reachable(q) < 0)
		return; /* a new connection begins calm */
	qemu_calm(q, now_us);
	settle_later(q, now_us);
}

static int qemu_do_target(struct vmm_conn *conn, uint64_t target_b, uint64_t now_us)
{
	struct qemu *q = qemu_of(conn);

	if (q->state != QEMU_UP || q->failed)
		return -ENOTCONN;
	qemu_ask_target(q, target_b, now_us);
	settle_later(q, now_us);
	return 0;
}

static void qemu_do_undo(const struct vmm_conn *conn, char *text, size_t size)
{
	qemu_undo((const struct qemu *)conn, text, size);
}

static void qemu_leave(struct vmm_conn *conn, uint64_t now_us)
{
	struct qemu *q = qemu_of(conn);

	if (q->state == QEMU_SETUP || q->state == QEMU_UP)
		qemu_set_interval(q, q->found_s, now_us);
	flush(q);
	if (q->qmp.nasked == 0 || q->failed)
		qemu_enter(q, QEMU_DOWN, now_us);
	conn_due(conn, due_us(q));
}

static bool qemu_unanswered(const struct vmm_conn *conn)
{
	return ((const struct qemu *)conn)->qmp.nasked > 0;
}

static void qemu_free(struct vmm_conn *conn)
{
	struct qemu *q = qemu_of(conn);

	drop_stream(q);
	qmp_fini(&q->qmp);
	qemu_forget_device(q);
	free(q);
}

static struct vmm_conn *qemu_new(void)
{
	struct qemu *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->conn.fd = -EBADF;
	if (qmp_init(&q->qmp, QEMU_LINE_MAX) < 0) {
		qemu_free(&q->conn);
		return NULL;
	}
	return &q->conn;
}

const struct vmm_ops qemu_ops = {
	.new = qemu_new,
	.free = qemu_free,
	.start = qemu_start,
	.readable = qemu_readable,
	.writable = qemu_writable,
	.timeout = qemu_timeout,
	.poll = qemu_do_poll,
	.refresh = qemu_do_refresh,
	.calm = qemu_do_calm,
	.set_target = qemu_do_target,
	.undo = qemu_do_undo,
	.leave = qemu_leave,
	.unanswered = qemu_unanswered,
};
