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

#include "addr.h"
#include "fake-kernel.h"
#include "fake-policy.h"

#define STEPS 150
#define LINKS 4

struct world {
	struct fake_kernel *fake;
	struct engine *engine;
	GRand *random;
	uint64_t now;
	uint32_t next_token, ifindex[LINKS];
	bool tells, has_restarted;
	bool has_twins; /* links 1 and 2 have the same address */
};

static struct world *world;

static uint32_t dice(uint32_t sides)
{
	return (uint32_t)g_rand_int_range(world->random, 0, (gint32)sides);
}

static void tell(const char *what, uint32_t a, uint32_t b)
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
		.seed = g_rand_int(world->random),
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
	g_autofree char *local = g_strdup_printf("10.0.%u.1:%u", dice(LINKS), 1000 + dice(50000));
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

	if (!connection)
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

/* ---- what must hold ---- */

/* Routing may just have brought it from the twin of its link, and no plan knows that yet. */
static bool is_guest(const struct subflow *subflow)
{
	return world->has_twins && subflow_is_seen(subflow) && !subflow->is.bound;
}

/* Counters agree, no record is there twice, and nobody waits for nothing. */
static void check_invariants(void)
{
	const struct model *model = engine_model(world->engine);
	const struct connection *connection = model_next_connection(model, 0);
	size_t n = 0;

	for (; connection; connection = connection_next(connection)) {
		n += connection_count_established(connection);
		for (size_t i = 0; i < connection->n_subflows; i++) {
			const struct subflow *a = &connection->subflows[i];

			for (size_t j = 0; j < i; j++) {
				const struct subflow *b = &connection->subflows[j];

				g_assert_false(a->want.by != WANTED_BY_NONE &&
					       b->want.by != WANTED_BY_NONE &&
					       a->want.instance == b->want.instance &&
					       a->want.port == b->want.port &&
					       a->ifindex == b->ifindex && !is_guest(a) &&
					       !is_guest(b) &&
					       addr_equal_host(&a->local, &b->local) &&
					       addr_equal(&a->remote, &b->remote));
			}
		}
	}
	g_assert_cmpuint(model->n_subflows, ==, n);
}

/* Those on this link; ifindex 0: those that are bound to none. */
static size_t count_pair(const struct fake_connection *fake, const struct mptcpd_addr *local,
			 uint32_t ifindex, const struct mptcpd_addr *remote)
{
	size_t n = 0;

	for (size_t i = 0; i < FAKE_SUBFLOWS; i++)
		n += fake->subflows[i].used && fake->subflows[i].ifindex == ifindex &&
		     addr_equal_host(&fake->subflows[i].local, local) &&
		     addr_equal(&fake->subflows[i].remote, remote);
	return n;
}

/* Adopted ones that no plan wants may be somebody's: nobody knows, so they are left alone. */
static size_t count_unknown(const struct connection *connection, const struct mptcpd_addr *local,
			    const struct mptcpd_addr *remote)
{
	size_t n = 0;

	for (size_t i = 0; i < connection->n_subflows; i++) {
		const struct subflow *subflow = &connection->subflows[i];

		n += subflow_is_seen(subflow) && !subflow->is.origin_known &&
		     addr_equal_host(&subflow->local, local) &&
		     addr_equal(&subflow->remote, remote);
	}
	return n;
}

/* Twins: each link has a subflow, or routing puts the one that is bound to none there. */
static void check_twin(const struct fake_connection *fake, const struct event_local *local,
		       const struct mptcpd_addr *remote)
{
	size_t n = count_pair(fake, &local->addr, local->ifindex, remote);
	size_t n_free = count_pair(fake, &local->addr, 0, remote);
	bool is_there = n_free && (uint32_t)fake_ops.egress(world->fake, &local->addr, remote, 0) ==
					  local->ifindex;

	g_assert_cmpuint(n + is_there, >=, 1);
	g_assert_cmpuint(n, <=, 1);
}

