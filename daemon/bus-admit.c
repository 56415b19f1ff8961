/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who without rights may come in at the private socket: so many, so often, and not the last ones. */
#include "bus-private.h"

#include <sys/resource.h>

/* The last descriptors are for those who may change something. */
static bool is_spare(int fd)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) < 0 ||
	       (rlim_t)fd + BUS_DESCRIPTORS < limit.rlim_cur;
}

/* Is there room for one more client of this user? */
static bool has_room(const struct bus *bus, uid_t uid)
{
	size_t n = 0, n_user = 0;

	for (const struct peer *peer = bus->peers; peer; peer = peer->next) {
		if (peer->privileged || peer->system || peer->dead)
			continue;
		n++;
		n_user += peer->user->uid == uid;
	}
	return n < BUS_PEERS_MAX && n_user < BUS_PEERS_USER;
}

/* Those who came lately; the one whose time is past longest makes room for another. */
static struct bus_guest *find_guest(struct bus *bus, uid_t uid)
{
	struct bus_guest *oldest = bus->guests;

	for (size_t i = 0; i < BUS_GUESTS; i++) {
		if (bus->guests[i].uid == uid)
			return &bus->guests[i];
		if (bus->guests[i].paid_ms < oldest->paid_ms)
			oldest = &bus->guests[i];
	}
	*oldest = (struct bus_guest){.uid = uid};
	return oldest;
}

/* To let one in costs far more than to turn one away, and who comes and goes pays for it. */
static bool comes_too_often(struct bus *bus, uid_t uid)
{
	struct bus_guest *guest = find_guest(bus, uid);
	uint64_t now = loop_now_ms();

	if (guest->paid_ms < now)
		guest->paid_ms = now;
	if (guest->paid_ms - now > BUS_VISIT_MS * BUS_VISITS)
		return true;
	guest->paid_ms += BUS_VISIT_MS;
	return false;
}

bool bus_admits(struct bus *bus, int fd, uid_t uid)
{
	return is_spare(fd) && has_room(bus, uid) && !comes_too_often(bus, uid);
}
