/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * file.c - small files read whole, below a directory fd
 *
 * Layer: base.
 * In:    a directory fd and a path relative to it.
 * Out:   the content, NUL-terminated, in the caller's array.
 *
 * A read of a /proc file may return a part only, so it reads until the end.
 */
#include "base/file.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int file_read_fd(int fd, char *text, size_t size, size_t *ret_len)
{
	size_t len = 0;
	ssize_t n;

	for (;;) {
		if (len == size)
			return -EMSGSIZE;
		n = pread(fd, text + len, size - len, (off_t)len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	text[len] = '\0';
	if (ret_len)
		*ret_len = len;
	return 0;
}

int file_read_at(int dirfd, const char *path, char *text, size_t size, size_t *ret_len)
{
	cleanup_close int fd = -EBADF;

	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	return file_read_fd(fd, text, size, ret_len);
}
