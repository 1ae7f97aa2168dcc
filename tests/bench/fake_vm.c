/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_vm.c - a QEMU as seen through its monitor: answers without a guest
 *
 * In:    lines of QMP that ballonet sends, the wall clock.
 * Out:   lines that QEMU 7.2 would send back.
 */
#include "fake_vm.h"

#include "base/num.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNKNOWN "18446744073709551615"

void fake_vm_init(struct fake_vm *vm, const char *name, uint64_t ram_b)
{
	*vm = (struct fake_vm){
		.ram_b = ram_b,
		.target_b = ram_b,
		.actual_b = ram_b,
		.free_b = ram_b / 2,
		.cache_b = ram_b / 8,
		.faults = 1000,
	};
	(void)snprintf(vm->name, sizeof(vm->name), "%s", name);
}

void fake_vm_greet(const struct fake_vm *vm, struct buf *out)
{
	(void)vm;
	(void)buf_printf(out,
			 "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, "
			 "\"major\": 7}, \"package\": \"\"}, \"capabilities\": [\"oob\"]}}\r\n");
}

void fake_vm_guest_answers(struct fake_vm *vm, uint64_t wall_s)
{
	if (vm->no_driver)
		return;
	vm->last_update_s = wall_s;
	if (vm->idle)
		return;
	vm->faults += 7;
	vm->free_b ^= 4096;
}

/* The guest is asked every interval; its answers are worked out when somebody looks. */
static void poll_timer(struct fake_vm *vm, uint64_t wall_s)
{
	if (vm->interval_s && !vm->slow && !vm->paused &&
	    wall_s >= vm->last_update_s + vm->interval_s)
		fake_vm_guest_answers(vm, wall_s);
}

static void set_interval(struct fake_vm *vm, uint64_t interval_s, uint64_t wall_s)
{
	bool starts = interval_s && !vm->interval_s;

	vm->interval_s = interval_s;
	if (!starts || vm->paused)
		return;
	vm->asked++;
	if (!vm->slow)
		fake_vm_guest_answers(vm, wall_s);
}

static uint64_t available_b(const struct fake_vm *vm)
{
	return u64_sub_sat(vm->free_b + vm->cache_b, vm->ram_b - vm->actual_b);
}

static void tell_stats(struct fake_vm *vm, uint64_t wall_s, struct buf *out)
{
	poll_timer(vm, wall_s);
	vm->sent++;
	if (!vm->last_update_s) {
		(void)buf_printf(out,
				 "{\"return\": {\"stats\": {\"stat-free-memory\": " UNKNOWN
				 ", \"stat-total-memory\": " UNKNOWN "}, \"last-update\": 0}}\r\n");
		return;
	}
	(void)buf_printf(
		out,
		"{\"return\": {\"stats\": {\"stat-htlb-pgalloc\": 0, \"stat-swap-out\": 0, "
		"\"stat-available-memory\": %llu, \"stat-htlb-pgfail\": 0, "
		"\"stat-free-memory\": %llu, \"stat-minor-faults\": %llu, "
		"\"stat-major-faults\": 100, \"stat-total-memory\": %llu, \"stat-swap-in\": 0, "
		"\"stat-disk-caches\": %llu}, \"last-update\": %llu}}\r\n",
		(unsigned long long)available_b(vm),
		(unsigned long long)u64_sub_sat(vm->free_b, vm->ram_b - vm->actual_b),
		(unsigned long long)vm->faults, (unsigned long long)vm->ram_b,
		(unsigned long long)vm->cache_b, (unsigned long long)vm->last_update_s);
}

static void tell_devices(const struct fake_vm *vm, enum fake_place place, struct buf *out)
{
	(void)buf_printf(out, "{\"return\": [{\"name\": \"type\", \"type\": \"string\"}%s%s]}\r\n",
			 place == FAKE_PERIPHERAL
				 ? ", {\"name\": \"net0\", \"type\": \"child<virtio-net-pci>\"}"
				 : "",
			 place != vm->place	    ? ""
			 : place == FAKE_PERIPHERAL ? ", {\"name\": \"balloon0\", "
						      "\"type\": \"child<virtio-balloon-pci>\"}"
						    : ", {\"name\": \"device[0]\", "
						      "\"type\": \"child<virtio-balloon-ccw>\"}");
}

