/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_sandbox.c - the filters bite, and let keeper and worker work
 *
 * Layer: tests.
 * In:    children that enter the sandbox.
 * Out:   what sandbox.h promises.
 */
#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/falloc.h>
#include <linux/landlock.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
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

static void *do_nothing(void *userdata)
{
	return userdata;
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

/* Raw calls: a number and what it is given. */
struct call {
	const char *name;
	long number;
	long arg[4];
};

/* Does each of these fail with EPERM in the sandbox of @who? Exits with the number of one that does
 * not, from 1. */
static void assert_refused(enum sandbox who, const struct call *calls, size_t n)
{
	int status = 0;
	pid_t pid = fork();
	size_t i;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (sandbox_enter(who) < 0)
			_exit(99);
		for (i = 0; i < n; i++)
			if (syscall(calls[i].number, calls[i].arg[0], calls[i].arg[1],
				    calls[i].arg[2], calls[i].arg[3], 0, 0) >= 0 ||
			    errno != EPERM)
				_exit((int)i + 1);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 99)
		fail_msg("no sandbox");
	if (WEXITSTATUS(status))
		fail_msg("not refused: %s", calls[WEXITSTATUS(status) - 1].name);
}

static void test_a_daemon_is_refused_what_it_has_no_use_for(void **state)
{
	const struct call calls[] = {
#ifndef __SANITIZE_ADDRESS__
		{ "ptrace", SYS_ptrace, { 0 } },
#endif
		{ "socket(AF_INET)", SYS_socket, { AF_INET, SOCK_STREAM, 0 } },
		{ "socket(AF_NETLINK)", SYS_socket, { AF_NETLINK, SOCK_RAW, 0 } },
#ifndef __SANITIZE_ADDRESS__ /* which needs these itself */
		{ "kill", SYS_kill, { getpid(), 0 } },
#endif
		{ "process_vm_readv", SYS_process_vm_readv, { getpid() } },
		{ "process_vm_writev", SYS_process_vm_writev, { getpid() } },
		{ "mount", SYS_mount, { 0 } },
		{ "unshare", SYS_unshare, { 0 } },
		{ "setns", SYS_setns, { -1, 0 } },
#ifndef __SANITIZE_ADDRESS__
		{ "clone(CLONE_NEWUSER)", SYS_clone, { CLONE_NEWUSER | SIGCHLD } },
#endif
		{ "setuid", SYS_setuid, { getuid() } },
		{ "mmap(write, exec)",
		  SYS_mmap,
		  { 0, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS } },
		{ "mprotect(exec)", SYS_mprotect, { 0, 4096, PROT_READ | PROT_EXEC } },
		{ "bpf", SYS_bpf, { 0 } },
		{ "perf_event_open", SYS_perf_event_open, { 0 } },
		{ "init_module", SYS_init_module, { 0 } },
		{ "reboot", SYS_reboot, { 0 } },
		{ "keyctl", SYS_keyctl, { 0 } },
		{ "chroot", SYS_chroot, { 0 } },
		{ "mknodat", SYS_mknodat, { AT_FDCWD, 0 } },
		{ "pidfd_send_signal(SIGTERM)", SYS_pidfd_send_signal, { -1, SIGTERM } },
		{ "pidfd_getfd", SYS_pidfd_getfd, { -1 } },
		{ "io_uring_setup", SYS_io_uring_setup, { 1 } },
	};

	(void)state;
	assert_refused(SANDBOX_DAEMON, calls, sizeof(calls) / sizeof(calls[0]));
}

static void test_a_guardian_is_refused_more(void **state)
{
	const struct call calls[] = {
		{ "socket(AF_INET)", SYS_socket, { AF_INET, SOCK_STREAM, 0 } },
		{ "execve", SYS_execve, { 0 } },
#ifndef __SANITIZE_ADDRESS__
		{ "clone", SYS_clone, { SIGCHLD } },
#endif
		{ "mmap(exec)",
		  SYS_mmap,
		  { 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS } },
		{ "unlinkat", SYS_unlinkat, { AT_FDCWD, 0 } },
		{ "renameat2", SYS_renameat2, { AT_FDCWD, 0 } },
		{ "mkdirat", SYS_mkdirat, { AT_FDCWD, 0 } },
		{ "ioctl", SYS_ioctl, { 0 } },
		{ "bind", SYS_bind, { -1 } },
#ifndef __SANITIZE_ADDRESS__ /* which needs these itself */
		{ "kill", SYS_kill, { getpid(), 0 } },
#endif
		{ "pidfd_send_signal(SIGTERM)", SYS_pidfd_send_signal, { -1, SIGTERM } },
	};

	(void)state;
	assert_refused(SANDBOX_GUARDIAN, calls, sizeof(calls) / sizeof(calls[0]));
}

