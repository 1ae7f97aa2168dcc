/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_writer.c - the journal on disk is bounded, replays part by part, and is never in the way
 *
 * A full disk is a file size limit with its signal ignored: write() then fails
 * or is cut short as on a full disk, without a disk.
 */
#include "journal/reader.h"
#include "journal/writer.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#define NVM 3
#define NOW_US UINT64_C(1000000)
#define LATER_US (NOW_US + 60 * USEC_PER_SEC)

struct world {
	char dir[64];
	char path[96];
	struct journal *j;
	unsigned int begun;
	struct vm_facts facts[NVM];
	struct decision decisions[NVM];
};

static void begin(struct journal *j, void *userdata)
{
	struct world *w = userdata;
	struct settings s;
	struct history h = { 0 };
	uint64_t id;

	w->begun++;
	settings_init(&s);
	for (id = 1; id <= NVM; id++)
		journal_vm(j, id, "vm", &s, &h);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/ballonet-journal-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	(void)snprintf(w->path, sizeof(w->path), "%s/journal.jsonl", w->dir);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	(void)nftw(w->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(w);
	return 0;
}

static void open_journal(struct world *w, uint64_t max_b, unsigned int keep)
{
	assert_int_equal(journal_open(w->path, max_b, keep, "test 1", begin, w, NOW_US, &w->j), 0);
}

static void tick(struct world *w, uint64_t now_us)
{
	struct snapshot snap = { .now_us = now_us, .nvm = NVM, .vm = w->facts };
	struct plan plan = { .now_us = now_us, .nvm = NVM, .vm = w->decisions };

	journal_tick(w->j, &snap, &plan);
	journal_flush(w->j, now_us);
}

/*
 * Reads a part: every chain begins with "journal" and all VMs, and each
 * snapshot is followed by its plan. Ticks in it, and whether it is torn.
 */
static unsigned int ticks_of(const struct world *w, unsigned int part, bool *ret_torn)
{
	cleanup_close int fd = -EBADF;
	unsigned int ticks = 0, vms = 0;
	char path[128];
	struct reader r;
	struct record rec;
	uint64_t snap_us = 0;
	int n;

	(void)snprintf(path, sizeof(path), part ? "%s.%u" : "%s", w->path, part);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	reader_init(&r, fd);
	while ((n = reader_next(&r, &rec)) == 1) {
		if (rec.kind == RECORD_JOURNAL)
			vms = 0;
		else if (rec.kind == RECORD_VM)
			vms++;
		else
			assert_int_equal(vms, NVM);
		if (rec.kind == RECORD_SNAPSHOT)
			snap_us = rec.snapshot.now_us;
		if (rec.kind == RECORD_PLAN) {
			assert_int_equal(rec.plan.now_us, snap_us);
			ticks++;
		}
		if (r.line == 1)
			assert_int_equal(rec.kind, RECORD_JOURNAL);
		record_fini(&rec);
	}
	assert_int_equal(n, 0);
	*ret_torn = r.torn;
	reader_fini(&r);
	return ticks;
}

static unsigned int whole_ticks(const struct world *w, unsigned int part)
{
	unsigned int n;
	bool torn;

	n = ticks_of(w, part, &torn);
	assert_false(torn);
	return n;
}

static bool exists(const struct world *w, unsigned int part, struct stat *ret)
{
	char path[128];

	(void)snprintf(path, sizeof(path), part ? "%s.%u" : "%s", w->path, part);
	return stat(path, ret) == 0;
}

static void limit_files(uint64_t bytes)
{
	struct rlimit lim;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &lim), 0);
	lim.rlim_cur = u64_min(bytes, lim.rlim_max);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &lim), 0);
}

static void ticks_are_there_when_flushed_and_only_the_group_may_read(void **state)
{
	struct world *w = *state;
	struct stat st;

	(void)umask(0);
	open_journal(w, MIB, 2);
	tick(w, NOW_US);
	tick(w, NOW_US + 1);
	assert_int_equal(whole_ticks(w, 0), 2);
	assert_true(exists(w, 0, &st));
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(journal_lost(w->j), 0);
	journal_close(w->j);
}

