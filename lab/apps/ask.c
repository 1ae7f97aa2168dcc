/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ask.c - asks a server in the same guest one thing after the other
 *
 * In:    its unix socket, how it is spoken to, of how many things to ask, how long to pause.
 * Out:   a line for each answer: MICROSECONDS SECOND, as load.c reads them.
 *
 * Nine of ten questions are about the first fourth of the things, as users' questions are.
 */
#define _GNU_SOURCE /* memmem */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX_B (1 << 20)
#define QUESTION_MAX_B 4096
#define VALUE_B 1024
#define EXPIRE_S 120
#define FLUSH_US 100000

static int server;
static char answer[ANSWER_MAX_B + 1];
static char question[QUESTION_MAX_B];
static uint64_t seed = 88172645463325252ULL;

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

static uint64_t any(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

static uint64_t a_thing(uint64_t things)
{
	return any(10) ? any(things / 4) : any(things);
}

/* ------------------------------------------- how each server is spoken to */

/* One in five writes, and what it writes is forgotten some time later. */
static size_t redis_question(uint64_t thing)
{
	static char value[VALUE_B + 1];

	if (any(5))
		return (size_t)snprintf(question, sizeof(question), "GET key:%" PRIu64 "\r\n",
					thing);
	memset(value, 'a' + (int)any(26), VALUE_B);
	return (size_t)snprintf(question, sizeof(question), "SET key:%" PRIu64 " %s EX %d\r\n",
				thing, value, EXPIRE_S);
}

static bool redis_whole(size_t len)
{
	const char *end = memmem(answer, len, "\r\n", 2);
	long size = answer[0] == '$' ? strtol(answer + 1, NULL, 10) : -1;

	return end && (size < 0 || len >= (size_t)(end - answer) + 4 + (size_t)size);
}

static size_t http_question(uint64_t thing)
{
	return (size_t)snprintf(question, sizeof(question),
				"GET /%05" PRIu64 " HTTP/1.1\r\nHost: guest\r\n\r\n", thing);
}

static bool http_whole(size_t len)
{
	const char *head = memmem(answer, len, "\r\n\r\n", 4);
	const char *size;

	answer[len] = '\0';
	size = head ? strcasestr(answer, "content-length:") : NULL;
	return size && len >= (size_t)(head + 4 - answer) + strtoul(size + 15, NULL, 10);
}

static size_t line_question(uint64_t thing)
{
	return (size_t)snprintf(question, sizeof(question), "%" PRIu64 "\n", thing);
}

static bool line_whole(size_t len)
{
	return memchr(answer, '\n', len);
}

static const struct way {
	const char *name;
	size_t (*question)(uint64_t thing);
	bool (*whole)(size_t len);
} ways[] = {
	{ "redis", redis_question, redis_whole },
	{ "http", http_question, http_whole },
	{ "line", line_question, line_whole },
};

/* ----------------------------------------------------------------------- */

static void server_connect(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	strncpy(to.sun_path, path, sizeof(to.sun_path) - 1);
	server = socket(AF_UNIX, SOCK_STREAM, 0);
	if (server < 0 || connect(server, (struct sockaddr *)&to, sizeof(to)) < 0)
		die(path);
}

static void ask(const struct way *way, uint64_t thing)
{
	size_t size = way->question(thing), done = 0, len = 0;

	while (done < size) {
		ssize_t n = write(server, question + done, size - done);

		if (n <= 0)
			die("write");
		done += (size_t)n;
	}
	do {
		ssize_t n = read(server, answer + len, ANSWER_MAX_B - len);

		if (n <= 0)
			die("the server hung up");
		len += (size_t)n;
	} while (!way->whole(len));
}

int main(int argc, char **argv)
{
	const struct way *way = ways, *end = ways + sizeof(ways) / sizeof(ways[0]);
	uint64_t things, pause_us, flushed_us = 0;

	if (argc != 5) {
		fprintf(stderr, "usage: ask redis|http|line SOCKET THINGS PAUSE-US\n");
		return 2;
	}
	while (way < end && strcmp(way->name, argv[1]) != 0)
		way++;
	things = strtoull(argv[3], NULL, 10);
	pause_us = strtoull(argv[4], NULL, 10);
	if (way == end || things < 4) {
		fprintf(stderr, "ask: unknown way %s, or fewer than 4 things\n", argv[1]);
		return 2;
	}
	server_connect(argv[2]);
	for (;;) {
		uint64_t start_us = now_us(), end_us;

		ask(way, a_thing(things));
		end_us = now_us();
		printf("%" PRIu64 " %" PRIu64 "\n", end_us - start_us, end_us / 1000000);
		if (end_us - flushed_us > FLUSH_US) {
			fflush(stdout);
			flushed_us = end_us;
		}
		if (pause_us)
			usleep((useconds_t)pause_us);
	}
}
