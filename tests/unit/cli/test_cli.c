/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_cli.c - ballonet, run as a program against a real control API and odd ones
 *
 * In:    argv[1]: the program.
 * Out:   what it prints and exits with.
 *
 * The server is a forked child: the daemon's own control API over the sample
 * fleet, in which a squeeze that is asked for runs by the clock; or a child
 * that answers given bytes to everybody.
 */
#include "api/control.h"

#include "base/num.h"
#include "sample_fleet.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static const char *program;
static char folder[64], path[90];
static pid_t server;
static uint64_t began_us; /* when these tests were started */

/* ----------------------------------------------------------------- the server */

/* How a squeeze that is asked for goes, in milliseconds since it was. */
#define BEGINS_MS 300
#define TURNS_MS 600
#define ENDS_MS 900

struct world {
	struct sample sample;
	struct vm *vm; /* that a squeeze was asked for */
	uint64_t asked_us;
	bool refuses; /* the policy decides not to begin */
	bool frees;   /* room that is reserved is there after ENDS_MS */
};

static uint64_t uptime_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / 1000;
}

/* Goes on from the moment of the sample, however long the machine is up. */
static uint64_t on_now(void *userdata)
{
	(void)userdata;
	return SAMPLE_NOW_US + (uptime_us() - began_us);
}

static int on_request(void *userdata, struct vm *vm, enum vm_request request)
{
	struct world *w = userdata;

	if (request == REQUEST_SQUEEZE) {
		w->vm = vm;
		w->asked_us = on_now(NULL);
		vm->request = request;
	}
	return 0;
}

static const char *on_set(void *userdata, struct vm *vm, const struct control_change *change)
{
	size_t n, i;

	(void)userdata;
	if (change->values.floor_b > GIB)
		return "floor is above ceiling";
	vm->set = (change->reset ? 0 : vm->set & ~change->clear) | change->mask;
	for (i = 0; i < (settings_table(&n), n); i++)
		if (change->mask & UINT64_C(1) << i)
			setting_put(&vm->settings, &settings_table(&n)[i],
				    setting_get(&change->values, &settings_table(&n)[i]));
	return NULL;
}

static void begin(struct world *w, struct vm *vm, uint64_t now)
{
	vm->request = REQUEST_NONE;
	vm->decided_us = now;
	if (w->refuses) {
		vm->decision.reason = REASON_NOT_JUDGED;
		w->vm = NULL;
		return;
	}
	vm->history.phase = PHASE_INFLATING;
	vm->decision.reason = REASON_STEP;
	vm->history.now = vm->history.done;
	vm->history.now.start_us = now;
	vm->history.now.end_us = 0;
	vm->history.now.stop = REASON_NONE;
}

/* What the clock brings about. */
static void run(struct world *w)
{
	struct vm *vm = w->vm;
	uint64_t now = on_now(NULL), ms;

	if (w->frees && w->sample.reserve.n &&
	    now >= w->sample.reserve.r[0].made_us + ENDS_MS * USEC_PER_MSEC)
		w->sample.host.available_b = fact_of(15 * GIB, now);
	reserve_update(&w->sample.reserve, &w->sample.fleet, now);
	if (!vm)
		return;
	ms = (now - w->asked_us) / 1000;
	if (ms >= BEGINS_MS && vm->request == REQUEST_SQUEEZE) {
		begin(w, vm, now);
	} else if (ms >= TURNS_MS && vm->history.phase == PHASE_INFLATING) {
		vm->history.phase = PHASE_DEFLATING;
		vm->history.now.stop = REASON_STOP_YIELD;
	} else if (ms >= ENDS_MS && vm->history.phase == PHASE_DEFLATING) {
		vm->history.phase = PHASE_VERIFYING;
		vm->history.now.end_us = now;
	}
}

static void serve(struct world *w)
{
	static const struct control_ops ops = { .request = on_request,
						.set = on_set,
						.now = on_now };
	struct control *control;

	if (control_new(path, (gid_t)-1, &w->sample.view, &ops, w, &control) < 0)
		_exit(1);
	for (;;) {
		struct pollfd fd = { .fd = control_fd(control), .events = POLLIN };

		(void)poll(&fd, 1, control_timeout_us(control) ? 20 : 0);
		run(w);
		control_dispatch(control);
	}
}

/*
 * Answers @text to every request, whatever it asks. Where a form feed parts it, the first part
 * answers the first request and so on, the last all that follow.
 */
