/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * maps.c - which mappings of a hypervisor's process are its guest's RAM
 *
 * Layer: host.
 * In:    /proc/PID, as a directory fd, or the lines of its "maps" or "smaps".
 * Out:   the blocks of the RAM, and what of them is resident.
 *
 * Sizes decide, and not names: QEMU maps RAM without a name or from a file of
 * any name, and its own translation cache is executable.
 */
#include "host/maps.h"

#include "base/cleanup.h"
#include "base/num.h"
#include "host/text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Two addresses, permissions, offset, device, inode: a name follows, and may be cut. */
#define LINE_MAX_B 256

/* Sums that are tried; a guest of one block takes one, one of 32 equal blocks 32. */
#define TRIES_MAX 100000

static uint64_t block_size(const struct maps_block *b)
{
	return b->end - b->start;
}

/* Reads hexadecimal digits at *@p, up to and with the letter @end. */
static bool parse_hex(const char **p, char end, uint64_t *ret)
{
	const char *at = *p;
	uint64_t v = 0;

	for (; isxdigit((unsigned char)*at); at++) {
		if (v >> 60)
			return false;
		v = v << 4 | (uint64_t)(isdigit((unsigned char)*at)
						? *at - '0'
						: tolower((unsigned char)*at) - 'a' + 10);
	}
	if (at == *p || *at != end)
		return false;
	*p = at + 1;
	*ret = v;
	return true;
}

/* One line of "maps", or the first line of an entry of "smaps": START-END PERMS OFFSET DEV INODE.
 */
static bool parse_mapping(const char *line, struct maps_block *ret, char perms[5])
{
	uint64_t offset, major_n, minor_n, ino;

	if (!parse_hex(&line, '-', &ret->start) || !parse_hex(&line, ' ', &ret->end) ||
	    ret->start >= ret->end || strnlen(line, 5) < 5 || line[4] != ' ')
		return false;
	memcpy(perms, line, 4);
	perms[4] = '\0';
	line += 5;
	if (!parse_hex(&line, ' ', &offset) || !parse_hex(&line, ':', &major_n) ||
	    !parse_hex(&line, ' ', &minor_n) || text_u64(&line, &ino) < 0)
		return false;
	ret->shared = perms[3] == 's';
	ret->dev = makedev((unsigned int)major_n, (unsigned int)minor_n);
	ret->ino = (ino_t)ino;
	return true;
}

void maps_consider(struct maps_candidates *c, const char *line)
{
	struct maps_block b;
	char perms[5];
	size_t at;

	if (!parse_mapping(line, &b, perms) || strncmp(perms, "rw-", 3) != 0 ||
	    block_size(&b) < MAPS_BLOCK_MIN_B)
		return;
	for (at = c->n; at > 0 && block_size(&c->block[at - 1]) < block_size(&b); at--)
		;
	if (at == MAPS_BLOCKS_MAX)
		return;
	c->n = c->n < MAPS_BLOCKS_MAX ? c->n + 1 : c->n;
	memmove(&c->block[at + 1], &c->block[at], (c->n - 1 - at) * sizeof(b));
	c->block[at] = b;
}

/* A search for blocks of one sum. */
struct search {
	const struct maps_candidates *c;
	bool used[MAPS_BLOCKS_MAX];
	unsigned int tries;
};

/* Finds @count blocks from @from on that are @left_b together: depth first, largest first. */
static bool find_sum(struct search *s, size_t from, size_t count, uint64_t left_b)
{
	size_t i;

	if (count == 0)
		return left_b == 0;
	for (i = from; i < s->c->n; i++) {
		uint64_t size_b = block_size(&s->c->block[i]);

		if (size_b > left_b)
			continue;
		if (u64_mul_sat(size_b, count) < left_b || ++s->tries > TRIES_MAX)
			return false; /* all that follow are smaller still */
		s->used[i] = true;
		if (find_sum(s, i + 1, count - 1, left_b - size_b))
			return true;
		s->used[i] = false;
	}
	return false;
}

/* Is there a mapping of the size of a chosen one that was not chosen? */
static bool is_ambiguous(const struct search *s)
{
	size_t i;

	for (i = 1; i < s->c->n; i++)
		if (s->used[i] != s->used[i - 1] &&
		    block_size(&s->c->block[i]) == block_size(&s->c->block[i - 1]))
			return true;
	return false;
}

