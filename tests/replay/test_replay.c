/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_replay.c - a stored journal gives the same plans again; a changed one does not
 *
 * The stored journals are arguments. If the first differs after a change of the
 * policy that was meant, record it anew: see make_journal.c. The others are of
 * ballonetd and real guests that read 600 MiB of files.
 */
#include "cli/replay.h"

#include "base/cleanup.h"
#include "base/file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#define FILE_MAX (1u << 20)

static char stored[FILE_MAX]; /* NUL-terminated */
static const char *stored_path;
static char **real_path; /* of real guests */
static int nreal;

static struct replay_report replay_text(const char *text, size_t len)
{
	cleanup_close int fd = memfd_create("journal", MFD_CLOEXEC);
	struct replay_report report;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	replay_fd(fd, &report);
	return report;
}

/* The stored journal with the first @from behind the first @after replaced by @to. */
static char *changed(const char *after, const char *from, const char *to)
{
	const char *at = strstr(stored, after);
	char *text;

	assert_non_null(at);
	at = strstr(at, from);
	assert_non_null(at);
	assert_true(asprintf(&text, "%.*s%s%s", (int)(at - stored), stored, to, at + strlen(from)) >
		    0);
	return text;
}

static uint64_t lines_in(const char *text, size_t len)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < len; i++)
		n += text[i] == '\n';
	return n;
}

static void a_stored_journal_gives_the_same_plans(void **state)
{
	struct replay_report r;

	(void)state;
	replay_file(stored_path, &r);
	if (r.outcome != REPLAY_SAME)
		fail_msg("line %llu: %s %s: was %s, is now %s", (unsigned long long)r.line,
			 r.trouble, r.difference.key, r.difference.a, r.difference.b);
	assert_true(r.plans > 10);
	assert_int_equal(r.decisions, 2 * r.plans);
	assert_int_equal(r.parts, 1);
	assert_int_equal(r.line, lines_in(stored, strlen(stored)));
	assert_false(r.torn);
	assert_int_equal(cmd_replay(stored_path, false), 0);
	assert_int_equal(cmd_replay(stored_path, true), 0);
}

static void journals_of_real_guests_give_the_same_plans(void **state)
{
	struct replay_report r;
	int i;

	(void)state;
	assert_true(nreal > 0);
	for (i = 0; i < nreal; i++) {
		replay_file(real_path[i], &r);
		if (r.outcome != REPLAY_SAME)
			fail_msg("%s:%llu: %s %s: was %s, is now %s", real_path[i],
				 (unsigned long long)r.line, r.trouble, r.difference.key,
				 r.difference.a, r.difference.b);
		assert_true(r.plans > 10);
	}
}

static void the_stored_journal_is_of_a_whole_squeeze(void **state)
{
	(void)state;
	assert_non_null(strstr(stored, "\"reason\":\"begin\""));
	assert_non_null(strstr(stored, "\"phase\":\"deflating\""));
	assert_non_null(strstr(stored, "\"phase\":\"resting\""));
	assert_non_null(strstr(stored, "\"reason\":\"no-driver\""));
}

static void a_changed_figure_is_found_and_named(void **state)
{
	cleanup_free char *text =
		changed("\"reason\":\"begin\"", "\"available_b\":", "\"available_b\":1");
	struct replay_report r;

	(void)state;
	r = replay_text(text, strlen(text));
	assert_int_equal(r.outcome, REPLAY_DIFFERS);
	assert_string_equal(r.difference.key, "fig.available_b");
	assert_int_equal(r.vm_id, 1);
	assert_string_equal(r.vm_name, "web");
	assert_int_equal(r.difference.a[0], '1');
	assert_string_equal(r.difference.a + 1, r.difference.b);
	assert_int_equal(
		r.line,
		lines_in(stored, (size_t)(strstr(stored, "\"reason\":\"begin\"") - stored)) + 1);
}

