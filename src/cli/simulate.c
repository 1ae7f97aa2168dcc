/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * simulate.c - "ballonet simulate": a world of model VMs under the real policy, and under others
 *
 * Layer: cli (may include sim, model, base).
 * In:    the command's own options.
 * Out:   a line for each controller, or JSON.
 *
 * Options become the last lines of the scenario, which checks them.
 */
#include "cli/simulate.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/num.h"
#include "sim/run.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define FILE_MAX_B (64 * KIB)
#define LIST_MAX 512

static const char *built_in(const char *name)
{
	const struct scenario_name *names;
	size_t i, n;

	names = scenario_names(&n);
	for (i = 0; i < n; i++)
		if (strcmp(names[i].name, name) == 0)
			return names[i].text;
	return NULL;
}

/* Appends @word to a list with commas, as far as there is room. */
static void list_word(char *list, size_t size, const char *word)
{
	size_t n = strlen(list);

	(void)snprintf(list + n, size - n, "%s%s", n ? ", " : "", word);
}

static void list_scenarios(char *list, size_t size)
{
	const struct scenario_name *names;
	size_t i, n;

	list[0] = '\0';
	names = scenario_names(&n);
	for (i = 0; i < n; i++)
		list_word(list, size, names[i].name);
}

static void list_controllers(char *list, size_t size)
{
	const struct controller *const *all;
	size_t i, n;

	list[0] = '\0';
	all = controllers(&n);
	for (i = 0; i < n; i++)
		list_word(list, size, all[i]->name);
	list_word(list, size, "all");
}

/* The lines of the scenario called @name, in @text. An exit code. */
static int load_text(const char *name, struct buf *text)
{
	const char *own = built_in(name);
	cleanup_fclose FILE *f = NULL;
	char part[4096], names[LIST_MAX];
	size_t n;

	if (own)
		return buf_printf(text, "%s\n", own) < 0 ? cli_fail(EXIT_USAGE, "out of memory")
							 : EXIT_OK;
	f = fopen(name, "re");
	if (!f) {
		list_scenarios(names, sizeof(names));
		return cli_fail(EXIT_USAGE, "%s is neither a built-in scenario (%s) nor a file: %s",
				name, names, strerror(errno));
	}
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		if (buf_add(text, part, n) < 0)
			return cli_fail(EXIT_USAGE, "%s: more than %llu bytes", name,
					(unsigned long long)FILE_MAX_B);
	if (ferror(f) || buf_add(text, "\n", 1) < 0)
		return cli_fail(EXIT_USAGE, "%s cannot be read", name);
	return EXIT_OK;
}

static int read_scenario(const struct simulate *ask, struct scenario *sc)
{
	const struct {
		const char *option, *key, *value, *unit;
	} said[] = {
		{ "--profile", "setting.profile", ask->profile, "" },
		{ "--seed", "seed", ask->seed, "" },
		{ "--vms", "vms", ask->vms, "" },
		{ "--hours", "length", ask->hours, "h" },
		{ "--host-memory", "host_memory", ask->host_memory, "" },
	};
	char trouble[SCENARIO_TROUBLE_MAX];
	struct buf text;
	size_t i;
	int r;

	scenario_init(sc);
	buf_init(&text, FILE_MAX_B);
	r = ask->scenario ? load_text(ask->scenario, &text) : EXIT_OK;
	if (r == EXIT_OK && text.data && scenario_read(sc, text.data, trouble) < 0)
		r = cli_fail(EXIT_USAGE, "%s: %s", ask->scenario, trouble);
	buf_fini(&text);
	for (i = 0; i < ARRAY_SIZE(said) && r == EXIT_OK; i++) {
		const char *what;
		char line[128];

		if (!said[i].value)
			continue;
		(void)snprintf(line, sizeof(line), "%s: %s%s", said[i].key, said[i].value,
			       said[i].unit);
		if (scenario_read(sc, line, trouble) == 0)
			continue;
		what = strstr(trouble,
			      "' is "); /* behind the value, which is told as it was given */
		r = what ? cli_fail(EXIT_USAGE, "%s: '%s%s", said[i].option, said[i].value, what)
			 : cli_fail(EXIT_USAGE, "%s: %s", said[i].option, trouble);
	}
	return r;
}

