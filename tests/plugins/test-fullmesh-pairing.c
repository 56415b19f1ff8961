/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The setting `pairing` of fullmesh. */
#include <glib.h>

#include "fake-plan.h"

#define A FAKE_A
#define B FAKE_B
#define C "10.0.3.1"
#define PEER FAKE_PEER
#define PEER2 "10.0.9.2:80"
#define PEER3 "10.0.9.3:80"

static const struct mptcpd_plugin *plugin;

static void set_up(struct fake_scene *scene, gconstpointer pairing)
{
	fake_scene_init(scene, plugin);
	fake_scene_start(scene, "pairing", (const char *)pairing);
}

static void tear_down(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_done(scene);
}

static void test_full(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_announce(scene, PEER2);
	assert_plan(scene, A ">" PEER " " B ">" PEER2 " " A ">" PEER2 " " B ">" PEER);
}

/* As many pairs as there can be, if none has an address of another. */
static void test_one_to_one(struct fake_scene *scene, gconstpointer unused)
{
	assert_plan(scene, A ">" PEER);
	fake_scene_announce(scene, PEER2);
	fake_scene_announce(scene, PEER3);
	assert_plan(scene, A ">" PEER " " B ">" PEER2);
}

static void test_one_to_one_keeps(struct fake_scene *scene, gconstpointer unused)
{
	scene->connection.remote = fake_addr(PEER3);
	fake_scene_see(scene, A ":40001", PEER2);
	fake_scene_announce(scene, PEER2);
	fake_scene_fail(scene, A, PEER3, 1);
	assert_plan(scene, A ">" PEER2 " " B ">" PEER3);
}

/* One that has no answer after a while makes room for another one: the plugin asks to be asked then. */
static void test_one_to_one_goes_on(struct fake_scene *scene, gconstpointer unused)
{
	struct mptcpd_subflow *pending = fake_scene_see(scene, A ":40001", PEER);

	scene->view.base.now_ms = 10000;
	pending->state = MPTCPD_SUBFLOW_PENDING;
	pending->since_ms = 9000;
	assert_plan(scene, A ">" PEER);
	g_assert_cmpuint(scene->plan.ask_ms, ==, 13000);
	scene->view.base.now_ms = 13000;
	assert_plan(scene, B ">" PEER);
}

/* Also to one that failed, a while ago. */
static void test_one_to_one_tries_again(struct fake_scene *scene, gconstpointer unused)
{
	struct mptcpd_subflow *pending = fake_scene_see(scene, A, PEER);

	fake_scene_fail(scene, B, PEER, 3);
	scene->view.base.now_ms = 10000;
	pending->state = MPTCPD_SUBFLOW_PENDING;
	pending->since_ms = 7000;
	assert_plan(scene, A ">" PEER);
	g_assert_cmpuint(scene->plan.ask_ms, ==, 11000);
	pending->since_ms = 6000;
	assert_plan(scene, B ">" PEER);
	pending->state = MPTCPD_SUBFLOW_ESTABLISHED;
	assert_plan(scene, A ">" PEER);
}

/* What failed before goes before what is dead now, also while a scout is out beside that. */
static void test_one_to_one_leaves_the_dead(struct fake_scene *scene, gconstpointer unused)
{
	struct mptcpd_subflow *dead = fake_scene_see(scene, A ":40000", PEER), *scout;

	dead->initial = true;
	fake_scene_fail(scene, B, PEER, 2);
	assert_plan(scene, A ">" PEER);
	dead->health = MPTCPD_HEALTH_SILENT;
	assert_plan(scene, B ">" PEER);
	scout = fake_scene_see(scene, A, PEER);
	scout->state = MPTCPD_SUBFLOW_PENDING;
	scout->since_ms = scene->view.base.now_ms = 10000;
	assert_plan(scene, B ">" PEER);
	scout->state = MPTCPD_SUBFLOW_ESTABLISHED;
	assert_plan(scene, A ">" PEER);
}

