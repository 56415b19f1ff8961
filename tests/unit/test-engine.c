/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the engine does with the kernel, on a fake one and a clock of our own. */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "addr.h"
#include "fake-kernel.h"
#include "fake-policy.h"

#define TOKEN 0xf1aceb40U
#define SERVER "10.9.0.1:5000"

struct world {
	struct fake_kernel *fake;
	struct engine *engine;
	uint64_t now;
	size_t n_refusals, n_changes[CHANGE_RESYNCED + 1];
};

static void on_change(void *data, const struct change *change)
{
	((struct world *)data)->n_changes[change->type]++;
}

static void on_notice(void *data, const struct notice *notice)
{
	struct world *world = data;

	if (notice->type != NOTICE_PLAN_REFUSED)
		return;
	world->n_refusals++;
	g_assert_cmpstr(notice->plugin, ==, "mesh");
}

/* Three links, "eth1" to "eth3", addresses 10.0.1.1 to 10.0.3.1, and an engine that knows them. */
static void set_up(struct world *world, gconstpointer data)
{
	(void)data;
	fake_policy_reset();
	memset(world, 0, sizeof(*world));
	world->fake = fake_new();
	world->now = 1000;
	for (uint32_t i = 1; i <= 3; i++) {
		g_autofree char *name = g_strdup_printf("eth%u", i);
		g_autofree char *address = g_strdup_printf("10.0.%u.1", i);

		fake_link(world->fake, i, name, true, true);
		fake_address(world->fake, i, address);
	}
	world->engine = engine_new(&(struct engine_setup){
		.rules = &fake_rules,
		.ops = &fake_ops,
		.kernel = world->fake,
		.observer = {.on_change = on_change, .on_notice = on_notice, .data = world},
		.seed = 1,
	});
	fake_run(world->fake, world->engine, world->now);
	fake_forget_log(world->fake);
}

static void tear_down(struct world *world, gconstpointer data)
{
	(void)data;
	engine_free(world->engine);
	fake_free(world->fake);
}

static uint64_t run(struct world *world)
{
	return fake_run(world->fake, world->engine, world->now);
}

static uint64_t later(struct world *world, uint64_t ms)
{
	world->now += ms;
	return run(world);
}

static const struct connection *connection(const struct world *world)
{
	return model_find_connection(engine_model(world->engine), TOKEN);
}

static struct fake_connection *client(struct world *world)
{
	struct fake_connection *fake =
		fake_connect(world->fake, TOKEN, MPTCPD_SIDE_CLIENT, "10.0.1.1:1000", SERVER);

	fake_establish(world->fake, TOKEN);
	run(world);
	return fake;
}

/* A client connection with all its three subflows. */
static struct fake_connection *meshed(struct world *world)
{
	struct fake_connection *fake = client(world);

	fake_answer(world->fake, 0);
	run(world);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	g_assert_cmpuint(connection_count_established(connection(world)), ==, 3);
	fake_forget_log(world->fake);
	return fake;
}

static const struct fake_record *record(const struct world *world, enum fake_command command,
					size_t n)
{
	for (size_t i = 0; i < world->fake->n_log; i++)
		if (world->fake->log[i].command == command && n-- == 0)
			return &world->fake->log[i];
	g_assert_not_reached();
}

/* ---- making subflows ---- */

static void makes_the_planned(struct world *world, gconstpointer data)
{
	struct fake_connection *fake = client(world);
	size_t *counts = world->fake->counts;

	(void)data;
	g_assert_cmpuint(counts[FAKE_CREATE], ==, 2);
	for (size_t i = 0; i < 2; i++) {
		const struct fake_record *create = record(world, FAKE_CREATE, i);
		struct mptcpd_addr local = fake_addr(i ? "10.0.3.1" : "10.0.2.1");

		g_assert_true(addr_equal(&create->local, &local));
		g_assert_cmpuint(create->ifindex, ==, i + 2);
		g_assert_cmpuint(create->id, !=, 0);
		g_assert_cmpuint(create->flags, ==, 0);
	}
	g_assert_cmpuint(record(world, FAKE_CREATE, 0)->id, !=, record(world, FAKE_CREATE, 1)->id);
	/* asked for, not yet seen: not asked for again, whatever happens */
	fake_announced(world->fake, TOKEN, 3, "10.9.0.1:5000");
	later(world, 500);
	g_assert_cmpuint(counts[FAKE_CREATE], ==, 2);
	fake_answer(world->fake, 0);
	run(world);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	g_assert_cmpuint(world->n_changes[CHANGE_SUBFLOW_ESTABLISHED], ==, 2);
}

