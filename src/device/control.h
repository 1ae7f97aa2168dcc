/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * control.h - the socket on which the device is told what to do
 *
 * Layer: device.
 * In:    lines from clients: "balloon BYTES LEASE_S", "press BYTES", "stats", "state".
 * Out:   lines to all clients: "state KEY=VALUE...", "stats KEY=VALUE..."; to the
 *        one that asked also "error SENTENCE".
 *
 * Text, so that a person with socat is a client too. docs/device.md has the
 * meaning of every word.
 */
#ifndef BALLONET_DEVICE_CONTROL_H
#define BALLONET_DEVICE_CONTROL_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/* Clients at once: the daemon, its guardian, a person, and one that was killed and is not seen yet.
 */
#define CONTROL_CLIENTS_MAX 4

/* The longest line from a client; the longest that means something has 40. */
#define CONTROL_LINE_MAX 128

/* Bytes that wait for a client that does not read; a hundred lines. */
#define CONTROL_OUT_MAX 65536

/* Leases: an hour is long for a target that nobody looks after. */
#define CONTROL_LEASE_MAX_S 3600

enum control_verb {
	CONTROL_BALLOON, /* the guest shall give @bytes; back to 0 after @lease_s */
	CONTROL_PRESS,	 /* the guest shall press @bytes */
	CONTROL_STATS,	 /* the guest shall send statistics now */
	CONTROL_STATE,	 /* say how things are */
};

struct control_command {
	enum control_verb verb;
	uint64_t bytes;
	uint64_t lease_s;
};

/*
 * Parses one line without its end. 0, or -EINVAL and *ret_why. BYTES are
 * decimal, any u64; LEASE_S is 1 to CONTROL_LEASE_MAX_S, and may be left out
 * for a balloon of 0.
 */
int control_parse(const char *line, struct control_command *ret, const char **ret_why);

/* Carries out a command of a client. NULL, or the sentence that it is answered with. */
typedef const char *(*control_fn)(void *userdata, const struct control_command *cmd);

struct control_client {
	int fd; /* -EBADF: free */
	size_t have;
	char line[CONTROL_LINE_MAX];
	struct buf out;
};

struct control {
	int listen;
	control_fn fn;
	void *userdata;
	struct control_client client[CONTROL_CLIENTS_MAX];
};

void control_init(struct control *c, control_fn fn, void *userdata);
void control_fini(struct control *c);

/* How many entries control_poll_fds() writes. */
#define CONTROL_POLL_FDS (CONTROL_CLIENTS_MAX + 1)

/* What to wait for. */
void control_poll_fds(const struct control *c, struct pollfd *ret);

/* Handles what @fds, from control_poll_fds(), found. Never waits. */
void control_handle(struct control *c, const struct pollfd *fds);

/* Sends a line, which ends with a newline, to every client. One that does not read is closed. */
void control_tell(struct control *c, const char *line);

/* A listening unix socket at @path, readable by its owner's group; an old one is replaced. */
int control_listen(const char *path, int *ret_fd);

#endif
