/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One connection: ask its policy, compare with what is seen, close the difference. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "choose.h"
#include "engine-private.h"
#include "saved.h"

/* A path that failed is not tried more often than this, however often the host changes. */
#define RETRY_MIN_MS 1000
/* Nor is a plugin asked again sooner than after this. */
#define ASK_MIN_MS 10
/* So many failures of pairs that no plan wants now are remembered. */
#define FAILURES_MAX 64
/* So many SYNs to addresses that no plan wants any more may be under way before another one. */
#define ABANDONED_MAX 32
/* So many SYNs a connection sends in this time at most. */
#define TRIES_MAX 128
#define TRIES_INTERVAL_MS 10000

/* ---- who decides ---- */

/*
 * A connection that starts on a link which is not to be used (loopback, a VPN's tunnel) stays
 * there: paths beside it would lead past the VPN.
 */
static bool is_kept_apart(const struct local *start)
{
	return start &&
	       (start->usability == UNUSABLE_LOOPBACK || start->usability == UNUSABLE_CONFIGURED ||
		start->usability == UNUSABLE_TUNNEL);
}

/* Whatever one of the stack is set aside for: without it the others could open what it forbids. */
static bool is_set_aside(const struct engine *engine, const struct policy *policy, uint32_t token)
{
	for (size_t i = 0; i < policy->n_plugins; i++)
		if (guard_is_aside(engine->guard, policy->plugins[i].id, token))
			return true;
	return false;
}

/* Where its initial subflow was seen last, 0: not known. */
static uint32_t initial_ifindex(const struct connection *connection)
{
	for (size_t i = 0; i < connection->n_subflows; i++)
		if (connection->subflows[i].initial)
			return connection->subflows[i].ifindex;
	return 0;
}

void engine_find_policy(struct engine *engine, struct connection *connection)
{
	const struct local *local;

	if (connection->policy_known || connection->side == MPTCPD_SIDE_UNKNOWN ||
	    !connection->local.family || engine->generation == 1)
		return;
	local = engine_find_link(engine, &connection->local, &connection->remote,
				 initial_ifindex(connection));
	connection->ifindex = local ? local->interface->ifindex : initial_ifindex(connection);
	connection->temporary |= local && local->temporary;
	connection->policy_known = true;
	for (size_t i = 0; i < connection->n_subflows; i++)
		connection->subflows[i].dropped = false; /* by another policy */
	if (!is_kept_apart(local))
		connection->policy = rules_for_connection(engine->rules, connection->side,
							  &connection->local, &connection->remote,
							  local ? local->interface->name : "");
	connection->set_aside =
		connection->policy && is_set_aside(engine, connection->policy, connection->token);
	if (connection->set_aside)
		connection->policy = NULL;
	engine_count(engine, connection->policy, 1);
	saved_take_memory(connection);
}

bool engine_know_path_manager(struct engine *engine, struct connection *connection)
{
	int r;

	if (connection->path_manager != PATH_MANAGER_UNKNOWN)
		return true;
	r = engine->ops->probe(engine->kernel, connection->token);
	if (r == PROBE_GONE) {
		engine_close(engine, connection);
		return false;
	}
	if (r == PROBE_USERSPACE || r == PROBE_KERNEL)
		connection->path_manager =
			r == PROBE_USERSPACE ? PATH_MANAGER_USERSPACE : PATH_MANAGER_KERNEL;
	return true;
}

bool engine_survives(struct engine *engine, struct connection *connection, int r)
{
	if (r != -EINVAL)
		return true;
	connection->path_manager = PATH_MANAGER_UNKNOWN;
	return engine_know_path_manager(engine, connection) &&
	       connection->path_manager == PATH_MANAGER_USERSPACE;
}

/* ---- what is wanted ---- */

void engine_tell_refusals(struct engine *engine, const struct connection *connection)
{
	const struct plan *plan = &engine->plan;
	const struct policy_plugin *stack =
		connection ? connection->policy->plugins : &engine->rules->endpoints;

	engine->counters.plans_refused += plan->n_refusals;
	for (size_t i = 0; i < plan->n_refusals && i < MPTCPD_PLAN_MAX; i++) {
		const struct plan_refusal *refusal = &plan->refusals[i];
		struct notice notice = {
			.type = NOTICE_PLAN_REFUSED,
			.token = connection ? connection->token : 0,
			.error = refusal->error,
			.plugin = stack[refusal->plugin].plugin->name,
			.text = "",
			.local = refusal->local,
			.remote = refusal->remote,
		};

		if (engine->observer.on_notice)
			engine->observer.on_notice(engine->observer.data, &notice);
	}
}

