/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which address of a connection has which id, as the kernel and the peer know it. */
#include "addr.h"
#include "engine-private.h"

static bool is_id_free(const struct connection *connection, uint8_t id)
{
	for (size_t i = 0; i < connection->n_subflows; i++)
		if (connection->subflows[i].is.local_id == id)
			return false;
	for (size_t i = 0; i < connection->more->n_announced; i++)
		if (connection->more->announced[i].id == id)
			return false;
	return true;
}

/*
 * Ids that the kernel gives by itself (to addresses the peer joins) count up from 1: ours come
 * from the other end, the same for the same address where possible.
 */
static uint8_t preferred_id(const struct mptcpd_addr *local)
{
	uint32_t h = local->port;

	for (size_t i = 0; i < sizeof(local->ip); i++)
		h = h * 31 + local->ip[i];
	return (uint8_t)(128 + h % 127);
}

static bool same_local(const struct subflow *subflow, const struct mptcpd_addr *local)
{
	return addr_equal_host(&subflow->local, local) && subflow->want.port == local->port;
}

static bool is_initial(const struct connection *connection, const struct mptcpd_addr *local)
{
	return addr_equal_host(local, &connection->local) && !local->port;
}

/*
 * The kernel refuses another id as long as it knows the address by this one. It may have forgotten
 * an earlier one, and given its own when a peer came: so the latest counts. 0: it knows none.
 */
static uint8_t find_known(const struct connection *connection, const struct mptcpd_addr *local)
{
	const struct subflow *latest = NULL;

	for (size_t i = 0; i < connection->n_subflows; i++) {
		const struct subflow *subflow = &connection->subflows[i];

		if (subflow->is.local_id && same_local(subflow, local) &&
		    (!latest || subflow->is.since_ms >= latest->is.since_ms))
			latest = subflow;
	}
	return latest ? latest->is.local_id : 0;
}

/* An id for what is known by none, or only as the initial address. */
static uint8_t find_id(const struct connection *connection, const struct mptcpd_addr *local)
{
	uint8_t id = find_known(connection, local);

	if (id)
		return id;
	id = preferred_id(local);
	for (size_t tries = 0; tries < 254 && !is_id_free(connection, id); tries++)
		id = id == 1 ? 254 : id - 1;
	return id;
}

uint8_t ids_local(const struct connection *connection, const struct mptcpd_addr *local)
{
	for (size_t i = 0; i < connection->more->n_announced; i++)
		if (addr_equal(&connection->more->announced[i].addr, local))
			return connection->more->announced[i].id;
	/* The initial one may have been withdrawn, and told and joined from by another id. */
	return is_initial(connection, local) ? find_known(connection, local)
					     : find_id(connection, local);
}

uint8_t ids_announced(const struct connection *connection, const struct mptcpd_addr *local)
{
	if (is_initial(connection, local))
		return connection->local_removed ? find_id(connection, local) : 0;
	return ids_local(connection, local);
}

uint8_t ids_remote(const struct connection *connection, const struct mptcpd_addr *remote)
{
	for (size_t i = 0; i < connection->more->n_peers; i++)
		if (addr_equal(&connection->more->peers[i].addr, remote))
			return connection->more->peers[i].id;
	return 0;
}

static bool is_taken(const struct event_endpoint *known, int n, uint8_t id)
{
	for (int i = 0; i < n; i++)
		if (known[i].id == id)
			return true;
	return false;
}

/*
 * The id by which the kernel knows the address, or one that it has no address for. The initial one
 * has 0, or what it was announced by again after it had been withdrawn.
 */
static uint8_t choose_id(const struct connection *connection, const struct event_endpoint *known,
			 int n, const struct mptcpd_addr *addr, uint8_t id)
{
	for (int i = 0; i < n; i++)
		if (known[i].id && addr_equal(&known[i].addr, addr))
			return known[i].id;
	if (!id || !is_taken(known, n, id))
		return id; /* it was refused for something else */
	for (size_t tries = 0; tries < 254; tries++) {
		if (!is_taken(known, n, id) && is_id_free(connection, id))
			return id;
		id = id == 1 ? 254 : id - 1;
	}
	return id;
}

bool ids_correct(struct engine *engine, struct connection *connection,
		 const struct mptcpd_addr *addr, uint8_t refused)
{
	struct event_endpoint known[OWN_ADDRESSES_MAX];
	uint8_t id;
	int n;

	n = engine->ops->own_addresses(engine->kernel, connection->token, known, OWN_ADDRESSES_MAX);
	id = n > 0 ? choose_id(connection, known, n, addr, refused) : refused;
	if (id == refused)
		return false;
	for (size_t i = 0; i < connection->more->n_announced; i++) {
		struct announced *announced = &connection->more->announced[i];

		if (!announced->is.sent && addr_equal(&announced->addr, addr))
			announced->id = id;
	}
	for (size_t i = 0; i < connection->n_subflows; i++) {
		struct subflow *subflow = &connection->subflows[i];

		if (subflow->is.state == SUBFLOW_ABSENT && !subflow->want.fixed_id &&
		    same_local(subflow, addr))
			subflow->is.local_id = id;
	}
	return true;
}

void ids_forgotten(struct connection *connection, const struct mptcpd_addr *addr, uint64_t now_ms)
{
	for (size_t i = 0; i < connection->more->n_announced; i++) {
		struct announced *announced = &connection->more->announced[i];

		if (announced->is.sent && addr_equal_host(&announced->addr, addr)) {
			announced->is.sent = false;
			announced->is.forgotten = true;
			announced->try.due_ms = now_ms;
		}
	}
}

void ids_withdrawn(struct connection *connection, uint8_t id)
{
	connection->local_removed |= id == 0;
	for (size_t i = 0; i < connection->more->n_announced; i++) {
		struct announced *announced = &connection->more->announced[i];

		if (announced->id != id)
			continue;
		announced->is.sent = announced->is.forgotten = false;
	}
}
