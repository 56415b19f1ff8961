/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "fake-plan.h"

static const struct mptcpd_plugin *plugin;

static void set_up(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_init(scene, plugin);
}

static void tear_down(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_done(scene);
}

static void test_client(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_see(scene, FAKE_A ":40000", FAKE_PEER)->initial = true;
	fake_scene_announce(scene, "10.0.9.2:80");
	assert_plan(scene, "");
	g_assert_cmpuint(scene->plan.ask_ms, ==, UINT64_MAX);
}

static void test_server(struct fake_scene *scene, gconstpointer unused)
{
	scene->connection.side = MPTCPD_SIDE_SERVER;
	scene->view.locals[1].flags = MPTCPD_FLAG_SIGNAL;
	assert_plan(scene, "");
	g_assert_cmpuint(scene->plan.n_announcements, ==, 0);
}

/* A connection that another policy had: the initial subflow stays, and nothing else is wanted. */
static void test_initial_stays(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_see(scene, FAKE_B ":40001", FAKE_PEER);
	fake_scene_see(scene, FAKE_A ":40000", FAKE_PEER)->initial = true;
	assert_plan(scene, "");
}

/* Planned, it would be made again by us, to a port of the peer where nobody listens. */
static void test_peers_own_is_not_planned(struct fake_scene *scene, gconstpointer unused)
{
	scene->connection.side = MPTCPD_SIDE_SERVER;
	fake_scene_see(scene, FAKE_B ":40001", FAKE_PEER)->origin = MPTCPD_ORIGIN_POLICY;
	fake_scene_see(scene, FAKE_A ":80", "10.0.9.1:40003")->origin = MPTCPD_ORIGIN_PEER;
	assert_plan(scene, "");
}

static void test_one_of_others_stays(struct fake_scene *scene, gconstpointer unused)
{
	struct mptcpd_subflow *pending = fake_scene_see(scene, FAKE_A ":40002", FAKE_PEER);
	struct mptcpd_subflow *kept = fake_scene_see(scene, FAKE_B ":40001", FAKE_PEER);

	pending->state = MPTCPD_SUBFLOW_PENDING;
	kept->backup = true;
	kept->origin = MPTCPD_ORIGIN_POLICY;
	fake_scene_see(scene, FAKE_A ":40003", FAKE_PEER)->origin = MPTCPD_ORIGIN_POLICY;
	assert_plan(scene, FAKE_B ":40001>" FAKE_PEER "/backup");
}

#define ADD(name, func) g_test_add("/none/" name, struct fake_scene, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_assert_cmpint(argc, ==, 2);
	plugin = fake_plugin(argv[1]);
	ADD("client-makes-no-subflow", test_client);
	ADD("server-announces-nothing", test_server);
	ADD("initial-subflow-is-what-stays", test_initial_stays);
	ADD("what-the-peer-made-is-not-planned", test_peers_own_is_not_planned);
	ADD("without-it-one-of-the-others-stays", test_one_of_others_stays);
	return g_test_run();
}
