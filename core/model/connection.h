/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The model's half about connections: what MPTCP events and socket dumps say of them. For model.c
 * alone; others use model.h.
 */
#ifndef CORE_CONNECTION_H
#define CORE_CONNECTION_H

#include "model.h"

/* Apply an event that has a token. Returns and promises as model_apply(). */
int connection_apply(struct model *model, const struct event *event, uint64_t now_ms,
		     struct change *change);
/* One step of the sweep after a snapshot of connections; false: nothing (more) to remove. */
bool connection_sweep(struct model *model, uint64_t now_ms, struct change *change);
/* Fill in whom the change is about. */
void connection_describe(const struct connection *connection, struct change *change);
/* For saved.c: the connection, hidden or not; make one; drop one and call on_forget. */
struct connection *connection_find(const struct model *model, uint32_t token);
struct connection *connection_add(struct model *model, uint32_t token);
void connection_free(struct model *model, struct connection *connection);
/* For peer.c: room for an address of the peer; NULL: there are 255 already. */
struct mptcpd_peer_address *connection_add_peer(struct connection *connection);
void connection_remove_peer(struct connection *connection, struct mptcpd_peer_address *peer);
/* Free all. */
void connection_done(struct model *model);

#endif
