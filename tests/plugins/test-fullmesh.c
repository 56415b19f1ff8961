/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <mptcpd/addr.h>

#include "fake-plan.h"

#define A "10.0.1.1"
#define B "10.0.2.1"
#define C "10.0.3.1"
#define A6 "2001:db8:1::1"
#define B6 "2001:db8:2::1"
#define PEER "10.0.9.1:80"
#define PEER2 "10.0.9.2:80"
#define PEER6 "[2001:db8:9::1]:80"

static const struct mptcpd_plugin *plugin;

/* A client's connection from A to PEER, and a host with A and B. */
struct scene {
	struct fake_view view;
	struct fake_plan plan;
	struct mptcpd_connection connection;
	struct mptcpd_peer_address peers[8];
	struct mptcpd_subflow subflows[8];
	struct mptcpd_failure failures[8];
};

static void announce(struct scene *scene, const char *addr)
{
	size_t i = scene->connection.peer_addresses.n++;

	scene->peers[i] =
		(struct mptcpd_peer_address){.addr = fake_addr(addr), .id = (uint8_t)(i + 1)};
}

static void see(struct scene *scene, const char *local, const char *remote,
		enum mptcpd_subflow_state state, uint64_t since_ms)
{
	size_t i = scene->connection.subflows.n++;

	scene->subflows[i] = (struct mptcpd_subflow){.local = fake_addr(local),
						     .remote = fake_addr(remote),
						     .state = state,
						     .since_ms = since_ms};
}

static void fail(struct scene *scene, const char *local, const char *remote, uint32_t attempts)
{
	size_t i = scene->connection.failures.n++;

	scene->failures[i] = (struct mptcpd_failure){.local = fake_addr(local),
						     .remote = fake_addr(remote),
						     .attempts = attempts};
}

static void connect_pair(struct scene *scene, const char *local, const char *remote)
{
	scene->connection.local = fake_addr(local);
	scene->connection.remote = fake_addr(remote);
}

static void set_up(struct scene *scene, gconstpointer unused)
{
	*scene = (struct scene){
		.connection = {.size = sizeof(scene->connection),
			       .peer_addresses = {scene->peers, 0, sizeof(scene->peers[0])},
			       .subflows = {scene->subflows, 0, sizeof(scene->subflows[0])},
			       .failures = {scene->failures, 0, sizeof(scene->failures[0])},
			       .token = 1,
			       .side = MPTCPD_SIDE_CLIENT,
			       .state = MPTCPD_CONNECTION_ESTABLISHED},
	};
	connect_pair(scene, A ":40000", PEER);
	fake_view_init(&scene->view);
	fake_view_add(&scene->view, A, MPTCPD_FLAG_SUBFLOW);
	fake_view_add(&scene->view, B, MPTCPD_FLAG_SUBFLOW);
	fake_plan_init(&scene->plan, &scene->connection);
}

static void tear_down(struct scene *scene, gconstpointer unused)
{
}

static void plan_with(struct scene *scene, const char *name, const char *value)
{
	void *data = fake_start(plugin, name, value, NULL);

	plugin->plan_paths(data, &scene->view.base, &scene->connection, &scene->plan.base);
	plugin->stop(data);
	g_assert_cmpuint(scene->plan.n_refused, ==, 0);
}

static void plan(struct scene *scene)
{
	plan_with(scene, NULL, NULL);
}

#define assert_paths(scene, expected)                                                              \
	do {                                                                                       \
		g_autofree char *text_ = fake_plan_text(&(scene)->plan);                           \
		g_assert_cmpstr(text_, ==, expected);                                              \
	} while (0)

static void test_pairs(struct scene *scene, gconstpointer unused)
{
	announce(scene, PEER2);
	plan(scene);
	assert_paths(scene, A ">" PEER " " B ">" PEER2 " " A ">" PEER2 " " B ">" PEER);
}

