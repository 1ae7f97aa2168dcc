/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sandbox.c - privileges that a process drops before it reads untrusted data
 *
 * Layer: sandbox.
 * In:    who it is.
 * Out:   few capabilities, no new privileges, a seccomp filter.
 *
 * Punching a hole needs only a descriptor that is open for writing, and those
 * come over the front end's socket. So keeper and worker need no privilege.
 */
#include "sandbox/sandbox.h"

#include "sandbox/landlock.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
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

/* A build that looks for leaks at its end stops its own threads and looks at them. */
#ifdef __SANITIZE_ADDRESS__
static const int of_sanitizer[] = {
	SCMP_SYS(clone),     SCMP_SYS(getdents), SCMP_SYS(getdents64),	      SCMP_SYS(getppid),
	SCMP_SYS(kill),	     SCMP_SYS(open),	 SCMP_SYS(personality),	      SCMP_SYS(prctl),
	SCMP_SYS(prlimit64), SCMP_SYS(ptrace),	 SCMP_SYS(sched_getaffinity), SCMP_SYS(tgkill),
	SCMP_SYS(wait4),
};
#define SANITIZER_CALLS ARRAY_SIZE(of_sanitizer)
#else
static const int *const of_sanitizer = NULL;
#define SANITIZER_CALLS 0
#endif

/* What the guardian does: waits, connects, reads /proc, and ends. */
static const int of_guardian[] = {
	SCMP_SYS(access),    SCMP_SYS(brk),	     SCMP_SYS(clock_nanosleep),
	SCMP_SYS(close),     SCMP_SYS(connect),	     SCMP_SYS(fcntl),
	SCMP_SYS(futex),     SCMP_SYS(getdents64),   SCMP_SYS(getpid),
	SCMP_SYS(getrandom), SCMP_SYS(getsockopt),   SCMP_SYS(gettid),
	SCMP_SYS(getuid),    SCMP_SYS(geteuid),	     SCMP_SYS(lseek),
	SCMP_SYS(mremap),    SCMP_SYS(munmap),	     SCMP_SYS(openat),
	SCMP_SYS(poll),	     SCMP_SYS(ppoll),	     SCMP_SYS(pread64),
	SCMP_SYS(readlink),  SCMP_SYS(readlinkat),   SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),   SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(fstatfs),   SCMP_SYS(sched_yield),  SCMP_SYS(sendmsg),
	SCMP_SYS(sendto),    SCMP_SYS(statx),	     SCMP_SYS(writev),
};

/*
 * What the daemon does besides: its loop, its files, its control socket. Then what becomes a
 * guardian on its way into its own filter.
 */
static const int of_daemon[] = {
	SCMP_SYS(accept4),
	SCMP_SYS(bind),
	SCMP_SYS(chmod),
	SCMP_SYS(chown),
	SCMP_SYS(clock_getres),
	SCMP_SYS(dup),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(eventfd2),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(fchmod),
	SCMP_SYS(fchown),
	SCMP_SYS(fdatasync),
	SCMP_SYS(flock),
	SCMP_SYS(fsync),
	SCMP_SYS(ftruncate),
	SCMP_SYS(getcwd),
	SCMP_SYS(getegid),
	SCMP_SYS(getgid),
	SCMP_SYS(getpeername),
	SCMP_SYS(getppid),
	SCMP_SYS(getrlimit),
	SCMP_SYS(getrusage),
	SCMP_SYS(getsockname),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(ioctl),
	SCMP_SYS(listen),
	SCMP_SYS(lstat),
	SCMP_SYS(memfd_create),
	SCMP_SYS(mkdir),
	SCMP_SYS(nanosleep),
	SCMP_SYS(open),
	SCMP_SYS(pipe2),
	SCMP_SYS(pwrite64),
	SCMP_SYS(readv),
	SCMP_SYS(rename),
	SCMP_SYS(renameat2),
	SCMP_SYS(rmdir),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(sendfile),
	SCMP_SYS(sendmmsg),
	SCMP_SYS(setsockopt),
	SCMP_SYS(shutdown),
	SCMP_SYS(signalfd4),
	SCMP_SYS(stat),
	SCMP_SYS(statfs),
	SCMP_SYS(sysinfo),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(umask),
	SCMP_SYS(uname),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	SCMP_SYS(utimensat),
	/* a guardian */
	SCMP_SYS(arch_prctl),
	SCMP_SYS(capget),
	SCMP_SYS(capset),
	SCMP_SYS(close_range),
	SCMP_SYS(dup2),
	SCMP_SYS(dup3),
	SCMP_SYS(execve),
	SCMP_SYS(landlock_add_rule),
	SCMP_SYS(landlock_create_ruleset),
	SCMP_SYS(landlock_restrict_self),
	SCMP_SYS(mlockall),
	SCMP_SYS(pidfd_open),
	SCMP_SYS(prctl),
	SCMP_SYS(prlimit64),
	SCMP_SYS(rseq),
	SCMP_SYS(seccomp),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(set_tid_address),
	SCMP_SYS(setsid),
	SCMP_SYS(vfork),
	SCMP_SYS(wait4),
	SCMP_SYS(waitid),
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

#define CAP(name) (UINT64_C(1) << CAP_##name)

/*
 * What is kept of the capabilities that there are. To see into other users' /proc/PID
 * (SYS_PTRACE) and folders (DAC_READ_SEARCH), to connect to sockets that only their owner may write
 * to (DAC_OVERRIDE), and to set a pressure trigger before Linux 6.5 (SYS_RESOURCE), which is also
 * what a guardian needs to be killed last.
 */
static const uint64_t kept_capabilities[] = {
	[SANDBOX_KEEPER] = 0,
	[SANDBOX_WORKER] = 0,
	[SANDBOX_DAEMON] =
		CAP(SYS_PTRACE) | CAP(DAC_READ_SEARCH) | CAP(DAC_OVERRIDE) | CAP(SYS_RESOURCE),
	[SANDBOX_GUARDIAN] = CAP(SYS_PTRACE) | CAP(DAC_READ_SEARCH) | CAP(DAC_OVERRIDE),
};

static int drop_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2] = { { 0 }, { 0 } };
	size_t i;

	if (keep && syscall(SYS_capget, &head, caps) < 0)
		return -errno;
	for (i = 0; i < ARRAY_SIZE(caps); i++) {
		uint32_t mask = (uint32_t)(keep >> (32 * i));

		caps[i].permitted &= mask;
		caps[i].effective &= mask;
		caps[i].inheritable = 0;
	}
	return syscall(SYS_capset, &head, caps) < 0 ? -errno : 0;
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

