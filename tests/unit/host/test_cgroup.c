/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_cgroup.c - the behaviour of host/cgroup.h, on trees of its own
 *
 * Layer: tests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/num.h"
#include "host/cgroup.h"
#include "tree.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static int path_of(const char *text, bool *v2, char *path)
{
	return cgroup_path_parse(text, v2, path, 64);
}

static void the_v1_memory_line_wins_over_v2(void **state)
{
	char path[64];
	bool v2 = true;

	(void)state;
	assert_int_equal(path_of("9:name=systemd:/s\n4:memory:/a/b\n0::/u\n", &v2, path), 0);
	assert_false(v2);
	assert_string_equal(path, "a/b");
	assert_int_equal(path_of("0::/u\n3:cpu,memory,pids:/with:colon and space\n", &v2, path), 0);
	assert_false(v2);
	assert_string_equal(path, "with:colon and space");
}

static void without_a_v1_memory_controller_the_v2_line_is_it(void **state)
{
	char path[64];
	bool v2 = false;

	(void)state;
	assert_int_equal(path_of("0::/machine.slice/x.scope/libvirt\n", &v2, path), 0);
	assert_true(v2);
	assert_string_equal(path, "machine.slice/x.scope/libvirt");
	assert_int_equal(
		path_of("5:memoryx:/no\n6:xmemory:/no\n7:name=memory:/no\n0::/", &v2, path), 0);
	assert_true(v2);
	assert_string_equal(path, "");
}

static void malformed_and_outside_paths_are_refused(void **state)
{
	static const struct {
		const char *text;
		int r;
	} bad[] = {
		{ "", -ENOENT },
		{ "5:cpu:/x\n", -ENOENT },
		{ "nonsense\n", -EBADMSG },
		{ "4:memory\n", -EBADMSG },
		{ "4:memory:\n", -EBADMSG },
		{ "4:memory:relative\n", -EBADMSG },
		{ "0::/..\n", -EBADMSG },
		{ "0::/../other\n", -EBADMSG },
		{ "0::/a/../../b\n", -EBADMSG },
		{ "0::/0123456789012345678901234567890123456789012345678901234567890123\n",
		  -ENAMETOOLONG },
	};
	char path[64];
	size_t i;
	bool v2;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(path_of(bad[i].text, &v2, path), bad[i].r);
	assert_int_equal(path_of("0::/..x/y..\n", &v2, path), 0);
}

static void file_cache_is_cache_without_shared_memory(void **state)
{
	static const char v2[] = "anon 1\nfile 1000\nfile_mapped 5\nshmem 300\n";
	static const char v1[] = "cache 100\nshmem 30\ntotal_cache 1000\ntotal_shmem 400\n";
	uint64_t b;

	(void)state;
	assert_int_equal(cgroup_file_cache_parse(v2, true, true, &b), 0);
	assert_int_equal(b, 700);
	assert_int_equal(cgroup_file_cache_parse(v1, false, true, &b), 0);
	assert_int_equal(b, 600);
	assert_int_equal(cgroup_file_cache_parse(v1, false, false, &b), 0);
	assert_int_equal(b, 70);
	assert_int_equal(cgroup_file_cache_parse("file 1\nshmem 2\n", true, true, &b), 0);
	assert_int_equal(b, 0);
	b = 42;
	assert_int_equal(cgroup_file_cache_parse("file 1\n", true, true, &b), -EBADMSG);
	assert_int_equal(cgroup_file_cache_parse("file -1\nshmem 2\n", true, true, &b), -EBADMSG);
	assert_int_equal(cgroup_file_cache_parse("", true, true, &b), -EBADMSG);
	assert_int_equal(b, 42);
}

/* A process 7 in the cgroup that @line says, and room for cgroups. */
struct world {
	struct tree t;
	struct process p;
};

static void world_init(struct world *w, const char *line)
{
	tree_init(&w->t);
	tree_put_stat(&w->t, 7, "q", 'S', 1, 1, 100);
	tree_put(&w->t, "7/cgroup", line);
	assert_int_equal(process_init(w->t.fd, 7, &w->p), 0);
}

static void world_fini(struct world *w)
{
	process_fini(&w->p);
	tree_fini(&w->t);
}

