/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guardian_watch.c - keeps a guardian running
 *
 * Layer: daemon.
 * In:    the fleet's balloons, the time.
 * Out:   a guardian that knows of every balloon that may be out, or none; then nothing inflates.
 */
#include "daemon/guardian_watch.h"

#include "daemon/apply.h"

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/num.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* One that died or does not start is started again after this: no busy loop. */
#define AGAIN_US USEC_PER_SEC

/* The guardian's program lies beside this one, or where it was installed to. */
static void find_program(char *path, size_t size)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (n > 0) {
		self[n] = '\0';
		slash = strrchr(self, '/');
		*slash = '\0';
		if ((size_t)snprintf(path, size, "%s/ballonet-guardian", self) < size &&
		    access(path, X_OK) == 0)
			return;
	}
	(void)snprintf(path, size, "%s/ballonet-guardian", BALLONET_LIBEXECDIR);
}

static void employ(struct guardian_watch *w, struct guardian *guardian)
{
	w->tick->guardian = guardian;
	w->tick->figures->guardian = guardian != NULL;
}

/* Tells a new guardian of every balloon that the old one may have known of. */
static void retell(const struct guardian_watch *w)
{
	const struct fleet *fleet = w->tick->fleet;
	size_t i;

	for (i = 0; i < fleet->n; i++)
		if (fleet->vm[i]->held)
			(void)apply_retell(fleet->vm[i], w->tick->guardian);
}

static int on_gone(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct guardian_watch *w = userdata;

	(void)source;
	(void)fd;
	(void)events; /* it never speaks: readable means that it is gone */
	log_warning("guardian-died effect=\"nothing is inflated until it is started again\"");
	w->source = sd_event_source_disable_unref(w->source);
	guardian_stop(w->tick->guardian);
	employ(w, NULL);
	w->again_us = monotonic_us() + AGAIN_US;
	return 0;
}

static void begin(struct guardian_watch *w, uint64_t now_us)
{
	struct guardian *guardian = NULL;
	char path[PATH_MAX];
	int r;

	find_program(path, sizeof(path));
	r = guardian_start(path, w->config->guardian_after_us, &guardian);
	if (r >= 0)
		r = sd_event_add_io(w->loop, &w->source, guardian_fd(guardian), EPOLLIN, on_gone,
				    w);
	if (r < 0) {
		log_error(
			"guardian-not-started path=%s error=\"%s\" effect=\"nothing is inflated\"",
			path, strerror(-r));
		guardian_stop(take_ptr(guardian));
		w->again_us = now_us + AGAIN_US;
	}
	employ(w, guardian);
	if (guardian)
		retell(w);
}

void guardian_watch_beat(struct guardian_watch *w, uint64_t now_us)
{
	if (w->tick->guardian)
		(void)guardian_alive(w->tick->guardian);
	else if (w->again_us <= now_us)
		begin(w, now_us);
}

void guardian_watch_fini(struct guardian_watch *w)
{
	if (!w->tick)
		return; /* the daemon could not start */
	guardian_stop(w->tick->guardian);
	w->tick->guardian = NULL;
	sd_event_source_unref(w->source);
}
