/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whatever happens, in whatever order, with events lost and commands failing: once it is quiet,
 * what is seen is what is wanted, and the model is the truth.
 *
 *	test-property            some hundred seeds
 *	PROPERTY_SEEDS=10000     so many
 *	PROPERTY_SEED=N          this one, telling every step
 */
#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "chance.h"
#include "fake-policy.h"
#include "property.h"

#define STEPS 150

struct world *world;
static uint64_t n_asked_early; /* subflows, of all seeds */

void tell(const char *what, uint32_t a, uint32_t b)
{
	if (world->tells)
		g_printerr("%8" G_GUINT64_FORMAT " %s %x %u\n", world->now, what, a, b);
}

static void start_engine(void)
{
	world->engine = engine_new(&(struct engine_setup){
		.rules = &fake_rules,
		.ops = &fake_ops,
		.kernel = world->fake,
		.clock = fake_clock,
		.clock_data = world->fake,
		.seed = dice(INT32_MAX),
	});
}

/* Commands come between the records of a dump, too. */
static void between(void *data)
{
	(void)data;
	if (dice(3) == 0)
		engine_settle(world->engine, world->now);
}

/* ---- steps ---- */

/* Paths over the last link are to be backups. */
static char *name_of(uint32_t i)
{
	return g_strdup_printf(i == LINKS - 1 ? "backup%u" : "eth%u", i);
}

static void plug(uint32_t i)
{
	g_autofree char *name = name_of(i);
	g_autofree char *address = g_strdup_printf("10.0.%u.1", world->has_twins && i == 2 ? 1 : i);

	fake_link(world->fake, world->ifindex[i], name, true, true);
	fake_address(world->fake, world->ifindex[i], address);
}

static bool is_plugged(uint32_t i)
{
	for (size_t j = 0; j < FAKE_LINKS; j++)
		if (world->fake->links[j].ifindex == world->ifindex[i])
			return true;
	return false;
}

static void step_link(void)
{
	uint32_t i = dice(LINKS), action = dice(5);
	g_autofree char *name = name_of(i);

	tell("link", i, action);
	if (!is_plugged(i)) {
		world->ifindex[i] += 100;
		plug(i);
	} else if (action == 0) {
		fake_link_gone(world->fake, world->ifindex[i]);
	} else if (action == 1) {
		fake_link(world->fake, world->ifindex[i], name, false, false);
	} else if (action == 2) {
		fake_route(world->fake, world->ifindex[i], dice(2));
	} else {
		fake_link(world->fake, world->ifindex[i], name, true, dice(2));
	}
}

static void step_connect(void)
{
	/* Ports from 40000 on are those of joins. */
	g_autofree char *local = g_strdup_printf("10.0.%u.1:%u", dice(LINKS), 1000 + dice(39000));
	g_autofree char *remote = g_strdup_printf("10.9.0.%u:5000", dice(3));
	enum mptcpd_side side = dice(4) ? MPTCPD_SIDE_CLIENT : MPTCPD_SIDE_SERVER;
	uint32_t token = world->next_token++;

	if (token > 200)
		return;
	tell("connect", token, side);
	fake_connect(world->fake, token, side, local, remote);
	if (dice(3))
		fake_establish(world->fake, token);
}

static struct fake_connection *any_connection(void)
{
	for (int tries = 0; tries < 20; tries++) {
		struct fake_connection *connection = fake_find(world->fake, 1 + dice(60));

		if (connection)
			return connection;
	}
	return NULL;
}

static void step_connection(void)
{
	struct fake_connection *connection = any_connection();
	uint32_t action = dice(10), i = dice(FAKE_SUBFLOWS);

	/* What a peer tells of its addresses is taken once the connection is established. */
	if (!connection || (action >= 2 && action < 5 && !connection->established))
		return;
	tell("connection", connection->token, action);
	if (action < 2)
		fake_close(world->fake, connection->token, action);
	else if (action < 4)
		fake_announced(world->fake, connection->token, (uint8_t)(1 + dice(3)),
			       dice(2) ? "10.9.1.1:5000" : "10.9.1.2:5000");
	else if (action == 4)
		fake_removed(world->fake, connection->token, (uint8_t)dice(3));
	else if (action < 7 && !connection->established)
		fake_establish(world->fake, connection->token);
	else if (connection->subflows[i].used && !connection->subflows[i].initial)
		fake_reset(world->fake, connection, i, dice(2) ? ECONNRESET : 0);
}

/* A new configuration, and another address to be announced by every connection. */
static void announce_something(void)
{
	static const char *const addresses[] = {"10.0.0.1", "10.0.1.1", "10.0.2.1:7000"};
	uint32_t i = dice(G_N_ELEMENTS(addresses) + 1);

	fake_policy.announced = (struct mptcpd_addr){0};
	if (i < G_N_ELEMENTS(addresses))
		fake_policy.announced = fake_addr(addresses[i]);
	engine_set_rules(world->engine, &fake_rules, world->now);
}

