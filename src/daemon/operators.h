/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * operators.h - what operators ask for through the control API
 *
 * Layer: daemon.
 * In:    requests and changes of settings.
 * Out:   VMs that are due with a request, settings that are set.
 */
#ifndef BALLONET_DAEMON_OPERATORS_H
#define BALLONET_DAEMON_OPERATORS_H

#include "api/owner.h"
#include "daemon/discovery.h"
#include "daemon/tick.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

struct control;

struct operators {
	/* borrowed */
	sd_event *loop;
	struct discovery *discovery;
	struct tick *tick;
	struct control_view view; /* filled in by the owner */

	bool ending; /* the daemon is about to end: nothing is set any more */
	struct control *control;
};

/*
 * Serves the control API on the socket that systemd passed on (sd_listen_fds(3)), or else on a
 * new one at @path for @group (-1: the process's own). 0 or -errno, which was logged.
 */
int operators_serve(struct operators *o, const char *path, gid_t group);

/* Does what is due without anybody asking; operators_timeout_us(): in how long that is. */
void operators_work(struct operators *o);
uint64_t operators_timeout_us(const struct operators *o);

/* @request, as if somebody had asked. */
void operators_request(struct operators *o, struct vm *vm, enum vm_request request);

void operators_fini(struct operators *o);

#endif
