/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel's bytes mean, whatever their number: it grows from version to version. Pure. */
#ifndef LIB_MPTCP_FIGURES_H
#define LIB_MPTCP_FIGURES_H

#include <mptcp/socket.h>

enum {
	/* As many as any kernel is asked for; of the connection, and of a subflow's TCP. */
	INFO_BYTES = 256,
	TCP_BYTES = 512,
};

/* A struct mptcp_info, from `token` of ours on, and what is known by it. */
void mptcp_read_figures(const void *bytes, size_t size, struct mptcp_socket_info *info);
/* A struct tcp_info, without keeping it. */
void mptcp_read_tcp_figures(const void *bytes, size_t size, struct mptcp_socket_subflow *subflow);

#endif
