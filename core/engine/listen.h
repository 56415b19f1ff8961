/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Listeners of ours for announced addresses, each wanted by any number of announcements. One is held
 * only where no application listens: the kernel lets nobody bind beside it, not even with
 * SO_REUSEADDR, so that it must not outlive its use.
 */
#ifndef CORE_LISTEN_H
#define CORE_LISTEN_H

#include "table.h"

#include <mptcpd/plugin.h>

struct engine;

struct listeners_wanted {
	struct table table;
	bool dirty; /* somebody may listen, or listen no more */
};

/* One more announcement needs it. It is held on return, if it is to be and can be. */
void listen_want(struct engine *engine, const struct mptcpd_addr *addr, uint32_t ifindex,
		 enum mptcpd_listen when);
/* One less, which was as above. */
void listen_unwant(struct engine *engine, const struct mptcpd_addr *addr, enum mptcpd_listen when);
/* If anything may have changed, hold those that are to be held, and no others. */
void listen_settle(struct engine *engine);
/* Is a socket of ours there? */
bool listen_is_held(const struct engine *engine, const struct mptcpd_addr *addr);

#endif
