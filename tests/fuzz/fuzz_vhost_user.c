/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_vhost_user.c - a front end says what it likes, and the keeper lives
 *
 * In:    per message: one byte (how many descriptors, of what), a header, a payload.
 * Out:   a crash, or nothing.
 *
 * Descriptors come from outside a message's bytes, so a byte stands for them:
 * low bits their number, the top bit whether they are memory or none at all.
 */
#include "device/front.h"

#include <errno.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"

#define MEMORY (1 << 20)
#define MESSAGES_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_quiesce(void *userdata)
{
	(void)userdata;
}

static void on_forget(void *userdata, uint64_t first, uint64_t n)
{
	(void)userdata;
	if (n > GUESTMEM_PAGES_MAX || first > GUESTMEM_PAGES_MAX - n)
		abort();
}

static const struct front_ops ops = {
	.quiesce = on_quiesce,
	.forget_pages = on_forget,
	.config_written = on_quiesce,
};

/* Takes one message off the input. false: there is none. */
static bool next_msg(struct vu_msg *msg, int memory, const uint8_t **data, size_t *size)
{
	uint8_t fds;
	size_t i;

	memset(msg, 0, sizeof(*msg));
	if (*size < 1 + sizeof(msg->h))
		return false;
	fds = **data;
	memcpy(&msg->h, *data + 1, sizeof(msg->h));
	*data += 1 + sizeof(msg->h);
	*size -= 1 + sizeof(msg->h);
	if (msg->h.size > sizeof(msg->p) || msg->h.size > *size)
		return false;
	memcpy(&msg->p, *data, msg->h.size);
	*data += msg->h.size;
	*size -= msg->h.size;
	for (i = 0; i < (fds & 0x0f) && i < VU_FDS_MAX; i++)
		msg->fd[msg->nfd++] = fds & 0x80 ? -EBADF : fcntl(memory, F_DUPFD_CLOEXEC, 0);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int memory = -1;
	struct front front;
	const char *why;
	struct vu_msg msg;
	int pair[2], i;
	char junk[4096];

	if (memory < 0) {
		memory = memfd_create("fuzz", MFD_CLOEXEC);
		if (memory < 0 || ftruncate(memory, MEMORY) < 0)
			abort();
		log_set_level(LOG_LEVEL_ERROR);
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		abort();
	front_init(&front, ~UINT64_C(0) >> 8, size & 1, &ops, NULL);
	front_open(&front, pair[0]);
	for (i = 0; i < MESSAGES_MAX && next_msg(&msg, memory, &data, &size); i++) {
		if (vu_check(&msg) || front_handle(&front, &msg, &why) < 0) {
			vu_msg_close(&msg);
			break;
		}
		while (recv(pair[1], junk, sizeof(junk), 0) > 0)
			;
	}
	if (front_fresh(&front) && front_ring_ready(&front, 0))
		(void)front_tell_config(&front);
	front_close(&front);
	(void)close(pair[1]);
	return 0;
}
