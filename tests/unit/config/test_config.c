/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_config.c - a configuration is taken whole, or refused with one line that says where
 */
#include "config/config.h"

#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A folder with ballonet.yaml ("F" in what is expected) and ballonet.d ("D"). */
static char folder[64], file[80], dir[80];

static void write_file(const char *path, const char *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	(void)close(fd);
}

static void write_text(const char *text)
{
	write_file(file, text, strlen(text));
}

static void write_part(const char *name, const char *text)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	write_file(path, text, strlen(text));
}

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/ballonet-config-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(file, sizeof(file), "%s/ballonet.yaml", folder);
	(void)snprintf(dir, sizeof(dir), "%s/ballonet.d", folder);
	assert_int_equal(mkdir(dir, 0700), 0);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const parts[] = { "10-a.yaml", "20-b.yaml", "README" };
	char path[128];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, parts[i]);
		(void)unlink(path);
	}
	(void)unlink(file);
	(void)rmdir(dir);
	return rmdir(folder);
}

static void load(struct config *ret)
{
	char error[512] = "";
	int r = config_load(file, dir, ret, error, sizeof(error));

	if (r < 0)
		fail_msg("refused: %s", error);
}

/* Is what there is now refused with @r and exactly "FILE" @rest, and nothing changed? */
static void refused_at(const char *path, int want, const char *rest)
{
	char error[512] = "", expected[1024];
	struct config untouched = { .nvms = 12345 };

	assert_int_equal(config_load(file, dir, &untouched, error, sizeof(error)), want);
	assert_int_equal(untouched.nvms, 12345);
	(void)snprintf(expected, sizeof(expected), "%s%s", path, rest);
	assert_string_equal(error, expected);
}

static void refused(const char *text, const char *rest)
{
	write_text(text);
	refused_at(file, -EINVAL, rest);
}

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
		   "guardian_after: 3s\ndiscover: false\ndiscover_every: 5s\n"
		   "sockets:\n  - /run/a/*.qmp\n  - /run/b.qmp\n"
		   "vms:\n  - name: db\n    qmp: /run/db.qmp\n    mode: off\n  - qmp: /run/x.qmp\n"
		   "defaults:\n  min_yield: 32MiB\n  min_yield_share: 5%\n  press_cache: false\n"
		   "rules:\n  - match: \"web-*\"\n    mode: observe\n    faults_per_s: 10\n");
	load(&c);
	assert_string_equal(c.control, "/tmp/c");
	assert_string_equal(c.journal, "");
	assert_int_equal(c.journal_max_b, MIB);
	assert_int_equal(c.journal_files, 2);
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
		   "journal_files: 9\nguardian_after: 9s\ndiscover: false\n");
	load(&fresh);
	assert_true(config_keep_started(&fresh, &running, names, sizeof(names)));
	assert_string_equal(names, "control, control_group, journal, journal_max_bytes, "
				   "journal_files, guardian_after");
	assert_string_equal(fresh.control, "/run/ballonet/control.sock");
	assert_int_equal(fresh.control_group, CONFIG_NO_GROUP);
	assert_string_equal(fresh.journal, "/var/lib/ballonet/journal.jsonl");
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

static void an_unknown_key_is_named_with_the_one_that_was_meant(void **state)
{
	(void)state;
	refused("discover: true\ncontrl: /x\n", ":2: contrl: no such key; did you mean control?");
	refused("rules:\n  - {match: a}\n  - match: b\n    mim_yield: 5MiB\n",
		":4: rules[1].mim_yield: no such key; did you mean min_yield?");
	refused("vms:\n  - nmae: a\n    qmp: /a\n",
		":2: vms[0].nmae: no such key; did you mean name?");
	refused("\ndefaults:\n  step: 8MiB\n  intervall: 5s\n",
		":4: defaults.intervall: no such key; did you mean interval?");
	refused("defaults:\n  qmp: /a\n", ":2: defaults.qmp: no such key");
	refused("zebra: 1\n", ":1: zebra: no such key");
	refused("match: 1\n", ":1: match: no such key");
}

