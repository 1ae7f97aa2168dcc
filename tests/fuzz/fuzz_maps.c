/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_maps.c - lines of "maps" of any kind, and sums of any size
 *
 * Layer: tests.
 *
 * Whatever is chosen is as much as was asked for.
 */
#include "host/maps.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct maps_candidates c = { 0 };
	struct maps_ram ram;
	uint64_t ram_b, sum_b = 0;
	char *text, *line, *rest;
	size_t i;

	if (size < sizeof(ram_b))
		return 0;
	memcpy(&ram_b, data, sizeof(ram_b));
	size -= sizeof(ram_b);
	text = malloc(size + 1);
	if (!text)
		return 0;
	memcpy(text, data + sizeof(ram_b), size);
	text[size] = '\0';
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		maps_consider(&c, line);
	if (maps_choose(&c, ram_b, &ram) == 0) {
		for (i = 0; i < ram.n; i++)
			sum_b += ram.block[i].end - ram.block[i].start;
		if (sum_b != ram_b || ram.n == 0)
			abort();
	}
	free(text);
	return 0;
}
