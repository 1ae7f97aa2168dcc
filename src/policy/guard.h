/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guard.h - the last check before the balloon grows
 *
 * Layer: policy (pure).
 * In:    the facts of now and the target about to be set.
 * Out:   REASON_NONE, or why the target must not be set.
 *
 * The squeeze asks it for every decision, and daemon/apply asks it again with the
 * current facts. A balloon that shrinks is never refused.
 */
#ifndef BALLONET_POLICY_GUARD_H
#define BALLONET_POLICY_GUARD_H

#include "model/plan.h"
#include "model/settings.h"
#include "model/snapshot.h"

/*
 * May anything be taken from this VM at all? REASON_NONE where it runs, its
 * mode allows it, and statistics and size are known and fresh.
 */
enum reason guard_facts(const struct settings *s, const struct vm_facts *vm, uint64_t now_us);

/*
 * May @target_b (bytes that remain to the guest) be set? It may where the
 * balloon does not grow; else only where the guest runs, statistics and size
 * are fresh, and the guest would keep its reserve and its floor even if all of
 * it were taken at once.
 */
enum reason guard_target(const struct settings *s, const struct vm_facts *vm, uint64_t target_b,
			 uint64_t now_us);

/* What lets it grow least: REASON_STOP_FLOOR or REASON_STOP_RESERVE. The figures must be known. */
enum reason guard_limit(const struct settings *s, const struct vm_facts *vm);

/* Bytes by which the balloon may grow beyond what it holds now; 0 where it may not. */
uint64_t guard_room(const struct settings *s, const struct vm_facts *vm, uint64_t now_us);

#endif