static double gib(uint64_t b)
{
	return (double)b / (double)GIB;
}

static double gib_hours(const struct run *run)
{
	return (double)run->all.resident_mib_s / 1024 / 3600;
}

/* Of the time that applications worked, what was not lost. */
static double done_of(uint64_t work_us, uint64_t lost_us)
{
	return work_us ? 1 - (double)u64_min(lost_us, work_us) / (double)work_us : 1;
}

/* Throughput of applications, in per cent of their unmanaged twins'; all of it, or after waking. */
static double throughput(const struct guest_work *of, const struct guest_work *twin, bool first)
{
	if (first)
		return 100 * done_of(of->first_us, of->first_lost_us) /
		       done_of(twin->first_us, twin->first_lost_us);
	return 100 * done_of(of->work_us, of->lost_us) / done_of(twin->work_us, twin->lost_us);
}

static void print_head(const struct scenario *sc)
{
	(void)printf("%llu VMs, %g h, seed %llu\n\n", (unsigned long long)sc->vms,
		     (double)sc->length_us / 3.6e9, (unsigned long long)sc->seed);
	(void)printf("%-15s %12s %9s %8s %9s %9s %9s %8s %9s %9s %9s %7s %7s\n", "CONTROLLER",
		     "GIB x H", "PEAK GIB", "GUEST", "SWAPPED", "REFAULTED", "MAJOR", "STALLED",
		     "HOST", "SQUEEZES", "FREED", "WORK", "WAKING");
	(void)printf("%-15s %12s %9s %8s %9s %9s %9s %8s %9s %9s %9s %7s %7s\n", "", "resident",
		     "resident", "OOMs", "GiB out", "GiB", "faults", "h", "OOMs", "", "GiB", "% of",
		     "none");
}

static void print_run(const struct controller *c, const struct run *run,
		      const struct guest_work *twin)
{
	(void)printf(
		"%-15s %12.1f %9.1f %8llu %9.2f %9.2f %9llu %8.2f %9llu %9llu %9.1f %7.2f %7.2f\n",
		c->name, gib_hours(run), gib(run->peak_b),
		(unsigned long long)run->all.harm.oom_kills, gib(run->all.harm.swap_out_b),
		gib(run->all.harm.refault_b), (unsigned long long)run->all.harm.major_faults,
		(double)run->all.harm.stall_us / 3.6e9, (unsigned long long)run->host_oom_kills,
		(unsigned long long)run->all.squeezes, gib(run->all.yield_b),
		throughput(&run->all.work, twin, false), throughput(&run->all.work, twin, true));
	(void)fflush(stdout);
}

static void add_number(struct json_object *o, const char *key, uint64_t value)
{
	(void)json_object_object_add(o, key, json_object_new_uint64(value));
}

static void add_harm(struct json_object *o, const struct guest_harm *harm)
{
	add_number(o, "guest_oom_kills", harm->oom_kills);
	add_number(o, "swap_in_b", harm->swap_in_b);
	add_number(o, "swap_out_b", harm->swap_out_b);
	add_number(o, "refault_b", harm->refault_b);
	add_number(o, "major_faults", harm->major_faults);
	add_number(o, "stall_us", harm->stall_us);
}

static void add_work(struct json_object *o, const struct guest_work *work)
{
	add_number(o, "work_us", work->work_us);
	add_number(o, "lost_us", work->lost_us);
	add_number(o, "first_us", work->first_us);
	add_number(o, "first_lost_us", work->first_lost_us);
	add_number(o, "balloon_us", work->balloon_us);
}

static struct json_object *marks_json(const struct run *run)
{
	struct json_object *marks = json_object_new_array();
	size_t i;

	for (i = 0; i < run->marks; i++) {
		struct json_object *o = json_object_new_object();

		add_number(o, "at_us", run->mark[i].at_us);
		add_number(o, "resident_b", run->mark[i].resident_b);
		add_number(o, "ram_b", run->mark[i].ram_b);
		add_number(o, "ram_mib_s", run->mark[i].ram_mib_s);
		add_harm(o, &run->mark[i].harm);
		add_work(o, &run->mark[i].work);
		(void)json_object_array_add(marks, o);
	}
	return marks;
}

