/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections and their subflows: commands on them, what comes of it, what a snapshot shows. */
#include <errno.h>

#include "addr.h"
#include "scene.h"

static int create(struct scene *scene, uint32_t token, const char *local, const char *remote,
		  uint8_t id, uint32_t flags, const char *link)
{
	struct subflow_request request = {
		.local = addr_of(local),
		.remote = addr_of(remote),
		.local_id = id,
		.flags = flags,
		.ifindex = link ? world_link(scene->world, link) : 0,
	};

	return world_ops->subflow_create(world_kernel(scene->world), token, &request);
}

static int destroy(struct scene *scene, uint32_t token, const struct event_subflow *subflow,
		   bool mapped)
{
	return world_ops->subflow_destroy(world_kernel(scene->world), token, &subflow->local,
					  &subflow->remote, subflow->ifindex, mapped);
}

static int set_backup(struct scene *scene, uint32_t token, const struct event_subflow *subflow,
		      bool backup)
{
	return world_ops->subflow_backup(world_kernel(scene->world), token, &subflow->local,
					 &subflow->remote, backup);
}

static int is_backup(struct scene *scene, uint32_t token, const struct event_subflow *subflow)
{
	return world_ops->subflow_is_backup(world_kernel(scene->world), token, &subflow->local,
					    &subflow->remote, subflow->ifindex);
}

/* Older ones regard neither link nor flags of SUBFLOW_CREATE: what follows is about both. */
static bool is_too_old(void)
{
	if (!world_before(6, 12))
		return false;
	g_test_skip("before Linux 6.12 SUBFLOW_CREATE binds to no link and makes no backup");
	return true;
}

static void join_lives_and_dies(struct scene *scene, gconstpointer data)
{
	uint32_t token = connect_client(scene);
	struct event event;

	if (is_too_old())
		return;
	expect_snapshot(scene, SNAPSHOT_CONNECTIONS,
			"connection 10.1.0.1:* > 10.1.0.2:4711\n"
			"subflow 10.1.0.1:* > 10.1.0.2:4711 ids 0/0 initial ours\n");
	g_assert_cmpint(create(scene, token, "10.2.0.1", "10.2.0.2:4711", 7, 0, "vb"), ==, 0);
	event = expect(scene, token, "subflow 10.2.0.1:* > 10.2.0.2:4711 ids 7/1 on vb");
	expect_snapshot(scene, SNAPSHOT_CONNECTIONS,
			"connection 10.1.0.1:* > 10.1.0.2:4711\n"
			"subflow 10.1.0.1:* > 10.1.0.2:4711 ids 0/0 initial ours\n"
			"subflow 10.2.0.1:* > 10.2.0.2:4711 ids 7/1 on vb ours\n");
	expect_brief_snapshot(scene, "connection 10.1.0.1:* > 10.1.0.2:4711\n");
	g_assert_cmpint(destroy(scene, token, &event.subflow, true), ==, -ESRCH);
	g_assert_cmpint(destroy(scene, token + 1, &event.subflow, false), ==, -ENOTCONN);
	g_assert_cmpint(destroy(scene, token, &event.subflow, false), ==, 0);
	expect(scene, token, "subflow-closed 10.2.0.1:* > 10.2.0.2:4711 ids 7/1 on vb");
	g_assert_cmpint(destroy(scene, token, &event.subflow, false), ==, -ESRCH);
	expect_snapshot(scene, SNAPSHOT_CONNECTIONS,
			"connection 10.1.0.1:* > 10.1.0.2:4711\n"
			"subflow 10.1.0.1:* > 10.1.0.2:4711 ids 0/0 initial ours\n");
	world_close(scene->world, token);
	expect(scene, token, "closed");
}

/* Given without waiting, one behind the other; the number. */
static int give(struct scene *scene, uint32_t token, const struct prepared *command)
{
	return world_ops->ask(world_kernel(scene->world), token, command);
}

