/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rng.c - random numbers that depend on a seed only
 *
 * Layer: sim.
 * In:    a seed.
 * Out:   the same numbers on every machine.
 *
 * No floating point: compilers differ in it, and a seed must give the same world
 * everywhere.
 */
#include "sim/rng.h"

#include "base/num.h"

static uint64_t rotate(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

void rng_seed(struct rng *r, uint64_t seed)
{
	int i;

	for (i = 0; i < 4; i++)
		r->s[i] = splitmix64(&seed);
}

uint64_t rng_next(struct rng *r)
{
	uint64_t *s = r->s;
	uint64_t result = rotate(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

uint64_t rng_within(struct rng *r, uint64_t lo, uint64_t hi)
{
	uint64_t span = hi - lo + 1;

	return span ? lo + rng_next(r) % span : rng_next(r);
}

bool rng_chance(struct rng *r, uint64_t ppm)
{
	return rng_next(r) % PPM < ppm;
}

/* log2 of @x > 0 in 64ths of a bit: log2(1 + m) is about m + 0.344 m (1 - m) within [0, 1]. */
static uint64_t log2_64ths(uint64_t x)
{
	unsigned int top = 63 - (unsigned int)__builtin_clzll(x);
	uint64_t below = top >= 6 ? x >> (top - 6) : x << (6 - top);
	uint64_t m = below & 63;

	return top * UINT64_C(64) + m + m * (64 - m) * 22 / 4096;
}

uint64_t rng_wait(struct rng *r, uint64_t mean_us)
{
	/* -ln(u) for u in (0, 1]: u has 16 random bits, ln 2 is 0.6931 */
	uint64_t u = (rng_next(r) & 0xffff) + 1;
	uint64_t minus_log2 = 16 * 64 - log2_64ths(u);

	return u64_ppm(u64_mul_sat(mean_us, minus_log2) / 64, 693147);
}
