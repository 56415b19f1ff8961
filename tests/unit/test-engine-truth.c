/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the engine finds out what is true: silent ends, lost events, ids of an earlier time. */
#include <errno.h>
#include <glib.h>

#include "addr.h"
#include "engine-scene.h"

/* ---- truth ---- */

static void forgets_what_a_command_shows_gone(struct scene *scene, gconstpointer data)
{
	fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_CLIENT, "10.0.1.1:1000", SCENE_SERVER);
	fake_establish(scene->fake, SCENE_TOKEN);
	fake_close(scene->fake, SCENE_TOKEN, true);
	scene_run(scene);
	g_assert_null(scene_connection(scene));
	g_assert_cmpuint(scene->n_changes[CHANGE_CONNECTION_CLOSED], ==, 1);
}

static void finds_silent_ends(struct scene *scene, gconstpointer data)
{
	scene_meshed(scene);
	fake_close(scene->fake, SCENE_TOKEN, true);
	scene_later(scene, 31000);
	g_assert_null(scene_connection(scene));
	g_assert_cmpuint(engine_model(scene->engine)->n_subflows, ==, 0);
}

static void adopts(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_CLIENT,
						    "10.0.1.1:1000", SCENE_SERVER);

	fake->established = true;
	fake->subflows[1] = (struct fake_subflow){
		.used = true,
		.ours = true,
		.local = fake_addr("10.0.2.1:777"),
		.remote = fake_addr(SCENE_SERVER),
		.local_id = 5,
		.ifindex = 2,
	};
	scene->fake->n_events = 0; /* nobody told */
	scene_later(scene, 31000);
	g_assert_cmpint(scene_connection(scene)->side, ==, MPTCPD_SIDE_CLIENT);
	g_assert_cmpint(scene_connection(scene)->state, ==, MPTCPD_CONNECTION_ESTABLISHED);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 1);
	g_assert_cmpuint(scene_record(scene, FAKE_CREATE, 0)->ifindex, ==, 3);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 0);
	g_assert_cmpuint(scene->n_changes[CHANGE_CONNECTION_ESTABLISHED], ==, 1);
}

static void recovers_from_loss(struct scene *scene, gconstpointer data)
{
	scene->fake->limit_events = 1;
	fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_CLIENT, "10.0.1.1:1000", SCENE_SERVER);
	fake_establish(scene->fake, SCENE_TOKEN);
	scene_run(scene);
	scene->fake->limit_events = 0;
	scene_later(scene, 300);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 2);
	g_assert_cmpuint(engine_counters(scene->engine)->events_lost, >, 0);
	g_assert_cmpuint(engine_counters(scene->engine)->resyncs, >, 0);
}

/* Whatever happens, and however much there is that another one would do. */
static void passive_one_only_looks(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);
	size_t n_commands;

	scene->passive = true;
	scene_start(scene);
	scene_later(scene, 100);
	n_commands = scene->fake->n_commands;
	g_assert_cmpuint(scene_connection(scene)->n_subflows, ==, 3);
	fake_announced(scene->fake, SCENE_TOKEN, 3, "10.9.0.2:5000");
	fake_link(scene->fake, 2, "eth2", true, false);
	fake_address_gone(scene->fake, 3, "10.0.3.1");
	fake_endpoint(scene->fake, 7, "10.0.1.1", MPTCPD_FLAG_SUBFLOW, 1);
	scene_later(scene, 1000);
	fake_link(scene->fake, 2, "eth2", true, true);
	for (int i = 0; i < 40; i++)
		scene_later(scene, 1000);
	g_assert_cmpuint(scene->fake->n_commands, ==, n_commands);
	g_assert_cmpuint(scene->fake->n_returned, ==, 0);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	/* It still finds a silent end, and goes to sleep between its looks. */
	g_assert_cmpuint(scene_run(scene), >, scene->now_ms);
	fake_close(scene->fake, SCENE_TOKEN, true);
	scene_later(scene, 31000);
	g_assert_null(scene_connection(scene));
}

