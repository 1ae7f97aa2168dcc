/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_discovery.c - which VMs the daemon comes to know, and which it leaves alone
 *
 * In:    a /proc of our own, sockets that nobody serves, configurations.
 * Out:   the fleet after a look around.
 */
#include "daemon/discovery.h"

#include "../host/tree.h"

#include "base/num.h"
#include "vmm/vmm.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

struct scene {
	struct tree proc, files;
	struct host_roots roots;
	struct config config;
	struct fleet fleet;
	struct vmm *vmm;
	struct discovery discovery;
	unsigned int gone;
};

static void on_event(void *userdata, struct vmm_conn *conn, enum vmm_event event)
{
	(void)userdata;
	(void)conn;
	(void)event;
}

static bool is_free(void *userdata, struct vm *vm)
{
	(void)userdata;
	return !vm->held;
}

static void on_gone(void *userdata, struct vm *vm)
{
	struct scene *s = userdata;

	assert_non_null(vm->conn);
	s->gone++;
}

static void scene_init(struct scene *s)
{
	*s = (struct scene){ 0 };
	tree_init(&s->proc);
	tree_init(&s->files);
	s->roots = (struct host_roots){ .proc = s->proc.fd, .cgroup = -EBADF };
	assert_int_equal(config_init(&s->config), 0);
	fleet_init(&s->fleet);
	assert_int_equal(vmm_new(5, on_event, s, &s->vmm), 0);
	s->discovery = (struct discovery){
		.fleet = &s->fleet,
		.vmm = s->vmm,
		.config = &s->config,
		.roots = &s->roots,
		.is_free = is_free,
		.gone = on_gone,
		.userdata = s,
	};
}

static void scene_fini(struct scene *s)
{
	discovery_close(&s->discovery);
	vmm_free(s->vmm);
	fleet_fini(&s->fleet);
	config_fini(&s->config);
	tree_fini(&s->proc);
	tree_fini(&s->files);
}

static void look(struct scene *s)
{
	while (!discovery_update(&s->discovery, 1000 * USEC_PER_SEC))
		;
}

/* A QEMU process with the command line @arguments, parted by '|'. */
static void put_qemu(struct scene *s, int pid, const char *arguments)
{
	char path[32], bytes[512];
	size_t i, n = strlen(arguments) + 1;

	memcpy(bytes, arguments, n);
	for (i = 0; i < n; i++)
		if (bytes[i] == '|')
			bytes[i] = '\0';
	tree_put_stat(&s->proc, pid, "qemu", 'S', 1, 1, 100);
	(void)snprintf(path, sizeof(path), "%d/cmdline", pid);
	tree_put_bytes(&s->proc, path, bytes, n);
}

/* The configuration globs for sockets in the folder of files. */
static void glob_files(struct scene *s)
{
	char pattern[256], link[64];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", s->files.fd);
	n = readlink(link, pattern, sizeof(pattern) - 8);
	assert_true(n > 0);
	(void)snprintf(pattern + n, 8, "/*.qmp");
	s->config.sockets = calloc(1, sizeof(char *));
	s->config.sockets[0] = strdup(pattern);
	s->config.nsockets = 1;
}

static void a_running_qemu_is_found_by_itself(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	put_qemu(&s, 7, "/usr/bin/qemu-system-x86_64|-name|guest=web|-qmp|unix:/run/web,server=on");
	look(&s);
	assert_int_equal(s.fleet.n, 1);
	assert_string_equal(s.fleet.vm[0]->name, "web");
	assert_string_equal(s.fleet.vm[0]->address, "/run/web");
	look(&s);
	assert_int_equal(s.fleet.n, 1);
	assert_int_equal(s.fleet.vm[0]->pid, 7); /* discovery knows its process */
	tree_remove(&s.proc, "7");
	s.fleet.vm[0]->held = true; /* its balloon may be out */
	look(&s);
	look(&s);
	assert_int_equal(s.fleet.n, 1);
	s.fleet.vm[0]->held = false;
	look(&s);
	assert_int_equal(s.fleet.n, 0);
	assert_int_equal(s.gone, 1);
	scene_fini(&s);
}