static void what_was_added_last_is_written_at_the_close(void **state)
{
	struct world *w = *state;
	struct reader r;
	struct record rec;
	cleanup_close int fd = -EBADF;
	bool gone = false;

	open_journal(w, MIB, 2);
	journal_gone(w->j, 1);
	journal_close(w->j);
	fd = open(w->path, O_RDONLY | O_CLOEXEC);
	reader_init(&r, fd);
	while (reader_next(&r, &rec) == 1) {
		gone = rec.kind == RECORD_GONE;
		record_fini(&rec);
	}
	reader_fini(&r);
	assert_true(gone);
}

static void parts_are_rotated_bounded_and_each_replays_on_its_own(void **state)
{
	struct world *w = *state;
	unsigned int i, part, ticks = 0;
	struct stat st;

	open_journal(w, 20000, 3);
	for (i = 0; i < 200; i++)
		tick(w, NOW_US + i);
	for (part = 0; part <= 3; part++) {
		assert_true(exists(w, part, &st));
		assert_true(st.st_size < 20000 + 5000);
		ticks += whole_ticks(w, part);
	}
	assert_false(exists(w, 4, &st));
	assert_true(ticks > 0 && ticks < 200);
	assert_true(w->begun > 4);
	journal_close(w->j);
}

static void no_older_part_is_kept_where_none_is_wanted(void **state)
{
	struct world *w = *state;
	unsigned int i;
	struct stat st;

	open_journal(w, 10000, 0);
	for (i = 0; i < 50; i++)
		tick(w, NOW_US + i);
	assert_false(exists(w, 1, &st));
	assert_true(exists(w, 0, &st));
	assert_true(st.st_size < 10000 + 5000);
	journal_close(w->j);
}

static void a_part_is_never_only_its_beginning(void **state)
{
	struct world *w = *state;
	unsigned int i;

	open_journal(w, 1, 1);
	for (i = 0; i < 50; i++)
		tick(w, NOW_US + i);
	assert_true(whole_ticks(w, 1) > 1);
	assert_true(w->begun < 30);
	journal_close(w->j);
}

static void a_new_run_continues_the_file(void **state)
{
	struct world *w = *state;
	struct stat st;

	open_journal(w, MIB, 2);
	tick(w, NOW_US);
	journal_close(w->j);
	open_journal(w, MIB, 2);
	tick(w, NOW_US);
	journal_close(w->j);
	assert_int_equal(whole_ticks(w, 0), 2);
	assert_false(exists(w, 1, &st));
}

static void a_torn_file_is_put_aside_as_it_is(void **state)
{
	struct world *w = *state;
	struct stat st;
	bool torn;

	open_journal(w, MIB, 2);
	tick(w, NOW_US);
	journal_close(w->j);
	assert_int_equal(stat(w->path, &st), 0);
	assert_int_equal(truncate(w->path, st.st_size - 7), 0);
	open_journal(w, MIB, 2);
	tick(w, NOW_US);
	journal_close(w->j);
	assert_int_equal(whole_ticks(w, 0), 1);
	assert_int_equal(ticks_of(w, 1, &torn), 0);
	assert_true(torn);
}

static void a_full_disk_loses_records_and_nothing_else(void **state)
{
	struct world *w = *state;
	struct stat st;
	unsigned int i;

	(void)signal(SIGXFSZ, SIG_IGN);
	open_journal(w, MIB, 2);
	tick(w, NOW_US);
	assert_true(exists(w, 0, &st));
	limit_files((uint64_t)st.st_size + 100);
	for (i = 1; i <= 5; i++)
		tick(w, NOW_US + i);
	assert_int_equal(journal_lost(w->j), 10);
	assert_int_equal(whole_ticks(w, 0), 1); /* the part that fitted was undone */
	tick(w, LATER_US);			/* tries, and fails */
	assert_int_equal(journal_lost(w->j), 12);
	limit_files(RLIM_INFINITY);
	tick(w, LATER_US + USEC_PER_SEC); /* not yet time to try again */
	assert_int_equal(journal_lost(w->j), 14);
	tick(w, 2 * LATER_US); /* lost, but then it is up */
	assert_int_equal(journal_lost(w->j), 16);
	tick(w, 2 * LATER_US + 1);
	assert_int_equal(journal_lost(w->j), 16);
	assert_int_equal(whole_ticks(w, 0), 2);
	journal_close(w->j);
}

