/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_live.c - what a running ballonetd takes over: reloads, settings, reservations
 *
 * In:    argv[1]: the program. Its one VM is configured and not there, which is all
 *        that its settings need, or a process that speaks QMP; the host is this one.
 * Out:   what its control API and its journal say.
 */
#include "base/buf.h"
#include "base/num.h"
#include "client/client.h"
#include "fake_vm.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define DEADLINE_MS 60000

static const char *program;
static char folder[64], control[90], config[90], journal[90];
static pid_t ballonetd, qemu;

static uint64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Whole or not at all: a half-written one would send the daemon looking for other people's VMs. */
static void write_config(const char *more)
{
	char fresh[100];
	int fd;

	(void)snprintf(fresh, sizeof(fresh), "%s.new", config);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)dprintf(fd,
		      "control: %s\njournal: %s\nstate: \"\"\ndiscover: false\n"
		      "vms: [{name: db, qmp: %s/none.qmp}]\n%s\n",
		      control, journal, folder, more);
	(void)close(fd);
	assert_int_equal(rename(fresh, config), 0);
}

static void start(const char *more)
{
	write_config(more);
	ballonetd = fork();
	assert_true(ballonetd >= 0);
	if (ballonetd == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)execl(program, program, "--config", config, (char *)NULL);
		_exit(99);
	}
}

