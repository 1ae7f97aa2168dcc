/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_settings.c - the table of settings, values, words
 *
 * In:    texts as an operator writes them.
 * Out:   values within their range, or a refusal.
 */
#include "base/num.h"
#include "model/plan.h"
#include "model/settings.h"
#include "model/snapshot.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void defaults_are_within_their_ranges_and_agree(void **state)
{
	struct settings s;

	(void)state;
	settings_init(&s);
	assert_null(settings_conflict(&s));
	assert_int_equal(s.mode, MODE_SQUEEZE);
	assert_int_equal(s.reserve_min_b, 96 * MIB);
	assert_int_equal(s.rest_max_us, 3600 * USEC_PER_SEC);
}

static void keys_are_unique_and_cover_the_whole_struct(void **state)
{
	const struct setting *table;
	size_t n, i, k;

	(void)state;
	table = settings_table(&n);
	assert_int_equal(n * sizeof(uint64_t), sizeof(struct settings));
	for (i = 0; i < n; i++) {
		assert_ptr_equal(setting_find(table[i].key), &table[i]);
		assert_true(strlen(table[i].help) > 10);
		for (k = 0; k < i; k++)
			assert_true(table[i].offset != table[k].offset);
	}
	assert_null(setting_find("no-such-key"));
}

static void assert_value(const char *key, const char *text, int r, uint64_t want)
{
	uint64_t v = 4711;

	assert_int_equal(setting_parse(setting_find(key), text, &v), r);
	assert_int_equal(v, r < 0 ? 4711 : want);
}

static void values_carry_their_units(void **state)
{
	(void)state;
	assert_value("min_yield", "64MiB", 0, 64 * MIB);
	assert_value("min_yield", "2G", 0, 2 * GIB);
	assert_value("min_yield", "1048576", 0, MIB);
	assert_value("interval", "10s", 0, 10 * USEC_PER_SEC);
	assert_value("interval", "2min", 0, 120 * USEC_PER_SEC);
	assert_value("fast_interval", "20ms", 0, 20000);
	assert_value("reserve_share", "5%", 0, 50000);
	assert_value("reserve_share", "50000ppm", 0, 50000);
	assert_value("faults_per_s", "300", 0, 300);
	assert_value("mode", "observe", 0, MODE_OBSERVE);
	assert_value("press_cache", "never", 0, PRESS_NEVER);
	assert_value("press_cache", "host-room", 0, PRESS_HOST_ROOM);
	assert_value("profile", "keen", 0, PROFILE_KEEN);
}

static void every_default_reads_as_it_is_written(void **state)
{
	const struct setting *table;
	char text[SETTING_TEXT_MAX];
	uint64_t v;
	size_t n, i;

	(void)state;
	table = settings_table(&n);
	for (i = 0; i < n; i++) {
		setting_text(&table[i], table[i].def, text, sizeof(text));
		assert_int_equal(setting_parse(&table[i], text, &v), 0);
		assert_int_equal(v, table[i].def);
	}
	setting_text(setting_find("min_yield"), 1536 * MIB, text, sizeof(text));
	assert_string_equal(text, "1536MiB");
	setting_text(setting_find("min_yield"), MIB + 1, text, sizeof(text));
	assert_string_equal(text, "1048577");
	setting_text(setting_find("interval"), 90 * USEC_PER_SEC, text, sizeof(text));
	assert_string_equal(text, "90s");
	setting_text(setting_find("reserve_share"), 1, text, sizeof(text));
	assert_string_equal(text, "1ppm");
	setting_text(setting_find("press_cache"), 0, text, sizeof(text));
	assert_string_equal(text, "never");
	setting_text(setting_find("press_cache"), PRESS_COUNT, text, sizeof(text));
	assert_string_equal(text, "unknown");
	setting_text(setting_find("release_rest"), 0, text, sizeof(text));
	assert_string_equal(text, "0s");
	setting_text(setting_find("floor"), 0, text, sizeof(text));
	assert_string_equal(text, "0");
}

