/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_control.c - the control API, asked by real connections to a real socket
 *
 * Client and server share one thread: the client's socket does not block, and
 * the server is dispatched until the reply is whole.
 */
#include "api/control.h"

#include "base/num.h"
#include "sample_fleet.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define DEADLINE_MS 10000

static char folder[64], path[100];
static struct sample sample;
static struct control *control;

/* What was asked of the daemon. */
static struct vm *asked_vm;
static enum vm_request asked;

static int on_request(void *userdata, struct vm *vm, enum vm_request request)
{
	assert_ptr_equal(userdata, &sample);
	asked_vm = vm;
	asked = request;
	return 0;
}

static uint64_t on_now(void *userdata)
{
	(void)userdata;
	return SAMPLE_NOW_US;
}

/* What was to be set, and what is said to it. */
static struct control_change change;
static const char *conflict;

static const char *on_set(void *userdata, struct vm *vm, const struct control_change *c)
{
	assert_ptr_equal(userdata, &sample);
	asked_vm = vm;
	change = *c;
	return conflict;
}

static const struct control_ops ops = { .request = on_request, .set = on_set, .now = on_now };

static int set_up(void **state)
{
	(void)state;
	asked_vm = NULL;
	asked = REQUEST_NONE;
	conflict = NULL;
	sample_init(&sample);
	(void)snprintf(folder, sizeof(folder), "/tmp/ballonet-control-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/run/control.sock", folder);
	assert_int_equal(control_new(path, (gid_t)-1, &sample.view, &ops, &sample, &control), 0);
	return 0;
}

static int tear_down(void **state)
{
	char run[80];

	(void)state;
	control_free(control);
	control = NULL;
	sample_fini(&sample);
	(void)snprintf(run, sizeof(run), "%s/run", folder);
	assert_int_equal(rmdir(run), 0); /* the socket is gone */
	assert_int_equal(rmdir(folder), 0);
	return 0;
}

