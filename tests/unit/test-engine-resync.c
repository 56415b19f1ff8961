/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a snapshot makes up for: only one of all subflows, that began after the loss, and is swept. */
#include <glib.h>

#include "addr.h"
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

/* The other end of eth2's first subflow was away when it was closed: it still says good-bye. */
static void dump_what_says_good_bye(void *data)
{
	struct scene *scene = data;
	struct event record = {.type = EVENT_SNAPSHOT_SUBFLOW,
			       .token = SCENE_TOKEN,
			       .subflow = {.remote = fake_addr(SCENE_SERVER),
					   .local = fake_addr("10.0.2.1:777"),
					   .joined_here = true,
					   .closing = true}};

	if (!engine_model(scene->engine)->snapshot[SNAPSHOT_CONNECTIONS].open)
		return;
	scene->fake->between = NULL;
	engine_event(scene->engine, &record, scene->now_ms);
}

/* Of the two the one that is asked for keeps what was said of their path. */
static void what_says_good_bye_is_not_what_is_asked_for(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);
	struct mptcpd_addr local = fake_addr("10.0.2.1"), remote = fake_addr("10.9.0.1");
	size_t n = 0;

	g_assert_cmpint(engine_subflow_change(scene->engine, SCENE_TOKEN, &local, &remote, true,
					      scene->now_ms),
			==, 0);
	fake_link(scene->fake, 2, "eth2", false, false);
	scene_later(scene, 3000);
	fake_link(scene->fake, 2, "eth2", true, true);
	scene_later(scene, 300);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 1);
	scene->fake->between = dump_what_says_good_bye;
	scene->fake->between_data = scene;
	scene->fake->snapshot_wanted[SNAPSHOT_CONNECTIONS] = true;
	scene_later(scene, 300);
	g_assert_null(scene->fake->between);
	fake_answer(scene->fake, 0);
	scene_later(scene, 3000);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 1);
	for (size_t i = 0; i < FAKE_SUBFLOWS; i++)
		n += fake->subflows[i].used && fake->subflows[i].backup;
	g_assert_cmpuint(n, ==, 1);
}

/* What a person said of a path that is not there is known to the next life, too. */
static void keeps_a_priority_over_a_restart(struct scene *scene, gconstpointer data)
{
	struct event connection = {.type = EVENT_SAVED_CONNECTION,
				   .token = SCENE_TOKEN,
				   .saved_connection = {.local = fake_addr("10.0.1.1:1000"),
							.remote = fake_addr(SCENE_SERVER),
							.side = MPTCPD_SIDE_CLIENT}};
	struct event path = {.type = EVENT_SAVED_SUBFLOW,
			     .token = SCENE_TOKEN,
			     .saved_subflow = {.local = fake_addr("10.0.2.1"),
					       .remote = fake_addr(SCENE_SERVER),
					       .ifindex = 2,
					       .origin = MPTCPD_ORIGIN_POLICY,
					       .origin_known = true,
					       .want_backup = true,
					       .pinned = true}};
	struct fake_connection *fake = scene_meshed(scene);

	fake_link(scene->fake, 2, "eth2", false, false);
	scene_later(scene, 3000);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 2);
	scene_start(scene);
	engine_event(scene->engine, &connection, scene->now_ms);
	engine_event(scene->engine, &path, scene->now_ms);
	scene_run(scene);
	fake_link(scene->fake, 2, "eth2", true, true);
	scene_later(scene, 3000);
	fake_answer(scene->fake, 0);
	scene_later(scene, 3000);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	for (size_t i = 0; i < FAKE_SUBFLOWS; i++)
		if (fake->subflows[i].used)
			g_assert_true(fake->subflows[i].backup ==
				      addr_equal_host(&fake->subflows[i].local,
						      &path.saved_subflow.local));
}

/* What others do while a dump of links runs. */
struct unrest {
	struct scene *scene;
	bool goes; /* an address comes and goes; if not, it is there, now so, now so */
	size_t n;
};

