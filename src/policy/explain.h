/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * explain.h - a decision as one plain sentence with its numbers
 *
 * Layer: policy (pure).
 * In:    a decision.
 * Out:   a sentence for people.
 *
 * It states facts without judging them, in the same words wherever it is shown.
 */
#ifndef BALLONET_POLICY_EXPLAIN_H
#define BALLONET_POLICY_EXPLAIN_H

#include "model/plan.h"
#include "model/snapshot.h"

#include <stddef.h>

/* Long enough for every sentence. */
#define EXPLAIN_MAX 320

/*
 * Writes the sentence for @d, of one VM, taken at @now_us, into @text of @size bytes
 * (>= 1; cut where it does not fit). Returns its whole length.
 */
size_t explain(const struct decision *d, uint64_t now_us, char *text, size_t size);

/* The same for what was decided for the host, from @facts. */
size_t explain_host(const struct host_decision *d, const struct host_facts *facts, char *text,
		    size_t size);

/* "612 MiB", "1.2 GiB", "unknown": @bytes as people read them. */
void explain_bytes(uint64_t bytes, char *text, size_t size);

#endif