static void serve_text(const char *text)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
	char request[4096];

	memcpy(addr.sun_path, path, strlen(path) + 1);
	if (bind(listener, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(listener, 8) < 0)
		_exit(1);
	for (;;) {
		fd = accept(listener, NULL, NULL);
		if (recv(fd, request, sizeof(request), 0) > 0) {
			size_t n = strcspn(text, "\f");

			(void)send(fd, text, n, MSG_NOSIGNAL);
			text += text[n] ? n + 1 : 0;
		}
		(void)close(fd);
	}
}

/* Is somebody listening? */
static bool dials(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok;

	memcpy(addr.sun_path, path, strlen(path) + 1);
	ok = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0;
	(void)close(fd);
	return ok;
}

/* Starts a server: with @text, one that answers that; else one over @w. */
static void start(struct world *w, const char *text)
{
	const struct timespec moment = { .tv_nsec = 5000000 };
	uint64_t end = on_now(NULL) + 10 * USEC_PER_SEC;

	server = fork();
	assert_true(server >= 0);
	if (server == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (text)
			serve_text(text);
		else
			serve(w);
	}
	while (!dials()) {
		assert_true(on_now(NULL) < end);
		(void)nanosleep(&moment, NULL);
	}
}

static int set_up(void **state)
{
	(void)state;
	server = 0;
	(void)snprintf(folder, sizeof(folder), "/tmp/ballonet-cli-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/control.sock", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	if (server > 0) {
		(void)kill(server, SIGKILL);
		(void)waitpid(server, NULL, 0);
	}
	(void)unlink(path);
	return rmdir(folder);
}

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	sample_init(&w->sample);
	return w;
}

static void world_free(struct world *w)
{
	sample_fini(&w->sample);
	free(w);
}

/* Starts a server over the sample fleet as it is. */
static void start_sample(void)
{
	struct world *w = world_new();

	start(w, NULL);
	world_free(w);
}

/* ---------------------------------------------------------------- the program */

struct run {
	int code;
	char out[16384], err[4096];
};

static void read_all(int fd, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, text + len, size - len - 1)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	(void)close(fd);
}

/* Runs ballonet with the words, NULL at the end; BALLONET_SOCKET is @path. */
static void call(struct run *ret, ...)
{
	const char *argv[10] = { program };
	int out = memfd_create("out", MFD_CLOEXEC), err = memfd_create("err", MFD_CLOEXEC), child;
	size_t n = 1;
	va_list ap;
	pid_t pid;

	va_start(ap, ret);
	while (n < ARRAY_SIZE(argv) - 1 && (argv[n] = va_arg(ap, const char *)))
		n++;
	va_end(ap);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)dup2(out, STDOUT_FILENO);
		(void)dup2(err, STDERR_FILENO);
		(void)setenv("BALLONET_SOCKET", path, 1);
		(void)alarm(60);
		(void)execv(program, (char **)(uintptr_t)argv);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &child, 0), pid);
	assert_true(WIFEXITED(child));
	ret->code = WEXITSTATUS(child);
	(void)lseek(out, 0, SEEK_SET);
	(void)lseek(err, 0, SEEK_SET);
	read_all(out, ret->out, sizeof(ret->out));
	read_all(err, ret->err, sizeof(ret->err));
}

#define CALL(r, ...) call(r, __VA_ARGS__, NULL)

static void expect(const struct run *r, int code, const char *out, const char *err)
{
	if (r->code != code || !strstr(r->out, out) || !strstr(r->err, err))
		fail_msg("exit code %d, want %d; '%s' and '%s' in:\n%s%s", r->code, code, out, err,
			 r->out, r->err);
}

/* The standard output as JSON, which it must be. */
static struct json_object *json_of(const struct run *r)
{
	struct json_tokener *tok = json_tokener_new();
	struct json_object *o;

