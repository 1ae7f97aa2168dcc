/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * record.h - the records of the journal, as text and back
 *
 * Layer: journal (may include model, base).
 * In:    the nouns of the model; or a line of a journal.
 * Out:   one line of JSON per record; or the nouns again.
 *
 * Both directions walk the same table per struct, so what is written can be
 * read: a key is added in one place. A line is taken whole or not at all.
 *
 * In a journal the order says what a replay must do:
 *   journal   everything known so far is void; a run, or a part of it, begins
 *   host      the host as it stands now, before the next snapshot
 *   vm        a VM as it stands now, before the next snapshot it is in
 *   gone      that VM is no longer there
 *   snapshot  the facts of a tick, and right behind it
 *   plan      what was decided from them
 */
#ifndef BALLONET_JOURNAL_RECORD_H
#define BALLONET_JOURNAL_RECORD_H

#include "base/buf.h"
#include "model/history.h"
#include "model/plan.h"
#include "model/settings.h"
#include "model/snapshot.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_VERSION 3

/* Longest line: a VM takes about 1 KiB of a snapshot, and a tick of 8000 VMs is still no mistake.
 */
#define RECORD_LINE_MAX (8u << 20)

/* Most VMs of one tick; keeps what a hostile line can allocate near the size of the line. */
#define RECORD_VMS_MAX 16384

#define RECORD_TROUBLE_MAX 128 /* a key or two and a few words */

enum record_kind {
	RECORD_JOURNAL,
	RECORD_HOST,
	RECORD_VM,
	RECORD_GONE,
	RECORD_SNAPSHOT,
	RECORD_PLAN,
	RECORD_ASKED,
	RECORD_KIND_COUNT,
};

struct record_journal {
	uint64_t version; /* RECORD_VERSION */
	uint64_t wall_us; /* CLOCK_REALTIME at mono_us: turns the times of the file into dates */
	uint64_t mono_us; /* CLOCK_MONOTONIC */
	char *program;	  /* "ballonetd 0.1.0" */
};

struct record_host {
	struct settings settings;
	struct host_history history;
};

struct record_vm {
	uint64_t id;
	char *name;
	struct settings settings;
	struct history history;
};

struct record_gone {
	uint64_t id;
};

/* A request that may change something; no decision depends on the record. */
struct record_asked {
	uint64_t time_us;
	uint64_t uid, pid; /* of whoever asked */
	char *method;
	char *path;
	uint64_t status; /* of the answer, as of HTTP */
};

struct record {
	enum record_kind kind;
	union {
		struct record_journal journal;
		struct record_host host;
		struct record_vm vm;
		struct record_gone gone;
		struct snapshot snapshot;
		struct plan plan;
		struct record_asked asked;
	};
};

/*
 * Appends @r and a newline to @b. Strings that are no UTF-8 are mended with
 * U+FFFD. 0, -EMSGSIZE past the limit of @b or above RECORD_VMS_MAX, -EINVAL
 * for an enum out of its range, or -ENOMEM; then @b is as it was.
 */
int record_encode(struct buf *b, const struct record *r);

/*
 * Reads the @len bytes of one line (without its newline). *ret owns memory:
 * record_fini(). 0; -EBADMSG where a key is missing, unknown or twice there, a
 * value has the wrong type or is out of range, or it is no JSON: @trouble
 * (RECORD_TROUBLE_MAX bytes) then says in a few words what is wrong; or -ENOMEM.
 */
int record_decode(const char *line, size_t len, char *trouble, struct record *ret);

/* Frees what record_decode() allocated. */
void record_fini(struct record *r);

/* The first key in which two decisions differ, and both values as they are written. */
struct record_difference {
	char key[64]; /* "reason", "fig.stale_b" */
	char a[64], b[64];
};

/* Are @a and @b written differently? Then true, and *ret says where. */
bool record_decision_differs(const struct decision *a, const struct decision *b,
			     struct record_difference *ret);

/* The same for what two plans decided for the host; keys begin with "host.". */
bool record_host_differs(const struct host_decision *a, const struct host_decision *b,
			 struct record_difference *ret);

#endif
