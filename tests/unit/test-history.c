/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The life of endpoints in histories made by chance: links, routes, addresses, reloads, people,
 * restarts, connections that open and close, events lost and commands refused. Whatever the order,
 * no command of the engine closes the last subflow that carries a connection; when nothing changes,
 * the commands stop; what somebody else made is as he made it; and with no connection left, the
 * table is what is planned.
 *
 *	HISTORY_SEEDS=10000      so many seeds, else some hundred
 *	HISTORY_SEED=N           this one, telling every step
 */
#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "chance.h"
#include "fake-kernel.h"
#include "fake-policy.h"
#include "history-commands.h"
#include "history-others.h"

#define STEPS 200
#define TOKENS 200

static const struct mptcpd_plugin *the_plugin;

static char *name_of(uint32_t i)
{
	return g_strdup_printf(i == LINKS ? "backup%u" : "eth%u", i);
}

static bool has_address(uint32_t i, uint32_t family)
{
	g_autofree char *text = address_of(i, family);
	struct mptcpd_addr addr = fake_addr(text);

	return fake_find_local(world->fake, i, &addr) != NULL;
}

/* ---- steps ---- */

static void on_host(void *data, const struct engine_host *host)
{
	(void)data;
	world->host = *host;
	memcpy(world->kept, host->endpoints, host->n_endpoints * sizeof(*host->endpoints));
	world->host.endpoints = world->kept;
}

static void start_engine(void)
{
	struct engine_host host = world->host;

	world->engine = engine_new(&(struct engine_setup){
		.rules = &fake_rules,
		.ops = &world->ops,
		.kernel = world->fake,
		.clock = fake_clock,
		.clock_data = world->fake,
		.observer = {.on_host = on_host},
		.seed = dice(INT32_MAX),
	});
	engine_set_host(world->engine, &host);
}

static void step_address(uint32_t i)
{
	uint32_t family = dice(2);
	g_autofree char *text = address_of(i, family);

	tell("address", i, family);
	if (!fake_find_link(world->fake, i))
		return;
	if (has_address(i, family))
		fake_address_gone(world->fake, i, text);
	else
		fake_address(world->fake, i, text);
}

static void plug(uint32_t i)
{
	g_autofree char *name = name_of(i);

	fake_link(world->fake, i, name, true, true);
	for (uint32_t family = 0; family < 2; family++) {
		g_autofree char *text = address_of(i, family);

		if (!has_address(i, family))
			fake_address(world->fake, i, text);
	}
}

static void step_link(void)
{
	uint32_t i = 1 + dice(LINKS), action = dice(8);
	g_autofree char *name = name_of(i);

	tell("link", i, action);
	if (!fake_find_link(world->fake, i))
		plug(i);
	else if (action == 0)
		fake_link_gone(world->fake, i);
	else if (action == 1)
		fake_link(world->fake, i, name, false, false);
	else if (action < 4)
		fake_route(world->fake, i, dice(2));
	else if (action < 6)
		fake_link(world->fake, i, name, true, dice(2));
	else
		step_address(i);
}

static void step_connect(void)
{
	uint32_t family = dice(2), token = world->next_token;
	g_autofree char *host = address_of(1 + dice(LINKS), family);
	g_autofree char *local = g_strdup_printf(family ? "[%s]:%u" : "%s:%u", host, 1000 + token);

	if (token >= TOKENS)
		return;
	world->next_token++;
	tell("connect", token, family);
	fake_connect(world->fake, token, dice(2) ? MPTCPD_SIDE_CLIENT : MPTCPD_SIDE_SERVER, local,
		     family ? "[2001:db8:9::1]:80" : "10.9.0.1:80");
	if (dice(4))
		fake_establish(world->fake, token);
}

static struct fake_connection *any_connection(void)
{
	for (int tries = 0; tries < 40; tries++) {
		struct fake_connection *connection =
			fake_find(world->fake, 1 + dice(world->next_token));

		if (connection)
			return connection;
	}
	return NULL;
}

/* The kernel's path manager, or the peer, makes another subflow. */
static void join(struct fake_connection *connection)
{
	uint32_t family = connection->local.family == AF_INET6;
	g_autofree char *host = address_of(1 + dice(LINKS), family);
	g_autofree char *local =
		g_strdup_printf(family ? "[%s]:%u" : "%s:%u", host, world->fake->next_port++);

	for (size_t i = 0; i < FAKE_SUBFLOWS; i++)
		if (!connection->subflows[i].used) {
			fake_join(world->fake, connection->token, local,
				  family ? "[2001:db8:9::1]:80" : "10.9.0.1:80");
			return;
		}
}

