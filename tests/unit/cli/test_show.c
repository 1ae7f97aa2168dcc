/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_show.c - what the commands that only look print
 *
 * In:    status, vm, why, host, headroom over the sample fleet.
 * Out:   what they print and exit with.
 */
#include "program.h"
#include "server.h"

#include "base/num.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void status_shows_a_line_per_vm_and_what_would_serve_them_better(void **state)
{
	struct run r;

	(void)state;
	server_start_sample();
	CALL(&r, "status");
	expect(&r, 0, "host: 4.0 GiB of 16.0 GiB available", "");
	expect(&r, 0, "NAME", "");
	expect(&r, 0, "db          ", "");
	expect(&r, 0, "900 MiB  380 MiB    0 MiB  400 MiB  90 MiB  900 MiB  The last squeeze kept",
	       "");
	expect(&r, 0, "we\"ir\\d??[31m?", "");
	expect(&r, 0, "The socket /run/weird is not there.", "");
	expect(&r, 0, "\ndb: restart it with free-page-reporting=on", "");
	assert_tame(r.out);
}

static void what_the_journal_lost_is_told(void **state)
{
	struct world *w = world_new();
	struct run r;

	(void)state;
	server_start_sample();
	CALL(&r, "status");
	assert_null(strstr(r.out, "journal"));
	server_stop();
	w->sample.figures.journal_lost = 12;
	server_start(w, NULL);
	world_free(w);
	CALL(&r, "status");
	expect(&r, 0, "The journal has lost 12 records", "");
	CALL(&r, "host");
	expect_row(&r, "lost journal records", "12");
}

static void without_a_guardian_status_says_that_nothing_is_inflated(void **state)
{
	struct world *w = world_new();
	struct run r;

	(void)state;
	w->sample.figures.guardian = false;
	server_start(w, NULL);
	world_free(w);
	CALL(&r, "status");
	expect(&r, 0,
	       "The guardian process is not running, so no balloon is inflated. The log of "
	       "ballonetd says why.\n",
	       "");
	assert_null(strstr(r.out, "stay inflated"));
}

static void columns_are_aligned_whatever_the_letters(void **state)
{
	const char *line, *db, *buero;
	struct run r;

	(void)state;
	server_start_sample();
	CALL(&r, "status");
	db = strstr(r.out, "\ndb ");
	buero = strstr(r.out, "\nb\xc3\xbcro 1 ");
	assert_non_null(db);
	assert_non_null(buero);
	/* one byte more, one column more */
	line = strstr(db, "running");
	assert_non_null(line);
	assert_int_equal(strstr(buero, "running") - buero, line - db + 1);
}

static void vm_and_host_show_figures_and_leave_out_the_unknown(void **state)
{
	struct run r;

	(void)state;
	server_start_sample();
	CALL(&r, "vm", "db");
	expect_row(&r, "guest RAM resident", "900 MiB");
	expect_row(&r, "profile", "balanced");
	expect_row(&r, "hypervisor's own", "60 MiB");
	assert_null(strstr(r.out, "swapped"));
	expect(&r, 0, "last squeeze\n", "");
	expect_row(&r, "freed after 60 s", "530 MiB");
	assert_null(strstr(r.out, "freed after 10 s"));
	CALL(&r, "vm", SAMPLE_WEIRD);
	expect_row(&r, "state", "down");
	assert_null(strstr(r.out, "0 MiB\n  resident"));
	assert_tame(r.out);
	CALL(&r, "host");
	expect_row(&r, "some tasks wait for memory", "1.2 %");
	assert_null(strstr(r.out, "all tasks"));
}

static void why_tells_the_sentence_and_what_was_before(void **state)
{
	struct run r;

	(void)state;
	server_start_sample();
	CALL(&r, "why", "db");
	expect(&r, 0, "db (resting): The last squeeze kept 530 MiB freed", "");
	expect(&r, 0, "inflating: A squeeze begins", "");
	assert_null(strstr(r.out, "trouble"));
	CALL(&r, "why", SAMPLE_WEIRD);
	expect(&r, 0, "\n  trouble: The socket /run/weird is not there.\n", "");
}

static void why_without_a_name_tells_of_the_host(void **state)
{
	struct run r;

	(void)state;
	server_start_sample();
	CALL(&r, "why");
	expect(&r, 0, "host (host-well): ", "");
	expect_row(&r, "offered by VMs", "1000 MiB");
}

static void status_shows_mode_group_and_relief(void **state)
{
	struct world *w = world_new();
	struct run r;

	(void)state;
	server_start_sample();
	CALL(&r, "status");
	expect(&r, 0, "  GROUP      STATE    MODE     RELIEF    PHASE", "");
	expect(&r, 0, "  databases  running  squeeze  notifier  resting", "");
	server_stop();
	w->sample.known->group[0] = '\0';
	w->sample.decision.reason = REASON_HOST_UNSERVED;
	(void)reserve_add(&w->sample.reserve, 2 * GIB, 0, RESERVE_HOLD_US, "", server_now_us());
	server_start(w, NULL);
	world_free(w);
	CALL(&r, "status");
	assert_null(strstr(r.out, "GROUP")); /* nobody is in one */
	expect(&r, 0, "2.0 GiB held for VMs that are about to start.", "");
	CALL(&r, "vm", "db");
	expect(&r, 0, "offers to the host\n", "");
	expect(&r, 0, "set until the daemon ends\n  shares  200\n", "");
	expect(&r, 0, "floor now ", "");
	assert_null(strstr(r.out, "ceiling"));
}

static void headroom_is_told(void **state)
{
	struct run r;

	(void)state;
	server_start_sample();
	CALL(&r, "headroom");
	expect_row(&r, "within 1 s", "128 MiB");
	expect_row(&r, "share counted on", "50.0 %");
}

static void json_is_printed_where_it_is_asked_for(void **state)
{
	static const char *const commands[][2] = {
		{ "status", NULL },	{ "host", NULL },	 { "vm", "db" },
		{ "why", "db" },	{ "vm", SAMPLE_WEIRD },	 { "release", "db" },
		{ "release", "--all" }, { "headroom", NULL },	 { "why", NULL },
		{ "reserve", "1GiB" },	{ "reserve", "--list" }, { "set", "db" },
	};
	struct run r;
	size_t i;

	(void)state;
	server_start_sample();
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i][0], "set") == 0)
			CALL(&r, "--json", "set", commands[i][1], "shares=5");
		else
			CALL(&r, "--json", commands[i][0], commands[i][1]);
		json_object_put(json_of(&r));
	}
	CALL(&r, "squeeze", "db", "--dry-run", "--json"); /* options may stand behind */
	expect(&r, 0, "\"would_squeeze\":true", "");
	json_object_put(json_of(&r));
}

int main(int argc, char **argv)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, server_set_up, server_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(status_shows_a_line_per_vm_and_what_would_serve_them_better),
		TEST(what_the_journal_lost_is_told),
		TEST(without_a_guardian_status_says_that_nothing_is_inflated),
		TEST(columns_are_aligned_whatever_the_letters),
		TEST(vm_and_host_show_figures_and_leave_out_the_unknown),
		TEST(why_tells_the_sentence_and_what_was_before),
		TEST(why_without_a_name_tells_of_the_host),
		TEST(status_shows_mode_group_and_relief),
		TEST(headroom_is_told),
		TEST(json_is_printed_where_it_is_asked_for),
	};

	if (argc != 2)
		return 2;
	program = argv[1];
	return cmocka_run_group_tests_name("cli show", tests, NULL, NULL);
}
