/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where applications have listening MPTCP sockets, as of the last look. */
#ifndef KERNEL_LISTENING_H
#define KERNEL_LISTENING_H

#include "codec.h"
#include "listener.h"
#include "socket.h"

struct listening {
	struct codec_listener *list; /* owned */
	size_t n, room;
	bool known;
};

/* Accepts a zeroed one. */
void listening_done(struct listening *listening);
/* Look again. 0, or -errno, and nothing is known. */
int listening_look(struct listening *listening, struct socket *diag);
/*
 * Who listens for what comes to addr by the link `ifindex`, our own sockets aside? enum listens, or
 * -ENODATA where nothing is known.
 */
int listening_find(const struct listening *listening, const struct listeners *own,
		   const struct mptcpd_addr *addr, uint32_t ifindex);

#endif
