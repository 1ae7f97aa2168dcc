/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * footprint.c - host bytes that back a VM, from the best source there is
 *
 * Layer: host.
 * In:    the process of a VM.
 * Out:   one fact in bytes, and where it was measured.
 *
 * The clock is read here only to measure how long a walk of the page tables took.
 * The caller says what time it is.
 */
#include "host/footprint.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/num.h"
#include "host/cgroup.h"
#include "host/smaps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MEMFD_MAX 32 /* one for each NUMA node or DIMM; a VM with more falls to smaps */
#define MEMFD_NAME_MAX 24
#define BLOCK_B 512 /* the unit of st_blocks, whatever st_blksize says */

/* A memory file; named and not opened, for an fd of ours would keep its memory alive. */
struct memfd {
	char name[MEMFD_NAME_MAX]; /* "fd/N" */
	dev_t dev;
	ino_t ino;
};

struct footprint {
	struct host_roots roots; /* the caller's */
	struct process process;
	struct process_usage usage; /* it stands beside the start time that every reading checks */
	enum footprint_source source;
	uint64_t choose_us; /* choose the source again then */
	struct cgroup cgroup;
	struct memfd memfd[MEMFD_MAX];
	size_t nmemfd;
	struct fact smaps_b;
	uint64_t smaps_rss_b;	/* RSS when it was read */
	uint64_t smaps_next_us; /* not read again before */
	bool waiting;		/* for its share of the budget */
	struct footprint_budget *budget;
};

/* Keeps count of those who share the budget for smaps. */
static void set_waiting(struct footprint *fp, bool waiting)
{
	fp->budget->waiting -= fp->waiting;
	fp->budget->waiting += waiting;
	fp->waiting = waiting;
}

int footprint_new(const struct host_roots *roots, struct footprint_budget *budget, pid_t pid,
		  struct footprint **ret)
{
	struct footprint *fp;
	int r;

	fp = calloc(1, sizeof(*fp));
	if (!fp)
		return -ENOMEM;
	fp->roots = *roots;
	fp->budget = budget;
	fp->cgroup = CGROUP_NONE;
	r = process_init(roots->proc, pid, &fp->process);
	if (r < 0) {
		free(fp);
		return r;
	}
	*ret = fp;
	return 0;
}

void footprint_free(struct footprint *fp)
{
	if (!fp)
		return;
	set_waiting(fp, false);
	cgroup_fini(&fp->cgroup);
	process_fini(&fp->process);
	free(fp);
}

const struct process *footprint_process(const struct footprint *fp)
{
	return &fp->process;
}

struct fact footprint_cpu(const struct footprint *fp)
{
	return fp->usage.cpu_us;
}

struct memfd_scan {
	struct footprint *fp;
	uint64_t size_b;
	bool hugetlb;
};

static int look_for_memfd(void *userdata, const char *name, const char *link)
{
	struct memfd_scan *scan = userdata;
	struct footprint *fp = scan->fp;
	struct memfd *m = &fp->memfd[fp->nmemfd];
	struct stat st;
	bool hugetlb;
	size_t i;

	if (!process_memory_file(&fp->process, name, link, &st, &hugetlb) ||
	    (uint64_t)st.st_size < FOOTPRINT_MEMFD_MIN_B)
		return 0;
	for (i = 0; i < fp->nmemfd; i++) {
		if (fp->memfd[i].dev == st.st_dev && fp->memfd[i].ino == st.st_ino)
			return 0; /* the same file, opened twice */
	}
	if (fp->nmemfd == MEMFD_MAX || strlen(name) >= sizeof(m->name))
		return -E2BIG;
	(void)snprintf(m->name, sizeof(m->name), "%s", name);
	m->dev = st.st_dev;
	m->ino = st.st_ino;
	fp->nmemfd++;
	scan->size_b = u64_add_sat(scan->size_b, (uint64_t)st.st_size);
	scan->hugetlb |= hugetlb;
	return 0;
}

/*
 * Do the memory files hold the guest's RAM? A large one may also be a sound or
 * video buffer beside anonymous RAM, or RAM that is mapped private; in both
 * cases more is soon resident as anonymous memory than QEMU itself needs.
 */
static bool find_memfds(struct footprint *fp, bool *ret_hugetlb)
{
	struct memfd_scan scan = { .fp = fp };
	struct process_status st;

	fp->nmemfd = 0;
	if (process_files(&fp->process, look_for_memfd, &scan) < 0 || fp->nmemfd == 0)
		return false;
	*ret_hugetlb = scan.hugetlb;
	if (process_status(&fp->process, 0, &st) < 0 || !st.anon_b.known)
		return true;
	return st.anon_b.value <= scan.size_b / 2;
}

