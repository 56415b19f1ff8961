/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Source routing: what there should be, from the rules and from what there is. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "addr.h"
#include "engine-private.h"

/* Default routes that one link and family has; more are left out. */
#define DEFAULTS_MAX 8
/* Behind all others. */
#define METRIC_LAST UINT32_MAX
/* Of a gateway that the configuration names: as routers and people give it. */
#define METRIC_CONFIGURED 1024

struct defaults {
	struct event_route list[DEFAULTS_MAX];
	size_t n;
};

static const uint8_t families[] = {AF_INET, AF_INET6};

static uint8_t bits(uint8_t family)
{
	return family == AF_INET ? 32 : 128;
}

static uint32_t table_of(const struct engine *engine, const struct interface *interface)
{
	return engine->rules->route_table + interface->is.ifindex;
}

static const struct interface *interface_of(const struct engine *engine, uint32_t table)
{
	return model_find_interface(&engine->model, table - engine->rules->route_table);
}

/* ---- the default routes of a link ---- */

static bool is_same_gateway(const struct event_route *a, const struct event_route *b)
{
	return addr_equal_host(&a->gateway, &b->gateway);
}

static bool is_before(const struct event_route *a, const struct event_route *b)
{
	if (a->metric != b->metric)
		return a->metric < b->metric;
	return memcmp(&a->gateway, &b->gateway, sizeof(a->gateway)) < 0;
}

/* By metric. Of several with one gateway, in different tables perhaps, the best one is enough. */
static void insert(struct defaults *defaults, const struct event_route *route)
{
	size_t at = 0, end = defaults->n;

	while (at < end && !is_before(route, &defaults->list[at])) {
		if (is_same_gateway(&defaults->list[at], route))
			return;
		at++;
	}
	for (size_t i = at; i < end; i++) {
		if (!is_same_gateway(&defaults->list[i], route))
			continue;
		end = i;
		defaults->n--;
		memmove(&defaults->list[i], &defaults->list[i + 1],
			(defaults->n - i) * sizeof(*route));
		break;
	}
	if (at == DEFAULTS_MAX)
		return;
	if (defaults->n == DEFAULTS_MAX)
		defaults->n--;
	memmove(&defaults->list[at + 1], &defaults->list[at], (defaults->n - at) * sizeof(*route));
	defaults->list[at] = *route;
	defaults->n++;
}

static bool is_on_link(const struct interface *interface, const struct mptcpd_addr *gateway)
{
	if (mptcpd_addr_is_link_local(gateway))
		return true;
	for (const struct local *local = interface->locals; local; local = local->next)
		if (local->is.addr.family == gateway->family &&
		    mptcpd_addr_in_prefix(gateway, &local->is.addr, local->is.prefix))
			return true;
	return false;
}

/* The kernel drops the routes of a link that is down, and takes none for it. */
static struct defaults find_defaults(const struct engine *engine, const struct interface *interface,
				     uint8_t family)
{
	const struct sorted *routes = &engine->model.routing.routes;
	const struct mptcpd_addr *gateway =
		interface->rule ? &interface->rule->gateways[family == AF_INET6] : NULL;
	struct defaults defaults = {.n = 0};

	if (!interface->is.up)
		return defaults;
	if (gateway && gateway->family) {
		insert(&defaults, &(struct event_route){.gateway = *gateway,
							.metric = METRIC_CONFIGURED,
							.onlink = !is_on_link(interface, gateway)});
		return defaults;
	}
	for (size_t i = 0; i < routes->n; i++) {
		const struct event_route *route = routing_route(routes, i);

		if (route->family == family && route->ifindex == interface->is.ifindex &&
		    !routing_is_own_route(route) && !route->unreachable)
			insert(&defaults, route);
	}
	return defaults;
}

/* Two routers with one metric get one each: the kernel takes but one route of a metric. */
static void want_routes(struct engine *engine, const struct interface *interface, uint8_t family,
			uint32_t table)
{
	struct defaults defaults = {.n = 0};
	struct event_route unreachable = {.table = table,
					  .metric = METRIC_LAST,
					  .family = family,
					  .protocol = ROUTING_PROTOCOL,
					  .unreachable = true};
	uint32_t next = 0;

	if (interface)
		defaults = find_defaults(engine, interface, family);
	for (size_t i = 0; i < defaults.n; i++) {
		struct event_route route = {.gateway = defaults.list[i].gateway,
					    .table = table,
					    .metric = defaults.list[i].metric,
					    .ifindex = interface->is.ifindex,
					    .family = family,
					    .protocol = ROUTING_PROTOCOL,
					    .onlink = defaults.list[i].onlink};

		if (route.metric < next)
			route.metric = next;
		if (route.metric == METRIC_LAST)
			break;
		next = route.metric + 1;
		sorted_add(&engine->routing.routes, &route);
	}
	if (engine->rules->source_routing == SOURCE_ROUTING_YES)
		sorted_add(&engine->routing.routes, &unreachable);
}

