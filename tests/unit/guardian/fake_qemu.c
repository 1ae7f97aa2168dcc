/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_qemu.c - a thread that speaks as much QMP as a balloon needs
 *
 * It does not parse JSON: it looks for the command's name, because only our own
 * client talks to it.
 */
#include "fake_qemu.h"

#include "base/num.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#define GREETING                                                                          \
	"{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 2, \"major\": 7}, " \
	"\"package\": \"\"}, \"capabilities\": [\"oob\"]}}\r\n"
#define EVENT                                                                                    \
	"{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": \"BALLOON_CHANGE\", " \
	"\"data\": {\"actual\": 1}}\r\n"
#define MOVE_B (64 * MIB) /* how far the balloon gets between two questions for its size */

static void say(int fd, const char *text, bool in_pieces)
{
	size_t len = strlen(text), i, step = in_pieces ? 1 : len;

	for (i = 0; i < len; i += step)
		if (send(fd, text + i, step, MSG_NOSIGNAL) < 0)
			return;
}

/* Waits for @fd. False: the thread is to end. */
static bool wait_readable(const struct fake_qemu *q, int fd)
{
	struct pollfd p[2] = { { .fd = fd, .events = POLLIN },
			       { .fd = q->stop_fd, .events = POLLIN } };

	while (poll(p, 2, -1) < 0 && errno == EINTR)
		;
	return !p[1].revents;
}

static void move_balloon(struct fake_qemu *q, enum fake_mode mode)
{
	uint64_t actual_b = atomic_load(&q->actual_b), target_b = atomic_load(&q->target_b);

	if (mode == FAKE_STUCK)
		return;
	if (mode == FAKE_RESET) { /* the driver has an empty balloon, and tells a change only */
		q->tells |= target_b < atomic_load(&q->ram_b);
		if (q->tells)
			atomic_store(&q->actual_b, target_b);
		return;
	}
	atomic_store(&q->actual_b, u64_min(target_b, actual_b + MOVE_B));
}

/* It inflates at once and deflates slowly: what the tests wait for is the deflating. */
static void set_target(struct fake_qemu *q, const char *line, enum fake_mode mode)
{
	uint64_t value_b = strtoull(strstr(line, "\"value\":") + 8, NULL, 10);
	uint64_t target_b = u64_min(value_b, atomic_load(&q->ram_b));

	atomic_store(&q->target_b, target_b);
	if (target_b < atomic_load(&q->actual_b) && mode != FAKE_RESET)
		atomic_store(&q->actual_b, target_b);
	atomic_fetch_add(&q->targets, 1);
}

static void set_property(struct fake_qemu *q, const char *line)
{
	atomic_store(&q->set_at_b, atomic_load(&q->actual_b));
	atomic_store(&q->set_value, strtoull(strstr(line, "\"value\":") + 8, NULL, 10));
}

static void answer(struct fake_qemu *q, int fd, const char *line, enum fake_mode mode)
{
	char text[256];

	if (mode == FAKE_ERROR || (mode == FAKE_NO_SET && strstr(line, "\"qom-set\"")) ||
	    (mode == FAKE_NO_DEVICE && strstr(line, "balloon"))) {
		(void)snprintf(text, sizeof(text),
			       "{\"error\": {\"class\": \"%s\", \"desc\": \"no\"}}\r\n",
			       mode == FAKE_NO_DEVICE ? "DeviceNotActive" : "GenericError");
	} else if (strstr(line, "\"query-balloon\"")) {
		move_balloon(q, mode);
		(void)snprintf(text, sizeof(text),
			       mode == FAKE_BAD_SIZE ? "{\"return\": {\"actual\": \"%llu\"}}\r\n"
						     : "{\"return\": {\"actual\": %llu}}\r\n",
			       (unsigned long long)atomic_load(&q->actual_b));
	} else if (strstr(line, "\"query-memory-size-summary\"")) {
		(void)snprintf(text, sizeof(text),
			       "{\"return\": {\"base-memory\": %llu, "
			       "\"plugged-memory\": %llu}}\r\n",
			       (unsigned long long)(64 * MIB),
			       (unsigned long long)(atomic_load(&q->ram_b) - 64 * MIB));
	} else {
		if (strstr(line, "\"balloon\""))
			set_target(q, line, mode);
		else if (strstr(line, "\"qom-set\""))
			set_property(q, line);
		(void)snprintf(text, sizeof(text), "{\"return\": {}}\r\n");
	}
	if (mode == FAKE_IN_PIECES)
		say(fd, EVENT, true);
	if (mode == FAKE_UNASKED && strstr(line, "\"query-memory-size-summary\""))
		say(fd, text, false);
	say(fd, text, mode == FAKE_IN_PIECES);
}

