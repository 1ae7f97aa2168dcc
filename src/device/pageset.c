/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pageset.c - a set of page numbers that is read back as sorted, maximal runs
 *
 * Layer: device.
 * In:    page numbers.
 * Out:   runs.
 *
 * Sorting 256 PFNs costs 40 to 100 ns each, a bit in a bitmap 1 to 10.
 */
#include "device/pageset.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define BITS 64

int pageset_init(struct pageset *ps, uint64_t size)
{
	uint64_t words[PAGESET_LEVELS], n = size, sum = 0;
	uint64_t *at;
	int i;

	if (size == 0 || size > PAGESET_MAX)
		return -EINVAL;
	for (i = 0; i < PAGESET_LEVELS; i++) {
		n = (n + BITS - 1) / BITS;
		words[i] = n;
		sum += n;
	}
	at = mmap(NULL, sum * sizeof(*at), PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		return -errno;
	ps->size = size;
	ps->bytes = sum * sizeof(*at);
	for (i = 0; i < PAGESET_LEVELS; i++) {
		ps->level[i] = at;
		at += words[i];
	}
	return 0;
}

void pageset_fini(struct pageset *ps)
{
	if (ps->level[0])
		(void)munmap(ps->level[0], ps->bytes);
	ps->level[0] = NULL;
}

void pageset_clear(struct pageset *ps)
{
	if (madvise(ps->level[0], ps->bytes, MADV_REMOVE) < 0)
		memset(ps->level[0], 0, ps->bytes);
}

/* Bits [@from, @to] of a word, both below 64. */
static uint64_t mask(unsigned int from, unsigned int to)
{
	return (~UINT64_C(0) << from) & (~UINT64_C(0) >> (BITS - 1 - to));
}

/* Calls for each word of the range would hide the loop: this is its step. */
static uint64_t word_mask(uint64_t word, uint64_t first, uint64_t last)
{
	return mask(word == first / BITS ? (unsigned int)(first % BITS) : 0,
		    word == last / BITS ? (unsigned int)(last % BITS) : BITS - 1);
}

void pageset_add(struct pageset *ps, uint64_t first, uint64_t n)
{
	uint64_t word, last = first + n - 1;
	int i;

	if (n == 0)
		return;
	/* from the top, so that a summary never lacks what is below it */
	for (i = PAGESET_LEVELS - 1; i >= 0; i--) {
		uint64_t from = first >> (6 * i), to = last >> (6 * i);

		for (word = from / BITS; word <= to / BITS; word++)
			ps->level[i][word] |= word_mask(word, from, to);
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
	}
}

/* @word of level 0 is empty: clears its bit above, and so on up. */
static void forget_word(struct pageset *ps, uint64_t word)
{
	int i;

	for (i = 1; i < PAGESET_LEVELS; i++) {
		ps->level[i][word / BITS] &= ~(UINT64_C(1) << (word % BITS));
		word /= BITS;
		if (ps->level[i][word])
			return;
	}
}

void pageset_remove(struct pageset *ps, uint64_t first, uint64_t n)
{
	uint64_t word, last = first + n - 1;

	if (n == 0)
		return;
	for (word = first / BITS; word <= last / BITS; word++) {
		if (!ps->level[0][word])
			continue;
		ps->level[0][word] &= ~word_mask(word, first, last);
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		if (!ps->level[0][word])
			forget_word(ps, word);
	}
}

bool pageset_has(const struct pageset *ps, uint64_t first, uint64_t n)
{
	uint64_t word, last = first + n - 1;

	for (word = first / BITS; n && word <= last / BITS; word++)
		if (~ps->level[0][word] & word_mask(word, first, last))
			return false;
	return true;
}

/* The first set bit of level @i at or after @from; false: there is none. */
static bool find(const struct pageset *ps, int i, uint64_t from, uint64_t *ret)
{
	uint64_t size = ((ps->size - 1) >> (6 * i)) + 1, word, bits;

	while (from < size) {
		bits = ps->level[i][from / BITS] & mask((unsigned int)(from % BITS), BITS - 1);
		if (bits) {
			*ret = from / BITS * BITS + (uint64_t)__builtin_ctzll(bits);
			return true;
		}
		word = from / BITS + 1;
		if (i + 1 == PAGESET_LEVELS || !find(ps, i + 1, word, &word))
			return false;
		from = word * BITS; /* "maybe": look, and go on where it is empty */
	}
	return false;
}

bool pageset_next(const struct pageset *ps, uint64_t from, uint64_t *ret_first, uint64_t *ret_n)
{
	uint64_t first, end, bits;

	if (!find(ps, 0, from, &first))
		return false;
	for (end = first; end < ps->size;) {
		bits = ~ps->level[0][end / BITS] & mask((unsigned int)(end % BITS), BITS - 1);
		if (bits) {
			end = end / BITS * BITS + (uint64_t)__builtin_ctzll(bits);
			break;
		}
		end = (end / BITS + 1) * BITS;
	}
	*ret_first = first;
	*ret_n = (end < ps->size ? end : ps->size) - first;
	return true;
}
