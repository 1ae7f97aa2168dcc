/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qmp.c - the connection to one QEMU: states and lines
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
#include "vmm/qmp.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct qmp *qmp_of(struct vmm_conn *conn)
{
	return (struct qmp *)conn; /* its first member */
}

/* Every trouble is one line in the log, and one that lasts is not repeated. */
static void tell_trouble(struct qmp *q)
{
	if (strcmp(q->told, q->conn.trouble) == 0)
		return;
	memcpy(q->told, q->conn.trouble, sizeof(q->told));
	log_warning("vmm-down address=%s trouble=\"%s\"", q->conn.address, q->told);
}

/* Another process at the other end is another machine: nothing known of the first holds. */
static void begin_machine(struct qmp *q)
{
	uint32_t boots = q->conn.facts.boots + (q->machine_pid ? 1 : 0);

	if (q->machine_pid == q->conn.pid)
		return;
	q->machine_pid = q->conn.pid;
	q->conn.facts = (struct vm_facts){ .boots = boots };
	q->interval_known = false;
	q->have_last = false;
	q->reset_us = 0;
}

/* Forgets what belonged to the stream. */
static void drop_stream(struct qmp *q)
{
	conn_close(&q->conn);
	qmp_line_fini(&q->line);
	buf_fini(&q->out);
	q->nasked = 0;
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
static void qmp_enter(struct qmp *q, enum qmp_state state, uint64_t now_us)
{
	enum qmp_state before = q->state;
	uint64_t lasted_us = now_us - q->since_us;

	q->state = state;
	q->since_us = now_us;
	switch (state) {
	case QMP_DOWN:
		/* one that comes up and fails at once, again and again, is not hurried after */
		if (before == QMP_UP && lasted_us >= QMP_RETRY_MAX_US)
			q->wait_us = 0;
		q->wait_us = u64_clamp(2 * q->wait_us, QMP_RETRY_FIRST_US, QMP_RETRY_MAX_US);
		q->retry_us = now_us + q->wait_us;
		drop_stream(q);
		q->conn.facts.state = VM_STATE_DOWN;
		if (!q->conn.removed)
			tell_trouble(q);
		if (before == QMP_UP)
			conn_emit(&q->conn, VMM_EVENT_DOWN);
		break;
	case QMP_GREETING:
		break;
	case QMP_SETUP:
		begin_machine(q);
		qmp_forget_device(q);
		q->list_error = false;
		q->vm_state = VM_STATE_PAUSED;
		q->step = 0;
		conn_trouble(&q->conn, "%s", "");
		(void)qmp_setup_step(q, now_us);
		break;
	case QMP_UP:
		q->told[0] = '\0';
		q->conn.facts.state = q->vm_state;
		log_info("vmm-up address=%s name=%s pid=%d balloon=%s", q->conn.address,
			 q->conn.name, (int)q->conn.pid, q->path ? q->path : "none");
		conn_emit(&q->conn, VMM_EVENT_UP);
		break;
	}
}

/* What the connection waits for, and until when. */
static uint64_t due_us(const struct qmp *q)
{
	uint64_t at_us = qmp_refresh_due(q);

	if (q->state == QMP_DOWN)
		return q->conn.removed ? DUE_NEVER : q->retry_us;
	if (q->state == QMP_GREETING)
		return q->since_us + QMP_GREETING_US;
	if (q->nasked)
		at_us = u64_min(at_us, q->asked[q->first].at_us + QMP_COMMAND_US);
	return at_us;
}

static void flush(struct qmp *q)
{
	int r;

	if (q->failed || q->state == QMP_DOWN)
		return;
	r = conn_flush(&q->conn, &q->out);
	if (r < 0)
		qmp_fail(q, "QEMU cannot be written to: %s", strerror(-r));
}

static void settle(struct qmp *q, uint64_t now_us)
{
	flush(q);
	if (q->failed)
		qmp_enter(q, QMP_DOWN, now_us);
	conn_due(&q->conn, q->failed ? now_us : due_us(q));
}

static void settle_later(struct qmp *q, uint64_t now_us)
{
	flush(q);
	conn_due(&q->conn, q->failed ? now_us : due_us(q));
}

/* An answer belongs to the oldest command in flight. */
static void take_answer(struct qmp *q, const struct qmp_msg *msg, uint64_t now_us)
{
	struct qmp_asked to;
	int r;

	if (q->nasked == 0) {
		qmp_fail(q, "QEMU answered what was not asked");
		return;
	}
	to = qmp_answered(q);
	if (msg->type == QMP_MSG_ERROR) {
		qmp_cmd_error(q, &to, msg, now_us);
		return;
	}
	r = qmp_cmd_return(q, &to, msg->body, now_us);
	if (r == -EPROTO)
		qmp_fail(q, "QEMU's answer to %s makes no sense", qmp_cmd_name(to.cmd));
	else if (r < 0)
		qmp_fail(q, "%s: %s", qmp_cmd_name(to.cmd), strerror(-r));
}

static void take_msg(struct qmp *q, const struct qmp_msg *msg, uint64_t now_us)
{
	switch (msg->type) {
	case QMP_MSG_GREETING:
		if (q->state == QMP_GREETING)
			qmp_enter(q, QMP_SETUP, now_us);
		else
			qmp_fail(q, "QEMU greeted twice");
		return;
	case QMP_MSG_EVENT:
		if (q->state != QMP_GREETING && qmp_event(q, msg, now_us) < 0)
			qmp_fail(q, "QEMU's event %.40s makes no sense", msg->word);
		return;
	case QMP_MSG_RETURN:
	case QMP_MSG_ERROR:
		take_answer(q, msg, now_us);
		break;
	}
	if (q->state != QMP_SETUP || q->nasked || q->failed || q->conn.removed)
		return;
	if (!qmp_setup_step(q, now_us))
		qmp_enter(q, QMP_UP, now_us);
}

static void take_line(struct qmp *q, const char *line, size_t len, uint64_t now_us)
{
	struct qmp_msg msg;

	if (len == 0)
		return;
	if (qmp_msg_parse(q->tok, line, len, &msg) < 0) {
		qmp_fail(q, "what came is not QMP: %.*s", (int)u64_min(len, 60), line);
		return;
	}
	take_msg(q, &msg, now_us);
	qmp_msg_fini(&msg);
}

static void qmp_readable(struct vmm_conn *conn, uint64_t now_us)
{
	struct qmp *q = qmp_of(conn);
	const char *chunk, *line;
	size_t left, len;
	ssize_t n;
	int r;

	n = conn_read(conn, &chunk);
	if (n == -EAGAIN)
		return;
	left = n > 0 ? (size_t)n : 0;
	if (n == -EPIPE)
		qmp_fail(q, "QEMU closed the connection");
	else if (n < 0)
		qmp_fail(q, "QEMU cannot be read from: %s", strerror((int)-n));
	while (q->state != QMP_DOWN && !q->failed &&
	       (r = qmp_line_next(&q->line, &chunk, &left, &line, &len)) != 0) {
		if (r == -EMSGSIZE)
			qmp_fail(q, "a line from QEMU is longer than %zu KiB",
				 (size_t)(QMP_LINE_MAX / KIB));
		else if (r < 0)
			qmp_fail(q, "a line from QEMU: %s", strerror(-r));
		else
			take_line(q, line, len, now_us);
	}
	settle(q, now_us);
}

static void qmp_writable(struct vmm_conn *conn, uint64_t now_us)
{
	settle(qmp_of(conn), now_us);
}

static void fail_ungreeted(struct qmp *q)
{
	qmp_fail(q, "no greeting: another client holds this QMP socket; "
		    "give ballonetd one of its own (or QEMU itself is stopped)");
}

static void qmp_start(struct vmm_conn *conn, uint64_t now_us)
{
	struct qmp *q = qmp_of(conn);
	int r = conn_connect(conn);

	if (r == 0)
		qmp_enter(q, QMP_GREETING, now_us);
	else if (r == -EAGAIN)
		fail_ungreeted(q); /* earlier attempts still wait in the backlog */
	else
		qmp_fail(q, "cannot connect: %s", strerror(-r));
	settle(q, now_us);
}

static void qmp_timeout(struct vmm_conn *conn, uint64_t now_us)
{
	struct qmp *q = qmp_of(conn);

	if (q->state == QMP_DOWN) {
		if (now_us >= q->retry_us && !conn->removed)
			qmp_start(conn, now_us);
		return;
	}
	if (q->state == QMP_GREETING && now_us >= q->since_us + QMP_GREETING_US)
		fail_ungreeted(q);
	else if (q->nasked && now_us >= q->asked[q->first].at_us + QMP_COMMAND_US)
		qmp_fail(q, "QEMU did not answer %s within %u s",
			 qmp_cmd_name(q->asked[q->first].cmd),
			 (unsigned int)(QMP_COMMAND_US / USEC_PER_SEC));
	else if (!q->failed && now_us >= qmp_refresh_due(q))
		qmp_refresh_go_on(q, now_us);
	settle(q, now_us);
}

/* Can the balloon device be asked? 0, -ENOTCONN, or -ENODEV. */
static int reachable(const struct qmp *q)
{
	if (q->state != QMP_UP || q->failed)
		return -ENOTCONN;
	return q->path ? 0 : -ENODEV;
}

static int qmp_do_poll(struct vmm_conn *conn, uint64_t now_us)
{
	struct qmp *q = qmp_of(conn);
	int r = reachable(q);

	if (r < 0)
		return r;
	qmp_poll(q, now_us);
	settle_later(q, now_us);
	return 0;
}

static int qmp_do_refresh(struct vmm_conn *conn, uint64_t now_us)
{
	struct qmp *q = qmp_of(conn);
	int r = reachable(q);

	if (r < 0)
		return r;
	qmp_refresh(q, now_us);
	settle_later(q, now_us);
	return 0;
}

static void qmp_do_calm(struct vmm_conn *conn, uint64_t now_us)
{
	struct qmp *q = qmp_of(conn);

	if (reachable(q) < 0)
		return; /* a new connection begins calm */
	qmp_calm(q, now_us);
	settle_later(q, now_us);
}

static int qmp_do_target(struct vmm_conn *conn, uint64_t target_b, uint64_t now_us)
{
	struct qmp *q = qmp_of(conn);

	if (q->state != QMP_UP || q->failed)
		return -ENOTCONN;
	qmp_ask_target(q, target_b, now_us);
	settle_later(q, now_us);
	return 0;
}

static void qmp_do_undo(const struct vmm_conn *conn, char *text, size_t size)
{
	qmp_undo((const struct qmp *)conn, text, size);
}

static void qmp_leave(struct vmm_conn *conn, uint64_t now_us)
{
	struct qmp *q = qmp_of(conn);

	if (q->state == QMP_SETUP || q->state == QMP_UP)
		qmp_set_interval(q, q->found_s, now_us);
	flush(q);
	if (q->nasked == 0 || q->failed)
		qmp_enter(q, QMP_DOWN, now_us);
	conn_due(conn, due_us(q));
}

static bool qmp_unanswered(const struct vmm_conn *conn)
{
	return ((const struct qmp *)conn)->nasked > 0;
}

static void qmp_free(struct vmm_conn *conn)
{
	struct qmp *q = qmp_of(conn);

	drop_stream(q);
	qmp_forget_device(q);
	if (q->tok)
		json_tokener_free(q->tok);
	free(q);
}

static struct vmm_conn *qmp_new(void)
{
	struct qmp *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->conn.fd = -EBADF;
	qmp_line_init(&q->line, QMP_LINE_MAX);
	buf_init(&q->out, QMP_OUT_MAX);
	q->tok = qmp_tokener_new();
	if (!q->tok) {
		qmp_free(&q->conn);
		return NULL;
	}
	return &q->conn;
}

const struct vmm_ops qmp_ops = {
	.new = qmp_new,
	.free = qmp_free,
	.start = qmp_start,
	.readable = qmp_readable,
	.writable = qmp_writable,
	.timeout = qmp_timeout,
	.poll = qmp_do_poll,
	.refresh = qmp_do_refresh,
	.calm = qmp_do_calm,
	.set_target = qmp_do_target,
	.undo = qmp_do_undo,
	.leave = qmp_leave,
	.unanswered = qmp_unanswered,
};
