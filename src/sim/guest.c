/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest.c - a model of a guest's memory, its balloon driver, and what both say of themselves
 *
 * Layer: sim.
 * In:    what it is, what its programs do, the size its balloon is to have.
 * Out:   bytes resident at the host; statistics as a guest sends them; how it suffers.
 *
 * Who gives when memory is short: free pages, then (by driver) the balloon and
 * page cache that was read once, then page cache that was read again, then the
 * swap disk, then the OOM notifier, then the OOM killer. A balloon that grows
 * takes memory in the same order up to the swap disk: it never kills.
 */
#include "sim/guest.h"

#include "base/num.h"

#define PAGE_B UINT64_C(4096)

/* Bytes per second. A disk as a cloud sells it; both directions. */
#define DISK_RATE_B (200 * MIB)
/* Pages that the host does not back cost 0.85 to 12 GiB/s to get back (measured). */
#define BACK_RATE_B GIB
/* Bytes per second of their own evicted or swapped-out pages that programs use again. */
#define MISSED_RATE_B (32 * MIB)
/* Major faults bring in this much: readahead of a mapped file. Swap comes back by 8 pages. */
#define FAULT_B (64 * KIB)
#define SWAP_FAULT_B (32 * KIB)
/* Of programs' memory, what they never use again, so that it can stay swapped out. */
#define ANON_COLD_PPM (300 * UINT64_C(1000))
/*
 * Linux keeps free: 22 MiB a zone where there are transparent huge pages (min_free_kbytes as it
 * sets it by itself: a 1 GiB guest of two zones has 45056), and a share of memory at most. Above
 * that, reclaim begins at the low watermark (5/4), and available memory at the high one (6/4).
 */
#define ZONE_MIN_B (22 * MIB)
#define TWO_ZONES_B (3 * GIB)
#define MIN_DIVISOR 20
/* On per-CPU lists after much was freed: 37 MiB where the last watermark is 44 (measured). */
#define HIDDEN_OF_MIN_PPM (840 * UINT64_C(1000))
/* A 6.1 guest with swap whose cache was all active swapped out 51 pages when 60 MiB were pressed.
 */
#define SWAPS_WITH_ACTIVE_DIVISOR 300
/* Stock drivers leave this much page cache, and begin to swap then. */
#define FILE_LOW_DIVISOR 64
/* ballonet.ko stops to inflate here (its reserve, "guest/"). */
#define BALLONET_RESERVE_B (96 * MIB)
/* A 4.19 guest asked to go on past its free pages gave this much back in one go (measured: of
 * 471,936 pages that went in, 309,760 came out again). */
#define SHRINKER_GIVES_B (32 * MIB)
/* The OOM notifier's steps, and how long each keeps everybody waiting (201 calls took 3417
 * stalls to free 200 MiB, measured; a stall is taken for half a jiffy). */
#define NOTIFIER_STEP_B MIB
#define BALLONET_STEP_B (64 * MIB)
#define NOTIFIER_CALL_US (17 * 500)
/* Free page reporting: half of what was freed after 2.1 s, 95 % after 4 s (measured). */
#define REPORT_TIME_US (4200 * USEC_PER_MSEC)
#define REPORT_LEAVES_DIVISOR 20
#define BOOT_DIVISOR 96

static uint64_t whole_pages(uint64_t b)
{
	return b / PAGE_B * PAGE_B;
}

static uint64_t time_for(uint64_t b, uint64_t rate_b)
{
	return b * USEC_PER_SEC / rate_b; /* 2^44 bytes are more than any guest moves at once */
}

uint64_t guest_cache(const struct guest *g)
{
	uint64_t sum_b = 0;
	int i;

	for (i = 0; i < GUEST_FILES; i++)
		sum_b += g->file[i].cached_b;
	return sum_b;
}

uint64_t guest_ram(const struct guest *g)
{
	uint64_t used_b = g->spec.managed_b - g->balloon_b - g->free.free_b;

	return g->spec.fixed_b + used_b + g->free.backed_b;
}

uint64_t guest_resident(const struct guest *g)
{
	return guest_ram(g) + g->spec.own_b;
}

/* The watermarks: the last free pages are for the kernel alone, */
static uint64_t min_b(const struct guest *g)
{
	uint64_t zones_b = (g->spec.ram_b <= TWO_ZONES_B ? 2 : 3) * ZONE_MIN_B;

	return whole_pages(u64_min(zones_b, g->spec.managed_b / MIN_DIVISOR));
}