static int dial(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_true(fd >= 0);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Sends @n bytes and returns all that comes back until the server closes; freed by the caller. */
static char *exchange(int fd, const char *bytes, size_t n)
{
	uint64_t end = now_ms() + DEADLINE_MS;
	char *reply = calloc(1, MIB);
	size_t len = 0;

	assert_non_null(reply);
	for (;;) {
		struct pollfd fds[2] = { { .fd = control_fd(control), .events = POLLIN },
					 { .fd = fd, .events = POLLIN } };
		ssize_t sent = n ? send(fd, bytes, n, MSG_NOSIGNAL) : 0, got;

		if (sent > 0) {
			bytes += sent;
			n -= (size_t)sent;
		}
		if (poll(fds, 2, control_timeout_us(control) ? 20 : 0) < 0)
			fail();
		control_dispatch(control);
		got = recv(fd, reply + len, MIB - len - 1, 0);
		if (got == 0 || (got < 0 && errno == ECONNRESET))
			break;
		if (got > 0)
			len += (size_t)got;
		if (now_ms() > end)
			fail_msg("no end of the reply: %s", reply);
	}
	(void)close(fd);
	return reply;
}

/* One request; returns the status, and the body in *ret where that is not NULL. */
static int ask(const char *method, const char *url, const char *body, char **ret)
{
	char request[4096], *reply, *at;
	int status, n;

	n = snprintf(
		request, sizeof(request),
		"%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
		method, url, body ? strlen(body) : 0, body ? body : "");
	assert_true(n > 0 && (size_t)n < sizeof(request));
	reply = exchange(dial(), request, (size_t)n);
	if (sscanf(reply, "HTTP/1.1 %d ", &status) != 1)
		fail_msg("no status: %s", reply);
	at = strstr(reply, "\r\n\r\n");
	assert_non_null(at);
	if (ret)
		*ret = strdup(at + 4);
	free(reply);
	return status;
}

/* The same where the body must be JSON. */
static struct json_object *ask_json(const char *method, const char *url, const char *body, int want)
{
	struct json_object *o;
	char *text;
	int status = ask(method, url, body, &text);

	if (status != want)
		fail_msg("%s %s: %d %s", method, url, status, text);
	o = json_tokener_parse(text);
	if (!o)
		fail_msg("no JSON: %s", text);
	free(text);
	return o;
}

static const char *text_of(struct json_object *o, const char *key)
{
	struct json_object *value = NULL;

	(void)json_object_object_get_ex(o, key, &value);
	return value ? json_object_get_string(value) : "";
}

/* Is it refused with @status and a sentence that contains @part? */
static void refused(const char *method, const char *url, const char *body, int status,
		    const char *part)
{
	struct json_object *o = ask_json(method, url, body, status);

	if (!strstr(text_of(o, "error"), part))
		fail_msg("'%s' is not in '%s'", part, text_of(o, "error"));
	json_object_put(o);
	assert_null(asked_vm);
}

static void vms_are_listed_and_found_by_name(void **state)
{
	struct json_object *o, *list;

	(void)state;
	o = ask_json("GET", "/v1/vms", NULL, 200);
	assert_true(json_object_object_get_ex(o, "vms", &list));
	assert_int_equal(json_object_array_length(list), 3);
	json_object_put(o);
	o = ask_json("GET", "/v1/vms/db", NULL, 200);
	assert_string_equal(text_of(o, "name"), "db");
	json_object_put(o);
	o = ask_json("GET", "/v1/vms/db/why", NULL, 200);
	assert_string_equal(text_of(o, "reason"), "rest");
	json_object_put(o);
	o = ask_json("GET", "/v1/host", NULL, 200);
	assert_string_equal(text_of(o, "vms"), "3");
	json_object_put(o);
}

static void names_are_percent_decoded(void **state)
{
	struct json_object *o;

	(void)state;
	o = ask_json("GET", "/v1/vms/b%C3%BCro%201", NULL, 200);
	assert_string_equal(text_of(o, "name"), "b\xc3\xbcro 1");
	json_object_put(o);
	o = ask_json("GET", "/v1/vms/we%22ir%5cd%0A%1B%5B31m%FF/why", NULL, 200);
	assert_string_equal(text_of(o, "name"), SAMPLE_WEIRD_CLEAN);
	json_object_put(o);
	/* as it was shown, it is found too */
	json_object_put(ask_json("GET", "/v1/vms/we%22ir%5cd%0A%1B%5B31m?x", NULL, 404));
	json_object_put(ask_json("GET", "/v1/vms/we%22ir%5cd%0A%1B%5B31m%3F", NULL, 200));
	refused("GET", "/v1/vms/a%2Fb", NULL, 404, "no VM called 'a/b'");
	refused("GET", "/v1/vms/db%", NULL, 404, "no such path");
	refused("GET", "/v1/vms/db%zz", NULL, 404, "no such path");
	refused("GET", "/v1/vms/db%00x", NULL, 404, "no such path");
}

static void what_is_not_there_is_404_and_the_wrong_method_405(void **state)
{
	char *reply;

	(void)state;
	refused("GET", "/v1/vms/nobody", NULL, 404, "no VM called 'nobody'");
	refused("GET", "/v1/vms/db/nothing", NULL, 404, "no such path");
	refused("GET", "/v1/vms/", NULL, 404, "no such path");
	refused("GET", "/v2", NULL, 404, "no such path");
	refused("POST", "/v1/vms/nobody/squeeze", NULL, 404, "no VM called 'nobody'");
	refused("DELETE", "/v1/vms/db", NULL, 405, "another method");
	refused("GET", "/v1/vms/db/squeeze", NULL, 405, "another method");
	reply = exchange(dial(), "PUT /v1/host HTTP/1.0\r\n\r\n", 25);
	assert_non_null(strstr(reply, " 405 "));
	assert_non_null(strstr(reply, "Allow: GET, HEAD\r\n"));
	free(reply);
	assert_int_equal(ask("HEAD", "/v1/vms", NULL, NULL), 200);
}

static uint64_t bit(const char *key)
{
	size_t n;

	return UINT64_C(1) << (setting_find(key) - settings_table(&n));
}

static void settings_are_set_as_a_merge_patch(void **state)
{
	struct json_object *o;

	(void)state;
	o = ask_json("PATCH", "/v1/vms/db",
		     "{\"shares\":200,\"floor\":\"1GiB\",\"press_cache\":false,"
		     "\"mode\":\"rightsize\",\"ceiling\":null}",
		     200);
	assert_string_equal(text_of(o, "name"), "db");
	json_object_put(o);
	assert_ptr_equal(asked_vm, sample.known);
	assert_false(change.reset);
	assert_int_equal(change.mask,
			 bit("shares") | bit("floor") | bit("press_cache") | bit("mode"));
	assert_int_equal(change.clear, bit("ceiling"));
	assert_int_equal(change.values.shares, 200);
	assert_int_equal(change.values.floor_b, GIB);
	assert_int_equal(change.values.press_cache, 0);
	assert_int_equal(change.values.mode, MODE_RIGHTSIZE);
	json_object_put(ask_json("PATCH", "/v1/vms/db", "{\"reset\":true}", 200));
	assert_true(change.reset);
	assert_int_equal(change.mask | change.clear, 0);
}

static void bad_settings_are_refused_whole_and_named(void **state)
{
	(void)state;
	refused("PATCH", "/v1/vms/db", NULL, 400, "must be a JSON object");
	refused("PATCH", "/v1/vms/db", "[1]", 400, "must be a JSON object");
	refused("PATCH", "/v1/vms/db", "{\"shares\":200,\"share\":1}", 400,
		"there is no setting 'share'; did you mean shares?");
	refused("PATCH", "/v1/vms/db", "{\"\\u001b[31m\":1}", 400, "there is no setting '");
	refused("PATCH", "/v1/vms/db", "{\"shares\":0}", 400,
		"shares: 0 is out of range (1 to 10000)");
	refused("PATCH", "/v1/vms/db", "{\"shares\":-1}", 400,
		"shares: '-1' is not a whole number");
	refused("PATCH", "/v1/vms/db", "{\"floor\":18446744073709551615}", 400,
		"floor: 18446744073709551615 is out of range");
	refused("PATCH", "/v1/vms/db", "{\"floor\":[1]}", 400, "floor: '' is not a size");
	refused("PATCH", "/v1/vms/db", "{\"mode\":\"squeze\"}", 400, "mode: 'squeze' is not off");
	refused("PATCH", "/v1/vms/db", "{\"reset\":1}", 400, "reset is true or false");
	refused("PATCH", "/v1/vms/db", "{\"host_short\":\"5%\"}", 400,
		"host_short is of the host: it goes under defaults");
	refused("PATCH", "/v1/vms/nobody", "{}", 404, "no VM called 'nobody'");
}

static void settings_that_do_not_go_together_are_a_conflict(void **state)
{
	struct json_object *o;

	(void)state;
	conflict = "floor is above ceiling";
	o = ask_json("PATCH", "/v1/vms/db", "{\"floor\":\"2GiB\"}", 409);
	assert_string_equal(text_of(o, "error"), "floor is above ceiling");
	assert_string_equal(text_of(o, "reason"), "conflict");
	json_object_put(o);
}

static void a_path_of_several_methods_names_them_all(void **state)
{
	char *reply;

	(void)state;
	reply = exchange(dial(), "PUT /v1/vms/db HTTP/1.0\r\n\r\n", 27);
	assert_non_null(strstr(reply, " 405 "));
	assert_non_null(strstr(reply, "Allow: GET, HEAD, PATCH\r\n"));
	free(reply);
}

static void room_that_is_there_is_held_and_let_go(void **state)
{
	struct json_object *o, *list;

	(void)state;
	o = ask_json("POST", "/v1/reservations", "{\"size_b\":1073741824,\"for\":\"new\"}", 201);
	assert_string_equal(text_of(o, "id"), "1");
	assert_string_equal(text_of(o, "answer"), "yes");
	assert_string_equal(text_of(o, "sentence"), "1.0 GiB are there.");
	assert_string_equal(text_of(o, "for"), "new");
	assert_string_equal(text_of(o, "left_b"), "1073741824");
	json_object_put(o);
	assert_int_equal(reserve_left(&sample.reserve, NULL), GIB);
	assert_true(reserve_changed(&sample.reserve));
	o = ask_json("GET", "/v1/reservations", NULL, 200);
	assert_true(json_object_object_get_ex(o, "reservations", &list));
	assert_int_equal(json_object_array_length(list), 1);
	json_object_put(o);
	json_object_put(ask_json("GET", "/v1/reservations/1", NULL, 200));
	json_object_put(ask_json("DELETE", "/v1/reservations/1", NULL, 200));
	assert_int_equal(sample.reserve.n, 0);
	refused("GET", "/v1/reservations/1", NULL, 404, "no such reservation");
	refused("DELETE", "/v1/reservations/1", NULL, 404, "no such reservation");
	refused("GET", "/v1/reservations/1x", NULL, 404, "no such reservation");
	refused("GET", "/v1/reservations/-1", NULL, 404, "no such reservation");
	refused("GET", "/v1/reservations/", NULL, 404, "no such path");
}

/* Of 16 GiB are 4 available, 6 % of the host are never given away, VMs offer 1000 MiB. */
static void room_that_can_be_freed_is_promised_for_when(void **state)
{
	struct json_object *o;

	(void)state;
	o = ask_json("POST", "/v1/reservations", "{\"size_b\":3435973836}", 201);
	assert_string_equal(text_of(o, "answer"), "when");
	assert_non_null(strstr(text_of(o, "sentence"), "have to be freed for these 3.2 GiB"));
	assert_string_equal(text_of(o, "missing_b"), "");
	json_object_put(o);
	/* what the first one holds is not there for the next */
	o = ask_json("POST", "/v1/reservations", "{\"size_b\":536870912}", 409);
	assert_string_equal(text_of(o, "reason"), "no");
	json_object_put(o);
	/* looked at again, each has those before it in its way, and not itself */
	o = ask_json("GET", "/v1/reservations/1", NULL, 200);
	assert_string_equal(text_of(o, "answer"), "when");
	json_object_put(o);
}

static void room_that_comes_too_late_is_held_and_says_so(void **state)
{
	struct json_object *o;

	(void)state;
	o = ask_json("POST", "/v1/reservations", "{\"size_b\":3435973836,\"within_us\":1000}", 201);
	assert_string_equal(text_of(o, "answer"), "late");
	assert_non_null(strstr(text_of(o, "sentence"), "longer than was asked for"));
	json_object_put(o);
}

/* Of 16 GiB 983 MiB are never given away, and VMs are counted on for 500. */
static void what_a_short_host_lacks_itself_is_told_apart(void **state)
{
	struct json_object *o;

	(void)state;
	sample.host.available_b.value = 100 * MIB;
	o = ask_json("POST", "/v1/reservations", "{\"size_b\":1}", 409);
	assert_non_null(strstr(text_of(o, "error"),
			       "This host lacks 883 MiB itself; with less than 1 MiB more, "
			       "883 MiB would have to be freed, and "));
	json_object_put(o);
	sample.host.available_b.value = 900 * MIB;
	o = ask_json("POST", "/v1/reservations", "{\"size_b\":104857600}", 201);
	assert_non_null(strstr(text_of(o, "sentence"),
			       "This host lacks 83 MiB itself; with 100 MiB more, "
			       "183 MiB have to be freed, which is"));
	json_object_put(o);
}

static void room_that_cannot_be_had_is_not_held(void **state)
{
	struct json_object *o;

	(void)state;
	o = ask_json("POST", "/v1/reservations", "{\"size_b\":8589934592}", 409);
	assert_string_equal(text_of(o, "reason"), "no");
	assert_non_null(strstr(text_of(o, "error"), "of that cannot be had."));
	assert_true(strtoull(text_of(o, "missing_b"), NULL, 10) > 4 * GIB);
	json_object_put(o);
	o = ask_json("POST", "/v1/reservations", "{\"size_b\":18446744073709551614}", 409);
	assert_string_equal(text_of(o, "reason"), "too-large");
	assert_non_null(strstr(text_of(o, "error"), "GiB are more than this host has: 16.0 GiB"));
	json_object_put(o);
	sample.host.available_b.known = false;
	o = ask_json("POST", "/v1/reservations", "{\"size_b\":1}", 409);
	assert_string_equal(text_of(o, "reason"), "unknown");
	json_object_put(o);
	assert_int_equal(sample.reserve.n, 0);
}

static void a_bad_reservation_is_refused_with_what_is_wrong(void **state)
{
	static const char *const bad[][2] = {
		{ NULL, "must be a JSON object" },
		{ "5", "must be a JSON object" },
		{ "{}", "size_b, the size in bytes, is missing" },
		{ "{\"size_b\":0}", "size_b must be" },
		{ "{\"size_b\":-1}", "size_b must be" },
		{ "{\"size_b\":\"1GiB\"}", "size_b must be" },
		{ "{\"size_b\":1.5}", "size_b must be" },
		{ "{\"size_b\":18446744073709551616}", "size_b must be" },
		{ "{\"size_b\":1,\"within_us\":86400000001}", "within_us must be" },
		{ "{\"size_b\":1,\"hold_us\":0}", "hold_us must be" },
		{ "{\"size_b\":1,\"hold_us\":86400000001}", "hold_us must be" },
		{ "{\"size_b\":1,\"for\":\"\"}", "for must be" },
		{ "{\"size_b\":1,\"for\":7}", "for must be" },
		{ "{\"size_b\":1,\"size\":7}", "The body must be" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		refused("POST", "/v1/reservations", bad[i][0], 400, bad[i][1]);
	assert_int_equal(sample.reserve.n, 0);
}

static void the_65th_reservation_is_refused(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < RESERVE_MAX; i++)
		json_object_put(ask_json("POST", "/v1/reservations", "{\"size_b\":1}", 201));
	refused("POST", "/v1/reservations", "{\"size_b\":1}", 409, "64 reservations already");
}

static void headroom_is_told_for_three_times(void **state)
{
	struct json_object *o;

	(void)state;
	o = ask_json("GET", "/v1/headroom", NULL, 200);
	assert_string_equal(text_of(o, "offered_b"), "1048576000");
	assert_string_equal(text_of(o, "within_1s_b"), "134217728");  /* 2 VMs at 64 MiB/s */
	assert_string_equal(text_of(o, "within_60s_b"), "524288000"); /* half of what is offered */
	assert_string_equal(text_of(o, "squeezes"), "0");
	json_object_put(o);
}

static void metrics_are_text(void **state)
{
	char *text;

	(void)state;
	assert_int_equal(ask("GET", "/metrics", NULL, &text), 200);
	assert_non_null(strstr(text, "\n# TYPE ballonet_vm_up gauge\n"));
	free(text);
}

static void the_list_of_routes_is_served(void **state)
{
	char *text;

	(void)state;
	assert_int_equal(ask("GET", "/", NULL, &text), 200);
	assert_non_null(strstr(text, "/v1/vms/NAME/squeeze"));
	free(text);
}

static void a_squeeze_is_accepted_and_asked_for(void **state)
{
	struct json_object *o = ask_json("POST", "/v1/vms/db/squeeze", NULL, 202);

	(void)state;
	assert_string_equal(text_of(o, "accepted"), "true");
	assert_string_equal(text_of(o, "name"), "db");
	assert_ptr_equal(asked_vm, sample.known);
	assert_int_equal(asked, REQUEST_SQUEEZE);
	json_object_put(o);
	/* statistics that are old are asked for anew */
	sample.known->facts.stats.taken_us = 1;
	json_object_put(ask_json("POST", "/v1/vms/db/squeeze", "{\"dry_run\":false}", 202));
}

static void a_squeeze_is_accepted_in_every_phase_in_which_none_is_under_way(void **state)
{
	enum phase phase;

	(void)state;
	for (phase = PHASE_WATCH; phase < PHASE_COUNT; phase++) {
		bool under_way = phase == PHASE_INFLATING || phase == PHASE_HOLDING ||
				 phase == PHASE_DEFLATING || phase == PHASE_SIZING ||
				 phase == PHASE_SIZED;

		asked_vm = NULL;
		sample.known->history.phase = phase;
		json_object_put(
			ask_json("POST", "/v1/vms/db/squeeze", NULL, under_way ? 409 : 202));
		assert_ptr_equal(asked_vm, under_way ? NULL : sample.known);
	}
}

static void a_dry_run_says_what_would_be_done_and_asks_for_nothing(void **state)
{
	struct json_object *o;

	(void)state;
	o = ask_json("POST", "/v1/vms/db/squeeze", "{\"dry_run\":true}", 200);
	assert_string_equal(text_of(o, "would_squeeze"), "true");
	assert_non_null(strstr(text_of(o, "sentence"), "It would free about"));
	json_object_put(o);
	sample.known->settings.mode = MODE_OFF;
	o = ask_json("POST", "/v1/vms/db/squeeze", "{\"dry_run\":true}", 200);
	assert_string_equal(text_of(o, "would_squeeze"), "false");
	assert_string_equal(text_of(o, "reason"), "mode-off");
	json_object_put(o);
	assert_null(asked_vm);
}

static void a_squeeze_that_cannot_be_is_refused_with_its_reason(void **state)
{
	static const char url[] = "/v1/vms/db/squeeze";
	struct json_object *o;

	(void)state;
	refused("POST", "/v1/vms/b%C3%BCro%201/squeeze", NULL, 409, "under way already");
	refused("POST", "/v1/vms/we%22ir%5Cd%0A%1B%5B31m%FF/squeeze", NULL, 409, "no connection");
	sample.known->settings.mode = MODE_OFF;
	refused("POST", url, NULL, 409, "mode is off");
	sample.known->settings.mode = MODE_OBSERVE;
	refused("POST", url, NULL, 409, "only observed");
	sample.known->settings.mode = MODE_SQUEEZE;
	sample.known->facts.state = VM_STATE_PAUSED;
	refused("POST", url, NULL, 409, "paused");
	sample.known->facts.state = VM_STATE_RUNNING;
	sample.known->facts.obstacles = OBSTACLE_VFIO;
	refused("POST", url, NULL, 409, "VFIO");
	sample.known->facts.obstacles = 0;
	sample.figures.dry_run = true;
	refused("POST", url, NULL, 409, "--dry-run");
	o = ask_json("POST", url, NULL, 409);
	assert_string_equal(text_of(o, "reason"), "dry-run");
	json_object_put(o);
}

static void a_release_is_accepted_in_any_phase_and_mode(void **state)
{
	(void)state;
	json_object_put(ask_json("POST", "/v1/vms/b%C3%BCro%201/release", NULL, 202));
	assert_ptr_equal(asked_vm, sample.busy);
	assert_int_equal(asked, REQUEST_RELEASE);
	sample.known->settings.mode = MODE_OFF;
	json_object_put(ask_json("POST", "/v1/vms/db/release", NULL, 202));
	assert_ptr_equal(asked_vm, sample.known);
	asked_vm = NULL;
	refused("POST", "/v1/vms/we%22ir%5Cd%0A%1B%5B31m%FF/release", NULL, 409, "no connection");
	sample.figures.dry_run = true;
	refused("POST", "/v1/vms/db/release", NULL, 409, "--dry-run");
}

static void a_body_that_is_not_what_it_must_be_is_400(void **state)
{
	static const char *const bodies[] = {
		"{",
		"[]",
		"true",
		"{\"dry_run\":1}",
		"{\"dryrun\":true}",
		"dry_run=true",
		"{\"dry_run\":{\"a\":{\"b\":{\"c\":{}}}}}",
		"\xff",
		"{\"dry_run\":true}x",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bodies); i++)
		refused("POST", "/v1/vms/db/squeeze", bodies[i], 400, "The body must be");
}

static void a_body_that_is_too_large_is_413(void **state)
{
	static const char head[] = "POST /v1/vms/db/squeeze HTTP/1.1\r\nHost: x\r\n"
				   "Connection: close\r\nContent-Length: 100000\r\n\r\n";
	size_t n = strlen(head);
	char *request = calloc(1, n + 100001), *reply;

	(void)state;
	assert_non_null(request);
	memcpy(request, head, n);
	memset(request + n, ' ', 100000);
	reply = exchange(dial(), request, n + 100000);
	assert_non_null(strstr(reply, " 413 "));
	assert_null(asked_vm);
	free(reply);
	free(request);
}

static void a_path_that_is_too_long_is_414(void **state)
{
	char url[2000];

	(void)state;
	memset(url, 'a', sizeof(url) - 1);
	url[sizeof(url) - 1] = '\0';
	memcpy(url, "/v1/vms/", 8);
	refused("GET", url, NULL, 414, "too long");
}

static void garbage_costs_only_its_own_connection(void **state)
{
	static const char *const garbage[] = {
		"\x16\x03\x01\x02\x01\x01\xfc\x03\x03\r\n\r\n",
		"GET\r\n\r\n",
		"GET /v1/vms HTTP/9.9\r\n\r\n",
		"POST /v1/vms/db/squeeze HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
		"POST /v1/vms/db/squeeze HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(garbage); i++) {
		char *reply = exchange(dial(), garbage[i], strlen(garbage[i]));

		assert_null(strstr(reply, " 200 "));
		free(reply);
		assert_int_equal(ask("GET", "/v1/vms/db", NULL, NULL), 200);
	}
	assert_null(asked_vm);
}

static void a_client_that_leaves_in_the_middle_does_no_harm(void **state)
{
	static const char half[] =
		"POST /v1/vms/db/squeeze HTTP/1.1\r\nContent-Length: 10\r\n\r\n{";
	int fd = dial();

	(void)state;
	assert_int_equal(send(fd, half, strlen(half), MSG_NOSIGNAL), strlen(half));
	control_dispatch(control);
	(void)close(fd);
	control_dispatch(control);
	assert_int_equal(ask("GET", "/v1/vms/db", NULL, NULL), 200);
	assert_null(asked_vm);
}

static void silent_clients_leave_room_for_others_up_to_the_limit(void **state)
{
	int fd[60];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(fd); i++) {
		fd[i] = dial();
		control_dispatch(control);
	}
	assert_int_equal(ask("GET", "/v1/vms/db", NULL, NULL), 200);
	for (i = 0; i < ARRAY_SIZE(fd); i++)
		(void)close(fd[i]);
}

