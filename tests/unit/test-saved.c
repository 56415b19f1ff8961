/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An engine that ends without a word, and the next one that gets what it saved. */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "addr.h"
#include "fake-kernel.h"
#include "fake-policy.h"
#include "model-text.h"
#include "state-record.h"

#define TOKEN 0xf1aceb40U
#define SERVER "10.9.0.1:5000"
#define SLOTS 8

struct world {
	struct fake_kernel *fake;
	struct engine *engine;
	uint64_t now;
	size_t n_changes[CHANGE_SUBFLOW_HEALTH + 1];
	struct {
		uint32_t token; /* 0: free */
		size_t size;
		uint8_t bytes[RECORD_MAX];
	} slots[SLOTS + 1];
};

/* A policy that counts in its memory how often it was asked. */
static uint64_t asked;

static void plan_counting(void *data, const struct mptcpd_view *view,
			  const struct mptcpd_connection *connection, struct mptcpd_plan *plan)
{
	(void)data;
	(void)view;
	(void)plan;
	asked = ++*(uint64_t *)connection->memory;
}

static const struct mptcpd_plugin counting = {.name = "counting",
					      .memory_size = 8,
					      .plan_paths = plan_counting};
static struct policy_plugin stack[] = {{.plugin = &counting}};
static char name[] = "counts", other_name[] = "other";
static struct policy policies[] = {
	{.name = name, .plugins = stack, .n_plugins = 1, .memory_size = 8}};
static const struct rules counting_rules = {.manage_path_manager = true,
					    .path_manager = PATH_MANAGER_USERSPACE,
					    .policies = policies,
					    .n_policies = 1};

/* ---- the observer ---- */

static void on_change(void *data, const struct change *change)
{
	((struct world *)data)->n_changes[change->type]++;
}

static void on_settled(void *data, struct connection *connection)
{
	struct world *world = data;

	for (uint32_t slot = 1; !connection->saved_slot; slot++) {
		g_assert_cmpuint(slot, <=, SLOTS);
		if (!world->slots[slot].token)
			connection->saved_slot = slot;
	}
	world->slots[connection->saved_slot].token = connection->token;
	world->slots[connection->saved_slot].size =
		record_encode(connection, world->slots[connection->saved_slot].bytes);
}

static void on_forget(void *data, struct connection *connection)
{
	struct world *world = data;

	if (connection->saved_slot)
		world->slots[connection->saved_slot].token = 0;
	connection->saved_slot = 0;
}

static void start(struct world *world, const struct rules *rules)
{
	world->engine = engine_new(&(struct engine_setup){
		.rules = rules,
		.ops = &fake_ops,
		.kernel = world->fake,
		.observer = {.on_change = on_change,
			     .on_settled = on_settled,
			     .on_forget = on_forget,
			     .data = world},
		.seed = 1,
	});
}

static void feed_one(void *data, const struct event *event)
{
	struct world *world = data;

	engine_event(world->engine, event, world->now);
}

/* The engine dies; another one gets what is saved, and no event of the time between them. */
static void restart(struct world *world, const struct rules *rules)
{
	engine_free(world->engine);
	world->fake->n_events = 0;
	fake_forget_log(world->fake);
	memset(world->n_changes, 0, sizeof(world->n_changes));
	start(world, rules);
	for (uint32_t slot = 1; slot <= SLOTS; slot++)
		if (world->slots[slot].token)
			g_assert_cmpint(record_decode(world->slots[slot].bytes,
						      world->slots[slot].size,
						      world->slots[slot].token, slot, feed_one,
						      world),
					==, 0);
}

static void run(struct world *world)
{
	fake_run(world->fake, world->engine, world->now);
}

static void set_up_with(struct world *world, const struct rules *rules)
{
	fake_policy_reset();
	memset(world, 0, sizeof(*world));
	world->fake = fake_new();
	world->now = 1000;
	for (uint32_t i = 1; i <= 3; i++) {
		g_autofree char *link = g_strdup_printf("eth%u", i);
		g_autofree char *address = g_strdup_printf("10.0.%u.1", i);

		fake_link(world->fake, i, link, true, true);
		fake_address(world->fake, i, address);
	}
	start(world, rules);
	run(world);
}

static void set_up(struct world *world, gconstpointer data)
{
	(void)data;
	set_up_with(world, &fake_rules);
}

static void tear_down(struct world *world, gconstpointer data)
{
	(void)data;
	engine_free(world->engine);
	fake_free(world->fake);
}

