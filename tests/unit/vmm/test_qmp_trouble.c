/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_qmp_trouble.c - a QEMU that is slow, silent, gone or talks garbage costs its own connection
 * only
 */
#include "world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define QMP_RETRY_TEST_US (300 * USEC_PER_MSEC) /* the first retry is over */

static void garbage_costs_only_its_own_connection(void **state)
{
	static const char nul[] = "{\"event\": \"STOP\"}\0x\n";
	static const struct {
		const char *bytes;
		size_t len;
	} garbage[] = {
#define BYTES(s) { s, sizeof(s) - 1 }
		BYTES("hello\n"),
		BYTES("\x00\x01\x02\xff\n"),
		BYTES("7\n"),
		BYTES("[]\n"),
		BYTES("null\n"),
		BYTES("{}\n"),
		BYTES("{\"event\": 7}\n"),
		BYTES("{\"event\": \"X\", \"return\": {}}\n"),
		BYTES("{\"event\": \"caf\xc3\"}\n"), /* not UTF-8 */
		BYTES("{\"event\": \"STOP\"} {}\n"),
		BYTES("{\"event\": \"STOP\"\n"),
		BYTES("{'event': 'STOP'}\n"),
		BYTES("{\"error\": {\"class\": \"X\"}}\n"),
		BYTES("{\"error\": \"X\"}\n"),
		BYTES("{\"return\": {}}\n"),				     /* not asked */
		BYTES("{\"error\": {\"class\": \"X\", \"desc\": \"Y\"}}\n"), /* nor this */
		BYTES("{\"QMP\": {}}\n"),				     /* twice */
		BYTES("{\"event\": \"BALLOON_CHANGE\", \"data\": {\"actual\": -1}}\n"),
		BYTES("{\"event\": \"BALLOON_CHANGE\"}\n"),
		BYTES("{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{"
		      "\"a\":"
		      "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}}}}}}}}}}\n"),
		{ nul, sizeof(nul) - 1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(garbage); i++) {
		struct world *w = world_new();
		struct peer *p = world_add(w), *other = world_add(w);

		world_run(w);
		peer_say_raw(p, garbage[i].bytes, garbage[i].len);
		assert_int_equal(p->events[VMM_EVENT_DOWN], 1);
		assert_int_equal(peer_facts(p).state, VM_STATE_DOWN);
		assert_true(vmm_conn_trouble(p->conn)[0]);
		assert_int_equal(p->client, -1);
		assert_int_equal(other->events[VMM_EVENT_DOWN], 0);
		world_pass(w, QMP_RETRY_TEST_US);
		assert_int_equal(p->events[VMM_EVENT_UP], 2);
		world_free(w);
	}
}

static void an_answer_to_nothing_costs_the_connection(void **state)
{
	static const char *const answers[] = {
		"{\"return\": {}}",
		"{\"error\": {\"class\": \"X\", \"desc\": \"Y\"}}",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(answers); i++) {
		struct peer *p;
		struct world *w = world_one(&p);

		peer_say(p, answers[i]);
		assert_down(p, "QEMU sent an answer without a question");
		world_free(w);
	}
}

static void blank_lines_are_passed_over(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);

	(void)state;
	peer_say_raw(p, "\n\r\n", 3);
	assert_int_equal(p->events[VMM_EVENT_DOWN], 0);
	world_free(w);
}

static void lines_may_come_byte_by_byte(void **state)
{
	static const char line[] = "{\"event\": \"STOP\"}\r\n";
	struct peer *p;
	struct world *w = world_one(&p);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(line) - 1; i++) {
		assert_int_equal(p->events[VMM_EVENT_STATE], 0);
		peer_say_raw(p, line + i, 1);
	}
	assert_int_equal(p->events[VMM_EVENT_STATE], 1);
	world_free(w);
}

static void endless_line_costs_only_its_own_connection(void **state)
{
	struct world *w = world_new();
	struct peer *p = world_add(w), *other = world_add(w);

	(void)state;
	world_run(w);
	p->taken = 0;
	p->flood = 100 * MIB;
	p->flood_byte = 'x';
	assert_int_equal(vmm_poll(other->conn, w->now_us), 0);
	world_run(w);
	assert_down(p, "a line from QEMU is longer than 1024 KiB");
	assert_true(p->taken < 2 * MIB);
	assert_int_equal(other->events[VMM_EVENT_STATS], 1);
	assert_int_equal(other->events[VMM_EVENT_DOWN], 0);
	world_free(w);
}