static uint64_t number_after(const char *line, const char *key)
{
	const char *p = strstr(line, key);

	return p ? strtoull(p + strlen(key), NULL, 10) : 0;
}

static void answer_known(struct fake_vm *vm, const char *line, uint64_t wall_s, struct buf *out)
{
	if (strstr(line, "\"guest-stats\"")) {
		tell_stats(vm, wall_s, out);
	} else if (strstr(line, "qom-set")) {
		set_interval(vm, number_after(line, "\"value\":"), wall_s);
		(void)buf_printf(out, "{\"return\": {}}\r\n");
	} else if (strstr(line, "guest-stats-polling-interval")) {
		(void)buf_printf(out, "{\"return\": %llu}\r\n", (unsigned long long)vm->interval_s);
	} else if (strstr(line, "free-page-reporting")) {
		(void)buf_printf(out, "{\"return\": %s}\r\n", vm->reporting ? "true" : "false");
	} else if (strstr(line, "query-balloon")) {
		(void)buf_printf(out, "{\"return\": {\"actual\": %llu}}\r\n",
				 (unsigned long long)vm->actual_b);
	} else if (strstr(line, "query-memory-size-summary")) {
		(void)buf_printf(out,
				 "{\"return\": {\"base-memory\": %llu, \"plugged-memory\": 0}}\r\n",
				 (unsigned long long)vm->ram_b);
	} else if (strstr(line, "query-status")) {
		(void)buf_printf(out,
				 "{\"return\": {\"status\": \"%s\", \"singlestep\": false, "
				 "\"running\": %s}}\r\n",
				 vm->paused ? "paused" : "running", vm->paused ? "false" : "true");
	} else if (strstr(line, "query-cpus-fast")) {
		(void)buf_printf(out, "{\"return\": [{\"cpu-index\": 0}, {\"cpu-index\": 1}]}\r\n");
	} else if (strstr(line, "query-name")) {
		(void)buf_printf(out, "{\"return\": {\"name\": \"%s\"}}\r\n", vm->name);
	} else if (strstr(line, "query-uuid")) {
		(void)buf_printf(out, "{\"return\": {\"UUID\": \"%s\"}}\r\n",
				 *vm->uuid ? vm->uuid : "00000000-0000-0000-0000-000000000000");
	} else if (strstr(line, "peripheral-anon\"")) {
		tell_devices(vm, FAKE_ANON, out);
	} else if (strstr(line, "qom-list")) {
		tell_devices(vm, FAKE_PERIPHERAL, out);
	} else if (strstr(line, "\"balloon\"")) {
		vm->target_b = u64_min(number_after(line, "\"value\":"), vm->ram_b);
		(void)buf_printf(out, "{\"return\": {}}\r\n");
	} else if (strstr(line, "qmp_capabilities")) {
		(void)buf_printf(out, "{\"return\": {}}\r\n");
	} else {
		(void)buf_printf(out, "{\"error\": {\"class\": \"CommandNotFound\", "
				      "\"desc\": \"The command has not been found\"}}\r\n");
	}
}

void fake_vm_answer(struct fake_vm *vm, const char *line, uint64_t wall_s, struct buf *out)
{
	if (vm->error_for && strstr(line, vm->error_for) && !(vm->spare && strstr(line, vm->spare)))
		(void)buf_printf(out,
				 "{\"error\": {\"class\": \"%s\", \"desc\": \"no such thing\"}}"
				 "\r\n",
				 vm->error_class ? vm->error_class : "GenericError");
	else if (vm->answer_for && strstr(line, vm->answer_for))
		(void)buf_printf(out, "%s\r\n", vm->answer);
	else
		answer_known(vm, line, wall_s, out);
}

bool fake_vm_move(struct fake_vm *vm, uint64_t step_b, struct buf *out)
{
	if (vm->no_driver || vm->paused || vm->actual_b == vm->target_b)
		return false;
	if (vm->actual_b > vm->target_b)
		vm->actual_b = u64_max(u64_sub_sat(vm->actual_b, step_b), vm->target_b);
	else
		vm->actual_b = u64_min(vm->actual_b + step_b, vm->target_b);
	(void)buf_printf(out,
			 "{\"timestamp\": {\"seconds\": 1, \"microseconds\": 2}, \"event\": "
			 "\"BALLOON_CHANGE\", \"data\": {\"actual\": %llu}}\r\n",
			 (unsigned long long)vm->actual_b);
	return vm->actual_b != vm->target_b;
}
