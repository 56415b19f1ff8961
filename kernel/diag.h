/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Socket diagnostics: which connections and subflows there are, whoever made them. */
#ifndef KERNEL_DIAG_H
#define KERNEL_DIAG_H

#include "socket.h"

/* All take a socket for requests on NETLINK_SOCK_DIAG. */

/*
 * Can connections be dumped? Returns 0, or -ENOENT if this kernel lacks the module mptcp_diag
 * (CONFIG_INET_MPTCP_DIAG), which it loads by itself where it may.
 */
int diag_check(struct socket *socket);
/* Is there a connection of this token? 1 or 0, or -errno. */
int diag_has_connection(struct socket *socket, uint32_t token);
/* As owner() of struct kernel_ops. */
int diag_owner(struct socket *socket, uint32_t token, struct mptcpd_owner *ret_owner);
/*
 * The subflow between these addresses, with their ports, as a record of a dump has it; `ifindex` is
 * what it is bound to, or 0. 0, -ENOENT if there is none, or -errno.
 */
int diag_get_subflow(struct socket *socket, const struct mptcpd_addr *local,
		     const struct mptcpd_addr *remote, uint32_t ifindex,
		     struct event_subflow *ret_subflow);

/* The evidence of the same. */
int diag_get_evidence(struct socket *socket, const struct mptcpd_addr *local,
		      const struct mptcpd_addr *remote, uint32_t ifindex,
		      struct event_evidence *ret_evidence);

/* An EVENT_SNAPSHOT_CONNECTION for each connection, then an EVENT_SNAPSHOT_SUBFLOW for each subflow. */
typedef void diag_on_event(void *data, const struct event *event);
int diag_dump(struct socket *socket, diag_on_event *on_event, void *data);
/* Each listening MPTCP socket. 0 or -errno. */
typedef void diag_on_listener(void *data, const struct codec_listener *listener);
int diag_dump_listeners(struct socket *socket, diag_on_listener *on_listener, void *data);
/* An EVENT_SNAPSHOT_SUBFLOW for each subflow that waits for its SYN-ACK. */
int diag_dump_syn_sent(struct socket *socket, diag_on_event *on_event, void *data);

#endif
