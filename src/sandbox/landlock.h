/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * landlock.h - no file may be opened any more, but to read those of one folder
 *
 * Layer: sandbox (inside only).
 */
#ifndef BALLONET_SANDBOX_LANDLOCK_H
#define BALLONET_SANDBOX_LANDLOCK_H

/* From now on only files below @folder can be opened, to be read. 0, -ENOSYS or -EOPNOTSUPP where
 * the kernel has no landlock, or -errno. Needs PR_SET_NO_NEW_PRIVS. */
int landlock_only_read(const char *folder);

#endif
