/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * floor.c - what one request to a QEMU costs at least, through epoll and json-c
 *
 * In:    a folder of fake QEMUs, and for how many seconds.
 * Out:   microseconds of processor time per request: ask for the statistics, wait, read, parse.
 *
 * No daemon over this protocol and library can be cheaper; what ballonetd costs is told beside it.
 */
#include "base/clock.h"
#include "base/num.h"
#include "base/sock.h"

#include <glob.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char request[] =
	"{\"execute\":\"qom-get\",\"arguments\":{\"path\":\"/machine/peripheral/balloon0\","
	"\"property\":\"guest-stats\"}}\n";

static void ask(int fd)
{
	if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) != (ssize_t)sizeof(request) - 1)
		exit(1);
}

/* Reads what came: whole lines, of which the first may be a greeting. True: an answer is there. */
static bool take(int fd, struct json_tokener *tok)
{
	char chunk[8192], *line, *end;
	ssize_t n = recv(fd, chunk, sizeof(chunk) - 1, MSG_DONTWAIT);
	bool answer = false;

	if (n <= 0)
		exit(1);
	chunk[n] = '\0';
	for (line = chunk; (end = strchr(line, '\n')); line = end + 1) {
		struct json_object *o;

		json_tokener_reset(tok);
		o = json_tokener_parse_ex(tok, line, (int)(end - line));
		answer |= json_object_object_get_ex(o, "return", NULL);
		json_object_put(o);
	}
	return answer;
}

int main(int argc, char **argv)
{
	uint64_t until_us, spent_us, n = 0, seconds = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
	struct json_tokener *tok = json_tokener_new();
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC), ready, k;
	struct epoll_event ev[64];
	char pattern[4096];
	glob_t found;
	size_t i;

	if (!seconds || !tok || epoll_fd < 0) {
		fprintf(stderr, "usage: %s FOLDER SECONDS\n", argv[0]);
		return 2;
	}
	(void)snprintf(pattern, sizeof(pattern), "%s/*.qmp", argv[1]);
	if (glob(pattern, 0, NULL, &found) != 0)
		return 1;
	for (i = 0; i < found.gl_pathc; i++) {
		pid_t pid;
		int fd = sock_connect(found.gl_pathv[i], &pid);

		ev[0] = (struct epoll_event){ .events = EPOLLIN, .data.fd = fd };
		if (fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev[0]) < 0)
			return 1;
		ask(fd);
	}
	globfree(&found);
	until_us = monotonic_us() + seconds * USEC_PER_SEC;
	spent_us = clock_us(CLOCK_PROCESS_CPUTIME_ID);
	while (monotonic_us() < until_us) {
		ready = epoll_wait(epoll_fd, ev, ARRAY_SIZE(ev), 100);
		for (k = 0; k < ready; k++)
			if (take(ev[k].data.fd, tok)) {
				ask(ev[k].data.fd);
				n++;
			}
	}
	spent_us = clock_us(CLOCK_PROCESS_CPUTIME_ID) - spent_us;
	printf("%.2f\n", (double)spent_us / (double)u64_max(n, 1));
	json_tokener_free(tok);
	return 0;
}
