/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What must hold at any time, and what when all is quiet. */
#include <glib.h>
#include <string.h>

#include "addr.h"
#include "fake-policy.h"
#include "property.h"

/* Routing may just have brought it from the twin of its link, and no plan knows that yet. */
static bool is_guest(const struct subflow *subflow)
{
	return world->has_twins && subflow_is_seen(subflow) && !subflow->is.bound;
}

void check_invariants(void)
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

/*
 * Adopted ones that no plan wants may be somebody's: nobody knows, so they are left alone. Those on
 * this link; ifindex 0: on any.
 */
static size_t count_unknown(const struct connection *connection, const struct mptcpd_addr *local,
			    uint32_t ifindex, const struct mptcpd_addr *remote)
{
	size_t n = 0;

	for (size_t i = 0; i < connection->n_subflows; i++) {
		const struct subflow *subflow = &connection->subflows[i];

		n += subflow_is_seen(subflow) && !subflow->is.origin_known &&
		     (!ifindex || (subflow->is.bound && subflow->ifindex == ifindex)) &&
		     addr_equal_host(&subflow->local, local) &&
		     addr_equal(&subflow->remote, remote);
	}
	return n;
}

/* Twins: each link has a subflow, or routing puts the one that is bound to none there. */
static void check_twin(const struct fake_connection *fake, const struct connection *connection,
		       const struct event_local *local, const struct mptcpd_addr *remote)
{
	size_t n = count_pair(fake, &local->addr, local->ifindex, remote) -
		   count_unknown(connection, &local->addr, local->ifindex, remote);
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
			check_twin(fake, connection, &world->fake->locals[i], remote);
			continue;
		}
		g_assert_cmpuint(count_pair(fake, local, world->fake->locals[i].ifindex, remote) +
					 count_pair(fake, local, 0, remote) -
					 count_unknown(connection, local, 0, remote),
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
	for (size_t i = 0; i < connection->more->n_announced; i++)
		if (connection->more->announced[i].id == id &&
		    connection->more->announced[i].want.by == WANTED_BY_SOMEBODY)
			return true;
	return !is_listed(fake, id, MPTCPD_FLAG_SIGNAL);
}

/*
 * Would the connection be left without any subflow if this was taken back? The peer closes all that
 * have the id that it is told to forget.
 */
static bool is_needed(const struct fake_connection *fake, size_t id)
{
	size_t n = 0;

	for (size_t i = 0; i < FAKE_SUBFLOWS; i++)
		n += fake->subflows[i].used && !fake->subflows[i].syn_sent &&
		     fake->subflows[i].local_id == id;
	return n > 0 && n == fake_count_subflows(fake);
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
 * else, but for what the connection would end with.
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
		    (!right && (is_needed(fake, id) ||
				(world->has_restarted && is_mystery(fake, connection, id)))))
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
	for (size_t i = 0; i < connection->more->n_peers; i++)
		check_pairs(fake, connection, &connection->more->peers[i].addr);
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

void check_truth(void)
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
