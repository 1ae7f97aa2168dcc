/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_qmp_stats.c - statistics of now, and the polling interval that is put back
 */
#include "world.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define MS USEC_PER_MSEC

static void one_poll_is_one_request(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);
	struct vm_facts f;

	(void)state;
	peer_forget(p);
	assert_int_equal(vmm_poll(p->conn, w->now_us), 0);
	assert_int_equal(vmm_poll(p->conn, w->now_us), 0); /* joins the first */
	world_pass(w, 60 * USEC_PER_SEC);
	assert_int_equal(p->requests, 1);
	assert_int_equal(p->events[VMM_EVENT_STATS], 1);
	f = peer_facts(p);
	assert_true(stats_has(&f.stats, BALLOON_STAT_AVAIL));
	assert_int_equal(vmm_deadline(w->vmm), UINT64_MAX); /* nothing is left to wait for */
	world_free(w);
}

static void polled_statistics_are_as_old_as_their_second(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);
	struct vm_facts f;

	(void)state;
	w->on_event = NULL;
	world_pass(w, 100 * USEC_PER_SEC + 300 * MS);
	fake_vm_guest_answers(&p->vm, WORLD_WALL_US / USEC_PER_SEC + 98);
	assert_int_equal(vmm_poll(p->conn, w->now_us), 0);
	world_run(w);
	f = peer_facts(p);
	assert_int_equal(f.stats.taken_us, WORLD_START_US + 98 * USEC_PER_SEC);
	assert_int_equal(vmm_poll(p->conn, w->now_us), 0);
	world_pass(w, USEC_PER_SEC);
	assert_int_equal(peer_facts(p).stats.taken_us, f.stats.taken_us); /* nothing new */
	world_free(w);
}

static void figures_that_changed_are_younger_than_the_reading_before(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);
	uint64_t second_s = WORLD_WALL_US / USEC_PER_SEC;

	(void)state;
	fake_vm_guest_answers(&p->vm, second_s);
	(void)vmm_poll(p->conn, w->now_us);
	world_pass(w, 200 * MS);
	(void)vmm_poll(p->conn, w->now_us);
	world_pass(w, 200 * MS);
	assert_int_equal(peer_facts(p).stats.taken_us, WORLD_START_US);
	fake_vm_guest_answers(&p->vm, second_s); /* in the same second */
	(void)vmm_poll(p->conn, w->now_us);
	world_run(w);
	assert_int_equal(peer_facts(p).stats.taken_us, WORLD_START_US + 200 * MS);
	world_free(w);
}

static void a_wall_clock_that_jumps_makes_nothing_younger(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);

	(void)state;
	world_pass(w, 100 * USEC_PER_SEC);
	(void)vmm_poll(p->conn, w->now_us);
	world_pass(w, 50 * USEC_PER_SEC);
	fake_vm_guest_answers(&p->vm, WORLD_WALL_US / USEC_PER_SEC + 130);
	w->wall_shift_us = -3600 * (int64_t)USEC_PER_SEC; /* what was stamped lies in the future */
	(void)vmm_poll(p->conn, w->now_us);
	world_run(w);
	/* all that is known: it came after the reading before */
	assert_int_equal(peer_facts(p).stats.taken_us, WORLD_START_US + 100 * USEC_PER_SEC);
	world_free(w);
}

static void refresh_tells_figures_taken_after_the_call(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);
	uint64_t asked_us;
	unsigned int i;

	(void)state;
	for (i = 0; i < 20; i++) {
		asked_us = w->now_us;
		p->vm.actual_b = GIB - i * MIB;
		assert_int_equal(vmm_refresh(p->conn, w->now_us), 0);
		assert_int_equal(vmm_refresh(p->conn, w->now_us), 0); /* joins */
		assert_int_equal(vmm_poll(p->conn, w->now_us), 0);    /* joins too */
		world_pass(w, 4 * MS);
		assert_int_equal(p->events[VMM_EVENT_STATS], i + 1);
		assert_true(peer_facts(p).stats.taken_us >= asked_us);
		assert_true(peer_facts(p).stats.taken_us <= w->now_us);
		assert_int_equal(peer_facts(p).actual_b.value, GIB - i * MIB);
		assert_true(peer_facts(p).actual_b.taken_us >= asked_us);
		world_pass(w, 17 * MS);
	}
	world_pass(w, 5 * USEC_PER_SEC);
	assert_int_equal(p->events[VMM_EVENT_STATS], 20); /* one each */
	world_free(w);
}

