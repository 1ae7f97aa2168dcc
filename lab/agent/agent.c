/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * agent.c - runs workloads inside a lab guest, and tells how they fare
 *
 * In:    requests on a virtio-serial port, one line each: "ID VERB ARGUMENT..."
 * Out:   one JSON object per request, on the same port, with the same id.
 *
 * It is the guest's init. All its memory is static and locked, so that asking
 * it a question never allocates a page in a guest whose memory is measured.
 * Each workload is a child of its own and counts in memory shared with the
 * agent, so several run at once and one that is killed is noticed.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/klog.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORK_MAX 16	  /* a scenario starts two or three */
#define LINE_MAX_B 256	  /* requests are a verb and four numbers */
#define REPLY_MAX_B 32768 /* meminfo and vmstat are about 8 KiB as JSON */
#define PROC_MAX_B 16384
#define LOG_MAX_B 262144    /* as large as the kernel's own */
#define SAY_LOG_MAX_B 12000 /* of it, what fits into a reply even with every byte escaped */
#define LOG_READ_ALL 3	    /* klogctl's: read what is there, take nothing away */
#define CHUNK_B 262144	    /* one read of a streaming program */
#define PAGE_B 4096
#define PAGE_WORDS (PAGE_B / sizeof(uint64_t))
#define DATA_FILE "/data/data"

enum work_state {
	WORK_FREE,
	WORK_RUNNING,
	WORK_DONE,    /* it ended by itself and all it saw was right */
	WORK_FAILED,  /* it ended by itself and says so */
	WORK_KILLED,  /* somebody else ended it: the OOM killer */
	WORK_STOPPED, /* we were asked to end it */
};

static const char *const state_names[] = {
	[WORK_FREE] = "free",	  [WORK_RUNNING] = "running", [WORK_DONE] = "done",
	[WORK_FAILED] = "failed", [WORK_KILLED] = "killed",   [WORK_STOPPED] = "stopped",
};

/* Written by the child, read by the agent; lies in shared memory. */
struct progress {
	volatile uint64_t bytes; /* touched, walked or read so far, all passes together */
	volatile uint64_t passes;
	volatile uint64_t errors; /* pages that did not hold what was put there */
	volatile uint64_t held_b; /* allocated at this moment */
	volatile uint64_t slowest_pass_us;
	volatile uint64_t filled_us; /* time until all of it was allocated; 0 before */
	volatile uint64_t busy_us;   /* time a work that ended had needed, its keeping left out */
};

struct request {
	uint64_t size_b;
	uint64_t arg[2];
};

struct kind;

struct work {
	const struct kind *kind;
	struct request req;
	enum work_state state;
	pid_t pid;
	uint64_t start_us;
	uint64_t end_us;
	struct progress *progress;
};

/* Returns the exit status of the child: 0 is "all was well". */
typedef int (*work_fn)(const struct request *req, struct progress *p);

struct kind {
	const char *name;
	work_fn run;
	int oom_score_adj;
	const char *help;
};

static int run_touch(const struct request *req, struct progress *p);
static int run_hot(const struct request *req, struct progress *p);
static int run_read(const struct request *req, struct progress *p);

static const struct kind kinds[] = {
	{ "touch", run_touch, 0, "touch MIB KEEP_MS: write every page, keep, check, free" },
	{ "burst", run_touch, 1000, "burst MIB KEEP_MS: touch, as the OOM killer's first choice" },
	{ "hot", run_hot, 0, "hot MIB PASSES: write and check every page; 0 passes is for ever" },
	{ "read", run_read, 0, "read MIB PASSES SKIP_MIB: read files; 0 passes is for ever" },
};

static struct work works[WORK_MAX];
static char reply[REPLY_MAX_B];
static size_t reply_len;
static char proc_text[PROC_MAX_B];
static char chunk[CHUNK_B] __attribute__((aligned(PAGE_B)));

/* ------------------------------------------------------------------ time */

