/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fds.h - the last descriptors are kept for what must not go without
 *
 * Layer: base.
 * In:    the limit of this process.
 * Out:   a lower one, and the rest for who asks.
 *
 * A VM takes up to five descriptors. Where there are more VMs than that allows,
 * operators are served all the same, and the host is looked at.
 */
#ifndef BALLONET_BASE_FDS_H
#define BALLONET_BASE_FDS_H

#include <errno.h>
#include <stdbool.h>

/* Some requests of operators at the same time, the host's own files, a new guardian. */
#define FDS_KEPT 8

/* Allows as many descriptors as may be, less FDS_KEPT of them. 0 or -errno. */
int fds_keep(void);

/* What is opened between these two may be one of those kept. errno stays. */
void fds_open(void);
void fds_close(void);

/* Are there none for anybody else, right now? */
bool fds_short(void);

/* Does the negative errno @r say so? */
static inline bool fds_is_short(int r)
{
	return r == -EMFILE || r == -ENFILE;
}

#endif
