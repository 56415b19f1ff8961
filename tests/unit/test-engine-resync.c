/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a snapshot makes up for: only one of all subflows, that began after the loss, and is swept. */
#include <glib.h>

#include "engine-scene.h"

static void feed(struct scene *scene, enum event_type type, bool brief)
{
	struct event event = {.type = type, .brief = brief, .snapshot = SNAPSHOT_CONNECTIONS};

	engine_event(scene->engine, &event, scene->now_ms);
}

static void settle(struct scene *scene, uint64_t ms)
{
	scene->now_ms += ms;
	engine_settle(scene->engine, scene->now_ms);
}

static uint64_t n_made_up(const struct scene *scene)
{
	return engine_counters(scene->engine)->resyncs;
}

/* One of each look at connections is due while there is no time to remove what the last has not shown. */
static void sweeps_before_a_brief_one(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	scene_later(scene, 1000);
	fake->subflows[2].used = false; /* nobody told */
	feed(scene, EVENT_LOST, false);
	settle(scene, 0);
	/* the event that has its turn before */
	fake_announced(scene->fake, SCENE_TOKEN, 1, "[2001:db8::9]:1");
	fake_deliver(scene->fake, scene->engine, scene->now_ms);
	scene->fake->out_of_time = true;
	settle(scene, 29000);
	scene->fake->out_of_time = false;
	g_assert_cmpuint(connection_count_established(scene_connection(scene)), ==, 3);
	scene_run(scene);
	g_assert_cmpuint(connection_count_established(scene_connection(scene)), ==, 2);
	g_assert_cmpuint(n_made_up(scene), ==, 1);
	/* and then they are looked at as ever */
	fake_close(scene->fake, SCENE_TOKEN, true);
	scene_later(scene, 29000);
	g_assert_null(scene_connection(scene));
}

/* Who asks for a brief one meanwhile waits for what comes when that is done. */
static void a_brief_one_comes_after_the_sweep(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	scene_later(scene, 1000);
	fake->subflows[2].used = false; /* nobody told */
	feed(scene, EVENT_SNAPSHOT_BEGIN, false);
	feed(scene, EVENT_SNAPSHOT_END, false);
	g_assert_false(engine_watch(scene->engine, scene->now_ms));
	g_assert_false(scene->fake->brief_wanted[SNAPSHOT_CONNECTIONS]);
	settle(scene, 0);
	g_assert_true(scene->fake->brief_wanted[SNAPSHOT_CONNECTIONS]);
	/* and once is enough */
	scene_run(scene);
	settle(scene, 100);
	g_assert_false(scene->fake->brief_wanted[SNAPSHOT_CONNECTIONS]);
}

/* It is under way when events are lost; so the one that is asked for then is the next. */
static void makes_up_by_the_next_one(struct scene *scene, bool brief)
{
	scene_later(scene, 1000);
	feed(scene, EVENT_SNAPSHOT_BEGIN, brief);
	feed(scene, EVENT_LOST, false);
	settle(scene, 300);
	g_assert_true(scene->fake->snapshot_wanted[SNAPSHOT_CONNECTIONS]);
	feed(scene, EVENT_SNAPSHOT_END, false);
	settle(scene, 0);
	g_assert_cmpuint(n_made_up(scene), ==, 0);
	scene_run(scene);
	g_assert_cmpuint(n_made_up(scene), ==, 1);
}

static void is_not_made_up_for_by_a_brief_one(struct scene *scene, gconstpointer data)
{
	makes_up_by_the_next_one(scene, true);
}

static void is_not_made_up_for_by_an_older_one(struct scene *scene, gconstpointer data)
{
	makes_up_by_the_next_one(scene, false);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("resync/is-swept-before-a-brief-one", sweeps_before_a_brief_one);
	ADD("resync/a-brief-one-comes-after-the-sweep", a_brief_one_comes_after_the_sweep);
	ADD("loss/is-not-made-up-for-by-a-brief-one", is_not_made_up_for_by_a_brief_one);
	ADD("loss/is-not-made-up-for-by-an-older-one", is_not_made_up_for_by_an_older_one);
	return g_test_run();
}