static void waits_until_established(struct world *world, gconstpointer data)
{
	(void)data;
	fake_connect(world->fake, TOKEN, MPTCPD_SIDE_CLIENT, "10.0.1.1:1000", SERVER);
	run(world);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 0);
	fake_establish(world->fake, TOKEN);
	run(world);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 2);
}

static void second_settle_does_nothing(struct world *world, gconstpointer data)
{
	(void)data;
	meshed(world);
	for (int i = 0; i < 5; i++)
		later(world, 7000);
	g_assert_cmpuint(world->fake->n_commands, ==, 0);
}

static void leaves_servers_alone(struct world *world, gconstpointer data)
{
	(void)data;
	fake_connect(world->fake, TOKEN, MPTCPD_SIDE_SERVER, "10.0.1.1:5000", "10.9.0.1:999");
	fake_establish(world->fake, TOKEN);
	run(world);
	g_assert_cmpuint(world->fake->n_commands, ==, 0);
	g_assert_cmpint(connection(world)->path_manager, ==, PATH_MANAGER_USERSPACE);
}

static void stays_on_a_link_not_to_be_used(struct world *world, gconstpointer data)
{
	fake_link(world->fake, 8, "never0", true, true);
	fake_address(world->fake, 8, "10.0.8.1");
	run(world);
	fake_connect(world->fake, TOKEN, MPTCPD_SIDE_CLIENT, "10.0.8.1:1000", SERVER);
	fake_establish(world->fake, TOKEN);
	later(world, 100);
	g_assert_null(connection(world)->policy);
	g_assert_cmpuint(world->fake->n_commands, ==, 0);
}

static void leaves_the_kernels_alone(struct world *world, gconstpointer data)
{
	struct fake_connection *fake;

	(void)data;
	fake = fake_connect(world->fake, TOKEN, MPTCPD_SIDE_CLIENT, "10.0.1.1:1000", SERVER);
	fake->path_manager = PATH_MANAGER_KERNEL;
	fake_establish(world->fake, TOKEN);
	run(world);
	g_assert_cmpint(connection(world)->path_manager, ==, PATH_MANAGER_KERNEL);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
	fake_forget_log(world->fake);
	fake_link(world->fake, 2, "eth2", true, false);
	later(world, 60000);
	g_assert_cmpuint(world->fake->n_commands, ==, 0);
}

static void marks_backup(struct world *world, gconstpointer data)
{
	struct fake_connection *fake = meshed(world);

	(void)data;
	/* the interface gets a name whose rule says backup */
	fake_link(world->fake, 2, "backup0", true, true);
	later(world, 100);
	g_assert_cmpuint(world->fake->counts[FAKE_BACKUP], ==, 1);
	g_assert_true(fake->subflows[1].backup);
	fake_link(world->fake, 2, "eth2", true, true);
	later(world, 100);
	g_assert_false(fake->subflows[1].backup);
	g_assert_cmpuint(world->fake->counts[FAKE_DESTROY], ==, 0);
}

static void honours_c_flag(struct world *world, gconstpointer data)
{
	struct fake_connection *fake =
		fake_connect(world->fake, TOKEN, MPTCPD_SIDE_CLIENT, "10.0.1.1:1000", SERVER);

	(void)data;
	fake->deny_join_id0 = true;
	world->fake->n_events = 0; /* tell it again, with the flag */
	fake_establish(world->fake, TOKEN);
	run(world);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 0);
	fake_announced(world->fake, TOKEN, 4, "10.9.0.2:5000");
	run(world);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 3);
	g_assert_cmpuint(world->fake->counts[FAKE_DESTROY], ==, 0);
}

