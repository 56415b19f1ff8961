/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * New connections are spared a link whose far side does not answer: while its default route is the
 * best one, another link's is put before it, in the main table. What carries an address of ours is
 * not moved by that: it has rules of its own, and where it has not, nothing is done.
 */
#include <stdio.h>
#include <sys/socket.h>

#include "engine-private.h"

#define PRIORITY_OF_MAIN 32766

static bool is_silent(const struct interface *interface, uint8_t family)
{
	return interface->health[health_index(family)].state == MPTCPD_HEALTH_SILENT;
}

static bool is_tunnel(const struct interface *interface)
{
	return interface->as_tunnel || interface->is.type == MPTCPD_LINK_TUNNEL;
}

/* Somebody's route to everywhere, of the main table. */
static bool is_main(const struct event_route *route, uint8_t family)
{
	return route->family == family && route->table == ROUTING_TABLE_MAIN &&
	       !routing_is_own_route(route);
}

/* The best ones are before all others. UINT32_MAX: there is none. */
static uint32_t best_metric(const struct engine *engine, uint8_t family)
{
	const struct sorted *routes = &engine->model.routing.routes;
	uint32_t best = UINT32_MAX;

	for (size_t i = 0; i < routes->n; i++) {
		const struct event_route *route = routing_route(routes, i);

		if (is_main(route, family) && route->metric < best)
			best = route->metric;
	}
	return best;
}

/* The silent link by which new connections would leave; NULL: none. */
static const struct interface *find_silent(const struct engine *engine, uint8_t family,
					   uint32_t metric)
{
	const struct sorted *routes = &engine->model.routing.routes;

	for (size_t i = 0; i < routes->n; i++) {
		const struct event_route *route = routing_route(routes, i);
		const struct interface *interface =
			is_main(route, family) && route->metric == metric
				? model_find_interface(&engine->model, route->ifindex)
				: NULL;

		if (interface && is_silent(interface, family))
			return interface;
	}
	return NULL;
}

/* The best of those that are not silent, and may be used. NULL: there is none. */
static const struct event_route *find_other(const struct engine *engine, uint8_t family)
{
	const struct sorted *routes = &engine->model.routing.routes;
	const struct event_route *best = NULL;

	for (size_t i = 0; i < routes->n; i++) {
		const struct event_route *route = routing_route(routes, i);
		const struct interface *interface =
			is_main(route, family)
				? model_find_interface(&engine->model, route->ifindex)
				: NULL;

		if (interface && interface_usability(interface) == USABLE &&
		    !is_silent(interface, family) && !is_tunnel(interface) &&
		    (!best || route->metric < best->metric))
			best = route;
	}
	return best;
}

static bool has_rules(const struct engine *engine, const struct interface *interface,
		      uint8_t family)
{
	for (const struct local *local = interface->locals; local; local = local->next)
		if (local->is.addr.family == family && local->judged == USABLE &&
		    !routing_is_ruled(engine, local))
			return false;
	return true;
}

/* It may lead new connections elsewhere than by the main table's default routes. */
static bool has_foreign(const struct engine *engine, uint8_t family)
{
	const struct sorted *rules = &engine->model.routing.rules;

	for (size_t i = 0; i < rules->n; i++) {
		const struct event_rule *rule = routing_rule(rules, i);

		if (rule->family == family && !routing_is_own_rule(rule) && rule->priority > 0 &&
		    rule->priority < PRIORITY_OF_MAIN)
			return true;
	}
	return false;
}

/* Why nothing is done, though another link would do. NULL: nothing stands against it. */
static const char *obstacle(const struct engine *engine, const struct interface *silent,
			    uint8_t family, uint32_t metric)
{
	if (is_tunnel(silent))
		return "it is a tunnel";
	if (metric < (family == AF_INET ? 1 : 2))
		return "nothing comes before the metric of its default route";
	if (!has_rules(engine, silent, family))
		return "its addresses have no rules of mptcpd's";
	if (has_foreign(engine, family))
		return "a rule that is not mptcpd's comes before the main table";
	return NULL;
}

static void spare(struct engine *engine, uint8_t family)
{
	uint32_t metric = best_metric(engine, family);
	const struct interface *silent = find_silent(engine, family, metric);
	const struct event_route *other = silent ? find_other(engine, family) : NULL;
	const char *why = other ? obstacle(engine, silent, family, metric) : NULL;
	const char *name = family == AF_INET ? "IPv4" : "IPv6";
	char *text = engine->routing.spare[family == AF_INET6];
	struct event_route route;

	if (!other)
		return;
	snprintf(text, sizeof(engine->routing.spare[0]),
		 "new connections of %s are %sspared %s%s%s", name, why ? "not " : "",
		 silent->is.name, why ? ", which is silent: " : ", which is silent",
		 why ? why : "");
	if (why)
		return;
	route = (struct event_route){.gateway = other->gateway,
				     .table = ROUTING_TABLE_MAIN,
				     .metric = metric - 1,
				     .ifindex = other->ifindex,
				     .family = family,
				     .protocol = ROUTING_PROTOCOL,
				     .onlink = other->onlink};
	sorted_add(&engine->routing.routes, &route);
}

void routing_want_spare(struct engine *engine)
{
	engine->routing.spare[0][0] = engine->routing.spare[1][0] = '\0';
	if (!engine->rules->spare_new_connections ||
	    engine->rules->source_routing == SOURCE_ROUTING_NO)
		return;
	spare(engine, AF_INET);
	spare(engine, AF_INET6);
}
