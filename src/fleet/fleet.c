/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fleet.c - the VMs that the daemon knows, by name
 *
 * Layer: fleet.
 * In:    discovery, configuration and connections add and remove VMs.
 * Out:   one struct vm each.
 *
 * A plain array of pointers: a host has tens of VMs, rarely a thousand, and a
 * struct vm must not move while others point to it.
 */
#include "fleet/fleet.h"

#include "base/cleanup.h"
#include "base/num.h"
#include "host/process.h"

#include <errno.h>
#include <search.h>
#include <stdio.h>
#include <string.h>

void fleet_init(struct fleet *f)
{
	*f = (struct fleet){ 0 };
}

static int by_address(const void *a, const void *b)
{
	return strcmp(((const struct vm *)a)->address, ((const struct vm *)b)->address);
}

static void vm_free(struct vm *vm)
{
	free(vm->address);
	free(vm);
}

void fleet_fini(struct fleet *f)
{
	size_t i;

	for (i = 0; i < f->n; i++) {
		(void)tdelete(f->vm[i], &f->by_address, by_address);
		vm_free(f->vm[i]);
	}
	free(f->vm);
	fleet_init(f);
}

static struct vm *other_of_name(const struct fleet *f, const struct vm *but, const char *name)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		if (f->vm[i] != but && strcmp(f->vm[i]->name, name) == 0)
			return f->vm[i];
	return NULL;
}

bool fleet_rename(struct fleet *f, struct vm *vm, const char *name)
{
	char tail[32] = "";

	(void)snprintf(vm->called, sizeof(vm->called), "%s", name);
	/* '/' would end the name in a URL of the control API */
	(void)snprintf(vm->name, sizeof(vm->name), "%s", name);
	for (char *p = vm->name; *p; p++)
		if (*p == '/')
			*p = '_';
	if (!other_of_name(f, vm, vm->name))
		return false;
	if (vm->pid)
		(void)snprintf(tail, sizeof(tail), "@%d", (int)vm->pid);
	if (!vm->pid || strlen(name) + strlen(tail) >= sizeof(vm->name))
		(void)snprintf(tail, sizeof(tail), "@%llu", (unsigned long long)vm->id);
	(void)snprintf(vm->name + strnlen(vm->name, sizeof(vm->name) - sizeof(tail)), sizeof(tail),
		       "%s", tail);
	return true;
}

/*
 * What a VM is called where nobody says it: the file of its socket, and the
 * folder too where the file is called as such sockets are.
 */
static const char *name_by_address(const char *address)
{
	static const char *const usual[] = { "q", "qmp", "mon", "monitor", "sock", "socket" };
	const char *slash = strrchr(address, '/'), *file = slash ? slash + 1 : address;
	size_t n = strcspn(file, ".-_"), i;

	for (i = 0; i < ARRAY_SIZE(usual); i++)
		if (strlen(usual[i]) == n && strncmp(usual[i], file, n) == 0)
			break;
	if (i == ARRAY_SIZE(usual) || !slash)
		return file;
	while (slash > address && slash[-1] != '/')
		slash--;
	return slash;
}

int fleet_add(struct fleet *f, const char *name, const char *address, struct vm **ret)
{
	struct vm **all;
	struct vm *vm;

	all = reallocarray(f->vm, f->n + 1, sizeof(struct vm *));
	if (!all)
		return -ENOMEM;
	f->vm = all;
	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return -ENOMEM;
	vm->address = strdup(address);
	if (!vm->address || !tsearch(vm, &f->by_address, by_address)) {
		vm_free(vm);
		return -ENOMEM;
	}
	vm->id = ++f->last_id;
	vm->facts.id = vm->id;
	due_init(&vm->next);
	vm->due_us = UINT64_MAX;
	vm->refresh_us = UINT64_MAX;
	vm->walk_us = UINT64_MAX;
	f->vm[f->n++] = vm;
	(void)fleet_rename(f, vm, *name ? name : name_by_address(address));
	*ret = vm;
	return 0;
}

int fleet_move(struct fleet *f, struct vm *vm, const char *address)
{
	char *fresh = strdup(address), *old = vm->address;

	if (!fresh)
		return -ENOMEM;
	(void)tdelete(vm, &f->by_address, by_address);
	vm->address = fresh;
	if (!tsearch(vm, &f->by_address, by_address)) {
		vm->address = old; /* its node was freed just now, so there is memory for one */
		(void)tsearch(vm, &f->by_address, by_address);
		free(fresh);
		return -ENOMEM;
	}
	free(old);
	return 0;
}

void fleet_remove(struct fleet *f, struct vm *vm)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		if (f->vm[i] == vm) {
			f->vm[i] = f->vm[--f->n];
			(void)tdelete(vm, &f->by_address, by_address);
			vm_free(vm);
			return;
		}
}

void fleet_process(struct vm *vm, const struct process *p, uint64_t now_us)
{
	if (p->pid == vm->process_pid && p->start_ticks == vm->process_ticks)
		return;
	vm->process_pid = p->pid;
	vm->process_ticks = p->start_ticks;
	vm->started_us = process_started_us(p);
	vm->appeared_us = now_us;
	vm->charged_b = 0;
}

struct vm *fleet_find(const struct fleet *f, const char *name)
{
	return other_of_name(f, NULL, name);
}

struct vm *fleet_find_address(const struct fleet *f, const char *address)
{
	const struct vm key = { .address = (char *)(uintptr_t)address };
	void *node = tfind(&key, &f->by_address, by_address);

	return node ? *(struct vm **)node : NULL;
}
