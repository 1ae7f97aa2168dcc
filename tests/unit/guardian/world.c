/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * world.c - fake QEMUs in a folder of their own, and a guardian's end to be seen
 */
#include "world.h"

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

const char *guardian_program;

uint64_t now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / 1000;
}

void look_later(void)
{
	(void)nanosleep(&(struct timespec){ .tv_nsec = LOOK_US * 1000 }, NULL);
}

int world_set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	char path[100];
	unsigned int i;

	assert_non_null(w);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/ballonet-guardian-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	for (i = 0; i < NVM; i++) {
		(void)snprintf(path, sizeof(path), "%s/%u.qmp", w->dir, i);
		fake_qemu_start(&w->qemu[i], path, RAM_B);
	}
	*state = w;
	return 0;
}

int world_tear_down(void **state)
{
	struct world *w = *state;
	unsigned int i;

	if (w->daemon > 0)
		(void)kill(w->daemon, SIGKILL);
	for (i = 0; i < NVM; i++)
		fake_qemu_stop(&w->qemu[i]);
	while (waitpid(-1, NULL, 0) > 0) /* the sockets are gone, so guardians end */
		;
	(void)rmdir(w->dir);
	free(w);
	return 0;
}

struct guardian_vm vm_of(const struct fake_qemu *q, uint64_t id)
{
	return (struct guardian_vm){ .id = id, .qmp_path = q->path, .ram_b = RAM_B };
}

int wait_child(pid_t pid)
{
	int status = 0;

	WAIT_FOR(waitpid(pid, &status, WNOHANG) > 0);
	return status;
}