static void makes_parallel_ones(struct world *world, gconstpointer data)
{
	(void)data;
	fake_policy.parallel = true;
	client(world);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 5);
	fake_answer(world->fake, 0);
	later(world, 5000);
	g_assert_cmpuint(world->fake->n_commands, ==, 5);
	fake_policy.parallel = false;
	fake_link(world->fake, 9, "other", true, true);
	fake_address(world->fake, 9, "10.0.9.1");
	fake_route(world->fake, 9, false);
	later(world, 100);
	g_assert_cmpuint(world->fake->counts[FAKE_DESTROY], ==, 3);
}

static void ignores_ipv6_for_ipv4_peers(struct world *world, gconstpointer data)
{
	(void)data;
	fake_address(world->fake, 2, "2001:db8::2");
	client(world);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 2);
}

static void follows_peer_addresses(struct world *world, gconstpointer data)
{
	struct fake_connection *fake = meshed(world);

	(void)data;
	fake_announced(world->fake, TOKEN, 7, "10.9.0.2:5000");
	run(world);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 3);
	fake_answer(world->fake, 0);
	run(world);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 6);
	fake_forget_log(world->fake);
	fake_removed(world->fake, TOKEN, 7);
	later(world, 120000);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	g_assert_cmpuint(world->fake->n_commands, ==, 0);
}

/* ---- links come and go ---- */

static void moves_off_a_lost_link(struct world *world, gconstpointer data)
{
	struct fake_connection *fake = meshed(world);
	uint8_t id = fake->subflows[1].local_id;

	(void)data;
	fake_link(world->fake, 2, "eth2", true, false);
	later(world, 100);
	g_assert_cmpuint(world->fake->n_commands, ==, 2);
	g_assert_cmpint(world->fake->log[0].command, ==, FAKE_WITHDRAW);
	g_assert_cmpuint(world->fake->log[0].id, ==, id);
	g_assert_cmpint(world->fake->log[1].command, ==, FAKE_DESTROY);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 2);
	g_assert_cmpuint(connection(world)->n_subflows, ==, 2);

	fake_link(world->fake, 2, "eth2", true, true);
	later(world, 100);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 1);
	g_assert_cmpuint(record(world, FAKE_CREATE, 0)->id, ==, id);
	g_assert_cmpuint(world->fake->n_returned, ==, 1);
}

static void remakes_the_initial(struct world *world, gconstpointer data)
{
	struct fake_connection *fake = meshed(world);

	(void)data;
	fake_link(world->fake, 1, "eth1", false, false);
	later(world, 100);
	g_assert_cmpuint(world->fake->counts[FAKE_DESTROY], ==, 1);
	g_assert_cmpuint(record(world, FAKE_WITHDRAW, 0)->id, ==, 0);
	fake_link(world->fake, 1, "eth1", true, true);
	later(world, 100);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 1);
	g_assert_cmpuint(record(world, FAKE_CREATE, 0)->id, ==, 0);
	g_assert_cmpuint(record(world, FAKE_CREATE, 0)->local.port, ==, 0);
	fake_answer(world->fake, 0);
	later(world, 5000);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 1);
}

static void keeps_the_last(struct world *world, gconstpointer data)
{
	struct fake_connection *fake = meshed(world);

	(void)data;
	for (uint32_t i = 1; i <= 3; i++)
		fake_link(world->fake, i, "eth", true, false);
	later(world, 100);
	g_assert_cmpuint(world->fake->n_commands, ==, 0);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);

	/* one comes back: it gets a fresh subflow, and once that is there the old ones go */
	fake_link(world->fake, 2, "eth2", true, true);
	later(world, 100);
	g_assert_cmpuint(world->fake->n_commands, ==, 1);
	g_assert_cmpuint(record(world, FAKE_CREATE, 0)->ifindex, ==, 2);
	fake_answer(world->fake, 0);
	later(world, 100);
	g_assert_cmpuint(world->fake->counts[FAKE_DESTROY], ==, 3);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
}

static void follows_a_new_index(struct world *world, gconstpointer data)
{
	struct fake_connection *fake = meshed(world);

	(void)data;
	fake_link_gone(world->fake, 2);
	later(world, 100);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 2);
	fake_link(world->fake, 12, "eth2", true, true);
	fake_address(world->fake, 12, "10.0.2.1");
	later(world, 100);
	g_assert_cmpuint(record(world, FAKE_CREATE, 0)->ifindex, ==, 12);
}

