/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_control.c - the socket of the control API: its file, and who connects */
#include "api/control.h"

#include "base/num.h"
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static void garbage_costs_only_its_own_connection(void **state)
{
	static const char *const garbage[] = {
		"\x16\x03\x01\x02\x01\x01\xfc\x03\x03\r\n\r\n",
		"GET\r\n\r\n",
		"GET /v1/vms HTTP/9.9\r\n\r\n",
		"POST /v1/vms/db/squeeze HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
		"POST /v1/vms/db/squeeze HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(garbage); i++) {
		char *reply = exchange(dial(), garbage[i], strlen(garbage[i]));

		assert_null(strstr(reply, " 200 "));
		free(reply);
		assert_int_equal(ask("GET", "/v1/vms/db", NULL, NULL), 200);
	}
	assert_null(world.asked_vm);
}

static void a_client_that_leaves_in_the_middle_does_no_harm(void **state)
{
	static const char half[] =
		"POST /v1/vms/db/squeeze HTTP/1.1\r\nContent-Length: 10\r\n\r\n{";
	int fd = dial();

	(void)state;
	assert_int_equal(send(fd, half, strlen(half), MSG_NOSIGNAL), strlen(half));
	control_dispatch(world.control);
	(void)close(fd);
	control_dispatch(world.control);
	assert_int_equal(ask("GET", "/v1/vms/db", NULL, NULL), 200);
	assert_null(world.asked_vm);
}

static void silent_clients_leave_room_for_others_up_to_the_limit(void **state)
{
	int fd[40];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(fd); i++) {
		fd[i] = dial();
		control_dispatch(world.control);
	}
	assert_int_equal(ask("GET", "/v1/vms/db", NULL, NULL), 200);
	for (i = 0; i < ARRAY_SIZE(fd); i++)
		(void)close(fd[i]);
}

/* Lets the server work until @fd is closed by it; the milliseconds that took. */
static uint64_t wait_for_end(int fd)
{
	uint64_t begin = now_ms();
	char byte;

	while (recv(fd, &byte, 1, 0) != 0) {
		struct pollfd fds[2] = { { .fd = control_fd(world.control), .events = POLLIN },
					 { .fd = fd, .events = POLLIN } };

		if (poll(fds, 2, 50) < 0 || now_ms() > begin + DEADLINE_MS)
			fail();
		control_dispatch(world.control);
	}
	(void)close(fd);
	return now_ms() - begin;
}

static void who_asks_nothing_is_let_go_and_too_many_are_sent_away(void **state)
{
	enum { PLACES = 48 }; /* of one process */
	int fd[70], next;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(fd); i++)
		fd[i] = dial(); /* more than are served at once */
	/* a full house is no reason to spin */
	control_dispatch(world.control);
	control_dispatch(world.control);
	assert_int_equal(poll(&(struct pollfd){ .fd = control_fd(world.control), .events = POLLIN },
			      1, 0),
			 0);
	assert_in_range(control_timeout_us(world.control), 1, 5 * USEC_PER_SEC);
	for (i = 0; i < ARRAY_SIZE(fd); i++) {
		char answer[13] = "";

		assert_int_equal(recv(fd[i], answer, 12, 0), i < PLACES ? -1 : 12);
		assert_string_equal(answer, i < PLACES ? "" : "HTTP/1.1 503");
	}
	assert_true(wait_for_end(fd[0]) < 7000);
	next = dial();
	assert_true(send(next, "GET /v1/host HTTP/1.0\r\n\r\n", 25, MSG_NOSIGNAL) == 25);
	(void)wait_for_end(next);
	for (i = 1; i < ARRAY_SIZE(fd); i++)
		(void)close(fd[i]);
	assert_int_equal(ask("GET", "/v1/vms/db", NULL, NULL), 200);
}

static void who_asked_once_may_stay_for_longer(void **state)
{
	static const char request[] = "GET /v1/host HTTP/1.1\r\nHost: x\r\n\r\n";
	char reply[4096];
	int fd = dial();

	(void)state;
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	while (recv(fd, reply, sizeof(reply), 0) < 0)
		control_dispatch(world.control);
	control_dispatch(world.control);
	assert_in_range(control_timeout_us(world.control), 20 * USEC_PER_SEC, 30 * USEC_PER_SEC);
	(void)close(fd);
}