static void step_connection(void)
{
	struct fake_connection *connection = any_connection();
	uint32_t action = dice(10), i = dice(4);

	if (!connection)
		return;
	tell("connection", connection->token, action);
	if (!connection->established)
		fake_establish(world->fake, connection->token);
	else if (action == 0)
		fake_close(world->fake, connection->token, dice(4) == 0);
	else if (action == 1)
		connection->shut = true;
	else if (action < 7)
		join(connection);
	else if (connection->subflows[i].used)
		fake_reset(world->fake, connection, i, dice(2) ? ECONNRESET : 0);
}

static void reload(void)
{
	static const uint32_t flags[] = {
		MPTCPD_FLAG_SUBFLOW,
		MPTCPD_FLAG_SIGNAL,
		MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_SIGNAL,
		MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_FULLMESH,
	};
	bool userspace = dice(6) == 0;

	fake_rules.endpoint_flags = flags[dice(G_N_ELEMENTS(flags))];
	fake_rules.endpoints.plugin = dice(5) ? the_plugin : NULL;
	fake_rules.rejoin_eager = dice(2);
	fake_rules.mend_foreign = dice(4);
	fake_rules.path_manager = userspace ? PATH_MANAGER_USERSPACE : PATH_MANAGER_KERNEL;
	world->fake->path_manager = fake_rules.path_manager;
	tell("reload", fake_rules.endpoint_flags, userspace);
	engine_set_rules(world->engine, &fake_rules, world->now);
}

static void restart(void)
{
	uint32_t ends_well = dice(2);

	tell("restart", ends_well, 0);
	fake_deliver(world->fake, world->engine, world->now);
	if (ends_well)
		engine_leave(world->engine, world->now);
	engine_free(world->engine);
	mistake_others();
	if (dice(2))
		step_link();
	start_engine();
}

static void step_hand(void)
{
	struct event_endpoint *there = &world->fake->endpoints[dice(FAKE_ENDPOINTS)];
	struct event_endpoint is = *there;
	uint32_t action = dice(4);

	if (!there->id || there->id == FOREIGN_ID)
		return;
	tell("hand", there->id, action);
	world->by_hand = true;
	if (action == 0)
		engine_endpoint_delete(world->engine, &is, world->now);
	else if (action == 1)
		fake_endpoint_delete(world->fake, &is);
	is.flags ^= dice(2) ? MPTCPD_FLAG_BACKUP : MPTCPD_FLAG_FULLMESH;
	if (action == 2)
		engine_endpoint_change(world->engine, &is, world->now);
	else if (action == 3)
		fake_endpoint_flags(world->fake, &is);
	world->by_hand = false;
	see_others();
}

static void fail_next(enum fake_command command, int error)
{
	/* With these the kernel says that there is none, or no place: the fake says so itself. */
	if ((command != FAKE_ENDPOINT_DELETE || error != EINVAL) &&
	    (command != FAKE_ENDPOINT_ADD || error != ERANGE))
		world->fake->fail[command] = -error;
}

static void step_trouble(void)
{
	static const int errors[] = {EINVAL, EEXIST, EBUSY, ERANGE, EPERM, ENOMEM, ENOSPC};
	static const enum fake_command commands[] = {
		FAKE_ENDPOINT_ADD, FAKE_ENDPOINT_DELETE, FAKE_ENDPOINT_FLAGS,
		FAKE_LIMITS,	   FAKE_SNAPSHOT,	 FAKE_DUMP,
		FAKE_IDS};
	uint32_t action = dice(8);

	tell("trouble", action, 0);
	if (action == 0)
		world->fake->limit_events = dice(2) ? 1 + dice(4) : 0;
	else if (action == 1)
		fail_next(commands[dice(G_N_ELEMENTS(commands))],
			  errors[dice(G_N_ELEMENTS(errors))]);
	else if (action == 2)
		world->fake->out_of_time = dice(2);
	else if (action == 3)
		reload();
	else if (action == 4)
		restart();
	else if (action == 5)
		step_hand();
	else
		step_other();
}

static void step(void)
{
	switch (dice(8)) {
	case 0:
	case 1:
		step_link();
		break;
	case 2:
		step_connect();
		break;
	case 3:
	case 4:
		step_connection();
		break;
	case 5:
		step_trouble();
		break;
	default:
		world->now += dice(3) ? dice(60) : dice(9000);
		break;
	}
	if (dice(3) == 0)
		return;
	/* What the kernel told before is read before anything is done. */
	fake_deliver(world->fake, world->engine, world->now);
	engine_settle(world->engine, world->now);
	check_others();
}