static void aborts_a_syn_on_a_lost_link(struct world *world, gconstpointer data)
{
	struct fake_connection *fake = client(world);

	(void)data;
	fake_link(world->fake, 2, "eth2", true, false);
	later(world, 100);
	g_assert_cmpuint(world->fake->counts[FAKE_DESTROY], ==, 1);
	fake_link(world->fake, 2, "eth2", true, true);
	later(world, 100);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 3);
	fake_answer(world->fake, 0);
	run(world);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
}

static void waits_for_a_route(struct world *world, gconstpointer data)
{
	(void)data;
	fake_route(world->fake, 2, false);
	client(world);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 1);
	fake_route(world->fake, 2, true);
	later(world, 50);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 2);
}

static void keeps_subflows_through_a_route_change(struct world *world, gconstpointer data)
{
	(void)data;
	meshed(world);
	fake_route(world->fake, 2, false);
	later(world, 50);
	fake_route(world->fake, 2, true);
	later(world, 50);
	g_assert_cmpuint(world->fake->n_commands, ==, 0);
}

static void asks_for_a_route_once(struct world *world, gconstpointer data)
{
	(void)data;
	client(world);
	g_assert_cmpuint(world->fake->counts[FAKE_ROUTE], ==, 3);
	fake_connect(world->fake, 7, MPTCPD_SIDE_CLIENT, "10.0.1.1:1001", SERVER);
	fake_establish(world->fake, 7);
	run(world);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 4);
	g_assert_cmpuint(world->fake->counts[FAKE_ROUTE], ==, 3);
}

/* ---- failures ---- */

static uint64_t next_try(struct world *world)
{
	return run(world) - world->now;
}

static void backs_off(struct world *world, gconstpointer data)
{
	uint64_t expected = 1000;
	size_t tries = 2;

	(void)data;
	client(world);
	for (int i = 0; i < 9; i++) {
		fake_answer(world->fake, ETIMEDOUT);
		run(world);
		g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, tries);
		/* not a moment before four fifths of the delay, and surely after six */
		later(world, expected * 4 / 5 - 1);
		g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, tries);
		later(world, expected * 2 / 5 + 2);
		tries += 2;
		g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, tries);
		expected = MIN(expected * 2, 60000);
	}
	g_assert_cmpuint(next_try(world), >, 0);
}

static void asks_a_refusing_peer_rarely(struct world *world, gconstpointer data)
{
	(void)data;
	client(world);
	fake_answer(world->fake, ECONNREFUSED);
	run(world);
	later(world, 1500);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 2);
	later(world, 1000);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 4);
	fake_answer(world->fake, ECONNREFUSED);
	run(world);
	later(world, 47000);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 4);
	later(world, 26000);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 6);
}

static void tries_at_once_when_the_link_returns(struct world *world, gconstpointer data)
{
	(void)data;
	client(world);
	for (int i = 0; i < 5; i++) {
		fake_answer(world->fake, ETIMEDOUT);
		later(world, 80000);
	}
	fake_answer(world->fake, ETIMEDOUT);
	run(world);
	fake_forget_log(world->fake);
	fake_link(world->fake, 2, "eth2", true, false);
	later(world, 50);
	fake_link(world->fake, 2, "eth2", true, true);
	later(world, 50);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 1);
}

static void comes_back_after_a_reset(struct world *world, gconstpointer data)
{
	struct fake_connection *fake = meshed(world);

	(void)data;
	later(world, 100000);
	fake_reset(world->fake, fake, 1, ECONNRESET);
	run(world);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 0);
	later(world, 1201);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 1);
}

static void survives_every_error(struct world *world, gconstpointer data)
{
	static const int errors[] = {EINVAL, ENOTCONN, EADDRNOTAVAIL, ENODEV,	 EADDRINUSE,
				     ENOMEM, EPERM,    ENOBUFS,	      ETIMEDOUT, ESRCH};
	struct fake_connection *fake = client(world);

	(void)data;
	fake_answer(world->fake, ETIMEDOUT);
	run(world);
	for (size_t i = 0; i < G_N_ELEMENTS(errors); i++) {
		fake_forget_log(world->fake);
		world->fake->fail_always[FAKE_CREATE] = -errors[i];
		later(world, 80000);
		later(world, 1);
		/* one try a path: never a tight loop */
		g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 2);
	}
	world->fake->fail_always[FAKE_CREATE] = 0;
	later(world, 80000);
	fake_answer(world->fake, 0);
	run(world);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	g_assert_cmpuint(engine_counters(world->engine)->command_errors, ==,
			 2 * G_N_ELEMENTS(errors));
}

