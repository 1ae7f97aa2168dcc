/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_hostgroup.c - a memory cgroup that stands for the host, made by hand and real
 *
 * Layer: tests.
 * In:    trees of our own; for the last test a memory cgroup of this host.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/num.h"
#include "host/facts.h"
#include "host/cgroup.h"
#include "host/hostgroup.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char meminfo[] = "MemTotal: 8388608 kB\nMemAvailable: 4194304 kB\n"; /* 8 and 4 GiB */
static const char psi_host[] = "some avg10=1.00 avg60=0.00 avg300=0.00 total=7\n"
			       "full avg10=0.50 avg60=0.00 avg300=0.00 total=3\n";
static const char psi_group[] = "some avg10=40.00 avg60=0.00 avg300=0.00 total=7\n"
				"full avg10=20.00 avg60=0.00 avg300=0.00 total=3\n";

struct scene {
	struct tree proc, cgroup;
	struct host_roots roots;
	struct host_facts facts;
};

static void scene_init(struct scene *s, const char *path)
{
	*s = (struct scene){ 0 };
	tree_init(&s->proc);
	tree_init(&s->cgroup);
	s->roots = (struct host_roots){ .proc = s->proc.fd, .cgroup = s->cgroup.fd };
	assert_int_equal(hostgroup_new(s->cgroup.fd, path, &s->roots.host), 0);
	tree_put(&s->proc, "meminfo", meminfo);
	tree_put(&s->proc, "pressure/memory", psi_host);
}

static void scene_fini(struct scene *s)
{
	hostgroup_free(s->roots.host);
	tree_fini(&s->proc);
	tree_fini(&s->cgroup);
}

/* A v1 cgroup of 2 GiB: 1.5 GiB used, 256 MiB of it page cache of files, half of that below it. */
static void put_v1(struct scene *s, const char *path)
{
	char file[128];

	(void)snprintf(file, sizeof(file), "memory/%s/memory.limit_in_bytes", path);
	tree_put(&s->cgroup, file, "2147483648\n");
	(void)snprintf(file, sizeof(file), "memory/%s/memory.usage_in_bytes", path);
	tree_put(&s->cgroup, file, "1610612736\n");
	(void)snprintf(file, sizeof(file), "memory/%s/memory.stat", path);
	tree_put(&s->cgroup, file,
		 "cache 0\ninactive_file 67108864\nactive_file 67108864\n"
		 "total_cache 5\ntotal_inactive_file 134217728\ntotal_active_file 134217728\n");
}

static void put_v2(struct scene *s, const char *path, const char *max)
{
	char file[128];

	(void)snprintf(file, sizeof(file), "%s/memory.max", path);
	tree_put(&s->cgroup, file, max);
	(void)snprintf(file, sizeof(file), "%s/memory.current", path);
	tree_put(&s->cgroup, file, "1073741824\n");
	(void)snprintf(file, sizeof(file), "%s/memory.stat", path);
	tree_put(&s->cgroup, file, "anon 7\nfile 9\ninactive_file 1048576\nactive_file 2097152\n");
	(void)snprintf(file, sizeof(file), "%s/memory.pressure", path);
	tree_put(&s->cgroup, file, psi_group);
}

static void update(struct scene *s, uint64_t now_us)
{
	assert_int_equal(host_facts_update(&s->roots, now_us, &s->facts), 0);
}

static void a_v1_cgroup_is_the_host_with_the_pressure_of_the_v2_tree_beside_it(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, "/lab/host");
	put_v1(&s, "lab/host");
	tree_put(&s.cgroup, "unified/lab/host/memory.pressure", psi_group);
	update(&s, 10);
	assert_int_equal(s.facts.total_b.value, 2 * GIB);
	assert_int_equal(s.facts.available_b.value, 512 * MIB + 256 * MIB);
	assert_int_equal(s.facts.available_b.taken_us, 10);
	assert_int_equal(s.facts.psi_some_avg10_ppm.value, 400000);
	assert_int_equal(s.facts.psi_full_avg10_ppm.value, 200000);
	assert_string_equal(hostgroup_trouble(s.roots.host), "");
	scene_fini(&s);
}

