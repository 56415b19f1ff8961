/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The process that makes the sockets of a filtered program. It is a child of the program which no
 * wait() finds and no terminal reaches, holds nothing of what the program has open, and ends when the
 * last process of the program has ended.
 */
#ifndef MPTCPIZE_SUPERVISOR_H
#define MPTCPIZE_SUPERVISOR_H

#include <sys/types.h>

#include "tcp.h"

struct supervisor_link {
	pid_t pid;
	int channel;
};

/* Start it, and wait until it is ready. 0, or an error, which may be that of `try`: it is called there. */
int supervisor_start(const struct keepalive *keepalive, int (*try)(void),
		     struct supervisor_link *ret_link);
/* Have it answer this listener; negative: there is none, and it has ended then. Closes the link. */
int supervisor_serve(const struct supervisor_link *link, int listener);

#endif