static void forgets_what_a_command_shows_gone(struct world *world, gconstpointer data)
{
	(void)data;
	fake_connect(world->fake, TOKEN, MPTCPD_SIDE_CLIENT, "10.0.1.1:1000", SERVER);
	fake_establish(world->fake, TOKEN);
	fake_close(world->fake, TOKEN, true);
	run(world);
	g_assert_null(connection(world));
	g_assert_cmpuint(world->n_changes[CHANGE_CONNECTION_CLOSED], ==, 1);
}

/* ---- truth ---- */

static void finds_silent_ends(struct world *world, gconstpointer data)
{
	(void)data;
	meshed(world);
	fake_close(world->fake, TOKEN, true);
	later(world, 31000);
	g_assert_null(connection(world));
	g_assert_cmpuint(engine_model(world->engine)->n_subflows, ==, 0);
}

static void adopts(struct world *world, gconstpointer data)
{
	struct fake_connection *fake =
		fake_connect(world->fake, TOKEN, MPTCPD_SIDE_CLIENT, "10.0.1.1:1000", SERVER);

	(void)data;
	fake->established = true;
	fake->subflows[1] = (struct fake_subflow){
		.used = true,
		.ours = true,
		.local = fake_addr("10.0.2.1:777"),
		.remote = fake_addr(SERVER),
		.local_id = 5,
		.ifindex = 2,
	};
	world->fake->n_events = 0; /* nobody told */
	later(world, 31000);
	g_assert_cmpint(connection(world)->side, ==, MPTCPD_SIDE_CLIENT);
	g_assert_cmpint(connection(world)->state, ==, MPTCPD_CONNECTION_ESTABLISHED);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 1);
	g_assert_cmpuint(record(world, FAKE_CREATE, 0)->ifindex, ==, 3);
	g_assert_cmpuint(world->fake->counts[FAKE_DESTROY], ==, 0);
	g_assert_cmpuint(world->n_changes[CHANGE_CONNECTION_ESTABLISHED], ==, 1);
}

static void recovers_from_loss(struct world *world, gconstpointer data)
{
	(void)data;
	world->fake->limit_events = 1;
	fake_connect(world->fake, TOKEN, MPTCPD_SIDE_CLIENT, "10.0.1.1:1000", SERVER);
	fake_establish(world->fake, TOKEN);
	run(world);
	world->fake->limit_events = 0;
	later(world, 300);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 2);
	g_assert_cmpuint(engine_counters(world->engine)->events_lost, >, 0);
	g_assert_cmpuint(engine_counters(world->engine)->resyncs, >, 0);
}

static void ignores_unknown_tokens(struct world *world, gconstpointer data)
{
	static const enum event_type types[] = {EVENT_CONNECTION_CLOSED, EVENT_SUBFLOW_CLOSED,
						EVENT_SUBFLOW_PRIORITY, EVENT_ADDRESS_REMOVED};

	(void)data;
	for (size_t i = 0; i < G_N_ELEMENTS(types); i++)
		engine_event(world->engine, &(struct event){.type = types[i], .token = 99},
			     world->now);
	run(world);
	g_assert_cmpuint(table_count(&engine_model(world->engine)->connections), ==, 0);
	g_assert_cmpuint(engine_counters(world->engine)->events_bad, ==, 0);
	engine_event(world->engine, &(struct event){.type = EVENT_CONNECTION_CREATED}, world->now);
	g_assert_cmpuint(engine_counters(world->engine)->events_bad, ==, 1);
}

static void does_nothing_without_time(struct world *world, gconstpointer data)
{
	(void)data;
	world->fake->out_of_time = true;
	fake_connect(world->fake, TOKEN, MPTCPD_SIDE_CLIENT, "10.0.1.1:1000", SERVER);
	fake_establish(world->fake, TOKEN);
	fake_deliver(world->fake, world->engine, world->now);
	g_assert_cmpuint(engine_settle(world->engine, world->now), ==, world->now);
	g_assert_cmpuint(world->fake->n_commands, ==, 0);
	world->fake->out_of_time = false;
	run(world);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 2);
}