static void figures_that_came_before_are_not_taken_for_fresh(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);

	(void)state;
	world_pass(w, 60 * USEC_PER_SEC);
	(void)vmm_poll(p->conn, w->now_us);
	world_pass(w, 300 * MS);
	p->vm.slow = true;
	/* the guest answers by itself, between the last reading and the refresh */
	fake_vm_guest_answers(&p->vm, WORLD_WALL_US / USEC_PER_SEC + 60);
	assert_int_equal(vmm_refresh(p->conn, w->now_us), 0);
	world_pass(w, 100 * MS);
	assert_int_equal(p->events[VMM_EVENT_STATS], 1); /* of the poll */
	fake_vm_guest_answers(&p->vm, WORLD_WALL_US / USEC_PER_SEC + 60);
	world_pass(w, 100 * MS);
	assert_int_equal(p->events[VMM_EVENT_STATS], 2);
	assert_true(peer_facts(p).stats.taken_us >= WORLD_START_US + 60300 * MS);
	world_free(w);
}

static void unchanging_figures_are_fresh_in_the_next_second(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);
	uint64_t asked_us;

	(void)state;
	p->vm.idle = true;
	world_pass(w, 60 * USEC_PER_SEC + 400 * MS);
	(void)vmm_poll(p->conn, w->now_us);
	world_run(w);
	fake_vm_guest_answers(&p->vm, WORLD_WALL_US / USEC_PER_SEC + 60);
	(void)vmm_poll(p->conn, w->now_us);
	world_run(w);
	asked_us = w->now_us;
	assert_int_equal(vmm_refresh(p->conn, asked_us), 0);
	world_pass(w, 599 * MS);
	assert_int_equal(p->events[VMM_EVENT_STATS], 2);
	world_pass(w, 6 * MS);
	assert_int_equal(p->events[VMM_EVENT_STATS], 3);
	assert_true(peer_facts(p).stats.taken_us >= asked_us);
	world_free(w);
}

static void waiting_for_an_answer_does_not_mean_asking_all_the_time(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);

	(void)state;
	p->vm.slow = true;
	world_pass(w, USEC_PER_SEC);
	peer_forget(p);
	assert_int_equal(vmm_refresh(p->conn, w->now_us), 0);
	world_pass(w, 2 * USEC_PER_SEC);
	assert_in_range(peer_count(p, "\"guest-stats\""), 5, 30);
	assert_in_range(peer_count(p, "qom-set"), 4, 4);
	world_free(w);
}

static void guest_that_does_not_answer_is_reported_with_its_old_figures(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);
	uint64_t old_us;

	(void)state;
	world_pass(w, 20 * USEC_PER_SEC);
	(void)vmm_poll(p->conn, w->now_us);
	world_run(w);
	old_us = peer_facts(p).stats.taken_us;
	p->vm.slow = true;
	world_pass(w, USEC_PER_SEC);
	assert_int_equal(vmm_refresh(p->conn, w->now_us), 0);
	world_pass(w, 1500 * MS - 1);
	assert_int_equal(p->events[VMM_EVENT_STATS], 1);
	world_pass(w, 1);
	assert_int_equal(p->events[VMM_EVENT_STATS], 2);
	assert_int_equal(peer_facts(p).stats.taken_us, old_us);
	assert_true(peer_facts(p).stats.known);
	assert_int_equal(peer_facts(p).state, VM_STATE_RUNNING); /* QEMU itself is well */
	world_free(w);
}

