/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_keeper.c - a worker may be killed at any time, a target ends with its lease
 *
 * Layer: tests.
 * In:    a real keeper in a process of its own; a fake front end and guest.
 * Out:   what keeper.h and worker.h promise.
 */
#include "device/keeper.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/num.h"
#include "device/vhost_user.h"
#include "fake_guest.h"

#define DEADLINE_MS 10000
#define RINGS 4
#define BIT(n) (UINT64_C(1) << (n))
#define TAKEN                                                                               \
	(BIT(BALLOON_F_STATS_VQ) | BIT(BALLOON_F_REPORTING) | BIT(VU_F_PROTOCOL_FEATURES) | \
	 BIT(29) | BIT(28) | BIT(32))

struct world {
	pid_t keeper;
	int stop[2];
	char folder[64], socket[96], control_path[96];
	struct fake_guest guest;
	int front, control;
	int kick[RINGS], call[RINGS];
	char rest[8192];
	size_t have;
	uint64_t taken; /* features */
};

static struct world the_world;

static int connect_to(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), i;

	memcpy(sa.sun_path, path, strlen(path) + 1);
	for (i = 0; i < DEADLINE_MS; i++) {
		if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
			return fd;
		(void)poll(NULL, 0, 1); /* it is not up yet */
	}
	fail_msg("%s: %s", path, strerror(errno));
	return -1;
}

static void say(struct world *w, uint32_t request, const void *payload, uint32_t size, int fd)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct vu_header h = { .request = request, .flags = VU_VERSION, .size = size };
	struct iovec iov[2] = { { &h, sizeof(h) }, { (void *)(uintptr_t)payload, size } };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = size ? 2 : 1 };

	if (fd >= 0) {
		struct cmsghdr *c;

		mh.msg_control = control;
		mh.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	assert_int_equal(sendmsg(w->front, &mh, MSG_NOSIGNAL), sizeof(h) + size);
}

static void say_state(struct world *w, uint32_t request, uint32_t index, uint32_t num)
{
	struct vu_ring_state s = { .index = index, .num = num };

	say(w, request, &s, sizeof(s), -1);
}

static void hear(struct world *w, void *payload, uint32_t size)
{
	struct vu_header h;

	assert_int_equal(recv(w->front, &h, sizeof(h), MSG_WAITALL), sizeof(h));
	assert_int_equal(h.size, size);
	assert_int_equal(recv(w->front, payload, size, MSG_WAITALL), size);
}

static void start_rings(struct world *w)
{
	uint64_t rings;
	uint32_t i;

	for (i = 0; i < RINGS; i++) {
		struct virtq_config c = fake_guest_config(&w->guest, i);
		struct vu_ring_addr a = {
			.index = i, .desc = c.desc, .avail = c.avail, .used = c.used
		};
		uint64_t u64 = i;

		say_state(w, VU_SET_VRING_NUM, i, GUEST_NUM);
		say_state(w, VU_SET_VRING_BASE, i, fake_guest_used(&w->guest, i));
		say(w, VU_SET_VRING_ADDR, &a, sizeof(a), -1);
		say(w, VU_SET_VRING_KICK, &u64, sizeof(u64), w->kick[i]);
		say(w, VU_SET_VRING_CALL, &u64, sizeof(u64), w->call[i]);
		say_state(w, VU_SET_VRING_ENABLE, i, 1);
	}
	say(w, VU_GET_QUEUE_NUM, NULL, 0, -1);
	hear(w, &rings, sizeof(rings)); /* all that was said before is done */
}

static void set_up_front(struct world *w)
{
	struct vu_mem_reg reg = {
		.region = { .gpa = GUEST_GPA, .size = GUEST_RAM, .user = GUEST_USER }
	};
	uint64_t features = w->taken;

	w->front = connect_to(w->socket);
	say(w, VU_SET_FEATURES, &features, sizeof(features), -1);
	say(w, VU_ADD_MEM_REG, &reg, sizeof(reg), w->guest.fd);
	start_rings(w);
}