static void a_value_of_the_wrong_shape_is_refused(void **state)
{
	(void)state;
	refused("discover: true\ncontrol: [/x]\n", ":2: control: must be one value");
	refused("control: {a: b}\n", ":1: control: must be one value");
	refused("vms: 5\n", ":1: vms: must be a list (- VALUE)");
	refused("vms: {name: a}\n", ":1: vms: must be a list (- VALUE)");
	refused("vms:\n  - {qmp: /a}\n  - 3\n",
		":3: vms[1]: must be keys with values (KEY: VALUE)");
	refused("defaults: 5\n", ":1: defaults: must be keys with values (KEY: VALUE)");
	refused("defaults:\n  step: 8MiB\n  mode: [off]\n", ":3: defaults.mode: must be one value");
	refused("rules:\n  - match: a\n    mode: {x: y}\n", ":3: rules[0].mode: must be one value");
	refused("sockets:\n  - /a\n  - [/b]\n", ":3: sockets[1]: must be one value");
	refused("- a\n- b\n", ":1: a configuration is made of keys with values (KEY: VALUE)");
	refused("just words\n", ":1: a configuration is made of keys with values (KEY: VALUE)");
}

static void a_value_that_is_none_is_refused_with_an_example(void **state)
{
	(void)state;
	refused("discover: maybe\n", ":1: discover: 'maybe' is not true or false");
	refused("journal_max_bytes: lots\n",
		":1: journal_max_bytes: 'lots' is not a size such as 64MiB");
	refused("guardian_after: 5\n", ":1: guardian_after: '5' is not a time such as 10s");
	refused("defaults:\n  mode: sqeeze\n",
		":2: defaults.mode: 'sqeeze' is not off, observe, squeeze or rightsize");
	refused("defaults:\n  min_yield_share: 10\n",
		":2: defaults.min_yield_share: '10' is not a share such as 5%");
	refused("defaults:\n  min_yield: -64MiB\n",
		":2: defaults.min_yield: '-64MiB' is not a size such as 64MiB");
	refused("defaults:\n  faults_per_s: 1e3\n",
		":2: defaults.faults_per_s: '1e3' is not a whole number");
	refused("defaults:\n  step:\n", ":2: defaults.step: '' is not a size such as 64MiB");
}

static void a_value_out_of_range_is_refused_with_the_range(void **state)
{
	(void)state;
	refused("defaults:\n  interval: 500ms\n",
		":2: defaults.interval: 500ms is out of range (1s to 1h)");
	refused("rules:\n  - match: a\n    min_yield: 18446744073709551615\n",
		":3: rules[0].min_yield: 18446744073709551615 is out of range (1MiB to 1024GiB)");
	refused("defaults:\n  reserve_share: 100%\n",
		":2: defaults.reserve_share: 100% is out of range (0% to 90%)");
	refused("defaults:\n  step: 99999999999999999999GiB\n",
		":2: defaults.step: 99999999999999999999GiB is out of range (4MiB to 64GiB)");
	refused("journal_files: 0\n", ":1: journal_files: 0 is out of range (1 to 1000)");
	refused("guardian_after: 1s\n", ":1: guardian_after: 1s is out of range (2s to 1h)");
}

static void a_key_given_twice_is_refused(void **state)
{
	(void)state;
	refused("control: /a\ndiscover: true\ncontrol: /b\n",
		":3: control: given twice, first in line 1");
	refused("rules:\n  - match: a\n    step: 8MiB\n    step: 9MiB\n",
		":4: rules[0].step: given twice, first in line 3");
	refused("defaults:\n  interval: 5s\n  interval: 6s\n",
		":3: defaults.interval: given twice, first in line 2");
	refused("vms:\n  - qmp: /a\n  - {qmp: /b, qmp: /c}\n",
		":3: vms[1].qmp: given twice, first in line 3");
	refused("a:\n  b:\n    c: 1\n    c: 2\n", ":4: c: given twice, first in line 3");
}

