/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * discover_cmdline.c - what the command line of a QEMU says: name, uuid, QMP sockets
 *
 * Layer: host (pure).
 * In:    the bytes of /proc/PID/cmdline, from anybody.
 * Out:   the VM, its sockets best first.
 *
 * A monitor may be named before its chardev is, so the command line is read
 * twice: once for the monitors, once for the sockets of their chardevs.
 */
#include "host/discover.h"

#include "host/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MONITORS_MAX 16 /* bounds the second reading of a hostile command line */
#define OPT_KEY_MAX 32
#define OPT_VALUE_MAX 1024

/* One "key=value" of an option; a bare word has an empty key. */
struct opt {
	char key[OPT_KEY_MAX];
	char value[OPT_VALUE_MAX];
	bool whole; /* both fitted */
};

/* A monitor in control mode that waits for its chardev. */
struct monitor {
	char chardev[DISCOVER_ID_MAX];
	enum discover_rank rank;
};

/* Copies up to one of @stops or the end; ",," stands for a comma. Tells whether it fitted. */
static bool opt_copy(const char **p, const char *stops, char *ret, size_t size)
{
	const char *s = *p;
	size_t n = 0;
	bool fits = true;

	while (*s) {
		if (s[0] == ',' && s[1] == ',')
			s++;
		else if (strchr(stops, *s))
			break;
		if (n + 1 < size)
			ret[n++] = *s;
		else
			fits = false;
		s++;
	}
	ret[n] = '\0';
	*p = s;
	return fits;
}

/* Takes the next part of an option's argument; false at its end. */
static bool opt_next(const char **p, struct opt *ret)
{
	size_t key_len;

	if (**p == '\0')
		return false;
	key_len = strcspn(*p, "=,");
	ret->key[0] = '\0';
	ret->whole = true;
	if ((*p)[key_len] == '=') {
		ret->whole = opt_copy(p, "=", ret->key, sizeof(ret->key));
		(*p)++;
	}
	ret->whole &= opt_copy(p, ",", ret->value, sizeof(ret->value));
	*p += **p == ',';
	return true;
}

static bool is_on(const struct opt *o)
{
	return !strcmp(o->value, "on") || !strcmp(o->value, "yes") || !strcmp(o->value, "true") ||
	       !strcmp(o->value, "y");
}

/* A flag of sockets: "server", "server=on"; also what it is when not there. */
static void opt_flag(const struct opt *o, const char *name, bool *flag)
{
	if (!strcmp(o->key, name))
		*flag = is_on(o);
	else if (!o->key[0] && !strcmp(o->value, name))
		*flag = true;
}

/* Copies @value where it fits, else makes @ret empty. */
static void take(char *ret, size_t size, const struct opt *o)
{
	if (!o->whole || strlen(o->value) >= size)
		ret[0] = '\0';
	else
		(void)snprintf(ret, size, "%s", o->value);
}

static void parse_name(const char *arg, struct discover_vm *vm)
{
	struct opt o;
	bool first = true;

	for (; opt_next(&arg, &o); first = false) {
		if (!strcmp(o.key, "guest") || (first && !o.key[0]))
			take(vm->name, sizeof(vm->name), &o);
	}
	text_make_printable(vm->name);
}

static void parse_uuid(const char *arg, struct discover_vm *vm)
{
	if (strlen(arg) < sizeof(vm->uuid))
		(void)snprintf(vm->uuid, sizeof(vm->uuid), "%s", arg);
	text_make_printable(vm->uuid);
}

static bool is_libvirt_socket(const char *id, const char *path)
{
	static const char tail[] = "/monitor.sock";
	size_t len = strlen(path);

	return !strcmp(id, "charmonitor") || (strstr(path, "/libvirt/") && len >= sizeof(tail) &&
					      !strcmp(path + len - (sizeof(tail) - 1), tail));
}

/* Libvirt first: a domain may well have "ballonet" in its name, and so in that path. */
static void add_socket(struct discover_vm *vm, enum discover_rank rank, const char *id,
		       const char *path)
{
	struct discover_socket s = { .rank = rank };
	size_t at;

	if (!path[0] || path[text_printable(path)] || vm->nsocket == DISCOVER_SOCKETS_MAX)
		return;
	s.taken_by_libvirt = is_libvirt_socket(id, path);
	if (s.taken_by_libvirt)
		s.rank = DISCOVER_LIBVIRT;
	else if (strstr(id, "ballonet") || strstr(path, "ballonet"))
		s.rank = DISCOVER_BALLONET;
	(void)snprintf(s.id, sizeof(s.id), "%s", id);
	text_make_printable(s.id);
	(void)snprintf(s.path, sizeof(s.path), "%s", path);
	for (at = vm->nsocket++; at > 0 && vm->socket[at - 1].rank > s.rank; at--)
		vm->socket[at] = vm->socket[at - 1];
	vm->socket[at] = s;
}

/* The address of a chardev, gathered from its options. */
struct address {
	char id[DISCOVER_ID_MAX];
	char path[DISCOVER_PATH_MAX];
	bool server;
	bool abstract;
};

