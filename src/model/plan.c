/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * plan.c - the machine-readable words of phases, reasons and kinds of guest
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

static const char *const reason_words[REASON_COUNT] = {
	[REASON_NONE] = "none",
	[REASON_MODE_OFF] = "mode-off",
	[REASON_DISCONNECTED] = "disconnected",
	[REASON_PAUSED] = "paused",
	[REASON_NO_DEVICE] = "no-device",
	[REASON_NO_DRIVER] = "no-driver",
	[REASON_STATS_STALE] = "stats-stale",
	[REASON_RESIDENT_UNKNOWN] = "resident-unknown",
	[REASON_FOREIGN_BALLOON] = "foreign-balloon",
	[REASON_PINNED_VFIO] = "pinned-vfio",
	[REASON_PINNED_MLOCK] = "pinned-mlock",
	[REASON_IN_NEED] = "in-need",
	[REASON_NOT_JUDGED] = "not-judged",
	[REASON_LITTLE_TO_GAIN] = "little-to-gain",
	[REASON_LEFT_TO_REPORTING] = "left-to-reporting",
	[REASON_AT_RESERVE] = "at-reserve",
	[REASON_NO_GUARDIAN] = "no-guardian",
	[REASON_TURN] = "turn",
	[REASON_MODE_OBSERVE] = "mode-observe",
	[REASON_AT_FLOOR] = "at-floor",
	[REASON_LOOKING] = "looking",
	[REASON_BEGIN] = "begin",
	[REASON_BEGIN_REQUESTED] = "begin-requested",
	[REASON_BEGIN_HOST] = "begin-host",
	[REASON_STEP] = "step",
	[REASON_INFLATE_WAIT] = "inflate-wait",
	[REASON_PRESS_WAIT] = "press-wait",
	[REASON_HOLD_HOST_SHORT] = "hold-host-short",
	[REASON_HOLD_MORE] = "hold-more",
	[REASON_STOP_SIZE] = "stop-size",
	[REASON_STOP_PRESSED] = "stop-pressed",
	[REASON_STOP_YIELD] = "stop-yield",
	[REASON_STOP_RESERVE] = "stop-reserve",
	[REASON_STOP_SWAP] = "stop-swap",
	[REASON_STOP_OOM] = "stop-oom",
	[REASON_STOP_FAULTS] = "stop-faults",
	[REASON_STOP_GROWS] = "stop-grows",
	[REASON_STOP_STALL] = "stop-stall",
	[REASON_STOP_GIVES_BACK] = "stop-gives-back",
	[REASON_STOP_STATS] = "stop-stats",
	[REASON_STOP_LIES] = "stop-lies",
	[REASON_STOP_TIME] = "stop-time",
	[REASON_STOP_PAUSED] = "stop-paused",
	[REASON_STOP_DISCONNECTED] = "stop-disconnected",
	[REASON_STOP_RESET] = "stop-reset",
	[REASON_STOP_REFUSED] = "stop-refused",
	[REASON_STOP_MODE] = "stop-mode",
	[REASON_STOP_RELEASED] = "stop-released",
	[REASON_STOP_HOST_WELL] = "stop-host-well",
	[REASON_STOP_GUARDIAN] = "stop-guardian",
	[REASON_STOP_LEFTOVER] = "stop-leftover",
	[REASON_STOP_SHORT] = "stop-short",
	[REASON_SIZE_STEP] = "size-step",
	[REASON_SIZE_HOST] = "size-host",
	[REASON_SIZE_WAIT] = "size-wait",
	[REASON_SIZE_FOLLOW] = "size-follow",
	[REASON_SIZED] = "sized",
	[REASON_SIZED_RESERVE] = "sized-reserve",
	[REASON_SIZED_FLOOR] = "sized-floor",
	[REASON_DEFLATE_WAIT] = "deflate-wait",
	[REASON_DEFLATE_STUCK] = "deflate-stuck",
	[REASON_VERIFY] = "verify",
	[REASON_REST] = "rest",
	[REASON_REST_DISAPPOINTED] = "rest-disappointed",
	[REASON_REST_RELEASED] = "rest-released",
	[REASON_GAVE_UP] = "gave-up",
	[REASON_GAVE_UP_HUGETLB] = "gave-up-hugetlb",
	[REASON_REST_SCARED] = "rest-scared",
	[REASON_REST_LIED] = "rest-lied",
	[REASON_HOST_WELL] = "host-well",
	[REASON_HOST_UNKNOWN] = "host-unknown",
	[REASON_HOST_SHORT] = "host-short",
	[REASON_HOST_UNSERVED] = "host-unserved",
	[REASON_HOST_GIVES_BACK] = "host-gives-back",
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

const char *phase_word(enum phase phase)
{
	return word_of(phase_words, ARRAY_SIZE(phase_words), phase);
}

const char *reason_word(enum reason reason)
{
	return word_of(reason_words, ARRAY_SIZE(reason_words), reason);
}

const char *guest_kind_word(uint64_t kind)
{
	return word_of(kind_words, ARRAY_SIZE(kind_words), kind);
}