static void take_chosen(const struct search *s, struct maps_ram *ret)
{
	size_t i, at;

	ret->n = 0;
	for (i = 0; i < s->c->n; i++) {
		if (!s->used[i])
			continue;
		for (at = ret->n++; at > 0 && ret->block[at - 1].start > s->c->block[i].start; at--)
			ret->block[at] = ret->block[at - 1];
		ret->block[at] = s->c->block[i];
	}
}

int maps_choose(const struct maps_candidates *c, uint64_t ram_b, struct maps_ram *ret)
{
	struct search s = { .c = c };
	size_t count;

	for (count = 1; count <= c->n; count++) {
		if (find_sum(&s, 0, count, ram_b)) {
			if (is_ambiguous(&s))
				return -ENOTUNIQ;
			take_chosen(&s, ret);
			return 0;
		}
		if (s.tries > TRIES_MAX)
			return -E2BIG;
	}
	return -ENOENT;
}

typedef int (*line_fn)(void *userdata, const char *line);

/* Calls @fn for the beginning of each line of a file; not 0 ends it. -ESRCH for an empty file. */
static int each_line(int dirfd, const char *name, line_fn fn, void *userdata)
{
	cleanup_fclose FILE *f = NULL;
	unsigned int lines = 0;
	char line[LINE_MAX_B];
	bool whole = true; /* the last piece ended its line */
	int fd, r = 0;

	fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	f = fdopen(fd, "r");
	if (!f) {
		(void)close(fd);
		return -ENOMEM;
	}
	while (r == 0 && fgets(line, sizeof(line), f)) {
		if (whole)
			r = ++lines > MAPS_LINES_MAX ? -E2BIG : fn(userdata, line);
		whole = strchr(line, '\n') != NULL;
	}
	if (r == 0 && ferror(f))
		return errno ? -errno : -EIO;
	return r == 0 && lines == 0 ? -ESRCH : r;
}

static int consider(void *userdata, const char *line)
{
	maps_consider(userdata, line);
	return 0;
}

int maps_find_ram(int piddir, uint64_t ram_b, struct maps_ram *ret)
{
	struct maps_candidates c = { 0 };
	int r;

	r = each_line(piddir, "maps", consider, &c);
	return r < 0 ? r : maps_choose(&c, ram_b, ret);
}

struct smaps_scan {
	const struct maps_ram *ram;
	size_t seen; /* blocks that were met */
	bool inside; /* the lines are of one of them */
	struct ram_bytes bytes;
};

/* Takes "KEY: NUMBER kB" where the line begins with @key. 1 where it does, 0, or -EBADMSG. */
static int take_field(const char *line, const char *key, uint64_t *sum_b)
{
	uint64_t kib;

	if (!text_skip(&line, key))
		return 0;
	line += strspn(line, " ");
	if (text_u64(&line, &kib) < 0)
		return -EBADMSG;
	*sum_b = u64_add_sat(*sum_b, u64_mul_sat(kib, KIB));
	return 1;
}

static int smaps_line(void *userdata, const char *line)
{
	struct smaps_scan *scan = userdata;
	struct maps_block b;
	char perms[5];
	size_t i;
	int r;

	if (parse_mapping(line, &b, perms)) {
		scan->inside = false;
		for (i = 0; i < scan->ram->n; i++)
			scan->inside |= !b.shared && scan->ram->block[i].start == b.start &&
					scan->ram->block[i].end == b.end;
		scan->seen += scan->inside;
		return 0;
	}
	if (!scan->inside)
		return 0;
	r = take_field(line, "Rss:", &scan->bytes.present_b);
	if (r == 0)
		r = take_field(line, "Private_Hugetlb:", &scan->bytes.present_b);
	if (r == 0)
		r = take_field(line, "Swap:", &scan->bytes.swapped_b);
	return r < 0 ? r : 0;
}

int maps_read_smaps(int piddir, const struct maps_ram *ram, struct ram_bytes *ret)
{
	struct smaps_scan scan = { .ram = ram };
	size_t i, wanted = 0;
	int r;

	for (i = 0; i < ram->n; i++)
		wanted += !ram->block[i].shared;
	r = each_line(piddir, "smaps", smaps_line, &scan);
	if (r < 0)
		return r;
	if (scan.seen != wanted)
		return -ESTALE;
	*ret = scan.bytes;
	return 0;
}
