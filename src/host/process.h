/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * process.h - one process of /proc, held so that its pid cannot be mistaken
 *
 * Layer: host.
 * In:    a /proc root and a pid.
 * Out:   processor time, memory figures, open files.
 *
 * The directory fd of /proc/PID belongs to the process, not to the pid: once the
 * process is gone it returns ESRCH, even if the pid is in use again.
 */
#ifndef BALLONET_HOST_PROCESS_H
#define BALLONET_HOST_PROCESS_H

#include "model/snapshot.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

struct process {
	pid_t pid;
	int dir;	      /* /proc/PID */
	int stat;	      /* /proc/PID/statm, where clock is true; else /proc/PID/stat */
	bool clock;	      /* its processor time is told by a clock of the kernel */
	uint64_t start_ticks; /* when it began, in clock ticks since boot */
};

/* The wanted fields of /proc/PID/stat; ticks are 1/sysconf(_SC_CLK_TCK) s. */
struct process_stat {
	char state; /* 'R', 'S', ... 'Z': dead and not waited for */
	uint64_t user_ticks;
	uint64_t system_ticks;
	uint64_t start_ticks;
	uint64_t rss_pages;
};

/* What /proc/PID/status tells of its memory, in bytes. */
struct process_status {
	struct fact locked_b;  /* VmLck */
	struct fact rss_b;     /* VmRSS */
	struct fact anon_b;    /* RssAnon */
	struct fact file_b;    /* RssFile */
	struct fact hugetlb_b; /* HugetlbPages */
};

/*
 * Pure. The name in the text may hold anything, spaces and parentheses too. 0,
 * or -EBADMSG; *ret is written on success only.
 */
int process_stat_parse(const char *text, struct process_stat *ret);

/* Pure. 0 or -EBADMSG, as text_fields(); missing lines are unknown. */
int process_status_parse(const char *text, uint64_t now_us, struct process_status *ret);

/* Holds the process @pid below @proc. 0, -ESRCH where there is none alive, or -errno. */
int process_init(int proc, pid_t pid, struct process *ret);

/* Lets go of it; may be called again. */
void process_fini(struct process *p);

/* Is it still there, and the same? 0, -ESRCH, or -errno. */
int process_alive(const struct process *p);

/*
 * When it began, microseconds of CLOCK_MONOTONIC: the end of the clock tick in which it did, so up
 * to 10 ms late and never early. 0: before that clock's own beginning.
 */
uint64_t process_started_us(const struct process *p);

/*
 * What a process uses. "stat" counts all threads and costs 7 us; "statm" and the clock of a process
 * cost 2, and are used where the root is the /proc of this process.
 */
struct process_usage {
	struct fact cpu_us; /* processor time, user and system, since it began */
	uint64_t rss_b;	    /* counted per thread and summed now and then: good to see it move */
};

/* Reads it. 0, -ESRCH or -errno; *ret is written on success only. */
int process_usage(const struct process *p, uint64_t now_us, struct process_usage *ret);

/* Reads "status". 0, -ESRCH, -EBADMSG or -errno. */
int process_status(const struct process *p, uint64_t now_us, struct process_status *ret);

/*
 * Called for an open file of a process: @name is "fd/N", below process.dir;
 * @link what it shows to be ("/memfd:ram (deleted)"). Not 0 ends the round.
 */
typedef int (*process_file_fn)(void *userdata, const char *name, const char *link);

/*
 * Goes through its open files, PROCESS_FILES_MAX at most. 0, what @fn
 * returned, -ESRCH, -EACCES (not ours to look at) or -errno.
 */
int process_files(const struct process *p, process_file_fn fn, void *userdata);
#define PROCESS_FILES_MAX 16384 /* a VM with many queues has hundreds; bounds one wakeup */

/*
 * Does @name (from process_files()) live in memory: a memfd, /dev/shm or
 * hugetlbfs? Then *ret_st is its stat and *ret_hugetlb tells huge pages of
 * hugetlbfs, which free in whole pages only.
 */
bool process_memory_file(const struct process *p, const char *name, const char *link,
			 struct stat *ret_st, bool *ret_hugetlb);

#endif