static void do_what_a_daemon_does(void)
{
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC), status = 0;
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char *argv[] = { (char *)(uintptr_t) "true", NULL };
	pthread_t thread;
	pid_t pid;

	if (fd < 0 || s < 0)
		_exit(1);
	if (pthread_create(&thread, NULL, do_nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
		_exit(2);
	/* a program is started, with its libraries */
	if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) != 0 ||
	    waitpid(pid, &status, 0) != pid || status != 0)
		_exit(3);
	/* and one that is a guardian may narrow this further */
	pid = fork();
	if (pid == 0)
		_exit(sandbox_enter(SANDBOX_GUARDIAN) < 0 ? 1 : 7);
	if (waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 7)
		_exit(4);
}

static void test_calls_of_a_daemon_are_let_through(void **state)
{
	(void)state;
	assert_let_through(SANDBOX_DAEMON, do_what_a_daemon_does);
}

static void do_what_a_guardian_does(void)
{
	int stat = open("/proc/1/stat", O_RDONLY | O_CLOEXEC);
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char c;

	if (stat < 0 || read(stat, &c, 1) != 1 || s < 0)
		_exit(1);
}

static void test_calls_of_a_guardian_are_let_through(void **state)
{
	(void)state;
	assert_let_through(SANDBOX_GUARDIAN, do_what_a_guardian_does);
}

static bool has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

static void do_open_files(void)
{
	if (open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES)
		_exit(1);
	if (open("/proc/self/comm", O_WRONLY) >= 0 || errno != EACCES)
		_exit(2);
	if (open("/tmp/ballonet-forbidden", O_WRONLY | O_CREAT, 0600) >= 0 || errno != EACCES)
		_exit(3);
}

static void test_a_guardian_opens_no_file_but_those_of_proc(void **state)
{
	(void)state;
	if (!has_landlock()) {
		print_message("this kernel has no landlock\n");
		skip();
	}
	assert_let_through(SANDBOX_GUARDIAN, do_open_files);
}

/* The capabilities that can still be used, of the first 64. */
static uint64_t effective(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2] = { 0 };

	if (syscall(SYS_capget, &head, caps) < 0)
		_exit(98);
	return (uint64_t)caps[1].permitted << 32 | caps[0].permitted;
}

#define CAP(name) (UINT64_C(1) << CAP_##name)

static void do_count_capabilities(void)
{
	const uint64_t used =
		CAP(SYS_PTRACE) | CAP(DAC_READ_SEARCH) | CAP(DAC_OVERRIDE) | CAP(SYS_RESOURCE);

	if (effective() & ~used)
		_exit(1);
}

static void test_capabilities_that_are_not_used_are_gone(void **state)
{
	(void)state;
	assert_let_through(SANDBOX_DAEMON, do_count_capabilities);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calls_that_a_worker_has_no_use_for_are_its_end),
		cmocka_unit_test(test_calls_that_a_keeper_has_no_use_for_are_its_end),
		cmocka_unit_test(test_calls_of_a_worker_are_let_through),
		cmocka_unit_test(test_calls_of_a_keeper_are_let_through),
		cmocka_unit_test(test_a_daemon_is_refused_what_it_has_no_use_for),
		cmocka_unit_test(test_a_guardian_is_refused_more),
		cmocka_unit_test(test_calls_of_a_daemon_are_let_through),
		cmocka_unit_test(test_calls_of_a_guardian_are_let_through),
		cmocka_unit_test(test_a_guardian_opens_no_file_but_those_of_proc),
		cmocka_unit_test(test_capabilities_that_are_not_used_are_gone),
		cmocka_unit_test(test_only_the_descriptors_that_are_kept_stay_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
