/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_obstacles.c - the behaviour of host/obstacles.h
 *
 * Layer: tests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "host/obstacles.h"
#include "host/roots.h"
#include "tree.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A process of the tree with one open file that shows as @link, and this status. */
static uint32_t obstacles_of(const char *link, const char *status)
{
	uint32_t found = UINT32_MAX;
	struct process p;
	struct tree t;

	tree_init(&t);
	tree_put_stat(&t, 7, "q", 'S', 1, 1, 100);
	tree_put(&t, "7/status", status);
	tree_link(&t, "7/fd/0", "/dev/null");
	tree_link(&t, "7/fd/12", link);
	assert_int_equal(process_init(t.fd, 7, &p), 0);
	assert_int_equal(process_obstacles(&p, 1, &found), 0);
	process_fini(&p);
	tree_fini(&t);
	return found;
}

static void obstacles_are_told_from_open_files_and_status(void **state)
{
	(void)state;
	assert_int_equal(obstacles_of("socket:[1]", "VmRSS: 100 kB\nVmLck: 0 kB\n"), 0);
	assert_int_equal(obstacles_of("socket:[1]", ""), 0);
	assert_int_equal(obstacles_of("/dev/vfio/12", ""), OBSTACLE_VFIO);
	assert_int_equal(obstacles_of("anon_inode:[vfio-device]", ""), OBSTACLE_VFIO);
	assert_int_equal(obstacles_of("/dev/vhost-vdpa-0", ""), OBSTACLE_VFIO);
	assert_int_equal(obstacles_of("/dev/vhost-net", ""), 0);
	assert_int_equal(obstacles_of("anon_inode:kvm-vm", ""), 0);
	assert_int_equal(obstacles_of("x", "VmRSS: 100 kB\nVmLck: 50 kB\n"), OBSTACLE_MLOCK);
	assert_int_equal(obstacles_of("x", "VmRSS: 100 kB\nVmLck: 49 kB\n"), 0);
	assert_int_equal(obstacles_of("x", "VmRSS: 0 kB\nVmLck: 0 kB\n"), 0);
	assert_int_equal(obstacles_of("x", "HugetlbPages: 2048 kB\n"), OBSTACLE_HUGETLB);
	assert_int_equal(obstacles_of("x", "HugetlbPages: 0 kB\n"), 0);
	assert_int_equal(obstacles_of("/dev/vfio/1", "VmRSS: 9 kB\nVmLck: 9 kB\n"),
			 OBSTACLE_VFIO | OBSTACLE_MLOCK);
}

static void malformed_status_is_an_error_and_no_absence_of_obstacles(void **state)
{
	uint32_t found = 42;
	struct process p;
	struct tree t;

	(void)state;
	tree_init(&t);
	tree_put_stat(&t, 7, "q", 'S', 1, 1, 100);
	tree_link(&t, "7/fd/0", "/dev/null");
	tree_put(&t, "7/status", "VmLck: -1 kB\n");
	assert_int_equal(process_init(t.fd, 7, &p), 0);
	assert_int_equal(process_obstacles(&p, 1, &found), -EBADMSG);
	tree_remove(&t, "7/status");
	assert_int_equal(process_obstacles(&p, 1, &found), -ESRCH);
	assert_int_equal(found, 42);
	process_fini(&p);
	tree_fini(&t);
}

/* Our own open files, in the real /proc. */
static void a_real_hugetlb_memfd_is_an_obstacle_and_a_plain_one_is_not(void **state)
{
	uint32_t found = UINT32_MAX;
	struct host_roots roots;
	struct process p;
	int plain, huge;

	(void)state;
	assert_int_equal(host_roots_init(&roots), 0);
	assert_int_equal(process_init(roots.proc, getpid(), &p), 0);
	plain = memfd_create("plain", MFD_CLOEXEC);
	assert_true(plain >= 0);
	assert_int_equal(process_obstacles(&p, 1, &found), 0);
	assert_int_equal(found & OBSTACLE_HUGETLB, 0);
	huge = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
	if (huge >= 0) {
		assert_int_equal(process_obstacles(&p, 1, &found), 0);
		assert_int_equal(found & OBSTACLE_HUGETLB, OBSTACLE_HUGETLB);
		(void)close(huge);
	} else {
		print_message("no hugetlb here: %s\n", strerror(errno));
	}
	(void)close(plain);
	process_fini(&p);
	host_roots_fini(&roots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(obstacles_are_told_from_open_files_and_status),
		cmocka_unit_test(malformed_status_is_an_error_and_no_absence_of_obstacles),
		cmocka_unit_test(a_real_hugetlb_memfd_is_an_obstacle_and_a_plain_one_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
