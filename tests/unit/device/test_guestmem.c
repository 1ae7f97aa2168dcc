/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_guestmem.c - no address leads out of the guest's memory
 *
 * Layer: tests.
 * In:    regions and addresses, good and bad.
 * Out:   what guestmem.h promises.
 */
#include "device/guestmem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB_ (UINT64_C(1) << 20)

static int new_memory(uint64_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static struct guestmem_region region(uint64_t gpa, uint64_t size, uint64_t offset, int fd)
{
	return (struct guestmem_region){ .gpa = gpa,
					 .size = size,
					 .user = gpa + (UINT64_C(1) << 40),
					 .offset = offset,
					 .fd = fd };
}

static int add(struct guestmem *gm, struct guestmem_region r)
{
	int err = guestmem_add(gm, &r, false);

	if (err < 0)
		(void)close(r.fd);
	return err;
}

static void test_ranges_end_where_the_region_ends(void **state)
{
	struct guestmem gm;

	(void)state;
	guestmem_init(&gm);
	assert_int_equal(add(&gm, region(0, MIB_, 0, new_memory(MIB_))), 0);
	assert_null(guestmem_range(&gm, 0, 16)); /* not mapped yet */
	assert_int_equal(guestmem_map(&gm), 0);
	assert_non_null(guestmem_range(&gm, 0, MIB_));
	assert_non_null(guestmem_range(&gm, MIB_ - 1, 1));
	assert_null(guestmem_range(&gm, MIB_ - 1, 2));
	assert_null(guestmem_range(&gm, MIB_ + 1, 0));
	assert_null(guestmem_range(&gm, 1, UINT64_MAX));
	assert_null(guestmem_range(&gm, UINT64_MAX, 2));
	assert_null(guestmem_range(&gm, UINT64_MAX - 1, UINT64_MAX));
	assert_null(guestmem_user_range(&gm, 0, 1));
	assert_non_null(guestmem_user_range(&gm, UINT64_C(1) << 40, MIB_));
	assert_null(guestmem_user_range(&gm, (UINT64_C(1) << 40) + 1, MIB_));
	guestmem_fini(&gm);
}

static void test_a_range_across_two_regions_is_refused(void **state)
{
	struct guestmem gm;
	uint64_t first = 0;

	(void)state;
	guestmem_init(&gm);
	assert_int_equal(add(&gm, region(0, MIB_, 0, new_memory(MIB_))), 0);
	assert_int_equal(add(&gm, region(MIB_, MIB_, 0, new_memory(MIB_))), 0);
	assert_int_equal(guestmem_map(&gm), 0);
	assert_null(guestmem_range(&gm, MIB_ - 8, 16));
	assert_int_equal(guestmem_pages(&gm, MIB_ - 4096, 5, &first), 1);
	assert_int_equal(guestmem_pages(&gm, MIB_, 500, &first), 256);
	guestmem_fini(&gm);
}

static void test_pages_outside_or_uneven_are_none(void **state)
{
	struct guestmem gm;
	uint64_t first = 0;

	(void)state;
	guestmem_init(&gm);
	assert_int_equal(add(&gm, region(MIB_, MIB_, 0, new_memory(MIB_))), 0);
	assert_int_equal(guestmem_pages(&gm, 0, 1, &first), 0);
	assert_int_equal(guestmem_pages(&gm, MIB_ + 1, 1, &first), 0);
	assert_int_equal(guestmem_pages(&gm, 2 * MIB_, 1, &first), 0);
	assert_int_equal(guestmem_pages(&gm, MIB_, 0, &first), 0);
	assert_int_equal(guestmem_pages(&gm, UINT64_MAX - 4095, 1, &first), 0);
	assert_int_equal(guestmem_pages(&gm, 2 * MIB_ - 4096, UINT64_MAX, &first), 1);
	assert_null(guestmem_of_page(&gm, first + 1));
	assert_ptr_equal(guestmem_of_page(&gm, first), &gm.region[0]);
	guestmem_fini(&gm);
}

static void test_numbers_are_aligned_as_the_file_is_and_regions_do_not_touch(void **state)
{
	struct guestmem gm;

	(void)state;
	guestmem_init(&gm);
	assert_int_equal(add(&gm, region(0, 3 * MIB_, 0, new_memory(8 * MIB_))), 0);
	assert_int_equal(add(&gm, region(16 * MIB_, MIB_, 3 * MIB_, new_memory(8 * MIB_))), 0);
	assert_int_equal(add(&gm, region(32 * MIB_, MIB_, 0, new_memory(8 * MIB_))), 0);
	assert_int_equal(gm.region[1].first % 512, 256);
	assert_int_equal(gm.region[2].first % 512, 0);
	assert_true(gm.region[1].first > gm.region[0].first + 3 * 256);
	assert_true(gm.region[2].first > gm.region[1].first + 256);
	guestmem_fini(&gm);
}

static void test_regions_that_cannot_be_are_refused(void **state)
{
	struct guestmem gm;
	struct guestmem_region r;
	int pipes[2];

	(void)state;
	guestmem_init(&gm);
	assert_int_equal(add(&gm, region(MIB_, MIB_, 0, new_memory(MIB_))), 0);
	assert_int_equal(add(&gm, region(0, 0, 0, new_memory(MIB_))), -EINVAL);
	assert_int_equal(add(&gm, region(0, 4095, 0, new_memory(MIB_))), -EINVAL);
	assert_int_equal(add(&gm, region(1, 4096, 0, new_memory(MIB_))), -EINVAL);
	assert_int_equal(add(&gm, region(0, 4096, 1, new_memory(MIB_))), -EINVAL);
	assert_int_equal(add(&gm, region(2 * MIB_ - 4096, 4096, 0, new_memory(MIB_))), -EINVAL);
	assert_int_equal(add(&gm, region(0, 2 * MIB_, 0, new_memory(2 * MIB_))), -EINVAL);
	assert_int_equal(add(&gm, region(0, 8192, MIB_ - 4096, new_memory(MIB_))), -ERANGE);
	assert_int_equal(add(&gm, region(0, -UINT64_C(4096), 0, new_memory(MIB_))), -EINVAL);
	r = region(UINT64_C(1) << 45, UINT64_C(5) << 40, 0, new_memory(UINT64_C(5) << 40));
	assert_int_equal(add(&gm, r), -ERANGE);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(add(&gm, region(0, 4096, 0, pipes[0])), -EINVAL);
	(void)close(pipes[1]);
	assert_int_equal(gm.n, 1);
	guestmem_fini(&gm);
}

static void test_more_regions_than_slots_are_refused(void **state)
{
	struct guestmem gm;
	uint64_t i;

	(void)state;
	guestmem_init(&gm);
	for (i = 0; i < GUESTMEM_REGIONS_MAX; i++)
		assert_int_equal(add(&gm, region(i * MIB_, 4096, 0, new_memory(4096))), 0);
	assert_int_equal(add(&gm, region(i * MIB_, 4096, 0, new_memory(4096))), -ENOSPC);
	guestmem_fini(&gm);
}

static void test_two_regions_of_one_file_are_counted_once(void **state)
{
	int fd = new_memory(4 * MIB_);
	struct guestmem_region low, high;
	struct guestmem gm;
	uint64_t first, pages;

	(void)state;
	guestmem_init(&gm);
	low = region(0, 2 * MIB_, 0, dup(fd));
	high = region(64 * MIB_, 2 * MIB_, 2 * MIB_, dup(fd));
	assert_int_equal(add(&gm, low), 0);
	assert_int_equal(add(&gm, high), 0);
	assert_int_equal(pwrite(fd, "x", 1, 0), 1);
	assert_int_equal(guestmem_resident_b(&gm), 4096);
	assert_int_equal(guestmem_remove(&gm, &low, &first, &pages), 0);
	assert_int_equal(pages, 512);
	assert_int_equal(guestmem_resident_b(&gm), 4096);
	assert_int_equal(guestmem_remove(&gm, &low, &first, &pages), -ENOENT);
	assert_int_equal(guestmem_size_b(&gm), 2 * MIB_);
	guestmem_fini(&gm);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges_end_where_the_region_ends),
		cmocka_unit_test(test_a_range_across_two_regions_is_refused),
		cmocka_unit_test(test_pages_outside_or_uneven_are_none),
		cmocka_unit_test(test_numbers_are_aligned_as_the_file_is_and_regions_do_not_touch),
		cmocka_unit_test(test_regions_that_cannot_be_are_refused),
		cmocka_unit_test(test_more_regions_than_slots_are_refused),
		cmocka_unit_test(test_two_regions_of_one_file_are_counted_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
