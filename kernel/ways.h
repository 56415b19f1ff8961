/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the routes of one address family lead beyond their own link: what is asked about when no
 * route leads everywhere. Nothing but places to ask about; whether a source gets there by an
 * interface is for the kernel to answer, which knows the rules.
 */
#ifndef KERNEL_WAYS_H
#define KERNEL_WAYS_H

#include "codec.h"

/* The most that are remembered; a host without default route has few. */
#define WAYS_MAX 64

struct way {
	struct mptcpd_addr net;
	uint32_t ifindex; /* 0: several */
	uint8_t prefix;
	bool gateway; /* what is on the way is no neighbour, even inside the link's own prefix */
};

struct ways {
	struct way list[WAYS_MAX];
	size_t n;
	bool known; /* they are as the routing tables are */
	bool wide; /* they lead to more than single hosts */
};

/* The routing tables have changed. */
void ways_forget(struct ways *ways);
/*
 * Ask the kernel, unless known. Reads a bounded part of its tables: a router that has more routes is
 * reached by everything. 0 or -errno.
 */
int ways_learn(struct ways *ways, uint8_t family);
/* Take one route into account. */
void ways_add(struct ways *ways, const struct codec_route *route);
/* An address at the end of the way, at its far or its near end. */
struct mptcpd_addr way_probe(const struct way *way, bool far);

#endif
