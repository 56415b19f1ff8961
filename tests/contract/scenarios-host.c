/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Links, addresses and routes; and what becomes of connections there. */
#include <errno.h>
#include <stdio.h>

#include "scene.h"

static int ask_route(struct scene *scene, const char *local, const char *link, const char *remote)
{
	struct mptcpd_addr from = addr_of(local), to = {0};

	if (remote)
		to = addr_of(remote);
	return world_ops->route(world_kernel(scene->world), &from, world_link(scene->world, link),
				&to, 0);
}

static int join(struct scene *scene, uint32_t token, const char *local, const char *remote)
{
	struct subflow_request request = {
		.local = addr_of(local),
		.remote = addr_of(remote),
		.local_id = 7,
		.ifindex = world_link(scene->world, "vb"),
	};

	return world_ops->subflow_create(world_kernel(scene->world), token, &request);
}

static bool binds_nothing(void)
{
	if (!world_before(6, 12))
		return false;
	g_test_skip("before Linux 6.12 no join is bound to a link");
	return true;
}

static void routes_are_told_apart(struct scene *scene, gconstpointer data)
{
	/* Two networks, and no way beyond them. */
	g_assert_cmpint(ask_route(scene, "10.1.0.1", "va", NULL), ==, ROUTE_NONE);
	g_assert_cmpint(ask_route(scene, "10.1.0.1", "va", "10.1.0.2"), ==, ROUTE_UNICAST);
	g_assert_cmpint(ask_route(scene, "10.2.0.1", "vb", "10.1.0.2"), ==, ROUTE_ON_LINK);
	g_assert_cmpint(ask_route(scene, "10.2.0.1", "vb", "10.9.0.2"), ==, ROUTE_NONE);
	g_assert_cmpint(ask_route(scene, "fd00:1::1", "va", "fd00:1::2"), ==, ROUTE_UNICAST);
	g_assert_cmpint(ask_route(scene, "fd00:2::1", "vb", "fd00:1::2"), ==, ROUTE_NONE);
	world_route(scene->world, "va", true);
	expect_host(scene, "routes");
	g_assert_cmpint(ask_route(scene, "10.1.0.1", "va", NULL), ==, ROUTE_UNICAST);
	g_assert_cmpint(ask_route(scene, "10.1.0.1", "va", "10.9.0.2"), ==, ROUTE_UNICAST);
	g_assert_cmpint(ask_route(scene, "10.1.0.1", "va", "10.2.0.2"), ==, ROUTE_UNICAST);
	g_assert_cmpint(ask_route(scene, "10.2.0.1", "vb", NULL), ==, ROUTE_NONE);
	g_assert_cmpint(ask_route(scene, "10.2.0.1", "vb", "10.1.0.2"), ==, ROUTE_ON_LINK);
	g_assert_cmpint(ask_route(scene, "10.2.0.1", "vb", "10.9.0.2"), ==, ROUTE_NONE);
	world_route(scene->world, "va", false);
	expect_host(scene, "routes");
	g_assert_cmpint(ask_route(scene, "10.1.0.1", "va", NULL), ==, ROUTE_NONE);
	world_link_set(scene->world, "vb", false);
	expect_host(scene, "link vb");
	g_assert_cmpint(ask_route(scene, "10.2.0.1", "vb", "10.2.0.2"), ==, ROUTE_NONE);
}

static void joins_without_a_route(struct scene *scene, gconstpointer data)
{
	uint32_t token = connect_client(scene);

	if (binds_nothing())
		return;
	/* The kernel asks for any IPv4 neighbour; no route is looked for that leads there. */
	g_assert_cmpint(ask_route(scene, "10.2.0.1", "vb", "10.9.0.2"), ==, ROUTE_NONE);
	g_assert_cmpint(join(scene, token, "10.2.0.1", "10.9.0.2:4711"), ==, 0);
	expect_snapshot(scene, SNAPSHOT_CONNECTIONS,
			"connection 10.1.0.1:* > 10.1.0.2:4711\n"
			"subflow 10.1.0.1:* > 10.1.0.2:4711 ids 0/0 initial ours\n"
			"subflow 10.2.0.1:* > 10.9.0.2:4711 ids 7/0 on vb ours syn-sent\n");
}

static void joins_by_other_cable(struct scene *scene, gconstpointer data)
{
	uint32_t token = connect_client(scene);

	if (binds_nothing())
		return;
	g_assert_cmpint(ask_route(scene, "10.2.0.1", "vb", "10.1.0.2"), ==, ROUTE_ON_LINK);
	g_assert_cmpint(join(scene, token, "10.2.0.1", "10.1.0.2:4711"), ==, 0);
	expect(scene, token, "subflow 10.2.0.1:* > 10.1.0.2:4711 ids 7/0 on vb");
}

static void joins_without_a_route_of_ipv6(struct scene *scene, gconstpointer data)
{
	uint32_t token = world_connect(scene->world, MPTCPD_SIDE_CLIENT, "fd00:1::1",
				       "[fd00:1::2]:4711", false);

	if (binds_nothing())
		return;
	expect(scene, token, "created client [fd00:1::1]:* > [fd00:1::2]:4711");
	world_establish(scene->world, token);
	expect(scene, token, "established client [fd00:1::1]:* > [fd00:1::2]:4711");
	g_assert_cmpint(join(scene, token, "fd00:2::1", "[fd00:9::2]:4711"), ==, -ENETUNREACH);
	g_assert_cmpint(join(scene, token, "fd00:2::1", "[fd00:2::2]:4711"), ==, 0);
	expect(scene, token, "subflow [fd00:2::1]:* > [fd00:2::2]:4711 ids 7/1 on vb");
}

