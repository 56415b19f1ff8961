/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who needs an endpoint: the one rule on when a command may close subflows.
 *
 * Deleting an endpoint closes every subflow that began on its address, initial ones and those of
 * incoming connections too. It may go when each of these connections carries on by another link,
 * and either this host can make the subflow again or the address is gone for good. The pass over
 * all connections is made before a deletion, never for an event.
 */
#include "addr.h"
#include "engine-private.h"

/* While some are leaving: the time between two passes, and a millisecond more for so many. */
#define LOOK_INTERVAL_MS 50
#define CONNECTIONS_A_MS 100

static bool is_concerned(const struct connection *connection)
{
	return connection->path_manager != PATH_MANAGER_USERSPACE;
}

static bool has_address(const struct subflow *subflow, const struct mptcpd_addr *addr)
{
	return addr->port ? addr_equal(&subflow->local, addr)
			  : addr_equal_host(&subflow->local, addr);
}

/*
 * Would deleting the endpoint close this subflow, of those that carry something? One that is closing
 * may have a direction open; or the kernel spared it, as it does where no data came yet.
 */
static bool begins_there(const struct subflow *subflow, const struct mptcpd_addr *addr)
{
	bool alive = subflow->is.state == SUBFLOW_ESTABLISHED ||
		     subflow->is.state == SUBFLOW_CLOSING ||
		     (subflow->is.state == SUBFLOW_PENDING && subflow->is.initial);

	return alive && has_address(subflow, addr);
}

static bool uses(const struct connection *connection, const struct mptcpd_addr *addr)
{
	/* A connection that was just found may have subflows that are not known. */
	if (connection->adopted)
		return true;
	for (size_t i = 0; i < connection->n_subflows; i++)
		if (begins_there(&connection->subflows[i], addr))
			return true;
	return false;
}

/* The address of a subflow that lives, on a link that can carry it; NULL: it is none. */
static const struct local *find_carrier(struct engine *engine, const struct subflow *subflow)
{
	const struct local *local =
		model_find_local(&engine->model, &subflow->local, subflow->ifindex);

	return local && subflow->is.state == SUBFLOW_ESTABLISHED && local->interface->is.up &&
			       local->interface->is.carrier &&
			       route_exists(&engine->routes, local, &subflow->remote)
		       ? local
		       : NULL;
}

/*
 * Does another subflow carry on? Sets whether one does on the endpoint's own link, as when that was
 * given another address.
 */
static bool has_other(struct engine *engine, struct connection *connection,
		      const struct owned *owned, bool *ret_replaced)
{
	bool found = false, replaced = false;

	engine->routes.mark = engine_mark(engine, connection);
	for (size_t i = 0; i < connection->n_subflows && !replaced; i++) {
		const struct subflow *subflow = &connection->subflows[i];
		const struct local *local = has_address(subflow, &owned->is.addr)
						    ? NULL
						    : find_carrier(engine, subflow);

		found |= local != NULL;
		replaced = local && local->interface->is.ifindex == owned->is.ifindex;
	}
	engine->routes.mark = 0;
	*ret_replaced = replaced;
	return found;
}

/* Does Linux join the peer's initial address from this side? */
static bool can_be_joined(const struct connection *connection)
{
	/* Where one side has sent its last, nobody joins any more. */
	return connection->side == MPTCPD_SIDE_CLIENT && !connection->deny_join_id0 &&
	       connection->state != MPTCPD_CONNECTION_CLOSING;
}

/* Was the initial subflow replaced by another one of its address already? */
static bool was_made_again(const struct connection *connection, const struct mptcpd_addr *addr)
{
	if (!addr_equal_host(&connection->local, addr))
		return false;
	for (size_t i = 0; i < connection->n_subflows; i++)
		if (!connection->subflows[i].is.initial &&
		    begins_there(&connection->subflows[i], addr))
			return true;
	return false;
}

/*
 * Does Linux make a subflow from there again? Not that of the initial address, with fullmesh; and if
 * its endpoint is announced as well, only once: it counts that one as another address each time.
 */
static bool can_be_made_again(const struct connection *connection, const struct owned *owned)
{
	uint32_t flags = owned->is.flags | (owned->planned ? owned->want.flags : 0);

	return can_be_joined(connection) && (owned->is.flags & MPTCPD_FLAG_SUBFLOW) &&
	       !(flags & MPTCPD_FLAG_FULLMESH) &&
	       !((owned->is.flags & MPTCPD_FLAG_SIGNAL) &&
		 was_made_again(connection, &owned->is.addr));
}

bool need_may_be_held(enum leaving leaving)
{
	return leaving == LEAVING_ADDRESS || leaving == LEAVING_ROUTE;
}

bool need_is_held(const struct engine *engine, const struct owned *owned)
{
	return need_may_be_held(owned->leaving) && !engine->endpoints.is_tight &&
	       engine->view.base.now_ms < owned->leaving_ms + engine->rules->endpoint_hold_ms;
}

static bool is_away(const struct engine *engine, const struct owned *owned)
{
	return owned->away_ms &&
	       engine->view.base.now_ms >= owned->away_ms + engine->rules->endpoint_hold_ms;
}