static void greet(int fd, enum fake_mode mode)
{
	char noise[4096];
	unsigned int i;

	switch (mode) {
	case FAKE_SILENT:
		break;
	case FAKE_GARBAGE:
		say(fd, "SSH-2.0-OpenSSH\r\n", false);
		break;
	case FAKE_LONG_LINE:
		memset(noise, 'x', sizeof(noise) - 1);
		noise[sizeof(noise) - 1] = '\0';
		for (i = 0; i < 256; i++)
			say(fd, noise, false);
		break;
	default:
		say(fd, GREETING, mode == FAKE_IN_PIECES);
		break;
	}
}

/* One client until it goes. False: the thread is to end. */
static bool serve(struct fake_qemu *q, int fd, enum fake_mode mode)
{
	char line[1024];
	size_t len = 0;
	ssize_t n;

	greet(fd, mode);
	for (;;) {
		if (!wait_readable(q, fd))
			return false;
		n = recv(fd, line + len, 1, 0); /* a byte at a time keeps this simple */
		if (n <= 0)
			return true;
		if (line[len] != '\n') {
			len += len < sizeof(line) - 2;
			continue;
		}
		line[len] = '\0';
		len = 0;
		answer(q, fd, line, mode);
	}
}

static void *run(void *arg)
{
	struct fake_qemu *q = arg;
	enum fake_mode mode;
	bool go = true;
	int fd;

	while (go && wait_readable(q, q->listen_fd)) {
		fd = accept(q->listen_fd, NULL, NULL);
		if (fd < 0)
			continue;
		mode = FAKE_GOOD;
		if (atomic_load(&q->misbehaves) != 0) {
			mode = (enum fake_mode)atomic_load(&q->mode);
			if (atomic_load(&q->misbehaves) > 0)
				atomic_fetch_sub(&q->misbehaves, 1);
		}
		atomic_fetch_add(&q->clients, 1);
		if (mode != FAKE_CLOSES)
			go = serve(q, fd, mode);
		(void)close(fd);
	}
	return NULL;
}

void fake_qemu_start(struct fake_qemu *q, const char *path, uint64_t ram_b)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	memset(q, 0, sizeof(*q));
	(void)snprintf(q->path, sizeof(q->path), "%s", path);
	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	atomic_store(&q->ram_b, ram_b);
	atomic_store(&q->actual_b, ram_b);
	atomic_store(&q->target_b, ram_b);
	q->stop_fd = eventfd(0, EFD_CLOEXEC);
	q->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(q->stop_fd >= 0 && q->listen_fd >= 0);
	assert_int_equal(bind(q->listen_fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(q->listen_fd, 1), 0); /* as QEMU's character devices do */
	assert_int_equal(pthread_create(&q->thread, NULL, run, q), 0);
}

void fake_qemu_misbehave(struct fake_qemu *q, enum fake_mode mode, int clients)
{
	atomic_store(&q->mode, (int)mode);
	atomic_store(&q->misbehaves, clients);
}

void fake_qemu_stop(struct fake_qemu *q)
{
	assert_int_equal(eventfd_write(q->stop_fd, 1), 0);
	assert_int_equal(pthread_join(q->thread, NULL), 0);
	(void)close(q->listen_fd);
	(void)close(q->stop_fd);
	(void)unlink(q->path);
}