/* Before each record of such a dump the kernel tells of 10.0.2.1 on eth2. */
static void tell_of_an_address(void *data)
{
	struct unrest *unrest = data;
	struct scene *scene = unrest->scene;
	bool even = ++unrest->n % 2 == 0;
	struct event news = {.type = unrest->goes && even ? EVENT_LOCAL_GONE : EVENT_LOCAL,
			     .local = {.addr = fake_addr("10.0.2.1"),
				       .ifindex = 2,
				       .prefix = even ? 24 : 25}};

	if (engine_model(scene->engine)->snapshot[SNAPSHOT_HOST].open)
		engine_event(scene->engine, &news, scene->now_ms);
}

static bool has_local(const struct scene *scene, const char *text, uint32_t ifindex)
{
	struct mptcpd_addr addr = fake_addr(text);

	return model_find_local(engine_model(scene->engine), &addr, ifindex) != NULL;
}

static void starts_in_unrest(struct scene *scene, bool goes)
{
	struct unrest unrest = {.scene = scene, .goes = goes};

	scene->fake->between = tell_of_an_address;
	scene->fake->between_data = &unrest;
	scene_start(scene);
	scene_run(scene);
	g_assert_cmpuint(unrest.n, >, 5);
	g_assert_true(engine_knows(scene->engine, SNAPSHOT_HOST));
	g_assert_true(has_local(scene, "10.0.1.1", 1));
	g_assert_true(has_local(scene, "10.0.3.1", 3));
	/* in the first one its link was not told of before it */
	scene_later(scene, 300);
	g_assert_true(has_local(scene, "10.0.2.1", 2) || goes);
}

static void a_start_does_not_wait_for_quiet_addresses(struct scene *scene, gconstpointer data)
{
	starts_in_unrest(scene, false);
}

static void a_start_does_not_wait_for_addresses_that_come_and_go(struct scene *scene,
								 gconstpointer data)
{
	starts_in_unrest(scene, true);
}

/* While the first dump has not told of a link yet, its address is taken away and set anew. */
static void set_anew(void *data)
{
	struct scene *scene = data;
	struct event news = {.type = EVENT_LOCAL_GONE,
			     .local = {.addr = fake_addr("10.0.2.1"), .ifindex = 2, .prefix = 24}};

	if (!engine_model(scene->engine)->snapshot[SNAPSHOT_HOST].open)
		return;
	scene->fake->between = NULL;
	engine_event(scene->engine, &news, scene->now_ms);
	news.type = EVENT_LOCAL;
	engine_event(scene->engine, &news, scene->now_ms);
}

/* What the dump says of it is all that is known: what a connection has there stays. */
static void an_address_that_is_set_anew_is_there_from_the_start(struct scene *scene,
								gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	scene->fake->between = set_anew;
	scene->fake->between_data = scene;
	scene_start(scene);
	scene_run(scene);
	g_assert_null(scene->fake->between);
	g_assert_true(engine_knows(scene->engine, SNAPSHOT_HOST));
	g_assert_true(has_local(scene, "10.0.2.1", 2));
	scene_later(scene, 1000);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 0);
}

/* An address that lives for seconds is told of all the time; another one went, and nobody told. */
static void is_made_up_for_in_unrest(struct scene *scene, gconstpointer data)
{
	struct unrest unrest = {.scene = scene};
	struct event lost = {.type = EVENT_LOST, .snapshot = SNAPSHOT_HOST};
	struct mptcpd_addr gone = fake_addr("10.0.1.1");

	scene_later(scene, 1000);
	scene->fake->between = tell_of_an_address;
	scene->fake->between_data = &unrest;
	fake_find_local(scene->fake, 1, &gone)->ifindex = 0;
	engine_event(scene->engine, &lost, scene->now_ms);
	scene_later(scene, 300);
	g_assert_cmpuint(unrest.n, >, 5);
	g_assert_false(has_local(scene, "10.0.1.1", 1));
	g_assert_true(has_local(scene, "10.0.2.1", 2));
	g_assert_cmpuint(n_made_up(scene), ==, 1);
}

