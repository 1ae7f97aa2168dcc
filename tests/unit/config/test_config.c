/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_config.c - what a configuration means, and which of its settings apply to a VM
 */
#include "files.h"

#include "base/num.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void no_file_at_all_means_the_defaults(void **state)
{
	char error[64];
	struct config c;

	(void)state;
	assert_int_equal(config_load(NULL, NULL, &c, error, sizeof(error)), 0);
	assert_string_equal(c.control, "/run/ballonet/control.sock");
	assert_string_equal(c.journal, "/var/lib/ballonet/journal.jsonl");
	assert_int_equal(c.journal_max_b, 16 * MIB);
	assert_int_equal(c.journal_files, 4);
	assert_int_equal(c.guardian_after_us, 5 * USEC_PER_SEC);
	assert_true(c.discover);
	assert_int_equal(c.discover_every_us, 10 * USEC_PER_SEC);
	assert_int_equal(c.defaults.reserve_min_b, 96 * MIB);
	assert_int_equal(c.nvms + c.nrules + c.nsockets, 0);
	config_fini(&c);
}

static void an_empty_file_and_a_missing_folder_mean_the_defaults(void **state)
{
	static const char *const empty[] = { "", "# all in comments\n", "---\n...\n",
					     "vms:\nrules: ~\ndefaults:\nsockets: []\n" };
	struct config c;
	size_t i;

	(void)state;
	assert_int_equal(rmdir(dir), 0);
	for (i = 0; i < ARRAY_SIZE(empty); i++) {
		write_text(empty[i]);
		load(&c);
		assert_true(c.discover);
		assert_int_equal(c.nvms + c.nrules + c.nsockets, 0);
		config_fini(&c);
	}
	assert_int_equal(mkdir(dir, 0700), 0);
}

static void every_key_is_taken(void **state)
{
	struct config c;

	(void)state;
	write_text("control: /tmp/c\njournal: \"\"\njournal_max_bytes: 1MiB\njournal_files: 2\n"
		   "state: /var/tmp/s\nguardian_after: 3s\ndiscover: false\ndiscover_every: 5s\n"
		   "sockets:\n  - /run/a/*.qmp\n  - /run/b.qmp\n"
		   "vms:\n  - name: db\n    qmp: /run/db.qmp\n    mode: off\n  - qmp: /run/x.qmp\n"
		   "defaults:\n  min_yield: 32MiB\n  min_yield_share: 5%\n  press_cache: never\n"
		   "rules:\n  - match: \"web-*\"\n    mode: observe\n    faults_per_s: 10\n");
	load(&c);
	assert_string_equal(c.control, "/tmp/c");
	assert_string_equal(c.journal, "");
	assert_int_equal(c.journal_max_b, MIB);
	assert_int_equal(c.journal_files, 2);
	assert_string_equal(c.state, "/var/tmp/s");
	assert_int_equal(c.guardian_after_us, 3 * USEC_PER_SEC);
	assert_false(c.discover);
	assert_int_equal(c.discover_every_us, 5 * USEC_PER_SEC);
	assert_int_equal(c.nsockets, 2);
	assert_string_equal(c.sockets[1], "/run/b.qmp");
	assert_int_equal(c.nvms, 2);
	assert_string_equal(c.vms[0].name, "db");
	assert_string_equal(c.vms[1].name, "");
	assert_string_equal(c.vms[1].path, "/run/x.qmp");
	assert_int_equal(c.defaults.min_yield_b, 32 * MIB);
	assert_int_equal(c.defaults.min_yield_ppm, 50000);
	assert_int_equal(c.defaults.press_cache, 0);
	assert_int_equal(c.nrules, 1);
	config_fini(&c);
}

static void a_group_is_looked_up_when_the_configuration_is_read(void **state)
{
	struct config c;

	(void)state;
	write_text("control_group: root\n");
	load(&c);
	assert_int_equal(c.control_group, 0);
	config_fini(&c);
	write_part("10-a.yaml", "control_group: \"\"\n"); /* a later file wants none */
	load(&c);
	assert_int_equal(c.control_group, CONFIG_NO_GROUP);
	config_fini(&c);
	write_part("10-a.yaml", "");
	refused("\ncontrol_group: no such group\n",
		":2: control_group: there is no group called 'no such group'");
}

