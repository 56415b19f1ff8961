/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One connection: ask its policy, compare with what is seen, close the difference. */
#include "addr.h"
#include "announce.h"
#include "choose.h"
#include "engine-private.h"
#include "failure.h"
#include "subflow.h"

/* So many pairs that no plan wants now are remembered, for what failed or a person said of them. */
#define REMEMBERED_MAX 64
/* So many SYNs to addresses that no plan wants any more may be under way before another one. */
#define ABANDONED_MAX 32
/* So many SYNs a connection sends in this time at most. */
#define TRIES_MAX 128
#define TRIES_INTERVAL_MS 10000

/* ---- wishes ---- */

static bool is_wish(const struct subflow *subflow)
{
	return subflow->is.state == SUBFLOW_ABSENT && !subflow->want.banned;
}

/* Each attempt that failed since has its next one set, wanted or not: plans are to know of it. */
static void note_failures(struct engine *engine, struct connection *connection, uint64_t now_ms)
{
	for (size_t i = 0; i < connection->n_subflows; i++)
		if (is_wish(&connection->subflows[i]) && connection->subflows[i].try.failed)
			backoff_path(engine, &connection->subflows[i], now_ms);
}

static bool is_remote(const struct connection *connection, const struct mptcpd_addr *addr)
{
	if (addr_equal(addr, &connection->remote))
		return !connection->remote_removed;
	for (size_t i = 0; i < connection->more->n_peers; i++)
		if (addr_equal(addr, &connection->more->peers[i].addr))
			return true;
	return false;
}

/* Is it worth knowing that it failed, though no plan wants it now? Then one may, later. */
static bool is_failure(const struct engine *engine, const struct connection *connection,
		       const struct subflow *subflow)
{
	const struct local *local =
		model_find_local(&engine->model, &subflow->local, subflow->ifindex);

	return subflow->try.attempts > 0 && local && choose_for(connection, local) == USABLE &&
	       is_remote(connection, &subflow->remote);
}

/* Wishes that nobody has any more, but for what a plan or a person is to find there again. */
static void forget_unwanted(const struct engine *engine, struct connection *connection)
{
	size_t n_kept = 0;

	for (size_t i = connection->n_subflows; i-- > 0;) {
		struct subflow *subflow = &connection->subflows[i];

		if (!is_wish(subflow) || subflow->want.by != WANTED_BY_NONE)
			continue;
		if ((subflow_is_pinned(subflow) || is_failure(engine, connection, subflow)) &&
		    n_kept < REMEMBERED_MAX)
			n_kept++;
		else
			connection_remove_subflow(connection, subflow);
	}
}

/*
 * A peer may announce one address after the other, and let none of them answer. Waits where it has
 * kept us busy enough.
 */
static bool is_too_many(struct connection *connection, struct subflow *subflow, uint64_t now_ms)
{
	size_t n = 0;

	for (size_t i = 0; i < connection->n_subflows; i++)
		n += connection->subflows[i].is.state == SUBFLOW_PENDING &&
		     connection->subflows[i].want.by == WANTED_BY_NONE;
	if (now_ms - time_full(connection->tries_since_ms, now_ms) >= TRIES_INTERVAL_MS) {
		connection->tries_since_ms = (uint32_t)now_ms;
		connection->n_tries = 0;
	}
	if (n < ABANDONED_MAX && connection->n_tries < TRIES_MAX) {
		connection->n_tries++;
		return false;
	}
	subflow->try.due_ms = now_ms + RETRY_MIN_MS;
	return true;
}

/* Is the wish to be tried now? Sets when it is, else. */
static bool is_due(struct subflow *subflow, bool host_changed, uint64_t now_ms)
{
	if (!is_wish(subflow) || subflow->want.forbidden || subflow->want.by == WANTED_BY_NONE)
		return false;
	/* A peer that answered with a refusal is not asked again because some route changed. */
	if (host_changed && !tries_refused(&subflow->try) &&
	    subflow->try.due_ms > subflow->is.since_ms + RETRY_MIN_MS)
		subflow->try.due_ms = subflow->is.since_ms + RETRY_MIN_MS;
	return !subflow->try.no_route && subflow->try.due_ms <= now_ms;
}

/* Before a plan builds on it. */
static void settle_doubts(struct engine *engine, struct connection *connection)
{
	for (size_t i = 0; i < connection->n_subflows; i++) {
		struct subflow *subflow = &connection->subflows[i];

		if (subflow->is.backup_unsure && subflow->is.state == SUBFLOW_ESTABLISHED)
			command_look_at_backup(engine, connection, subflow);
	}
}

/* False: as of engine_close_unwanted(). */
static bool set_wanted_backup(struct engine *engine, struct connection *connection,
			      struct subflow *subflow, uint64_t now_ms)
{
	int r;

	if (subflow->is.state != SUBFLOW_ESTABLISHED)
		return true;
	if (subflow->is.backup_asked && engine->create_keeps_backup)
		subflow->is.backup_asked = false;
	if (subflow->is.backup_asked)
		command_look_at_backup(engine, connection, subflow);
	if ((subflow->want.by == WANTED_BY_NONE && !subflow->is.scout) ||
	    subflow->want.backup == subflow->is.backup ||
	    (subflow->want.pinned && !subflow->is.backup_asked))
		return true;
	r = command_set_backup(engine, connection, subflow, subflow->want.backup);
	if (!command_survives(engine, connection, r))
		return false;
	if (r < 0)
		backoff_ask(connection, now_ms);
	return true;
}

