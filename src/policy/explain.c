/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * explain.c - a decision as one plain sentence with its numbers
 *
 * Layer: policy (pure).
 * In:    a decision.
 * Out:   a sentence for people.
 *
 * Sentences are rows of a table with figures by name in braces. So writing one
 * needs no C, and no sentence can name a figure that does not exist.
 */
#include "policy/explain.h"

#include "base/num.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const char *const sentences[REASON_COUNT] = {
	[REASON_NONE] = "Nothing was decided yet.",
	[REASON_MODE_OFF] = "Its mode is off: it is not touched.",
	[REASON_DISCONNECTED] = "There is no connection to its hypervisor.",
	[REASON_PAUSED] = "It is paused, so its guest can neither give nor answer.",
	[REASON_NO_DEVICE] = "It has no virtio-balloon device: start it with one.",
	[REASON_NO_DRIVER] =
		"Its guest has sent no statistics: no balloon driver is loaded in it (yet).",
	[REASON_STATS_STALE] =
		"It looks worth a squeeze ({expected} expected), but its guest sends no fresh "
		"statistics.",
	[REASON_RESIDENT_UNKNOWN] = "Its footprint on this host could not be measured.",
	[REASON_FOREIGN_BALLOON] =
		"Somebody else holds its balloon at {balloon}, so it is left alone; 'release' "
		"brings it to 0.",
	[REASON_PINNED_VFIO] = "A device is assigned to it (VFIO), which pins all of its memory.",
	[REASON_PINNED_MLOCK] = "Its memory is locked (mlock), so nothing of it can be freed.",
	[REASON_IN_NEED] =
		"Its guest is in need (it swaps, faults, stalls or killed a process): it is left "
		"alone.",
	[REASON_NOT_JUDGED] = "Its guest is growing, or was not watched for long enough yet.",
	[REASON_LITTLE_TO_GAIN] =
		"A squeeze would free about {expected} ({stale} stale, {cold} cold cache), less "
		"than the {need} that make it worth it.",
	[REASON_LEFT_TO_REPORTING] =
		"Its {stale} of stale memory are left to free page reporting, and {cold} of cold "
		"cache are less than the {need} that make a squeeze worth it.",
	[REASON_AT_RESERVE] = "Its guest has {available} available and its reserve is {reserve}: "
			      "nothing is to be "
			      "taken.",
	[REASON_NO_GUARDIAN] =
		"It looks worth a squeeze, but there is no guardian to let its balloon go should "
		"this daemon die.",
	[REASON_TURN] =
		"It looks worth a squeeze ({expected} expected); others are being squeezed, "
		"and its turn comes.",
	[REASON_MODE_OBSERVE] =
		"A squeeze would free about {expected} ({stale} stale, {cold} cold cache); it is "
		"only observed.",
	[REASON_LOOKING] = "It looks worth a squeeze ({expected} expected); fresh statistics are "
			   "on their way.",
	[REASON_BEGIN] =
		"A squeeze begins: {expected} of {resident} resident are expected ({stale} stale, "
		"{cold} cold cache); {available} are available in the guest.",
	[REASON_AT_FLOOR] = "Its floor of {floor} leaves nothing that a balloon may take.",
	[REASON_BEGIN_HOST] =
		"The host is short of memory and asks for {expected} of its {resident} resident: a "
		"squeeze begins.",
	[REASON_BEGIN_REQUESTED] =
		"A squeeze begins because an operator asked: {expected} of {resident} resident are "
		"expected.",
	[REASON_STEP] =
		"Inflating: the balloon holds {balloon}, {freed} freed so far; the target falls to "
		"{target} for the guest, which has {available} available.",
	[REASON_INFLATE_WAIT] = "Inflating: the balloon holds {balloon}, {freed} freed so far, "
				"{available} available "
				"in the guest.",
	[REASON_PRESS_WAIT] = "The guest presses, down to {target}: {freed} freed so far.",
	[REASON_HOLD_HOST_SHORT] = "The host is short of memory: the balloon is held at {balloon} "
				   "for {until} at most; "
				   "the guest has {available} available.",
	[REASON_HOLD_MORE] =
		"The host is still short and asks for more: the balloon of {balloon} grows on, up "
		"to {expected} in all; the guest has {available} available.",
	[REASON_STOP_SIZE] =
		"Inflated as far as meant ({balloon}), {freed} freed; the balloon goes to 0.",
	[REASON_STOP_PRESSED] = "The guest has pressed, {freed} freed.",
	[REASON_STOP_YIELD] =
		"The {expected} that were expected are freed ({freed}); the balloon goes to 0.",
	[REASON_STOP_RESERVE] = "The guest has {available} available and its reserve is {reserve}; "
				"the balloon goes "
				"to 0, {freed} freed.",
	[REASON_STOP_SWAP] = "The guest began to swap; the balloon goes to 0, {freed} freed.",
	[REASON_STOP_OOM] =
		"The guest ran out of memory and killed a process; the balloon goes to 0.",
	[REASON_STOP_FAULTS] = "The guest reads pages back from disk (major faults); the balloon "
			       "goes to 0, {freed} "
			       "freed.",
	[REASON_STOP_GROWS] =
		"The guest wants memory for itself ({available} available); the balloon goes to 0, "
		"{freed} freed.",
	[REASON_STOP_STALL] =
		"The guest gives too slowly; the balloon goes to 0 at {balloon}, {freed} freed.",
	[REASON_STOP_GIVES_BACK] =
		"The guest takes pages back while it inflates (a shrinker guest); from now on only "
		"its free memory is pressed.",
	[REASON_STOP_LIES] = "The guest's statistics do not follow its balloon: with {balloon} in "
			     "it, it says to have "
			     "as much available as before ({available}). They are not to be "
			     "trusted, and the balloon "
			     "goes to 0.",
	[REASON_STOP_STATS] =
		"The guest stopped sending statistics; the balloon goes to 0, {freed} freed.",
	[REASON_STOP_TIME] = "It took too long; the balloon goes to 0, {freed} freed.",
	[REASON_STOP_PAUSED] = "It was paused; the balloon goes to 0.",
	[REASON_STOP_DISCONNECTED] = "The connection was lost; the balloon goes to 0.",
	[REASON_STOP_RESET] = "The guest was reset; the balloon goes to 0.",
	[REASON_STOP_REFUSED] = "The hypervisor refused a target; the balloon goes to 0.",
	[REASON_STOP_MODE] = "Its mode was changed; the balloon goes to 0.",
	[REASON_STOP_RELEASED] =
		"It is released, by an operator or because the daemon ends: the balloon of "
		"{balloon} goes to 0.",
	[REASON_STOP_HOST_WELL] = "The host is well again: the balloon of {balloon} goes to 0.",
	[REASON_STOP_GUARDIAN] = "The guardian is gone: the balloon of {balloon} goes to 0.",
	[REASON_STOP_LEFTOVER] = "A daemon that died left its balloon at {balloon}; it goes to 0.",
	[REASON_STOP_SHORT] =
		"The guest has used up its reserve of {reserve} ({available} are left); "
		"the balloon of {balloon} goes to 0.",
	[REASON_SIZE_STEP] =
		"Right-sizing: the balloon of {balloon} grows by a step, {target} remain "
		"to the guest, which has {available} available.",
	[REASON_SIZE_HOST] =
		"The host is short of memory: the balloon of {balloon} grows, {target} remain to "
		"the guest, which has {available} available.",
	[REASON_SIZE_WAIT] =
		"Right-sizing: the balloon holds {balloon}, the guest has not followed "
		"yet.",
	[REASON_SIZE_FOLLOW] = "The guest took memory back: the balloon stays at {balloon}, and is "
			       "not tried again "
			       "for {until}.",
	[REASON_SIZED] =
		"The balloon is left at {balloon}; the guest has {available} available, and "
		"the next step comes in {until}.",
	[REASON_SIZED_RESERVE] = "The balloon is left at {balloon}: the guest has {available} "
				 "available, which is what its reserve of {reserve} asks for.",
	[REASON_SIZED_FLOOR] =
		"The balloon is left at {balloon}: the guest is not to have less than "
		"its floor of {floor}.",
	[REASON_REST_LIED] = "What its guest says of its memory is not to be trusted; it rests for "
			     "{until} more.",
	[REASON_REST_SCARED] = "Its guest was in distress and has all of its memory back; it rests "
			       "for {until} more.",
	[REASON_HOST_WELL] = "The host has {available} available: it is well.",
	[REASON_HOST_UNKNOWN] = "What memory the host has available could not be read.",
	[REASON_HOST_SHORT] =
		"The host has {available} available and wants {want}: {coming} are on "
		"their way, {need} more are asked of VMs that offer {offered}.",
	[REASON_HOST_UNSERVED] =
		"The host has {available} available and wants {want}: {coming} are "
		"on their way, and VMs offer only {offered} of the {need} that are "
		"missing.",
	[REASON_HOST_GIVES_BACK] = "The host has {available} available and is well again: the "
				   "{held} in held balloons go back, the cheapest first.",
	[REASON_DEFLATE_WAIT] = "Deflating: {balloon} are still in the balloon.",
	[REASON_DEFLATE_STUCK] =
		"The balloon does not move: {balloon} are still in it. Is the guest running, with "
		"its balloon driver?",
	[REASON_VERIFY] = "The balloon is at 0 and {freed} are freed; what stays freed is measured "
			  "for {until} "
			  "more.",
	[REASON_REST] = "The last squeeze kept {freed} freed; it rests for {until} more.",
	[REASON_REST_DISAPPOINTED] =
		"The last squeeze kept only {freed} freed; it rests for {until} more.",
	[REASON_REST_RELEASED] = "It was released; it rests for {until} more.",
	[REASON_GAVE_UP] = "Two squeezes in a row freed nothing: its memory is pinned, or its huge "
			   "pages do not "
			   "split. 'squeeze' tries again.",
	[REASON_GAVE_UP_HUGETLB] =
		"Two squeezes in a row freed nothing: its memory is hugetlb, which goes only in "
		"whole huge pages. 'squeeze' tries again.",
};

