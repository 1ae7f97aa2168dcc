/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vmm.h - the one interface to every hypervisor: facts out, targets in
 *
 * Layer: vmm (may include model, base).
 * In:    addresses of VMs; decisions (refresh, target) from daemon/apply.
 * Out:   events, and the vmm's share of struct vm_facts.
 *
 * All connections live in one nested epoll behind one fd: sd-event dispatches
 * one source per wakeup, which at 1000 busy sockets costs 35 times as much (221 us
 * a message against 6.3, libsystemd 252). Nothing here blocks, and the caller says what time
 * it is (CLOCK_MONOTONIC, microseconds): one @now_us never lies before the last.
 */
#ifndef BALLONET_VMM_VMM_H
#define BALLONET_VMM_VMM_H

#include "vmm/event.h"

#include "model/snapshot.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct vmm; /* all connections */

enum vmm_kind {
	VMM_QMP,    /* a QEMU monitor socket that nobody else uses */
	VMM_DEVICE, /* the control socket of a ballonet-device; its targets are leased */
};

/*
 * @poll_s: the statistics polling interval set on guests that have none,
 * seconds, >= 1. 0, -EINVAL, or -errno of epoll_create1().
 */
int vmm_new(uint64_t poll_s, vmm_event_fn fn, void *userdata, struct vmm **ret);

/* Sets another @poll_s, on those that are up as well. 0, or -EINVAL for 0. */
int vmm_set_poll(struct vmm *vmm, uint64_t poll_s, uint64_t now_us);

/*
 * Removes every connection as vmm_remove() does, waits at most 0.5 s for their
 * last answers (the only wait in this layer), and closes. Takes NULL.
 */
void vmm_free(struct vmm *vmm);

/*
 * Replaces the wall clock (CLOCK_REALTIME), which statistics are stamped with
 * and which is read only to tell how old they are. A test brings its own.
 */
void vmm_set_wall_clock(struct vmm *vmm, vmm_wall_fn fn);

/* The nested epoll fd: readable when vmm_dispatch() has something to do. */
int vmm_fd(const struct vmm *vmm);

/* Handles what is readable, a bounded amount per call (the fd stays readable for the rest). */
void vmm_dispatch(struct vmm *vmm, uint64_t now_us);

/* The next instant at which vmm_timeout() has something to do; UINT64_MAX: none. */
uint64_t vmm_deadline(const struct vmm *vmm);

/* Handles what is due: commands past their deadline, reconnects, statistics to be asked again. */
void vmm_timeout(struct vmm *vmm, uint64_t now_us);

/*
 * Connects to @address (the path of a unix socket) at the next
 * vmm_timeout(), and keeps trying until removed: after 0.25 s, doubling to
 * 30 s. @conn_userdata comes back from vmm_conn_userdata(). 0, -EINVAL (no
 * path, or longer than 107 bytes) or -ENOMEM.
 */
int vmm_add(struct vmm *vmm, enum vmm_kind kind, const char *address, void *conn_userdata,
	    uint64_t now_us, struct vmm_conn **ret);

/*
 * Puts back the polling interval found when it was connected to, and closes
 * as soon as everything asked so far is answered (a target too), or is not
 * within its deadline. For the caller it is gone at once, and no event comes.
 * Takes NULL.
 */
void vmm_remove(struct vmm_conn *conn);

void *vmm_conn_userdata(const struct vmm_conn *conn);
const char *vmm_conn_address(const struct vmm_conn *conn);

/* The VM's own name as the hypervisor says ("query-name"); "" where it has none or is not up. */
const char *vmm_conn_name(const struct vmm_conn *conn);

/* The VM's UUID in lower case ("query-uuid"); "" where it has none or is not up. */
const char *vmm_conn_uuid(const struct vmm_conn *conn);

/*
 * The process at the other end, 0 while not connected. It is the one that
 * began to listen (SO_PEERCRED): not QEMU where QEMU was handed the socket.
 */
pid_t vmm_conn_pid(const struct vmm_conn *conn);

/*
 * What is to be put back when this process cannot do it: the arguments, in
 * JSON, of QMP's "qom-set" for the polling interval that was found when it was
 * connected to. "": nothing is, or it has no room in @size bytes.
 */
void vmm_conn_undo(const struct vmm_conn *conn, char *text, size_t size);

/* One sentence on the last trouble of the connection; "" where there is none. */
const char *vmm_conn_trouble(const struct vmm_conn *conn);

/*
 * Writes the hypervisor's share of the facts: state, device, reporting, boots,
 * target_error, ram_b, actual_b, stats, leftover, press, pressing, vcpus. Leaves all other members
 * alone.
 */
void vmm_facts(const struct vmm_conn *conn, struct vm_facts *facts);

/*
 * Reads the statistics that the hypervisor holds (one request), for a calm
 * VM: they are as old as the polling interval allows. VMM_EVENT_STATS follows
 * when the reply is there. 0, -ENOTCONN, or -ENODEV: there is no balloon.
 */
int vmm_poll(struct vmm_conn *conn, uint64_t now_us);

/*
 * Asks the guest for statistics now, and the hypervisor for the balloon's
 * size: VMM_EVENT_STATS follows when statistics taken after this call are
 * there, a few milliseconds later (1 s for a guest whose figures do not move),
 * or after 1.5 s without: stats.taken_us says which. One refresh is under way
 * at most; further calls join it. 0, -ENOTCONN, or -ENODEV.
 */
int vmm_refresh(struct vmm_conn *conn, uint64_t now_us);

/*
 * The fast part is over: puts back the polling interval that was there before
 * vmm_refresh(), after the refresh that is under way.
 */
void vmm_calm(struct vmm_conn *conn, uint64_t now_us);

/*
 * Asks for @target_b bytes to remain to the guest. At or above its memory
 * means balloon to 0. 0, -ENOTCONN, or -EINVAL for 0. A refusal by the
 * hypervisor is told by vm_facts.target_error. Once all memory was asked for,
 * vm_facts.actual_b is not renewed before that is acknowledged. A connection
 * that is lost with a balloon out asks for all memory first when it is back.
 */
int vmm_set_target(struct vmm_conn *conn, uint64_t target_b, uint64_t now_us);

/*
 * Asks the guest to press @press_b bytes: vm_facts.pressing says until when it
 * is at it, and VMM_EVENT_ACTUAL follows at its end. 0, -ENOTCONN, or
 * -EOPNOTSUPP: it cannot (vm_facts.press).
 */
int vmm_press(struct vmm_conn *conn, uint64_t press_b, uint64_t now_us);

#endif
