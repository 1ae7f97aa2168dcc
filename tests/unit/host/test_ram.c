/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * test_ram.c - the RAM of real processes, counted apart from what else they have
 *
 * Layer: tests.
 *
 * Each test is told twice, by PAGEMAP_SCAN (where this kernel has it) and by smaps.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/num.h"
#include "host/footprint.h"
#include "host/pagemap.h"
#include "host/ram.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* No mapping of a test program or a sanitizer has this size. */
#define RAM_B (333 * MIB)

/* A child with RAM that obeys one-letter commands: t(ouch), f(ree), u(nmap), r(ead). */
struct child {
	pid_t pid;
	int command, done;
	struct process process;
	struct ram ram;
};

static void child_obey(char *ram, char command)
{
	volatile char sum = 0;
	size_t i;

	switch (command) {
	case 't':
		memset(ram, 1, 64 * MIB);
		break;
	case 'f':
		(void)madvise(ram, 32 * MIB, MADV_DONTNEED);
		break;
	case 'u':
		(void)munmap(ram, RAM_B / 2 / MIB * MIB);
		break;
	case 'r':
		for (i = 128 * MIB; i < 256 * MIB; i += 4096)
			sum = (char)(sum + ram[i]);
		break;
	case 'h': /* the hypervisor itself */
		memset(mmap(NULL, 40 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0),
		       1, 40 * MIB);
		break;
	}
}

static void child_start(struct child *c, bool by_smaps)
{
	int command[2], done[2], proc;
	char byte;

	assert_int_equal(pipe(command), 0);
	assert_int_equal(pipe(done), 0);
	c->pid = fork();
	assert_true(c->pid >= 0);
	if (c->pid == 0) {
		char *ram = mmap(NULL, RAM_B, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
				 -1, 0);

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)madvise(ram, RAM_B, MADV_NOHUGEPAGE); /* pages are as many as were touched */
		(void)write(done[1], "r", 1);
		while (read(command[0], &byte, 1) == 1) {
			child_obey(ram, byte);
			(void)write(done[1], "d", 1);
		}
		_exit(0);
	}
	c->command = command[1];
	c->done = done[0];
	(void)close(command[0]);
	(void)close(done[1]);
	assert_int_equal(read(c->done, &byte, 1), 1);
	proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(process_init(proc, c->pid, &c->process), 0);
	(void)close(proc);
	assert_int_equal(ram_find(&c->process, RAM_B, &c->ram), 0);
	c->ram.by_smaps = by_smaps;
}

static void child_do(const struct child *c, char command)
{
	char byte;

	assert_int_equal(write(c->command, &command, 1), 1);
	assert_int_equal(read(c->done, &byte, 1), 1);
}

static void child_stop(struct child *c)
{
	(void)kill(c->pid, SIGKILL);
	(void)waitpid(c->pid, NULL, 0);
	(void)close(c->command);
	(void)close(c->done);
	process_fini(&c->process);
}

static int count(struct child *c, struct ram_bytes *ret)
{
	int r;

	do
		r = ram_pass(&c->ram, &c->process, ret);
	while (r == -EINPROGRESS);
	return r;
}

static void is_counted_apart(bool by_smaps)
{
	struct ram_bytes bytes;
	struct child c;

	child_start(&c, by_smaps);
	assert_true(ram_has_private(&c.ram));
	assert_int_equal(count(&c, &bytes), 0);
	assert_int_equal(bytes.present_b, 0);
	child_do(&c, 't');
	assert_int_equal(count(&c, &bytes), 0);
	assert_int_equal(bytes.present_b + bytes.swapped_b, 64 * MIB);
	child_do(&c, 'h');
	child_do(&c, 'r'); /* what was only read is nobody's */
	assert_int_equal(count(&c, &bytes), 0);
	assert_int_equal(bytes.present_b + bytes.swapped_b, 64 * MIB);
	child_do(&c, 'f');
	assert_int_equal(count(&c, &bytes), 0);
	assert_int_equal(bytes.present_b + bytes.swapped_b, 32 * MIB);
	child_stop(&c);
}

