/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * scenario.c - the description of a model world, and the table of its keys
 *
 * Layer: sim.
 * In:    a built-in name, or the lines of a file.
 * Out:   struct scenario, every value within its range.
 *
 * Built-in scenarios are texts like the files, so that a file can do everything
 * that they can.
 */
#include "sim/scenario.h"

#include "base/num.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define AT(field) offsetof(struct scenario, field)
#define SECONDS(n) ((n)*USEC_PER_SEC)
#define PERCENT(n) ((n)*PPM / 100)
#define WEIGHT_MAX 1000000
#define SIZE_MAX_B (1024 * GIB)

/* Guests of kinds and drivers as a host might have them; the few odd ones are there to be met. */
static const struct setting table[] = {
	{ "seed", UNIT_COUNT, AT(seed), 0, UINT64_MAX, 1, "tells all that is drawn" },
	{ "vms", UNIT_COUNT, AT(vms), 1, 1000000, 100, "machines in all" },
	{ "vms_per_host", UNIT_COUNT, AT(vms_per_host), 1, 1000000, 50, "of them on one host" },
	{ "length", UNIT_TIME, AT(length_us), SECONDS(1), SECONDS(3600 * 24 * 31),
	  SECONDS(3600 * 24), "virtual time" },
	{ "host_memory", UNIT_BYTES, AT(host_memory_b), 0, 1024 * SIZE_MAX_B, 0,
	  "memory of each host; 0: as host_share says" },
	{ "host_share", UNIT_SHARE, AT(host_share_ppm), PERCENT(1), 100 * PPM, PPM,
	  "memory of each host, as a share of what its first machines' memory adds to" },
	{ "host_cpus", UNIT_COUNT, AT(host_cpus), 0, 100000, 0,
	  "processors of each host; 0: one for every two machines" },
	{ "lifetime", UNIT_TIME, AT(lifetime_us), 0, SECONDS(3600 * 24 * 31), SECONDS(3600 * 24),
	  "how long a machine lives on average; another one comes for it; 0: for ever" },
	{ "boot", UNIT_TIME, AT(boot_us), SECONDS(1), SECONDS(3600), SECONDS(60),
	  "from the end of a machine to the beginning of another in its place" },
	{ "ram_min", UNIT_BYTES, AT(ram_min_b), 256 * MIB, SIZE_MAX_B, GIB,
	  "memory of the smallest machines" },
	{ "ram_max", UNIT_BYTES, AT(ram_max_b), 256 * MIB, SIZE_MAX_B, 8 * GIB,
	  "and of the largest; between them it doubles" },
	{ "swap", UNIT_SHARE, AT(swap_ppm), 0, PPM, PERCENT(50),
	  "machines with a swap disk, of a quarter of their memory" },
	{ "reporting", UNIT_SHARE, AT(reporting_ppm), 0, PPM, PPM,
	  "machines whose guests can report free pages" },
	{ "inflate_rate", UNIT_BYTES, AT(inflate_rate_b), 0, 100 * GIB, GIB,
	  "bytes per second a balloon grows (a stock one was measured elsewhere at 0.95 GiB/s)" },
	{ "deflate_rate", UNIT_BYTES, AT(deflate_rate_b), 0, 100 * GIB, 2 * GIB,
	  "bytes per second a balloon shrinks" },
	{ "inflate_cost", UNIT_TIME, AT(inflate_cost_us), 0, SECONDS(600), SECONDS(2),
	  "processor time that a guest spends for each GiB its balloon grows" },
	{ "own", UNIT_BYTES, AT(own_b), 0, GIB, 80 * MIB,
	  "the hypervisor's own memory of a machine" },
	{ "apart", UNIT_SHARE, AT(apart_ppm), 0, PPM, PERCENT(90),
	  "machines whose RAM is counted apart from the hypervisor's own memory" },
	{ "kernel", UNIT_BYTES, AT(kernel_b), 0, GIB, 40 * MIB,
	  "what a guest's kernel keeps for itself, besides 2 % of its memory" },
	{ "driver_none", UNIT_COUNT, AT(driver[DRIVER_NONE]), 0, WEIGHT_MAX, 2,
	  "weight of guests without a balloon driver" },
	{ "driver_plain", UNIT_COUNT, AT(driver[DRIVER_PLAIN]), 0, WEIGHT_MAX, 45,
	  "weight of guests whose balloon gives only what it is told to" },
	{ "driver_notifier", UNIT_COUNT, AT(driver[DRIVER_NOTIFIER]), 0, WEIGHT_MAX, 35,
	  "weight of guests with deflate-on-oom by the OOM notifier (to 4.18, and from 5.7)" },
	{ "driver_shrinker", UNIT_COUNT, AT(driver[DRIVER_SHRINKER]), 0, WEIGHT_MAX, 8,
	  "weight of guests with deflate-on-oom by the shrinker (4.19 to 5.6)" },
	{ "driver_ballonet", UNIT_COUNT, AT(driver[DRIVER_BALLONET]), 0, WEIGHT_MAX, 10,
	  "weight of guests with ballonet.ko" },
	{ "idle", UNIT_COUNT, AT(kind[LOAD_IDLE]), 0, WEIGHT_MAX, 25, "weight of idle guests" },
	{ "web", UNIT_COUNT, AT(kind[LOAD_WEB]), 0, WEIGHT_MAX, 25,
	  "weight of guests with a working set, files read again within minutes, day and night" },
	{ "database", UNIT_COUNT, AT(kind[LOAD_DATABASE]), 0, WEIGHT_MAX, 10,
	  "weight of guests with much memory in use, and files read again within seconds" },
	{ "batch", UNIT_COUNT, AT(kind[LOAD_BATCH]), 0, WEIGHT_MAX, 15,
	  "weight of guests with jobs of minutes whose input is read once" },
	{ "build", UNIT_COUNT, AT(kind[LOAD_BUILD]), 0, WEIGHT_MAX, 10,
	  "weight of guests with jobs that read the same tree again, an hour or so apart" },
	{ "archive", UNIT_COUNT, AT(kind[LOAD_ARCHIVE]), 0, WEIGHT_MAX, 12,
	  "weight of guests that read and write files nobody comes back for" },
	{ "leak", UNIT_COUNT, AT(kind[LOAD_LEAK]), 0, WEIGHT_MAX, 3,
	  "weight of guests that grow until they are started anew" },
	{ "honest", UNIT_COUNT, AT(candour[GUEST_HONEST]), 0, WEIGHT_MAX, 96,
	  "weight of guests that say how it is" },
	{ "flatters", UNIT_COUNT, AT(candour[GUEST_FLATTERS]), 0, WEIGHT_MAX, 1,
	  "weight of guests that say all is available" },
	{ "frozen", UNIT_COUNT, AT(candour[GUEST_FROZEN]), 0, WEIGHT_MAX, 1,
	  "weight of guests that go on to say what they said first" },
	{ "babbles", UNIT_COUNT, AT(candour[GUEST_BABBLES]), 0, WEIGHT_MAX, 1,
	  "weight of guests that say any number" },
	{ "silent", UNIT_COUNT, AT(candour[GUEST_SILENT]), 0, WEIGHT_MAX, 1,
	  "weight of guests that stop to send statistics now and then" },
	{ "stuck", UNIT_SHARE, AT(stuck_ppm), 0, PPM, PERCENT(1), "balloons that never move" },
};

