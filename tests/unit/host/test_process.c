/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_process.c - the behaviour of host/process.h
 *
 * Layer: tests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/num.h"
#include "host/process.h"
#include "host/roots.h"
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void stat_is_read_whatever_the_name_holds(void **state)
{
	static const char *const comm[] = { "qemu", "a b", "a) R 1 2", "(((", "x) Z 9 9 9 (y", "" };
	struct process_stat st;
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(comm); i++) {
		(void)snprintf(
			text, sizeof(text),
			"7 (%s) S 1 7 7 0 -1 4194560 1 2 3 4 111 222 5 6 20 -5 3 0 333 9 44\n",
			comm[i]);
		assert_int_equal(process_stat_parse(text, &st), 0);
		assert_int_equal(st.state, 'S');
		assert_int_equal(st.user_ticks, 111);
		assert_int_equal(st.system_ticks, 222);
		assert_int_equal(st.start_ticks, 333);
		assert_int_equal(st.rss_pages, 44);
	}
}

static void malformed_stat_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"7",
		"7 (q",
		"7 (q)",
		"7 (q) ",
		"7 (q) S",
		"7 (q) S 1 7 7 0 -1 4194560 1 2 3 4 111 222 5 6 20 0 3 0 333 9",
		"7 (q) S 1 7 7 0 -1 4194560 1 2 3 4 x 222 5 6 20 0 3 0 333 9 44",
		"7 (q) S 1 7 7 0 -1 4194560 1 2 3 4 18446744073709551616 2 5 6 20 0 3 0 333 9 44",
	};
	struct process_stat st = { .state = '?' };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(process_stat_parse(bad[i], &st), -EBADMSG);
	assert_int_equal(st.state, '?');
}

static void processor_time_is_user_and_system_in_microseconds(void **state)
{
	uint64_t tick_us = USEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK);
	struct process p;
	struct process_usage usage;
	struct tree t;

	(void)state;
	tree_init(&t);
	tree_put_stat(&t, 7, "CPU 0/KVM", 'S', 30, 12, 100);
	assert_int_equal(process_init(t.fd, 7, &p), 0);
	assert_int_equal(process_usage(&p, 9, &usage), 0);
	assert_int_equal(usage.cpu_us.value, 42 * tick_us);
	assert_int_equal(usage.cpu_us.taken_us, 9);
	tree_put_stat(&t, 7, "CPU 0/KVM", 'S', UINT64_MAX, UINT64_MAX, 100);
	assert_int_equal(process_usage(&p, 9, &usage), 0);
	assert_int_equal(usage.cpu_us.value, UINT64_MAX);
	process_fini(&p);
	process_fini(&p);
	tree_fini(&t);
}

static void a_process_that_never_was_or_is_dead_is_no_process(void **state)
{
	struct process p;
	struct tree t;

	(void)state;
	tree_init(&t);
	tree_put_stat(&t, 7, "q", 'Z', 1, 1, 100);
	assert_int_equal(process_init(t.fd, 7, &p), -ESRCH);
	assert_int_equal(process_init(t.fd, 8, &p), -ESRCH);
	assert_int_equal(process_init(t.fd, 0, &p), -ESRCH);
	assert_int_equal(process_init(t.fd, -1, &p), -ESRCH);
	tree_fini(&t);
}

static void another_process_with_the_same_pid_is_noticed(void **state)
{
	struct process p;
	struct process_usage usage;
	struct tree t;

	(void)state;
	tree_init(&t);
	tree_put_stat(&t, 7, "q", 'S', 1, 1, 100);
	assert_int_equal(process_init(t.fd, 7, &p), 0);
	assert_int_equal(process_alive(&p), 0);
	tree_put_stat(&t, 7, "q", 'S', 1, 1, 101);
	assert_int_equal(process_alive(&p), -ESRCH);
	assert_int_equal(process_usage(&p, 1, &usage), -ESRCH);
	process_fini(&p);
	tree_fini(&t);
}

static void a_real_process_is_gone_once_it_is_killed(void **state)
{
	struct host_roots roots;
	struct process p;
	struct process_usage usage;
	pid_t pid;

	(void)state;
	assert_int_equal(host_roots_init(&roots), 0);
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	assert_int_equal(process_init(roots.proc, pid, &p), 0);
	assert_int_equal(process_alive(&p), 0);
	assert_int_equal(process_usage(&p, 1, &usage), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(process_alive(&p), -ESRCH);
	assert_int_equal(process_usage(&p, 1, &usage), -ESRCH);
	process_fini(&p);
	host_roots_fini(&roots);
}

/* Runs for a moment, has 64 MiB, and stops. */
static pid_t a_process_that_used_something(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		volatile char *p = malloc(64 * MIB);
		size_t i, round;

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (round = 0; p && round < 20; round++)
			for (i = 0; i < 64 * MIB; i += 512)
				p[i] = (char)round;
		(void)raise(SIGSTOP);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	return pid;
}

static void the_clock_of_a_process_agrees_with_its_stat(void **state)
{
	struct process_usage clock, stat;
	struct host_roots roots;
	struct process p, other;
	pid_t pid;

	(void)state;
	assert_int_equal(host_roots_init(&roots), 0);
	pid = a_process_that_used_something();
	assert_int_equal(process_init(roots.proc, pid, &p), 0);
	assert_true(p.clock);
	other = p;
	other.clock = false;
	other.stat = openat(p.dir, "stat", O_RDONLY | O_CLOEXEC);
	assert_int_equal(process_usage(&p, 1, &clock), 0);
	assert_int_equal(process_usage(&other, 1, &stat), 0);
	/* two figures of stat, each cut to 10 ms */
	assert_true(stat.cpu_us.value <= clock.cpu_us.value);
	assert_true(clock.cpu_us.value - stat.cpu_us.value <= 20 * USEC_PER_MSEC);
	/* each is the sum of what the processors counted, and not to the page */
	assert_true(clock.rss_b >= 48 * MIB && stat.rss_b >= 48 * MIB);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
	assert_int_equal(process_alive(&p), -ESRCH); /* dead, and not waited for */
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(process_usage(&p, 1, &clock), -ESRCH);
	(void)close(other.stat);
	process_fini(&p);
	host_roots_fini(&roots);
}

static uint64_t now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

static void when_a_process_began_is_told_by_the_clock_of_the_daemon(void **state)
{
	struct process p = { .start_ticks = 0 };
	struct host_roots roots;
	uint64_t before_us, after_us;
	pid_t pid;

	(void)state;
	assert_int_equal(host_roots_init(&roots), 0);
	before_us = now_us();
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	after_us = now_us();
	assert_int_equal(process_init(roots.proc, pid, &p), 0);
	/* never early; a tick late at most, and what lies between the two clocks' being read */
	assert_in_range(process_started_us(&p), before_us, after_us + USEC_PER_SEC);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	process_fini(&p);
	host_roots_fini(&roots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stat_is_read_whatever_the_name_holds),
		cmocka_unit_test(malformed_stat_is_refused),
		cmocka_unit_test(processor_time_is_user_and_system_in_microseconds),
		cmocka_unit_test(a_process_that_never_was_or_is_dead_is_no_process),
		cmocka_unit_test(another_process_with_the_same_pid_is_noticed),
		cmocka_unit_test(a_real_process_is_gone_once_it_is_killed),
		cmocka_unit_test(the_clock_of_a_process_agrees_with_its_stat),
		cmocka_unit_test(when_a_process_began_is_told_by_the_clock_of_the_daemon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
