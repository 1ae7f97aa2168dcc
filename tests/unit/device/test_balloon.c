/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_balloon.c - what a guest gives is unbacked, what it says is passed on, what it breaks is
 * told
 *
 * Layer: tests.
 * In:    queues of a fake guest, good and bad.
 * Out:   what balloon.h, virtq.h and unback.h promise.
 */
#include "device/balloon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "fake_guest.h"

#define BIT(n) (UINT64_C(1) << (n))
#define FEATURES (BIT(BALLOON_F_STATS_VQ) | BIT(BALLOON_F_REPORTING) | BIT(BALLOON_F_PAGE_POISON))

static struct fake_guest guest;

static int begin(void **state)
{
	fake_guest_init(&guest, FEATURES, false);
	*state = &guest;
	return 0;
}

static int begin_huge(void **state)
{
	fake_guest_init(&guest, FEATURES, true);
	*state = &guest;
	return 0;
}

static int end(void **state)
{
	fake_guest_fini(*state);
	return 0;
}

static int begin_must_tell(void **state)
{
	fake_guest_init(&guest, FEATURES, false);
	guest.balloon.inside = &guest.inside;
	*state = &guest;
	return 0;
}

/* Until nothing is left to do, as a worker does. */
static enum balloon_result run_at(struct fake_guest *g, uint64_t now_us)
{
	enum balloon_result r;

	do
		r = balloon_run(&g->balloon, now_us);
	while (r == BALLOON_MORE);
	return r;
}

static enum balloon_result run(struct fake_guest *g)
{
	return run_at(g, 7);
}

/* When pages that wait since run() have waited long enough. */
static enum balloon_result run_late(struct fake_guest *g)
{
	return run_at(g, 7 + BALLOON_PENDING_US);
}

static void offer_run(struct fake_guest *g, enum balloon_queue q, uint16_t head, uint32_t first,
		      uint32_t n)
{
	uint32_t pfns[512], i;

	for (i = 0; i < n; i++)
		pfns[i] = first + n - 1 - i; /* descending, as Linux does */
	fake_guest_pfns(g, q, head, pfns, n);
}

static void test_queues_are_numbered_without_the_absent_ones(void **state)
{
	(void)state;
	assert_int_equal(balloon_queue_of(0, 0), BALLOON_INFLATE);
	assert_int_equal(balloon_queue_of(1, 0), BALLOON_DEFLATE);
	assert_int_equal(balloon_queue_of(2, 0), BALLOON_QUEUES);
	assert_int_equal(balloon_queue_of(2, BIT(BALLOON_F_STATS_VQ)), BALLOON_STATS);
	assert_int_equal(balloon_queue_of(2, BIT(BALLOON_F_REPORTING)), BALLOON_REPORTING);
	assert_int_equal(balloon_queue_of(3, FEATURES), BALLOON_REPORTING);
	assert_int_equal(balloon_queue_of(3, FEATURES | BIT(BALLOON_F_FREE_PAGE_HINT)),
			 BALLOON_QUEUES);
	assert_int_equal(balloon_queue_of(4, FEATURES | BIT(BALLOON_F_FREE_PAGE_HINT)),
			 BALLOON_REPORTING);
	assert_int_equal(balloon_queue_of(255, ~UINT64_C(0)), BALLOON_QUEUES);
}

static void test_inflated_pages_are_unbacked_and_their_neighbours_are_not(void **state)
{
	struct fake_guest *g = *state;
	uint32_t pfn = GUEST_FREE_PFN + 100;

	fake_guest_touch(g, pfn - 1, 258);
	offer_run(g, BALLOON_INFLATE, 0, pfn, 256);
	assert_int_equal(run(g), BALLOON_IDLE);
	assert_int_equal(fake_guest_used(g, BALLOON_INFLATE), 1);
	assert_true(g->balloon.tell[BALLOON_INFLATE]);
	assert_true(fake_guest_page_is_zero(g, pfn));
	assert_true(fake_guest_page_is_zero(g, pfn + 255));
	assert_false(fake_guest_page_is_zero(g, pfn - 1));
	assert_false(fake_guest_page_is_zero(g, pfn + 256));
	assert_int_equal(g->shared.unback.punches, 1);
	assert_int_equal(g->shared.unback.freed_b, 256 * 4096);
	assert_int_equal(g->shared.inflated_pages, 256);
}