static void add_sum(struct json_object *o, const struct run_sum *sum)
{
	add_number(o, "vms", sum->vms);
	add_number(o, "resident_mib_s", sum->resident_mib_s);
	add_harm(o, &sum->harm);
	add_work(o, &sum->work);
	add_number(o, "squeezes", sum->squeezes);
	add_number(o, "yield_b", sum->yield_b);
	add_number(o, "return_b", sum->return_b);
}

static struct json_object *kinds_json(const struct run *run)
{
	struct json_object *kinds = json_object_new_object(), *o;
	int i;

	for (i = 0; i < LOAD_KINDS; i++) {
		if (run->kind[i].vms == 0)
			continue;
		o = json_object_new_object();
		add_sum(o, &run->kind[i]);
		(void)json_object_object_add(kinds, load_word((enum load_kind)i), o);
	}
	return kinds;
}

static void add_share(struct json_object *o, const char *key, double percent)
{
	(void)json_object_object_add(o, key, json_object_new_double(percent));
}

static struct json_object *run_json(const struct controller *c, const struct run *run,
				    const struct guest_work *twin, uint64_t took_us)
{
	struct json_object *o = json_object_new_object();

	(void)json_object_object_add(o, "controller", json_object_new_string(c->name));
	(void)json_object_object_add(o, "help", json_object_new_string(c->help));
	add_sum(o, &run->all);
	add_share(o, "throughput_percent", throughput(&run->all.work, twin, false));
	add_share(o, "waking_percent", throughput(&run->all.work, twin, true));
	add_number(o, "peak_b", run->peak_b);
	add_number(o, "hosts", run->hosts);
	add_number(o, "host_oom_kills", run->host_oom_kills);
	add_number(o, "ticks", run->ticks);
	add_number(o, "cpu_us", took_us);
	if (run->marks)
		(void)json_object_object_add(o, "marks", marks_json(run));
	else
		(void)json_object_object_add(o, "kinds", kinds_json(run));
	return o;
}

static uint64_t cpu_now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

static int run_all(const struct scenario *sc, const struct controller *const *of, size_t n,
		   struct json_object *runs)
{
	struct run twin, run;
	size_t i;

	/* every controller meets the same worlds: so these are the twins of all their guests */
	if (run_scenario(sc, &controller_none, &twin) < 0)
		return cli_fail(EXIT_USAGE, "out of memory");
	for (i = 0; i < n; i++) {
		uint64_t from_us = cpu_now_us();

		if (run_scenario(sc, of[i], &run) < 0)
			return cli_fail(EXIT_USAGE, "out of memory");
		if (runs)
			(void)json_object_array_add(runs, run_json(of[i], &run, &twin.all.work,
								   cpu_now_us() - from_us));
		else
			print_run(of[i], &run, &twin.all.work);
	}
	return EXIT_OK;
}

int cmd_simulate(const struct simulate *ask, bool json)
{
	const char *name = ask->controller ? ask->controller : "ballonet";
	const struct controller *const *of, *one;
	struct json_object *o = NULL, *runs = NULL;
	struct scenario sc;
	size_t n = 1;
	int r;

	r = read_scenario(ask, &sc);
	if (r != EXIT_OK)
		return r;
	one = controller_find(name);
	of = &one;
	if (!one && strcmp(name, "all") != 0) {
		char names[LIST_MAX];

		list_controllers(names, sizeof(names));
		return cli_fail(EXIT_USAGE, "unknown controller '%s'; use one of %s", name, names);
	}
	if (!one)
		of = controllers(&n);
	if (!json) {
		print_head(&sc);
		return run_all(&sc, of, n, NULL);
	}
	o = json_object_new_object();
	add_number(o, "seed", sc.seed);
	add_number(o, "vms", sc.vms);
	add_number(o, "length_us", sc.length_us);
	runs = json_object_new_array();
	(void)json_object_object_add(o, "runs", runs);
	r = run_all(&sc, of, n, runs);
	if (r == EXIT_OK)
		r = cli_print_json(o);
	(void)json_object_put(o);
	return r;
}
