/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which link a subflow is on. One that is bound stays where it is. Any other one is where routing
 * puts it, among the links that have its address: an address alone says nothing where several have
 * it.
 */
#include "addr.h"
#include "engine-private.h"
#include "change.h"

static bool is_alive(const struct local *local)
{
	return local->interface->is.up && local->interface->is.carrier;
}

const struct local *engine_find_link(struct engine *engine, const struct mptcpd_addr *local,
				     const struct mptcpd_addr *remote, uint32_t before)
{
	const struct model *model = &engine->model;
	const struct local *here = model_next_local(model, local, NULL), *was;
	uint32_t ifindex;

	if (!here || !model_next_local(model, local, here))
		return here;
	was = before ? model_find_local(model, local, before) : NULL;
	/* The routes of a link that failed go with it, and what was on it does not come along. */
	if (was && !is_alive(was))
		return was;
	ifindex = route_egress(&engine->routes, local, remote);
	here = ifindex ? model_find_local(model, local, ifindex) : NULL;
	if (!here)
		here = was ? was : model_find_local(model, local, 0);
	return here;
}

static void place(struct engine *engine, struct subflow *subflow)
{
	uint32_t before = subflow->ifindex;
	const struct local *here;

	if (subflow->is.foreign && model_next_local(&engine->model, &subflow->local, NULL))
		subflow->is.foreign = false;
	if (!subflow_is_seen(subflow) || subflow->is.bound)
		return;
	here = engine_find_link(engine, &subflow->local, &subflow->remote, before);
	if (!here || here->interface->is.ifindex == before)
		return;
	/* Its address went from there: on the other link it may be good for nothing. */
	subflow->is.stale |= before && !model_find_local(&engine->model, &subflow->local, before);
	subflow->ifindex = here->interface->is.ifindex;
}

void engine_place(struct engine *engine, struct connection *connection)
{
	/* Routes are asked only where several links have an address. */
	if (engine->model.n_double_locals)
		engine->routes.mark = engine_mark(engine, connection);
	for (size_t i = 0; i < connection->n_subflows; i++)
		place(engine, &connection->subflows[i]);
	engine->routes.mark = 0;
}

void engine_place_change(struct engine *engine, struct connection *connection,
			 struct change *change)
{
	engine_place(engine, connection);
	for (size_t i = 0; i < connection->n_subflows; i++) {
		const struct subflow *subflow = &connection->subflows[i];

		if (change->type < CHANGE_SUBFLOW_ESTABLISHED ||
		    change->type > CHANGE_SUBFLOW_PRIORITY || !subflow_is_seen(subflow) ||
		    !addr_equal(&subflow->local, &change->local) ||
		    !addr_equal(&subflow->remote, &change->remote))
			continue;
		subflow_describe(connection, subflow, change);
	}
}

bool engine_can_bind(struct engine *engine, const struct local *local,
		     const struct mptcpd_addr *remote)
{
	return !engine->creates_unbound ||
	       engine_find_link(engine, &local->is.addr, remote, 0) == local;
}

bool engine_is_elsewhere(const struct engine *engine, const struct connection *connection,
			 const struct local *local, const struct mptcpd_addr *remote)
{
	return connection && mptcpd_addr_is_link_local(remote) &&
	       local->interface->is.ifindex != connection->ifindex &&
	       model_find_interface(&engine->model, connection->ifindex);
}
