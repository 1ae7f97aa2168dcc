/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_reserve.c - room for a VM that is to start: held, waited for, let go
 *
 * In:    reserve over the sample fleet, and daemons that go away.
 * Out:   exit codes that a script can go by, and what is still held.
 */
#include "program.h"
#include "server.h"

#include "base/num.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void room_that_is_there_is_reserved_listed_and_cancelled(void **state)
{
	struct run r;

	(void)state;
	server_start_sample();
	CALL(&r, "reserve", "--list");
	expect(&r, 0, "There are no reservations.\n", "");
	CALL(&r, "reserve", "1GiB", "--for", "new", "--hold", "5min");
	expect(&r, 0, "reservation 1: 1.0 GiB is available.\n", "");
	CALL(&r, "reserve", "--list");
	expect(&r, 0, "1: 1.0 GiB, 1.0 GiB not used yet, ends in 4 min 5", "");
	expect(&r, 0, "s, for new. 1.0 GiB is available.\n", "");
	CALL(&r, "reserve", "--cancel", "1");
	expect(&r, 0, "reservation 1: cancelled\n", "");
	CALL(&r, "reserve", "--cancel", "1");
	expect(&r, 4, "", "There is no such reservation");
}

static void room_that_must_be_freed_is_waited_for(void **state)
{
	struct world *w = world_new();
	struct run r;

	(void)state;
	w->frees = true;
	server_start(w, NULL);
	world_free(w);
	CALL(&r, "reserve", "3300MiB", "--within", "50s");
	expect(&r, 0, "reservation 1: 3.2 GiB is available.", "have to be freed for these");
}

static void room_that_is_not_there_in_time_is_not_held(void **state)
{
	struct run r;

	(void)state;
	server_start_sample();
	CALL(&r, "reserve", "3300MiB", "--within", "500ms");
	expect(&r, 6, "", "not free in time: ");
	CALL(&r, "reserve", "3300MiB", "--within", "1ms", "--no-wait");
	expect(&r, 6, "", "longer than was asked for");
	CALL(&r, "reserve", "--list");
	expect(&r, 0, "There are no reservations.\n", "");
	CALL(&r, "reserve", "3300MiB", "--no-wait");
	expect(&r, 0, "reservation 3: ", "");
}

static void who_interrupts_the_wait_leaves_nothing_held(void **state)
{
	const struct timespec moment = { .tv_nsec = 20000000 };
	uint64_t end = server_uptime_us() + 30 * USEC_PER_SEC;
	struct run r = { .out = "" };
	int status;
	pid_t pid;

	(void)state;
	server_start_sample();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)setenv("BALLONET_SOCKET", server_path, 1);
		(void)execl(program, program, "reserve", "3300MiB", (char *)NULL);
		_exit(99);
	}
	while (!strstr(r.out, "1: 3.2 GiB")) {
		assert_true(server_uptime_us() < end);
		(void)nanosleep(&moment, NULL);
		CALL(&r, "reserve", "--list");
	}
	(void)kill(pid, SIGINT);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	CALL(&r, "reserve", "--list");
	expect(&r, 0, "There are no reservations.\n", "");
}

#define HELD "HTTP/1.0 201 Created\r\n\r\n{\"id\":7,\"answer\":\"when\",\"sentence\":\"Soon.\"}"

static void who_loses_the_daemon_in_the_wait_leaves_nothing_held(void **state)
{
	struct run r;

	(void)state;
	server_start(NULL, HELD "\f?\fHTTP/1.0 200 OK\r\n\r\n{\"id\":7}"
				"\fHTTP/1.0 200 OK\r\n\r\n{\"reservations\":[]}");
	CALL(&r, "reserve", "1GiB");
	expect(&r, 5, "", "is not ballonetd");
	assert_null(strstr(r.err, "could not be cancelled"));
	CALL(&r, "reserve", "--list"); /* the answer before this one was to a third request */
	expect(&r, 0, "There are no reservations.\n", "");
}

static void what_may_still_be_held_is_told(void **state)
{
	struct run r;

	(void)state;
	server_start(NULL, HELD "\f?");
	CALL(&r, "reserve", "1GiB");
	expect(&r, 5, "", "reservation 7 could not be cancelled");
}

static void sizes_and_times_are_refused_in_the_words_they_were_typed_in(void **state)
{
	struct run r;

	(void)state;
	server_start_sample();
	CALL(&r, "reserve", "0");
	expect(&r, 2, "", "ballonet: SIZE: '0' is not a size such as 4GiB.\n");
	CALL(&r, "reserve", "lots");
	expect(&r, 2, "", "SIZE: 'lots' is not a size such as 4GiB.");
	CALL(&r, "reserve", "1GiB", "--within", "5");
	expect(&r, 2, "", "--within: '5' is not a time such as 30s.");
	CALL(&r, "reserve", "1GiB", "--within", "25h");
	expect(&r, 2, "", "--within: 25h is out of range (1ms to 24h).");
	CALL(&r, "reserve", "1GiB", "--hold", "100h");
	expect(&r, 2, "", "--hold: 100h is out of range (1s to 24h).");
	CALL(&r, "reserve", "1GiB", "--hold", "999ms");
	expect(&r, 2, "", "--hold: 999ms is out of range (1s to 24h).");
	/* what is within its range is taken by the daemon, too */
	CALL(&r, "reserve", "1GiB", "--hold", "24h", "--within", "24h");
	assert_int_equal(r.code, 0);
	CALL(&r, "reserve", "1GiB", "--hold", "1s", "--within", "1ms");
	assert_int_equal(r.code, 0);
}

static void room_that_cannot_be_had_is_refused_with_why(void **state)
{
	struct run r;

	(void)state;
	server_start_sample();
	CALL(&r, "reserve", "8GiB");
	expect(&r, 1, "", "of that cannot be had.");
	CALL(&r, "reserve", "20000GiB");
	expect(&r, 1, "", "are more than this host can give: it has 16.0 GiB");
	CALL(&r, "reserve", "--cancel", "x");
	expect(&r, 2, "", "'x' is not the number of a reservation.");
	CALL(&r, "reserve", "--list", "1GiB");
	expect(&r, 2, "", "--list and a SIZE exclude each other");
	CALL(&r, "reserve");
	expect(&r, 2, "", "'reserve' needs a SIZE or --list");
	CALL(&r, "status", "--within", "5s");
	expect(&r, 2, "", "'status' has no option --within; see");
}

int main(int argc, char **argv)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, server_set_up, server_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(room_that_is_there_is_reserved_listed_and_cancelled),
		TEST(room_that_must_be_freed_is_waited_for),
		TEST(room_that_is_not_there_in_time_is_not_held),
		TEST(who_interrupts_the_wait_leaves_nothing_held),
		TEST(who_loses_the_daemon_in_the_wait_leaves_nothing_held),
		TEST(what_may_still_be_held_is_told),
		TEST(sizes_and_times_are_refused_in_the_words_they_were_typed_in),
		TEST(room_that_cannot_be_had_is_refused_with_why),
	};

	if (argc != 2)
		return 2;
	program = argv[1];
	return cmocka_run_group_tests_name("cli reserve", tests, NULL, NULL);
}
