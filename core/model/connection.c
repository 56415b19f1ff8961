/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections in the model: what events and socket dumps say of them. */
#include "connection.h"

#include <errno.h>

#include "change.h"
#include "ended.h"
#include "entry.h"
#include "measure.h"
#include "more.h"
#include "peer.h"
#include "saved.h"
#include "subflow.h"

/* Connections swept in one step, between two looks at the clock. */
#define SWEEP_STEP 256
/* One that carried data so long ago carries data. */
#define BUSY_MS 1000

void model_close_connection(struct model *model, struct connection *connection,
			    struct change *ret_change)
{
	*ret_change = (struct change){.type = CHANGE_CONNECTION_CLOSED};
	connection_describe(connection, ret_change);
	model->n_subflows -= connection_count_established(connection);
	ended_note_connection(model, connection);
	connection_remove(model, connection);
}

/* The initial subflow, the first one of a new connection. */
static void add_initial(struct model *model, struct connection *connection, uint64_t now_ms)
{
	struct subflow *subflow = connection_add_subflow(connection);
	const struct local *local;

	subflow->local = connection->local;
	subflow->remote = connection->remote;
	subflow->want.port = connection->local.port;
	subflow->is.mapped = connection->mapped;
	subflow->is.initial = subflow->is.origin_known = true;
	subflow->is.origin = MPTCPD_ORIGIN_APPLICATION;
	local = model_sole_local(model, &connection->local);
	subflow->ifindex = local ? local->interface->is.ifindex : 0;
	subflow->is.foreign = !local && !model_next_local(model, &connection->local, NULL);
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
	if (!connection) {
		connection = connection_add(model, event->token);
		connection->begin_ms = now_ms;
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

static bool is_same_owner(const struct mptcpd_owner *a, const struct mptcpd_owner *b)
{
	return a->uid == b->uid && a->mark == b->mark && a->cgroup == b->cgroup;
}

/* Who was asked for it once is to know it as it is now; of others only if somebody wants it. */
static void learn_owner(const struct model *model, struct connection *connection,
			const struct event_connection *event, struct change *change)
{
	struct mptcpd_owner owner = event->owner;
	struct connection_more *more;

	if (!model->keeps_owners && !connection->more->has_owner)
		return;
	more = connection_more(connection);
	/* Once it is closed nobody has it, and it stays whose it was. */
	if (event->orphan && more->has_owner)
		owner.uid = more->owner.uid;
	change->whose = more->has_owner && !is_same_owner(&more->owner, &owner);
	if (change->whose && change->type == CHANGE_NONE)
		change->type = CHANGE_CONNECTION_UPDATED;
	more->owner = owner;
	more->is_orphan = event->orphan && (!more->has_owner || more->is_orphan);
	more->has_owner = true;
}

static void learn_counts(const struct model *model, struct connection *connection,
			 const struct event_connection *event, uint64_t now_ms)
{
	struct connection_more *more;

	if (!model->keeps_counts && !connection->more->counted_ms)
		return;
	more = connection_more(connection);
	more->bytes_sent = model->keeps_counts ? event->bytes_sent : MPTCPD_BYTES_UNKNOWN;
	more->bytes_received = model->keeps_counts ? event->bytes_received : MPTCPD_BYTES_UNKNOWN;
	more->counted_ms = model->keeps_counts ? now_ms : 0;
	if (!model->keeps_counts)
		more_shed(connection);
}

static int apply_snapshot_connection(struct model *model, struct connection *connection,
				     const struct event *event, uint64_t now_ms,
				     struct change *change)
{
	if (!event->connection.local.family)
		return -EINVAL;
	if (!connection && ended_has_connection(model, event->token))
		return 0;
	if (!connection) {
		connection = saved_show(model, event->token);
		if (!connection)
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
	learn_owner(model, connection, &event->connection, change);
	learn_counts(model, connection, &event->connection, now_ms);
	measure_settle(model, connection);
	connection->fallback = event->connection.fallback;
	connection->key_received = event->connection.key_received;
	if (event->connection.closing)
		connection->state = MPTCPD_CONNECTION_CLOSING;
	connection->touched = model->mark;
	connection->busy = event->connection.idle_ms < BUSY_MS;
	if (change->type != CHANGE_NONE)
		connection_describe(connection, change);
	return 0;
}

/*
 * Found without any subflow, though whose it is was saved: it has lost them all. One that was never
 * established has its initial one, or is gone.
 */
static bool is_bare(const struct connection *connection)
{
	for (size_t i = 0; i < connection->n_subflows; i++)
		if (subflow_is_seen(&connection->subflows[i]))
			return false;
	return connection->adopted && connection->state == MPTCPD_CONNECTION_CREATED &&
	       connection->side != MPTCPD_SIDE_UNKNOWN;
}

bool connection_sweep(struct model *model, uint64_t now_ms, struct change *change)
{
	uint32_t mark = model->snapshot[SNAPSHOT_CONNECTIONS].mark;
	bool brief = model->snapshot[SNAPSHOT_CONNECTIONS].brief;

	for (size_t n = 0; model->sweep_next; n++) {
		struct connection *connection = model->sweep_next;

		if (n == SWEEP_STEP)
			return true;
		if (connection->touched < mark) {
			model_close_connection(model, connection, change); /* moves sweep_next on */
			return true;
		}
		if (!brief && subflow_sweep(model, connection, now_ms, change))
			return true;
		model->sweep_next = connection_next(connection);
		if (!brief && is_bare(connection)) {
			connection->state = MPTCPD_CONNECTION_ESTABLISHED;
			change->type = CHANGE_CONNECTION_ESTABLISHED;
			change->established = true;
			connection_describe(connection, change);
		}
		connection->adopted &= brief;
		if (change->type != CHANGE_NONE)
			return true;
	}
	return ended_sweep(model) || (!brief && saved_sweep(model));
}

/* `connection` has the event's token, or is NULL. */
static int apply(struct model *model, struct connection *connection, const struct event *event,
		 uint64_t now_ms, struct change *change)
{
	if (event->type == EVENT_CONNECTION_CREATED || event->type == EVENT_CONNECTION_ESTABLISHED)
		return apply_created(model, connection, event, now_ms, change);
	if (event->type == EVENT_SNAPSHOT_CONNECTION)
		return apply_snapshot_connection(model, connection, event, now_ms, change);

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
	struct connection *connection = model_find_connection(model, event->token);

	if (event->token == 0)
		return -EINVAL;
	if (connection)
		model->recent = connection;
	if (!connection && saved_meet(model, event, change))
		return 0;
	return apply(model, connection, event, now_ms, change);
}

void connection_done(struct model *model)
{
	struct table_entry *entry;

	while ((entry = table_first(&model->connections)))
		connection_remove(model, table_owner(entry, struct connection));
	while (ended_sweep(model) || saved_sweep(model))
		;
	order_done(&model->order);
}
