/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qmp.h - one QEMU over its monitor socket: what the qmp*.c files share
 *
 * Layer: vmm (inside only).
 * In:    -
 * Out:   -
 *
 * qmp_ask.c queues commands; qmp_fresh.c gets statistics of now; qmp_cmd.c says
 * what each command and event means; qmp.c is the connection (states, lines).
 * Each calls those before it and none after it.
 * Commands are answered in the order in which they were sent (QMP without
 * out-of-band). So a queue tells which command a reply belongs to, without ids.
 */
#ifndef BALLONET_VMM_QMP_H
#define BALLONET_VMM_QMP_H

#include "vmm/conn.h"
#include "qmp/qmp_line.h"
#include "qmp/qmp_msg.h"

#include "base/num.h"

#include <json-c/json.h>

/*
 * A second client connects and waits for a greeting until the first has left:
 * 2 s is long for a QEMU that runs and short for a person who waits.
 */
#define QMP_GREETING_US (2 * USEC_PER_SEC)
/* QEMU's main loop stands still for a second or two in a snapshot or a migration, seldom longer. */
#define QMP_COMMAND_US (5 * USEC_PER_SEC)
#define QMP_RETRY_FIRST_US (250 * USEC_PER_MSEC)
#define QMP_RETRY_MAX_US (30 * USEC_PER_SEC)

/* The longest line: guest-stats has 0.7 KiB, a qom-list of a thousand devices 0.1 MiB. */
#define QMP_LINE_MAX ((size_t)MIB)
/* Commands in flight: looking for the device takes 6, a refresh 4, everything else is bounded. */
#define QMP_ASKED_MAX 32
/* What they take at most, with the longest path. */
#define QMP_OUT_MAX ((size_t)(64 * KIB))
/* A device's name; it is an operator's or libvirt's id. */
#define QMP_DEVICE_NAME_MAX 200

/*
 * The interval that makes the next toggle possible, and no sample by itself
 * while the daemon asks. An odd number, so that a daemon that finds it knows
 * that one that was killed left it.
 */
#define QMP_FAST_POLL_S 3607

enum qmp_state {
	QMP_DOWN,     /* no socket; start() or the retry time leads on */
	QMP_GREETING, /* connected; nothing may be sent before the greeting */
	QMP_SETUP,    /* negotiates, looks for the device, reads the first facts */
	QMP_UP,	      /* everything may be asked */
};

enum qmp_cmd {
	CMD_CAPABILITIES,
	CMD_STATUS,
	CMD_NAME,
	CMD_LIST,
	CMD_LIST_ANON,
	CMD_MEMORY,
	CMD_ACTUAL,
	CMD_REPORTING,
	CMD_GET_INTERVAL,
	CMD_SET_INTERVAL,
	CMD_STATS,
	CMD_TARGET,
	CMD_COUNT,
};

struct qmp_asked {
	enum qmp_cmd cmd;
	uint64_t at_us;
};

struct qmp {
	struct vmm_conn conn;
	enum qmp_state state;
	uint64_t since_us;	     /* in this state */
	uint64_t retry_us;	     /* QMP_DOWN: the next attempt */
	uint64_t wait_us;	     /* how long the last wait was */
	bool failed;		     /* conn.trouble says why; closed as soon as a handler ends */
	char told[CONN_TROUBLE_MAX]; /* the trouble last logged */

	/* the stream */
	struct json_tokener *tok;
	struct qmp_line line;
	struct buf out;
	struct qmp_asked asked[QMP_ASKED_MAX]; /* a ring: in flight, oldest at first */
	unsigned int first, nasked;
	unsigned int step; /* QMP_SETUP: the next thing to ask */

	/* the machine */
	pid_t machine_pid; /* the process that the facts are of */
	enum vm_state vm_state;
	uint64_t reset_us; /* when the guest was last reset; 0: not since it is known */
	char *path;	   /* of the device, as JSON text; NULL: none */
	char *ask_stats;   /* the whole request, because it is sent so often */
	bool list_error;   /* "no device" is not certain */

