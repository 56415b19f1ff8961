/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "fake-plan.h"

#define A FAKE_A
#define B FAKE_B
#define PEER FAKE_PEER
#define HOME A ">" PEER
#define AWAY HOME " " B ">" PEER
#define BACK HOME " " B ">" PEER "/backup"
#define HOLD 10000

static const struct mptcpd_plugin *plugin;

/* The link of A is normal and has the initial subflow, that of B is a backup one. */
static void set_up(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_init(scene, plugin);
	fake_scene_start(scene, "max-rto", "0");
	scene->view.locals[1].flags |= MPTCPD_FLAG_BACKUP;
	scene->view.base.now_ms = 100000;
	fake_scene_see(scene, A ":40000", PEER)->initial = true;
}

static void tear_down(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_done(scene);
}

static void fail(struct fake_scene *scene)
{
	scene->view.locals[0].health = MPTCPD_HEALTH_SILENT;
}

static void heal(struct fake_scene *scene)
{
	scene->view.locals[0].health = MPTCPD_HEALTH_WELL;
}

static void test_home(struct fake_scene *scene, gconstpointer unused)
{
	assert_plan(scene, HOME);
	g_assert_cmpuint(scene->plan.ask_ms, ==, UINT64_MAX);
	scene->view.locals[0].health = MPTCPD_HEALTH_SUSPECT;
	assert_plan(scene, HOME);
}

static void test_created(struct fake_scene *scene, gconstpointer unused)
{
	scene->connection.state = MPTCPD_CONNECTION_CREATED;
	scene->subflows[0].state = MPTCPD_SUBFLOW_PENDING;
	assert_plan(scene, HOME);
	scene->connection.state = MPTCPD_CONNECTION_ESTABLISHED;
	scene->subflows[0].state = MPTCPD_SUBFLOW_ESTABLISHED;
	assert_plan(scene, HOME);
}

static void test_silent(struct fake_scene *scene, gconstpointer unused)
{
	fail(scene);
	assert_plan(scene, AWAY);
	heal(scene);
	scene->subflows[0].health = MPTCPD_HEALTH_SILENT;
	assert_plan(scene, AWAY);
}

/* Without a carrier its addresses are not shown. */
static void test_carrier(struct fake_scene *scene, gconstpointer unused)
{
	scene->view.locals[0] = scene->view.locals[1];
	scene->view.base.locals.n = 1;
	assert_plan(scene, B ">" PEER);
}

static void test_ended(struct fake_scene *scene, gconstpointer unused)
{
	scene->connection.subflows.n = 0;
	assert_plan(scene, AWAY);
}

/* Routes go for moments. */
static void test_route(struct fake_scene *scene, gconstpointer unused)
{
	fake_view_cut(&scene->view, A, PEER);
	assert_plan(scene, "");
	g_assert_cmpuint(scene->plan.ask_ms, ==, 100000 + HOLD);
	scene->view.n_no_routes = 0;
	scene->view.base.now_ms += HOLD / 2;
	assert_plan(scene, HOME);
	fake_view_cut(&scene->view, A, PEER);
	scene->view.base.now_ms += HOLD / 2;
	assert_plan(scene, "");
	scene->view.base.now_ms += HOLD;
	assert_plan(scene, B ">" PEER);
}

static void test_timeout(struct fake_scene *scene, gconstpointer unused)
{
	struct mptcpd_measure measure = {.rto_us = 1500000};

	scene->subflows[0].measure = &measure;
	assert_plan(scene, HOME);
	fake_scene_start(scene, "max-rto", "1500ms");
	assert_plan(scene, HOME);
	g_assert_cmpuint(scene->plan.ask_ms, ==, 101000);
	measure.rto_us++;
	assert_plan(scene, HOME);
	measure.bytes_sent = 1;
	assert_plan(scene, AWAY);
	g_assert_cmpuint(scene->plan.ask_ms, ==, 101000);
}

/* First it carries nothing any more, then it goes. */
static void test_back(struct fake_scene *scene, gconstpointer unused)
{
	fail(scene);
	assert_plan(scene, AWAY);
	fake_scene_see(scene, B ":40001", PEER)->origin = MPTCPD_ORIGIN_POLICY;
	scene->view.base.now_ms += 1000;
	heal(scene);
	assert_plan(scene, BACK);
	g_assert_cmpuint(scene->plan.ask_ms, ==, 101000 + HOLD);
	scene->view.base.now_ms += HOLD - 1;
	assert_plan(scene, BACK);
	scene->view.base.now_ms++;
	assert_plan(scene, HOME);
	g_assert_cmpuint(scene->plan.n_drops, ==, 0);
}

/* Once away, it stays so as long as the link comes and goes. */
static void test_flaps(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_see(scene, B ":40001", PEER)->origin = MPTCPD_ORIGIN_POLICY;
	for (unsigned int i = 0; i < 10; i++) {
		fail(scene);
		scene->view.base.now_ms += HOLD / 2;
		assert_plan(scene, AWAY);
		heal(scene);
		assert_plan(scene, BACK);
		scene->view.base.now_ms += HOLD - 1;
		assert_plan(scene, BACK);
	}
}