static void test_pairs_v6(struct scene *scene, gconstpointer unused)
{
	fake_view_init(&scene->view);
	fake_view_add(&scene->view, A6, MPTCPD_FLAG_SUBFLOW);
	fake_view_add(&scene->view, B6, MPTCPD_FLAG_SUBFLOW);
	connect_pair(scene, "[" A6 "]:40000", PEER6);
	plan(scene);
	assert_paths(scene, A6 ">" PEER6 " " B6 ">" PEER6);
}

static void test_mixed(struct scene *scene, gconstpointer unused)
{
	fake_view_add(&scene->view, A6, MPTCPD_FLAG_SUBFLOW);
	announce(scene, PEER6);
	plan(scene);
	assert_paths(scene, A ">" PEER " " B ">" PEER " " A6 ">" PEER6);
}

static void test_ipv4_only(struct scene *scene, gconstpointer unused)
{
	scene->connection.ipv4_only = true;
	fake_view_add(&scene->view, A6, MPTCPD_FLAG_SUBFLOW);
	announce(scene, PEER6);
	plan(scene);
	assert_paths(scene, A ">" PEER " " B ">" PEER);
}

static void test_initial_first(struct scene *scene, gconstpointer unused)
{
	connect_pair(scene, B ":40000", PEER);
	plan(scene);
	assert_paths(scene, B ">" PEER " " A ">" PEER);
}

static void test_initial_link_gone(struct scene *scene, gconstpointer unused)
{
	connect_pair(scene, C ":40000", PEER);
	plan(scene);
	assert_paths(scene, A ">" PEER " " B ">" PEER);
}

static void test_no_flag(struct scene *scene, gconstpointer unused)
{
	fake_view_add(&scene->view, C, MPTCPD_FLAG_SIGNAL);
	plan(scene);
	assert_paths(scene, A ">" PEER " " B ">" PEER);
}

static void test_backup(struct scene *scene, gconstpointer unused)
{
	fake_view_add(&scene->view, C, MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_BACKUP);
	plan(scene);
	assert_paths(scene, A ">" PEER " " B ">" PEER " " C ">" PEER "/backup");
}

static void test_duplicates(struct scene *scene, gconstpointer unused)
{
	/* the peer announces its initial address, another twice, and that on one more port */
	announce(scene, PEER);
	announce(scene, PEER2);
	announce(scene, PEER2);
	announce(scene, "10.0.9.2:81");
	plan(scene);
	assert_paths(scene, A ">" PEER " " B ">" PEER2 " " A ">" PEER2 " " B ">10.0.9.2:81 " A
			      ">10.0.9.2:81 " B ">" PEER);
}

/* A later mptcpd says more of everything than this plugin was built to know. */
static void test_longer_elements(struct scene *scene, gconstpointer unused)
{
	struct {
		struct mptcpd_local local;
		char more[40];
	} locals[2];
	struct {
		struct mptcpd_peer_address peer;
		char more[6];
	} peers[1];

	memset(locals, 0xff, sizeof(locals));
	memset(peers, 0xff, sizeof(peers));
	for (size_t i = 0; i < 2; i++)
		locals[i].local = scene->view.locals[i];
	peers[0].peer = (struct mptcpd_peer_address){.addr = fake_addr(PEER2), .id = 1};
	scene->view.base.locals = (struct mptcpd_list){locals, 2, sizeof(locals[0])};
	scene->connection.peer_addresses = (struct mptcpd_list){peers, 1, sizeof(peers[0])};
	plan(scene);
	assert_paths(scene, A ">" PEER " " B ">" PEER2 " " A ">" PEER2 " " B ">" PEER);
}