static void passive_one_acts_by_hand(struct scene *scene, gconstpointer data)
{
	const struct subflow_request request = {
		.local = fake_addr("10.0.2.1"),
		.remote = fake_addr(SCENE_SERVER),
	};
	const struct mptcpd_addr announced = fake_addr("10.0.3.1:4000");
	struct fake_connection *fake = fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_CLIENT,
						    "10.0.1.1:1000", SCENE_SERVER);

	fake->established = true;
	scene->passive = true;
	scene_start(scene);
	scene_later(scene, 100);
	g_assert_cmpint(scene_connection(scene)->path_manager, ==, PATH_MANAGER_UNKNOWN);
	engine_look_at(scene->engine, SCENE_TOKEN);
	g_assert_cmpint(scene_connection(scene)->path_manager, ==, PATH_MANAGER_USERSPACE);
	g_assert_false(engine_look_at(scene->engine, SCENE_TOKEN + 1));
	g_assert_cmpint(engine_subflow_add(scene->engine, SCENE_TOKEN, &request, scene->now_ms), ==,
			0);
	fake_answer(scene->fake, ECONNREFUSED);
	g_assert_cmpint(engine_announce(scene->engine, SCENE_TOKEN, &announced, 9, 3,
					scene->now_ms),
			==, 0);
	for (int i = 0; i < 40; i++)
		scene_later(scene, 1000);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 1);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
}

/* An id that no subflow has any more: only the kernel remembers it. */
static void by_hand_takes_the_id_the_kernel_knows(struct scene *scene, gconstpointer data)
{
	const struct subflow_request request = {
		.local = fake_addr("10.0.2.1"),
		.remote = fake_addr(SCENE_SERVER),
	};
	struct fake_connection *fake = fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_CLIENT,
						    "10.0.1.1:1000", SCENE_SERVER);

	fake->established = true;
	fake->addresses[1] = (struct fake_address){.addr = fake_addr("10.0.2.1"), .id = 9};
	scene->passive = true;
	scene_start(scene);
	scene_later(scene, 100);
	g_assert_cmpint(engine_subflow_add(scene->engine, SCENE_TOKEN, &request, scene->now_ms), ==,
			0);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 2);
	g_assert_cmpuint(scene_record(scene, FAKE_CREATE, 1)->id, ==, 9);
}

static void ignores_unknown_tokens(struct scene *scene, gconstpointer data)
{
	static const enum event_type types[] = {EVENT_CONNECTION_CLOSED, EVENT_SUBFLOW_CLOSED,
						EVENT_SUBFLOW_PRIORITY, EVENT_ADDRESS_REMOVED};

	for (size_t i = 0; i < G_N_ELEMENTS(types); i++)
		engine_event(scene->engine, &(struct event){.type = types[i], .token = 99},
			     scene->now_ms);
	scene_run(scene);
	g_assert_cmpuint(table_count(&engine_model(scene->engine)->connections), ==, 0);
	g_assert_cmpuint(engine_counters(scene->engine)->events_bad, ==, 0);
	engine_event(scene->engine, &(struct event){.type = EVENT_CONNECTION_CREATED},
		     scene->now_ms);
	g_assert_cmpuint(engine_counters(scene->engine)->events_bad, ==, 1);
}

/* ---- what the kernel remembers, and we do not ---- */

static void learns_what_was_announced(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_CLIENT,
						    "10.0.1.1:1000", SCENE_SERVER);

	fake->established = true;
	fake->addresses[0] =
		(struct fake_address){fake_addr("10.0.77.1"), 7, MPTCPD_FLAG_SUBFLOW, 0};
	fake->addresses[1] =
		(struct fake_address){fake_addr("203.0.113.7"), 8, MPTCPD_FLAG_SIGNAL, 0};
	fake->addresses[2] =
		(struct fake_address){fake_addr("203.0.113.9"), 9, MPTCPD_FLAG_SIGNAL, 0};
	scene->fake->n_events = 0; /* it is older than the engine */
	fake_policy.announced = fake_addr("203.0.113.7");
	scene_start(scene);
	scene_run(scene);
	scene_later(scene, 10000);
	g_assert_cmpuint(scene->fake->counts[FAKE_IDS], ==, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_ANNOUNCE], ==, 0);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 0);
	g_assert_cmpuint(scene_connection(scene)->more->n_announced, ==, 2);
	/* What a plan wanted once is the policy's; who announced the other one, nobody knows. */
	fake_policy.announced.family = 0;
	scene_ask(scene);
	scene_later(scene, 10000);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 1);
	g_assert_cmpuint(scene_record(scene, FAKE_WITHDRAW, 0)->id, ==, 8);
	g_assert_cmpuint(scene_connection(scene)->more->n_announced, ==, 1);
	g_assert_cmpuint(scene_connection(scene)->more->announced[0].id, ==, 9);
}