/* Lets the server work until @fd is closed by it; the milliseconds that took. */
static uint64_t wait_for_end(int fd)
{
	uint64_t begin = now_ms();
	char byte;

	while (recv(fd, &byte, 1, 0) != 0) {
		struct pollfd fds[2] = { { .fd = control_fd(control), .events = POLLIN },
					 { .fd = fd, .events = POLLIN } };

		if (poll(fds, 2, 50) < 0 || now_ms() > begin + DEADLINE_MS)
			fail();
		control_dispatch(control);
	}
	(void)close(fd);
	return now_ms() - begin;
}

static void who_asks_nothing_is_let_go_and_who_waits_has_the_place(void **state)
{
	int fd[70], waiting;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(fd); i++)
		fd[i] = dial(); /* more than are served at once */
	control_dispatch(control);
	waiting = dial();
	/* a full house is no reason to spin */
	control_dispatch(control);
	assert_int_equal(
		poll(&(struct pollfd){ .fd = control_fd(control), .events = POLLIN }, 1, 0), 0);
	assert_in_range(control_timeout_us(control), 1, 5 * USEC_PER_SEC);
	for (i = 0; i < ARRAY_SIZE(fd); i++) { /* nobody was sent away */
		char byte;

		assert_int_equal(recv(fd[i], &byte, 1, 0), -1);
		assert_int_equal(errno, EAGAIN);
	}
	assert_true(wait_for_end(fd[0]) < 7000);
	assert_true(send(waiting, "GET /v1/host HTTP/1.0\r\n\r\n", 25, MSG_NOSIGNAL) == 25);
	(void)wait_for_end(waiting);
	for (i = 1; i < ARRAY_SIZE(fd); i++)
		(void)close(fd[i]);
	assert_int_equal(ask("GET", "/v1/vms/db", NULL, NULL), 200);
}