static void a_profile_sets_its_keys_and_keys_of_their_own_override_it(void **state)
{
	struct settings s, given;
	const struct setting *table;
	uint64_t mask = 0;
	size_t n, i;

	(void)state;
	settings_init(&s);
	assert_int_equal(s.profile, PROFILE_BALANCED);
	given = s;
	settings_profile(&given, PROFILE_BALANCED);
	assert_memory_equal(&given, &s, sizeof(s)); /* its column is the defaults */
	settings_profile(&s, PROFILE_KEEN);
	assert_int_equal(s.profile, PROFILE_KEEN);
	assert_int_equal(s.press_cache, PRESS_ALWAYS);
	assert_int_equal(s.cache_age_us, 40 * USEC_PER_SEC);
	assert_int_equal(s.cost_max_ppm, PPM / 10);
	settings_init(&given);
	given.profile = PROFILE_GENTLE;
	given.cache_age_us = 7 * USEC_PER_SEC;
	table = settings_table(&n);
	for (i = 0; i < n; i++)
		if (&table[i] == setting_find("profile") || &table[i] == setting_find("cache_age"))
			mask |= UINT64_C(1) << i;
	settings_overlay(&s, &given, mask);
	assert_int_equal(s.profile, PROFILE_GENTLE);
	assert_int_equal(s.press_cache, PRESS_HOST_SHORT);
	assert_int_equal(s.cache_age_us, 7 * USEC_PER_SEC);
	assert_int_equal(s.cost_max_ppm, PPM / 100);
}

static void what_is_no_value_is_refused(void **state)
{
	(void)state;
	assert_value("min_yield", "", -EINVAL, 0);
	assert_value("min_yield", "MiB", -EINVAL, 0);
	assert_value("min_yield", "64Mib", -EINVAL, 0);
	assert_value("min_yield", "-1", -EINVAL, 0);
	assert_value("min_yield", "64 MiB", -EINVAL, 0);
	assert_value("min_yield", "99999999999999999999999Gib", -EINVAL, 0);
	assert_value("interval", "10", -EINVAL, 0); /* ten of what? */
	assert_value("reserve_share", "5", -EINVAL, 0);
	assert_value("mode", "Squeeze", -EINVAL, 0);
	assert_value("press_cache", "yes", -EINVAL, 0);
	assert_value("faults_per_s", "3s", -EINVAL, 0);
}

static void absurd_sizes_are_out_of_range(void **state)
{
	(void)state;
	assert_value("min_yield", "18446744073709551615", -ERANGE, 0);
	assert_value("min_yield", "18446744073709551615GiB", -ERANGE, 0);
	assert_value("min_yield", "18446744073709551616", -ERANGE, 0);
	assert_value("min_yield", "99999999999999999999GiB", -ERANGE, 0);
	assert_value("min_yield", "1KiB", -ERANGE, 0);
	assert_value("reserve_share", "91%", -ERANGE, 0);
	assert_value("interval", "1us", -ERANGE, 0);
}

static void settings_that_do_not_agree_are_told(void **state)
{
	struct settings s;

	(void)state;
	settings_init(&s);
	s.rest_max_us = s.rest_min_us - 1;
	assert_non_null(strstr(settings_conflict(&s), "rest_max"));
	settings_init(&s);
	s.host_well_ppm = s.host_short_ppm - 1;
	assert_non_null(strstr(settings_conflict(&s), "host_well"));
	settings_init(&s);
	s.floor_b = 2 * GIB;
	s.ceiling_b = 2 * GIB;
	assert_null(settings_conflict(&s));
	s.ceiling_b--;
	assert_non_null(strstr(settings_conflict(&s), "floor is above ceiling"));
	settings_init(&s);
	s.idle_cpu_ppm = s.calm_cpu_ppm + 1;
	assert_non_null(strstr(settings_conflict(&s), "idle_cpu is above calm_cpu"));
	settings_init(&s);
	s.shares = 0;
	assert_string_equal(settings_conflict(&s), "shares");
	settings_init(&s);
	s.reserve_min_b = 0;
	assert_string_equal(settings_conflict(&s), "reserve_min");
	settings_init(&s);
	s.mode = MODE_COUNT;
	assert_string_equal(settings_conflict(&s), "mode");
}