	json_tokener_set_flags(tok, JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(tok, r->out, (int)strlen(r->out) + 1);
	json_tokener_free(tok);
	if (!o)
		fail_msg("no JSON: %s%s", r->out, r->err);
	return o;
}

/* Nothing that a terminal would obey. */
static void assert_tame(const char *text)
{
	for (; *text; text++)
		assert_true((unsigned char)*text >= ' ' || *text == '\n');
}

/* -------------------------------------------------------------------- the tests */

static void status_shows_a_line_per_vm_and_what_would_serve_them_better(void **state)
{
	struct run r;

	(void)state;
	start_sample();
	CALL(&r, "status");
	expect(&r, 0, "host: 4.0 GiB of 16.0 GiB available", "");
	expect(&r, 0, "NAME", "");
	expect(&r, 0, "db          ", "");
	expect(&r, 0, "900 MiB  380 MiB    0 MiB  400 MiB  90 MiB  900 MiB  The last squeeze kept",
	       "");
	expect(&r, 0, "we\"ir\\d??[31m?", "");
	expect(&r, 0, "The socket /run/weird is not there.", "");
	expect(&r, 0, "\ndb: start it with free-page-reporting=on", "");
	assert_tame(r.out);
}

static void what_the_journal_lost_is_told(void **state)
{
	struct world *w = world_new();
	struct run r;

	(void)state;
	start_sample();
	CALL(&r, "status");
	assert_null(strstr(r.out, "journal"));
	(void)kill(server, SIGKILL);
	(void)waitpid(server, NULL, 0);
	w->sample.figures.journal_lost = 12;
	start(w, NULL);
	world_free(w);
	CALL(&r, "status");
	expect(&r, 0, "The journal has lost 12 records", "");
	CALL(&r, "host");
	expect(&r, 0, "records the journal lost    12\n", "");
}

static void columns_are_aligned_whatever_the_letters(void **state)
{
	const char *line, *db, *buero;
	struct run r;

	(void)state;
	start_sample();
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
	start_sample();
	CALL(&r, "vm", "db");
	expect(&r, 0, "resident on the host    900 MiB", "");
	expect(&r, 0, "last squeeze\n", "");
	expect(&r, 0, "freed after 60 s        530 MiB", "");
	assert_null(strstr(r.out, "freed after 10 s"));
	CALL(&r, "vm", SAMPLE_WEIRD);
	expect(&r, 0, "state                   down", "");
	assert_null(strstr(r.out, "0 MiB\n  resident"));
	assert_tame(r.out);
	CALL(&r, "host");
	expect(&r, 0, "some task waits for memory  1.2 %", "");
	assert_null(strstr(r.out, "all tasks"));
}

static void why_tells_the_sentence_and_what_was_before(void **state)
{
	struct run r;

	(void)state;
	start_sample();
	CALL(&r, "why", "db");
	expect(&r, 0, "db (resting): The last squeeze kept 530 MiB freed", "");
	expect(&r, 0, "inflating: A squeeze begins", "");
}

static void why_without_a_name_tells_of_the_host(void **state)
{
	struct run r;

	(void)state;
	start_sample();
	CALL(&r, "why");
	expect(&r, 0, "host (host-well): ", "");
	expect(&r, 0, "offered by VMs      1000 MiB", "");
}

static void status_shows_mode_group_and_kind_of_guest(void **state)
{
	struct world *w = world_new();
	struct run r;

	(void)state;
	start_sample();
	CALL(&r, "status");
	expect(&r, 0, "  GROUP      STATE    MODE     GUEST     PHASE", "");
	expect(&r, 0, "  databases  running  squeeze  notifier  resting", "");
	(void)kill(server, SIGKILL);
	(void)waitpid(server, NULL, 0);
	w->sample.known->group[0] = '\0';
	w->sample.decision.reason = REASON_HOST_UNSERVED;
	(void)reserve_add(&w->sample.reserve, 2 * GIB, 0, RESERVE_HOLD_US, "", on_now(NULL));
	start(w, NULL);
	world_free(w);
	CALL(&r, "status");
	assert_null(strstr(r.out, "GROUP")); /* nobody is in one */
	expect(&r, 0, "2.0 GiB are held for VMs that are to start.", "");
	CALL(&r, "vm", "db");
	expect(&r, 0, "offers to the host\n", "");
	expect(&r, 0, "set until the daemon ends\n  shares  200\n", "");
	expect(&r, 0, "floor now ", "");
	assert_null(strstr(r.out, "ceiling"));
}

static void settings_are_set_and_taken_back(void **state)
{
	struct run r;

	(void)state;
	start_sample();
	CALL(&r, "set", "db", "floor=512MiB", "mode=observe");
	expect(&r, 0, "db: until the daemon ends ", "");
	expect(&r, 0, "mode=observe", "");
	expect(&r, 0, "floor=512MiB", "");
	expect(&r, 0, "shares=200", "");
	CALL(&r, "set", "db", "shares="); /* one is taken back */
	assert_null(strstr(r.out, "shares"));
	expect(&r, 0, "floor=512MiB", "");
	CALL(&r, "set", "db", "--reset");
	expect(&r, 0, "db: nothing is set, the configuration applies\n", "");
}

static void settings_that_cannot_be_are_told_with_their_exit_codes(void **state)
{
	struct run r;

	(void)state;
	start_sample();
	CALL(&r, "set", "db", "share=5");
	expect(&r, 1, "", "there is no setting 'share'; did you mean shares?");
	CALL(&r, "set", "db", "shares=0");
	expect(&r, 1, "", "shares: 0 is out of range (1 to 10000)");
	CALL(&r, "set", "db", "floor=2GiB");
	expect(&r, 1, "", "floor is above ceiling");
	CALL(&r, "set", "nobody", "shares=5");
	expect(&r, 4, "", "There is no VM called 'nobody'.");
	CALL(&r, "set", "db", "shares");
	expect(&r, 2, "", "'shares' is no KEY=VALUE.");
	CALL(&r, "set", "db", "=5");
	expect(&r, 2, "", "'=5' is no KEY=VALUE.");
	CALL(&r, "set", "db", "shares=5", "shares=6");
	expect(&r, 2, "", "shares is given twice.");
	CALL(&r, "set", "db");
	expect(&r, 2, "", "'set' needs KEY=VALUE, or --reset.");
	CALL(&r, "set");
	expect(&r, 2, "", "'set' needs a NAME");
}

static void room_that_is_there_is_reserved_listed_and_cancelled(void **state)
{
	struct run r;

	(void)state;
	start_sample();
	CALL(&r, "reserve", "--list");
	expect(&r, 0, "There are no reservations.\n", "");
	CALL(&r, "reserve", "1GiB", "--for", "new", "--hold", "5min");
	expect(&r, 0, "reservation 1: it is there: 1.0 GiB are there.\n", "");
	CALL(&r, "reserve", "--list");
	expect(&r, 0, "1: 1.0 GiB, 1.0 GiB not used yet, ends in 29", "");
	expect(&r, 0, "s, for new. 1.0 GiB are there.\n", "");
	CALL(&r, "reserve", "--cancel", "1");
	expect(&r, 0, "reservation 1: cancelled\n", "");
	CALL(&r, "reserve", "--cancel", "1");
	expect(&r, 4, "", "There is no such reservation");
}

static void room_that_must_be_freed_is_waited_for(void **state)
{
	struct world *w = world_new();
	struct run r;

	(void)state;
	w->frees = true;
	start(w, NULL);
	world_free(w);
	CALL(&r, "reserve", "3300MiB", "--within", "50s");
	expect(&r, 0, "reservation 1: it is there: 3.2 GiB are there.",
	       "have to be freed for these");
}

static void room_that_is_not_there_in_time_is_not_held(void **state)
{
	struct run r;

	(void)state;
	start_sample();
	CALL(&r, "reserve", "3300MiB", "--within", "500ms");
	expect(&r, 6, "", "it is not there in time: ");
	CALL(&r, "reserve", "3300MiB", "--within", "1ms", "--no-wait");
	expect(&r, 6, "", "longer than was asked for");
	CALL(&r, "reserve", "--list");
	expect(&r, 0, "There are no reservations.\n", "");
	CALL(&r, "reserve", "3300MiB", "--no-wait");
	expect(&r, 0, "reservation 3: ", "");
}

static void who_interrupts_the_wait_leaves_nothing_held(void **state)
{
	const struct timespec moment = { .tv_nsec = 20000000 };
	uint64_t end = uptime_us() + 30 * USEC_PER_SEC;
	struct run r = { .out = "" };
	int status;
	pid_t pid;

	(void)state;
	start_sample();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)setenv("BALLONET_SOCKET", path, 1);
		(void)execl(program, program, "reserve", "3300MiB", (char *)NULL);
		_exit(99);
	}
	while (!strstr(r.out, "1: 3.2 GiB")) {
		assert_true(uptime_us() < end);
		(void)nanosleep(&moment, NULL);
		CALL(&r, "reserve", "--list");
	}
	(void)kill(pid, SIGINT);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	CALL(&r, "reserve", "--list");
	expect(&r, 0, "There are no reservations.\n", "");
}

