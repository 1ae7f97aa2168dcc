/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_guardian.c - whatever becomes of the daemon, balloons go to 0
 *
 * A child plays the daemon: it starts the real guardian, keeps the one
 * connection to a fake QEMU as the real one does, and is then killed or
 * stopped for real. This process adopts the guardian, to see how it ends.
 * Argument: the guardian's program.
 */
#include "world.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

/* What the child does once everything is held. */
enum behaviour {
	LIVES,	/* says so ten times per watchdog */
	SILENT, /* says nothing more */
	CLEARS, /* clears everything, and says nothing more */
	STOPS,	/* guardian_stop() and exit */
};

static int hold(struct guardian *g, uint64_t id, const char *path, uint64_t ram_b)
{
	return guardian_hold(g,
			     &(struct guardian_vm){ .id = id, .qmp_path = path, .ram_b = ram_b });
}

/* Ends the child, not the test. */
#define CHILD_NEEDS(cond)                                             \
	do {                                                          \
		if (!(cond)) {                                        \
			fprintf(stderr, "child: %s failed\n", #cond); \
			_exit(99);                                    \
		}                                                     \
	} while (0)

/* The client of a VM that inflates it, and keeps the connection. */
static void child_inflate(const struct fake_qemu *q)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char text[256];
	int fd, n;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	memcpy(addr.sun_path, q->path, sizeof(addr.sun_path));
	CHILD_NEEDS(connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	n = snprintf(text, sizeof(text),
		     "{\"execute\":\"balloon\",\"arguments\":{\"value\":%llu},\"id\":1}\n",
		     (unsigned long long)LOW_B);
	CHILD_NEEDS(send(fd, text, (size_t)n, 0) == n);
	for (n = 0; !strstr(text, "return"); n++) {
		CHILD_NEEDS(n < (int)sizeof(text) - 1 && recv(fd, text + n, 1, 0) == 1);
		text[n + 1] = '\0';
	}
}

static void child_run(struct world *w, int ready, uint64_t watchdog_us, unsigned int held,
		      enum behaviour what)
{
	struct guardian *g;
	unsigned int i;

	CHILD_NEEDS(guardian_start(guardian_program, watchdog_us, &g) == 0);
	for (i = 0; i < held; i++) {
		CHILD_NEEDS(hold(g, i + 1, w->qemu[i].path, RAM_B) == 0);
		child_inflate(&w->qemu[i]);
	}
	for (i = 0; i < held && what == CLEARS; i++)
		CHILD_NEEDS(guardian_clear(g, i + 1) == 0);
	if (what == STOPS)
		guardian_stop(g);
	CHILD_NEEDS(write(ready, "r", 1) == 1);
	if (what == STOPS)
		_exit(0);
	for (;;) {
		if (what == LIVES)
			(void)guardian_alive(g);
		(void)poll(NULL, 0, (int)(WATCHDOG_US / USEC_PER_MSEC / 10));
	}
}

/* Starts the child, which holds the first @held VMs, and waits until it has done so. */
static void start_daemon(struct world *w, uint64_t watchdog_us, unsigned int held,
			 enum behaviour what)
{
	int ready[2];
	char c;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	w->daemon = fork();
	assert_true(w->daemon >= 0);
	if (w->daemon == 0)
		child_run(w, ready[1], watchdog_us, held, what);
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	(void)close(ready[0]);
}

static void reap_daemon(struct world *w, int signal)
{
	int status = wait_child(w->daemon);

	w->daemon = 0;
	assert_int_equal(WIFSIGNALED(status) ? WTERMSIG(status) : 0, signal);
}

/* The guardian has ended, all that was held is at 0. */
static void assert_released(struct world *w, unsigned int held)
{
	int status = wait_child(-1);
	unsigned int i;

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	for (i = 0; i < held; i++)
		assert_int_equal(w->qemu[i].actual_b, RAM_B);
}

static void a_killed_daemon_has_its_balloons_deflated(void **state)
{
	struct world *w = *state;

	start_daemon(w, LONG_US, NVM, LIVES);
	assert_int_equal(w->qemu[0].actual_b, LOW_B);
	assert_int_equal(kill(w->daemon, SIGKILL), 0);
	reap_daemon(w, SIGKILL);
	assert_released(w, NVM);
}

static void a_hanging_daemon_is_killed_and_its_balloons_deflated(void **state)
{
	struct world *w = *state;

	start_daemon(w, WATCHDOG_US, NVM, LIVES);
	assert_int_equal(kill(w->daemon, SIGSTOP), 0);
	reap_daemon(w, SIGKILL);
	assert_released(w, NVM);
}

static void a_daemon_that_is_silent_while_it_holds_is_killed(void **state)
{
	struct world *w = *state;

	start_daemon(w, WATCHDOG_US, 1, SILENT);
	reap_daemon(w, SIGKILL);
	assert_released(w, 1);
}

static void a_daemon_that_stops_with_balloons_out_has_them_deflated(void **state)
{
	struct world *w = *state;

	start_daemon(w, LONG_US, NVM, STOPS);
	reap_daemon(w, 0);
	assert_released(w, NVM);
}

static void a_daemon_that_lives_is_left_alone(void **state)
{
	struct world *w = *state;
	uint64_t until_us;

	start_daemon(w, WATCHDOG_US, 1, LIVES);
	for (until_us = now_us() + 4 * WATCHDOG_US; now_us() < until_us; look_later())
		assert_int_equal(waitpid(-1, NULL, WNOHANG), 0);
	assert_int_equal(w->qemu[0].targets, 1);
	assert_int_equal(kill(w->daemon, SIGKILL), 0);
	reap_daemon(w, SIGKILL);
	assert_released(w, 1);
}

static void a_silent_daemon_that_holds_nothing_is_left_alone(void **state)
{
	struct world *w = *state;
	uint64_t until_us;

	start_daemon(w, WATCHDOG_US, NVM, CLEARS);
	for (until_us = now_us() + 4 * WATCHDOG_US; now_us() < until_us; look_later())
		assert_int_equal(waitpid(-1, NULL, WNOHANG), 0);
	assert_int_equal(kill(w->daemon, SIGKILL), 0);
	reap_daemon(w, SIGKILL);
	assert_int_equal(wait_child(-1), 0);
	assert_int_equal(w->qemu[0].clients, 1); /* the guardian did not come */
	assert_int_equal(w->qemu[0].targets, 1);
}

/* What goes wrong at first must not be the end of it. */
static void a_qemu_that_misbehaves_at_first_is_asked_again(void **state)
{
	static const enum fake_mode modes[] = { FAKE_CLOSES,   FAKE_GARBAGE, FAKE_LONG_LINE,
						FAKE_ERROR,    FAKE_UNASKED, FAKE_BAD_SIZE,
						FAKE_IN_PIECES };
	struct world *w = *state;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		start_daemon(w, LONG_US, 1, LIVES);
		fake_qemu_misbehave(&w->qemu[0], modes[i], 2);
		assert_int_equal(kill(w->daemon, SIGKILL), 0);
		reap_daemon(w, SIGKILL);
		assert_released(w, 1);
	}
}

