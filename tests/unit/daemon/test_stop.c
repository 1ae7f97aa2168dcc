/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_stop.c - how ballonetd ends, when it is stopped in the middle of a squeeze
 *
 * In:    argv[1]: the program; a fake QEMU that gives back, or does not.
 * Out:   its exit status, and what became of the balloon.
 */
#include "base/buf.h"
#include "base/num.h"
#include "client/client.h"
#include "fake_vm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define RAM_B GIB
#define MOVE_MS 20
#define MOVE_STEP_B (8 * MIB)
#define DEADLINE_MS 60000

static const char *program;
static char folder[64], qmp[90], control[90], config[90];

/* ------------------------------------------------------------------- the QEMU */

static struct {
	pthread_t thread;
	pthread_mutex_t lock;
	struct fake_vm vm;
	bool gives_back;
	bool ends;
	int listener, client;
	struct buf in, out;
} fake = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void answer(void)
{
	char chunk[4096], *line, *end;
	ssize_t n = recv(fake.client, chunk, sizeof(chunk), MSG_DONTWAIT);

	if (n <= 0) {
		(void)close(fake.client);
		fake.client = -1;
		buf_clear(&fake.in);
		return;
	}
	(void)buf_add(&fake.in, chunk, (size_t)n);
	for (line = fake.in.data; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		fake_vm_answer(&fake.vm, line, (uint64_t)time(NULL), &fake.out);
	}
	buf_consume(&fake.in, (size_t)(line - fake.in.data));
}

static void serve_once(bool readable)
{
	if (readable && fake.client >= 0) {
		answer();
	} else if (readable) {
		fake.client = accept4(fake.listener, NULL, NULL, SOCK_CLOEXEC);
		fake_vm_greet(&fake.vm, &fake.out);
	} else if (fake.gives_back || fake.vm.target_b < fake.vm.actual_b) {
		(void)fake_vm_move(&fake.vm, MOVE_STEP_B, &fake.out);
	}
	fake_vm_guest_answers(&fake.vm, (uint64_t)time(NULL));
	if (fake.client >= 0 && fake.out.len)
		(void)send(fake.client, fake.out.data, fake.out.len, MSG_NOSIGNAL);
	buf_clear(&fake.out);
}

static void *serve(void *userdata)
{
	bool ends = false;

	while (!ends) {
		struct pollfd fd = { .fd = fake.client >= 0 ? fake.client : fake.listener,
				     .events = POLLIN };
		bool readable = poll(&fd, 1, MOVE_MS) > 0;

		(void)pthread_mutex_lock(&fake.lock);
		serve_once(readable);
		ends = fake.ends;
		(void)pthread_mutex_unlock(&fake.lock);
	}
	return userdata;
}

static void fake_start(bool gives_back)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	memcpy(addr.sun_path, qmp, strlen(qmp) + 1);
	fake.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fake.listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fake.listener, 1), 0);
	fake_vm_init(&fake.vm, "a", RAM_B);
	fake.vm.cache_b = 0;
	(void)snprintf(fake.vm.uuid, sizeof(fake.vm.uuid), "1b4e28ba-2fa1-11d2-883f-0016d3cca427");
	fake.gives_back = gives_back;
	fake.ends = false;
	fake.client = -1;
	buf_init(&fake.in, 64 * KIB);
	buf_init(&fake.out, 64 * KIB);
	assert_int_equal(pthread_create(&fake.thread, NULL, serve, NULL), 0);
}

static void fake_tell(bool *flag)
{
	(void)pthread_mutex_lock(&fake.lock);
	*flag = true;
	(void)pthread_mutex_unlock(&fake.lock);
}

static void fake_stop(void)
{
	fake_tell(&fake.ends);
	(void)pthread_join(fake.thread, NULL);
	if (fake.client >= 0)
		(void)close(fake.client);
	(void)close(fake.listener);
	buf_fini(&fake.in);
	buf_fini(&fake.out);
}

/* ----------------------------------------------------------------- conditions */

static uint64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool balloon_is_out(void)
{
	return fake.vm.actual_b < RAM_B;
}

static bool balloon_is_back(void)
{
	return fake.vm.actual_b == RAM_B;
}

static bool all_memory_is_asked_for(void)
{
	return fake.vm.target_b == RAM_B;
}

static void wait_for(bool (*condition)(void), const char *what)
{
	const struct timespec moment = { .tv_nsec = 5000000 };
	uint64_t end = now_ms() + DEADLINE_MS;
	bool met = false;

	while (!met) {
		(void)pthread_mutex_lock(&fake.lock);
		met = condition();
		(void)pthread_mutex_unlock(&fake.lock);
		if (now_ms() > end)
			fail_msg("in vain: %s", what);
		(void)nanosleep(&moment, NULL);
	}
}

/* ----------------------------------------------------------------- the program */

