/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_release.c - how a balloon is brought to 0, by the guardian or step by step
 *
 * Argument: the guardian's program.
 */
#include "world.h"

#include "base/cleanup.h"
#include "guardian/guardian_release.h"
#include "host/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

/* The guardian holds @vm alone and is left: it does what it has to, and ends well. */
static void release_one(const struct guardian_vm *vm)
{
	struct guardian *g;

	assert_int_equal(guardian_start(guardian_program, LONG_US, &g), 0);
	assert_int_equal(guardian_hold(g, vm), 0);
	guardian_stop(g);
	assert_int_equal(wait_child(-1), 0);
}

static void all_memory_is_given_back_however_much_it_has_become(void **state)
{
	struct world *w = *state;
	struct guardian_vm vm = vm_of(&w->qemu[0], 1);

	w->qemu[0].actual_b = LOW_B;
	vm.ram_b = RAM_B / 2; /* the rest was plugged in after the daemon had looked */
	release_one(&vm);
	assert_int_equal(w->qemu[0].actual_b, RAM_B);
}

static uint64_t own_start_ticks(void)
{
	cleanup_close int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct process p;
	uint64_t ticks;

	assert_int_equal(process_init(proc, getpid(), &p), 0);
	ticks = p.start_ticks;
	process_fini(&p);
	return ticks;
}

static void the_vm_of_another_process_is_left_alone(void **state)
{
	struct world *w = *state;
	struct guardian_vm vm = vm_of(&w->qemu[0], 1);

	w->qemu[0].actual_b = LOW_B; /* as its owner wants it */
	vm.pid = getppid();
	release_one(&vm);
	vm.pid = getpid();
	vm.start_ticks = own_start_ticks() + 1; /* it has the pid that was another's */
	release_one(&vm);
	assert_int_equal(w->qemu[0].targets, 0);
	vm.start_ticks--;
	release_one(&vm);
	assert_int_equal(w->qemu[0].actual_b, RAM_B);
	w->qemu[0].actual_b = LOW_B;
	vm.start_ticks = 0;
	release_one(&vm);
	assert_int_equal(w->qemu[0].actual_b, RAM_B);
}

static void begin_release(struct release *r, const struct fake_qemu *q, uint64_t now)
{
	struct guardian_msg vm = { .id = 1, .ram_b = RAM_B };

	(void)snprintf(vm.path, sizeof(vm.path), "%s", q->path);
	release_init(r, &vm, now);
}

/* QEMU counts what is plugged into the memory that is left, so that is no sign of an end. */
static void memory_plugged_in_meanwhile_is_waited_for(void **state)
{
	struct world *w = *state;
	struct fake_qemu *q = &w->qemu[0];
	struct release r;
	uint64_t t = 1;

	fake_qemu_misbehave(q, FAKE_STUCK, -1);
	q->actual_b = LOW_B;
	begin_release(&r, q, t);
	WAIT_FOR(release_step(&r, t) || (r.state == RELEASE_PAUSE));
	q->ram_b += RAM_B;
	q->actual_b += RAM_B;
	t = release_wake_us(&r);
	WAIT_FOR(release_step(&r, t) || (r.state == RELEASE_PAUSE && r.actual_b == LOW_B + RAM_B));
	assert_int_equal(r.ram_b, 2 * RAM_B);
	q->actual_b = q->ram_b;
	t = release_wake_us(&r);
	WAIT_FOR(release_step(&r, t));
	assert_int_equal(r.outcome, RELEASED);
	release_fini(&r);
}

/* Time is a value here, so a minute costs nothing. */
static void a_balloon_that_never_moves_is_given_up_in_the_end(void **state)
{
	struct world *w = *state;
	struct release r;
	uint64_t t = 1;
	bool done;

	fake_qemu_misbehave(&w->qemu[0], FAKE_STUCK, -1);
	w->qemu[0].actual_b = LOW_B;
	begin_release(&r, &w->qemu[0], t);
	WAIT_FOR((done = release_step(&r, t), r.state == RELEASE_PAUSE));
	assert_true(r.accepted);
	assert_int_equal(r.actual_b, LOW_B);
	assert_int_equal(w->qemu[0].target_b, RAM_B);
	assert_false(done);
	assert_true(release_wake_us(&r) < RELEASE_MAX_US);
	assert_true(release_step(&r, t + RELEASE_MAX_US));
	assert_int_equal(r.outcome, RELEASE_NOT_REACHED);
	assert_int_equal(release_wake_us(&r), UINT64_MAX);
	assert_true(release_fd(&r) < 0);
	release_fini(&r);
}