/* While the normal one is gone nothing else is there: what was made backup once carries data so. */
static void test_carrier_flaps(struct fake_scene *scene, gconstpointer unused)
{
	struct mptcpd_local home = scene->view.locals[0];

	fake_scene_see(scene, B ":40001", PEER)->origin = MPTCPD_ORIGIN_POLICY;
	fail(scene);
	assert_plan(scene, AWAY);
	heal(scene);
	assert_plan(scene, BACK);
	fake_view_cut(&scene->view, A, PEER); /* the route goes first */
	assert_plan(scene, B ">" PEER "/backup");
	scene->view.n_no_routes = 0;
	for (unsigned int i = 0; i < 10; i++) {
		scene->view.locals[0] = scene->view.locals[1];
		scene->view.base.locals.n = 1;
		assert_plan(scene, B ">" PEER "/backup");
		scene->view.base.now_ms += HOLD - 1;
		scene->view.locals[0] = home;
		scene->view.base.locals.n = 2;
		assert_plan(scene, BACK);
		scene->view.base.now_ms += HOLD - 1;
	}
	fail(scene);
	assert_plan(scene, AWAY);
	heal(scene);
	assert_plan(scene, BACK);
	scene->view.base.now_ms += HOLD;
	assert_plan(scene, HOME);
	fail(scene);
	assert_plan(scene, AWAY);
}

/* Another backup link that comes then has nothing to do. */
static void test_late(struct fake_scene *scene, gconstpointer unused)
{
	fail(scene);
	assert_plan(scene, AWAY);
	fake_scene_see(scene, B ":40001", PEER)->origin = MPTCPD_ORIGIN_POLICY;
	heal(scene);
	fake_view_add(&scene->view, "10.0.3.1", MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_BACKUP);
	assert_plan(scene, BACK);
	fail(scene);
	assert_plan(scene, AWAY " 10.0.3.1>" PEER);
}

#define assert_words(expected) g_assert_cmpstr(scene->plan.words, ==, expected)

static void test_words(struct fake_scene *scene, gconstpointer unused)
{
	assert_plan(scene, HOME);
	assert_words("a normal link is well: backup links are not used");
	fail(scene);
	assert_plan(scene, AWAY);
	fake_scene_see(scene, B ":40001", PEER)->origin = MPTCPD_ORIGIN_POLICY;
	scene->view.base.now_ms += 3000;
	assert_plan(scene, AWAY);
	assert_words("backup links are used since 3 s; the normal links are silent: they are left "
		     "when one has been well for 10 s");
	heal(scene);
	assert_plan(scene, BACK);
	scene->view.base.now_ms += 4000;
	assert_plan(scene, BACK);
	assert_words("a normal link is well: backup links are left in 6 s");
}

static void test_began_away(struct fake_scene *scene, gconstpointer unused)
{
	scene->connection.local = fake_addr(B ":40000");
	scene->connection.subflows.n = 0;
	*fake_scene_see(scene, B ":40000", PEER) = (struct mptcpd_subflow){
		.local = fake_addr(B ":40000"),
		.remote = fake_addr(PEER),
		.state = MPTCPD_SUBFLOW_ESTABLISHED,
		.ifindex = 2,
		.initial = true,
	};
	assert_plan(scene, B ">" PEER " " HOME);
	fake_scene_see(scene, A ":40001", PEER)->origin = MPTCPD_ORIGIN_POLICY;
	assert_plan(scene, B ">" PEER "/backup " HOME);
	scene->view.base.now_ms += HOLD;
	assert_plan(scene, HOME);
	g_assert_cmpuint(scene->plan.n_drops, ==, 1);
	assert_plan(scene, HOME);
	g_assert_cmpuint(scene->plan.n_drops, ==, 0);
}

static void test_v6(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_use_v6(scene);
	scene->view.locals[1].flags |= MPTCPD_FLAG_BACKUP;
	scene->subflows[0].local = fake_addr("[" FAKE_A6 "]:40000");
	scene->subflows[0].remote = fake_addr(FAKE_PEER6);
	assert_plan(scene, FAKE_A6 ">" FAKE_PEER6);
	fail(scene);
	assert_plan(scene, FAKE_A6 ">" FAKE_PEER6 " " FAKE_B6 ">" FAKE_PEER6);
}

static void test_server(struct fake_scene *scene, gconstpointer unused)
{
	scene->connection.side = MPTCPD_SIDE_SERVER;
	fail(scene);
	assert_plan(scene, "");
}

#define ADD(name, func)                                                                            \
	g_test_add("/handover/" name, struct fake_scene, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_assert_cmpint(argc, ==, 2);
	plugin = fake_plugin(argv[1]);
	ADD("no-backup-link-while-a-normal-one-works", test_home);
	ADD("nor-before-the-connection-is-established", test_created);
	ADD("backup-link-when-the-normal-one-is-silent", test_silent);
	ADD("backup-link-without-a-carrier", test_carrier);
	ADD("backup-link-when-the-last-subflow-ended", test_ended);
	ADD("lost-route-is-waited-for", test_route);
	ADD("backup-link-at-a-long-timeout", test_timeout);
	ADD("leaves-after-hold", test_back);
	ADD("flaps-change-nothing", test_flaps);
	ADD("carrier-flaps-change-no-flag", test_carrier_flaps);
	ADD("nothing-more-is-joined-while-it-is-left", test_late);
	ADD("says-what-decided-and-until-when", test_words);
	ADD("initial-subflow-on-a-backup-link-goes-too", test_began_away);
	ADD("of-ipv6-as-well", test_v6);
	ADD("server-makes-none", test_server);
	return g_test_run();
}
