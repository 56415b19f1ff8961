/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The records of the model: found, made and let go. */
#include "entry.h"

#include <stdlib.h>

#include "addr.h"
/*
 * Room for the usual connection, so that the way from event to command allocates nothing: a subflow
 * from each usable address of a family, within these bounds.
 */
#define ROOM_FIRST_MIN 2
#define ROOM_FIRST_MAX 4
#define ROOM_MAX 255

/* ---- this host ---- */

struct interface *model_find_interface(const struct model *model, uint32_t ifindex)
{
	return table_owner(table_find(&model->interfaces, &ifindex, sizeof(ifindex)),
			   struct interface);
}

const char *model_interface_name(const struct model *model, uint32_t ifindex)
{
	struct interface *interface = ifindex ? model_find_interface(model, ifindex) : NULL;

	return interface ? interface->is.name : "";
}

struct local *model_next_local(const struct model *model, const struct mptcpd_addr *addr,
			       const struct local *after)
{
	struct mptcpd_addr host = addr_host(addr);
	struct table_entry *entry;

	if (model->n_double_locals == 0)
		return after ? NULL
			     : table_owner(table_find(&model->locals, &host, sizeof(host)),
					   struct local);
	for (entry = after ? table_next(&after->entry) : table_first(&model->locals); entry;
	     entry = table_next(entry))
		if (addr_equal_host(&table_owner(entry, struct local)->is.addr, &host))
			return table_owner(entry, struct local);
	return NULL;
}

struct local *model_sole_local(const struct model *model, const struct mptcpd_addr *addr)
{
	struct local *local = model_next_local(model, addr, NULL);

	return local && !model_next_local(model, addr, local) ? local : NULL;
}

struct local *model_find_local(const struct model *model, const struct mptcpd_addr *addr,
			       uint32_t ifindex)
{
	struct mptcpd_addr host = addr_host(addr);
	struct table_entry *entry = table_find(&model->locals, &host, sizeof(host));
	struct local *local = table_owner(entry, struct local), *found = NULL;

	/* An interface may have thousands, of which hardly any is on another one, too. */
	if (!local || (ifindex && local->interface->is.ifindex == ifindex))
		return local;
	if (ifindex) {
		struct interface *interface = model_find_interface(model, ifindex);

		for (local = interface ? interface->locals : NULL; local; local = local->next)
			if (addr_equal_host(&local->is.addr, addr))
				return local;
		return NULL;
	}
	local = NULL;
	while ((local = model_next_local(model, addr, local))) {
		found = local;
		if (local->usability == USABLE)
			break;
	}
	return found;
}

/* ---- connections ---- */

struct connection *model_find_connection(const struct model *model, uint32_t token)
{
	return table_owner(table_find(&model->connections, &token, sizeof(token)),
			   struct connection);
}

struct connection *model_next_connection(const struct model *model, uint64_t serial)
{
	return order_find(&model->order, serial);
}

struct connection *connection_next(const struct connection *connection)
{
	return table_owner(table_next(&connection->entry), struct connection);
}

static uint8_t first_room(const struct model *model)
{
	size_t v4 = model->n_usable_v4, v6 = model->n_usable_v6;
	size_t room = v4 > v6 ? v4 : v6;

	if (room < ROOM_FIRST_MIN)
		return ROOM_FIRST_MIN;
	return room > ROOM_FIRST_MAX ? ROOM_FIRST_MAX : (uint8_t)room;
}

struct connection *connection_new(uint32_t token)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (!connection)
		abort();
	connection->token = token;
	connection->due_ms = connection->ask_ms = UINT64_MAX;
	connection->bytes_sent = connection->bytes_received = MPTCPD_BYTES_UNKNOWN;
	return connection;
}

void connection_enter(struct model *model, struct connection *connection)
{
	connection->serial = model->next_serial++;
	connection->touched = model->mark;
	table_add(&model->connections, &connection->entry, &connection->token,
		  sizeof(connection->token));
	order_add(&model->order, connection);
}

struct connection *connection_add(struct model *model, uint32_t token)
{
	struct connection *connection = connection_new(token);

