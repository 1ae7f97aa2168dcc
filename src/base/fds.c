/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fds.c - the last descriptors are kept for what must not go without
 *
 * Layer: base.
 * In:    the limit of this process.
 * Out:   a lower one, and the rest for who asks.
 *
 * The kernel gives out the lowest number that is free, and none at or above the
 * soft limit: so a soft limit below the hard one is the place that is kept.
 */
#include "base/fds.h"

#include "base/num.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

static int set_limit(rlim_t kept)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	limit.rlim_cur = u64_sub_sat(limit.rlim_max, kept);
	return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}

int fds_keep(void)
{
	return set_limit(FDS_KEPT);
}

void fds_open(void)
{
	int before = errno;

	(void)set_limit(0);
	errno = before;
}

void fds_close(void)
{
	int before = errno;

	(void)set_limit(FDS_KEPT);
	errno = before;
}

bool fds_short(void)
{
	int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);

	if (fd < 0)
		return errno == EMFILE;
	(void)close(fd);
	return false;
}
