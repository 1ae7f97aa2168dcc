/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load.c - what the programs of a model guest do over time
 *
 * Layer: sim.
 * In:    a kind of guest and a seed, or a script.
 * Out:   memory wanted and freed, files read, processor time, each at its time.
 *
 * Kinds are rows of a table, in shares of the machine's memory. They are made
 * up, to be unlike each other in what a controller sees; only what a single
 * guest does with its memory is calibrated.
 */
#include "sim/load.h"

#include "base/num.h"

#define MINUTES(n) ((n)*60 * USEC_PER_SEC)
#define HOURS(n) ((n)*3600 * USEC_PER_SEC)
#define PERCENT(n) ((n)*PPM / 100)
/* A program gets through this much memory in a second of processor time. */
#define WORK_RATE_B GIB
#define DAY_US HOURS(24)
/* Whoever comes back for its data works for this long with them. */
#define WORK_US (10 * USEC_PER_SEC)
/* An application of a script is looked at each second, */
#define SECOND_US USEC_PER_SEC
/* of which it brings in this share of what is missing: from 0.61 of the throughput to a mean of
 * 0.70 over a minute (measured, see guest_work.c). */
#define TOUCH_PPM PERCENT(2)
/* A spike under a balloon is told in steps of this. */
#define CLIMB_B (32 * MIB)

struct errand_row {
	enum errand_do what;
	uint64_t every_us, lasts_us;
	uint64_t size_ppm; /* of the machine's memory; drawn from half of it to all of it */
};

struct kind_row {
	const char *word;
	uint64_t programs_ppm, base_ppm; /* of the machine's memory */
	uint64_t cpu_ppm;		 /* of one processor */
	struct errand_row errand[LOAD_ERRANDS];
};

static const struct kind_row kinds[LOAD_KINDS] = {
	[LOAD_IDLE] = { "idle",
			PERCENT(4),
			PERCENT(6),
			PERCENT(1),
			{ { DO_READ_NEW, HOURS(6), 0, PERCENT(30) },
			  { DO_SPIKE, HOURS(4), MINUTES(1), PERCENT(20) } } },
	[LOAD_WEB] = { "web",
		       PERCENT(6),
		       PERCENT(20),
		       PERCENT(8),
		       { { DO_READ, MINUTES(2), 0, PERCENT(12) },
			 { DO_DAY, MINUTES(10), 0, PERCENT(25) },
			 { DO_READ_NEW, MINUTES(40), 0, PERCENT(4) },
			 { DO_SPIKE, MINUTES(50), MINUTES(2), PERCENT(15) } } },
	[LOAD_DATABASE] = { "database",
			    PERCENT(5),
			    PERCENT(45),
			    PERCENT(25),
			    { { DO_READ, 20 * USEC_PER_SEC, 0, PERCENT(18) },
			      { DO_READ_NEW, HOURS(8), 0, PERCENT(25) },
			      { DO_DAY, MINUTES(10), 0, PERCENT(5) } } },
	[LOAD_BATCH] = { "batch",
			 PERCENT(4),
			 PERCENT(5),
			 PERCENT(2),
			 { { DO_SPIKE, HOURS(1), MINUTES(8), PERCENT(60) },
			   { DO_READ_NEW, HOURS(1), 0, PERCENT(35) } } },
	[LOAD_BUILD] = { "build",
			 PERCENT(5),
			 PERCENT(6),
			 PERCENT(2),
			 { { DO_READ, MINUTES(50), 0, PERCENT(25) },
			   { DO_SPIKE, MINUTES(50), MINUTES(5), PERCENT(45) },
			   { DO_READ_NEW, HOURS(2), 0, PERCENT(15) } } },
	[LOAD_ARCHIVE] = { "archive",
			   PERCENT(4),
			   PERCENT(8),
			   PERCENT(3),
			   { { DO_READ_NEW, MINUTES(15), 0, PERCENT(12) },
			     { DO_READ, MINUTES(5), 0, PERCENT(4) } } },
	[LOAD_LEAK] = { "leak",
			PERCENT(5),
			PERCENT(15),
			PERCENT(4),
			{ { DO_LEAK, MINUTES(4), 0, PERCENT(2) },
			  { DO_READ, MINUTES(3), 0, PERCENT(8) } } },
};

static const char *const script_words[SCRIPT_COUNT] = {
	[SCRIPT_TOUCH] = "touch", [SCRIPT_HOLD] = "hold", [SCRIPT_FREE] = "free",
	[SCRIPT_READ] = "read",	  [SCRIPT_BUSY] = "busy", [SCRIPT_SQUEEZE] = "squeeze",
	[SCRIPT_WORK] = "work",	  [SCRIPT_MARK] = "mark", [SCRIPT_START] = "start",
	[SCRIPT_STOP] = "stop",
};