/*
 * One guest as the laboratory boots them: 1 GiB, Linux' own driver, under software emulation
 * (256 MiB inflated in 1.4 to 2.5 s, deflated in 0.3 to 1.0 s).
 */
#define LAB_GUEST                                                                       \
	"vms: 1\nlifetime: 0s\nram_min: 1GiB\nram_max: 1GiB\nswap: 0%\nreporting: 0%\n" \
	"host_memory: 16GiB\nown: 100MiB\napart: 100%\nkernel: 18MiB\n"                 \
	"inflate_rate: 130MiB\ndeflate_rate: 400MiB\ninflate_cost: 8s\n"                \
	"driver_none: 0\ndriver_notifier: 0\ndriver_shrinker: 0\ndriver_ballonet: 0\n"  \
	"flatters: 0\nfrozen: 0\nbabbles: 0\nsilent: 0\nstuck: 0%\n"

/* Told as lab/calibration.py tells them: squeezed once, and then left alone. */
#define CALIBRATION                                                                 \
	LAB_GUEST                                                                   \
	"setting.profile: keen\nsetting.min_efficiency: 0%\nsetting.interval: 1s\n" \
	"setting.calm_cpu: 6400%\nsetting.rest_min: 1h\nlength: 200s\n"
#define SQUEEZED "do: 25s mark\ndo: 26s start\ndo: 150s mark\ndo: 151s stop\n"

/* Told as lab/trace.py tells it: 110 s, counted from the first second on. */
#define TRACE                                                                           \
	"reporting: 100%\nlength: 110s\ndo: 17s hold 500MiB\ndo: 22500ms free 500MiB\n" \
	"do: 35s read 300MiB\ndo: 70s read 300MiB\ndo: 88s hold 400MiB\n"               \
	"do: 93400ms free 400MiB\n"