static void test_pages_of_several_chains_are_unbacked_at_once(void **state)
{
	struct fake_guest *g = *state;
	uint32_t pfn = GUEST_FREE_PFN;

	fake_guest_touch(g, pfn, 300);
	offer_run(g, BALLOON_INFLATE, 0, pfn + 200, 100);
	offer_run(g, BALLOON_INFLATE, 1, pfn + 100, 100);
	offer_run(g, BALLOON_INFLATE, 2, pfn, 100);
	assert_int_equal(run(g), BALLOON_IDLE);
	assert_int_equal(fake_guest_used(g, BALLOON_INFLATE), 3);
	assert_int_equal(g->shared.unback.punches, 1);
	assert_int_equal(g->shared.unback.punched_b, 300 * 4096);
}

static void test_pages_outside_of_memory_and_doubles_are_counted_and_harm_nobody(void **state)
{
	struct fake_guest *g = *state;
	uint32_t last = (uint32_t)((GUEST_GPA + GUEST_RAM) >> 12);
	uint32_t pfns[] = { 0, UINT32_MAX, last, GUEST_FREE_PFN, GUEST_FREE_PFN, last - 1 };

	fake_guest_touch(g, GUEST_FREE_PFN, 2);
	fake_guest_pfns(g, BALLOON_INFLATE, 0, pfns, 6);
	assert_int_equal(run(g), BALLOON_IDLE);
	assert_int_equal(g->shared.ignored, 3);
	assert_int_equal(g->shared.unback.given_b, 2 * 4096);
	assert_true(fake_guest_page_is_zero(g, GUEST_FREE_PFN));
	assert_false(fake_guest_page_is_zero(g, GUEST_FREE_PFN + 1));
}

static void test_deflated_pages_are_acknowledged_and_stay_as_they_are(void **state)
{
	struct fake_guest *g = *state;

	fake_guest_touch(g, GUEST_FREE_PFN, 4);
	offer_run(g, BALLOON_DEFLATE, 0, GUEST_FREE_PFN, 4);
	assert_int_equal(run(g), BALLOON_IDLE);
	assert_int_equal(fake_guest_used(g, BALLOON_DEFLATE), 1);
	assert_int_equal(g->shared.deflated_pages, 4);
	assert_int_equal(g->shared.unback.punches, 0);
	assert_false(fake_guest_page_is_zero(g, GUEST_FREE_PFN));
}

static void test_a_worker_that_died_before_giving_back_is_made_up_for(void **state)
{
	struct fake_guest *g = *state;

	fake_guest_touch(g, GUEST_FREE_PFN, 512);
	offer_run(g, BALLOON_INFLATE, 0, GUEST_FREE_PFN, 256);
	assert_int_equal(run(g), BALLOON_IDLE);
	offer_run(g, BALLOON_INFLATE, 1, GUEST_FREE_PFN + 256, 256);
	pageset_add(&g->batch, 3, 1);		/* what the dead one had collected */
	fake_guest_touch(g, GUEST_FREE_PFN, 1); /* taken back, so not to be unbacked again */
	fake_guest_restart(g);
	assert_int_equal(run(g), BALLOON_IDLE);
	assert_int_equal(fake_guest_used(g, BALLOON_INFLATE), 2);
	assert_true(fake_guest_page_is_zero(g, GUEST_FREE_PFN + 256));
	assert_false(fake_guest_page_is_zero(g, GUEST_FREE_PFN));
}

