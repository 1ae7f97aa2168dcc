/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_footprint.c - the behaviour of host/footprint.h, on trees and on real children
 *
 * Layer: tests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/num.h"
#include "host/footprint.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MUCH (64 * MIB)

struct world {
	struct tree t;
	struct host_roots roots;
	struct footprint_budget budget;
	struct footprint *fp;
};

/* What a VM whose memory is not known has, as one figure. */
static int read_old(struct footprint *fp, uint64_t now_us, bool force, struct fact *ret_b,
		    enum footprint_source *ret_source)
{
	struct footprint_figures found;
	int r;

	r = footprint_read(fp, 0, now_us, force, &found);
	if (r < 0)
		return r;
	*ret_b = found.backed_b;
	*ret_source = found.source;
	return 0;
}

/* A process 7 of a tree, with smaps only. */
static void world_init(struct world *w)
{
	tree_init(&w->t);
	w->budget = (struct footprint_budget){ 0 };
	w->roots = (struct host_roots){ .proc = w->t.fd, .cgroup = w->t.fd };
	tree_put_stat(&w->t, 7, "q", 'S', 1, 1, 100);
	tree_put(&w->t, "7/status", "RssAnon: 1000 kB\n");
	tree_put(&w->t, "7/cgroup", "0::/vm\n");
	tree_link(&w->t, "7/fd/0", "/dev/null");
	tree_put(&w->t, "7/smaps_rollup", "Rss: 100 kB\n");
	assert_int_equal(footprint_new(&w->roots, &w->budget, 7, &w->fp), 0);
}

static void world_fini(struct world *w)
{
	footprint_free(w->fp);
	tree_fini(&w->t);
}

static void put_cgroup(struct world *w)
{
	tree_put(&w->t, "vm/memory.current", "5000\n");
	tree_put(&w->t, "vm/memory.stat", "file 1000\nshmem 300\n");
	tree_put(&w->t, "vm/cgroup.procs", "7\n");
}

/* The same process with another RSS, in pages. */
static void move_rss(struct world *w, unsigned long long pages)
{
	char text[256];

	(void)snprintf(text, sizeof(text),
		       "7 (q) S 1 7 7 0 -1 4194560 1 2 3 4 1 1 5 6 20 0 3 0 100 99 %llu\n", pages);
	tree_put(&w->t, "7/stat", text);
}

static void those_who_wait_for_smaps_share_one_budget(void **state)
{
	enum footprint_source source;
	struct footprint *other;
	struct world w;
	struct fact f;

	(void)state;
	world_init(&w);
	assert_int_equal(footprint_new(&w.roots, &w.budget, 7, &other), 0);
	assert_int_equal(read_old(w.fp, 1000, false, &f, &source), 0);
	assert_int_equal(read_old(other, 1000, false, &f, &source), 0);
	assert_int_equal(w.budget.waiting, 0);
	move_rss(&w, 100000);
	assert_int_equal(read_old(w.fp, 1001, false, &f, &source), 0);
	assert_int_equal(read_old(other, 1001, false, &f, &source), 0);
	assert_int_equal(w.budget.waiting, 2);
	assert_int_equal(read_old(w.fp, 1002, true, &f, &source), 0);
	assert_int_equal(w.budget.waiting, 1);
	footprint_free(other);
	assert_int_equal(w.budget.waiting, 0);
	world_fini(&w);
}

static void smaps_of_a_process_that_does_not_move_are_not_read_again(void **state)
{
	enum footprint_source source;
	struct world w;
	struct fact f;

	(void)state;
	world_init(&w);
	assert_int_equal(read_old(w.fp, 1000, false, &f, &source), 0);
	tree_put(&w.t, "7/smaps_rollup", "Rss: 200 kB\n");
	assert_int_equal(read_old(w.fp, 3600 * USEC_PER_SEC, false, &f, &source), 0);
	assert_int_equal(f.value, 100 * KIB);
	assert_int_equal(f.taken_us, 3600 * USEC_PER_SEC); /* it still is what it was */
	world_fini(&w);
}

