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
	{ "profile", UNIT_PROFILE, AT(profile), 0, PROFILE_COUNT - 1, PROFILE_BALANCED,
	  "gentle: freed memory, and page cache only for a host that is short; balanced: page "
	  "cache also where the host has little room; keen: as much as can be had. A profile sets "
	  "several keys; a key of its own overrides it" },
	{ "mode", UNIT_MODE, AT(mode), 0, MODE_COUNT - 1, MODE_SQUEEZE,
	  "off: leave it alone; observe: only say what would be done; squeeze: squeeze it; "
	  "rightsize: keep its balloon inflated as far as the guest can spare" },
	{ "interval", UNIT_TIME, AT(interval_us), SECONDS(1), SECONDS(3600), SECONDS(10),
	  "how often a calm VM is checked" },
	{ "stats_max_age", UNIT_TIME, AT(stats_max_age_us), 500 * USEC_PER_MSEC, SECONDS(60),
	  SECONDS(2), "statistics older than this never start or continue an inflation" },
	{ "min_yield", UNIT_BYTES, AT(min_yield_b), MIB, 1024 * GIB, 64 * MIB,
	  "a squeeze starts only if it is expected to free at least this much" },
	{ "min_yield_share", UNIT_SHARE, AT(min_yield_ppm), 0, PPM, PERCENT(10),
	  "and at least this share of the VM's resident memory" },
	{ "min_efficiency", UNIT_SHARE, AT(min_efficiency_ppm), 0, PPM, PERCENT(25),
	  "and at least this share of what the balloon must take for it: a balloon takes memory "
	  "that the host never gave first" },
	{ "cost_max", UNIT_SHARE, AT(cost_max_ppm), PERCENT(1) / 10, PPM, PERCENT(1),
	  "all squeezes of a VM in an hour may use this share of its processor time" },
	{ "reserve_min", UNIT_BYTES, AT(reserve_min_b), 16 * MIB, 1024 * GIB, 96 * MIB,
	  "available memory in the guest that is never taken" },
	{ "reserve_share", UNIT_SHARE, AT(reserve_ppm), 0, PERCENT(90), PERCENT(12),
	  "and at least this share of the guest's memory" },
	{ "reserve_swap_share", UNIT_SHARE, AT(reserve_swap_ppm), 0, PERCENT(90), PERCENT(8),
	  "the same share for a guest that is known to have swap" },
	{ "free_keep", UNIT_BYTES, AT(free_keep_min_b), 0, 1024 * GIB, 32 * MIB,
	  "free memory that a squeeze for freed memory alone leaves, so that the guest does not "
	  "start to reclaim" },
	{ "floor", UNIT_BYTES, AT(floor_b), 0, 1024 * GIB, 0,
	  "the balloon always leaves the guest at least this much memory" },
	{ "ceiling", UNIT_BYTES, AT(ceiling_b), 0, 1024 * GIB, 0,
	  "resident memory above this is squeezed out whenever the guest can spare it; 0: no "
	  "ceiling" },
	{ "floor_half", UNIT_TIME, AT(floor_half_us), SECONDS(1), SECONDS(86400), SECONDS(1800),
	  "a guest in distress gets what it needed as its floor; half of that is forgotten after "
	  "this time, then half of the rest, and so on" },
	{ "habit_expires", UNIT_TIME, AT(habit_expires_us), 0, SECONDS(60 * 86400),
	  SECONDS(8 * 86400),
	  "a floor learned for an hour of the day is forgotten if that hour was not seen for this "
	  "long; 0: none are learned" },
	{ "step", UNIT_BYTES, AT(step_b), 4 * MIB, 64 * GIB, 128 * MIB,
	  "how far the target may be ahead of the balloon" },
	{ "fast_interval", UNIT_TIME, AT(fast_interval_us), 4 * USEC_PER_MSEC, SECONDS(1),
	  20 * USEC_PER_MSEC, "pause between two requests for statistics during a squeeze" },
	{ "answer_max", UNIT_TIME, AT(answer_max_us), 100 * USEC_PER_MSEC, SECONDS(10), SECONDS(1),
	  "an inflation ends if the guest does not answer for this long (answers take 4 to 9 ms)" },
	{ "inflate_max", UNIT_TIME, AT(inflate_max_us), SECONDS(1), SECONDS(3600), SECONDS(60),
	  "an inflation ends after this time" },
	{ "stall_after", UNIT_TIME, AT(stall_after_us), SECONDS(1), SECONDS(60), SECONDS(4),
	  "time over which the speed of an inflation is measured (ChromeOS: 4 s)" },
	{ "stall_rate", UNIT_BYTES, AT(stall_rate_b), 0, GIB, 15 * MIB,
	  "an inflation ends if it is slower than this many bytes per second (ChromeOS: 15 "
	  "MiB/s)" },
	{ "faults_per_s", UNIT_COUNT, AT(faults_per_s), 1, 1000000, 300,
	  "major page faults per second that count as distress" },
	{ "grow_max", UNIT_BYTES, AT(grow_max_b), 4 * MIB, 64 * GIB, 48 * MIB,
	  "an inflation ends if the guest takes this much for itself meanwhile" },
	{ "press_cache", UNIT_PRESS, AT(press_cache), 0, PRESS_COUNT - 1, PRESS_HOST_ROOM,
	  "when page cache of quiet guests is taken too, and not only freed memory. never; "
	  "host-short: for a host that is short; host-room: for a host below host_room as well; "
	  "always" },
	{ "cold_first", UNIT_SHARE, AT(cold_first_ppm), 0, PPM, PERCENT(90),
	  "share of a quiet guest's page cache that counts as cold before any was taken" },
	{ "cold_probe", UNIT_SHARE, AT(cold_probe_ppm), PERCENT(1), PPM, PERCENT(10),
	  "share of the page cache that is taken first, to see if it is read again; an idle guest "
	  "gives all of it at once" },
	{ "cache_age", UNIT_TIME, AT(cache_age_us), 0, SECONDS(3600), SECONDS(600),
	  "page cache that grew within this time is left alone; the time doubles whenever taken "
	  "cache is read again too soon, and halves when it is not" },
	{ "cold_pays", UNIT_TIME, AT(cold_pays_us), SECONDS(60), SECONDS(86400), SECONDS(7200),
	  "taking page cache that is read again sooner than this was not worth it" },
	{ "calm_cpu", UNIT_SHARE, AT(calm_cpu_ppm), 0, 64 * PPM, PERCENT(15),
	  "a VM that uses more than this of each vCPU is busy: it is squeezed only for a host that "
	  "is short, and its page cache is left alone" },
	{ "idle_cpu", UNIT_SHARE, AT(idle_cpu_ppm), 0, 64 * PPM, 0,
	  "a VM that uses at most this of each vCPU is idle; 0: none counts as idle" },
	{ "rest_min", UNIT_TIME, AT(rest_min_us), SECONDS(1), SECONDS(86400), SECONDS(60),
	  "rest after a squeeze that was worth it" },
	{ "rest_max", UNIT_TIME, AT(rest_max_us), SECONDS(1), SECONDS(86400), SECONDS(3600),
	  "the rest doubles up to this while squeezes are not worth it" },
	{ "release_rest", UNIT_TIME, AT(release_rest_us), 0, SECONDS(86400), SECONDS(600),
	  "rest after 'ballonet release'" },
	{ "max_squeezes", UNIT_COUNT, AT(max_squeezes), 0, 10000, 0,
	  "how many VMs of this host are squeezed at a time; 0: one per two CPUs" },
	{ "size_step", UNIT_SHARE, AT(size_step_ppm), 1000, PERCENT(50), PERCENT(1),
	  "rightsize: the balloon grows by this share of the VM's memory at a time" },
	{ "size_every", UNIT_TIME, AT(size_every_us), SECONDS(1), SECONDS(3600), SECONDS(10),
	  "rightsize: time between two such steps" },
	{ "size_settle", UNIT_TIME, AT(size_settle_us), SECONDS(1), SECONDS(86400), SECONDS(300),
	  "rightsize: a guest that took memory back is left alone for this long" },
	{ "size_watch", UNIT_TIME, AT(size_watch_us), 0, SECONDS(86400), SECONDS(3 * 3600),
	  "rightsize: a guest that cannot take memory back is watched for this long first, and "
	  "keeps the most it needed in the last 12 to 24 h" },
	{ "shares", UNIT_COUNT, AT(shares), 1, 10000, 100,
	  "weight of a VM when the host is short; with twice the shares, its page cache costs "
	  "twice as much" },
	{ "free_within", UNIT_TIME, AT(free_within_us), 100 * USEC_PER_MSEC, SECONDS(600),
	  SECONDS(3), "how soon a short host should get its memory; only in defaults" },
	{ "host_short", UNIT_SHARE, AT(host_short_ppm), 0, PERCENT(90), PERCENT(6),
	  "the host is short when its available memory is below this share; VMs then give memory, "
	  "and balloons are held; only in defaults" },
	{ "host_well", UNIT_SHARE, AT(host_well_ppm), 0, PERCENT(95), PERCENT(10),
	  "the host is well again above this share, and held balloons go to 0; only in defaults" },
	{ "host_room", UNIT_SHARE, AT(host_room_ppm), 0, PERCENT(99), PERCENT(30),
	  "with less available memory than this share, page cache is of use to the host; only in "
	  "defaults" },
	{ "hold_max", UNIT_TIME, AT(hold_max_us), 0, SECONDS(86400), SECONDS(600),
	  "a balloon is held at most this long" },
};