static const struct connection *connection(const struct world *world)
{
	return model_find_connection(engine_model(world->engine), TOKEN);
}

static struct fake_connection *meshed(struct world *world)
{
	struct fake_connection *fake =
		fake_connect(world->fake, TOKEN, MPTCPD_SIDE_CLIENT, "10.0.1.1:1000", SERVER);

	fake_establish(world->fake, TOKEN);
	run(world);
	fake_answer(world->fake, 0);
	run(world);
	return fake;
}

static void same_after_restart(struct world *world)
{
	g_autofree char *before = model_text(connection(world));
	g_autofree char *after = NULL;

	restart(world, &fake_rules);
	g_assert_null(connection(world));
	run(world);
	after = model_text(connection(world));
	g_assert_cmpstr(after, ==, before);
	g_assert_cmpuint(world->fake->n_commands, ==, 0);
	g_assert_cmpuint(world->n_changes[CHANGE_CONNECTION_CREATED], ==, 1);
	g_assert_cmpuint(world->n_changes[CHANGE_CONNECTION_ESTABLISHED], ==, 1);
	g_assert_cmpuint(world->n_changes[CHANGE_CONNECTION_CLOSED], ==, 0);
	g_assert_cmpuint(world->n_changes[CHANGE_SUBFLOW_CLOSED], ==, 0);
	world->now += 70000;
	run(world);
	g_assert_cmpuint(world->fake->n_commands, ==, 0);
}

/* ---- kept ---- */

static void peers(struct world *world, gconstpointer data)
{
	(void)data;
	meshed(world);
	fake_announced(world->fake, TOKEN, 7, "10.9.0.2:5000");
	run(world);
	fake_answer(world->fake, 0);
	run(world);
	g_assert_cmpuint(connection_count_established(connection(world)), ==, 6);
	same_after_restart(world);
	g_assert_cmpuint(world->n_changes[CHANGE_SUBFLOW_ESTABLISHED], ==, 5);
	/* the peer's initial address goes: that is kept, too */
	fake_removed(world->fake, TOKEN, 0);
	run(world);
	g_assert_true(connection(world)->remote_removed);
	same_after_restart(world);
	same_after_restart(world);
}

static void c_flag(struct world *world, gconstpointer data)
{
	struct fake_connection *fake =
		fake_connect(world->fake, TOKEN, MPTCPD_SIDE_CLIENT, "10.0.1.1:1000", SERVER);

	(void)data;
	fake->deny_join_id0 = true;
	fake_establish(world->fake, TOKEN);
	run(world);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 0);
	same_after_restart(world);
	g_assert_true(connection(world)->deny_join_id0);
}

static void admins_wishes(struct world *world, gconstpointer data)
{
	struct subflow_request request = {.local = fake_addr("10.0.3.1:777"),
					  .remote = fake_addr(SERVER),
					  .local_id = 33};
	struct fake_connection *fake = meshed(world);
	struct mptcpd_addr local = fake_addr("10.0.2.1"), remote = fake_addr(SERVER);
	struct mptcpd_addr announced = fake_addr("10.0.2.1:4000");
	size_t n = 0;

	(void)data;
	g_assert_cmpint(engine_subflow_add(world->engine, TOKEN, &request, world->now), ==, 0);
	g_assert_cmpint(engine_subflow_delete(world->engine, TOKEN, &local, &remote, world->now),
			==, 0);
	g_assert_cmpint(engine_subflow_change(world->engine, TOKEN, &fake->subflows[0].local,
					      &remote, true, world->now),
			==, 0);
	g_assert_cmpint(engine_announce(world->engine, TOKEN, &announced, 44, 2, world->now), ==,
			0);
	run(world);
	fake_answer(world->fake, 0);
	run(world);
	same_after_restart(world);
	/* and are still what they were: the ban holds, the wish is renewed */
	fake_reset(world->fake, fake, 3, 0);
	run(world);
	world->now += 5000;
	run(world);
	for (size_t i = 0; i < world->fake->n_log; i++) {
		const struct fake_record *record = &world->fake->log[i];

		if (record->command != FAKE_CREATE)
			continue;
		g_assert_false(addr_equal_host(&record->local, &local));
		n += record->id == 33 && record->local.port == 777;
	}
	g_assert_cmpuint(n, ==, 1);
}

static void saved_with_the_answer(struct world *world, gconstpointer data)
{
	struct mptcpd_addr local = fake_addr("10.0.2.1"), remote = fake_addr(SERVER);

	(void)data;
	meshed(world);
	g_assert_cmpint(engine_subflow_delete(world->engine, TOKEN, &local, &remote, world->now),
			==, 0);
	restart(world, &fake_rules); /* no settle between them */
	run(world);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 0);
	g_assert_cmpuint(connection_count_established(connection(world)), ==, 2);
}

