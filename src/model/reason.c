/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * reason.c - why a decision is what it is: one row per reason
 *
 * Layer: model (pure).
 * In:    a reason.
 * Out:   its word, its sentence, and what follows from it.
 *
 * Figures stand in sentences by name in braces, so that a writer needs no C.
 * Scripts match on the words: one that was released does not change.
 */
#include "model/reason.h"

#include <stddef.h>

struct reason_row {
	const char *word;
	const char *sentence;
	unsigned int is;  /* enum reason_trait */
	enum reason rest; /* REASON_NONE: REASON_REST */
};

/* clang-format off */
static const struct reason_row rows[REASON_COUNT] = {
	/* nothing is begun */
	[REASON_NONE] = { "none",
		"No decision has been made yet." },
	[REASON_MODE_OFF] = { "mode-off",
		"Its mode is off, by the configuration or 'ballonet set', so it is never touched." },
	[REASON_DISCONNECTED] = { "disconnected",
		"There is no connection to its hypervisor, so nothing can be done. The daemon "
		"keeps trying to connect." },
	[REASON_PAUSED] = { "paused",
		"The VM is paused. Its guest cannot give memory until it runs again." },
	[REASON_NO_DEVICE] = { "no-device",
		"The VM has no virtio-balloon device. Restart it with one (QEMU: -device "
		"virtio-balloon-pci)." },
	[REASON_NO_DRIVER] = { "no-driver",
		"The guest has sent no statistics: it is still booting, or has no balloon "
		"driver. If it has booted, run 'modprobe virtio_balloon' in it." },
	[REASON_STATS_STALE] = { "stats-stale",
		"A squeeze looks worth it ({expected} expected), but the guest sends no fresh "
		"statistics. Nothing begins until it does." },
	[REASON_RESIDENT_UNKNOWN] = { "resident-unknown",
		"The host memory that the VM uses could not be measured, so nothing begins." },
	[REASON_FOREIGN_BALLOON] = { "foreign-balloon",
		"Something else set its balloon to {balloon}, so it is left alone. 'ballonet "
		"release NAME' sets it to 0." },
	[REASON_PINNED_VFIO] = { "pinned-vfio",
		"A device is assigned to the VM (VFIO). This pins all of its memory, so none can "
		"be freed." },
	[REASON_PINNED_MLOCK] = { "pinned-mlock",
		"The VM's memory is locked (mlock), so none of it can be freed." },
	[REASON_IN_NEED] = { "in-need",
		"The guest is short of memory (it swaps, reads pages back from disk, waits for "
		"memory, or killed a process), so it is left alone." },
	[REASON_NOT_CALM] = { "not-calm",
		"The guest's memory use is growing, or the guest has not been watched for long "
		"enough. A squeeze waits until it is steady." },
	[REASON_BUSY] = { "busy",
		"The guest is busy. A squeeze would take processor time from it, so it is left "
		"alone unless the host is short." },
	[REASON_LITTLE_TO_GAIN] = { "little-to-gain",
		"A squeeze would free about {expected} ({stale} stale, {cold} cold cache). That "
		"is less than {need}, the least that is worth it." },
	[REASON_UNBACKED] = { "unbacked",
		"A squeeze would free about {expected}, but the balloon would first take "
		"{unbacked} that the host never gave. That is not worth the guest's time "
		"(min_efficiency)." },
	[REASON_COST] = { "cost",
		"Squeezes have cost the guest as much processor time as they may (cost_max). The "
		"next one can begin in {until}." },
	[REASON_LEFT_TO_REPORTING] = { "left-to-reporting",
		"Its {stale} of stale memory is left to free page reporting. Its {cold} of cold "
		"cache is less than {need}, the least that is worth a squeeze." },
	[REASON_AT_RESERVE] = { "at-reserve",
		"The guest has {available} available and keeps {reserve} as its reserve, so "
		"nothing can be taken." },
	[REASON_NO_GUARDIAN] = { "no-guardian",
		"A squeeze looks worth it ({expected} expected), but no guardian is running to "
		"empty the balloon if this daemon dies. Nothing begins until there is one." },
	[REASON_TURN] = { "turn",
		"A squeeze looks worth it ({expected} expected). It waits until fewer VMs are "
		"being squeezed (max_squeezes)." },
	[REASON_MODE_OBSERVE] = { "mode-observe",
		"A squeeze would free about {expected} ({stale} stale, {cold} cold cache). The "
		"VM is only observed, so nothing is done. Mode squeeze allows it." },
	[REASON_AT_FLOOR] = { "at-floor",
		"The guest keeps its floor of {floor}, so nothing can be taken." },
	[REASON_LOOKING] = { "looking",
		"A squeeze looks worth it ({expected} expected). The guest is asked for fresh "
		"statistics first.",
		.is = REASON_IS_SMALL },
	/* under way */
	[REASON_BEGIN] = { "begin",
		"A squeeze begins. It should free {expected} of {resident} resident ({stale} "
		"stale, {cold} cold cache). The guest has {available} available.",
		.is = REASON_IS_BEGINNING },
	[REASON_BEGIN_REQUESTED] = { "begin-requested",
		"A squeeze begins, because an operator asked for it. It should free {expected} "
		"of {resident} resident.",
		.is = REASON_IS_BEGINNING },
	[REASON_BEGIN_HOST] = { "begin-host",
		"A squeeze begins, because the host is short of memory. It should free "
		"{expected} of {resident} resident.",
		.is = REASON_IS_BEGINNING },
	[REASON_STEP] = { "step",
		"Inflating: the balloon is at {balloon}, {freed} freed so far. The guest's "
		"target falls to {target}, and it has {available} available.",
		.is = REASON_IS_SMALL },
	[REASON_INFLATE_WAIT] = { "inflate-wait",
		"Inflating: the balloon is at {balloon}, {freed} freed so far. The guest has "
		"{available} available.",
		.is = REASON_IS_SMALL },
	[REASON_PRESS_WAIT] = { "press-wait",
		"The guest presses, down to {target}: {freed} freed so far.",
		.is = REASON_IS_SMALL },
	[REASON_HOLD_HOST_SHORT] = { "hold-host-short",
		"The host is short of memory, so the balloon stays at {balloon} for {until} at "
		"most. The guest has {available} available." },
	[REASON_HOLD_MORE] = { "hold-more",
		"The host is still short of memory, so the balloon of {balloon} grows again, to "
		"free {expected} in all. The guest has {available} available." },
	/* an inflate ends */
	[REASON_STOP_SIZE] = { "stop-size",
		"The balloon reached the size that was meant ({balloon}), {freed} freed. It goes "
		"to 0.",
		.is = REASON_IS_MEANT | REASON_IS_DRAINED },
	[REASON_STOP_PRESSED] = { "stop-pressed",
		"The guest has pressed, {freed} freed.",
		.is = REASON_IS_DRAINED },
	[REASON_STOP_YIELD] = { "stop-yield",
		"The {expected} expected is freed ({freed}). The balloon goes to 0.",
		.is = REASON_IS_MEANT },
	[REASON_STOP_RESERVE] = { "stop-reserve",
		"The guest has {available} available and keeps {reserve} as its reserve. The "
		"balloon goes to 0, {freed} freed.",
		.is = REASON_IS_MEANT | REASON_IS_DRAINED },
	[REASON_STOP_FLOOR] = { "stop-floor",
		"The guest keeps its floor of {floor}. The balloon of {balloon} goes to 0, "
		"{freed} freed.",
		.is = REASON_IS_MEANT | REASON_IS_DRAINED },
	[REASON_STOP_SWAP] = { "stop-swap",
		"The guest began to swap. The balloon goes to 0, {freed} freed.",
		.is = REASON_IS_DISTRESS, .rest = REASON_REST_SCARED },
	[REASON_STOP_OOM] = { "stop-oom",
		"The guest ran out of memory and killed a process. The balloon goes to 0.",
		.is = REASON_IS_DISTRESS, .rest = REASON_REST_SCARED },
	[REASON_STOP_FAULTS] = { "stop-faults",
		"The guest reads pages back from disk (major faults). The balloon goes to 0, "
		"{freed} freed.",
		.is = REASON_IS_DISTRESS, .rest = REASON_REST_SCARED },
	[REASON_STOP_GROWS] = { "stop-grows",
		"The guest needs memory itself ({available} available). The balloon goes to 0, "
		"{freed} freed.",
		.is = REASON_IS_DISTRESS, .rest = REASON_REST_SCARED },
	[REASON_STOP_STALL] = { "stop-stall",
		"The guest gives memory too slowly. The balloon of {balloon} goes to 0, {freed} "
		"freed.",
		.is = REASON_IS_UNWILLING },
	[REASON_STOP_NOTHING] = { "stop-nothing",
		"The balloon holds {balloon}, more than the {unbacked} that the host never gave, "
		"and only {freed} was freed. The balloon goes to 0.", REASON_IS_DRAINED },
	[REASON_STOP_GIVES_BACK] = { "stop-gives-back",
		"The guest takes pages back while the balloon grows (a shrinker guest). The "
		"balloon goes to 0. From now on only free memory is taken." },
	[REASON_STOP_STATS] = { "stop-stats",
		"The guest stopped sending statistics. The balloon goes to 0, {freed} freed.",
		.is = REASON_IS_UNWILLING },
	[REASON_STOP_LIES] = { "stop-lies",
		"The guest's statistics are wrong: with {balloon} in the balloon they show as "
		"much available as before ({available}). The balloon goes to 0.",
		.is = REASON_IS_UNWILLING, .rest = REASON_REST_LIED },
	[REASON_STOP_TIME] = { "stop-time",
		"The guest took longer than inflate_max allows. The balloon goes to 0, {freed} "
		"freed.",
		.is = REASON_IS_UNWILLING },
	[REASON_STOP_HOLD_MAX] = { "stop-hold-max",
		"The balloon of {balloon} was held for as long as hold_max allows. It goes to 0, "
		"{freed} freed." },
	[REASON_STOP_PAUSED] = { "stop-paused",
		"The VM was paused. The balloon goes to 0." },
	[REASON_STOP_DISCONNECTED] = { "stop-disconnected",
		"The connection to the hypervisor was lost. The balloon goes to 0." },
	[REASON_STOP_RESET] = { "stop-reset",
		"The guest was reset. The balloon goes to 0." },
	[REASON_STOP_REFUSED] = { "stop-refused",
		"The hypervisor refused a balloon target. The balloon goes to 0.",
		.is = REASON_IS_UNWILLING },
	[REASON_STOP_MODE] = { "stop-mode",
		"The VM's mode was changed. The balloon goes to 0." },
	[REASON_STOP_RELEASED] = { "stop-released",
		"The VM is released, by an operator or because the daemon ends. The balloon of "
		"{balloon} goes to 0.",
		.rest = REASON_REST_RELEASED },
	[REASON_STOP_HOST_WELL] = { "stop-host-well",
		"The host has enough memory again. The balloon of {balloon} goes to 0." },
	[REASON_STOP_GUARDIAN] = { "stop-guardian",
		"The guardian is gone. The balloon of {balloon} goes to 0." },
	[REASON_STOP_LEFTOVER] = { "stop-leftover",
		"A daemon that died left the balloon at {balloon}. It goes to 0." },
	[REASON_STOP_SHORT] = { "stop-short",
		"The guest has used up its reserve of {reserve} ({available} available). The "
		"balloon of {balloon} goes to 0.",
		.is = REASON_IS_DISTRESS, .rest = REASON_REST_SCARED },
	/* right-sizing */
	[REASON_SIZE_STEP] = { "size-step",
		"Right-sizing: the balloon of {balloon} grows by one step. The guest's target "
		"falls to {target}, and it has {available} available.",
		.is = REASON_IS_SMALL },
	[REASON_SIZE_HOST] = { "size-host",
		"The host is short of memory, so the balloon of {balloon} grows. The guest's "
		"target falls to {target}, and it has {available} available." },
	[REASON_SIZE_WAIT] = { "size-wait",
		"Right-sizing: the balloon is at {balloon} and the guest has not reached its "
		"target yet.",
		.is = REASON_IS_SMALL },
	[REASON_SIZE_FOLLOW] = { "size-follow",
		"The guest took memory back. The balloon stays at {balloon}, and the next step "
		"is tried in {until}." },
	[REASON_SIZED] = { "sized",
		"The balloon stays at {balloon}. The guest has {available} available, and the "
		"next step is tried in {until}.",
		.is = REASON_IS_SMALL },
	[REASON_SIZED_RESERVE] = { "sized-reserve",
		"The balloon stays at {balloon}. The guest has {available} available, and its "
		"reserve of {reserve} leaves no room for a larger balloon." },
	[REASON_SIZED_FLOOR] = { "sized-floor",
		"The balloon stays at {balloon}. The guest keeps its floor of {floor}." },
	[REASON_SIZE_WATCHED] = { "size-watched",
		"What the guest needs is watched for {until} more (size_watch) before its balloon "
		"stays inflated." },
	/* afterwards */
	[REASON_DEFLATE_WAIT] = { "deflate-wait",
		"Deflating: {balloon} is still in the balloon.",
		.is = REASON_IS_SMALL },
	[REASON_DEFLATE_STUCK] = { "deflate-stuck",
		"The balloon does not shrink: {balloon} is still in it. Check that the guest "
		"runs and has its balloon driver loaded." },
	[REASON_VERIFY] = { "verify",
		"The balloon is at 0 and {freed} is freed. How much stays freed is measured for "
		"{until} more." },
	[REASON_REST] = { "rest",
		"The last squeeze kept {freed} freed. The VM rests for {until} more." },
	[REASON_REST_DISAPPOINTED] = { "rest-disappointed",
		"The last squeeze kept only {freed} freed. The VM rests for {until} more, or until "
		"more is stale.", REASON_IS_DISAPPOINTED },
	[REASON_REST_RELEASED] = { "rest-released",
		"The VM was released and is left alone for {until} more. 'ballonet squeeze NAME' "
		"ends that." },
	[REASON_REST_UNBACKED] = { "rest-unbacked",
		"The last squeeze took mostly memory that the host never gave, and freed only "
		"{freed}. The VM rests for {until} more, or until more is stale.", REASON_IS_DISAPPOINTED },
	[REASON_REST_UNSPLIT] = { "rest-unsplit",
		"The last squeeze emptied only parts of huge pages, and the host has only {freed} "
		"of them back. The VM rests for {until} more, or until more is stale.", REASON_IS_DISAPPOINTED },
	[REASON_GAVE_UP] = { "gave-up",
		"Two squeezes in a row freed nothing: the VM's memory is hugetlb, which is freed "
		"only in whole huge pages. 'ballonet squeeze NAME' tries again.",
		.is = REASON_IS_GAVE_UP },
	[REASON_REST_SCARED] = { "rest-scared",
		"The guest was short of memory and got all of its memory back. It rests for "
		"{until} more." },
	[REASON_REST_LIED] = { "rest-lied",
		"The guest's statistics were wrong, so they are not trusted. It rests for "
		"{until} more." },
	/* of the host */
	[REASON_HOST_WELL] = { "host-well",
		"The host has {available} available, which is enough." },
	[REASON_HOST_UNKNOWN] = { "host-unknown",
		"The host's available memory could not be read, so nothing is asked of VMs." },
	[REASON_HOST_SHORT] = { "host-short",
		"The host has {available} available and wants {want}. {coming} is being freed. "
		"VMs are asked for {need} more and offer {offered}." },
	[REASON_HOST_UNSERVED] = { "host-unserved",
		"The host has {available} available and wants {want}. {coming} is being freed. "
		"VMs offer only {offered} of the {need} that is missing." },
	[REASON_HOST_GIVES_BACK] = { "host-gives-back",
		"The host has {available} available again, which is enough. The {held} in held "
		"balloons goes back, the cheapest first." },
};
/* clang-format on */

bool reason_is(enum reason reason, enum reason_trait trait)
{
	return reason < REASON_COUNT && rows[reason].is & trait;
}

enum reason reason_rest(enum reason reason)
{
	return rows[reason].rest == REASON_NONE ? REASON_REST : rows[reason].rest;
}

const char *reason_word(enum reason reason)
{
	return reason < REASON_COUNT ? rows[reason].word : "unknown";
}

const char *reason_sentence(enum reason reason)
{
	return rows[reason < REASON_COUNT ? reason : REASON_NONE].sentence;
}