static void a_changed_fact_is_found_too(void **state)
{
	cleanup_free char *text =
		changed("\"record\":\"snapshot\"", "\"state\":\"running\"", "\"state\":\"paused\"");
	struct replay_report r;

	(void)state;
	r = replay_text(text, strlen(text));
	assert_int_equal(r.outcome, REPLAY_DIFFERS);
}

static void a_changed_setting_is_found_too(void **state)
{
	cleanup_free char *text =
		changed("\"record\":\"vm\"", "\"mode\":\"squeeze\"", "\"mode\":\"off\"");
	struct replay_report r;

	(void)state;
	r = replay_text(text, strlen(text));
	assert_int_equal(r.outcome, REPLAY_DIFFERS);
	assert_string_equal(r.difference.key, "reason");
	assert_string_equal(r.difference.b, "\"mode-off\"");
}

static void a_torn_journal_replays_up_to_where_it_is_torn(void **state)
{
	size_t len = strlen(stored);
	struct replay_report r;

	(void)state;
	r = replay_text(stored, len - 5);
	assert_int_equal(r.outcome, REPLAY_SAME);
	assert_true(r.torn);
	assert_true(r.plans > 10);
}

static void a_journal_cut_anywhere_is_never_taken_for_a_different_one(void **state)
{
	size_t len = strlen(stored), cut, step = len / 211;
	struct replay_report r;

	(void)state;
	for (cut = 1; cut < len; cut += step) {
		const char *first = strchr(stored, '\n');

		r = replay_text(stored, cut);
		assert_int_equal(r.outcome,
				 stored + cut <= first ? REPLAY_UNREADABLE : REPLAY_SAME);
	}
}

static void two_parts_behind_each_other_replay(void **state)
{
	cleanup_free char *text = NULL;
	struct replay_report r;

	(void)state;
	assert_true(asprintf(&text, "%s%s", stored, stored) > 0);
	r = replay_text(text, strlen(text));
	assert_int_equal(r.outcome, REPLAY_SAME);
	assert_int_equal(r.parts, 2);
}

/* What is no journal, and a word of what is said about it. */
static void check_unreadable(const char *text, uint64_t line, const char *word)
{
	struct replay_report r = replay_text(text, strlen(text));

	assert_int_equal(r.outcome, REPLAY_UNREADABLE);
	assert_int_equal(r.line, line);
	if (!strstr(r.trouble, word))
		fail_msg("\"%s\" is not in \"%s\"", word, r.trouble);
}

/* @rest behind what a journal begins with: its first line, and the host. */
static char *headed(const char *rest)
{
	const char *second = strchr(stored, '\n') + 1;
	char *text;

	assert_true(asprintf(&text, "%.*s%s", (int)(strchr(second, '\n') + 1 - stored), stored,
			     rest) > 0);
	return text;
}

/* A @word of NULL: it is the same. */
static void check_headed(const char *rest, uint64_t line, const char *word)
{
	cleanup_free char *text = headed(rest);

	if (word)
		check_unreadable(text, line, word);
	else
		assert_int_equal(replay_text(text, strlen(text)).outcome, REPLAY_SAME);
}

