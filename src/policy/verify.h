/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * verify.h - the last phase of a squeeze: what stays freed
 *
 * Layer: policy (pure).
 * In:    a step of one VM's machine whose balloon is back at 0.
 * Out:   its decision, and what the squeeze taught.
 *
 * Only policy/machine.c calls it.
 */
#ifndef BALLONET_POLICY_VERIFY_H
#define BALLONET_POLICY_VERIFY_H

#include "policy/step.h"

/* One step of verifying: takes the measurement that is due. Leaves when the last was taken. */
void verify_squeeze(struct step *st);

#endif
