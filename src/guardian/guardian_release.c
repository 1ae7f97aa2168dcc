/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guardian_release.c - brings the balloon of one QEMU to 0 over QMP
 *
 * Layer: guardian (the guardian's own process).
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
#include "base/sock.h"
#include "host/process.h"

#include <errno.h>
#include <fcntl.h>
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
#define NUDGE_B (4 * MIB)
#define NUDGE_AFTER_US (5 * USEC_PER_SEC) /* a guest that deflates moves every second */

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
}

void release_fini(struct release *r)
{
	if (r->fd >= 0)
		(void)close(take_fd(&r->fd));
	qmp_fini(&r->qmp);
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

/* Is @pid, which listens there, another process than the one whose balloon was inflated? */
static bool is_another(const struct release *r, pid_t pid)
{
	uint64_t ticks;

	if (r->vm.pid == 0 || pid == 0)
		return false; /* asking a stranger for all its memory does least harm */
	if (pid != r->vm.pid)
		return true;
	ticks = began_ticks(pid);
	return ticks && r->vm.start_ticks && ticks != r->vm.start_ticks;
}

static void connect_now(struct release *r, uint64_t now_us)
{
	pid_t pid;
	int fd = sock_connect(r->vm.path, &pid);

	if (fd < 0) {
		r->refused = fd == -ENOENT || fd == -ECONNREFUSED ? r->refused + 1 : 0;
		again(r,
		      fd == -EAGAIN ? "other clients wait for a greeting as well" : strerror(-fd),
		      now_us);
		if (r->refused >= REFUSED_MAX)
			end(r, RELEASE_GONE);
		return;
	}
	r->fd = fd;
	if (is_another(r, pid)) {
		(void)snprintf(r->trouble, sizeof(r->trouble),
			       "its socket belongs to another process now");
		end(r, RELEASE_GONE);
		return;
	}
	if (qmp_init(&r->qmp, LINE_MAX_B) < 0) {
		again(r, strerror(ENOMEM), now_us);
		return;
	}
	r->refused = 0;
	r->state = RELEASE_GREETING;
	r->wake_us = u64_add_sat(now_us, GREETING_MAX_US);
}

/* Sends the command that was asked, and waits for its answer. */
static void wait_for_answer(struct release *r, uint64_t now_us)
{
	struct buf *out = &r->qmp.out;

	/* an empty socket takes so much; where it does not, the peer is no QEMU */
	if (r->qmp.error ||
	    send(r->fd, out->data, out->len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)out->len) {
		again(r, "QEMU does not read its QMP socket", now_us);
		return;
	}
	buf_clear(out);
	r->state = RELEASE_COMMAND;
	r->wake_us = u64_add_sat(now_us, ANSWER_MAX_US);
}

static void ask(struct release *r, enum qmp_cmd cmd, uint64_t now_us)
{
	qmp_ask(&r->qmp, cmd, now_us);
	wait_for_answer(r, now_us);
}

/* Asks for all memory, or for a nudge: for almost all. */
static void ask_target(struct release *r, bool nudge, uint64_t now_us)
{
	r->nudging = nudge;
	qmp_ask_target(&r->qmp, nudge ? u64_sub_sat(r->ram_b, NUDGE_B) : QMP_TARGET_ALL, now_us);
	wait_for_answer(r, now_us);
}

/* The balloon is at 0: what else was changed for its sake is put back. */
static void reached(struct release *r, uint64_t now_us)
{
	r->outcome = RELEASED;
	if (!r->vm.undo[0]) {
		end(r, RELEASED);
		return;
	}
	qmp_ask_interval(&r->qmp, r->vm.undo, now_us);
	wait_for_answer(r, now_us);
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
	bool possible = r->actual_b <= r->ram_b; /* more than there is: asked again */

	if (r->actual_b != r->seen_b)
		r->still_us = now_us;
	r->seen_b = r->actual_b;
	if (possible && balloon_b == 0 && !r->nudged) {
		reached(r, now_us);
	} else if (possible && turns(r, balloon_b, now_us)) {
		ask_target(r, !r->nudged, now_us);
	} else {
		r->state = RELEASE_PAUSE;
		r->wake_us = u64_add_sat(now_us, SIZE_EVERY_US);
	}
}

static void handle_answer(struct release *r, enum qmp_cmd cmd, json_object *body, uint64_t now_us)
{
	switch (cmd) {
	case QMP_CAPABILITIES:
		ask_target(r, false, now_us);
		break;
	case QMP_TARGET:
		r->accepted = true;
		r->nudged = r->nudging;
		r->still_us = now_us;
		r->pause_us = PAUSE_MIN_US;
		ask(r, QMP_ACTUAL, now_us);
		break;
	case QMP_ACTUAL: /* and the memory at once: what is plugged in between is waited for */
		if (qmp_actual_parse(body, &r->actual_b) < 0)
			again(r, "query-balloon was not answered with a size", now_us);
		else
			ask(r, QMP_MEMORY, now_us);
		break;
	case QMP_MEMORY:
		(void)qmp_memory_parse(body, &r->ram_b); /* else what was known before counts */
		judge(r, now_us);
		break;
	default: /* QMP_SET_INTERVAL, the last one: its answer changes nothing */
		end(r, RELEASED);
		break;
	}
}

static void handle_error(struct release *r, enum qmp_cmd cmd, const struct qmp_msg *msg,
			 uint64_t now_us)
{
	if (cmd == QMP_MEMORY) { /* before QEMU 2.11 there is none */
		judge(r, now_us);
	} else if (cmd == QMP_SET_INTERVAL) { /* the device went away, and its property with it */
		end(r, RELEASED);
	} else if (qmp_is_no_device(msg)) {
		(void)snprintf(r->trouble, sizeof(r->trouble), "it has no balloon device");
		end(r, RELEASE_GONE);
	} else {
		again(r, msg->text, now_us);
	}
}

/* One message of QEMU; handling it may close the connection. */
static void handle_message(struct release *r, const struct qmp_msg *msg, uint64_t now_us)
{
	struct qmp_asked to;

	if (msg->type == QMP_MSG_EVENT)
		return;
	if ((msg->type == QMP_MSG_GREETING) != (r->state == RELEASE_GREETING))
		again(r, "it does not send QEMU's greeting", now_us);
	else if (msg->type == QMP_MSG_GREETING)
		ask(r, QMP_CAPABILITIES, now_us);
	else if (qmp_answered(&r->qmp, &to) < 0)
		again(r, "it sent an answer without a question", now_us);
	else if (msg->type == QMP_MSG_ERROR)
		handle_error(r, to.cmd, msg, now_us);
	else
		handle_answer(r, to.cmd, msg->body, now_us);
}

/* Takes all whole messages of what came. */
static void handle_bytes(struct release *r, const char *bytes, size_t len, uint64_t now_us)
{
	struct qmp_msg msg;
	int n;

	while (r->fd >= 0 && (n = qmp_next(&r->qmp, &bytes, &len, &msg)) != 0) {
		if (n < 0) {
			again(r,
			      n == -EBADMSG    ? "it does not speak QMP"
			      : n == -EMSGSIZE ? "a line is too long"
					       : strerror(-n),
			      now_us);
			return;
		}
		handle_message(r, &msg, now_us);
		qmp_msg_fini(&msg);
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
		handle_bytes(r, piece, (size_t)n, now_us);
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
		ask(r, QMP_ACTUAL, now_us);
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
