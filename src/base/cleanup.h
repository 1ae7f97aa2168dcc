/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cleanup.h - a scope releases what it owns: fds, heap memory, streams
 *
 * Layer: base.
 * In:    a variable declared with one of the cleanup_* attributes.
 * Out:   the resource is released when the variable leaves its scope.
 *
 * Ownership leaves a scope through take_ptr() or take_fd() only, so that a
 * reader sees every hand-over.
 */
#ifndef BALLONET_BASE_CLEANUP_H
#define BALLONET_BASE_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_freep(void *p)
{
	free(*(void **)p);
}

static inline void cleanup_closep(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	errno = saved;
}

static inline void cleanup_fclosep(FILE **f)
{
	if (*f)
		(void)fclose(*f);
}

static inline void cleanup_closedirp(DIR **d)
{
	if (*d)
		(void)closedir(*d);
}

#define cleanup_free __attribute__((cleanup(cleanup_freep)))
#define cleanup_close __attribute__((cleanup(cleanup_closep)))
#define cleanup_fclose __attribute__((cleanup(cleanup_fclosep)))
#define cleanup_closedir __attribute__((cleanup(cleanup_closedirp)))

/* Moves a pointer out of a cleanup variable, leaving NULL behind. */
#define take_ptr(p)                        \
	({                                 \
		__typeof__(p) *pp_ = &(p); \
		__typeof__(p) v_ = *pp_;   \
		*pp_ = NULL;               \
		v_;                        \
	})

/* Moves a file descriptor out of a cleanup variable, leaving -EBADF behind. */
static inline int take_fd(int *fd)
{
	int v = *fd;

	*fd = -EBADF;
	return v;
}

#endif
