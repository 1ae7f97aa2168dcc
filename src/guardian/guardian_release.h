/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guardian_release.h - brings the balloon of one QEMU to 0 over QMP
 *
 * Layer: guardian (the guardian's own process).
 * In:    the QMP socket of a VM, whose it was, the time.
 * Out:   the balloon at 0, or why not.
 *
 * It never blocks: the owner polls release_fd() and release_wake_us() of all VMs
 * at once, so a stuck QEMU does not delay the others.
 */
#ifndef BALLONET_GUARDIAN_RELEASE_H
#define BALLONET_GUARDIAN_RELEASE_H

#include "guardian/guardian_msg.h"

#include "qmp/qmp.h"

#include <stdbool.h>
#include <stdint.h>

/* Overall; a guest under pressure deflates 1 GiB in a few seconds, a paused one not at all. */
#define RELEASE_MAX_US UINT64_C(60000000)

/*
 * What is legal in each state:
 *   WAITING   no connection; one is tried at wake_us
 *   GREETING  connected; QEMU greets, at once or when the client before us is gone
 *   COMMAND   one command was sent; its answer comes, with any events before it
 *   PAUSE     the target is set; the size is asked for again at wake_us
 *   ENDED     see outcome
 */
enum release_state {
	RELEASE_WAITING,
	RELEASE_GREETING,
	RELEASE_COMMAND,
	RELEASE_PAUSE,
	RELEASE_ENDED,
};

enum release_outcome {
	RELEASED,	     /* the balloon is at 0 */
	RELEASE_GONE,	     /* there is no such QEMU any more, or it has no balloon device */
	RELEASE_NOT_REACHED, /* the time was over */
};

struct release {
	struct guardian_msg vm; /* its GUARDIAN_HOLD */
	enum release_state state;
	enum release_outcome outcome;
	int fd; /* -EBADF while not connected */
	uint64_t start_us;
	uint64_t wake_us;     /* release_step() has something to do then */
	uint64_t pause_us;    /* how long to wait before the next attempt */
	unsigned int refused; /* attempts in a row at which nobody was there */
	bool accepted;	      /* QEMU took the target */
	uint64_t actual_b;    /* as QEMU said last; 0: never */
	uint64_t ram_b;	      /* the same, of the memory there is; until then vm.ram_b */
	uint64_t seen_b;      /* actual_b when it moved last, and since when it has not */
	uint64_t still_us;
	bool nudging;	  /* the last target that was asked for is a nudge */
	bool nudged;	  /* the last one that QEMU took is */
	char trouble[96]; /* the last one */
	struct qmp qmp;	  /* while connected */
};

/* Begins at @now_us with what @hold says. */
void release_init(struct release *r, const struct guardian_msg *hold, uint64_t now_us);
void release_fini(struct release *r);

/* To be polled for reading; < 0: nothing is open. */
int release_fd(const struct release *r);

/* When release_step() is due even if nothing can be read; UINT64_MAX once ended. */
uint64_t release_wake_us(const struct release *r);

/* Does what can be done now. True once it has ended. */
bool release_step(struct release *r, uint64_t now_us);

#endif