enum figure_kind { FIGURE_BYTES, FIGURE_TIME };

/* A figure by its name, and where it stands in the struct that a sentence tells of. */
struct figure {
	const char *name;
	enum figure_kind kind;
	size_t offset;
};

#define OF_VM(n, k, m)                             \
	{                                          \
		n, k, offsetof(struct decision, m) \
	}
#define OF_HOST(n, k, m)                            \
	{                                           \
		n, k, offsetof(struct host_told, m) \
	}

/* No name begins another. */
static const struct figure vm_figures[] = {
	OF_VM("resident", FIGURE_BYTES, fig.resident_b),
	OF_VM("available", FIGURE_BYTES, fig.available_b),
	OF_VM("reserve", FIGURE_BYTES, fig.reserve_b),
	OF_VM("stale", FIGURE_BYTES, fig.stale_b),
	OF_VM("cold", FIGURE_BYTES, fig.cold_b),
	OF_VM("expected", FIGURE_BYTES, fig.expected_b),
	OF_VM("need", FIGURE_BYTES, fig.need_b),
	OF_VM("balloon", FIGURE_BYTES, fig.balloon_b),
	OF_VM("freed", FIGURE_BYTES, fig.freed_b),
	OF_VM("floor", FIGURE_BYTES, fig.floor_b),
	OF_VM("until", FIGURE_TIME, fig.until_us),
	OF_VM("target", FIGURE_BYTES, target_b),
	{ 0 },
};

