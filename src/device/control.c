/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * control.c - the socket on which the device is told what to do
 *
 * Layer: device.
 * In:    lines.
 * Out:   commands; lines.
 *
 * A client that sends an invalid line gets an error and stays connected, because
 * people mistype. One whose line is too long is disconnected.
 */
#include "device/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"

#define WORDS_MAX 4

static int parse_u64(const char *word, uint64_t *ret)
{
	uint64_t v = 0;

	if (!*word)
		return -EINVAL;
	for (; *word; word++) {
		if (*word < '0' || *word > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*word - '0'), &v))
			return -EINVAL;
	}
	*ret = v;
	return 0;
}

static size_t split(char *line, char **words, size_t max)
{
	char *save = NULL, *word;
	size_t n = 0;

	for (word = strtok_r(line, " \t\r", &save); word && n < max;
	     word = strtok_r(NULL, " \t\r", &save))
		words[n++] = word;
	return n;
}

static const struct {
	const char *word;
	enum control_verb verb;
	size_t min, max; /* words in all */
} verbs[] = {
	{ "balloon", CONTROL_BALLOON, 2, 3 },
	{ "press", CONTROL_PRESS, 2, 2 },
	{ "stats", CONTROL_STATS, 1, 1 },
	{ "state", CONTROL_STATE, 1, 1 },
};

static int parse_numbers(struct control_command *cmd, char **words, size_t n, const char **ret_why)
{
	if (n > 1 && parse_u64(words[1], &cmd->bytes) < 0) {
		*ret_why = "BYTES is not a number";
		return -EINVAL;
	}
	if (n > 2 && (parse_u64(words[2], &cmd->lease_s) < 0 || cmd->lease_s == 0 ||
		      cmd->lease_s > CONTROL_LEASE_MAX_S)) {
		*ret_why = "LEASE_S is not a number from 1 to 3600";
		return -EINVAL;
	}
	if (cmd->verb == CONTROL_BALLOON && cmd->bytes && !cmd->lease_s) {
		*ret_why = "a balloon needs a lease: balloon BYTES LEASE_S";
		return -EINVAL;
	}
	return 0;
}

int control_parse(const char *line, struct control_command *ret, const char **ret_why)
{
	struct control_command cmd = { 0 };
	char text[CONTROL_LINE_MAX], *words[WORDS_MAX];
	size_t i, n;

	*ret_why = "known are: balloon BYTES LEASE_S, press BYTES, stats, state";
	if (strlen(line) >= sizeof(text))
		return -EINVAL;
	memcpy(text, line, strlen(line) + 1);
	n = split(text, words, WORDS_MAX);
	for (i = 0; n && i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(words[0], verbs[i].word) != 0 || n < verbs[i].min || n > verbs[i].max)
			continue;
		cmd.verb = verbs[i].verb;
		if (parse_numbers(&cmd, words, n, ret_why) < 0)
			return -EINVAL;
		*ret = cmd;
		return 0;
	}
	return -EINVAL;
}

void control_init(struct control *c, control_fn fn, void *userdata)
{
	unsigned int i;

	c->listen = -EBADF;
	c->fn = fn;
	c->userdata = userdata;
	for (i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		c->client[i].fd = -EBADF;
		c->client[i].have = 0;
		buf_init(&c->client[i].out, CONTROL_OUT_MAX);
	}
}

static void client_close(struct control_client *cl)
{
	if (cl->fd >= 0)
		(void)close(cl->fd);
	cl->fd = -EBADF;
	cl->have = 0;
	buf_fini(&cl->out);
}

void control_fini(struct control *c)
{
	unsigned int i;

	for (i = 0; i < CONTROL_CLIENTS_MAX; i++)
		client_close(&c->client[i]);
	if (c->listen >= 0)
		(void)close(c->listen);
	c->listen = -EBADF;
}

void control_poll_fds(const struct control *c, struct pollfd *ret)
{
	unsigned int i;

	ret[0] = (struct pollfd){ .fd = c->listen, .events = POLLIN };
	for (i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		const struct control_client *cl = &c->client[i];

		ret[i + 1] = (struct pollfd){ .fd = cl->fd, .events = POLLIN };
		if (cl->out.len)
			ret[i + 1].events |= POLLOUT;
	}
}

static void flush(struct control_client *cl)
{
	ssize_t n;

	if (cl->fd < 0 || cl->out.len == 0)
		return;
	n = send(cl->fd, cl->out.data, cl->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > 0)
		buf_consume(&cl->out, (size_t)n);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		client_close(cl);
}

static void tell(struct control_client *cl, const char *line)
{
	if (cl->fd < 0)
		return;
	if (buf_add(&cl->out, line, strlen(line)) < 0)
		client_close(cl);
	else
		flush(cl);
}

void control_tell(struct control *c, const char *line)
{
	unsigned int i;

	for (i = 0; i < CONTROL_CLIENTS_MAX; i++)
		tell(&c->client[i], line);
}

static void take_line(struct control *c, struct control_client *cl, const char *line)
{
	struct control_command cmd;
	const char *why;

	if (control_parse(line, &cmd, &why) == 0)
		why = c->fn(c->userdata, &cmd);
	if (!why)
		return;
	tell(cl, "error ");
	tell(cl, why);
	tell(cl, "\n");
}

static void client_readable(struct control *c, struct control_client *cl)
{
	char *end;
	ssize_t n;

	n = recv(cl->fd, cl->line + cl->have, sizeof(cl->line) - 1 - cl->have, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_close(cl);
		return;
	}
	cl->have += (size_t)n;
	cl->line[cl->have] = '\0';
	while (cl->fd >= 0 && (end = memchr(cl->line, '\n', cl->have))) {
		*end = '\0';
		take_line(c, cl, cl->line);
		cl->have -= u64_min(cl->have, (size_t)(end + 1 - cl->line));
		memmove(cl->line, end + 1, cl->have);
	}
	if (cl->have == sizeof(cl->line) - 1) {
		tell(cl, "error the line is too long\n");
		client_close(cl);
	}
}

static void accept_client(struct control *c)
{
	static const struct control_command state = { .verb = CONTROL_STATE };
	/* cppcheck-suppress nullPointer; accept4(2) takes NULL for "it does not matter who" */
	int fd = accept4(c->listen, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	unsigned int i;

	if (fd < 0)
		return;
	for (i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		if (c->client[i].fd >= 0)
			continue;
		c->client[i].fd = fd;
		(void)c->fn(c->userdata, &state);
		return;
	}
	(void)send(fd, "error there are too many clients\n", 33, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)close(fd);
}

void control_handle(struct control *c, const struct pollfd *fds)
{
	unsigned int i;

	for (i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct control_client *cl = &c->client[i];

		if (cl->fd < 0 || cl->fd != fds[i + 1].fd)
			continue;
		if (fds[i + 1].revents & POLLOUT)
			flush(cl);
		if (cl->fd >= 0 && (fds[i + 1].revents & (POLLIN | POLLHUP | POLLERR)))
			client_readable(c, cl);
	}
	if (fds[0].revents & POLLIN)
		accept_client(c);
}

int control_listen(const char *path, int *ret_fd)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	cleanup_close int fd = -EBADF;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* what is there is the socket of a device that was killed; anything else stays, and fails
	 */
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 && errno == ECONNREFUSED)
		(void)unlink(path);
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	if (chmod(path, 0660) < 0 || listen(fd, CONTROL_CLIENTS_MAX) < 0)
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}
