/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * discovery.c - which VMs there are: configured, globbed, discovered
 *
 * Layer: daemon.
 * In:    the configuration, the file system, the processes of this host.
 * Out:   VMs added to and removed from the fleet, with their connections.
 *
 * libvirt's own monitor sockets are never touched: a connection waiting there
 * would be served before libvirt's own when libvirtd restarts.
 */
#include "daemon/discovery.h"

#include "base/fds.h"
#include "base/log.h"
#include "host/discover.h"
#include "host/footprint.h"
#include "policy/policy.h"
#include "vmm/vmm.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

/* Processes looked at in a row, at 15 us each, or 60 where it is QEMU. */
#define PROCESSES_AT_ONCE 128

static void copy_name(char *to, const struct config_group *group)
{
	(void)snprintf(to, VM_NAME_MAX, "%s", group ? group->name : "");
}

/* A VM that matches two groups belongs to the first; that is told once. */
static void find_group(const struct discovery *r, struct vm *vm)
{
	const struct config_group *too, *group = config_group(r->config, vm->called, &too);

	if (too && strcmp(too->name, vm->group_too) != 0)
		log_warning("two-groups vm=%s group=\"%s\" too=\"%s\" effect=\"it belongs to the "
			    "first\"",
			    vm->name, group->name, too->name);
	copy_name(vm->group, group);
	copy_name(vm->group_too, too);
}

static void warn_conflict(const struct vm *vm, const char *conflict, const char *effect)
{
	if (conflict)
		log_warning("settings vm=%s conflict=\"%s\" effect=\"%s\"", vm->name, conflict,
			    effect);
}

void discovery_settings(const struct discovery *r, struct vm *vm)
{
	const struct override *o = overrides_find(&r->overrides, vm->name);
	const char *conflict;

	find_group(r, vm);
	conflict = config_settings(r->config, vm->called, &vm->settings);
	warn_conflict(vm, conflict, "what does not agree is left out");
	conflict = o ? config_overlay(&vm->settings, &o->values, o->mask) : NULL;
	warn_conflict(vm, conflict, "what was set at run time is left out");
	vm->set = o && !conflict ? o->mask : 0;
	vm->mode = vm->settings.mode;
	if (r->dry_run && vm->settings.mode > MODE_OBSERVE)
		vm->settings.mode = MODE_OBSERVE;
	vm->announced = false; /* the journal is to say so */
}

const char *discovery_set(struct discovery *r, struct vm *vm, const struct control_change *change)
{
	const char *conflict;
	struct settings s;
	struct override o;

	overrides_try(&r->overrides, vm->name, change, &o);
	(void)config_settings(r->config, vm->called, &s);
	conflict = config_overlay(&s, &o.values, o.mask);
	if (conflict)
		return conflict;
	if (overrides_put(&r->overrides, &o) < 0)
		return "there is no room for more settings of this kind";
	discovery_settings(r, vm);
	log_info("settings-changed vm=%s set=%d mode=%s shares=%llu floor=%llu ceiling=%llu",
		 vm->name, __builtin_popcountll(vm->set), mode_word(vm->mode),
		 (unsigned long long)vm->settings.shares, (unsigned long long)vm->settings.floor_b,
		 (unsigned long long)vm->settings.ceiling_b);
	return NULL;
}

/* Marks the VM at @address as there; adds it where it is new. */
static void saw(struct discovery *r, const char *name, bool named, const char *address,
		enum vmm_kind kind, uint64_t now_us)
{
	struct vm *vm = fleet_find_address(r->fleet, address);
	int err;

	if (vm) {
		vm->seen = r->round;
		vm->kept = false;
		return;
	}
	err = fleet_add(r->fleet, name, address, &vm);
	if (err < 0) {
		log_warning("vm-not-added address=%s error=%s", address, strerror(-err));
		return;
	}
	err = vmm_add(r->vmm, kind, vm->address, vm, now_us, &vm->conn);
	if (err < 0) {
		log_warning("vm-not-added vm=%s address=%s error=%s", vm->name, address,
			    strerror(-err));
		fleet_remove(r->fleet, vm);
		return;
	}
	vm->named = named;
	vm->leased = kind == VMM_DEVICE;
	vm->seen = r->round;
	discovery_settings(r, vm);
	policy_vm_init(&vm->history);
	vm->wake_us = now_us;
	log_info("vm-added vm=%s address=%s", vm->name, vm->address);
}

static void see_configured(struct discovery *r, uint64_t now_us)
{
	size_t i;

	for (i = 0; i < r->config->nvms; i++) {
		const struct config_vm *vm = &r->config->vms[i];

		saw(r, vm->name, *vm->name != '\0', vm->path, vm->device ? VMM_DEVICE : VMM_QMP,
		    now_us);
	}
}

static void see_globbed(struct discovery *r, uint64_t now_us)
{
	size_t i, k;

	for (i = 0; i < r->config->nsockets; i++) {
		glob_t found;

		if (glob(r->config->sockets[i], 0, NULL, &found) == 0)
			for (k = 0; k < found.gl_pathc; k++)
				saw(r, "", false, found.gl_pathv[k], VMM_QMP, now_us);
		globfree(&found);
	}
}

