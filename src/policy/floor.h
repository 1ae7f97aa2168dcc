/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * floor.h - memory that a balloon must leave a guest, promised or learned
 *
 * Layer: policy (pure).
 * In:    settings, what distress and the hours of former days taught.
 * Out:   bytes.
 *
 * A floor of distress is halved again and again, one of a habit expires after
 * days. A floor that never ended would make every balloon useless.
 */
#ifndef BALLONET_POLICY_FLOOR_H
#define BALLONET_POLICY_FLOOR_H

#include "model/history.h"
#include "model/settings.h"
#include "model/snapshot.h"

/*
 * The larger of the promised floor and the one of the last distress; for a
 * balloon that is to stay for a while (@lasting) also the one of this hour.
 */
uint64_t floor_of(const struct settings *s, const struct history *h, const struct host_facts *host,
		  uint64_t now_us, bool lasting);

/*
 * What the guest needed at most in the last 12 to 24 h, and its reserve;
 * FIGURE_UNKNOWN where it was not watched for size_watch yet.
 */
uint64_t floor_recent(const struct settings *s, const struct vm_facts *vm, const struct history *h,
		      uint64_t now_us);

/* The guest was in distress: what it needs now, with its reserve, is its floor for a while. */
void floor_scare(const struct settings *s, const struct vm_facts *vm, uint64_t now_us,
		 struct history *h);

/* Watches what the guest needs, and in which hour of the day. */
void floor_watch(const struct settings *s, const struct host_facts *host, const struct vm_facts *vm,
		 uint64_t now_us, struct history *h);

#endif
