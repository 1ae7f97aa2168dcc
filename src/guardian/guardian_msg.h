/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guardian_msg.h - what the daemon says to its guardian
 *
 * Layer: guardian.
 * In:    nothing.
 * Out:   one message, and where the guardian finds its file descriptors.
 *
 * Both ends come from one build, so the struct itself is sent. Magic and version
 * catch the case that only one of the two was upgraded.
 */
#ifndef BALLONET_GUARDIAN_MSG_H
#define BALLONET_GUARDIAN_MSG_H

#include <stdint.h>
#include <sys/un.h>

#define GUARDIAN_SOCKET_FD 3 /* SOCK_SEQPACKET; one message per packet */
#define GUARDIAN_PIDFD_FD 4  /* the daemon, so that no other process is ever killed for it */

#define GUARDIAN_MAGIC UINT32_C(0x6e6c6c62) /* "blln" */
#define GUARDIAN_VERSION 3

#define GUARDIAN_WATCHDOG_MIN_US UINT64_C(100000)

/* Room for vmm_conn_undo(): a device's path and a number; with an id of 50 letters 160 bytes. */
#define GUARDIAN_UNDO_MAX 512

enum guardian_kind {
	GUARDIAN_ALIVE = 1,
	GUARDIAN_HOLD,
	GUARDIAN_CLEAR,
};

struct guardian_msg {
	uint32_t magic;
	uint16_t version;
	uint16_t kind; /* enum guardian_kind */
	uint64_t id;
	uint64_t ram_b;	      /* as the daemon knows it, for a QEMU that does not say */
	uint64_t start_ticks; /* when the process pid began, as proc(5) says; 0: not known */
	int64_t pid;	      /* who listens at path; 0: not known */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* NUL-terminated */
	char undo[GUARDIAN_UNDO_MAX]; /* as vmm_conn_undo(); NUL-terminated */
};

#endif
