/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_qmp.c - many fake QEMUs, each in a process of its own behind a socket
 *
 * In:    a folder, a number, and whether each is served "together" by one process
 *        or "apart", by its own; "mute": together, and one of ten falls silent.
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
#include <sys/resource.h>
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
	bool mute; /* after its first answers it never says a word again */
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
static int listen_at(const char *folder, size_t number)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/vm-%04zu.qmp", folder, number) >=
	    (int)sizeof(sa.sun_path)) {
		fprintf(stderr, "%s: the path is too long for a socket\n", folder);
		exit(1);
	}
	(void)unlink(sa.sun_path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 1) < 0) {
		perror(sa.sun_path);
		exit(1);
	}
	return fd;
}

static void server_init(struct fleet *f, size_t i, size_t number, int listener)
{
	struct server *s = &f->server[i];
	char name[32];

	(void)snprintf(name, sizeof(name), "vm-%04zu", number);
	fake_vm_init(&s->vm, name, RAM_B);
	s->client = -1;
	buf_init(&s->in, LINE_MAX_B);
	s->listener = listener;
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

#define MUTE_AFTER 6 /* statistics: by then it is known, and calm */

static bool is_mute(const struct server *s)
{
	return s->mute && s->vm.sent >= MUTE_AFTER;
}

static void welcome(struct fleet *f, size_t i)
{
	struct server *s = &f->server[i];

	s->client = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (s->client < 0)
		return;
	(void)epoll_ctl(f->epoll_fd, EPOLL_CTL_DEL, s->listener, NULL);
	watch(f->epoll_fd, EPOLL_CTL_ADD, s->client, 2 * i + 1);
	if (!is_mute(s))
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
	if (is_mute(s)) {
		buf_clear(&s->in);
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

/* Two sockets per server. */
static void raise_descriptors(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		return;
	lim.rlim_cur = lim.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &lim);
}

static void fleet_init(struct fleet *f, size_t n)
{
	*f = (struct fleet){ .n = n };
	f->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	f->server = calloc(n, sizeof(*f->server));
	buf_init(&f->out, LINE_MAX_B);
	if (f->epoll_fd < 0 || !f->server) {
		perror("fake_qmp");
		exit(1);
	}
}

/* Hands @fd to whoever reads at the other end of @channel. */
static void hand_over(int channel, int fd)
{
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	msg.msg_control = control.room;
	msg.msg_controllen = sizeof(control.room);
	c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	if (sendmsg(channel, &msg, 0) != 1)
		exit(1);
}

/* The listener that the next process hands over; -1 where it is gone without. */
static int take_over(int channel)
{
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	int fd = -1;

	msg.msg_control = control.room;
	msg.msg_controllen = sizeof(control.room);
	if (recvmsg(channel, &msg, MSG_CMSG_CLOEXEC) != 1)
		return -1;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* The life of one fake QEMU: it listens; and serves, or lets the first process do it. */
static void be(size_t number, const char *folder, int channel, bool apart)
{
	int listener = listen_at(folder, number);
	struct fleet f;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	hand_over(channel, listener);
	(void)close(channel);
	if (apart) {
		fleet_init(&f, 1);
		server_init(&f, 0, number, listener);
		run(&f);
	}
	(void)close(listener);
	for (;;)
		(void)pause();
}

int main(int argc, char **argv)
{
	size_t i, n = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
	bool apart = argc == 4 && strcmp(argv[3], "apart") == 0;
	bool mute = argc == 4 && strcmp(argv[3], "mute") == 0;
	struct fleet f;
	int channel[2];

	if (n < 1 || n > SERVERS_MAX || (!apart && !mute && strcmp(argv[3], "together") != 0)) {
		fprintf(stderr, "usage: %s FOLDER NUMBER together|mute|apart\n", argv[0]);
		return 2;
	}
	raise_descriptors();
	fleet_init(&f, n);
	for (i = 0; i < n; i++) {
		int listener;
		pid_t pid;

		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0) {
			perror(argv[0]);
			return 1;
		}
		pid = fork();
		if (pid < 0) {
			perror(argv[0]);
			return 1;
		}
		if (pid == 0) {
			/* nothing of the others, so that its own descriptors are few */
			(void)dup2(channel[1], STDERR_FILENO + 1);
			(void)close_range(STDERR_FILENO + 2, ~0U, 0);
			be(i + 1, argv[1], STDERR_FILENO + 1, apart);
		}
		(void)close(channel[1]);
		listener = take_over(channel[0]);
		(void)close(channel[0]);
		if (listener < 0) {
			fprintf(stderr, "%s: not all of them listen\n", argv[0]);
			return 1;
		}
		if (apart)
			(void)close(listener);
		else
			server_init(&f, i, i + 1, listener);
		f.server[i].mute = mute && i % 10 == 9;
	}
	printf("ready\n");
	(void)fflush(stdout);
	run(&f); /* of nobody, where they are apart */
}
