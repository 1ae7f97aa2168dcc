/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_unback.c - what it costs to unback a recorded stream of PFNs, in three ways
 *
 * In:    bench_unback STREAM MIB BATCH HUGE: a file of u32 PFNs as a guest sent them, the size of
 * the memory, PFNs per batch, and whether huge pages back the memory (0 or 1). Out:   JSON: GiB
 * unbacked per second of processor time, page by page, by unback.c, and by one call for the whole
 * range.
 *
 * Meanwhile another process maps the memory and writes to what is not unbacked,
 * as a running VM does: every discard then costs a TLB shootdown.
 */
#include "device/unback.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"

#define ROUNDS 5
#define PFNS_MAX ((size_t)1 << 20)
#define BUSY_B (16 * MIB) /* at the end of the memory: the sibling's own */

struct bench {
	struct guestmem gm;
	struct pageset batch, inside;
	uint32_t *pfns;
	size_t n, per_batch;
	uint64_t size;
	uint8_t *map;
	int fd;
	bool huge;
};

static _Noreturn void fail(const char *what)
{
	perror(what);
	exit(1);
}

static double cpu_s(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void read_stream(struct bench *b, const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	size_t i, kept = 0;

	b->pfns = calloc(PFNS_MAX, sizeof(*b->pfns));
	if (fd < 0 || !b->pfns)
		fail(path);
	n = read(fd, b->pfns, PFNS_MAX * sizeof(*b->pfns));
	if (n <= 0)
		fail(path);
	for (i = 0; i < (size_t)n / sizeof(*b->pfns); i++)
		if ((uint64_t)b->pfns[i] * GUESTMEM_PAGE < b->size)
			b->pfns[kept++] = b->pfns[i];
	b->n = kept;
}

static void set_up(struct bench *b)
{
	struct guestmem_region r = { .size = b->size + BUSY_B };

	b->fd = memfd_create("bench", MFD_CLOEXEC);
	if (b->fd < 0 || ftruncate(b->fd, (off_t)r.size) < 0)
		fail("memfd");
	b->map = mmap(NULL, r.size, PROT_READ | PROT_WRITE, MAP_SHARED, b->fd, 0);
	if (b->map == MAP_FAILED)
		fail("mmap");
	if (b->huge && madvise(b->map, r.size, MADV_HUGEPAGE) < 0)
		fail("huge pages");
	r.fd = dup(b->fd);
	if (guestmem_add(&b->gm, &r, b->huge) < 0 ||
	    pageset_init(&b->batch, GUESTMEM_PAGES_MAX) < 0 ||
	    pageset_init(&b->inside, GUESTMEM_PAGES_MAX) < 0)
		fail("memory");
}

static void stay_on(size_t cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set); /* a machine with one has no other */
}

/* The VM: has all of it mapped, and never stops touching its own part, on a CPU of its own. */
static pid_t start_sibling(struct bench *b)
{
	pid_t pid = fork();
	uint64_t i;

	if (pid)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	stay_on(1);
	for (i = 0; i < b->size; i += GUESTMEM_PAGE)
		*(volatile uint8_t *)(b->map + i) = 2;
	for (;;)
		for (i = 0; i < BUSY_B; i += GUESTMEM_PAGE)
			((volatile uint8_t *)b->map)[b->size + i]++;
}

static void fill(struct bench *b)
{
	memset(b->map, 1, b->size);
	pageset_clear(&b->inside);
}

static void page_by_page(struct bench *b)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		if (fallocate(b->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      (off_t)b->pfns[i] * (off_t)GUESTMEM_PAGE, GUESTMEM_PAGE) < 0)
			fail("fallocate");
}

static void by_unback(struct bench *b)
{
	struct unback_counts counts = { 0 };
	struct pageset_run run = { 0 };
	size_t i;

	for (i = 0; i < b->n; i++) {
		uint64_t page;

		if (guestmem_pages(&b->gm, (uint64_t)b->pfns[i] * GUESTMEM_PAGE, 1, &page))
			pageset_run_add(&b->batch, &run, page);
		if (i % b->per_batch == b->per_batch - 1 || i + 1 == b->n) {
			pageset_run_end(&b->batch, &run);
			unback_batch(&b->gm, &b->batch, b->huge ? &b->inside : NULL, &counts);
		}
	}
}

static void whole_range(struct bench *b)
{
	if (fallocate(b->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)b->size) < 0)
		fail("fallocate");
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The median of ROUNDS: GiB that the file's blocks fell by, per second of processor time. */
static double rate(struct bench *b, void (*way)(struct bench *b))
{
	double rates[ROUNDS], start, spent;
	uint64_t before;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		pid_t sibling;

		fill(b);
		sibling = start_sibling(b);
		(void)usleep(200000); /* it has mapped everything by then */
		before = guestmem_resident_b(&b->gm);
		start = cpu_s();
		way(b);
		spent = cpu_s() - start;
		rates[i] = (double)(before - guestmem_resident_b(&b->gm)) / (double)GIB / spent;
		(void)kill(sibling, SIGKILL);
		(void)waitpid(sibling, NULL, 0);
	}
	qsort(rates, ROUNDS, sizeof(rates[0]), compare);
	return rates[ROUNDS / 2];
}

int main(int argc, char **argv)
{
	struct bench b = { .huge = argc == 5 && argv[4][0] == '1' };

	if (argc != 5) {
		fprintf(stderr, "usage: %s STREAM MIB BATCH HUGE\n", argv[0]);
		return 2;
	}
	b.size = strtoull(argv[2], NULL, 10) * MIB;
	b.per_batch = strtoull(argv[3], NULL, 10);
	if (b.size == 0 || b.per_batch == 0)
		return 2;
	stay_on(0);
	read_stream(&b, argv[1]);
	set_up(&b);
	printf("{\"pfns\": %zu, ", b.n);
	printf("\"page_by_page\": %.3f, ", rate(&b, page_by_page));
	printf("\"unback\": %.3f, ", rate(&b, by_unback));
	printf("\"whole_range\": %.3f}\n", rate(&b, whole_range));
	return 0;
}