static void learns_the_id_of_a_refused_address(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_CLIENT,
						    "10.0.1.1:1000", SCENE_SERVER);

	fake->addresses[0] =
		(struct fake_address){fake_addr("10.0.2.1"), 77, MPTCPD_FLAG_SUBFLOW, 2};
	fake_establish(scene->fake, SCENE_TOKEN);
	scene_run(scene);
	g_assert_cmpint(scene_record(scene, FAKE_CREATE, 0)->result, ==, -EINVAL);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 2);
	scene_later(scene, 1201);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 3);
	g_assert_cmpuint(scene_record(scene, FAKE_CREATE, 2)->id, ==, 77);
	fake_answer(scene->fake, 0);
	scene_run(scene);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
}

/* The kernel keeps its entry of an address when a subflow ends by itself, or was never answered. */
static void check_id_stays(struct scene *scene, bool is_answered)
{
	struct fake_connection *fake;
	struct mptcpd_addr local = fake_addr("10.0.3.42");
	uint8_t id;

	/* It is to have the id that 10.0.2.1 has, and gets the one below. */
	fake_address_gone(scene->fake, 3, "10.0.3.1");
	fake_address(scene->fake, 3, "10.0.3.42");
	scene_later(scene, 100);
	fake = is_answered ? scene_meshed(scene) : scene_client(scene);
	id = fake->subflows[2].local_id;
	g_assert_true(addr_equal_host(&fake->subflows[2].local, &local));
	g_assert_cmpuint(id, ==, fake->subflows[1].local_id - 1);

	fake_address_gone(scene->fake, 2, "10.0.2.1");
	scene_later(scene, 100); /* it may be back at once */
	scene_later(scene, 300);
	g_assert_false(fake->subflows[1].used);
	fake_reset(scene->fake, fake, 2, is_answered ? ECONNRESET : ETIMEDOUT);
	scene_run(scene);
	fake_forget_log(scene->fake);
	scene_later(scene, 1201);
	g_assert_cmpuint(scene->fake->counts[FAKE_CREATE], ==, 1);
	g_assert_cmpuint(scene_record(scene, FAKE_CREATE, 0)->id, ==, id);
	g_assert_cmpint(scene_record(scene, FAKE_CREATE, 0)->result, ==, 0);
}

static void keeps_the_id_of_a_dead_subflow(struct scene *scene, gconstpointer data)
{
	check_id_stays(scene, true);
}

static void keeps_the_id_of_an_unanswered_syn(struct scene *scene, gconstpointer data)
{
	check_id_stays(scene, false);
}

/* For a minute and more, as long as it takes until all that fails is tried as rarely as can be. */
static void wait_long(struct scene *scene)
{
	for (int i = 0; i < 20; i++)
		scene_later(scene, 10000);
	fake_answer(scene->fake, 0);
	scene_run(scene);
}

/* The kernel keeps the id of an address whose subflow died: another address may have none of it. */
static void chooses_another_id(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	fake_reset(scene->fake, fake, 1, ECONNRESET);
	scene_run(scene);
	fake_address_gone(scene->fake, 2, "10.0.2.1");
	scene_later(scene, 100);
	fake_address(scene->fake, 2, "10.0.2.73"); /* whose first choice is the same id */
	wait_long(scene);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
}

static void announces_by_another_id(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	fake_reset(scene->fake, fake, 1, ECONNRESET);
	scene_run(scene);
	fake_address_gone(scene->fake, 2, "10.0.2.1");
	scene_later(scene, 100);
	fake_policy.announced = fake_addr("10.0.2.73");
	scene_ask(scene);
	wait_long(scene);
	g_assert_true(scene_connection(scene)->more->announced[0].is.sent);
}

static void announces_by_the_known_id(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_CLIENT,
						    "10.0.1.1:1000", SCENE_SERVER);

	fake->addresses[0] = (struct fake_address){
		.addr = fake_addr("10.0.2.1"),
		.id = 77,
		.flags = MPTCPD_FLAG_SUBFLOW,
		.ifindex = 2,
	};
	fake_policy.announced = fake_addr("10.0.2.1");
	fake_establish(scene->fake, SCENE_TOKEN);
	scene_run(scene);
	wait_long(scene);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	g_assert_true(addr_equal(&fake->told[77], &fake_policy.announced));
}

