/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * device_line.c - what a ballonet-device says
 *
 * Layer: vmm.
 * In:    "KEY=NUMBER KEY=NUMBER ...".
 * Out:   struct device_state, struct guest_stats.
 */
#include "vmm/device.h"

#include "base/num.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX 24

struct word {
	char key[KEY_MAX];
	uint64_t value;
};

/* Takes the next word off *at. 1, 0 at the end, or -EPROTO. */
static int next_word(const char **at, struct word *ret)
{
	const char *p = *at + strspn(*at, " "), *eq;
	char *end;

	if (!*p)
		return 0;
	eq = strchr(p, '=');
	if (!eq || eq == p || (size_t)(eq - p) >= KEY_MAX || eq[1] < '0' || eq[1] > '9')
		return -EPROTO;
	memcpy(ret->key, p, (size_t)(eq - p));
	ret->key[eq - p] = '\0';
	errno = 0;
	ret->value = strtoull(eq + 1, &end, 0);
	if (errno || (*end != ' ' && *end != '\0'))
		return -EPROTO;
	*at = end;
	return 1;
}

static const char *const state_keys[] = { "front",     "driver",     "pid",	 "boots",
					  "features",  "ram_b",	     "target_b", "balloon_b",
					  "press_seq", "pressed_seq" };
enum {
	S_FRONT,
	S_DRIVER,
	S_PID,
	S_BOOTS,
	S_FEATURES,
	S_RAM,
	S_TARGET,
	S_BALLOON,
	S_PRESS,
	S_PRESSED,
	S_COUNT
};
#define S_NEEDED ((1U << S_PRESS) - 1) /* what follows is 0 of a device that does not say it */

int device_parse_state(const char *words, struct device_state *ret)
{
	uint64_t v[S_COUNT] = { 0 };
	unsigned int seen = 0, i;
	struct word w;
	int r;

	while ((r = next_word(&words, &w)) > 0)
		for (i = 0; i < S_COUNT; i++)
			if (strcmp(w.key, state_keys[i]) == 0) {
				v[i] = w.value;
				seen |= 1U << i;
			}
	if (r < 0 || (seen & S_NEEDED) != S_NEEDED || v[S_PID] > INT32_MAX ||
	    v[S_BOOTS] > UINT32_MAX)
		return -EPROTO;
	*ret = (struct device_state){ .front = v[S_FRONT] != 0,
				      .driver = v[S_DRIVER] != 0,
				      .pid = (int32_t)v[S_PID],
				      .boots = (uint32_t)v[S_BOOTS],
				      .features = v[S_FEATURES],
				      .ram_b = v[S_RAM],
				      .target_b = v[S_TARGET],
				      .balloon_b = v[S_BALLOON],
				      .press_seq = (uint32_t)v[S_PRESS],
				      .pressed_seq = (uint32_t)v[S_PRESSED] };
	return 0;
}

int device_parse_stats(const char *words, struct guest_stats *ret)
{
	struct guest_stats s = { 0 };
	struct word w;
	int r;

	while ((r = next_word(&words, &w)) > 0) {
		char *end;
		unsigned long tag = strtoul(w.key, &end, 10);

		if (strcmp(w.key, "taken_us") == 0)
			s.taken_us = w.value;
		if (*end || tag >= BALLOON_STAT_COUNT)
			continue;
		s.tag[tag] = w.value;
		s.known |= UINT32_C(1) << tag;
	}
	if (r < 0)
		return -EPROTO;
	*ret = s;
	return 0;
}
