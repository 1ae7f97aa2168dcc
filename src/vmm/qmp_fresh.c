/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qmp_fresh.c - a guest's statistics, and how old they are
 *
 * Layer: vmm.
 * In:    replies to "qom-get guest-stats", the instants at which they were asked for.
 * Out:   vm_facts.stats with the earliest instant it can be from; VMM_EVENT_STATS.
 *
 * Theory of operation. QEMU keeps the guest's last answer and the wall clock
 * second in which it came, and nothing finer. Two things bound its age from
 * above: it is not older than that second, and where it differs from what an
 * earlier reading said, it came after that reading was asked for. The later of
 * the two is taken_us.
 *
 * To get current figures: read once, set the polling interval to 0 and then to a
 * large value, which makes QEMU ask the guest at once, and read until the figures
 * differ. An idle guest answers with the same figures. Then only the next second
 * can show it, so the guest is asked once more in that one.
 *
 * (A guest that was asked before and answers after counts as fresh: it collects
 * and sends at once, so its figures are as old as its answer.)
 */
#include "vmm/qmp.h"

#include <stdio.h>
#include <string.h>

/* Median of an answer under TCG is 4.4 ms, p90 8.7 ms; under KVM less than 1. */
#define FRESH_FIRST_US (3 * USEC_PER_MSEC)
#define FRESH_WAIT_MAX_US (100 * USEC_PER_MSEC)
/* QEMU tells of a balloon that changes by itself, and of another change this much later at most
 * (QMP reference, BALLOON_CHANGE: events are rate-limited). */
#define EVENT_PAUSE_US USEC_PER_SEC
/* The second has to end (1 s at most), then a slow guest has 0.5 s to answer in the next. */
#define FRESH_MAX_US (1500 * USEC_PER_MSEC)

/* The arguments of "qom-set"; the device's path is JSON already. */
#define INTERVAL_FMT "{\"path\":%s,\"property\":\"guest-stats-polling-interval\",\"value\":%llu}"

static uint64_t wall_s(const struct qmp *q)
{
	return vmm_wall_us(q->conn.vmm) / USEC_PER_SEC;
}

/* When wall clock second @s began, by the caller's clock; 0 where it is still to come. */
static uint64_t second_began_us(const struct qmp *q, uint64_t s, uint64_t now_us)
{
	uint64_t wall_us = vmm_wall_us(q->conn.vmm);
	uint64_t began_us = u64_mul_sat(s, USEC_PER_SEC);

	if (began_us > wall_us)
		return 0; /* the clock was set back: the second says nothing */
	return u64_sub_sat(now_us, wall_us - began_us);
}

static bool differs(const struct qmp_stats *a, const struct qmp_stats *b)
{
	return a->last_update_s != b->last_update_s || a->known != b->known ||
	       memcmp(a->tag, b->tag, sizeof(a->tag)) != 0;
}

static void take(struct qmp *q, const struct qmp_stats *stats, uint64_t asked_us, uint64_t now_us)
{
	struct guest_stats *facts = &q->conn.facts.stats;
	uint64_t taken_us;

	if (!q->have_last || differs(&q->last, stats)) {
		taken_us = second_began_us(q, stats->last_update_s, now_us);
		if (q->have_last)
			taken_us = u64_max(taken_us, q->last_asked_us);
		facts->taken_us = taken_us;
		facts->known =
			taken_us >= q->reset_us ? stats->known : 0; /* else of the boot before */
		memcpy(facts->tag, stats->tag, sizeof(facts->tag));
	}
	q->have_last = true;
	q->last = *stats;
	q->last_asked_us = asked_us;
}

/* Whatever the balloon did before @asked_us has been told by now, but for the pause between events.
 */
static void confirm_actual(struct qmp *q, uint64_t asked_us)
{
	struct fact *actual = &q->conn.facts.actual_b;

	if (actual->known)
		actual->taken_us = u64_max(actual->taken_us, u64_sub_sat(asked_us, EVENT_PAUSE_US));
}

/* The interval while a VM is calm: as it was found, or ours where that was 0. */
static uint64_t calm_s(const struct qmp *q)
{
	return q->found_s ? q->found_s : vmm_poll_s(q->conn.vmm);
}

void qmp_set_interval(struct qmp *q, uint64_t interval_s, uint64_t now_us)
{
	if (!q->interval_known || !q->path || q->set_s == interval_s)
		return;
	q->set_s = interval_s;
	qmp_ask(q, CMD_SET_INTERVAL, now_us,
		"{\"execute\":\"qom-set\",\"arguments\":" INTERVAL_FMT "}\n", q->path,
		(unsigned long long)interval_s);
}

