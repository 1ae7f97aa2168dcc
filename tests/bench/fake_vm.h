/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_vm.h - a QEMU as seen through its monitor: answers without a guest
 *
 * In:    lines of QMP that ballonet sends, the wall clock.
 * Out:   lines that QEMU 7.2 would send back.
 *
 * Shared by the unit tests of vmm/ and by fake_qmp, so that both talk to the
 * same dialogue. It knows the requests that ballonet makes by their text, and
 * is therefore cheap.
 */
#ifndef BALLONET_TESTS_FAKE_VM_H
#define BALLONET_TESTS_FAKE_VM_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum fake_place { FAKE_PERIPHERAL, FAKE_ANON, FAKE_NOWHERE };

struct fake_vm {
	char name[64];
	char uuid[40];	       /* "": a QEMU that was given none */
	enum fake_place place; /* of the balloon device */
	bool no_driver;	       /* the guest never answers, the balloon never moves */
	bool idle;	       /* the guest's figures are always the same */
	bool slow;	       /* the guest answers only when fake_vm_guest_answers() says so */
	bool paused;
	bool reporting;
	uint64_t ram_b, target_b, actual_b;
	uint64_t free_b, cache_b, faults;
	uint64_t interval_s;
	uint64_t last_update_s;
	uint64_t asked;		 /* times the guest was asked for statistics */
	uint64_t sent;		 /* times the statistics were read */
	const char *error_for;	 /* a part of the requests that are answered by an error */
	const char *spare;	 /* ... unless this is a part of them */
	const char *error_class; /* "GenericError" where NULL */
	const char *answer_for;	 /* a part of the requests that are answered by ... */
	const char *answer;	 /* ... this, whatever it is */
};

/* A guest of @ram_b bytes that runs, with its balloon at 0. */
void fake_vm_init(struct fake_vm *vm, const char *name, uint64_t ram_b);

void fake_vm_greet(const struct fake_vm *vm, struct buf *out);

/* Answers one request (a line without its end). */
void fake_vm_answer(struct fake_vm *vm, const char *line, uint64_t wall_s, struct buf *out);

/* The guest sends statistics. */
void fake_vm_guest_answers(struct fake_vm *vm, uint64_t wall_s);

/* Moves the balloon by at most @step_b towards the target, and tells it; false: it is there. */
bool fake_vm_move(struct fake_vm *vm, uint64_t step_b, struct buf *out);

#endif
