/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keeper_client.c - what clients of the control socket see of the keeper, and ask of it
 *
 * Layer: device.
 * In:    commands; the keeper's state; the worker's news.
 * Out:   lines to all clients; targets to the guest.
 */
#include "device/keeper_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"

/* Between two tellings of the state: an inflate changes it 200 times a second. */
#define TELL_EVERY_US (20 * USEC_PER_MSEC)

#define LINE_MAX_B 1024

void keeper_changed(struct keeper *k)
{
	k->tell_us = u64_min(k->tell_us, k->told_us + TELL_EVERY_US);
}

bool keeper_has(const struct keeper *k, unsigned int feature)
{
	return k->front.features >> feature & 1;
}

void keeper_set_target(struct keeper *k, uint64_t pages, uint64_t lease_us)
{
	uint32_t before = front_config(&k->front, BALLOON_CONFIG_NUM_PAGES);

	k->lease_us = lease_us;
	if (before == pages)
		return;
	front_set_config(&k->front, BALLOON_CONFIG_NUM_PAGES, (uint32_t)pages);
	(void)front_tell_config(&k->front); /* without a front end it reads it when it comes */
	keeper_changed(k);
}

void keeper_set_press(struct keeper *k, uint32_t pages, uint32_t id)
{
	front_set_config(&k->front, BALLOON_CONFIG_PRESS_PAGES, pages);
	front_set_config(&k->front, BALLOON_CONFIG_PRESS_SEQ, id);
	(void)front_tell_config(&k->front);
	keeper_changed(k);
}

void keeper_tell_state(struct keeper *k)
{
	const struct shared *s = k->shared;
	const struct front *f = &k->front;
	uint64_t now = monotonic_us();
	char line[LINE_MAX_B];

	k->tell_us = KEEPER_NEVER;
	k->told_us = now;
	k->told_pressed = front_config(f, BALLOON_CONFIG_PRESSED_SEQ);
	(void)snprintf(
		line, sizeof(line),
		"state front=%d pid=%d driver=%d broken=%d features=0x%" PRIx64 " ram_b=%" PRIu64
		" resident_b=%" PRIu64 " target_b=%" PRIu64 " balloon_b=%" PRIu64
		" lease_ms=%" PRIu64
		" boots=%u restarts=%u worker=%d press_seq=%u pressed_seq=%u pressed_b=%" PRIu64
		" inflated_b=%" PRIu64 " deflated_b=%" PRIu64 " reported_b=%" PRIu64
		" punched_b=%" PRIu64 " freed_b=%" PRIu64 " punches=%" PRIu64 " splits=%" PRIu64
		" ignored=%" PRIu64 " errors=%" PRIu64 "\n",
		f->sock >= 0, (int)k->front_pid, f->sock >= 0 && front_any_ready(&k->front),
		k->broken, f->features, guestmem_size_b(&f->mem), guestmem_resident_b(&f->mem),
		(uint64_t)front_config(f, BALLOON_CONFIG_NUM_PAGES) << BALLOON_PFN_SHIFT,
		(uint64_t)front_config(f, BALLOON_CONFIG_ACTUAL) << BALLOON_PFN_SHIFT,
		k->lease_us == KEEPER_NEVER ? 0 : u64_sub_sat(k->lease_us, now) / 1000, k->boots,
		k->restarts, (int)k->pid, front_config(f, BALLOON_CONFIG_PRESS_SEQ),
		front_config(f, BALLOON_CONFIG_PRESSED_SEQ),
		(uint64_t)front_config(f, BALLOON_CONFIG_PRESSED_PAGES) << BALLOON_PFN_SHIFT,
		s->inflated_pages << BALLOON_PFN_SHIFT, s->deflated_pages << BALLOON_PFN_SHIFT,
		s->reported_b, s->unback.punched_b, s->unback.freed_b, s->unback.punches,
		s->unback.splits, s->ignored, s->unback.errors);
	control_tell(&k->control, line);
}

void keeper_tell_stats(struct keeper *k)
{
	uint32_t seq = __atomic_load_n(&k->shared->stats_seq, __ATOMIC_ACQUIRE);
	const struct device_stats *st = &k->shared->stats[seq % 2];
	char line[LINE_MAX_B];
	size_t at;
	unsigned int i;

	if (seq == k->told_seq)
		return;
	k->told_seq = seq;
	at = (size_t)snprintf(line, sizeof(line), "stats seq=%u taken_us=%" PRIu64, seq,
			      st->taken_us);
	for (i = 0; i < BALLOON_STAT_COUNT; i++) /* 16 times 24 bytes: always fits */
		if (st->known >> i & 1)
			at += (size_t)snprintf(line + at, sizeof(line) - at, " %u=%" PRIu64, i,
					       st->tag[i]);
	(void)snprintf(line + at, sizeof(line) - at, "\n");
	control_tell(&k->control, line);
}

static void ring_bell(int fd)
{
	uint64_t one = 1;
	ssize_t ignored = write(fd, &one, sizeof(one));

	(void)ignored; /* full means that it has rung */
}

static const char *do_balloon(struct keeper *k, const struct control_command *cmd)
{
	uint64_t pages = cmd->bytes >> BALLOON_PFN_SHIFT;

	if (cmd->bytes > guestmem_size_b(&k->front.mem))
		return "that is more than the guest has";
	keeper_set_target(k, pages,
			  pages ? monotonic_us() + cmd->lease_s * USEC_PER_SEC : KEEPER_NEVER);
	keeper_changed(k); /* an answer also where it is what it was */
	return NULL;
}

static const char *do_press(struct keeper *k, const struct control_command *cmd)
{
	uint32_t id = front_config(&k->front, BALLOON_CONFIG_PRESS_SEQ) + 1;

	if (cmd->bytes && !keeper_has(k, BALLOON_F_PRESS))
		return "the guest's driver cannot press";
	if (cmd->bytes > guestmem_size_b(&k->front.mem))
		return "that is more than the guest has";
	if (cmd->bytes == 0)
		keeper_set_press(k, 0, 0);
	else
		keeper_set_press(k, (uint32_t)(cmd->bytes >> BALLOON_PFN_SHIFT), id ? id : 1);
	return NULL;
}

const char *keeper_on_command(void *userdata, const struct control_command *cmd)
{
	struct keeper *k = userdata;

	switch (cmd->verb) {
	case CONTROL_BALLOON:
		return do_balloon(k, cmd);
	case CONTROL_PRESS:
		return do_press(k, cmd);
	case CONTROL_STATS:
		/* a worker that is about to start serves it as well */
		if (k->broken || !front_any_ready(&k->front) || !keeper_has(k, BALLOON_F_STATS_VQ))
			return "no driver sends statistics";
		__atomic_add_fetch(&k->shared->stats_wanted, 1, __ATOMIC_RELEASE);
		ring_bell(k->doorbell);
		return NULL;
	case CONTROL_STATE:
		k->tell_us = 0;
		return NULL;
	}
	return NULL;
}
