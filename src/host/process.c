/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * process.c - one process of /proc, held so that its pid cannot be mistaken
 *
 * Layer: host.
 * In:    a /proc root and a pid.
 * Out:   processor time, memory figures, open files.
 *
 * A memory file of the process is examined through fd/N and never kept open: an
 * fd of ours would keep all memory of a dead VM allocated.
 */
#include "host/process.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/num.h"
#include "host/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define STAT_TEXT_MAX 2048   /* 52 numbers of 20 digits and a name of 64 bytes at most */
#define STATM_TEXT_MAX 160   /* seven numbers */
#define STATUS_TEXT_MAX 8192 /* about 1.5 KiB; the list of groups may be longer */

/* Fields of stat behind the name, counted from the state, which is 0; proc(5). */
enum { STAT_UTIME = 11, STAT_STIME = 12, STAT_STARTTIME = 19, STAT_RSS = 21 };

int process_stat_parse(const char *text, struct process_stat *ret)
{
	const char *p = strrchr(text, ')'); /* no field behind the name has one */
	struct process_stat st = { 0 };
	uint64_t v;
	int i;

	if (!p || p[1] != ' ' || p[2] < 'A' || p[2] > 'z')
		return -EBADMSG;
	st.state = p[2];
	p += 3;
	for (i = 1; i <= STAT_RSS; i++) {
		if (!text_skip(&p, " "))
			return -EBADMSG;
		(void)text_skip(&p, "-"); /* tpgid and priorities; none of the wanted */
		if (text_u64(&p, &v) < 0)
			return -EBADMSG;
		if (i == STAT_UTIME)
			st.user_ticks = v;
		else if (i == STAT_STIME)
			st.system_ticks = v;
		else if (i == STAT_STARTTIME)
			st.start_ticks = v;
		else if (i == STAT_RSS)
			st.rss_pages = v;
	}
	*ret = st;
	return 0;
}

int process_status_parse(const char *text, uint64_t now_us, struct process_status *ret)
{
	struct process_status st = { 0 };
	const struct text_field field[] = {
		{ "VmLck:", KIB, &st.locked_b },	 { "VmRSS:", KIB, &st.rss_b },
		{ "RssAnon:", KIB, &st.anon_b },	 { "RssFile:", KIB, &st.file_b },
		{ "HugetlbPages:", KIB, &st.hugetlb_b },
	};
	int r;

	r = text_fields(text, now_us, field, ARRAY_SIZE(field));
	if (r < 0)
		return r;
	*ret = st;
	return 0;
}

/* A process that is gone shows as a missing file as well. */
static int gone(int r)
{
	return r == -ENOENT ? -ESRCH : r;
}

static int read_stat(int fd, struct process_stat *ret)
{
	char text[STAT_TEXT_MAX];
	ssize_t n;
	int r;

	/* one line, which the kernel shows in one piece: no second read to see its end */
	n = pread(fd, text, sizeof(text) - 1, 0);
	if (n < 0)
		return gone(-errno);
	text[n] = '\0';
	r = process_stat_parse(text, ret);
	if (r < 0)
		return r;
	return ret->state == 'Z' || ret->state == 'X' ? -ESRCH : 0;
}

/*
 * Is @proc the /proc that this process lives in? Then the kernel knows its pids by the same
 * numbers.
 */