struct host_told {
	struct host_decision d;
	uint64_t available_b;
};

static const struct figure host_figures[] = {
	OF_HOST("available", FIGURE_BYTES, available_b),
	OF_HOST("want", FIGURE_BYTES, d.want_b),
	OF_HOST("need", FIGURE_BYTES, d.need_b),
	OF_HOST("coming", FIGURE_BYTES, d.coming_b),
	OF_HOST("offered", FIGURE_BYTES, d.offered_b),
	OF_HOST("held", FIGURE_BYTES, d.held_b),
	{ 0 },
};

/* Room for the largest figure, "17179869183.9 GiB" or "18446744073709 s". */
#define FIGURE_TEXT_MAX 32

void explain_bytes(uint64_t bytes, char *text, size_t size)
{
	uint64_t tenths;

	if (bytes == FIGURE_UNKNOWN) {
		(void)snprintf(text, size, "an unknown amount");
		return;
	}
	if (bytes < GIB) {
		(void)snprintf(text, size, "%llu MiB",
			       (unsigned long long)(u64_add_sat(bytes, MIB / 2) / MIB));
		return;
	}
	tenths = bytes / (GIB / 10);
	(void)snprintf(text, size, "%llu.%llu GiB", (unsigned long long)(tenths / 10),
		       (unsigned long long)(tenths % 10));
}