#define HELD "HTTP/1.0 201 Created\r\n\r\n{\"id\":7,\"answer\":\"when\",\"sentence\":\"Soon.\"}"

static void who_loses_the_daemon_in_the_wait_leaves_nothing_held(void **state)
{
	struct run r;

	(void)state;
	start(NULL, HELD "\f?\fHTTP/1.0 200 OK\r\n\r\n{\"id\":7}"
			 "\fHTTP/1.0 200 OK\r\n\r\n{\"reservations\":[]}");
	CALL(&r, "reserve", "1GiB");
	expect(&r, 5, "", "is not ballonetd");
	assert_null(strstr(r.err, "could not be cancelled"));
	CALL(&r, "reserve", "--list"); /* the answer before this one was to a third request */
	expect(&r, 0, "There are no reservations.\n", "");
}

static void what_may_still_be_held_is_told(void **state)
{
	struct run r;

	(void)state;
	start(NULL, HELD "\f?");
	CALL(&r, "reserve", "1GiB");
	expect(&r, 5, "", "reservation 7 could not be cancelled");
}

static void room_that_cannot_be_had_is_refused_with_why(void **state)
{
	struct run r;

	(void)state;
	start_sample();
	CALL(&r, "reserve", "8GiB");
	expect(&r, 1, "", "of that cannot be had.");
	CALL(&r, "reserve", "20000GiB");
	expect(&r, 1, "", "are more than this host has: 16.0 GiB");
	CALL(&r, "reserve", "0");
	expect(&r, 1, "", "size_b must be a whole number of bytes");
	CALL(&r, "reserve", "lots");
	expect(&r, 2, "", "'lots' is not a size such as 4GiB.");
	CALL(&r, "reserve", "1GiB", "--within", "5");
	expect(&r, 2, "", "'5' is not a time such as 30s.");
	CALL(&r, "reserve", "1GiB", "--hold", "100h");
	expect(&r, 1, "", "hold_us must be");
	CALL(&r, "reserve", "--cancel", "x");
	expect(&r, 2, "", "'x' is not the number of a reservation.");
	CALL(&r, "reserve", "--list", "1GiB");
	expect(&r, 2, "", "either --list or a SIZE, not both");
	CALL(&r, "reserve");
	expect(&r, 2, "", "'reserve' needs a SIZE or --list");
	CALL(&r, "status", "--within", "5s");
	expect(&r, 2, "", "'status' does not know one of the options given");
}