/* up to this it reclaims in the background, */
static uint64_t high_b(const struct guest *g)
{
	return whole_pages(min_b(g) * 6 / 4);
}

/* and below this it begins to. */
static uint64_t keep_b(const struct guest *g)
{
	return whole_pages(min_b(g) * 5 / 4);
}

uint64_t guest_available(const struct guest *g)
{
	uint64_t cache_b = guest_cache(g);

	/* si_mem_available(): half of the page cache or the low watermark counts as needed */
	cache_b -= u64_min(cache_b / 2, keep_b(g));
	return u64_sub_sat(g->free.free_b, high_b(g) + g->hidden_b) + cache_b;
}

/* Pages freed in bulk: some stay on the lists of processors for a while. */
static void free_backed(struct guest *g, uint64_t size_b)
{
	pages_free(&g->free, size_b, size_b);
	g->hidden_b =
		u64_min(g->hidden_b + size_b, whole_pages(min_b(g) * HIDDEN_OF_MIN_PPM / PPM));
}

/* ------------------------------------------------------------- reclaim */

static void evict(struct guest *g, struct guest_file *f, uint64_t size_b)
{
	f->cached_b -= size_b;
	f->evicted_b += size_b;
	/* while it reclaims, Linux keeps next to nothing on the lists of processors */
	pages_free(&g->free, size_b, size_b);
}

/* What of a file may be evicted: programs that run keep half of themselves, come what may. */
static uint64_t evictable(const struct guest *g, int i)
{
	const struct guest_file *f = &g->file[i];

	if (i != FILE_PROGRAMS)
		return f->cached_b;
	return u64_sub_sat(f->cached_b, whole_pages((f->cached_b + f->evicted_b) / 2));
}

/* The file whose pages go next: read once before read again, programs last, else the oldest. */
static int coldest(const struct guest *g)
{
	int i, best = -1;

	for (i = GUEST_FILES - 1; i >= 0; i--) {
		const struct guest_file *f = &g->file[i], *b = best < 0 ? NULL : &g->file[best];

		if (evictable(g, i) == 0)
			continue;
		if (!b || (i != FILE_PROGRAMS &&
			   ((f->reads < 2) > (b->reads < 2) ||
			    ((f->reads < 2) == (b->reads < 2) && f->read_us < b->read_us))))
			best = i;
	}
	return best;
}

static uint64_t swap_out(struct guest *g, uint64_t size_b)
{
	uint64_t part_b =
		u64_min(u64_min(size_b, g->anon_b), u64_sub_sat(g->spec.swap_b, g->swapped_b));

	g->anon_b -= part_b;
	g->swapped_b += part_b;
	g->harm.swap_out_b += part_b;
	g->harm.stall_us += time_for(part_b, DISK_RATE_B);
	pages_free(&g->free, part_b, part_b);
	return part_b;
}

/* Evicts up to @size_b of page cache, leaving @leave_b of it. Returns bytes freed. */
static uint64_t reclaim_cache(struct guest *g, uint64_t size_b, uint64_t leave_b)
{
	uint64_t cache_b = guest_cache(g), got_b = 0;
	uint64_t may_b = u64_min(size_b, whole_pages(u64_sub_sat(cache_b, leave_b)));
	int i;

	while (got_b < may_b && (i = coldest(g)) >= 0) {
		uint64_t part_b = u64_min(may_b - got_b, evictable(g, i));

		if (g->file[i].reads >
		    1) /* reclaim that comes to the active list looks at programs, too */
			(void)swap_out(g, whole_pages(part_b / SWAPS_WITH_ACTIVE_DIVISOR));
		evict(g, &g->file[i], part_b);
		got_b += part_b;
	}
	if (got_b)
		g->stalls += 1 + got_b / (4 * MIB);
	return got_b;
}

/* The balloon gives up to @size_b back, by itself. */
static uint64_t leak(struct guest *g, uint64_t size_b)
{
	uint64_t part_b = u64_min(size_b, g->balloon_b);

	g->balloon_b -= part_b;
	pages_free(&g->free, part_b, 0);
	return part_b;
}

