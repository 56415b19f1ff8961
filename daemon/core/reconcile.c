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

/* ---- who decides ---- */

/*
 * A connection that starts on a link which is not to be used (loopback, a VPN's tunnel) stays
 * there: paths beside it would lead past the VPN.
 */
static bool is_kept_apart(const struct local *start)
{
	return start &&
	       (start->usability == USABLE_NOT_LOOPBACK ||
		start->usability == USABLE_NOT_CONFIGURED || start->usability == USABLE_NOT_TUNNEL);
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

/*
 * A command was answered with EINVAL: that is how the kernel says that the connection is gone, or
 * not ours to command. False: there is no use in going on; it may have been freed.
 */
static bool survives(struct engine *engine, struct connection *connection, int r)
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
	if (engine->plan.n_refusals)
		engine_tell_refusals(engine, connection);
}

/* ---- wanted against seen ---- */

/* Its address on its link; NULL: it is not there any more. */
static const struct local *find_local(const struct engine *engine, const struct subflow *subflow)
{
	return model_find_local(&engine->model, &subflow->local, subflow->ifindex);
}

/* Can no packet leave by it any more? */
static bool is_lost(const struct engine *engine, const struct subflow *subflow)
{
	const struct local *local = find_local(engine, subflow);

	return !local || !local->interface->up || !local->interface->carrier;
}

static bool is_covered(const struct plan *plan, const struct subflow *subflow)
{
	for (size_t i = 0; i < plan->n_paths; i++)
		if (plan->paths[i].path.ifindex == subflow->ifindex &&
		    addr_equal_host(&plan->paths[i].path.local, &subflow->local) &&
		    addr_equal(&plan->paths[i].path.remote, &subflow->remote))
			return true;
	return false;
}

/*
 * Judge what is seen: forbidden, stale. Returns whether a subflow is there that carries on if all
 * others go: without one, nothing is closed for being lost or unwanted, because the kernel ends a
 * connection soon after its last subflow.
 */
static bool judge_seen(struct engine *engine, struct connection *connection)
{
	bool has_good = false;

	for (size_t i = 0; i < connection->n_subflows; i++) {
		struct subflow *subflow = &connection->subflows[i];
		bool lost = subflow_is_seen(subflow) && is_lost(engine, subflow);

		subflow->forbidden = plan_forbids(&engine->plan, &subflow->local, &subflow->remote,
						  subflow->ifindex);
		if (subflow->state != SUBFLOW_ESTABLISHED || subflow->gone)
			continue;
		if (lost)
			subflow->stale = true;
		else if (subflow->stale && !is_covered(&engine->plan, subflow))
			subflow->stale = false;
		has_good |= !subflow->stale && !subflow->forbidden &&
			    (subflow->wanted_by != WANTED_BY_NONE || !engine_is_policys(subflow));
	}
	return has_good;
}

/* A subflow that a plan would want if only a route led there is left to TCP meanwhile. */
static bool lacks_route(struct engine *engine, const struct connection *connection,
			const struct subflow *subflow)
{
	const struct local *local = find_local(engine, subflow);

	return local && choose_for(connection, local) == USABLE &&
	       !route_exists(&engine->routes, local, &subflow->remote);
}

/*
 * Its address is there, and another one of its link is used in its place now, as temporary addresses
 * follow each other: that is joined first.
 */
static bool has_heir_to_come(const struct engine *engine, const struct connection *connection,
			     const struct subflow *old)
{
	const struct local *local = find_local(engine, old);

	if (!local || choose_for(connection, local) == USABLE)
		return false;
	for (size_t i = 0; i < connection->n_subflows; i++) {
		const struct subflow *heir = &connection->subflows[i];

		if (heir->wanted_by != WANTED_BY_NONE && heir->ifindex == old->ifindex &&
		    addr_equal(&heir->remote, &old->remote) && !heir->gone && !heir->refused &&
		    (heir->state == SUBFLOW_WANTED || heir->state == SUBFLOW_PENDING))
			return true;
	}
	return false;
}

static bool should_close(struct engine *engine, const struct connection *connection,
			 const struct subflow *subflow, bool has_good)
{
	if (!subflow_is_seen(subflow) || subflow->state == SUBFLOW_CLOSING || connection->set_aside)
		return false;
	if (subflow->forbidden)
		return true;
	if (is_lost(engine, subflow))
		return has_good || subflow->state == SUBFLOW_PENDING;
	if (subflow->wanted_by != WANTED_BY_NONE)
		return false;
	if (subflow->stale)
		return has_good;
	return engine_is_policys(subflow) && has_good &&
	       !lacks_route(engine, connection, subflow) &&
	       !has_heir_to_come(engine, connection, subflow);
}

static bool is_dropped(const struct plan *plan, const struct subflow *subflow)
{
	for (size_t i = 0; i < plan->n_drops; i++)
		if (addr_equal(&plan->drops[i].local, &subflow->local) &&
		    addr_equal(&plan->drops[i].remote, &subflow->remote))
			return subflow_is_seen(subflow) && subflow->state != SUBFLOW_CLOSING;
	return false;
}

