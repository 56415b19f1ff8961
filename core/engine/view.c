/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What plugins see of the host and of a connection. */
#include <stdlib.h>
#include <string.h>

#include "checksum.h"
#include "choose.h"
#include "engine-private.h"
#include "peer.h"

/* A remote of family 0: anywhere. */
static bool leads_to(struct engine *engine, const struct local *local,
		     const struct mptcpd_addr *remote)
{
	if (!remote->family && local->forced)
		return true;
	return !engine_is_elsewhere(engine, engine->view.connection, local, remote) &&
	       route_exists(&engine->routes, local, remote);
}

static bool is_routable(const struct mptcpd_view *base, const struct mptcpd_local *seen,
			const struct mptcpd_addr *remote)
{
	struct engine *engine = ((const struct view *)base)->engine;
	struct local *local = model_find_local(&engine->model, &seen->addr, seen->ifindex);

	if (!local || choose_for(engine->view.connection, local) != USABLE)
		return false;
	return (!remote->family || local->is.addr.family == remote->family) &&
	       leads_to(engine, local, remote);
}

static const char *link_name(const struct mptcpd_view *base, uint32_t ifindex)
{
	return model_interface_name(&((const struct view *)base)->engine->model, ifindex);
}

static void add_local(struct engine *engine, const struct local *local)
{
	const struct health *health =
		&local->interface->health[health_index(local->is.addr.family)];
	struct mptcpd_list *list = &engine->view.base.locals;
	struct mptcpd_local *seen;

	if (list->n == engine->room_locals) {
		engine->room_locals = engine->room_locals ? 2 * engine->room_locals : 16;
		engine->locals =
			realloc(engine->locals, engine->room_locals * sizeof(*engine->locals));
		if (!engine->locals)
			abort();
	}
	seen = &engine->locals[list->n++];
	*seen = (struct mptcpd_local){
		.addr = local->is.addr,
		.ifindex = local->interface->is.ifindex,
		.flags = local->flags,
		.prefix = local->is.prefix,
		.type = local->interface->is.type,
		.deprecated = local->is.deprecated,
		.temporary = local->is.temporary,
		.preferred = choose_is_preferred(local),
		.secondary = local->is.secondary,
		.announce = local->announce,
		.health = health->state,
		.health_since_ms = health->since_ms,
	};
	memcpy(seen->interface, local->interface->is.name, sizeof(seen->interface));
}

/* Also of links that are not used: what others do tells whether a tap is a tunnel. */
static bool has_default_route(struct engine *engine, const struct interface *interface,
			      uint8_t family)
{
	for (const struct local *local = interface->locals; local; local = local->next)
		if (local->is.addr.family == family &&
		    (local->usability == USABLE || local->usability == UNUSABLE_TUNNEL ||
		     local->usability == UNUSABLE_CONFIGURED))
			return route_is_default(&engine->routes, local);
	return false;
}

static bool is_default(const struct interface *interface)
{
	return interface->route_v4 || interface->route_v6;
}

static bool has_other_default(const struct engine *engine, const struct interface *tap)
{
	struct table_entry *entry;

	for (entry = table_first(&engine->model.interfaces); entry; entry = table_next(entry)) {
		const struct interface *other = table_owner(entry, struct interface);

		if (other != tap && other->is.type != MPTCPD_LINK_TUNNEL && is_default(other))
			return true;
	}
	return false;
}

/*
 * A tap is the link of a container, or a VPN's tunnel, and nothing in it tells which. But what has
 * no other way out is no tunnel, and a VPN that takes everything in leaves by another link.
 */
static void judge_tap(struct engine *engine, struct interface *tap)
{
	bool as_tunnel = is_default(tap) && has_other_default(engine, tap);

	if (as_tunnel != tap->as_tunnel)
		model_take_for_tunnel(&engine->model, tap, as_tunnel);
}

static void look_at_routes(struct engine *engine)
{
	struct table_entry *entry;

	for (entry = table_first(&engine->model.interfaces); entry; entry = table_next(entry)) {
		struct interface *interface = table_owner(entry, struct interface);

		interface->route_v4 = has_default_route(engine, interface, AF_INET);
		interface->route_v6 = has_default_route(engine, interface, AF_INET6);
	}
	for (entry = table_first(&engine->model.interfaces); entry; entry = table_next(entry)) {
		struct interface *interface = table_owner(entry, struct interface);

		if (interface->is.type == MPTCPD_LINK_TAP)
			judge_tap(engine, interface);
	}
}

static void show_addresses(struct engine *engine, const struct connection *connection)
{
	struct table_entry *entry;

	engine->view.connection = connection;
	engine->view.base.locals = (struct mptcpd_list){.element_size = sizeof(engine->locals[0])};
	for (entry = table_first(&engine->model.interfaces); entry; entry = table_next(entry)) {
		const struct interface *interface = table_owner(entry, struct interface);

		for (const struct local *local = interface->locals; local; local = local->next)
			if (choose_for(connection, local) == USABLE)
				add_local(engine, local);
	}
	engine->view.base.locals.first = engine->locals;
}

void engine_view_addresses(struct engine *engine, const struct connection *connection)
{
	if (connection ? choose_is_special(&engine->model, connection)
		       : engine->view.connection != NULL)
		show_addresses(engine, connection);
}

/* ---- telling what is made of interfaces ---- */

