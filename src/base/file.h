/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file.h - small files read whole, below a directory fd
 *
 * Layer: base.
 * In:    a directory fd and a path relative to it.
 * Out:   the content, NUL-terminated, in the caller's array.
 *
 * The caller brings the root, so that a test can bring its own /proc.
 */
#ifndef BALLONET_BASE_FILE_H
#define BALLONET_BASE_FILE_H

#include <stddef.h>

/*
 * Reads the file @path below @dirfd into @text and ends it with a NUL.
 * *ret_len (may be NULL) is the length without the NUL.
 * 0, -EMSGSIZE where it does not fit @size - 1 bytes, or -errno.
 */
int file_read_at(int dirfd, const char *path, char *text, size_t size, size_t *ret_len);

/* The same from the start of an open file, by pread(). */
int file_read_fd(int fd, char *text, size_t size, size_t *ret_len);

#endif
