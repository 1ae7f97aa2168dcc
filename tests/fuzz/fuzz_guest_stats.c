/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_guest_stats.c - one line of QMP, and everything that is read out of it
 *
 * In:    one line.
 * Out:   a crash where an answer is not what its description promises.
 */
#include "qmp/qmp_msg.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_stats(struct json_object *body)
{
	struct qmp_stats s;
	unsigned int i;

	if (qmp_stats_parse(body, &s) < 0)
		return;
	if (s.known >> BALLOON_STAT_COUNT || (s.known && !s.last_update_s))
		abort();
	for (i = 0; i < BALLOON_STAT_COUNT; i++)
		if ((s.known >> i & 1) ? s.tag[i] == UINT64_MAX : s.tag[i] != 0)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_tokener *tok = qmp_tokener_new();
	struct qmp_msg msg;
	const char *name;
	uint64_t v;

	if (!tok)
		return 0;
	if (qmp_msg_parse(tok, (const char *)data, size, &msg) == 0) {
		if ((msg.type == QMP_MSG_ERROR || msg.type == QMP_MSG_EVENT) && !msg.word)
			abort();
		read_stats(msg.body);
		if (qmp_find_balloon(msg.body, &name) == 0 && name && strlen(name) > size)
			abort();
		(void)qmp_u64(msg.body, &v);
		(void)qmp_get_u64(msg.body, "actual", &v);
		(void)qmp_get_text(msg.body, "status");
		qmp_msg_fini(&msg);
	}
	json_tokener_free(tok);
	return 0;
}
