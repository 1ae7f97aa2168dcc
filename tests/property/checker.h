/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * checker.h - do the invariants hold? Asked after every tick, of facts and decisions alone
 *
 * In:    what the controller was told, and what it decided.
 * Out:   the first invariant that was broken, with a sentence.
 *
 * It shares no code with the policy: what it remembers of a VM, what distress
 * is and what a reserve is are written down here a second time.
 */
#ifndef BALLONET_TESTS_PROPERTY_CHECKER_H
#define BALLONET_TESTS_PROPERTY_CHECKER_H

#include "sim/world.h"

/* The order of ARCHITECTURE.md, "Invariants"; and that a squeeze by itself is worth its cost. */
enum invariant {
	HOLDS = 0,
	ONE_DIRECTION,	 /* never inflating and deflating at once */
	DISTRESS,	 /* distress means all memory in one step */
	CONTROLLER_LOST, /* a controller that is gone leaves balloons at 0 */
	RESERVE,	 /* nothing below the reserve */
	OLD_FACTS,	 /* unknown or old facts begin and continue no inflate */
	MEASURED,	 /* every byte reported as freed was measured on the host */
	BAD_PEER, /* a bad peer costs nobody else anything, and every decision is a sane one */
	BUSY,	  /* a squeeze that nobody asked for never begins on a busy guest */
	COST, /* in any hour these cost their guest what they may, and one more of them at most */
	INVARIANTS,
};

/* Of the squeezes of an hour, so many are remembered: the last. */
#define CHECKED_COSTS 256

/* What is remembered of a VM. */
struct checked {
	uint64_t id;
	uint64_t target_b;     /* the last one that was set */
	uint64_t deflate_to_b; /* a larger target was set and the balloon has not come down to it;
				  0: no */
	bool out;	       /* a balloon is out, or was asked for */
	bool exposed;	       /* the last inflate was asked for without a guardian */
	struct guest_stats start; /* as it was when that began */
	uint64_t before_b;	  /* resident then, by the world's own count */
	uint64_t yield_b;	  /* that was claimed so far */
	uint64_t busy_us; /* its programs use more than they may since then; 0: they do not */
	/* squeezes that nobody asked for: when, and the processor time their host saw them take */
	bool paying;	/* one is under way */
	uint32_t boots; /* of its guest: who was reset has paid nothing yet */
	uint64_t before_us;
	struct checked_cost {
		uint64_t at_us, cost_us;
	} cost[CHECKED_COSTS];
	unsigned int costs;
};

struct checker {
	struct checked *vm; /* one for each place of the world */
	enum invariant broken;
	char why[200];
	/* how often there was something to check, by invariant: or a test proves nothing */
	uint64_t checked[INVARIANTS];
};

/* 0 or -ENOMEM. */
int checker_init(struct checker *c, struct world *w);
void checker_fini(struct checker *c);

/* For world.watch. */
void checker_watch(void *arg, const struct world_tick *tick);

/* The controller died long enough ago for the guardian to have done its work. */
void checker_after_loss(struct checker *c, const struct world *w);

#endif