static void two_vms_of_one_name_or_socket_are_refused(void **state)
{
	char path[128], rest[256];

	(void)state;
	(void)snprintf(rest, sizeof(rest), ":3: vms[1].name: 'a' is another VM's already, see %s:2",
		       file);
	refused("vms:\n  - {name: a, qmp: /a}\n  - {name: a, qmp: /b}\n", rest);
	(void)snprintf(rest, sizeof(rest), ":5: vms[1].qmp: '/a' is another VM's already, see %s:3",
		       file);
	refused("vms:\n  - name: a\n    qmp: /a\n  - name: b\n    qmp: /a\n", rest);

	(void)snprintf(rest, sizeof(rest),
		       ":3: vms[1].device: '/a' is another VM's already, see %s:2", file);
	refused("vms:\n  - {name: a, qmp: /a}\n  - {name: b, device: /a}\n", rest);
	refused("vms:\n  - {name: a, qmp: /a, device: /b}\n",
		":2: vms[0]: has 'qmp' and 'device': only one can have its balloon");

	write_text("vms:\n  - {name: a, qmp: /a}\n");
	write_part("10-a.yaml", "vms:\n  - qmp: /c\n  - {name: a, qmp: /b}\n");
	(void)snprintf(path, sizeof(path), "%s/10-a.yaml", dir);
	(void)snprintf(rest, sizeof(rest), ":3: vms[1].name: 'a' is another VM's already, see %s:2",
		       file);
	refused_at(path, -EINVAL, rest);
}

static void an_entry_that_lacks_something_is_refused(void **state)
{
	(void)state;
	refused("vms:\n  - name: a\n", ":2: vms[0]: needs 'qmp', the path of its socket, "
				       "or 'device', the control socket of its ballonet-device");
	refused("vms:\n  - {qmp: /a, mode: off}\n", ":2: vms[0]: needs 'name' to have settings");
	refused("rules:\n  - mode: off\n", ":2: rules[0]: needs 'match', the names it is for");
}

static void a_bad_path_or_name_is_refused(void **state)
{
	char text[512], rest[512], longer[200];

	(void)state;
	refused("control: run/c\n", ":1: control: 'run/c' must be an absolute path");
	refused("control:\n", ":1: control: '' must be an absolute path");
	refused("sockets:\n  - '*.qmp'\n", ":2: sockets[0]: '*.qmp' must be an absolute path");
	memset(longer, 'a', sizeof(longer) - 1);
	longer[0] = '/';
	longer[sizeof(longer) - 1] = '\0';
	(void)snprintf(text, sizeof(text), "control: %s\n", longer);
	(void)snprintf(rest, sizeof(rest), ":1: control: '%.128s' is too long a path", longer);
	refused(text, rest);
	refused("vms:\n  - name: \"a\\e[31mb\"\n    qmp: /a\n",
		":2: vms[0].name: 'a?[31mb' contains a control character");
	(void)snprintf(text, sizeof(text), "vms:\n  - {qmp: /a, name: %s}\n", longer);
	(void)snprintf(rest, sizeof(rest), ":2: vms[0].name: '%.32s' is too long", longer);
	refused(text, rest);
}

static void settings_that_contradict_each_other_are_refused(void **state)
{
	(void)state;
	refused("discover: true\ndefaults:\n  rest_max: 1s\n",
		":2: defaults: rest_max is shorter than rest_min (by default they are 1h and "
		"1min)");
	refused("defaults:\n  rest_min: 20min\nrules:\n  - match: a\n    rest_max: 10min\n",
		":4: rules[0]: rest_max is shorter than rest_min (by default they are 1h and "
		"1min)");
	refused("defaults:\n  host_short: 50%\n",
		":1: defaults: host_well is below host_short (by default they are 10% and 6%)");
	refused("defaults: {floor: 2GiB, ceiling: 1GiB}\n", ":1: defaults: floor is above ceiling");
	refused("defaults:\n  ceiling: 1GiB\nvms:\n  - {name: a, qmp: /a, floor: 2GiB}\n",
		":4: vms[0]: floor is above ceiling");
	refused("groups:\n  - {name: a, match: [x], floor: 2GiB, ceiling: 1GiB}\n",
		":2: groups[0]: floor is above ceiling");
}

static void shares_of_0_and_absurd_floors_are_refused(void **state)
{
	(void)state;
	refused("defaults: {shares: 0}\n", ":1: defaults.shares: 0 is out of range (1 to 10000)");
	refused("groups:\n  - {name: a, match: [x], shares: 10001}\n",
		":2: groups[0].shares: 10001 is out of range (1 to 10000)");
	refused("vms:\n  - {name: a, qmp: /a, floor: 2000000000GiB}\n",
		":2: vms[0].floor: 2000000000GiB is out of range (0 to 1024GiB)");
	refused("rules:\n  - {match: a, ceiling: -1}\n",
		":2: rules[0].ceiling: '-1' is not a size such as 64MiB");
}

