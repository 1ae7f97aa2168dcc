/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guardian_release.c - brings the balloon of one QEMU to 0 over QMP
 *
 * Layer: guardian (the guardian's own process; json-c).
 * In:    the QMP socket of a VM, whose it was, the time.
 * Out:   the balloon at 0, or why not.
 *
 * QEMU serves one client at a time and leaves others in the listen queue. So a
 * connection that is not greeted yet is kept: it is next in the queue, and a new
 * connection would only wait behind it.
 *
 * A guest that was reset starts with its balloon at 0, while QEMU still shows the
 * old size. So a balloon that does not move is nudged: a target of all memory but
 * 4 MiB, then of all, makes the guest's driver report its size.
 */
#include "guardian/guardian_release.h"

#include "base/cleanup.h"
#include "base/num.h"
#include "host/process.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define LINE_MAX_B (64 * KIB) /* answers to our commands take 100 bytes, the greeting 200 */
#define READ_PIECE 4096
#define READS_MAX 16 /* per step: one QEMU that talks without end must not hold up the others */
#define PAUSE_MIN_US (20 * USEC_PER_MSEC)
#define PAUSE_MAX_US (500 * USEC_PER_MSEC)
#define SIZE_EVERY_US (50 * USEC_PER_MSEC) /* how often the size is asked for */
#define GREETING_MAX_US (5 * USEC_PER_SEC) /* a listen queue that moves is through by then */
#define ANSWER_MAX_US (5 * USEC_PER_SEC)
#define REFUSED_MAX 10 /* with the pauses between, two seconds of nobody there */
#define DEPTH_MAX 16
#define NUDGE_B (4 * MIB)
#define NUDGE_AFTER_US (5 * USEC_PER_SEC) /* a guest that deflates moves every second */
/* QEMU cuts a target down to the memory there is, however much that has become by then. */
#define TARGET_ALL ((uint64_t)INT64_MAX)

enum command {
	COMMAND_CAPABILITIES,
	COMMAND_BALLOON,
	COMMAND_NUDGE,
	COMMAND_QUERY,
	COMMAND_MEMORY, /* right after the size: what is plugged between the two is waited for */
	COMMAND_UNDO,	/* the last one: its answer changes nothing */
};

void release_init(struct release *r, const struct guardian_msg *hold, uint64_t now_us)
{
	*r = (struct release){ .vm = *hold,
			       .ram_b = hold->ram_b,
			       .state = RELEASE_WAITING,
			       .outcome = RELEASE_NOT_REACHED,
			       .fd = -EBADF,
			       .start_us = now_us,
			       .wake_us = now_us,
			       .pause_us = PAUSE_MIN_US };
	buf_init(&r->in, LINE_MAX_B);
}

void release_fini(struct release *r)
{
	if (r->fd >= 0)
		(void)close(take_fd(&r->fd));
	buf_fini(&r->in);
}

int release_fd(const struct release *r)
{
	return r->fd;
}

uint64_t release_wake_us(const struct release *r)
{
	return r->state == RELEASE_ENDED
		       ? UINT64_MAX
		       : u64_min(r->wake_us, u64_add_sat(r->start_us, RELEASE_MAX_US));
}

static void end(struct release *r, enum release_outcome outcome)
{
	release_fini(r);
	r->state = RELEASE_ENDED;
	r->outcome = outcome;
}

/* Closes what is open and tries again after a pause. */
static void again(struct release *r, const char *trouble, uint64_t now_us)
{
	(void)snprintf(r->trouble, sizeof(r->trouble), "%s", trouble);
	release_fini(r);
	r->state = RELEASE_WAITING;
	r->wake_us = u64_add_sat(now_us, r->pause_us);
	r->pause_us = u64_min(2 * r->pause_us, PAUSE_MAX_US);
}

/* When the process @pid began; 0: not known. */
static uint64_t began_ticks(pid_t pid)
{
	cleanup_close int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	uint64_t ticks = 0;
	struct process p;

	if (proc >= 0 && process_init(proc, pid, &p) == 0) {
		ticks = p.start_ticks;
		process_fini(&p);
	}
	return ticks;
}

/* Does another process listen there than the one whose balloon was inflated? */
static bool is_another(const struct release *r)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	uint64_t ticks;

	if (r->vm.pid == 0 || getsockopt(r->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ||
	    peer.pid == 0)
		return false; /* asking a stranger for all its memory does least harm */
	if (peer.pid != r->vm.pid)
		return true;
	ticks = began_ticks(peer.pid);
	return ticks && r->vm.start_ticks && ticks != r->vm.start_ticks;
}

static void connect_now(struct release *r, uint64_t now_us)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int error;

	r->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (r->fd < 0) {
		again(r, strerror(errno), now_us);
		return;
	}
	memcpy(addr.sun_path, r->vm.path, sizeof(r->vm.path));
	if (connect(r->fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
		error = errno;
		r->refused = error == ENOENT || error == ECONNREFUSED ? r->refused + 1 : 0;
		again(r, error == EAGAIN ? "others wait for a greeting, too" : strerror(error),
		      now_us);
		if (r->refused >= REFUSED_MAX)
			end(r, RELEASE_GONE);
		return;
	}
	if (is_another(r)) {
		(void)snprintf(r->trouble, sizeof(r->trouble), "another process has its socket");
		end(r, RELEASE_GONE);
		return;
	}
	r->refused = 0;
	r->state = RELEASE_GREETING;
	r->wake_us = u64_add_sat(now_us, GREETING_MAX_US);
}

/* The command's text in @text. Its length. */
static int write_command(const struct release *r, enum command command, char *text, size_t size)
{
	switch (command) {
	case COMMAND_CAPABILITIES:
		return snprintf(text, size, "{\"execute\":\"qmp_capabilities\",\"id\":%d}\n",
				command);
	case COMMAND_BALLOON:
	case COMMAND_NUDGE:
		return snprintf(
			text, size,
			"{\"execute\":\"balloon\",\"arguments\":{\"value\":%llu},\"id\":%d}\n",
			(unsigned long long)(command == COMMAND_NUDGE
						     ? u64_sub_sat(r->ram_b, NUDGE_B)
						     : TARGET_ALL),
			command);
	case COMMAND_MEMORY:
		return snprintf(text, size,
				"{\"execute\":\"query-memory-size-summary\",\"id\":%d}\n", command);
	case COMMAND_UNDO:
		return snprintf(text, size,
				"{\"execute\":\"qom-set\",\"arguments\":%s,\"id\":%d}\n",
				r->vm.undo, command);
	case COMMAND_QUERY:
	default:
		return snprintf(text, size, "{\"execute\":\"query-balloon\",\"id\":%d}\n",
				COMMAND_QUERY);
	}
}

static void send_command(struct release *r, enum command command, uint64_t now_us)
{
	char text[GUARDIAN_UNDO_MAX + 128];
	int n = write_command(r, command, text, sizeof(text));

	/* an empty socket takes so much; where it does not, the peer is no QEMU */
	if (send(r->fd, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) != n) {
		again(r, "the socket takes nothing", now_us);
		return;
	}
	r->command = command;
	r->state = RELEASE_COMMAND;
	r->wake_us = u64_add_sat(now_us, ANSWER_MAX_US);
}

/* Takes the number @key out of @answer. False where there is none, or less than 0. */
static bool take_size(json_object *answer, const char *key, uint64_t *ret)
{
	json_object *size;

	if (!json_object_object_get_ex(answer, key, &size) ||
	    !json_object_is_type(size, json_type_int) || json_object_get_int64(size) < 0)
		return false;
	*ret = json_object_get_uint64(size);
	return true;
}

static void handle_size(struct release *r, json_object *answer, uint64_t now_us)
{
	if (take_size(answer, "actual", &r->actual_b))
		send_command(r, COMMAND_MEMORY, now_us);
	else
		again(r, "query-balloon was not answered with a size", now_us);
}

static void handle_memory(struct release *r, json_object *answer)
{
	uint64_t base_b, plugged_b = 0;

	if (!take_size(answer, "base-memory", &base_b))
		return; /* what was known before still counts */
	(void)take_size(answer, "plugged-memory", &plugged_b);
	r->ram_b = u64_add_sat(base_b, plugged_b);
}

/* The balloon is at 0: what else was changed for its sake is put back. */
static void reached(struct release *r, uint64_t now_us)
{
	r->outcome = RELEASED;
	if (r->vm.undo[0])
		send_command(r, COMMAND_UNDO, now_us);
	else
		end(r, RELEASED);
}

/* Is it time for a nudge, or for its end? A nudge must not be the last word. */
static bool turns(const struct release *r, uint64_t balloon_b, uint64_t now_us)
{
	bool still = now_us >= u64_add_sat(r->still_us, NUDGE_AFTER_US);
	bool late = now_us >= u64_add_sat(r->start_us, RELEASE_MAX_US - 2 * NUDGE_AFTER_US);

	return r->nudged ? still || balloon_b <= NUDGE_B : still && balloon_b > NUDGE_B && !late;
}

/* The sizes are known: done, or asked for again in a moment. */
static void judge(struct release *r, uint64_t now_us)
{
	uint64_t balloon_b = u64_sub_sat(r->ram_b, r->actual_b);

	if (r->actual_b != r->seen_b)
		r->still_us = now_us;
	r->seen_b = r->actual_b;
	if (balloon_b == 0 && !r->nudged) {
		reached(r, now_us);
	} else if (turns(r, balloon_b, now_us)) {
		send_command(r, r->nudged ? COMMAND_BALLOON : COMMAND_NUDGE, now_us);
	} else {
		r->state = RELEASE_PAUSE;
		r->wake_us = u64_add_sat(now_us, SIZE_EVERY_US);
	}
}

static void handle_answer(struct release *r, json_object *answer, uint64_t now_us)
{
	switch ((enum command)r->command) {
	case COMMAND_CAPABILITIES:
		send_command(r, COMMAND_BALLOON, now_us);
		break;
	case COMMAND_BALLOON:
	case COMMAND_NUDGE:
		r->accepted = true;
		r->nudged = r->command == COMMAND_NUDGE;
		r->still_us = now_us;
		r->pause_us = PAUSE_MIN_US;
		send_command(r, COMMAND_QUERY, now_us);
		break;
	case COMMAND_QUERY:
		handle_size(r, answer, now_us);
		break;
	case COMMAND_MEMORY:
		handle_memory(r, answer);
		judge(r, now_us);
		break;
	case COMMAND_UNDO:
		end(r, RELEASED);
		break;
	}
}

static void handle_error(struct release *r, json_object *error, uint64_t now_us)
{
	json_object *class = NULL, *desc = NULL;

	if (r->command == COMMAND_MEMORY) { /* before QEMU 2.11 there is none */
		judge(r, now_us);
		return;
	}
	if (r->command == COMMAND_UNDO) { /* the device went away, and its property with it */
		end(r, RELEASED);
		return;
	}
	(void)json_object_object_get_ex(error, "class", &class);
	(void)json_object_object_get_ex(error, "desc", &desc);
	if (class && strcmp(json_object_get_string(class), "DeviceNotActive") == 0) {
		(void)snprintf(r->trouble, sizeof(r->trouble), "it has no balloon device");
		end(r, RELEASE_GONE);
		return;
	}
	again(r, desc ? json_object_get_string(desc) : "an error without a description", now_us);
}

/* One message of QEMU: the greeting, an event, or the answer to our command. */
static void handle_message(struct release *r, json_object *msg, uint64_t now_us)
{
	json_object *part;

	if (json_object_object_get_ex(msg, "event", NULL))
		return;
	if (r->state == RELEASE_GREETING) {
		if (json_object_object_get_ex(msg, "QMP", NULL))
			send_command(r, COMMAND_CAPABILITIES, now_us);
		else
			again(r, "it does not greet as QEMU does", now_us);
		return;
	}
	if (r->state != RELEASE_COMMAND || !json_object_object_get_ex(msg, "id", &part) ||
	    !json_object_is_type(part, json_type_int) ||
	    json_object_get_int64(part) != (int64_t)r->command) {
		again(r, "an answer that was not asked for", now_us);
		return;
	}
	if (json_object_object_get_ex(msg, "error", &part))
		handle_error(r, part, now_us);
	else if (json_object_object_get_ex(msg, "return", &part))
		handle_answer(r, part, now_us);
	else
		again(r, "neither an answer nor an error", now_us);
}

static void handle_line(struct release *r, const char *line, size_t len, uint64_t now_us)
{
	json_tokener *tok = json_tokener_new_ex(DEPTH_MAX);
	json_object *msg = NULL;

	if (tok)
		msg = json_tokener_parse_ex(tok, line, (int)len);
	if (json_object_is_type(msg, json_type_object))
		handle_message(r, msg, now_us);
	else
		again(r, "it does not speak QMP", now_us);
	json_object_put(msg);
	if (tok)
		json_tokener_free(tok);
}

/* All whole lines that are there; handling one may close the connection. */
static void handle_lines(struct release *r, uint64_t now_us)
{
	cleanup_free char *line = NULL;
	const char *nl;
	size_t len;

	while (r->fd >= 0 && r->in.len && (nl = memchr(r->in.data, '\n', r->in.len))) {
		len = (size_t)(nl - r->in.data);
		free(line);
		line = strndup(r->in.data, len); /* handling it may empty the buffer */
		buf_consume(&r->in, len + 1);
		if (!line) {
			again(r, strerror(ENOMEM), now_us);
			return;
		}
		handle_line(r, line, strlen(line), now_us);
	}
}

static void receive(struct release *r, uint64_t now_us)
{
	char piece[READ_PIECE];
	unsigned int i;
	ssize_t n;

	for (i = 0; i < READS_MAX && r->fd >= 0; i++) {
		n = recv(r->fd, piece, sizeof(piece), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			again(r, n < 0 ? strerror(errno) : "QEMU closed the connection", now_us);
			return;
		}
		if (buf_add(&r->in, piece, (size_t)n) < 0) {
			again(r, "a line is too long", now_us);
			return;
		}
		handle_lines(r, now_us);
	}
}

/* Something was due and did not come, or is to be begun. */
static void due(struct release *r, uint64_t now_us)
{
	switch (r->state) {
	case RELEASE_WAITING:
		connect_now(r, now_us);
		break;
	case RELEASE_GREETING:
		again(r, "no greeting: another client holds the socket", now_us);
		break;
	case RELEASE_COMMAND:
		again(r, "no answer", now_us);
		break;
	case RELEASE_PAUSE:
		send_command(r, COMMAND_QUERY, now_us);
		break;
	case RELEASE_ENDED:
		break;
	}
}

bool release_step(struct release *r, uint64_t now_us)
{
	if (r->fd >= 0)
		receive(r, now_us);
	if (r->state != RELEASE_ENDED && now_us >= r->wake_us)
		due(r, now_us);
	if (r->state != RELEASE_ENDED && now_us >= u64_add_sat(r->start_us, RELEASE_MAX_US))
		end(r, r->outcome);
	return r->state == RELEASE_ENDED;
}