/* By a silent link nothing begins, unless nothing else works. */
static void test_silent(struct fake_scene *scene, gconstpointer unused)
{
	struct mptcpd_subflow *first = fake_scene_see(scene, A ":40001", PEER);

	scene->view.locals[1].health = MPTCPD_HEALTH_SILENT;
	assert_plan(scene, A ">" PEER);
	scene->view.locals[0].health = MPTCPD_HEALTH_SILENT;
	first->health = MPTCPD_HEALTH_SILENT;
	assert_plan(scene, A ">" PEER " " B ">" PEER);
}

/* Whatever addresses it has; an address on two links is one of each. */
static void test_per_interface(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_announce(scene, PEER2);
	fake_scene_announce(scene, FAKE_PEER6);
	fake_view_add(&scene->view, C, MPTCPD_FLAG_SUBFLOW);
	fake_view_add(&scene->view, FAKE_A6, MPTCPD_FLAG_SUBFLOW);
	scene->view.locals[2].ifindex = scene->view.locals[3].ifindex = 2;
	fake_view_add(&scene->view, B, MPTCPD_FLAG_SUBFLOW);
	assert_plan(scene, A ">" PEER " " B ">" PEER2 " " B ">" PEER2);
	g_assert_cmpuint(scene->plan.paths[1].ifindex, ==, 2);
	g_assert_cmpuint(scene->plan.paths[2].ifindex, ==, 5);
}

/* Where one address of a link does not lead there, another one does. */
static void test_per_interface_routes(struct fake_scene *scene, gconstpointer unused)
{
	fake_view_add(&scene->view, C, MPTCPD_FLAG_SUBFLOW);
	scene->view.locals[2].ifindex = 2;
	fake_view_cut(&scene->view, B, PEER);
	assert_plan(scene, A ">" PEER " " C ">" PEER);
}

/* It is replaced, or another pair takes its place, but there are no two. */
static void test_dead_subflow(struct fake_scene *scene, gconstpointer unused)
{
	struct mptcpd_subflow *scout;

	fake_scene_see(scene, A ":40000", PEER)->initial = true;
	scene->subflows[0].health = MPTCPD_HEALTH_SILENT;
	assert_plan(scene, B ">" PEER " " A ">" PEER);
	fake_scene_announce(scene, PEER2);
	assert_plan(scene, A ">" PEER2 " " B ">" PEER2);
	/* by a link that is silent nothing begins while another one works */
	fake_scene_see(scene, B ":40001", PEER2);
	scene->view.locals[0].health = MPTCPD_HEALTH_SILENT;
	assert_plan(scene, A ">" PEER " " B ">" PEER2);
	/* and what is there stays, also while a scout has no answer, or had none */
	scout = fake_scene_see(scene, A, PEER);
	scout->state = MPTCPD_SUBFLOW_PENDING;
	scout->since_ms = 1000;
	scene->view.base.now_ms = 100000;
	assert_plan(scene, A ">" PEER " " B ">" PEER2);
	scene->connection.subflows.n--;
	fake_scene_fail(scene, A, PEER, 1);
	assert_plan(scene, A ">" PEER " " B ">" PEER2);
}

#define ADD(name, pairing, func)                                                                   \
	g_test_add("/fullmesh/pairing/" name, struct fake_scene, pairing, set_up, func, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_assert_cmpint(argc, ==, 2);
	plugin = fake_plugin(argv[1]);
	ADD("full-makes-all", "full", test_full);
	ADD("one-to-one-uses-no-address-twice", "one-to-one", test_one_to_one);
	ADD("one-to-one-keeps-what-is-established", "one-to-one", test_one_to_one_keeps);
	ADD("one-to-one-goes-on-to-another", "one-to-one", test_one_to_one_goes_on);
	ADD("one-to-one-tries-again-what-failed", "one-to-one", test_one_to_one_tries_again);
	ADD("one-to-one-leaves-what-is-dead-for-what-failed", "one-to-one",
	    test_one_to_one_leaves_the_dead);
	ADD("silent-link-is-tried-where-nothing-works", "full", test_silent);
	ADD("per-interface-makes-one-subflow-of-each", "per-interface", test_per_interface);
	ADD("per-interface-takes-the-address-that-leads-there", "per-interface",
	    test_per_interface_routes);
	ADD("per-interface-has-no-two-for-one-that-is-dead", "per-interface", test_dead_subflow);
	return g_test_run();
}
