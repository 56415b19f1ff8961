/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Links, addresses and routes of this network namespace, by rtnetlink. */
#ifndef KERNEL_LINK_H
#define KERNEL_LINK_H

#include "socket.h"
#include "ways.h"

/* Join all groups that tell of links, addresses, routes and rules. 0 or -errno. */
int link_join(struct socket *socket);

/*
 * Decode as codec_link_event(), and add to an EVENT_LINK what its message does not say: is it
 * wireless or a modem, and is its rp_filter strict?
 */
int link_event(const void *message, size_t size, struct event *ret_event);

/*
 * As `route` of struct kernel_ops. `socket` is one for requests on NETLINK_ROUTE, `ways` those of
 * local's family. Asks the routing tables; no packet is sent.
 */
int link_route(struct socket *socket, struct ways *ways, const struct mptcpd_addr *local,
	       uint32_t ifindex, const struct mptcpd_addr *remote, uint32_t mark);

/* As `marks_matter` of struct kernel_ops. */
int link_has_marked_rule(struct socket *socket);

/* As `egress` of struct kernel_ops. `socket` as above. */
int link_egress(struct socket *socket, const struct mptcpd_addr *local,
		const struct mptcpd_addr *remote, uint32_t mark);
/* As `source_table` there. */
int link_source_table(struct socket *socket, const struct mptcpd_addr *local, uint32_t *ret_before);

/*
 * The neighbour on that link to whom packets for `remote` go: a gateway, or the peer itself. `socket`
 * as above. 1; 0: none, or several in turn; -errno.
 */
int link_neighbour(struct socket *socket, const struct mptcpd_addr *local, uint32_t ifindex,
		   const struct mptcpd_addr *remote, struct mptcpd_addr *ret_neighbour);

#endif