/* Of what is listed of it though the kernel told nothing of it itself. Never 0. */
static uint64_t sum_judgement(const struct engine *engine, const struct interface *interface)
{
	const struct interface_rule *rule = interface->rule;
	const uint32_t whole[] = {
		interface->usability,
		rule && rule->has_flags ? rule->flags : engine->rules->endpoint_flags,
		interface->route_v4,
		interface->route_v6,
	};
	uint64_t sum = checksum_add(CHECKSUM_START, whole, sizeof(whole));

	for (const struct local *local = interface->locals; local; local = local->next) {
		const uint32_t own[] = {local->usability, local->leads_out};

		sum = checksum_add(sum, own, sizeof(own));
	}
	return sum | 1;
}

static void tell_judgement(struct engine *engine, struct interface *interface)
{
	struct change change = {.type = CHANGE_INTERFACE_CHANGED,
				.ifindex = interface->is.ifindex,
				.host = true,
				.as_judged = true};
	uint64_t sum = sum_judgement(engine, interface);

	if (sum == interface->judged)
		return;
	interface->judged = sum;
	memcpy(change.interface, interface->is.name, sizeof(change.interface));
	engine_tell(engine, &change);
}

void engine_update_view(struct engine *engine, uint64_t now_ms)
{
	static const struct mptcpd_addr world;
	struct table_entry *entry;

	engine->view.base = (struct mptcpd_view){.size = sizeof(engine->view.base),
						 .now_ms = now_ms,
						 .routable = is_routable,
						 .link_name = link_name};
	look_at_routes(engine);
	for (entry = table_first(&engine->model.interfaces); entry; entry = table_next(entry)) {
		struct interface *interface = table_owner(entry, struct interface);

		for (struct local *local = interface->locals; local; local = local->next)
			local->leads_out = local->usability == USABLE &&
					   engine->rules->endpoints.plugin &&
					   leads_to(engine, local, &world);
		tell_judgement(engine, interface);
	}
	show_addresses(engine, NULL);
}

static uint8_t state_for_plugins(enum subflow_state state)
{
	switch (state) {
	case SUBFLOW_ABSENT:
	case SUBFLOW_PENDING:
		return MPTCPD_SUBFLOW_PENDING;
	case SUBFLOW_ESTABLISHED:
		return MPTCPD_SUBFLOW_ESTABLISHED;
	case SUBFLOW_CLOSING:
		return MPTCPD_SUBFLOW_CLOSING;
	}
	return MPTCPD_SUBFLOW_CLOSING;
}

/* Addresses that are none to connect to are seen by no policy. */
static struct mptcpd_list show_peers(struct engine *engine, const struct connection *connection)
{
	size_t n = 0;

	for (size_t i = 0; i < connection->more->n_peers; i++)
		if (!peer_refusal(&engine->model, connection, &connection->more->peers[i].addr))
			engine->peers[n++] = connection->more->peers[i];
	return (struct mptcpd_list){engine->peers, n, sizeof(engine->peers[0])};
}

static struct mptcpd_list show_failures(struct engine *engine, const struct connection *connection)
{
	size_t n = 0;

	for (size_t i = 0; i < connection->n_subflows; i++) {
		const struct subflow *subflow = &connection->subflows[i];

		if (subflow->is.state != SUBFLOW_ABSENT || subflow->want.banned ||
		    subflow->try.attempts == 0)
			continue;
		engine->failures[n] = (struct mptcpd_failure){
			.local = subflow->local,
			.remote = subflow->remote,
			.ifindex = subflow->ifindex,
			.attempts = subflow->try.attempts,
			.instance = subflow->want.instance,
		};
		engine->failures[n++].local.port = subflow->want.port;
	}
	return (struct mptcpd_list){engine->failures, n, sizeof(engine->failures[0])};
}

static struct mptcpd_list show_subflows(struct engine *engine, const struct connection *connection)
{
	bool is_measured = engine_needs(connection, MPTCPD_NEED_MEASURES);
	size_t n = 0;

	for (size_t i = 0; i < connection->n_subflows; i++) {
		const struct subflow *subflow = &connection->subflows[i];

		if (!subflow_is_seen(subflow))
			continue;
		engine->seen[n++] = (struct mptcpd_subflow){
			.local = subflow->local,
			.remote = subflow->remote,
			.ifindex = subflow->ifindex,
			.local_id = subflow->is.local_id,
			.remote_id = subflow->is.remote_id,
			.state = state_for_plugins(subflow->is.state),
			.origin = subflow->is.origin,
			.initial = subflow->is.initial,
			.backup = subflow->is.backup,
			.peer_backup = subflow->is.peer_backup,
			.instance = subflow->want.instance,
			.health = subflow_health(&engine->model, subflow),
			.since_ms = subflow->is.since_ms,
			.measure = is_measured ? connection_measure(connection, subflow) : NULL,
		};
	}
	return (struct mptcpd_list){engine->seen, n, sizeof(engine->seen[0])};
}

struct mptcpd_connection engine_view_connection(struct engine *engine,
						struct connection *connection)
{
	bool has_owner =
		engine_needs(connection, MPTCPD_NEED_OWNER) && owner_know(engine, connection);

	return (struct mptcpd_connection){
		.size = sizeof(struct mptcpd_connection),
		.measure_size = sizeof(struct mptcpd_measure),
		.token = connection->token,
		.side = connection->side,
		.state = connection->state,
		.deny_join_id0 = connection->deny_join_id0,
		.remote_removed = connection->remote_removed,
		.local = connection->local,
		.remote = connection->remote,
		.ipv4_only = connection_is_ipv4_only(connection),
		.peer_addresses = show_peers(engine, connection),
		.subflows = show_subflows(engine, connection),
		.failures = show_failures(engine, connection),
		.begin_ms = connection->begin_ms,
		.bytes_sent = connection->more->bytes_sent,
		.bytes_received = connection->more->bytes_received,
		.counted_ms = connection->more->counted_ms,
		.owner = has_owner ? &connection->more->owner : NULL,
	};
}
