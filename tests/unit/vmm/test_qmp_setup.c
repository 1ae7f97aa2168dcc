/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_qmp_setup.c - coming up, first facts, events, and going away
 */
#include "world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define QMP_RETRY_TEST_US (300 * USEC_PER_MSEC) /* the first retry is over */

static void first_facts_are_known_when_it_is_up(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);
	struct vm_facts f = peer_facts(p);

	(void)state;
	assert_int_equal(f.state, VM_STATE_RUNNING);
	assert_int_equal(f.device, TRI_YES);
	assert_int_equal(f.reporting, TRI_NO);
	assert_true(f.ram_b.known && f.ram_b.value == GIB && f.ram_b.taken_us == w->now_us);
	assert_true(f.actual_b.known && f.actual_b.value == GIB);
	assert_int_equal(f.boots, 0);
	assert_int_equal(f.target_error, 0);
	assert_int_equal(f.vcpus, 2);
	assert_string_equal(vmm_conn_name(p->conn), "guest");
	assert_string_equal(vmm_conn_address(p->conn), p->path);
	assert_string_equal(vmm_conn_trouble(p->conn), "");
	assert_int_equal(vmm_conn_pid(p->conn), getpid());
	assert_ptr_equal(vmm_conn_userdata(p->conn), p);
	world_free(w);
}

static void the_uuid_is_known_if_it_was_given_one(void **state)
{
	struct world *w = world_new();
	struct peer *p = world_add(w), *without = world_add(w);

	(void)state;
	(void)snprintf(p->vm.uuid, sizeof(p->vm.uuid), "1B4E28BA-2fa1-11d2-883f-0016d3cca427");
	world_run(w);
	assert_string_equal(vmm_conn_uuid(p->conn), "1b4e28ba-2fa1-11d2-883f-0016d3cca427");
	assert_string_equal(vmm_conn_uuid(without->conn), "");
	world_free(w);
}

static void device_is_found_wherever_it_is(void **state)
{
	static const char *const paths[] = { "\"/machine/peripheral/balloon0\"",
					     "\"/machine/peripheral-anon/device[0]\"" };
	enum fake_place place;

	(void)state;
	for (place = FAKE_PERIPHERAL; place <= FAKE_ANON; place++) {
		struct world *w = world_new();
		struct peer *p = world_add(w);

		p->vm.place = place;
		p->vm.reporting = true;
		world_run(w);
		assert_int_equal(peer_facts(p).device, TRI_YES);
		assert_int_equal(peer_facts(p).reporting, TRI_YES);
		peer_forget(p);
		assert_int_equal(vmm_poll(p->conn, w->now_us), 0);
		world_run(w);
		assert_int_equal(peer_count(p, paths[place]), 1);
		world_free(w);
	}
}

static void vm_without_device_is_up_and_says_so(void **state)
{
	struct world *w = world_new();
	struct peer *p = world_add(w);

	(void)state;
	p->vm.place = FAKE_NOWHERE;
	world_run(w);
	assert_int_equal(p->events[VMM_EVENT_UP], 1);
	assert_int_equal(peer_facts(p).device, TRI_NO);
	assert_int_equal(vmm_poll(p->conn, w->now_us), -ENODEV);
	assert_int_equal(vmm_refresh(p->conn, w->now_us), -ENODEV);
	assert_int_equal(peer_count(p, "qom-get"), 0);
	world_free(w);
}

static void paused_vm_is_known_to_be_paused(void **state)
{
	struct world *w = world_new();
	struct peer *p = world_add(w);

	(void)state;
	p->vm.paused = true;
	world_run(w);
	assert_int_equal(peer_facts(p).state, VM_STATE_PAUSED);
	peer_say(p, "{\"event\": \"RESUME\"}");
	assert_int_equal(peer_facts(p).state, VM_STATE_RUNNING);
	assert_int_equal(p->events[VMM_EVENT_STATE], 1);
	world_free(w);
}