static void a_qemu_that_is_stuck_holds_up_no_other(void **state)
{
	struct world *w = *state;

	start_daemon(w, LONG_US, NVM, LIVES);
	fake_qemu_misbehave(&w->qemu[0], FAKE_SILENT, 1);
	fake_qemu_misbehave(&w->qemu[1], FAKE_LONG_LINE, -1);
	assert_int_equal(kill(w->daemon, SIGKILL), 0);
	reap_daemon(w, SIGKILL);
	WAIT_FOR(w->qemu[2].actual_b == RAM_B);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), 0); /* it still works on the others */
	fake_qemu_misbehave(&w->qemu[1], FAKE_GOOD, 0);
	assert_released(w, NVM);
}

static void a_qemu_that_is_gone_or_has_no_balloon_is_done(void **state)
{
	struct world *w = *state;

	start_daemon(w, LONG_US, 2, LIVES);
	assert_int_equal(unlink(w->qemu[0].path), 0);
	fake_qemu_misbehave(&w->qemu[1], FAKE_NO_DEVICE, -1);
	assert_int_equal(kill(w->daemon, SIGKILL), 0);
	reap_daemon(w, SIGKILL);
	assert_int_equal(wait_child(-1), 0);
}

static int pidfd_signal(int pidfd, int sig)
{
	return (int)syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0);
}