static void test_a_new_worker_tells_the_guest_in_any_case(void **state)
{
	struct fake_guest *g = *state;
	unsigned int q;

	assert_int_equal(run(g), BALLOON_IDLE);
	for (q = 0; q < BALLOON_QUEUES; q++)
		assert_true(g->balloon.tell[q]);
}

static void test_statistics_are_read_once_and_given_back_when_asked_for(void **state)
{
	struct fake_guest *g = *state;
	const struct device_stats *s;

	fake_guest_stats(g, 0, 10, 1000);
	assert_int_equal(run(g), BALLOON_IDLE);
	assert_int_equal(g->shared.stats_seq, 1);
	assert_int_equal(fake_guest_used(g, BALLOON_STATS), 0);
	s = &g->shared.stats[1];
	assert_int_equal(s->known, 0x3ff);
	assert_int_equal(s->tag[9], 1009);
	assert_int_equal(s->taken_us, 7);
	fake_guest_restart(g);
	assert_int_equal(run(g), BALLOON_IDLE);
	assert_int_equal(g->shared.stats_seq, 1); /* it is not news */
	g->shared.stats_wanted = 5;
	assert_int_equal(run(g), BALLOON_IDLE);
	assert_int_equal(fake_guest_used(g, BALLOON_STATS), 1);
	assert_int_equal(g->shared.stats_asked, 5);
	fake_guest_stats(g, 1, 16, 2000);
	assert_int_equal(run(g), BALLOON_IDLE);
	assert_int_equal(g->shared.stats_seq, 2);
	assert_int_equal(g->shared.stats[0].tag[15], 2015);
}

static void test_statistics_that_lie_about_their_tags_are_taken_as_far_as_known(void **state)
{
	struct fake_guest *g = *state;
	uint64_t at = fake_guest_buffer(BALLOON_STATS, 0);

	memset(g->mem + at, 0xff, 20);
	fake_guest_desc(g, BALLOON_STATS, 0, GUEST_GPA + at, 19, 0, 0);
	fake_guest_offer(g, BALLOON_STATS, 0);
	assert_int_equal(run(g), BALLOON_IDLE);
	assert_int_equal(g->shared.stats[1].known, 0);
}

static void report(struct fake_guest *g, uint32_t pfn, uint32_t n)
{
	fake_guest_desc(g, BALLOON_REPORTING, 0, (uint64_t)pfn << 12, n << 12,
			VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1);
	fake_guest_desc(g, BALLOON_REPORTING, 1, (uint64_t)(pfn + 2 * n) << 12, n << 12,
			VRING_DESC_F_WRITE, 0);
	fake_guest_offer(g, BALLOON_REPORTING, 0);
}

static void test_reported_ranges_are_unbacked(void **state)
{
	struct fake_guest *g = *state;

	fake_guest_touch(g, GUEST_FREE_PFN, 1536);
	report(g, GUEST_FREE_PFN, 512);
	assert_int_equal(run(g), BALLOON_IDLE);
	assert_int_equal(g->shared.reported_b, 1024 * 4096);
	assert_int_equal(g->shared.unback.freed_b, 1024 * 4096);
	assert_true(fake_guest_page_is_zero(g, GUEST_FREE_PFN));
	assert_false(fake_guest_page_is_zero(g, GUEST_FREE_PFN + 512));
	assert_true(fake_guest_page_is_zero(g, GUEST_FREE_PFN + 1024));
}

static void test_reported_ranges_of_a_guest_that_poisons_stay_as_they_are(void **state)
{
	struct fake_guest *g = *state;

	g->balloon.poison = 0xaaaaaaaa;
	fake_guest_touch(g, GUEST_FREE_PFN, 512);
	report(g, GUEST_FREE_PFN, 16);
	assert_int_equal(run(g), BALLOON_IDLE);
	assert_int_equal(fake_guest_used(g, BALLOON_REPORTING), 1);
	assert_false(fake_guest_page_is_zero(g, GUEST_FREE_PFN));
}

