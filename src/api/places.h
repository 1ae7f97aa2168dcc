/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * places.h - who may hold how many of the control socket's connections
 *
 * Layer: api.
 * In:    peers that come and leave.
 * Out:   whether there is a place for one.
 *
 * Some places are kept: whatever others do, root's `release` finds one, and the
 * group's where root leaves it.
 */
#ifndef BALLONET_API_PLACES_H
#define BALLONET_API_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Local clients: a dashboard, a scraper, some people; each holds one for a moment. */
#define PLACES_MAX 64

/* Later ranks may use what earlier ones have to leave. */
enum place_rank {
	PLACE_FREE = 0,
	PLACE_OTHER, /* the socket's mode was widened */
	PLACE_GROUP,
	PLACE_ROOT, /* or this process's own user */
	PLACE_RANKS,
};

struct place {
	enum place_rank rank;
	pid_t pid;
};

struct places {
	struct place place[PLACES_MAX];
	gid_t group; /* of the socket */
};

/* May the peer of @fd, a connected unix socket, come in? */
bool places_may_enter(const struct places *p, int fd);

/* It came in. Its place, for places_leave(); NULL: there was none. */
struct place *places_enter(struct places *p, int fd);

/* Takes NULL. */
void places_leave(struct place *place);

#endif