void qmp_undo(const struct qmp *q, char *text, size_t size)
{
	int n = -1;

	if (q->interval_known && q->path)
		n = snprintf(text, size, INTERVAL_FMT, q->path, (unsigned long long)q->found_s);
	if (n < 0 || (size_t)n >= size)
		text[0] = '\0';
}

void qmp_interval_found(struct qmp *q, uint64_t found_s, uint64_t now_us)
{
	/* after a reconnect to the same QEMU it finds what we set ourselves */
	if (!q->interval_known) {
		q->found_s = found_s == QMP_FAST_POLL_S ? 0 : found_s;
		/* nobody else sets this interval: a ballonetd died in the middle of a squeeze */
		q->conn.facts.leftover = found_s == QMP_FAST_POLL_S;
	}
	q->interval_known = true;
	q->set_s = found_s;
	if (!q->conn.removed)
		qmp_set_interval(q, calm_s(q), now_us);
}

static void toggle(struct qmp *q, uint64_t now_us)
{
	qmp_ask_text(q, CMD_STATS, q->ask_stats, now_us);
	qmp_set_interval(q, 0, now_us);
	qmp_set_interval(q, QMP_FAST_POLL_S, now_us);
	q->toggle_s = wall_s(q);
	q->ask_us = now_us + FRESH_FIRST_US;
	q->ask_wait_us = FRESH_FIRST_US;
}

static void end_refresh(struct qmp *q, uint64_t now_us)
{
	q->refreshing = false;
	q->polling = false;
	if (q->calm_wanted)
		qmp_set_interval(q, calm_s(q), now_us);
	q->calm_wanted = false;
	conn_emit(&q->conn, VMM_EVENT_STATS);
}

void qmp_stats_read(struct qmp *q, const struct qmp_stats *stats, uint64_t asked_us,
		    uint64_t now_us)
{
	const struct guest_stats *facts = &q->conn.facts.stats;

	confirm_actual(q, asked_us);
	if (stats)
		take(q, stats, asked_us, now_us);
	if (q->refreshing) {
		if (!stats || (facts->known && facts->taken_us >= q->refresh_us))
			end_refresh(q, now_us);
	} else if (q->polling) {
		q->polling = false;
		conn_emit(&q->conn, VMM_EVENT_STATS);
	}
}

void qmp_poll(struct qmp *q, uint64_t now_us)
{
	q->polling = true;
	if (!q->refreshing && !qmp_in_flight(q, CMD_STATS))
		qmp_ask_text(q, CMD_STATS, q->ask_stats, now_us);
}

void qmp_refresh(struct qmp *q, uint64_t now_us)
{
	q->calm_wanted = false;
	if (q->refreshing)
		return;
	if (q->set_s != QMP_FAST_POLL_S) /* memory may have been plugged since the last time */
		qmp_ask_text(q, CMD_MEMORY, "{\"execute\":\"query-memory-size-summary\"}\n",
			     now_us);
	q->refreshing = true;
	q->refresh_us = now_us;
	toggle(q, now_us);
}

void qmp_calm(struct qmp *q, uint64_t now_us)
{
	q->calm_wanted = q->refreshing;
	if (!q->refreshing)
		qmp_set_interval(q, calm_s(q), now_us);
}

uint64_t qmp_refresh_due(const struct qmp *q)
{
	return q->refreshing ? u64_min(q->ask_us, q->refresh_us + FRESH_MAX_US) : DUE_NEVER;
}

void qmp_refresh_go_on(struct qmp *q, uint64_t now_us)
{
	uint64_t second_us = USEC_PER_SEC - vmm_wall_us(q->conn.vmm) % USEC_PER_SEC;

	if (now_us >= q->refresh_us + FRESH_MAX_US) {
		end_refresh(q, now_us);
		return;
	}
	if (qmp_in_flight(q, CMD_STATS)) { /* QEMU is slower than the guest */
		q->ask_us = now_us + q->ask_wait_us;
		return;
	}
	if (wall_s(q) != q->toggle_s) {
		toggle(q, now_us);
		return;
	}
	qmp_ask_text(q, CMD_ACTUAL, "{\"execute\":\"query-balloon\"}\n", now_us);
	qmp_ask_text(q, CMD_STATS, q->ask_stats, now_us);
	q->ask_wait_us = u64_min(2 * q->ask_wait_us, FRESH_WAIT_MAX_US);
	q->ask_us = now_us + u64_min(q->ask_wait_us, second_us);
}
