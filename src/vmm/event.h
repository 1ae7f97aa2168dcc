/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * event.h - what a connection tells its owner
 *
 * Layer: vmm.
 * In:    -
 * Out:   the events, and the functions that an owner brings.
 */
#ifndef BALLONET_VMM_EVENT_H
#define BALLONET_VMM_EVENT_H

#include <stdint.h>

struct vmm_conn; /* one VM */

enum vmm_event {
	VMM_EVENT_UP,	    /* connected, device looked for, first facts known */
	VMM_EVENT_DOWN,	    /* connection lost; it is tried again with back-off */
	VMM_EVENT_STATS,    /* vmm_poll() or vmm_refresh() has its answer, see there */
	VMM_EVENT_ACTUAL,   /* the balloon changed */
	VMM_EVENT_STATE,    /* paused, resumed, reset */
	VMM_EVENT_SHUTDOWN, /* the guest or QEMU is going away for good */
};

/* Called from vmm_dispatch() and vmm_timeout(); may call anything but vmm_free(). */
typedef void (*vmm_event_fn)(void *userdata, struct vmm_conn *conn, enum vmm_event event);

/* The wall clock, microseconds since 1970; @userdata is that of the events. */
typedef uint64_t (*vmm_wall_fn)(void *userdata);

#endif