/* Out of memory: what the notifier gets out of the balloon, in its steps. */
static uint64_t notify_oom(struct guest *g, uint64_t size_b)
{
	uint64_t step_b = NOTIFIER_STEP_B, part_b, calls;

	if (g->spec.driver != DRIVER_NOTIFIER && g->spec.driver != DRIVER_BALLONET)
		return 0;
	if (g->spec.driver == DRIVER_BALLONET)
		step_b = BALLONET_STEP_B;
	calls = (size_b + step_b - 1) / step_b;
	part_b = leak(g, calls * step_b);
	g->harm.stall_us += (part_b + step_b - 1) / step_b * NOTIFIER_CALL_US;
	return part_b;
}

/* Frees @size_b for programs, if anyhow possible. */
static void make_room(struct guest *g, uint64_t size_b)
{
	uint64_t got_b = 0;

	if (g->spec.driver == DRIVER_SHRINKER)
		got_b = leak(g, size_b);
	else if (g->spec.driver == DRIVER_BALLONET)
		got_b = leak(g, whole_pages(size_b / 2)); /* the cache gives the other half */
	if (got_b < size_b)
		got_b += reclaim_cache(g, size_b - got_b, g->spec.managed_b / FILE_LOW_DIVISOR);
	if (got_b < size_b && g->spec.driver == DRIVER_BALLONET)
		got_b += leak(g, size_b - got_b);
	if (got_b < size_b)
		got_b += swap_out(g, size_b - got_b);
	if (got_b < size_b)
		got_b += reclaim_cache(g, size_b - got_b, 0);
	if (got_b < size_b)
		(void)notify_oom(g, size_b - got_b);
}

/* Takes up to @size_b of free pages into use; those that the host does not back cost time. */
static uint64_t take_free(struct guest *g, uint64_t size_b)
{
	uint64_t got_b = u64_min(size_b, g->free.free_b);
	uint64_t backed_b = pages_take(&g->free, got_b);

	g->hidden_b = u64_sub_sat(g->hidden_b, got_b);
	g->minor_faults += got_b / PAGE_B;
	g->harm.stall_us += time_for(got_b - backed_b, BACK_RATE_B);
	return got_b;
}

/* ------------------------------------------------------------ programs */

uint64_t guest_want(struct guest *g, uint64_t size_b)
{
	uint64_t room_b = u64_sub_sat(g->free.free_b, keep_b(g)), got_b;

	size_b = whole_pages(size_b);
	if (room_b < size_b)
		make_room(g, size_b - room_b);
	/* the last free pages are for the kernel alone, but half of them can be had */
	got_b = take_free(g,
			  u64_min(size_b, u64_sub_sat(g->free.free_b, whole_pages(keep_b(g) / 2))));
	g->anon_b += got_b;
	if (got_b < size_b)
		g->harm.oom_kills++;
	return got_b;
}

void guest_give(struct guest *g, uint64_t size_b)
{
	uint64_t part_b = u64_min(whole_pages(size_b), g->anon_b + g->swapped_b);
	uint64_t of_swap_b = g->swapped_b ? u64_min(part_b, g->swapped_b) : 0;

	g->swapped_b -= of_swap_b;
	g->anon_b -= part_b - of_swap_b;
	free_backed(g, part_b - of_swap_b);
	if (g->spec.reporting)
		g->report_b = u64_max(g->free.backed_b * USEC_PER_SEC / REPORT_TIME_US, PAGE_B);
}

/* Brings @size_b of file data in, as far as there is memory. */
static void fill(struct guest *g, struct guest_file *f, uint64_t size_b)
{
	uint64_t room_b = u64_sub_sat(g->free.free_b, keep_b(g)), got_b;

	if (room_b < size_b) {
		uint64_t lack_b = size_b - room_b, leaked_b = 0;

		if (g->spec.driver == DRIVER_SHRINKER)
			leaked_b = leak(g, lack_b);
		else if (g->spec.driver == DRIVER_BALLONET)
			leaked_b = leak(g, whole_pages(lack_b / 2));
		(void)reclaim_cache(g, lack_b - leaked_b, 0);
	}
	got_b = take_free(g, u64_min(size_b, u64_sub_sat(g->free.free_b, keep_b(g))));
	f->cached_b += got_b;
	f->evicted_b += size_b - got_b; /* read, and gone again */
	g->harm.stall_us += time_for(size_b, DISK_RATE_B);
}

