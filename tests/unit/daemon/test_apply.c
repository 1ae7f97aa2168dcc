/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_apply.c - a decision becomes a deed only where the guard and the guardian agree
 *
 * In:    decisions, a VM behind a fake QMP socket, facts that have changed meanwhile.
 * Out:   what QEMU was asked for.
 */
#include "daemon/apply.h"

#include "../vmm/world.h"

#include "base/num.h"
#include "host/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

struct scene {
	struct world *world;
	struct peer *peer;
	struct vm vm;
	struct daemon_figures figures;
};

/* The guardian's program, from the command line of the test. */
static const char *guardian_program;

/* A calm VM of 1 GiB that is up, and a decision that follows from its facts. */
static void scene_init(struct scene *s)
{
	*s = (struct scene){ 0 };
	s->world = world_one(&s->peer);
	(void)vmm_refresh(s->peer->conn, s->world->now_us);
	world_pass(s->world, 100 * USEC_PER_MSEC);
	s->vm = (struct vm){ .id = 1, .name = "a", .address = s->peer->path };
	s->vm.conn = s->peer->conn;
	settings_init(&s->vm.settings);
	s->vm.settings.stats_max_age_us = 60 * USEC_PER_SEC;
	s->vm.history.balloon.target_b = 1;
	vmm_facts(s->vm.conn, &s->vm.facts);
	s->peer->log[0] = '\0';
}

static void scene_fini(struct scene *s)
{
	world_free(s->world);
}

static void apply_target(struct scene *s, struct guardian *g, uint64_t target_b)
{
	struct decision d = {
		.vm_id = 1,
		.actions = ACT_SET_TARGET,
		.phase = PHASE_INFLATING,
		.reason = REASON_STEP,
		.target_b = target_b,
		.wake_us = s->world->now_us + 1,
	};

	apply_decision(&s->vm, &d, g, &s->figures, s->world->now_us);
	world_run(s->world);
}

static bool asked_for_a_balloon(const struct scene *s)
{
	return strstr(s->peer->log, "\"balloon\"") != NULL;
}

static void without_a_guardian_nothing_inflates(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s);
	apply_target(&s, NULL, s.vm.facts.ram_b.value - 64 * MIB);
	assert_false(asked_for_a_balloon(&s));
	assert_false(s.vm.held);
	assert_int_equal(s.figures.targets, 0);
	/* but what lets memory go needs nobody's leave */
	apply_target(&s, NULL, s.vm.facts.ram_b.value);
	assert_true(asked_for_a_balloon(&s));
	assert_int_equal(s.figures.targets, 1);
	scene_fini(&s);
}

static void the_guardian_hears_of_a_balloon_before_qemu_does(void **state)
{
	struct guardian *g = NULL;
	struct scene s;

	(void)state;
	scene_init(&s);
	assert_int_equal(guardian_start(guardian_program, 5 * USEC_PER_SEC, &g), 0);
	apply_target(&s, g, s.vm.facts.ram_b.value - 64 * MIB);
	assert_true(s.vm.held);
	assert_int_equal(s.vm.held_pid, getpid()); /* the fake QEMU's */
	assert_true(asked_for_a_balloon(&s));
	/* with the balloon back at 0 it is told so */
	s.vm.history.balloon.target_b = 0;
	apply_target(&s, g, s.vm.facts.ram_b.value);
	assert_false(s.vm.held);
	guardian_stop(g);
	scene_fini(&s);
}

/* A process that lives until it is killed, held as @vm's. */
static pid_t hold_a_process(struct vm *vm, int proc)
{
	pid_t pid = fork();
	struct process p;

	if (pid == 0) {
		(void)alarm(60); /* should the test fail before it kills it */
		(void)close(STDOUT_FILENO);
		(void)close(STDERR_FILENO);
		for (;;)
			(void)pause();
	}
	assert_int_equal(process_init(proc, pid, &p), 0);
	vm->held = true;
	vm->held_pid = pid;
	vm->held_ticks = p.start_ticks;
	process_fini(&p);
	return pid;
}

