/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_journal.c - any bytes as a journal: read, written again, and replayed
 *
 * What was read must be writable, and the same when it is read again. The
 * replay puts whatever a journal may say before the policy.
 */
#include "cli/replay.h"
#include "journal/reader.h"

#include "base/cleanup.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const struct record *a)
{
	char trouble[RECORD_TROUBLE_MAX];
	struct buf first, second;
	struct record b;

	buf_init(&first, RECORD_LINE_MAX);
	buf_init(&second, RECORD_LINE_MAX);
	if (record_encode(&first, a) < 0 ||
	    record_decode(first.data, first.len - 1, trouble, &b) < 0 ||
	    record_encode(&second, &b) < 0 || strcmp(first.data, second.data) != 0)
		abort();
	record_fini(&b);
	buf_fini(&first);
	buf_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_close int fd = memfd_create("journal", MFD_CLOEXEC);
	struct replay_report report;
	struct record rec;
	struct reader r;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0)
		abort();
	reader_init(&r, fd);
	while (reader_next(&r, &rec) == 1) {
		round_trip(&rec);
		record_fini(&rec);
	}
	reader_fini(&r);
	(void)lseek(fd, 0, SEEK_SET);
	replay_fd(fd, &report);
	return 0;
}