static void who_asked_once_may_stay_for_longer(void **state)
{
	static const char request[] = "GET /v1/host HTTP/1.1\r\nHost: x\r\n\r\n";
	char reply[4096];
	int fd = dial();

	(void)state;
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	while (recv(fd, reply, sizeof(reply), 0) < 0)
		control_dispatch(control);
	control_dispatch(control);
	assert_in_range(control_timeout_us(control), 20 * USEC_PER_SEC, 30 * USEC_PER_SEC);
	(void)close(fd);
}

static void the_socket_is_for_owner_and_group_only(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
}

static void the_socket_is_of_the_group_that_was_asked_for(void **state)
{
	struct stat st;

	(void)state;
	control_free(control);
	assert_int_equal(control_new(path, getgid() ? getgid() : 4711, &sample.view, &ops, &sample,
				     &control),
			 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_gid, getgid() ? getgid() : 4711);
	assert_int_equal(st.st_uid, geteuid());
	assert_int_equal(st.st_mode & 07777, 0660);
}

static void a_socket_that_was_deleted_is_made_anew(void **state)
{
	char run[80];
	int before;

	(void)state;
	assert_int_equal(control_check(control), 0);
	before = dial(); /* has not been let in yet, and is not forgotten */
	assert_int_equal(unlink(path), 0);
	(void)snprintf(run, sizeof(run), "%s/run", folder);
	assert_int_equal(rmdir(run), 0);
	assert_int_equal(control_check(control), 1);
	assert_int_equal(ask("GET", "/v1/vms/db", NULL, NULL), 200);
	assert_int_equal(control_check(control), 0);
	assert_int_equal(send(before, "GET /v1/host HTTP/1.0\r\n\r\n", 25, MSG_NOSIGNAL), 25);
	(void)wait_for_end(before);
}