/* The next line of the control socket, without its end. */
static void hear_line(struct world *w, char *line, size_t size)
{
	char *end;

	while (!(end = memchr(w->rest, '\n', w->have))) {
		struct pollfd p = { .fd = w->control, .events = POLLIN };
		ssize_t n;

		assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
		n = recv(w->control, w->rest + w->have, sizeof(w->rest) - w->have, 0);
		assert_true(n > 0);
		w->have += (size_t)n;
	}
	*end = '\0';
	assert_true((size_t)(end - w->rest) < size);
	memcpy(line, w->rest, (size_t)(end - w->rest) + 1);
	w->have -= (size_t)(end + 1 - w->rest);
	memmove(w->rest, end + 1, w->have);
}

static uint64_t value_of(const char *line, const char *key)
{
	const char *at = strstr(line, key);

	if (!at)
		fail_msg("no %s in \"%s\"", key, line);
	return strtoull(at + strlen(key), NULL, 0);
}

/* Lines that came unasked are of before now. */
static void drop_lines(struct world *w)
{
	char junk[4096];

	w->have = 0;
	while (recv(w->control, junk, sizeof(junk), MSG_DONTWAIT) > 0)
		;
}

/* Asks for the state until @key is @value; false: it is not in time. */
static bool wait_state(struct world *w, const char *key, uint64_t value)
{
	char line[1024];
	int i;

	for (i = 0; i < DEADLINE_MS; i++) {
		drop_lines(w);
		assert_int_equal(write(w->control, "state\n", 6), 6);
		do
			hear_line(w, line, sizeof(line));
		while (strncmp(line, "state ", 6) != 0);
		if (value_of(line, key) == value)
			return true;
		(void)poll(NULL, 0, 1);
	}
	return false;
}

static uint64_t get_state(struct world *w, const char *key)
{
	char line[1024];

	drop_lines(w);
	assert_int_equal(write(w->control, "state\n", 6), 6);
	do
		hear_line(w, line, sizeof(line));
	while (strncmp(line, "state ", 6) != 0);
	return value_of(line, key);
}

static void command(struct world *w, const char *line)
{
	assert_int_equal(write(w->control, line, strlen(line)), strlen(line));
}

