/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * landlock.c - no file may be opened any more, but to read those of one folder
 *
 * Layer: sandbox.
 * In:    a folder.
 * Out:   a process that the kernel refuses all other files.
 *
 * The C library has no functions for it. Not for the daemon: a process under landlock may not look
 * at /proc/PID/maps of one that is not.
 */
#include "sandbox/landlock.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the first version knows: all rights down to LANDLOCK_ACCESS_FS_MAKE_SYM. */
#define RIGHTS_V1 ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
/* Links to other folders (2), cutting files (3), device ioctls (5): by number, because the headers
 * may be older than the kernel. */
#define RIGHT_REFER (UINT64_C(1) << 13)
#define RIGHT_TRUNCATE (UINT64_C(1) << 14)
#define RIGHT_IOCTL_DEV (UINT64_C(1) << 15)

static uint64_t rights_of(long version)
{
	uint64_t rights = RIGHTS_V1;

	if (version >= 2)
		rights |= RIGHT_REFER;
	if (version >= 3)
		rights |= RIGHT_TRUNCATE;
	if (version >= 5)
		rights |= RIGHT_IOCTL_DEV;
	return rights;
}

int landlock_only_read(const char *folder)
{
	struct landlock_ruleset_attr attr = { 0 };
	struct landlock_path_beneath_attr below = { .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE |
								      LANDLOCK_ACCESS_FS_READ_DIR };
	cleanup_close int rules = -EBADF, dir = -EBADF;
	long version;

	version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (version < 0)
		return -errno;
	attr.handled_access_fs = rights_of(version);
	rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr.handled_access_fs), 0);
	dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rules < 0 || dir < 0)
		return -errno;
	below.parent_fd = dir;
	if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &below, 0) < 0 ||
	    syscall(SYS_landlock_restrict_self, rules, 0) < 0)
		return -errno;
	return 0;
}
