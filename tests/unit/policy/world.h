/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * world.h - one VM with a guest simple enough to reason about, and its clock
 *
 * In:    what a test says of it.
 * Out:   decisions of the real policy.
 *
 * A test builds a calm 1 GiB guest, changes the one thing that it is about,
 * and looks at the decision.
 */
#ifndef BALLONET_TESTS_POLICY_WORLD_H
#define BALLONET_TESTS_POLICY_WORLD_H

#include "base/num.h"
#include "policy/policy.h"

struct world {
	struct settings settings;
	struct host_facts host;
	struct vm_facts vm;
	struct history history;
	struct host_history learned;
	struct host_decision market; /* of the last tick */
	uint64_t now_us;
	struct decision d;
};

/* A calm, quiet 1 GiB guest: 100 MiB used, 60 MiB of it cache; 600 MiB stale at the host. */
void world_init(struct world *w);

/* Statistics, footprint and size are all of now. */
void world_fresh(struct world *w);

/* A tick at the present time. */
const struct decision *world_tick(struct world *w);

/* Time goes on by @us, everything is fresh, and there is a tick. */
const struct decision *world_after(struct world *w, uint64_t us);

/* The balloon holds @balloon_b: the guest's free and available memory fall by as much. */
void world_balloon(struct world *w, uint64_t balloon_b);

/* Ticks until the squeeze has begun; the balloon is still at 0. */
void world_begin(struct world *w);

/* A squeeze that holds 100 MiB in its balloon, all of it freed. */
void world_inflating(struct world *w);

/* Asserts that its last decision was to stop for @why, and gave back all memory. */
void world_stopped(const struct world *w, enum reason why);

/* A squeeze that went well, up to the moment at which the balloon is at 0 again. */
void world_squeeze(struct world *w, uint64_t freed_b);

/* Through all of verifying, @late_b of what was freed having come back at the end. */
void world_verify(struct world *w, uint64_t late_b);

/* The next of the pseudorandom numbers of @seed. */
uint64_t world_random(uint64_t *seed);

/* The guest does something at random, or its operator. False: all is well with it. */
bool world_disturb(struct world *w, uint64_t *seed);

#endif
