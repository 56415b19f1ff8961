/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The door of the private socket for users without rights: how many, how often. */
#include "bus-private.h"

#include <sys/resource.h>

/* The last descriptors are for those who may change something. */
static bool is_spare(int fd)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
	       (rlim_t)fd + BUS_DESCRIPTORS < limit.rlim_cur;
}

static bool is_counted(const struct peer *peer)
{
	return !peer->privileged && !peer->system && !peer->dead;
}

static size_t count_places(const struct bus *bus, uid_t uid)
{
	size_t n = 0;

	for (const struct peer *peer = bus->peers; peer; peer = peer->next)
		n += is_counted(peer) && peer->user->uid == uid;
	return n;
}

/* The last that came of the user with most places, if he then has no fewer than this one. */
static struct peer *find_greediest(const struct bus *bus, size_t n_own)
{
	struct peer *found = NULL;
	size_t most = n_own + 1;

	for (struct peer *peer = bus->peers; peer; peer = peer->next) {
		size_t n = is_counted(peer) ? count_places(bus, peer->user->uid) : 0;

		if (n > most) {
			most = n;
			found = peer;
		}
	}
	return found;
}

/* A user with most places gives one to a user who has fewer, when all are taken. */
static bool make_room(struct bus *bus, size_t n_own)
{
	struct peer *greediest;
	size_t n = 0;

	for (const struct peer *peer = bus->peers; peer; peer = peer->next)
		n += is_counted(peer);
	if (n < BUS_PEERS_MAX)
		return true;
	greediest = find_greediest(bus, n_own);
	if (!greediest)
		return false;
	greediest->dead = true;
	bus_kick(bus);
	return true;
}

struct bus_guest *bus_find_guest(struct bus *bus, uid_t uid)
{
	for (size_t i = 0; i < BUS_GUESTS; i++)
		if (bus->guests[i].uid == uid)
			return &bus->guests[i];
	return NULL;
}

/* The one whose time is past longest makes room. */
static struct bus_guest *add_guest(struct bus *bus, uid_t uid)
{
	struct bus_guest *oldest = bus->guests;

	for (size_t i = 0; i < BUS_GUESTS; i++)
		if (bus->guests[i].paid_ms < oldest->paid_ms)
			oldest = &bus->guests[i];
	*oldest = (struct bus_guest){.uid = uid};
	return oldest;
}

/* To let one in costs far more than to turn one away, and who comes and goes pays for it. */
static bool comes_too_often(struct bus *bus, uid_t uid)
{
	struct bus_guest *guest = bus_find_guest(bus, uid);
	uint64_t now = loop_now_ms();

	if (!guest)
		guest = add_guest(bus, uid);
	if (guest->paid_ms < now)
		guest->paid_ms = now;
	if (guest->paid_ms - now > BUS_VISIT_MS * BUS_VISITS)
		return true;
	guest->paid_ms += BUS_VISIT_MS;
	return false;
}

bool bus_admits(struct bus *bus, int fd, uid_t uid)
{
	size_t n = count_places(bus, uid);

	return is_spare(fd) && n < BUS_PEERS_USER && !comes_too_often(bus, uid) &&
	       make_room(bus, n);
}
