/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qmp.c - a conversation with one QEMU, without its socket
 *
 * Layer: qmp.
 * In:    commands to ask; the bytes that came.
 * Out:   the bytes to send; messages, and which command an answer belongs to.
 */
#include "qmp/qmp.h"

#include "base/num.h"

#include <errno.h>
#include <stdio.h>

/* What QMP_ASKED_MAX commands take at most, with the longest path. */
#define OUT_MAX ((size_t)(64 * KIB))

int qmp_init(struct qmp *q, size_t line_max)
{
	*q = (struct qmp){ .tok = qmp_tokener_new() };
	qmp_line_init(&q->line, line_max);
	buf_init(&q->out, OUT_MAX);
	return q->tok ? 0 : -ENOMEM;
}

void qmp_reset(struct qmp *q)
{
	qmp_line_fini(&q->line);
	buf_fini(&q->out);
	q->error = 0;
	q->nasked = 0;
}

void qmp_fini(struct qmp *q)
{
	qmp_reset(q);
	if (q->tok)
		json_tokener_free(q->tok);
	q->tok = NULL;
}

/* Notes that @cmd, whose line was just appended with result @r, is in flight. */
static void asked(struct qmp *q, enum qmp_cmd cmd, int r, uint64_t now_us)
{
	if (r == 0 && q->nasked == QMP_ASKED_MAX)
		r = -EMSGSIZE;
	if (r < 0) {
		q->error = q->error ? q->error : r;
		return;
	}
	q->asked[(q->first + q->nasked++) % QMP_ASKED_MAX] =
		(struct qmp_asked){ .cmd = cmd, .at_us = now_us };
}

void qmp_ask(struct qmp *q, enum qmp_cmd cmd, uint64_t now_us)
{
	asked(q, cmd, qmp_cmd_add(&q->out, cmd), now_us);
}

void qmp_ask_get(struct qmp *q, enum qmp_cmd cmd, const char *path, uint64_t now_us)
{
	asked(q, cmd, qmp_cmd_add_get(&q->out, cmd, path), now_us);
}

void qmp_ask_interval(struct qmp *q, const char *arguments, uint64_t now_us)
{
	asked(q, QMP_SET_INTERVAL, qmp_cmd_add_interval(&q->out, arguments), now_us);
}

void qmp_ask_target(struct qmp *q, uint64_t target_b, uint64_t now_us)
{
	asked(q, QMP_TARGET, qmp_cmd_add_target(&q->out, target_b), now_us);
}

unsigned int qmp_in_flight(const struct qmp *q, enum qmp_cmd cmd)
{
	unsigned int i, n = 0;

	for (i = 0; i < q->nasked; i++)
		n += q->asked[(q->first + i) % QMP_ASKED_MAX].cmd == cmd;
	return n;
}

const struct qmp_asked *qmp_oldest(const struct qmp *q)
{
	return q->nasked ? &q->asked[q->first] : NULL;
}

int qmp_answered(struct qmp *q, struct qmp_asked *ret)
{
	if (q->nasked == 0)
		return -EPROTO;
	*ret = q->asked[q->first];
	q->first = (q->first + 1) % QMP_ASKED_MAX;
	q->nasked--;
	return 0;
}

int qmp_next(struct qmp *q, const char **chunk, size_t *len, struct qmp_msg *ret)
{
	const char *line;
	size_t n;
	int r;

	do {
		r = qmp_line_next(&q->line, chunk, len, &line, &n);
		if (r <= 0)
			return r;
	} while (n == 0);
	if (qmp_msg_parse(q->tok, line, n, ret) == 0)
		return 1;
	(void)snprintf(q->strange, sizeof(q->strange), "%.*s", (int)u64_min(n, 60), line);
	return -EBADMSG;
}