static void instances(struct world *world, gconstpointer data)
{
	(void)data;
	fake_policy.parallel = true;
	meshed(world);
	g_assert_cmpuint(connection_count_established(connection(world)), ==, 6);
	same_after_restart(world);
}

static void syns_in_flight(struct world *world, gconstpointer data)
{
	struct fake_connection *fake =
		fake_connect(world->fake, TOKEN, MPTCPD_SIDE_CLIENT, "10.0.1.1:1000", SERVER);

	(void)data;
	fake_policy.parallel = true;
	fake_establish(world->fake, TOKEN);
	run(world);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 5);
	restart(world, &fake_rules);
	run(world);
	fake_answer(world->fake, 0);
	run(world);
	g_assert_cmpuint(world->fake->n_commands, ==, 0);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 6);
	g_assert_cmpuint(connection(world)->n_subflows, ==, 6);
}

static void memory(struct world *world, gconstpointer data)
{
	(void)data;
	tear_down(world, NULL);
	set_up_with(world, &counting_rules);
	meshed(world);
	g_assert_cmpuint(asked, >, 0);
	for (int i = 0; i < 3; i++) {
		uint64_t before = asked;

		restart(world, &counting_rules);
		run(world);
		g_assert_cmpuint(asked, >, before);
	}
	/* A reload keeps it, too. */
	for (int i = 0; i < 2; i++) {
		uint64_t before = asked;

		engine_set_rules(world->engine, &counting_rules, world->now);
		world->now += 1000;
		run(world);
		g_assert_cmpuint(asked, >, before);
	}
	policies[0].name = other_name; /* another policy: its memory starts anew */
	restart(world, &counting_rules);
	run(world);
	g_assert_cmpuint(asked, <, 4);
	policies[0].name = name;
}

/* ---- not believed ---- */

static void ended_meanwhile(struct world *world, gconstpointer data)
{
	(void)data;
	meshed(world);
	fake_close(world->fake, TOKEN, true);
	restart(world, &fake_rules);
	run(world);
	g_assert_null(connection(world));
	g_assert_cmpuint(world->n_changes[CHANGE_CONNECTION_CREATED], ==, 0);
	g_assert_cmpuint(world->n_changes[CHANGE_CONNECTION_CLOSED], ==, 0);
	g_assert_cmpuint(world->slots[1].token, ==, 0);
	g_assert_cmpuint(table_count(&engine_model(world->engine)->connections), ==, 0);
}

static void another_connection(struct world *world, gconstpointer data)
{
	(void)data;
	meshed(world);
	fake_announced(world->fake, TOKEN, 7, "10.9.0.2:5000");
	run(world);
	fake_close(world->fake, TOKEN, true);
	fake_connect(world->fake, TOKEN, MPTCPD_SIDE_SERVER, "10.0.1.1:80", "10.8.0.1:999");
	fake_find(world->fake, TOKEN)->established = true;
	restart(world, &fake_rules);
	run(world);
	g_assert_cmpuint(connection(world)->more->n_peers, ==, 0);
	g_assert_cmpuint(connection(world)->n_subflows, ==, 1);
	g_assert_cmpint(connection(world)->side, ==, MPTCPD_SIDE_SERVER);
	g_assert_cmpuint(world->fake->n_commands, ==, 0);
	same_after_restart(world);
}

static void subflow_ended_meanwhile(struct world *world, gconstpointer data)
{
	struct fake_connection *fake = meshed(world);

	(void)data;
	fake_reset(world->fake, fake, 0, 0); /* the initial one */
	fake_reset(world->fake, fake, 1, 0);
	restart(world, &fake_rules);
	run(world);
	g_assert_cmpuint(world->n_changes[CHANGE_SUBFLOW_CLOSED], ==, 0);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 2);
	g_assert_cmpuint(world->fake->n_commands, ==, 2);
	fake_answer(world->fake, 0);
	run(world);
	g_assert_cmpuint(connection(world)->n_subflows, ==, 3);
	for (size_t i = 0; i < 3; i++)
		g_assert_false(connection(world)->subflows[i].is.initial);
}

