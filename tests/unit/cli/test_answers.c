/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_answers.c - a daemon that is not there, or answers something odd
 *
 * In:    no daemon, a busy one, and peers that answer given bytes.
 * Out:   one sentence and an exit code; a terminal that obeys nothing.
 */
#include "program.h"
#include "server.h"

#include "base/num.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static void a_daemon_that_is_not_there_is_told_with_what_to_do(void **state)
{
	struct run r;
	char want[200];

	(void)state;
	(void)snprintf(want, sizeof(want),
		       "ballonet: ballonetd is not running (no socket at %s). Start it with ",
		       server_path);
	CALL(&r, "status");
	expect(&r, 3, "", want);
	assert_string_equal(r.out, "");
	CALL(&r, "--socket", "/nowhere/x.sock", "squeeze", "db");
	expect(&r, 3, "", "(no socket at /nowhere/x.sock)");
	server_start(NULL, "");
	server_stop();
	CALL(&r, "status");
	expect(&r, 3, "", "nobody listens on");
}

static void a_daemon_that_is_busy_is_told_apart_from_one_that_is_not_there(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int waiting = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct run r;

	(void)state;
	memcpy(addr.sun_path, server_path, strlen(server_path) + 1);
	assert_int_equal(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(listener, 0), 0);
	assert_int_equal(connect(waiting, (struct sockaddr *)&addr, sizeof(addr)), 0);
	CALL(&r, "release", "db");
	expect(&r, 3, "", "ballonet: ballonetd is busy: too many connections (");
	(void)close(waiting);
	(void)close(listener);
}

static void what_is_not_the_daemon_is_told(void **state)
{
	static const char *const answers[] = {
		"",
		"{\"QMP\": {}}\r\n",
		"HTTP/1.0 200 OK\r\n\r\n",
		"HTTP/1.0 200 OK\r\n\r\n{\"vms\":",
		"HTTP/1.0 200 OK\r\n\r\n[1,2]",
		"HTTP/1.0 200 OK\r\n\r\n12",
		"HTTP/1.0 200 OK\r\n\r\n{\"a\":\"\xff\"}",
		"HTTP/1.0 200 OK\r\n\r\n{} {}",
		"HTTP/1.0 404 Not Found\r\n\r\n<html></html>",
		"HTTP/1.0 500 Oops\r\n\r\n{\"error\":5}",
		"HTTP/1.0 302 Found\r\nLocation: /\r\n\r\n{}",
	};
	struct run r;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(answers); i++) {
		server_start(NULL, answers[i]);
		CALL(&r, "status");
		expect(&r, 5, "", "ballonet: what listens on ");
		assert_string_equal(r.out, "");
		server_stop();
		(void)unlink(server_path);
	}
}

static void odd_values_in_a_reply_do_no_harm(void **state)
{
	static const char odd[] =
		"HTTP/1.0 200 OK\r\n\r\n{\"vms\":[5,null,{},[],{\"name\":7,\"ram_b\":-1,\"why\":{},"
		"\"used_b\":18446744073709551615,\"stale_b\":1e99,\"hint\":3},"
		"{\"name\":\"\\u001b]0;x\\u0007\\u009b\\u202e\",\"hint\":\"\\u001b[2J\"}],"
		"\"name\":\"\\u001b[2J\",\"figures\":[],\"recent\":[1,{\"sentence\":\"\\r\\n\"}],"
		"\"last_squeeze\":{\"start_us\":\"x\"},\"obstacles\":[1,{}],\"dry_run\":\"\"}";
	struct run r;

	(void)state;
	server_start(NULL, odd);
	CALL(&r, "status");
	expect(&r, 0, "NAME", "");
	assert_tame(r.out);
	assert_null(strstr(r.out, "\xc2\x9b"));
	CALL(&r, "vm", "x");
	assert_int_equal(r.code, 0);
	assert_tame(r.out);
	CALL(&r, "why", "x");
	assert_int_equal(r.code, 0);
	assert_tame(r.out);
	CALL(&r, "host");
	assert_int_equal(r.code, 0);
}

static void a_list_of_vms_that_is_none_is_told(void **state)
{
	struct run r;

	(void)state;
	server_start(NULL, "HTTP/1.0 200 OK\r\n\r\n{\"vms\":{}}");
	CALL(&r, "status");
	expect(&r, 5, "", "no list of VMs");
	CALL(&r, "release", "--all");
	expect(&r, 5, "", "no list of VMs");
}

int main(int argc, char **argv)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, server_set_up, server_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_daemon_that_is_not_there_is_told_with_what_to_do),
		TEST(a_daemon_that_is_busy_is_told_apart_from_one_that_is_not_there),
		TEST(what_is_not_the_daemon_is_told),
		TEST(odd_values_in_a_reply_do_no_harm),
		TEST(a_list_of_vms_that_is_none_is_told),
	};

	if (argc != 2)
		return 2;
	program = argv[1];
	return cmocka_run_group_tests_name("cli answers", tests, NULL, NULL);
}
