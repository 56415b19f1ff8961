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
	/* For whoever keeps them over a restart: opened, or (before that) to be closed. May be NULL. */
	void (*on_listener)(void *data, int fd, const struct mptcpd_addr *addr, bool is_open);
	void *data;
};

/* 0 or -errno. */
int listeners_init(struct listeners *listeners);
/* Accepts one whose init failed. on_listener is not called. */
void listeners_done(struct listeners *listeners);

/*
 * Listen on addr, which has a port, on the link `ifindex` (0: on any). Listening twice takes
 * letting go twice. 0 or -errno, as of bind(): -EADDRNOTAVAIL, -EADDRINUSE.
 */
int listeners_add(struct listeners *listeners, const struct mptcpd_addr *addr, uint32_t ifindex);
/* 0, or -ENOENT. Subflows that joined there stay. */
int listeners_remove(struct listeners *listeners, const struct mptcpd_addr *addr);

/* Is this listening socket one of these, adopted ones included? */
bool listeners_have(const struct listeners *listeners, const struct mptcpd_addr *addr,
		    uint32_t ifindex);

/*
 * Take over a socket of an earlier life, unused until listeners_add() asks for its address. 0, or
 * -EINVAL when it is no listening MPTCP socket with an address; it is closed then.
 */
int listeners_adopt(struct listeners *listeners, int fd);
/* Close those that were adopted and are still unused. */
void listeners_close_unused(struct listeners *listeners);

/* Turn away who knocked. */
void listeners_dispatch(struct listeners *listeners);

#endif
