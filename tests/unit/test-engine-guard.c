/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls into policies are marked and timed, and one that is set aside is not called: all else works on. */
#include "engine-scene.h"

#include "addr.h"

static struct guard_call seen;

static void on_asked(void *data)
{
	struct scene *scene = data;

	seen = scene->guard.call;
}

static void set_aside(struct scene *scene, uint32_t token)
{
	guard_set_aside(&scene->guard, &(struct guard_aside){.id = FAKE_POLICY_ID, .token = token});
}

static void test_marks(struct scene *scene, gconstpointer unused)
{
	fake_policy.on_asked = on_asked;
	fake_policy.on_asked_data = scene;
	seen = (struct guard_call){0};
	scene->now_ms = 5000;
	scene_client(scene);
	g_assert_cmpuint(seen.id, ==, FAKE_POLICY_ID);
	g_assert_cmphex(seen.token, ==, SCENE_TOKEN);
	g_assert_cmpuint(seen.since_ms, ==, 5000);
	g_assert_cmpint(seen.function, ==, GUARD_PLAN_PATHS);
	g_assert_cmpuint(scene->guard.call.id, ==, 0);
}

static void test_marks_endpoints(struct scene *scene, gconstpointer unused)
{
	scene->fake->path_manager = PATH_MANAGER_KERNEL;
	fake_policy.on_asked = on_asked;
	fake_policy.on_asked_data = scene;
	seen = (struct guard_call){0};
	scene_start(scene);
	scene_run(scene);
	g_assert_cmpuint(seen.id, ==, FAKE_POLICY_ID);
	g_assert_cmphex(seen.token, ==, 0);
	g_assert_cmpint(seen.function, ==, GUARD_PLAN_ENDPOINTS);
	g_assert_cmpuint(scene->guard.call.id, ==, 0);
}

static void test_one(struct scene *scene, gconstpointer unused)
{
	struct fake_connection *other;

	set_aside(scene, SCENE_TOKEN);
	scene_client(scene);
	g_assert_cmpuint(fake_policy.n_asked, ==, 0);
	g_assert_cmpuint(scene->fake->n_commands, ==, 0);
	g_assert_null(scene_connection(scene)->policy);
	g_assert_true(scene_connection(scene)->set_aside);
	other = fake_connect(scene->fake, 7, MPTCPD_SIDE_CLIENT, "10.0.1.1:1001", SCENE_SERVER);
	fake_establish(scene->fake, 7);
	scene_run(scene);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	g_assert_cmpuint(fake_count_subflows(other), ==, 3);
}

static void test_all(struct scene *scene, gconstpointer unused)
{
	set_aside(scene, 0);
	scene_client(scene);
	g_assert_cmpuint(fake_policy.n_asked, ==, 0);
	g_assert_true(scene_connection(scene)->set_aside);
	g_assert_cmpuint(scene->fake->n_commands, ==, 0);
}

/* As on a host without a daemon: what an earlier life made is neither closed nor withdrawn. */
static void test_hands_off(struct scene *scene, gconstpointer unused)
{
	struct fake_connection *fake;

	addr_parse("10.0.3.1:5000", &fake_policy.announced);
	fake = scene_meshed(scene);
	set_aside(scene, SCENE_TOKEN);
	scene_start(scene);
	scene_run(scene);
	fake_forget_log(scene->fake);
	scene->fake->n_commands = 0;
	fake_policy.n_asked = 0;
	fake_link(scene->fake, 2, "eth2", true, false);
	scene_later(scene, 100);
	fake_link(scene->fake, 2, "eth2", true, true);
	scene_later(scene, 100000);
	fake_address_gone(scene->fake, 3, "10.0.3.1");
	scene_later(scene, 100000);
	g_assert_cmpuint(scene->fake->n_commands, ==, 0);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	g_assert_cmpuint(fake_policy.n_asked, ==, 0);
}

static void test_administrator(struct scene *scene, gconstpointer unused)
{
	struct subflow_request request = {0};
	struct fake_connection *fake;

	set_aside(scene, SCENE_TOKEN);
	fake = scene_client(scene);
	addr_parse("10.0.2.1", &request.local);
	addr_parse(SCENE_SERVER, &request.remote);
	g_assert_cmpint(engine_subflow_add(scene->engine, SCENE_TOKEN, &request, scene->now_ms), ==,
			0);
	scene_run(scene);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 2);
	addr_parse("10.0.3.1", &request.local);
	g_assert_cmpint(engine_announce(scene->engine, SCENE_TOKEN, &request.local, 9, 3,
					scene->now_ms),
			==, 0);
	scene_run(scene);
	g_assert_cmpint(engine_withdraw(scene->engine, SCENE_TOKEN, 9, scene->now_ms), ==, 0);
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 1);
}

static void test_reload(struct scene *scene, gconstpointer unused)
{
	struct fake_connection *fake;

	set_aside(scene, SCENE_TOKEN);
	fake = scene_client(scene);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
	guard_retain(&scene->guard, NULL, 0);
	engine_set_rules(scene->engine, &fake_rules, scene->now_ms);
	scene_later(scene, 100);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	g_assert_false(scene_connection(scene)->set_aside);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
}

static void test_endpoints(struct scene *scene, gconstpointer unused)
{
	scene->fake->path_manager = PATH_MANAGER_KERNEL;
	set_aside(scene, 0);
	scene_start(scene);
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_ENDPOINT_ADD], ==, 0);
	g_assert_cmpuint(scene->fake->counts[FAKE_LIMITS], ==, 0);
}

static void test_slow(struct scene *scene, gconstpointer unused)
{
	scene_meshed(scene);
	fake_policy.work_ns = &scene->fake->work_ns;
	fake_policy.takes_ns = 10000000;
	scene_ask(scene);
	g_assert_cmpuint(scene->n_slow, ==, 0);
	fake_policy.takes_ns = 11000000;
	scene_ask(scene);
	fake_policy.work_ns = NULL;
	g_assert_cmpuint(scene->n_slow, ==, 1);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("guard/marks-the-call", test_marks);
	ADD("guard/marks-the-call-for-endpoints", test_marks_endpoints);
	ADD("guard/set-aside-for-one-connection", test_one);
	ADD("guard/set-aside-for-all", test_all);
	ADD("guard/set-aside-closes-and-withdraws-nothing", test_hands_off);
	ADD("guard/set-aside-leaves-the-administrator-his-wishes", test_administrator);
	ADD("guard/reload-asks-again", test_reload);
	ADD("guard/slow-ones-are-told-of", test_slow);
	ADD("guard/endpoints-set-aside-are-left-as-they-are", test_endpoints);
	return g_test_run();
}
