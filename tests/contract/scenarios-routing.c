/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rules and routes of ours: made, told, and gone. */
#include <errno.h>
#include <sys/socket.h>

#include "scene.h"

static struct event_rule a_rule(const char *from)
{
	struct event_rule rule = {.from = addr_of(from), .priority = 31001, .table = 5002};

	rule.protocol = ROUTING_PROTOCOL;
	rule.family = rule.from.family;
	rule.from_prefix = rule.family == AF_INET ? 32 : 128;
	return rule;
}

static struct event_route a_route(struct scene *scene, const char *gateway)
{
	struct event_route route = {.gateway = addr_of(gateway), .table = 5002, .metric = 100};

	route.protocol = ROUTING_PROTOCOL;
	route.family = route.gateway.family;
	route.ifindex = world_link(scene->world, "vb");
	return route;
}

static void rules(struct scene *scene, gconstpointer data)
{
	void *kernel = world_kernel(scene->world);
	struct event_rule four = a_rule("10.2.0.1"), six = a_rule("fd00:2::1");

	six.table = ROUTING_TABLE_MAIN;
	six.no_default = true;
	g_assert_cmpint(world_ops->rule_add(kernel, &four), ==, 0);
	g_assert_cmpint(world_ops->rule_add(kernel, &four), ==, -EEXIST);
	g_assert_cmpint(world_ops->rule_add(kernel, &six), ==, 0);
	expect_host(scene, "routes");
	expect_own_routing(scene, "rule 31001 from 10.2.0.1/32 table 5002\n"
				  "rule 31001 from fd00:2::1/128 table 254 no-default\n");
	g_assert_cmpint(world_ops->rule_delete(kernel, &four), ==, 0);
	g_assert_cmpint(world_ops->rule_delete(kernel, &four), ==, -ENOENT);
	g_assert_cmpint(world_ops->rule_delete(kernel, &six), ==, 0);
	expect_own_routing(scene, "");
}

/* A table has one route of a metric. */
static void routes(struct scene *scene, gconstpointer data)
{
	void *kernel = world_kernel(scene->world);
	const char *const gateways[][2] = {{"10.2.0.2", "10.2.0.3"}, {"fd00:2::2", "fd00:2::3"}};
	const char *const told[][2] = {
		{"route ipv4 metric 100 table 5002 via 10.2.0.2 on vb\n",
		 "route ipv4 metric 100 table 5002 via 10.2.0.3 on vb\n"},
		{"route ipv6 metric 100 table 5002 via fd00:2::2 on vb\n",
		 "route ipv6 metric 100 table 5002 via fd00:2::3 on vb\n"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(gateways); i++) {
		struct event_route first = a_route(scene, gateways[i][0]);
		struct event_route second = a_route(scene, gateways[i][1]);

		g_assert_cmpint(world_ops->route_add(kernel, &first, false), ==, 0);
		g_assert_cmpint(world_ops->route_add(kernel, &first, false), ==, -EEXIST);
		g_assert_cmpint(world_ops->route_add(kernel, &second, false), ==, -EEXIST);
		expect_own_routing(scene, told[i][0]);
		g_assert_cmpint(world_ops->route_add(kernel, &second, true), ==, 0);
		expect_own_routing(scene, told[i][1]);
		g_assert_cmpint(world_ops->route_delete(kernel, &first), ==, -ESRCH);
		g_assert_cmpint(world_ops->route_delete(kernel, &second), ==, 0);
		expect_own_routing(scene, "");
	}
}

/* It stays when the link goes, and the link's own route does not. */
static void unreachable(struct scene *scene, gconstpointer data)
{
	void *kernel = world_kernel(scene->world);
	struct event_route route = a_route(scene, "10.2.0.2");
	struct event_route end = {.table = 5002,
				  .metric = UINT32_MAX,
				  .family = AF_INET,
				  .protocol = ROUTING_PROTOCOL,
				  .unreachable = true};

	g_assert_cmpint(world_ops->route_add(kernel, &route, true), ==, 0);
	g_assert_cmpint(world_ops->route_add(kernel, &end, true), ==, 0);
	world_link_set(scene->world, "vb", false);
	expect_host(scene, "link vb");
	expect_own_routing(scene, "route ipv4 metric 4294967295 table 5002 unreachable\n");
	g_assert_cmpint(world_ops->route_add(kernel, &route, true), ==, -ENETUNREACH);
	g_assert_cmpint(world_ops->route_delete(kernel, &end), ==, 0);
}

void add_routing_scenarios(void)
{
	SCENARIO("routing/rules", rules);
	SCENARIO("routing/routes", routes);
	SCENARIO("routing/unreachable-stays", unreachable);
}