static void learns_late_what_was_announced(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = fake_connect(scene->fake, SCENE_TOKEN, MPTCPD_SIDE_CLIENT,
						    "10.0.1.1:1000", SCENE_SERVER);

	fake->established = true;
	fake_policy.announced = fake->told[8] = fake_addr("203.0.113.7");
	fake->addresses[1] = (struct fake_address){
		.addr = fake_addr("203.0.113.7"),
		.id = 8,
		.flags = MPTCPD_FLAG_SIGNAL,
	};
	scene->fake->n_events = 0;
	scene_start(scene);
	scene->fake->fail[FAKE_IDS] = -ENOMEM;
	scene_run(scene);
	wait_long(scene);
	g_assert_cmpuint(scene->fake->counts[FAKE_WITHDRAW], ==, 0);
	g_assert_true(addr_equal(&fake->told[8], &fake_policy.announced));
	g_assert_cmpuint(scene_connection(scene)->more->n_announced, ==, 1);
	g_assert_true(scene_connection(scene)->more->announced[0].is.sent);
}

/* The kernel has no SYN to destroy any more, and no socket of its port yet. */
static void knows_a_syn_answered_while_destroyed(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_client(scene);

	scene->fake->fail_always[FAKE_DESTROY] = -ESRCH;
	fake_link(scene->fake, 2, "eth2", true, false);
	fake_link(scene->fake, 3, "eth3", true, false);
	scene_later(scene, 20);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 2);
	scene->fake->fail_always[FAKE_DESTROY] = 0;
	fake_answer(scene->fake, 0);
	scene_run(scene);
	scene_later(scene, 200); /* the peer is told of one address after the other */
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 4);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
	g_assert_true(fake->subflows[0].used);
}

/* The end was on its way when the subflow was to be destroyed: observers see it all the same. */
static void tells_an_end_that_was_faster(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);

	scene->fake->fail_always[FAKE_DESTROY] = -ESRCH;
	fake_link(scene->fake, 2, "eth2", true, false);
	scene_later(scene, 20);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 1);
	g_assert_cmpuint(scene->n_failures, ==, 0);
	fake_reset(scene->fake, fake, 1, 0);
	scene_run(scene);
	g_assert_cmpuint(scene->n_changes[CHANGE_SUBFLOW_CLOSED], ==, 1);
	g_assert_cmpuint(scene->fake->counts[FAKE_DESTROY], ==, 1);
}

/* ---- snapshots ---- */

static void feed(struct scene *scene, enum event_type type)
{
	struct event event = {.type = type, .snapshot = SNAPSHOT_CONNECTIONS};

	engine_event(scene->engine, &event, scene->now_ms);
}

/* What the kernel's dump says of it was true when it was read, before it ended. */
static void feed_record(struct scene *scene, const struct fake_connection *fake, size_t i)
{
	struct event event = {.type = EVENT_SNAPSHOT_CONNECTION, .token = fake->token};

	event.connection.local = fake->local;
	event.connection.remote = fake->remote;
	engine_event(scene->engine, &event, scene->now_ms);
	event = (struct event){.type = EVENT_SNAPSHOT_SUBFLOW, .token = fake->token};
	event.subflow.local = fake->subflows[i].local;
	event.subflow.remote = fake->subflows[i].remote;
	event.subflow.fully_established = true;
	engine_event(scene->engine, &event, scene->now_ms);
}

static void leaves_a_subflow_dead_that_ended_in_a_dump(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);
	struct fake_connection before = *fake;

	fake_join(scene->fake, SCENE_TOKEN, "10.0.1.1:1000", "10.9.0.9:77");
	scene_run(scene);
	before = *fake;
	g_assert_cmpuint(scene_connection(scene)->n_subflows, ==, 4);
	feed(scene, EVENT_SNAPSHOT_BEGIN);
	fake_reset(scene->fake, fake, 3, 0);
	fake_deliver(scene->fake, scene->engine, scene->now_ms);
	g_assert_cmpuint(scene_connection(scene)->n_subflows, ==, 3);
	feed_record(scene, &before, 3);
	g_assert_cmpuint(scene_connection(scene)->n_subflows, ==, 3);
	for (size_t i = 0; i < 3; i++)
		feed_record(scene, &before, i);
	feed(scene, EVENT_SNAPSHOT_END);
	scene_run(scene);
	/* and in the next dump it may be another one, with the same addresses */
	feed(scene, EVENT_SNAPSHOT_BEGIN);
	for (size_t i = 0; i < 4; i++)
		feed_record(scene, &before, i);
	g_assert_cmpuint(scene_connection(scene)->n_subflows, ==, 4);
}

