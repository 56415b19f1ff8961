/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether TCP's peers answer: counters that stand still while all do, and a dump of sockets, read
 * in slices from a socket of its own, that tells which do not.
 */
#ifndef KERNEL_WAITING_H
#define KERNEL_WAITING_H

#include "netstat.h"
#include "snapshot.h"

struct waiting {
	struct socket socket;
	struct sink *sink; /* not owned */
	struct netstat_answers answers;
	bool busy; /* a dump is under way */
	bool measured;
	uint64_t cost_ns; /* of the look so far, but for the slice that began at: */
	uint64_t read_ns;
};

int waiting_open(struct waiting *waiting, struct sink *sink);
/* Accepts one that was only set to be closed: both files of `answers` -1, all else 0. */
void waiting_close(struct waiting *waiting);

/* As ops->answers(). */
int waiting_count(const struct waiting *waiting, uint64_t *ret_missed, uint64_t *ret_heard);
/* As ops->look(). */
int waiting_ask(struct waiting *waiting, bool measured);
/* As snapshot_dispatch(). */
int waiting_dispatch(struct waiting *waiting, char buffer[static SOCKET_BUFFER_SIZE], size_t slice);

#endif