/* ---- the rules of an address ---- */

/* The second one: the table of its link. */
static struct event_rule link_rule(const struct engine *engine, const struct mptcpd_addr *addr,
				   uint32_t table)
{
	return (struct event_rule){.from = *addr,
				   .priority = engine->rules->rule_priority + 1,
				   .table = table,
				   .family = addr->family,
				   .protocol = ROUTING_PROTOCOL,
				   .from_prefix = bits(addr->family)};
}

/*
 * The first one: neighbours, containers behind a bridge, and all else that is nearer than a default
 * route leads to, is as it was.
 */
static struct event_rule main_rule(const struct engine *engine, const struct mptcpd_addr *addr)
{
	struct event_rule rule = link_rule(engine, addr, ROUTING_TABLE_MAIN);

	rule.priority--;
	rule.no_default = true;
	return rule;
}

bool routing_is_ruled(const struct engine *engine, const struct local *local)
{
	struct event_rule rule =
		link_rule(engine, &local->is.addr, table_of(engine, local->interface));

	return sorted_find(&engine->model.routing.rules, &rule) != NULL;
}

/*
 * May packets carry it to everywhere? One of an address that several links have would take those of
 * one link to the other.
 */
static bool is_source(const struct engine *engine, const struct local *local, bool ruled)
{
	if (model_sole_local(&engine->model, &local->is.addr) != local)
		return false;
	switch (local->judged) {
	case UNUSABLE_TENTATIVE: /* nothing else was judged yet */
		return ruled || !(mptcpd_addr_is_link_local(&local->is.addr) ||
				  mptcpd_addr_is_unique_local(&local->is.addr));
	case USABLE:
	case UNUSABLE_TEMPORARY:
	case UNUSABLE_STABLE:
	case UNUSABLE_DEPRECATED:
	case UNUSABLE_ROUTED:
		return true;
	case UNUSABLE_DOWN:
	case UNUSABLE_CARRIER:
		return ruled;
	case UNUSABLE_LOOPBACK:
	case UNUSABLE_CONFIGURED:
	case UNUSABLE_TUNNEL:
	case UNUSABLE_MEMBER:
	case UNUSABLE_LINK_LOCAL:
	case UNUSABLE_UNIQUE_LOCAL:
	case UNUSABLE_SCOPE:
	case UNUSABLE_PRESENT:
		break;
	}
	return false;
}

static bool has_source(const struct engine *engine, const struct interface *interface,
		       uint8_t family)
{
	for (const struct local *local = interface->locals; local; local = local->next)
		if (local->is.addr.family == family && is_source(engine, local, false))
			return true;
	return false;
}

static size_t count_links(const struct engine *engine, uint8_t family)
{
	struct table_entry *entry;
	size_t n = 0;

	for (entry = table_first(&engine->model.interfaces); entry; entry = table_next(entry)) {
		const struct interface *interface = table_owner(entry, struct interface);

		n += has_source(engine, interface, family) &&
		     find_defaults(engine, interface, family).n > 0;
	}
	return n;
}

static bool is_active(const struct engine *engine, uint8_t family)
{
	return engine->rules->source_routing == SOURCE_ROUTING_YES ||
	       (engine->rules->source_routing == SOURCE_ROUTING_AUTO &&
		count_links(engine, family) > 1);
}

static void want_rules(struct engine *engine, const struct interface *interface, uint8_t family,
		       bool is_active)
{
	bool has_default = is_active && find_defaults(engine, interface, family).n > 0;

	for (const struct local *local = interface->locals; local; local = local->next) {
		bool ruled = local->is.addr.family == family && routing_is_ruled(engine, local);
		struct event_rule first = main_rule(engine, &local->is.addr);
		struct event_rule second =
			link_rule(engine, &local->is.addr, table_of(engine, interface));

		if (local->is.addr.family != family || !is_source(engine, local, ruled) ||
		    !(has_default || ruled))
			continue;
		sorted_add(&engine->routing.rules, &first);
		sorted_add(&engine->routing.rules, &second);
	}
}

