/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which protocol a socket speaks. */
#ifndef LIB_MPTCP_SOCKET_STATE_H
#define LIB_MPTCP_SOCKET_STATE_H

enum socket_state {
	SOCKET_STATE_OTHER, /* neither TCP nor MPTCP */
	SOCKET_STATE_TCP, /* made as TCP, or given by accept() */
	SOCKET_STATE_IDLE, /* MPTCP without a connection */
	SOCKET_STATE_MPTCP,
	SOCKET_STATE_FALLEN_BACK,
};

/* -errno: no socket, or the kernel cannot tell. */
int mptcp_socket_state(int fd);

#endif
