/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * settings.h - what an operator may set for a VM, and the table of it
 *
 * Layer: model (pure).
 * In:    config/config_load.c fills it in from YAML, by the table.
 * Out:   policy/ obeys it; journal/ writes it down; documentation prints the table.
 *
 * The table is the only list of keys: name, unit, range, default and help.
 */
#ifndef BALLONET_MODEL_SETTINGS_H
#define BALLONET_MODEL_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum vm_mode {
	MODE_OFF = 0, /* never touched, never asked */
	MODE_OBSERVE, /* watched; said what would be done */
	MODE_SQUEEZE,
	MODE_RIGHTSIZE, /* a balloon is left inflated, as large as the guest can do without */
	MODE_COUNT,
};

/* One word for a set of settings. */
enum profile {
	PROFILE_GENTLE = 0,
	PROFILE_BALANCED,
	PROFILE_KEEN,
	PROFILE_COUNT,
};

/* When page cache is pressed, and not only freed memory. */
enum press_when {
	PRESS_NEVER = 0,
	PRESS_HOST_SHORT, /* for a host that is short, or a ceiling */
	PRESS_HOST_ROOM,  /* and for one that has less than host_room available */
	PRESS_ALWAYS,
	PRESS_COUNT,
};

struct settings {
	uint64_t profile; /* enum profile; the keys that it sets stand as they are in force */
	uint64_t mode;	  /* enum vm_mode */
	/* when it is worth it */
	uint64_t interval_us;
	uint64_t stats_max_age_us;
	uint64_t min_yield_b;
	uint64_t min_yield_ppm;
	uint64_t min_efficiency_ppm;
	uint64_t cost_max_ppm;
	/* what is never taken */
	uint64_t reserve_min_b;
	uint64_t reserve_ppm;
	uint64_t reserve_swap_ppm;
	uint64_t free_keep_min_b;
	uint64_t floor_b;
	uint64_t ceiling_b;
	uint64_t floor_half_us;
	uint64_t habit_expires_us;
	/* how it is done */
	uint64_t step_b;
	uint64_t fast_interval_us;
	uint64_t answer_max_us;
	uint64_t inflate_max_us;
	uint64_t stall_after_us;
	uint64_t stall_rate_b;
	/* signs of distress */
	uint64_t faults_per_s;
	uint64_t grow_max_b;
	/* cold cache */
	uint64_t press_cache; /* enum press_when */
	uint64_t cold_first_ppm;
	uint64_t cold_probe_ppm;
	uint64_t cache_age_us;
	uint64_t cold_pays_us;
	uint64_t calm_cpu_ppm;
	uint64_t idle_cpu_ppm;
	/* afterwards */
	uint64_t rest_min_us;
	uint64_t rest_max_us;
	uint64_t release_rest_us;
	/* right-sizing */
	uint64_t size_step_ppm;
	uint64_t size_every_us;
	uint64_t size_settle_us;
	uint64_t size_watch_us;
	/* who gives when the host is short */
	uint64_t shares;
	/* the host; the arbiter obeys those of `defaults` */
	uint64_t free_within_us;
	uint64_t host_short_ppm;
	uint64_t host_well_ppm;
	uint64_t host_room_ppm;
	uint64_t hold_max_us;
	uint64_t max_squeezes;
};

enum setting_unit {
	UNIT_MODE,    /* off, observe, squeeze, rightsize */
	UNIT_PROFILE, /* gentle, balanced, keen */
	UNIT_PRESS,   /* never, host-short, host-room, always */
	UNIT_BOOL,    /* true, false */
	UNIT_BYTES,   /* "64MiB", "1GiB", plain bytes */
	UNIT_TIME,    /* microseconds; "10s", "20ms", "1h" */
	UNIT_SHARE,   /* millionths; "5%" */
	UNIT_COUNT,   /* a plain number */
};

/* One key of the configuration. */
struct setting {
	const char *key;
	enum setting_unit unit;
	size_t offset; /* of a uint64_t in struct settings */
	uint64_t min, max, def;
	const char *help;
};

/* All keys, in the order in which they are documented; *ret_n of them. */
const struct setting *settings_table(size_t *ret_n);

/* The key called @key, or NULL. */
const struct setting *setting_find(const char *key);

/* The value of @key's field in @s. */
uint64_t setting_get(const struct settings *s, const struct setting *key);
void setting_put(struct settings *s, const struct setting *key, uint64_t value);

/* The words of a unit whose values are words, *ret_n of them; NULL for the others. */
const char *const *setting_words(enum setting_unit unit, size_t *ret_n);

/* Every key at its default. */
void settings_init(struct settings *s);

/* Sets what @profile sets, and leaves all other keys as they are. */
void settings_profile(struct settings *s, enum profile profile);

/*
 * Puts those values of @given into *s that @mask says (bit N: settings_table()[N]).
 * A profile among them goes first: keys of their own override it.
 */
void settings_overlay(struct settings *s, const struct settings *given, uint64_t mask);

/*
 * Do the values go together? NULL where they do, else a sentence that names
 * the keys. Ranges of single keys are the table's and are checked here too.
 */
const char *settings_conflict(const struct settings *s);

/*
 * Parses the text of one value by the key's unit: "64MiB", "10s", "5%",
 * "true", "squeeze", or a plain number in the unit's own base (bytes,
 * microseconds for UNIT_TIME are never plain: a time needs its unit).
 * 0, -EINVAL where it is not such a value, or -ERANGE outside the key's range.
 */
int setting_parse(const struct setting *key, const char *text, uint64_t *ret_value);

/*
 * The text of a value as setting_parse() reads it, in the largest unit that it
 * is a whole number of; SETTING_TEXT_MAX bytes are room for every one.
 */
#define SETTING_TEXT_MAX 32
void setting_text(const struct setting *key, uint64_t value, char *text, size_t size);

/* The word of a mode ("squeeze") and of a profile ("keen"); never NULL. */
const char *mode_word(uint64_t mode);
const char *profile_word(uint64_t profile);

#endif
