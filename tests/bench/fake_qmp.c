/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_qmp.c - many fake QEMUs, each in a process of its own behind a socket
 *
 * In:    a folder and a number.
 * Out:   sockets FOLDER/vm-0001.qmp ... that speak QMP; the line "ready".
 *
 * Like QEMU it serves one client per socket: a second one waits, unaccepted.
 * It exists to measure the daemon, so it is to be cheap itself; but what the
 * daemon reads of a VM's process must cost it what it does in the world.
 */
#include "base/buf.h"
#include "base/num.h"
#include "fake_vm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define SERVERS_MAX 10000
#define RAM_B GIB
#define MOVE_MS 100	       /* how often balloons move, while any does */
#define MOVE_STEP_B (16 * MIB) /* 160 MiB/s, as the stock driver */
#define LINE_MAX_B 65536

struct server {
	struct fake_vm vm;
	int listener, client;
	struct buf in;
	bool moving;
};

struct fleet {
	int epoll_fd;
	size_t n, nmoving;
	struct server *server;
	struct buf out;
};

static void watch(int epoll_fd, int op, int fd, uint64_t what)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.u64 = what };

	if (epoll_ctl(epoll_fd, op, fd, &ev) < 0) {
		perror("epoll_ctl");
		exit(1);
	}
}

/* What an epoll event is about: twice the server's number, plus one for its client. */
static void server_init(struct fleet *f, size_t i, size_t number, const char *folder)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct server *s = &f->server[i];
	char name[32];

	(void)snprintf(name, sizeof(name), "vm-%04zu", number);
	fake_vm_init(&s->vm, name, RAM_B);
	s->client = -1;
	buf_init(&s->in, LINE_MAX_B);
	s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/%s.qmp", folder, name) >=
	    (int)sizeof(sa.sun_path)) {
		fprintf(stderr, "%s: the path is too long for a socket\n", folder);
		exit(1);
	}
	(void)unlink(sa.sun_path);
	if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    listen(s->listener, 1) < 0) {
		perror(sa.sun_path);
		exit(1);
	}
	watch(f->epoll_fd, EPOLL_CTL_ADD, s->listener, 2 * i);
}

static void hang_up(struct fleet *f, size_t i)
{
	struct server *s = &f->server[i];

	(void)close(s->client);
	s->client = -1;
	buf_clear(&s->in);
	watch(f->epoll_fd, EPOLL_CTL_ADD, s->listener, 2 * i);
}

static void flush(struct fleet *f, size_t i)
{
	struct server *s = &f->server[i];

	if (f->out.len && s->client >= 0 &&
	    send(s->client, f->out.data, f->out.len, MSG_NOSIGNAL | MSG_DONTWAIT) !=
		    (ssize_t)f->out.len)
		hang_up(f, i); /* a client that does not read */
	buf_clear(&f->out);
}

static void welcome(struct fleet *f, size_t i)
{
	struct server *s = &f->server[i];

	s->client = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (s->client < 0)
		return;
	(void)epoll_ctl(f->epoll_fd, EPOLL_CTL_DEL, s->listener, NULL);
	watch(f->epoll_fd, EPOLL_CTL_ADD, s->client, 2 * i + 1);
	fake_vm_greet(&s->vm, &f->out);
	flush(f, i);
}

static void serve(struct fleet *f, size_t i)
{
	struct server *s = &f->server[i];
	char chunk[4096];
	ssize_t n = recv(s->client, chunk, sizeof(chunk), MSG_DONTWAIT);
	char *line, *end;

	if (n <= 0 || buf_add(&s->in, chunk, (size_t)n) < 0) {
		hang_up(f, i);
		return;
	}
	for (line = s->in.data; (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		fake_vm_answer(&s->vm, line, (uint64_t)time(NULL), &f->out);
	}
	buf_consume(&s->in, (size_t)(line - s->in.data));
	flush(f, i);
	if (!s->moving && s->vm.actual_b != s->vm.target_b) {
		s->moving = true;
		f->nmoving++;
	}
}

static void move_all(struct fleet *f)
{
	size_t i;

	for (i = 0; i < f->n; i++) {
		struct server *s = &f->server[i];

		if (!s->moving)
			continue;
		s->moving = fake_vm_move(&s->vm, MOVE_STEP_B, &f->out);
		f->nmoving -= !s->moving;
		flush(f, i);
	}
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void run(struct fleet *f)
{
	struct epoll_event ev[64];
	uint64_t moved_ms = 0;
	int i, n;

	for (;;) {
		n = epoll_wait(f->epoll_fd, ev, ARRAY_SIZE(ev), f->nmoving ? MOVE_MS : -1);
		for (i = 0; i < n; i++) {
			size_t k = ev[i].data.u64 / 2;

			if (ev[i].data.u64 % 2 == 0)
				welcome(f, k);
			else if (f->server[k].client >= 0)
				serve(f, k);
		}
		if (f->nmoving && now_ms() - moved_ms >= MOVE_MS) {
			moved_ms = now_ms();
			move_all(f);
		}
	}
}

/* The life of one fake QEMU; @ready_fd hears a byte when it listens. */
static void be(size_t number, const char *folder, int ready_fd)
{
	struct fleet f = { .n = 1 };

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	f.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	f.server = calloc(f.n, sizeof(*f.server));
	buf_init(&f.out, LINE_MAX_B);
	if (f.epoll_fd < 0 || !f.server) {
		perror("fake_qmp");
		exit(1);
	}
	server_init(&f, 0, number, folder);
	if (write(ready_fd, "", 1) != 1)
		exit(1);
	(void)close(ready_fd);
	run(&f);
}

int main(int argc, char **argv)
{
	size_t i, n = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	int ready[2];
	char byte;

	if (n < 1 || n > SERVERS_MAX) {
		fprintf(stderr, "usage: %s FOLDER NUMBER\n", argv[0]);
		return 2;
	}
	if (pipe2(ready, O_CLOEXEC) < 0) {
		perror(argv[0]);
		return 1;
	}
	for (i = 1; i <= n; i++) {
		pid_t pid = fork();

		if (pid < 0) {
			perror(argv[0]);
			return 1;
		}
		if (pid == 0) {
			(void)close(ready[0]);
			be(i, argv[1], ready[1]);
		}
	}
	(void)close(ready[1]);
	for (i = 0; i < n; i++)
		if (read(ready[0], &byte, 1) != 1) {
			fprintf(stderr, "%s: not all of them listen\n", argv[0]);
			return 1;
		}
	printf("ready\n");
	(void)fflush(stdout);
	for (;;)
		(void)pause();
}