static bool connection_needs(struct engine *engine, struct connection *connection,
			     const struct owned *owned)
{
	bool replaced;

	if (!is_concerned(connection) || !uses(connection, &owned->is.addr))
		return false;
	/* Nothing would make their subflows again, and a leaving endpoint is in nobody's way. */
	if (owned->leaving == LEAVING_PATH_MANAGER || connection->adopted)
		return true;
	if (owned->leaving == LEAVING_RENEWAL && !engine->rules->rejoin_eager)
		return true;
	if (!has_other(engine, connection, owned, &replaced))
		return true;
	if (!can_be_made_again(connection, owned) && !is_away(engine, owned))
		return true;
	return need_is_held(engine, owned) && !replaced;
}

bool need_is_known(const struct engine *engine)
{
	return engine->resync[SNAPSHOT_CONNECTIONS].known &&
	       !engine->resync[SNAPSHOT_CONNECTIONS].lost && !engine->resync[SNAPSHOT_HOST].lost;
}

bool need_find(struct engine *engine, struct owned *owned)
{
	struct connection *connection = NULL;

	if (owned->witness)
		connection = model_find_connection(&engine->model, owned->witness);
	if (!need_is_known(engine) || (connection && connection_needs(engine, connection, owned)))
		return true;
	owned->witness = 0;
	for (connection = model_next_connection(&engine->model, 0); connection;
	     connection = connection_next(connection)) {
		if (!connection_needs(engine, connection, owned))
			continue;
		owned->witness = connection->token;
		return true;
	}
	return false;
}

size_t need_count(struct engine *engine, const struct owned *owned)
{
	struct connection *connection = model_next_connection(&engine->model, 0);
	size_t n = 0;

	for (; connection; connection = connection_next(connection))
		n += connection_needs(engine, connection, owned);
	return n;
}

static bool has_subflow(const struct connection *connection, const struct mptcpd_addr *addr)
{
	for (size_t i = 0; i < connection->n_subflows; i++)
		if (subflow_is_seen(&connection->subflows[i]) &&
		    has_address(&connection->subflows[i], addr))
			return true;
	return false;
}

static bool is_lacking(struct engine *engine, struct connection *connection,
		       const struct local *local)
{
	const struct event_limits *limits = &engine->model.limits;
	bool lacks = connection->path_manager == PATH_MANAGER_KERNEL && !connection->fallback &&
		     connection->state == MPTCPD_CONNECTION_ESTABLISHED &&
		     connection->remote.family == local->is.addr.family &&
		     can_be_joined(connection) && !has_subflow(connection, &local->is.addr) &&
		     engine->model.limits_known &&
		     connection_count_joins(connection) < limits->subflows;

	if (!lacks)
		return false;
	engine->routes.mark = engine_mark(engine, connection);
	lacks = route_exists(&engine->routes, local, &connection->remote);
	engine->routes.mark = 0;
	return lacks;
}

bool need_is_lacking(struct engine *engine, const struct event_endpoint *is)
{
	const struct local *local = model_find_local(&engine->model, &is->addr, is->ifindex);
	struct connection *connection = model_next_connection(&engine->model, 0);

	for (; local && connection; connection = connection_next(connection))
		if (is_lacking(engine, connection, local))
			return true;
	return false;
}

bool need_is_used(const struct engine *engine, const struct mptcpd_addr *addr)
{
	const struct connection *connection = model_next_connection(&engine->model, 0);

	if (!need_is_known(engine))
		return true;
	for (; connection; connection = connection_next(connection))
		if (is_concerned(connection) && uses(connection, addr))
			return true;
	return false;
}

static void find_used_by(const struct connection *connection, const struct sorted *addresses,
			 struct sorted *used)
{
	for (size_t i = 0; i < connection->n_subflows; i++) {
		struct mptcpd_addr addr = addr_host(&connection->subflows[i].local);

		if (sorted_find(addresses, &addr) && begins_there(&connection->subflows[i], &addr))
			sorted_add(used, &addr);
	}
}

void need_find_used(const struct engine *engine, const struct sorted *addresses,
		    struct sorted *ret_used)
{
	const struct connection *connection = model_next_connection(&engine->model, 0);
	bool all = !need_is_known(engine);

	for (; connection && !all; connection = connection_next(connection)) {
		find_used_by(connection, addresses, ret_used);
		all = connection->adopted;
	}
	for (size_t i = 0; all && i < addresses->n; i++)
		sorted_add(ret_used, sorted_at(addresses, i));
}

void need_closed(struct engine *engine, const struct mptcpd_addr *addr, uint64_t now_ms)
{
	struct connection *connection = model_next_connection(&engine->model, 0);

	for (; connection; connection = connection_next(connection)) {
		if (!is_concerned(connection))
			continue;
		for (size_t i = 0; i < connection->n_subflows; i++)
			if (begins_there(&connection->subflows[i], addr))
				model_set_subflow_state(&engine->model, &connection->subflows[i],
							SUBFLOW_CLOSING, now_ms);
	}
}

uint64_t need_next_look(const struct engine *engine)
{
	return engine->endpoints.looked_ms + LOOK_INTERVAL_MS +
	       table_count(&engine->model.connections) / CONNECTIONS_A_MS;
}
