/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * psi.h - pressure stall information: values, and triggers for the loop
 *
 * Layer: host.
 * In:    a PSI file (/proc/pressure/memory, or memory.pressure of a cgroup).
 * Out:   shares in ppm, totals in microseconds; or an fd that wakes the loop.
 *
 * Do not often read a file that also has a trigger: reading consumes the kernel's
 * samples, and the trigger then fires late or never.
 */
#ifndef BALLONET_HOST_PSI_H
#define BALLONET_HOST_PSI_H

#include "base/num.h"

#include <stdbool.h>
#include <stdint.h>

/* Share of time in which tasks stalled, over the last 10, 60, 300 s; all since boot. */
struct psi_line {
	uint64_t avg10_ppm; /* 0 .. 1000000 */
	uint64_t avg60_ppm;
	uint64_t avg300_ppm;
	uint64_t total_us;
};

struct psi {
	bool has_some; /* "cpu" of old kernels has no full line, "irq" no some line */
	bool has_full;
	struct psi_line some; /* at least one task stalled */
	struct psi_line full; /* all tasks at once; zero where !has_full */
};

/*
 * Pure. 0, or -EBADMSG where a line is malformed, a share is over 100 %, a
 * line comes twice, or there is neither; *ret is written on success only.
 */
int psi_parse(const char *text, struct psi *ret);

/*
 * Reads the PSI file @path below @dirfd. 0, -ENOENT (no such file: a kernel
 * without PSI), -EOPNOTSUPP (switched off at boot), -EBADMSG or -errno.
 */
int psi_read(int dirfd, const char *path, struct psi *ret);

/* Windows that are no multiple of 2 s are refused (EINVAL) without CAP_SYS_RESOURCE. */
#define PSI_WINDOW_STEP_US (2 * USEC_PER_SEC)
#define PSI_WINDOW_MAX_US (10 * USEC_PER_SEC) /* the kernel's own limit */

/*
 * A trigger on the "some" line: the fd has EPOLLPRI when tasks stalled for
 * @stall_us within a window of @window_us, at most once per window. Give the
 * fd to the event loop itself: inside a nested epoll it never wakes. EPOLLERR
 * means that the file is gone. Closing it ends the trigger.
 * @window_us: a multiple of PSI_WINDOW_STEP_US up to PSI_WINDOW_MAX_US;
 * @stall_us: 1 .. @window_us. 0, -EINVAL outside of that, -ENOENT and
 * -EOPNOTSUPP as above, or -errno.
 */
int psi_trigger_open(int dirfd, const char *path, uint64_t stall_us, uint64_t window_us,
		     int *ret_fd);

#endif
