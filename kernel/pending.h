/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Subflows that wait for their SYN-ACK: their local ports, which SUBFLOW_CREATE does not tell and
 * SUBFLOW_DESTROY wants. To find one takes a dump of all sockets in SYN_SENT, which costs
 * milliseconds however few there are; so one dump serves all questions of a quarter of a second.
 */
#ifndef KERNEL_PENDING_H
#define KERNEL_PENDING_H

#include "socket.h"

struct pending {
	struct event *subflows; /* owned, by token */
	size_t n, room;
	uint64_t taken_ms; /* 0: never */
	bool outdated; /* one may be missing */
};

void pending_done(struct pending *pending);
/* The last dump may lack one: a subflow was made, or could not be closed. */
void pending_outdate(struct pending *pending);
/*
 * The local port of the subflow between `local` (its port does not count) and `remote`, by the link
 * `ifindex` if it is bound to one (0: by any). It is told once. `diag` is a socket for requests on
 * NETLINK_SOCK_DIAG. 0; -ESRCH: there is none; -EAGAIN: it may be too young for the last dump, and
 * the next one is not due yet; or -errno.
 */
int pending_find_port(struct pending *pending, struct socket *diag, uint32_t token,
		      const struct mptcpd_addr *local, const struct mptcpd_addr *remote,
		      uint32_t ifindex, uint16_t *ret_port);

#endif
