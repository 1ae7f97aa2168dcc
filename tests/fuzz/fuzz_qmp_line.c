/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_qmp_line.c - the line reader: the same lines however the input is cut
 *
 * In:    the first byte says how the rest is cut into chunks.
 * Out:   a crash where the lines differ from those of the whole, or one passes
 *        the limit.
 */
#include "qmp/qmp_line.h"
#include "qmp/qmp_msg.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT 1024 /* so that a small corpus passes it */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Puts all lines into @out, each followed by '\n'; what qmp_line_next() said last. */
static int read_lines(const char *text, size_t size, size_t piece, struct buf *out)
{
	const char *chunk, *line;
	struct qmp_line r;
	size_t at, left, len;
	int n = 0;

	qmp_line_init(&r, LIMIT);
	for (at = 0; at < size && n >= 0; at += piece) {
		chunk = text + at;
		left = piece < size - at ? piece : size - at;
		while ((n = qmp_line_next(&r, &chunk, &left, &line, &len)) > 0)
			if (len > LIMIT || buf_add(out, line, len) < 0 || buf_add(out, "\n", 1) < 0)
				abort();
	}
	qmp_line_fini(&r);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole, cut;
	const char *text = (const char *)data + 1;
	int r;

	if (size < 2)
		return 0;
	buf_init(&whole, 2 * size);
	buf_init(&cut, 2 * size);
	r = read_lines(text, size - 1, size, &whole);
	if (read_lines(text, size - 1, 1 + data[0], &cut) != r || whole.len != cut.len ||
	    (whole.len && memcmp(whole.data, cut.data, whole.len) != 0))
		abort();
	buf_fini(&whole);
	buf_fini(&cut);
	return 0;
}
