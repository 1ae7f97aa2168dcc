/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * footprint.c - host bytes that back a guest's RAM, from the best source there is
 *
 * Layer: host.
 * In:    the process of a VM, and how much memory its guest has.
 * Out:   bytes, and where they were counted.
 *
 * The clock is read here only to measure how long a walk of the page tables took.
 * The caller says what time it is.
 */
#include "host/footprint.h"

#include "base/clock.h"
#include "base/num.h"
#include "host/cgroup.h"
#include "host/ram.h"
#include "host/smaps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMFD_MAX 32 /* one for each NUMA node or DIMM; a VM with more falls to smaps */
#define MEMFD_NAME_MAX 24
/* The hypervisor's own memory is for people to see: it is counted again this often. */
#define FOOTPRINT_OWN_US UINT64_C(10000000)
#define BLOCK_B 512 /* the unit of st_blocks, whatever st_blksize says */

/* A memory file; named and not opened, for an fd of ours would keep its memory alive. */
struct memfd {
	char name[MEMFD_NAME_MAX]; /* "fd/N" */
	dev_t dev;
	ino_t ino;
};

/* A walk of page tables, and what the last one gave. */
struct walk {
	bool known;
	struct ram_bytes bytes;
	uint64_t taken_us;	/* when the last whole one began */
	uint64_t rss_b;		/* RSS then */
	uint64_t not_before_us; /* of the next one */
	bool under_way;
	bool forced;	   /* it does not rest between its turns */
	uint64_t begun_us; /* when it began, */
	uint64_t begun_rss_b;
	uint64_t took_us; /* and how long it took so far */
};

struct footprint {
	struct host_roots roots; /* the caller's */
	struct process process;
	struct process_usage usage; /* it stands beside the start time that every reading checks */
	enum footprint_source source;
	uint64_t ram_b;	    /* the guest's memory when the source was chosen */
	uint64_t choose_us; /* choose the source again then */
	struct cgroup cgroup;
	struct memfd memfd[MEMFD_MAX];
	size_t nmemfd;
	struct ram ram;
	struct walk walk;
	struct fact own_b;
	bool waiting; /* for its share of the budget */
	struct footprint_budget *budget;
};

/* Keeps count of those who share the budget for walks. */
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
	const struct maps_ram *ram; /* only files of these mappings; NULL: any */
	uint64_t size_b;
	bool hugetlb;
};

static bool is_of_ram(const struct maps_ram *ram, const struct stat *st)
{
	size_t i;

	for (i = 0; i < ram->n; i++)
		if (ram->block[i].shared && ram->block[i].dev == st->st_dev &&
		    ram->block[i].ino == st->st_ino)
			return true;
	return false;
}

