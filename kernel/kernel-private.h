/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Declarations that kernel.c and command.c share. */
#ifndef KERNEL_KERNEL_PRIVATE_H
#define KERNEL_KERNEL_PRIVATE_H

#include "asking.h"
#include "cgroup.h"
#include "waiting.h"
#include "kernel.h"
#include "listener.h"
#include "listening.h"
#include "pending.h"
#include "pm.h"
#include "snapshot.h"
#include "ways.h"

struct kernel {
	struct sink sink;
	/* for requests */
	struct pm pm;
	struct socket links, diag;
	struct asking asking;
	/* streams */
	struct socket pm_events, link_events;
	struct snapshot snapshots[SNAPSHOT_KINDS];
	struct listeners listeners;
	struct listening listening;
	struct pending pending;
	struct waiting waiting;
	struct ways ways[2]; /* of IPv4 and IPv6 */
	struct cgroups cgroups;
	int wake; /* an eventfd: readable when a snapshot is to start or to end */
	bool has_diag; /* connections can be dumped: asked once */
	uint64_t n_established; /* connections, of which events told: ever */
	uint32_t n_untried; /* joins, since a read right after one was in vain; 0: it was not */
	char text[CODEC_TEXT_SIZE]; /* of the last command */
	struct socket_batch batch;
	_Alignas(struct nlmsghdr) char buffer[SOCKET_BUFFER_SIZE];
};

/* Make its `wake` readable. */
void kernel_wake_up(struct kernel *kernel);

#endif