/* Runs @r by a clock of its own until it has ended. When that was. */
static uint64_t run_release(struct release *r)
{
	struct pollfd p;
	uint64_t t = 0, n = 0;

	while (!release_step(r, t)) {
		p = (struct pollfd){ .fd = release_fd(r), .events = POLLIN };
		if (r->state == RELEASE_PAUSE || r->state == RELEASE_WAITING)
			t = release_wake_us(r); /* nothing comes before that */
		else
			assert_int_equal(poll(&p, 1, (int)(DEADLINE_US / USEC_PER_MSEC)), 1);
		assert_true(t <= RELEASE_MAX_US && n++ < 100000);
	}
	return t;
}

static void a_guest_that_was_reset_is_nudged(void **state)
{
	struct world *w = *state;
	struct release r;

	fake_qemu_misbehave(&w->qemu[0], FAKE_RESET, -1);
	w->qemu[0].actual_b = LOW_B; /* of the boot before */
	begin_release(&r, &w->qemu[0], 0);
	assert_true(run_release(&r) < RELEASE_MAX_US / 2);
	assert_int_equal(r.outcome, RELEASED);
	assert_int_equal(w->qemu[0].target_b, RAM_B);
	assert_int_equal(w->qemu[0].targets, 3); /* all, all but a little, all */
	release_fini(&r);
}

static void a_nudge_is_never_the_last_word(void **state)
{
	struct world *w = *state;
	struct release r;

	fake_qemu_misbehave(&w->qemu[0], FAKE_STUCK, -1);
	w->qemu[0].actual_b = LOW_B;
	begin_release(&r, &w->qemu[0], 0);
	assert_int_equal(run_release(&r), RELEASE_MAX_US);
	assert_int_equal(r.outcome, RELEASE_NOT_REACHED);
	assert_true(w->qemu[0].targets > 3);
	assert_int_equal(w->qemu[0].target_b, RAM_B);
	release_fini(&r);
}

static void what_else_was_changed_is_put_back_at_the_end(void **state)
{
	struct world *w = *state;
	struct guardian_vm vm = vm_of(&w->qemu[0], 1);
	char longest[GUARDIAN_UNDO_MAX + 1];

	vm.undo = "{\"path\":\"/machine/peripheral/b\",\"property\":\"p\",\"value\":17}";
	w->qemu[0].actual_b = LOW_B;
	release_one(&vm);
	assert_int_equal(w->qemu[0].set_value, 17);
	assert_int_equal(w->qemu[0].set_at_b, RAM_B); /* not before: it marks a leftover */

	fake_qemu_misbehave(&w->qemu[0], FAKE_NO_SET, 1);
	w->qemu[0].actual_b = LOW_B;
	release_one(&vm);
	assert_int_equal(w->qemu[0].actual_b, RAM_B);

	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	vm.undo = longest; /* has no room: the balloon goes to 0 all the same */
	w->qemu[0].actual_b = LOW_B;
	release_one(&vm);
	assert_int_equal(w->qemu[0].actual_b, RAM_B);
	assert_int_equal(w->qemu[0].set_value, 17);
}

static void a_qemu_that_never_greets_is_given_up_in_the_end(void **state)
{
	struct world *w = *state;
	struct release r;
	uint64_t t;

	fake_qemu_misbehave(&w->qemu[0], FAKE_SILENT, -1);
	begin_release(&r, &w->qemu[0], 0);
	for (t = 0; !release_step(&r, t); t = release_wake_us(&r))
		assert_true(t <= RELEASE_MAX_US);
	assert_int_equal(t, RELEASE_MAX_US);
	assert_int_equal(r.outcome, RELEASE_NOT_REACHED);
	assert_non_null(strstr(r.trouble, "greeting")); /* one reason or the other */
	release_fini(&r);
}

int main(int argc, char **argv)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, world_set_up, world_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(all_memory_is_given_back_however_much_it_has_become),
		TEST(the_vm_of_another_process_is_left_alone),
		TEST(memory_plugged_in_meanwhile_is_waited_for),
		TEST(a_balloon_that_never_moves_is_given_up_in_the_end),
		TEST(a_guest_that_was_reset_is_nudged),
		TEST(a_nudge_is_never_the_last_word),
		TEST(what_else_was_changed_is_put_back_at_the_end),
		TEST(a_qemu_that_never_greets_is_given_up_in_the_end),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: %s GUARDIAN-PROGRAM\n", argv[0]);
		return 2;
	}
	guardian_program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