/* Does the process ignore @sig? That it does is how one sees that it is ready. */
static bool ignores(int pidfd, int sig)
{
	unsigned long long mask = 0;
	cleanup_fclose FILE *f = NULL;
	char path[64], line[256];
	int pid = 0;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		(void)sscanf(line, "Pid: %d", &pid);
	if (f)
		(void)fclose(f);
	(void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		(void)sscanf(line, "SigIgn: %llx", &mask);
	return mask & (1ULL << (sig - 1));
}

static bool ended(const struct guardian *g, int timeout_ms)
{
	struct pollfd p = { .fd = guardian_fd(g), .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1;
}

static void what_ends_the_daemon_does_not_end_the_guardian(void **state)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGABRT, SIGPIPE };
	struct world *w = *state;
	struct guardian *g;
	size_t i;

	assert_int_equal(guardian_start(guardian_program, LONG_US, &g), 0);
	WAIT_FOR(ignores(guardian_fd(g), SIGTSTP)); /* the last one to be ignored */
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		assert_int_equal(pidfd_signal(guardian_fd(g), signals[i]), 0);
	assert_int_equal(hold(g, 1, w->qemu[0].path, RAM_B), 0);
	w->qemu[0].actual_b = LOW_B;
	assert_false(ended(g, 0));
	guardian_stop(g);
	assert_released(w, 1);
}

static void the_daemon_sees_that_the_guardian_died(void **state)
{
	struct world *w = *state;
	struct guardian *g;

	assert_int_equal(guardian_start(guardian_program, LONG_US, &g), 0);
	assert_int_equal(guardian_alive(g), 0);
	assert_int_equal(pidfd_signal(guardian_fd(g), SIGKILL), 0);
	assert_true(ended(g, (int)(DEADLINE_US / USEC_PER_MSEC)));
	assert_int_equal(hold(g, 1, w->qemu[0].path, RAM_B), -EPIPE);
	assert_int_equal(guardian_clear(g, 1), -EPIPE);
	assert_int_equal(guardian_alive(g), -EPIPE);
	guardian_stop(g);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* it left no zombie */
	assert_int_equal(errno, ECHILD);
}

static void a_guardian_that_does_not_keep_up_is_an_error_and_no_stall(void **state)
{
	struct world *w = *state;
	struct guardian *g;
	unsigned int i;
	int r = 0;

	assert_int_equal(guardian_start(guardian_program, LONG_US, &g), 0);
	assert_int_equal(pidfd_signal(guardian_fd(g), SIGSTOP), 0);
	for (i = 0; i < 100000 && r == 0; i++)
		r = hold(g, 1, w->qemu[0].path, RAM_B);
	assert_int_equal(r, -EAGAIN);
	assert_int_equal(pidfd_signal(guardian_fd(g), SIGKILL), 0);
	assert_true(ended(g, (int)(DEADLINE_US / USEC_PER_MSEC)));
	guardian_stop(g);
}

static void bad_requests_are_refused(void **state)
{
	struct guardian *g = NULL;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];

	(void)state;
	assert_int_equal(guardian_start("/nonexistent/guardian", LONG_US, &g), -ENOENT);
	assert_int_equal(guardian_start("/", LONG_US, &g), -EACCES);
	assert_int_equal(guardian_start(guardian_program, 1, &g), -EINVAL);
	assert_null(g);
	guardian_stop(NULL);
	assert_int_equal(guardian_start(guardian_program, LONG_US, &g), 0);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(hold(g, 1, path, RAM_B), -EINVAL);
	path[sizeof(path) - 2] = '\0';
	assert_int_equal(hold(g, 1, path, RAM_B), 0);
	assert_int_equal(guardian_clear(g, 1), 0);
	assert_int_equal(hold(g, 1, "", RAM_B), -EINVAL);
	assert_int_equal(hold(g, 1, "x", 0), -EINVAL);
	assert_int_equal(hold(g, 1, "x", UINT64_MAX), -EINVAL);
	guardian_stop(g);
	(void)wait_child(-1);
}

