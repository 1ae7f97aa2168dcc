/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * world.h - fake QEMUs in a folder of their own, and a guardian's end to be seen
 *
 * In:    the guardian's program.
 * Out:   what the tests of the guardian and of a release share.
 */
#ifndef BALLONET_TESTS_GUARDIAN_WORLD_H
#define BALLONET_TESTS_GUARDIAN_WORLD_H

#include "fake_qemu.h"

#include "base/num.h"
#include "guardian/guardian.h"
#include "guardian/guardian_msg.h"

#include <stdint.h>
#include <sys/types.h>

#define NVM 3
#define RAM_B (512 * MIB)
#define LOW_B (128 * MIB)
#define WATCHDOG_US (300 * USEC_PER_MSEC)
#define LONG_US (3600 * USEC_PER_SEC)	/* a watchdog that never barks */
#define DEADLINE_US (30 * USEC_PER_SEC) /* of every wait; machines that run tests are slow */
#define LOOK_US (5 * USEC_PER_MSEC)

extern const char *guardian_program;

struct world {
	char dir[64];
	struct fake_qemu qemu[NVM];
	pid_t daemon;
	int ready; /* the child says so by a byte */
};

uint64_t now_us(void);
void look_later(void);

/* Waits for @cond, looking again and again until the deadline. */
#define WAIT_FOR(cond)                                          \
	do {                                                    \
		uint64_t until_us_ = now_us() + DEADLINE_US;    \
		while (!(cond)) {                               \
			if (now_us() > until_us_)               \
				fail_msg("in vain: %s", #cond); \
			look_later();                           \
		}                                               \
	} while (0)

/* Starts the QEMUs, and adopts whatever the daemon leaves behind. */
int world_set_up(void **state);
int world_tear_down(void **state);

/* What the daemon knows of a VM at first: nobody's process. */
struct guardian_vm vm_of(const struct fake_qemu *q, uint64_t id);

/* Waits for the end of child @pid (-1: any), the guardian where the daemon was reaped. Its status.
 */
int wait_child(pid_t pid);

#endif