static void test_a_huge_page_is_unbacked_when_all_of_it_is_in_the_balloon(void **state)
{
	struct fake_guest *g = *state;
	uint32_t pfn = (uint32_t)((GUEST_GPA + (UINT64_C(4) << 20)) >> 12);

	fake_guest_touch(g, pfn, 512);
	offer_run(g, BALLOON_INFLATE, 0, pfn, 256);
	assert_int_equal(run_late(g), BALLOON_IDLE);
	assert_int_equal(g->shared.unback.punches, 0);
	assert_int_equal(fake_guest_used(g, BALLOON_INFLATE), 1);
	offer_run(g, BALLOON_DEFLATE, 0, pfn, 1); /* one is taken back, and given again */
	assert_int_equal(run(g), BALLOON_IDLE);
	fake_guest_restart(g);
	offer_run(g, BALLOON_INFLATE, 1, pfn + 256, 256);
	assert_int_equal(run(g), BALLOON_IDLE);
	assert_int_equal(run_late(g), BALLOON_IDLE);
	assert_int_equal(g->shared.unback.punches, 0);
	offer_run(g, BALLOON_INFLATE, 2, pfn, 1);
	assert_int_equal(run(g), BALLOON_IDLE);
	assert_int_equal(run_late(g), BALLOON_IDLE);
	assert_int_equal(g->shared.unback.punches, 1);
	assert_int_equal(g->shared.unback.punched_b, 512 * 4096);
	assert_int_equal(g->shared.unback.splits, 0);
}

static void test_a_guest_that_must_tell_goes_on_while_its_pages_are_gathered(void **state)
{
	struct fake_guest *g = *state;
	uint32_t pfn = GUEST_FREE_PFN;

	assert_int_equal(run(g), BALLOON_IDLE);
	assert_true(g->balloon.due_us == UINT64_MAX); /* nobody is woken for nothing */
	fake_guest_touch(g, pfn, 301);
	offer_run(g, BALLOON_INFLATE, 0, pfn + 100, 200);
	assert_int_equal(run(g), BALLOON_IDLE);
	assert_int_equal(fake_guest_used(g, BALLOON_INFLATE), 1);
	assert_false(fake_guest_page_is_zero(g, pfn + 100));
	assert_int_equal(g->balloon.due_us, 7 + BALLOON_PENDING_US);
	offer_run(g, BALLOON_INFLATE, 1, pfn, 100);
	assert_int_equal(run_at(g, 1000), BALLOON_IDLE);
	assert_int_equal(g->shared.unback.punches, 0);
	assert_int_equal(run_late(g), BALLOON_IDLE);
	assert_int_equal(g->shared.unback.punches, 1);
	assert_int_equal(g->shared.unback.freed_b, 300 * 4096);
	assert_true(fake_guest_page_is_zero(g, pfn));
	assert_false(fake_guest_page_is_zero(g, pfn + 300));
	assert_true(g->balloon.due_us == UINT64_MAX);
}

static void test_what_waits_is_unbacked_before_a_deflate_and_never_after(void **state)
{
	struct fake_guest *g = *state;

	fake_guest_touch(g, GUEST_FREE_PFN, 8);
	offer_run(g, BALLOON_INFLATE, 0, GUEST_FREE_PFN, 8);
	assert_int_equal(run(g), BALLOON_IDLE);
	offer_run(g, BALLOON_DEFLATE, 0, GUEST_FREE_PFN, 4);
	assert_int_equal(run(g), BALLOON_IDLE);
	assert_int_equal(fake_guest_used(g, BALLOON_DEFLATE), 1);
	assert_true(fake_guest_page_is_zero(g, GUEST_FREE_PFN + 7));
	fake_guest_touch(g, GUEST_FREE_PFN, 4); /* its own again */
	assert_int_equal(run_late(g), BALLOON_IDLE);
	fake_guest_restart(g);
	assert_int_equal(run_late(g), BALLOON_IDLE);
	assert_false(fake_guest_page_is_zero(g, GUEST_FREE_PFN));
	assert_int_equal(g->shared.unback.punched_b, 8 * 4096);
}

