/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_conn.c - the socket of a connection: what does not fit waits
 */
#include "vmm/conn.h"

#include "base/num.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void what_the_socket_does_not_take_waits(void **state)
{
	struct conn_common *common = calloc(1, sizeof(*common));
	struct vmm_conn conn = { .common = common };
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = &conn };
	struct buf out;
	char chunk[65536];
	size_t i, got = 0;
	ssize_t n;
	int pair[2];

	(void)state;
	assert_non_null(common);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	conn.fd = pair[0];
	common->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	assert_int_equal(epoll_ctl(common->epoll_fd, EPOLL_CTL_ADD, conn.fd, &ev), 0);
	buf_init(&out, 4 * MIB);
	for (i = 0; i < 3 * MIB; i++)
		assert_int_equal(buf_add(&out, &(char){ (char)(i % 251) }, 1), 0);

	assert_int_equal(conn_flush(&conn, &out), 0);
	assert_true(out.len > 0 && out.len < 3 * MIB);
	assert_true(conn.want_out);
	while (got < 3 * MIB) {
		n = recv(pair[1], chunk, sizeof(chunk), 0);
		assert_true(n > 0);
		for (i = 0; i < (size_t)n; i++) /* in order, and nothing twice */
			if (chunk[i] != (char)((got + i) % 251))
				fail_msg("byte %zu is another one", got + i);
		got += (size_t)n;
		if (epoll_wait(common->epoll_fd, &ev, 1, 0) == 1 && (ev.events & EPOLLOUT))
			assert_int_equal(conn_flush(&conn, &out), 0);
	}
	assert_false(conn.want_out);
	assert_int_equal(epoll_wait(common->epoll_fd, &ev, 1, 0), 0);

	(void)close(pair[1]);
	assert_int_equal(buf_add(&out, "x", 1), 0);
	assert_int_equal(conn_flush(&conn, &out), -EPIPE);
	conn_close(&conn);
	assert_int_equal(conn.fd, -EBADF);
	(void)close(common->epoll_fd);
	buf_fini(&out);
	free(common);
}

static void text_is_tidied_and_cut_between_characters(void **state)
{
	char out[8];

	(void)state;
	conn_tidy("a\n\x7f\tb", out, sizeof(out));
	assert_string_equal(out, "a???b");
	conn_tidy("123456\xc3\xa9", out, sizeof(out)); /* the character needs 8 bytes */
	assert_string_equal(out, "123456");
	conn_tidy("12345\xc3\xa9", out, sizeof(out));
	assert_string_equal(out, "12345\xc3\xa9");
	conn_tidy("\x80\x80\xc2\x9b"
		  "31m",
		  out, sizeof(out)); /* no UTF-8; a control of two bytes */
	assert_string_equal(out, "????31m");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_socket_does_not_take_waits),
		cmocka_unit_test(text_is_tidied_and_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