static void two_ways_to_find_a_vm_are_one_vm(void **state)
{
	char arguments[512];
	struct scene s;

	(void)state;
	scene_init(&s);
	glob_files(&s);
	tree_put(&s.files, "a.qmp", "");
	look(&s);
	assert_int_equal(s.fleet.n, 1);
	assert_string_equal(s.fleet.vm[0]->name, "a.qmp");
	(void)snprintf(arguments, sizeof(arguments), "qemu-system-x86_64|-qmp|unix:%s,server",
		       s.fleet.vm[0]->address);
	put_qemu(&s, 7, arguments);
	look(&s);
	assert_int_equal(s.fleet.n, 1);
	/* one of them is enough for it to stay */
	tree_remove(&s.proc, "7");
	look(&s);
	assert_int_equal(s.fleet.n, 1);
	tree_remove(&s.files, "a.qmp");
	look(&s);
	assert_int_equal(s.fleet.n, 0);
	scene_fini(&s);
}

static void libvirts_own_socket_is_never_connected_to(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	put_qemu(&s, 7,
		 "qemu-system-x86_64|-name|guest=db|-chardev|socket,id=charmonitor,"
		 "path=/var/lib/libvirt/qemu/domain-1-db/monitor.sock,server=on|"
		 "-mon|chardev=charmonitor,id=monitor,mode=control");
	look(&s);
	assert_int_equal(s.fleet.n, 0);
	scene_fini(&s);
}

static void discovery_can_be_switched_off(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	s.config.discover = false;
	put_qemu(&s, 7, "qemu-system-x86_64|-qmp|unix:/run/web,server=on");
	look(&s);
	assert_int_equal(s.fleet.n, 0);
	scene_fini(&s);
}

static void a_vm_that_still_answers_is_not_dropped(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	put_qemu(&s, 7, "qemu-system-x86_64|-qmp|unix:/run/web,server=on");
	look(&s);
	s.fleet.vm[0]->facts.state = VM_STATE_RUNNING;
	tree_remove(&s.proc, "7"); /* hidden from us, for instance in another pid namespace */
	look(&s);
	assert_int_equal(s.fleet.n, 1);
	scene_fini(&s);
}

static void a_dry_run_only_observes_and_shows_the_mode_that_is_set(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	s.discovery.dry_run = true;
	put_qemu(&s, 7, "qemu-system-x86_64|-qmp|unix:/run/web,server=on");
	look(&s);
	assert_int_equal(s.fleet.vm[0]->settings.mode, MODE_OBSERVE);
	assert_int_equal(s.fleet.vm[0]->mode, MODE_SQUEEZE);
	s.config.defaults.mode = MODE_RIGHTSIZE;
	discovery_settings(&s.discovery, s.fleet.vm[0]);
	assert_int_equal(s.fleet.vm[0]->settings.mode, MODE_OBSERVE);
	s.config.defaults.mode = MODE_OFF;
	discovery_settings(&s.discovery, s.fleet.vm[0]);
	assert_int_equal(s.fleet.vm[0]->settings.mode, MODE_OFF);
	scene_fini(&s);
}

/* Takes over a configuration of this text. */
static void configure(struct scene *s, const char *text)
{
	char error[256] = "", path[128];

	config_fini(&s->config);
	tree_put(&s->files, "ballonet.yaml", text);
	(void)snprintf(path, sizeof(path), "%s/ballonet.yaml", s->files.path);
	if (config_load(path, NULL, &s->config, error, sizeof(error)) < 0)
		fail_msg("%s", error);
}

static uint64_t bit(const char *key)
{
	size_t n;

	return UINT64_C(1) << (setting_find(key) - settings_table(&n));
}

/* A VM called web. */
static struct vm *web(struct scene *s)
{
	put_qemu(s, 7, "qemu-system-x86_64|-name|guest=web|-qmp|unix:/run/web,server=on");
	look(s);
	assert_int_equal(s->fleet.n, 1);
	return s->fleet.vm[0];
}

static void a_vm_shows_its_group_and_the_one_it_matches_too(void **state)
{
	struct scene s;
	struct vm *vm;

	(void)state;
	scene_init(&s);
	configure(&s, "groups:\n  - {name: front, match: [w*], shares: 300}\n"
		      "  - {name: all, match: [\"*\"], shares: 10}\n");
	vm = web(&s);
	assert_string_equal(vm->group, "front");
	assert_string_equal(vm->group_too, "all");
	assert_int_equal(vm->settings.shares, 300);
	configure(&s, "groups:\n  - {name: all, match: [\"*\"], shares: 10}\n");
	discovery_settings(&s.discovery, vm);
	assert_string_equal(vm->group, "all");
	assert_string_equal(vm->group_too, "");
	assert_int_equal(vm->settings.shares, 10);
	configure(&s, "");
	discovery_settings(&s.discovery, vm);
	assert_string_equal(vm->group, "");
	scene_fini(&s);
}

