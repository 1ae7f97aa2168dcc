/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qmp_ask.c - commands to QEMU, queued and in flight
 *
 * Layer: vmm.
 * In:    the texts of commands.
 * Out:   what qmp.c sends; which command an answer belongs to.
 *
 * The lowest of the qmp*.c files: it calls none of the others.
 */
#include "vmm/qmp.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void qmp_fail(struct qmp *q, const char *fmt, ...)
{
	char text[2 * CONN_TROUBLE_MAX];
	va_list ap;

	if (q->failed)
		return; /* the first cause is the one to tell */
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	conn_trouble(&q->conn, "%s", text);
	q->failed = true;
}

unsigned int qmp_in_flight(const struct qmp *q, enum qmp_cmd cmd)
{
	unsigned int i, n = 0;

	for (i = 0; i < q->nasked; i++)
		n += q->asked[(q->first + i) % QMP_ASKED_MAX].cmd == cmd;
	return n;
}

/* Notes that @cmd, whose text was just appended with result @r, is in flight. */
static void asked(struct qmp *q, enum qmp_cmd cmd, int r, uint64_t now_us)
{
	if (r < 0 || q->nasked == QMP_ASKED_MAX) {
		qmp_fail(q, "QEMU answers too slowly: %u commands wait", q->nasked);
		return;
	}
	q->asked[(q->first + q->nasked++) % QMP_ASKED_MAX] =
		(struct qmp_asked){ .cmd = cmd, .at_us = now_us };
}

void qmp_ask_text(struct qmp *q, enum qmp_cmd cmd, const char *text, uint64_t now_us)
{
	asked(q, cmd, buf_add(&q->out, text, strlen(text)), now_us);
}

void qmp_ask(struct qmp *q, enum qmp_cmd cmd, uint64_t now_us, const char *fmt, ...)
{
	char text[2048]; /* a path of QMP_DEVICE_NAME_MAX bytes, each escaped as \u0000 */
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text))
		asked(q, cmd, -EMSGSIZE, now_us);
	else
		qmp_ask_text(q, cmd, text, now_us);
}

struct qmp_asked qmp_answered(struct qmp *q)
{
	struct qmp_asked oldest = q->asked[q->first];

	q->first = (q->first + 1) % QMP_ASKED_MAX;
	q->nasked--;
	return oldest;
}