static void flood_does_not_make_others_late(void **state)
{
	struct world *w = world_new();
	struct peer *p = world_add(w), *other = world_add(w);
	unsigned int rounds;

	(void)state;
	world_run(w);
	p->flood = 16 * MIB; /* of whole events, which are legal */
	for (rounds = 0; rounds < 20; rounds++) {
		other->events[VMM_EVENT_STATS] = 0;
		assert_int_equal(vmm_poll(other->conn, w->now_us), 0);
		world_step(w); /* the request */
		world_step(w); /* the answer */
		assert_int_equal(other->events[VMM_EVENT_STATS], 1);
		assert_true(p->flood);
	}
	world_run(w);
	assert_int_equal(p->flood, 0);
	assert_int_equal(p->events[VMM_EVENT_DOWN], 0); /* it lost nothing */
	world_free(w);
}

static void silence_instead_of_a_greeting_is_explained(void **state)
{
	struct world *w = world_new();
	struct peer *p = world_add(w);

	(void)state;
	p->no_greeting = true;
	world_pass(w, 2 * USEC_PER_SEC - 1);
	assert_int_equal(p->accepted, 1);
	assert_true(p->client >= 0);
	assert_string_equal(vmm_conn_trouble(p->conn), "");
	world_pass(w, 1);
	assert_int_equal(p->client, -1);
	assert_down(p, "no greeting: another client holds this QMP socket; "
		       "give ballonetd one of its own");
	assert_int_equal(p->requests, 0); /* nothing may be sent before the greeting */
	assert_int_equal(p->events[VMM_EVENT_DOWN], 0);
	world_free(w);
}

static void socket_that_another_client_holds_is_taken_over_when_it_leaves(void **state)
{
	struct world *w = world_new();
	struct peer *p = world_add(w);

	(void)state;
	p->deaf = true; /* QEMU serves one client at a time: the second waits in the backlog */
	world_pass(w, 5 * USEC_PER_SEC);
	assert_trouble(p, "no greeting: another client holds this QMP socket");
	p->deaf = false;
	world_pass(w, 5 * USEC_PER_SEC);
	assert_int_equal(peer_facts(p).state, VM_STATE_RUNNING);
	assert_string_equal(vmm_conn_trouble(p->conn), "");
	world_free(w);
}

static void half_a_line_costs_the_connection_at_the_deadline(void **state)
{
	struct world *w = world_new();
	struct peer *p = world_add(w), *other = world_add(w);

	(void)state;
	world_run(w);
	p->mute = true;
	assert_int_equal(vmm_poll(p->conn, w->now_us), 0);
	peer_say_raw(p, "{\"return\": {\"stats\"", 19);
	world_pass(w, 5 * USEC_PER_SEC - 1);
	assert_int_equal(peer_facts(p).state, VM_STATE_RUNNING);
	assert_int_equal(vmm_poll(other->conn, w->now_us), 0);
	world_pass(w, 1);
	assert_down(p, "QEMU did not answer qom-get guest-stats within 5 s");
	assert_int_equal(p->events[VMM_EVENT_DOWN], 1);
	assert_int_equal(other->events[VMM_EVENT_STATS], 1);
	assert_int_equal(vmm_poll(p->conn, w->now_us), -ENOTCONN);
	assert_int_equal(vmm_refresh(p->conn, w->now_us), -ENOTCONN);
	assert_int_equal(vmm_set_target(p->conn, GIB, w->now_us), -ENOTCONN);
	assert_int_equal(vmm_conn_pid(p->conn), 0);
	vmm_calm(p->conn, w->now_us);
	p->mute = false;
	world_pass(w, QMP_RETRY_TEST_US);
	assert_int_equal(peer_facts(p).state, VM_STATE_RUNNING); /* the half line is forgotten */
	world_free(w);
}

static void every_command_has_a_deadline(void **state)
{
	static const char *const silent[] = {
		"qmp_capabilities", "query-status", "query-name",	"query-cpus",
		"query-uuid",	    "peripheral\"", "anon\"",		"query-memory",
		"query-balloon",    "reporting",    "polling-interval", "\"guest-stats\"",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(silent); i++) {
		struct world *w = world_new();
		struct peer *p = world_add(w);

		p->vm.answer_for = silent[i];
		p->vm.answer = ""; /* a blank line: no answer, and none to what follows */
		world_run(w);
		p->mute = true;
		world_pass(w, 5 * USEC_PER_SEC - 1);
		assert_true(p->client >= 0 || p->events[VMM_EVENT_UP] == 0);
		world_pass(w, 1);
		assert_int_equal(peer_facts(p).state, VM_STATE_DOWN);
		assert_int_equal(p->events[VMM_EVENT_UP], 0);
		world_free(w);
	}
}