/* What a profile sets. The middle column is the default of each key. */
static const struct {
	size_t offset;
	uint64_t value[PROFILE_COUNT]; /* gentle, balanced, keen */
} profiles[] = {
	{ AT(press_cache), { PRESS_HOST_SHORT, PRESS_HOST_ROOM, PRESS_ALWAYS } },
	{ AT(cache_age_us), { SECONDS(600), SECONDS(600), SECONDS(40) } },
	{ AT(cold_pays_us), { SECONDS(7200), SECONDS(7200), SECONDS(600) } },
	{ AT(idle_cpu_ppm), { 0, 0, PERCENT(5) } },
	{ AT(cost_max_ppm), { PERCENT(1), PERCENT(1), PERCENT(10) } },
};

static const char *const mode_words[MODE_COUNT] = {
	[MODE_OFF] = "off",
	[MODE_OBSERVE] = "observe",
	[MODE_SQUEEZE] = "squeeze",
	[MODE_RIGHTSIZE] = "rightsize",
};

static const char *const profile_words[PROFILE_COUNT] = {
	[PROFILE_GENTLE] = "gentle",
	[PROFILE_BALANCED] = "balanced",
	[PROFILE_KEEN] = "keen",
};

static const char *const press_words[PRESS_COUNT] = {
	[PRESS_NEVER] = "never",
	[PRESS_HOST_SHORT] = "host-short",
	[PRESS_HOST_ROOM] = "host-room",
	[PRESS_ALWAYS] = "always",
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
	const char *zero; /* as people write it: 0s, not 0h */
};

