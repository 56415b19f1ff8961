/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The users of the clients: each once, as long as one of his connections is there. What was spent for one
 * without rights is remembered longer: else who comes anew for each call would owe nothing.
 */
#include "bus-private.h"

#include <ell/ell.h>

static struct bus_guest *find_guest(const struct peer *peer)
{
	const struct user *user = peer->user;

	return user->kind == USER_OTHER ? bus_find_guest(peer->bus, user->uid) : NULL;
}

void user_join(struct peer *peer, uid_t uid, enum user_kind kind)
{
	struct bus *bus = peer->bus;
	struct user *user = bus->users;
	const struct bus_guest *guest;

	while (user && (user->uid != uid || user->kind != kind))
		user = user->next;
	if (!user) {
		user = l_new(struct user, 1);
		user->uid = uid;
		user->kind = kind;
		user->next = bus->users;
		bus->users = user;
	}
	peer->user = user;
	guest = user->n_peers++ == 0 ? find_guest(peer) : NULL;
	if (guest)
		user->spent_ns = guest->spent_ns;
}

void user_leave(struct peer *peer)
{
	struct user **link = &peer->bus->users, *user = peer->user;
	struct bus_guest *guest;

	if (!user || --user->n_peers > 0)
		return;
	guest = find_guest(peer);
	if (guest)
		guest->spent_ns = user->spent_ns;
	while (*link != user)
		link = &(*link)->next;
	*link = user->next;
	l_free(user);
}