static void a_refused_command_costs_one_figure_only(void **state)
{
	static const char *const refused[] = {
		"query-status",
		"query-name",
		"peripheral\"",
		"anon\"",
		"query-memory",
		"query-balloon",
		"reporting",
		"\"guest-stats\"",
		"qom-get\",\"arguments\":{\"path\":\"/machine/"
		"peripheral/balloon0\",\"property\":"
		"\"guest-stats-p",
		"qom-set",
		"query-cpus",
		"query-uuid",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(refused); i++) {
		struct world *w = world_new();
		struct peer *p = world_add(w);
		struct vm_facts f;

		p->vm.error_for = refused[i];
		p->vm.interval_s = i == 9 ? 0 : 5; /* only a missing one is set */
		world_run(w);
		f = peer_facts(p);
		assert_int_equal(p->events[VMM_EVENT_UP], 1);
		assert_int_equal(f.state, i == 0 ? VM_STATE_PAUSED : VM_STATE_RUNNING);
		assert_int_equal(f.device, i == 2 ? TRI_UNKNOWN : TRI_YES);
		assert_int_equal(f.reporting, i == 6 || i == 2 ? TRI_UNKNOWN : TRI_NO);
		assert_int_equal(f.actual_b.known, i != 5);
		assert_true(f.ram_b.known && f.ram_b.value == GIB);
		assert_int_equal(f.stats.known != 0, i != 2 && i != 7 && i != 9);
		assert_int_equal(f.vcpus, i == 10 ? 0 : 2);
		if (i != 1 && i != 6 && i < 10)
			assert_trouble(p, "no such thing");
		world_free(w);
	}
}

static void refused_negotiation_costs_the_connection(void **state)
{
	struct world *w = world_new();
	struct peer *p = world_add(w);

	(void)state;
	p->vm.error_for = "qmp_capabilities";
	world_run(w);
	assert_int_equal(p->events[VMM_EVENT_UP], 0);
	assert_down(p, "QEMU refused to talk: no such thing");
	world_free(w);
}

static void all_commands_refused_is_survived(void **state)
{
	struct world *w = world_new();
	struct peer *p = world_add(w);
	struct vm_facts f;

	(void)state;
	p->vm.error_for = "q"; /* query, qom: and the negotiation */
	world_run(w);
	assert_int_equal(p->events[VMM_EVENT_UP], 0);
	p->vm.error_for = "{\"execute\":\"q";
	p->vm.spare = "qmp_capabilities";
	world_pass(w, QMP_RETRY_TEST_US);
	f = peer_facts(p);
	assert_int_equal(p->events[VMM_EVENT_UP], 1);
	assert_int_equal(f.state, VM_STATE_PAUSED);
	assert_int_equal(f.device, TRI_UNKNOWN);
	assert_false(f.ram_b.known);
	assert_false(f.actual_b.known);
	world_free(w);
}

static void an_answer_of_the_wrong_shape_costs_the_connection(void **state)
{
	static const struct {
		const char *request, *answer, *says;
	} wrong[] = {
		{ "qmp_capabilities", "{\"return\": 1}", "qmp_capabilities" },
		{ "query-status", "{\"return\": {\"status\": 7}}", "query-status" },
		{ "query-name", "{\"return\": []}", "query-name" },
		{ "query-cpus", "{\"return\": []}", "query-cpus-fast" },
		{ "query-cpus", "{\"return\": {}}", "query-cpus-fast" },
		{ "query-uuid", "{\"return\": {}}", "query-uuid" },
		{ "query-uuid", "{\"return\": {\"UUID\": \"1b4e28ba\"}}", "query-uuid" },
		{ "query-uuid",
		  "{\"return\": {\"UUID\": \"1b4e28ba-2fa1-11d2-883f-0016d3cca42g\"}}",
		  "query-uuid" },
		{ "query-uuid",
		  "{\"return\": {\"UUID\": \"1b4e28ba02fa1-11d2-883f-0016d3cca427\"}}",
		  "query-uuid" },
		{ "peripheral\"", "{\"return\": {}}", "qom-list /machine/peripheral" },
		{ "anon\"", "{\"return\": [7]}", "qom-list /machine/peripheral-anon" },
		{ "anon\"", "{\"return\": [{\"name\": \"x\"}]}", "qom-list" },
		{ "query-memory", "{\"return\": {\"base-memory\": -1}}", "query-memory" },
		{ "query-memory", "{\"return\": {\"base-memory\": 1, \"plugged-memory\": \"1\"}}",
		  "query-memory" },
		{ "query-balloon", "{\"return\": {\"actual\": -5}}", "query-balloon" },
		{ "query-balloon", "{\"return\": {\"actual\": 1.5}}", "query-balloon" },
		{ "reporting", "{\"return\": \"yes\"}", "free-page-reporting" },
		{ "guest-stats-polling", "{\"return\": -1}", "guest-stats-polling-interval" },
		{ "guest-stats-polling", "{\"return\": []}", "guest-stats-polling-interval" },
		{ "\"guest-stats\"", "{\"return\": {}}", "guest-stats" },
		{ "\"guest-stats\"", "{\"return\": {\"last-update\": 5, \"stats\": []}}",
		  "guest-stats" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct world *w = world_new();
		struct peer *p = world_add(w), *other = world_add(w);

		p->vm.answer_for = wrong[i].request;
		p->vm.answer = wrong[i].answer;
		world_run(w);
		assert_int_equal(p->events[VMM_EVENT_UP], 0);
		assert_down(p, wrong[i].says);
		assert_down(p, "is malformed");
		assert_int_equal(peer_facts(other).state, VM_STATE_RUNNING);
		p->vm.answer_for = NULL; /* it was repaired */
		world_pass(w, QMP_RETRY_TEST_US);
		assert_int_equal(peer_facts(p).state, VM_STATE_RUNNING);
		assert_string_equal(vmm_conn_trouble(p->conn), "");
		world_free(w);
	}
}

static void shutdown_is_told_before_the_connection_ends(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);

	(void)state;
	peer_say(p, "{\"event\": \"POWERDOWN\"}");
	assert_int_equal(peer_facts(p).state, VM_STATE_RUNNING);
	peer_say(p, "{\"event\": \"SHUTDOWN\", \"data\": {\"guest\": true}}");
	assert_int_equal(p->events[VMM_EVENT_SHUTDOWN], 1);
	assert_int_equal(peer_facts(p).state, VM_STATE_PAUSED);
	assert_int_equal(p->events[VMM_EVENT_DOWN], 0);
	peer_die(p);
	world_run(w);
	assert_int_equal(p->events[VMM_EVENT_DOWN], 1);
	assert_true(peer_facts(p).ram_b.known); /* the last facts known */
	world_free(w);
}