static int look_for_memfd(void *userdata, const char *name, const char *link)
{
	struct memfd_scan *scan = userdata;
	struct footprint *fp = scan->fp;
	struct memfd *m = &fp->memfd[fp->nmemfd];
	struct stat st;
	bool hugetlb;
	size_t i;

	if (!process_memory_file(&fp->process, name, link, &st, &hugetlb))
		return 0;
	if (scan->ram ? !is_of_ram(scan->ram, &st) : (uint64_t)st.st_size < FOOTPRINT_MEMFD_MIN_B)
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
 * Where the RAM's mapping was not found: do the memory files hold it? A large
 * one may also be a sound or video buffer beside anonymous RAM, or RAM that is
 * mapped private; in both cases more is soon resident as anonymous memory than
 * QEMU itself needs.
 */
static bool guess_memfds(struct footprint *fp, bool *ret_hugetlb)
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

/* Finds the RAM's own mapping, and the open file of each block that is shared. */
static bool find_ram(struct footprint *fp)
{
	struct memfd_scan scan = { .fp = fp, .ram = &fp->ram.map };
	size_t i, shared = 0;

	fp->nmemfd = 0;
	if (fp->ram_b == 0 || ram_find(&fp->process, fp->ram_b, &fp->ram) < 0)
		return false;
	for (i = 0; i < fp->ram.map.n; i++)
		shared += fp->ram.map.block[i].shared;
	if (shared == 0)
		return true;
	/* two blocks may be of one file */
	return process_files(&fp->process, look_for_memfd, &scan) == 0 && fp->nmemfd > 0;
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

/* Did the process's RSS move since the walk? Its own noise does not count. */
static bool has_moved(const struct footprint *fp)
{
	uint64_t now_b = fp->usage.rss_b, then_b = fp->walk.rss_b;

	return !fp->walk.known ||
	       u64_sub_sat(u64_max(now_b, then_b), u64_min(now_b, then_b)) >= FOOTPRINT_MOVED_B;
}

/* One turn of a walk by the source in use. 0: it is over; -EINPROGRESS; or -errno. */
static int walk_turn(struct footprint *fp, struct ram_bytes *ret)
{
	struct fact resident_b;
	int r;

	if (fp->source == FOOTPRINT_SMAPS) {
		r = smaps_read(fp->process.dir, 0, &resident_b);
		if (r == 0)
			*ret = (struct ram_bytes){ .present_b = resident_b.value };
		return r;
	}
	r = ram_pass(&fp->ram, &fp->process, ret);
	if (fp->ram.by_smaps)
		fp->source = FOOTPRINT_MAPPING;
	return r;
}

static void walk_begin(struct footprint *fp, uint64_t now_us)
{
	struct walk *w = &fp->walk;

	w->under_way = true;
	w->forced = false;
	w->begun_us = now_us;
	w->begun_rss_b = fp->usage.rss_b;
	w->took_us = 0;
}

/* Rests after @took_us of work, in the measure in which others wait as well. */
static uint64_t rest_until(const struct footprint *fp, uint64_t now_us, uint64_t took_us)
{
	uint64_t rest_us = u64_mul_sat(took_us, FOOTPRINT_REST);

	return u64_add_sat(now_us, u64_mul_sat(rest_us, u64_max(fp->budget->waiting, 1)));
}

/* Is there anything to do now? */
static bool walk_is_due(struct footprint *fp, uint64_t now_us, bool force)
{
	struct walk *w = &fp->walk;

	set_waiting(fp, w->under_way || has_moved(fp));
	if (!force && !fp->waiting)
		w->taken_us = now_us; /* it would be the same */
	if (force && w->under_way)
		w->forced = true;
	return force || w->forced || (fp->waiting && (!w->known || now_us >= w->not_before_us));
}

/* Goes on with a walk where it is time to. 0, or -errno; the figures are fp->walk's. */
static int measure_walk(struct footprint *fp, uint64_t now_us, bool force)
{
	struct walk *w = &fp->walk;
	struct ram_bytes bytes;
	uint64_t start_us, took_us;
	int r;

	if (!walk_is_due(fp, now_us, force))
		return 0;
	if (!w->under_way)
		walk_begin(fp, now_us);
	w->forced |= force;
	start_us = monotonic_us();
	r = walk_turn(fp, &bytes);
	took_us = u64_sub_sat(monotonic_us(), start_us);
	w->took_us += took_us;
	if (r == -EINPROGRESS) {
		w->not_before_us = w->forced ? now_us : rest_until(fp, now_us, took_us);
		return 0;
	}
	w->under_way = false;
	w->forced = false;
	if (r < 0)
		return r;
	w->not_before_us = rest_until(fp, now_us, w->took_us);
	set_waiting(fp, false);
	w->known = true;
	w->bytes = bytes;
	w->taken_us = w->begun_us;
	w->rss_b = w->begun_rss_b;
	return 0;
}

uint64_t footprint_next(const struct footprint *fp)
{
	return fp->walk.under_way ? fp->walk.not_before_us : UINT64_MAX;
}

/* What the source in use counts apart, and is added to the blocks of memory files. */
static int measure_ram(struct footprint *fp, uint64_t now_us, bool force,
		       struct footprint_figures *ret)
{
	uint64_t blocks_b = 0;
	int r;

	if (fp->nmemfd) {
		r = measure_memfd(fp, &blocks_b);
		if (r < 0)
			return r;
	}
	if (fp->source == FOOTPRINT_MEMFD) {
		ret->backed_b = fact_of(blocks_b, now_us);
		return 0;
	}
	r = measure_walk(fp, now_us, force);
	if (r < 0)
		return r;
	if (!fp->walk.known)
		return -EINPROGRESS;
	if (footprint_is_apart(fp->source))
		ret->swapped_b = fact_of(fp->walk.bytes.swapped_b, fp->walk.taken_us);
	ret->backed_b =
		fact_of(u64_add_sat(u64_add_sat(fp->walk.bytes.present_b, fp->walk.bytes.swapped_b),
				    blocks_b),
			fp->walk.taken_us);
	return 0;
}

static int measure(struct footprint *fp, uint64_t now_us, bool force, struct footprint_figures *ret)
{
	uint64_t bytes;
	int r;

	*ret = (struct footprint_figures){ 0 };
	r = cgroup_usage(&fp->cgroup, &bytes);
	if (r == 0)
		ret->charged_b = fact_of(bytes, now_us);
	else if (r != -EBADF || fp->source == FOOTPRINT_CGROUP)
		return r;
	if (fp->source == FOOTPRINT_CGROUP)
		ret->backed_b = ret->charged_b;
	else if (fp->source == FOOTPRINT_RSS)
		ret->backed_b = fact_of(fp->usage.rss_b, now_us);
	else
		return measure_ram(fp, now_us, force, ret);
	return 0;
}

/* The hypervisor's own memory: all that is not shared, less the RAM that is not. */
static void measure_own(struct footprint *fp, uint64_t now_us)
{
	uint64_t ram_b = fp->source == FOOTPRINT_MEMFD ? 0 : fp->walk.bytes.present_b;
	struct process_status st;

	if (fp->own_b.known && now_us < fp->own_b.taken_us + FOOTPRINT_OWN_US)
		return;
	fp->own_b.known = false;
	if (process_status(&fp->process, now_us, &st) < 0 || !st.anon_b.known || !st.file_b.known)
		return;
	fp->own_b =
		fact_of(u64_sub_sat(u64_add_sat(st.anon_b.value, st.file_b.value), ram_b), now_us);
}

/* A source is chosen only if it gave a figure just now. */
static enum footprint_source find_source(struct footprint *fp)
{
	bool hugetlb = false, memfd;
	uint64_t bytes;

	if (find_ram(fp)) {
		if (!ram_has_private(&fp->ram))
			return FOOTPRINT_MEMFD;
		if (ram_try(&fp->ram, &fp->process) == 0)
			return fp->ram.by_smaps ? FOOTPRINT_MAPPING : FOOTPRINT_PAGEMAP;
	}
	memfd = guess_memfds(fp, &hugetlb) && measure_memfd(fp, &bytes) == 0;
	if (memfd && (hugetlb || fp->cgroup.dir < 0)) /* which hugetlb is not charged to */
		return FOOTPRINT_MEMFD;
	fp->nmemfd = 0;
	if (fp->cgroup.dir >= 0)
		return FOOTPRINT_CGROUP;
	return fp->usage.rss_b < FOOTPRINT_WALK_MAX_B ? FOOTPRINT_SMAPS : FOOTPRINT_RSS;
}

static void choose(struct footprint *fp, uint64_t ram_b, uint64_t now_us)
{
	enum footprint_source was = fp->source;
	uint64_t bytes;

	cgroup_fini(&fp->cgroup);
	if (cgroup_open_own(fp->roots.cgroup, &fp->process, &fp->cgroup) == 0 &&
	    cgroup_usage(&fp->cgroup, &bytes) < 0)
		cgroup_fini(&fp->cgroup);
	fp->choose_us = u64_add_sat(now_us, FOOTPRINT_CHOOSE_US);
	if (fp->ram_b != ram_b)
		was = FOOTPRINT_NONE;
	fp->ram_b = ram_b;
	fp->source = find_source(fp);
	if (fp->source == was)
		return; /* its last figures still are what they were */
	fp->walk = (struct walk){ 0 };
	fp->own_b.known = false;
	set_waiting(fp, false);
}

int footprint_read(struct footprint *fp, uint64_t ram_b, uint64_t now_us, bool force,
		   struct footprint_figures *ret)
{
	struct footprint_figures found;
	int r;

	r = process_usage(&fp->process, now_us, &fp->usage);
	if (r < 0)
		return r;
	if (fp->source == FOOTPRINT_NONE || now_us >= fp->choose_us || ram_b != fp->ram_b)
		choose(fp, ram_b, now_us);
	r = measure(fp, now_us, force, &found);
	if (r < 0 && r != -EINPROGRESS) {
		/* moved to another cgroup, the memory file was closed, or memory was unplugged */
		choose(fp, ram_b, now_us);
		r = measure(fp, now_us, force, &found);
	}
	if (r == -EINPROGRESS)
		return r;
	if (r < 0)
		return process_alive(&fp->process) < 0 ? -ESRCH : r;
	found.source = fp->source;
	if (footprint_is_apart(found.source)) {
		measure_own(fp, now_us);
		found.own_b = fp->own_b;
	}
	*ret = found;
	return 0;
}