static bool is_own_proc(int proc)
{
	struct statfs fs;
	char self[16];
	ssize_t n = readlinkat(proc, "self", self, sizeof(self) - 1);

	if (n <= 0 || fstatfs(proc, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
		return false;
	self[n] = '\0';
	return strtol(self, NULL, 10) == getpid();
}

/* The clock of a process as clock_getcpuclockid(3) has it, without asking whether it is there. */
static clockid_t clock_of(pid_t pid)
{
	return (clockid_t)((~(unsigned int)pid << 3) | 2);
}

/* Pages that are resident. The kernel shows none of a process that is dead, waited for or not. */
static int read_statm(int fd, uint64_t *ret_rss_pages)
{
	char text[STATM_TEXT_MAX];
	const char *p = text;
	uint64_t size;
	ssize_t n;

	n = pread(fd, text, sizeof(text) - 1, 0);
	if (n < 0)
		return gone(-errno);
	text[n] = '\0';
	if (text_u64(&p, &size) < 0 || !text_skip(&p, " ") || text_u64(&p, ret_rss_pages) < 0)
		return -EBADMSG;
	return size ? 0 : -ESRCH;
}

/* A file of /proc belongs to its process, however many have had its pid since. */
static void prefer_clock(struct process *p)
{
	cleanup_close int statm = openat(p->dir, "statm", O_RDONLY | O_CLOEXEC);
	struct timespec spent;
	uint64_t rss_pages;

	if (statm < 0 || clock_gettime(clock_of(p->pid), &spent) < 0 ||
	    read_statm(statm, &rss_pages) < 0)
		return;
	(void)close(p->stat);
	p->stat = take_fd(&statm);
	p->clock = true;
}

int process_init(int proc, pid_t pid, struct process *ret)
{
	cleanup_close int dir = -EBADF;
	cleanup_close int stat = -EBADF;
	struct process_stat st;
	char name[16];
	int r;

	if (pid <= 0)
		return -ESRCH;
	(void)snprintf(name, sizeof(name), "%d", (int)pid);
	dir = openat(proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return gone(-errno);
	stat = openat(dir, "stat", O_RDONLY | O_CLOEXEC);
	if (stat < 0)
		return gone(-errno);
	r = read_stat(stat, &st);
	if (r < 0)
		return r;
	*ret = (struct process){ .pid = pid,
				 .dir = take_fd(&dir),
				 .stat = take_fd(&stat),
				 .start_ticks = st.start_ticks };
	if (is_own_proc(proc))
		prefer_clock(ret);
	return 0;
}

void process_fini(struct process *p)
{
	cleanup_closep(&p->dir);
	cleanup_closep(&p->stat);
	*p = (struct process){ .dir = -EBADF, .stat = -EBADF };
}

uint64_t process_started_us(const struct process *p)
{
	uint64_t boot_us = clock_us(CLOCK_BOOTTIME); /* first: who is held up here is later */
	uint64_t now_us = monotonic_us();
	uint64_t tick_us = USEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK);
	uint64_t began_us = u64_mul_sat(u64_add_sat(p->start_ticks, 1), tick_us);

	/* ticks go on while the host sleeps, our clock does not */
	return u64_sub_sat(u64_add_sat(now_us, began_us), boot_us);
}

/* Its stat, if it still is the process that was held. */
static int same_stat(const struct process *p, struct process_stat *ret)
{
	int r = read_stat(p->stat, ret);

	if (r < 0)
		return r;
	return ret->start_ticks == p->start_ticks ? 0 : -ESRCH;
}

int process_alive(const struct process *p)
{
	struct process_stat st;
	uint64_t rss_pages;

	return p->clock ? read_statm(p->stat, &rss_pages) : same_stat(p, &st);
}

/* The pid cannot be another's yet: its process was alive a moment ago. */
static int usage_by_clock(const struct process *p, uint64_t now_us, struct process_usage *ret)
{
	uint64_t rss_pages;
	int r = read_statm(p->stat, &rss_pages);

	if (r < 0)
		return r;
	ret->cpu_us = fact_of(clock_us(clock_of(p->pid)), now_us);
	ret->rss_b = u64_mul_sat(rss_pages, (uint64_t)sysconf(_SC_PAGESIZE));
	return 0;
}

int process_usage(const struct process *p, uint64_t now_us, struct process_usage *ret)
{
	uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK), page_b = (uint64_t)sysconf(_SC_PAGESIZE);
	struct process_stat st;
	uint64_t ticks;
	int r;

	if (p->clock)
		return usage_by_clock(p, now_us, ret);
	r = same_stat(p, &st);
	if (r < 0)
		return r;
	ticks = u64_add_sat(st.user_ticks, st.system_ticks);
	ret->cpu_us = fact_of(u64_mul_sat(ticks, USEC_PER_SEC / hz), now_us);
	ret->rss_b = u64_mul_sat(st.rss_pages, page_b);
	return 0;
}

int process_status(const struct process *p, uint64_t now_us, struct process_status *ret)
{
	char text[STATUS_TEXT_MAX];
	int r;

	r = file_read_at(p->dir, "status", text, sizeof(text), NULL);
	if (r < 0)
		return gone(r);
	return process_status_parse(text, now_us, ret);
}

int process_files(const struct process *p, process_file_fn fn, void *userdata)
{
	cleanup_closedir DIR *dir = NULL;
	cleanup_close int fd = -EBADF;
	unsigned int n = 0;
	struct dirent *e;
	int r = 0;

	fd = openat(p->dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return gone(-errno);
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	fd = -EBADF; /* closedir() closes it */
	while (r == 0 && n++ < PROCESS_FILES_MAX && (e = readdir(dir))) {
		char name[sizeof("fd/") + NAME_MAX], link[PATH_MAX];
		ssize_t len;

		if (e->d_name[0] == '.')
			continue;
		len = readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);
		if (len < 0)
			continue; /* closed meanwhile */
		link[len] = '\0';
		(void)snprintf(name, sizeof(name), "fd/%s", e->d_name);
		r = fn(userdata, name, link);
	}
	return r;
}

bool process_memory_file(const struct process *p, const char *name, const char *link,
			 struct stat *ret_st, bool *ret_hugetlb)
{
	cleanup_close int fd = -EBADF;
	struct statfs fs;

	if (!text_skip(&link, "/memfd:") && !text_skip(&link, "/dev/shm/") &&
	    !text_skip(&link, "/dev/hugepages/"))
		return false;
	fd = openat(p->dir, name, O_PATH | O_CLOEXEC);
	if (fd < 0 || fstat(fd, ret_st) < 0 || !S_ISREG(ret_st->st_mode) || fstatfs(fd, &fs) < 0)
		return false;
	/* not st_blksize: shmem with huge pages says 2 MiB too, and frees in 4 KiB */
	*ret_hugetlb = fs.f_type == HUGETLBFS_MAGIC;
	return true;
}