static void guest_without_driver_has_no_statistics(void **state)
{
	struct world *w = world_new();
	struct peer *p = world_add(w);

	(void)state;
	p->vm.no_driver = true;
	world_run(w);
	assert_int_equal(vmm_refresh(p->conn, w->now_us), 0);
	world_pass(w, 2 * USEC_PER_SEC);
	assert_int_equal(p->events[VMM_EVENT_STATS], 1);
	assert_int_equal(peer_facts(p).stats.known, 0);
	assert_int_equal(peer_facts(p).device, TRI_YES);
	assert_int_equal(peer_facts(p).actual_b.value, GIB);
	world_free(w);
}

static void refused_statistics_end_a_refresh(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);

	(void)state;
	p->vm.error_for = "\"guest-stats\"";
	assert_int_equal(vmm_refresh(p->conn, w->now_us), 0);
	world_run(w);
	assert_int_equal(p->events[VMM_EVENT_STATS], 1);
	assert_non_null(strstr(vmm_conn_trouble(p->conn), "guest-stats: no such thing"));
	assert_int_equal(vmm_poll(p->conn, w->now_us), 0);
	world_run(w);
	assert_int_equal(p->events[VMM_EVENT_STATS], 2);
	world_free(w);
}

static void missing_interval_is_set_and_taken_away_again(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);

	(void)state;
	assert_int_equal(p->vm.interval_s, WORLD_POLL_S);
	peer_remove(p);
	world_run(w);
	assert_int_equal(p->vm.interval_s, 0);
	assert_int_equal(p->client, -1);
	world_free(w);
}

static void interval_of_somebody_else_is_kept(void **state)
{
	struct world *w = world_new();
	struct peer *p = world_add(w);

	(void)state;
	p->vm.interval_s = 33;
	world_run(w);
	assert_int_equal(p->vm.interval_s, 33);
	assert_int_equal(vmm_refresh(p->conn, w->now_us), 0);
	world_pass(w, 10 * MS);
	assert_int_equal(p->vm.interval_s, 3607);
	vmm_calm(p->conn, w->now_us);
	world_run(w);
	assert_int_equal(p->vm.interval_s, 33);
	vmm_calm(p->conn, w->now_us);
	peer_forget(p);
	world_run(w);
	assert_int_equal(p->requests, 0); /* it is calm already */
	assert_int_equal(vmm_refresh(p->conn, w->now_us), 0);
	world_pass(w, 10 * MS);
	peer_remove(p); /* in the midst of the fast part */
	world_run(w);
	assert_int_equal(p->vm.interval_s, 33);
	world_free(w);
}

static void another_interval_of_ours_is_taken_over_and_that_of_somebody_else_kept(void **state)
{
	struct world *w = world_new();
	struct peer *ours = world_add(w), *theirs = world_add(w), *squeezed = world_add(w);

	(void)state;
	theirs->vm.interval_s = 33;
	world_run(w);
	assert_int_equal(vmm_refresh(squeezed->conn, w->now_us), 0);
	assert_int_equal(vmm_set_poll(w->vmm, 0, w->now_us), -EINVAL);
	assert_int_equal(vmm_set_poll(w->vmm, 77, w->now_us), 0);
	world_pass(w, 10 * MS);
	assert_int_equal(ours->vm.interval_s, 77);
	assert_int_equal(theirs->vm.interval_s, 33);
	vmm_calm(squeezed->conn, w->now_us);
	world_pass(w, 2 * USEC_PER_SEC);
	assert_int_equal(squeezed->vm.interval_s, 77);
	world_free(w);
}

static void what_is_to_be_put_back_is_told(void **state)
{
	static const char want[] = "{\"path\":\"/machine/peripheral/balloon0\","
				   "\"property\":\"guest-stats-polling-interval\",\"value\":33}";
	struct world *w = world_new();
	struct peer *p = world_add(w);
	char text[sizeof(want)];

	(void)state;
	p->vm.interval_s = 33;
	vmm_conn_undo(p->conn, text, sizeof(text));
	assert_string_equal(text, ""); /* nothing is known yet, and nothing was changed */
	world_run(w);
	assert_int_equal(vmm_refresh(p->conn, w->now_us), 0);
	world_pass(w, 10 * MS);
	vmm_conn_undo(p->conn, text, sizeof(text));
	assert_string_equal(text, want);
	vmm_conn_undo(p->conn, text, sizeof(text) - 1);
	assert_string_equal(text, "");
	world_free(w);
}

