/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * step.h - one step of one VM's machine: what all phases read, and the moves they share
 *
 * Layer: policy (pure).
 * In:    facts of one VM and of the host, settings, what is remembered.
 * Out:   one decision, being written.
 *
 * One function sets targets and another deflates, so that no phase has its own
 * way to do either.
 */
#ifndef BALLONET_POLICY_STEP_H
#define BALLONET_POLICY_STEP_H

#include "model/history.h"
#include "model/plan.h"
#include "model/settings.h"
#include "model/snapshot.h"

/* All that a step reads and writes, so that each phase is one small function. */
struct step {
	const struct settings *s;
	const struct host_facts *host;
	const struct host_decision *host_decision; /* what the host needs, and at which price */
	const struct vm_facts *vm;
	uint64_t now_us;
	uint64_t balloon_b; /* in the balloon now, by the last figure known */
	uint64_t asked_b;   /* the host is short and asks for as much; 0: it does not */
	uint64_t ripe_us; /* page cache will be old enough then; UINT64_MAX: nothing waits for that
			   */
	struct history *h;
	struct host_history *learned; /* what squeezes teach of this host */
	struct decision *d;
};

/* A balloon that is left inflated is looked at this often: distress outranks the host. */
#define HOLD_LOOK_US USEC_PER_SEC
/* A balloon this close to its size is there, and less room than this is none. */
#define CLOSE_B MIB

/* When a calm VM is to be looked at next. */
uint64_t step_next_calm(const struct step *st);

/* The VM is in @phase from now on. */
void step_enter(struct step *st, enum phase phase);

/* Asks for @target_b bytes that remain to the guest. */
void step_target(struct step *st, uint64_t target_b);

/* Fresh figures decide: asks for them, out of turn. */
void step_look(struct step *st);

/* They are no longer waited for. */
void step_looked(struct step *st);

/* Asks for statistics in @after_us; the next tick is when they come, or when they are overdue. */
void step_refresh(struct step *st, uint64_t after_us);

/*
 * Every way out of a balloon that is out: all memory, in one request. Where
 * @why is distress, what the guest needs now becomes its floor for a while.
 */
void step_deflate(struct step *st, enum reason why);

/* The balloon is at 0 and nothing is to be verified: it rests, because @why. */
void step_rest(struct step *st, enum reason why);

/* What ends every balloon that is out, whatever its phase: REASON_NONE, or why. */
enum reason step_stop(const struct step *st);

/* A deflation under way. Leaves to verifying, resting or watch. */
void step_deflating(struct step *st);

#endif
