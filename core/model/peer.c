/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the peer says of its own addresses, and what of it can be true. */
#include "peer.h"

#include <errno.h>
#include <string.h>

#include "addr.h"
#include "change.h"
#include "entry.h"

/* ---- what can be true ---- */

/* Does this network's broadcast address, as the kernel makes it, stand in `addr`? */
static bool is_broadcast(const struct local *local, const struct mptcpd_addr *addr)
{
	if (local->is.addr.family != AF_INET || local->is.prefix == 0 || local->is.prefix > 30 ||
	    !mptcpd_addr_in_prefix(addr, &local->is.addr, local->is.prefix))
		return false;
	for (unsigned int bit = local->is.prefix; bit < 32; bit++)
		if (!(addr->ip[bit / 8] & 0x80 >> bit % 8))
			return false;
	return true;
}

static bool is_broadcast_here(const struct model *model, const struct mptcpd_addr *addr)
{
	for (struct table_entry *entry = table_first(&model->locals); entry;
	     entry = table_next(entry))
		if (is_broadcast(table_owner(entry, struct local), addr))
			return true;
	return false;
}

const char *peer_refusal(const struct model *model, const struct connection *connection,
			 const struct mptcpd_addr *addr)
{
	if (addr_equal_host(addr, &connection->remote))
		return NULL; /* we speak to it already */
	if (mptcpd_addr_is_any(addr))
		return "the unspecified address";
	if (mptcpd_addr_is_loopback(addr))
		return "a loopback address";
	if (mptcpd_addr_is_link_local(addr))
		return "a link-local address";
	if (addr_is_reserved(addr))
		return "a reserved address";
	if (mptcpd_addr_is_multicast(addr))
		return "a multicast address";
	if (is_broadcast_here(model, addr))
		return "a broadcast address";
	if (model_find_local(model, addr, 0) && !model_find_local(model, &connection->remote, 0))
		return "an address of this host";
	return NULL;
}

/* ---- what it says ---- */

static struct mptcpd_peer_address *find(struct connection *connection, uint8_t id)
{
	for (size_t i = 0; i < connection->more->n_peers; i++)
		if (connection->more->peers[i].id == id)
			return &connection->more->peers[i];
	return NULL;
}

int peer_keep(struct connection *connection, const struct event_peer_address *event)
{
	struct mptcpd_peer_address *peer;

	if (!event->addr.family || event->id == 0)
		return -EINVAL;
	peer = find(connection, event->id);
	if (!peer)
		peer = connection_add_peer(connection);
	if (!peer)
		return -ENOSPC;
	*peer = (struct mptcpd_peer_address){.addr = event->addr, .id = event->id};
	return 0;
}

static void tell(struct model *model, struct connection *connection, enum change_type type,
		 const struct event_peer_address *event, struct change *change)
{
	connection->touched = model->mark;
	change->type = type;
	connection_describe(connection, change);
	change->remote_id = event->id;
	if (event->addr.family)
		change->remote = event->addr;
}

/* Was it announced already, by whatever id? */
static bool is_announced(const struct connection *connection, const struct mptcpd_addr *addr)
{
	for (size_t i = 0; i < connection->more->n_peers; i++)
		if (addr_equal(addr, &connection->more->peers[i].addr))
			return true;
	return false;
}

/* An address that is announced anew is tried anew (RFC 8684 section 3.4.1). */
static void try_again(struct connection *connection, const struct mptcpd_addr *addr)
{
	for (size_t i = 0; i < connection->n_subflows; i++) {
		struct subflow *subflow = &connection->subflows[i];

		if (subflow->is.state != SUBFLOW_ABSENT || !addr_equal(&subflow->remote, addr))
			continue;
		subflow->try = (struct subflow_tries){0};
	}
}

int peer_apply_announced(struct model *model, struct connection *connection,
			 const struct event_peer_address *event, struct change *change)
{
	const struct mptcpd_peer_address *known = find(connection, event->id);
	bool is_new = !is_announced(connection, &event->addr);

	if (!event->addr.family)
		return -EINVAL;
	if (event->id == 0 && connection->remote.family &&
	    !addr_equal(&event->addr, &connection->remote)) {
		change->refused = "id 0 is that of the initial address";
		connection_describe(connection, change);
		change->remote = event->addr;
		return 0;
	}
	/* ADD_ADDR is sent again until it was echoed. */
	if (event->id == 0 ? !connection->remote_removed
			   : known && addr_equal(&known->addr, &event->addr))
		return 0;
	if (event->id == 0)
		connection->remote_removed = false;
	else if (peer_keep(connection, event) < 0)
		return 0;
	if (is_new)
		try_again(connection, &event->addr);
	change->refused = peer_refusal(model, connection, &event->addr);
	tell(model, connection, CHANGE_ADDRESS_ANNOUNCED, event, change);
	return 0;
}

/* The initial address, by whatever ids it was announced beside 0. */
static void forget_initial(struct connection *connection)
{
	connection->remote_removed = true;
	for (size_t i = connection->more->n_peers; i-- > 0;)
		if (addr_equal(&connection->more->peers[i].addr, &connection->remote))
			connection_remove_peer(connection, &connection->more->peers[i]);
}

int peer_apply_removed(struct model *model, struct connection *connection,
		       const struct event_peer_address *event, struct change *change)
{
	struct mptcpd_peer_address *known = find(connection, event->id);
	struct event_peer_address removed = {.id = event->id};

	if (known) {
		removed.addr = known->addr;
		connection_remove_peer(connection, known);
	} else if (event->id == 0) {
		removed.addr = connection->remote;
		forget_initial(connection);
	}
	/*
	 * Each is told, though nothing may change: one that was never announced by its id alone, the
	 * initial one as often as it is withdrawn, for a client joins from there again unannounced.
	 */
	tell(model, connection, CHANGE_ADDRESS_REMOVED, &removed, change);
	change->remote = removed.addr;
	return 0;
}
