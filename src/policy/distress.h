/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * distress.h - signs that a guest is short of memory
 *
 * Layer: policy (pure).
 * In:    statistics of two instants.
 * Out:   whether a guest was calm in between, or why its balloon must go to 0.
 */
#ifndef BALLONET_POLICY_DISTRESS_H
#define BALLONET_POLICY_DISTRESS_H

#include "model/history.h"
#include "model/plan.h"
#include "model/settings.h"
#include "model/snapshot.h"

/*
 * Was the guest calm between @from and @to, about one interval apart? TRI_NO: it is
 * short of memory. TRI_UNKNOWN: it grows, which only an operator may ignore.
 */
enum tri distress_calm(const struct settings *s, const struct guest_stats *from,
		       const struct guest_stats *to);

/*
 * Signs of distress since h->guest.start, while a balloon is held or grows:
 * REASON_STOP_SWAP, _OOM, _FAULTS, _GROWS, or REASON_NONE.
 */
enum reason distress_find(const struct settings *s, const struct vm_facts *vm,
			  const struct history *h);

/* The same signs but for growth, which a guest whose balloon is left inflated may show. */
enum reason distress_hurt(const struct settings *s, const struct vm_facts *vm,
			  const struct history *h);

#endif