static void fail_next(uint32_t command, int error)
{
	/* With these the kernel says that there is nothing to take back or to tell, ever. */
	if ((command == FAKE_WITHDRAW && error == EINVAL) ||
	    (command == FAKE_IDS && (error == EINVAL || error == EOPNOTSUPP)))
		return;
	world->fake->fail[command] = -error;
}

static void step_trouble(void)
{
	/* All that kernel commands were seen to fail with. */
	static const int errors[] = {EINVAL,	  ENOTCONN, EADDRNOTAVAIL, ENODEV, EADDRINUSE,
				     ESRCH,	  EEXIST,   EBUSY,	   ERANGE, EOPNOTSUPP,
				     EPERM,	  ENOMEM,   ENOBUFS,	   ENOENT, ETIMEDOUT,
				     ENETUNREACH, EAGAIN};
	uint32_t action = dice(6);

	tell("trouble", action, 0);
	if (action == 0)
		world->fake->limit_events = dice(2) ? 1 + dice(8) : 0;
	else if (action == 1)
		fail_next(dice(FAKE_COMMANDS - 3), errors[dice(G_N_ELEMENTS(errors))]);
	else if (action == 2)
		world->fake->fail[dice(2) ? FAKE_SNAPSHOT : FAKE_DUMP] = -EBUSY;
	else if (action == 3)
		world->fake->out_of_time = dice(2);
	else if (action == 5)
		announce_something();
	else if (action == 4 && dice(4) == 0) {
		engine_free(world->engine);
		world->has_restarted = true;
		start_engine();
	}
}

static void step(void)
{
	static const int answers[] = {0, 0, 0, ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH};

	switch (dice(8)) {
	case 0:
		step_link();
		break;
	case 1:
		step_connect();
		break;
	case 2:
	case 3:
		step_connection();
		break;
	case 4:
		step_trouble();
		break;
	case 5:
		fake_answer(world->fake, answers[dice(G_N_ELEMENTS(answers))]);
		break;
	default:
		world->now += dice(3) ? dice(30) : dice(20000);
		break;
	}
	if (dice(3))
		fake_deliver(world->fake, world->engine, world->now);
	if (dice(3))
		engine_settle(world->engine, world->now);
}

/* ---- all together ---- */

/* The network is well again and all is answered, for long enough that every back-off ends. */
static void calm_down(void)
{
	tell("calm", 0, 0);
	world->fake->limit_events = 0;
	world->fake->out_of_time = false;
	world->fake->between = NULL;
	memset(world->fake->fail, 0, sizeof(world->fake->fail));
	for (uint32_t i = 0; i < LINKS; i++) {
		g_autofree char *name = name_of(i);

		if (!is_plugged(i))
			plug(i);
		fake_link(world->fake, world->ifindex[i], name, true, true);
		fake_route(world->fake, world->ifindex[i], true);
	}
	for (int i = 0; i < 40; i++) {
		fake_run(world->fake, world->engine, world->now);
		fake_answer(world->fake, 0);
		fake_run(world->fake, world->engine, world->now);
		world->now += 10000;
	}
	/* a peer that closed what it had accepted is asked once an hour */
	for (int i = 0; i < 2; i++) {
		world->now += 4400000;
		fake_run(world->fake, world->engine, world->now);
		fake_answer(world->fake, 0);
	}
	fake_run(world->fake, world->engine, world->now);
	fake_forget_log(world->fake);
	world->now += 61000;
	fake_run(world->fake, world->engine, world->now);
	g_assert_cmpuint(world->fake->n_commands, ==, 0);
	/* Those whose policy was not asked since their first plan want the same when it is. */
	engine_set_rules(world->engine, &fake_rules, world->now);
	world->now += 1000;
	fake_run(world->fake, world->engine, world->now);
	g_assert_cmpuint(world->fake->n_commands, ==, 0);
}

static void run_seed(uint32_t seed, bool tells)
{
	struct world here = {
		.fake = fake_new(),
		.now = 1000,
		.next_token = 1,
		.tells = tells,
	};

	world = &here;
	here.fake->tells = tells;
	here.fake->ignores_backup = dice(2);
	here.has_twins = seed % 3 == 1;
	fake_policy_reset();
	fake_policies[0].traits = seed % 2 ? MPTCPD_TRAIT_ADDRESSES : 0;
	for (uint32_t i = 0; i < LINKS; i++) {
		here.ifindex[i] = i + 1;
		plug(i);
	}
	here.fake->between = between;
	start_engine();
	for (int i = 0; i < STEPS; i++) {
		step();
		check_invariants();
	}
	calm_down();
	check_invariants();
	check_truth();
	n_asked_early += (uint64_t)here.fake->n_asked;
	engine_free(here.engine);
	fake_free(here.fake);
}

static void finds_the_truth(void)
{
	chance_run("PROPERTY", 300, run_seed);
	g_assert_cmpuint(n_asked_early, >, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/property/seen-becomes-wanted-and-the-model-the-truth", finds_the_truth);
	return g_test_run();
}
