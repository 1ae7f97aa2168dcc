/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * settings.c - the table of settings, and how a value is read
 *
 * Layer: model (pure).
 * In:    keys and texts from the configuration.
 * Out:   struct settings, every value within its range.
 *
 * Each default has its source beside it, because an operator will ask.
 */
#include "model/settings.h"

#include "base/num.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define AT(field) offsetof(struct settings, field)
#define SECONDS(n) ((n)*USEC_PER_SEC)
#define PERCENT(n) ((n)*PPM / 100)

static const struct setting table[] = {
	{ "mode", UNIT_MODE, AT(mode), 0, MODE_COUNT - 1, MODE_SQUEEZE,
	  "off: never touched; observe: watched, and said what would be done; squeeze: squeezed; "
	  "rightsize: its balloon is left inflated as far as it can do without" },
	{ "interval", UNIT_TIME, AT(interval_us), SECONDS(1), SECONDS(3600), SECONDS(10),
	  "how often a calm VM is looked at" },
	{ "stats_max_age", UNIT_TIME, AT(stats_max_age_us), 500 * USEC_PER_MSEC, SECONDS(60),
	  SECONDS(2), "older statistics never begin or continue an inflate" },
	{ "min_yield", UNIT_BYTES, AT(min_yield_b), MIB, 1024 * GIB, 64 * MIB,
	  "a squeeze must be expected to free at least this much" },
	{ "min_yield_share", UNIT_SHARE, AT(min_yield_ppm), 0, PPM, PERCENT(10),
	  "and at least this share of what the VM has resident" },
	{ "reserve_min", UNIT_BYTES, AT(reserve_min_b), 16 * MIB, 1024 * GIB, 96 * MIB,
	  "guest available memory that is never taken" },
	{ "reserve_share", UNIT_SHARE, AT(reserve_ppm), 0, PERCENT(90), PERCENT(5),
	  "and at least this share of the guest's memory" },
	{ "free_keep", UNIT_BYTES, AT(free_keep_min_b), 0, 1024 * GIB, 32 * MIB,
	  "free guest memory left alone where only stale memory is wanted, so that the guest "
	  "does not begin to reclaim" },
	{ "floor", UNIT_BYTES, AT(floor_b), 0, 1024 * GIB, 0,
	  "a balloon always leaves the guest this much memory" },
	{ "ceiling", UNIT_BYTES, AT(ceiling_b), 0, 1024 * GIB, 0,
	  "what it has resident above this is pressed whenever its guest can give it; 0: none" },
	{ "floor_half", UNIT_TIME, AT(floor_half_us), SECONDS(1), SECONDS(86400), SECONDS(1800),
	  "what a guest in distress turned out to need is its floor; half of that is forgotten "
	  "after this time, half of the rest after as much again, and so on" },
	{ "habit_expires", UNIT_TIME, AT(habit_expires_us), 0, SECONDS(60 * 86400),
	  SECONDS(8 * 86400),
	  "floors learned for an hour of the day are forgotten when it was not seen for this long; "
	  "0: none are learned" },
	{ "step", UNIT_BYTES, AT(step_b), 4 * MIB, 64 * GIB, 128 * MIB,
	  "how far a target may run ahead of the balloon" },
	{ "fast_interval", UNIT_TIME, AT(fast_interval_us), 4 * USEC_PER_MSEC, SECONDS(1),
	  20 * USEC_PER_MSEC, "pause between two requests for statistics during a squeeze" },
	{ "answer_max", UNIT_TIME, AT(answer_max_us), 100 * USEC_PER_MSEC, SECONDS(10), SECONDS(1),
	  "a guest that is silent this long during an inflate ends it (answers take 4 to 9 ms)" },
	{ "inflate_max", UNIT_TIME, AT(inflate_max_us), SECONDS(1), SECONDS(3600), SECONDS(60),
	  "an inflate that takes longer is ended" },
	{ "stall_after", UNIT_TIME, AT(stall_after_us), SECONDS(1), SECONDS(60), SECONDS(4),
	  "an inflate is judged slow over this time (ChromeOS: 4 s)" },
	{ "stall_rate", UNIT_BYTES, AT(stall_rate_b), 0, GIB, 15 * MIB,
	  "bytes per second below which it is slow, and ended (ChromeOS: 15 MiB/s)" },
	{ "faults_per_s", UNIT_COUNT, AT(faults_per_s), 1, 1000000, 300,
	  "major page faults per second that count as distress" },
	{ "grow_max", UNIT_BYTES, AT(grow_max_b), 4 * MIB, 64 * GIB, 48 * MIB,
	  "a guest that takes this much for itself during an inflate wants it more" },
	{ "press_cache", UNIT_BOOL, AT(press_cache), 0, 1, 1,
	  "press page cache of quiet guests, not only freed memory" },
	{ "cold_first", UNIT_SHARE, AT(cold_first_ppm), 0, PPM, PERCENT(90),
	  "share of a quiet guest's page cache taken for cold before it was tried" },
	{ "cold_probe", UNIT_SHARE, AT(cold_probe_ppm), PERCENT(1), PPM, PERCENT(10),
	  "share of it that is pressed the first time, to see whether it is come back for; of an "
	  "idle guest all of it is pressed at once" },
	{ "cache_age", UNIT_TIME, AT(cache_age_us), 0, SECONDS(3600), SECONDS(40),
	  "page cache that has grown within this time is left alone; the time doubles each time "
	  "that pressed cache was read again too soon, and halves when it was not" },
	{ "cold_pays", UNIT_TIME, AT(cold_pays_us), SECONDS(60), SECONDS(86400), SECONDS(600),
	  "pressed page cache that is read again sooner than this was not worth it" },
	{ "calm_cpu", UNIT_SHARE, AT(calm_cpu_ppm), 0, 64 * PPM, PERCENT(15),
	  "a VM that uses more of one processor is busy: its page cache is left alone" },
	{ "idle_cpu", UNIT_SHARE, AT(idle_cpu_ppm), 0, 64 * PPM, PERCENT(5),
	  "a VM that uses no more of one processor is idle" },
	{ "rest_min", UNIT_TIME, AT(rest_min_us), SECONDS(1), SECONDS(86400), SECONDS(60),
	  "rest after a squeeze that was worth it" },
	{ "rest_max", UNIT_TIME, AT(rest_max_us), SECONDS(1), SECONDS(86400), SECONDS(3600),
	  "the rest doubles up to this while squeezes disappoint" },
	{ "release_rest", UNIT_TIME, AT(release_rest_us), 0, SECONDS(86400), SECONDS(600),
	  "rest after an operator's release" },
	{ "max_squeezes", UNIT_COUNT, AT(max_squeezes), 0, 10000, 0,
	  "VMs squeezed at once on this host; 0: one for every two processors" },
	{ "size_step", UNIT_SHARE, AT(size_step_ppm), 1000, PERCENT(50), PERCENT(1),
	  "right-sizing: the balloon grows by this share of the VM at a time" },
	{ "size_every", UNIT_TIME, AT(size_every_us), SECONDS(1), SECONDS(3600), SECONDS(10),
	  "right-sizing: and no more often than this" },
	{ "size_settle", UNIT_TIME, AT(size_settle_us), SECONDS(1), SECONDS(86400), SECONDS(300),
	  "right-sizing: a guest that took memory back is left alone for this long" },
	{ "size_watch", UNIT_TIME, AT(size_watch_us), 0, SECONDS(86400), SECONDS(3 * 3600),
	  "right-sizing: a guest that cannot take memory back is watched for this long first, and "
	  "left what it needed at most in the last 12 to 24 h" },
	{ "shares", UNIT_COUNT, AT(shares), 1, 10000, 100,
	  "weight of a VM when the host is short: one of twice the shares gives its page cache as "
	  "if it were twice as dear" },
	{ "free_within", UNIT_TIME, AT(free_within_us), 100 * USEC_PER_MSEC, SECONDS(600),
	  SECONDS(3), "how soon a host that is short is to have its memory; only in defaults" },
	{ "host_short", UNIT_SHARE, AT(host_short_ppm), 0, PERCENT(90), PERCENT(6),
	  "the host is short below this share of available memory: VMs are asked for theirs, and "
	  "balloons are held; only in defaults" },
	{ "host_well", UNIT_SHARE, AT(host_well_ppm), 0, PERCENT(95), PERCENT(10),
	  "and well again above this share: held balloons go to 0; only in defaults" },
	{ "hold_max", UNIT_TIME, AT(hold_max_us), 0, SECONDS(86400), SECONDS(600),
	  "a balloon is held no longer than this" },
};

