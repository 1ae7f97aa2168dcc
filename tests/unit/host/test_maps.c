/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_maps.c - the behaviour of host/maps.h, on mappings that real QEMUs had
 *
 * Layer: tests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/num.h"
#include "host/maps.h"
#include "tree.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What QEMU 7.2 has besides its guest's RAM, under TCG. */
#define BESIDES                                                            \
	"5621e491d000-5621e5c89000 rw-p 00000000 00:00 0 [heap]\n"         \
	"7f63e43ad000-7f63e8000000 ---p 00000000 00:00 0 \n"               \
	"7f63eac00000-7f63ebc00000 rw-p 00000000 00:00 0 \n"               \
	"7f640c000000-7f644c000000 rwxp 00000000 00:00 0 \n"               \
	"7f644c021000-7f6450000000 ---p 00000000 00:00 0 \n"               \
	"7f6450200000-7f6450a00000 r--p 00000000 fd:01 42 /usr/lib/libx\n" \
	"7ffec0b8e000-7ffec0baf000 rw-p 00000000 00:00 0 [stack]\n"
#define RAM_512 "7f63ebe00000-7f640be00000 rw-p 00000000 00:00 0 \n"

static int choose(const char *text, uint64_t ram_b, struct maps_ram *ret)
{
	struct tree t;
	int r;

	tree_init(&t);
	tree_put(&t, "maps", text);
	r = maps_find_ram(t.fd, ram_b, ret);
	tree_fini(&t);
	return r;
}

static void ram_is_found_by_its_size_among_all_that_qemu_has(void **state)
{
	struct maps_ram ram;

	(void)state;
	assert_int_equal(choose(BESIDES RAM_512, 512 * MIB, &ram), 0);
	assert_int_equal(ram.n, 1);
	assert_int_equal(ram.block[0].start, 0x7f63ebe00000);
	assert_int_equal(ram.block[0].end, 0x7f640be00000);
	assert_false(ram.block[0].shared);
}

static void the_translation_cache_of_1_gib_is_not_ram(void **state)
{
	struct maps_ram ram;

	(void)state;
	assert_int_equal(choose(BESIDES, GIB, &ram), -ENOENT);
	assert_int_equal(
		choose(BESIDES "7f0000000000-7f0040000000 rw-p 00000000 00:00 0\n", GIB, &ram), 0);
	assert_int_equal(ram.block[0].start, 0x7f0000000000);
}

static void ram_smaller_than_the_heap_is_found(void **state)
{
	struct maps_ram ram;

	(void)state;
	assert_int_equal(choose("5600000000-5620000000 rw-p 00000000 00:00 0 [heap]\n"
				"7f59f7e00000-7f59fbe00000 rw-p 00000000 00:00 0\n",
				64 * MIB, &ram),
			 0);
	assert_int_equal(ram.block[0].start, 0x7f59f7e00000);
}

static void blocks_of_nodes_and_dimms_add_up(void **state)
{
	struct maps_ram ram;

	(void)state;
	assert_int_equal(choose(BESIDES RAM_512 "7f6773e00000-7f6783e00000 rw-p 0 00:00 0\n",
				768 * MIB, &ram),
			 0);
	assert_int_equal(ram.n, 2);
	assert_int_equal(ram.block[0].start, 0x7f63ebe00000); /* by address */
	assert_int_equal(choose(BESIDES "7f69d3c00000-7f69e3c00000 rw-p 0 00:00 0\n"
					"7f69e3e00000-7f69f3e00000 rw-p 0 00:00 0\n",
				512 * MIB, &ram),
			 0);
	assert_int_equal(ram.n, 2);
}

static void shared_ram_names_its_file(void **state)
{
	struct maps_ram ram;

	(void)state;
	assert_int_equal(choose(BESIDES "7fd997fff000-7fd9b7fff000 rw-s 00000000 00:01 1439 "
					"/memfd:memory-backend-memfd (deleted)\n",
				512 * MIB, &ram),
			 0);
	assert_true(ram.block[0].shared);
	assert_int_equal(ram.block[0].ino, 1439);
	assert_int_equal(ram.block[0].dev, 1);
}

static void what_nobody_can_tell_apart_is_not_guessed(void **state)
{
	struct maps_ram ram = { .n = 77 };

	(void)state;
	assert_int_equal(choose(RAM_512 "7f0000000000-7f0020000000 rw-p 00000000 00:00 0\n",
				512 * MIB, &ram),
			 -ENOTUNIQ);
	assert_int_equal(choose(BESIDES RAM_512, 513 * MIB, &ram), -ENOENT);
	assert_int_equal(choose("", GIB, &ram), -ESRCH);
	assert_int_equal(ram.n, 77);
}