static void calm_waits_for_the_refresh_under_way(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);

	(void)state;
	p->vm.slow = true;
	world_pass(w, 1);
	assert_int_equal(vmm_refresh(p->conn, w->now_us), 0);
	vmm_calm(p->conn, w->now_us);
	world_pass(w, 100 * MS);
	assert_int_equal(p->vm.interval_s, 3607);
	fake_vm_guest_answers(&p->vm, WORLD_WALL_US / USEC_PER_SEC);
	world_pass(w, 200 * MS);
	assert_int_equal(p->events[VMM_EVENT_STATS], 1);
	assert_int_equal(p->vm.interval_s, WORLD_POLL_S);
	world_free(w);
}

static void refresh_after_calm_keeps_the_pace(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);

	(void)state;
	p->vm.slow = true;
	assert_int_equal(vmm_refresh(p->conn, w->now_us), 0);
	vmm_calm(p->conn, w->now_us);
	assert_int_equal(vmm_refresh(p->conn, w->now_us), 0);
	world_pass(w, 2 * USEC_PER_SEC);
	assert_int_equal(p->vm.interval_s, 3607);
	world_free(w);
}

static void interval_is_put_back_after_a_reconnect_in_between(void **state)
{
	struct world *w = world_new();
	struct peer *p = world_add(w);

	(void)state;
	p->vm.interval_s = 33;
	world_run(w);
	assert_int_equal(vmm_refresh(p->conn, w->now_us), 0);
	world_pass(w, MS);
	peer_hang_up(p);
	assert_int_equal(p->vm.interval_s, 3607);
	world_pass(w, USEC_PER_SEC);
	assert_int_equal(p->events[VMM_EVENT_UP], 2);
	assert_int_equal(p->vm.interval_s, 33);
	p->vm.interval_s = 0; /* lost in the midst of a toggle */
	peer_hang_up(p);
	world_pass(w, USEC_PER_SEC);
	assert_int_equal(p->events[VMM_EVENT_UP], 3);
	assert_int_equal(p->vm.interval_s, 33);
	assert_int_equal(peer_facts(p).boots, 0); /* it is the same QEMU */
	world_free(w);
}

static void interval_that_a_killed_daemon_left_is_not_kept(void **state)
{
	struct world *w = world_new();
	struct peer *p = world_add(w);

	(void)state;
	p->vm.interval_s = 3607;
	world_run(w);
	assert_int_equal(p->vm.interval_s, WORLD_POLL_S);
	peer_remove(p);
	world_run(w);
	assert_int_equal(p->vm.interval_s, 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_poll_is_one_request),
		cmocka_unit_test(polled_statistics_are_as_old_as_their_second),
		cmocka_unit_test(figures_that_changed_are_younger_than_the_reading_before),
		cmocka_unit_test(a_wall_clock_that_jumps_makes_nothing_younger),
		cmocka_unit_test(refresh_tells_figures_taken_after_the_call),
		cmocka_unit_test(figures_that_came_before_are_not_taken_for_fresh),
		cmocka_unit_test(unchanging_figures_are_fresh_in_the_next_second),
		cmocka_unit_test(waiting_for_an_answer_does_not_mean_asking_all_the_time),
		cmocka_unit_test(guest_that_does_not_answer_is_reported_with_its_old_figures),
		cmocka_unit_test(guest_without_driver_has_no_statistics),
		cmocka_unit_test(refused_statistics_end_a_refresh),
		cmocka_unit_test(missing_interval_is_set_and_taken_away_again),
		cmocka_unit_test(interval_of_somebody_else_is_kept),
		cmocka_unit_test(
			another_interval_of_ours_is_taken_over_and_that_of_somebody_else_kept),
		cmocka_unit_test(what_is_to_be_put_back_is_told),
		cmocka_unit_test(calm_waits_for_the_refresh_under_way),
		cmocka_unit_test(refresh_after_calm_keeps_the_pace),
		cmocka_unit_test(interval_is_put_back_after_a_reconnect_in_between),
		cmocka_unit_test(interval_that_a_killed_daemon_left_is_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