static void stopped_qemu_costs_only_its_own_connection(void **state)
{
	struct world *w = world_new();
	struct peer *p = world_add(w), *other = world_add(w);
	unsigned int i;

	(void)state;
	world_run(w);
	p->deaf = true; /* SIGSTOP */
	for (i = 0; i < 60; i++) {
		uint64_t asked_us = w->now_us;

		(void)vmm_poll(p->conn, w->now_us);
		assert_int_equal(vmm_poll(other->conn, w->now_us), 0);
		world_run(w);
		assert_int_equal(other->events[VMM_EVENT_STATS], i + 1);
		assert_int_equal(other->event_us[VMM_EVENT_STATS], asked_us);
		world_pass(w, USEC_PER_SEC);
	}
	assert_int_equal(p->events[VMM_EVENT_DOWN], 1);
	p->deaf = false; /* SIGCONT */
	world_pass(w, 35 * USEC_PER_SEC);
	assert_int_equal(peer_facts(p).state, VM_STATE_RUNNING);
	world_free(w);
}

static void reconnects_with_growing_waits(void **state)
{
	static const uint64_t wait_ms[] = { 250,  500,	 1000,	2000,  4000,
					    8000, 16000, 30000, 30000, 30000 };
	struct peer *p;
	struct world *w = world_one(&p);
	size_t i;

	(void)state;
	world_pass(w, 31 * USEC_PER_SEC);
	p->greeting = "no\n";
	peer_hang_up(p);
	world_run(w);
	assert_down(p, "QEMU closed the connection");
	for (i = 0; i < ARRAY_SIZE(wait_ms); i++) {
		assert_int_equal(p->accepted, 1 + i);
		world_pass(w, wait_ms[i] * USEC_PER_MSEC - 1);
		assert_int_equal(p->accepted, 1 + i);
		world_pass(w, 1);
		assert_int_equal(p->accepted, 2 + i);
	}
	p->greeting = NULL;
	world_pass(w, 30 * USEC_PER_SEC);
	assert_int_equal(p->events[VMM_EVENT_UP], 2);
	assert_int_equal(p->events[VMM_EVENT_DOWN], 1);
	world_free(w);
}

static void one_that_fails_as_soon_as_it_is_up_is_not_hurried_after(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);
	unsigned int i;

	(void)state;
	for (i = 0; i < 100; i++) {
		if (peer_facts(p).state != VM_STATE_DOWN)
			peer_say(p, "garbage");
		world_pass(w, USEC_PER_SEC);
	}
	assert_in_range(p->accepted, 7, 10);
	world_free(w);
}

static void missing_socket_is_waited_for(void **state)
{
	struct world *w = world_new();
	struct peer *p = world_add(w);

	(void)state;
	peer_die(p);
	world_pass(w, USEC_PER_SEC);
	assert_down(p, "cannot connect: No such file or directory");
	peer_listen(p);
	world_pass(w, 2 * USEC_PER_SEC);
	assert_int_equal(peer_facts(p).state, VM_STATE_RUNNING);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(garbage_costs_only_its_own_connection),
		cmocka_unit_test(an_answer_to_nothing_costs_the_connection),
		cmocka_unit_test(blank_lines_are_passed_over),
		cmocka_unit_test(lines_may_come_byte_by_byte),
		cmocka_unit_test(endless_line_costs_only_its_own_connection),
		cmocka_unit_test(flood_does_not_make_others_late),
		cmocka_unit_test(silence_instead_of_a_greeting_is_explained),
		cmocka_unit_test(socket_that_another_client_holds_is_taken_over_when_it_leaves),
		cmocka_unit_test(half_a_line_costs_the_connection_at_the_deadline),
		cmocka_unit_test(every_command_has_a_deadline),
		cmocka_unit_test(stopped_qemu_costs_only_its_own_connection),
		cmocka_unit_test(reconnects_with_growing_waits),
		cmocka_unit_test(one_that_fails_as_soon_as_it_is_up_is_not_hurried_after),
		cmocka_unit_test(missing_socket_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