static void link_down_and_up(struct scene *scene, gconstpointer data)
{
	uint32_t token = connect_client(scene);

	if (binds_nothing())
		return;
	g_assert_cmpint(join(scene, token, "10.2.0.1", "10.2.0.2:4711"), ==, 0);
	expect(scene, token, "subflow 10.2.0.1:* > 10.2.0.2:4711 ids 7/1 on vb");
	world_link_set(scene->world, "vb", false);
	expect_host(scene, "link vb");
	/* Its IPv4 address stays, and so does the subflow; that of IPv6 goes. */
	expect_host(scene, "local-gone fd00:2::1 on vb");
	expect_snapshot(scene, SNAPSHOT_CONNECTIONS,
			"connection 10.1.0.1:* > 10.1.0.2:4711\n"
			"subflow 10.1.0.1:* > 10.1.0.2:4711 ids 0/0 initial ours\n"
			"subflow 10.2.0.1:* > 10.2.0.2:4711 ids 7/1 on vb ours\n");
	g_assert_cmpint(join(scene, token, "10.2.0.1", "10.1.0.2:4711"), ==, -ENETUNREACH);
	world_link_set(scene->world, "vb", true);
	expect_host(scene, "link vb up carrier");
	g_assert_cmpint(join(scene, token, "10.2.0.1", "10.1.0.2:4711"), ==, 0);
	expect(scene, token, "subflow 10.2.0.1:* > 10.1.0.2:4711 ids 7/0 on vb");
}

static void carrier_lost_and_back(struct scene *scene, gconstpointer data)
{
	uint32_t token = connect_client(scene);

	world_carrier(scene->world, "vb", false);
	expect_host(scene, "link vb up");
	g_assert_cmpint(ask_route(scene, "10.2.0.1", "vb", "10.2.0.2"), ==, ROUTE_UNICAST);
	world_carrier(scene->world, "vb", true);
	expect_host(scene, "link vb up carrier");
	expect_no_more(scene, token);
}

static void address_comes_and_goes(struct scene *scene, gconstpointer data)
{
	uint32_t token = connect_client(scene);

	world_address(scene->world, "vb", "10.3.0.1");
	expect_host(scene, "local 10.3.0.1 on vb");
	if (binds_nothing())
		return;
	g_assert_cmpint(join(scene, token, "10.3.0.1", "10.2.0.2:4711"), ==, 0);
	world_address_gone(scene->world, "vb", "10.3.0.1");
	expect_host(scene, "local-gone 10.3.0.1 on vb");
	expect_snapshot(scene, SNAPSHOT_CONNECTIONS,
			"connection 10.1.0.1:* > 10.1.0.2:4711\n"
			"subflow 10.1.0.1:* > 10.1.0.2:4711 ids 0/0 initial ours\n"
			"subflow 10.3.0.1:* > 10.2.0.2:4711 ids 7/0 on vb ours syn-sent\n");
	g_assert_cmpint(join(scene, token, "10.3.0.1", "10.1.0.2:4711"), ==, -EADDRNOTAVAIL);
}

static void buffer_of_the_host_overflows(struct scene *scene, gconstpointer data)
{
	world_squeeze(scene->world, true);
	for (int i = 0; i < 20; i++) {
		char address[16];

		snprintf(address, sizeof(address), "10.9.%d.1", i);
		world_address(scene->world, "va", address);
	}
	expect_host(scene, "lost host");
	world_squeeze(scene->world, false);
	/* And it hears what comes after. */
	world_address(scene->world, "vb", "10.8.0.1");
	expect_host(scene, "local 10.8.0.1 on vb");
}

static void buffer_of_connections_overflows(struct scene *scene, gconstpointer data)
{
	world_squeeze(scene->world, true);
	for (size_t i = 0; i < 6; i++)
		world_connect_unheard(scene->world);
	expect_host(scene, "lost connections");
	world_squeeze(scene->world, false);
	expect_brief_snapshot(scene, "connection 10.1.0.1:* > 10.1.0.2:4711\n"
				     "connection 10.1.0.1:* > 10.1.0.2:4711\n"
				     "connection 10.1.0.1:* > 10.1.0.2:4711\n"
				     "connection 10.1.0.1:* > 10.1.0.2:4711\n"
				     "connection 10.1.0.1:* > 10.1.0.2:4711\n"
				     "connection 10.1.0.1:* > 10.1.0.2:4711\n");
	connect_client(scene);
}

void add_host_scenarios(void)
{
	SCENARIO("route/told-apart", routes_are_told_apart);
	SCENARIO("route/join-without-one", joins_without_a_route);
	SCENARIO("route/join-by-the-other-cable", joins_by_other_cable);
	SCENARIO("route/join-without-one-of-ipv6", joins_without_a_route_of_ipv6);
	SCENARIO("link/down-and-up", link_down_and_up);
	SCENARIO("link/carrier-lost-and-back", carrier_lost_and_back);
	SCENARIO("link/address-comes-and-goes", address_comes_and_goes);
	SCENARIO("overflow/of-the-host", buffer_of_the_host_overflows);
	SCENARIO("overflow/of-connections", buffer_of_connections_overflows);
}
