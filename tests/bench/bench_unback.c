/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bench_unback.c - what it costs to unback a recorded stream of PFNs, in three ways
 *
 * In:    bench_unback STREAM MIB PFNS BUFFERS HUGE: a file of u32 PFNs as a guest sent them, the
 *        size of its memory, PFNs per buffer, buffers that are under way at once, and whether huge
 *        pages back the memory (0 or 1; with 1 the guest must tell).
 * Out:   JSON: GiB unbacked per second of processor time: by one call per PFN, by the device, from
 *        its queue on, and by one call for the whole range.
 *
 * Meanwhile another process has the memory mapped and writes to what is not
 * unbacked, as a running VM does: every discard then costs a TLB shootdown.
 */
#include "device/balloon.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/virtio_ring.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
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

/* Where the ring lies, and what in it. */
#define RING_GPA (UINT64_C(1) << 40)
#define RING_NUM 128
#define RING_DESC 0
#define RING_AVAIL 4096
#define RING_USED 8192
#define RING_BUFFERS 65536
#define RING_B MIB
#define SLOTS_MAX 16

struct bench {
	struct guestmem gm;
	struct pageset batch, pending, inside;
	struct balloon balloon;
	struct shared shared;
	uint8_t *ring;
	uint16_t offered;
	uint32_t *pfns;
	size_t n, per_buffer, slots;
	uint64_t size;
	int fd;
	int filled; /* eventfd: the VM has touched all of its memory */
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

/* A ring and buffers in memory of their own, far above the guest's. */
static void set_up_ring(struct bench *b)
{
	struct guestmem_region r = { .gpa = RING_GPA, .size = RING_B, .user = RING_GPA };
	struct virtq_config c = { .num = RING_NUM,
				  .desc = RING_GPA + RING_DESC,
				  .avail = RING_GPA + RING_AVAIL,
				  .used = RING_GPA + RING_USED };

	r.fd = memfd_create("ring", MFD_CLOEXEC);
	if (r.fd < 0 || ftruncate(r.fd, RING_B) < 0 || guestmem_add(&b->gm, &r, b->huge) < 0 ||
	    guestmem_map(&b->gm) < 0)
		fail("ring");
	b->ring = guestmem_range(&b->gm, RING_GPA, RING_B);
	b->balloon = (struct balloon){ .gm = &b->gm,
				       .batch = &b->batch,
				       .pending = &b->pending,
				       .inside = b->huge ? &b->inside : NULL,
				       .shared = &b->shared };
	if (virtq_init(&b->balloon.vq[BALLOON_INFLATE], &b->gm, &c) < 0)
		fail("queue");
	b->balloon.present[BALLOON_INFLATE] = true;
}

static void set_up(struct bench *b)
{
	struct guestmem_region r = { .size = b->size + BUSY_B };

	b->fd = memfd_create("bench", MFD_CLOEXEC);
	b->filled = eventfd(0, EFD_CLOEXEC);
	if (b->fd < 0 || b->filled < 0 || ftruncate(b->fd, (off_t)r.size) < 0)
		fail("memfd");
	r.fd = dup(b->fd);
	if (guestmem_add(&b->gm, &r, b->huge) < 0 ||
	    pageset_init(&b->batch, GUESTMEM_PAGES_MAX) < 0 ||
	    pageset_init(&b->pending, GUESTMEM_PAGES_MAX) < 0 ||
	    pageset_init(&b->inside, GUESTMEM_PAGES_MAX) < 0)
		fail("memory");
	set_up_ring(b);
}

static void stay_on(size_t cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set); /* a machine with one has no other */
}

/*
 * The VM: maps all of its memory, has written to every page of it, and goes on
 * with its own part on a CPU of its own. The device has none of it in its page
 * tables, for it never touches what it unbacks.
 */
static _Noreturn void run_vm(const struct bench *b)
{
	uint64_t all = b->size + BUSY_B, i;
	uint8_t *map = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_SHARED, b->fd, 0);

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	stay_on(1);
	if (map == MAP_FAILED || (b->huge && madvise(map, all, MADV_HUGEPAGE) < 0))
		fail("mapping the memory");
	memset(map, 1, all);
	if (eventfd_write(b->filled, 1) < 0)
		fail("eventfd");
	for (;;)
		for (i = 0; i < BUSY_B; i += GUESTMEM_PAGE)
			((volatile uint8_t *)map)[b->size + i]++;
}

