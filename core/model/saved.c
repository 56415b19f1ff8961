/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "saved.h"

#include <errno.h>
#include <stdlib.h>

#include "addr.h"
#include "entry.h"
#include "peer.h"
#include "policy-memory.h"

/* So many are dropped in one step. */
#define SWEEP_STEP 256

struct connection *saved_find(const struct model *model, uint32_t token)
{
	return table_owner(table_find(&model->saved, &token, sizeof(token)), struct connection);
}

static void put(struct model *model, struct connection *connection)
{
	table_add(&model->saved, &connection->entry, &connection->token, sizeof(connection->token));
}

static void drop(struct model *model, struct connection *connection)
{
	connection_free(model, &model->saved, connection);
}

/* ---- what was saved comes ---- */

static int apply_connection(struct model *model, uint32_t token,
			    const struct event_saved_connection *event)
{
	struct connection *connection;

	if (!event->local.family || !event->remote.family || event->side > MPTCPD_SIDE_SERVER ||
	    model_find_connection(model, token) || saved_find(model, token))
		return -EINVAL;
	connection = connection_new(model, token);
	connection->saved_slot = event->slot;
	connection->local = event->local;
	connection->remote = event->remote;
	connection->side = event->side & 3;
	connection->deny_join_id0 = event->deny_join_id0;
	connection->remote_removed = event->remote_removed;
	connection->mapped = event->mapped;
	connection->local_removed = event->local_removed;
	connection->temporary = event->temporary;
	connection->begin_ms = event->begin_ms <= TIME_MAX ? event->begin_ms : 0;
	put(model, connection);
	return 0;
}

static int apply_subflow(struct connection *connection, const struct event_saved_subflow *event)
{
	struct subflow *subflow;

	if (!event->local.family || event->local.family != event->remote.family ||
	    event->origin > MPTCPD_ORIGIN_ADMIN)
		return -EINVAL;
	subflow = connection_add_subflow(connection);
	if (!subflow)
		return -EINVAL;
	/* Its state is that of a SYN in flight until the snapshot tells more. */
	*subflow = (struct subflow){
		.local = event->local,
		.remote = event->remote,
		.ifindex = event->ifindex,
		.is = {.state = event->seen ? SUBFLOW_PENDING : SUBFLOW_ABSENT,
		       .local_id = event->local_id,
		       .remote_id = event->remote_id,
		       .origin = event->origin & 3,
		       .origin_known = event->origin_known,
		       .initial = event->initial,
		       .found = event->seen,
		       .mapped = event->mapped,
		       .backup = event->backup,
		       .stale = event->stale,
		       .foreign = event->foreign},
		.want = {.port = event->asked_port,
			 .instance = event->instance,
			 .by = event->wanted_by_admin ? WANTED_BY_ADMIN : WANTED_BY_NONE,
			 .backup = event->want_backup,
			 .banned = event->banned,
			 .pinned = event->pinned,
			 .fixed_id = event->fixed_id},
	};
	return 0;
}

static int apply_announced(struct connection *connection, const struct event_saved_announced *event)
{
	struct announced *announced;

	if (!event->addr.family || !event->id)
		return -EINVAL;
	announced = connection_add_announced(connection);
	if (!announced)
		return -EINVAL;
	announced->addr = event->addr;
	announced->ifindex = event->ifindex;
	announced->id = event->id;
	announced->is.sent = event->sent;
	announced->is.local = event->is_local;
	announced->want.banned = event->banned;
	announced->want.held = event->held;
	if (event->listening)
		announced->want.listen = event->listen;
	announced->want.by = event->wanted_by_admin ? WANTED_BY_ADMIN : WANTED_BY_NONE;
	return 0;
}