/* Each usable address of ours has one subflow to that address of the peer, and one only. */
static void check_pairs(const struct fake_connection *fake, const struct connection *connection,
			const struct mptcpd_addr *remote)
{
	for (size_t i = 0; i < FAKE_LOCALS; i++) {
		const struct mptcpd_addr *local = &world->fake->locals[i].addr;

		if (!world->fake->locals[i].ifindex)
			continue;
		tell("wanted pair of", fake->token, world->fake->locals[i].ifindex);
		if (world->has_twins && local->ip[2] == 1) {
			check_twin(fake, &world->fake->locals[i], remote);
			continue;
		}
		g_assert_cmpuint(count_pair(fake, local, world->fake->locals[i].ifindex, remote) +
					 count_pair(fake, local, 0, remote) -
					 count_unknown(connection, local, remote),
				 ==, 1);
	}
}

/* Of a connection that its policy may act on. */
static bool is_commanded(const struct fake_connection *fake, const struct connection *connection)
{
	return fake->established && connection->state == MPTCPD_CONNECTION_ESTABLISHED &&
	       connection->policy;
}

static bool is_listed(const struct fake_connection *fake, size_t id, uint32_t flags)
{
	for (size_t i = 0; i < FAKE_ADDRESSES; i++)
		if (fake->addresses[i].addr.family && fake->addresses[i].id == id)
			return (fake->addresses[i].flags & flags) == flags;
	return false;
}

/* Of which nobody knows after a restart who announced it, or, if the kernel does not show it, that. */
static bool is_mystery(const struct fake_connection *fake, const struct connection *connection,
		       size_t id)
{
	for (size_t i = 0; i < connection->n_announced; i++)
		if (connection->announced[i].id == id &&
		    connection->announced[i].want.by == WANTED_BY_SOMEBODY)
			return true;
	return !is_listed(fake, id, MPTCPD_FLAG_SIGNAL);
}

/* Is the peer to be told of it: by the policy, or because it was to forget the initial address? */
static bool is_to_be_told(const struct connection *connection, const struct mptcpd_addr *addr)
{
	bool is_initial = addr_equal_host(addr, &connection->local) && !addr->port;

	if (is_initial && !connection->local_removed)
		return false;
	return addr_equal(addr, &fake_policy.announced) ||
	       (is_initial && connection->side == MPTCPD_SIDE_SERVER);
}

/*
 * The peer was told what is to be announced, by an id under which the kernel has it, and nothing
 * else.
 */
static void check_told(const struct fake_connection *fake, const struct connection *connection)
{
	const struct mptcpd_addr *wanted = &fake_policy.announced;
	struct mptcpd_addr initial = addr_host(&connection->local);
	size_t n = 0, n_wanted;

	if (!is_commanded(fake, connection))
		return;
	n_wanted = wanted->family && is_to_be_told(connection, wanted);
	n_wanted += !addr_equal(wanted, &initial) && is_to_be_told(connection, &initial);
	for (size_t id = 1; id < G_N_ELEMENTS(fake->told); id++) {
		bool right = is_to_be_told(connection, &fake->told[id]);

		if (!fake->told[id].family ||
		    (!right && world->has_restarted && is_mystery(fake, connection, id)))
			continue;
		tell("told", fake->token, (uint32_t)id);
		g_assert_true(right);
		g_assert_true(is_listed(fake, id, 0));
		n++;
	}
	g_assert_cmpuint(n, ==, n_wanted);
}

