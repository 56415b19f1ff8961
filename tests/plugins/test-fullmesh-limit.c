/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The setting `max-subflows` of fullmesh, and which pairs it leaves out. */
#include <glib.h>

#include "fake-plan.h"

#define A FAKE_A
#define B FAKE_B
#define C "10.0.3.1"
#define PEER FAKE_PEER
#define PEER2 "10.0.9.2:80"

static const struct mptcpd_plugin *plugin;

/* NULL: the default. */
static void set_up(struct fake_scene *scene, gconstpointer max_subflows)
{
	fake_scene_init(scene, plugin);
	if (max_subflows)
		fake_scene_start(scene, "max-subflows", (const char *)max_subflows);
}

static void tear_down(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_done(scene);
}

/* A subflow without an answer since then. */
static void ask(struct fake_scene *scene, const char *local, const char *remote, uint64_t since_ms)
{
	struct mptcpd_subflow *subflow = fake_scene_see(scene, local, remote);

	subflow->state = MPTCPD_SUBFLOW_PENDING;
	subflow->since_ms = since_ms;
}

static size_t count_paths(struct fake_scene *scene)
{
	g_autofree char *text = NULL;

	fake_plan_init(&scene->plan, &scene->connection);
	text = fake_scene_plan(scene);
	g_assert_cmpuint(scene->plan.n_refused, ==, 0);
	return scene->plan.n_paths;
}

static void test_limit(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_announce(scene, PEER2);
	assert_plan(scene, A ">" PEER " " B ">" PEER2 " " A ">" PEER2);
}

static void test_limit_uses_all_links(struct fake_scene *scene, gconstpointer unused)
{
	fake_view_add(&scene->view, C, MPTCPD_FLAG_SUBFLOW);
	fake_scene_announce(scene, PEER2);
	fake_scene_announce(scene, "10.0.9.3:80");
	assert_plan(scene, A ">" PEER " " B ">" PEER2 " " C ">10.0.9.3:80");
}

/* What is there is planned before what the peer announces, as long as each link has a path. */
static void test_established_first(struct fake_scene *scene, gconstpointer unused)
{
	fake_view_add(&scene->view, C, MPTCPD_FLAG_SUBFLOW);
	fake_scene_see(scene, A, PEER);
	fake_scene_see(scene, B, PEER);
	fake_scene_see(scene, A, "10.0.9.3:80");
	fake_scene_announce(scene, PEER2);
	fake_scene_announce(scene, "10.0.9.3:80");
	assert_plan(scene,
		    A ">" PEER " " B ">" PEER " " C ">10.0.9.3:80 " A ">10.0.9.3:80 " A ">" PEER2);
}

static void test_failed_link(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_fail(scene, A, PEER, 7);
	fake_scene_announce(scene, PEER2);
	fake_scene_fail(scene, A, PEER2, 900);
	assert_plan(scene, B ">" PEER2 " " A ">" PEER);
}

/* One that was asked a moment ago keeps its place; then others may try. */
static void test_unanswered(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_see(scene, A, PEER);
	fake_scene_see(scene, B, PEER);
	ask(scene, B, PEER2, 500);
	fake_scene_announce(scene, PEER2);
	fake_scene_announce(scene, "10.0.9.3:80");
	assert_plan(scene, A ">" PEER " " B ">" PEER " " A ">" PEER2);
	g_assert_cmpuint(scene->plan.ask_ms, ==, 4500);
	ask(scene, A, PEER2, 600);
	scene->view.base.now_ms = 4499;
	assert_plan(scene, A ">" PEER " " B ">" PEER " " A ">" PEER2);
	g_assert_cmpuint(scene->plan.ask_ms, ==, 4500);
	scene->view.base.now_ms = 4600;
	assert_plan(scene, A ">" PEER " " B ">" PEER " " A ">10.0.9.3:80");
	/* where nothing waits, nobody need ask */
	fake_scene_start(scene, NULL);
	g_assert_cmpuint(count_paths(scene), ==, 6);
	g_assert_cmpuint(scene->plan.ask_ms, ==, UINT64_MAX);
}