static void a_v1_cgroup_without_a_v2_tree_takes_the_pressure_of_the_host(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, "lab/host");
	put_v1(&s, "lab/host");
	update(&s, 10);
	assert_int_equal(s.facts.total_b.value, 2 * GIB);
	assert_int_equal(s.facts.psi_some_avg10_ppm.value, 10000);
	scene_fini(&s);
}

static void a_v2_cgroup_is_the_host_wherever_its_tree_is_mounted(void **state)
{
	static const char *const paths[] = { "machine.slice", "unified/machine.slice" };
	struct scene s;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		scene_init(&s, "machine.slice");
		put_v2(&s, paths[i], "3221225472\n");
		update(&s, 10);
		assert_int_equal(s.facts.total_b.value, 3 * GIB);
		assert_int_equal(s.facts.available_b.value, 2 * GIB + 3 * MIB);
		assert_int_equal(s.facts.psi_some_avg10_ppm.value, 400000);
		scene_fini(&s);
	}
}

static void a_limit_is_never_more_than_the_host_has(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, "machine.slice");
	put_v2(&s, "machine.slice", "max\n");
	update(&s, 10);
	assert_int_equal(s.facts.total_b.value, 8 * GIB);
	assert_int_equal(s.facts.available_b.value, 4 * GIB);
	put_v2(&s, "machine.slice", "6442450944\n"); /* 6 GiB, 5 of them left: but 4 on the host */
	update(&s, 11);
	assert_int_equal(s.facts.total_b.value, 6 * GIB);
	assert_int_equal(s.facts.available_b.value, 4 * GIB);
	scene_fini(&s);
}

static void usage_above_the_limit_leaves_only_the_page_cache(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, "machine.slice");
	put_v2(&s, "machine.slice", "1048576\n");
	update(&s, 10);
	assert_int_equal(s.facts.total_b.value, MIB);
	assert_int_equal(s.facts.available_b.value, 3 * MIB);
	scene_fini(&s);
}

static void one_that_is_missing_is_told_and_looked_for_again(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, "machine.slice");
	update(&s, 10);
	assert_int_equal(s.facts.total_b.value, 8 * GIB);
	assert_int_equal(s.facts.available_b.value, 4 * GIB);
	assert_string_equal(
		hostgroup_trouble(s.roots.host),
		"There is no memory cgroup machine.slice; the host's own figures are used.");
	assert_int_equal(hostgroup_changes(s.roots.host), 0);
	put_v2(&s, "machine.slice", "3221225472\n");
	update(&s, 9 + HOSTGROUP_AGAIN_US);
	assert_int_equal(s.facts.total_b.value, 8 * GIB); /* not yet */
	update(&s, 10 + HOSTGROUP_AGAIN_US);
	assert_int_equal(s.facts.total_b.value, 3 * GIB);
	assert_string_equal(hostgroup_trouble(s.roots.host), "");
	assert_int_equal(hostgroup_changes(s.roots.host), 1);
	scene_fini(&s);
}

static void one_that_goes_away_or_turns_bad_gives_way_to_the_host(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, "machine.slice");
	put_v2(&s, "machine.slice", "3221225472\n");
	update(&s, 10);
	tree_put(&s.cgroup, "machine.slice/memory.current", "-1\n");
	update(&s, 11);
	assert_int_equal(s.facts.total_b.value, 8 * GIB);
	assert_non_null(strstr(hostgroup_trouble(s.roots.host), "cannot be read (Bad message)"));
	assert_int_equal(hostgroup_changes(s.roots.host), 2);
	put_v2(&s, "machine.slice", "3221225472\n");
	update(&s, 11 + HOSTGROUP_AGAIN_US);
	assert_int_equal(s.facts.total_b.value, 3 * GIB);
	tree_remove(&s.cgroup, "machine.slice");
	update(&s, 12 + HOSTGROUP_AGAIN_US);
	assert_int_equal(s.facts.total_b.value, 8 * GIB);
	assert_non_null(strstr(hostgroup_trouble(s.roots.host), "cannot be read"));
	scene_fini(&s);
}

