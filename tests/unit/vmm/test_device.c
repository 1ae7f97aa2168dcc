/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_device.c - a VM on ballonet-device is managed as any other, by leased targets
 *
 * Layer: tests.
 * In:    a fake device: lines of its control socket, good and bad.
 * Out:   what vmm.h promises, for VMM_DEVICE.
 */
#include "vmm/device.h"
#include "vmm/vmm.h"

#include "base/num.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define STATE                                                                             \
	"state front=1 pid=4711 driver=1 broken=0 features=0x170000022 ram_b=1073741824 " \
	"target_b=0 balloon_b=0 boots=1 later=7\n"

struct world {
	char folder[64], path[96];
	int listen, fd;
	struct vmm *vmm;
	struct vmm_conn *conn;
	struct vm_facts facts;
	uint64_t now_us;
	unsigned int events[VMM_EVENT_SHUTDOWN + 1];
};

static void on_event(void *userdata, struct vmm_conn *conn, enum vmm_event event)
{
	(void)conn;
	((struct world *)userdata)->events[event]++;
}

static int begin(void **state)
{
	static struct world w;
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	memset(&w, 0, sizeof(w));
	(void)snprintf(w.folder, sizeof(w.folder), "/tmp/ballonet-vmm-XXXXXX");
	if (!mkdtemp(w.folder))
		return -1;
	(void)snprintf(w.path, sizeof(w.path), "%.60s/control", w.folder);
	memcpy(sa.sun_path, w.path, strlen(w.path) + 1);
	w.listen = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(w.listen, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(w.listen, 4) < 0)
		return -1;
	w.now_us = USEC_PER_SEC;
	if (vmm_new(10, on_event, &w, &w.vmm) < 0 ||
	    vmm_add(w.vmm, VMM_DEVICE, w.path, &w, w.now_us, &w.conn) < 0)
		return -1;
	vmm_timeout(w.vmm, w.now_us);
	w.fd = accept(w.listen, NULL, NULL);
	*state = &w;
	return w.fd < 0 ? -1 : 0;
}

static int end(void **state)
{
	struct world *w = *state;

	vmm_free(w->vmm);
	(void)close(w->fd);
	(void)close(w->listen);
	(void)unlink(w->path);
	(void)rmdir(w->folder);
	return 0;
}