static void closings_are_not_waited_for(struct scene *scene, gconstpointer data)
{
	void *kernel = world_kernel(scene->world);
	uint32_t token = connect_client(scene);
	struct mptcpd_addr announced = addr_of("10.3.0.1");
	struct prepared known, unknown, closing, mapped;
	int refused[64], numbers[6];
	struct event event;

	if (is_too_old())
		return;
	g_assert_cmpint(create(scene, token, "10.2.0.1", "10.2.0.2:4711", 7, 0, "vb"), ==, 0);
	event = expect(scene, token, "subflow 10.2.0.1:* > 10.2.0.2:4711 ids 7/1 on vb");
	/* Of the address of a subflow the peer would close that, in the middle of all this. */
	g_assert_cmpint(world_ops->announce(kernel, token, &announced, 9, 0), ==, 0);
	world_ops->prepare_withdraw(kernel, 8, &unknown);
	world_ops->prepare_withdraw(kernel, 9, &known);
	world_ops->prepare_destroy(kernel, &event.subflow.local, &event.subflow.remote, true,
				   &mapped);
	world_ops->prepare_destroy(kernel, &event.subflow.local, &event.subflow.remote, false,
				   &closing);
	numbers[0] = give(scene, token, &unknown);
	numbers[1] = give(scene, token, &known);
	numbers[2] = give(scene, token, &mapped);
	numbers[3] = give(scene, token + 1, &closing);
	numbers[4] = give(scene, token, &closing);
	numbers[5] = give(scene, token, &closing);
	/* All but those that are meant are refused, in their order. */
	g_assert_cmpuint(world_ops->refusals(kernel, refused, G_N_ELEMENTS(refused)), ==, 4);
	g_assert_cmpint(refused[0], ==, numbers[0]);
	g_assert_cmpint(refused[1], ==, numbers[2]);
	g_assert_cmpint(refused[2], ==, numbers[3]);
	g_assert_cmpint(refused[3], ==, numbers[5]);
	g_assert_cmpuint(world_ops->refusals(kernel, refused, G_N_ELEMENTS(refused)), ==, 0);
	expect(scene, token, "subflow-closed 10.2.0.1:* > 10.2.0.2:4711 ids 7/1 on vb");
	expect_snapshot(scene, SNAPSHOT_CONNECTIONS,
			"connection 10.1.0.1:* > 10.1.0.2:4711\n"
			"subflow 10.1.0.1:* > 10.1.0.2:4711 ids 0/0 initial ours\n");
}

static void join_is_refused(struct scene *scene, gconstpointer data)
{
	uint32_t token = connect_client(scene);

	if (is_too_old())
		return;
	g_assert_cmpint(create(scene, token, "10.2.0.1", WORLD_REFUSES, 7, 0, "vb"), ==, 0);
	expect(scene, token,
	       "subflow-closed 10.2.0.1:* > 10.2.0.2:9 ids 7/0 on vb error Connection refused");
	expect_snapshot(scene, SNAPSHOT_CONNECTIONS,
			"connection 10.1.0.1:* > 10.1.0.2:4711\n"
			"subflow 10.1.0.1:* > 10.1.0.2:4711 ids 0/0 initial ours\n");
}

static void join_waits_and_is_taken_back(struct scene *scene, gconstpointer data)
{
	uint32_t token = connect_client(scene);
	struct event_subflow subflow = {
		.local = addr_of("10.2.0.1"),
		.remote = addr_of(WORLD_SILENT),
		.ifindex = world_link(scene->world, "vb"),
	};
	int r;

	if (is_too_old())
		return;
	g_assert_cmpint(create(scene, token, "10.2.0.1", WORLD_SILENT, 7, 0, "vb"), ==, 0);
	expect_snapshot(scene, SNAPSHOT_CONNECTIONS,
			"connection 10.1.0.1:* > 10.1.0.2:4711\n"
			"subflow 10.1.0.1:* > 10.1.0.2:4711 ids 0/0 initial ours\n"
			"subflow 10.2.0.1:* > 10.2.0.99:4711 ids 7/0 on vb ours syn-sent\n");
	g_assert_cmpint(destroy(scene, token, &subflow, false), ==, 0);
	expect(scene, token,
	       "subflow-closed 10.2.0.1:* > 10.2.0.99 ids 7/0 on vb "
	       "error Connection reset by peer");
	do
		r = destroy(scene, token, &subflow, false);
	while (r == -EAGAIN);
	g_assert_cmpint(r, ==, -ESRCH);
}

static void create_fails(struct scene *scene, gconstpointer data)
{
	uint32_t token =
		world_connect(scene->world, MPTCPD_SIDE_CLIENT, "10.1.0.1", "10.1.0.2:4711", false);

	if (is_too_old())
		return;
	g_assert_cmpint(create(scene, token, "10.2.0.1", "10.2.0.2:4711", 7, 0, "vb"), ==,
			-ENOTCONN);
	expect(scene, token, "created client 10.1.0.1:* > 10.1.0.2:4711");
	world_establish(scene->world, token);
	expect(scene, token, "established client 10.1.0.1:* > 10.1.0.2:4711");
	g_assert_cmpint(create(scene, token + 1, "10.2.0.1", "10.2.0.2:4711", 7, 0, "vb"), ==,
			-ENOTCONN);
	g_assert_cmpint(create(scene, token, "10.2.0.77", "10.2.0.2:4711", 8, 0, "vb"), ==,
			-EADDRNOTAVAIL);
	/* What failed is forgotten: the ids are free. */
	g_assert_cmpint(create(scene, token, "10.2.0.1", "10.2.0.2:4711", 8, 0, "vb"), ==, 0);
	expect(scene, token, "subflow 10.2.0.1:* > 10.2.0.2:4711 ids 8/1 on vb");
	/* An address has one id, and an id one address. */
	g_assert_cmpint(create(scene, token, "10.2.0.1", "10.1.0.2:4711", 9, 0, "vb"), ==, -EINVAL);
	g_assert_cmpint(create(scene, token, "10.1.0.1", "10.2.0.2:4711", 8, 0, "va"), ==, -EINVAL);
	expect_no_more(scene, token);
}