static void what_only_a_restart_can_change_is_kept_and_named(void **state)
{
	struct config running, fresh;
	char names[128];

	(void)state;
	assert_int_equal(config_init(&running), 0);
	write_text("control: /run/x\ncontrol_group: root\njournal: /x\njournal_max_bytes: 1MiB\n"
		   "journal_files: 9\nstate: \"\"\nguardian_after: 9s\ndiscover: false\n");
	load(&fresh);
	assert_true(config_keep_started(&fresh, &running, names, sizeof(names)));
	assert_string_equal(names, "control, control_group, journal, state, "
				   "journal_max_bytes, journal_files, guardian_after");
	assert_string_equal(fresh.control, "/run/ballonet/control.sock");
	assert_int_equal(fresh.control_group, CONFIG_NO_GROUP);
	assert_string_equal(fresh.journal, "/var/lib/ballonet/journal.jsonl");
	assert_string_equal(fresh.state, "/var/lib/ballonet");
	assert_int_equal(fresh.journal_max_b, 16 * MIB);
	assert_int_equal(fresh.journal_files, 4);
	assert_int_equal(fresh.guardian_after_us, 5 * USEC_PER_SEC);
	assert_false(fresh.discover);
	config_fini(&running);

	/* it is told again as long as it waits, and only what does */
	running = fresh;
	write_text("guardian_after: 9s\n");
	load(&fresh);
	assert_true(config_keep_started(&fresh, &running, names, sizeof(names)));
	assert_string_equal(names, "guardian_after");
	config_fini(&running);
	running = fresh;
	write_text("discover: true\n");
	load(&fresh);
	assert_false(config_keep_started(&fresh, &running, names, sizeof(names)));
	config_fini(&running);
	config_fini(&fresh);
}

static void later_rules_win_and_a_vms_own_entry_wins_last(void **state)
{
	struct settings s;
	struct config c;

	(void)state;
	write_text("defaults: {step: 64MiB, reserve_min: 128MiB}\n"
		   "rules:\n  - {match: 'web-*', step: 32MiB, mode: observe}\n"
		   "  - {match: '*-1', step: 16MiB}\n"
		   "vms:\n  - {name: 'web-[1]', qmp: /a, step: 8MiB}\n"
		   "  - {name: web-1, qmp: /b, reserve_min: 256MiB}\n");
	load(&c);
	assert_null(config_settings(&c, "web-1", &s));
	assert_int_equal(s.step_b, 16 * MIB);
	assert_int_equal(s.mode, MODE_OBSERVE);
	assert_int_equal(s.reserve_min_b, 256 * MIB);
	assert_null(config_settings(&c, "web-2", &s));
	assert_int_equal(s.step_b, 32 * MIB);
	assert_int_equal(s.reserve_min_b, 128 * MIB);
	assert_null(config_settings(&c, "web-[1]", &s)); /* a name is no pattern */
	assert_int_equal(s.step_b, 8 * MIB);
	assert_null(config_settings(&c, "db", &s));
	assert_int_equal(s.mode, MODE_SQUEEZE);
	config_fini(&c);
}

static void files_of_the_folder_come_later_in_order_of_name(void **state)
{
	struct settings s;
	struct config c;

	(void)state;
	write_text("defaults: {step: 64MiB}\nrules:\n  - {match: '*', faults_per_s: 1}\n"
		   "vms:\n  - {name: a, qmp: /a}\n");
	write_part("20-b.yaml",
		   "defaults: {step: 16MiB}\nrules:\n  - {match: a, faults_per_s: 3}\n");
	write_part("10-a.yaml", "defaults: {step: 32MiB}\nrules:\n  - {match: a, faults_per_s: 2}\n"
				"vms:\n  - {name: b, qmp: /b}\n");
	write_part("README", "not: [yaml");
	load(&c);
	assert_int_equal(c.nvms, 2);
	assert_null(config_settings(&c, "a", &s));
	assert_int_equal(s.step_b, 16 * MIB);
	assert_int_equal(s.faults_per_s, 3);
	config_fini(&c);
}

static void a_rule_that_contradicts_another_is_left_out_and_told(void **state)
{
	struct settings s;
	struct config c;

	(void)state;
	write_text("rules:\n  - {match: 'a*', rest_min: 2h, rest_max: 3h}\n"
		   "  - {match: '*b', rest_max: 90min, step: 8MiB}\n");
	load(&c);
	assert_non_null(config_settings(&c, "ab", &s));
	assert_int_equal(s.rest_max_us, UINT64_C(3) * 3600 * USEC_PER_SEC);
	assert_int_equal(s.step_b, 128 * MIB);
	assert_null(settings_conflict(&s));
	assert_null(config_settings(&c, "bb", &s));
	assert_int_equal(s.step_b, 8 * MIB);
	config_fini(&c);
}