/* Also one that failed, however often, is tried in its place; both wait in vain no longer than that. */
static void test_unanswered_before_failed(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_see(scene, A, PEER);
	ask(scene, B, PEER, 500);
	fake_scene_fail(scene, A, PEER2, 3);
	fake_scene_fail(scene, B, PEER2, 3);
	fake_scene_announce(scene, PEER2);
	scene->view.base.now_ms = 4499;
	assert_plan(scene, A ">" PEER " " B ">" PEER);
	g_assert_cmpuint(scene->plan.ask_ms, ==, 4500);
	scene->view.base.now_ms = 4500;
	assert_plan(scene, A ">" PEER " " B ">" PEER2);
	g_assert_cmpuint(scene->plan.ask_ms, ==, 8500);
	/* it is answered after all */
	scene->subflows[1].state = MPTCPD_SUBFLOW_ESTABLISHED;
	assert_plan(scene, A ">" PEER " " B ">" PEER);
	g_assert_cmpuint(scene->plan.ask_ms, ==, UINT64_MAX);
}

/* Nor does it keep the place of its link, where the other link has one that failed or was not tried. */
static void test_unanswered_link(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_see(scene, A, PEER);
	ask(scene, B, PEER, 500);
	fake_scene_announce(scene, PEER2);
	fake_view_cut(&scene->view, B, PEER2);
	scene->view.base.now_ms = 4499;
	assert_plan(scene, A ">" PEER " " B ">" PEER);
	scene->view.base.now_ms = 4500;
	assert_plan(scene, A ">" PEER " " A ">" PEER2);
	fake_scene_fail(scene, A, PEER2, 1);
	assert_plan(scene, A ">" PEER " " A ">" PEER2);
	fake_scene_start(scene, "max-subflows", "3");
	assert_plan(scene, A ">" PEER " " A ">" PEER2 " " B ">" PEER);
}

static void test_default_limit(struct fake_scene *scene, gconstpointer unused)
{
	for (int i = 2; i < 8; i++) {
		g_autofree char *addr = g_strdup_printf("10.0.9.%d:80", i);

		fake_scene_announce(scene, addr);
	}
	g_assert_cmpuint(count_paths(scene), ==, 8);
}

static void test_full_plan(struct fake_scene *scene, gconstpointer unused)
{
	fake_view_init(&scene->view);
	for (unsigned int i = 0; i < MPTCPD_PLAN_MAX; i++) {
		g_autofree char *addr = g_strdup_printf("10.0.1.%u", i + 1);

		fake_view_add(&scene->view, addr, MPTCPD_FLAG_SUBFLOW);
	}
	fake_scene_announce(scene, PEER2);
	g_assert_cmpuint(count_paths(scene), ==, MPTCPD_PLAN_MAX);
}

static void test_stacked(struct fake_scene *scene, gconstpointer unused)
{
	g_autofree char *text = NULL;

	fake_scene_want(scene, B, PEER);
	fake_scene_announce(scene, PEER2);
	text = fake_scene_plan(scene);
	g_assert_cmpstr(text, ==, B ">" PEER " " A ">" PEER " " B ">" PEER2);
	g_assert_cmpuint(scene->plan.n_refused, ==, 0);
}

static void test_silent_takes_no_place(struct fake_scene *scene, gconstpointer unused)
{
	fake_scene_see(scene, A ":40000", PEER)->health = MPTCPD_HEALTH_SILENT;
	scene->view.locals[0].health = MPTCPD_HEALTH_SILENT;
	assert_plan(scene, A ">" PEER " " B ">" PEER);
}

#define ADD(name, max_subflows, func)                                                              \
	g_test_add("/fullmesh/" name, struct fake_scene, max_subflows, set_up, func, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_assert_cmpint(argc, ==, 2);
	plugin = fake_plugin(argv[1]);
	ADD("limit-counts-the-initial-pair", "3", test_limit);
	ADD("limit-uses-all-links", "3", test_limit_uses_all_links);
	ADD("established-pairs-come-first", "5", test_established_first);
	ADD("link-that-failed-has-its-path-last", "2", test_failed_link);
	ADD("unanswered-pairs-wait-for-others", "3", test_unanswered);
	ADD("unanswered-pairs-wait-for-those-that-failed", "2", test_unanswered_before_failed);
	ADD("link-without-an-answer-has-its-path-last", "2", test_unanswered_link);
	ADD("eight-by-default", NULL, test_default_limit);
	ADD("never-more-than-a-plan-holds", "64", test_full_plan);
	ADD("paths-of-other-plugins-count", "3", test_stacked);
	ADD("silent/takes-no-place", "1", test_silent_takes_no_place);
	return g_test_run();
}