/* ---- what must hold when all is quiet ---- */

static void be_quiet(void)
{
	tell("quiet", 0, 0);
	world->fake->limit_events = 0;
	world->fake->out_of_time = false;
	memset(world->fake->fail, 0, sizeof(world->fake->fail));
	for (int i = 0; i < 60; i++) {
		fake_run(world->fake, world->engine, world->now);
		world->now += 10000;
	}
	fake_run(world->fake, world->engine, world->now);
	fake_forget_log(world->fake);
	for (int i = 0; i < 13; i++) {
		world->now += 5000;
		fake_run(world->fake, world->engine, world->now);
	}
	g_assert_cmpuint(world->fake->n_commands, ==, 0);
}

static void cut_or_mend_all(bool mend)
{
	for (uint32_t i = 1; i <= LINKS; i++) {
		g_autofree char *name = name_of(i);

		if (mend)
			plug(i);
		else if (fake_find_link(world->fake, i))
			fake_link(world->fake, i, name, true, false);
		if (mend)
			fake_route(world->fake, i, true);
	}
}

static void check_table(void)
{
	size_t n = 0;

	for (uint32_t i = 1; i <= LINKS; i++) {
		for (uint32_t family = 0; family < 2; family++) {
			g_autofree char *text = address_of(i, family);
			const struct event_endpoint *there = fake_find_endpoint(world->fake, text);
			uint32_t flags = i == LINKS ? MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_BACKUP
						    : fake_rules.endpoint_flags;

			tell("planned", i, family);
			if (!there)
				continue;
			g_assert_cmpuint(there->flags, ==, flags);
			g_assert_cmpuint(there->ifindex, ==, i);
			n++;
		}
	}
	/* One place is somebody else's. */
	g_assert_cmpuint(n, ==, FAKE_ENDPOINTS - 1);
	g_assert_cmpuint(fake_count_endpoints(world->fake), ==, FAKE_ENDPOINTS);
}

static void all_end(void)
{
	for (uint32_t token = 1; token < world->next_token; token++)
		if (fake_find(world->fake, token))
			fake_close(world->fake, token, false);
	remove_others();
	fake_rules.endpoints.plugin = the_plugin;
	fake_rules.path_manager = world->fake->path_manager = PATH_MANAGER_KERNEL;
	engine_set_rules(world->engine, &fake_rules, world->now);
	cut_or_mend_all(false);
	be_quiet();
	g_assert_cmpuint(fake_count_endpoints(world->fake), ==, 1);
	cut_or_mend_all(true);
	be_quiet();
	check_table();
}

static void run_seed(uint32_t seed, bool tells)
{
	struct world here = {
		.fake = fake_new(),
		.ops = judged_ops(),
		.now = 1000,
		.next_token = 1,
		.tells = tells,
	};

	world = &here;
	here.fake->tells = tells;
	here.fake->path_manager = PATH_MANAGER_KERNEL;
	here.fake->limits = (struct event_limits){2, 2};
	fake_policy_reset();
	fake_rules.endpoints.plugin = the_plugin;
	fake_rules.endpoint_flags = MPTCPD_FLAG_SUBFLOW;
	fake_rules.mend_foreign = true;
	fake_rules.path_manager = PATH_MANAGER_KERNEL;
	fake_endpoint(here.fake, FOREIGN_ID, "192.0.2.7", MPTCPD_FLAG_SIGNAL, 0);
	for (uint32_t i = 1; i <= LINKS; i++)
		plug(i);
	start_engine();
	for (int i = 0; i < STEPS; i++)
		step();
	be_quiet();
	all_end();
	engine_free(here.engine);
	fake_free(here.fake);
}

static void does_no_harm(void)
{
	chance_run("HISTORY", 300, run_seed);
}

/* Links of which the kernel told more than was heard: what carries a connection is not known. */
static void closes_nothing_while_links_are_not_known(void)
{
	chance_run_one(5047, false, run_seed);
	chance_run_one(20069, false, run_seed);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	the_plugin = fake_rules.endpoints.plugin;
	g_test_add_func("/history/closes-nothing-needed-and-comes-to-rest", does_no_harm);
	g_test_add_func("/history/closes-nothing-while-links-are-not-known",
			closes_nothing_while_links_are_not_known);
	return g_test_run();
}