	connection->room_subflows = first_room(model);
	connection->subflows = calloc(connection->room_subflows, sizeof(*connection->subflows));
	if (!connection->subflows)
		abort();
	connection_enter(model, connection);
	return connection;
}

void connection_free(struct model *model, struct table *table, struct connection *connection)
{
	if (model->on_forget)
		model->on_forget(model->on_forget_data, connection);
	table_remove(table, &connection->entry);
	free(connection->subflows);
	free(connection->peers);
	free(connection->announced);
	free(connection->failures);
	free(connection->memory);
	free(connection);
}

void connection_remove(struct model *model, struct connection *connection)
{
	if (model->sweep_next == connection)
		model->sweep_next = connection_next(connection);
	order_remove(&model->order, connection);
	connection_free(model, &model->connections, connection);
}

bool connection_is_ipv4_only(const struct connection *connection)
{
	return connection->local.family == AF_INET && !connection->mapped;
}

/* ---- what a connection has ---- */

static void *grow(void *array, uint8_t *room, size_t size)
{
	size_t more = *room ? (size_t)*room * 2 : ROOM_FIRST_MIN;

	if (more > ROOM_MAX)
		more = ROOM_MAX;
	array = realloc(array, more * size);
	if (!array)
		abort();
	*room = (uint8_t)more;
	return array;
}

struct subflow *connection_add_subflow(struct connection *connection)
{
	struct subflow *subflow;

	if (connection->n_subflows == ROOM_MAX)
		return NULL;
	if (connection->n_subflows == connection->room_subflows)
		connection->subflows = grow(connection->subflows, &connection->room_subflows,
					    sizeof(*connection->subflows));
	subflow = &connection->subflows[connection->n_subflows++];
	*subflow = (struct subflow){.want.by = WANTED_BY_NONE};
	return subflow;
}

void connection_remove_subflow(struct connection *connection, struct subflow *subflow)
{
	*subflow = connection->subflows[--connection->n_subflows];
}

struct announced *connection_add_announced(struct connection *connection)
{
	struct announced *announced;

	if (connection->n_announced == ROOM_MAX)
		return NULL;
	if (connection->n_announced == connection->room_announced)
		connection->announced = grow(connection->announced, &connection->room_announced,
					     sizeof(*connection->announced));
	announced = &connection->announced[connection->n_announced++];
	*announced = (struct announced){.want.by = WANTED_BY_NONE};
	return announced;
}

void connection_remove_announced(struct connection *connection, struct announced *announced)
{
	*announced = connection->announced[--connection->n_announced];
}

struct mptcpd_peer_address *connection_add_peer(struct connection *connection)
{
	if (connection->n_peers == ROOM_MAX)
		return NULL;
	if (connection->n_peers == connection->room_peers)
		connection->peers = grow(connection->peers, &connection->room_peers,
					 sizeof(*connection->peers));
	return &connection->peers[connection->n_peers++];
}

void connection_remove_peer(struct connection *connection, struct mptcpd_peer_address *peer)
{
	*peer = connection->peers[--connection->n_peers];
}

bool subflow_is_seen(const struct subflow *subflow)
{
	return subflow->is.state != SUBFLOW_ABSENT;
}

size_t connection_count_established(const struct connection *connection)
{
	size_t n = 0;

	for (size_t i = 0; i < connection->n_subflows; i++)
		n += connection->subflows[i].is.state == SUBFLOW_ESTABLISHED;
	return n;
}

void model_set_subflow_state(struct model *model, struct subflow *subflow, enum subflow_state state,
			     uint64_t now_ms)
{
	bool was = subflow->is.state == SUBFLOW_ESTABLISHED;

	subflow->is.touched = model->mark;
	if (subflow->is.state != state)
		subflow->is.since_ms = now_ms;
	subflow->is.state = state;
	subflow->want.dropped &= state == SUBFLOW_PENDING || state == SUBFLOW_ESTABLISHED;
	model->n_subflows += (state == SUBFLOW_ESTABLISHED) - was;
}
