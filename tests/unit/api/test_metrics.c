/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_metrics.c - the metrics are what a strict reader of the format expects
 *
 * The reader here follows the text exposition format, version 0.0.4: HELP then
 * TYPE before the first sample of a family, families not split, no sample
 * twice, names and labels of the allowed characters, escapes in label values.
 */
#include "api/metrics.h"

#include "base/num.h"
#include "sample_fleet.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FAMILIES_MAX 64
#define SAMPLES_MAX 256
#define TEXT_MAX 256

struct reader {
	char family[FAMILIES_MAX][TEXT_MAX];
	bool counter[FAMILIES_MAX];
	bool histogram; /* the last family is one */
	size_t nfamilies;
	char sample[SAMPLES_MAX][TEXT_MAX]; /* name and labels */
	double value[SAMPLES_MAX];
	size_t nsamples;
};

/* A name at @p; returns what follows it, and copies it to @name. */
static const char *read_name(const char *p, bool colon, char *name)
{
	size_t n = 0;

	assert_true(isalpha((unsigned char)*p) || *p == '_' || (colon && *p == ':'));
	while (isalnum((unsigned char)*p) || *p == '_' || (colon && *p == ':')) {
		assert_true(n + 1 < TEXT_MAX);
		name[n++] = *p++;
	}
	name[n] = '\0';
	return p;
}

/* "# HELP name text" and the "# TYPE name type" after it. */
static void read_family(struct reader *r, const char *help, const char *type)
{
	char name[TEXT_MAX], again[TEXT_MAX];
	size_t i;

	help = read_name(help + strlen("# HELP "), true, name);
	assert_true(*help == ' ' && help[1]);
	assert_non_null(type);
	assert_int_equal(strncmp(type, "# TYPE ", 7), 0);
	type = read_name(type + 7, true, again);
	assert_string_equal(name, again);
	assert_true(strcmp(type, " counter") == 0 || strcmp(type, " gauge") == 0 ||
		    strcmp(type, " histogram") == 0);
	r->histogram = strcmp(type, " histogram") == 0;
	for (i = 0; i < r->nfamilies; i++)
		assert_string_not_equal(r->family[i], name);
	assert_true(r->nfamilies < FAMILIES_MAX);
	strcpy(r->family[r->nfamilies], name);
	r->counter[r->nfamilies] = strcmp(type, " counter") == 0;
	/* counters, and nothing else, end in _total */
	assert_int_equal(r->counter[r->nfamilies],
			 strlen(name) > 6 && strcmp(name + strlen(name) - 6, "_total") == 0);
	r->nfamilies++;
}

static const char *read_labels(const char *p)
{
	char name[TEXT_MAX];

	do {
		p = read_name(p + 1, false, name);
		assert_int_equal(*p++, '=');
		assert_int_equal(*p++, '"');
		for (; *p != '"'; p++) {
			assert_true(*p && *p != '\n');
			if (*p == '\\') {
				p++;
				assert_true(*p == 'n' || *p == '"' || *p == '\\');
			}
		}
		p++;
	} while (*p == ',');
	assert_int_equal(*p, '}');
	return p + 1;
}

/* Is this a sample of the last family? */
static void assert_belongs(const struct reader *r, const char *name)
{
	static const char *const tails[] = { "_bucket", "_sum", "_count" };
	const char *family = r->family[r->nfamilies - 1];
	size_t n = strlen(family), i;

	if (!r->histogram) {
		assert_string_equal(name, family);
		return;
	}
	assert_int_equal(strncmp(name, family, n), 0);
	for (i = 0; i < ARRAY_SIZE(tails) && strcmp(name + n, tails[i]) != 0; i++)
		;
	assert_true(i < ARRAY_SIZE(tails));
}

static void read_sample(struct reader *r, const char *line)
{
	char name[TEXT_MAX], *end;
	const char *p;
	size_t i, n;

	p = read_name(line, true, name);
	assert_true(r->nfamilies > 0);
	assert_belongs(r, name);
	if (*p == '{')
		p = read_labels(p);
	assert_int_equal(*p, ' ');
	n = (size_t)(p - line);
	for (i = 0; i < r->nsamples; i++)
		assert_true(strncmp(r->sample[i], line, n) != 0 || r->sample[i][n]);
	assert_true(r->nsamples < SAMPLES_MAX && n < TEXT_MAX);
	memcpy(r->sample[r->nsamples], line, n);
	r->sample[r->nsamples][n] = '\0';
	r->value[r->nsamples++] = strtod(p + 1, &end);
	assert_true(end != p + 1 && *end == '\0');
}

static void read_metrics(struct reader *r, char *text)
{
	char *line, *next, *after;

	memset(r, 0, sizeof(*r));
	assert_true(*text && text[strlen(text) - 1] == '\n');
	for (line = text; *line; line = next) {
		next = strchr(line, '\n');
		*next++ = '\0';
		if (strncmp(line, "# HELP ", 7) == 0) {
			after = strchr(next, '\n');
			assert_non_null(after);
			*after++ = '\0';
			read_family(r, line, next);
			next = after;
		} else {
			read_sample(r, line);
		}
	}
}

/* The value of a sample, or -1 where there is none. */
static double value_of(const struct reader *r, const char *sample)
{
	size_t i;

	for (i = 0; i < r->nsamples; i++)
		if (strcmp(r->sample[i], sample) == 0)
			return r->value[i];
	return -1;
}

#define assert_value(r, sample, v) assert_true(value_of(r, sample) == (double)(v))

