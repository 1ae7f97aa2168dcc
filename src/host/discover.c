/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * discover.c - the QEMU processes of this host and their QMP sockets
 *
 * Layer: host.
 * In:    a /proc root.
 * Out:   a list of VMs: pid, owner, name, and sockets, best first.
 */
#include "host/discover.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/num.h"
#include "host/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CMDLINE_MAX \
	(128 * KIB)  /* the longest that libvirt makes, with 500 devices, is half of it */
#define VMS_MAX 4096 /* more than any host runs */

bool discover_is_qemu(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t len = strcspn(name, " "); /* "qemu-kvm (deleted)" after an upgrade */

	return text_skip(&name, "qemu-system-") || (len == 8 && !strncmp(name, "qemu-kvm", len)) ||
	       (len == 3 && !strncmp(name, "kvm", len));
}

/*
 * @path by the working directory @cwd of process @pid, in place. Where that is
 * too long for a socket address, the same file by way of /proc. False where
 * neither will do.
 */
static bool make_absolute(char *path, const char *cwd, pid_t pid)
{
	char full[DISCOVER_PATH_MAX];
	int n;

	if (path[0] == '/')
		return true;
	if (!cwd[0] || cwd[text_printable(cwd)])
		return false;
	n = snprintf(full, sizeof(full), "%s/%s", strcmp(cwd, "/") ? cwd : "", path);
	if (n >= (int)sizeof(full))
		n = snprintf(full, sizeof(full), "/proc/%d/cwd/%s", (int)pid, path);
	if (n >= (int)sizeof(full))
		return false;
	memcpy(path, full, sizeof(full));
	return true;
}

static void read_link(int dir, const char *name, char *ret, size_t size)
{
	ssize_t n = readlinkat(dir, name, ret, size - 1);

	ret[n < 0 ? 0 : n] = '\0';
}

static void resolve(int piddir, struct discover_vm *vm)
{
	char cwd[PATH_MAX];
	size_t i, kept = 0;

	read_link(piddir, "cwd", cwd, sizeof(cwd));
	for (i = 0; i < vm->nsocket; i++) {
		if (make_absolute(vm->socket[i].path, cwd, vm->pid))
			vm->socket[kept++] = vm->socket[i];
	}
	vm->nsocket = kept;
}

static bool runs_qemu(int piddir, const char *argv0)
{
	char exe[PATH_MAX];

	if (discover_is_qemu(argv0))
		return true;
	read_link(piddir, "exe", exe, sizeof(exe));
	return discover_is_qemu(exe);
}

/*
 * May it be QEMU, by its name (15 bytes of it) or its executable? The command line of a process is
 * read out of its memory, which may have to be paged in and can be locked for long: that of one
 * that is no QEMU is none of our business.
 */
static bool may_be_qemu(int piddir)
{
	char comm[32], exe[PATH_MAX];

	if (file_read_at(piddir, "comm", comm, sizeof(comm), NULL) < 0)
		return true; /* it does not say */
	comm[strcspn(comm, "\n")] = '\0';
	if (discover_is_qemu(comm))
		return true;
	read_link(piddir, "exe", exe, sizeof(exe));
	return discover_is_qemu(exe);
}

/* Reads one process, with CMDLINE_MAX of @text. 0, or negative: no QEMU, or not to be read. */
static int read_vm(int proc, const char *name, char *text, struct discover_vm *ret)
{
	cleanup_close int dir = -EBADF;
	struct stat st;
	size_t len = 0;
	int r;

	dir = openat(proc, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || fstat(dir, &st) < 0)
		return -errno;
	if (!may_be_qemu(dir))
		return -ENOENT;
	r = file_read_at(dir, "cmdline", text, CMDLINE_MAX, &len);
	if (r == -EMSGSIZE)
		len = CMDLINE_MAX; /* the parser leaves out the argument that is cut off */
	else if (r < 0)
		return r;
	if (!memchr(text, '\0', len) || !runs_qemu(dir, text))
		return -ENOENT;
	r = discover_parse_cmdline(text, len, ret);
	if (r < 0)
		return r;
	ret->pid = (pid_t)strtol(name, NULL, 10);
	ret->uid = st.st_uid;
	resolve(dir, ret);
	return 0;
}

static int list_add(struct discover_list *list, const struct discover_vm *vm)
{
	struct discover_vm *grown;

	if (list->n == VMS_MAX)
		return 0;
	if ((list->n & (list->n - 1)) == 0) { /* 0, 1, 2, 4, 8: the array is full */
		grown = reallocarray(list->vm, list->n ? 2 * list->n : 1, sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		list->vm = grown;
	}
	list->vm[list->n++] = *vm;
	return 0;
}

static int by_pid(const void *a, const void *b)
{
	const struct discover_vm *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

int discover_begin(int proc, struct discover_walk *ret)
{
	struct discover_walk w = { .proc = proc };
	int fd;

	fd = openat(proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* an offset of its own */
	if (fd < 0)
		return -errno;
	w.dir = fdopendir(fd);
	if (!w.dir) {
		(void)close(fd);
		return -ENOMEM;
	}
	w.text = calloc(1, CMDLINE_MAX);
	if (!w.text) {
		discover_end(&w);
		return -ENOMEM;
	}
	*ret = w;
	return 0;
}

void discover_end(struct discover_walk *w)
{
	if (w->dir)
		(void)closedir(w->dir);
	free(w->text);
	discover_list_fini(&w->list);
	*w = (struct discover_walk){ 0 };
}

int discover_go_on(struct discover_walk *w, size_t max, struct discover_list *ret)
{
	struct discover_vm vm = { 0 };
	struct dirent *e;
	int r = 0;

	if (!w->dir || !w->text)
		return -EINVAL; /* it has ended */
	while (r == 0 && (e = readdir(w->dir))) {
		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		if (read_vm(w->proc, e->d_name, w->text, &vm) == 0)
			r = list_add(&w->list, &vm);
		if (r == 0 && --max == 0)
			return 1;
	}
	if (r == 0) {
		if (w->list.n)
			qsort(w->list.vm, w->list.n, sizeof(*w->list.vm), by_pid);
		*ret = w->list;
		w->list = (struct discover_list){ 0 };
	}
	discover_end(w);
	return r;
}

int discover(int proc, struct discover_list *ret)
{
	struct discover_walk w = { 0 };
	int r;

	r = discover_begin(proc, &w);
	return r < 0 ? r : discover_go_on(&w, SIZE_MAX, ret);
}

void discover_list_fini(struct discover_list *list)
{
	free(list->vm);
	*list = (struct discover_list){ 0 };
}