static const struct suffixes suffixes_of[] = {
	[UNIT_BYTES] = { byte_suffixes, ARRAY_SIZE(byte_suffixes), "0" },
	[UNIT_TIME] = { time_suffixes, ARRAY_SIZE(time_suffixes), "0s" },
	[UNIT_SHARE] = { share_suffixes, ARRAY_SIZE(share_suffixes), "0%" },
	[UNIT_COUNT] = { count_suffixes, ARRAY_SIZE(count_suffixes), "0" },
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

void settings_profile(struct settings *s, enum profile profile)
{
	size_t i;

	s->profile = profile;
	for (i = 0; i < ARRAY_SIZE(profiles); i++)
		memcpy((char *)s + profiles[i].offset, &profiles[i].value[profile],
		       sizeof(uint64_t));
}

void settings_overlay(struct settings *s, const struct settings *given, uint64_t mask)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(table); i++) {
		if (!(mask & UINT64_C(1) << i))
			continue;
		if (table[i].unit == UNIT_PROFILE) /* the first of the table: others go over it */
			settings_profile(s, (enum profile)given->profile);
		else
			setting_put(s, &table[i], setting_get(given, &table[i]));
	}
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
		return "rest_max is shorter than rest_min (by default they are 1h and 1min)";
	if (s->idle_cpu_ppm > s->calm_cpu_ppm)
		return "idle_cpu is above calm_cpu (by default they are 0% and 15%)";
	if (s->ceiling_b && s->floor_b > s->ceiling_b)
		return "floor is above ceiling";
	if (s->host_well_ppm < s->host_short_ppm)
		return "host_well is below host_short (by default they are 10% and 6%)";
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

const char *const *setting_words(enum setting_unit unit, size_t *ret_n)
{
	switch (unit) {
	case UNIT_MODE:
		*ret_n = MODE_COUNT;
		return mode_words;
	case UNIT_PROFILE:
		*ret_n = PROFILE_COUNT;
		return profile_words;
	case UNIT_PRESS:
		*ret_n = PRESS_COUNT;
		return press_words;
	case UNIT_BOOL:
		*ret_n = ARRAY_SIZE(bool_words);
		return bool_words;
	default:
		return NULL;
	}
}

int setting_parse(const struct setting *key, const char *text, uint64_t *ret_value)
{
	const char *const *words;
	uint64_t v;
	size_t n;
	int r;

	words = setting_words(key->unit, &n);
	r = words ? parse_word(text, words, n, &v)
		  : parse_scaled(text, &suffixes_of[key->unit], &v);
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
	const char *const *words;
	size_t n;

	words = setting_words(key->unit, &n);
	if (words) {
		(void)snprintf(text, size, "%s", value < n ? words[value] : "unknown");
		return;
	}
	if (value == 0) {
		(void)snprintf(text, size, "%s", suffixes_of[key->unit].zero);
		return;
	}
	/* the list ends with a factor of 1 at the latest, which goes into everything */
	for (suffix = suffixes_of[key->unit].suffix; value % suffix->factor != 0; suffix++)
		;
	(void)snprintf(text, size, "%llu%s", (unsigned long long)(value / suffix->factor),
		       suffix->text);
}

const char *profile_word(uint64_t profile)
{
	return profile < PROFILE_COUNT ? profile_words[profile] : "unknown";
}

const char *mode_word(uint64_t mode)
{
	return mode < MODE_COUNT ? mode_words[mode] : "unknown";
}
