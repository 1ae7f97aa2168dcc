/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qemu.h - one QEMU over its monitor socket: what the qemu*.c files share
 *
 * Layer: vmm (inside only).
 * In:    -
 * Out:   -
 *
 * qemu_fresh.c gets statistics of now; qemu_cmd.c says what each answer and
 * event means; qemu.c is the connection (states, lines). Each calls those before
 * it and none after it.
 */
#ifndef BALLONET_VMM_QEMU_H
#define BALLONET_VMM_QEMU_H

#include "vmm/conn.h"

#include "base/num.h"
#include "qmp/qmp.h"

#include <json-c/json.h>

/*
 * A second client connects and waits for a greeting until the first has left:
 * 2 s is long for a QEMU that runs and short for a person who waits.
 */
#define QEMU_GREETING_US (2 * USEC_PER_SEC)
/* QEMU's main loop stands still for a second or two in a snapshot or a migration, seldom longer. */
#define QEMU_COMMAND_US (5 * USEC_PER_SEC)
#define QEMU_RETRY_FIRST_US (250 * USEC_PER_MSEC)
#define QEMU_RETRY_MAX_US (30 * USEC_PER_SEC)
/* One whose balloon may be out is not kept waiting. */
#define QEMU_RETRY_OUT_US USEC_PER_SEC

/* The longest line: guest-stats has 0.7 KiB, a qom-list of a thousand devices 0.1 MiB. */
#define QEMU_LINE_MAX ((size_t)MIB)
/* A device's name; it is an operator's or libvirt's id. */
#define QEMU_DEVICE_NAME_MAX 200

/*
 * The interval that makes the next toggle possible, and no sample by itself
 * while the daemon asks. An odd number, so that a daemon that finds it knows
 * that one that was killed left it.
 */
#define QEMU_FAST_POLL_S 3607

enum qemu_state {
	QEMU_DOWN,     /* no socket; start() or the retry time leads on */
	QEMU_GREETING, /* connected; nothing may be sent before the greeting */
	QEMU_SETUP,    /* negotiates, looks for the device, reads the first facts */
	QEMU_UP,       /* everything may be asked */
};

struct qemu {
	struct vmm_conn conn;
	enum qemu_state state;
	uint64_t since_us;	     /* in this state */
	uint64_t retry_us;	     /* QEMU_DOWN: the next attempt */
	uint64_t wait_us;	     /* how long the last wait was */
	bool fds_short;		     /* the last attempt failed for want of a descriptor */
	bool failed;		     /* conn.trouble says why; closed as soon as a handler ends */
	char told[CONN_TROUBLE_MAX]; /* the trouble last logged */

	struct qmp qmp; /* the stream */
	uint64_t
		answered_us; /* when the last answer came: the next command's time counts from it */
	unsigned int step;   /* QEMU_SETUP: the next thing to ask */

	/* the machine */
	pid_t machine_pid; /* the process that the facts are of */
	enum vm_state vm_state;
	uint64_t reset_us; /* when the guest was last reset; 0: not since it is known */
	char *path;	   /* of the device, as JSON text; NULL: none */
	bool list_error;   /* "no device" is not certain */

	/* guest-stats-polling-interval */
	bool interval_known;
	uint64_t found_s; /* as it was before us */
	uint64_t set_s;	  /* as QEMU was last told */

	/* statistics (qemu_fresh.c) */
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
	bool target_all;	/* and is all memory */
	uint64_t target_next_b; /* wanted while another one is in flight; 0: none */
	/* of the machine, whatever becomes of the connection */
	bool ram_said;	   /* QEMU itself said how much memory there is */
	bool size_doubted; /* a size that cannot be came: both are asked for again */
	bool out; /* a target below all memory went out, and all was not acknowledged since */
	bool all_wanted; /* all memory is wanted, and until it is acknowledged no size counts */
};

/* qemu_fresh.c */

/* Sets guest-stats-polling-interval, if it was readable and is not that already. */
void qemu_set_interval(struct qemu *q, uint64_t interval_s, uint64_t now_us);

/* See vmm_conn_undo(). */
void qemu_undo(const struct qemu *q, char *text, size_t size);

/* The interval that stands in QEMU is @found_s: remembers it, and sets the one for calm VMs. */
void qemu_interval_found(struct qemu *q, uint64_t found_s, uint64_t now_us);

/* Takes statistics that were asked for at @asked_us; NULL: an error came instead. */
void qemu_stats_read(struct qemu *q, const struct qmp_stats *stats, uint64_t asked_us,
		     uint64_t now_us);

/* Asks for the size again where a balloon is shown, and for the memory where what came cannot be.
 */
void qemu_ask_size(struct qemu *q, uint64_t now_us);

void qemu_poll(struct qemu *q, uint64_t now_us);
void qemu_refresh(struct qemu *q, uint64_t now_us);
void qemu_calm(struct qemu *q, uint64_t now_us);

/* When the refresh wants to go on; DUE_NEVER where none is under way. */
uint64_t qemu_refresh_due(const struct qemu *q);
void qemu_refresh_go_on(struct qemu *q, uint64_t now_us);

/* qemu_cmd.c */

/* Notes that the connection cannot go on, and why; it is closed when the handler ends. */
void qemu_fail(struct qemu *q, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Takes the answer to @asked. 0, or -EPROTO where it is not an answer to that. */
int qemu_cmd_return(struct qemu *q, const struct qmp_asked *asked, struct json_object *body,
		    uint64_t now_us);
void qemu_cmd_error(struct qemu *q, const struct qmp_asked *asked, const struct qmp_msg *msg,
		    uint64_t now_us);
int qemu_event(struct qemu *q, const struct qmp_msg *msg, uint64_t now_us);

/* Queues the commands of the next step of QEMU_SETUP; false where there are none any more. */
bool qemu_setup_step(struct qemu *q, uint64_t now_us);

void qemu_ask_target(struct qemu *q, uint64_t target_b, uint64_t now_us);

/* Forgets the device. */
void qemu_forget_device(struct qemu *q);

#endif
