/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses of both ends and their ids: announced, withdrawn, remembered, forgotten; listeners. */
#include <errno.h>

#include "addr.h"
#include "scene.h"

static int announce(struct scene *scene, uint32_t token, const char *address, uint8_t id)
{
	struct mptcpd_addr addr = addr_of(address);

	return world_ops->announce(world_kernel(scene->world), token, &addr, id, 0);
}

static int withdraw(struct scene *scene, uint32_t token, uint8_t id)
{
	return world_ops->withdraw(world_kernel(scene->world), token, id);
}

static int join(struct scene *scene, uint32_t token, const char *local, const char *remote,
		uint8_t id)
{
	struct subflow_request request = {
		.local = addr_of(local),
		.remote = addr_of(remote),
		.local_id = id,
		.ifindex = world_link(scene->world, "vb"),
	};

	return world_ops->subflow_create(world_kernel(scene->world), token, &request);
}

/* One from the second address, by id 7, to this one of the peer's, by that id. */
static struct event_subflow expect_join(struct scene *scene, uint32_t token, const char *remote,
					uint8_t remote_id)
{
	g_autofree char *told =
		g_strdup_printf("subflow 10.2.0.1:* > %s ids 7/%u on vb", remote, remote_id);

	g_assert_cmpint(join(scene, token, "10.2.0.1", remote, 7), ==, 0);
	return expect(scene, token, told).subflow;
}

/* The kernel's list: one line "id address [signal]" each, in order of ids. */
static void expect_own(struct scene *scene, uint32_t token, const char *text)
{
	struct event_endpoint own[8];
	int n = world_ops->own_addresses(world_kernel(scene->world), token, own, 8);
	g_autoptr(GString) is = g_string_new(NULL);
	char addr[ADDR_TEXT_SIZE];

	g_assert_cmpint(n, >=, 0);
	for (uint8_t id = 0; id < 255; id++)
		for (int i = 0; i < n; i++)
			if (own[i].id == id)
				g_string_append_printf(is, "%u %s%s\n", id,
						       addr_format(&own[i].addr, addr),
						       own[i].flags & MPTCPD_FLAG_SIGNAL ? " signal"
											 : "");
	g_assert_cmpstr(is->str, ==, text);
}

static bool tells_no_ids(void)
{
	if (!world_before(6, 12))
		return false;
	g_test_skip("before Linux 6.9 there is no list, before 6.12 no join is bound to a link");
	return true;
}

static void peer_announces(struct scene *scene, gconstpointer data)
{
	uint32_t token = connect_client(scene);

	world_peer_announces(scene->world, token, 5, "10.2.0.2");
	/* Without a port it is that of the connection. */
	expect(scene, token, "announced 5 10.2.0.2:4711");
	world_peer_withdraws(scene->world, token, 5);
	expect(scene, token, "removed 5");
	world_peer_announces(scene->world, token, 6, "10.2.0.2:4800");
	expect(scene, token, "announced 6 10.2.0.2:4800");
}

static void announced_id_is_that_of_joins(struct scene *scene, gconstpointer data)
{
	uint32_t token = connect_client(scene);

	if (tells_no_ids())
		return;
	world_peer_announces(scene->world, token, 5, "10.2.0.2");
	expect(scene, token, "announced 5 10.2.0.2:4711");
	expect_join(scene, token, "10.2.0.2:4711", 5);
	world_peer_withdraws(scene->world, token, 5);
	expect(scene, token, "removed 5");
	expect(scene, token, "subflow-closed 10.2.0.1:* > 10.2.0.2:4711 ids 7/5 on vb");
	/* To the initial address it is 0. */
	expect_join(scene, token, "10.1.0.2:4711", 0);
}

static void initial_one_stays_0(struct scene *scene, gconstpointer data)
{
	uint32_t token = connect_client(scene);

	if (tells_no_ids())
		return;
	expect_join(scene, token, "10.2.0.2:4711", 1);
	world_peer_withdraws(scene->world, token, 0);
	expect(scene, token, "removed 0");
	expect(scene, token, "subflow-closed 10.1.0.1:* > 10.1.0.2:4711 ids 0/0");
	world_peer_announces(scene->world, token, 4, "10.1.0.2");
	expect(scene, token, "announced 4 10.1.0.2:4711");
	expect_join(scene, token, "10.1.0.2:4711", 0);
}

static void announced_and_withdrawn(struct scene *scene, gconstpointer data)
{
	uint32_t token = connect_client(scene);

	if (tells_no_ids())
		return;
	g_assert_cmpint(announce(scene, token, "10.2.0.1", 0), ==, -EINVAL);
	g_assert_cmpint(announce(scene, token + 1, "10.2.0.1", 9), ==, -ENOTCONN);
	g_assert_cmpint(announce(scene, token, "10.2.0.1", 9), ==, 0);
	expect_own(scene, token, "9 10.2.0.1 signal\n");
	g_assert_cmpint(withdraw(scene, token, 8), ==, -EINVAL);
	g_assert_cmpint(withdraw(scene, token, 9), ==, 0);
	g_assert_cmpint(withdraw(scene, token, 9), ==, -EINVAL);
	expect_own(scene, token, "");
	expect_no_more(scene, token);
}