static void smaps_is_the_last_resort_and_is_read_at_a_bounded_rate(void **state)
{
	enum footprint_source source;
	struct world w;
	struct fact f;

	(void)state;
	world_init(&w);
	assert_int_equal(read_old(w.fp, 1000, false, &f, &source), 0);
	assert_int_equal(source, FOOTPRINT_SMAPS);
	assert_int_equal(f.value, 100 * KIB);
	assert_true(footprint_cpu(w.fp).known);
	assert_int_equal(footprint_cpu(w.fp).taken_us, 1000);
	tree_put(&w.t, "7/smaps_rollup", "Rss: 200 kB\n");
	move_rss(&w, 100000);
	assert_int_equal(read_old(w.fp, 1001, false, &f, &source), 0);
	assert_int_equal(f.value, 100 * KIB);
	assert_int_equal(f.taken_us, 1000); /* the old figure says that it is old */
	assert_int_equal(read_old(w.fp, 1002, true, &f, &source), 0);
	assert_int_equal(f.value, 200 * KIB);
	assert_int_equal(f.taken_us, 1002);
	tree_put(&w.t, "7/smaps_rollup", "Rss: 300 kB\n");
	assert_int_equal(read_old(w.fp, 1003, false, &f, &source), 0);
	assert_int_equal(f.value, 200 * KIB);
	move_rss(&w, 200000);
	assert_int_equal(read_old(w.fp, 3600 * USEC_PER_SEC, false, &f, &source), 0);
	assert_int_equal(f.value, 300 * KIB);
	world_fini(&w);
}

#define RAM_LINE "7f63ebe00000-7f640be00000 rw-p 00000000 00:00 0 \n"

static void where_pagemap_cannot_be_read_the_mapping_is_told_by_smaps(void **state)
{
	struct footprint_figures is;
	struct world w;

	(void)state;
	world_init(&w);
	tree_put(&w.t, "7/maps", RAM_LINE);
	tree_put(&w.t, "7/smaps", RAM_LINE "Rss: 3000 kB\nSwap: 500 kB\n");
	assert_int_equal(footprint_read(w.fp, 512 * MIB, 1000, false, &is), 0);
	assert_int_equal(is.source, FOOTPRINT_MAPPING);
	assert_int_equal(is.backed_b.value, 3500 * KIB);
	assert_int_equal(is.swapped_b.value, 500 * KIB);
	/* a mapping that has gone is no memory that was freed: the source is chosen anew */
	tree_put(&w.t, "7/maps", "7f63ebe00000-7f63fbe00000 rw-p 00000000 00:00 0 \n");
	tree_put(&w.t, "7/smaps", "7f63ebe00000-7f63fbe00000 rw-p 00000000 00:00 0 \nRss: 1 kB\n");
	assert_int_equal(footprint_read(w.fp, 512 * MIB, 1001, true, &is), 0);
	assert_int_equal(is.source, FOOTPRINT_SMAPS);
	assert_int_equal(is.backed_b.value, 100 * KIB);
	assert_false(is.swapped_b.known);
	world_fini(&w);
}

static void a_mapping_that_nobody_may_count_leaves_the_whole_process(void **state)
{
	struct footprint_figures is;
	struct world w;

	(void)state;
	world_init(&w);
	tree_put(&w.t, "7/maps", RAM_LINE);
	assert_int_equal(footprint_read(w.fp, 512 * MIB, 1000, false, &is), 0);
	assert_int_equal(is.source, FOOTPRINT_SMAPS);
	assert_int_equal(is.backed_b.value, 100 * KIB);
	world_fini(&w);
}

static void a_very_large_process_is_not_walked(void **state)
{
	const uint64_t page_b = (uint64_t)sysconf(_SC_PAGESIZE);
	enum footprint_source source;
	struct world w;
	struct fact f;

	(void)state;
	world_init(&w);
	move_rss(&w, FOOTPRINT_WALK_MAX_B / page_b);
	assert_int_equal(read_old(w.fp, 1000, true, &f, &source), 0);
	assert_int_equal(source, FOOTPRINT_RSS);
	assert_int_equal(f.value, FOOTPRINT_WALK_MAX_B);
	move_rss(&w, 1000); /* it stays with its source for as long as any does */
	assert_int_equal(read_old(w.fp, 1001, false, &f, &source), 0);
	assert_int_equal(source, FOOTPRINT_RSS);
	assert_int_equal(f.value, 1000 * page_b);
	assert_int_equal(f.taken_us, 1001);
	assert_int_equal(read_old(w.fp, 1000 + FOOTPRINT_CHOOSE_US, false, &f, &source), 0);
	assert_int_equal(source, FOOTPRINT_SMAPS);
	world_fini(&w);
}