static void test_what_waits_outlives_its_worker(void **state)
{
	struct fake_guest *g = *state;

	assert_int_equal(run(g), BALLOON_IDLE);
	fake_guest_touch(g, GUEST_FREE_PFN, 8);
	offer_run(g, BALLOON_INFLATE, 0, GUEST_FREE_PFN, 8);
	assert_int_equal(run(g), BALLOON_IDLE);
	assert_int_equal(g->shared.unback.punches, 0);
	fake_guest_restart(g);
	assert_int_equal(run(g), BALLOON_IDLE); /* at once: nobody knows how long it has waited */
	assert_int_equal(g->shared.unback.freed_b, 8 * 4096);
}

static void test_reported_pages_never_wait(void **state)
{
	struct fake_guest *g = *state;

	fake_guest_touch(g, GUEST_FREE_PFN, 48);
	report(g, GUEST_FREE_PFN, 16);
	assert_int_equal(run(g), BALLOON_IDLE);
	assert_int_equal(fake_guest_used(g, BALLOON_REPORTING), 1);
	assert_int_equal(g->shared.unback.freed_b, 32 * 4096);
}

static void test_a_huge_page_given_in_part_is_split_where_pages_cannot_wait(void **state)
{
	struct fake_guest *g = *state;
	uint32_t pfn = (uint32_t)((GUEST_GPA + (UINT64_C(4) << 20)) >> 12);

	g->balloon.inside = NULL;
	fake_guest_touch(g, pfn - 512, 1536);
	offer_run(g, BALLOON_INFLATE, 0, pfn + 400, 200); /* the parts of two */
	assert_int_equal(run(g), BALLOON_IDLE);
	assert_int_equal(g->shared.unback.splits, 2);
	assert_int_equal(g->shared.unback.freed_b, 200 * 4096);
	offer_run(g, BALLOON_INFLATE, 1, pfn, 512);
	assert_int_equal(run(g), BALLOON_IDLE);
	assert_int_equal(g->shared.unback.splits, 2);
}

static void test_half_a_page_of_hugetlb_is_left_alone(void **state)
{
	struct fake_guest *g = *state;
	uint32_t pfn = (uint32_t)((GUEST_GPA + (UINT64_C(4) << 20)) >> 12);

	g->balloon.inside = NULL;
	g->gm.region[0].must = true;
	fake_guest_touch(g, pfn, 512);
	offer_run(g, BALLOON_INFLATE, 0, pfn + 1, 511);
	assert_int_equal(run(g), BALLOON_IDLE);
	assert_int_equal(g->shared.unback.punches, 0);
	assert_int_equal(g->shared.unback.kept_b, 511 * 4096);
	assert_false(fake_guest_page_is_zero(g, pfn + 1));
	assert_int_equal(fake_guest_used(g, BALLOON_INFLATE), 1);
}

static void expect_broken(struct fake_guest *g, const char *word)
{
	assert_int_equal(run(g), BALLOON_BROKEN);
	if (!strstr(g->shared.trouble, word))
		fail_msg("\"%s\" does not say \"%s\"", g->shared.trouble, word);
}

