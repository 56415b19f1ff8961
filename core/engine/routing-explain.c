/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose rule it is by which an address leaves, and by which gateway. */
#include "addr.h"
#include "engine-private.h"

/* The first rule that leads what has this source to a table of its own. NULL: there is none. */
static const struct event_rule *find_rule(const struct sorted *rules,
					  const struct mptcpd_addr *addr)
{
	const struct event_rule *first = NULL;

	for (size_t i = 0; i < rules->n; i++) {
		const struct event_rule *rule = routing_rule(rules, i);

		if (rule->from.family != addr->family || rule->no_default || rule->asks_more ||
		    !mptcpd_addr_in_prefix(addr, &rule->from, rule->from_prefix))
			continue;
		if (!first || rule->priority < first->priority)
			first = rule;
	}
	return first;
}

static const struct event_route *find_route(const struct sorted *routes,
					    const struct event_rule *rule)
{
	const struct event_route *best = NULL;

	for (size_t i = 0; i < routes->n; i++) {
		const struct event_route *route = routing_route(routes, i);

		if (route->table == rule->table && route->family == rule->family &&
		    (!best || route->metric < best->metric))
			best = route;
	}
	return best;
}

void engine_explain_source(const struct engine *engine, const struct local *local,
			   struct explain_source *ret_source)
{
	const struct routing *routing = &engine->model.routing;
	const struct event_rule *rule = find_rule(&routing->rules, &local->is.addr);
	const struct event_route *route = rule ? find_route(&routing->routes, rule) : NULL;

	*ret_source = (struct explain_source){.owner = NULL};
	/* Where source routing is off, nobody keeps up with what others do. */
	if (!rule || engine->rules->source_routing == SOURCE_ROUTING_NO)
		return;
	ret_source->owner = routing_is_own_rule(rule) ? "mptcpd" : "other";
	ret_source->table = rule->table;
	if (route && !route->unreachable) {
		ret_source->leads_out = true;
		ret_source->gateway = route->gateway;
	}
}

const char *engine_routing_conflict(const struct engine *engine)
{
	return engine->routing.conflict;
}
