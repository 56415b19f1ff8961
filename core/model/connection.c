/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections in the model: what events and socket dumps say of them. */
#include "connection.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"
#include "saved.h"
#include "subflow.h"

/* Connections swept in one step, between two looks at the clock. */
#define SWEEP_STEP 256
/*
 * Room for the usual connection, so that the way from event to command allocates nothing: a subflow
 * from each usable address of a family, within these bounds.
 */
#define ROOM_FIRST_MIN 2
#define ROOM_FIRST_MAX 4
#define ROOM_MAX 255

static uint8_t first_room(const struct model *model)
{
	size_t v4 = model->n_usable_v4, v6 = model->n_usable_v6;
	size_t room = v4 > v6 ? v4 : v6;

	if (room < ROOM_FIRST_MIN)
		return ROOM_FIRST_MIN;
	return room > ROOM_FIRST_MAX ? ROOM_FIRST_MAX : (uint8_t)room;
}

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

/* While there is room. */
static struct subflow *append_subflow(struct connection *connection)
{
	struct subflow *subflow;

	if (connection->n_subflows == connection->room_subflows)
		connection->subflows = grow(connection->subflows, &connection->room_subflows,
					    sizeof(*connection->subflows));
	subflow = &connection->subflows[connection->n_subflows++];
	*subflow = (struct subflow){.wanted_by = WANTED_BY_NONE};
	return subflow;
}

struct subflow *connection_add_subflow(struct connection *connection)
{
	return connection->n_subflows < ROOM_MAX ? append_subflow(connection) : NULL;
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
	*announced = (struct announced){.wanted_by = WANTED_BY_NONE};
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

/* ---- making and ending connections ---- */

struct connection *connection_find(const struct model *model, uint32_t token)
{
	return table_owner(table_find(&model->connections, &token, sizeof(token)),
			   struct connection);
}

struct connection *connection_add(struct model *model, uint32_t token)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (!connection)
		abort();
	connection->token = token;
	connection->serial = model->next_serial++;
	connection->due_ms = connection->ask_ms = UINT64_MAX;
	connection->touched = model->mark;
	connection->room_subflows = first_room(model);
	connection->subflows = calloc(connection->room_subflows, sizeof(*connection->subflows));
	if (!connection->subflows)
		abort();
	table_add(&model->connections, &connection->entry, &connection->token,
		  sizeof(connection->token));
	order_add(&model->order, connection);
	return connection;
}

static void forget(const struct model *model, struct connection *connection)
{
	if (model->on_forget && !connection->gone)
		model->on_forget(model->on_forget_data, connection);
}

void connection_free(struct model *model, struct connection *connection)
{
	forget(model, connection);
	if (model->sweep_next == connection)
		model->sweep_next = table_owner(table_next(&connection->entry), struct connection);
	order_remove(&model->order, connection);
	table_remove(&model->connections, &connection->entry);
	free(connection->subflows);
	free(connection->peers);
	free(connection->announced);
	free(connection->failures);
	free(connection->memory);
	free(connection);
}

void connection_done(struct model *model)
{
	struct table_entry *entry;

	while ((entry = table_first(&model->connections)))
		connection_free(model, table_owner(entry, struct connection));
	order_done(&model->order);
}

bool connection_is_ipv4_only(const struct connection *connection)
{
	return connection->local.family == AF_INET && !connection->mapped;
}

void connection_describe(const struct connection *connection, struct change *change)
{
	change->token = connection->token;
	change->connection_serial = connection->serial;
	change->side = connection->side;
	change->local = connection->local;
	change->remote = connection->remote;
	change->deny_join_id0 = connection->deny_join_id0;
	if (connection->policy)
		snprintf(change->policy, sizeof(change->policy), "%s", connection->policy->name);
}

void model_close_connection(struct model *model, struct connection *connection,
			    struct change *ret_change)
{
	*ret_change = (struct change){.type = CHANGE_CONNECTION_CLOSED};
	connection_describe(connection, ret_change);
	model->n_subflows -= connection_count_established(connection);
	if (!model->snapshot[SNAPSHOT_CONNECTIONS].open) {
		connection_free(model, connection);
		return;
	}
	/* A record of the running dump may still show it: remember until the end that it is no more. */
	forget(model, connection);
	connection->gone = true;
	connection->touched = model->mark;
	connection->n_subflows = connection->n_peers = 0;
	connection->n_announced = connection->n_failures = 0;
}

/* The initial subflow, the first one of a new connection. */
static void add_initial(struct model *model, struct connection *connection, uint64_t now_ms)
{
	struct subflow *subflow = append_subflow(connection);
	const struct local *local;

	subflow->local = connection->local;
	subflow->remote = connection->remote;
	subflow->asked_port = connection->local.port;
	subflow->mapped = connection->mapped;
	subflow->initial = subflow->origin_known = true;
	subflow->origin = MPTCPD_ORIGIN_APPLICATION;
	local = model_sole_local(model, &connection->local);
	subflow->ifindex = local ? local->interface->ifindex : 0;
	model_set_subflow_state(model, subflow, SUBFLOW_ESTABLISHED, now_ms);
}

/* Take over what the model does not know yet. */
static void learn(struct connection *connection, const struct event_connection *event)
{
	if (!connection->local.family && event->local.family) {
		connection->local = event->local;
		connection->remote = event->remote;
		connection->mapped = event->mapped;
	}
	if (connection->side == MPTCPD_SIDE_UNKNOWN)
		connection->side = event->side & 3;
	connection->deny_join_id0 |= event->deny_join_id0;
}

