/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fake_qemu.h - a thread that speaks as much QMP as a balloon needs
 *
 * In:    a path, the memory of the VM, how to misbehave.
 * Out:   a QMP server that, like QEMU, serves one client and leaves others waiting.
 */
#ifndef BALLONET_TESTS_FAKE_QEMU_H
#define BALLONET_TESTS_FAKE_QEMU_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum fake_mode {
	FAKE_GOOD,
	FAKE_SILENT,	/* accepts, and never greets */
	FAKE_CLOSES,	/* accepts, and closes */
	FAKE_GARBAGE,	/* greets with what is no QMP */
	FAKE_LONG_LINE, /* greets without end */
	FAKE_ERROR,	/* answers every command with an error */
	FAKE_BAD_SIZE,	/* says that the balloon's size is a word */
	FAKE_UNASKED,	/* answers twice what it was asked once */
	FAKE_NO_DEVICE, /* has no balloon device */
	FAKE_STUCK,	/* takes the target, and the balloon never moves */
	FAKE_RESET,  /* its guest was: tells a size only once there is something in the balloon */
	FAKE_NO_SET, /* no property can be set */
	FAKE_IN_PIECES, /* good, byte by byte, with events between */
};

struct fake_qemu {
	char path[108];
	_Atomic uint64_t ram_b; /* more of it may be plugged in */
	_Atomic uint64_t actual_b;
	_Atomic uint64_t target_b;
	_Atomic uint64_t set_value; /* of the last qom-set, and what the balloon was then */
	_Atomic uint64_t set_at_b;
	_Atomic int mode;	      /* enum fake_mode, of the next clients */
	_Atomic int misbehaves;	      /* so many clients are treated so, later ones well; -1: all */
	_Atomic unsigned int clients; /* ever greeted or refused */
	_Atomic unsigned int targets; /* ever set */
	bool tells;		      /* FAKE_RESET: it has told a size */
	int listen_fd;
	int stop_fd;
	pthread_t thread;
};

/* Starts to listen at @path; the balloon is at 0. Fails the test where it cannot. */
void fake_qemu_start(struct fake_qemu *q, const char *path, uint64_t ram_b);

/* Misbehaves with the next @clients clients (-1: with all). */
void fake_qemu_misbehave(struct fake_qemu *q, enum fake_mode mode, int clients);

/* Ends the thread and removes the socket. */
void fake_qemu_stop(struct fake_qemu *q);

#endif