static void lines_that_are_none_change_nothing(void **state)
{
	static const char *const bad[] = {
		"",
		"x",
		"7f63ebe00000",
		"7f640be00000-7f63ebe00000 rw-p 0 00:00 0", /* backwards */
		"7f63ebe00000-7f640be00000 rwxp 0 00:00 0",
		"7f63ebe00000-7f640be00000 r--p 0 00:00 0",
		"7f63ebe00000-7f640be00000 rw-p",
		"7f63ebe00000-7f63ebe01000 rw-p 0 00:00 0", /* small */
	};
	struct maps_candidates c = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		maps_consider(&c, bad[i]);
	assert_int_equal(c.n, 0);
}

static void of_many_mappings_the_largest_are_kept(void **state)
{
	struct maps_candidates c = { 0 };
	struct maps_ram ram;
	char line[96];
	uint64_t i;

	(void)state;
	for (i = 1; i <= 100; i++) {
		(void)snprintf(line, sizeof(line), "%llx-%llx rw-p 0 00:00 0",
			       (unsigned long long)(i * GIB),
			       (unsigned long long)(i * GIB + (i + 7) * MIB));
		maps_consider(&c, line);
	}
	assert_int_equal(c.n, MAPS_BLOCKS_MAX);
	assert_int_equal(c.block[0].start, 100 * GIB);
	assert_int_equal(c.block[31].start, 69 * GIB);
	assert_int_equal(maps_choose(&c, 107 * MIB, &ram), 0);
	assert_int_equal(ram.n, 1);
}

static void a_sum_that_cannot_be_ends_after_a_bounded_search(void **state)
{
	struct maps_candidates c = { 0 };
	struct maps_ram ram;
	char line[96];
	uint64_t i;

	(void)state;
	for (i = 0; i < MAPS_BLOCKS_MAX; i++) {
		(void)snprintf(line, sizeof(line), "%llx-%llx rw-p 0 00:00 0",
			       (unsigned long long)((i + 1) * GIB),
			       (unsigned long long)((i + 1) * GIB + (64 + 2 * i) * MIB));
		maps_consider(&c, line);
	}
	assert_int_equal(maps_choose(&c, 1501 * MIB, &ram), -E2BIG);
}

static int smaps(const char *text, const struct maps_ram *ram, struct ram_bytes *ret)
{
	struct tree t;
	int r;

	tree_init(&t);
	tree_put(&t, "smaps", text);
	r = maps_read_smaps(t.fd, ram, ret);
	tree_fini(&t);
	return r;
}

#define SMAPS_512 RAM_512 "Size: 524288 kB\nRss: 1000 kB\nPss: 9 kB\nSwap: 200 kB\nSwapPss: 1 kB\n"
#define SMAPS_HEAP                                                 \
	"5621e491d000-5621e5c89000 rw-p 00000000 00:00 0 [heap]\n" \
	"Rss: 7777 kB\nAnonymous: 1 kB\nSwap: 88 kB\n"

static void smaps_of_the_ram_alone_count(void **state)
{
	struct ram_bytes bytes;
	struct maps_ram ram;

	(void)state;
	assert_int_equal(choose(RAM_512, 512 * MIB, &ram), 0);
	assert_int_equal(smaps(SMAPS_HEAP SMAPS_512 SMAPS_HEAP, &ram, &bytes), 0);
	assert_int_equal(bytes.present_b, 1000 * KIB);
	assert_int_equal(bytes.swapped_b, 200 * KIB);
}

static void ram_that_is_gone_from_smaps_is_not_taken_for_freed(void **state)
{
	struct ram_bytes bytes = { .present_b = 5 };
	struct maps_ram ram;

	(void)state;
	assert_int_equal(choose(RAM_512, 512 * MIB, &ram), 0);
	assert_int_equal(smaps(SMAPS_HEAP, &ram, &bytes), -ESTALE);
	assert_int_equal(smaps("", &ram, &bytes), -ESRCH);
	assert_int_equal(smaps(RAM_512 "Rss: -1 kB\n", &ram, &bytes), -EBADMSG);
	assert_int_equal(bytes.present_b, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ram_is_found_by_its_size_among_all_that_qemu_has),
		cmocka_unit_test(the_translation_cache_of_1_gib_is_not_ram),
		cmocka_unit_test(ram_smaller_than_the_heap_is_found),
		cmocka_unit_test(blocks_of_nodes_and_dimms_add_up),
		cmocka_unit_test(shared_ram_names_its_file),
		cmocka_unit_test(what_nobody_can_tell_apart_is_not_guessed),
		cmocka_unit_test(lines_that_are_none_change_nothing),
		cmocka_unit_test(of_many_mappings_the_largest_are_kept),
		cmocka_unit_test(a_sum_that_cannot_be_ends_after_a_bounded_search),
		cmocka_unit_test(smaps_of_the_ram_alone_count),
		cmocka_unit_test(ram_that_is_gone_from_smaps_is_not_taken_for_freed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