/* The VM that is known by one of the sockets of @found, or NULL. */
static struct vm *known(const struct discovery *r, const struct discover_vm *found)
{
	struct vm *vm = NULL;
	size_t i;

	for (i = 0; i < found->nsocket && !vm; i++)
		vm = fleet_find_address(r->fleet, found->socket[i].path);
	return vm;
}

/* The socket of @found to try after @address (NULL: from the first on); NULL: there is no other. */
static const char *next_socket(const struct discovery *r, const struct discover_vm *found,
			       const char *address)
{
	size_t i, at = 0;

	for (i = 0; address && i < found->nsocket; i++)
		if (strcmp(found->socket[i].path, address) == 0)
			at = i + 1;
	for (i = 0; i < found->nsocket; i++) {
		const struct discover_socket *s = &found->socket[(at + i) % found->nsocket];

		if (!s->taken_by_libvirt && !fleet_find_address(r->fleet, s->path))
			return s->path;
	}
	return NULL;
}

/* A VM whose socket somebody else holds is tried at its next one, and stays the VM it is. */
static void try_next(struct discovery *r, struct vm *vm, const struct discover_vm *found,
		     uint64_t now_us)
{
	const char *path = next_socket(r, found, vm->address);
	struct vmm_conn *conn;

	if (!path || vmm_add(r->vmm, VMM_QMP, path, vm, now_us, &conn) < 0)
		return;
	if (fleet_move(r->fleet, vm, path) < 0) {
		vmm_remove(conn);
		return;
	}
	vmm_remove(vm->conn);
	vm->conn = conn;
}

static void see_again(struct discovery *r, struct vm *vm, const struct discover_vm *found,
		      uint64_t now_us)
{
	vm->seen = r->round;
	if (vm->pid != found->pid) {
		vm->was_up &= vm->pid == 0; /* a new process owes us nothing */
		vm->attach = true;
		vm->pid = found->pid;
	}
	if (!vm->was_up && *vmm_conn_trouble(vm->conn))
		try_next(r, vm, found, now_us);
}

static void see_processes(struct discovery *r, const struct discover_list *list, uint64_t now_us)
{
	size_t i, without = 0;

	for (i = 0; i < list->n; i++) {
		const struct discover_vm *found = &list->vm[i];
		struct vm *vm = known(r, found);
		const char *path;

		if (vm) {
			see_again(r, vm, found, now_us);
			continue;
		}
		path = next_socket(r, found, NULL);
		if (path) {
			saw(r, found->name, false, path, VMM_QMP, now_us);
			continue;
		}
		without++;
		if (!r->warned)
			log_warning("vm-without-socket vm=%s pid=%d why=\"it has no QMP socket of "
				    "ours: start it with -qmp unix:PATH,server=on,wait=off\"",
				    found->name, (int)found->pid);
	}
	r->warned = without > 0;
}

/* Goes on with the processes of the host. True: that was all. */
static bool see_discovered(struct discovery *r, uint64_t now_us)
{
	struct discover_list list;
	int err = 0;

	fds_open();
	if (!r->walk.dir)
		err = discover_begin(r->roots->proc, &r->walk);
	if (err == 0)
		err = discover_go_on(&r->walk, PROCESSES_AT_ONCE, &list);
	fds_close();
	if (err > 0)
		return false;
	if (err < 0) {
		log_warning("discovery error=%s", strerror(-err));
		return true;
	}
	see_processes(r, &list, now_us);
	discover_list_fini(&list);
	return true;
}

static void drop(struct discovery *r, struct vm *vm)
{
	log_info("vm-removed vm=%s address=%s", vm->name, vm->address);
	r->gone(r->userdata, vm);
	vmm_remove(vm->conn);
	footprint_free(vm->footprint);
	fleet_remove(r->fleet, vm);
}

/* One whose balloon may be out is kept, and its connection tried, until that is at 0. */
static void drop_or_keep(struct discovery *r, struct vm *vm)
{
	if (r->is_free(r->userdata, vm)) {
		drop(r, vm);
		return;
	}
	if (!vm->kept)
		log_warning("vm-kept vm=%s why=\"it is in no list any more, but its balloon may be "
			    "inflated\"",
			    vm->name);
	vm->kept = true;
}

bool discovery_update(struct discovery *r, uint64_t now_us)
{
	size_t i;

	if (!r->walk.dir) {
		r->round++;
		see_configured(r, now_us);
		see_globbed(r, now_us);
	}
	if (r->config->discover && !see_discovered(r, now_us))
		return false;
	discover_end(&r->walk); /* a reload may have ended discovery in the middle */
	for (i = r->fleet->n; i-- > 0;) {
		struct vm *vm = r->fleet->vm[i];

		/* whoever still answers is there, whatever the lists say */
		if (vm->seen != r->round && vm->facts.state == VM_STATE_DOWN)
			drop_or_keep(r, vm);
	}
	return true;
}

void discovery_close(struct discovery *r)
{
	size_t i;

	discover_end(&r->walk);
	for (i = 0; i < r->fleet->n; i++) {
		vmm_remove(r->fleet->vm[i]->conn);
		footprint_free(r->fleet->vm[i]->footprint);
	}
	overrides_fini(&r->overrides);
}
