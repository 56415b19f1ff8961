/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Neighbours of this host (ARP, NDP). `socket` is one for requests on NETLINK_ROUTE. */
#ifndef KERNEL_NEIGHBOUR_H
#define KERNEL_NEIGHBOUR_H

#include "socket.h"

/* As of struct kernel_ops. */
int neighbours_seek(struct socket *socket, uint32_t ifindex);

/* As `neighbour_known` of struct kernel_ops. */
int neighbour_known(struct socket *socket, const struct mptcpd_addr *local, uint32_t ifindex,
		    const struct mptcpd_addr *remote, bool anew);

#endif