static void unknown_link_is_refused(struct scene *scene, gconstpointer data)
{
	uint32_t token = connect_client(scene);
	struct subflow_request request = {
		.local = addr_of("10.2.0.1"),
		.remote = addr_of("10.2.0.2:4711"),
		.local_id = 7,
		.ifindex = 4000,
	};

	if (is_too_old())
		return;
	g_assert_cmpint(world_ops->subflow_create(world_kernel(scene->world), token, &request), ==,
			-ENODEV);
	request.ifindex = world_link(scene->world, "vb");
	g_assert_cmpint(world_ops->subflow_create(world_kernel(scene->world), token, &request), ==,
			0);
	expect(scene, token, "subflow 10.2.0.1:* > 10.2.0.2:4711 ids 7/1 on vb");
}

static void backup_both_ways(struct scene *scene, gconstpointer data)
{
	uint32_t token = connect_client(scene);
	struct event_subflow subflow;

	if (is_too_old())
		return;
	g_assert_cmpint(create(scene, token, "10.2.0.1", "10.2.0.2:4711", 7, MPTCPD_FLAG_BACKUP,
			       "vb"),
			==, 0);
	subflow = expect(scene, token, "subflow 10.2.0.1:* > 10.2.0.2:4711 ids 7/1 on vb").subflow;
	g_assert_cmpint(is_backup(scene, token, &subflow), ==, 1);
	expect_snapshot(scene, SNAPSHOT_CONNECTIONS,
			"connection 10.1.0.1:* > 10.1.0.2:4711\n"
			"subflow 10.1.0.1:* > 10.1.0.2:4711 ids 0/0 initial ours\n"
			"subflow 10.2.0.1:* > 10.2.0.2:4711 ids 7/1 on vb ours backup\n");
	g_assert_cmpint(set_backup(scene, token, &subflow, false), ==, 0);
	g_assert_cmpint(is_backup(scene, token, &subflow), ==, 0);
	world_peer_backup(scene->world, token, &subflow.local, &subflow.remote, true);
	expect(scene, token, "priority 10.2.0.1:* > 10.2.0.2:4711 ids 7/1 on vb peer-backup");
	expect_snapshot(scene, SNAPSHOT_CONNECTIONS,
			"connection 10.1.0.1:* > 10.1.0.2:4711\n"
			"subflow 10.1.0.1:* > 10.1.0.2:4711 ids 0/0 initial ours\n"
			"subflow 10.2.0.1:* > 10.2.0.2:4711 ids 7/1 on vb ours peer-backup\n");
	world_peer_backup(scene->world, token, &subflow.local, &subflow.remote, false);
	expect(scene, token, "priority 10.2.0.1:* > 10.2.0.2:4711 ids 7/1 on vb");
	subflow.remote.port = 9;
	g_assert_cmpint(set_backup(scene, token, &subflow, true), ==, -EINVAL);
	g_assert_cmpint(is_backup(scene, token, &subflow), ==, -ENOENT);
}

static void peer_joins_a_server(struct scene *scene, gconstpointer data)
{
	uint32_t token =
		world_connect(scene->world, MPTCPD_SIDE_SERVER, "10.1.0.1:4711", "10.1.0.2", false);

	expect(scene, token, "created server 10.1.0.1:4711 > 10.1.0.2:*");
	world_establish(scene->world, token);
	expect(scene, token, "established server 10.1.0.1:4711 > 10.1.0.2:*");
	world_peer_joins(scene->world, token, "10.2.0.2", "10.2.0.1:4711");
	expect(scene, token, "subflow 10.2.0.1:4711 > 10.2.0.2:* ids 1/77");
	expect_snapshot(scene, SNAPSHOT_CONNECTIONS,
			"connection 10.1.0.1:4711 > 10.1.0.2:*\n"
			"subflow 10.1.0.1:4711 > 10.1.0.2:* ids 0/0 initial\n"
			"subflow 10.2.0.1:4711 > 10.2.0.2:* ids 1/77\n");
	world_peer_withdraws(scene->world, token, 77);
	expect(scene, token, "removed 77");
	expect(scene, token, "subflow-closed 10.2.0.1:4711 > 10.2.0.2:* ids 1/77");
	expect_snapshot(scene, SNAPSHOT_CONNECTIONS,
			"connection 10.1.0.1:4711 > 10.1.0.2:*\n"
			"subflow 10.1.0.1:4711 > 10.1.0.2:* ids 0/0 initial\n");
}