static void parse_address(const char *arg, struct address *ret)
{
	struct opt o;

	while (opt_next(&arg, &o)) {
		if (!strcmp(o.key, "id"))
			take(ret->id, sizeof(ret->id), &o);
		else if (!strcmp(o.key, "path"))
			take(ret->path, sizeof(ret->path), &o);
		opt_flag(&o, "server", &ret->server);
		opt_flag(&o, "abstract", &ret->abstract);
	}
}

static void add_monitor(struct monitor *mon, size_t *n, enum discover_rank rank, const char *id)
{
	if (!id[0] || strlen(id) >= sizeof(mon->chardev) || *n == MONITORS_MAX)
		return;
	mon[*n].rank = rank;
	(void)snprintf(mon[*n].chardev, sizeof(mon->chardev), "%s", id);
	(*n)++;
}

/* -qmp chardev:ID, or -qmp unix:PATH,server=on,... */
static void parse_qmp(const char *arg, struct discover_vm *vm, struct monitor *mon, size_t *n)
{
	struct address a = { .path = "" };
	struct opt o;

	if (text_skip(&arg, "chardev:")) {
		add_monitor(mon, n, DISCOVER_QMP, arg);
		return;
	}
	if (!text_skip(&arg, "unix:"))
		return;
	/* the path comes first, without a key, and may hold '=' */
	o.whole = opt_copy(&arg, ",", o.value, sizeof(o.value));
	take(a.path, sizeof(a.path), &o);
	arg += *arg == ',';
	parse_address(arg, &a);
	if (a.server && !a.abstract)
		add_socket(vm, DISCOVER_QMP, "", a.path);
}

/* -mon chardev=ID,mode=control; the key of the first part may be left out */
static void parse_mon(const char *arg, struct monitor *mon, size_t *n)
{
	char id[DISCOVER_ID_MAX] = "";
	bool control = false, first = true;
	struct opt o;

	for (; opt_next(&arg, &o); first = false) {
		if (!strcmp(o.key, "chardev") || (first && !o.key[0]))
			take(id, sizeof(id), &o);
		else if (!strcmp(o.key, "mode"))
			control = !strcmp(o.value, "control");
	}
	if (control)
		add_monitor(mon, n, DISCOVER_MON, id);
}

/* -chardev socket,id=ID,path=PATH,server=on */
static void parse_chardev(const char *arg, const struct monitor *mon, size_t n,
			  struct discover_vm *vm)
{
	struct address a = { .path = "" };
	size_t i;

	if (!text_skip(&arg, "socket,"))
		return;
	parse_address(arg, &a);
	if (!strcmp(a.id, "charmonitor"))
		vm->libvirt = true; /* its socket is an inherited fd: there is no path */
	if (!a.server || a.abstract)
		return;
	for (i = 0; i < n; i++) {
		if (!strcmp(mon[i].chardev, a.id)) {
			add_socket(vm, mon[i].rank, a.id, a.path);
			return;
		}
	}
}

/* The argument that ends before @end and begins at *@p; NULL at the end or where it is cut off. */
static const char *next_arg(const char **p, const char *end)
{
	const char *arg = *p;
	const char *nul = memchr(arg, '\0', (size_t)(end - arg));

	if (!nul)
		return NULL;
	*p = nul + 1;
	return arg;
}

/* Goes through "-option argument" pairs; QEMU takes "--option" as well. */
static bool next_option(const char **p, const char *end, const char **ret_opt, const char **ret_arg)
{
	const char *opt;

	while ((opt = next_arg(p, end))) {
		const char *rest = *p;

		if (!text_skip(&opt, "-"))
			continue;
		(void)text_skip(&opt, "-");
		*ret_arg = next_arg(&rest, end);
		if (!*ret_arg)
			return false;
		*ret_opt = opt;
		return true;
	}
	return false;
}

int discover_parse_cmdline(const char *bytes, size_t len, struct discover_vm *ret)
{
	const char *const end = bytes + len;
	struct discover_vm vm = { 0 };
	struct monitor mon[MONITORS_MAX];
	const char *p = bytes, *args, *opt, *arg;
	size_t nmon = 0;

	if (!next_arg(&p, end))
		return -EBADMSG;
	args = p;
	while (next_option(&p, end, &opt, &arg)) {
		if (!strcmp(opt, "name"))
			parse_name(arg, &vm);
		else if (!strcmp(opt, "uuid"))
			parse_uuid(arg, &vm);
		else if (!strcmp(opt, "qmp") || !strcmp(opt, "qmp-pretty"))
			parse_qmp(arg, &vm, mon, &nmon);
		else if (!strcmp(opt, "mon"))
			parse_mon(arg, mon, &nmon);
	}
	p = args;
	while (next_option(&p, end, &opt, &arg)) {
		if (!strcmp(opt, "chardev"))
			parse_chardev(arg, mon, nmon, &vm);
	}
	*ret = vm;
	return 0;
}