static void settings_of_the_host_are_refused_but_in_defaults(void **state)
{
	const struct setting *table;
	size_t n, i;

	(void)state;
	refused("vms:\n  - {name: a, qmp: /a, host_short: 5%}\n",
		":2: vms[0].host_short: is of the host: it goes under defaults");
	refused("rules:\n  - {match: a, host_well: 20%}\n",
		":2: rules[0].host_well: is of the host: it goes under defaults");
	refused("groups:\n  - {name: a, match: [a], free_within: 5s}\n",
		":2: groups[0].free_within: is of the host: it goes under defaults");
	table = settings_table(&n); /* the table's words and the check agree */
	for (i = 0; i < n; i++)
		assert_int_equal(config_of_host(&table[i]),
				 strstr(table[i].help, "only in defaults") != NULL);
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

static void groups_that_overlap_literally_are_refused_with_both_names(void **state)
{
	(void)state;
	refused("groups:\n  - {name: a, match: [x, web-*]}\n  - name: b\n    match: [y, web-*]\n",
		":4: groups[1].match: 'web-*' is of group 'a' already, and cannot be of 'b' too");
	refused("groups:\n  - {name: a, match: [x, x]}\n",
		":2: groups[0].match: 'x' is of group 'a' already, and cannot be of 'a' too");
	refused("groups:\n  - {name: a, match: [x]}\n  - {name: a, match: [y]}\n",
		":3: groups[1].name: there is a group 'a' already");
}

static void groups_without_a_name_or_patterns_are_refused(void **state)
{
	(void)state;
	refused("groups:\n  - {match: [x]}\n", ":2: groups[0]: needs 'name', what it is called");
	refused("groups:\n  - {name: a}\n",
		":2: groups[0]: needs 'match', a list of the names it is for");
	refused("groups:\n  - {name: a, match: []}\n",
		":2: groups[0]: needs 'match', a list of the names it is for");
	refused("groups:\n  - {name: a, match: [\"\"]}\n", ":2: groups[0].match: an empty pattern");
	refused("groups:\n  - {name: a, match: web}\n",
		":2: groups[0].match: must be a list (- VALUE)");
	refused("groups:\n  - name: a\n    match:\n      - x\n      - {y: z}\n",
		":3: groups[0].match: must be one value");
	refused("groups:\n  - {name: a, match: [x], share: 5}\n",
		":2: groups[0].share: no such key; did you mean shares?");
	refused("groups:\n  - {name: \"a\\tb\", match: [x]}\n",
		":2: groups[0].name: 'a?b' contains a control character");
}

static void a_cgroup_that_cannot_stand_for_the_host_is_refused(void **state)
{
	struct config c;

	(void)state;
	refused("host_cgroup: /\n", ":1: host_cgroup: '/' names no cgroup below the root");
	refused("host_cgroup: a/../b\n",
		":1: host_cgroup: 'a/../b' must not lead out of the tree of cgroups");
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

static void broken_yaml_is_refused_with_its_line(void **state)
{
	static const char binary[] = "\x7f\x45LF\x02\x01\x01\x00\x00\x00\xde\xad\xbe\xef";

	(void)state;
	refused("control: /a\njournal: [\n", ":3: did not find expected node content");
	refused("control: /a\n  journal: /b\n",
		":2: mapping values are not allowed in this context");
	refused("control: \"/a\n", ":2: found unexpected end of stream");
	refused("control: /a\n---\ncontrol: /b\n", ":2: a second document begins (one per file)");
	refused("control: \"/a\\0b\"\n", ":1: a text contains a NUL byte");
	refused("? [a]\n: b\n", ":1: a key must be a word");
	refused("control: \xff\xfe\n", ":1: invalid leading UTF-8 octet");
	write_file(file, binary, sizeof(binary));
	refused_at(file, -EINVAL, ":1: control characters are not allowed");
}

static void aliases_and_deep_nesting_are_refused(void **state)
{
	char deep[4096];

	(void)state;
	refused("sockets: &a [/x, /x]\ndefaults:\n  mode: *a\n", ":3: aliases are not supported");
	refused("a: &a [x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n", ":2: aliases are not supported");
	refused("a: &a [*a]\n", ":1: aliases are not supported");
	memset(deep, '[', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	refused(deep, ":1: nested too deep");
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

static void too_much_of_anything_is_refused(void **state)
{
	size_t n = 100 * MIB, i;
	char *big = malloc(MIB), *p = big;

	(void)state;
	assert_non_null(big);
	if (!big)
		return; /* assert_non_null() has failed already; gcc cannot know */
	p += sprintf(p, "control: /");
	memset(p, 'a', 8000);
	p[8000] = '\0';
	refused(big, ":1: control: longer than 4096 bytes");

	p = big + sprintf(big, "sockets:\n");
	for (i = 0; i < 9000; i++)
		p += sprintf(p, "- /%zu\n", i);
	refused(big, ":1: sockets: more than 8192 entries");

	p = big;
	for (i = 0; i < 1000; i++)
		p += sprintf(p, "k%zu: v\n", i);
	refused(big, ":1: too many keys");
	free(big);

	write_text("");
	assert_int_equal(truncate(file, (off_t)n), 0);
	refused_at(file, -EMSGSIZE, ": larger than 1024 KiB");
}

static void what_cannot_be_read_is_told_by_name(void **state)
{
	(void)state;
	refused_at(file, -ENOENT, ": cannot be read: No such file or directory");
	assert_int_equal(mkdir(file, 0700), 0);
	refused_at(file, -EISDIR, ": cannot be read: Is a directory");
	assert_int_equal(rmdir(file), 0);
}

static void an_error_is_one_line_however_small_its_room(void **state)
{
	char error[24] = "";
	struct config c;

	(void)state;
	write_text("\"a\\nb\": 1\n");
	assert_int_equal(config_load(file, NULL, &c, error, sizeof(error)), -EINVAL);
	assert_int_equal(strlen(error), sizeof(error) - 1);
	refused("\"a\\nb\": 1\n", ":1: a?b: no such key");
	assert_int_equal(config_load(file, NULL, &c, error, 0), -EINVAL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(no_file_at_all_means_the_defaults),
		TEST(an_empty_file_and_a_missing_folder_mean_the_defaults),
		TEST(every_key_is_taken),
		TEST(a_group_is_looked_up_when_the_configuration_is_read),
		TEST(what_only_a_restart_can_change_is_kept_and_named),
		TEST(later_rules_win_and_a_vms_own_entry_wins_last),
		TEST(files_of_the_folder_come_later_in_order_of_name),
		TEST(a_rule_that_contradicts_another_is_left_out_and_told),
		TEST(an_unknown_key_is_named_with_the_one_that_was_meant),
		TEST(a_value_of_the_wrong_shape_is_refused),
		TEST(a_value_that_is_none_is_refused_with_an_example),
		TEST(a_value_out_of_range_is_refused_with_the_range),
		TEST(a_key_given_twice_is_refused),
		TEST(two_vms_of_one_name_or_socket_are_refused),
		TEST(an_entry_that_lacks_something_is_refused),
		TEST(a_bad_path_or_name_is_refused),
		TEST(settings_that_contradict_each_other_are_refused),
		TEST(shares_of_0_and_absurd_floors_are_refused),
		TEST(settings_of_the_host_are_refused_but_in_defaults),
		TEST(group_settings_stand_between_defaults_and_rules),
		TEST(a_vm_belongs_to_the_first_group_that_it_matches),
		TEST(groups_that_overlap_literally_are_refused_with_both_names),
		TEST(groups_without_a_name_or_patterns_are_refused),
		TEST(a_cgroup_that_cannot_stand_for_the_host_is_refused),
		TEST(settings_are_laid_over_others_whole_or_not_at_all),
		TEST(broken_yaml_is_refused_with_its_line),
		TEST(aliases_and_deep_nesting_are_refused),
		TEST(a_list_or_section_of_nothing_is_none),
		TEST(too_much_of_anything_is_refused),
		TEST(what_cannot_be_read_is_told_by_name),
		TEST(an_error_is_one_line_however_small_its_room),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