static void announced_twice_in_a_row(struct scene *scene, gconstpointer data)
{
	uint32_t token = connect_client(scene);

	if (tells_no_ids())
		return;
	g_assert_cmpint(announce(scene, token, "10.2.0.1", 9), ==, 0);
	g_assert_cmpint(announce(scene, token, "10.2.0.1", 9), ==, 0);
	g_assert_cmpint(announce(scene, token, "10.2.0.1", 10), ==, -EINVAL);
	g_assert_cmpint(announce(scene, token, "10.2.0.3", 9), ==, -EINVAL);
	/* Another port is another address; nobody asks whether it is ours. */
	g_assert_cmpint(announce(scene, token, "10.2.0.1:4800", 10), ==, 0);
	g_assert_cmpint(announce(scene, token, "10.2.0.3", 11), ==, 0);
	expect_own(scene, token,
		   "9 10.2.0.1 signal\n10 10.2.0.1:4800 signal\n11 10.2.0.3 signal\n");
}

static void joins_are_remembered(struct scene *scene, gconstpointer data)
{
	uint32_t token = connect_client(scene);
	struct event_subflow subflow;

	if (tells_no_ids())
		return;
	expect_own(scene, token, "");
	subflow = expect_join(scene, token, "10.2.0.2:4711", 1);
	expect_own(scene, token, "7 10.2.0.1\n");
	/* One that failed at once is forgotten, and an announcement of the address with it. */
	g_assert_cmpint(announce(scene, token, "10.2.0.77", 20), ==, 0);
	g_assert_cmpint(join(scene, token, "10.2.0.77", "10.2.0.2:4711", 20), ==, -EADDRNOTAVAIL);
	expect_own(scene, token, "7 10.2.0.1\n");
	/* As is one that was destroyed; a second one from there stays without. */
	expect_join(scene, token, "10.1.0.2:4711", 0);
	g_assert_cmpint(world_ops->subflow_destroy(world_kernel(scene->world), token,
						   &subflow.local, &subflow.remote, subflow.ifindex,
						   false),
			==, 0);
	expect(scene, token, "subflow-closed 10.2.0.1:* > 10.2.0.2:4711 ids 7/1 on vb");
	expect_own(scene, token, "");
	g_assert_cmpint(withdraw(scene, token, 7), ==, -EINVAL);
}

static void refused_join_is_remembered(struct scene *scene, gconstpointer data)
{
	uint32_t token = connect_client(scene);

	if (tells_no_ids())
		return;
	g_assert_cmpint(join(scene, token, "10.2.0.1", WORLD_REFUSES, 7), ==, 0);
	expect(scene, token,
	       "subflow-closed 10.2.0.1:* > 10.2.0.2:9 ids 7/0 on vb error Connection refused");
	expect_own(scene, token, "7 10.2.0.1\n");
}

static void joined_address_gets_an_id(struct scene *scene, gconstpointer data)
{
	uint32_t token =
		world_connect(scene->world, MPTCPD_SIDE_SERVER, "10.1.0.1:4711", "10.1.0.2", false);

	if (tells_no_ids())
		return;
	expect(scene, token, "created server 10.1.0.1:4711 > 10.1.0.2:*");
	world_establish(scene->world, token);
	expect(scene, token, "established server 10.1.0.1:4711 > 10.1.0.2:*");
	g_assert_cmpint(announce(scene, token, "10.2.0.3", 1), ==, 0);
	world_peer_joins(scene->world, token, "10.2.0.2", "10.2.0.1:4711");
	expect(scene, token, "subflow 10.2.0.1:4711 > 10.2.0.2:* ids 2/77");
	expect_own(scene, token, "1 10.2.0.3 signal\n2 10.2.0.1\n");
	g_assert_cmpint(withdraw(scene, token, 2), ==, 0);
	expect(scene, token, "subflow-closed 10.2.0.1:4711 > 10.2.0.2:* ids 2/77");
	expect_own(scene, token, "1 10.2.0.3 signal\n");
}

static void initial_address_is_withdrawn(struct scene *scene, gconstpointer data)
{
	uint32_t token = connect_client(scene);

	if (tells_no_ids())
		return;
	g_assert_cmpint(withdraw(scene, token, 0), ==, 0);
	/* It is the peer that closes what it knows by that id. */
	expect(scene, token, "subflow-closed 10.1.0.1:* > 10.1.0.2:4711 ids 0/0");
	expect_snapshot(scene, SNAPSHOT_CONNECTIONS, "connection 10.1.0.1:* > 10.1.0.2:4711\n");
	/* The socket of the initial subflow stays with the connection. */
	g_assert_cmpint(withdraw(scene, token, 0), ==, 0);
}

static int listen_on(struct scene *scene, const char *address, const char *link)
{
	struct mptcpd_addr addr = addr_of(address);

	return world_ops->listen(world_kernel(scene->world), &addr,
				 link ? world_link(scene->world, link) : 0);
}

