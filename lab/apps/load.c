/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * load.c - asks something of an application in a guest, over and over, and tells how long it took
 *
 * In:    "go" and "stop", a line each, on a virtio-serial port; what to ask, as arguments.
 * Out:   on the same port a line for each second in which something was done:
 *        NOW_US SECOND OPERATIONS BUCKET:COUNT...
 *
 * NOW_US is the guest's clock as the line is written: with it the host turns SECOND, of the same
 * clock, into its own time. Latencies are counted in buckets about 3 % wide, so that seconds and
 * guests can be put together and a percentile still be told.
 */
#define _GNU_SOURCE /* pipe2 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINEAR 64	    /* microseconds below this have a bucket each */
#define BUCKETS 1024	    /* 32 an octave: enough for an hour */
#define OUT_MAX_B 16384	    /* 1024 buckets of 14 characters, and the head */
#define LOOK_EVERY_US 50000 /* at "stop" */
#define ANSWER_MAX_B 65536
#define COLUMNS_MAX 16

struct second {
	uint64_t number; /* since the epoch, by the guest's clock */
	uint64_t operations;
	uint32_t counts[BUCKETS];
};

static struct second current;
static int port;

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

__attribute__((noreturn)) static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* -------------------------------------------------------------- seconds */

static unsigned int bucket_of(uint64_t us)
{
	unsigned int shift = us < LINEAR ? 0 : 58 - (unsigned int)__builtin_clzll(us);
	uint64_t index = shift * 32 + (us >> shift);

	return index < BUCKETS ? (unsigned int)index : BUCKETS - 1;
}

static void write_all(const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(port, text, len);

		if (n > 0) {
			text += n;
			len -= (size_t)n;
		} else {
			poll(NULL, 0, 20); /* the host reads slowly, or not yet */
		}
	}
}

static void second_tell(void)
{
	static char out[OUT_MAX_B];
	size_t len;
	unsigned int i;

	if (!current.operations)
		return;
	len = (size_t)snprintf(out, sizeof(out), "%" PRIu64 " %" PRIu64 " %" PRIu64, now_us(),
			       current.number, current.operations);
	for (i = 0; i < BUCKETS; i++)
		if (current.counts[i])
			len += (size_t)snprintf(out + len, sizeof(out) - len, " %u:%" PRIu32, i,
						current.counts[i]);
	out[len++] = '\n';
	write_all(out, len);
	memset(&current, 0, sizeof(current));
}

static void count(uint64_t second, uint64_t latency_us)
{
	if (second > current.number) {
		second_tell();
		current.number = second;
	}
	current.operations++;
	current.counts[bucket_of(latency_us)]++;
}

/* ------------------------------------------------------------- commands */

static bool running;

/* Reads what the host has said; waits for it while there is nothing to do. */
static void obey(void)
{
	static char line[16];
	static size_t len;
	char c;

	while (read(port, &c, 1) == 1) {
		if (c != '\n') {
			if (len < sizeof(line) - 1)
				line[len++] = c;
			continue;
		}
		line[len] = '\0';
		len = 0;
		running = strcmp(line, "go") == 0;
	}
}

/* ------------------------------------------ a program that tells its own */

static pid_t child;

static int program_start(char **argv)
{
	int out[2];

	if (pipe2(out, O_CLOEXEC) < 0)
		die("pipe");
	child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		setpgid(0, 0);
		dup2(out[1], STDOUT_FILENO);
		execv(argv[0], argv);
		die(argv[0]);
	}
	close(out[1]);
	return out[0];
}

static void program_stop(int out)
{
	kill(-child, SIGTERM);
	close(out);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}

/* One operation a line: @latency and @second are the columns, from 1, that tell; 0 is "now". */
static void program_line(char *line, unsigned int latency, unsigned int second)
{
	uint64_t column[COLUMNS_MAX] = { [0] = now_us() / 1000000 };
	unsigned int i;
	char *save = NULL, *word = strtok_r(line, " ", &save);

	for (i = 1; word && i < COLUMNS_MAX; i++) {
		column[i] = strtoull(word, NULL, 10);
		word = strtok_r(NULL, " ", &save);
	}
	if (i > latency && i > second)
		count(column[second], column[latency]);
}

static void serve_program(unsigned int latency, unsigned int second, char **argv)
{
	static char text[ANSWER_MAX_B];
	size_t len = 0;
	int out = -1;

	for (;;) {
		struct pollfd fds[] = { { .fd = out, .events = POLLIN } };
		char *end, *line = text;
		ssize_t n;

		poll(fds, 1, 50);
		obey();
		if (running && out < 0)
			out = program_start(argv);
		if (!running && out >= 0) {
			program_stop(out);
			second_tell();
			out = -1;
			len = 0;
		}
		if (out < 0 || !(fds[0].revents & (POLLIN | POLLHUP)))
			continue;
		n = read(out, text + len, sizeof(text) - len);
		if (n <= 0)
			die("the program ended");
		len += (size_t)n;
		while ((end = memchr(line, '\n', len - (size_t)(line - text)))) {
			*end = '\0';
			program_line(line, latency, second);
			line = end + 1;
		}
		len -= (size_t)(line - text);
		memmove(text, line, len);
	}
}

int main(int argc, char **argv)
{
	if (argc < 5) {
		fprintf(stderr, "usage: load PORT LATENCY-COLUMN SECOND-COLUMN PROGRAM...\n");
		return 2;
	}
	port = open(argv[1], O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (port < 0)
		die(argv[1]);
	serve_program((unsigned int)atoi(argv[2]), (unsigned int)atoi(argv[3]), argv + 4);
}