void guest_read_some(struct guest *g, enum guest_file_id file, uint64_t size_b, uint64_t most_b)
{
	struct guest_file *f = &g->file[file];
	uint64_t missing_b = u64_sub_sat(whole_pages(size_b), f->cached_b);
	uint64_t part_b = u64_min(missing_b, whole_pages(most_b));
	uint64_t again_b = u64_min(part_b, f->evicted_b);

	f->read_us = g->now_us;
	f->reads++;
	if (!part_b)
		return;
	f->evicted_b -= again_b;
	g->harm.refault_b += again_b;
	fill(g, f, part_b);
}

void guest_read(struct guest *g, enum guest_file_id file, uint64_t size_b)
{
	guest_read_some(g, file, size_b, size_b);
}

void guest_read_new(struct guest *g, enum guest_file_id file, uint64_t size_b)
{
	struct guest_file *f = &g->file[file];

	f->read_us = g->now_us;
	f->reads = 1;
	fill(g, f, whole_pages(size_b));
	f->evicted_b = 0; /* nobody comes back for it */
}

void guest_drop(struct guest *g, enum guest_file_id file)
{
	pages_free(&g->free, g->file[file].cached_b, g->file[file].cached_b);
	g->file[file] = (struct guest_file){ 0 };
	if (g->spec.reporting)
		g->report_b = u64_max(g->free.backed_b * USEC_PER_SEC / REPORT_TIME_US, PAGE_B);
}

/* Programs use their own evicted pages again, and memory that was swapped out. */
static void miss(struct guest *g, uint64_t span_us)
{
	struct guest_file *f = &g->file[FILE_PROGRAMS];
	uint64_t most_b = whole_pages(u64_mul_sat(MISSED_RATE_B, span_us) / USEC_PER_SEC), part_b;
	uint64_t cold_b = whole_pages(u64_ppm(g->anon_b + g->swapped_b, ANON_COLD_PPM));

	part_b = u64_min(most_b, f->evicted_b);
	if (part_b) {
		f->evicted_b -= part_b;
		g->harm.major_faults += part_b / FAULT_B + 1;
		fill(g, f, part_b);
	}
	part_b = u64_min(most_b, u64_sub_sat(g->swapped_b, cold_b));
	/* what comes in drives something out where there is no room: it only moves with some */
	part_b = u64_min(part_b, u64_sub_sat(g->free.free_b, keep_b(g)));
	if (part_b) {
		g->swapped_b -= part_b;
		g->anon_b += take_free(g, part_b);
		g->harm.swap_in_b += part_b;
		g->harm.major_faults += part_b / SWAP_FAULT_B + 1;
		g->harm.stall_us += time_for(part_b, DISK_RATE_B);
	}
}

/* ------------------------------------------------------------- balloon */

static void inflate(struct guest *g, uint64_t most_b)
{
	/* it allocates faster than the kernel's own reclaim keeps up: down to the last watermark */
	uint64_t part_b = u64_min(most_b, u64_sub_sat(g->free.free_b, min_b(g)));

	if (g->spec.driver == DRIVER_BALLONET)
		most_b = u64_min(most_b, u64_sub_sat(guest_available(g), BALLONET_RESERVE_B));
	part_b = u64_min(part_b, most_b);
	if (g->balloon_b == 0)
		g->hidden_b = 0;
	if (part_b < most_b && g->spec.driver == DRIVER_SHRINKER) {
		(void)pages_take(&g->free, part_b);
		g->balloon_b += part_b;
		guest_charge(g, part_b);
		(void)leak(g, SHRINKER_GIVES_B);
		return;
	}
	if (part_b < most_b)
		part_b += reclaim_cache(g, most_b - part_b, g->spec.managed_b / FILE_LOW_DIVISOR);
	if (part_b < most_b && g->spec.driver != DRIVER_BALLONET)
		part_b += swap_out(g, most_b - part_b);
	(void)pages_take(&g->free, part_b);
	g->balloon_b += part_b;
	guest_charge(g, part_b);
	if (g->free.free_b < keep_b(g) &&
	    g->spec.driver != DRIVER_SHRINKER) /* the kernel's own reclaim comes after */
		(void)reclaim_cache(g, high_b(g) - g->free.free_b,
				    g->spec.managed_b / FILE_LOW_DIVISOR);
}

