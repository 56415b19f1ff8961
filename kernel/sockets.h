/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which sockets of processes speak MPTCP, and which TCP. Needs no privilege. */
#ifndef KERNEL_SOCKETS_H
#define KERNEL_SOCKETS_H

#include "ops.h"

enum sockets_speech {
	SOCKETS_TCP,
	SOCKETS_MPTCP,
	SOCKETS_FALLEN_BACK, /* made for MPTCP; the other side or the way knows only TCP */
};

/* One that some process has open: one that listens, or has a peer. */
struct sockets_entry {
	uint32_t inode; /* as in "socket:[INODE]" of /proc/PID/fd */
	enum sockets_speech speech;
	bool listens;
	struct mptcpd_addr local, remote;
};

/*
 * All of them in the network namespace of the caller, by inode and each once: a connection's
 * subflows are not told. The caller frees the list. 0, -ENOMEM or another -errno. A kernel without
 * MPTCP has only TCP sockets, and one without mptcp_diag tells no fallback without CAP_NET_ADMIN.
 */
int sockets_list(struct sockets_entry **ret_list, size_t *ret_n);
/* The same, of those that listen alone. */
int sockets_list_listening(struct sockets_entry **ret_list, size_t *ret_n);

#endif
