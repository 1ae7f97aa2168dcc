/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest_work.c - how much of its work a model guest's application gets done, and what inflating
 * costs
 *
 * Layer: sim.
 * In:    what of its data is cached, what its balloon takes, how busy its processors are.
 * Out:   time worked and time lost; processor time that inflating took.
 *
 * Nothing here moves memory.
 */
#include "sim/guest.h"

#include "base/num.h"

/*
 * A PostgreSQL guest under software emulation, of whose page cache half was pressed, ran at 0.61 of
 * its twin's throughput in the first 10 s and at 0.70 over a minute (measured, one pair): with all
 * of its data evicted an operation takes 2.3 times as long.
 */
#define COLD_COSTS_PPM (1300 * UINT64_C(1000))
/* A processor of the guest's allocates, and a thread of the hypervisor's gives pages back. */
#define INFLATE_WORKERS 2
/* Of a busy guest a balloon got 25 to 40 MiB/s instead of 130 (measured, software emulation). */
#define BUSY_SLOWS_PPM (750 * UINT64_C(1000))
/* An application that did nothing for this long wakes, and this is the time after that. */
#define RESTED_US (60 * USEC_PER_SEC)
#define FIRST_US (10 * USEC_PER_SEC)

uint64_t guest_work(struct guest *g, uint64_t size_b, uint64_t span_us)
{
	uint64_t missing_b = u64_sub_sat(size_b, g->file[FILE_DATA].cached_b);
	uint64_t longer_ppm = u64_ppm(u64_share_ppm(missing_b, u64_max(size_b, 1)), COLD_COSTS_PPM);
	uint64_t lost_us = u64_ppm(span_us, u64_share_ppm(longer_ppm, PPM + longer_ppm));

	if (!g->working_us || g->now_us - g->working_us >= RESTED_US)
		g->woken_us = g->now_us;
	g->working_us = g->now_us;
	g->work.work_us += span_us;
	g->work.lost_us += lost_us;
	if (g->now_us - g->woken_us < FIRST_US) {
		g->work.first_us += span_us;
		g->work.first_lost_us += lost_us;
	}
	return lost_us;
}

void guest_charge(struct guest *g, uint64_t size_b)
{
	uint64_t cost_us = u64_mul_sat(size_b / 4096, g->spec.inflate_cost_us) / (GIB / 4096);
	uint64_t taken_us = u64_ppm(cost_us, u64_min(g->busy_ppm, PPM));

	g->work.balloon_us += cost_us;
	g->work.shown_us += cost_us - taken_us;
	g->work.lost_us += taken_us / u64_max(g->spec.vcpus, 1);
}

uint64_t guest_inflate_rate(const struct guest *g)
{
	uint64_t rate_b = g->spec.inflate_rate_b;

	if (g->spec.inflate_cost_us)
		rate_b = u64_min(rate_b,
				 INFLATE_WORKERS * GIB * USEC_PER_SEC / g->spec.inflate_cost_us);
	return rate_b - u64_ppm(u64_ppm(rate_b, BUSY_SLOWS_PPM), u64_min(g->busy_ppm, PPM));
}
