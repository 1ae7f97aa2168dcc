/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * explain.c - a decision as one plain sentence with its numbers
 *
 * Layer: policy (pure).
 * In:    a decision.
 * Out:   a sentence for people.
 *
 * Sentences are rows of model/reason.c with figures by name in braces. So writing
 * one needs no C. A test finds a name that no figure has.
 */
#include "policy/explain.h"

#include "base/num.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

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
	OF_VM("resident", FIGURE_BYTES, fig.backed_b),
	OF_VM("available", FIGURE_BYTES, fig.available_b),
	OF_VM("reserve", FIGURE_BYTES, fig.reserve_b),
	OF_VM("stale", FIGURE_BYTES, fig.stale_b),
	OF_VM("cold", FIGURE_BYTES, fig.cold_b),
	OF_VM("expected", FIGURE_BYTES, fig.expected_b),
	OF_VM("need", FIGURE_BYTES, fig.need_b),
	OF_VM("balloon", FIGURE_BYTES, fig.balloon_b),
	OF_VM("freed", FIGURE_BYTES, fig.freed_b),
	OF_VM("floor", FIGURE_BYTES, fig.floor_b),
	OF_VM("unbacked", FIGURE_BYTES, fig.unbacked_b),
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

/* Room for the largest figure, "17179869183.9 GiB" or "5124095576 h 1 min". */
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

/* Cut to what matters of it: "119 s", "2 min", "119 min", "2 h 0 min". */
static void time_text(uint64_t us, char *text)
{
	unsigned long long s = us / USEC_PER_SEC;

	if (s < 120)
		(void)snprintf(text, FIGURE_TEXT_MAX, "%llu s", s);
	else if (s < 7200)
		(void)snprintf(text, FIGURE_TEXT_MAX, "%llu min", s / 60);
	else
		(void)snprintf(text, FIGURE_TEXT_MAX, "%llu h %llu min", s / 3600, s / 60 % 60);
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
		time_text(u64_sub_sat(v, now_us), text);
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
	const char *p = reason_sentence(why);
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