/* ---- what stays for open connections ---- */

/* Rules of ours that are not wanted, of addresses that open connections use, are. */
static void want_used(struct engine *engine)
{
	const struct sorted *seen = &engine->model.routing.rules;
	struct sorted unwanted, used;

	sorted_init(&unwanted, sizeof(struct mptcpd_addr));
	sorted_init(&used, sizeof(struct mptcpd_addr));
	for (size_t i = 0; i < seen->n; i++) {
		const struct event_rule *rule = routing_rule(seen, i);

		if (routing_is_own_rule(rule) && rule->from.family &&
		    !sorted_find(&engine->routing.rules, rule))
			sorted_add(&unwanted, &rule->from);
	}
	if (unwanted.n)
		need_find_used(engine, &unwanted, &used);
	for (size_t i = 0; i < seen->n; i++) {
		const struct event_rule *rule = routing_rule(seen, i);

		if (routing_is_own_rule(rule) && sorted_find(&used, &rule->from))
			sorted_add(&engine->routing.rules, rule);
	}
	engine->routing.is_held = used.n > 0;
	sorted_done(&unwanted);
	sorted_done(&used);
}

/* The routes of the tables that wanted rules look into. */
static void want_tables(struct engine *engine)
{
	const struct sorted *rules = &engine->routing.rules;
	const struct sorted *seen = &engine->model.routing.routes;

	for (size_t i = 0; i < rules->n; i++) {
		const struct event_rule *rule = routing_rule(rules, i);

		if (!rule->no_default)
			want_routes(engine, interface_of(engine, rule->table), rule->family,
				    rule->table);
	}
	/* Of a numbering that is not ours any more. */
	for (size_t i = 0; i < seen->n && engine->routing.is_held; i++) {
		const struct event_route *route = routing_route(seen, i);
		struct event_rule probe;

		for (size_t j = 0; j < rules->n && routing_is_own_route(route); j++) {
			probe = *routing_rule(rules, j);
			if (probe.table == route->table && probe.family == route->family &&
			    !interface_of(engine, probe.table) && !route->unreachable)
				sorted_add(&engine->routing.routes, route);
		}
	}
}

/* ---- numbers that others use ---- */

static bool is_our_table(const struct engine *engine, uint32_t table)
{
	return interface_of(engine, table) != NULL;
}

static void find_conflict(struct engine *engine)
{
	const struct routing *seen = &engine->model.routing;
	uint32_t first = engine->rules->rule_priority;
	char *text = engine->routing.conflict;
	size_t size = sizeof(engine->routing.conflict);

	text[0] = '\0';
	for (size_t i = 0; i < seen->rules.n; i++) {
		const struct event_rule *rule = routing_rule(&seen->rules, i);

		if (routing_is_own_rule(rule))
			continue;
		if (rule->priority == first || rule->priority == first + 1)
			snprintf(text, size, "a rule of priority %u is of protocol %u",
				 rule->priority, rule->protocol);
		else if (is_our_table(engine, rule->table))
			snprintf(text, size, "a rule of protocol %u leads to table %u",
				 rule->protocol, rule->table);
	}
	for (size_t i = 0; i < seen->routes.n; i++) {
		const struct event_route *route = routing_route(&seen->routes, i);

		if (!routing_is_own_route(route) && is_our_table(engine, route->table))
			snprintf(text, size, "a route in table %u is of protocol %u", route->table,
				 route->protocol);
	}
}

/* ---- all together ---- */

void routing_want(struct engine *engine, bool leaving)
{
	struct table_entry *entry;

	sorted_clear(&engine->routing.routes);
	sorted_clear(&engine->routing.rules);
	engine->routing.conflict[0] = '\0';
	engine->routing.is_held = false;
	if (engine->rules->source_routing == SOURCE_ROUTING_NO)
		return;
	find_conflict(engine);
	for (size_t f = 0; f < sizeof(families) && !leaving; f++) {
		bool active = is_active(engine, families[f]);

		for (entry = table_first(&engine->model.interfaces); entry;
		     entry = table_next(entry))
			want_rules(engine, table_owner(entry, struct interface), families[f],
				   active);
	}
	want_used(engine);
	want_tables(engine);
}