static uint64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static void sleep_ms(uint64_t ms)
{
	struct timespec ts = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

/* ------------------------------------------------------------- workloads */

static uint64_t *map_fresh(uint64_t size_b)
{
	/* no reservation: whether there is enough is what a burst wants to find out */
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	void *mem = mmap(NULL, size_b, PROT_READ | PROT_WRITE, flags, -1, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

/* Writes @stamp and the page's number into each page. */
static void stamp_pages(uint64_t *mem, uint64_t pages, uint64_t stamp, struct progress *p)
{
	uint64_t i;

	for (i = 0; i < pages; i++) {
		mem[i * PAGE_WORDS] = stamp ^ i;
		p->bytes += PAGE_B;
		p->held_b += PAGE_B;
	}
}

static int run_touch(const struct request *req, struct progress *p)
{
	uint64_t pages = req->size_b / PAGE_B, stamp = now_us(), kept_us, i;
	uint64_t *mem = map_fresh(req->size_b);

	if (!mem)
		return 1;
	stamp_pages(mem, pages, stamp, p);
	p->filled_us = now_us() - stamp;
	sleep_ms(req->arg[0]);
	kept_us = now_us();
	for (i = 0; i < pages; i++)
		p->errors += mem[i * PAGE_WORDS] != (stamp ^ i);
	munmap(mem, req->size_b);
	p->busy_us = p->filled_us + now_us() - kept_us;
	p->held_b = 0;
	p->passes = 1;
	return p->errors ? 1 : 0;
}

static void count_pass(struct progress *p, uint64_t *start_us)
{
	uint64_t end_us = now_us();

	if (end_us - *start_us > p->slowest_pass_us)
		p->slowest_pass_us = end_us - *start_us;
	*start_us = end_us;
	p->passes++;
}

/*
 * Replaces @old by @new in every word, and returns what differed from @old. All
 * of a page, because a walk of one word per page measures the emulated TLB.
 */
static uint64_t work_page(uint64_t *page, uint64_t old, uint64_t new)
{
	uint64_t wrong = 0;
	size_t i;

	for (i = 0; i < PAGE_WORDS; i++) {
		wrong |= page[i] ^ old;
		page[i] = new;
	}
	return wrong;
}

static int run_hot(const struct request *req, struct progress *p)
{
	uint64_t pages = req->size_b / PAGE_B, passes = req->arg[0], pass, i;
	uint64_t first_us = now_us(), start_us;
	uint64_t *mem = map_fresh(req->size_b);

	if (!mem)
		return 1;
	for (i = 0; i < pages; i++)
		work_page(mem + i * PAGE_WORDS, 0, i);
	p->held_b = req->size_b;
	start_us = now_us();
	p->filled_us = start_us - first_us;
	for (pass = 0; passes == 0 || pass < passes; pass++) {
		for (i = 0; i < pages; i++) {
			p->errors += work_page(mem + i * PAGE_WORDS, pass ^ i, (pass + 1) ^ i) != 0;
			p->bytes += PAGE_B;
		}
		count_pass(p, &start_us);
	}
	munmap(mem, req->size_b);
	p->held_b = 0;
	p->busy_us = now_us() - first_us;
	return p->errors ? 1 : 0;
}

/* Every page of the data file starts with its own number, so a page that was lost shows. */
static int read_span(int fd, uint64_t from_b, uint64_t to_b, struct progress *p)
{
	uint64_t at = from_b;
	ssize_t n, i;

	while (at < to_b) {
		n = pread(fd, chunk, to_b - at < CHUNK_B ? (size_t)(to_b - at) : CHUNK_B,
			  (off_t)at);
		if (n <= 0)
			return 1;
		for (i = 0; i + PAGE_B <= n; i += PAGE_B) {
			uint64_t stamp;

			memcpy(&stamp, chunk + i, sizeof(stamp));
			p->errors += stamp != (at + (uint64_t)i) / PAGE_B;
		}
		at += (uint64_t)n;
		p->bytes += (uint64_t)n;
	}
	return 0;
}

static int run_read(const struct request *req, struct progress *p)
{
	uint64_t passes = req->arg[0], from_b = req->arg[1] << 20;
	uint64_t first_us = now_us(), start_us = first_us;
	int fd = open(DATA_FILE, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 1;
	while (passes == 0 || p->passes < passes) {
		if (read_span(fd, from_b, from_b + req->size_b, p) != 0)
			return 1;
		count_pass(p, &start_us);
	}
	p->busy_us = now_us() - first_us;
	close(fd);
	return p->errors ? 1 : 0;
}

/* -------------------------------------------------------- children */

static void set_oom_score(int value)
{
	char text[16];
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	int len = snprintf(text, sizeof(text), "%d", value);

	if (fd < 0)
		return;
	if (write(fd, text, (size_t)len) < 0)
		perror("oom_score_adj");
	close(fd);
}

static int work_start(struct work *w, const struct kind *kind, const struct request *req)
{
	memset(w->progress, 0, sizeof(*w->progress));
	w->kind = kind;
	w->req = *req;
	w->start_us = now_us();
	w->end_us = 0;
	w->pid = fork();
	if (w->pid < 0)
		return -errno;
	if (w->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		set_oom_score(kind->oom_score_adj);
		_exit(kind->run(&w->req, w->progress));
	}
	w->state = WORK_RUNNING;
	return 0;
}

static void work_stop(struct work *w)
{
	if (w->state != WORK_RUNNING)
		return;
	kill(w->pid, SIGKILL);
	waitpid(w->pid, NULL, 0);
	w->state = WORK_STOPPED;
	w->end_us = now_us();
}

/* Takes note of every child that has ended. */
static void works_reap(void)
{
	int status, i;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < WORK_MAX; i++) {
			struct work *w = &works[i];

			if (w->state != WORK_RUNNING || w->pid != pid)
				continue;
			w->end_us = now_us();
			if (WIFSIGNALED(status))
				w->state = WORK_KILLED;
			else
				w->state = WEXITSTATUS(status) == 0 ? WORK_DONE : WORK_FAILED;
		}
	}
}

/* --------------------------------------------------------------- answers */

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(reply + reply_len, sizeof(reply) - reply_len, format, args);
	va_end(args);
	if (n > 0)
		reply_len += (size_t)n;
	if (reply_len > sizeof(reply) - 1)
		reply_len = sizeof(reply) - 1; /* the host sees bad JSON and says so */
}

static void say_work(int index)
{
	const struct work *w = &works[index];
	const struct progress *p = w->progress;

	say("{\"work\":%d,\"kind\":\"%s\",\"state\":\"%s\",\"size_b\":%" PRIu64, index,
	    w->kind->name, state_names[w->state], w->req.size_b);
	say(",\"start_us\":%" PRIu64 ",\"end_us\":%" PRIu64, w->start_us, w->end_us);
	say(",\"bytes\":%" PRIu64 ",\"passes\":%" PRIu64 ",\"errors\":%" PRIu64, p->bytes,
	    p->passes, p->errors);
	say(",\"held_b\":%" PRIu64 ",\"slowest_pass_us\":%" PRIu64 ",\"filled_us\":%" PRIu64,
	    w->state == WORK_RUNNING ? p->held_b : 0, p->slowest_pass_us, p->filled_us);
	say(",\"busy_us\":%" PRIu64 "}", p->busy_us);
}

static void say_works(void)
{
	const char *comma = "";
	int i;

	works_reap();
	say(",\"now_us\":%" PRIu64 ",\"works\":[", now_us());
	for (i = 0; i < WORK_MAX; i++) {
		if (works[i].state == WORK_FREE)
			continue;
		say("%s", comma);
		say_work(i);
		comma = ",";
	}
	say("]");
}

/* "Name: 12 kB" and "name 12" alike become "Name":12. */
static void say_table(const char *key, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const char *comma = "";
	char *line, *save = NULL;
	ssize_t n = 0, got;

	if (fd >= 0) {
		while ((got = read(fd, proc_text + n, sizeof(proc_text) - 1 - (size_t)n)) > 0)
			n += got;
		close(fd);
	}
	proc_text[n] = '\0';
	say(",\"%s\":{", key);
	for (line = strtok_r(proc_text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		size_t name = strcspn(line, ": ");

		say("%s\"%.*s\":%" PRIu64, comma, (int)name, line,
		    (uint64_t)strtoull(line + name + strspn(line + name, ": "), NULL, 10));
		comma = ",";
	}
	say("}");
}

static void say_report(void)
{
	struct utsname uts;

	uname(&uts);
	say(",\"release\":\"%s\"", uts.release);
	say_works();
	say_table("meminfo_kib", "/proc/meminfo");
	say_table("vmstat", "/proc/vmstat");
}

/* -------------------------------------------------------------- requests */

static uint64_t next_number(char **save)
{
	const char *word = strtok_r(NULL, " ", save);

	return word ? strtoull(word, NULL, 10) : 0;
}

/* A string in JSON; what is not printable ASCII becomes a blank. */
static void say_string(const char *text, size_t len)
{
	size_t i;

	say("\"");
	for (i = 0; i < len; i++) {
		char c = text[i];

		if (c == '"' || c == '\\')
			say("\\%c", c);
		else if (c == '\n')
			say("\\n");
		else
			say("%c", c >= ' ' && c < 127 ? c : ' ');
	}
	say("\"");
}

/* "cat PATH": the beginning of a file, or of a link to a file below /sys or /proc. */
static void do_cat(char **save)
{
	const char *path = strtok_r(NULL, " ", save);
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t n = 0, got;

	if (fd < 0) {
		say(",\"error\":\"cat: %s\"", path ? strerror(errno) : "no path");
		return;
	}
	while ((got = read(fd, proc_text + n, SAY_LOG_MAX_B - (size_t)n)) > 0)
		n += got;
	close(fd);
	say(",\"text\":");
	say_string(proc_text, (size_t)n);
}

/* "write PATH WORD...": all words in one write. */
static void do_write(char **save)
{
	const char *path = strtok_r(NULL, " ", save), *text = strtok_r(NULL, "", save);
	uint64_t start_us = now_us();
	int fd = path && text ? open(path, O_WRONLY | O_CLOEXEC) : -1;

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		say(",\"error\":\"write: %s\"", path && text ? strerror(errno) : "no path or text");
	say(",\"us\":%" PRIu64, now_us() - start_us);
	if (fd >= 0)
		close(fd);
}

/* "insmod NAME PARAMETER=VALUE...": a module of the initramfs. */
static void do_insmod(char **save)
{
	const char *name = strtok_r(NULL, " ", save), *args = strtok_r(NULL, "", save);
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/modules/%s.ko", name ? name : "");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || syscall(SYS_finit_module, fd, args ? args : "", 0) < 0)
		say(",\"error\":\"insmod: %s\"", strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void do_rmmod(char **save)
{
	const char *name = strtok_r(NULL, " ", save);

	if (!name || syscall(SYS_delete_module, name, O_NONBLOCK) < 0)
		say(",\"error\":\"rmmod: %s\"", name ? strerror(errno) : "no name");
}

/* "log LEVEL": the kernel's lines of this level and those more urgent, the last that fit. */
static void do_log(char **save)
{
	static char all[LOG_MAX_B];
	int level = (int)next_number(save), len = klogctl(LOG_READ_ALL, all, sizeof(all) - 1);
	char *line, *rest = NULL;
	size_t n = 0;

	all[len < 0 ? 0 : len] = '\0';
	for (line = strtok_r(all, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		size_t size = strlen(line) + 1;

		if (line[0] != '<' || atoi(line + 1) % 8 > level || size > SAY_LOG_MAX_B)
			continue;
		line[size - 1] = '\n';
		if (n + size > SAY_LOG_MAX_B) {
			memmove(proc_text, proc_text + size, n < size ? 0 : n - size);
			n = n < size ? 0 : n - size;
		}
		memcpy(proc_text + n, line, size);
		n += size;
	}
	say(",\"text\":");
	say_string(proc_text, n);
}

static void do_start(char **save)
{
	const char *name = strtok_r(NULL, " ", save);
	struct request req = { 0 };
	size_t k;
	int i, err;

	req.size_b = next_number(save) << 20;
	req.arg[0] = next_number(save);
	req.arg[1] = next_number(save);
	works_reap();
	for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		if (name && strcmp(kinds[k].name, name) == 0)
			break;
	for (i = 0; i < WORK_MAX; i++)
		if (works[i].state == WORK_FREE)
			break;
	if (k == sizeof(kinds) / sizeof(kinds[0]) || i == WORK_MAX || req.size_b == 0) {
		say(",\"error\":\"no such workload, no size, or all places taken\"");
		return;
	}
	err = work_start(&works[i], &kinds[k], &req);
	if (err < 0)
		say(",\"error\":\"fork: %s\"", strerror(-err));
	else
		say(",\"work\":%d", i);
}

/* "stop N" ends one; "stop" ends all and forgets them. */
static void do_stop(char **save)
{
	const char *word = strtok_r(NULL, " ", save);
	long only = word ? strtol(word, NULL, 10) : -1;
	int i;

	works_reap();
	for (i = 0; i < WORK_MAX; i++) {
		if (word && i != only)
			continue;
		work_stop(&works[i]);
		if (!word)
			works[i].state = WORK_FREE;
	}
	say_works();
}

static void handle(char *line)
{
	char *save = NULL;
	const char *id = strtok_r(line, " ", &save);
	const char *verb = strtok_r(NULL, " ", &save);

	reply_len = 0;
	say("{\"id\":%" PRIu64, id ? (uint64_t)strtoull(id, NULL, 10) : 0);
	if (!verb)
		say(",\"error\":\"no verb\"");
	else if (strcmp(verb, "start") == 0)
		do_start(&save);
	else if (strcmp(verb, "stop") == 0)
		do_stop(&save);
	else if (strcmp(verb, "works") == 0)
		say_works();
	else if (strcmp(verb, "report") == 0)
		say_report();
	else if (strcmp(verb, "cat") == 0)
		do_cat(&save);
	else if (strcmp(verb, "write") == 0)
		do_write(&save);
	else if (strcmp(verb, "insmod") == 0)
		do_insmod(&save);
	else if (strcmp(verb, "rmmod") == 0)
		do_rmmod(&save);
	else if (strcmp(verb, "log") == 0)
		do_log(&save);
	else if (strcmp(verb, "poweroff") == 0)
		reboot(RB_POWER_OFF);
	else
		say(",\"error\":\"no such verb\"");
	say("}\n");
}

static void send_reply(int port)
{
	size_t done = 0;

	while (done < reply_len) {
		ssize_t n = write(port, reply + done, reply_len - done);

		if (n > 0)
			done += (size_t)n;
		else
			sleep_ms(20); /* the host is not connected */
	}
}

/* Reads requests for ever; a port with nobody at the other end reads as 0 bytes. */
static void serve(int port)
{
	static char line[LINE_MAX_B];
	size_t len = 0;
	char c;

	for (;;) {
		if (read(port, &c, 1) != 1) {
			sleep_ms(50);
		} else if (c == '\n') {
			line[len] = '\0';
			len = 0;
			handle(line);
			send_reply(port);
		} else if (len < sizeof(line) - 1) {
			line[len++] = c;
		}
	}
}

int main(int argc, char **argv)
{
	struct progress *shared;
	int port, i;

	if (argc != 2) {
		fprintf(stderr, "usage: agent PORT\n");
		return 2;
	}
	port = open(argv[1], O_RDWR | O_CLOEXEC);
	shared = mmap(NULL, sizeof(*shared) * WORK_MAX, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (port < 0 || shared == MAP_FAILED) {
		perror("agent");
		return 1;
	}
	for (i = 0; i < WORK_MAX; i++)
		works[i].progress = &shared[i];
	if (mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		perror("mlockall");
	set_oom_score(-1000);
	say("{\"id\":0");
	say_report();
	say("}\n");
	send_reply(port);
	serve(port);
	return 0;
}
