/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * privileges.c - what the daemon's process may have and do
 *
 * Layer: daemon.
 * In:    nothing.
 * Out:   limits and rights of this process; a line in the log for each that could not be set.
 *
 * It runs as root beside the machines of others: a hole in a parser should open no more than
 * what the daemon needs anyway.
 */
#include "daemon/privileges.h"

#include "base/fds.h"
#include "base/log.h"
#include "base/memlock.h"
#include "sandbox/sandbox.h"

#include <string.h>

/* A VM takes up to five descriptors, and the usual soft limit is 1024. */
static void allow_descriptors(void)
{
	int r = fds_keep();

	if (r < 0)
		log_warning("descriptors error=%s", strerror(-r));
}

static void lock_memory(void)
{
	int r = memlock_all();

	if (r < 0)
		log_warning(
			"memory-not-locked error=\"%s\" effect=\"on a short host the daemon may "
			"be paged out\"",
			strerror(-r));
}

void privileges_prepare(void)
{
	allow_descriptors();
	lock_memory();
}

void privileges_drop(void)
{
	int r = sandbox_enter(SANDBOX_DAEMON);

	if (r < 0)
		log_warning("not-confined error=\"%s\" effect=\"it keeps its privileges\"",
			    strerror(-r));
}