static void hidden_until_shown(struct world *world, gconstpointer data)
{
	struct mptcpd_addr local = fake_addr("10.0.2.1"), remote = fake_addr(SERVER);

	(void)data;
	meshed(world);
	restart(world, &fake_rules);
	/* events come before the snapshot: the peer's address is for keeps, the rest is to wait */
	fake_announced(world->fake, TOKEN, 9, "10.9.0.2:5000");
	world->fake->snapshot_wanted[SNAPSHOT_CONNECTIONS] = false;
	fake_deliver(world->fake, world->engine, world->now);
	g_assert_null(connection(world));
	g_assert_cmpint(engine_subflow_delete(world->engine, TOKEN, &local, &remote, world->now),
			==, -ESRCH);
	g_assert_cmpuint(world->n_changes[CHANGE_ADDRESS_ANNOUNCED], ==, 0);
	g_assert_cmpuint(world->fake->n_commands, ==, 0);
	run(world);
	g_assert_cmpuint(connection(world)->more->n_peers, ==, 1);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 3);
	g_assert_cmpuint(world->fake->n_commands, ==, 3);
}

static void created_before_the_snapshot(struct world *world, gconstpointer data)
{
	(void)data;
	meshed(world);
	fake_announced(world->fake, TOKEN, 9, "10.9.0.2:5000");
	run(world);
	fake_close(world->fake, TOKEN, true);
	restart(world, &fake_rules);
	fake_connect(world->fake, TOKEN, MPTCPD_SIDE_CLIENT, "10.0.1.1:1000", SERVER);
	run(world);
	g_assert_cmpuint(connection(world)->more->n_peers, ==, 0);
	g_assert_cmpuint(world->n_changes[CHANGE_CONNECTION_CREATED], ==, 1);
	fake_close(world->fake, TOKEN, false);
	run(world);
	g_assert_cmpuint(world->slots[1].token, ==, 0);
}

static void closed_before_the_snapshot(struct world *world, gconstpointer data)
{
	(void)data;
	meshed(world);
	restart(world, &fake_rules);
	fake_close(world->fake, TOKEN, false);
	run(world);
	g_assert_null(connection(world));
	g_assert_cmpuint(world->n_changes[CHANGE_CONNECTION_CLOSED], ==, 0);
	g_assert_cmpuint(world->slots[1].token, ==, 0);
}

static void bad_events(struct world *world, gconstpointer data)
{
	static const enum event_type types[] = {EVENT_SAVED_CONNECTION, EVENT_SAVED_PEER,
						EVENT_SAVED_SUBFLOW, EVENT_SAVED_ANNOUNCED,
						EVENT_SAVED_MEMORY};

	(void)data;
	meshed(world);
	for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
		struct event event = {.type = types[i]};
		g_autofree char *before = model_text(connection(world));
		g_autofree char *after = NULL;
		uint64_t bad = engine_counters(world->engine)->events_bad;

		/* of no token, of one that nobody saved, and of one that is alive */
		engine_event(world->engine, &event, world->now);
		event.token = 5;
		engine_event(world->engine, &event, world->now);
		event.token = TOKEN;
		engine_event(world->engine, &event, world->now);
		g_assert_cmpuint(engine_counters(world->engine)->events_bad, ==, bad + 3);
		after = model_text(connection(world));
		g_assert_cmpstr(after, ==, before);
	}
}

static void lost_them_all(struct world *world, gconstpointer data)
{
	memset(meshed(world)->subflows, 0, sizeof(((struct fake_connection *)0)->subflows));
	restart(world, &fake_rules);
	run(world);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 3);
}

#define ADD(path, function)                                                                        \
	g_test_add("/saved/" path, struct world, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("keeps/the-peers-addresses", peers);
	ADD("keeps/the-c-flag", c_flag);
	ADD("keeps/what-the-administrator-did", admins_wishes);
	ADD("keeps/it-before-the-administrator-is-answered", saved_with_the_answer);
	ADD("keeps/instances", instances);
	ADD("keeps/syns-in-flight", syns_in_flight);
	ADD("keeps/memory-of-the-same-policy", memory);
	ADD("drops/what-ended-meanwhile", ended_meanwhile);
	ADD("drops/another-connection-of-that-token", another_connection);
	ADD("drops/subflows-that-ended-meanwhile", subflow_ended_meanwhile);
	ADD("goes-on/where-all-subflows-ended-meanwhile", lost_them_all);
	ADD("hides/until-a-snapshot-shows-it", hidden_until_shown);
	ADD("hides/created-is-another-one", created_before_the_snapshot);
	ADD("hides/closed-before-it-was-shown", closed_before_the_snapshot);
	ADD("refuses/events-that-make-no-sense", bad_events);
	return g_test_run();
}