static void what_is_no_journal_is_said_with_its_line(void **state)
{
#define HEAD_OF(v)                                                                                 \
	"{\"record\":\"journal\",\"version\":" v ",\"wall_us\":0,\"mono_us\":0,\"program\":\"t\"}" \
	"\n"
#define HOST                                                                           \
	"\"host\":{\"total_b\":null,\"available_b\":null,\"psi_some_avg10_ppm\":null," \
	"\"psi_full_avg10_ppm\":null,\"cpus\":0,\"squeezing\":0,\"reserved_b\":0,"     \
	"\"reserved_by_us\":0,\"fall_b\":0,\"pressure_us\":0,\"local_s\":null}"
#define DECIDED(reason)                                                                         \
	"\"host\":{\"hurry\":0,\"reason\":\"" reason "\",\"want_b\":0,\"need_b\":0,"            \
	"\"coming_b\":0,\"offered_b\":0,\"held_b\":0,\"price\":0,\"part_ppm\":0,\"give_back\":" \
	"16,\"deadline_us\":0}"
#define SNAP "{\"record\":\"snapshot\",\"now_us\":1," HOST ",\"vm\":[]}\n"
#define PLAN_OF(t, d) "{\"record\":\"plan\",\"now_us\":" t "," d ",\"vm\":[]}\n"
#define PLAN(t) PLAN_OF(t, DECIDED("host-unknown"))
#define WELL PLAN_OF("1", DECIDED("host-well"))
	cleanup_free char *twice = NULL, *stranger = NULL, *other = NULL;
	struct replay_report r;

	(void)state;
	check_unreadable("", 1, "no record");
	check_unreadable(PLAN("1"), 1, "begin");
	check_unreadable(HEAD_OF("3") SNAP, 2, "host was not introduced");
	check_headed(PLAN("1"), 3, "no snapshot");
	check_headed(SNAP SNAP, 4, "no plan");
	check_headed(SNAP PLAN("2"), 4, "not that of");
	check_headed("garbage\n", 3, "JSON");
	check_headed(SNAP PLAN("1"), 4, NULL);
	other = headed(SNAP WELL);
	r = replay_text(other, strlen(other));
	assert_int_equal(r.outcome, REPLAY_DIFFERS);
	assert_int_equal(r.vm_id, 0);
	assert_string_equal(r.difference.key, "host.reason");
	stranger = changed("\"record\":\"snapshot\"", "\"id\":1", "\"id\":9");
	r = replay_text(stranger, strlen(stranger));
	assert_int_equal(r.outcome, REPLAY_UNREADABLE);
	assert_string_equal(r.trouble, "VM 9 was not introduced");
	twice = changed("\"record\":\"snapshot\"", "\"id\":2", "\"id\":1");
	r = replay_text(twice, strlen(twice));
	assert_int_equal(r.outcome, REPLAY_UNREADABLE);
	assert_string_equal(r.trouble, "VM 1 is there twice");
}

static void a_journal_of_another_version_is_refused_in_one_sentence(void **state)
{
	(void)state;
	check_unreadable(HEAD_OF("2"), 1,
			 "the journal has version 2, but this program reads version 3: use the "
			 "ballonet that wrote it");
	check_unreadable(HEAD_OF("4"), 1, "version 4");
}

static void a_file_that_is_not_there_is_unreadable(void **state)
{
	(void)state;
	assert_int_equal(cmd_replay("/nonexistent/journal", false), 2);
	assert_int_equal(cmd_replay("/", true), 2);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stored_journal_gives_the_same_plans),
		cmocka_unit_test(the_stored_journal_is_of_a_whole_squeeze),
		cmocka_unit_test(a_changed_figure_is_found_and_named),
		cmocka_unit_test(a_changed_fact_is_found_too),
		cmocka_unit_test(a_changed_setting_is_found_too),
		cmocka_unit_test(a_torn_journal_replays_up_to_where_it_is_torn),
		cmocka_unit_test(a_journal_cut_anywhere_is_never_taken_for_a_different_one),
		cmocka_unit_test(two_parts_behind_each_other_replay),
		cmocka_unit_test(what_is_no_journal_is_said_with_its_line),
		cmocka_unit_test(a_journal_of_another_version_is_refused_in_one_sentence),
		cmocka_unit_test(journals_of_real_guests_give_the_same_plans),
		cmocka_unit_test(a_file_that_is_not_there_is_unreadable),
	};

	stored_path = argc >= 2 ? argv[1] : "";
	real_path = argv + 2;
	nreal = argc - 2;
	if (file_read_at(AT_FDCWD, stored_path, stored, sizeof(stored), NULL) < 0) {
		fprintf(stderr, "usage: %s STORED-JOURNAL REAL-JOURNAL...\n", argv[0]);
		return 2;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