static void test_chains_that_break_the_rules_are_told(void **state)
{
	struct fake_guest *g = *state;
	uint64_t buf = GUEST_GPA + fake_guest_buffer(BALLOON_INFLATE, 0);

	fake_guest_desc(g, BALLOON_INFLATE, 0, buf, 4, VRING_DESC_F_NEXT, 1);
	fake_guest_desc(g, BALLOON_INFLATE, 1, buf, 4, VRING_DESC_F_NEXT, 0);
	fake_guest_offer(g, BALLOON_INFLATE, 0);
	expect_broken(g, "a chain that does not end");
	fake_guest_restart(g);
	fake_guest_desc(g, BALLOON_INFLATE, 0, buf, 4, VRING_DESC_F_NEXT, 999);
	expect_broken(g, "a descriptor that does not exist");
	fake_guest_restart(g);
	fake_guest_desc(g, BALLOON_INFLATE, 0, buf, 4, VRING_DESC_F_WRITE, 0);
	expect_broken(g, "wrong direction");
	fake_guest_restart(g);
	fake_guest_desc(g, BALLOON_INFLATE, 0, GUEST_GPA + GUEST_RAM - 2, 4, 0, 0);
	expect_broken(g, "outside");
	fake_guest_restart(g);
	fake_guest_desc(g, BALLOON_INFLATE, 0, buf, UINT32_MAX, 0, 0);
	expect_broken(g, "outside");
	assert_int_equal(g->shared.unback.punches, 0);
}

static void put_desc(struct fake_guest *g, uint64_t at, uint64_t gpa, uint32_t len, uint16_t flags)
{
	struct vring_desc d = { .addr = gpa, .len = len, .flags = flags };

	memcpy(g->mem + at, &d, sizeof(d));
}

static void test_indirect_tables_are_taken_once_and_of_the_right_size(void **state)
{
	struct fake_guest *g = *state;
	uint64_t table = fake_guest_buffer(BALLOON_INFLATE, 4), data = table + 4096;
	uint32_t pfn = GUEST_FREE_PFN;

	fake_guest_touch(g, pfn, 1);
	memcpy(g->mem + data, &pfn, 4);
	put_desc(g, table, GUEST_GPA + data, 4, 0);
	fake_guest_desc(g, BALLOON_INFLATE, 0, GUEST_GPA + table, 16, VRING_DESC_F_INDIRECT, 0);
	fake_guest_offer(g, BALLOON_INFLATE, 0);
	assert_int_equal(run(g), BALLOON_IDLE);
	assert_true(fake_guest_page_is_zero(g, pfn));

	put_desc(g, table, GUEST_GPA + table, 16, VRING_DESC_F_INDIRECT);
	fake_guest_offer(g, BALLOON_INFLATE, 0);
	expect_broken(g, "in an indirect table");
	fake_guest_desc(g, BALLOON_INFLATE, 0, GUEST_GPA + table, 15, VRING_DESC_F_INDIRECT, 0);
	fake_guest_restart(g);
	expect_broken(g, "odd length");
	fake_guest_desc(g, BALLOON_INFLATE, 0, GUEST_GPA + GUEST_RAM, 16, VRING_DESC_F_INDIRECT, 0);
	fake_guest_restart(g);
	expect_broken(g, "outside");
	fake_guest_restart(g);
	g->balloon.vq[BALLOON_INFLATE].indirect = false;
	expect_broken(g, "not negotiated");
}

static void test_an_index_that_runs_backwards_is_told(void **state)
{
	struct fake_guest *g = *state;

	offer_run(g, BALLOON_INFLATE, 0, GUEST_FREE_PFN, 1);
	assert_int_equal(run(g), BALLOON_IDLE);
	g->ring[BALLOON_INFLATE].avail_idx -= 2;
	fake_guest_offer(g, BALLOON_INFLATE, 0);
	expect_broken(g, "backwards");
}

static void test_what_came_before_a_bad_chain_is_given_back(void **state)
{
	struct fake_guest *g = *state;

	fake_guest_touch(g, GUEST_FREE_PFN, 1);
	offer_run(g, BALLOON_INFLATE, 0, GUEST_FREE_PFN, 1);
	fake_guest_desc(g, BALLOON_INFLATE, 1, 0, 4, 0, 0);
	fake_guest_offer(g, BALLOON_INFLATE, 1);
	expect_broken(g, "inflate");
	assert_int_equal(fake_guest_used(g, BALLOON_INFLATE), 1);
	assert_true(fake_guest_page_is_zero(g, GUEST_FREE_PFN));
}

