/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The attempts of a dial that are under way, and the epoll that watches them, if there is one. */
#ifndef LIB_MPTCP_RUNNERS_H
#define LIB_MPTCP_RUNNERS_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "order.h"

enum { MAX_RUNNERS = 2 * MAX_ADDRESSES }; /* each address by MPTCP and by TCP */

struct runners {
	int epoll; /* owned, or -1 */
	size_t n;
	struct pollfd fds[MAX_RUNNERS]; /* n, those that began first in front; owned */
	size_t at[MAX_RUNNERS]; /* to which address */
};

/* Let the epoll, if there is one, watch a descriptor, and no more: before it is closed, for another
 * process may have inherited it, and epoll would go on about it. 0 or -errno. */
int mptcp_runners_watch(const struct runners *runners, int fd, uint32_t events);
void mptcp_runners_unwatch(const struct runners *runners, int fd);
/* 0, or -errno and the descriptor is closed. */
int mptcp_runners_add(struct runners *runners, int fd, size_t at);
/* The descriptor, which is the caller's now. */
int mptcp_runners_take(struct runners *runners, size_t i);
/* The first to that address; n: none. */
size_t mptcp_runners_find(const struct runners *runners, size_t at);
/* Close them all. */
void mptcp_runners_stop(struct runners *runners);

#endif
