/* SPDX-License-Identifier: GPL-2.0-or-later */
/* test_scenario.c - worlds are read from text, and what is wrong with it is said */
#include "sim/scenario.h"

#include "base/num.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static char trouble[SCENARIO_TROUBLE_MAX];

static int read_text(struct scenario *sc, const char *text)
{
	scenario_init(sc);
	trouble[0] = '\0';
	return scenario_read(sc, text, trouble);
}

static void every_kind_of_line_is_read(void **state)
{
	struct scenario sc;

	(void)state;
	assert_int_equal(read_text(&sc, "# a world\n\nseed: 7   # its seed\n  vms: 20\r\n"
					"ram_max: 2GiB\nswap: 10%\nlength: 3h\n"
					"setting.min_yield: 32MiB\n"
					"do: 1s hold 300MiB\ndo: 5s squeeze\n"),
			 0);
	assert_int_equal(sc.seed, 7);
	assert_int_equal(sc.vms, 20);
	assert_int_equal(sc.ram_max_b, 2 * GIB);
	assert_int_equal(sc.swap_ppm, PPM / 10);
	assert_int_equal(sc.length_us, 3 * 3600 * USEC_PER_SEC);
	assert_int_equal(sc.settings.min_yield_b, 32 * MIB);
	assert_int_equal(sc.script.n, 2);
	assert_int_equal(sc.script.step[0].what, SCRIPT_HOLD);
	assert_int_equal(sc.script.step[0].size_b, 300 * MIB);
	assert_int_equal(sc.script.step[1].what, SCRIPT_SQUEEZE);
}

static void a_profile_sets_its_keys_and_a_key_behind_it_overrides_it(void **state)
{
	struct settings keen = { 0 };
	struct scenario sc;

	(void)state;
	settings_profile(&keen, PROFILE_KEEN);
	assert_int_equal(read_text(&sc, "setting.profile: keen\nsetting.cost_max: 5%\n"), 0);
	assert_int_equal(sc.settings.press_cache, keen.press_cache);
	assert_int_equal(sc.settings.cache_age_us, keen.cache_age_us);
	assert_int_equal(sc.settings.cost_max_ppm, PPM / 20);
}

static void what_is_wrong_is_said_with_its_line(void **state)
{
	const struct {
		const char *text, *word;
	} bad[] = {
		{ "seed: 1\nnonsense: 2", "line 2: nonsense: no such key" },
		{ "setting.nonsense: 2", "no such key" },
		{ "vms: -1", "is not a valid value" },
		{ "vms: 0", "out of range" },
		{ "ram_min: 1", "out of range" },
		{ "length: 5", "is not a valid value" },
		{ "seed", "not 'KEY: VALUE'" },
		{ "do: 1s", "is not a valid value" },
		{ "do: 1s dance 5MiB", "is not a valid value" },
		{ "do: 1s hold much", "is not a valid value" },
		{ "do: 2s free 1MiB\ndo: 1s free 1MiB", "line 2" },
		{ "ram_min: 4GiB\nram_max: 1GiB", "ram_max is below ram_min" },
		{ "honest: 0\nflatters: 0\nfrozen: 0\nbabbles: 0\nsilent: 0", "weights" },
		{ "setting.rest_max: 1s", "rest_max" },
	};
	struct scenario sc;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_true(read_text(&sc, bad[i].text) < 0);
		if (!strstr(trouble, bad[i].word))
			fail_msg("%s: %s", bad[i].text, trouble);
	}
}

static void a_line_or_a_script_too_long_is_refused(void **state)
{
	char text[2048] = "seed: 1";
	struct scenario sc;
	int i;

	(void)state;
	memset(text + 7, ' ', 400);
	assert_true(read_text(&sc, text) < 0);
	assert_non_null(strstr(trouble, "too long"));
	scenario_init(&sc);
	for (i = 0; i < SCRIPT_STEPS; i++) {
		char line[64];

		(void)snprintf(line, sizeof(line), "do: %ds mark", i + 1);
		assert_int_equal(scenario_read(&sc, line, trouble), 0);
	}
	assert_true(scenario_read(&sc, "do: 1h mark", trouble) < 0);
}

static void built_in_scenarios_are_good(void **state)
{
	const struct scenario_name *names;
	struct scenario sc;
	size_t i, n;

	(void)state;
	names = scenario_names(&n);
	assert_true(n > 3);
	for (i = 0; i < n; i++)
		if (read_text(&sc, names[i].text) < 0)
			fail_msg("%s: %s", names[i].name, trouble);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_line_is_read),
		cmocka_unit_test(a_profile_sets_its_keys_and_a_key_behind_it_overrides_it),
		cmocka_unit_test(what_is_wrong_is_said_with_its_line),
		cmocka_unit_test(a_line_or_a_script_too_long_is_refused),
		cmocka_unit_test(built_in_scenarios_are_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