/* Bytes allocated to the memory files; -ESTALE where one is no longer what it was. */
static int measure_memfd(const struct footprint *fp, uint64_t *ret_b)
{
	uint64_t sum = 0;
	struct stat st;
	size_t i;

	for (i = 0; i < fp->nmemfd; i++) {
		const struct memfd *m = &fp->memfd[i];

		if (fstatat(fp->process.dir, m->name, &st, 0) < 0)
			return -errno;
		if (st.st_dev != m->dev || st.st_ino != m->ino)
			return -ESTALE;
		sum = u64_add_sat(sum, u64_mul_sat((uint64_t)st.st_blocks, BLOCK_B));
	}
	*ret_b = sum;
	return 0;
}

/* Did the process's RSS move since smaps were read? Its own noise does not count. */
static bool has_moved(const struct footprint *fp)
{
	uint64_t now_b = fp->usage.rss_b, then_b = fp->smaps_rss_b;

	return !fp->smaps_b.known ||
	       u64_sub_sat(u64_max(now_b, then_b), u64_min(now_b, then_b)) >= FOOTPRINT_MOVED_B;
}

static int measure_smaps(struct footprint *fp, uint64_t now_us, bool force, struct fact *ret_b)
{
	uint64_t start_us, took_us, rest_us;
	struct fact resident_b;
	int r;

	set_waiting(fp, has_moved(fp));
	if (!force && !fp->waiting)
		fp->smaps_b.taken_us = now_us; /* it would be the same */
	if (!force && (!fp->waiting || (fp->smaps_b.known && now_us < fp->smaps_next_us))) {
		*ret_b = fp->smaps_b;
		return 0;
	}
	start_us = monotonic_us();
	r = smaps_read(fp->process.dir, now_us, &resident_b);
	took_us = u64_sub_sat(monotonic_us(), start_us);
	if (r < 0)
		return r;
	rest_us = u64_mul_sat(took_us, FOOTPRINT_SMAPS_REST);
	fp->smaps_next_us =
		u64_add_sat(now_us, u64_mul_sat(rest_us, u64_max(fp->budget->waiting, 1)));
	set_waiting(fp, false);
	fp->smaps_rss_b = fp->usage.rss_b;
	fp->smaps_b = resident_b;
	*ret_b = resident_b;
	return 0;
}

static int measure(struct footprint *fp, uint64_t now_us, bool force, struct fact *ret_b)
{
	uint64_t bytes;
	int r;

	switch (fp->source) {
	case FOOTPRINT_CGROUP:
		r = cgroup_usage(&fp->cgroup, &bytes);
		break;
	case FOOTPRINT_MEMFD:
		r = measure_memfd(fp, &bytes);
		break;
	case FOOTPRINT_RSS:
		bytes = fp->usage.rss_b;
		r = 0;
		break;
	default:
		return measure_smaps(fp, now_us, force, ret_b);
	}
	if (r == 0)
		*ret_b = fact_of(bytes, now_us);
	return r;
}

/* A source is chosen only if it gave a figure just now. */
static void choose(struct footprint *fp, uint64_t now_us)
{
	bool hugetlb = false, memfd;
	uint64_t bytes;

	fp->choose_us = u64_add_sat(now_us, FOOTPRINT_CHOOSE_US);
	memfd = find_memfds(fp, &hugetlb) && measure_memfd(fp, &bytes) == 0;
	cgroup_fini(&fp->cgroup);
	if (!(memfd && hugetlb) &&
	    cgroup_open_own(fp->roots.cgroup, &fp->process, &fp->cgroup) == 0 &&
	    cgroup_usage(&fp->cgroup, &bytes) == 0)
		fp->source = FOOTPRINT_CGROUP;
	else if (memfd)
		fp->source = FOOTPRINT_MEMFD;
	else
		fp->source =
			fp->usage.rss_b < FOOTPRINT_WALK_MAX_B ? FOOTPRINT_SMAPS : FOOTPRINT_RSS;
	if (fp->source != FOOTPRINT_SMAPS)
		set_waiting(fp, false);
}

int footprint_read(struct footprint *fp, uint64_t now_us, bool force, struct fact *ret_b,
		   enum footprint_source *ret_source)
{
	int r;

	r = process_usage(&fp->process, now_us, &fp->usage);
	if (r < 0)
		return r;
	if (fp->source == FOOTPRINT_NONE || now_us >= fp->choose_us)
		choose(fp, now_us);
	r = measure(fp, now_us, force, ret_b);
	if (r < 0 && fp->source < FOOTPRINT_SMAPS) {
		choose(fp, now_us); /* moved to another cgroup, or the memory file was closed */
		r = measure(fp, now_us, force, ret_b);
	}
	if (r < 0)
		return process_alive(&fp->process) < 0 ? -ESRCH : r;
	*ret_source = fp->source;
	return 0;
}
