/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What policies see that costs something: only those pay that say so, and they pay once for all. */
#include <errno.h>
#include <glib.h>

#include "engine-scene.h"
#include "traffic.h"

static size_t n_dumps; /* full ones of connections, that were asked for */

static int count_snapshot(void *kernel, enum snapshot_kind kind)
{
	n_dumps += kind == SNAPSHOT_CONNECTIONS;
	return fake_ops.snapshot(kernel, kind);
}

/* Some time after the start, so that nothing was measured lately. */
static void set_up(struct scene *scene, gconstpointer data)
{
	scene_set_up(scene, data);
	scene->ops.snapshot = count_snapshot;
	fake_policies[0].needs = MPTCPD_NEED_MEASURES;
	scene_meshed(scene);
	scene_later(scene, 5000);
	n_dumps = 0;
}

static void asks_again_and_sees_fresh_ones(struct scene *scene, gconstpointer data)
{
	size_t before;

	fake_policy.ask_ms = scene->now_ms + 1000;
	scene_ask(scene);
	before = fake_policy.n_asked;
	g_assert_cmpuint(scene_later(scene, 0), <=, scene->now_ms + 1000);
	scene_later(scene, 1000);
	g_assert_cmpuint(n_dumps, ==, 1);
	g_assert_cmpuint(fake_policy.n_asked, >, before);
	g_assert_cmpuint(fake_policy.measure.taken_ms, ==, scene->now_ms);
	g_assert_cmpuint(fake_policy.measure.rtt_us, ==, 1000);
	g_assert_cmpuint(fake_policy.seen.measure_size, ==, sizeof(struct mptcpd_measure));
}

static void measures_all_at_once(struct scene *scene, gconstpointer data)
{
	scene_clients(scene, 100);
	fake_policy.ask_ms = scene->now_ms + 1000;
	scene_run(scene);
	fake_policy.ask_ms = 0;
	n_dumps = 0;
	fake_policy.n_asked = 0;
	scene_later(scene, 1000);
	g_assert_cmpuint(n_dumps, ==, 1);
	g_assert_cmpuint(fake_policy.n_asked, >=, 100);
}

static void takes_a_part_of_the_time(struct scene *scene, gconstpointer data)
{
	fake_policy.ask_after_ms = 10;
	scene_ask(scene);
	for (int i = 0; i < 1000; i++)
		scene_later(scene, 10);
	g_assert_cmpuint(n_dumps, >=, 30);
	g_assert_cmpuint(n_dumps, <=, 41);
	g_assert_cmpuint(scene->now_ms - fake_policy.measure.taken_ms, <=, 260);
}

/* A dump that fails holds nobody up. */
static void asks_without_if_there_are_none(struct scene *scene, gconstpointer data)
{
	size_t before;

	fake_policy.ask_ms = scene->now_ms + 1000;
	scene_ask(scene);
	before = fake_policy.n_asked;
	fake_policy.ask_ms = 0;
	scene->fake->fail_always[FAKE_DUMP] = -ENOBUFS;
	scene_later(scene, 1000);
	scene_later(scene, 300);
	g_assert_cmpuint(fake_policy.n_asked, >, before);
}

static void costs_others_nothing(struct scene *scene, gconstpointer data)
{
	fake_policies[0].needs = 0;
	fake_policy.ask_after_ms = 100;
	scene_ask(scene);
	for (int i = 0; i < 100; i++)
		scene_later(scene, 100);
	g_assert_cmpuint(n_dumps, ==, 0);
	g_assert_cmpuint(scene->fake->counts[FAKE_OWNER], ==, 0);
	g_assert_cmpuint(fake_policy.measure.taken_ms, ==, 0);
	g_assert_null(fake_policy.seen.owner);
}

static const struct mptcpd_measure *measure_of_first(const struct scene *scene)
{
	const struct connection *connection = scene_connection(scene);

	return connection_measure(connection, connection->subflows);
}

/* They are more than all else that is known of a connection. */
static void are_kept_while_somebody_reads(struct scene *scene, gconstpointer data)
{
	fake_policies[0].needs = 0;
	scene_later(scene, 30000);
	g_assert_null(measure_of_first(scene));
	g_assert_false(engine_measure(scene->engine, scene->now_ms));
	scene_run(scene);
	g_assert_true(engine_measure(scene->engine, scene->now_ms));
	g_assert_cmpuint(measure_of_first(scene)->taken_ms, ==, scene->now_ms);
	/* they stay over the next sweep, with those who read on, and go with them */
	scene_later(scene, 30000);
	g_assert_nonnull(measure_of_first(scene));
	scene_later(scene, 30000);
	scene_later(scene, 30000);
	g_assert_null(measure_of_first(scene));
	g_assert_false(engine_measure(scene->engine, scene->now_ms));
}

/* ---- owner, age, bytes ---- */

static void asks_whose_it_is_once(struct scene *scene, gconstpointer data)
{
	fake_policies[0].needs = MPTCPD_NEED_OWNER;
	scene_ask(scene);
	scene_ask(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_OWNER], ==, 1);
	g_assert_nonnull(fake_policy.seen.owner);
	g_assert_cmpuint(fake_policy.owner.uid, ==, 1000);
}