static void say(struct world *w, const char *text)
{
	assert_int_equal(send(w->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	vmm_dispatch(w->vmm, w->now_us);
	vmm_facts(w->conn, &w->facts);
}

static void expect(struct world *w, const char *text)
{
	char got[256];
	ssize_t n = recv(w->fd, got, sizeof(got) - 1, MSG_DONTWAIT);

	got[n > 0 ? n : 0] = '\0';
	assert_string_equal(got, text);
}

static void pass(struct world *w, uint64_t us)
{
	w->now_us += us;
	vmm_timeout(w->vmm, w->now_us);
}

/* A device with a hypervisor, whose guest sends no statistics yet. */
static void come_up(struct world *w)
{
	say(w, STATE);
	expect(w, "stats\n");
	say(w, "error no driver sends statistics\n");
}

static void test_it_is_up_when_a_hypervisor_is_there_and_its_guest_has_said_how_it_is(void **state)
{
	struct world *w = *state;

	say(w,
	    "state front=0 pid=0 driver=0 features=0x0 ram_b=0 target_b=0 balloon_b=0 boots=0\n");
	assert_int_equal(w->events[VMM_EVENT_UP], 0);
	assert_non_null(strstr(vmm_conn_trouble(w->conn), "no hypervisor"));
	say(w, STATE);
	assert_int_equal(w->events[VMM_EVENT_UP], 0);
	expect(w, "stats\n");
	say(w, "stats seq=1 taken_us=1000000 4=5\n");
	assert_int_equal(w->events[VMM_EVENT_UP], 1);
	assert_int_equal(w->events[VMM_EVENT_STATS], 0);
	assert_int_equal(vmm_conn_pid(w->conn), 4711);
	assert_int_equal(w->facts.state, VM_STATE_RUNNING);
	assert_int_equal(w->facts.device, TRI_YES);
	assert_int_equal(w->facts.reporting, TRI_YES);
	assert_int_equal(w->facts.ram_b.value, GIB);
	assert_int_equal(w->facts.actual_b.value, GIB);
	assert_string_equal(vmm_conn_trouble(w->conn), "");
}

static void test_a_target_is_leased_and_renewed_until_it_is_all(void **state)
{
	struct world *w = *state;

	assert_int_equal(vmm_set_target(w->conn, GIB, w->now_us), -ENOTCONN);
	come_up(w);
	assert_int_equal(vmm_set_target(w->conn, GIB - 100 * MIB, w->now_us), 0);
	expect(w, "balloon 104857600 9\n");
	pass(w, 2 * USEC_PER_SEC);
	expect(w, "");
	pass(w, 2 * USEC_PER_SEC);
	expect(w, "balloon 104857600 9\n");
	assert_int_equal(vmm_set_target(w->conn, UINT64_MAX, w->now_us), 0);
	expect(w, "balloon 0 9\n");
	pass(w, 20 * USEC_PER_SEC);
	expect(w, "");
}

#define PRESS(asked, done)                                                                      \
	"state front=1 pid=4711 driver=1 features=0x8000000000002 ram_b=1073741824 target_b=0 " \
	"balloon_b=0 boots=1 press_seq=" asked " pressed_seq=" done "\n"

static void test_a_press_is_under_way_until_the_guest_has_done_that_one(void **state)
{
	struct world *w = *state;

	assert_int_equal(vmm_press(w->conn, MIB, w->now_us), -ENOTCONN);
	come_up(w);
	assert_int_equal(w->facts.press, 0);
	assert_int_equal(vmm_press(w->conn, MIB, w->now_us), -EOPNOTSUPP);
	say(w, PRESS("3", "3"));
	assert_int_equal(w->facts.press, 1);
	assert_int_equal(vmm_press(w->conn, MIB, w->now_us), 0);
	expect(w, "press 1048576\n");
	say(w, PRESS("3", "3")); /* of before */
	assert_int_equal(w->facts.pressing, 1);
	say(w, PRESS("4", "3"));
	assert_int_equal(w->facts.pressing, 1);
	assert_int_equal(w->events[VMM_EVENT_ACTUAL], 0);
	say(w, PRESS("4", "4"));
	assert_int_equal(w->facts.pressing, 0);
	assert_int_equal(w->events[VMM_EVENT_ACTUAL], 1);
	assert_int_equal(vmm_press(w->conn, MIB, w->now_us), 0);
	say(w, "error that is more than the guest has\n");
	assert_int_equal(w->facts.pressing, 0);
	assert_int_equal(w->facts.target_error, EINVAL);
}

static void test_statistics_answer_only_who_asked_before_they_were_taken(void **state)
{
	struct world *w = *state;
	char line[64];

	come_up(w);
	assert_int_equal(vmm_refresh(w->conn, w->now_us), 0);
	assert_int_equal(vmm_refresh(w->conn, w->now_us), 0); /* it joins */
	expect(w, "stats\n");
	(void)snprintf(line, sizeof(line), "stats seq=1 taken_us=%llu 4=5 99=1\n",
		       (unsigned long long)w->now_us - 1);
	say(w, line);
	assert_int_equal(w->events[VMM_EVENT_STATS], 0);
	(void)snprintf(line, sizeof(line), "stats seq=2 taken_us=%llu 4=6 5=7\n",
		       (unsigned long long)w->now_us);
	say(w, line);
	assert_int_equal(w->events[VMM_EVENT_STATS], 1);
	assert_int_equal(w->facts.stats.known, 0x30);
	assert_int_equal(w->facts.stats.tag[BALLOON_STAT_MEMFREE], 6);
	assert_int_equal(vmm_poll(w->conn, w->now_us), 0);
	pass(w, 2 * USEC_PER_SEC);
	assert_int_equal(w->events[VMM_EVENT_STATS], 2); /* without any: it says so by their age */
}

static void test_a_balloon_that_moves_and_a_guest_that_reboots_are_told(void **state)
{
	struct world *w = *state;

	come_up(w);
	say(w, "state front=1 pid=4711 driver=1 features=0x2 ram_b=1073741824 target_b=0 "
	       "balloon_b=4096 boots=1\n");
	assert_int_equal(w->events[VMM_EVENT_ACTUAL], 1);
	assert_int_equal(w->facts.actual_b.value, GIB - 4096);
	say(w, "stats seq=1 taken_us=5 4=5\n");
	assert_int_equal(w->facts.stats.known, 0x10);
	say(w, "state front=1 pid=4711 driver=1 features=0x2 ram_b=1073741824 target_b=0 "
	       "balloon_b=0 boots=2\n");
	assert_int_equal(w->events[VMM_EVENT_STATE], 1);
	assert_int_equal(w->facts.boots, 1);
	assert_int_equal(w->facts.stats.known, 0);
	say(w,
	    "state front=0 pid=0 driver=0 features=0x0 ram_b=0 target_b=0 balloon_b=0 boots=2\n");
	assert_int_equal(w->events[VMM_EVENT_DOWN], 1);
}

static void test_a_refusal_is_the_targets_or_the_statistics(void **state)
{
	struct world *w = *state;

	come_up(w);
	assert_int_equal(vmm_set_target(w->conn, 4096, w->now_us), 0);
	say(w, "error that is more than the guest has\n");
	assert_int_not_equal(w->facts.target_error, 0);
	assert_int_equal(vmm_refresh(w->conn, w->now_us), 0);
	say(w, "error no driver sends statistics\n");
	assert_int_equal(w->events[VMM_EVENT_STATS], 1);
}

static void test_nonsense_costs_the_connection_only(void **state)
{
	static const char *const lines[] = {
		"hello\n",
		"state\n",
		"state front=1\n",
		"state front=x pid=1 driver=1 features=0 ram_b=1 target_b=0 balloon_b=0 boots=0\n",
		("state front=1 pid=99999999999 driver=1 features=0 ram_b=1 target_b=0 "
		 "balloon_b=0 boots=0\n"),
		"stats 4\n",
		"stats 4=99999999999999999999999\n",
		"stats =1\n",
		"{\"QMP\": {}}\n",
	};
	struct world *w = *state;
	char junk[DEVICE_LINE_MAX + 1];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lines); i++) {
		come_up(w);
		say(w, lines[i]);
		if (w->facts.state != VM_STATE_DOWN)
			fail_msg("taken: %s", lines[i]);
		assert_int_equal(w->events[VMM_EVENT_DOWN], i + 1);
		pass(w, 60 * USEC_PER_SEC);
		(void)close(w->fd);
		w->fd = accept(w->listen, NULL, NULL);
		assert_true(w->fd >= 0);
	}
	memset(junk, 'x', sizeof(junk));
	junk[sizeof(junk) - 1] = '\0';
	come_up(w);
	say(w, junk); /* a line that does not end */
	assert_int_equal(w->facts.state, VM_STATE_DOWN);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_it_is_up_when_a_hypervisor_is_there_and_its_guest_has_said_how_it_is),
		TEST(test_a_target_is_leased_and_renewed_until_it_is_all),
		TEST(test_a_press_is_under_way_until_the_guest_has_done_that_one),
		TEST(test_statistics_answer_only_who_asked_before_they_were_taken),
		TEST(test_a_balloon_that_moves_and_a_guest_that_reboots_are_told),
		TEST(test_a_refusal_is_the_targets_or_the_statistics),
		TEST(test_nonsense_costs_the_connection_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