static void what_is_set_stays_on_top_of_a_reload_until_it_is_taken_back(void **state)
{
	struct control_change change = { .mask = bit("shares") | bit("floor") };
	struct scene s;
	struct vm *vm;

	(void)state;
	scene_init(&s);
	vm = web(&s);
	vm->announced = true;
	change.values.shares = 500;
	change.values.floor_b = GIB;
	assert_null(discovery_set(&s.discovery, vm, &change));
	assert_int_equal(vm->settings.shares, 500);
	assert_int_equal(vm->settings.floor_b, GIB);
	assert_int_equal(vm->set, bit("shares") | bit("floor"));
	assert_false(vm->announced); /* the journal is told */
	configure(&s, "defaults: {shares: 50, step: 32MiB}\n");
	discovery_settings(&s.discovery, vm);
	assert_int_equal(vm->settings.shares, 500);
	assert_int_equal(vm->settings.step_b, 32 * MIB);
	change = (struct control_change){ .clear = bit("shares") };
	assert_null(discovery_set(&s.discovery, vm, &change));
	assert_int_equal(vm->settings.shares, 50);
	assert_int_equal(vm->settings.floor_b, GIB);
	change = (struct control_change){ .reset = true };
	assert_null(discovery_set(&s.discovery, vm, &change));
	assert_int_equal(vm->settings.floor_b, 0);
	assert_int_equal(vm->set, 0);
	assert_int_equal(s.discovery.overrides.n, 0);
	scene_fini(&s);
}

static void a_vm_that_is_started_again_keeps_what_was_set(void **state)
{
	struct control_change change = { .mask = bit("mode") };
	struct scene s;
	struct vm *vm;

	(void)state;
	scene_init(&s);
	vm = web(&s);
	change.values.mode = MODE_OBSERVE;
	assert_null(discovery_set(&s.discovery, vm, &change));
	tree_remove(&s.proc, "7");
	look(&s);
	assert_int_equal(s.fleet.n, 0);
	vm = web(&s);
	assert_int_equal(vm->settings.mode, MODE_OBSERVE);
	scene_fini(&s);
}

static void what_contradicts_the_rest_is_refused_or_left_out(void **state)
{
	struct control_change change = { .mask = bit("floor") };
	struct scene s;
	struct vm *vm;

	(void)state;
	scene_init(&s);
	configure(&s, "defaults: {ceiling: 1GiB}\n");
	vm = web(&s);
	change.values.floor_b = 2 * GIB;
	assert_string_equal(discovery_set(&s.discovery, vm, &change), "floor is above ceiling");
	assert_int_equal(vm->settings.floor_b, 0);
	assert_int_equal(s.discovery.overrides.n, 0);
	change.values.floor_b = GIB;
	assert_null(discovery_set(&s.discovery, vm, &change));
	configure(&s, "defaults: {ceiling: 512MiB}\n"); /* a reload that does not go with it */
	discovery_settings(&s.discovery, vm);
	assert_int_equal(vm->settings.floor_b, 0);
	assert_int_equal(vm->settings.ceiling_b, 512 * MIB);
	assert_int_equal(vm->set, 0);
	configure(&s, "");
	discovery_settings(&s.discovery, vm);
	assert_int_equal(vm->settings.floor_b, GIB); /* it was not forgotten */
	scene_fini(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_running_qemu_is_found_by_itself),
		cmocka_unit_test(two_ways_to_find_a_vm_are_one_vm),
		cmocka_unit_test(libvirts_own_socket_is_never_connected_to),
		cmocka_unit_test(discovery_can_be_switched_off),
		cmocka_unit_test(a_vm_that_still_answers_is_not_dropped),
		cmocka_unit_test(a_dry_run_only_observes_and_shows_the_mode_that_is_set),
		cmocka_unit_test(a_vm_shows_its_group_and_the_one_it_matches_too),
		cmocka_unit_test(what_is_set_stays_on_top_of_a_reload_until_it_is_taken_back),
		cmocka_unit_test(a_vm_that_is_started_again_keeps_what_was_set),
		cmocka_unit_test(what_contradicts_the_rest_is_refused_or_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