/* Is the default of @key, as it is written, in @text? */
static void assert_tells_default(const char *text, const char *key)
{
	const struct setting *setting = setting_find(key);
	char def[SETTING_TEXT_MAX];

	setting_text(setting, setting->def, def, sizeof(def));
	assert_non_null(strstr(text, def));
}

static void a_conflict_with_a_key_that_was_not_given_tells_its_default(void **state)
{
	static const char *const pairs[][2] = { { "rest_max", "rest_min" },
						{ "calm_cpu", "idle_cpu" },
						{ "host_well", "host_short" } };
	struct settings s;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(pairs); i++) {
		const char *text;

		settings_init(&s);
		setting_put(&s, setting_find(pairs[i][0]), setting_find(pairs[i][0])->min);
		setting_put(&s, setting_find(pairs[i][1]), setting_find(pairs[i][1])->max);
		text = settings_conflict(&s);
		assert_tells_default(text, pairs[i][0]);
		assert_tells_default(text, pairs[i][1]);
	}
}

static void words_of_what_is_no_value_are_unknown(void **state)
{
	(void)state;
	assert_string_equal(mode_word(MODE_SQUEEZE), "squeeze");
	assert_string_equal(mode_word(MODE_COUNT), "unknown");
	assert_string_equal(profile_word(PROFILE_KEEN), "keen");
	assert_string_equal(profile_word(PROFILE_COUNT), "unknown");
	assert_string_equal(phase_word(PHASE_GAVE_UP), "gave-up");
	assert_string_equal(phase_word(PHASE_COUNT), "unknown");
}

static void a_fact_is_fresh_only_when_known_and_young(void **state)
{
	struct fact none = { 0 }, f = fact_of(7, 1000);

	(void)state;
	assert_false(fact_fresh(&none, 0, UINT64_MAX));
	assert_true(fact_fresh(&f, 1000, 0));
	assert_true(fact_fresh(&f, 900, 0)); /* a moment younger than the tick */
	assert_true(fact_fresh(&f, 1100, 100));
	assert_false(fact_fresh(&f, 1101, 100));
}

static void a_guests_ram_is_counted_apart_by_its_own_mapping_or_file(void **state)
{
	(void)state;
	assert_true(footprint_is_apart(FOOTPRINT_MEMFD));
	assert_true(footprint_is_apart(FOOTPRINT_PAGEMAP));
	assert_true(footprint_is_apart(FOOTPRINT_MAPPING));
	assert_false(footprint_is_apart(FOOTPRINT_CGROUP));
	assert_false(footprint_is_apart(FOOTPRINT_SMAPS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_within_their_ranges_and_agree),
		cmocka_unit_test(keys_are_unique_and_cover_the_whole_struct),
		cmocka_unit_test(values_carry_their_units),
		cmocka_unit_test(every_default_reads_as_it_is_written),
		cmocka_unit_test(a_profile_sets_its_keys_and_keys_of_their_own_override_it),
		cmocka_unit_test(what_is_no_value_is_refused),
		cmocka_unit_test(absurd_sizes_are_out_of_range),
		cmocka_unit_test(settings_that_do_not_agree_are_told),
		cmocka_unit_test(a_conflict_with_a_key_that_was_not_given_tells_its_default),
		cmocka_unit_test(words_of_what_is_no_value_are_unknown),
		cmocka_unit_test(a_fact_is_fresh_only_when_known_and_young),
		cmocka_unit_test(a_guests_ram_is_counted_apart_by_its_own_mapping_or_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