/* Moves the balloon for @span_us towards its size. Returns how long it had something to do. */
static uint64_t move_balloon(struct guest *g, uint64_t span_us)
{
	bool up = g->balloon_b < g->wanted_b;
	uint64_t way_b = up ? g->wanted_b - g->balloon_b : g->balloon_b - g->wanted_b;
	uint64_t rate_b = up ? guest_inflate_rate(g) : g->spec.deflate_rate_b;
	uint64_t most_b;

	if (!way_b || !rate_b || g->spec.driver == DRIVER_NONE)
		return 0;
	most_b = u64_min(whole_pages(u64_mul_sat(rate_b, span_us) / USEC_PER_SEC), way_b);
	if (up)
		inflate(g, most_b);
	else
		(void)leak(g, most_b);
	return u64_min(span_us, time_for(way_b, rate_b));
}

static uint64_t report(struct guest *g, uint64_t span_us)
{
	uint64_t leave_b = whole_pages(g->free.free_b / REPORT_LEAVES_DIVISOR);
	uint64_t todo_b = u64_sub_sat(g->free.backed_b, leave_b);
	uint64_t most_b = whole_pages(u64_mul_sat(g->report_b, span_us) / USEC_PER_SEC);
	uint64_t takes_us = time_for(todo_b, g->report_b);

	pages_unback(&g->free, u64_min(todo_b, most_b));
	if (most_b >= todo_b)
		g->report_b = 0;
	return u64_min(span_us, takes_us);
}

void guest_advance(struct guest *g, uint64_t now_us)
{
	uint64_t span_us = now_us - g->now_us, before_b, moved_us = 0;
	bool missed = g->file[FILE_PROGRAMS].evicted_b || g->swapped_b;

	if (span_us == 0)
		return;
	before_b = guest_resident(g);
	g->now_us = now_us;
	if (g->balloon_b != g->wanted_b)
		moved_us = move_balloon(g, span_us);
	if (g->report_b)
		moved_us = u64_max(moved_us, report(g, span_us));
	if (missed) {
		miss(g, span_us);
		moved_us = span_us;
	}
	/* what moved did so evenly, and then stayed */
	g->resident_b_us += (unsigned __int128)guest_resident(g) * (span_us - moved_us) +
			    (unsigned __int128)((before_b + guest_resident(g)) / 2) * moved_us;
}

void guest_stand_still(struct guest *g, uint64_t now_us)
{
	g->resident_b_us += (unsigned __int128)guest_resident(g) * (now_us - g->now_us);
	g->now_us = now_us;
}

void guest_balloon(struct guest *g, uint64_t remaining_b)
{
	g->wanted_b = whole_pages(u64_sub_sat(g->spec.ram_b, remaining_b));
}

/* -------------------------------------------------------------- a boot */

void guest_reset(struct guest *g, uint64_t programs_b, uint64_t now_us)
{
	const struct guest_spec *spec = &g->spec;

	guest_advance(g, now_us);
	g->anon_b = g->swapped_b = g->balloon_b = g->wanted_b = g->report_b = g->hidden_b = 0;
	for (int i = 0; i < GUEST_FILES; i++)
		g->file[i] = (struct guest_file){ 0 };
	g->free = (struct pages){ 0 };
	pages_free(&g->free, spec->managed_b - whole_pages(spec->kernel_b), 0);
	/* what booting used and freed: 11 MiB of a 1 GiB guest */
	(void)pages_take(&g->free, whole_pages(spec->ram_b / BOOT_DIVISOR));
	pages_free(&g->free, whole_pages(spec->ram_b / BOOT_DIVISOR),
		   whole_pages(spec->ram_b / BOOT_DIVISOR));
	g->file[FILE_PROGRAMS] = (struct guest_file){ .read_us = now_us, .reads = 2 };
	g->file[FILE_PROGRAMS].cached_b = take_free(g, whole_pages(programs_b));
	g->frozen.known = 0;
	g->working_us = 0;
}

void guest_init(struct guest *g, const struct guest_spec *spec, uint64_t programs_b,
		uint64_t now_us)
{
	*g = (struct guest){ .spec = *spec, .now_us = now_us };
	guest_reset(g, programs_b, now_us);
	g->harm = (struct guest_harm){ 0 };
	g->work = (struct guest_work){ 0 };
}
