/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The records of the model: made and let go. For the model alone; what finds them is in model.h. */
#ifndef CORE_ENTRY_H
#define CORE_ENTRY_H

#include "model.h"

/* A connection that is in no table yet, with room for the usual subflows. */
struct connection *connection_new(const struct model *model, uint32_t token);
/* Put the connection into the model, as the youngest of all. */
void connection_enter(struct model *model, struct connection *connection);
/* Both. */
struct connection *connection_add(struct model *model, uint32_t token);
/* Take it out of this table and free it, after on_forget was told. */
void connection_free(struct model *model, struct table *table, struct connection *connection);
/* The same for one that counts. */
void connection_remove(struct model *model, struct connection *connection);
/* Room for an address of the peer; NULL: there are 255 already. */
struct mptcpd_peer_address *connection_add_peer(struct connection *connection);
void connection_remove_peer(struct connection *connection, struct mptcpd_peer_address *peer);

#endif
