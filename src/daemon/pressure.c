/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pressure.c - hears at once when the host is under memory pressure
 *
 * Layer: daemon.
 * In:    the kernel's pressure triggers; those of a cgroup where that stands for the host.
 * Out:   the tick looks at all VMs now.
 */
#include "daemon/pressure.h"

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/num.h"
#include "host/facts.h"
#include "host/hostgroup.h"
#include "host/psi.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

/* The host is under pressure when some task stalled for 100 ms within 2 s. */
#define STALL_US (100 * USEC_PER_MSEC)
#define WINDOW_US (2 * USEC_PER_SEC)

static int on_pressure(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct pressure *p = userdata;

	(void)fd;
	if (events & EPOLLERR) { /* the file is gone: with a cgroup, say */
		log_warning("pressure-trigger-lost");
		return sd_event_source_set_enabled(source, SD_EVENT_OFF);
	}
	log_debug("host-pressure");
	p->tick->pressure_us = monotonic_us();
	tick_hurry(p->tick);
	return 0;
}

static void forget(struct pressure *p)
{
	p->source = sd_event_source_disable_unref(p->source);
	cleanup_closep(&p->fd);
	p->fd = -EBADF;
}

int pressure_watch(struct pressure *p)
{
	const char *path;
	int dir, r;

	forget(p);
	path = host_pressure_path(p->roots, &dir);
	r = psi_trigger_open(dir, path, STALL_US, WINDOW_US, &p->fd);
	if (r < 0) {
		log_info("no-pressure-trigger error=\"%s\" effect=\"pressure is noticed up to a "
			 "second "
			 "later\"",
			 strerror(-r));
		return 0;
	}
	return sd_event_add_io(p->loop, &p->source, p->fd, EPOLLPRI, on_pressure, p);
}

void pressure_follow(struct pressure *p)
{
	const char *trouble;
	int r;

	if (!p->roots->host)
		return;
	trouble = hostgroup_trouble(p->roots->host);
	if (*trouble && !p->group_troubled)
		log_warning("host-cgroup why=\"%s\"", trouble);
	p->group_troubled = *trouble;
	if (hostgroup_changes(p->roots->host) == p->group_changes)
		return;
	p->group_changes = hostgroup_changes(p->roots->host);
	if (!*trouble)
		log_info("host-cgroup path=%s", hostgroup_path(p->roots->host));
	r = pressure_watch(p);
	if (r < 0)
		log_warning("no-pressure-trigger error=\"%s\"", strerror(-r));
}

void pressure_fini(struct pressure *p)
{
	forget(p);
}