static void leaves_a_connection_dead_that_ended_in_a_dump(struct scene *scene, gconstpointer data)
{
	struct fake_connection *fake = scene_meshed(scene);
	struct fake_connection before = *fake;

	feed(scene, EVENT_SNAPSHOT_BEGIN);
	fake_close(scene->fake, SCENE_TOKEN, false);
	fake_deliver(scene->fake, scene->engine, scene->now_ms);
	feed_record(scene, &before, 0);
	g_assert_null(scene_connection(scene));
	feed(scene, EVENT_SNAPSHOT_END);
	scene_run(scene);
	g_assert_null(scene_connection(scene));
	feed(scene, EVENT_SNAPSHOT_BEGIN);
	feed_record(scene, &before, 0); /* the token's second life */
	g_assert_nonnull(scene_connection(scene));
}

/* A walk looks at the clock for each connection. */
static void does_not_walk_after_a_brief_one(struct scene *scene, gconstpointer data)
{
	const uint32_t n = 100;

	for (uint32_t token = 1; token <= n; token++) {
		fake_connect(scene->fake, token, MPTCPD_SIDE_CLIENT, "10.0.1.1:1000", SCENE_SERVER);
		fake_establish(scene->fake, token);
	}
	scene_run(scene);
	fake_answer(scene->fake, 0);
	scene_later(scene, 20000);
	g_assert_cmpuint(engine_model(scene->engine)->n_subflows, ==, 3 * n);
	fake_forget_log(scene->fake);
	fake_policy.n_asked = 0;
	scene->fake->n_looks = 0;
	scene_later(scene, 8000);
	g_assert_cmpuint(scene->fake->counts[FAKE_SNAPSHOT], ==, 1); /* of endpoints */
	g_assert_cmpuint(scene->fake->counts[FAKE_DUMP], ==, 2);
	g_assert_cmpuint(scene->fake->n_commands, ==, 0);
	g_assert_cmpuint(fake_policy.n_asked, ==, 0);
	g_assert_cmpuint(scene->fake->n_looks, <, n);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("truth/forgets-what-a-command-shows-gone", forgets_what_a_command_shows_gone);
	ADD("truth/finds-silent-ends", finds_silent_ends);
	ADD("truth/adopts", adopts);
	ADD("truth/passive-one-only-looks", passive_one_only_looks);
	ADD("truth/by-hand-takes-the-id-the-kernel-knows", by_hand_takes_the_id_the_kernel_knows);
	ADD("truth/passive-one-acts-by-hand", passive_one_acts_by_hand);
	ADD("truth/recovers-from-loss", recovers_from_loss);
	ADD("truth/ignores-unknown-tokens", ignores_unknown_tokens);
	ADD("truth/learns-what-was-announced", learns_what_was_announced);
	ADD("truth/knows-a-syn-answered-while-destroyed", knows_a_syn_answered_while_destroyed);
	ADD("truth/does-not-walk-after-a-brief-snapshot", does_not_walk_after_a_brief_one);
	ADD("truth/tells-an-end-that-was-faster", tells_an_end_that_was_faster);
	ADD("truth/leaves-a-subflow-dead-that-ended-in-a-dump",
	    leaves_a_subflow_dead_that_ended_in_a_dump);
	ADD("truth/leaves-a-connection-dead-that-ended-in-a-dump",
	    leaves_a_connection_dead_that_ended_in_a_dump);
	ADD("id/is-learned-when-refused", learns_the_id_of_a_refused_address);
	ADD("id/is-another-one-when-taken", chooses_another_id);
	ADD("id/is-another-one-to-announce-by", announces_by_another_id);
	ADD("id/is-learned-to-announce-by", announces_by_the_known_id);
	ADD("truth/learns-late-what-was-announced", learns_late_what_was_announced);
	ADD("id/stays-after-a-death", keeps_the_id_of_a_dead_subflow);
	ADD("id/stays-without-an-answer", keeps_the_id_of_an_unanswered_syn);
	return g_test_run();
}