static void mapped_addresses(struct scene *scene, gconstpointer data)
{
	uint32_t token =
		world_connect(scene->world, MPTCPD_SIDE_SERVER, "10.1.0.1:4712", "10.1.0.2", true);
	struct event_subflow subflow;

	expect(scene, token, "created server 10.1.0.1:4712 > 10.1.0.2:* mapped");
	world_establish(scene->world, token);
	expect(scene, token, "established server 10.1.0.1:4712 > 10.1.0.2:* mapped");
	world_peer_joins(scene->world, token, "10.2.0.2", "10.2.0.1:4712");
	subflow =
		expect(scene, token, "subflow 10.2.0.1:4712 > 10.2.0.2:* ids 1/77 mapped").subflow;
	expect_snapshot(scene, SNAPSHOT_CONNECTIONS,
			"connection 10.1.0.1:4712 > 10.1.0.2:* mapped\n"
			"subflow 10.1.0.1:4712 > 10.1.0.2:* ids 0/0 initial mapped\n"
			"subflow 10.2.0.1:4712 > 10.2.0.2:* ids 1/77 mapped\n");
	g_assert_cmpint(set_backup(scene, token, &subflow, true), ==, 0);
	g_assert_cmpint(destroy(scene, token, &subflow, false), ==, -ESRCH);
	g_assert_cmpint(destroy(scene, token, &subflow, true), ==, 0);
	expect(scene, token, "subflow-closed 10.2.0.1:4712 > 10.2.0.2:* ids 1/77 mapped");
}

static void mapped_client_joins(struct scene *scene, gconstpointer data)
{
	uint32_t token =
		world_connect(scene->world, MPTCPD_SIDE_CLIENT, "10.1.0.1", "10.1.0.2:4711", true);
	struct event_subflow subflow;

	if (is_too_old())
		return;
	expect(scene, token, "created client 10.1.0.1:* > 10.1.0.2:4711 mapped");
	world_establish(scene->world, token);
	expect(scene, token, "established client 10.1.0.1:* > 10.1.0.2:4711 mapped");
	g_assert_cmpint(create(scene, token, "10.2.0.1", "10.2.0.2:4711", 7, 0, "vb"), ==, 0);
	/* Its socket is one of IPv4. */
	subflow = expect(scene, token, "subflow 10.2.0.1:* > 10.2.0.2:4711 ids 7/1 on vb").subflow;
	expect_snapshot(scene, SNAPSHOT_CONNECTIONS,
			"connection 10.1.0.1:* > 10.1.0.2:4711 mapped\n"
			"subflow 10.1.0.1:* > 10.1.0.2:4711 ids 0/0 initial ours mapped\n"
			"subflow 10.2.0.1:* > 10.2.0.2:4711 ids 7/1 on vb ours\n");
	g_assert_cmpint(destroy(scene, token, &subflow, true), ==, -ESRCH);
	g_assert_cmpint(destroy(scene, token, &subflow, false), ==, 0);
	expect(scene, token, "subflow-closed 10.2.0.1:* > 10.2.0.2:4711 ids 7/1 on vb");
}

/* Its end takes a moment. */
static void await_probe(struct scene *scene, uint32_t token, enum probe wanted)
{
	gint64 until = world_deadline();

	while (world_ops->probe(world_kernel(scene->world), token) != (int)wanted)
		g_assert_cmpint(g_get_monotonic_time(), <, until);
}

static void ends_in_silence(struct scene *scene, gconstpointer data)
{
	uint32_t token = connect_client(scene);

	g_assert_cmpint(world_ops->probe(world_kernel(scene->world), token), ==, PROBE_USERSPACE);
	world_end_in_silence(scene->world, token);
	await_probe(scene, token, PROBE_GONE);
	expect_snapshot(scene, SNAPSHOT_CONNECTIONS, "");
	expect_no_more(scene, token);
}

void add_connection_scenarios(void)
{
	SCENARIO("join/lives-and-dies", join_lives_and_dies);
	SCENARIO("join/closings-are-not-waited-for", closings_are_not_waited_for);
	SCENARIO("join/is-refused", join_is_refused);
	SCENARIO("join/waits-and-is-taken-back", join_waits_and_is_taken_back);
	SCENARIO("join/fails-at-once", create_fails);
	SCENARIO("join/unknown-link-is-refused", unknown_link_is_refused);
	SCENARIO("join/of-the-peer-at-a-server", peer_joins_a_server);
	SCENARIO("backup/both-ways", backup_both_ways);
	SCENARIO("mapped/of-a-server", mapped_addresses);
	SCENARIO("mapped/of-a-client-whose-joins-are-not", mapped_client_joins);
	SCENARIO("end/in-silence", ends_in_silence);
}