static const char *const mode_words[MODE_COUNT] = {
	[MODE_OFF] = "off",
	[MODE_OBSERVE] = "observe",
	[MODE_SQUEEZE] = "squeeze",
	[MODE_RIGHTSIZE] = "rightsize",
};

struct suffix {
	const char *text;
	uint64_t factor;
};

/* By unit; the first ones are those that values are written with, largest first. */
static const struct suffix byte_suffixes[] = {
	{ "GiB", GIB }, { "MiB", MIB }, { "KiB", KIB }, { "", 1 },
	{ "B", 1 },	{ "K", KIB },	{ "M", MIB },	{ "G", GIB },
};
static const struct suffix time_suffixes[] = {
	{ "h", 3600 * USEC_PER_SEC },
	{ "min", 60 * USEC_PER_SEC },
	{ "s", USEC_PER_SEC },
	{ "ms", USEC_PER_MSEC },
	{ "us", 1 },
};
static const struct suffix share_suffixes[] = { { "%", PPM / 100 }, { "ppm", 1 } };
static const struct suffix count_suffixes[] = { { "", 1 } };

struct suffixes {
	const struct suffix *suffix;
	size_t n;
};

static const struct suffixes suffixes_of[] = {
	[UNIT_BYTES] = { byte_suffixes, ARRAY_SIZE(byte_suffixes) },
	[UNIT_TIME] = { time_suffixes, ARRAY_SIZE(time_suffixes) },
	[UNIT_SHARE] = { share_suffixes, ARRAY_SIZE(share_suffixes) },
	[UNIT_COUNT] = { count_suffixes, ARRAY_SIZE(count_suffixes) },
};