/* A call with one of its arguments masked: allowed where it is @value. */
static int allow_if(scmp_filter_ctx ctx, int call, unsigned int arg, uint64_t mask, uint64_t value)
{
	const struct scmp_arg_cmp is = SCMP_CMP64(arg, SCMP_CMP_MASKED_EQ, mask, value);

	return seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, call, 1, &is);
}

/* Sockets of this host only; and of signals only the one that ends a daemon that hangs. */
static int allow_guardian(scmp_filter_ctx ctx)
{
	int r = allow(ctx, of_guardian, ARRAY_SIZE(of_guardian));

	if (r == 0)
		r = allow(ctx, of_sanitizer, SANITIZER_CALLS);
	if (r == 0)
		r = allow_if(ctx, SCMP_SYS(socket), 0, UINT32_MAX, AF_UNIX);
	if (r == 0)
		r = allow_if(ctx, SCMP_SYS(socketpair), 0, UINT32_MAX, AF_UNIX);
	if (r == 0)
		r = allow_if(ctx, SCMP_SYS(pidfd_send_signal), 1, UINT32_MAX, SIGKILL);
	if (r == 0)
		r = allow_if(ctx, SCMP_SYS(mprotect), 2, PROT_EXEC, 0);
	if (r == 0)
		r = allow_if(ctx, SCMP_SYS(mmap), 2, PROT_EXEC, 0);
	return r;
}

/*
 * A guardian that is started again needs code to be mapped, but no memory that is both written and
 * run; processes and threads, but no namespaces. What clone3() asks for cannot be seen: without
 * it the C library uses clone().
 */
static int allow_daemon(scmp_filter_ctx ctx)
{
	const uint64_t spaces = CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |
				CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
	int r = allow(ctx, of_daemon, ARRAY_SIZE(of_daemon));

	if (r == 0)
		r = allow_guardian(ctx);
	if (r == 0)
		r = allow_if(ctx, SCMP_SYS(mmap), 2, PROT_EXEC | PROT_WRITE, PROT_EXEC);
	if (r == 0)
		r = allow_if(ctx, SCMP_SYS(clone), 0, spaces, 0);
	if (r == 0)
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return r;
}

static int allow_what_is_needed(scmp_filter_ctx ctx, enum sandbox who)
{
	int r = allow(ctx, of_worker, ARRAY_SIZE(of_worker));

	if (r == 0 && who == SANDBOX_KEEPER)
		r = allow_keeper(ctx);
	if (r == 0 && who == SANDBOX_DAEMON)
		r = allow_daemon(ctx);
	if (r == 0 && who == SANDBOX_GUARDIAN)
		r = allow_guardian(ctx);
	return r;
}

int sandbox_enter(enum sandbox who)
{
	bool gentle = who == SANDBOX_DAEMON || who == SANDBOX_GUARDIAN;
	scmp_filter_ctx ctx;
	int r, files;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	files = who == SANDBOX_GUARDIAN ? landlock_only_read("/proc") : 0;
	r = drop_capabilities(kept_capabilities[who]);
	if (r < 0)
		return r;
	ctx = seccomp_init(gentle ? SCMP_ACT_ERRNO(EPERM) : SCMP_ACT_KILL_PROCESS);
	if (!ctx)
		return -ENOMEM;
	r = allow_what_is_needed(ctx, who);
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	if (r == 0 && files != -ENOSYS && files != -EOPNOTSUPP)
		r = files; /* all else holds */
	return r;
}