int saved_apply(struct model *model, const struct event *event)
{
	struct connection *connection;

	if (!event->token)
		return -EINVAL;
	if (event->type == EVENT_SAVED_CONNECTION)
		return apply_connection(model, event->token, &event->saved_connection);
	connection = saved_find(model, event->token);
	if (!connection)
		return -EINVAL;
	switch ((int)event->type) {
	case EVENT_SAVED_PEER:
		return peer_keep(connection, &event->peer_address);
	case EVENT_SAVED_SUBFLOW:
		return apply_subflow(connection, &event->saved_subflow);
	case EVENT_SAVED_ANNOUNCED:
		return apply_announced(connection, &event->saved_announced);
	case EVENT_SAVED_MEMORY:
		return policy_memory_apply(connection, &event->saved_memory);
	default:
		return -EINVAL;
	}
}

/* ---- it meets the present ---- */

static bool is_same(const struct connection *connection, const struct event_connection *event)
{
	return addr_equal(&connection->local, &event->local) &&
	       addr_equal(&connection->remote, &event->remote);
}

bool saved_meet(struct model *model, const struct event *event, struct change *change)
{
	struct connection *waiting = saved_find(model, event->token);
	struct change untold;

	if (!waiting)
		return false;
	switch ((int)event->type) {
	case EVENT_CONNECTION_CREATED: /* it is younger than this life */
		drop(model, waiting);
		return false;
	case EVENT_CONNECTION_CLOSED:
		drop(model, waiting);
		return true;
	case EVENT_CONNECTION_ESTABLISHED:
	case EVENT_SNAPSHOT_CONNECTION:
		if (!event->connection.local.family)
			return false; /* a bad event, and refused as such */
		if (!is_same(waiting, &event->connection))
			drop(model, waiting);
		else if (event->type == EVENT_CONNECTION_ESTABLISHED)
			break;
		return false;
	case EVENT_ADDRESS_ANNOUNCED: /* no snapshot can tell it */
		peer_apply_announced(model, waiting, &event->peer_address, &untold);
		return true;
	case EVENT_ADDRESS_REMOVED:
		peer_apply_removed(model, waiting, &event->peer_address, &untold);
		return true;
	case EVENT_SNAPSHOT_SUBFLOW:
		return true;
	}
	/* For the rest a snapshot is due that knows of this event. */
	change->resync = true;
	change->snapshot = SNAPSHOT_CONNECTIONS;
	return true;
}

/* The subflows of a connection that is shown wait on, by its token. */
static void keep_subflows(struct model *model, struct connection *shown)
{
	struct connection *waiting = connection_new(model, shown->token);

	for (size_t i = 0; i < shown->n_subflows; i++)
		*connection_add_subflow(waiting) = shown->subflows[i];
	shown->n_subflows = 0;
	put(model, waiting);
}

struct connection *saved_show(struct model *model, uint32_t token)
{
	struct connection *connection = saved_find(model, token);

	if (!connection)
		return NULL;
	table_remove(&model->saved, &connection->entry);
	connection_enter(model, connection);
	keep_subflows(model, connection);
	return connection;
}

void saved_settle(struct model *model, struct connection *connection)
{
	struct connection *waiting = saved_find(model, connection->token);

	for (size_t i = 0; waiting && i < waiting->n_subflows; i++) {
		const struct subflow *wish = &waiting->subflows[i];
		struct subflow *subflow = NULL;

		if (wish->want.by != WANTED_BY_NONE || wish->want.banned || wish->want.pinned)
			subflow = connection_add_subflow(connection);
		if (!subflow)
			continue;
		*subflow = *wish;
		subflow->is.state = SUBFLOW_ABSENT;
		if (subflow->is.initial)
			subflow->want.port = 0; /* the application chose it; nobody else needs it */
		subflow->is.initial = false;
	}
	if (waiting)
		drop(model, waiting);
}

bool saved_sweep(struct model *model)
{
	struct table_entry *entry = NULL;

	for (size_t n = 0; n < SWEEP_STEP && (entry = table_first(&model->saved)); n++)
		drop(model, table_owner(entry, struct connection));
	return entry != NULL;
}
