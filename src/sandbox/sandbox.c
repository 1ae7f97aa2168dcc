/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sandbox.c - privileges that a device's processes drop before they read untrusted data
 *
 * Layer: device.
 * In:    -
 * Out:   no capabilities, no new privileges, a seccomp filter.
 *
 * Punching a hole needs only a descriptor that is open for writing, and those
 * come over the front end's socket. So keeper and worker need no privilege.
 */
#include "device/sandbox.h"

#include <errno.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/num.h"

/* sigaltstack is for sanitizers, which call it on exit */
static const int of_worker[] = {
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(fallocate),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(madvise),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(sigaltstack),
};

/*
 * What a keeper does besides, and what becomes a worker on its way into its own
 * filter: a filter is inherited, and can only be narrowed.
 */
static const int of_keeper[] = {
	SCMP_SYS(pread64),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(accept4),
	SCMP_SYS(recvmsg),
	SCMP_SYS(recvfrom),
	SCMP_SYS(sendmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(getsockopt),
	SCMP_SYS(fstatfs),
	SCMP_SYS(close),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(brk),
	SCMP_SYS(futex),
	/* a worker: to have one, */
	SCMP_SYS(clone),
	SCMP_SYS(getpid),
	SCMP_SYS(gettid),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(pidfd_open),
	SCMP_SYS(waitid),
	SCMP_SYS(wait4),
	/* and to be one */
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(close_range),
	SCMP_SYS(prctl),
	SCMP_SYS(capset),
	SCMP_SYS(seccomp),
};

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

int sandbox_keep_fds(int *keep, size_t n)
{
	unsigned int from = 0;
	size_t i;

	qsort(keep, n, sizeof(*keep), compare);
	for (i = 0; i < n; i++) {
		unsigned int fd = (unsigned int)keep[i];

		if (keep[i] < 0 || fd < from)
			continue;
		if (fd > from && close_range(from, fd - 1, 0) < 0)
			return -errno;
		from = fd + 1;
	}
	return close_range(from, ~0u, 0) < 0 ? -errno : 0;
}

static int drop_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 }, { 0 } };

	return syscall(SYS_capset, &head, none) < 0 ? -errno : 0;
}

static int allow(scmp_filter_ctx ctx, const int *calls, size_t n)
{
	size_t i;
	int r = 0;

	for (i = 0; i < n && r == 0; i++)
		r = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, calls[i], 0);
	return r;
}

/* Memory never becomes code; and nobody is sent a signal but the worker, which only ever dies. */
static int allow_keeper(scmp_filter_ctx ctx)
{
	const struct scmp_arg_cmp no_code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	const struct scmp_arg_cmp to_kill = SCMP_A1(SCMP_CMP_EQ, SIGKILL);
	int r = allow(ctx, of_keeper, ARRAY_SIZE(of_keeper));

	if (r == 0)
		r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, &no_code);
	if (r == 0)
		r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, &no_code);
	if (r == 0)
		r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1, &to_kill);
	return r;
}

int sandbox_enter(enum sandbox who)
{
	scmp_filter_ctx ctx;
	int r;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	r = drop_capabilities();
	if (r < 0)
		return r;
	ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!ctx)
		return -ENOMEM;
	r = allow(ctx, of_worker, ARRAY_SIZE(of_worker));
	if (r == 0 && who == SANDBOX_KEEPER)
		r = allow_keeper(ctx);
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	return r;
}