static pid_t start_daemon(void)
{
	int fd = open(config, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	pid_t pid;

	assert_true(fd >= 0);
	(void)dprintf(fd,
		      "control: %s\njournal: \"\"\nstate: %s/state\ndiscover: false\n"
		      "vms: [{name: a, qmp: %s}]\n"
		      "defaults: {interval: 1s, rest_min: 1h}\n",
		      control, folder, qmp);
	(void)close(fd);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)execl(program, program, "--config", config, (char *)NULL);
		_exit(99);
	}
	return pid;
}

/* Asks for a squeeze until it is accepted or under way. */
static void squeeze(void)
{
	const struct timespec moment = { .tv_nsec = 50000000 };
	uint64_t end = now_ms() + DEADLINE_MS;
	struct buf reply;
	long status = 0;

	buf_init(&reply, 64 * KIB);
	while (client_request(control, "POST", "/v1/vms/a/squeeze", NULL, &status, &reply) < 0 ||
	       (status != 202 && !strstr(reply.data, "under way"))) {
		if (now_ms() > end)
			fail_msg("no squeeze: %s", reply.len ? reply.data : "no answer");
		(void)nanosleep(&moment, NULL);
	}
	buf_fini(&reply);
	wait_for(balloon_is_out, "an inflate");
}

/* Waits until the API tells of this many squeezes that are over. */
static void wait_for_squeezes(unsigned int n)
{
	const struct timespec moment = { .tv_nsec = 50000000 };
	uint64_t end = now_ms() + DEADLINE_MS;
	struct buf reply;
	long status = 0;
	char want[32];

	(void)snprintf(want, sizeof(want), "\"squeezes\":%u,", n);
	buf_init(&reply, 64 * KIB);
	while (client_request(control, "GET", "/v1/vms/a", NULL, &status, &reply) < 0 ||
	       !strstr(reply.data, want)) {
		if (now_ms() > end)
			fail_msg("not %s: %s", want, reply.len ? reply.data : "no answer");
		(void)nanosleep(&moment, NULL);
		buf_clear(&reply);
	}
	buf_fini(&reply);
}

static int end_of(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/ballonet-stop-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(qmp, sizeof(qmp), "%s/a.qmp", folder);
	(void)snprintf(control, sizeof(control), "%s/control.sock", folder);
	(void)snprintf(config, sizeof(config), "%s/ballonet.yaml", folder);
	return 0;
}

static int tear_down(void **state)
{
	char path[120];

	(void)state;
	(void)unlink(qmp);
	(void)unlink(config);
	(void)unlink(control);
	(void)snprintf(path, sizeof(path), "%s/state/learned.sqlite-journal", folder);
	(void)unlink(path);
	*strrchr(path, '-') = '\0';
	(void)unlink(path);
	*strrchr(path, '/') = '\0';
	(void)rmdir(path);
	return rmdir(folder);
}

static void balloons_that_came_back_in_time_mean_exit_code_0(void **state)
{
	pid_t pid;

	(void)state;
	fake_start(true);
	pid = start_daemon();
	squeeze();
	(void)kill(pid, SIGTERM);
	assert_int_equal(end_of(pid), 0);
	wait_for(balloon_is_back, "the balloon at 0");
	fake_stop();
}

static void balloons_left_to_the_guardian_mean_exit_code_3(void **state)
{
	pid_t pid;

	(void)state;
	fake_start(false);
	pid = start_daemon();
	squeeze();
	(void)kill(pid, SIGTERM);
	wait_for(all_memory_is_asked_for, "a release");
	(void)kill(pid, SIGTERM); /* asked twice it waits no longer */
	assert_int_equal(end_of(pid), 3);
	assert_true(balloon_is_out());
	/* and the guardian is as good as that word */
	fake_tell(&fake.gives_back);
	wait_for(balloon_is_back, "the guardian");
	fake_stop();
}

static void a_restart_in_the_middle_of_everything_forgets_nothing_that_was_learned(void **state)
{
	pid_t pid;

	(void)state;
	fake_start(true);
	pid = start_daemon();
	squeeze();
	wait_for_squeezes(1);
	(void)kill(pid, SIGTERM);
	assert_int_equal(end_of(pid), 0);

	pid = start_daemon();
	wait_for_squeezes(1);
	squeeze();
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	wait_for(balloon_is_back, "the balloon at 0");

	pid = start_daemon();
	wait_for_squeezes(1);
	(void)kill(pid, SIGTERM);
	assert_int_equal(end_of(pid), 0);
	fake_stop();
}

int main(int argc, char **argv)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(balloons_that_came_back_in_time_mean_exit_code_0),
		TEST(balloons_left_to_the_guardian_mean_exit_code_3),
		TEST(a_restart_in_the_middle_of_everything_forgets_nothing_that_was_learned),
	};

	if (argc != 2)
		return 2;
	program = argv[1];
	return cmocka_run_group_tests_name("stop", tests, NULL, NULL);
}