static void headroom_is_told(void **state)
{
	struct run r;

	(void)state;
	start_sample();
	CALL(&r, "headroom");
	expect(&r, 0, "within 1 s                          128 MiB\n", "");
	expect(&r, 0, "of that counted on                  50.0 %\n", "");
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
	start_sample();
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

static void a_squeeze_is_watched_until_the_balloon_is_back_at_0(void **state)
{
	struct run r;

	(void)state;
	start_sample();
	CALL(&r, "squeeze", "db");
	expect(&r, 0, "db: 550 MiB freed in ", "inflating: ");
	expect(&r, 0, "ended by stop-yield", "deflating: ");
}

static void a_squeeze_may_be_left_to_itself(void **state)
{
	struct run r;

	(void)state;
	start_sample();
	CALL(&r, "squeeze", "--no-wait", "--json", "db");
	expect(&r, 0, "\"accepted\":true", "");
}

static void a_squeeze_that_the_policy_does_not_begin_is_told(void **state)
{
	struct world *w = world_new();
	struct run r;

	(void)state;
	w->refuses = true;
	start(w, NULL);
	world_free(w);
	CALL(&r, "squeeze", "db");
	expect(&r, 1, "", "no squeeze was begun. Its guest is growing");
	CALL(&r, "squeeze", "--json", "db");
	expect(&r, 1, "\"reason\":\"not-judged\"", "");
	json_object_put(json_of(&r));
}

static void a_dry_run_says_what_would_be_done(void **state)
{
	struct world *w = world_new();
	struct run r;

	(void)state;
	w->sample.known->settings.mode = MODE_OFF;
	start(w, NULL);
	world_free(w);
	CALL(&r, "squeeze", "--dry-run", "db");
	expect(&r, 1, "Its mode is off", "");
}

static void a_refusal_is_told_with_its_own_exit_code(void **state)
{
	struct run r;

	(void)state;
	start_sample();
	CALL(&r, "squeeze", "b\xc3\xbcro 1");
	expect(&r, 1, "", "ballonet: A squeeze is under way already.\n");
	CALL(&r, "release", SAMPLE_WEIRD);
	expect(&r, 1, "", "ballonet: There is no connection to its hypervisor.\n");
	CALL(&r, "vm", "nobody");
	expect(&r, 4, "", "ballonet: There is no VM called 'nobody'.\n");
	CALL(&r, "why", "a/../b");
	expect(&r, 4, "", "ballonet: There is no VM called 'a/../b'.\n");
	CALL(&r, "vm", "..");
	expect(&r, 4, "", "ballonet: There is no VM called '..'.\n");
}

static void release_takes_one_or_all(void **state)
{
	struct json_object *o;
	struct run r;

	(void)state;
	start_sample();
	CALL(&r, "release", "db");
	expect(&r, 0, "db: its balloon goes to 0\n", "");
	/* the one that is down is named, keeps none of the others from it, and has nothing to give
	 */
	CALL(&r, "release", "--all");
	expect(&r, 0, "b\xc3\xbcro 1: its balloon goes to 0\n",
	       "ballonet: we\"ir\\d??[31m?: There is no connection to its hypervisor. Nothing is "
	       "known to be in its balloon.\n");
	expect(&r, 0, "db: its balloon goes to 0\n", "");
	CALL(&r, "release", "--all", "--json");
	expect(&r, 0, "\"holds\":false", "");
	o = json_of(&r);
	assert_int_equal(json_object_array_length(json_object_object_get(o, "released")), 2);
	assert_int_equal(json_object_array_length(json_object_object_get(o, "refused")), 1);
	json_object_put(o);
}

static void release_of_all_fails_where_one_that_holds_memory_was_refused(void **state)
{
	struct world *w = world_new();
	struct vm *down = w->sample.down;
	struct run r;

	(void)state;
	down->facts.ram_b = fact_of(GIB, 1);
	down->facts.actual_b = fact_of(GIB - 100 * MIB, 1);
	start(w, NULL);
	world_free(w);
	CALL(&r, "release", "--all");
	expect(&r, 1, "db: its balloon goes to 0\n", "no connection to its hypervisor.\n");
	CALL(&r, "release", "--all", "--json");
	expect(&r, 1, "\"holds\":true", "");
	json_object_put(json_of(&r));
}

static void a_daemon_that_is_not_there_is_told_with_what_to_do(void **state)
{
	struct run r;
	char want[200];

	(void)state;
	(void)snprintf(want, sizeof(want),
		       "ballonet: ballonetd is not running (no socket at %s). Start it with ",
		       path);
	CALL(&r, "status");
	expect(&r, 3, "", want);
	assert_string_equal(r.out, "");
	CALL(&r, "--socket", "/nowhere/x.sock", "squeeze", "db");
	expect(&r, 3, "", "(no socket at /nowhere/x.sock)");
	start(NULL, "");
	(void)kill(server, SIGKILL);
	(void)waitpid(server, NULL, 0);
	server = 0;
	CALL(&r, "status");
	expect(&r, 3, "", "nobody listens on");
}

static void a_daemon_that_is_busy_is_told_apart_from_one_that_is_not_there(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int waiting = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct run r;

	(void)state;
	memcpy(addr.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(listener, 0), 0);
	assert_int_equal(connect(waiting, (struct sockaddr *)&addr, sizeof(addr)), 0);
	CALL(&r, "release", "db");
	expect(&r, 3, "", "ballonet: ballonetd is busy: too many connections (");
	(void)close(waiting);
	(void)close(listener);
}

static void what_is_not_the_daemon_is_told(void **state)
{
	static const char *const answers[] = {
		"",
		"{\"QMP\": {}}\r\n",
		"HTTP/1.0 200 OK\r\n\r\n",
		"HTTP/1.0 200 OK\r\n\r\n{\"vms\":",
		"HTTP/1.0 200 OK\r\n\r\n[1,2]",
		"HTTP/1.0 200 OK\r\n\r\n12",
		"HTTP/1.0 200 OK\r\n\r\n{\"a\":\"\xff\"}",
		"HTTP/1.0 200 OK\r\n\r\n{} {}",
		"HTTP/1.0 404 Not Found\r\n\r\n<html></html>",
		"HTTP/1.0 500 Oops\r\n\r\n{\"error\":5}",
		"HTTP/1.0 302 Found\r\nLocation: /\r\n\r\n{}",
	};
	struct run r;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(answers); i++) {
		start(NULL, answers[i]);
		CALL(&r, "status");
		expect(&r, 5, "", "ballonet: what listens on ");
		assert_string_equal(r.out, "");
		(void)kill(server, SIGKILL);
		(void)waitpid(server, NULL, 0);
		(void)unlink(path);
		server = 0;
	}
}