/* The initial subflow's link comes first, of those that have its address. */
static void test_twins(struct scene *scene, gconstpointer unused)
{
	struct mptcpd_subflow initial = {.initial = true, .ifindex = 3};

	fake_view_add(&scene->view, A, MPTCPD_FLAG_SUBFLOW);
	scene->connection.subflows = (struct mptcpd_list){&initial, 1, sizeof(initial)};
	plan(scene);
	assert_paths(scene, A ">" PEER " " A ">" PEER " " B ">" PEER);
	g_assert_cmpuint(scene->plan.paths[0].ifindex, ==, 3);
	g_assert_cmpuint(scene->plan.paths[1].ifindex, ==, 1);
	g_assert_cmpuint(scene->plan.paths[2].ifindex, ==, 2);
}

static void test_c_flag(struct scene *scene, gconstpointer unused)
{
	scene->connection.deny_join_id0 = true;
	plan(scene);
	assert_paths(scene, "");
	announce(scene, PEER);
	announce(scene, PEER2);
	plan(scene);
	assert_paths(scene, A ">" PEER2 " " B ">" PEER2);
}

static void test_c_flag_other_port(struct scene *scene, gconstpointer unused)
{
	scene->connection.deny_join_id0 = true;
	announce(scene, "10.0.9.1:81");
	plan(scene);
	assert_paths(scene, A ">10.0.9.1:81 " B ">10.0.9.1:81");
}

static void test_remote_removed(struct scene *scene, gconstpointer unused)
{
	scene->connection.remote_removed = true;
	announce(scene, PEER2);
	plan(scene);
	assert_paths(scene, A ">" PEER2 " " B ">" PEER2);
}

static void test_failed_last(struct scene *scene, gconstpointer unused)
{
	see(scene, A, PEER, MPTCPD_SUBFLOW_ESTABLISHED, 0);
	see(scene, B, PEER, MPTCPD_SUBFLOW_ESTABLISHED, 0);
	announce(scene, PEER2);
	announce(scene, "10.0.9.3:80");
	fail(scene, A, PEER2, 3);
	fail(scene, B, PEER2, 1);
	fail(scene, A, "10.0.9.3:80", 2);
	plan(scene);
	assert_paths(scene, A ">" PEER " " B ">" PEER " " B ">10.0.9.3:80 " A ">10.0.9.3:80 " B
			      ">" PEER2 " " A ">" PEER2);
}

static void test_server(struct scene *scene, gconstpointer unused)
{
	scene->connection.side = MPTCPD_SIDE_SERVER;
	plan(scene);
	assert_paths(scene, "");
	plan_with(scene, "server-side", "yes");
	assert_paths(scene, A ">" PEER " " B ">" PEER);
}

static void test_server_announces(struct scene *scene, gconstpointer unused)
{
	scene->connection.side = MPTCPD_SIDE_SERVER;
	for (size_t i = 0; i < scene->view.base.locals.n; i++)
		scene->view.locals[i].flags = MPTCPD_FLAG_SIGNAL;
	plan(scene);
	assert_paths(scene, "");
	/* all but the one the client knows already */
	g_assert_cmpuint(scene->plan.n_announcements, ==, scene->view.base.locals.n - 1);
	g_assert_cmpuint(scene->plan.announcements[0].ifindex, !=, 0);
	/* mptcpd listens there only beside an application */
	g_assert_true(mptcpd_addr_equal(&scene->plan.announcements[0].listen,
					&scene->plan.announcements[0].addr));
	g_assert_cmpint(scene->plan.announcements[0].listen_when, ==, MPTCPD_LISTEN_BESIDE);
}

static size_t count_announced(struct scene *scene, const char *local, const char *remote,
			      bool ipv4_only)
{
	fake_view_init(&scene->view);
	fake_view_add(&scene->view, A, MPTCPD_FLAG_SIGNAL);
	fake_view_add(&scene->view, B, MPTCPD_FLAG_SIGNAL);
	fake_view_add(&scene->view, A6, MPTCPD_FLAG_SIGNAL);
	fake_view_add(&scene->view, B6, MPTCPD_FLAG_SIGNAL);
	scene->connection.side = MPTCPD_SIDE_SERVER;
	scene->connection.ipv4_only = ipv4_only;
	connect_pair(scene, local, remote);
	fake_plan_init(&scene->plan, &scene->connection);
	plan(scene);
	return scene->plan.n_announcements;
}