static int unlisten(struct scene *scene, const char *address)
{
	struct mptcpd_addr addr = addr_of(address);

	return world_ops->unlisten(world_kernel(scene->world), &addr);
}

static void listeners(struct scene *scene, gconstpointer data)
{
	bool tells = !world_before(6, 2);

	g_assert_cmpint(unlisten(scene, "10.2.0.1:4800"), ==, -ENOENT);
	g_assert_cmpint(listen_on(scene, "10.2.0.1", "vb"), ==, -EINVAL);
	g_assert_cmpint(listen_on(scene, "10.2.0.77:4800", "vb"), ==, -EADDRNOTAVAIL);
	g_assert_cmpint(listen_on(scene, "[fd00:2::77]:4800", "vb"), ==, -EADDRNOTAVAIL);
	g_assert_cmpint(listen_on(scene, "10.2.0.1:4800", "vb"), ==, 0);
	if (tells)
		expect_host(scene, "listener 10.2.0.1:4800");
	g_assert_cmpint(listen_on(scene, "10.2.0.1:4800", "vb"), ==, 0);
	g_assert_cmpint(unlisten(scene, "10.2.0.1:4800"), ==, 0);
	g_assert_cmpint(unlisten(scene, "10.2.0.1:4800"), ==, 0);
	if (tells)
		expect_host(scene, "listener-closed 10.2.0.1:4800");
	g_assert_cmpint(unlisten(scene, "10.2.0.1:4800"), ==, -ENOENT);
}

static void listener_in_use(struct scene *scene, gconstpointer data)
{
	/* By an application on all addresses, or on this one. */
	g_assert_cmpint(listen_on(scene, "10.2.0.1:4711", "vb"), ==, -EADDRINUSE);
	world_listen(scene->world, "10.2.0.1:4900");
	g_assert_cmpint(listen_on(scene, "10.2.0.1:4900", "vb"), ==, -EADDRINUSE);
	g_assert_cmpint(listen_on(scene, "10.1.0.1:4900", "va"), ==, 0);
	world_unlisten(scene->world, "10.2.0.1:4900");
	g_assert_cmpint(listen_on(scene, "10.2.0.1:4900", "vb"), ==, 0);
	/* Ours are in nobody's way but their own. */
	g_assert_cmpint(unlisten(scene, "10.1.0.1:4900"), ==, 0);
}

static int listens(struct scene *scene, const char *address)
{
	struct mptcpd_addr addr = addr_of(address);

	return world_ops->listens(world_kernel(scene->world), &addr, world_link(scene->world, "vb"),
				  true);
}

static void who_listens(struct scene *scene, gconstpointer data)
{
	/* on 4711 an application on all of IPv4, on 4712 one on all of both */
	g_assert_cmpint(listens(scene, "10.2.0.1:4711"), ==, LISTENS_HERE);
	g_assert_cmpint(listens(scene, "[fd00:2::1]:4711"), ==, LISTENS_ELSEWHERE);
	g_assert_cmpint(listens(scene, "10.2.0.1:4712"), ==, LISTENS_HERE);
	g_assert_cmpint(listens(scene, "[fd00:2::1]:4712"), ==, LISTENS_HERE);
	g_assert_cmpint(listens(scene, "10.2.0.1:4900"), ==, LISTENS_NOBODY);
	world_listen(scene->world, "10.1.0.1:4900");
	g_assert_cmpint(listens(scene, "10.1.0.1:4900"), ==, LISTENS_HERE);
	g_assert_cmpint(listens(scene, "10.2.0.1:4900"), ==, LISTENS_ELSEWHERE);
	/* ours is not an application */
	g_assert_cmpint(listen_on(scene, "10.2.0.1:4900", "vb"), ==, 0);
	g_assert_cmpint(listens(scene, "10.2.0.1:4900"), ==, LISTENS_ELSEWHERE);
	world_unlisten(scene->world, "10.1.0.1:4900");
	g_assert_cmpint(listens(scene, "10.2.0.1:4900"), ==, LISTENS_NOBODY);
	g_assert_cmpint(unlisten(scene, "10.2.0.1:4900"), ==, 0);
}

void add_address_scenarios(void)
{
	SCENARIO("peer/announces", peer_announces);
	SCENARIO("peer/announced-id-is-that-of-joins", announced_id_is_that_of_joins);
	SCENARIO("peer/initial-one-stays-0", initial_one_stays_0);
	SCENARIO("own/announced-and-withdrawn", announced_and_withdrawn);
	SCENARIO("own/announced-twice-in-a-row", announced_twice_in_a_row);
	SCENARIO("own/joins-are-remembered", joins_are_remembered);
	SCENARIO("own/refused-join-is-remembered", refused_join_is_remembered);
	SCENARIO("own/joined-address-gets-an-id", joined_address_gets_an_id);
	SCENARIO("own/initial-address-is-withdrawn", initial_address_is_withdrawn);
	SCENARIO("listener/come-and-go", listeners);
	SCENARIO("listener/in-use", listener_in_use);
	SCENARIO("listener/who-listens", who_listens);
}