/* Nothing else that the dump has to say is older than what was told of one address. */
static void the_rest_of_a_dump_counts(struct scene *scene, gconstpointer data)
{
	struct unrest unrest = {.scene = scene};

	scene_later(scene, 1000);
	fake_find_link(scene->fake, 3)->carrier = false; /* nobody told */
	scene->fake->between = tell_of_an_address;
	scene->fake->between_data = &unrest;
	scene->fake->snapshot_wanted[SNAPSHOT_HOST] = true;
	fake_deliver(scene->fake, scene->engine, scene->now_ms);
	g_assert_cmpuint(unrest.n, >, 5);
	g_assert_false(model_find_interface(engine_model(scene->engine), 3)->is.carrier);
}

/* At the address of ours that a command was for, in each dump of endpoints. */
static void flag_an_endpoint(void *data)
{
	struct scene *scene = data;
	const struct model *model = engine_model(scene->engine);
	struct event answer = {.type = EVENT_ENDPOINT};

	if (!model->snapshot[SNAPSHOT_ENDPOINTS].open || !model->endpoints)
		return;
	answer.endpoint = model->endpoints->is;
	answer.endpoint.flags ^= MPTCPD_FLAG_BACKUP;
	engine_event(scene->engine, &answer, scene->now_ms);
}

/* An endpoint that a person deleted, while a program of his sets flags of another one in a loop. */
static void what_went_is_seen_though_flags_change(struct scene *scene, gconstpointer data)
{
	const struct model *model = engine_model(scene->engine);
	const struct endpoint *endpoint;
	struct mptcpd_addr gone;

	scene->fake->endpoints[0] = (struct event_endpoint){.addr = fake_addr("10.0.1.1"), .id = 1};
	scene->fake->endpoints[1] = (struct event_endpoint){.addr = fake_addr("10.0.7.7"), .id = 2};
	gone = scene->fake->endpoints[1].addr;
	scene->fake->snapshot_wanted[SNAPSHOT_ENDPOINTS] = true;
	scene_run(scene);
	g_assert_nonnull(model_find_endpoint(model, 2, &gone));
	scene->fake->endpoints[1].id = 0;
	scene->fake->between = flag_an_endpoint;
	scene->fake->between_data = scene;
	scene->fake->snapshot_wanted[SNAPSHOT_ENDPOINTS] = true;
	scene_run(scene);
	endpoint = model_find_endpoint(model, 2, &gone);
	g_assert_null(endpoint);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("resync/what-says-good-bye-is-not-what-is-asked-for",
	    what_says_good_bye_is_not_what_is_asked_for);
	ADD("resync/a-priority-is-kept-over-a-restart", keeps_a_priority_over_a_restart);
	ADD("resync/is-swept-before-a-brief-one", sweeps_before_a_brief_one);
	ADD("resync/a-brief-one-comes-after-the-sweep", a_brief_one_comes_after_the_sweep);
	ADD("loss/is-not-made-up-for-by-a-brief-one", is_not_made_up_for_by_a_brief_one);
	ADD("loss/is-not-made-up-for-by-an-older-one", is_not_made_up_for_by_an_older_one);
	ADD("loss/is-made-up-for-in-unrest", is_made_up_for_in_unrest);
	ADD("unrest/a-start-does-not-wait-for-quiet-addresses",
	    a_start_does_not_wait_for_quiet_addresses);
	ADD("unrest/a-start-does-not-wait-for-addresses-that-come-and-go",
	    a_start_does_not_wait_for_addresses_that_come_and_go);
	ADD("unrest/an-address-that-is-set-anew-is-there-from-the-start",
	    an_address_that_is_set_anew_is_there_from_the_start);
	ADD("unrest/the-rest-of-a-dump-counts", the_rest_of_a_dump_counts);
	ADD("unrest/what-went-is-seen-though-flags-change", what_went_is_seen_though_flags_change);
	return g_test_run();
}
