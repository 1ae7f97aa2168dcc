/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * places.c - who may hold how many of the control socket's connections
 *
 * Layer: api.
 * In:    peers that come and leave.
 * Out:   whether there is a place for one.
 */
#include "api/places.h"

#include <sys/socket.h>
#include <unistd.h>

/* What a rank and those below it may hold together; what is above is kept for the next. */
static const size_t rank_max[PLACE_RANKS] = {
	[PLACE_OTHER] = 32,
	[PLACE_GROUP] = 48,
	[PLACE_ROOT] = PLACES_MAX,
};

/* One process may hold so many: also root's dashboard may run wild. */
#define PROCESS_MAX 48
/* Groups of a peer that are looked at. */
#define GROUPS_MAX 256

static bool is_in_group(int fd, const struct ucred *peer, gid_t group)
{
	gid_t groups[GROUPS_MAX];
	socklen_t len = sizeof(groups);
	size_t i;

	if (peer->gid == group)
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		return false;
	for (i = 0; i < len / sizeof(*groups); i++)
		if (groups[i] == group)
			return true;
	return false;
}

/* Who the peer of @fd is. */
static struct place place_of(const struct places *p, int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	struct place place = { .rank = PLACE_OTHER };

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return place;
	place.pid = peer.pid;
	if (peer.uid == 0 || peer.uid == geteuid())
		place.rank = PLACE_ROOT;
	else if (is_in_group(fd, &peer, p->group))
		place.rank = PLACE_GROUP;
	return place;
}

bool places_may_enter(const struct places *p, int fd)
{
	const struct place peer = place_of(p, fd);
	size_t i, below = 0, own = 0;

	for (i = 0; i < PLACES_MAX; i++) {
		const struct place *place = &p->place[i];

		below += place->rank != PLACE_FREE && place->rank <= peer.rank;
		own += place->rank != PLACE_FREE && place->pid == peer.pid;
	}
	return below < rank_max[peer.rank] && own < PROCESS_MAX;
}

struct place *places_enter(struct places *p, int fd)
{
	size_t i;

	for (i = 0; i < PLACES_MAX; i++)
		if (p->place[i].rank == PLACE_FREE) {
			p->place[i] = place_of(p, fd);
			return &p->place[i];
		}
	return NULL;
}

void places_leave(struct place *place)
{
	if (place)
		place->rank = PLACE_FREE;
}
