/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The judge of simulated hosts finds what no plugin can have the engine do. What plugins can do is in
 * tests/plugins/simulate.py.
 */
#include <string.h>

#include "engine-scene.h"
#include "world.h"

static const struct bounds bounds = {.stall_ms = 15000, .backup_hold_ms = 10000};

/* The three links of the scene, and what TCP knows of its connection. */
static void look(struct scene *scene, struct world *world)
{
	*world = (struct world){
		.rules = &fake_rules,
		.fake = scene->fake,
		.engine = scene->engine,
		.chance = g_rand_new_with_seed(1),
		.now_ms = scene->now_ms,
		.n_uplinks = 3,
		.judge.bounds = &bounds,
	};
	for (uint32_t i = 0; i < 3; i++)
		world->uplinks[i] = (struct uplink){.name = "eth",
						    .ifindex = i + 1,
						    .is_there = true,
						    .up = true,
						    .carrier = true,
						    .routed = true,
						    .rtt_ms = 10};
	world->talks[0] = (struct talk){.token = SCENE_TOKEN, .begin_ms = scene->now_ms};
	scene->fake->hook_data = world;
	scene->fake->on_command = judge_command;
	traffic_settle(world);
}

static void destroy(struct scene *scene, const struct fake_connection *connection, size_t i)
{
	const struct fake_subflow *subflow = &connection->subflows[i];

	g_assert_cmpint(scene->ops.subflow_destroy(scene->fake, SCENE_TOKEN, &subflow->local,
						   &subflow->remote, subflow->ifindex, false),
			==, 0);
}

/* What is not planned any more makes room for what is not there yet. */
static void finds_what_is_closed_for_a_hope(struct scene *scene, gconstpointer data)
{
	const struct fake_connection *connection = scene_meshed(scene);
	struct world world;

	fake_policy.only_peers = true;
	fake_announced(scene->fake, SCENE_TOKEN, 9, "10.9.0.4:5000");
	scene_run(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 3);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
	look(scene, &world);
	destroy(scene, connection, 1);
	g_assert_nonnull(
		strstr(world.judge.text, "a subflow that works is closed for one that is not up"));
	g_rand_free(world.chance);
}

/* Once that is there nobody minds. */
static void allows_what_is_closed_for_what_is_there(struct scene *scene, gconstpointer data)
{
	const struct fake_connection *connection = scene_meshed(scene);
	struct world world;

	look(scene, &world);
	destroy(scene, connection, 1);
	g_assert_cmpstr(world.judge.text, ==, "");
	g_rand_free(world.chance);
}

/* The second link is a backup one, which was left 5 s ago. */
static void look_after_leaving(struct scene *scene, struct world *world)
{
	look(scene, world);
	world->uplinks[1].name = "backup2";
	world->talks[0].ledger.left_ms = scene->now_ms - 5000;
}

static void finds_backup_link_that_is_left_too_soon(struct scene *scene, gconstpointer data)
{
	const struct fake_connection *connection = scene_meshed(scene);
	struct world world;

	scene->now_ms += 10000;
	look_after_leaving(scene, &world);
	destroy(scene, connection, 1);
	g_assert_nonnull(strstr(world.judge.text, "a backup link is left 5.000 s after"));
	g_rand_free(world.chance);
}

/* Plugged in again it has another number, and what was on it is replaced. */
static void counts_no_leaving_where_a_link_was_unplugged(struct scene *scene, gconstpointer data)
{
	const struct fake_connection *connection = scene_meshed(scene);
	struct world world;

	scene->now_ms += 10000;
	look_after_leaving(scene, &world);
	fake_link_gone(scene->fake, 2);
	fake_link(scene->fake, 12, "backup2", true, true);
	fake_address(scene->fake, 12, "10.0.2.1");
	world.uplinks[1].ifindex = 12;
	destroy(scene, connection, 1);
	g_assert_cmpstr(world.judge.text, ==, "");
	g_assert_cmpuint(world.talks[0].ledger.left_ms, ==, scene->now_ms - 5000);
	g_rand_free(world.chance);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add("/judge/finds-what-is-closed-for-a-hope", struct scene, NULL, scene_set_up,
		   finds_what_is_closed_for_a_hope, scene_tear_down);
	g_test_add("/judge/allows-what-is-closed-for-what-is-there", struct scene, NULL,
		   scene_set_up, allows_what_is_closed_for_what_is_there, scene_tear_down);
	g_test_add("/judge/finds-backup-link-that-is-left-too-soon", struct scene, NULL,
		   scene_set_up, finds_backup_link_that_is_left_too_soon, scene_tear_down);
	g_test_add("/judge/counts-no-leaving-where-a-link-was-unplugged", struct scene, NULL,
		   scene_set_up, counts_no_leaving_where_a_link_was_unplugged, scene_tear_down);
	return g_test_run();
}
