/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_qmp_squeeze.c - targets, resets, and what is delivered when a VM is removed
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

static void reset_forgets_the_figures_of_the_boot_before(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);
	unsigned int i;

	(void)state;
	world_pass(w, 10 * MS);
	assert_int_equal(vmm_refresh(p->conn, w->now_us), 0);
	world_pass(w, 10 * MS);
	assert_true(peer_facts(p).stats.known);
	p->vm.slow = true; /* it boots, and has answered once more before that */
	fake_vm_guest_answers(&p->vm, WORLD_WALL_US / USEC_PER_SEC);
	peer_say(p, "{\"event\": \"RESET\", \"data\": {\"guest\": true}}");
	assert_int_equal(p->events[VMM_EVENT_STATE], 1);
	assert_int_equal(peer_facts(p).boots, 1);
	for (i = 0; i < 3; i++) {
		assert_int_equal(peer_facts(p).stats.known, 0);
		(void)vmm_poll(p->conn, w->now_us);
		world_pass(w, 100 * MS);
	}
	fake_vm_guest_answers(&p->vm, WORLD_WALL_US / USEC_PER_SEC);
	(void)vmm_poll(p->conn, w->now_us);
	world_run(w);
	assert_true(peer_facts(p).stats.known);
	vmm_calm(p->conn, w->now_us);
	world_run(w);
	assert_int_equal(p->vm.interval_s, WORLD_POLL_S); /* QEMU keeps it over a reset */
	world_free(w);
}

static void reset_of_a_suspended_guest_leaves_it_paused(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);

	(void)state;
	p->vm.paused = true; /* no event says so */
	peer_say(p, "{\"event\": \"RESET\"}");
	assert_int_equal(peer_facts(p).state, VM_STATE_PAUSED);
	world_free(w);
}

static void plugged_memory_is_seen_when_a_squeeze_begins(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);

	(void)state;
	p->vm.ram_b = p->vm.actual_b = 2 * GIB;
	assert_int_equal(vmm_refresh(p->conn, w->now_us), 0);
	world_pass(w, 4 * MS);
	assert_int_equal(peer_facts(p).ram_b.value, 2 * GIB);
	world_free(w);
}

static void target_is_sent_and_its_way_is_told(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);

	(void)state;
	assert_int_equal(vmm_set_target(p->conn, 0, w->now_us), -EINVAL);
	assert_int_equal(vmm_set_target(p->conn, GIB / 2, w->now_us), 0);
	world_run(w);
	assert_int_equal(p->vm.target_b, GIB / 2);
	while (fake_vm_move(&p->vm, 100 * MIB, &p->out))
		world_run(w);
	world_run(w);
	assert_int_equal(p->events[VMM_EVENT_ACTUAL], 6);
	assert_int_equal(peer_facts(p).actual_b.value, GIB / 2);
	assert_int_equal(peer_facts(p).actual_b.taken_us, w->now_us);
	world_free(w);
}

static void target_of_all_memory_empties_the_balloon(void **state)
{
	static const uint64_t all[] = { GIB, GIB + 1, UINT64_MAX };
	struct peer *p;
	struct world *w = world_one(&p);
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(all); i++) {
		p->vm.target_b = GIB / 2;
		assert_int_equal(vmm_set_target(p->conn, all[i], w->now_us), 0);
		world_run(w);
		assert_int_equal(p->vm.target_b, GIB);
	}
	p->vm.ram_b = 2 * GIB; /* memory was plugged, and nobody said so */
	assert_int_equal(vmm_set_target(p->conn, GIB, w->now_us), 0);
	world_run(w);
	assert_int_equal(p->vm.target_b, 2 * GIB);
	world_free(w);
}

/* A target below all memory that QEMU has, and whose answer it never gives. */
static void send_and_lose(struct world *w, struct peer *p)
{
	p->mute = true;
	assert_int_equal(vmm_set_target(p->conn, GIB / 2, w->now_us), 0);
	world_run(w);
	p->vm.target_b = GIB / 2;
	peer_hang_up(p);
	p->mute = false;
	world_run(w);
	assert_int_equal(peer_facts(p).state, VM_STATE_DOWN);
	assert_int_equal(vmm_set_target(p->conn, GIB, w->now_us), -ENOTCONN);
	peer_forget(p);
}

static void a_balloon_that_is_out_when_a_connection_is_lost_is_asked_back_first(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);

	(void)state;
	send_and_lose(w, p);
	world_pass(w, USEC_PER_SEC);
	assert_int_equal(peer_facts(p).state, VM_STATE_RUNNING);
	assert_int_equal(p->vm.target_b, GIB);
	assert_true(strstr(p->log, "\"balloon\"") < strstr(p->log, "query-status"));
	assert_true(peer_facts(p).actual_b.taken_us > WORLD_START_US);
	/* that is done: another loss is one like any other */
	peer_hang_up(p);
	peer_forget(p);
	world_pass(w, 2 * USEC_PER_SEC);
	assert_int_equal(peer_count(p, "\"balloon\""), 0);
	world_free(w);
}