/*
 * Told as lab/story.py tells it of PostgreSQL: a guest of 1.5 GiB that boots, warms, works, is
 * idle, wakes, has a batch of 500 MiB, is idle and works. A mark stands at the end of each, and 10
 * s after waking, and a minute after the batch.
 */
#define APPS                                                                                 \
	LAB_GUEST                                                                            \
	"ram_min: 1536MiB\nram_max: 1536MiB\nkernel: 50MiB\nlength: 830s\n"                  \
	"do: 1s hold 60MiB\ndo: 20s mark\ndo: 21s read 620MiB\ndo: 22s hold 60MiB\n"         \
	"do: 23s work 600MiB\ndo: 80s mark\ndo: 200s mark\ndo: 201s work 0\ndo: 500s mark\n" \
	"do: 501s work 600MiB\ndo: 511500ms mark\ndo: 560s mark\ndo: 561s hold 500MiB\n"     \
	"do: 585s free 500MiB\ndo: 586s work 0\ndo: 587s mark\ndo: 647s mark\n"              \
	"do: 767s mark\ndo: 768s work 600MiB\ndo: 828s mark\n"

static const struct scenario_name names[] = {
	{ "mixed", "guests of all kinds, with all drivers, on hosts with enough memory", "" },
	{ "honest", "the same, with guests that all say how it is, and balloons that all move",
	  "flatters: 0\nfrozen: 0\nbabbles: 0\nsilent: 0\nstuck: 0%" },
	{ "tight", "the same, on hosts that have promised a quarter more than they have",
	  "host_share: 80%" },
	{ "uncertain", "the same, half of them lying, silent, frozen or stuck",
	  "honest: 50\nflatters: 13\nfrozen: 13\nbabbles: 12\nsilent: 12\nstuck: 10%" },
	{ "trace", "one guest as in the laboratory, the trace of 110 s of tools/bench arbiter",
	  LAB_GUEST TRACE },
	{ "apps", "one guest with a database, the story of tools/bench apps", APPS },
	{ "calibration-touch", "one guest as in the laboratory: 600 MiB touched and freed",
	  CALIBRATION "do: 20s touch 600MiB\n" SQUEEZED "do: 190s mark" },
	{ "calibration-read-once", "one guest as in the laboratory: 600 MiB of files read once",
	  CALIBRATION "do: 20s read 600MiB\n" SQUEEZED "do: 180s read 600MiB\ndo: 190s mark" },
	{ "calibration-read-again", "one guest as in the laboratory: 400 MiB read again and again",
	  CALIBRATION "do: 17s read 400MiB\ndo: 18s read 400MiB\ndo: 19s read 400MiB\n"
		      "do: 20s read 400MiB\n" SQUEEZED "do: 180s read 400MiB\ndo: 190s mark" },
	{ "calibration-hot", "one guest as in the laboratory: 300 of 600 MiB stay hot",
	  CALIBRATION "do: 18s touch 600MiB\ndo: 19s hold 300MiB\ndo: 20s busy 90MiB\n" SQUEEZED
		      "do: 190s mark" },
};

static const struct setting step_size = { "size", UNIT_BYTES, 0, 0, SIZE_MAX_B, 0, "" };
static const struct setting step_time = { "time", UNIT_TIME, 0, 0, SECONDS(3600 * 24 * 31), 0, "" };

void scenario_init(struct scenario *sc)
{
	size_t i;

	memset(sc, 0, sizeof(*sc));
	for (i = 0; i < ARRAY_SIZE(table); i++)
		memcpy((char *)sc + table[i].offset, &table[i].def, sizeof(table[i].def));
	settings_init(&sc->settings);
}

const struct scenario_name *scenario_names(size_t *ret_n)
{
	*ret_n = ARRAY_SIZE(names);
	return names;
}

static const struct setting *find(const char *key)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(table); i++)
		if (strcmp(table[i].key, key) == 0)
			return &table[i];
	return NULL;
}

static int put(void *into, const struct setting *key, const char *value)
{
	uint64_t v;
	int r;

	r = setting_parse(key, value, &v);
	if (r == 0)
		memcpy((char *)into + key->offset, &v, sizeof(v));
	return r;
}