/* ---- plans ---- */

static void reports_refusals(struct world *world, gconstpointer data)
{
	(void)data;
	fake_policy.refuses_rules = true;
	client(world);
	g_assert_cmpuint(world->n_refusals, ==, 4 * fake_policy.n_asked);
	g_assert_cmpuint(engine_counters(world->engine)->plans_refused, ==, world->n_refusals);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 2);
}

static void closes_what_is_forbidden(struct world *world, gconstpointer data)
{
	struct fake_connection *fake = meshed(world);

	(void)data;
	fake_policy.forbidden = fake_addr("10.0.1.1");
	fake_announced(world->fake, TOKEN, 1, "[2001:db8::9]:1");
	run(world);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 2);
	g_assert_false(fake->subflows[0].used);
	later(world, 100000);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 0);
}

static void closes_what_is_unwanted_but_not_the_applications(struct world *world,
							     gconstpointer data)
{
	struct fake_connection *fake = meshed(world);

	(void)data;
	fake_policy.plans_nothing = true;
	fake_announced(world->fake, TOKEN, 1, "[2001:db8::9]:1");
	run(world);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
	g_assert_true(fake->subflows[0].used);
	g_assert_cmpuint(world->fake->counts[FAKE_WITHDRAW], ==, 0);
}

static void refreshes_what_is_dropped(struct world *world, gconstpointer data)
{
	struct fake_connection *fake = meshed(world);

	(void)data;
	fake_policy.dropped_local = fake->subflows[1].local;
	fake_policy.dropped_remote = fake->subflows[1].remote;
	fake_announced(world->fake, TOKEN, 1, "[2001:db8::9]:1");
	run(world);
	g_assert_cmpuint(world->fake->counts[FAKE_DESTROY], ==, 1);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 1);
}

static void announces(struct world *world, gconstpointer data)
{
	(void)data;
	fake_policy.announced = fake_addr("203.0.113.7");
	client(world);
	g_assert_cmpuint(world->fake->counts[FAKE_ANNOUNCE], ==, 1);
	g_assert_cmpuint(record(world, FAKE_ANNOUNCE, 0)->id, !=, 0);
	later(world, 20000);
	g_assert_cmpuint(world->fake->counts[FAKE_ANNOUNCE], ==, 1);
	fake_policy.announced.family = 0;
	fake_announced(world->fake, TOKEN, 1, "[2001:db8::9]:1");
	run(world);
	g_assert_cmpuint(world->fake->counts[FAKE_WITHDRAW], ==, 1);
	g_assert_cmpuint(connection(world)->n_announced, ==, 0);
}

static void asks_again_in_time(struct world *world, gconstpointer data)
{
	(void)data;
	fake_policy.ask_ms = world->now + 700;
	client(world);
	g_assert_cmpuint(run(world), ==, world->now + 700);
	fake_policy.n_asked = 0;
	fake_policy.ask_ms = 0;
	later(world, 700);
	g_assert_cmpuint(fake_policy.n_asked, ==, 1);
}

/* ---- the administrator ---- */

static void keeps_what_the_admin_adds(struct world *world, gconstpointer data)
{
	struct fake_connection *fake = meshed(world);
	struct subflow_request request = {.local = fake_addr("10.0.2.1:4444"),
					  .remote = fake_addr("10.9.0.8:80"),
					  .local_id = 9};

	(void)data;
	g_assert_cmpint(engine_subflow_add(world->engine, TOKEN, &request, world->now), ==, 0);
	fake_answer(world->fake, 0);
	later(world, 100);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 4);
	g_assert_cmpuint(record(world, FAKE_CREATE, 0)->id, ==, 9);
	g_assert_cmpuint(record(world, FAKE_CREATE, 0)->ifindex, ==, 2);
	later(world, 90000);
	fake_reset(world->fake, fake, 3, ECONNRESET);
	later(world, 0);
	later(world, 2000);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 2);
	g_assert_cmpuint(world->fake->counts[FAKE_DESTROY], ==, 0);
	request.local = fake_addr("10.0.77.1");
	g_assert_cmpint(engine_subflow_add(world->engine, TOKEN, &request, world->now), ==,
			-EADDRNOTAVAIL);
	g_assert_cmpint(engine_subflow_add(world->engine, 1, &request, world->now), ==, -ESRCH);
}