const char *load_word(enum load_kind kind)
{
	return kind < LOAD_KINDS ? kinds[kind].word : "unknown";
}

const char *script_word(enum script_do what)
{
	return what < SCRIPT_COUNT ? script_words[what] : "unknown";
}

static void set_next(struct load *l)
{
	unsigned int i;

	l->next_us = UINT64_MAX;
	for (i = 0; i < l->n; i++)
		l->next_us = u64_min(l->next_us, l->errand[i].at_us);
}

uint64_t load_cpu(const struct load *l, uint64_t now_us)
{
	return l->cpu_us + u64_ppm(now_us - l->now_us, l->cpu_ppm);
}

static void advance_cpu(struct load *l, uint64_t now_us)
{
	l->cpu_us = load_cpu(l, now_us);
	l->now_us = now_us;
}

void load_busy(struct load *l, struct guest *g, uint64_t now_us, uint64_t cpu_ppm)
{
	advance_cpu(l, now_us);
	l->cpu_ppm = cpu_ppm;
	g->busy_ppm = cpu_ppm / u64_max(g->spec.vcpus, 1);
}

uint64_t load_init(struct load *l, enum load_kind kind, uint64_t ram_b, uint64_t seed,
		   uint64_t now_us, uint64_t *ret_base_b)
{
	const struct kind_row *row = &kinds[kind];
	int i;

	*l = (struct load){ .now_us = now_us, .cpu_ppm = row->cpu_ppm };
	rng_seed(&l->rng, seed);
	rng_seed(&l->rng_noise, ~seed);
	for (i = 0; i < LOAD_ERRANDS; i++) {
		const struct errand_row *from = &row->errand[i];
		struct errand *e = &l->errand[l->n];
		uint64_t most_b = u64_ppm(ram_b, from->size_ppm);

		if (from->what == DO_NOTHING)
			continue;
		*e = (struct errand){
			.what = from->what,
			.every_us = from->every_us / 2 + rng_within(&l->rng, 0, from->every_us),
			.lasts_us = from->lasts_us,
			.size_b = rng_within(&l->rng, most_b / 2, most_b),
		};
		/* the first time soon, or the first hours would be those of a world just begun */
		e->at_us = now_us + rng_within(&l->rng, USEC_PER_SEC, e->every_us / 4);
		if (e->what == DO_DAY) /* the hour it is when the guest begins */
			e->at_us = now_us;
		l->n++;
	}
	set_next(l);
	*ret_base_b = u64_ppm(ram_b, row->base_ppm);
	return u64_ppm(ram_b, row->programs_ppm);
}

void load_init_script(struct load *l, const struct script *script, uint64_t now_us)
{
	*l = (struct load){ .now_us = now_us, .cpu_ppm = PERCENT(1), .script = script, .n = 2 };
	l->errand[0] = (struct errand){ .what = DO_SCRIPT, .at_us = UINT64_MAX };
	l->errand[1] = (struct errand){ .what = DO_WORK, .at_us = UINT64_MAX };
	if (script->n)
		l->errand[0].at_us = now_us + script->step[0].at_us;
	set_next(l);
}

void load_reset(struct load *l, uint64_t now_us)
{
	unsigned int i;

	advance_cpu(l, now_us);
	for (i = 0; i < l->n; i++)
		l->errand[i].held_b = l->errand[i].want_b = 0;
}

/*
 * Memory is wanted at the pace at which a program can use it. Where no balloon is out nobody could
 * tell, so all of it is wanted at once.
 */
static void climb(struct errand *e, struct guest *g, uint64_t now_us)
{
	uint64_t part_b = g->balloon_b ? u64_min(e->want_b, CLIMB_B) : e->want_b;
	uint64_t got_b = guest_want(g, part_b);

	e->held_b += got_b;
	e->want_b -= part_b;
	e->at_us = e->until_us;
	if (got_b < part_b / 4096 * 4096) { /* it was killed: what it had is free again */
		guest_give(g, e->held_b);
		e->held_b = e->want_b = 0;
	} else if (e->want_b) {
		e->at_us = now_us + part_b / (WORK_RATE_B / USEC_PER_SEC);
	}
}

static void do_spike(struct load *l, struct errand *e, struct guest *g, uint64_t now_us)
{
	if (e->until_us && !e->want_b) { /* the end */
		guest_give(g, e->held_b);
		e->held_b = 0;
		e->at_us = e->until_us + rng_wait(&l->rng, e->every_us);
		e->until_us = 0;
		return;
	}
	if (!e->until_us) {
		e->want_b = rng_within(&l->rng, e->size_b / 4, e->size_b);
		e->until_us = e->at_us + rng_within(&l->rng, e->lasts_us / 2, e->lasts_us * 2);
		l->cpu_us += e->want_b / (WORK_RATE_B / USEC_PER_SEC);
	}
	climb(e, g, now_us);
}

