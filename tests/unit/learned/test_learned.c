/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_learned.c - texts outlive the process that kept them, and no disk stops it
 *
 * In:    a folder of its own; a small tmpfs where the system gives one.
 */
#include "learned/learned.h"
#include "learned/store.h"

#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define KEY "1b4e28ba-2fa1-11d2-883f-0016d3cca427"

static const struct learned_process me = { .pid = 7, .start_ticks = 1000 };
static char folder[64], file[120], bad[130];
static int proc = -EBADF;

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/ballonet-learned-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(file, sizeof(file), "%s/learned.sqlite", folder);
	(void)snprintf(bad, sizeof(bad), "%s.bad", file);
	proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return proc >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	char journal[130];

	(void)state;
	(void)snprintf(journal, sizeof(journal), "%s-journal", file);
	(void)unlink(file);
	(void)unlink(bad);
	(void)unlink(journal);
	(void)close(proc);
	return rmdir(folder);
}

static struct learned *opened(const char *where)
{
	struct learned *l = NULL;

	assert_int_equal(learned_open(where, proc, &l), 0);
	return l;
}

static void assert_found(struct learned *l, const char *key, const char *text)
{
	struct learned_text found;

	assert_true(learned_find(l, key, &me, &found));
	assert_string_equal(found.text, text);
}

static void assert_not_found(struct learned *l, const char *key)
{
	struct learned_text found;

	assert_false(learned_find(l, key, &me, &found));
}

/* One life that keeps @text. */
static void live(const char *where, const char *text)
{
	struct learned *l = opened(where);

	assert_int_equal(learned_keep(l, KEY, &me, text), 0);
	learned_close(l);
}

static void sql(const char *text)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(db);
}

static void what_was_kept_is_found_after_a_restart(void **state)
{
	struct learned *l;

	(void)state;
	l = opened(folder);
	assert_not_found(l, KEY);
	assert_int_equal(learned_keep(l, KEY, &me, "{\"a\":1}"), 0);
	assert_found(l, KEY, "{\"a\":1}");
	assert_int_equal(learned_keep(l, KEY, &me, "{\"a\":2}"), 0);
	assert_int_equal(learned_keep(l, "host", &me, "{}"), 0);
	learned_close(l);

	l = opened(folder);
	assert_found(l, KEY, "{\"a\":2}");
	assert_found(l, "host", "{}");
	assert_not_found(l, "another");
	learned_close(l);
}

static void it_is_known_whether_the_process_is_the_same(void **state)
{
	const struct learned_process other = { .pid = 7, .start_ticks = 1001 }, unknown = { 0 };
	struct learned_text found;
	struct learned *l;

	(void)state;
	live(folder, "x");
	l = opened(folder);
	assert_true(learned_find(l, KEY, &me, &found));
	assert_true(found.same);
	assert_true(found.kept_us > 0);
	assert_true(learned_find(l, KEY, &other, &found));
	assert_false(found.same);
	assert_int_equal(learned_keep(l, KEY, &unknown, "x"), 0);
	assert_true(learned_find(l, KEY, &unknown, &found));
	assert_false(found.same); /* a process that is not known is nobody's */
	learned_close(l);

	live(folder, "x");
	sql("UPDATE learned SET boot = 'before', wall_us = wall_us - 5000000");
	l = opened(folder);
	assert_true(learned_find(l, KEY, &me, &found));
	assert_false(found.same); /* the host was booted anew: the same numbers, another process */
	assert_true(found.ago_us >= 5 * USEC_PER_SEC);
	learned_close(l);
}

static void write_file(const char *bytes, size_t n)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, n, 0), n);
	(void)close(fd);
}

static void a_damaged_file_is_moved_aside_and_begun_anew(void **state)
{
	char noise[4096];
	struct learned *l;
	size_t round;

	(void)state;
	memset(noise, 0x5a, sizeof(noise));
	for (round = 0; round < 3; round++) {
		live(folder, "before");
		if (round == 0) /* it is no database at all, */
			write_file(noise, sizeof(noise));
		else if (round == 1) /* it has no such table, */
			sql("DROP TABLE learned");
		else /* or another version wrote it */
			sql("PRAGMA user_version = 99");
		l = opened(folder);
		assert_not_found(l, KEY);
		assert_int_equal(learned_keep(l, KEY, &me, "after"), 0);
		learned_close(l);
		assert_int_equal(access(bad, F_OK), 0);
		l = opened(folder);
		assert_found(l, KEY, "after");
		learned_close(l);
		assert_int_equal(unlink(bad), 0);
	}
}

static void a_page_in_the_middle_that_is_damaged_is_seen(void **state)
{
	char noise[4096], big[4000];
	struct learned *l;
	unsigned int i;
	int fd;

	(void)state;
	memset(noise, 0x5a, sizeof(noise));
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	l = opened(folder);
	for (i = 0; i < 20; i++) {
		char key[STORE_KEY_MAX];

		(void)snprintf(key, sizeof(key), "%u", i);
		assert_int_equal(learned_keep(l, key, &me, big), 0);
	}
	learned_close(l);
	fd = open(file, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, noise, sizeof(noise), 4096), sizeof(noise));
	(void)close(fd);
	l = opened(folder);
	assert_int_equal(access(bad, F_OK), 0);
	assert_int_equal(learned_keep(l, KEY, &me, "after"), 0);
	learned_close(l);
	l = opened(folder);
	assert_found(l, KEY, "after");
	learned_close(l);
}

