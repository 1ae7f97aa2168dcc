/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_refused.c - a configuration that is wrong is refused with one line that says where
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
	refused("mode: off\n", ":1: mode: is a setting; put it under defaults");
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
	refused("guardian_after: 5\n", ":1: guardian_after: '5' is not a time such as 10s or 5min");
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
	(void)snprintf(rest, sizeof(rest),
		       ":3: vms[1].name: 'a' already belongs to another VM, see %s:2", file);
	refused("vms:\n  - {name: a, qmp: /a}\n  - {name: a, qmp: /b}\n", rest);
	(void)snprintf(rest, sizeof(rest),
		       ":5: vms[1].qmp: '/a' already belongs to another VM, see %s:3", file);
	refused("vms:\n  - name: a\n    qmp: /a\n  - name: b\n    qmp: /a\n", rest);

	(void)snprintf(rest, sizeof(rest),
		       ":3: vms[1].device: '/a' already belongs to another VM, see %s:2", file);
	refused("vms:\n  - {name: a, qmp: /a}\n  - {name: b, device: /a}\n", rest);
	refused("vms:\n  - {name: a, qmp: /a, device: /b}\n",
		":2: vms[0]: has both 'qmp' and 'device': give only one of them");

	write_text("vms:\n  - {name: a, qmp: /a}\n");
	write_part("10-a.yaml", "vms:\n  - qmp: /c\n  - {name: a, qmp: /b}\n");
	(void)snprintf(path, sizeof(path), "%s/10-a.yaml", dir);
	(void)snprintf(rest, sizeof(rest),
		       ":3: vms[1].name: 'a' already belongs to another VM, see %s:2", file);
	refused_at(path, -EINVAL, rest);
}

static void an_entry_that_lacks_something_is_refused(void **state)
{
	(void)state;
	refused("vms:\n  - name: a\n", ":2: vms[0]: needs 'qmp', the path of its socket, "
				       "or 'device', the control socket of its ballonet-device");
	refused("vms:\n  - {qmp: /a, mode: off}\n", ":2: vms[0]: has settings, so it needs 'name'");
	refused("rules:\n  - mode: off\n",
		":2: rules[0]: needs 'match', a pattern for names of VMs");
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
	(void)snprintf(rest, sizeof(rest), ":1: control: '%.128s' is too long for a path", longer);
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
		":2: vms[0].host_short: applies to the whole host: put it under defaults");
	refused("rules:\n  - {match: a, host_well: 20%}\n",
		":2: rules[0].host_well: applies to the whole host: put it under defaults");
	refused("groups:\n  - {name: a, match: [a], free_within: 5s}\n",
		":2: groups[0].free_within: applies to the whole host: put it under defaults");
	table = settings_table(&n); /* the table's words and the check agree */
	for (i = 0; i < n; i++)
		assert_int_equal(config_of_host(&table[i]),
				 strstr(table[i].help, "only in defaults") != NULL);
}

static void groups_that_overlap_literally_are_refused_with_both_names(void **state)
{
	(void)state;
	refused("groups:\n  - {name: a, match: [x, web-*]}\n  - name: b\n    match: [y, web-*]\n",
		":4: groups[1].match: 'web-*' is already a pattern of group 'a', so 'b' cannot "
		"have it too");
	refused("groups:\n  - {name: a, match: [x, x]}\n",
		":2: groups[0].match: 'x' is already a pattern of group 'a', so 'a' cannot have it "
		"too");
	refused("groups:\n  - {name: a, match: [x]}\n  - {name: a, match: [y]}\n",
		":3: groups[1].name: there is already a group 'a'");
}

static void groups_without_a_name_or_patterns_are_refused(void **state)
{
	(void)state;
	refused("groups:\n  - {match: [x]}\n",
		":2: groups[0]: needs 'name', the name of the group");
	refused("groups:\n  - {name: a}\n",
		":2: groups[0]: needs 'match', a list of patterns for names of VMs");
	refused("groups:\n  - {name: a, match: []}\n",
		":2: groups[0]: needs 'match', a list of patterns for names of VMs");
	refused("groups:\n  - {name: a, match: [\"\"]}\n",
		":2: groups[0].match: contains an empty pattern");
	refused("groups:\n  - {name: a, match: web}\n",
		":2: groups[0].match: must be a list (- VALUE)");
	refused("groups:\n  - name: a\n    match:\n      - x\n      - {y: z}\n",
		":3: groups[0].match: must be one value");
	refused("groups:\n  - {name: a, match: [x], share: 5}\n",
		":2: groups[0].share: no such key; did you mean shares?");
	refused("groups:\n  - {name: \"a\\tb\", match: [x]}\n",
		":2: groups[0].name: 'a?b' contains a control character");
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
#define TEST(f) cmocka_unit_test_setup_teardown(f, config_files_set_up, config_files_tear_down)
	const struct CMUnitTest tests[] = {
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
		TEST(groups_that_overlap_literally_are_refused_with_both_names),
		TEST(groups_without_a_name_or_patterns_are_refused),
		TEST(broken_yaml_is_refused_with_its_line),
		TEST(aliases_and_deep_nesting_are_refused),
		TEST(too_much_of_anything_is_refused),
		TEST(what_cannot_be_read_is_told_by_name),
		TEST(an_error_is_one_line_however_small_its_room),
	};

	return cmocka_run_group_tests_name("refused", tests, NULL, NULL);
}
