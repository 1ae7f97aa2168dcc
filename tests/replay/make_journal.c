/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * make_journal.c - writes the journal of a small made-up world
 *
 * In:    a path.
 * Out:   a journal with two VMs under the real policy: one has freed memory and
 *        is squeezed, one is asked for by an operator and has no driver.
 *
 * tests/replay/squeeze.jsonl was written by it. When the policy is changed on
 * purpose, "build/tests/replay/make_journal tests/replay/squeeze.jsonl" after
 * removing the old one records what it decides from then on, and
 * tests/fuzz/make_journal_corpus makes the fuzzed journals of it.
 */
#include "journal/writer.h"
#include "policy/policy.h"

#include "base/num.h"

#include <stdio.h>

#define NVM 2
#define TICKS_MAX 60
#define RAM_B (1024 * MIB)
#define USED_B (200 * MIB)
#define CACHE_B (40 * MIB)
#define BALLOON_PER_TICK_B (160 * MIB)

struct world {
	uint64_t now_us;
	uint64_t balloon_b, wanted_b, backed_b;
	struct settings settings[NVM];
	struct history history[NVM];
	struct settings host_settings;
	struct host_history host;
	struct vm_facts facts[NVM];
	struct decision decisions[NVM];
};

static void begin(struct journal *j, void *userdata)
{
	static const char *const names[NVM] = { "web", "no \"driver\"" };
	struct world *w = userdata;
	unsigned int i;

	journal_host(j, &w->host_settings, &w->host);
	for (i = 0; i < NVM; i++)
		journal_vm(j, i + 1, names[i], &w->settings[i], &w->history[i]);
}

static uint64_t free_b(const struct world *w)
{
	return RAM_B - USED_B - CACHE_B - w->balloon_b;
}

static void set_stat(struct guest_stats *s, enum balloon_stat tag, uint64_t v)
{
	s->known |= UINT32_C(1) << tag;
	s->tag[tag] = v;
}

/* The guest follows its target; what is in the balloon is not resident, and does not come back. */
static void move(struct world *w)
{
	if (w->balloon_b < w->wanted_b)
		w->balloon_b = u64_min(w->wanted_b, w->balloon_b + BALLOON_PER_TICK_B);
	else
		w->balloon_b = w->wanted_b;
	w->backed_b = u64_min(w->backed_b, RAM_B - w->balloon_b);
}

static void observe(struct world *w)
{
	struct vm_facts *f = &w->facts[0];
	struct guest_stats *s = &f->stats;

	move(w);
	*f = (struct vm_facts){ .id = 1,
				.state = VM_STATE_RUNNING,
				.device = TRI_YES,
				.reporting = TRI_NO,
				.backed_source = FOOTPRINT_CGROUP,
				.guarded = 1,
				.target_b = fact_of(RAM_B - w->wanted_b, w->now_us),
				.ram_b = fact_of(RAM_B, w->now_us),
				.actual_b = fact_of(RAM_B - w->balloon_b, w->now_us),
				.backed_b = fact_of(w->backed_b, w->now_us),
				.cpu_us = fact_of(w->now_us / 100, w->now_us) };
	s->taken_us = w->now_us;
	set_stat(s, BALLOON_STAT_SWAP_IN, 0);
	set_stat(s, BALLOON_STAT_SWAP_OUT, 0);
	set_stat(s, BALLOON_STAT_MAJFLT, 120);
	set_stat(s, BALLOON_STAT_MINFLT, 90000);
	set_stat(s, BALLOON_STAT_MEMFREE, free_b(w));
	set_stat(s, BALLOON_STAT_MEMTOT, RAM_B - 30 * MIB - w->balloon_b);
	set_stat(s, BALLOON_STAT_AVAIL, free_b(w) + CACHE_B / 2);
	set_stat(s, BALLOON_STAT_CACHES, CACHE_B);
	w->facts[1] = (struct vm_facts){ .id = 2,
					 .state = VM_STATE_RUNNING,
					 .device = TRI_YES,
					 .request = w->balloon_b ? REQUEST_SQUEEZE : REQUEST_NONE,
					 .ram_b = fact_of(RAM_B, w->now_us),
					 .actual_b = fact_of(RAM_B, w->now_us) };
}

static void apply(struct world *w)
{
	const struct decision *d = &w->decisions[0];

	if (d->actions & ACT_SET_TARGET)
		w->wanted_b = u64_sub_sat(RAM_B, d->target_b);
	w->now_us = d->actions & ACT_REFRESH ? d->refresh_us + 4 * USEC_PER_MSEC : d->wake_us;
}

int main(int argc, char **argv)
{
	struct world w = { .now_us = 1000 * USEC_PER_SEC, .backed_b = 900 * MIB };
	const struct settings *settings[NVM];
	struct history *history[NVM];
	const struct policy_host host = { .settings = &w.host_settings, .history = &w.host };
	struct journal *j = NULL;
	unsigned int i;

	if (argc != 2) {
		fprintf(stderr, "usage: %s NEW-FILE\n", argv[0]);
		return 2;
	}
	settings_init(&w.host_settings);
	policy_host_init(&w.host);
	for (i = 0; i < NVM; i++) {
		settings_init(&w.settings[i]);
		policy_vm_init(&w.history[i]);
		settings[i] = &w.settings[i];
		history[i] = &w.history[i];
	}
	if (journal_open(argv[1], GIB, 0, "make_journal", begin, &w, w.now_us, &j) < 0)
		return 1;
	for (i = 0; i < TICKS_MAX && !w.history[0].done.start_us; i++) {
		struct snapshot snap = { .now_us = w.now_us,
					 .host = { .total_b = fact_of(8 * GIB, w.now_us),
						   .available_b = fact_of(4 * GIB, w.now_us) },
					 .nvm = NVM,
					 .vm = w.facts };
		struct plan plan = { .vm = w.decisions };

		observe(&w);
		policy_fold(&snap, &host, settings, history);
		policy_decide(&snap, &host, settings, history, &plan);
		journal_tick(j, &snap, &plan);
		journal_flush(j, w.now_us);
		apply(&w);
	}
	journal_gone(j, 2);
	i = journal_lost(j) != 0 || !w.history[0].done.start_us;
	journal_close(j);
	return (int)i;
}