static void events_change_the_state(void **state)
{
	static const struct {
		const char *event;
		enum vm_state now;
	} rows[] = {
		{ "STOP", VM_STATE_PAUSED },	{ "RESUME", VM_STATE_RUNNING },
		{ "SUSPEND", VM_STATE_PAUSED }, { "WAKEUP", VM_STATE_RUNNING },
		{ "STOP", VM_STATE_PAUSED },	{ "RESUME", VM_STATE_RUNNING },
	};
	struct peer *p;
	struct world *w = world_one(&p);
	char line[64];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		(void)snprintf(line, sizeof(line), "{\"event\": \"%s\"}", rows[i].event);
		peer_say(p, line);
		assert_int_equal(peer_facts(p).state, rows[i].now);
		assert_int_equal(p->events[VMM_EVENT_STATE], i + 1);
	}
	p->vm.paused = true; /* a suspended guest that was paused too */
	peer_say(p, "{\"event\": \"SUSPEND\"}");
	peer_say(p, "{\"event\": \"WAKEUP\"}");
	assert_int_equal(peer_facts(p).state, VM_STATE_PAUSED);
	world_free(w);
}

static void unplugged_device_is_noticed(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);

	(void)state;
	peer_say(p, "{\"event\": \"DEVICE_DELETED\", \"data\": "
		    "{\"path\": \"/machine/peripheral/balloon\"}}");
	peer_say(p, "{\"event\": \"DEVICE_DELETED\", \"data\": {}}");
	assert_int_equal(p->events[VMM_EVENT_DOWN], 0);
	p->vm.place = FAKE_NOWHERE;
	peer_say(p, "{\"event\": \"DEVICE_DELETED\", \"data\": "
		    "{\"path\": \"/machine/peripheral/balloon0\"}}");
	world_pass(w, QMP_RETRY_TEST_US);
	assert_int_equal(peer_facts(p).state, VM_STATE_RUNNING);
	assert_int_equal(peer_facts(p).device, TRI_NO);
	world_free(w);
}

static void hostile_names_are_tidied_and_escaped(void **state)
{
	struct world *w = world_new();
	struct peer *p = world_add(w);

	(void)state;
	p->vm.answer_for = "peripheral\"";
	p->vm.answer = "{\"return\": [{\"name\": \"a\\\"},\\n{\\\"\", "
		       "\"type\": \"child<virtio-balloon-pci>\"}]}";
	(void)snprintf(p->vm.name, sizeof(p->vm.name), "a\\nb\\u0007");
	world_run(w);
	assert_int_equal(p->events[VMM_EVENT_UP], 1);
	assert_string_equal(vmm_conn_name(p->conn), "a?b?");
	peer_forget(p);
	assert_int_equal(vmm_poll(p->conn, w->now_us), 0);
	world_run(w);
	assert_int_equal(p->requests, 1); /* no second command was smuggled in */
	assert_int_equal(peer_count(p, "/a\\\"},\\n{\\\"\""), 1);
	world_free(w);
}