static void test_server_announces_both(struct scene *scene, gconstpointer unused)
{
	g_assert_cmpuint(count_announced(scene, "[" A6 "]:80", PEER6, false), ==, 3);
	g_assert_cmpuint(count_announced(scene, A ":80", PEER, false), ==, 3);
	g_assert_cmpuint(count_announced(scene, A ":80", PEER, true), ==, 1);
	g_assert_cmpint(scene->plan.announcements[0].addr.family, ==, AF_INET);
}

static void test_unknown_side(struct scene *scene, gconstpointer unused)
{
	scene->connection.side = MPTCPD_SIDE_UNKNOWN;
	plan_with(scene, "server-side", "yes");
	assert_paths(scene, "");
}

static void test_routes(struct scene *scene, gconstpointer unused)
{
	announce(scene, PEER2);
	fake_view_cut(&scene->view, B, PEER2);
	fake_view_cut(&scene->view, A, PEER);
	plan(scene);
	assert_paths(scene, A ">" PEER2 " " B ">" PEER);
}

static void test_no_route_at_all(struct scene *scene, gconstpointer unused)
{
	fake_view_cut(&scene->view, "", "");
	plan(scene);
	assert_paths(scene, "");
}

static void test_no_locals(struct scene *scene, gconstpointer unused)
{
	fake_view_init(&scene->view);
	plan(scene);
	assert_paths(scene, "");
}

#define ADD(name, func) g_test_add("/fullmesh/" name, struct scene, NULL, set_up, func, tear_down)

static void be_silent(struct scene *scene, size_t i)
{
	scene->view.locals[i].health = MPTCPD_HEALTH_SILENT;
	scene->subflows[i].health = MPTCPD_HEALTH_SILENT;
}

static void test_silent(struct scene *scene, gconstpointer unused)
{
	see(scene, A ":40000", PEER, MPTCPD_SUBFLOW_ESTABLISHED, 500);
	see(scene, B ":40001", PEER, MPTCPD_SUBFLOW_ESTABLISHED, 500);
	announce(scene, PEER2);
	be_silent(scene, 1);
	plan(scene);
	assert_paths(scene, B ">" PEER " " A ">" PEER " " A ">" PEER2);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_assert_cmpint(argc, ==, 2);
	plugin = fake_plugin(argv[1]);
	ADD("each-address-to-each", test_pairs);
	ADD("each-address-to-each-v6", test_pairs_v6);
	ADD("families-do-not-mix", test_mixed);
	ADD("ipv4-socket-gets-no-ipv6", test_ipv4_only);
	ADD("silent/begins-nothing-there", test_silent);
	ADD("initial-pair-comes-first", test_initial_first);
	ADD("initial-link-gone-is-left-out", test_initial_link_gone);
	ADD("address-without-subflow-flag-is-left-out", test_no_flag);
	ADD("backup-follows-the-address", test_backup);
	ADD("no-path-twice", test_duplicates);
	ADD("twin-links-with-one-address-are-two-paths", test_twins);
	ADD("longer-elements-of-a-later-mptcpd", test_longer_elements);
	ADD("c-flag-bars-the-initial-address", test_c_flag);
	ADD("c-flag-allows-another-port", test_c_flag_other_port);
	ADD("withdrawn-initial-address-is-left-out", test_remote_removed);
	ADD("pairs-that-failed-come-last", test_failed_last);
	ADD("server-makes-none-unless-told", test_server);
	ADD("server-announces-what-has-the-flag", test_server_announces);
	ADD("server-announces-both-families-where-of-use", test_server_announces_both);
	ADD("unknown-side-makes-none", test_unknown_side);
	ADD("only-where-routes-lead", test_routes);
	ADD("no-route-no-path", test_no_route_at_all);
	ADD("no-address-no-path", test_no_locals);
	return g_test_run();
}
