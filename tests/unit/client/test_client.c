/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_client.c - a reply comes whole and in time, or there is one errno that says why not
 *
 * The server is a forked child that answers one connection with given bytes.
 */
#include "client/client.h"

#include "base/num.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NOBODY 65534 /* a user that owns nothing */

static char folder[64], path[90];
static struct buf reply;

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/ballonet-client-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/s", folder);
	buf_init(&reply, 64 * KIB);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	buf_fini(&reply);
	(void)unlink(path);
	return rmdir(folder);
}

static int listen_here(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(addr.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/*
 * In the child: answers one request with @times the text @answer, and exits 0
 * where the request contained @want.
 */
static void answer(int listener, const char *want, const char *text, size_t times)
{
	char request[4096] = "";
	int fd = accept(listener, NULL, NULL);
	ssize_t got;
	size_t len = 0;

	while (!strstr(request, "\r\n\r\n")) {
		got = recv(fd, request + len, sizeof(request) - len - 1, 0);
		if (got <= 0)
			_exit(2);
		len += (size_t)got;
	}
	while (times--)
		if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
			break; /* the client had enough */
	(void)shutdown(fd, SHUT_WR);
	_exit(strstr(request, want) ? 0 : 1);
}

/* One POST to /x, answered like that; checks that the child saw @want. Returns the result. */
static int exchange(const char *want, const char *text, size_t times, long *status)
{
	int listener = listen_here(), r, child;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)alarm(30);
		answer(listener, want, text, times);
	}
	(void)close(listener);
	r = client_request(path, "POST", "/x", "{\"a\":1}", status, &reply);
	assert_int_equal(waitpid(pid, &child, 0), pid);
	assert_true(WIFEXITED(child));
	assert_int_equal(WEXITSTATUS(child), 0);
	return r;
}

static void a_reply_comes_with_its_status_whatever_it_is(void **state)
{
	long status = 0;

	(void)state;
	assert_int_equal(exchange("POST /x HTTP/1.1\r\n",
				  "HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\n{}", 1,
				  &status),
			 0);
	assert_int_equal(status, 409);
	assert_string_equal(reply.data, "{}");
}

static void a_reply_larger_than_its_buffer_is_refused(void **state)
{
	static char lot[8193];
	long status = 12345;

	(void)state;
	memset(lot, 'a', sizeof(lot) - 1);
	memcpy(lot, "HTTP/1.0 200 OK\r\n\r\n", 19);
	assert_int_equal(exchange("{\"a\":1}", lot, 100, &status), -EMSGSIZE);
	assert_int_equal(status, 12345);
}

static void what_is_no_http_is_refused(void **state)
{
	long status;

	(void)state;
	assert_int_equal(exchange("x", "{\"QMP\": {\"version\": {}}}\r\n", 1, &status), -EPROTO);
}

static void a_reply_cut_in_the_middle_is_refused(void **state)
{
	long status;

	(void)state;
	assert_int_equal(exchange("x", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", 1,
				  &status),
			 -EPROTO);
}

static void no_reply_at_all_is_refused(void **state)
{
	long status;

	(void)state;
	assert_int_equal(exchange("x", "", 1, &status), -EPROTO);
}

static void a_daemon_that_does_not_answer_is_left_in_the_end(void **state)
{
	int listener = listen_here(); /* connects, and is never accepted */
	long status;

	(void)state;
	assert_int_equal(client_request(path, "GET", "/", NULL, &status, &reply), -ETIMEDOUT);
	(void)close(listener);
}

static void a_queue_that_is_full_is_waited_for_and_then_told(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int listener = listen_here(), fd[8], r = 0;
	size_t n = 0;
	long status;

	(void)state;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	for (; n < ARRAY_SIZE(fd) && r == 0; n++) {
		fd[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		r = connect(fd[n], (struct sockaddr *)&addr, sizeof(addr));
	}
	assert_int_equal(r, -1);
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(client_request(path, "GET", "/", NULL, &status, &reply), -EAGAIN);
	while (n--)
		(void)close(fd[n]);
	(void)close(listener);
}

static void nobody_there_is_told_apart(void **state)
{
	char longer[200];
	long status;
	int fd;

	(void)state;
	assert_int_equal(client_request(path, "GET", "/", NULL, &status, &reply), -ENOENT);
	fd = listen_here();
	(void)close(fd);
	assert_int_equal(client_request(path, "GET", "/", NULL, &status, &reply), -ECONNREFUSED);
	/* root may open anything, so be somebody else for a moment */
	assert_int_equal(chmod(folder, 0), 0);
	if (geteuid() == 0)
		assert_int_equal(seteuid(NOBODY), 0);
	assert_int_equal(client_request(path, "GET", "/", NULL, &status, &reply), -EACCES);
	if (getuid() == 0)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(folder, 0700), 0);
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(client_request(longer, "GET", "/", NULL, &status, &reply), -ENAMETOOLONG);
}

static void a_name_becomes_one_segment_of_a_path(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 64);
	assert_int_equal(client_add_segment(&b, "a-Z0._~"), 0);
	assert_int_equal(client_add_segment(&b, " /?%\"\n\xff"), 0);
	assert_string_equal(b.data, "a-Z0._~%20%2F%3F%25%22%0A%FF");
	buf_fini(&b);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_reply_comes_with_its_status_whatever_it_is),
		TEST(a_reply_larger_than_its_buffer_is_refused),
		TEST(what_is_no_http_is_refused),
		TEST(a_reply_cut_in_the_middle_is_refused),
		TEST(no_reply_at_all_is_refused),
		TEST(a_daemon_that_does_not_answer_is_left_in_the_end),
		TEST(a_queue_that_is_full_is_waited_for_and_then_told),
		TEST(nobody_there_is_told_apart),
		TEST(a_name_becomes_one_segment_of_a_path),
	};

	return cmocka_run_group_tests_name("client", tests, NULL, NULL);
}