static int begin_with(void **state, uint64_t taken)
{
	struct world *w = &the_world;
	struct keeper_config config = { .features = keeper_features() };
	unsigned int i;

	memset(w, 0, sizeof(*w));
	w->taken = taken;
	fake_guest_init(&w->guest, taken, false);
	(void)snprintf(w->folder, sizeof(w->folder), "/tmp/ballonet-keeper-XXXXXX");
	if (!mkdtemp(w->folder) || pipe(w->stop) < 0)
		return -1;
	(void)snprintf(w->socket, sizeof(w->socket), "%.60s/vhost", w->folder);
	(void)snprintf(w->control_path, sizeof(w->control_path), "%.60s/control", w->folder);
	config.socket = w->socket;
	config.control = w->control_path;
	config.stop_fd = w->stop[0];
	w->keeper = fork();
	if (w->keeper == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		log_set_level(LOG_LEVEL_ERROR);
		_exit(keeper_run(&config) < 0);
	}
	for (i = 0; i < RINGS; i++) {
		w->kick[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		w->call[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	}
	w->control = connect_to(w->control_path);
	set_up_front(w);
	*state = w;
	return wait_state(w, "boots=", 1) ? 0 : -1;
}

static int begin(void **state)
{
	return begin_with(state, TAKEN);
}

static int begin_must_tell(void **state)
{
	return begin_with(state, TAKEN | BIT(BALLOON_F_MUST_TELL_HOST));
}

static int end(void **state)
{
	struct world *w = *state;
	unsigned int i;
	int status = -1;

	assert_int_equal(write(w->stop[1], "x", 1), 1);
	assert_int_equal(waitpid(w->keeper, &status, 0), w->keeper);
	assert_int_equal(status, 0);
	(void)close(w->control);
	(void)close(w->front);
	for (i = 0; i < RINGS; i++) {
		(void)close(w->kick[i]);
		(void)close(w->call[i]);
	}
	(void)close(w->stop[0]);
	(void)close(w->stop[1]);
	assert_int_equal(unlink(w->socket), 0); /* a keeper has no call to take them away */
	assert_int_equal(unlink(w->control_path), 0);
	assert_int_equal(rmdir(w->folder), 0);
	fake_guest_fini(&w->guest);
	return 0;
}

static void kick(struct world *w, enum balloon_queue q)
{
	uint64_t one = 1;

	assert_int_equal(write(w->kick[q], &one, sizeof(one)), sizeof(one));
}

/* As a driver does: wants to be told of the chain before @used, and waits for a call. */
static void wait_used(struct world *w, enum balloon_queue q, uint16_t used)
{
	struct vring_avail *a =
		(struct vring_avail *)(void *)(w->guest.mem + w->guest.ring[q].avail);
	struct pollfd p = { .fd = w->call[q], .events = POLLIN };
	uint64_t n;

	__atomic_store_n(&a->ring[GUEST_NUM], (uint16_t)(used - 1), __ATOMIC_SEQ_CST);

	while (fake_guest_used(&w->guest, q) != used) {
		if (poll(&p, 1, DEADLINE_MS) != 1)
			fail_msg("the guest was not told that its chain %u is back", used);
		assert_int_equal(read(w->call[q], &n, sizeof(n)), sizeof(n));
	}
}

static void test_chains_come_back_and_the_guest_is_told(void **state)
{
	struct world *w = *state;
	uint32_t pfn = GUEST_FREE_PFN;

	fake_guest_touch(&w->guest, pfn, 2);
	fake_guest_pfns(&w->guest, BALLOON_INFLATE, 0, &pfn, 1);
	kick(w, BALLOON_INFLATE);
	wait_used(w, BALLOON_INFLATE, 1);
	assert_true(fake_guest_page_is_zero(&w->guest, pfn));
	assert_false(fake_guest_page_is_zero(&w->guest, pfn + 1));
	assert_true(wait_state(w, "inflated_b=", 4096));
	assert_true(wait_state(w, "freed_b=", 4096));
}

/* Pages of a guest that must tell are unbacked some time after it was told to go on. */
static void wait_zero(struct world *w, uint32_t pfn)
{
	int i;

	for (i = 0; i < DEADLINE_MS && !fake_guest_page_is_zero(&w->guest, pfn); i++)
		(void)poll(NULL, 0, 1);
}

/*
 * A balloon of 2048 pages goes up and down while its worker is killed at
 * random points: pages inside are unbacked, pages outside keep what they hold.
 */
static void test_a_worker_killed_200_times_loses_no_page_and_takes_none(void **state)
{
	struct world *w = *state;
	struct timespec at = { 0 };
	bool must_tell = w->taken & BIT(BALLOON_F_MUST_TELL_HOST);
	uint16_t inflates = 0, deflates = 0;
	unsigned int kills = 0, i;
	uint32_t pfns[256], pfn, before = 0;

	srandom(1);
	while (kills < 200) {
		uint64_t pid = get_state(w, "worker=");
		uint32_t first = GUEST_FREE_PFN + (uint32_t)(random() % 8) * 256;
		bool look = !must_tell || random() % 2;

		for (pfn = before; pfn && pfn < before + 256; pfn++)
			assert_false(
				fake_guest_page_is_zero(&w->guest, pfn)); /* not later, either */
		before = first;
		fake_guest_touch(&w->guest, first, 256);
		for (i = 0; i < 256; i++)
			pfns[i] = first + 255 - i;
		fake_guest_pfns(&w->guest, BALLOON_INFLATE, inflates % GUEST_NUM, pfns, 256);
		kick(w, BALLOON_INFLATE);
		at.tv_nsec = random() % 300000;
		(void)nanosleep(&at, NULL); /* the random point */
		if (pid && kill((pid_t)pid, SIGKILL) == 0)
			kills++;
		wait_used(w, BALLOON_INFLATE, ++inflates);
		for (pfn = first; look && pfn < first + 256; pfn++) {
			if (must_tell)
				wait_zero(w, pfn);
			assert_true(fake_guest_page_is_zero(&w->guest, pfn));
		}
		fake_guest_pfns(&w->guest, BALLOON_DEFLATE, deflates % GUEST_NUM, pfns, 256);
		kick(w, BALLOON_DEFLATE);
		wait_used(w, BALLOON_DEFLATE, ++deflates);
		fake_guest_touch(&w->guest, first, 256); /* its own again */
		assert_true(wait_state(w, "broken=", 0));
		for (pfn = first; pfn < first + 256; pfn++)
			assert_false(fake_guest_page_is_zero(&w->guest, pfn));
	}
	assert_true(get_state(w, "restarts=") >= 150);
	assert_int_equal(get_state(w, "boots="), 1);
	assert_int_equal(get_state(w, "errors="), 0);
}

static void test_a_killed_worker_is_back_within_100_ms(void **state)
{
	struct world *w = *state;
	uint32_t pfn = GUEST_FREE_PFN;
	struct timespec a, b;
	unsigned int soon = 0;
	uint64_t pid, last = 0;
	uint16_t i;

	assert_true(wait_state(w, "driver=", 1));
	for (i = 0; i < 10; i++) { /* a busy machine may be late, but not every time */
		while (!(pid = get_state(w, "worker=")) || pid == last)
			;
		last = pid;
		(void)clock_gettime(CLOCK_MONOTONIC, &a);
		assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
		fake_guest_pfns(&w->guest, BALLOON_INFLATE, i % GUEST_NUM, &pfn, 1);
		kick(w, BALLOON_INFLATE);
		wait_used(w, BALLOON_INFLATE, (uint16_t)(i + 1));
		(void)clock_gettime(CLOCK_MONOTONIC, &b);
		soon += (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000 < 100;
	}
	assert_true(soon >= 6);
}

static void test_statistics_are_passed_on_as_they_arrive(void **state)
{
	struct world *w = *state;
	char line[1024];

	drop_lines(w);
	fake_guest_stats(&w->guest, 0, 3, 500);
	kick(w, BALLOON_STATS);
	do
		hear_line(w, line, sizeof(line));
	while (strncmp(line, "stats ", 6) != 0);
	assert_int_equal(value_of(line, " 2="), 502);
	command(w, "stats\n");
	wait_used(w, BALLOON_STATS, 1);
	fake_guest_stats(&w->guest, 1, 3, 600);
	kick(w, BALLOON_STATS);
	do
		hear_line(w, line, sizeof(line));
	while (strncmp(line, "stats ", 6) != 0);
	assert_int_equal(value_of(line, " 2="), 602);
	assert_int_equal(value_of(line, "seq="), 2);
}

static void test_a_target_that_nobody_renews_goes_to_0(void **state)
{
	struct world *w = *state;

	command(w, "balloon 8388608 1\n");
	assert_int_equal(get_state(w, "target_b="), 8388608);
	assert_true(get_state(w, "lease_ms=") <= 1000);
	assert_true(wait_state(w, "target_b=", 0));
	command(w, "balloon 8388608 60\n");
	assert_true(get_state(w, "lease_ms=") > 50000);
	command(w, "balloon 0\n");
	assert_int_equal(get_state(w, "target_b="), 0);
}

static void test_a_target_larger_than_the_guest_is_refused(void **state)
{
	struct world *w = *state;
	char line[1024];

	command(w, "balloon 18446744073709551615 5\n");
	do
		hear_line(w, line, sizeof(line));
	while (strncmp(line, "error ", 6) != 0);
	assert_non_null(strstr(line, "more than the guest has"));
	command(w, "press 4096\n");
	do
		hear_line(w, line, sizeof(line));
	while (strncmp(line, "error ", 6) != 0);
	assert_non_null(strstr(line, "cannot press")); /* bit 51 was not taken */
}

static void test_a_guest_that_breaks_the_rules_has_no_worker_until_it_resets(void **state)
{
	struct world *w = *state;
	struct vu_ring_state s;
	uint32_t i;

	fake_guest_desc(&w->guest, BALLOON_INFLATE, 0, 0, 4, 0, 0);
	fake_guest_offer(&w->guest, BALLOON_INFLATE, 0);
	kick(w, BALLOON_INFLATE);
	assert_true(wait_state(w, "broken=", 1));
	assert_int_equal(get_state(w, "worker="), 0);
	for (i = 0; i < RINGS; i++) {
		say_state(w, VU_GET_VRING_BASE, i, 0);
		hear(w, &s, sizeof(s));
		memset(w->guest.mem + w->guest.ring[i].avail, 0, 64);
		memset(w->guest.mem + w->guest.ring[i].used, 0, 64);
		w->guest.ring[i].avail_idx = 0;
	}
	start_rings(w);
	assert_true(wait_state(w, "boots=", 2));
	test_chains_come_back_and_the_guest_is_told(state);
}

static void test_memory_that_is_cut_under_way_ends_the_worker_alone(void **state)
{
	struct world *w = *state;
	uint32_t pfn = GUEST_FREE_PFN;

	assert_true(wait_state(w, "driver=", 1));
	assert_int_equal(ftruncate(w->guest.fd, 0), 0);
	kick(w, BALLOON_INFLATE);
	assert_true(wait_state(w, "broken=", 1));
	assert_int_equal(get_state(w, "worker="), 0);
	assert_int_equal(get_state(w, "front="), 1);
	assert_int_equal(ftruncate(w->guest.fd, GUEST_RAM), 0);
	start_rings(w);
	assert_true(wait_state(w, "broken=", 0));
	fake_guest_pfns(&w->guest, BALLOON_DEFLATE, 0, &pfn, 1);
	kick(w, BALLOON_DEFLATE);
	wait_used(w, BALLOON_DEFLATE, 1);
}

static void test_statistics_are_asked_for_before_the_worker_is_up(void **state)
{
	struct world *w = *state;
	uint16_t used = fake_guest_used(&w->guest, BALLOON_STATS);

	fake_guest_stats(&w->guest, 0, 3, 500);
	start_rings(w); /* no worker for a moment */
	command(w, "stats\n");
	wait_used(w, BALLOON_STATS, (uint16_t)(used + 1));
}

static void test_half_a_message_holds_nobody_up_and_the_next_front_end_is_served(void **state)
{
	struct world *w = *state;
	uint32_t i;

	assert_int_equal(write(w->front, "\1\0\0", 3), 3);
	assert_int_equal(get_state(w, "front="), 1);
	(void)close(w->front);
	assert_true(wait_state(w, "front=", 0));
	assert_int_equal(get_state(w, "worker="), 0);
	assert_int_equal(get_state(w, "ram_b="), 0);
	for (i = 0; i < RINGS; i++) {
		memset(w->guest.mem + w->guest.ring[i].avail, 0, 64);
		memset(w->guest.mem + w->guest.ring[i].used, 0, 64);
		w->guest.ring[i].avail_idx = 0;
	}
	set_up_front(w);
	assert_true(wait_state(w, "boots=", 2));
}

static void test_a_front_end_that_talks_nonsense_loses_its_connection_only(void **state)
{
	struct world *w = *state;
	char junk[64];
	ssize_t n;

	memset(junk, 0xff, sizeof(junk));
	assert_int_equal(write(w->front, junk, sizeof(junk)), sizeof(junk));
	assert_true(wait_state(w, "front=", 0));
	n = recv(w->front, junk, sizeof(junk), 0);
	assert_true(n <= 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_chains_come_back_and_the_guest_is_told),
		TEST(test_a_worker_killed_200_times_loses_no_page_and_takes_none),
		cmocka_unit_test_setup_teardown(
			test_a_worker_killed_200_times_loses_no_page_and_takes_none,
			begin_must_tell, end),
		TEST(test_a_killed_worker_is_back_within_100_ms),
		TEST(test_statistics_are_passed_on_as_they_arrive),
		TEST(test_a_target_that_nobody_renews_goes_to_0),
		TEST(test_a_target_larger_than_the_guest_is_refused),
		TEST(test_a_guest_that_breaks_the_rules_has_no_worker_until_it_resets),
		TEST(test_memory_that_is_cut_under_way_ends_the_worker_alone),
		TEST(test_statistics_are_asked_for_before_the_worker_is_up),
		TEST(test_half_a_message_holds_nobody_up_and_the_next_front_end_is_served),
		TEST(test_a_front_end_that_talks_nonsense_loses_its_connection_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