/* Runs the program with @socket where it expects it (< 0: nothing there). Its exit code. */
static int run_program(int socket, const char *watchdog)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		(void)close(GUARDIAN_SOCKET_FD);
		if (socket >= 0 && (dup2(socket, GUARDIAN_SOCKET_FD) < 0 ||
				    dup2(STDERR_FILENO, GUARDIAN_PIDFD_FD) < 0))
			_exit(99);
		(void)execl(guardian_program, guardian_program, watchdog, NULL);
		_exit(99);
	}
	status = wait_child(pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_message_that_is_not_understood_ends_the_guardian(void **state)
{
	struct guardian_msg good = { .magic = GUARDIAN_MAGIC,
				     .version = GUARDIAN_VERSION,
				     .kind = GUARDIAN_ALIVE };
	struct guardian_msg bad[5] = { good, good, good, good, good };
	unsigned int i;

	(void)state;
	bad[0].magic++;
	bad[1].version++;
	bad[2].kind = 77;
	memset(bad[3].path, 'x', sizeof(bad[3].path));
	memset(bad[4].undo, 'x', sizeof(bad[4].undo));
	for (i = 0; i <= ARRAY_SIZE(bad); i++) {
		cleanup_close int low = open("/dev/null", O_RDONLY | O_CLOEXEC);
		int pair[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
		assert_true(low >= 0 && pair[1] > GUARDIAN_PIDFD_FD);
		assert_int_equal(send(pair[0], &good, sizeof(good), 0), sizeof(good));
		if (i < ARRAY_SIZE(bad))
			assert_int_equal(send(pair[0], &bad[i], sizeof(bad[i]), 0), sizeof(good));
		else
			assert_int_equal(send(pair[0], &good, 7, 0), 7);
		assert_int_equal(run_program(pair[1], "1000000"), 2);
		(void)close(pair[0]);
		(void)close(pair[1]);
	}
}

static void a_guardian_that_no_daemon_started_does_nothing(void **state)
{
	static const char *const watchdogs[] = { "",  "x",	  "-1",
						 "5", "1000000x", "99999999999999999999999" };
	int pair[2];
	size_t i;

	(void)state;
	assert_int_equal(run_program(-1, "1000000"), 2);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	for (i = 0; i < ARRAY_SIZE(watchdogs); i++)
		assert_int_equal(run_program(pair[1], watchdogs[i]), 2);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

int main(int argc, char **argv)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, world_set_up, world_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_killed_daemon_has_its_balloons_deflated),
		TEST(a_hanging_daemon_is_killed_and_its_balloons_deflated),
		TEST(a_daemon_that_is_silent_while_it_holds_is_killed),
		TEST(a_daemon_that_stops_with_balloons_out_has_them_deflated),
		TEST(a_daemon_that_lives_is_left_alone),
		TEST(a_silent_daemon_that_holds_nothing_is_left_alone),
		TEST(a_qemu_that_misbehaves_at_first_is_asked_again),
		TEST(a_qemu_that_is_stuck_holds_up_no_other),
		TEST(a_qemu_that_is_gone_or_has_no_balloon_is_done),
		TEST(what_ends_the_daemon_does_not_end_the_guardian),
		TEST(the_daemon_sees_that_the_guardian_died),
		TEST(a_guardian_that_does_not_keep_up_is_an_error_and_no_stall),
		TEST(bad_requests_are_refused),
		TEST(a_message_that_is_not_understood_ends_the_guardian),
		TEST(a_guardian_that_no_daemon_started_does_nothing),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: %s GUARDIAN-PROGRAM\n", argv[0]);
		return 2;
	}
	guardian_program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