static void a_hold_ends_with_its_process_and_not_with_its_connection(void **state)
{
	int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct guardian *g = NULL;
	struct vm vm = { .id = 1 };
	pid_t pid;

	(void)state;
	assert_int_equal(guardian_start(guardian_program, 5 * USEC_PER_SEC, &g), 0);
	pid = hold_a_process(&vm, proc);
	apply_gone(&vm, proc, g);
	assert_true(vm.held);
	vm.held_ticks++; /* its pid is another's now */
	apply_gone(&vm, proc, g);
	assert_false(vm.held);
	vm.held = true;
	vm.held_ticks = 0; /* whoever listens is not the VM: no sign of anything */
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	apply_gone(&vm, proc, g);
	assert_true(vm.held);
	vm.held_ticks = 1;
	apply_gone(&vm, proc, g);
	assert_false(vm.held);
	guardian_stop(g);
	(void)close(proc);
}

/* Stops the guardian, and tells it of @vm until it takes no more. */
static void fill_up(struct guardian *g, const struct vm *vm)
{
	int r = 0;

	assert_int_equal(syscall(SYS_pidfd_send_signal, guardian_fd(g), SIGSTOP, NULL, 0), 0);
	while (r == 0)
		r = apply_retell(vm, g);
	assert_int_equal(r, -EAGAIN);
}

static void a_hold_lasts_until_the_guardian_took_its_end(void **state)
{
	struct guardian *g = NULL;
	struct scene s;
	int tries;

	(void)state;
	scene_init(&s);
	assert_int_equal(guardian_start(guardian_program, 60 * USEC_PER_SEC, &g), 0);
	apply_target(&s, g, s.vm.facts.ram_b.value - 64 * MIB);
	fill_up(g, &s.vm);
	s.vm.history.balloon.target_b = 0;
	apply_target(&s, g, s.vm.facts.ram_b.value);
	assert_true(s.vm.held);
	assert_int_equal(syscall(SYS_pidfd_send_signal, guardian_fd(g), SIGCONT, NULL, 0), 0);
	for (tries = 0; s.vm.held && tries < 2000; tries++) { /* 10 s: it has to read them all */
		(void)poll(NULL, 0, 5);
		apply_target(&s, g, s.vm.facts.ram_b.value);
	}
	assert_false(s.vm.held);
	guardian_stop(g);
	scene_fini(&s);
}

static void the_guard_is_asked_again_with_the_facts_of_now(void **state)
{
	struct guardian *g = NULL;
	struct scene s;

	(void)state;
	scene_init(&s);
	assert_int_equal(guardian_start(guardian_program, 5 * USEC_PER_SEC, &g), 0);
	/* the decision was fine; meanwhile the guest has used up its memory */
	s.peer->vm.free_b = 64 * MIB;
	s.peer->vm.cache_b = 0;
	s.world->now_us += 2 * USEC_PER_SEC;
	(void)vmm_refresh(s.vm.conn, s.world->now_us);
	world_pass(s.world, 2 * USEC_PER_SEC);
	s.peer->log[0] = '\0';
	apply_target(&s, g, s.vm.facts.ram_b.value - 64 * MIB);
	assert_int_equal(s.figures.targets_refused, 1);
	assert_false(asked_for_a_balloon(&s));
	assert_false(s.vm.held);
	guardian_stop(g);
	scene_fini(&s);
}

static void what_is_told_twice_is_remembered_once(void **state)
{
	struct decision d = { .vm_id = 1, .phase = PHASE_RESTING, .reason = REASON_REST };
	struct scene s;
	int i;

	(void)state;
	scene_init(&s);
	for (i = 0; i < 5; i++)
		apply_decision(&s.vm, &d, NULL, &s.figures, s.world->now_us);
	assert_int_equal(s.vm.recent_n, 1);
	d.reason = REASON_STEP; /* a small step on the way is no turn */
	apply_decision(&s.vm, &d, NULL, &s.figures, s.world->now_us);
	assert_int_equal(s.vm.recent_n, 1);
	scene_fini(&s);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_guardian_nothing_inflates),
		cmocka_unit_test(the_guardian_hears_of_a_balloon_before_qemu_does),
		cmocka_unit_test(a_hold_ends_with_its_process_and_not_with_its_connection),
		cmocka_unit_test(a_hold_lasts_until_the_guardian_took_its_end),
		cmocka_unit_test(the_guard_is_asked_again_with_the_facts_of_now),
		cmocka_unit_test(what_is_told_twice_is_remembered_once),
	};

	if (argc != 2)
		return 2;
	guardian_program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