static void a_cgroup_of_its_own_comes_first_and_is_always_fresh(void **state)
{
	enum footprint_source source;
	struct world w;
	struct fact f;

	(void)state;
	world_init(&w);
	put_cgroup(&w);
	assert_int_equal(read_old(w.fp, 1000, false, &f, &source), 0);
	assert_int_equal(source, FOOTPRINT_CGROUP);
	assert_int_equal(f.value, 4300);
	tree_put(&w.t, "vm/memory.current", "6000\n");
	assert_int_equal(read_old(w.fp, 1001, false, &f, &source), 0);
	assert_int_equal(f.value, 5300);
	assert_int_equal(f.taken_us, 1001);
	world_fini(&w);
}

static void the_source_is_chosen_again_after_a_while(void **state)
{
	enum footprint_source source;
	struct world w;
	struct fact f;

	(void)state;
	world_init(&w);
	put_cgroup(&w);
	assert_int_equal(read_old(w.fp, 1000, false, &f, &source), 0);
	tree_put(&w.t, "vm/cgroup.procs", "7\n8\n"); /* somebody has joined it */
	assert_int_equal(read_old(w.fp, 1001, false, &f, &source), 0);
	assert_int_equal(source, FOOTPRINT_CGROUP);
	assert_int_equal(read_old(w.fp, 1000 + FOOTPRINT_CHOOSE_US, false, &f, &source), 0);
	assert_int_equal(source, FOOTPRINT_SMAPS);
	world_fini(&w);
}

static void a_source_that_fails_is_left_at_once(void **state)
{
	enum footprint_source source;
	struct world w;
	struct fact f;

	(void)state;
	world_init(&w);
	put_cgroup(&w);
	assert_int_equal(read_old(w.fp, 1000, false, &f, &source), 0);
	tree_put(&w.t, "vm/memory.current", "broken\n");
	assert_int_equal(read_old(w.fp, 1001, false, &f, &source), 0);
	assert_int_equal(source, FOOTPRINT_SMAPS);
	assert_int_equal(f.value, 100 * KIB);
	world_fini(&w);
}

static void where_no_source_answers_there_is_an_error_and_no_figure(void **state)
{
	enum footprint_source source = FOOTPRINT_COUNT;
	struct fact f = fact_of(42, 42);
	struct world w;

	(void)state;
	world_init(&w);
	tree_put(&w.t, "7/smaps_rollup", "Rss: -1 kB\n");
	assert_int_equal(read_old(w.fp, 1000, false, &f, &source), -EBADMSG);
	tree_remove(&w.t, "7/smaps_rollup"); /* a kernel before 4.14; the process lives */
	assert_int_equal(read_old(w.fp, 1000, false, &f, &source), -ENOENT);
	assert_int_equal(f.value, 42);
	assert_int_equal(source, FOOTPRINT_COUNT);
	tree_put(&w.t, "7/smaps_rollup", "Rss: 5 kB\n");
	assert_int_equal(read_old(w.fp, 1000, false, &f, &source), 0);
	world_fini(&w);
}

static void a_process_that_ends_or_is_replaced_is_gone(void **state)
{
	enum footprint_source source;
	struct footprint *none = NULL;
	struct world w;
	struct fact f;

	(void)state;
	world_init(&w);
	put_cgroup(&w);
	assert_int_equal(read_old(w.fp, 1000, false, &f, &source), 0);
	tree_put_stat(&w.t, 7, "q", 'S', 1, 1, 101); /* later start: another process */
	assert_int_equal(read_old(w.fp, 1001, false, &f, &source), -ESRCH);
	tree_put_stat(&w.t, 7, "q", 'Z', 1, 1, 100);
	assert_int_equal(read_old(w.fp, 1001, true, &f, &source), -ESRCH);
	assert_int_equal(footprint_new(&w.roots, &w.budget, 7, &none), -ESRCH);
	assert_int_equal(footprint_new(&w.roots, &w.budget, 8, &none), -ESRCH);
	assert_null(none);
	footprint_free(NULL);
	world_fini(&w);
}