static void a_socket_that_cannot_be_made_anew_is_told_and_tried_again(void **state)
{
	char run[80], away[90];

	(void)state;
	(void)snprintf(run, sizeof(run), "%s/run", folder);
	(void)snprintf(away, sizeof(away), "%s/away", folder);
	assert_int_equal(rename(run, away), 0);
	assert_int_equal(symlink("nowhere/at/all", run), 0);
	assert_int_equal(control_check(control), -ENOENT);
	assert_int_equal(unlink(run), 0);
	assert_int_equal(rename(away, run), 0);
	assert_int_equal(control_check(control), 0);
	assert_int_equal(ask("GET", "/v1/vms/db", NULL, NULL), 200);
}

static void a_socket_in_use_is_refused_and_a_dead_one_replaced(void **state)
{
	struct control *second = NULL;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	(void)state;
	assert_int_equal(control_new(path, (gid_t)-1, &sample.view, &ops, &sample, &second),
			 -EADDRINUSE);
	assert_int_equal(ask("GET", "/v1/vms/db", NULL, NULL), 200);

	control_free(control);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	memcpy(addr.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	(void)close(fd);
	assert_int_equal(control_new(path, (gid_t)-1, &sample.view, &ops, &sample, &control), 0);
	assert_int_equal(ask("GET", "/v1/vms/db", NULL, NULL), 200);
}

static void a_path_that_cannot_be_listened_on_is_an_error(void **state)
{
	struct control *second = NULL;
	char other[120];
	int fd;

	(void)state;
	memset(other, 'a', sizeof(other) - 1);
	other[0] = '/';
	other[sizeof(other) - 1] = '\0';
	assert_int_equal(control_new(other, (gid_t)-1, &sample.view, &ops, &sample, &second),
			 -ENAMETOOLONG);
	(void)snprintf(other, sizeof(other), "%s/a/b/c", folder);
	assert_int_equal(control_new(other, (gid_t)-1, &sample.view, &ops, &sample, &second),
			 -ENOENT);
	(void)snprintf(other, sizeof(other), "%s/file", folder);
	fd = open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(control_new(other, (gid_t)-1, &sample.view, &ops, &sample, &second),
			 -EEXIST);
	assert_int_equal(unlink(other), 0); /* it was left alone */
}

static void a_socket_that_somebody_replaced_is_left_to_them(void **state)
{
	int fd;

	(void)state;
	assert_int_equal(unlink(path), 0);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	assert_int_equal(control_check(control), 0);
	control_free(control);
	control = NULL;
	assert_int_equal(unlink(path), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(vms_are_listed_and_found_by_name),
		TEST(names_are_percent_decoded),
		TEST(what_is_not_there_is_404_and_the_wrong_method_405),
		TEST(metrics_are_text),
		TEST(settings_are_set_as_a_merge_patch),
		TEST(bad_settings_are_refused_whole_and_named),
		TEST(settings_that_do_not_go_together_are_a_conflict),
		TEST(a_path_of_several_methods_names_them_all),
		TEST(room_that_is_there_is_held_and_let_go),
		TEST(room_that_can_be_freed_is_promised_for_when),
		TEST(room_that_comes_too_late_is_held_and_says_so),
		TEST(what_a_short_host_lacks_itself_is_told_apart),
		TEST(room_that_cannot_be_had_is_not_held),
		TEST(a_bad_reservation_is_refused_with_what_is_wrong),
		TEST(the_65th_reservation_is_refused),
		TEST(headroom_is_told_for_three_times),
		TEST(the_list_of_routes_is_served),
		TEST(a_squeeze_is_accepted_and_asked_for),
		TEST(a_squeeze_is_accepted_in_every_phase_in_which_none_is_under_way),
		TEST(a_dry_run_says_what_would_be_done_and_asks_for_nothing),
		TEST(a_squeeze_that_cannot_be_is_refused_with_its_reason),
		TEST(a_release_is_accepted_in_any_phase_and_mode),
		TEST(a_body_that_is_not_what_it_must_be_is_400),
		TEST(a_body_that_is_too_large_is_413),
		TEST(a_path_that_is_too_long_is_414),
		TEST(garbage_costs_only_its_own_connection),
		TEST(a_client_that_leaves_in_the_middle_does_no_harm),
		TEST(silent_clients_leave_room_for_others_up_to_the_limit),
		TEST(who_asks_nothing_is_let_go_and_who_waits_has_the_place),
		TEST(who_asked_once_may_stay_for_longer),
		TEST(the_socket_is_for_owner_and_group_only),
		TEST(the_socket_is_of_the_group_that_was_asked_for),
		TEST(a_socket_that_was_deleted_is_made_anew),
		TEST(a_socket_that_cannot_be_made_anew_is_told_and_tried_again),
		TEST(a_socket_in_use_is_refused_and_a_dead_one_replaced),
		TEST(a_path_that_cannot_be_listened_on_is_an_error),
		TEST(a_socket_that_somebody_replaced_is_left_to_them),
	};

	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