static void a_cgroup_tells_also_where_meminfo_does_not(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, "machine.slice");
	tree_remove(&s.proc, "meminfo");
	assert_int_equal(host_facts_update(&s.roots, 10, &s.facts), -ENOENT);
	assert_false(s.facts.total_b.known);
	put_v2(&s, "machine.slice", "3221225472\n");
	update(&s, 10 + HOSTGROUP_AGAIN_US);
	assert_int_equal(s.facts.total_b.value, 3 * GIB);
	scene_fini(&s);
}

static void paths_that_are_the_root_or_lead_out_of_the_tree_are_refused(void **state)
{
	static char longest[PATH_MAX + 1];

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	assert_null(hostgroup_fault("machine.slice"));
	assert_null(hostgroup_fault("/lab/host"));
	assert_null(hostgroup_fault("a/..b/c.."));
	assert_non_null(hostgroup_fault(""));
	assert_non_null(hostgroup_fault("//"));
	assert_non_null(hostgroup_fault(".."));
	assert_non_null(hostgroup_fault("a/../../etc"));
	assert_non_null(hostgroup_fault("/a/.."));
	assert_non_null(hostgroup_fault(longest));
}

static void figures_that_are_none_are_refused(void **state)
{
	uint64_t v = 77;

	(void)state;
	assert_int_equal(cgroup_number_parse("", &v), -EBADMSG);
	assert_int_equal(cgroup_number_parse("maximal\n", &v), -EBADMSG);
	assert_int_equal(cgroup_number_parse("-1\n", &v), -EBADMSG);
	assert_int_equal(cgroup_number_parse("18446744073709551616\n", &v), -EBADMSG);
	assert_int_equal(cgroup_reclaimable_parse("inactive_file 5\n", &v), -EBADMSG);
	assert_int_equal(cgroup_reclaimable_parse("inactive_file 5\nactive_file x\n", &v),
			 -EBADMSG);
	assert_int_equal(v, 77);
	assert_int_equal(cgroup_number_parse("max\n", &v), 0);
	assert_int_equal(v, UINT64_MAX);
	assert_int_equal(cgroup_reclaimable_parse("inactive_file 5\nactive_file 6\n", &v), 0);
	assert_int_equal(v, 11);
}

static void local_time_follows_the_zone(void **state)
{
	struct host_facts here = { 0 }, east = { 0 };
	struct scene s;

	(void)state;
	scene_init(&s, "none");
	assert_int_equal(setenv("TZ", "UTC0", 1), 0);
	tzset();
	assert_int_equal(host_facts_update(&s.roots, 10, &here), 0);
	assert_int_equal(setenv("TZ", "EAST-5", 1), 0);
	tzset();
	assert_int_equal(host_facts_update(&s.roots, 10, &east), 0);
	assert_true(here.local_s.known && east.local_s.known);
	assert_in_range(east.local_s.value - here.local_s.value, 5 * 3600, 5 * 3600 + 60);
	assert_true(here.local_s.value > UINT64_C(1700000000));
	(void)unsetenv("TZ");
	tzset();
	scene_fini(&s);
}

/* ------------------------------------------------------------------ a real one */

static char made[2][128];

static void make_at(size_t i, const char *parent)
{
	(void)snprintf(made[i], sizeof(made[i]), "%s/ballonet-host-%d", parent, (int)getpid());
	if (mkdir(made[i], 0755) < 0)
		made[i][0] = '\0';
}

static bool put_real(const char *file, const char *text)
{
	char path[256];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", made[0], file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = write(fd, text, strlen(text));
	(void)close(fd);
	return n == (ssize_t)strlen(text);
}