/* What a child holds: how much anonymous memory touched, and of a memfd of which size. */
struct load {
	size_t anon, memfd_size, memfd_touched, dups;
};

/* A child that has touched its memory when this returns, and then waits. */
static pid_t child_start(const struct load *load)
{
	int ready[2];
	char c = 0;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = memfd_create("ram", MFD_CLOEXEC);
		size_t i;
		char *p;

		/* a test that fails leaves no child behind */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		p = mmap(NULL, load->anon + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
		memset(p, 1, load->anon);
		if (ftruncate(fd, (off_t)load->memfd_size) < 0)
			_exit(1);
		p = mmap(NULL, load->memfd_size + 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		memset(p, 1, load->memfd_touched);
		for (i = 0; i < load->dups; i++)
			(void)dup(fd);
		(void)write(ready[1], "r", 1);
		pause();
		_exit(0);
	}
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	(void)close(ready[0]);
	return pid;
}

static void child_stop(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* The real /proc and no cgroups: those are tested apart, where they can be made. */
static void real_roots(struct host_roots *roots)
{
	assert_int_equal(host_roots_init(roots), 0);
	(void)close(roots->cgroup);
	roots->cgroup = -EBADF;
}

static struct fact measure_child(const struct load *load, enum footprint_source *ret_source)
{
	struct footprint_budget budget = { 0 };
	struct host_roots roots;
	struct footprint *fp;
	struct fact f, gone;
	pid_t pid;

	real_roots(&roots);
	pid = child_start(load);
	assert_int_equal(footprint_new(&roots, &budget, pid, &fp), 0);
	assert_int_equal(read_old(fp, 1000, false, &f, ret_source), 0);
	child_stop(pid);
	assert_int_equal(read_old(fp, 1001, false, &gone, ret_source), -ESRCH);
	footprint_free(fp);
	host_roots_fini(&roots);
	return f;
}

/* A child that maps MUCH, and touches it on 't' and gives it back on 'g'. */
static pid_t stepwise_child_start(int *ret_go, int *ret_done)
{
	int go[2], done[2];
	pid_t pid;

	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(done), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		volatile char *p;
		size_t i;
		char c;

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		p = mmap(NULL, MUCH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		while (read(go[0], &c, 1) == 1) {
			for (i = 0; c == 't' && i < MUCH; i += 4096)
				p[i] = 1;
			if (c == 'g')
				(void)madvise((void *)p, MUCH, MADV_DONTNEED);
			(void)write(done[1], &c, 1);
		}
		_exit(0);
	}
	(void)close(go[0]);
	(void)close(done[1]);
	*ret_go = go[1];
	*ret_done = done[0];
	return pid;
}

/* What smaps says of the child after step @c. */
static uint64_t after_step(pid_t pid, int go, int done, char c)
{
	struct footprint_budget budget = { 0 };
	enum footprint_source source;
	struct host_roots roots;
	struct footprint *fp;
	struct fact f = { 0 };

	assert_int_equal(write(go, &c, 1), 1);
	assert_int_equal(read(done, &c, 1), 1);
	real_roots(&roots);
	assert_int_equal(footprint_new(&roots, &budget, pid, &fp), 0);
	assert_int_equal(read_old(fp, 1000, false, &f, &source), 0);
	assert_int_equal(source, FOOTPRINT_SMAPS);
	footprint_free(fp);
	host_roots_fini(&roots);
	return f.value;
}

/*
 * The process is compared with itself. A libc or a sanitizer may take memory of
 * its own meanwhile and gives none back: so what it touched is the least that it
 * grew by, and what it gave back the most that it shrank by.
 */
static void touched_anonymous_memory_of_a_real_process_is_measured_by_smaps(void **state)
{
	uint64_t before, touched, given_back;
	int go, done;
	pid_t pid;

	(void)state;
	pid = stepwise_child_start(&go, &done);
	before = after_step(pid, go, done, '-');
	touched = after_step(pid, go, done, 't');
	given_back = after_step(pid, go, done, 'g');
	child_stop(pid);
	assert_true(touched >= before + MUCH);
	assert_true(touched - given_back <= MUCH);
	assert_true(touched - given_back >= MUCH / 2);
	(void)close(go);
	(void)close(done);
}

static void a_large_memfd_of_a_real_process_is_measured_by_its_blocks(void **state)
{
	enum footprint_source source;
	struct load load = { .memfd_size = 4 * MUCH, .memfd_touched = MUCH, .dups = 3 };
	struct fact f;

	(void)state;
	f = measure_child(&load, &source);
	assert_int_equal(source, FOOTPRINT_MEMFD);
	assert_int_equal(f.value, MUCH); /* once, though four fds show it */
}

static void a_small_memfd_is_not_taken_for_the_ram(void **state)
{
	enum footprint_source source;
	struct load load = { .memfd_size = 16 * MIB, .memfd_touched = 16 * MIB };

	(void)state;
	(void)measure_child(&load, &source);
	assert_int_equal(source, FOOTPRINT_SMAPS);
}

static void a_memfd_beside_much_anonymous_memory_is_not_taken_for_the_ram(void **state)
{
	enum footprint_source source;
	struct load load = { .anon = MUCH, .memfd_size = 32 * MIB, .memfd_touched = MIB };

	(void)state;
	(void)measure_child(&load, &source);
	assert_int_equal(source, FOOTPRINT_SMAPS);
}

static void memory_is_not_kept_alive_by_measuring_it(void **state)
{
	struct load load = { .memfd_size = MUCH, .memfd_touched = MUCH };
	enum footprint_source source;
	struct footprint_budget budget = { 0 };
	struct host_roots roots;
	struct footprint *fp;
	struct fact f;
	char link[64], to[64];
	pid_t pid;
	int fd;

	(void)state;
	real_roots(&roots);
	pid = child_start(&load);
	assert_int_equal(footprint_new(&roots, &budget, pid, &fp), 0);
	assert_int_equal(read_old(fp, 1000, false, &f, &source), 0);
	assert_int_equal(source, FOOTPRINT_MEMFD);
	for (fd = 0; fd < 64; fd++) { /* no fd of ours is the memfd */
		ssize_t n;

		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, to, sizeof(to) - 1);
		to[n < 0 ? 0 : n] = '\0';
		assert_null(strstr(to, "memfd:"));
	}
	child_stop(pid);
	footprint_free(fp);
	host_roots_fini(&roots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(those_who_wait_for_smaps_share_one_budget),
		cmocka_unit_test(smaps_of_a_process_that_does_not_move_are_not_read_again),
		cmocka_unit_test(smaps_is_the_last_resort_and_is_read_at_a_bounded_rate),
		cmocka_unit_test(where_pagemap_cannot_be_read_the_mapping_is_told_by_smaps),
		cmocka_unit_test(a_mapping_that_nobody_may_count_leaves_the_whole_process),
		cmocka_unit_test(a_very_large_process_is_not_walked),
		cmocka_unit_test(a_cgroup_of_its_own_comes_first_and_is_always_fresh),
		cmocka_unit_test(the_source_is_chosen_again_after_a_while),
		cmocka_unit_test(a_source_that_fails_is_left_at_once),
		cmocka_unit_test(where_no_source_answers_there_is_an_error_and_no_figure),
		cmocka_unit_test(a_process_that_ends_or_is_replaced_is_gone),
		cmocka_unit_test(touched_anonymous_memory_of_a_real_process_is_measured_by_smaps),
		cmocka_unit_test(a_large_memfd_of_a_real_process_is_measured_by_its_blocks),
		cmocka_unit_test(a_small_memfd_is_not_taken_for_the_ram),
		cmocka_unit_test(a_memfd_beside_much_anonymous_memory_is_not_taken_for_the_ram),
		cmocka_unit_test(memory_is_not_kept_alive_by_measuring_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
