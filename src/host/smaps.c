/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * smaps.c - what a process has mapped and resident, from smaps_rollup
 *
 * Layer: host.
 * In:    /proc/PID, as a directory fd, or the text.
 * Out:   resident bytes.
 *
 * The file is opened for each read: an open fd would keep showing the memory that
 * the process had before an exec.
 */
#include "host/smaps.h"

#include "base/file.h"
#include "base/num.h"
#include "host/text.h"

#include <errno.h>

#define SMAPS_TEXT_MAX (4 * KIB) /* about 800 bytes today; one page is one walk of the tables */

int smaps_parse(const char *text, uint64_t now_us, struct fact *ret_resident_b)
{
	struct fact rss = { 0 }, shared_huge = { 0 }, private_huge = { 0 };
	const struct text_field field[] = {
		{ "Rss:", KIB, &rss },
		{ "Shared_Hugetlb:", KIB, &shared_huge },
		{ "Private_Hugetlb:", KIB, &private_huge },
	};
	uint64_t sum;
	int r;

	r = text_fields(text, now_us, field, ARRAY_SIZE(field));
	if (r < 0)
		return r;
	if (!rss.known)
		return -EBADMSG;
	/* where unknown, the value is still the 0 it began with: such a kernel has none */
	if (__builtin_add_overflow(rss.value, shared_huge.value, &sum) ||
	    __builtin_add_overflow(sum, private_huge.value, &sum))
		return -EBADMSG;
	*ret_resident_b = fact_of(sum, now_us);
	return 0;
}

int smaps_read(int piddir, uint64_t now_us, struct fact *ret_resident_b)
{
	char text[SMAPS_TEXT_MAX];
	size_t len;
	int r;

	r = file_read_at(piddir, "smaps_rollup", text, sizeof(text), &len);
	if (r < 0)
		return r;
	if (len == 0)
		return -ESRCH; /* how some kernels say that the memory is gone already */
	return smaps_parse(text, now_us, ret_resident_b);
}