static void device_with_an_endless_name_is_refused(void **state)
{
	struct world *w = world_new();
	struct peer *p = world_add(w);
	char answer[512], name[256];

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	(void)snprintf(
		answer, sizeof(answer),
		"{\"return\": [{\"name\": \"%s\", \"type\": \"child<virtio-balloon-pci>\"}]}",
		name);
	p->vm.answer_for = "peripheral\"";
	p->vm.answer = answer;
	world_run(w);
	assert_down(p, "is malformed");
	world_free(w);
}

static void bad_addresses_are_refused(void **state)
{
	struct world *w = world_new();
	struct vmm_conn *conn;
	char path[200];

	(void)state;
	memset(path, 'p', sizeof(path) - 1);
	path[108] = '\0';
	assert_int_equal(vmm_add(w->vmm, VMM_QMP, path, NULL, 0, &conn), -EINVAL);
	assert_int_equal(vmm_add(w->vmm, VMM_QMP, "", NULL, 0, &conn), -EINVAL);
	assert_int_equal(vmm_add(w->vmm, (enum vmm_kind)7, "/x", NULL, 0, &conn), -EINVAL);
	assert_int_equal(vmm_deadline(w->vmm), UINT64_MAX);
	vmm_remove(NULL);
	world_free(w);
}

static void remove_this(struct peer *p, enum vmm_event event)
{
	if (event == VMM_EVENT_STATE)
		peer_remove(p);
}

static void connection_may_be_removed_from_within_an_event(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);

	(void)state;
	w->on_event = remove_this;
	peer_say(p, "{\"event\": \"STOP\"}\r\n{\"event\": \"RESUME\"}\r\nrubbish");
	assert_int_equal(p->events[VMM_EVENT_STATE], 1); /* none comes after that */
	assert_int_equal(p->events[VMM_EVENT_DOWN], 0);
	assert_int_equal(p->client, -1);
	world_pass(w, 60 * USEC_PER_SEC);
	assert_int_equal(p->accepted, 1);
	world_free(w);
}

static void remove_down(struct peer *p, enum vmm_event event)
{
	if (event == VMM_EVENT_DOWN)
		peer_remove(p);
}

static void connection_may_be_removed_when_it_goes_down(void **state)
{
	struct peer *p;
	struct world *w = world_one(&p);

	(void)state;
	w->on_event = remove_down;
	peer_die(p);
	world_pass(w, 60 * USEC_PER_SEC);
	assert_int_equal(p->events[VMM_EVENT_DOWN], 1);
	assert_int_equal(vmm_deadline(w->vmm), UINT64_MAX);
	world_free(w);
}

static void connection_may_be_removed_in_every_state(void **state)
{
	unsigned int steps;

	(void)state;
	for (steps = 0; steps < 12; steps++) {
		struct world *w = world_new();
		struct peer *p = world_add(w);
		unsigned int i;

		for (i = 0; i < steps; i++)
			world_step(w);
		peer_remove(p);
		world_pass(w, 60 * USEC_PER_SEC);
		assert_int_equal(p->client, -1);
		assert_in_range(p->accepted, 0, 1);
		assert_int_equal(p->vm.interval_s, 0);
		world_free(w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_facts_are_known_when_it_is_up),
		cmocka_unit_test(the_uuid_is_known_if_it_was_given_one),
		cmocka_unit_test(device_is_found_wherever_it_is),
		cmocka_unit_test(vm_without_device_is_up_and_says_so),
		cmocka_unit_test(paused_vm_is_known_to_be_paused),
		cmocka_unit_test(a_refused_command_costs_one_figure_only),
		cmocka_unit_test(refused_negotiation_costs_the_connection),
		cmocka_unit_test(all_commands_refused_is_survived),
		cmocka_unit_test(an_answer_of_the_wrong_shape_costs_the_connection),
		cmocka_unit_test(shutdown_is_told_before_the_connection_ends),
		cmocka_unit_test(events_change_the_state),
		cmocka_unit_test(unplugged_device_is_noticed),
		cmocka_unit_test(hostile_names_are_tidied_and_escaped),
		cmocka_unit_test(device_with_an_endless_name_is_refused),
		cmocka_unit_test(bad_addresses_are_refused),
		cmocka_unit_test(connection_may_be_removed_from_within_an_event),
		cmocka_unit_test(connection_may_be_removed_when_it_goes_down),
		cmocka_unit_test(connection_may_be_removed_in_every_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
