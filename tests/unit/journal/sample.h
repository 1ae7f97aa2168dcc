/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sample.h - records with random but legal content, for the journal's tests
 *
 * In:    a seed.
 * Out:   every member of a record set, extreme values among them.
 */
#ifndef BALLONET_TESTS_JOURNAL_SAMPLE_H
#define BALLONET_TESTS_JOURNAL_SAMPLE_H

#include "journal/record.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* splitmix64: the same numbers on every machine. */
static inline uint64_t sample_next(uint64_t *seed)
{
	uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Of every size; the edges often. */
static inline uint64_t sample_u64(uint64_t *seed)
{
	uint64_t kind = sample_next(seed) % 8, v = sample_next(seed);

	if (kind == 0)
		return 0;
	if (kind == 1)
		return UINT64_MAX;
	if (kind == 2)
		return (uint64_t)INT64_MAX + v % 2;
	return v >> (v % 64);
}

static inline uint64_t sample_below(uint64_t *seed, uint64_t n)
{
	return sample_next(seed) % n;
}

static inline struct fact sample_fact(uint64_t *seed)
{
	if (sample_below(seed, 3) == 0)
		return (struct fact){ 0 };
	return fact_of(sample_u64(seed), sample_u64(seed));
}

static inline struct guest_stats sample_stats(uint64_t *seed)
{
	struct guest_stats s = { 0 };
	unsigned int i;

	s.known = (uint32_t)sample_below(seed, 1u << BALLOON_STAT_COUNT);
	if (sample_below(seed, 4) == 0)
		s.known = 0;
	if (s.known)
		s.taken_us = sample_u64(seed);
	for (i = 0; i < BALLOON_STAT_COUNT; i++)
		if (stats_has(&s, (enum balloon_stat)i))
			s.tag[i] = sample_u64(seed);
	return s;
}

static inline void sample_squeeze(uint64_t *seed, struct squeeze *s)
{
	uint64_t *at;

	for (at = (uint64_t *)s; at < (uint64_t *)(s + 1); at++)
		*at = sample_u64(seed);
	s->stop = sample_below(seed, REASON_COUNT);
	s->requested = sample_below(seed, 2);
	s->probe = sample_below(seed, 2);
	s->press = sample_below(seed, 2);
	s->asked = sample_below(seed, 2);
	s->class = sample_below(seed, PRICE_CLASSES);
}

static inline void sample_history(uint64_t *seed, struct history *h)
{
	uint64_t *at;

	memset(h, 0, sizeof(*h)); /* the padding too */
	for (at = (uint64_t *)h; at < (uint64_t *)&h->guest.base; at++)
		*at = sample_u64(seed);
	for (at = &h->guest.overhead_b; at < (uint64_t *)&h->now; at++)
		*at = sample_u64(seed);
	h->guest.stale_since_us = sample_u64(seed);
	h->phase.looking_us = sample_u64(seed);
	h->guest.base = sample_stats(seed);
	h->guest.start = sample_stats(seed);
	h->guest.base_cpu_us = sample_fact(seed);
	h->phase.is = sample_below(seed, PHASE_COUNT);
	h->phase.verify_next = sample_below(seed, VERIFY_COUNT);
	h->phase.request = sample_below(seed, REQUEST_COUNT);
	h->guest.calm = sample_below(seed, TRI_COUNT);
	h->guest.busy = sample_below(seed, TRI_COUNT);
	h->guest.idle = sample_below(seed, TRI_COUNT);
	h->guest.gives_back = sample_below(seed, 2);
	h->guest.kind = sample_below(seed, GUEST_KIND_COUNT);
	h->offer.cold_class = sample_below(seed, PRICE_CLASSES);
	h->offer.held_class = sample_below(seed, PRICE_CLASSES);
	h->rest.why = sample_below(seed, REASON_COUNT);
	h->rest.stop = sample_below(seed, REASON_COUNT);
	sample_squeeze(seed, &h->now);
	sample_squeeze(seed, &h->done);
}

static inline void sample_settings(uint64_t *seed, struct settings *s)
{
	const struct setting *row;
	size_t n, i;

	row = settings_table(&n);
	settings_init(s);
	for (i = 0; i < n; i++)
		setting_put(s, &row[i],
			    row[i].min + sample_below(seed, row[i].max - row[i].min + 1));
}

static inline void sample_vm_facts(uint64_t *seed, struct vm_facts *f)
{
	f->id = sample_u64(seed);
	f->state = (enum vm_state)sample_below(seed, VM_STATE_COUNT);
	f->device = (enum tri)sample_below(seed, TRI_COUNT);
	f->reporting = (enum tri)sample_below(seed, TRI_COUNT);
	f->obstacles = (uint32_t)sample_u64(seed);
	f->boots = (uint32_t)sample_u64(seed);
	f->target_error = (int32_t)sample_u64(seed);
	f->request = (enum vm_request)sample_below(seed, REQUEST_COUNT);
	f->backed_source = (enum footprint_source)sample_below(seed, FOOTPRINT_COUNT);
	f->ram_b = sample_fact(seed);
	f->actual_b = sample_fact(seed);
	f->backed_b = sample_fact(seed);
	f->cpu_us = sample_fact(seed);
	f->target_b = sample_fact(seed);
	f->guarded = (uint32_t)sample_below(seed, 2);
	f->leftover = (uint32_t)sample_below(seed, 2);
	f->press = (uint32_t)sample_below(seed, 2);
	f->pressing = (uint32_t)sample_below(seed, 2);
	f->stats = sample_stats(seed);
}

static inline void sample_decision(uint64_t *seed, struct decision *d)
{
	uint64_t *at;

	d->vm_id = sample_u64(seed);
	d->actions = (uint32_t)sample_u64(seed);
	d->phase = (enum phase)sample_below(seed, PHASE_COUNT);
	d->reason = (enum reason)sample_below(seed, REASON_COUNT);
	d->target_b = sample_u64(seed);
	d->refresh_us = sample_u64(seed);
	d->wake_us = sample_u64(seed);
	for (at = (uint64_t *)&d->fig; at < (uint64_t *)(&d->fig + 1); at++)
		*at = sample_u64(seed);
}

static inline void sample_host_decision(uint64_t *seed, struct host_decision *d)
{
	uint64_t *at;

	for (at = &d->want_b; at < (uint64_t *)(d + 1); at++)
		*at = sample_u64(seed);
	d->hurry = (uint32_t)sample_u64(seed);
	d->reason = (enum reason)sample_below(seed, REASON_COUNT);
	d->price = sample_below(seed, PRICE_CLASSES + 1);
	d->give_back = sample_below(seed, PRICE_CLASSES + 1);
}

/* A record of @kind; record_fini() frees it. Aborts without memory. */
static inline void sample_record(uint64_t *seed, enum record_kind kind, struct record *r)
{
	static const char *const names[] = { "", "web-1", "a \"b\" \\ / c", "tab\there",
					     "\xc3\xa4\xe2\x82\xac\xf0\x9f\x8e\x88" };
	size_t n = sample_below(seed, 5), i;
	uint64_t *at;

	memset(r, 0, sizeof(*r));
	r->kind = kind;
	switch (kind) {
	case RECORD_JOURNAL:
		r->journal.version = sample_u64(seed);
		r->journal.wall_us = sample_u64(seed);
		r->journal.mono_us = sample_u64(seed);
		r->journal.program = strdup(names[n]);
		break;
	case RECORD_HOST:
		sample_settings(seed, &r->host.settings);
		for (at = (uint64_t *)&r->host.history; at < (uint64_t *)(&r->host.history + 1);
		     at++)
			*at = sample_u64(seed);
		break;
	case RECORD_VM:
		r->vm.id = sample_u64(seed);
		r->vm.name = strdup(names[n]);
		sample_settings(seed, &r->vm.settings);
		sample_history(seed, &r->vm.history);
		break;
	case RECORD_ASKED:
		r->asked.time_us = sample_u64(seed);
		r->asked.uid = sample_u64(seed);
		r->asked.pid = sample_u64(seed);
		r->asked.method = strdup("POST");
		r->asked.path = strdup(names[n]);
		r->asked.status = sample_u64(seed);
		break;
	case RECORD_GONE:
		r->gone.id = sample_u64(seed);
		break;
	case RECORD_SNAPSHOT:
		r->snapshot.now_us = sample_u64(seed);
		r->snapshot.host.total_b = sample_fact(seed);
		r->snapshot.host.available_b = sample_fact(seed);
		r->snapshot.host.psi_some_avg10_ppm = sample_fact(seed);
		r->snapshot.host.psi_full_avg10_ppm = sample_fact(seed);
		r->snapshot.host.cpus = sample_u64(seed);
		r->snapshot.host.squeezing = sample_u64(seed);
		r->snapshot.host.reserved_b = sample_u64(seed);
		r->snapshot.host.reserved_by_us = sample_u64(seed);
		r->snapshot.host.fall_b = sample_u64(seed);
		r->snapshot.host.pressure_us = sample_u64(seed);
		r->snapshot.host.local_s = sample_fact(seed);
		r->snapshot.nvm = n;
		r->snapshot.vm = calloc(n + 1, sizeof(*r->snapshot.vm));
		for (i = 0; i < n; i++)
			sample_vm_facts(seed, &r->snapshot.vm[i]);
		break;
	case RECORD_PLAN:
	case RECORD_KIND_COUNT:
		r->plan.now_us = sample_u64(seed);
		sample_host_decision(seed, &r->plan.host);
		r->plan.nvm = n;
		r->plan.vm = calloc(n + 1, sizeof(*r->plan.vm));
		for (i = 0; i < n; i++)
			sample_decision(seed, &r->plan.vm[i]);
		break;
	}
}

#endif
