/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_sandbox.c - the filters bite, and let keeper and worker work
 *
 * Layer: tests.
 * In:    children that enter the sandbox.
 * Out:   what sandbox.h promises.
 */
#include "device/sandbox.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int memory;

/* Raw calls, so that no sanitizer of the test adds some of its own. */
static void do_open(void)
{
	(void)syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY);
}

static void do_socket(void)
{
	(void)syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
}

static void do_fork(void)
{
	(void)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static void do_mmap(void)
{
	(void)syscall(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void do_kill(void)
{
	(void)syscall(SYS_kill, 1, 0);
}

static void do_execute(void)
{
	(void)syscall(SYS_execve, "/bin/true", NULL, NULL);
}

static void do_unlink(void)
{
	(void)syscall(SYS_unlink, "/nonexistent");
}

static void do_connect(void)
{
	(void)syscall(SYS_connect, -1, NULL, 0);
}

static void do_work(void)
{
	struct stat st;
	char c;

	if (fallocate(memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) < 0 ||
	    fstat(memory, &st) < 0 || st.st_blocks != 0 || read(memory, &c, 1) != 1)
		_exit(1);
}

/* What a keeper does: has a worker that narrows the filter further, and kills it. */
static void do_keep(void)
{
	void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	int status = 0;
	pid_t pid;

	if (map == MAP_FAILED || munmap(map, 4096) < 0)
		_exit(1);
	pid = fork();
	if (pid == 0) {
		if (sandbox_enter(SANDBOX_WORKER) < 0)
			_exit(99);
		do_work();
		_exit(7);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 7)
		_exit(2);
	pid = fork();
	if (pid == 0)
		for (;;)
			(void)poll(NULL, 0, -1);
	if (pid < 0 || kill(pid, SIGKILL) < 0 || waitpid(pid, &status, 0) != pid)
		_exit(3);
}

/* How a child ends that does @what in the sandbox of @who. */
static int in_sandbox(enum sandbox who, void (*what)(void))
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (sandbox_enter(who) < 0)
			_exit(99);
		what();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void test_calls_that_a_worker_has_no_use_for_are_its_end(void **state)
{
	void (*const calls[])(void) = { do_open, do_socket, do_fork, do_mmap, do_kill };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		int status = in_sandbox(SANDBOX_WORKER, calls[i]);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
}

static void test_calls_that_a_keeper_has_no_use_for_are_its_end(void **state)
{
	void (*const calls[])(void) = { do_open,    do_socket, do_connect, do_mmap,
					do_execute, do_unlink, do_kill };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		int status = in_sandbox(SANDBOX_KEEPER, calls[i]);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGSYS);
	}
}

static void assert_let_through(enum sandbox who, void (*what)(void))
{
	int status;

	memory = memfd_create("test", MFD_CLOEXEC);
	assert_int_equal(ftruncate(memory, 4096), 0);
	assert_int_equal(pwrite(memory, "x", 1, 0), 1);
	status = in_sandbox(who, what);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	(void)close(memory);
}

static void test_calls_of_a_worker_are_let_through(void **state)
{
	(void)state;
	assert_let_through(SANDBOX_WORKER, do_work);
}

static void test_calls_of_a_keeper_are_let_through(void **state)
{
	(void)state;
	assert_let_through(SANDBOX_KEEPER, do_keep);
}

static void test_only_the_descriptors_that_are_kept_stay_open(void **state)
{
	int keep[4], kept, other, status = 0;
	pid_t pid;

	(void)state;
	kept = dup(STDERR_FILENO);
	other = dup(STDERR_FILENO);
	keep[0] = kept, keep[1] = -1, keep[2] = STDERR_FILENO, keep[3] = kept;
	pid = fork();
	if (pid == 0) {
		if (sandbox_keep_fds(keep, 4) < 0)
			_exit(1);
		if (fcntl(kept, F_GETFD) < 0 || fcntl(STDERR_FILENO, F_GETFD) < 0)
			_exit(2);
		if (fcntl(other, F_GETFD) >= 0 || fcntl(STDIN_FILENO, F_GETFD) >= 0)
			_exit(3);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	(void)close(kept);
	(void)close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls_that_a_worker_has_no_use_for_are_its_end),
		cmocka_unit_test(test_calls_that_a_keeper_has_no_use_for_are_its_end),
		cmocka_unit_test(test_calls_of_a_worker_are_let_through),
		cmocka_unit_test(test_calls_of_a_keeper_are_let_through),
		cmocka_unit_test(test_only_the_descriptors_that_are_kept_stay_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