static void test_empty_and_uneven_buffers_are_given_back(void **state)
{
	struct fake_guest *g = *state;
	uint64_t buf = GUEST_GPA + fake_guest_buffer(BALLOON_INFLATE, 0);

	fake_guest_desc(g, BALLOON_INFLATE, 0, buf, 0, 0, 0);
	fake_guest_offer(g, BALLOON_INFLATE, 0);
	fake_guest_desc(g, BALLOON_INFLATE, 1, buf, 3, 0, 0);
	fake_guest_offer(g, BALLOON_INFLATE, 1);
	assert_int_equal(run(g), BALLOON_IDLE);
	assert_int_equal(fake_guest_used(g, BALLOON_INFLATE), 2);
	assert_int_equal(g->shared.unback.punches, 0);
}

static void test_rings_of_impossible_shape_are_refused(void **state)
{
	struct fake_guest *g = *state;
	struct virtq_config c = fake_guest_config(g, BALLOON_INFLATE), bad;
	struct virtq vq;

	bad = c, bad.num = 0;
	assert_true(virtq_init(&vq, &g->gm, &bad) < 0);
	bad = c, bad.num = 12;
	assert_true(virtq_init(&vq, &g->gm, &bad) < 0);
	bad = c, bad.num = 65536;
	assert_true(virtq_init(&vq, &g->gm, &bad) < 0);
	bad = c, bad.desc += 8;
	assert_true(virtq_init(&vq, &g->gm, &bad) < 0);
	bad = c, bad.used = GUEST_USER + GUEST_RAM - 8;
	assert_true(virtq_init(&vq, &g->gm, &bad) < 0);
	bad = c, bad.avail = UINT64_MAX - 1;
	assert_true(virtq_init(&vq, &g->gm, &bad) < 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
#define TEST_MUST_TELL(f) cmocka_unit_test_setup_teardown(f, begin_must_tell, end)
#define TEST_HUGE(f) cmocka_unit_test_setup_teardown(f, begin_huge, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queues_are_numbered_without_the_absent_ones),
		TEST(test_inflated_pages_are_unbacked_and_their_neighbours_are_not),
		TEST(test_pages_of_several_chains_are_unbacked_at_once),
		TEST(test_pages_outside_of_memory_and_doubles_are_counted_and_harm_nobody),
		TEST(test_deflated_pages_are_acknowledged_and_stay_as_they_are),
		TEST(test_a_worker_that_died_before_giving_back_is_made_up_for),
		TEST(test_a_new_worker_tells_the_guest_in_any_case),
		TEST(test_statistics_are_read_once_and_given_back_when_asked_for),
		TEST(test_statistics_that_lie_about_their_tags_are_taken_as_far_as_known),
		TEST(test_reported_ranges_are_unbacked),
		TEST(test_reported_ranges_of_a_guest_that_poisons_stay_as_they_are),
		TEST_HUGE(test_a_huge_page_is_unbacked_when_all_of_it_is_in_the_balloon),
		TEST_MUST_TELL(test_a_guest_that_must_tell_goes_on_while_its_pages_are_gathered),
		TEST_MUST_TELL(test_what_waits_is_unbacked_before_a_deflate_and_never_after),
		TEST_MUST_TELL(test_what_waits_outlives_its_worker),
		TEST_MUST_TELL(test_reported_pages_never_wait),
		TEST_HUGE(test_a_huge_page_given_in_part_is_split_where_pages_cannot_wait),
		TEST_HUGE(test_half_a_page_of_hugetlb_is_left_alone),
		TEST(test_chains_that_break_the_rules_are_told),
		TEST(test_indirect_tables_are_taken_once_and_of_the_right_size),
		TEST(test_an_index_that_runs_backwards_is_told),
		TEST(test_what_came_before_a_bad_chain_is_given_back),
		TEST(test_empty_and_uneven_buffers_are_given_back),
		TEST(test_rings_of_impossible_shape_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