/* What we made over the backup link is a backup, and nothing else is. */
static void check_backup(const struct fake_connection *fake, const struct connection *connection)
{
	for (size_t i = 0; i < connection->n_subflows && is_commanded(fake, connection); i++) {
		const struct subflow *subflow = &connection->subflows[i];

		if (subflow->is.state != SUBFLOW_ESTABLISHED || subflow->want.by == WANTED_BY_NONE)
			continue;
		for (size_t j = 0; j < FAKE_SUBFLOWS; j++) {
			const struct fake_subflow *seen = &fake->subflows[j];

			if (seen->used && addr_equal(&seen->local, &subflow->local) &&
			    addr_equal(&seen->remote, &subflow->remote))
				g_assert_cmpint(seen->backup, ==, seen->local.ip[2] == LINKS - 1);
		}
	}
}

static void check_wanted(const struct fake_connection *fake, const struct connection *connection)
{
	if (fake->side != MPTCPD_SIDE_CLIENT || !fake->established)
		return;
	/* The role of a connection whose initial subflow is gone cannot be found out by a restart. */
	if (connection->side != MPTCPD_SIDE_CLIENT)
		return;
	/* Nor, once no subflow is left to show it, whether it ever was established. */
	if (connection->state == MPTCPD_CONNECTION_CREATED && fake_count_subflows(fake) == 0)
		return;
	if (!connection->deny_join_id0 && !connection->remote_removed)
		check_pairs(fake, connection, &connection->remote);
	for (size_t i = 0; i < connection->n_peers; i++)
		check_pairs(fake, connection, &connection->peers[i].addr);
}

static void check_seen(const struct fake_connection *fake, const struct connection *connection)
{
	size_t n = 0;

	for (size_t i = 0; i < connection->n_subflows; i++)
		n += subflow_is_seen(&connection->subflows[i]);
	g_assert_cmpuint(n, ==, fake_count_subflows(fake));
	g_assert_cmpuint(connection_count_established(connection), ==, fake_count_subflows(fake));
	for (size_t i = 0; i < FAKE_SUBFLOWS; i++) {
		const struct fake_subflow *subflow = &fake->subflows[i];
		bool found = !subflow->used;

		for (size_t j = 0; j < connection->n_subflows && !found; j++)
			found = addr_equal(&connection->subflows[j].local, &subflow->local) &&
				addr_equal(&connection->subflows[j].remote, &subflow->remote) &&
				connection->subflows[j].is.local_id == subflow->local_id;
		g_assert_true(found);
	}
}

static void check_truth(void)
{
	size_t n = 0;

	for (size_t i = 0; i < FAKE_CONNECTIONS; i++) {
		const struct fake_connection *fake = &world->fake->connections[i];
		const struct connection *connection;

		if (!fake->used)
			continue;
		n++;
		connection = model_find_connection(engine_model(world->engine), fake->token);
		tell("check", fake->token, fake->established);
		g_assert_nonnull(connection);
		check_seen(fake, connection);
		check_wanted(fake, connection);
		check_told(fake, connection);
		check_backup(fake, connection);
	}
	g_assert_cmpuint(table_count(&engine_model(world->engine)->connections), ==, n);
}

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
}

static void run_seed(uint32_t seed, bool tells)
{
	struct world here = {
		.fake = fake_new(),
		.random = g_rand_new_with_seed(seed),
		.now = 1000,
		.next_token = 1,
		.tells = tells,
	};

	world = &here;
	here.fake->tells = tells;
	here.fake->ignores_backup = dice(2);
	here.has_twins = seed % 3 == 1;
	fake_policy_reset();
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
	engine_free(here.engine);
	fake_free(here.fake);
	g_rand_free(here.random);
}

static void finds_the_truth(void)
{
	const char *seed = g_getenv("PROPERTY_SEED"), *seeds = g_getenv("PROPERTY_SEEDS");
	uint32_t n = seeds ? (uint32_t)atoi(seeds) : 300;

	if (seed) {
		run_seed((uint32_t)atoi(seed), true);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		g_test_message("PROPERTY_SEED=%u", i);
		run_seed(i, false);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/property/seen-becomes-wanted-and-the-model-the-truth", finds_the_truth);
	return g_test_run();
}