static void the_socket_is_for_owner_and_group_only(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(stat(world.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
}

static void the_socket_is_of_the_group_that_was_asked_for(void **state)
{
	struct stat st;

	(void)state;
	control_free(world.control);
	assert_int_equal(control_new(world.path, getgid() ? getgid() : 4711, -EBADF,
				     &world.sample.view, &world_ops, &world.sample, &world.control),
			 0);
	assert_int_equal(stat(world.path, &st), 0);
	assert_int_equal(st.st_gid, getgid() ? getgid() : 4711);
	assert_int_equal(st.st_uid, geteuid());
	assert_int_equal(st.st_mode & 07777, 0660);
}

static void a_socket_that_listens_already_is_served_and_left_there(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	gid_t group = getgid() ? getgid() : 4711;
	struct stat st;
	int fd;

	(void)state;
	control_free(world.control);
	world.control = NULL;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	memcpy(addr.sun_path, world.path, strlen(world.path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(control_new("/not/used", group, fd, &world.sample.view, &world_ops,
				     &world.sample, &world.control),
			 0);
	assert_int_equal(ask("GET", "/v1/vms/db", NULL, NULL), 200);
	control_free(world.control);
	world.control = NULL;
	assert_int_equal(stat(world.path, &st), 0); /* whoever made it removes it */
	assert_int_equal(st.st_gid, group);
	assert_int_equal(unlink(world.path), 0);
}

static void a_socket_in_use_is_refused_and_a_dead_one_replaced(void **state)
{
	struct control *second = NULL;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	(void)state;
	assert_int_equal(control_new(world.path, (gid_t)-1, -EBADF, &world.sample.view, &world_ops,
				     &world.sample, &second),
			 -EADDRINUSE);
	assert_int_equal(ask("GET", "/v1/vms/db", NULL, NULL), 200);

	control_free(world.control);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	memcpy(addr.sun_path, world.path, strlen(world.path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	(void)close(fd);
	assert_int_equal(control_new(world.path, (gid_t)-1, -EBADF, &world.sample.view, &world_ops,
				     &world.sample, &world.control),
			 0);
	assert_int_equal(ask("GET", "/v1/vms/db", NULL, NULL), 200);
}

static void a_path_that_cannot_be_listened_on_is_an_error(void **state)
{
	struct control *second = NULL;
	char other[120];
	int fd;

	(void)state;
	memset(other, 'a', sizeof(other) - 1);
	other[0] = '/';
	other[sizeof(other) - 1] = '\0';
	assert_int_equal(control_new(other, (gid_t)-1, -EBADF, &world.sample.view, &world_ops,
				     &world.sample, &second),
			 -ENAMETOOLONG);
	(void)snprintf(other, sizeof(other), "%s/a/b/c", world.folder);
	assert_int_equal(control_new(other, (gid_t)-1, -EBADF, &world.sample.view, &world_ops,
				     &world.sample, &second),
			 -ENOENT);
	(void)snprintf(other, sizeof(other), "%s/file", world.folder);
	fd = open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(control_new(other, (gid_t)-1, -EBADF, &world.sample.view, &world_ops,
				     &world.sample, &second),
			 -EEXIST);
	assert_int_equal(unlink(other), 0); /* it was left alone */
}

static void a_socket_that_somebody_replaced_is_left_to_them(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(unlink(world.path), 0);
	fd = open(world.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	control_free(world.control);
	world.control = NULL;
	assert_int_equal(unlink(world.path), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, world_set_up, world_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(garbage_costs_only_its_own_connection),
		TEST(a_client_that_leaves_in_the_middle_does_no_harm),
		TEST(silent_clients_leave_room_for_others_up_to_the_limit),
		TEST(who_asks_nothing_is_let_go_and_too_many_are_sent_away),
		TEST(who_asked_once_may_stay_for_longer),
		TEST(the_socket_is_for_owner_and_group_only),
		TEST(the_socket_is_of_the_group_that_was_asked_for),
		TEST(a_socket_that_listens_already_is_served_and_left_there),
		TEST(a_socket_in_use_is_refused_and_a_dead_one_replaced),
		TEST(a_path_that_cannot_be_listened_on_is_an_error),
		TEST(a_socket_that_somebody_replaced_is_left_to_them),
	};

	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