static const char *const bool_words[] = { "false", "true" };

const struct setting *settings_table(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(table);
	return table;
}

const struct setting *setting_find(const char *key)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(table); i++)
		if (strcmp(table[i].key, key) == 0)
			return &table[i];
	return NULL;
}

uint64_t setting_get(const struct settings *s, const struct setting *key)
{
	uint64_t value;

	memcpy(&value, (const char *)s + key->offset, sizeof(value));
	return value;
}

void setting_put(struct settings *s, const struct setting *key, uint64_t value)
{
	memcpy((char *)s + key->offset, &value, sizeof(value));
}

void settings_init(struct settings *s)
{
	size_t i;

	memset(s, 0, sizeof(*s));
	for (i = 0; i < ARRAY_SIZE(table); i++)
		setting_put(s, &table[i], table[i].def);
}

const char *settings_conflict(const struct settings *s)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		uint64_t v = setting_get(s, &table[i]);

		if (v < table[i].min || v > table[i].max)
			return table[i].key;
	}
	if (s->rest_max_us < s->rest_min_us)
		return "rest_max is shorter than rest_min";
	if (s->idle_cpu_ppm > s->calm_cpu_ppm)
		return "idle_cpu is above calm_cpu";
	if (s->ceiling_b && s->floor_b > s->ceiling_b)
		return "floor is above ceiling";
	if (s->host_well_ppm < s->host_short_ppm)
		return "host_well is below host_short";
	return NULL;
}

/* Reads digits into *ret, which saturates; returns what follows them, or NULL for none. */
static const char *parse_digits(const char *text, uint64_t *ret)
{
	const char *p = text;
	uint64_t v = 0;

	for (; *p >= '0' && *p <= '9'; p++)
		v = u64_add_sat(u64_mul_sat(v, 10), (uint64_t)(*p - '0'));
	*ret = v;
	return p == text ? NULL : p;
}

static int parse_scaled(const char *text, const struct suffixes *of, uint64_t *ret)
{
	const char *rest;
	uint64_t v;
	size_t i;

	rest = parse_digits(text, &v);
	if (!rest)
		return -EINVAL;
	for (i = 0; i < of->n; i++)
		if (strcmp(rest, of->suffix[i].text) == 0) {
			*ret = u64_mul_sat(v, of->suffix[i].factor);
			return 0;
		}
	return -EINVAL;
}

static int parse_word(const char *text, const char *const *words, size_t n, uint64_t *ret)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(text, words[i]) == 0) {
			*ret = i;
			return 0;
		}
	return -EINVAL;
}

static int parse_unit(enum setting_unit unit, const char *text, uint64_t *ret)
{
	if (unit == UNIT_MODE)
		return parse_word(text, mode_words, ARRAY_SIZE(mode_words), ret);
	if (unit == UNIT_BOOL)
		return parse_word(text, bool_words, ARRAY_SIZE(bool_words), ret);
	return parse_scaled(text, &suffixes_of[unit], ret);
}

int setting_parse(const struct setting *key, const char *text, uint64_t *ret_value)
{
	uint64_t v;
	int r;

	r = parse_unit(key->unit, text, &v);
	if (r < 0)
		return r;
	if (v < key->min || v > key->max)
		return -ERANGE;
	*ret_value = v;
	return 0;
}

void setting_text(const struct setting *key, uint64_t value, char *text, size_t size)
{
	const struct suffix *suffix;

	if (key->unit == UNIT_MODE || key->unit == UNIT_BOOL) {
		(void)snprintf(text, size, "%s",
			       key->unit == UNIT_MODE ? mode_word(value) : bool_words[!!value]);
		return;
	}
	/* the list ends with a factor of 1 at the latest, which goes into everything */
	for (suffix = suffixes_of[key->unit].suffix; value % suffix->factor != 0; suffix++)
		;
	(void)snprintf(text, size, "%llu%s", (unsigned long long)(value / suffix->factor),
		       suffix->text);
}

const char *mode_word(uint64_t mode)
{
	return mode < MODE_COUNT ? mode_words[mode] : "unknown";
}
