/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who decides for a connection, and what plugins want when they are asked. */
#include "engine-private.h"
#include "policy-memory.h"

/* A plugin is not asked again sooner than after this. */
#define ASK_MIN_MS 10

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
		if (connection->subflows[i].is.initial)
			return connection->subflows[i].ifindex;
	return 0;
}

void ask_find_policy(struct engine *engine, struct connection *connection)
{
	const struct local *local;
	struct subject subject;

	if (connection->policy_known || connection->side == MPTCPD_SIDE_UNKNOWN ||
	    !connection->local.family || engine->generation == 1)
		return;
	local = engine_find_link(engine, &connection->local, &connection->remote,
				 initial_ifindex(connection));
	connection->ifindex = local ? local->interface->is.ifindex : initial_ifindex(connection);
	connection->temporary |= local && local->is.temporary;
	connection->policy_known = true;
	for (size_t i = 0; i < connection->n_subflows; i++)
		connection->subflows[i].want.dropped = false; /* by another policy */
	subject = (struct subject){
		.side = connection->side,
		.local = connection->local,
		.remote = connection->remote,
		.interface = local ? local->interface->is.name : "",
	};
	if (!is_kept_apart(local))
		connection->policy = rules_for_connection(engine->rules, &subject);
	connection->set_aside =
		connection->policy && is_set_aside(engine, connection->policy, connection->token);
	if (connection->set_aside)
		connection->policy = NULL;
	engine_count(engine, connection->policy, 1);
	policy_memory_take(connection);
}

/* ---- what they want ---- */

void ask_tell_refusals(struct engine *engine, const struct connection *connection)
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

/* Whatever a plugin asks for: never a tight loop. */
static void set_ask(struct connection *connection, uint64_t ask_ms, uint64_t now_ms)
{
	if (ask_ms < now_ms + ASK_MIN_MS)
		ask_ms = now_ms + ASK_MIN_MS;
	if (ask_ms != connection->more->ask_ms)
		connection_more(connection)->ask_ms = ask_ms;
}

void ask_paths(struct engine *engine, struct connection *connection)
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
		seen.memory = plugin->plugin->memory_size && connection->more->memory
				      ? connection->more->memory->bytes + plugin->memory_offset
				      : NULL;
		guard_enter(engine->guard, GUARD_PLAN_PATHS, plugin->id, connection->token,
			    engine->view.base.now_ms);
		plugin->plugin->plan_paths(plugin->data, &engine->view.base, &seen,
					   &engine->plan.base);
		guard_leave(engine->guard);
	}
	engine_view_addresses(engine, NULL);
	set_ask(connection, engine->plan.ask_ms, engine->view.base.now_ms);
}

static void call_plugin(struct engine *engine, const struct policy_plugin *plugin)
{
	guard_enter(engine->guard, GUARD_PLAN_ENDPOINTS, plugin->id, 0, engine->view.base.now_ms);
	plugin->plugin->plan_endpoints(plugin->data, &engine->view.base, &engine->plan.base);
	guard_leave(engine->guard);
}

void ask_endpoints(struct engine *engine)
{
	const struct policy_plugin *plugin = &engine->rules->endpoints;

	plan_init(&engine->plan, &engine->model, NULL);
	if (plugin->plugin && plugin->plugin->plan_endpoints &&
	    engine->model.path_manager != PATH_MANAGER_USERSPACE)
		call_plugin(engine, plugin);
	if (engine->plan.n_refusals)
		ask_tell_refusals(engine, NULL);
}
