/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clock.h - the time
 *
 * Layer: base.
 * In:    nothing.
 * Out:   microseconds.
 */
#ifndef BALLONET_BASE_CLOCK_H
#define BALLONET_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* What @clock says, in microseconds. */
static inline uint64_t clock_us(clockid_t clock)
{
	struct timespec t = { 0 };

	(void)clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* The time that all of the project counts in: CLOCK_MONOTONIC, in microseconds. */
static inline uint64_t monotonic_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

#endif