static bool create_wanted(struct engine *engine, struct connection *connection, bool host_changed,
			  uint64_t now_ms)
{
	for (size_t i = 0; i < connection->n_subflows; i++) {
		struct subflow *subflow = &connection->subflows[i];

		if (is_due(subflow, host_changed, now_ms) &&
		    !is_too_many(connection, subflow, now_ms) &&
		    !command_survives(engine, connection,
				      command_create(engine, connection, subflow, now_ms)))
			return false;
		if (!set_wanted_backup(engine, connection, subflow, now_ms))
			return false;
	}
	return true;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t next_due(const struct connection *connection, uint64_t now_ms)
{
	uint64_t due = connection->more->ask_ms;

	for (size_t i = 0; i < connection->n_subflows; i++) {
		const struct subflow *subflow = &connection->subflows[i];

		if (is_wish(subflow) ? !subflow->want.forbidden && !subflow->try.no_route &&
					       subflow->want.by != WANTED_BY_NONE
				     : subflow->is.stale && subflow->try.due_ms > now_ms)
			due = earlier(due, subflow->try.due_ms);
	}
	return due;
}

/* Is it well, as its plan wants it? */
static bool is_served(const struct subflow *subflow)
{
	if (subflow->is.state == SUBFLOW_CLOSING)
		return subflow->want.by == WANTED_BY_NONE;
	if (subflow->want.by == WANTED_BY_NONE && engine_is_policys(subflow))
		return false; /* it goes, once another one is there */
	return subflow_is_seen(subflow) && !subflow->is.stale && !subflow->want.forbidden &&
	       !subflow->want.dropped && !subflow->want.unwelcome && !subflow->is.backup_asked &&
	       !subflow->is.backup_unsure &&
	       (subflow->want.by == WANTED_BY_NONE || subflow->want.backup == subflow->is.backup);
}

/*
 * Is all done that the plan wants, and would it be the same if what is awaited had happened? See
 * MPTCPD_TRAIT_ADDRESSES.
 */
static bool is_as_planned(const struct engine *engine, const struct connection *connection)
{
	if (!connection->policy || !(connection->policy->traits & MPTCPD_TRAIT_ADDRESSES) ||
	    engine->plan.ask_ms != UINT64_MAX || connection->ids_unknown ||
	    connection->more->n_announced || connection->more->n_failures)
		return false;
	for (size_t i = 0; i < connection->n_subflows; i++)
		if (!is_served(&connection->subflows[i]))
			return false;
	return true;
}

/* ---- all together ---- */

/* Is enough known to decide? Of one just found, subflows may be unknown, and would be doubled. */
static bool is_complete(const struct engine *engine, const struct connection *connection)
{
	return connection->local.family && connection->side != MPTCPD_SIDE_UNKNOWN &&
	       !connection->adopted;
}

void engine_reconcile(struct engine *engine, struct connection *connection, uint64_t now_ms)
{
	bool host_changed = connection->planned != engine->generation;
	uint64_t due, withdraw_due, announce_due;
	struct verdict verdict;

	connection->as_planned = false;
	if (!is_complete(engine, connection)) {
		connection->planned = 0; /* the walk after the snapshot comes back to it */
		return;
	}
	engine_place(engine, connection);
	wake_connection(engine, connection);
	decide_by_known(engine, connection); /* seen before the host was, it has none yet */
	connection->planned = engine->generation;
	deadlines_set(&engine->deadlines, connection, UINT64_MAX);
	if (connection->state == MPTCPD_CONNECTION_CLOSING || connection->fallback)
		return;
	/* Where we command by default, the probe waits until after the commands. */
	if (engine->model.path_manager != PATH_MANAGER_USERSPACE &&
	    !command_probe(engine, connection))
		return;
	if (connection->path_manager == PATH_MANAGER_KERNEL ||
	    !decide_asking(engine, connection, now_ms) ||
	    (connection->state == MPTCPD_CONNECTION_CREATED && !early_is_due(engine, connection)))
		return;
	if (connection->ids_unknown)
		engine_learn_announced(engine, connection);
	engine->routes.mark = engine_mark(engine, connection);
	note_failures(engine, connection, now_ms);
	settle_doubts(engine, connection);
	ask_paths(engine, connection);
	if (connection->ids_unknown)
		backoff_ask(connection, now_ms);
	engine_mark_drops(engine, connection);
	engine_judge_links(engine, connection);
	engine_match_plan(engine, connection, now_ms);
	verdict = engine_judge(engine, connection);
	early_keep(engine, connection);
	if (connection->state == MPTCPD_CONNECTION_CREATED)
		return; /* no command yet */
	if (engine->plan.n_refusals)
		ask_tell_refusals(engine, connection);
	withdraw_due = engine_withdraw_unwanted(engine, connection, now_ms);
	if (!engine_close_unwanted(engine, connection, verdict, now_ms))
		return;
	forget_unwanted(engine, connection);
	if (!create_wanted(engine, connection, host_changed, now_ms))
		return;
	announce_due = engine_announce_wanted(engine, connection, now_ms);
	connection->as_planned = is_as_planned(engine, connection);
	due = earlier(next_due(connection, now_ms), earlier(withdraw_due, announce_due));
	deadlines_set(&engine->deadlines, connection, due);
	command_probe(engine, connection);
}