static void a_size_from_before_all_memory_was_acknowledged_is_not_taken(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);
	uint64_t before_us = peer_facts(p).actual_b.taken_us;

	(void)state;
	p->vm.error_for = "\"balloon\"";
	send_and_lose(w, p);
	world_pass(w,
		   5 * USEC_PER_SEC); /* it refuses to give it back, and says that all is there */
	assert_int_equal(peer_facts(p).state, VM_STATE_RUNNING);
	assert_int_equal(vmm_refresh(p->conn, w->now_us), 0);
	world_pass(w, 5 * USEC_PER_SEC);
	assert_int_equal(peer_facts(p).actual_b.taken_us, before_us);
	p->vm.error_for = NULL;
	assert_int_equal(vmm_set_target(p->conn, GIB, w->now_us), 0);
	world_run(w);
	assert_int_equal(peer_facts(p).actual_b.taken_us, w->now_us);
	world_free(w);
}

static void one_whose_balloon_is_out_is_asked_again_every_second(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);

	(void)state;
	send_and_lose(w, p);
	p->greeting = "no\n";
	p->accepted = 0;
	world_pass(w, 60 * USEC_PER_SEC);
	assert_in_range(p->accepted, 55, 62);
	world_free(w);
}

static void of_several_targets_the_last_one_wins(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);
	unsigned int i;

	(void)state;
	peer_forget(p);
	for (i = 1; i <= 1000; i++)
		assert_int_equal(vmm_set_target(p->conn, i * 1000 * KIB, w->now_us), 0);
	world_run(w);
	assert_int_equal(p->vm.target_b, 1000 * 1000 * KIB);
	assert_int_equal(peer_count(p, "\"balloon\""), 2); /* the first, and the last */
	world_free(w);
}

static void refused_target_is_told(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);

	(void)state;
	p->vm.error_for = "\"balloon\"";
	(void)vmm_set_target(p->conn, GIB / 2, w->now_us);
	world_run(w);
	assert_int_equal(peer_facts(p).target_error, EIO);
	assert_non_null(strstr(vmm_conn_trouble(p->conn), "refused a balloon target: no such"));
	p->vm.error_class = "DeviceNotActive";
	(void)vmm_set_target(p->conn, GIB / 2, w->now_us);
	(void)vmm_set_target(p->conn, GIB / 4, w->now_us);
	world_run(w);
	assert_int_equal(peer_facts(p).target_error, ENODEV);
	p->vm.error_for = NULL;
	(void)vmm_set_target(p->conn, GIB, w->now_us);
	world_run(w);
	assert_int_equal(peer_facts(p).target_error, 0);
	assert_string_equal(vmm_conn_trouble(p->conn), "");
	p->vm.answer_for = "\"balloon\"";
	p->vm.answer = "{\"return\": []}";
	(void)vmm_set_target(p->conn, GIB, w->now_us);
	world_run(w);
	assert_int_equal(peer_facts(p).state, VM_STATE_DOWN);
	world_free(w);
}

static void balloon_that_never_moves_is_told_as_it_is(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);
	unsigned int i;

	(void)state;
	p->vm.no_driver = true;
	(void)vmm_set_target(p->conn, GIB / 2, w->now_us);
	for (i = 0; i < 5; i++) {
		(void)vmm_refresh(p->conn, w->now_us);
		world_pass(w, 2 * USEC_PER_SEC);
	}
	assert_int_equal(peer_facts(p).actual_b.value, GIB);
	assert_true(w->now_us - peer_facts(p).actual_b.taken_us < USEC_PER_SEC);
	assert_int_equal(peer_facts(p).target_error, 0);
	world_free(w);
}

/* A change would have been told, but for the second in which QEMU keeps a second event back. */
static void size_is_known_by_what_was_not_told(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);
	uint64_t asked_us;

	(void)state;
	world_pass(w, 10 * USEC_PER_SEC);
	assert_true(w->now_us - peer_facts(p).actual_b.taken_us > 5 * USEC_PER_SEC);
	asked_us = w->now_us;
	assert_int_equal(vmm_poll(p->conn, asked_us), 0);
	world_run(w);
	assert_int_equal(peer_facts(p).actual_b.value, GIB);
	assert_int_equal(peer_facts(p).actual_b.taken_us, asked_us - USEC_PER_SEC);
	/* what was told since is newer */
	(void)vmm_refresh(p->conn, w->now_us);
	world_pass(w, 2 * USEC_PER_SEC);
	asked_us = peer_facts(p).actual_b.taken_us;
	assert_int_equal(vmm_poll(p->conn, w->now_us), 0);
	world_run(w);
	assert_int_equal(peer_facts(p).actual_b.taken_us,
			 u64_max(asked_us, w->now_us - USEC_PER_SEC));
	world_free(w);
}

static void last_target_is_delivered_when_a_vm_is_removed(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);

	(void)state;
	p->vm.target_b = GIB / 2;
	p->deaf = true;
	(void)vmm_set_target(p->conn, GIB / 2, w->now_us);
	(void)vmm_set_target(p->conn, GIB, w->now_us); /* waits for the first */
	peer_remove(p);
	world_pass(w, 100 * MS);
	assert_true(p->client >= 0); /* QEMU would drop what it has not read yet */
	p->deaf = false;
	world_run(w);
	assert_int_equal(p->vm.target_b, GIB);
	assert_int_equal(p->vm.interval_s, 0);
	assert_int_equal(p->client, -1);
	world_free(w);
}

