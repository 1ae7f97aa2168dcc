/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rightsize.h - the phases of right-sizing: a balloon that is left inflated
 *
 * Layer: policy (pure).
 * In:    a step of one VM's machine.
 * Out:   its decision.
 *
 * Only policy/machine.c calls these.
 */
#ifndef BALLONET_POLICY_RIGHTSIZE_H
#define BALLONET_POLICY_RIGHTSIZE_H

#include "policy/step.h"

/* The balloon is at 0: begins to size the guest, or says why not. */
void rightsize_watch(struct step *st);

void rightsize_sizing(struct step *st);
void rightsize_sized(struct step *st);

#endif
