/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * replay.h - feeds a journal through the policy and compares the plans
 *
 * Layer: cli (may include journal, policy, model, base).
 * In:    a journal file.
 * Out:   whether the policy decides the same again; if not, the first plan that
 *        differs.
 */
#ifndef BALLONET_CLI_REPLAY_H
#define BALLONET_CLI_REPLAY_H

#include "journal/record.h"

#include <stdbool.h>
#include <stdint.h>

enum replay_outcome {
	REPLAY_SAME = 0,
	REPLAY_DIFFERS = 1,
	REPLAY_UNREADABLE = 2,
};

#define REPLAY_NAME_MAX 256
#define REPLAY_TROUBLE_MAX 256

/* What a replay found. The values of enum replay_outcome are exit codes. */
struct replay_report {
	enum replay_outcome outcome;
	uint64_t line;	    /* lines read; where it differs or is unreadable: that line */
	uint64_t parts;	    /* runs of the daemon, or parts of a run */
	uint64_t plans;	    /* plans that were the same */
	uint64_t decisions; /* decisions in them */
	bool torn;	    /* the last line had no end, and was left out */
	/* REPLAY_DIFFERS: the decision, and in .a what is recorded, in .b what was decided now */
	uint64_t vm_id;
	char vm_name[REPLAY_NAME_MAX];
	struct record_difference difference;
	/* REPLAY_UNREADABLE: what is wrong, in a few words */
	char trouble[REPLAY_TROUBLE_MAX];
};

/* Replays what can be read from @fd (which stays the caller's). Always fills *ret. */
void replay_fd(int fd, struct replay_report *ret);

/* The same for the file @path; "-" is standard input. */
void replay_file(const char *path, struct replay_report *ret);

/*
 * "ballonet replay FILE": prints the report to standard output, as JSON where
 * @json; what is unreadable goes to standard error otherwise. Returns the exit
 * code: 0 the same, 1 a plan differs, 2 unreadable.
 */
int cmd_replay(const char *path, bool json);

#endif