static void ram_is_counted_apart_to_the_page(void **state)
{
	(void)state;
	is_counted_apart(false);
	is_counted_apart(true);
}

static void memory_that_was_unmapped_is_not_taken_for_freed(void **state)
{
	struct ram_bytes bytes = { .present_b = 7 };
	struct child c;
	int by_smaps;

	(void)state;
	for (by_smaps = 0; by_smaps < 2; by_smaps++) {
		child_start(&c, by_smaps);
		child_do(&c, 't');
		child_do(&c, 'u');
		assert_int_equal(count(&c, &bytes), -ESTALE);
		assert_int_equal(bytes.present_b, 7);
		child_stop(&c);
	}
}

static void a_process_that_ends_is_gone(void **state)
{
	struct ram_bytes bytes;
	struct child c;
	int by_smaps;

	(void)state;
	for (by_smaps = 0; by_smaps < 2; by_smaps++) {
		child_start(&c, by_smaps);
		(void)kill(c.pid, SIGKILL);
		(void)waitpid(c.pid, NULL, 0);
		assert_int_equal(count(&c, &bytes), -ESRCH);
		child_stop(&c);
	}
}

static void a_kernel_without_the_scan_is_served_by_smaps(void **state)
{
	struct ram_bytes bytes = { 0 };
	int fd =
		open("/proc/self/maps", O_RDONLY | O_CLOEXEC); /* any file that has no such ioctl */

	(void)state;
	assert_int_equal(pagemap_count(fd, 0x10000, 0x20000, &bytes), -ENOTTY);
	(void)close(fd);
}

/* On a busy machine one turn is not enough. */
static int read_whole(struct footprint *fp, uint64_t ram_b, uint64_t now_us,
		      struct footprint_figures *ret)
{
	int r;

	r = footprint_read(fp, ram_b, now_us, true, ret);
	while (r == -EINPROGRESS || (r == 0 && footprint_next(fp) != UINT64_MAX))
		r = footprint_read(fp, ram_b, now_us, false, ret);
	return r;
}

static void the_footprint_of_a_vm_is_that_of_its_ram(void **state)
{
	struct footprint_budget budget = { 0 };
	struct footprint_figures is;
	struct host_roots roots;
	struct footprint *fp;
	struct child c;

	(void)state;
	assert_int_equal(host_roots_init(&roots), 0);
	child_start(&c, false);
	child_do(&c, 't');
	child_do(&c, 'h');
	assert_int_equal(footprint_new(&roots, &budget, c.pid, &fp), 0);
	assert_int_equal(read_whole(fp, RAM_B, 1000, &is), 0);
	assert_int_equal(footprint_next(fp), UINT64_MAX);
	assert_true(footprint_is_apart(is.source));
	assert_int_equal(is.backed_b.value, 64 * MIB);
	assert_int_equal(is.backed_b.taken_us, 1000);
	assert_true(is.swapped_b.known);
	assert_true(is.own_b.known && is.own_b.value >= 40 * MIB);
	/* where its memory is not known it is the whole process that is measured */
	assert_int_equal(read_whole(fp, 0, 1001, &is), 0);
	assert_false(footprint_is_apart(is.source));
	assert_false(is.own_b.known);
	assert_true(is.backed_b.value >= 104 * MIB);
	/* nor where no mapping has that size */
	assert_int_equal(read_whole(fp, RAM_B + MIB, 1002, &is), 0);
	assert_false(footprint_is_apart(is.source));
	child_stop(&c);
	assert_int_equal(read_whole(fp, RAM_B, 1003, &is), -ESRCH);
	footprint_free(fp);
	host_roots_fini(&roots);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ram_is_counted_apart_to_the_page),
		cmocka_unit_test(memory_that_was_unmapped_is_not_taken_for_freed),
		cmocka_unit_test(a_process_that_ends_is_gone),
		cmocka_unit_test(a_kernel_without_the_scan_is_served_by_smaps),
		cmocka_unit_test(the_footprint_of_a_vm_is_that_of_its_ram),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
