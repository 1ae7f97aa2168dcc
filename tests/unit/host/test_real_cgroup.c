/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_real_cgroup.c - the footprint by a real memory cgroup, v1 or v2
 *
 * Layer: tests.
 * In:    the host's cgroups; skipped (77) where none can be made.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/num.h"
#include "host/footprint.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MUCH (64 * MIB)
#define EXIT_SKIP 77 /* what meson shows as a skip */

static char dir[128];

/* Makes a cgroup of our own, with memory files. */
static bool make_cgroup(void)
{
	static const struct {
		const char *parent, *file;
	} kind[] = {
		{ "/sys/fs/cgroup/memory", "memory.usage_in_bytes" },
		{ "/sys/fs/cgroup", "memory.current" },
		{ "/sys/fs/cgroup/unified", "memory.current" },
	};
	char path[256];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kind); i++) {
		(void)snprintf(dir, sizeof(dir), "%s/ballonet-test-%d", kind[i].parent,
			       (int)getpid());
		if (mkdir(dir, 0755) < 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", dir, kind[i].file);
		if (access(path, R_OK) == 0)
			return true;
		(void)rmdir(dir);
	}
	return false;
}

static void put(const char *file, pid_t pid)
{
	char path[256], text[16];
	int fd, n;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	n = snprintf(text, sizeof(text), "%d", (int)pid);
	assert_int_equal(write(fd, text, (size_t)n), n);
	(void)close(fd);
}

/* A child that waits to be moved, then touches @anon bytes and reads a @file_b bytes long file. */
static pid_t child_start(size_t anon, size_t file_b, int *ret_go, int *ret_ready)
{
	int go[2], ready[2];
	pid_t pid;

	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		static char block[1 << 16];
		char name[] = "/var/tmp/ballonet-test-XXXXXX", c;
		int file = mkstemp(name);
		size_t n;
		char *p;

		/* a test that fails leaves no child behind */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)unlink(name);
		if (read(go[0], &c, 1) != 1)
			_exit(1);
		p = mmap(NULL, anon + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			 0);
		memset(p, 1, anon);
		for (n = 0; n < file_b; n += sizeof(block)) {
			if (write(file, block, sizeof(block)) < 0)
				_exit(1);
		}
		if (fsync(file) < 0)
			_exit(1);
		(void)write(ready[1], "r", 1);
		if (read(go[0], &c, 1) == 1)
			(void)madvise(p, anon, MADV_DONTNEED);
		(void)write(ready[1], "r", 1);
		pause();
		_exit(0);
	}
	(void)close(go[0]);
	(void)close(ready[1]);
	*ret_go = go[1];
	*ret_ready = ready[0];
	return pid;
}

static void proceed(int go, int ready)
{
	char c;

	assert_int_equal(write(go, "g", 1), 1);
	assert_int_equal(read(ready, &c, 1), 1);
}

static void a_real_cgroup_tells_anonymous_memory_without_the_page_cache(void **state)
{
	struct footprint_budget budget = { 0 };
	struct host_roots roots;
	struct footprint *fp;
	struct footprint_figures before, after;
	int go, ready;
	pid_t pid;

	(void)state;
	assert_int_equal(host_roots_init(&roots), 0);
	pid = child_start(MUCH, MUCH, &go, &ready);
	put("cgroup.procs", pid);
	proceed(go, ready);
	assert_int_equal(footprint_new(&roots, &budget, pid, &fp), 0);
	assert_int_equal(footprint_read(fp, 0, 1000, false, &before), 0);
	assert_int_equal(before.source, FOOTPRINT_CGROUP);
	/* kernel memory (page tables, inodes, per-CPU stock) is counted too, the file is not */
	assert_true(before.backed_b.value >= MUCH && before.backed_b.value < 2 * MUCH);
	proceed(go, ready);
	assert_int_equal(footprint_read(fp, 0, 1001, false, &after), 0);
	assert_true(before.backed_b.value - after.backed_b.value >= MUCH / 2);
	assert_int_equal(after.backed_b.taken_us, 1001);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(footprint_read(fp, 0, 1002, false, &after), -ESRCH);
	footprint_free(fp);
	host_roots_fini(&roots);
	(void)close(go);
	(void)close(ready);
}

static void a_real_cgroup_that_is_shared_is_not_used(void **state)
{
	struct footprint_budget budget = { 0 };
	struct host_roots roots;
	struct footprint *fp;
	struct footprint_figures f;
	int go[2], ready[2];
	pid_t pid[2];
	size_t i;

	(void)state;
	assert_int_equal(host_roots_init(&roots), 0);
	for (i = 0; i < 2; i++) {
		pid[i] = child_start(MIB, 0, &go[i], &ready[i]);
		put("cgroup.procs", pid[i]);
		proceed(go[i], ready[i]);
	}
	assert_int_equal(footprint_new(&roots, &budget, pid[0], &fp), 0);
	assert_int_equal(footprint_read(fp, 0, 1000, false, &f), 0);
	assert_int_equal(f.source, FOOTPRINT_SMAPS);
	footprint_free(fp);
	for (i = 0; i < 2; i++) {
		assert_int_equal(kill(pid[i], SIGKILL), 0);
		assert_int_equal(waitpid(pid[i], NULL, 0), pid[i]);
		(void)close(go[i]);
		(void)close(ready[i]);
	}
	host_roots_fini(&roots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_real_cgroup_tells_anonymous_memory_without_the_page_cache),
		cmocka_unit_test(a_real_cgroup_that_is_shared_is_not_used),
	};
	int failed, tries = 100;

	if (!make_cgroup()) {
		printf("skipped: no memory cgroup can be made here\n");
		return EXIT_SKIP;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	/* the kernel lets go of a killed child's cgroup a moment after waitpid() */
	while (rmdir(dir) < 0 && errno == EBUSY && tries-- > 0)
		(void)usleep(10000);
	return failed;
}
