/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_control.c - commands are understood, and nonsense is answered
 *
 * Layer: tests.
 * In:    lines, and clients on a socket.
 * Out:   what control.h promises.
 */
#include "device/control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static void test_commands_are_understood(void **state)
{
	struct control_command cmd;
	const char *why;

	(void)state;
	assert_int_equal(control_parse("balloon 4096 30", &cmd, &why), 0);
	assert_int_equal(cmd.verb, CONTROL_BALLOON);
	assert_int_equal(cmd.bytes, 4096);
	assert_int_equal(cmd.lease_s, 30);
	assert_int_equal(control_parse("  balloon\t0 \r", &cmd, &why), 0);
	assert_int_equal(control_parse("press 18446744073709551615", &cmd, &why), 0);
	assert_true(cmd.bytes == UINT64_MAX);
	assert_int_equal(control_parse("stats", &cmd, &why), 0);
	assert_int_equal(cmd.verb, CONTROL_STATS);
	assert_int_equal(control_parse("state", &cmd, &why), 0);
}

static void test_nonsense_is_refused_with_a_sentence(void **state)
{
	static const char *const lines[] = {
		"",
		"   ",
		"balloon",
		"balloon 1",
		"balloon 1 0",
		"balloon 1 3601",
		"balloon -1 5",
		"balloon 1 5 6",
		"balloon 1x 5",
		"press",
		"press 18446744073709551616",
		"press 0x10",
		"stats now",
		"Balloon 1 1",
		"ballo",
		"balloon 1 99999999999999999999999",
		"press +1",
	};
	struct control_command cmd;
	const char *why;
	char line[CONTROL_LINE_MAX + 10];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		why = NULL;
		if (control_parse(lines[i], &cmd, &why) == 0)
			fail_msg("\"%s\" was taken", lines[i]);
		assert_non_null(why);
	}
	memset(line, '1', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	assert_true(control_parse(line, &cmd, &why) < 0);
}

struct world {
	struct control control;
	char folder[64], path[96];
	unsigned int commands;
};

static const char *on_command(void *userdata, const struct control_command *cmd)
{
	struct world *w = userdata;

	w->commands++;
	if (cmd->verb == CONTROL_STATE)
		control_tell(&w->control, "state x=1\n");
	return cmd->verb == CONTROL_PRESS ? "it cannot press" : NULL;
}

static int begin(void **state)
{
	static struct world w;

	memset(&w, 0, sizeof(w));
	(void)snprintf(w.folder, sizeof(w.folder), "/tmp/ballonet-control-XXXXXX");
	if (!mkdtemp(w.folder))
		return -1;
	(void)snprintf(w.path, sizeof(w.path), "%s/control", w.folder);
	control_init(&w.control, on_command, &w);
	*state = &w;
	return control_listen(w.path, &w.control.listen);
}

static int end(void **state)
{
	struct world *w = *state;

	control_fini(&w->control);
	(void)unlink(w->path);
	(void)rmdir(w->folder);
	return 0;
}

static void turn(struct world *w)
{
	struct pollfd fds[CONTROL_POLL_FDS];

	for (;;) {
		control_poll_fds(&w->control, fds);
		if (poll(fds, CONTROL_POLL_FDS, 0) <= 0)
			return;
		control_handle(&w->control, fds);
	}
}

static int connect_to(struct world *w)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(sa.sun_path, w->path, strlen(w->path) + 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	turn(w);
	return fd;
}

static void expect(int fd, const char *text)
{
	char got[512];
	ssize_t n = recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT);

	assert_true(n >= 0);
	got[n] = '\0';
	assert_string_equal(got, text);
}

static void test_a_client_is_told_the_state_and_its_errors(void **state)
{
	struct world *w = *state;
	int fd = connect_to(w);

	expect(fd, "state x=1\n");
	assert_int_equal(write(fd, "press 5\nsta", 11), 11);
	turn(w);
	expect(fd, "error it cannot press\n");
	assert_int_equal(write(fd, "te\nnonsense\n", 12), 12);
	turn(w);
	expect(fd, "state x=1\n"
		   "error known are: balloon BYTES LEASE_S, press BYTES, stats, state\n");
	(void)close(fd);
	turn(w);
	assert_int_equal(w->control.client[0].fd < 0, 1);
}

static void test_a_line_without_an_end_closes_the_client(void **state)
{
	struct world *w = *state;
	int fd = connect_to(w);
	char junk[1000];

	expect(fd, "state x=1\n");
	memset(junk, 'x', sizeof(junk));
	assert_int_equal(write(fd, junk, sizeof(junk)), sizeof(junk));
	turn(w);
	assert_true(w->control.client[0].fd < 0);
	(void)close(fd);
}

static void test_a_client_that_does_not_read_is_closed(void **state)
{
	struct world *w = *state;
	char line[1024];
	int fd = connect_to(w), i;

	memset(line, 'x', sizeof(line));
	memcpy(line + sizeof(line) - 2, "\n", 2);
	for (i = 0; i < 4096 && w->control.client[0].fd >= 0; i++)
		control_tell(&w->control, line);
	assert_true(w->control.client[0].fd < 0);
	(void)close(fd);
}

static void test_one_client_too_many_is_told_so(void **state)
{
	struct world *w = *state;
	int fd[CONTROL_CLIENTS_MAX + 1], i;

	for (i = 0; i <= CONTROL_CLIENTS_MAX; i++)
		fd[i] = connect_to(w);
	expect(fd[CONTROL_CLIENTS_MAX], "error there are too many clients\n");
	for (i = 0; i <= CONTROL_CLIENTS_MAX; i++)
		(void)close(fd[i]);
}

static void test_the_socket_of_a_device_that_lives_is_not_taken(void **state)
{
	struct world *w = *state;
	int fd = -1;

	assert_true(control_listen(w->path, &fd) < 0);
	(void)close(w->control.listen);
	w->control.listen = -1;
	assert_int_equal(control_listen(w->path, &w->control.listen), 0); /* it was killed */
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands_are_understood),
		cmocka_unit_test(test_nonsense_is_refused_with_a_sentence),
		TEST(test_a_client_is_told_the_state_and_its_errors),
		TEST(test_a_line_without_an_end_closes_the_client),
		TEST(test_a_client_that_does_not_read_is_closed),
		TEST(test_one_client_too_many_is_told_so),
		TEST(test_the_socket_of_a_device_that_lives_is_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