/* Has another link that works the same address? Its subflows have the same id. */
static bool is_alive_elsewhere(const struct model *model, const struct subflow *lost)
{
	const struct local *other = NULL;

	while ((other = model_next_local(model, &lost->local, other)))
		if (other->interface->ifindex != lost->ifindex && other->interface->up &&
		    other->interface->carrier)
			return true;
	return false;
}

/*
 * The address is gone: the peer is told to close every subflow of that id, once, and before any
 * DESTROY, which makes the kernel forget the id.
 */
static int withdraw_lost(struct engine *engine, struct connection *connection,
			 const struct subflow *lost)
{
	int r;

	if (is_alive_elsewhere(&engine->model, lost))
		return 0;

	for (const struct subflow *before = connection->subflows; before < lost; before++)
		if (before->state == SUBFLOW_CLOSING && before->local_id == lost->local_id)
			return 0;
	r = engine->ops->withdraw(engine->kernel, connection->token, lost->local_id);
	if (r == 0)
		engine_withdrawn(connection, lost->local_id, engine->view.base.now_ms);
	/* EINVAL: the kernel has forgotten the id, and so has nothing to say. */
	return engine_command(engine, connection, "REMOVE", r == -EINVAL ? 0 : r);
}

/* A command failed that no back-off of a subflow's own tries again. */
static void ask_soon(struct connection *connection, uint64_t now_ms)
{
	if (connection->ask_ms > now_ms + RETRY_MIN_MS)
		connection->ask_ms = now_ms + RETRY_MIN_MS;
}

/* False: the connection is not ours any more, or gone. */
static bool close_unwanted(struct engine *engine, struct connection *connection, bool has_good,
			   uint64_t now_ms)
{
	for (size_t i = 0; i < connection->n_subflows; i++) {
		struct subflow *subflow = &connection->subflows[i];
		int r = 0;

		if (!should_close(engine, connection, subflow, has_good) &&
		    !is_dropped(&engine->plan, subflow))
			continue;
		if (subflow->state == SUBFLOW_ESTABLISHED && has_good && is_lost(engine, subflow))
			r = withdraw_lost(engine, connection, subflow);
		if (r == 0)
			r = engine_destroy(engine, connection, subflow, now_ms);
		if (!survives(engine, connection, r))
			return false;
		if (r < 0)
			ask_soon(connection, now_ms); /* it is still there */
	}
	return true;
}

/* Wishes that nobody has any more. */
static void forget_unwanted(struct connection *connection)
{
	for (size_t i = connection->n_subflows; i-- > 0;) {
		struct subflow *subflow = &connection->subflows[i];

		if (subflow->state == SUBFLOW_WANTED && !subflow->gone && !subflow->banned &&
		    subflow->wanted_by == WANTED_BY_NONE)
			connection_remove_subflow(connection, subflow);
	}
}

/* Is the wish to be tried now? Sets when it is, else. */
static bool is_due(struct engine *engine, const struct connection *connection,
		   struct subflow *subflow, bool host_changed, uint64_t now_ms)
{
	const struct local *local = find_local(engine, subflow);

	if (subflow->state != SUBFLOW_WANTED || subflow->gone || subflow->banned ||
	    subflow->forbidden || subflow->wanted_by == WANTED_BY_NONE)
		return false;
	if (subflow->failed)
		engine_back_off(engine, subflow, now_ms);
	/* A peer that answered with a refusal is not asked again because some route changed. */
	if (host_changed && !subflow->refused && subflow->due_ms > subflow->since_ms + RETRY_MIN_MS)
		subflow->due_ms = subflow->since_ms + RETRY_MIN_MS;
	subflow->no_route = !local || choose_for(connection, local) != USABLE ||
			    !route_exists(&engine->routes, local, &subflow->remote) ||
			    !engine_can_bind(engine, local, &subflow->remote);
	return !subflow->no_route && subflow->due_ms <= now_ms;
}

/* False: as of close_unwanted(). */
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
	if (!survives(engine, connection, r))
		return false;
	if (r < 0)
		ask_soon(connection, now_ms);
	return true;
}

static bool create_wanted(struct engine *engine, struct connection *connection, bool host_changed,
			  uint64_t now_ms)
{
	for (size_t i = 0; i < connection->n_subflows; i++) {
		struct subflow *subflow = &connection->subflows[i];

		if (is_due(engine, connection, subflow, host_changed, now_ms) &&
		    !survives(engine, connection,
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

		if (subflow->state == SUBFLOW_WANTED && !subflow->gone && !subflow->banned &&
		    !subflow->forbidden && !subflow->no_route &&
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
	bool has_good;

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
	ask_policy(engine, connection);
	if (connection->ids_unknown)
		ask_soon(connection, now_ms);
	engine_match_plan(engine, connection, now_ms);
	has_good = judge_seen(engine, connection);
	withdraw_due = engine_withdraw_unwanted(engine, connection, now_ms);
	if (!close_unwanted(engine, connection, has_good, now_ms))
		return;
	forget_unwanted(connection);
	if (!create_wanted(engine, connection, host_changed, now_ms))
		return;
	announce_due = engine_announce_wanted(engine, connection, now_ms);
	due = earlier(next_due(connection), earlier(withdraw_due, announce_due));
	deadlines_set(&engine->deadlines, connection, due);
	engine_know_path_manager(engine, connection);
}
