/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arbiter.c - who gives when the host is short, how much, and at which price
 *
 * Layer: policy (pure).
 * In:    the host's figures; what each VM offers and at which price.
 * Out:   one decision for the host, from which each VM tells its part.
 *
 * The host is short below one threshold and well above a higher one, so that
 * memory just freed does not end the shortage at once. Balloons are held in
 * between. They are released in the order in which they were taken: the cheap
 * ones first, because their guests will not fill them at once.
 */
#include "policy/arbiter.h"

#include "base/num.h"

/* All VMs are asked anew what they have this often while there is not enough. */
#define HURRY_US USEC_PER_SEC
/* A pressure trigger speaks for as long as its own window. */
#define PRESSURE_US (2 * USEC_PER_SEC)
/* One more class of held balloons goes back every so often, while the host stays well. */
#define GIVE_BACK_US USEC_PER_SEC
/* So many times what makes the host well is plenty: nobody looks ahead from there. */
#define PLENTY 3
/* Less is not worth the disturbance: who has less offers nothing, who is asked for less gives this.
 */
#define ASK_MIN_B (4 * MIB)

void arbiter_init(struct host_history *host)
{
	*host = (struct host_history){ 0 };
}

/* Sums wrap: after what was added is taken away they are what they were, whatever it was. */
void arbiter_offer(struct host_history *host, struct history *h, const struct offer *now)
{
	const struct offer *was = &h->offer;

	host->offer_b[0] -= was->stale_b;
	host->offer_b[was->cold_class] -= was->cold_b;
	host->held_b[was->held_class] -= was->held_b;
	host->coming_b -= was->coming_b;

	h->offer = *now;
	h->offer.stale_b = now->stale_b < ASK_MIN_B ? 0 : now->stale_b;
	h->offer.cold_b = now->cold_b < ASK_MIN_B ? 0 : now->cold_b;
	host->offer_b[0] += h->offer.stale_b;
	host->offer_b[now->cold_class] += h->offer.cold_b;
	host->held_b[now->held_class] += now->held_b;
	host->coming_b += now->coming_b;
}

uint64_t arbiter_class(uint64_t back_ppm, uint64_t shares)
{
	uint64_t dear_ppm = u64_mul_sat(back_ppm, shares) / 100;

	return 1 + u64_ppm(PRICE_CLASSES - 2, u64_min(dear_ppm, PPM));
}

static uint64_t sum(const uint64_t b[PRICE_CLASSES])
{
	uint64_t all_b = 0;
	size_t i;

	for (i = 0; i < PRICE_CLASSES; i++)
		all_b = u64_add_sat(all_b, b[i]);
	return all_b;
}

/*
 * What will be gone before VMs that are asked now have given: where there is no
 * plenty, memory that falls is taken to fall on for half of the time they have.
 */
static uint64_t fall_ahead(const struct settings *s, const struct host_facts *facts,
			   uint64_t spare_b, uint64_t well_b)
{
	uint64_t half_ms = s->free_within_us / 2 / USEC_PER_MSEC;

	if (spare_b >= PLENTY * well_b)
		return 0;
	return u64_min(u64_mul_sat(facts->fall_b / 1000, half_ms), spare_b);
}

/* Enters and leaves the shortage. */
static void decide_host(const struct settings *s, const struct host_facts *facts, uint64_t now_us,
			struct host_history *host, struct host_decision *d)
{
	uint64_t short_b = u64_ppm(facts->total_b.value, s->host_short_ppm);
	uint64_t well_b = u64_ppm(facts->total_b.value, s->host_well_ppm);
	uint64_t spare_b = u64_sub_sat(facts->available_b.value, facts->reserved_b);
	uint64_t ahead_b = fall_ahead(s, facts, spare_b, well_b);
	bool pressed = facts->pressure_us && now_us <= facts->pressure_us + PRESSURE_US;
	bool falls = spare_b - ahead_b < short_b;

