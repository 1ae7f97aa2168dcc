/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qemu_fresh.c - a guest's statistics, and how old they are
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
#include "vmm/qemu.h"

#include <string.h>

/* Median of an answer under TCG is 4.4 ms, p90 8.7 ms; under KVM less than 1. */
#define FRESH_FIRST_US (3 * USEC_PER_MSEC)
#define FRESH_WAIT_MAX_US (100 * USEC_PER_MSEC)
/* QEMU tells of a balloon that changes by itself, and of another change this much later at most
 * (QMP reference, BALLOON_CHANGE: events are rate-limited). */
#define EVENT_PAUSE_US USEC_PER_SEC
/* The second has to end (1 s at most), then a slow guest has 0.5 s to answer in the next. */
#define FRESH_MAX_US (1500 * USEC_PER_MSEC)

static uint64_t wall_s(const struct qemu *q)
{
	return conn_wall_us(&q->conn) / USEC_PER_SEC;
}

/* When wall clock second @s began, by the caller's clock; 0 where it is still to come. */
static uint64_t second_began_us(const struct qemu *q, uint64_t s, uint64_t now_us)
{
	uint64_t wall_us = conn_wall_us(&q->conn);
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

static void take(struct qemu *q, const struct qmp_stats *stats, uint64_t asked_us, uint64_t now_us)
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
static void confirm_actual(struct qemu *q, uint64_t asked_us)
{
	struct fact *actual = &q->conn.facts.actual_b;

	if (actual->known && !q->all_wanted)
		actual->taken_us = u64_max(actual->taken_us, u64_sub_sat(asked_us, EVENT_PAUSE_US));
}

/* The interval while a VM is calm: as it was found, or ours where that was 0. */
static uint64_t calm_s(const struct qemu *q)
{
	return q->found_s ? q->found_s : conn_poll_s(&q->conn);
}

void qemu_set_interval(struct qemu *q, uint64_t interval_s, uint64_t now_us)
{
	char arguments[6 * QEMU_DEVICE_NAME_MAX + 256]; /* each byte of the name as \u0000 */

	if (!q->interval_known || !q->path || q->set_s == interval_s ||
	    qmp_cmd_interval(q->path, interval_s, arguments, sizeof(arguments)) < 0)
		return;
	q->set_s = interval_s;
	qmp_ask_interval(&q->qmp, arguments, now_us);
}

void qemu_undo(const struct qemu *q, char *text, size_t size)
{
	if (!q->interval_known || !q->path || qmp_cmd_interval(q->path, q->found_s, text, size) < 0)
		text[0] = '\0';
}

void qemu_interval_found(struct qemu *q, uint64_t found_s, uint64_t now_us)
{
	/* after a reconnect to the same QEMU it finds what we set ourselves */
	if (!q->interval_known) {
		q->found_s = found_s == QEMU_FAST_POLL_S ? 0 : found_s;
		/* nobody else sets this interval: a ballonetd died in the middle of a squeeze */
		q->conn.facts.leftover = found_s == QEMU_FAST_POLL_S;
	}
	q->interval_known = true;
	q->set_s = found_s;
	if (!q->conn.removed)
		qemu_set_interval(q, calm_s(q), now_us);
}

/* A QEMU that has not even answered the last toggle is asked for no more than it answers. */
static bool is_behind(const struct qemu *q)
{
	return qmp_in_flight(&q->qmp, QMP_SET_INTERVAL) > 1;
}

static void toggle(struct qemu *q, uint64_t now_us)
{
	qmp_ask_get(&q->qmp, QMP_STATS, q->path, now_us);
	qemu_set_interval(q, 0, now_us);
	qemu_set_interval(q, QEMU_FAST_POLL_S, now_us);
	q->toggle_s = wall_s(q);
	q->ask_us = now_us + FRESH_FIRST_US;
	q->ask_wait_us = FRESH_FIRST_US;
}

static void end_refresh(struct qemu *q, uint64_t now_us)
{
	q->refreshing = false;
	q->polling = false;
	if (q->calm_wanted)
		qemu_set_interval(q, calm_s(q), now_us);
	q->calm_wanted = false;
	conn_emit(&q->conn, VMM_EVENT_STATS);
}

void qemu_stats_read(struct qemu *q, const struct qmp_stats *stats, uint64_t asked_us,
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

void qemu_ask_size(struct qemu *q, uint64_t now_us)
{
	const struct vm_facts *facts = &q->conn.facts;
	bool shown = facts->actual_b.known && facts->actual_b.value < facts->ram_b.value;

	if (!(q->size_doubted || shown) || qmp_in_flight(&q->qmp, QMP_ACTUAL))
		return;
	if (q->size_doubted)
		qmp_ask(&q->qmp, QMP_MEMORY, now_us);
	q->size_doubted = false;
	qmp_ask(&q->qmp, QMP_ACTUAL, now_us);
}

void qemu_poll(struct qemu *q, uint64_t now_us)
{
	qemu_ask_size(q, now_us);
	q->polling = true;
	if (!q->refreshing && !qmp_in_flight(&q->qmp, QMP_STATS))
		qmp_ask_get(&q->qmp, QMP_STATS, q->path, now_us);
}

void qemu_refresh(struct qemu *q, uint64_t now_us)
{
	q->calm_wanted = false;
	if (q->refreshing)
		return;
	qemu_ask_size(q, now_us);
	if (q->set_s != QEMU_FAST_POLL_S) /* memory may have been plugged since the last time */
		qmp_ask(&q->qmp, QMP_MEMORY, now_us);
	q->refreshing = true;
	q->refresh_us = now_us;
	if (!is_behind(q)) {
		toggle(q, now_us);
		return;
	}
	q->toggle_s = 0; /* once it has caught up */
	q->ask_us = now_us + FRESH_FIRST_US;
	q->ask_wait_us = FRESH_FIRST_US;
}

void qemu_calm(struct qemu *q, uint64_t now_us)
{
	q->calm_wanted = q->refreshing;
	if (!q->refreshing)
		qemu_set_interval(q, calm_s(q), now_us);
}

uint64_t qemu_refresh_due(const struct qemu *q)
{
	return q->refreshing ? u64_min(q->ask_us, q->refresh_us + FRESH_MAX_US) : DUE_NEVER;
}

void qemu_refresh_go_on(struct qemu *q, uint64_t now_us)
{
	uint64_t second_us = USEC_PER_SEC - conn_wall_us(&q->conn) % USEC_PER_SEC;

	if (now_us >= q->refresh_us + FRESH_MAX_US) {
		end_refresh(q, now_us);
		return;
	}
	if (is_behind(q) || qmp_in_flight(&q->qmp, QMP_STATS)) {
		q->ask_us = now_us + q->ask_wait_us;
		return;
	}
	if (wall_s(q) != q->toggle_s) {
		toggle(q, now_us);
		return;
	}
	qmp_ask(&q->qmp, QMP_ACTUAL, now_us);
	qmp_ask_get(&q->qmp, QMP_STATS, q->path, now_us);
	q->ask_wait_us = u64_min(2 * q->ask_wait_us, FRESH_WAIT_MAX_US);
	q->ask_us = now_us + u64_min(q->ask_wait_us, second_us);
}
