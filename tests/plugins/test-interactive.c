/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "fake-plan.h"

#define A FAKE_A
#define B FAKE_B
#define C "10.0.3.1"
#define PEER FAKE_PEER
#define FIRST A ">" PEER " " B ">" PEER "/backup"
#define SECOND A ">" PEER "/backup " B ">" PEER

static const struct mptcpd_plugin *plugin;

static void set_up(struct fake_race *race, gconstpointer unused)
{
	fake_race_init(race, plugin);
}

static void tear_down(struct fake_race *race, gconstpointer unused)
{
	fake_scene_done(&race->scene);
}

/* So long later, with these round-trip times in milliseconds. */
static void later(struct fake_race *race, uint64_t ms, uint32_t first, uint32_t second)
{
	race->scene.view.base.now_ms += ms;
	race->measures[0].rtt_us = first * 1000;
	race->measures[1].rtt_us = second * 1000;
}

/* Others join as backup, so that nobody is told a priority. */
static void test_begins(struct fake_race *race, gconstpointer unused)
{
	race->scene.connection.subflows.n = 1;
	assert_plan(&race->scene, FIRST);
	g_assert_cmpuint(race->scene.plan.ask_ms, ==, UINT64_MAX); /* nothing to choose */
}

static void test_quicker(struct fake_race *race, gconstpointer unused)
{
	assert_plan(&race->scene, FIRST);
	g_assert_cmpuint(race->scene.plan.ask_ms, ==, 101000);
	later(race, 1000, 10, 8);
	assert_plan(&race->scene, SECOND);
	g_assert_cmpuint(race->scene.plan.ask_ms, ==, 111000);
}

static void test_margin(struct fake_race *race, gconstpointer unused)
{
	later(race, 1000, 100, 81);
	assert_plan(&race->scene, FIRST);
	later(race, 1000, 100, 80);
	assert_plan(&race->scene, SECOND);
	fake_scene_start(&race->scene, "margin", "0");
	later(race, 20000, 80, 80);
	assert_plan(&race->scene, SECOND);
	later(race, 20000, 79, 80);
	assert_plan(&race->scene, FIRST);
}

static void test_hold(struct fake_race *race, gconstpointer unused)
{
	later(race, 1000, 100, 10);
	assert_plan(&race->scene, SECOND);
	later(race, 9999, 10, 100);
	assert_plan(&race->scene, SECOND);
	g_assert_cmpuint(race->scene.plan.ask_ms, ==, 111000);
	later(race, 1, 10, 100);
	assert_plan(&race->scene, FIRST);
	fake_scene_start(&race->scene, "hold", "1min");
	later(race, 59999, 100, 10);
	assert_plan(&race->scene, FIRST);
	later(race, 1, 100, 10);
	assert_plan(&race->scene, SECOND);
}

/* However they sway: at most one change in ten seconds. */
static void test_sways(struct fake_race *race, gconstpointer unused)
{
	unsigned int n_changes = 0;
	char *before = NULL;

	for (unsigned int i = 0; i < 600; i++) {
		g_autofree char *now = NULL;

		later(race, 1000, 10 + i * 7919 % 90, 10 + i * 104729 % 90);
		fake_plan_init(&race->scene.plan, &race->scene.connection);
		now = fake_scene_plan(&race->scene);
		n_changes += before && !g_str_equal(before, now);
		g_free(before);
		before = g_steal_pointer(&now);
	}
	g_free(before);
	g_assert_cmpuint(n_changes, >, 5);
	g_assert_cmpuint(n_changes, <=, 60);
}

/* What is gone, or does not answer, is left at once. */
static void test_gone(struct fake_race *race, gconstpointer unused)
{
	later(race, 1000, 100, 10);
	assert_plan(&race->scene, SECOND);
	race->scene.subflows[1].health = MPTCPD_HEALTH_SILENT;
	later(race, 1, 100, 10);
	assert_plan(&race->scene, B ">" PEER "/backup " A ">" PEER);
	race->scene.subflows[1].health = MPTCPD_HEALTH_WELL;
	later(race, 9000, 100, 10);
	assert_plan(&race->scene, FIRST); /* no way back before its time */
	race->scene.subflows[0].state = MPTCPD_SUBFLOW_CLOSING;
	assert_plan(&race->scene, SECOND);
}

static void test_unmeasured(struct fake_race *race, gconstpointer unused)
{
	race->scene.subflows[0].measure = NULL;
	later(race, 1000, 100, 10);
	assert_plan(&race->scene, FIRST);
	g_assert_cmpuint(race->scene.plan.ask_ms, ==, 102000);
}

/* Who pays for a link uses it where there is nothing else. */
/* For the kernel one that the peer wants as backup is one. */
static void test_peers_backup(struct fake_race *race, gconstpointer unused)
{
	race->scene.subflows[1].peer_backup = true;
	assert_plan(&race->scene, FIRST);
	later(race, 20000, 50, 5);
	assert_plan(&race->scene, FIRST);
	race->scene.subflows[1].peer_backup = false;
	assert_plan(&race->scene, SECOND);
}