static void does_not_remake_what_the_admin_deletes(struct world *world, gconstpointer data)
{
	struct fake_connection *fake = meshed(world);
	struct mptcpd_addr local = fake->subflows[2].local, remote = fake_addr(SERVER);

	(void)data;
	for (size_t i = 0; i < 3; i += 2) {
		local = fake->subflows[i].local;
		g_assert_cmpint(engine_subflow_delete(world->engine, TOKEN, &local, &remote,
						      world->now),
				==, 0);
		run(world);
		g_assert_cmpint(engine_subflow_delete(world->engine, TOKEN, &local, &remote,
						      world->now),
				==, -ENOENT);
	}
	for (uint32_t i = 1; i <= 3; i += 2) {
		fake_link(world->fake, i, "eth", true, false);
		later(world, 100);
		fake_link(world->fake, i, "eth", true, true);
		later(world, 90000);
	}
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 0);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 1);
}

/* Also when the engine looks again before the kernel's answer has come in. */
static void does_not_remake_before_the_event(struct world *world, gconstpointer data)
{
	struct fake_connection *fake = meshed(world);
	struct mptcpd_addr local = fake->subflows[2].local, remote = fake_addr(SERVER);

	g_assert_cmpint(engine_subflow_delete(world->engine, TOKEN, &local, &remote, world->now),
			==, 0);
	engine_settle(world->engine, world->now);
	later(world, 90000);
	g_assert_cmpuint(world->fake->counts[FAKE_CREATE], ==, 0);
}

static void tries_a_failed_close_again(struct world *world, gconstpointer data)
{
	struct fake_connection *fake = meshed(world);

	world->fake->fail[FAKE_DESTROY] = -ENOMEM;
	fake_link(world->fake, 2, "eth2", true, false);
	later(world, 50);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 3);
	later(world, 1001);
	g_assert_cmpuint(fake_count_subflows(fake), ==, 2);
}

static void waits_in_peace_for_the_host(struct world *world, gconstpointer data)
{
	struct event link = {.type = EVENT_LINK, .link = {.ifindex = 9, .name = "eth9"}};

	engine_free(world->engine);
	world->engine = engine_new(&(struct engine_setup){.rules = &fake_rules,
							  .ops = &fake_ops,
							  .kernel = world->fake});
	engine_settle(world->engine, world->now);
	engine_event(world->engine, &link, world->now);
	g_assert_cmpuint(engine_settle(world->engine, world->now), >, world->now);
}

static void keeps_the_admins_backup(struct world *world, gconstpointer data)
{
	struct fake_connection *fake = meshed(world);
	struct mptcpd_addr local = fake_addr("10.0.1.1"), remote = fake_addr("10.9.0.1");

	(void)data;
	g_assert_cmpint(engine_subflow_change(world->engine, TOKEN, &local, &remote, true,
					      world->now),
			==, 0);
	later(world, 100000);
	g_assert_true(fake->subflows[0].backup);
	g_assert_cmpuint(world->fake->counts[FAKE_BACKUP], ==, 1);
}

/* ---- explain ---- */

struct explained {
	size_t n;
	struct explain_path paths[8];
};

static void on_path(void *data, const struct explain_path *path)
{
	struct explained *explained = data;

	explained->paths[explained->n++] = *path;
}

static void explains(struct world *world, gconstpointer data)
{
	struct explained explained = {0};

	(void)data;
	client(world);
	fake_answer(world->fake, ECONNREFUSED);
	run(world);
	g_assert_cmpint(engine_explain(world->engine, 1, world->now, on_path, &explained), ==,
			-ESRCH);
	g_assert_cmpint(engine_explain(world->engine, TOKEN, world->now, on_path, &explained), ==,
			0);
	g_assert_cmpuint(explained.n, ==, 3);
	g_assert_cmpint(explained.paths[0].state, ==, EXPLAIN_ESTABLISHED);
	g_assert_cmpstr(explained.paths[0].wanted_by, ==, "mesh");
	g_assert_cmpint(explained.paths[1].state, ==, EXPLAIN_REFUSED);
	g_assert_cmpstr(explained.paths[1].error, ==, "refused by the peer (ECONNREFUSED)");
	g_assert_cmpstr(explained.paths[1].interface, ==, "eth2");
	g_assert_cmpuint(explained.paths[1].attempts, ==, 1);
	g_assert_true(explained.paths[1].has_next_try);
	g_assert_cmpuint(explained.paths[1].next_try_ms, >=, 1600);
	g_assert_cmpuint(explained.paths[1].next_try_ms, <=, 2400);
}