static int apply_created(struct model *model, struct connection *connection,
			 const struct event *event, uint64_t now_ms, struct change *change)
{
	bool is_established = event->type == EVENT_CONNECTION_ESTABLISHED;

	if (!event->connection.local.family)
		return -EINVAL;
	if (connection && connection->gone) {
		connection_free(model, connection); /* the token lives a second life */
		connection = NULL;
	}
	if (!connection) {
		connection = connection_add(model, event->token);
		learn(connection, &event->connection);
		add_initial(model, connection, now_ms);
		change->type = CHANGE_CONNECTION_CREATED;
	} else {
		learn(connection, &event->connection);
	}
	connection->touched = model->mark;
	if (is_established && connection->state == MPTCPD_CONNECTION_CREATED) {
		connection->state = MPTCPD_CONNECTION_ESTABLISHED;
		change->established = true;
		if (change->type == CHANGE_NONE)
			change->type = CHANGE_CONNECTION_ESTABLISHED;
	}
	connection_describe(connection, change);
	return 0;
}

/* ---- snapshot records ---- */

static int apply_snapshot_connection(struct model *model, struct connection *connection,
				     const struct event *event, struct change *change)
{
	if (!event->connection.local.family)
		return -EINVAL;
	if (connection && connection->gone)
		return 0;
	if (!connection) {
		connection = connection_add(model, event->token);
		connection->adopted = true;
		change->type = CHANGE_CONNECTION_CREATED;
		/* Somebody must tell its subflows. */
		change->resync = model->snapshot[SNAPSHOT_CONNECTIONS].brief;
		change->snapshot = SNAPSHOT_CONNECTIONS;
	}
	learn(connection, &event->connection);
	if (connection->fallback != event->connection.fallback && change->type == CHANGE_NONE)
		change->type = CHANGE_CONNECTION_UPDATED;
	if (connection->has_mark && connection->so_mark != event->connection.so_mark &&
	    change->type == CHANGE_NONE)
		change->type = CHANGE_CONNECTION_UPDATED;
	connection->so_mark = event->connection.so_mark;
	connection->has_mark = true;
	connection->fallback = event->connection.fallback;
	if (event->connection.closing)
		connection->state = MPTCPD_CONNECTION_CLOSING;
	connection->touched = model->mark;
	if (change->type != CHANGE_NONE)
		connection_describe(connection, change);
	return 0;
}

bool connection_sweep(struct model *model, uint64_t now_ms, struct change *change)
{
	uint32_t mark = model->snapshot[SNAPSHOT_CONNECTIONS].mark;
	bool brief = model->snapshot[SNAPSHOT_CONNECTIONS].brief;

	for (size_t n = 0; model->sweep_next; n++) {
		struct connection *connection = model->sweep_next;

		if (n == SWEEP_STEP)
			return true;
		if (connection->gone || (connection->saved && !brief)) {
			connection_free(model, connection); /* moves sweep_next on */
			continue;
		}
		if (connection->touched < mark && !connection->saved) {
			model_close_connection(model, connection, change);
			return true;
		}
		if ((!brief || connection->has_gone) &&
		    subflow_sweep(model, connection, now_ms, change))
			return true;
		connection->adopted &= brief;
		model->sweep_next = table_owner(table_next(&connection->entry), struct connection);
	}
	return false;
}

/* `connection` has the event's token, or is NULL. */
static int apply(struct model *model, struct connection *connection, const struct event *event,
		 uint64_t now_ms, struct change *change)
{
	if (event->type == EVENT_CONNECTION_CREATED || event->type == EVENT_CONNECTION_ESTABLISHED)
		return apply_created(model, connection, event, now_ms, change);
	if (event->type == EVENT_SNAPSHOT_CONNECTION)
		return apply_snapshot_connection(model, connection, event, change);

	if (connection && connection->gone)
		connection = NULL;
	if (!connection && event->type == EVENT_ADDRESS_ANNOUNCED &&
	    event->peer_address.addr.family) {
		/* No snapshot can tell it later: keep it, whatever else is missing. */
		connection = connection_add(model, event->token);
		connection->adopted = change->resync = true;
	}
	if (!connection) {
		/* CLOSED comes for connections that were never created, too. */
		change->resync = event->type == EVENT_SUBFLOW_ESTABLISHED;
		change->snapshot = SNAPSHOT_CONNECTIONS;
		return 0;
	}
	switch ((int)event->type) {
	case EVENT_CONNECTION_CLOSED:
		model_close_connection(model, connection, change);
		return 0;
	case EVENT_SUBFLOW_ESTABLISHED:
		return subflow_apply_established(model, connection, &event->subflow, now_ms,
						 change);
	case EVENT_SUBFLOW_CLOSED:
		return subflow_apply_closed(model, connection, &event->subflow, now_ms, change);
	case EVENT_SUBFLOW_PRIORITY:
		return subflow_apply_priority(model, connection, &event->subflow, change);
	case EVENT_ADDRESS_ANNOUNCED:
		return peer_apply_announced(model, connection, &event->peer_address, change);
	case EVENT_ADDRESS_REMOVED:
		return peer_apply_removed(model, connection, &event->peer_address, change);
	case EVENT_SNAPSHOT_SUBFLOW:
		return subflow_apply_snapshot(model, connection, &event->subflow, now_ms, change);
	default:
		return -EINVAL;
	}
}

int connection_apply(struct model *model, const struct event *event, uint64_t now_ms,
		     struct change *change)
{
	struct connection *connection;
	int r;

	if (event->token == 0)
		return -EINVAL;
	connection = connection_find(model, event->token);
	if (!connection || !connection->saved)
		return apply(model, connection, event, now_ms, change);
	if (saved_meet(model, connection, event, change))
		return 0;
	r = apply(model, connection_find(model, event->token), event, now_ms, change);
	connection = connection_find(model, event->token);
	if (connection && connection->saved)
		change->type = CHANGE_NONE; /* nobody has been told of the connection */
	return r;
}