static void figure_text(const void *of, const struct figure *f, uint64_t now_us, char *text)
{
	uint64_t v;

	memcpy(&v, (const char *)of + f->offset, sizeof(v));
	if (f->kind != FIGURE_TIME)
		explain_bytes(v, text, FIGURE_TEXT_MAX);
	else if (v == FIGURE_UNKNOWN)
		(void)snprintf(text, FIGURE_TEXT_MAX, "an unknown time");
	else
		(void)snprintf(text, FIGURE_TEXT_MAX, "%llu s",
			       (unsigned long long)(u64_sub_sat(v, now_us) / USEC_PER_SEC));
}

/* The figure whose name stands at @p, or the nameless last one: it is told of something else. */
static const struct figure *figure_at(const struct figure *figures, const char *p)
{
	const struct figure *f = figures;

	while (f->name && strncmp(p, f->name, strlen(f->name)) != 0)
		f++;
	return f;
}

/* Appends @text to the @len bytes there are, as far as it fits; returns the whole length. */
static size_t append(char *to, size_t size, size_t len, const char *text, size_t n)
{
	if (len < size - 1)
		memcpy(to + len, text, u64_min(n, size - 1 - len));
	return len + n;
}

/* The sentence of @why, with the @figures of @of in it. */
static size_t tell(enum reason why, const struct figure *figures, const void *of, uint64_t now_us,
		   char *text, size_t size)
{
	const char *p = why < REASON_COUNT ? sentences[why] : sentences[REASON_NONE];
	char number[FIGURE_TEXT_MAX];
	const struct figure *f;
	size_t len = 0;

	while (*p) {
		if (*p != '{') {
			len = append(text, size, len, p++, 1);
			continue;
		}
		f = figure_at(figures, p + 1);
		if (!f->name) {
			len = append(text, size, len, p++, 1);
			continue;
		}
		figure_text(of, f, now_us, number);
		len = append(text, size, len, number, strlen(number));
		p += strlen(f->name) + 2;
	}
	text[u64_min(len, size - 1)] = '\0';
	return len;
}

size_t explain(const struct decision *d, uint64_t now_us, char *text, size_t size)
{
	return tell(d->reason, vm_figures, d, now_us, text, size);
}

size_t explain_host(const struct host_decision *d, const struct host_facts *facts, char *text,
		    size_t size)
{
	const struct host_told told = {
		.d = *d,
		.available_b = facts->available_b.known ? facts->available_b.value : FIGURE_UNKNOWN,
	};

	return tell(d->reason, host_figures, &told, 0, text, size);
}