static void knows_its_age(struct scene *scene, gconstpointer data)
{
	scene_ask(scene);
	g_assert_cmpuint(scene->now_ms - fake_policy.seen.begin_ms, ==, 5000);
	/* of one that was there before, nobody knows it */
	scene_start(scene);
	scene_run(scene);
	scene_ask(scene);
	g_assert_cmpuint(fake_policy.seen.begin_ms, ==, 0);
}

static void counts_its_bytes(struct scene *scene, gconstpointer data)
{
	fake_close(scene->fake, SCENE_TOKEN, false);
	scene_later(scene, UINT64_C(5) << 32); /* a machine may run for hundreds of days */
	scene_meshed(scene);
	scene_ask(scene);
	g_assert_cmpuint(fake_policy.seen.bytes_sent, ==, MPTCPD_BYTES_UNKNOWN);
	fake_find(scene->fake, SCENE_TOKEN)->bytes_sent = 12345;
	/* a look at connections alone is enough */
	scene_later(scene, 30000);
	scene_ask(scene);
	g_assert_cmpuint(fake_policy.seen.bytes_sent, ==, 12345);
	g_assert_cmpuint(fake_policy.seen.counted_ms, ==, scene->now_ms);
	g_assert_cmpuint(fake_policy.seen.bytes_received, ==, MPTCPD_BYTES_UNKNOWN);
}

/* Where each plan depends on addresses alone, nobody is there to see them. */
static void keeps_no_bytes_for_nobody(struct scene *scene, gconstpointer data)
{
	fake_policies[0].needs = 0;
	fake_policies[0].traits = MPTCPD_TRAIT_ADDRESSES;
	scene_later(scene, 30000);
	scene_later(scene, 30000);
	g_assert_cmpuint(scene_connection(scene)->more->counted_ms, ==, 0);
	/* a policy that may look at them sees them after the next sweep */
	fake_policies[0].traits = 0;
	scene_later(scene, 30000);
	g_assert_cmpuint(scene_connection(scene)->more->counted_ms, ==, scene->now_ms);
}

/* ---- who watches ---- */

static size_t n_briefs;
static int brief_answer;

static int count_brief(void *kernel, enum snapshot_kind kind)
{
	n_briefs++;
	return brief_answer ? brief_answer : fake_ops.snapshot_brief(kernel, kind);
}

static void watch_briefs(struct scene *scene, int answer)
{
	n_briefs = 0;
	brief_answer = answer;
	scene->ops.snapshot_brief = count_brief;
}

static void is_told_of_a_fresh_sample(struct scene *scene, gconstpointer data)
{
	watch_briefs(scene, 0);
	g_assert_false(engine_watch(scene->engine, scene->now_ms));
	scene_run(scene);
	g_assert_true(engine_watch(scene->engine, scene->now_ms));
	g_assert_cmpuint(n_briefs, ==, 1);
	g_assert_cmpuint(engine_traffic(scene->engine)->taken_ms, ==, scene->now_ms);
}

static void waits_for_none_that_cannot_be(struct scene *scene, gconstpointer data)
{
	watch_briefs(scene, -ENOENT);
	g_assert_true(engine_watch(scene->engine, scene->now_ms));
}

static void waits_for_the_one_under_way(struct scene *scene, gconstpointer data)
{
	struct event event = {.type = EVENT_SNAPSHOT_BEGIN,
			      .snapshot = SNAPSHOT_CONNECTIONS,
			      .brief = true};

	watch_briefs(scene, 0);
	g_assert_false(engine_watch(scene->engine, scene->now_ms));
	engine_event(scene->engine, &event, scene->now_ms);
	g_assert_false(engine_watch(scene->engine, scene->now_ms));
	g_assert_cmpuint(n_briefs, ==, 1);
	event.type = EVENT_SNAPSHOT_END;
	engine_event(scene->engine, &event, scene->now_ms);
	g_assert_true(engine_watch(scene->engine, scene->now_ms));
}

#define ADD_SEEN(name, func)                                                                       \
	g_test_add("/engine/" name, struct scene, NULL, set_up, func, scene_tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD_SEEN("measures/who-asks-again-sees-fresh-ones", asks_again_and_sees_fresh_ones);
	ADD_SEEN("measures/one-dump-for-all", measures_all_at_once);
	ADD_SEEN("measures/a-few-times-a-second-at-most", takes_a_part_of_the_time);
	ADD_SEEN("measures/failed-dump-holds-nobody-up", asks_without_if_there_are_none);
	ADD_SEEN("measures/cost-others-nothing", costs_others_nothing);
	ADD_SEEN("measures/kept-while-somebody-reads", are_kept_while_somebody_reads);
	ADD_SEEN("owner/is-asked-for-once", asks_whose_it_is_once);
	ADD_SEEN("age/from-its-beginning-or-unknown", knows_its_age);
	ADD_SEEN("bytes/as-of-the-last-look", counts_its_bytes);
	ADD_SEEN("bytes/of-no-interest-to-plans-of-addresses-alone", keeps_no_bytes_for_nobody);
	ADD_SEEN("watch/is-told-of-a-fresh-sample", is_told_of_a_fresh_sample);
	ADD_SEEN("watch/waits-for-none-that-cannot-be", waits_for_none_that_cannot_be);
	ADD_SEEN("watch/waits-for-the-one-under-way", waits_for_the_one_under_way);
	return g_test_run();
}
