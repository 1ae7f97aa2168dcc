/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * memlock.c - a process whose memory is never paged out
 *
 * Layer: base.
 * In:    -
 * Out:   memory that stays where it is once it was used.
 *
 * On a host that is short, a daemon that waits for its own pages comes too late.
 */
#include "base/memlock.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>

int memlock_all(void)
{
	const struct rlimit none = { .rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY };

	if (setrlimit(RLIMIT_MEMLOCK, &none) < 0)
		return -errno;
	/* on fault: the stacks of threads are large, and hardly used */
	return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0 ? -errno : 0;
}
