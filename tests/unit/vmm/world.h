/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * world.h - fake QEMUs on real sockets, in virtual time, in one thread
 *
 * In:    what each of them is like.
 * Out:   a vmm that is connected to them, and what it told.
 *
 * Sockets are real, so that what the kernel does to a connection is tested
 * too; time is not, so that 30 s of back-off cost nothing.
 */
#ifndef BALLONET_TESTS_VMM_WORLD_H
#define BALLONET_TESTS_VMM_WORLD_H

#include "base/num.h"
#include "fake_vm.h"
#include "vmm/vmm.h"

#define WORLD_PEERS 4
#define WORLD_START_US (1000 * USEC_PER_SEC)
#define WORLD_WALL_US (UINT64_C(1700000000) * USEC_PER_SEC) /* at WORLD_START_US */
#define WORLD_POLL_S 10
#define WORLD_EVENTS 6 /* enum vmm_event */

struct peer {
	struct world *world;
	struct fake_vm vm;
	struct vmm_conn *conn;
	char path[108];
	int listener, client;
	struct buf in, out;
	size_t flood;	       /* bytes still to be sent, before anything else */
	char flood_byte;       /* 0: whole events instead */
	unsigned int accepted; /* connections so far */
	size_t taken;	       /* bytes that the vmm took */
	unsigned int requests; /* lines received */
	char log[16384];       /* the requests received, as long as they fit */
	bool mute;	       /* reads, and answers nothing */
	bool deaf;	       /* stopped: neither accepts nor reads nor writes */
	bool no_greeting;
	const char *greeting; /* instead of the greeting */
	unsigned int events[WORLD_EVENTS];
	uint64_t event_us[WORLD_EVENTS]; /* the last of each */
};

struct world {
	struct vmm *vmm;
	uint64_t now_us;
	int64_t wall_shift_us; /* somebody set the clock */
	char folder[32];
	unsigned int npeer;
	struct peer peer[WORLD_PEERS];
	void (*on_event)(struct peer *p, enum vmm_event event); /* besides counting it */
};

/* A vmm without any peer. */
struct world *world_new(void);
void world_free(struct world *w);

/* A QEMU that listens; its vm may be changed before the world runs. */
struct peer *world_add(struct world *w);

/* One turn: the vmm handles what is there, then every peer does; false: nothing happened. */
bool world_step(struct world *w);

/* Lets everything happen that can happen now. */
void world_run(struct world *w);

/* Lets time go by; every deadline on the way is kept. */
void world_pass(struct world *w, uint64_t us);

/* A world with one VM that is up. */
struct world *world_one(struct peer **ret);

/* The vmm is not to know this VM any more. */
void peer_remove(struct peer *p);

/* What QEMU does in one turn; false: nothing. */
bool peer_step(struct peer *p);

/* Sends @text (a line without its end) to the vmm. */
void peer_say(struct peer *p, const char *text);
/* Sends @text as it is. */
void peer_say_raw(struct peer *p, const char *text, size_t len);

/* QEMU closes the connection. */
void peer_hang_up(struct peer *p);

/* QEMU ends: no more connections. */
void peer_die(struct peer *p);
/* And is there again. */
void peer_listen(struct peer *p);

/* How often @text stands in the requests received since the last peer_forget(). */
unsigned int peer_count(const struct peer *p, const char *text);
void peer_forget(struct peer *p);

struct vm_facts peer_facts(const struct peer *p);

/* Does the connection's trouble contain @part; is it down for that? Fail the test where not. */
void assert_trouble(const struct peer *p, const char *part);
void assert_down(const struct peer *p, const char *trouble);

#endif