static void put_v2(struct world *w, const char *dir, const char *procs)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/memory.current", dir);
	tree_put(&w->t, path, "5000\n");
	(void)snprintf(path, sizeof(path), "%s/memory.stat", dir);
	tree_put(&w->t, path, "anon 1\nfile 1000\nshmem 300\n");
	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	tree_put(&w->t, path, procs);
}

static int open_usage(struct world *w, uint64_t *ret_b)
{
	struct cgroup cg = CGROUP_NONE;
	int r;

	r = cgroup_open_own(w->t.fd, &w->p, &cg);
	if (r == 0)
		r = cgroup_usage(&cg, ret_b);
	cgroup_fini(&cg);
	return r;
}

static void a_v2_cgroup_of_its_own_is_used_without_file_cache(void **state)
{
	struct world w;
	uint64_t b;

	(void)state;
	world_init(&w, "0::/vm.scope\n");
	put_v2(&w, "vm.scope", "7\n");
	assert_int_equal(open_usage(&w, &b), 0);
	assert_int_equal(b, 4300);
	world_fini(&w);
}

static void a_v1_cgroup_is_found_below_the_memory_controller(void **state)
{
	struct world w;
	uint64_t b;

	(void)state;
	world_init(&w, "4:memory:/vm\n0::/\n");
	tree_put(&w.t, "memory/vm/memory.usage_in_bytes", "5000\n");
	tree_put(&w.t, "memory/vm/memory.stat",
		 "cache 100\nshmem 30\ntotal_cache 1000\ntotal_shmem 400\n");
	tree_put(&w.t, "memory/vm/memory.use_hierarchy", "1\n");
	tree_put(&w.t, "memory/vm/cgroup.procs", "7\n7\n");
	assert_int_equal(open_usage(&w, &b), 0);
	assert_int_equal(b, 4400);
	tree_put(&w.t, "memory/vm/memory.use_hierarchy", "0\n");
	assert_int_equal(open_usage(&w, &b), 0);
	assert_int_equal(b, 4930);
	world_fini(&w);
}

static void on_a_hybrid_host_v2_is_found_below_unified(void **state)
{
	struct world w;
	uint64_t b;

	(void)state;
	world_init(&w, "3:cpu:/\n0::/vm\n");
	put_v2(&w, "unified/vm", "7\n");
	assert_int_equal(open_usage(&w, &b), 0);
	assert_int_equal(b, 4300);
	world_fini(&w);
}

static void the_nearest_one_above_with_memory_files_is_used(void **state)
{
	struct world w;
	uint64_t b;

	(void)state;
	world_init(&w, "0::/machine.slice/m.scope/libvirt/emulator\n");
	tree_put(&w.t, "machine.slice/m.scope/libvirt/emulator/cgroup.procs", "7\n");
	tree_put(&w.t, "machine.slice/m.scope/libvirt/vcpu0/cgroup.procs", "7\n");
	put_v2(&w, "machine.slice/m.scope/libvirt", "");
	put_v2(&w, "machine.slice", "1\n2\n");
	assert_int_equal(open_usage(&w, &b), 0);
	assert_int_equal(b, 4300);
	world_fini(&w);
}

static void a_cgroup_that_anybody_else_is_in_is_not_its_own(void **state)
{
	struct world w;
	uint64_t b = 42;

	(void)state;
	world_init(&w, "0::/s\n");
	put_v2(&w, "s", "7\n8\n");
	assert_int_equal(open_usage(&w, &b), -ENOENT);
	put_v2(&w, "s", "0\n7\n"); /* somebody of another pid namespace */
	assert_int_equal(open_usage(&w, &b), -ENOENT);
	put_v2(&w, "s", "7\nx\n");
	assert_int_equal(open_usage(&w, &b), -ENOENT);
	put_v2(&w, "s", "7\n");
	tree_put(&w.t, "s/child/grandchild/cgroup.procs", "9\n");
	tree_put(&w.t, "s/child/cgroup.procs", "");
	assert_int_equal(open_usage(&w, &b), -ENOENT);
	tree_put(&w.t, "s/child/grandchild/cgroup.procs", "7\n");
	assert_int_equal(open_usage(&w, &b), 0);
	world_fini(&w);
}