	/* guest-stats-polling-interval */
	bool interval_known;
	uint64_t found_s; /* as it was before us */
	uint64_t set_s;	  /* as QEMU was last told */

	/* statistics (qmp_fresh.c) */
	bool have_last;
	struct qmp_stats last;	/* as last read */
	uint64_t last_asked_us; /* when that was asked for */
	bool polling;		/* vmm_poll() is unanswered */
	bool refreshing;	/* vmm_refresh() is unanswered; then: */
	bool calm_wanted;	/* vmm_calm() waits for its end */
	uint64_t refresh_us;	/* since when */
	uint64_t ask_us;	/* when to ask again */
	uint64_t ask_wait_us;	/* and how long to wait after that */
	uint64_t toggle_s;	/* wall clock second of the last toggle */

	/* the target */
	bool target_asked;
	uint64_t target_next_b; /* wanted while another one is in flight; 0: none */
};

/* qmp_ask.c */

/*
 * Queues a command whose whole text is @text or printed from a format. Nothing
 * is sent before qmp_flush(). A failure is kept in q->failed.
 */
void qmp_ask_text(struct qmp *q, enum qmp_cmd cmd, const char *text, uint64_t now_us);
void qmp_ask(struct qmp *q, enum qmp_cmd cmd, uint64_t now_us, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Notes that the connection cannot go on, and why; it is closed when the handler ends. */
void qmp_fail(struct qmp *q, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* How many commands @cmd are in flight. */
unsigned int qmp_in_flight(const struct qmp *q, enum qmp_cmd cmd);

/* An answer is there, so the oldest command is in flight no more: that one. There must be one. */
struct qmp_asked qmp_answered(struct qmp *q);

/* qmp_fresh.c */

/* Sets guest-stats-polling-interval, if it was readable and is not that already. */
void qmp_set_interval(struct qmp *q, uint64_t interval_s, uint64_t now_us);

/* See vmm_conn_undo(). */
void qmp_undo(const struct qmp *q, char *text, size_t size);

/* The interval that stands in QEMU is @found_s: remembers it, and sets the one for calm VMs. */
void qmp_interval_found(struct qmp *q, uint64_t found_s, uint64_t now_us);

/* Takes statistics that were asked for at @asked_us; NULL: an error came instead. */
void qmp_stats_read(struct qmp *q, const struct qmp_stats *stats, uint64_t asked_us,
		    uint64_t now_us);

void qmp_poll(struct qmp *q, uint64_t now_us);
void qmp_refresh(struct qmp *q, uint64_t now_us);
void qmp_calm(struct qmp *q, uint64_t now_us);

/* When the refresh wants to go on; DUE_NEVER where none is under way. */
uint64_t qmp_refresh_due(const struct qmp *q);
void qmp_refresh_go_on(struct qmp *q, uint64_t now_us);

/* qmp_cmd.c */

const char *qmp_cmd_name(enum qmp_cmd cmd);

/* Takes the answer to @asked. 0, or -EPROTO where it is not an answer to that. */
int qmp_cmd_return(struct qmp *q, const struct qmp_asked *asked, struct json_object *body,
		   uint64_t now_us);
void qmp_cmd_error(struct qmp *q, const struct qmp_asked *asked, const struct qmp_msg *msg,
		   uint64_t now_us);
int qmp_event(struct qmp *q, const struct qmp_msg *msg, uint64_t now_us);

/* Queues the commands of the next step of QMP_SETUP; false where there are none any more. */
bool qmp_setup_step(struct qmp *q, uint64_t now_us);

void qmp_ask_target(struct qmp *q, uint64_t target_b, uint64_t now_us);

/* Forgets the device. */
void qmp_forget_device(struct qmp *q);

#endif