static void vm_that_is_removed_and_silent_is_given_up_at_the_deadline(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);

	(void)state;
	p->deaf = true;
	peer_remove(p);
	world_pass(w, 5 * USEC_PER_SEC);
	assert_int_equal(vmm_deadline(w->vmm), UINT64_MAX);
	p->deaf = false;
	world_run(w);
	assert_int_equal(p->client, -1);
	world_pass(w, 60 * USEC_PER_SEC);
	assert_int_equal(p->accepted, 1);
	world_free(w);
}

/* The peer's side in a process of its own, until all is put back: 0, or 1 after 5 s. */
static int serve_to_the_end(struct peer *p)
{
	unsigned int ms;

	for (ms = 0; ms < 5000; ms++) {
		struct pollfd pfd = { .fd = p->client, .events = POLLIN };

		(void)poll(&pfd, 1, 1);
		while (peer_step(p))
			;
		if (p->vm.interval_s == 0 && p->vm.target_b == GIB)
			return 0;
	}
	return 1;
}

static void free_waits_until_everything_is_put_back(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);
	int status;
	pid_t child;

	(void)state;
	p->vm.target_b = GIB / 2;
	assert_int_equal(vmm_refresh(p->conn, w->now_us), 0);
	assert_int_equal(vmm_set_target(p->conn, GIB / 2, w->now_us), 0);
	assert_int_equal(vmm_set_target(p->conn, GIB, w->now_us), 0); /* once that is answered */
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(serve_to_the_end(p));
	vmm_free(w->vmm);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(vmm_new(1, NULL, NULL, &w->vmm), 0);
	p->conn = NULL;
	world_free(w);
}

static void free_does_not_wait_for_ever(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);
	struct timespec start, end;

	(void)state;
	(void)clock_gettime(CLOCK_MONOTONIC, &start);
	vmm_free(w->vmm); /* nobody answers */
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	assert_in_range(end.tv_sec - start.tv_sec, 0, 5);
	assert_int_equal(vmm_new(1, NULL, NULL, &w->vmm), 0);
	p->conn = NULL;
	world_free(w);
}

static void another_qemu_behind_the_same_socket_is_another_machine(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);
	pid_t child;

	(void)state;
	assert_int_equal(vmm_refresh(p->conn, w->now_us), 0);
	world_pass(w, 10 * MS);
	assert_true(peer_facts(p).stats.known);
	child = fork(); /* whoever called listen() last is the process at the other end */
	assert_true(child >= 0);
	if (child == 0)
		_exit(listen(p->listener, 1) < 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	fake_vm_init(&p->vm, "other", 2 * GIB);
	fake_vm_guest_answers(&p->vm, WORLD_WALL_US / USEC_PER_SEC - 100);
	p->vm.slow = true;
	peer_hang_up(p);
	world_pass(w, USEC_PER_SEC);
	assert_int_equal(p->events[VMM_EVENT_UP], 2);
	assert_int_equal(vmm_conn_pid(p->conn), child);
	assert_int_equal(peer_facts(p).boots, 1);
	assert_true(peer_facts(p).stats.known);
	assert_int_equal(peer_facts(p).stats.taken_us, WORLD_START_US - 100 * USEC_PER_SEC);
	assert_int_equal(peer_facts(p).ram_b.value, 2 * GIB);
	assert_int_equal(p->vm.interval_s, WORLD_POLL_S);
	assert_string_equal(vmm_conn_name(p->conn), "other");
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reset_forgets_the_figures_of_the_boot_before),
		cmocka_unit_test(reset_of_a_suspended_guest_leaves_it_paused),
		cmocka_unit_test(plugged_memory_is_seen_when_a_squeeze_begins),
		cmocka_unit_test(target_is_sent_and_its_way_is_told),
		cmocka_unit_test(target_of_all_memory_empties_the_balloon),
		cmocka_unit_test(
			a_balloon_that_is_out_when_a_connection_is_lost_is_asked_back_first),
		cmocka_unit_test(a_size_from_before_all_memory_was_acknowledged_is_not_taken),
		cmocka_unit_test(one_whose_balloon_is_out_is_asked_again_every_second),
		cmocka_unit_test(of_several_targets_the_last_one_wins),
		cmocka_unit_test(refused_target_is_told),
		cmocka_unit_test(balloon_that_never_moves_is_told_as_it_is),
		cmocka_unit_test(size_is_known_by_what_was_not_told),
		cmocka_unit_test(last_target_is_delivered_when_a_vm_is_removed),
		cmocka_unit_test(vm_that_is_removed_and_silent_is_given_up_at_the_deadline),
		cmocka_unit_test(free_waits_until_everything_is_put_back),
		cmocka_unit_test(free_does_not_wait_for_ever),
		cmocka_unit_test(another_qemu_behind_the_same_socket_is_another_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
