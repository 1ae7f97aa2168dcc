/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * psi.c - pressure stall information: values, and triggers for the loop
 *
 * Layer: host.
 * In:    a PSI file (/proc/pressure/memory, or memory.pressure of a cgroup).
 * Out:   shares in ppm, totals in microseconds; or an fd that wakes the loop.
 *
 * The kernel prints percent with two digits, so a share is exact in ppm and no
 * float is needed.
 */
#include "host/psi.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "host/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PSI_TEXT_MAX 1024 /* the kernel writes two lines of at most about 90 bytes */
#define PSI_PERCENT_PPM (PPM / 100)

/* " NAME=12.34" as ppm. */
static int parse_share(const char **p, const char *name, uint64_t *ret_ppm)
{
	uint64_t whole, frac;
	const char *digits;

	if (!text_skip(p, name) || text_u64(p, &whole) < 0 || !text_skip(p, "."))
		return -EBADMSG;
	digits = *p;
	if (text_u64(p, &frac) < 0 || *p - digits != 2 || whole > 100)
		return -EBADMSG;
	*ret_ppm = whole * PSI_PERCENT_PPM + frac * (PSI_PERCENT_PPM / 100);
	return *ret_ppm <= PPM ? 0 : -EBADMSG;
}

static int parse_line(const char **p, bool *has, struct psi_line *ret)
{
	if (*has)
		return -EBADMSG;
	if (parse_share(p, " avg10=", &ret->avg10_ppm) < 0 ||
	    parse_share(p, " avg60=", &ret->avg60_ppm) < 0 ||
	    parse_share(p, " avg300=", &ret->avg300_ppm) < 0 || !text_skip(p, " total=") ||
	    text_u64(p, &ret->total_us) < 0)
		return -EBADMSG;
	if (**p != '\n' && **p != '\0')
		return -EBADMSG;
	*has = true;
	return 0;
}

int psi_parse(const char *text, struct psi *ret)
{
	struct psi psi = { 0 };
	const char *p = text;
	int r = 0;

	while (*p) {
		if (text_skip(&p, "some"))
			r = parse_line(&p, &psi.has_some, &psi.some);
		else if (text_skip(&p, "full"))
			r = parse_line(&p, &psi.has_full, &psi.full);
		if (r < 0)
			return r;
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	if (!psi.has_some && !psi.has_full)
		return -EBADMSG;
	*ret = psi;
	return 0;
}

int psi_read(int dirfd, const char *path, struct psi *ret)
{
	char text[PSI_TEXT_MAX];
	int r;

	r = file_read_at(dirfd, path, text, sizeof(text), NULL);
	if (r < 0)
		return r;
	return psi_parse(text, ret);
}

int psi_trigger_open(int dirfd, const char *path, uint64_t stall_us, uint64_t window_us,
		     int *ret_fd)
{
	cleanup_close int fd = -EBADF;
	char text[64];
	ssize_t n;
	int len;

	if (window_us == 0 || window_us % PSI_WINDOW_STEP_US || window_us > PSI_WINDOW_MAX_US ||
	    stall_us == 0 || stall_us > window_us)
		return -EINVAL;
	len = snprintf(text, sizeof(text), "some %" PRIu64 " %" PRIu64, stall_us, window_us);
	fd = openat(dirfd, path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = write(fd, text, (size_t)len + 1); /* with its NUL, as the kernel's document has it */
	if (n < 0)
		return -errno;
	if (n != len + 1)
		return -EIO;
	*ret_fd = take_fd(&fd);
	return 0;
}