/* A real memory cgroup of 256 MiB, in the v2 tree as well where memory is v1. */
static bool make_real(void)
{
	made[1][0] = '\0';
	make_at(0, "/sys/fs/cgroup/memory");
	if (made[0][0]) {
		make_at(1, "/sys/fs/cgroup/unified");
		return put_real("memory.limit_in_bytes", "268435456");
	}
	make_at(0, "/sys/fs/cgroup");
	return made[0][0] && put_real("memory.max", "268435456");
}

static void remove_real(void)
{
	const struct timespec moment = { .tv_nsec = 10000000 };
	int tries = 200;
	size_t i;

	/* the kernel lets go of a killed child's cgroup a moment after waitpid() */
	for (i = 0; i < 2; i++)
		while (made[i][0] && rmdir(made[i]) < 0 && errno == EBUSY && tries-- > 0)
			(void)nanosleep(&moment, NULL);
}

/* A child in the cgroup that touches @n bytes, and tells when it has. */
static pid_t hog(size_t n)
{
	int go[2], ready[2];
	char text[16], c;
	pid_t pid;

	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char *p;

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (read(go[0], &c, 1) != 1)
			_exit(1);
		p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED)
			_exit(1);
		memset(p, 1, n);
		(void)write(ready[1], "r", 1);
		(void)pause();
		_exit(0);
	}
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	assert_true(put_real("cgroup.procs", text));
	assert_int_equal(write(go[1], "g", 1), 1);
	assert_int_equal(read(ready[0], &c, 1), 1);
	(void)close(go[0]);
	(void)close(go[1]);
	(void)close(ready[0]);
	(void)close(ready[1]);
	return pid;
}

static void a_real_cgroup_tells_its_limit_and_what_is_left_of_it(void **state)
{
	struct host_facts before = { 0 }, after = { 0 };
	struct host_roots roots;
	char name[64];
	pid_t pid;

	(void)state;
	if (!make_real()) {
		print_message("no memory cgroup can be made here\n");
		remove_real();
		skip();
	}
	(void)snprintf(name, sizeof(name), "ballonet-host-%d", (int)getpid());
	assert_int_equal(host_roots_init(&roots), 0);
	assert_int_equal(hostgroup_new(roots.cgroup, name, &roots.host), 0);
	assert_int_equal(host_facts_update(&roots, 10, &before), 0);
	assert_int_equal(before.total_b.value, 256 * MIB);
	assert_in_range(before.available_b.value, 250 * MIB, 256 * MIB);
	pid = hog(100 * MIB);
	assert_int_equal(host_facts_update(&roots, 20, &after), 0);
	assert_in_range(before.available_b.value - after.available_b.value, 99 * MIB, 120 * MIB);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	remove_real();
	assert_int_equal(host_facts_update(&roots, 30, &after), 0);
	assert_true(after.total_b.value > 256 * MIB);
	assert_true(hostgroup_trouble(roots.host)[0]);
	host_roots_fini(&roots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_v1_cgroup_is_the_host_with_the_pressure_of_the_v2_tree_beside_it),
		cmocka_unit_test(a_v1_cgroup_without_a_v2_tree_takes_the_pressure_of_the_host),
		cmocka_unit_test(a_v2_cgroup_is_the_host_wherever_its_tree_is_mounted),
		cmocka_unit_test(a_limit_is_never_more_than_the_host_has),
		cmocka_unit_test(usage_above_the_limit_leaves_only_the_page_cache),
		cmocka_unit_test(one_that_is_missing_is_told_and_looked_for_again),
		cmocka_unit_test(one_that_goes_away_or_turns_bad_gives_way_to_the_host),
		cmocka_unit_test(a_cgroup_tells_also_where_meminfo_does_not),
		cmocka_unit_test(paths_that_are_the_root_or_lead_out_of_the_tree_are_refused),
		cmocka_unit_test(figures_that_are_none_are_refused),
		cmocka_unit_test(local_time_follows_the_zone),
		cmocka_unit_test(a_real_cgroup_tells_its_limit_and_what_is_left_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
