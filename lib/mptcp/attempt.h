/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One socket that connects to one address. */
#ifndef LIB_MPTCP_ATTEMPT_H
#define LIB_MPTCP_ATTEMPT_H

#include <mptcp/socket.h>

#include "order.h"

/* What dial was asked for, strings checked and owned by whoever owns this. */
struct attempt_request {
	bool plain;
	int keepalive_s;
	char interface[16]; /* IFNAMSIZ; empty: any */
	struct address local; /* size 0: any */
};

/* Take it from the options. 0, -EINVAL, -ENODEV, or as of a lookup for a bad local address. */
int mptcp_attempt_request(const struct mptcp_dial_options *options, struct attempt_request *ret);
/* Begin, `plain` by TCP: the descriptor, non-blocking, or -errno. It may be connected already. */
int mptcp_attempt_start(const struct attempt_request *request, const struct address *address,
			bool plain);
/* What poll() says of it as `events`: 0 connected, -EINPROGRESS, -errno. */
int mptcp_attempt_result(int fd, int events);

#endif
