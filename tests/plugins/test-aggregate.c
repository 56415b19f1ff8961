/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "fake-plan.h"

#define A FAKE_A
#define B FAKE_B
#define PEER FAKE_PEER
#define BOTH A ">" PEER " " B ">" PEER
#define WINDOW 30000
#define MUCH (10U << 20)

static const struct mptcpd_plugin *plugin;

static void set_up(struct fake_race *race, gconstpointer unused)
{
	fake_race_init(race, plugin);
}

static void tear_down(struct fake_race *race, gconstpointer unused)
{
	fake_scene_done(&race->scene);
}

/* A window passes in which they move so much; how many are closed then. */
static size_t pass(struct fake_race *race, uint64_t first, uint64_t second)
{
	race->scene.view.base.now_ms += WINDOW;
	race->measures[0].bytes_received += first;
	race->measures[1].bytes_received += second;
	/* What is silent has no place among the others, and is planned before them. */
	assert_plan(&race->scene, race->scene.subflows[1].health == MPTCPD_HEALTH_SILENT ? B
					  ">" PEER " " A ">" PEER
											 : BOTH);
	g_assert_cmpuint(race->scene.plan.ask_ms, ==, race->scene.view.base.now_ms + WINDOW);
	return race->scene.plan.n_drops;
}

static void test_lags(struct fake_race *race, gconstpointer unused)
{
	assert_plan(&race->scene, BOTH);
	g_assert_cmpuint(race->scene.plan.ask_ms, ==, 100000 + WINDOW);
	g_assert_cmpuint(pass(race, MUCH, MUCH / 20), ==, 0);
	g_assert_cmpuint(pass(race, MUCH, MUCH / 20 - 1), ==, 1);
}

/* The next one has its time, and each one more of it. */
static void test_waits(struct fake_race *race, gconstpointer unused)
{
	unsigned int n_drops = 0;

	assert_plan(&race->scene, BOTH);
	for (unsigned int i = 0; i < 30; i++)
		if (pass(race, MUCH, 0)) {
			n_drops++;
			race->scene.subflows[1].local.port++;
			race->measures[1].bytes_received = 0;
		}
	g_assert_cmpuint(n_drops, ==, 4);
}

static void test_idle(struct fake_race *race, gconstpointer unused)
{
	assert_plan(&race->scene, BOTH);
	g_assert_cmpuint(pass(race, 200000, 0), ==, 0);
}

static void test_settings(struct fake_race *race, gconstpointer unused)
{
	fake_scene_start(&race->scene, "ratio", "50", "time", "30s");
	assert_plan(&race->scene, BOTH);
	g_assert_cmpuint(pass(race, MUCH / 3, MUCH), ==, 1);
	fake_scene_start(&race->scene, "ratio", "0");
	race->scene.view.base.now_ms += WINDOW;
	assert_plan(&race->scene, BOTH);
	g_assert_cmpuint(race->scene.plan.ask_ms, ==, UINT64_MAX);
}

/* One that was not there from the beginning is not judged, nor one that is silent. */
static void test_young(struct fake_race *race, gconstpointer unused)
{
	assert_plan(&race->scene, BOTH);
	race->scene.subflows[1].local.port++;
	g_assert_cmpuint(pass(race, MUCH, 0), ==, 0);
	race->scene.subflows[1].health = MPTCPD_HEALTH_SILENT;
	g_assert_cmpuint(pass(race, MUCH, 0), ==, 0);
	race->scene.subflows[1].health = MPTCPD_HEALTH_WELL;
	g_assert_cmpuint(pass(race, MUCH, 0), ==, 0);
	g_assert_cmpuint(pass(race, MUCH, 0), ==, 1);
}

static void test_words(struct fake_race *race, gconstpointer unused)
{
	assert_plan(&race->scene, BOTH);
	assert_plan(&race->scene, BOTH);
	g_assert_cmpstr(race->scene.plan.words, ==, "nothing to compare so far");
	race->measures[0].bytes_sent += MUCH;
	race->measures[1].bytes_sent += MUCH / 10;
	race->scene.view.base.now_ms += WINDOW - 4000;
	assert_plan(&race->scene, BOTH);
	g_assert_cmpstr(race->scene.plan.words, ==,
			"port 40001 of link2 moved 10 % of what the quickest did; below 5 % it is "
			"made anew in 4 s");
}

static void test_normal(struct fake_race *race, gconstpointer unused)
{
	race->scene.view.locals[1].flags |= MPTCPD_FLAG_BACKUP;
	assert_plan(&race->scene, BOTH);
}

static void test_alone(struct fake_race *race, gconstpointer unused)
{
	race->scene.connection.subflows.n = 1;
	assert_plan(&race->scene, BOTH);
	g_assert_cmpuint(race->scene.plan.ask_ms, ==, UINT64_MAX);
}

#define ADD(name, func)                                                                            \
	g_test_add("/aggregate/" name, struct fake_race, NULL, set_up, func, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_assert_cmpint(argc, ==, 2);
	plugin = fake_plugin(argv[1]);
	ADD("one-that-lags-is-made-anew", test_lags);
	ADD("each-time-it-waits-longer", test_waits);
	ADD("idle-is-not-judged", test_idle);
	ADD("settings-say-how-far", test_settings);
	ADD("young-or-silent-is-not-judged", test_young);
	ADD("says-how-far-the-slowest-is", test_words);
	ADD("backup-links-are-normal", test_normal);
	ADD("one-alone-is-not-measured", test_alone);
	return g_test_run();
}
