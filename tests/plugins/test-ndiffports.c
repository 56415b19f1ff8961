/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "fake-plan.h"

#define PAIR FAKE_A ">" FAKE_PEER

static const struct mptcpd_plugin *plugin;

static void set_up(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_init(scene, plugin);
}

static void tear_down(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_done(scene);
}

static void test_two(struct fake_scene *scene, gconstpointer unused)
{
	assert_plan(scene, PAIR " " PAIR);
	g_assert_cmpuint(scene->plan.paths[0].instance, ==, 0);
	g_assert_cmpuint(scene->plan.paths[1].instance, ==, 1);
	g_assert_cmpuint(scene->plan.paths[1].ifindex, ==, 1);
}

static void test_number(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_start(scene, "subflows", "4");
	assert_plan(scene, PAIR " " PAIR " " PAIR " " PAIR);
	fake_scene_start(scene, "subflows", "64");
	fake_plan_init(&scene->plan, &scene->connection);
	g_free(fake_scene_plan(scene));
	g_assert_cmpuint(scene->plan.n_paths, ==, MPTCPD_PLAN_MAX);
	g_assert_cmpuint(scene->plan.n_refused, ==, 0);
}

static void test_v6(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_use_v6(scene);
	assert_plan(scene, FAKE_A6 ">" FAKE_PEER6 " " FAKE_A6 ">" FAKE_PEER6);
}

/* What others of the stack planned counts, if it is the same path. */
static void test_stacked(struct fake_scene *scene, gconstpointer unused)
{
	g_autofree char *text = NULL;

	fake_scene_want(scene, FAKE_B, FAKE_PEER);
	fake_scene_want(scene, FAKE_A, FAKE_PEER);
	text = fake_scene_plan(scene);
	g_assert_cmpstr(text, ==, FAKE_B ">" FAKE_PEER " " PAIR " " PAIR);
}

static void test_link(struct fake_scene *scene, gconstpointer unused)
{
	fake_view_add(&scene->view, FAKE_A, MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_BACKUP);
	fake_scene_see(scene, FAKE_A ":40000", FAKE_PEER)->initial = true;
	assert_plan(scene, PAIR "/backup " PAIR "/backup");
	g_assert_cmpuint(scene->plan.paths[1].ifindex, ==, 3);
}

static void test_nowhere(struct fake_scene *scene, gconstpointer unused)
{
	scene->view.locals[0].flags = MPTCPD_FLAG_SIGNAL;
	assert_plan(scene, "");
	scene->view.locals[0].flags = MPTCPD_FLAG_SUBFLOW;
	fake_view_cut(&scene->view, FAKE_A, FAKE_PEER);
	assert_plan(scene, "");
	scene->connection.local = fake_addr("10.0.3.1:40000");
	assert_plan(scene, "");
}

static void test_c_flag(struct fake_scene *scene, gconstpointer unused)
{
	scene->connection.deny_join_id0 = true;
	fake_scene_announce(scene, FAKE_PEER);
	assert_plan(scene, "");
}

static void test_withdrawn(struct fake_scene *scene, gconstpointer unused)
{
	scene->connection.remote_removed = true;
	fake_scene_announce(scene, "10.0.9.2:80");
	assert_plan(scene, "");
	fake_scene_announce(scene, FAKE_PEER);
	assert_plan(scene, PAIR " " PAIR);
}

static void test_server(struct fake_scene *scene, gconstpointer unused)
{
	scene->connection.side = MPTCPD_SIDE_SERVER;
	assert_plan(scene, "");
}

#define ADD(name, func)                                                                            \
	g_test_add("/ndiffports/" name, struct fake_scene, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_assert_cmpint(argc, ==, 2);
	plugin = fake_plugin(argv[1]);
	ADD("two-of-one-pair-by-default", test_two);
	ADD("as-many-as-told", test_number);
	ADD("of-ipv6-as-well", test_v6);
	ADD("paths-of-other-plugins-count", test_stacked);
	ADD("on-the-link-of-the-initial-subflow", test_link);
	ADD("nothing-where-no-subflow-may-begin", test_nowhere);
	ADD("c-flag-bars-the-initial-address", test_c_flag);
	ADD("withdrawn-initial-address-until-announced-anew", test_withdrawn);
	ADD("server-makes-none", test_server);
	return g_test_run();
}