static void without_a_folder_all_is_kept_in_memory(void **state)
{
	struct learned *l;
	char where[100];

	(void)state;
	(void)snprintf(where, sizeof(where), "%s/none/none", folder);
	l = opened(where);
	assert_int_equal(learned_keep(l, KEY, &me, "x"), 0);
	assert_found(l, KEY, "x");
	learned_close(l);
}

static void a_folder_that_is_missing_is_made(void **state)
{
	struct learned *l;
	char where[90];

	(void)state;
	(void)snprintf(where, sizeof(where), "%s/state", folder);
	live(where, "x");
	l = opened(where);
	assert_found(l, KEY, "x");
	learned_close(l);
	(void)snprintf(file, sizeof(file), "%s/learned.sqlite", where);
	(void)unlink(file);
	(void)snprintf(file, sizeof(file), "%s/learned.sqlite-journal", where);
	(void)unlink(file);
	assert_int_equal(rmdir(where), 0);
}

/* A mount of our own at the folder; skips the test where the system has none for us. */
static void mount_small(const char *options, unsigned long flags)
{
	if ((geteuid() != 0 && unshare(CLONE_NEWUSER) < 0) || unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", folder, "tmpfs", flags, options) < 0) {
		print_message("no mount of our own: %s\n", strerror(errno));
		skip();
	}
}

static void a_file_system_that_is_read_only_is_read(void **state)
{
	struct learned *l;

	(void)state;
	mount_small("size=1m", 0);
	live(folder, "before");
	assert_int_equal(mount("none", folder, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	l = opened(folder);
	assert_found(l, KEY, "before");
	assert_int_equal(learned_keep(l, KEY, &me, "after"), 0);
	assert_found(l, KEY, "after");
	learned_close(l);
	l = opened(folder);
	assert_found(l, KEY, "before");
	learned_close(l);
	assert_int_equal(umount(folder), 0);
}

static void fill(bool full)
{
	static const char block[4096];
	char path[90];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/ballast", folder);
	if (!full) {
		assert_int_equal(unlink(path), 0);
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	while (write(fd, block, sizeof(block)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	(void)close(fd);
}

static int put(struct store *s, const struct store_row *row)
{
	int r = store_begin(s);

	r = r < 0 ? r : store_put(s, row);
	r = r < 0 ? r : store_end(s, row->mark.wall_us);
	if (r < 0)
		store_undo(s);
	return r;
}

static void a_full_disk_loses_the_new_and_keeps_the_old(void **state)
{
	char big[8192], why[160];
	struct store_row row = { .key = KEY, .text = big };
	struct store *s;
	struct learned *l;

	(void)state;
	memset(big, 'y', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	mount_small("size=256k", 0);
	live(folder, "before");
	assert_int_equal(store_open(folder, why, sizeof(why), &s), 0);
	fill(true);
	assert_int_equal(put(s, &row), -EIO);
	assert_non_null(strstr(store_trouble(s), "full"));
	assert_int_equal(put(s, &row), -EIO);
	fill(false);
	assert_int_equal(put(s, &row), 0); /* and goes on when there is room */
	row.text = (char *)(uintptr_t) "room";
	assert_int_equal(put(s, &row), 0);
	store_close(s);

	fill(true);
	live(folder, big); /* a whole life on a full disk */
	l = opened(folder);
	assert_found(l, KEY, "room");
	learned_close(l);
	assert_int_equal(umount(folder), 0);
}

static void count_row(void *userdata, const struct store_row *row)
{
	(void)row;
	++*(size_t *)userdata;
}

static void vms_that_come_and_go_do_not_make_it_grow(void **state)
{
	char why[160], key[STORE_KEY_MAX];
	struct learned *l = opened(folder);
	struct store *s;
	unsigned int i;
	size_t n = 0;

	(void)state;
	for (i = 0; i < 3 * STORE_ROWS_MAX; i++) {
		(void)snprintf(key, sizeof(key), "%u", i);
		(void)learned_keep(l, key, &me, "x"); /* none fits while all wait for the disk */
	}
	learned_close(l);
	assert_int_equal(store_open(folder, why, sizeof(why), &s), 0);
	assert_int_equal(store_begin(s), 0);
	for (i = 0; i < 2 * STORE_ROWS_MAX; i++) {
		struct store_row row = { .text = why, .mark.wall_us = i };

		(void)snprintf(row.key, sizeof(row.key), "n%u", i);
		assert_int_equal(store_put(s, &row), 0);
	}
	assert_int_equal(store_end(s, 0), 0);
	assert_int_equal(store_load(s, count_row, &n), 0);
	assert_int_equal(n, STORE_ROWS_MAX);
	store_close(s);

	l = opened(folder); /* full, and nothing waits: who was kept longest ago makes room */
	assert_int_equal(learned_keep(l, KEY, &me, "new"), 0);
	assert_found(l, KEY, "new");
	learned_close(l);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_was_kept_is_found_after_a_restart),
		TEST(it_is_known_whether_the_process_is_the_same),
		TEST(a_damaged_file_is_moved_aside_and_begun_anew),
		TEST(a_page_in_the_middle_that_is_damaged_is_seen),
		TEST(without_a_folder_all_is_kept_in_memory),
		TEST(a_folder_that_is_missing_is_made),
		TEST(a_file_system_that_is_read_only_is_read),
		TEST(a_full_disk_loses_the_new_and_keeps_the_old),
		TEST(vms_that_come_and_go_do_not_make_it_grow),
	};

	return cmocka_run_group_tests_name("learned", tests, NULL, NULL);
}