static int set_up(void **state)
{
	(void)state;
	ballonetd = qemu = 0;
	(void)snprintf(folder, sizeof(folder), "/tmp/ballonet-live-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(control, sizeof(control), "%s/control.sock", folder);
	(void)snprintf(config, sizeof(config), "%s/ballonet.yaml", folder);
	(void)snprintf(journal, sizeof(journal), "%s/journal.jsonl", folder);
	return 0;
}

/* ------------------------------------------------------------------- the QEMU */

/* What it has resident. */
#define QEMU_B (100 * MIB)

static void serve(int listener)
{
	int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	char chunk[4096], *line, *end;
	struct buf in, out;
	struct fake_vm vm;
	ssize_t n;

	fake_vm_init(&vm, "db", GIB);
	buf_init(&in, 64 * KIB);
	buf_init(&out, 64 * KIB);
	fake_vm_greet(&vm, &out);
	do {
		if (out.len)
			(void)send(client, out.data, out.len, MSG_NOSIGNAL);
		buf_clear(&out);
		n = recv(client, chunk, sizeof(chunk), 0);
		if (n > 0)
			(void)buf_add(&in, chunk, (size_t)n);
		for (line = in.data; n > 0 && (end = strchr(line, '\n')); line = end + 1) {
			*end = '\0';
			fake_vm_answer(&vm, line, (uint64_t)time(NULL), &out);
		}
		if (n > 0)
			buf_consume(&in, (size_t)(line - in.data));
	} while (n > 0);
	_exit(0);
}

/*
 * Starts a process that has QEMU_B of memory and speaks QMP for one client; not before a byte
 * comes from @late (-1: at once).
 */
static void start_qemu(int late)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int listener;
	char *p, byte;

	qemu = fork();
	assert_true(qemu >= 0);
	if (qemu)
		return;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (late >= 0)
		(void)!read(late, &byte, 1);
	p = mmap(NULL, QEMU_B, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		_exit(1);
	memset(p, 1, QEMU_B);
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/none.qmp", folder);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(listener, 1) < 0)
		_exit(1);
	serve(listener);
}

static void stop_qemu(void)
{
	char path[90];

	if (qemu <= 0)
		return;
	(void)kill(qemu, SIGKILL);
	(void)waitpid(qemu, NULL, 0);
	(void)snprintf(path, sizeof(path), "%s/none.qmp", folder);
	(void)unlink(path);
	qemu = 0;
}

static int tear_down(void **state)
{
	(void)state;
	stop_qemu();
	if (ballonetd > 0) {
		(void)kill(ballonetd, SIGTERM);
		(void)waitpid(ballonetd, NULL, 0);
	}
	(void)unlink(config);
	(void)unlink(journal);
	return rmdir(folder);
}

/* Asks once; NULL where nobody answers (yet). *ret_status is 0 then. */
static struct json_object *ask(const char *method, const char *path, const char *body,
			       long *ret_status)
{
	struct json_object *o = NULL;
	struct buf reply;

	*ret_status = 0;
	buf_init(&reply, MIB);
	if (client_request(control, method, path, body, ret_status, &reply) == 0)
		o = json_tokener_parse(reply.data);
	buf_fini(&reply);
	return o;
}

static const char *text_of(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	(void)json_object_object_get_ex(o, key, &value);
	return value ? json_object_get_string(value) : "null";
}

/* Asks for @path until @key of the answer is @want. */
static void wait_for(const char *path, const char *key, const char *want)
{
	const struct timespec moment = { .tv_nsec = 20000000 };
	uint64_t end = now_ms() + DEADLINE_MS;
	bool met = false;

	while (!met) {
		long status;
		struct json_object *o = ask("GET", path, NULL, &status);

		met = o && strcmp(text_of(o, key), want) == 0;
		if (now_ms() > end)
			fail_msg("%s: %s is never %s: %s", path, key, want,
				 o ? json_object_get_string(o) : "no answer");
		json_object_put(o);
		(void)nanosleep(&moment, NULL);
	}
}

static void wait_for_metric(const char *line)
{
	const struct timespec moment = { .tv_nsec = 20000000 };
	uint64_t end = now_ms() + DEADLINE_MS;
	bool met = false;

	while (!met) {
		struct buf reply;
		long status;

		buf_init(&reply, MIB);
		met = client_request(control, "GET", "/metrics", NULL, &status, &reply) == 0 &&
		      strstr(reply.data, line);
		buf_fini(&reply);
		if (now_ms() > end)
			fail_msg("never: %s", line);
		(void)nanosleep(&moment, NULL);
	}
}

/* Asks once, and must be answered with @status; returns the answer. */
static struct json_object *must(const char *method, const char *path, const char *body, long status)
{
	long got;
	struct json_object *o = ask(method, path, body, &got);

	if (!o || got != status)
		fail_msg("%s %s: %ld %s", method, path, got, o ? json_object_get_string(o) : "");
	return o;
}

/* Waits until the journal has @part in one of its lines. */
static void wait_for_journal(const char *part)
{
	const struct timespec moment = { .tv_nsec = 20000000 };
	uint64_t end = now_ms() + DEADLINE_MS;
	static char text[4 * MIB];
	bool met = false;

	while (!met) {
		int fd = open(journal, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

		if (fd >= 0)
			(void)close(fd);
		text[n > 0 ? n : 0] = '\0';
		met = strstr(text, part);
		if (now_ms() > end)
			fail_msg("the journal has no %s: %s", part, text);
		(void)nanosleep(&moment, NULL);
	}
}

static void a_reload_takes_over_mode_shares_floor_and_ceiling(void **state)
{
	struct json_object *o;

	(void)state;
	start("groups: [{name: all, match: [d*], shares: 30}]");
	wait_for("/v1/vms/db", "shares", "30");
	wait_for("/v1/vms/db", "mode", "squeeze");
	write_config("groups: [{name: databases, match: [d*], shares: 40, floor: 1GiB}]\n"
		     "defaults: {mode: rightsize, ceiling: 2GiB}");
	(void)kill(ballonetd, SIGHUP);
	wait_for("/v1/vms/db", "shares", "40");
	o = must("GET", "/v1/vms/db", NULL, 200);
	assert_string_equal(text_of(o, "group"), "databases");
	assert_string_equal(text_of(o, "mode"), "rightsize");
	assert_string_equal(text_of(o, "floor_b"), "1073741824");
	assert_string_equal(text_of(o, "ceiling_b"), "2147483648");
	json_object_put(o);
	wait_for_journal("\"shares\":40");
	/* one that is wrong changes nothing */
	write_config("defaults: {floor: 2GiB, ceiling: 1GiB, shares: 77}");
	(void)kill(ballonetd, SIGHUP);
	wait_for_metric("\nballonet_config_reload_errors_total 1\n");
	o = must("GET", "/v1/vms/db", NULL, 200);
	assert_string_equal(text_of(o, "shares"), "40");
	json_object_put(o);
	write_config("defaults: {shares: 78}");
	(void)kill(ballonetd, SIGHUP);
	wait_for("/v1/vms/db", "shares", "78");
}

/* What /proc says of process @pid, or "" where it is gone. */
static void read_proc(pid_t pid, const char *file, char *text, size_t size)
{
	char path[64];
	ssize_t n = -1;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = read(fd, text, size - 1);
		(void)close(fd);
	}
	text[n < 0 ? 0 : n] = '\0';
}

static bool is_confined(pid_t pid)
{
	char status[4096];

	read_proc(pid, "status", status, sizeof(status));
	return strstr(status, "\nSeccomp:\t2\n") && strstr(status, "\nNoNewPrivs:\t1\n");
}

/* The guardian, once it is another than @old and confined. */
static pid_t guardian_after(pid_t old)
{
	const struct timespec moment = { .tv_nsec = 20000000 };
	uint64_t end = now_ms() + DEADLINE_MS;
	char file[64], children[64];
	pid_t pid = 0;

	(void)snprintf(file, sizeof(file), "task/%d/children", (int)ballonetd);
	while (pid <= 0 || pid == old || !is_confined(pid)) {
		if (now_ms() > end)
			fail_msg("no guardian that is confined");
		(void)nanosleep(&moment, NULL);
		read_proc(ballonetd, file, children, sizeof(children));
		pid = (pid_t)strtol(children, NULL, 10);
	}
	return pid;
}

static void daemon_and_guardian_are_confined_and_so_is_the_next_guardian(void **state)
{
	pid_t first;

	(void)state;
	start("");
	wait_for("/v1/vms/db", "shares", "100");
	assert_true(is_confined(ballonetd));
	first = guardian_after(0);
	assert_int_equal(kill(first, SIGKILL), 0);
	(void)guardian_after(first);
	wait_for_metric("\nballonet_guardian_up 1\n");
}

static void who_asked_for_what_is_journalled(void **state)
{
	char who[160];

	(void)state;
	start("");
	wait_for("/v1/vms/db", "shares", "100");
	json_object_put(must("PATCH", "/v1/vms/db", "{\"shares\":5}", 200));
	(void)snprintf(who, sizeof(who),
		       "\"uid\":%u,\"pid\":%d,\"method\":\"PATCH\",\"path\":\"/v1/vms/db\","
		       "\"status\":200}",
		       (unsigned int)getuid(), (int)getpid());
	wait_for_journal(who);
	json_object_put(must("POST", "/v1/vms/none/squeeze", NULL, 404));
	wait_for_journal("\"path\":\"/v1/vms/none/squeeze\",\"status\":404}");
}

static void what_is_set_outlives_a_reload_and_is_journalled(void **state)
{
	struct json_object *o;

	(void)state;
	start("defaults: {ceiling: 2GiB}");
	wait_for("/v1/vms/db", "shares", "100");
	json_object_put(must("PATCH", "/v1/vms/db", "{\"shares\":555,\"mode\":\"observe\"}", 200));
	wait_for_journal("\"shares\":555");
	o = must("PATCH", "/v1/vms/db", "{\"floor\":\"3GiB\"}", 409);
	assert_string_equal(text_of(o, "error"), "floor is above ceiling");
	json_object_put(o);
	write_config("defaults: {shares: 9, min_yield: 32MiB}");
	(void)kill(ballonetd, SIGHUP);
	wait_for("/v1/vms/db", "ceiling_b", "null"); /* it is taken over, */
	o = must("GET", "/v1/vms/db", NULL, 200);
	assert_string_equal(text_of(o, "shares"), "555"); /* and what is set lies on top */
	assert_string_equal(text_of(o, "mode"), "observe");
	json_object_put(o);
	json_object_put(must("PATCH", "/v1/vms/db", "{\"reset\":true}", 200));
	wait_for("/v1/vms/db", "shares", "9");
	wait_for("/v1/vms/db", "mode", "squeeze");
}

/* @number as the text of a JSON number, times @factor. */
static uint64_t times(const char *number, uint64_t factor)
{
	return strtoull(number, NULL, 10) * factor;
}

static void room_is_held_until_it_is_cancelled_or_expires(void **state)
{
	struct json_object *o;
	char body[128];

	(void)state;
	start("");
	wait_for("/v1/host", "memory_source", "host");
	wait_for("/v1/vms/db", "state", "down");
	o = must("POST", "/v1/reservations", "{\"size_b\":1048576}", 201);
	assert_string_equal(text_of(o, "answer"), "yes");
	json_object_put(o);
	wait_for("/v1/host", "reserved_b", "1048576");
	json_object_put(must("DELETE", "/v1/reservations/1", NULL, 200));
	wait_for("/v1/host", "reserved_b", "0");
	json_object_put(
		must("POST", "/v1/reservations", "{\"size_b\":1048576,\"hold_us\":1000000}", 201));
	wait_for("/v1/host", "reservations", "1");
	wait_for("/v1/host", "reservations", "0"); /* nobody used it */
	/* twice what this host has */
	o = must("GET", "/v1/host", NULL, 200);
	(void)snprintf(body, sizeof(body), "{\"size_b\":%llu}",
		       (unsigned long long)times(text_of(o, "total_b"), 2));
	json_object_put(o);
	o = must("POST", "/v1/reservations", body, 409);
	assert_string_equal(text_of(o, "reason"), "too-large");
	json_object_put(o);
}

static void a_vm_that_starts_uses_the_room_that_was_held(void **state)
{
	struct json_object *o;
	uint64_t left_b;

	(void)state;
	start("defaults: {interval: 1s, mode: observe}");
	wait_for("/v1/vms/db", "state", "down");
	/* room for half of it, and more than it needs */
	json_object_put(
		must("POST", "/v1/reservations", "{\"size_b\":52428800,\"for\":\"db\"}", 201));
	json_object_put(must("POST", "/v1/reservations", "{\"size_b\":157286400}", 201));
	start_qemu(-1);
	wait_for("/v1/vms/db", "state", "running");
	wait_for("/v1/host", "reservations", "1"); /* the first is used up */
	o = must("GET", "/v1/reservations/2", NULL, 200);
	left_b = times(text_of(o, "left_b"), 1);
	json_object_put(o);
	/* what it has besides is taken from the second; its code and libraries take a few MiB */
	assert_in_range(left_b, 60 * MIB, 100 * MIB); /* more under a sanitizer */
	/* it vanishes: what it used stays used, and the rest is held on */
	stop_qemu();
	wait_for("/v1/vms/db", "state", "down");
	o = must("GET", "/v1/reservations/2", NULL, 200);
	assert_int_equal(times(text_of(o, "left_b"), 1), left_b);
	json_object_put(o);
	start_qemu(-1); /* another process, that uses up the rest */
	wait_for("/v1/host", "reservations", "0");
}

static void a_vm_that_ran_before_and_is_found_late_uses_no_room_of_others(void **state)
{
	const struct timespec moment = { .tv_nsec = 5000000 };
	struct json_object *o;
	uint64_t began_ms;
	int late[2];

	(void)state;
	assert_int_equal(pipe2(late, O_CLOEXEC), 0);
	start("defaults: {interval: 1s, mode: observe}");
	wait_for("/v1/vms/db", "state", "down");
	start_qemu(late[0]);
	began_ms = now_ms();
	while (now_ms() < began_ms + 50) /* when it began is known to a clock tick of 10 ms */
		(void)nanosleep(&moment, NULL);
	json_object_put(must("POST", "/v1/reservations", "{\"size_b\":157286400}", 201));
	/* what is held for it by name is used all the same, and shows that it was charged */
	json_object_put(
		must("POST", "/v1/reservations", "{\"size_b\":52428800,\"for\":\"db\"}", 201));
	assert_int_equal(write(late[1], "", 1), 1);
	wait_for("/v1/host", "reservations", "1");
	o = must("GET", "/v1/reservations/1", NULL, 200);
	assert_int_equal(times(text_of(o, "left_b"), 1), 150 * MIB);
	json_object_put(o);
	(void)close(late[0]);
	(void)close(late[1]);
}

static void a_cgroup_of_the_host_that_is_not_there_is_told(void **state)
{
	struct json_object *o;

	(void)state;
	start("host_cgroup: ballonet-test/none");
	wait_for("/v1/host", "host_cgroup_trouble",
		 "There is no memory cgroup ballonet-test/none; the host's own figures are used.");
	o = must("GET", "/v1/host", NULL, 200);
	assert_string_equal(text_of(o, "memory_source"), "host");
	assert_string_equal(text_of(o, "host_cgroup"), "ballonet-test/none");
	assert_true(times(text_of(o, "total_b"), 1) > 0);
	json_object_put(o);
}

/* Starts it as systemd would, with descriptor 3 as a socket that listens. */
static void start_with_fd(int fd)
{
	char pid[16];

	ballonetd = fork();
	assert_true(ballonetd >= 0);
	if (ballonetd)
		return;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	(void)setenv("LISTEN_PID", pid, 1);
	(void)setenv("LISTEN_FDS", "1", 1);
	if (fd != 3)
		(void)dup2(fd, 3);
	else
		(void)fcntl(fd, F_SETFD, 0);
	(void)execl(program, program, "--config", config, (char *)NULL);
	_exit(99);
}

static void the_socket_that_systemd_passes_on_is_served(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), status;
	char other[sizeof(control)];

	(void)state;
	memcpy(addr.sun_path, control, strlen(control) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 8), 0);
	(void)snprintf(other, sizeof(other), "%s", control);
	(void)snprintf(control, sizeof(control), "%s/not-used.sock", folder);
	write_config("");
	(void)snprintf(control, sizeof(control), "%s", other);
	start_with_fd(fd);
	(void)close(fd);
	wait_for("/v1/host", "dry_run", "false");
	(void)snprintf(other, sizeof(other), "%s/not-used.sock", folder);
	assert_int_equal(access(other, F_OK), -1);
	(void)kill(ballonetd, SIGTERM);
	assert_int_equal(waitpid(ballonetd, &status, 0), ballonetd);
	ballonetd = 0;
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(unlink(control), 0); /* it is systemd's, and was left */
}

static void what_is_no_listening_socket_is_refused(void **state)
{
	int fd = memfd_create("file", MFD_CLOEXEC), status;

	(void)state;
	write_config("");
	start_with_fd(fd);
	(void)close(fd);
	assert_int_equal(waitpid(ballonetd, &status, 0), ballonetd);
	ballonetd = 0;
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

int main(int argc, char **argv)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_reload_takes_over_mode_shares_floor_and_ceiling),
		TEST(daemon_and_guardian_are_confined_and_so_is_the_next_guardian),
		TEST(who_asked_for_what_is_journalled),
		TEST(what_is_set_outlives_a_reload_and_is_journalled),
		TEST(room_is_held_until_it_is_cancelled_or_expires),
		TEST(a_vm_that_starts_uses_the_room_that_was_held),
		TEST(a_vm_that_ran_before_and_is_found_late_uses_no_room_of_others),
		TEST(a_cgroup_of_the_host_that_is_not_there_is_told),
		TEST(the_socket_that_systemd_passes_on_is_served),
		TEST(what_is_no_listening_socket_is_refused),
	};

	if (argc != 2)
		return 2;
	program = argv[1];
	return cmocka_run_group_tests_name("live", tests, NULL, NULL);
}