static void metrics_are_valid_and_say_what_is(void **state)
{
	static struct reader r;
	struct sample s;
	struct buf out;

	(void)state;
	sample_init(&s);
	(void)reserve_add(&s.reserve, 2 * GIB, 0, USEC_PER_SEC, "", SAMPLE_NOW_US);
	buf_init(&out, MIB);
	assert_int_equal(metrics_write(&s.view, &out), 0);
	read_metrics(&r, out.data);
	assert_value(&r, "ballonet_vm_resident_bytes{vm=\"db\"}", 900 * MIB);
	assert_value(&r, "ballonet_vm_ram_bytes{vm=\"db\"}", GIB);
	assert_value(&r, "ballonet_vm_balloon_bytes{vm=\"b\xc3\xbcro 1\"}", 300 * MIB);
	assert_value(&r, "ballonet_vm_guest_available_bytes{vm=\"db\"}", 700 * MIB);
	assert_value(&r, "ballonet_vm_guest_free_bytes{vm=\"db\"}", 600 * MIB);
	assert_value(&r, "ballonet_vm_stale_bytes{vm=\"db\"}", 400 * MIB);
	assert_value(&r, "ballonet_vm_cold_cache_bytes{vm=\"db\"}", 90 * MIB);
	assert_value(&r, "ballonet_vm_squeezes_total{vm=\"db\"}", 3);
	assert_value(&r, "ballonet_vm_yield_bytes_total{vm=\"db\"}", 1000 * MIB);
	assert_value(&r, "ballonet_vm_return_bytes_total{vm=\"db\"}", 100 * MIB);
	assert_value(&r, "ballonet_vm_up{vm=\"db\"}", 1);
	assert_value(&r, "ballonet_vm_phase{vm=\"db\",phase=\"resting\"}", 1);
	assert_value(&r, "ballonet_vm_phase{vm=\"db\",phase=\"watch\"}", 0);
	assert_value(&r, "ballonet_host_memory_total_bytes", 16 * GIB);
	assert_value(&r, "ballonet_host_memory_available_bytes", 4 * GIB);
	assert_value(&r, "ballonet_host_psi_memory_some_avg10_ratio", 0.0125);
	assert_value(&r, "ballonet_ticks_total", 10);
	assert_value(&r, "ballonet_vm_ticks_total", 30);
	assert_value(&r, "ballonet_tick_late_seconds_bucket{le=\"0.001000\"}", 5);
	assert_value(&r, "ballonet_tick_late_seconds_bucket{le=\"0.050000\"}", 9);
	assert_value(&r, "ballonet_tick_late_seconds_bucket{le=\"+Inf\"}", 10);
	assert_value(&r, "ballonet_tick_late_seconds_count", 10);
	assert_value(&r, "ballonet_targets_total", 7);
	assert_value(&r, "ballonet_targets_refused_total", 1);
	assert_value(&r, "ballonet_journal_lost_records_total", 0);
	assert_value(&r, "ballonet_config_reloads_total", 0);
	assert_value(&r, "ballonet_guardian_up", 1);
	assert_value(&r, "ballonet_headroom_bytes{within=\"1s\"}", 128 * MIB);
	assert_value(&r, "ballonet_headroom_bytes{within=\"10s\"}", 500 * MIB);
	assert_value(&r, "ballonet_headroom_bytes{within=\"60s\"}", 500 * MIB);
	assert_value(&r, "ballonet_host_short", 0);
	assert_value(&r, "ballonet_host_offered_bytes", 1000 * MIB);
	assert_value(&r, "ballonet_host_held_bytes", 0);
	assert_value(&r, "ballonet_reservations", 1);
	assert_value(&r, "ballonet_reserved_bytes", 2 * GIB);
	assert_value(&r, "ballonet_build_info{version=\"" BALLONET_VERSION "\"}", 1);
	buf_fini(&out);
	sample_fini(&s);
}

#define WEIRD_LABEL "we\\\"ir\\\\d\\n\x1b[31m?"

static void an_unknown_figure_has_no_sample_and_a_hostile_name_is_escaped(void **state)
{
	static struct reader r;
	struct sample s;
	struct buf out;

	(void)state;
	sample_init(&s);
	buf_init(&out, MIB);
	assert_int_equal(metrics_write(&s.view, &out), 0);
	read_metrics(&r, out.data);
	assert_value(&r, "ballonet_vm_up{vm=\"" WEIRD_LABEL "\"}", 0);
	assert_value(&r, "ballonet_vm_squeezes_total{vm=\"" WEIRD_LABEL "\"}", 0);
	assert_value(&r, "ballonet_vm_resident_bytes{vm=\"" WEIRD_LABEL "\"}", -1);
	assert_value(&r, "ballonet_vm_balloon_bytes{vm=\"" WEIRD_LABEL "\"}", -1);
	assert_value(&r, "ballonet_vm_stale_bytes{vm=\"" WEIRD_LABEL "\"}", -1);
	assert_value(&r, "ballonet_host_psi_memory_full_avg10_ratio", -1);
	buf_fini(&out);
	sample_fini(&s);
}

static void metrics_without_room_are_an_error(void **state)
{
	struct sample s;
	struct buf out;

	(void)state;
	sample_init(&s);
	buf_init(&out, 1000);
	assert_true(metrics_write(&s.view, &out) < 0);
	buf_fini(&out);
	sample_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(metrics_are_valid_and_say_what_is),
		cmocka_unit_test(an_unknown_figure_has_no_sample_and_a_hostile_name_is_escaped),
		cmocka_unit_test(metrics_without_room_are_an_error),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
