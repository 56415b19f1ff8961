/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Addresses that the peer announces as its own. It is not believed: an address that can be none of
 * its own is kept, so that it is told once, but no policy sees it.
 *
 * The address of the initial subflow has id 0 and is known without an announcement: whether it was
 * withdrawn is connection.remote_removed and nothing else. All other ids are in connection.peers.
 */
#ifndef CORE_PEER_H
#define CORE_PEER_H

#include "model.h"

/* For connection.c and saved.c. Both return and promise as model_apply(). */
int peer_apply_announced(struct model *model, struct connection *connection,
			 const struct event_peer_address *event, struct change *change);
int peer_apply_removed(struct model *model, struct connection *connection,
		       const struct event_peer_address *event, struct change *change);
/* Keep the address by its id, 1 to 255, whatever that id was before. 0, -EINVAL or -ENOSPC. */
int peer_keep(struct connection *connection, const struct event_peer_address *event);

/* Why no subflow is to go to this address of the peer, in words; NULL: it may. */
const char *peer_refusal(const struct model *model, const struct connection *connection,
			 const struct mptcpd_addr *addr);

#endif