static void ask_policy(struct engine *engine, struct connection *connection)
{
	const struct policy *policy = connection->policy;
	struct mptcpd_connection seen = engine_view_connection(engine, connection);

	plan_init(&engine->plan, &engine->model, connection);
	engine_view_addresses(engine, connection);
	for (size_t i = 0; policy && i < policy->n_plugins; i++) {
		const struct policy_plugin *plugin = &policy->plugins[i];

		if (!plugin->plugin->plan_paths)
			continue;
		engine->plan.plugin = (uint8_t)i;
		seen.memory = connection->memory
				      ? (uint8_t *)connection->memory + plugin->memory_offset
				      : NULL;
		guard_enter(engine->guard, GUARD_PLAN_PATHS, plugin->id, connection->token,
			    engine->view.base.now_ms);
		plugin->plugin->plan_paths(plugin->data, &engine->view.base, &seen,
					   &engine->plan.base);
		guard_leave(engine->guard);
	}
	engine_view_addresses(engine, NULL);
	connection->ask_ms = engine->plan.ask_ms;
	/* Whatever a plugin asks for: never a tight loop. */
	if (connection->ask_ms < engine->view.base.now_ms + ASK_MIN_MS)
		connection->ask_ms = engine->view.base.now_ms + ASK_MIN_MS;
}

/* ---- wanted against seen ---- */

void engine_ask_soon(struct connection *connection, uint64_t now_ms)
{
	if (connection->ask_ms > now_ms + RETRY_MIN_MS)
		connection->ask_ms = now_ms + RETRY_MIN_MS;
}

/* ---- wishes ---- */

static bool is_wish(const struct subflow *subflow)
{
	return subflow->state == SUBFLOW_WANTED && !subflow->gone && !subflow->banned;
}

/* Each attempt that failed since has its next one set, wanted or not: plans are to know of it. */
static void note_failures(struct engine *engine, struct connection *connection, uint64_t now_ms)
{
	for (size_t i = 0; i < connection->n_subflows; i++)
		if (is_wish(&connection->subflows[i]) && connection->subflows[i].failed)
			engine_back_off(engine, &connection->subflows[i], now_ms);
}

static bool is_remote(const struct connection *connection, const struct mptcpd_addr *addr)
{
	if (addr_equal(addr, &connection->remote))
		return !connection->remote_removed;
	for (size_t i = 0; i < connection->n_peers; i++)
		if (addr_equal(addr, &connection->peers[i].addr))
			return true;
	return false;
}

/* Is it worth knowing that it failed, though no plan wants it now? Then one may, later. */
static bool is_failure(const struct engine *engine, const struct connection *connection,
		       const struct subflow *subflow)
{
	const struct local *local =
		model_find_local(&engine->model, &subflow->local, subflow->ifindex);

	return subflow->attempts > 0 && local && choose_for(connection, local) == USABLE &&
	       is_remote(connection, &subflow->remote);
}

