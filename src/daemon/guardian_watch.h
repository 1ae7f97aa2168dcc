/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guardian_watch.h - keeps a guardian running
 *
 * Layer: daemon.
 * In:    the fleet's balloons, the time.
 * Out:   a guardian that knows of every balloon that may be out, or none; then nothing inflates.
 */
#ifndef BALLONET_DAEMON_GUARDIAN_WATCH_H
#define BALLONET_DAEMON_GUARDIAN_WATCH_H

#include "config/config.h"
#include "daemon/tick.h"

#include <stdint.h>
#include <systemd/sd-event.h>

struct guardian_watch {
	/* borrowed */
	sd_event *loop;
	const struct config *config;
	struct tick *tick; /* its guardian is this one */

	sd_event_source *source;
	uint64_t again_us; /* when to start it, while there is none */
};

/* It is to be called every half a second: tells the guardian that we live, or starts one. */
void guardian_watch_beat(struct guardian_watch *w, uint64_t now_us);

/* Lets the guardian go. With balloons out, our end is what tells it to act. */
void guardian_watch_fini(struct guardian_watch *w);

#endif