static void odd_values_in_a_reply_do_no_harm(void **state)
{
	static const char odd[] =
		"HTTP/1.0 200 OK\r\n\r\n{\"vms\":[5,null,{},[],{\"name\":7,\"ram_b\":-1,\"why\":{},"
		"\"used_b\":18446744073709551615,\"stale_b\":1e99,\"hint\":3},"
		"{\"name\":\"\\u001b]0;x\\u0007\\u009b\\u202e\",\"hint\":\"\\u001b[2J\"}],"
		"\"name\":\"\\u001b[2J\",\"figures\":[],\"recent\":[1,{\"sentence\":\"\\r\\n\"}],"
		"\"last_squeeze\":{\"start_us\":\"x\"},\"obstacles\":[1,{}],\"dry_run\":\"\"}";
	struct run r;

	(void)state;
	start(NULL, odd);
	CALL(&r, "status");
	expect(&r, 0, "NAME", "");
	assert_tame(r.out);
	assert_null(strstr(r.out, "\xc2\x9b"));
	CALL(&r, "vm", "x");
	assert_int_equal(r.code, 0);
	assert_tame(r.out);
	CALL(&r, "why", "x");
	assert_int_equal(r.code, 0);
	assert_tame(r.out);
	CALL(&r, "host");
	assert_int_equal(r.code, 0);
}

