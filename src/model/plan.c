/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan.c - the machine-readable words of phases and kinds of guest
 *
 * Layer: model (pure).
 * In:    an enum value.
 * Out:   its word in the journal, the control API and the metrics.
 *
 * Scripts match these words, so a released one never changes.
 */
#include "model/plan.h"

#include "model/snapshot.h"

#include "base/num.h"

static const char *const phase_words[PHASE_COUNT] = {
	[PHASE_WATCH] = "watch",	 [PHASE_INFLATING] = "inflating",
	[PHASE_HOLDING] = "holding",	 [PHASE_DEFLATING] = "deflating",
	[PHASE_VERIFYING] = "verifying", [PHASE_RESTING] = "resting",
	[PHASE_SIZING] = "sizing",	 [PHASE_SIZED] = "sized",
	[PHASE_GAVE_UP] = "gave-up",
};

static const char *const kind_words[GUEST_KIND_COUNT] = {
	[GUEST_UNKNOWN] = "unknown",	  [GUEST_NONE] = "none",
	[GUEST_NOTIFIER] = "notifier",	  [GUEST_SHRINKER] = "shrinker",
	[GUEST_BALLONET] = "ballonet.ko",
};

static const char *word_of(const char *const *words, size_t n, size_t i)
{
	return i < n ? words[i] : "unknown";
}

bool phase_has_balloon(enum phase phase)
{
	return phase == PHASE_INFLATING || phase == PHASE_HOLDING || phase == PHASE_DEFLATING ||
	       phase == PHASE_SIZING || phase == PHASE_SIZED;
}

const char *phase_word(enum phase phase)
{
	return word_of(phase_words, ARRAY_SIZE(phase_words), phase);
}

const char *guest_kind_word(uint64_t kind)
{
	return word_of(kind_words, ARRAY_SIZE(kind_words), kind);
}
