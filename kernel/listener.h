/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Listening MPTCP sockets for announced addresses on which no application listens. The kernel
 * takes the peers' MP_JOINs there by itself; whoever opens a connection of its own is turned away.
 */
#ifndef KERNEL_LISTENER_H
#define KERNEL_LISTENER_H

#include <mptcpd/types.h>

struct listener;

struct listeners {
	int fd; /* an epoll: readable when someone knocks */
	struct listener *list; /* owned */
};

/* 0 or -errno. */
int listeners_init(struct listeners *listeners);
/* Accepts one whose init failed. */
void listeners_done(struct listeners *listeners);

/*
 * Listen on addr, which has a port, on the link `ifindex` (0: on any). Listening twice takes
 * letting go twice. 0 or -errno, as of bind(): -EADDRNOTAVAIL, -EADDRINUSE.
 */
int listeners_add(struct listeners *listeners, const struct mptcpd_addr *addr, uint32_t ifindex);
/* 0, or -ENOENT. Subflows that joined there stay. */
int listeners_remove(struct listeners *listeners, const struct mptcpd_addr *addr);

/* Turn away who knocked. */
void listeners_dispatch(struct listeners *listeners);

#endif
