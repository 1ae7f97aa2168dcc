/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * squeeze.h - the phases of a squeeze: watch, inflate, hold
 *
 * Layer: policy (pure).
 * In:    a step of one VM's machine.
 * Out:   its decision.
 *
 * Only policy/machine.c and policy/verify.c call these.
 */
#ifndef BALLONET_POLICY_SQUEEZE_H
#define BALLONET_POLICY_SQUEEZE_H

#include "policy/step.h"

/* The balloon is at 0: begins a squeeze where it is worth it, or says why not. */
void squeeze_watch(struct step *st);

/* The same before the last squeeze is over and rested, where there is much new to win. True: it
 * begins, or looks. */
bool squeeze_more(struct step *st);

void squeeze_inflating(struct step *st);
void squeeze_holding(struct step *st);

/* Notes the figures of the squeeze under way, where there is one. */
void squeeze_track(struct step *st);

#endif
