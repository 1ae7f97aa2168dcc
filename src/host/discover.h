/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * discover.h - the QEMU processes of this host and their QMP sockets
 *
 * Layer: host.
 * In:    a /proc root.
 * Out:   a list of VMs: pid, owner, name, and sockets, best first.
 *
 * Any user can start a process that looks like QEMU. Nothing here is trusted
 * until a monitor answers, and the owner is reported so that the caller can judge.
 */
#ifndef BALLONET_HOST_DISCOVER_H
#define BALLONET_HOST_DISCOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <sys/types.h>

#define DISCOVER_SOCKETS_MAX 8 /* nobody needs more than two monitors */
#define DISCOVER_PATH_MAX 108  /* sun_path of a unix socket, with its NUL */
#define DISCOVER_NAME_MAX 256
#define DISCOVER_UUID_MAX 40
#define DISCOVER_ID_MAX 64

/* In order of preference: one monitor serves one client at a time. */
enum discover_rank {
	DISCOVER_BALLONET = 0, /* its id or path says that it is for us */
	DISCOVER_QMP,	       /* -qmp, -qmp-pretty: made for a program */
	DISCOVER_MON,	       /* -mon mode=control */
	DISCOVER_LIBVIRT,      /* libvirt's own: always taken */
};

struct discover_socket {
	enum discover_rank rank;
	bool taken_by_libvirt;
	char id[DISCOVER_ID_MAX];     /* of the chardev; "" for -qmp */
	char path[DISCOVER_PATH_MAX]; /* absolute, once discover() has resolved it */
};

struct discover_vm {
	pid_t pid;
	uid_t uid;		      /* owner of the process */
	bool libvirt;		      /* libvirt started it */
	char name[DISCOVER_NAME_MAX]; /* printable UTF-8; "" where it has none or one too long */
	char uuid[DISCOVER_UUID_MAX]; /* "" where it has none */
	size_t nsocket;
	struct discover_socket socket[DISCOVER_SOCKETS_MAX]; /* best first */
};

struct discover_list {
	size_t n;
	struct discover_vm *vm; /* by pid, ascending; names need not be unique */
};

/* Is this the path of a QEMU system emulator ("/usr/bin/qemu-system-x86_64", "kvm", ...)? */
bool discover_is_qemu(const char *path);

/*
 * Pure. Reads a command line (the @len bytes of /proc/PID/cmdline, arguments
 * ended by NUL; a last one without it is cut off and ignored). Fills in name,
 * uuid, libvirt and sockets, with paths as they stand there; pid and uid are
 * 0. Listening unix sockets only: others and abstract ones are left out, and
 * so is one whose path does not fit or is not printable. 0, or -EBADMSG for an empty command line.
 */
int discover_parse_cmdline(const char *bytes, size_t len, struct discover_vm *ret);

/*
 * Lists the QEMU processes below @proc that run now. A process that cannot be
 * read is left out. 0, -ENOMEM, or -errno; *ret is written on success only and
 * is the caller's, for discover_list_fini().
 */
int discover(int proc, struct discover_list *ret);

/* The same in turns, because on a host of thousands of processes it takes a while. */
struct discover_walk {
	DIR *dir; /* NULL: none is under way */
	int proc;
	char *text;
	struct discover_list list;
};

/* Begins one. @proc is borrowed until its end. 0, -ENOMEM or -errno. */
int discover_begin(int proc, struct discover_walk *ret);

/*
 * Looks at @max processes more. 1: there are others; 0: that was all, and *ret as of discover();
 * -EINVAL for a walk that has ended; or as discover(). The walk has ended in all cases but the
 * first.
 */
int discover_go_on(struct discover_walk *w, size_t max, struct discover_list *ret);

/* Ends one that may be under way. */
void discover_end(struct discover_walk *w);

/* Frees the list; may be called again. */
void discover_list_fini(struct discover_list *list);

#endif
