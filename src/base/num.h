/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * num.h - unsigned 64-bit arithmetic that saturates instead of wrapping
 *
 * Layer: base.
 * In:    any two u64.
 * Out:   the result, held within [0, 2^64-1].
 *
 * Peers send 2^64-1 for "unknown" and daemons subtract figures taken at
 * different times: neither may ever turn a small number into a huge one.
 */
#ifndef BALLONET_BASE_NUM_H
#define BALLONET_BASE_NUM_H

#include <stdint.h>

#define KIB UINT64_C(1024)
#define MIB (UINT64_C(1024) * KIB)
#define GIB (UINT64_C(1024) * MIB)

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC UINT64_C(1000000)
#define PPM UINT64_C(1000000)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static inline uint64_t u64_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static inline uint64_t u64_max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* @v held within [@lo, @hi]; @lo wins where they cross. */
static inline uint64_t u64_clamp(uint64_t v, uint64_t lo, uint64_t hi)
{
	return u64_max(u64_min(v, hi), lo);
}

static inline uint64_t u64_add_sat(uint64_t a, uint64_t b)
{
	uint64_t r;

	return __builtin_add_overflow(a, b, &r) ? UINT64_MAX : r;
}

static inline uint64_t u64_sub_sat(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static inline uint64_t u64_mul_sat(uint64_t a, uint64_t b)
{
	uint64_t r;

	return __builtin_mul_overflow(a, b, &r) ? UINT64_MAX : r;
}

/* @v times @ppm millionths, rounded down, without overflow on the way. */
static inline uint64_t u64_ppm(uint64_t v, uint64_t ppm)
{
	return u64_add_sat(u64_mul_sat(v / PPM, ppm), u64_mul_sat(v % PPM, ppm) / PPM);
}

/* @part of @whole in millionths, at most 1000000; a @whole of 0 counts as all. */
static inline uint64_t u64_share_ppm(uint64_t part, uint64_t whole)
{
	if (part >= whole)
		return PPM;
	if (whole > UINT64_MAX / PPM)
		return part / (whole / PPM);
	return part * PPM / whole;
}

#endif