/* A step up or down to where the day is: a triangle from midnight to midnight. */
static void do_day(struct errand *e, struct guest *g, uint64_t now_us)
{
	uint64_t at_us = now_us % DAY_US;
	uint64_t up_us = at_us < DAY_US / 2 ? at_us : DAY_US - at_us;
	uint64_t level_b = u64_ppm(e->size_b, u64_share_ppm(up_us, DAY_US / 2)) / 4096 * 4096;

	if (level_b > e->held_b)
		e->held_b += guest_want(g, level_b - e->held_b);
	else
		guest_give(g, e->held_b - level_b);
	e->held_b = u64_min(e->held_b, level_b);
	e->at_us += e->every_us;
}

static void do_leak(struct errand *e, struct guest *g)
{
	uint64_t got_b;

	if (e->held_b > g->spec.ram_b / 2) { /* its supervisor starts it anew */
		guest_give(g, e->held_b);
		e->held_b = 0;
	}
	got_b = guest_want(g, e->size_b);
	e->held_b += got_b;
	e->at_us += e->every_us;
}

static void do_step(struct load *l, struct errand *e, struct guest *g, uint64_t now_us)
{
	const struct script_step *step = &l->script->step[l->script_at];
	uint64_t got_b;

	switch (step->what) {
	case SCRIPT_TOUCH:
		got_b = guest_want(g, step->size_b);
		guest_give(g, got_b);
		break;
	case SCRIPT_HOLD:
		(void)guest_want(g, step->size_b);
		break;
	case SCRIPT_FREE:
		guest_give(g, step->size_b);
		break;
	case SCRIPT_READ:
		guest_read(g, FILE_DATA, step->size_b);
		break;
	case SCRIPT_BUSY:
		load_busy(l, g, now_us, PERCENT(step->size_b / MIB));
		break;
	case SCRIPT_WORK:
		l->work_b = step->size_b;
		load_busy(l, g, now_us, l->work_b ? PPM : PERCENT(1));
		l->errand[1].at_us = l->work_b ? now_us + SECOND_US : UINT64_MAX;
		break;
	default:
		l->asks |= 1U << step->what;
		break;
	}
	if (step->what != SCRIPT_BUSY && step->what != SCRIPT_WORK)
		l->cpu_us += step->size_b / (WORK_RATE_B / USEC_PER_SEC);
	e->at_us = UINT64_MAX;
	if (++l->script_at < l->script->n)
		e->at_us = now_us - step->at_us + l->script->step[l->script_at].at_us;
}

/* A second of work is over; what it touched is in the cache now. */
static void do_work(const struct load *l, struct errand *e, struct guest *g)
{
	uint64_t missing_b = u64_sub_sat(l->work_b, g->file[FILE_DATA].cached_b);
	uint64_t done_us = SECOND_US - guest_work(g, l->work_b, SECOND_US);

	guest_read_some(g, FILE_DATA, l->work_b,
			u64_ppm(u64_ppm(missing_b, TOUCH_PPM), u64_share_ppm(done_us, SECOND_US)));
	e->at_us += SECOND_US;
}

static void do_errand(struct load *l, struct errand *e, struct guest *g, uint64_t now_us)
{
	uint64_t size_b;

	switch (e->what) {
	case DO_SPIKE:
		do_spike(l, e, g, now_us);
		break;
	case DO_READ:
		(void)guest_work(g, e->size_b, WORK_US);
		guest_read(g, FILE_DATA, e->size_b);
		l->cpu_us += e->size_b / (WORK_RATE_B / USEC_PER_SEC);
		e->at_us += e->every_us / 2 + rng_within(&l->rng, 0, e->every_us);
		break;
	case DO_READ_NEW:
		size_b = rng_within(&l->rng, e->size_b / 4, e->size_b);
		guest_read_new(g, FILE_ARCHIVE, size_b);
		l->cpu_us += size_b / (WORK_RATE_B / USEC_PER_SEC);
		e->at_us += rng_wait(&l->rng, e->every_us);
		break;
	case DO_DAY:
		do_day(e, g, now_us);
		break;
	case DO_LEAK:
		do_leak(e, g);
		break;
	case DO_SCRIPT:
		do_step(l, e, g, now_us);
		break;
	case DO_WORK:
		do_work(l, e, g);
		break;
	case DO_NOTHING:
	default:
		e->at_us = UINT64_MAX;
		break;
	}
}

void load_run(struct load *l, struct guest *g, uint64_t now_us)
{
	unsigned int i;

	advance_cpu(l, now_us);
	while (l->next_us <= now_us) {
		for (i = 0; i < l->n; i++)
			if (l->errand[i].at_us <= now_us)
				do_errand(l, &l->errand[i], g, now_us);
		set_next(l);
	}
}
