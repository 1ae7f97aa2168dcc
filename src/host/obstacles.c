/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * obstacles.c - what keeps a VM's host pages from being freed
 *
 * Layer: host.
 * In:    the process of a VM.
 * Out:   a set of enum obstacle.
 *
 * It looks at what the process has open and mapped, not at its command line:
 * devices and memory come and go while a VM runs.
 */
#include "host/obstacles.h"

#include "host/text.h"

static bool starts_with(const char *text, const char *word)
{
	return text_skip(&text, word);
}

struct obstacle_scan {
	const struct process *p;
	uint32_t found;
};

static int look_for_obstacle(void *userdata, const char *name, const char *link)
{
	struct obstacle_scan *scan = userdata;
	struct stat st;
	bool hugetlb;

	if (starts_with(link, "/dev/vfio/") || starts_with(link, "anon_inode:[vfio") ||
	    starts_with(link, "/dev/vhost-vdpa"))
		scan->found |= OBSTACLE_VFIO;
	else if (process_memory_file(scan->p, name, link, &st, &hugetlb) && hugetlb)
		scan->found |= OBSTACLE_HUGETLB;
	return 0;
}

int process_obstacles(const struct process *p, uint64_t now_us, uint32_t *ret)
{
	struct obstacle_scan scan = { .p = p };
	struct process_status st;
	int r;

	r = process_status(p, now_us, &st);
	if (r < 0)
		return r;
	r = process_files(p, look_for_obstacle, &scan);
	if (r < 0)
		return r;
	if (st.hugetlb_b.known && st.hugetlb_b.value > 0)
		scan.found |= OBSTACLE_HUGETLB;
	if (st.locked_b.known && st.rss_b.known && st.locked_b.value > 0 &&
	    st.locked_b.value >= st.rss_b.value / 2)
		scan.found |= OBSTACLE_MLOCK;
	*ret = scan.found;
	return 0;
}
