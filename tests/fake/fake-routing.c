/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The fake's rules and default routes. What its links lead to is told apart, by fake_route(). */
#include "fake-kernel.h"

#include <errno.h>
#include <glib.h>
#include <string.h>
#include <sys/socket.h>

#include "addr.h"

struct event_route fake_default(uint32_t ifindex, const char *gateway, uint32_t metric)
{
	struct event_route route = {.table = ROUTING_TABLE_MAIN,
				    .ifindex = ifindex,
				    .metric = metric,
				    .gateway = fake_addr(gateway),
				    .protocol = 16};

	route.family = route.gateway.family;
	return route;
}

static void tell(struct fake_kernel *fake, enum routing_news news)
{
	fake_queue(fake, &(struct event){.type = EVENT_ROUTES, .news = (uint8_t)news});
}

static struct event_route *find_way(struct fake_kernel *fake, const struct event_route *route)
{
	for (size_t i = 0; i < FAKE_ROUTING; i++)
		if (fake->ways[i].family && memcmp(&fake->ways[i], route, sizeof(*route)) == 0)
			return &fake->ways[i];
	return NULL;
}

/* The table has one route of a family and metric. */
static struct event_route *find_metric(struct fake_kernel *fake, const struct event_route *route)
{
	for (size_t i = 0; i < FAKE_ROUTING; i++)
		if (fake->ways[i].family == route->family && fake->ways[i].table == route->table &&
		    fake->ways[i].metric == route->metric)
			return &fake->ways[i];
	return NULL;
}

static struct event_rule *find_rule(struct fake_kernel *fake, const struct event_rule *rule)
{
	for (size_t i = 0; i < FAKE_ROUTING; i++)
		if (fake->rules[i].family && memcmp(&fake->rules[i], rule, sizeof(*rule)) == 0)
			return &fake->rules[i];
	return NULL;
}

void fake_way(struct fake_kernel *fake, const struct event_route *route)
{
	size_t i = 0;

	while (fake->ways[i].family)
		g_assert_cmpuint(++i, <, FAKE_ROUTING);
	fake->ways[i] = *route;
	tell(fake, route->protocol == ROUTING_PROTOCOL ? ROUTING_NEWS_CHANGED : ROUTING_NEWS_ADDED);
}

void fake_way_gone(struct fake_kernel *fake, const struct event_route *route)
{
	struct event_route *way = find_way(fake, route);

	g_assert_nonnull(way);
	*way = (struct event_route){0};
	tell(fake, ROUTING_NEWS_CHANGED);
}

void fake_rule(struct fake_kernel *fake, const struct event_rule *rule)
{
	size_t i = 0;

	while (fake->rules[i].family)
		g_assert_cmpuint(++i, <, FAKE_ROUTING);
	fake->rules[i] = *rule;
	tell(fake, ROUTING_NEWS_CHANGED);
}

void fake_rule_gone(struct fake_kernel *fake, const struct event_rule *rule)
{
	struct event_rule *there = find_rule(fake, rule);

	g_assert_nonnull(there);
	*there = (struct event_rule){0};
	tell(fake, ROUTING_NEWS_CHANGED);
}

size_t fake_count_rules(const struct fake_kernel *fake)
{
	size_t n = 0;

	for (size_t i = 0; i < FAKE_ROUTING; i++)
		n += fake->rules[i].family && fake->rules[i].protocol == ROUTING_PROTOCOL;
	return n;
}

size_t fake_count_ways(const struct fake_kernel *fake)
{
	size_t n = 0;

	for (size_t i = 0; i < FAKE_ROUTING; i++)
		n += fake->ways[i].family && fake->ways[i].protocol == ROUTING_PROTOCOL;
	return n;
}

void fake_dump_routing(struct fake_kernel *fake, bool brief)
{
	for (size_t i = 0; i < FAKE_ROUTING; i++)
		if (fake->rules[i].family)
			fake_queue(fake,
				   &(struct event){.type = EVENT_RULE, .rule = fake->rules[i]});
	for (size_t i = 0; i < FAKE_ROUTING; i++)
		if (fake->ways[i].family && (!brief || fake->ways[i].protocol == ROUTING_PROTOCOL))
			fake_queue(fake,
				   &(struct event){.type = EVENT_ROUTE, .route = fake->ways[i]});
}

/* ---- commands ---- */

static struct fake_record of_rule(enum fake_command command, const struct event_rule *rule)
{
	return (struct fake_record){.command = command, .token = rule->table, .local = rule->from};
}

static struct fake_record of_route(enum fake_command command, const struct event_route *route)
{
	return (struct fake_record){.command = command,
				    .token = route->table,
				    .ifindex = route->ifindex,
				    .remote = route->gateway};
}

int fake_rule_add(void *kernel, const struct event_rule *rule)
{
	struct fake_kernel *fake = kernel;
	struct fake_record record = of_rule(FAKE_RULE_ADD, rule);
	int r = fake_answer_command(fake, &record, find_rule(fake, rule) ? -EEXIST : 0);

	if (r == 0)
		fake_rule(fake, rule);
	return r;
}

int fake_rule_delete(void *kernel, const struct event_rule *rule)
{
	struct fake_kernel *fake = kernel;
	struct fake_record record = of_rule(FAKE_RULE_DELETE, rule);
	int r = fake_answer_command(fake, &record, find_rule(fake, rule) ? 0 : -ENOENT);

	if (r == 0)
		fake_rule_gone(fake, rule);
	return r;
}

int fake_route_add(void *kernel, const struct event_route *route, bool replace)
{
	struct fake_kernel *fake = kernel;
	struct fake_record record = of_route(FAKE_ROUTE_ADD, route);
	struct event_route *there = find_metric(fake, route);
	const struct event_link *link =
		route->ifindex ? fake_find_link(fake, route->ifindex) : NULL;
	int r = there && !replace ? -EEXIST : 0;

	if (route->ifindex && (!link || !link->up))
		r = link ? -ENETUNREACH : -ENODEV;
	r = fake_answer_command(fake, &record, r);
	if (r == 0 && there)
		*there = (struct event_route){0};
	if (r == 0)
		fake_way(fake, route);
	return r;
}

int fake_route_delete(void *kernel, const struct event_route *route)
{
	struct fake_kernel *fake = kernel;
	struct fake_record record = of_route(FAKE_ROUTE_DELETE, route);
	int r = fake_answer_command(fake, &record, find_way(fake, route) ? 0 : -ESRCH);

	if (r == 0)
		fake_way_gone(fake, route);
	return r;
}