static void the_root_is_nobodys_own(void **state)
{
	struct world w;
	uint64_t b;

	(void)state;
	world_init(&w, "0::/\n");
	put_v2(&w, ".", "7\n");
	assert_int_equal(open_usage(&w, &b), -ENOENT);
	tree_put(&w.t, "7/cgroup", "0::/no/memory/here\n");
	tree_put(&w.t, "no/memory/here/cgroup.procs", "7\n");
	assert_int_equal(open_usage(&w, &b), -ENOENT);
	world_fini(&w);
}

static void a_tree_too_large_to_look_through_is_not_taken(void **state)
{
	char path[64], procs[4096];
	struct world w;
	uint64_t b;
	int i;

	(void)state;
	world_init(&w, "0::/s\n");
	put_v2(&w, "s", "7\n");
	tree_put(&w.t, "s/1/2/3/4/cgroup.procs", "");
	for (i = 3; i > 0; i--) {
		static const char *const at[] = { "", "s/1", "s/1/2", "s/1/2/3" };

		(void)snprintf(path, sizeof(path), "%s/cgroup.procs", at[i]);
		tree_put(&w.t, path, "");
	}
	assert_int_equal(open_usage(&w, &b), 0);
	tree_put(&w.t, "s/1/2/3/4/5/cgroup.procs", "");
	assert_int_equal(open_usage(&w, &b), -ENOENT);
	tree_remove(&w.t, "s/1");
	memset(procs, '\n', sizeof(procs));
	for (i = 0; i < (int)sizeof(procs); i += 2)
		procs[i] = '7';
	tree_put_bytes(&w.t, "s/cgroup.procs", procs, sizeof(procs));
	assert_int_equal(open_usage(&w, &b), -ENOENT);
	world_fini(&w);
}

static void malformed_figures_are_an_error(void **state)
{
	struct world w;
	uint64_t b = 42;

	(void)state;
	world_init(&w, "0::/s\n");
	put_v2(&w, "s", "7\n");
	tree_put(&w.t, "s/memory.current", "max\n");
	assert_int_equal(open_usage(&w, &b), -EBADMSG);
	tree_put(&w.t, "s/memory.current", "-1\n");
	assert_int_equal(open_usage(&w, &b), -EBADMSG);
	tree_put(&w.t, "s/memory.current", "18446744073709551616\n");
	assert_int_equal(open_usage(&w, &b), -EBADMSG);
	tree_put(&w.t, "s/memory.current",
		 "10\n"); /* less than the cache: figures of two instants */
	assert_int_equal(open_usage(&w, &b), 0);
	assert_int_equal(b, 0);
	world_fini(&w);
}

static void a_host_without_cgroups_has_none(void **state)
{
	struct world w;
	struct cgroup cg;

	(void)state;
	world_init(&w, "0::/s\n");
	assert_int_equal(cgroup_open_own(-EBADF, &w.p, &cg), -ENOENT);
	assert_int_equal(cgroup_open_own(w.t.fd, &w.p, &cg), -ENOENT);
	world_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_v1_memory_line_wins_over_v2),
		cmocka_unit_test(without_a_v1_memory_controller_the_v2_line_is_it),
		cmocka_unit_test(malformed_and_outside_paths_are_refused),
		cmocka_unit_test(file_cache_is_cache_without_shared_memory),
		cmocka_unit_test(a_v2_cgroup_of_its_own_is_used_without_file_cache),
		cmocka_unit_test(a_v1_cgroup_is_found_below_the_memory_controller),
		cmocka_unit_test(on_a_hybrid_host_v2_is_found_below_unified),
		cmocka_unit_test(the_nearest_one_above_with_memory_files_is_used),
		cmocka_unit_test(a_cgroup_that_anybody_else_is_in_is_not_its_own),
		cmocka_unit_test(the_root_is_nobodys_own),
		cmocka_unit_test(a_tree_too_large_to_look_through_is_not_taken),
		cmocka_unit_test(malformed_figures_are_an_error),
		cmocka_unit_test(a_host_without_cgroups_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
