/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "listening.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "addr.h"
#include "diag.h"

void listening_done(struct listening *listening)
{
	free(listening->list);
	*listening = (struct listening){0};
}

static void on_listener(void *data, const struct codec_listener *listener)
{
	struct listening *listening = data;

	if (listening->n == listening->room) {
		size_t room = listening->room ? 2 * listening->room : 16;
		struct codec_listener *more = realloc(listening->list, room * sizeof(*more));

		if (!more)
			abort();
		listening->list = more;
		listening->room = room;
	}
	listening->list[listening->n++] = *listener;
}

int listening_look(struct listening *listening, struct socket *diag)
{
	int r;

	listening->n = 0;
	r = diag_dump_listeners(diag, on_listener, listening);
	listening->known = r == 0;
	return r;
}

static bool is_for(const struct codec_listener *listener, const struct mptcpd_addr *addr,
		   uint32_t ifindex)
{
	if (listener->ifindex && listener->ifindex != ifindex)
		return false;
	if (!mptcpd_addr_is_any(&listener->addr))
		return addr_equal(&listener->addr, addr);
	return listener->addr.family == addr->family ||
	       (addr->family == AF_INET && listener->takes_ipv4);
}

int listening_find(const struct listening *listening, const struct listeners *own,
		   const struct mptcpd_addr *addr, uint32_t ifindex)
{
	int found = LISTENS_NOBODY;

	if (!listening->known)
		return -ENODATA;
	for (size_t i = 0; i < listening->n; i++) {
		const struct codec_listener *listener = &listening->list[i];

		if (listener->addr.port != addr->port ||
		    listeners_have(own, &listener->addr, listener->ifindex))
			continue;
		if (is_for(listener, addr, ifindex))
			return LISTENS_HERE;
		found = LISTENS_ELSEWHERE;
	}
	return found;
}
