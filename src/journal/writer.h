/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * writer.h - the journal on disk: bounded, rotated, never blocking
 *
 * Layer: journal (may include model, base).
 * In:    records of a tick.
 * Out:   PATH, and older parts PATH.1, PATH.2, ...
 *
 * Each part begins with the state of every VM, so each replays on its own. If it
 * cannot be written, that is logged once and counted, and the daemon goes on.
 */
#ifndef BALLONET_JOURNAL_WRITER_H
#define BALLONET_JOURNAL_WRITER_H

#include "journal/record.h"

#include <stdint.h>

struct journal;

#define JOURNAL_FILES_MAX 100 /* rotating renames each of them */

/*
 * Called when a part begins, from journal_open() and journal_flush(): calls
 * journal_host(), and journal_vm() for every VM there is. It comes between two ticks only, so
 * that the histories are the ones that the next tick begins with.
 */
typedef void (*journal_begin_fn)(struct journal *j, void *userdata);

/*
 * A journal at @path. A part ends once it is larger than @max_b bytes, which it
 * passes by one tick at most (and is as long again as its beginning at least);
 * @keep (0 to JOURNAL_FILES_MAX) older parts are kept. What a former run left in
 * @path is continued. Where @path cannot be written that is logged, and tried
 * again by journal_flush(). @program: "ballonetd 0.1.0".
 * 0, -EINVAL for a bad @keep or an empty @path, or -ENOMEM.
 */
int journal_open(const char *path, uint64_t max_b, unsigned int keep, const char *program,
		 journal_begin_fn begin, void *userdata, uint64_t now_us, struct journal **ret);

/* Writes what is pending and closes. Takes NULL. */
void journal_close(struct journal *j);

/*
 * Add records, in memory. What does not fit or cannot be encoded breaks the
 * chain of ticks, so then the whole part is given up as if the disk were full.
 */
void journal_host(struct journal *j, const struct settings *settings,
		  const struct host_history *history);
void journal_vm(struct journal *j, uint64_t id, const char *name, const struct settings *settings,
		const struct history *history);
void journal_asked(struct journal *j, const struct record_asked *asked);
void journal_gone(struct journal *j, uint64_t id);
void journal_tick(struct journal *j, const struct snapshot *snap, const struct plan *plan);

/*
 * Ends a tick: one write() of all that was added; then, where the part is full,
 * begins the next one; where writing had failed before, tries again every 10 s.
 * @now_us: CLOCK_MONOTONIC.
 */
void journal_flush(struct journal *j, uint64_t now_us);

/* Records that were not written since journal_open(). */
uint64_t journal_lost(const struct journal *j);

#endif