static void a_list_of_vms_that_is_none_is_told(void **state)
{
	struct run r;

	(void)state;
	start(NULL, "HTTP/1.0 200 OK\r\n\r\n{\"vms\":{}}");
	CALL(&r, "status");
	expect(&r, 5, "", "no list of VMs");
	CALL(&r, "release", "--all");
	expect(&r, 5, "", "no list of VMs");
}

static void a_wrong_call_is_told_and_does_nothing(void **state)
{
	struct run r;

	(void)state;
	CALL(&r, "frobnicate");
	expect(&r, 2, "", "there is no command 'frobnicate'");
	CALL(&r, "vm");
	expect(&r, 2, "", "'vm' needs a NAME; see");
	CALL(&r, "release");
	expect(&r, 2, "", "'release' needs a NAME or --all; see");
	CALL(&r, "vm", "a", "b");
	expect(&r, 2, "", "'vm' takes one argument only");
	CALL(&r, "status", "a");
	expect(&r, 2, "", "'status' takes no argument");
	CALL(&r, "status", "--all");
	expect(&r, 2, "", "'status' does not know");
	CALL(&r, "release", "--all", "a");
	expect(&r, 2, "", "either --all or a NAME");
	CALL(&r, "--frob", "status");
	assert_int_equal(r.code, 2);
	CALL(&r, "--json");
	expect(&r, 2, "", "no command");
	CALL(&r, "replay", "/nowhere/journal");
	assert_int_equal(r.code, 2);
}

static void a_world_is_simulated_without_a_daemon(void **state)
{
	static const char *const names[] = { "ballonet", "none", "reporting",
					     "static",	 "mom",	 "proxmox" };
	struct json_object *o, *runs;
	struct run r, again;
	size_t i;

	(void)state;
	CALL(&r, "simulate", "--vms", "5", "--hours", "1", "--controller", "all");
	for (i = 0; i < ARRAY_SIZE(names); i++)
		expect(&r, 0, names[i], "");
	expect(&r, 0, "5 machines, 1 h, seed 1", "");
	CALL(&r, "simulate", "--vms", "5", "--hours", "1", "--seed", "9", "--json", "--scenario",
	     "tight", "--host-memory", "6GiB");
	assert_int_equal(r.code, 0);
	o = json_tokener_parse(r.out);
	assert_true(json_object_object_get_ex(o, "runs", &runs));
	assert_int_equal(json_object_array_length(runs), 1);
	assert_non_null(strstr(r.out, "\"resident_mib_s\""));
	assert_non_null(strstr(r.out, "\"seed\":9"));
	(void)json_object_put(o);
	/* the same seed, the same figures */
	CALL(&r, "simulate", "--vms", "5", "--hours", "2", "--seed", "3");
	CALL(&again, "simulate", "--vms", "5", "--hours", "2", "--seed", "3");
	assert_string_equal(r.out, again.out);
}

