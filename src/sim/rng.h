/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rng.h - random numbers that depend on a seed only
 *
 * Layer: sim.
 * In:    a seed.
 * Out:   the same numbers on every machine.
 *
 * xoshiro256** by D. Blackman and S. Vigna ("Scrambled Linear Pseudorandom Number Generators",
 * ACM TOMS 47, 2021), its state filled by splitmix64 (G. Steele, D. Lea, C. Flood, "Fast
 * Splittable Pseudorandom Number Generators", OOPSLA 2014), as its authors advise.
 */
#ifndef BALLONET_SIM_RNG_H
#define BALLONET_SIM_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
	uint64_t s[4];
};

void rng_seed(struct rng *r, uint64_t seed);

/* 64 random bits. */
uint64_t rng_next(struct rng *r);

/* A number within [@lo, @hi], every one as likely as any other (to within @hi - @lo in 2^64). */
uint64_t rng_within(struct rng *r, uint64_t lo, uint64_t hi);

/* True in @ppm of a million calls. */
bool rng_chance(struct rng *r, uint64_t ppm);

/*
 * A time until the next of events that come independently, @mean_us apart: exponential, from 0 to
 * about 11 times the mean (the logarithm is told to 1/64 of a bit, without floating point).
 */
uint64_t rng_wait(struct rng *r, uint64_t mean_us);

#endif