static void test_words(struct fake_race *race, gconstpointer unused)
{
	assert_plan(&race->scene, FIRST);
	g_assert_cmpstr(race->scene.plan.words, ==,
			"data goes by link1, 10.000 ms, measured 100 s ago, the quickest");
	later(race, 1000, 50, 5);
	for (size_t i = 0; i < 2; i++)
		race->measures[i] = (struct mptcpd_measure){.rtt_us = i ? 5000 : 50123,
							    .taken_ms = 101000,
							    .last_sent_age_ms = 7000,
							    .last_received_age_ms = 9000};
	assert_plan(&race->scene, SECOND);
	later(race, 3000, 4, 5);
	assert_plan(&race->scene, SECOND);
	g_assert_cmpstr(
		race->scene.plan.words, ==,
		"data goes by link2, 5.000 ms, measured 10 s ago; link1, 4.000 ms, measured "
		"10 s ago: it has to be 20 % less, and may be chosen in 7 s");
}

static void test_costly(struct fake_race *race, gconstpointer unused)
{
	race->scene.view.locals[1].flags |= MPTCPD_FLAG_BACKUP;
	later(race, 1000, 100, 1);
	assert_plan(&race->scene, FIRST);
	g_assert_cmpuint(race->scene.plan.ask_ms, ==, UINT64_MAX);
	race->scene.subflows[0].health = MPTCPD_HEALTH_SILENT;
	assert_plan(&race->scene, SECOND);
	race->scene.subflows[0].health = MPTCPD_HEALTH_WELL;
	later(race, 9999, 100, 1);
	assert_plan(&race->scene, SECOND);
	g_assert_cmpuint(race->scene.plan.ask_ms, ==, 111000);
	later(race, 1, 100, 1);
	assert_plan(&race->scene, FIRST);
}

static void test_v6(struct fake_race *race, gconstpointer unused)
{
	struct fake_scene *scene = &race->scene;

	fake_scene_use_v6(scene);
	scene->view.base.now_ms = 100000;
	for (size_t i = 0; i < 2; i++) {
		scene->subflows[i].local =
			fake_addr(i ? "[" FAKE_B6 "]:40001" : "[" FAKE_A6 "]:40000");
		scene->subflows[i].remote = fake_addr(FAKE_PEER6);
	}
	later(race, 1000, 100, 10);
	assert_plan(scene, FAKE_A6 ">" FAKE_PEER6 "/backup " FAKE_B6 ">" FAKE_PEER6);
}

/* Under the C flag the initial subflow is in no mesh, and takes part all the same. */
static void test_c_flag(struct fake_race *race, gconstpointer unused)
{
	race->scene.connection.deny_join_id0 = true;
	fake_scene_announce(&race->scene, "10.0.9.2:80");
	race->scene.subflows[1].remote = fake_addr("10.0.9.2:80");
	later(race, 1000, 100, 10);
	assert_plan(&race->scene,
		    A ">10.0.9.2:80/backup " B ">10.0.9.2:80 " A ":40000>" PEER "/backup");
}

static void test_server(struct fake_race *race, gconstpointer unused)
{
	struct fake_scene *scene = &race->scene;

	scene->connection.side = MPTCPD_SIDE_SERVER;
	scene->connection.local = fake_addr(A ":80");
	for (size_t i = 0; i < 2; i++) {
		scene->subflows[i].local = fake_addr(i ? B ":80" : A ":80");
		scene->subflows[i].remote = fake_addr(i ? "10.0.8.2:5001" : "10.0.8.1:5000");
		scene->subflows[i].origin = i ? MPTCPD_ORIGIN_PEER : MPTCPD_ORIGIN_APPLICATION;
	}
	later(race, 1000, 100, 10);
	assert_plan(scene, "");
	fake_scene_start(scene, "server-side", "yes");
	assert_plan(scene, A ":80>10.0.8.1:5000/backup " B ":80>10.0.8.2:5001");
}

#define ADD(name, func)                                                                            \
	g_test_add("/interactive/" name, struct fake_race, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_assert_cmpint(argc, ==, 2);
	plugin = fake_plugin(argv[1]);
	ADD("begins-with-the-initial-subflow", test_begins);
	ADD("takes-the-quicker-one", test_quicker);
	ADD("only-by-a-margin", test_margin);
	ADD("holds-what-it-chose", test_hold);
	ADD("changes-once-in-ten-seconds", test_sways);
	ADD("leaves-what-is-gone-or-silent-at-once", test_gone);
	ADD("unmeasured-is-not-judged", test_unmeasured);
	ADD("backup-links-only-without-others", test_costly);
	ADD("nor-what-the-peer-wants-as-backup", test_peers_backup);
	ADD("says-what-it-measured", test_words);
	ADD("of-ipv6-as-well", test_v6);
	ADD("initial-subflow-takes-part-under-the-c-flag", test_c_flag);
	ADD("server-chooses-if-told", test_server);
	return g_test_run();
}