static void a_folder_that_is_not_there_is_waited_for(void **state)
{
	struct world *w = *state;

	(void)snprintf(w->path, sizeof(w->path), "%s/sub/journal.jsonl", w->dir);
	open_journal(w, MIB, 2);
	tick(w, NOW_US + 1);
	assert_int_equal(journal_lost(w->j), 2);
	(void)snprintf(w->path, sizeof(w->path), "%s/sub", w->dir);
	assert_int_equal(mkdir(w->path, 0700), 0);
	(void)snprintf(w->path, sizeof(w->path), "%s/sub/journal.jsonl", w->dir);
	tick(w, LATER_US);
	tick(w, LATER_US + 1);
	assert_int_equal(whole_ticks(w, 0), 1);
	journal_close(w->j);
}

static void what_is_no_regular_file_is_not_written_to(void **state)
{
	struct world *w = *state;
	char target[128];
	struct stat st;

	assert_int_equal(mkfifo(w->path, 0600), 0);
	open_journal(w, MIB, 2);
	tick(w, NOW_US + 1);
	assert_int_equal(journal_lost(w->j), 2);
	journal_close(w->j);
	assert_int_equal(remove(w->path), 0);
	(void)snprintf(target, sizeof(target), "%s/target", w->dir);
	assert_int_equal(symlink(target, w->path), 0);
	open_journal(w, MIB, 2);
	tick(w, NOW_US + 1);
	assert_int_equal(journal_lost(w->j), 2);
	journal_close(w->j);
	assert_int_equal(stat(target, &st), -1);
}

static void a_tick_that_cannot_be_written_breaks_the_chain_cleanly(void **state)
{
	struct world *w = *state;

	open_journal(w, MIB, 2);
	tick(w, NOW_US);
	w->decisions[1].phase = PHASE_COUNT;
	tick(w, NOW_US + 1);
	w->decisions[1].phase = PHASE_WATCH;
	assert_int_equal(journal_lost(w->j), 2);
	tick(w, LATER_US);
	tick(w, LATER_US + 1);
	assert_int_equal(whole_ticks(w, 0), 2);
	assert_int_equal(w->begun, 2);
	journal_close(w->j);
}

static void a_bad_request_is_refused(void **state)
{
	struct world *w = *state;

	assert_int_equal(journal_open("", MIB, 1, "t", begin, w, 0, &w->j), -EINVAL);
	assert_int_equal(journal_open(w->path, MIB, JOURNAL_FILES_MAX + 1, "t", begin, w, 0, &w->j),
			 -EINVAL);
	assert_null(w->j);
	journal_close(NULL);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(ticks_are_there_when_flushed_and_only_the_group_may_read),
		TEST(what_was_added_last_is_written_at_the_close),
		TEST(parts_are_rotated_bounded_and_each_replays_on_its_own),
		TEST(no_older_part_is_kept_where_none_is_wanted),
		TEST(a_part_is_never_only_its_beginning),
		TEST(a_new_run_continues_the_file),
		TEST(a_torn_file_is_put_aside_as_it_is),
		TEST(a_full_disk_loses_records_and_nothing_else),
		TEST(a_folder_that_is_not_there_is_waited_for),
		TEST(what_is_no_regular_file_is_not_written_to),
		TEST(a_tick_that_cannot_be_written_breaks_the_chain_cleanly),
		TEST(a_bad_request_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
