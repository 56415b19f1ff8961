/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The users of the clients: each once, as long as one of his connections is there. */
#include "bus-private.h"

#include <ell/ell.h>

void user_join(struct peer *peer, uid_t uid, enum user_kind kind)
{
	struct bus *bus = peer->bus;
	struct user *user = bus->users;

	while (user && (user->uid != uid || user->kind != kind))
		user = user->next;
	if (!user) {
		user = l_new(struct user, 1);
		user->uid = uid;
		user->kind = kind;
		user->next = bus->users;
		bus->users = user;
	}
	user->n_peers++;
	peer->user = user;
}

void user_leave(struct peer *peer)
{
	struct user **link = &peer->bus->users, *user = peer->user;

	if (!user || --user->n_peers > 0)
		return;
	while (*link != user)
		link = &(*link)->next;
	*link = user->next;
	l_free(user);
}