/* Wishes that nobody has any more. */
static void forget_unwanted(const struct engine *engine, struct connection *connection)
{
	size_t n_failures = 0;

	for (size_t i = connection->n_subflows; i-- > 0;) {
		struct subflow *subflow = &connection->subflows[i];

		if (!is_wish(subflow) || subflow->wanted_by != WANTED_BY_NONE)
			continue;
		if (is_failure(engine, connection, subflow) && n_failures < FAILURES_MAX)
			n_failures++;
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
		n += connection->subflows[i].state == SUBFLOW_PENDING &&
		     connection->subflows[i].wanted_by == WANTED_BY_NONE;
	if (now_ms - connection->tries_since_ms >= TRIES_INTERVAL_MS) {
		connection->tries_since_ms = now_ms;
		connection->n_tries = 0;
	}
	if (n < ABANDONED_MAX && connection->n_tries < TRIES_MAX) {
		connection->n_tries++;
		return false;
	}
	subflow->due_ms = now_ms + RETRY_MIN_MS;
	return true;
}

/* Is the wish to be tried now? Sets when it is, else. */
static bool is_due(struct subflow *subflow, bool host_changed, uint64_t now_ms)
{
	if (!is_wish(subflow) || subflow->forbidden || subflow->wanted_by == WANTED_BY_NONE)
		return false;
	/* A peer that answered with a refusal is not asked again because some route changed. */
	if (host_changed && !subflow->refused && subflow->due_ms > subflow->since_ms + RETRY_MIN_MS)
		subflow->due_ms = subflow->since_ms + RETRY_MIN_MS;
	return !subflow->no_route && subflow->due_ms <= now_ms;
}

/* False: as of engine_close_unwanted(). */
static bool set_wanted_backup(struct engine *engine, struct connection *connection,
			      struct subflow *subflow, uint64_t now_ms)
{
	int r;

	if (subflow->state != SUBFLOW_ESTABLISHED || subflow->gone)
		return true;
	if (subflow->backup_asked && engine->create_keeps_backup)
		subflow->backup_asked = false;
	if (subflow->backup_asked)
		engine_look_at_backup(engine, connection, subflow);
	if (subflow->wanted_by == WANTED_BY_NONE || subflow->want_backup == subflow->backup ||
	    (subflow->pinned && !subflow->backup_asked))
		return true;
	r = engine_set_backup(engine, connection, subflow, subflow->want_backup);
	if (!engine_survives(engine, connection, r))
		return false;
	if (r < 0)
		engine_ask_soon(connection, now_ms);
	return true;
}

static bool create_wanted(struct engine *engine, struct connection *connection, bool host_changed,
			  uint64_t now_ms)
{
	for (size_t i = 0; i < connection->n_subflows; i++) {
		struct subflow *subflow = &connection->subflows[i];

		if (is_due(subflow, host_changed, now_ms) &&
		    !is_too_many(connection, subflow, now_ms) &&
		    !engine_survives(engine, connection,
				     engine_create(engine, connection, subflow, now_ms)))
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

static uint64_t next_due(const struct connection *connection)
{
	uint64_t due = connection->ask_ms;

	for (size_t i = 0; i < connection->n_subflows; i++) {
		const struct subflow *subflow = &connection->subflows[i];

		if (is_wish(subflow) && !subflow->forbidden && !subflow->no_route &&
		    subflow->wanted_by != WANTED_BY_NONE && subflow->due_ms < due)
			due = subflow->due_ms;
	}
	return due;
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

	if (!is_complete(engine, connection)) {
		connection->planned = 0; /* the walk after the snapshot comes back to it */
		return;
	}
	engine_place(engine, connection);
	engine_find_policy(engine, connection); /* one seen before the host was has none yet */
	connection->planned = engine->generation;
	deadlines_set(&engine->deadlines, connection, UINT64_MAX);
	if (connection->state == MPTCPD_CONNECTION_CLOSING || connection->fallback)
		return;
	/* Where we command by default, the probe waits until after the commands. */
	if ((connection->state == MPTCPD_CONNECTION_CREATED ||
	     engine->model.path_manager != PATH_MANAGER_USERSPACE) &&
	    !engine_know_path_manager(engine, connection))
		return;
	if (connection->state == MPTCPD_CONNECTION_CREATED ||
	    connection->path_manager == PATH_MANAGER_KERNEL)
		return;
	if (connection->ids_unknown)
		engine_learn_announced(engine, connection);
	engine->routes.mark = engine_mark(engine, connection);
	note_failures(engine, connection, now_ms);
	ask_policy(engine, connection);
	if (connection->ids_unknown)
		engine_ask_soon(connection, now_ms);
	engine_mark_drops(engine, connection);
	engine_match_plan(engine, connection, now_ms);
	verdict = engine_judge(engine, connection);
	if (engine->plan.n_refusals)
		engine_tell_refusals(engine, connection);
	withdraw_due = engine_withdraw_unwanted(engine, connection, now_ms);
	if (!engine_close_unwanted(engine, connection, verdict, now_ms))
		return;
	forget_unwanted(engine, connection);
	if (!create_wanted(engine, connection, host_changed, now_ms))
		return;
	announce_due = engine_announce_wanted(engine, connection, now_ms);
	due = earlier(next_due(connection), earlier(withdraw_due, announce_due));
	deadlines_set(&engine->deadlines, connection, due);
	engine_know_path_manager(engine, connection);
}
