/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * headroom.c - how much memory could be freed, and how soon
 *
 * Layer: policy (pure).
 * In:    what VMs offer, and what squeezes of this host taught.
 * Out:   bytes within 1, 10 and 60 s; the answer to a reservation.
 *
 * Until a host has squeezed often enough, it is assumed to be slow and to free
 * half of what is expected.
 */
#include "policy/headroom.h"

#include "base/num.h"

#include <stdbool.h>

/* Squeezes that are enough to learn from: of twenty one may stay below what is promised. */
#define LEARNED_MIN 20
/* Before that: half of what is expected, at half of what guests under emulation gave (128 MiB/s).
 */
#define SHARE_FIRST_PPM (PPM / 2)
#define RATE_FIRST_B (64 * MIB)

const uint64_t headroom_within_us[HEADROOM_COUNT] = {
	[HEADROOM_1S] = 1 * USEC_PER_SEC,
	[HEADROOM_10S] = 10 * USEC_PER_SEC,
	[HEADROOM_60S] = 60 * USEC_PER_SEC,
};

/* The one of @n classes below which no more than one in twenty of @all that were counted lies. */
static size_t twentieth(const uint64_t *count, size_t n, uint64_t all)
{
	uint64_t below = 0;
	size_t i = 0;

	while (i + 1 < n && below + count[i] <= all / LEARNED_MIN)
		below += count[i++];
	return i;
}

/* Bytes that all VMs together free per second. */
static uint64_t rate_of_all(const struct headroom *room)
{
	return u64_max(u64_mul_sat(room->rate_b, room->at_once), MIB);
}

void headroom_find(const struct host_history *host, uint64_t at_once, struct headroom *ret)
{
	struct headroom room = { .share_ppm = SHARE_FIRST_PPM,
				 .rate_b = RATE_FIRST_B,
				 .at_once = at_once };
	uint64_t sure_b;
	size_t i;

	for (i = 0; i < PRICE_CLASSES; i++)
		room.offered_b = u64_add_sat(room.offered_b, host->offer_b[i]);
	for (i = 0; i < LEARN_SHARES; i++)
		room.squeezes += host->shares[i];
	if (room.squeezes >= LEARNED_MIN) {
		room.share_ppm = twentieth(host->shares, LEARN_SHARES, room.squeezes) * PPM /
				 (LEARN_SHARES - 1);
		room.rate_b = MIB << twentieth(host->rates, LEARN_RATES, room.squeezes);
	}
	sure_b = u64_ppm(room.offered_b, room.share_ppm);
	for (i = 0; i < HEADROOM_COUNT; i++)
		room.b[i] = u64_min(sure_b, u64_mul_sat(rate_of_all(&room),
							headroom_within_us[i] / USEC_PER_SEC));
	*ret = room;
}

/* How long it takes to free @bytes, rounded up. */
static uint64_t time_to_free(const struct headroom *room, uint64_t bytes)
{
	uint64_t per_ms = u64_max(rate_of_all(room) / 1000, 1);

	return u64_mul_sat(bytes / per_ms + 1, USEC_PER_MSEC);
}

void headroom_reserve(const struct settings *s, const struct host_facts *facts,
		      const struct headroom *room, uint64_t size_b, uint64_t within_us,
		      struct reservation_answer *ret)
{
	uint64_t never_b = u64_ppm(facts->total_b.value, s->host_short_ppm);
	uint64_t taken_b = u64_add_sat(never_b, facts->reserved_b);
	uint64_t sure_b = u64_ppm(room->offered_b, room->share_ppm);

	*ret = (struct reservation_answer){ .answer = RESERVE_YES };
	if (!facts->total_b.known || !facts->available_b.known) {
		ret->answer = RESERVE_UNKNOWN;
		return;
	}
	if (size_b > u64_sub_sat(facts->total_b.value, never_b)) {
		ret->answer = RESERVE_TOO_LARGE;
		return;
	}
	/* memory that others were promised has to be there first */
	ret->to_free_b = u64_sub_sat(u64_add_sat(size_b, taken_b), facts->available_b.value);
	if (ret->to_free_b == 0)
		return;
	if (ret->to_free_b > sure_b) {
		ret->answer = RESERVE_NO;
		ret->missing_b = ret->to_free_b - sure_b;
		return;
	}
	ret->within_us = time_to_free(room, ret->to_free_b);
	ret->answer = ret->within_us <= within_us ? RESERVE_WHEN : RESERVE_LATE;
}