/* "TIME WHAT SIZE"; a squeeze has no size. */
static int add_step(struct script *script, const char *value)
{
	char time[32], what[32], size[32] = "0";
	struct script_step step = { 0 };
	int i, r;

	if (script->n == SCRIPT_STEPS || sscanf(value, "%31s %31s %31s", time, what, size) < 2)
		return -EINVAL;
	for (i = 0; i < SCRIPT_COUNT && strcmp(what, script_word((enum script_do)i)) != 0; i++)
		;
	if (i == SCRIPT_COUNT)
		return -EINVAL;
	step.what = (enum script_do)i;
	r = setting_parse(&step_time, time, &step.at_us);
	if (r == 0)
		r = setting_parse(&step_size, size, &step.size_b);
	if (r < 0 || (script->n && step.at_us <= script->step[script->n - 1].at_us))
		return -EINVAL; /* steps stand in the order of their times */
	script->step[script->n++] = step;
	return 0;
}

#define SETTING_PREFIX "setting."

/* A profile is several keys: those that stand behind it override it. */
static int set_policy(struct settings *s, const char *name, const char *value)
{
	const struct setting *key = setting_find(name);
	int r = key ? put(s, key, value) : -ENOENT;

	if (r == 0 && key->unit == UNIT_PROFILE)
		settings_profile(s, (enum profile)s->profile);
	return r;
}

static int set(struct scenario *sc, const char *name, const char *value)
{
	const struct setting *key;

	if (strcmp(name, "do") == 0)
		return add_step(&sc->script, value);
	if (strncmp(name, SETTING_PREFIX, strlen(SETTING_PREFIX)) == 0)
		return set_policy(&sc->settings, name + strlen(SETTING_PREFIX), value);
	key = find(name);
	return key ? put(sc, key, value) : -ENOENT;
}

/* Cuts @line at a comment and at blanks behind; returns what follows the blanks before. */
static char *strip(char *line)
{
	char *end;

	line[strcspn(line, "#")] = '\0';
	line += strspn(line, " \t");
	for (end = line + strlen(line); end > line && strchr(" \t\r", end[-1]); end--)
		end[-1] = '\0';
	return line;
}

static int read_line(struct scenario *sc, char *text, unsigned int number,
		     char trouble[SCENARIO_TROUBLE_MAX])
{
	char *name = strip(text), *value = strchr(name, ':');
	int r;

	if (!*name)
		return 0;
	if (!value) {
		(void)snprintf(trouble, SCENARIO_TROUBLE_MAX, "line %u: not 'KEY: VALUE'", number);
		return -EINVAL;
	}
	*value++ = '\0';
	value = strip(value);
	r = set(sc, strip(name), value);
	if (r == 0)
		return 0;
	if (r == -ENOENT)
		(void)snprintf(trouble, SCENARIO_TROUBLE_MAX, "line %u: %.60s: no such key", number,
			       name);
	else
		(void)snprintf(trouble, SCENARIO_TROUBLE_MAX, "line %u: %.60s: '%.60s' is %s",
			       number, name, value,
			       r == -ERANGE ? "out of range" : "not a valid value");
	return -EINVAL;
}

/* Do the values go together? */
static const char *conflict(const struct scenario *sc)
{
	uint64_t drivers = 0, kinds = 0, candours = 0;
	int i;

	for (i = 0; i < DRIVER_COUNT; i++)
		drivers += sc->driver[i];
	for (i = 0; i < LOAD_KINDS; i++)
		kinds += sc->kind[i];
	for (i = 0; i < GUEST_CANDOUR_COUNT; i++)
		candours += sc->candour[i];
	if (!drivers || !kinds || !candours)
		return "weights of drivers, kinds or candour are all 0";
	if (sc->ram_max_b < sc->ram_min_b)
		return "ram_max is below ram_min";
	return settings_conflict(&sc->settings);
}

int scenario_read(struct scenario *sc, const char *text, char trouble[SCENARIO_TROUBLE_MAX])
{
	unsigned int number = 1;
	const char *why;
	char line[256];
	int r;

	for (; *text; number++) {
		size_t n = strcspn(text, "\n");

		if (n >= sizeof(line)) {
			(void)snprintf(trouble, SCENARIO_TROUBLE_MAX, "line %u: too long", number);
			return -EINVAL;
		}
		memcpy(line, text, n);
		line[n] = '\0';
		r = read_line(sc, line, number, trouble);
		if (r < 0)
			return r;
		text += n + (text[n] == '\n');
	}
	why = conflict(sc);
	if (why)
		(void)snprintf(trouble, SCENARIO_TROUBLE_MAX, "%s", why);
	return why ? -EINVAL : 0;
}