static pid_t start_vm(struct bench *b)
{
	eventfd_t n;
	pid_t pid = fork();

	if (pid == 0)
		run_vm(b);
	if (pid < 0 || eventfd_read(b->filled, &n) < 0)
		fail("the VM");
	pageset_clear(&b->inside);
	return pid;
}

static double page_by_page(struct bench *b)
{
	double start = cpu_s();
	size_t i;

	for (i = 0; i < b->n; i++)
		if (fallocate(b->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      (off_t)b->pfns[i] * (off_t)GUESTMEM_PAGE, GUESTMEM_PAGE) < 0)
			fail("fallocate");
	return cpu_s() - start;
}

/* One buffer of PFNs, from @at on, into the ring. Returns how many. */
static size_t offer(struct bench *b, size_t at)
{
	struct vring_desc *desc = (void *)(b->ring + RING_DESC);
	struct vring_avail *avail = (void *)(b->ring + RING_AVAIL);
	size_t n = u64_min(b->per_buffer, b->n - at);
	uint16_t slot = (uint16_t)(b->offered % b->slots);
	uint64_t buffer = RING_BUFFERS + slot * BALLOON_BIG_BUFFER_PFNS * sizeof(uint32_t);

	memcpy(b->ring + buffer, b->pfns + at, n * sizeof(uint32_t));
	desc[slot] = (struct vring_desc){ .addr = RING_GPA + buffer,
					  .len = (uint32_t)(n * sizeof(uint32_t)) };
	avail->ring[b->offered % RING_NUM] = slot;
	__atomic_store_n(&avail->idx, ++b->offered, __ATOMIC_RELEASE);
	return n;
}

static double run_device(struct bench *b, uint64_t now_us)
{
	double start = cpu_s();

	while (balloon_run(&b->balloon, now_us) == BALLOON_MORE)
		;
	return cpu_s() - start;
}

/* The device, from its queue to the holes; the guest has as many buffers under way as it can. */
static double by_unback(struct bench *b)
{
	const struct vring_used *used = (const void *)(b->ring + RING_USED);
	double spent = 0;
	size_t at = 0;

	while (at < b->n) {
		while (at < b->n && (uint16_t)(b->offered - used->idx) < b->slots)
			at += offer(b, at);
		spent += run_device(b, 0);
	}
	return spent + run_device(b, BALLOON_PENDING_US);
}

static double whole_range(struct bench *b)
{
	double start = cpu_s();

	if (fallocate(b->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)b->size) < 0)
		fail("fallocate");
	return cpu_s() - start;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* GiB that the file's blocks fell by, per second of processor time. */
static double rate(struct bench *b, double (*way)(struct bench *b))
{
	pid_t vm = start_vm(b);
	uint64_t before = guestmem_resident_b(&b->gm);
	double spent = way(b);

	before -= guestmem_resident_b(&b->gm);
	(void)kill(vm, SIGKILL);
	(void)waitpid(vm, NULL, 0);
	return (double)before / (double)GIB / spent;
}

static const struct {
	const char *name;
	double (*way)(struct bench *b); /* returns seconds of processor time */
} ways[] = {
	{ "page_by_page", page_by_page },
	{ "unback", by_unback },
	{ "whole_range", whole_range },
};

/* The ways take turns, so that a machine that slows down slows all of them. */
static void measure(struct bench *b)
{
	double rates[ARRAY_SIZE(ways)][ROUNDS];
	size_t i, round;

	for (round = 0; round < ROUNDS; round++)
		for (i = 0; i < ARRAY_SIZE(ways); i++)
			rates[i][round] = rate(b, ways[i].way);
	printf("{\"pfns\": %zu", b->n);
	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		qsort(rates[i], ROUNDS, sizeof(rates[i][0]), compare);
		printf(", \"%s\": %.3f", ways[i].name, rates[i][ROUNDS / 2]);
	}
	printf("}\n");
}

int main(int argc, char **argv)
{
	static struct bench b;

	if (argc != 6) {
		fprintf(stderr, "usage: %s STREAM MIB PFNS BUFFERS HUGE\n", argv[0]);
		return 2;
	}
	b.size = strtoull(argv[2], NULL, 10) * MIB;
	b.per_buffer = strtoull(argv[3], NULL, 10);
	b.slots = strtoull(argv[4], NULL, 10);
	b.huge = argv[5][0] == '1';
	if (b.size == 0 || b.per_buffer == 0 || b.per_buffer > BALLOON_BIG_BUFFER_PFNS ||
	    b.slots == 0 || b.slots > SLOTS_MAX)
		return 2;
	stay_on(0);
	read_stream(&b, argv[1]);
	set_up(&b);
	measure(&b);
	return 0;
}