static void group_settings_stand_between_defaults_and_rules(void **state)
{
	const struct config_group *group, *too;
	struct settings s;
	struct config c;

	(void)state;
	write_text("defaults: {shares: 50, floor: 64MiB, step: 32MiB}\n"
		   "groups:\n"
		   "  - name: databases\n"
		   "    match: [db-*, oracle]\n"
		   "    mode: rightsize\n"
		   "    shares: 200\n"
		   "    floor: 1GiB\n"
		   "rules:\n  - {match: db-2, floor: 2GiB}\n"
		   "vms:\n  - {name: db-2, qmp: /db2, shares: 300}\n");
	load(&c);
	group = config_group(&c, "oracle", &too);
	assert_string_equal(group->name, "databases");
	assert_null(too);
	assert_null(config_settings(&c, "oracle", &s));
	assert_int_equal(s.mode, MODE_RIGHTSIZE);
	assert_int_equal(s.shares, 200);
	assert_int_equal(s.floor_b, GIB);
	assert_int_equal(s.step_b, 32 * MIB);
	assert_null(config_settings(&c, "db-2", &s));
	assert_int_equal(s.mode, MODE_RIGHTSIZE);
	assert_int_equal(s.shares, 300);
	assert_int_equal(s.floor_b, 2 * GIB);
	assert_null(config_group(&c, "web", &too));
	assert_null(config_settings(&c, "web", &s));
	assert_int_equal(s.shares, 50);
	config_fini(&c);
}

static void a_vm_belongs_to_the_first_group_that_it_matches(void **state)
{
	const struct config_group *group, *too;
	struct settings s;
	struct config c;

	(void)state;
	write_text("groups:\n"
		   "  - {name: first, match: [none, web-*], shares: 200}\n"
		   "  - {name: second, match: [\"*-1\"], shares: 300, floor: 1GiB}\n"
		   "  - {name: third, match: [\"*\"]}\n");
	load(&c);
	group = config_group(&c, "web-1", &too);
	assert_string_equal(group->name, "first");
	assert_string_equal(too->name, "second");
	assert_null(config_settings(&c, "web-1", &s));
	assert_int_equal(s.shares, 200);
	assert_int_equal(s.floor_b, 0);
	group = config_group(&c, "mail", &too);
	assert_string_equal(group->name, "third");
	assert_null(too);
	config_fini(&c);
}

static void a_cgroup_that_cannot_stand_for_the_host_is_refused(void **state)
{
	struct config c;

	(void)state;
	refused("host_cgroup: /\n", ":1: host_cgroup: '/' is the root: name a cgroup below it");
	refused("host_cgroup: a/../b\n", ":1: host_cgroup: 'a/../b' must not contain '..'");
	refused("host_cgroup: [a]\n", ":1: host_cgroup: must be one value");
	write_text("host_cgroup: machine.slice\n");
	load(&c);
	assert_string_equal(c.host_cgroup, "machine.slice");
	config_fini(&c);
}

static void settings_are_laid_over_others_whole_or_not_at_all(void **state)
{
	struct settings s, over;
	size_t n;
	uint64_t floor, ceiling;

	(void)state;
	settings_init(&s);
	settings_init(&over);
	floor = UINT64_C(1) << (setting_find("floor") - settings_table(&n));
	ceiling = UINT64_C(1) << (setting_find("ceiling") - settings_table(&n));
	over.floor_b = 2 * GIB;
	over.ceiling_b = GIB;
	assert_string_equal(config_overlay(&s, &over, floor | ceiling), "floor is above ceiling");
	assert_int_equal(s.floor_b, 0);
	assert_null(config_overlay(&s, &over, floor));
	assert_int_equal(s.floor_b, 2 * GIB);
	assert_int_equal(s.ceiling_b, 0);
}

static void a_list_or_section_of_nothing_is_none(void **state)
{
	struct config c;

	(void)state;
	write_text("sockets:\nvms: ~\nrules: null\ngroups: []\ndefaults:\n");
	load(&c);
	assert_int_equal(c.nsockets + c.nvms + c.nrules + c.ngroups, 0);
	config_fini(&c);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, config_files_set_up, config_files_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(no_file_at_all_means_the_defaults),
		TEST(an_empty_file_and_a_missing_folder_mean_the_defaults),
		TEST(every_key_is_taken),
		TEST(a_group_is_looked_up_when_the_configuration_is_read),
		TEST(what_only_a_restart_can_change_is_kept_and_named),
		TEST(later_rules_win_and_a_vms_own_entry_wins_last),
		TEST(files_of_the_folder_come_later_in_order_of_name),
		TEST(a_rule_that_contradicts_another_is_left_out_and_told),
		TEST(group_settings_stand_between_defaults_and_rules),
		TEST(a_vm_belongs_to_the_first_group_that_it_matches),
		TEST(a_cgroup_that_cannot_stand_for_the_host_is_refused),
		TEST(settings_are_laid_over_others_whole_or_not_at_all),
		TEST(a_list_or_section_of_nothing_is_none),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