#define ADD(path, function) g_test_add(path, struct world, NULL, set_up, function, tear_down)

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	ADD("/engine/create/makes-the-planned-and-only-once", makes_the_planned);
	ADD("/engine/create/waits-until-established", waits_until_established);
	ADD("/engine/create/marks-backup", marks_backup);
	ADD("/engine/create/honours-c-flag", honours_c_flag);
	ADD("/engine/create/makes-parallel-ones", makes_parallel_ones);
	ADD("/engine/create/ignores-ipv6-for-ipv4-peers", ignores_ipv6_for_ipv4_peers);
	ADD("/engine/create/follows-peer-addresses", follows_peer_addresses);
	ADD("/engine/settle/second-does-nothing", second_settle_does_nothing);
	ADD("/engine/settle/does-nothing-without-time", does_nothing_without_time);
	ADD("/engine/scope/leaves-servers-alone", leaves_servers_alone);
	ADD("/engine/scope/stays-on-a-link-not-to-be-used", stays_on_a_link_not_to_be_used);
	ADD("/engine/scope/leaves-the-kernels-alone", leaves_the_kernels_alone);
	ADD("/engine/link/moves-off-a-lost-one", moves_off_a_lost_link);
	ADD("/engine/link/remakes-the-initial", remakes_the_initial);
	ADD("/engine/link/keeps-the-last-subflow", keeps_the_last);
	ADD("/engine/link/follows-a-new-index", follows_a_new_index);
	ADD("/engine/link/aborts-a-syn-on-a-lost-one", aborts_a_syn_on_a_lost_link);
	ADD("/engine/route/waits-for-one", waits_for_a_route);
	ADD("/engine/route/keeps-subflows-through-a-change", keeps_subflows_through_a_route_change);
	ADD("/engine/route/asks-once", asks_for_a_route_once);
	ADD("/engine/back-off/doubles-to-a-minute", backs_off);
	ADD("/engine/back-off/asks-a-refusing-peer-rarely", asks_a_refusing_peer_rarely);
	ADD("/engine/back-off/ends-when-the-link-returns", tries_at_once_when_the_link_returns);
	ADD("/engine/back-off/comes-back-after-a-reset", comes_back_after_a_reset);
	ADD("/engine/back-off/survives-every-error", survives_every_error);
	ADD("/engine/truth/forgets-what-a-command-shows-gone", forgets_what_a_command_shows_gone);
	ADD("/engine/truth/finds-silent-ends", finds_silent_ends);
	ADD("/engine/truth/adopts", adopts);
	ADD("/engine/truth/recovers-from-loss", recovers_from_loss);
	ADD("/engine/truth/ignores-unknown-tokens", ignores_unknown_tokens);
	ADD("/engine/plan/reports-refusals", reports_refusals);
	ADD("/engine/plan/closes-what-is-forbidden", closes_what_is_forbidden);
	ADD("/engine/plan/closes-what-is-unwanted",
	    closes_what_is_unwanted_but_not_the_applications);
	ADD("/engine/plan/refreshes-what-is-dropped", refreshes_what_is_dropped);
	ADD("/engine/plan/announces", announces);
	ADD("/engine/plan/asks-again-in-time", asks_again_in_time);
	ADD("/engine/admin/keeps-what-is-added", keeps_what_the_admin_adds);
	ADD("/engine/admin/does-not-remake-what-is-deleted",
	    does_not_remake_what_the_admin_deletes);
	ADD("/engine/admin/does-not-remake-before-the-event", does_not_remake_before_the_event);
	ADD("/engine/link/tries-a-failed-close-again", tries_a_failed_close_again);
	ADD("/engine/settle/waits-in-peace-for-the-host", waits_in_peace_for_the_host);
	ADD("/engine/admin/keeps-backup", keeps_the_admins_backup);
	ADD("/engine/explain/says-why", explains);
	return g_test_run();
}