	if (falls && ahead_b) {
		host->fell_us = now_us;
		host->fell_b = ahead_b;
	}
	/* it is not well yet because it fell a little less for a moment */
	if (host->fell_us && now_us >= u64_add_sat(host->fell_us, s->free_within_us))
		host->fell_us = host->fell_b = 0;
	if (host->short_since_us) {
		if (spare_b >= well_b && host->fell_us == 0) {
			host->short_since_us = 0;
			host->well_since_us = now_us;
		}
	} else if (falls || (pressed && spare_b < well_b)) {
		host->short_since_us = now_us;
		host->well_since_us = 0;
		host->hurried_us = 0;
	}
	if (!host->short_since_us)
		return;
	d->want_b = u64_add_sat(u64_add_sat(well_b, host->fell_b), facts->reserved_b);
	d->deadline_us = host->short_since_us + s->free_within_us;
	/* what is short for a reservation's sake alone has the time that this has */
	if (facts->reserved_by_us && facts->available_b.value >= well_b)
		d->deadline_us = u64_max(d->deadline_us, facts->reserved_by_us);
}

/*
 * The lowest price at which what is offered covers the need. When half of the time is over, twice
 * as much is asked for: some of those who were asked do not give, or not in time.
 */
static void clear(const struct settings *s, const struct host_history *host, uint64_t now_us,
		  struct host_decision *d)
{
	bool late = now_us + s->free_within_us / 2 >= d->deadline_us;
	uint64_t left_b = late ? u64_mul_sat(d->need_b, 2) : d->need_b;

	if (left_b == 0)
		return; /* nothing is asked for: price and part are 0 */
	for (d->price = 0; d->price < PRICE_CLASSES; d->price++) {
		uint64_t offer_b = host->offer_b[d->price];

		if (left_b <= offer_b) {
			d->part_ppm = u64_max(u64_share_ppm(left_b, offer_b), 1);
			return;
		}
		left_b -= offer_b;
	}
	d->part_ppm = PPM;
}

void arbiter_decide(const struct settings *s, const struct host_facts *facts, uint64_t now_us,
		    struct host_history *host, struct host_decision *ret)
{
	struct host_decision d = {
		.reason = REASON_HOST_WELL,
		.coming_b = host->coming_b,
		.offered_b = sum(host->offer_b),
		.held_b = sum(host->held_b),
		.give_back = PRICE_CLASSES,
	};
	bool served;

	*ret = d;
	if (!facts->total_b.known || !facts->available_b.known) {
		host->short_since_us = 0;
		ret->reason = REASON_HOST_UNKNOWN;
		return;
	}
	decide_host(s, facts, now_us, host, &d);
	if (host->short_since_us) {
		d.give_back = 0;
		d.need_b = u64_sub_sat(d.want_b,
				       u64_add_sat(facts->available_b.value, host->coming_b));
		clear(s, host, now_us, &d);
		served = d.offered_b >= d.need_b || d.need_b < ASK_MIN_B;
		d.reason = served ? REASON_HOST_SHORT : REASON_HOST_UNSERVED;
		d.hurry = d.need_b > 0 && now_us >= u64_add_sat(host->hurried_us, HURRY_US);
		if (d.hurry)
			host->hurried_us = now_us;
	} else if (d.held_b) {
		d.reason = REASON_HOST_GIVES_BACK;
		d.give_back =
			u64_min(1 + (now_us - host->well_since_us) / GIVE_BACK_US, PRICE_CLASSES);
	}
	*ret = d;
}

/* What of @offer_b, of class @class, is asked for at the price of @d. */
static uint64_t part(const struct host_decision *d, uint64_t offer_b, uint64_t class)
{
	if (class < d->price)
		return offer_b;
	if (class > d->price)
		return 0;
	return u64_min(u64_max(u64_ppm(offer_b, d->part_ppm), ASK_MIN_B), offer_b);
}

uint64_t arbiter_asks(const struct host_history *host, const struct host_decision *d,
		      const struct offer *offer)
{
	if (u64_sub_sat(host->coming_b, d->coming_b) >= d->need_b)
		return 0; /* others of this tick give it already */
	return u64_add_sat(part(d, offer->stale_b, 0), part(d, offer->cold_b, offer->cold_class));
}

/* The class of a rate: i from 2^i MiB/s on. */
static size_t rate_class(uint64_t rate_b)
{
	size_t i = 0;

	while (i + 1 < LEARN_RATES && rate_b >= (2 * MIB) << i)
		i++;
	return i;
}

void arbiter_learn(struct host_history *host, uint64_t expected_b, uint64_t freed_b,
		   uint64_t span_us)
{
	uint64_t sixteenths = u64_ppm(LEARN_SHARES - 1, u64_share_ppm(freed_b, expected_b));

	host->shares[sixteenths]++;
	host->rates[rate_class(u64_mul_sat(freed_b, USEC_PER_SEC) / u64_max(span_us, 1))]++;
}