static void a_world_that_cannot_be_is_told(void **state)
{
	struct run r;

	(void)state;
	CALL(&r, "simulate", "--controller", "nobody");
	expect(&r, 2, "", "there is no controller 'nobody'; there are ballonet, ");
	CALL(&r, "simulate", "--scenario", "/nowhere/world");
	expect(&r, 2, "", "no built-in scenario (mixed, ");
	CALL(&r, "simulate", "--scenario", "/proc/version");
	expect(&r, 2, "", "line 1: not 'KEY: VALUE'");
	CALL(&r, "simulate", "--vms", "many");
	expect(&r, 2, "", "--vms: not a value for it");
	CALL(&r, "simulate", "--hours", "0");
	expect(&r, 2, "", "--hours: out of range");
	CALL(&r, "simulate", "--host-memory", "-1");
	expect(&r, 2, "", "--host-memory: ");
	CALL(&r, "status", "--seed", "1");
	expect(&r, 2, "", "'status' does not know");
	CALL(&r, "simulate", "--dry-run");
	expect(&r, 2, "", "'simulate' does not know");
}

static void help_is_there_for_all_and_for_each(void **state)
{
	static const char *const names[] = { "status",	"vm",	"why",	  "squeeze",
					     "release", "host", "replay", "simulate" };
	struct run r;
	size_t i;

	(void)state;
	CALL(&r, "--help");
	for (i = 0; i < ARRAY_SIZE(names); i++)
		expect(&r, 0, names[i], "");
	expect(&r, 0, "exit codes:", "");
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		char usage[64];

		(void)snprintf(usage, sizeof(usage), "usage: ballonet %s", names[i]);
		CALL(&r, names[i], "--help");
		expect(&r, 0, usage, "");
		CALL(&r, "help", names[i]);
		expect(&r, 0, usage, "");
	}
	CALL(&r, "--version");
	expect(&r, 0, "ballonet ", "");
	CALL(&r, "version");
	expect(&r, 0, "ballonet ", "");
}

int main(int argc, char **argv)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(status_shows_a_line_per_vm_and_what_would_serve_them_better),
		TEST(what_the_journal_lost_is_told),
		TEST(columns_are_aligned_whatever_the_letters),
		TEST(vm_and_host_show_figures_and_leave_out_the_unknown),
		TEST(why_tells_the_sentence_and_what_was_before),
		TEST(why_without_a_name_tells_of_the_host),
		TEST(status_shows_mode_group_and_kind_of_guest),
		TEST(settings_are_set_and_taken_back),
		TEST(settings_that_cannot_be_are_told_with_their_exit_codes),
		TEST(room_that_is_there_is_reserved_listed_and_cancelled),
		TEST(room_that_must_be_freed_is_waited_for),
		TEST(room_that_is_not_there_in_time_is_not_held),
		TEST(who_interrupts_the_wait_leaves_nothing_held),
		TEST(who_loses_the_daemon_in_the_wait_leaves_nothing_held),
		TEST(what_may_still_be_held_is_told),
		TEST(room_that_cannot_be_had_is_refused_with_why),
		TEST(headroom_is_told),
		TEST(json_is_printed_where_it_is_asked_for),
		TEST(a_squeeze_is_watched_until_the_balloon_is_back_at_0),
		TEST(a_squeeze_may_be_left_to_itself),
		TEST(a_squeeze_that_the_policy_does_not_begin_is_told),
		TEST(a_dry_run_says_what_would_be_done),
		TEST(a_refusal_is_told_with_its_own_exit_code),
		TEST(release_takes_one_or_all),
		TEST(release_of_all_fails_where_one_that_holds_memory_was_refused),
		TEST(a_daemon_that_is_not_there_is_told_with_what_to_do),
		TEST(a_daemon_that_is_busy_is_told_apart_from_one_that_is_not_there),
		TEST(what_is_not_the_daemon_is_told),
		TEST(odd_values_in_a_reply_do_no_harm),
		TEST(a_list_of_vms_that_is_none_is_told),
		TEST(a_wrong_call_is_told_and_does_nothing),
		TEST(help_is_there_for_all_and_for_each),
		TEST(a_world_is_simulated_without_a_daemon),
		TEST(a_world_that_cannot_be_is_told),
	};

	if (argc != 2)
		return 2;
	program = argv[1];
	began_us = uptime_us();
	return cmocka_run_group_tests_name("cli", tests, NULL, NULL);
}
