/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What plugins want when they are asked. */
#include <string.h>

#include "engine-private.h"
#include "policy-memory.h"

/* A plugin is not asked again sooner than after this. */
#define ASK_MIN_MS 10
/* One that takes longer is told of. */
#define SLOW_NS 10000000

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

static uint64_t now_ns(const struct engine *engine)
{
	return engine->clock ? engine->clock(engine->clock_data) : 0;
}

/* `connection`: NULL, or one that may only be supposed, which has no name for people. */
static void tell_if_slow(struct engine *engine, const struct policy_plugin *plugin,
			 const struct connection *connection, uint64_t begin_ns)
{
	uint64_t took_ns = now_ns(engine) - begin_ns;
	struct notice notice;

	if (took_ns <= SLOW_NS || !engine->observer.on_notice)
		return;
	notice = (struct notice){.type = NOTICE_PLAN_SLOW,
				 .plugin = plugin->plugin->name,
				 .ms = (unsigned int)(took_ns / 1000000),
				 .text = ""};
	if (connection && model_find_connection(&engine->model, connection->token) == connection)
		notice.token = connection->token;
	engine->observer.on_notice(engine->observer.data, &notice);
}

/* Each of the stack in turn; `memory` is that of all of them, or NULL. */
static void ask_stack(struct engine *engine, struct connection *connection, uint8_t *memory)
{
	const struct policy *policy = connection->policy;
	struct mptcpd_connection seen = engine_view_connection(engine, connection);

	engine_view_addresses(engine, connection);
	for (size_t i = 0; policy && i < policy->n_plugins; i++) {
		const struct policy_plugin *plugin = &policy->plugins[i];
		uint64_t begin_ns;

		if (!plugin->plugin->plan_paths)
			continue;
		begin_ns = now_ns(engine);
		engine->plan.plugin = (uint8_t)i;
		seen.memory = plugin->plugin->memory_size && memory ? memory + plugin->memory_offset
								    : NULL;
		guard_enter(engine->guard, GUARD_PLAN_PATHS, plugin->id, connection->token,
			    engine->view.base.now_ms);
		plugin->plugin->plan_paths(plugin->data, &engine->view.base, &seen,
					   &engine->plan.base);
		guard_leave(engine->guard);
		tell_if_slow(engine, plugin, connection, begin_ns);
	}
	engine_view_addresses(engine, NULL);
}

static uint8_t *memory_of(const struct connection *connection)
{
	return connection->more->memory ? connection->more->memory->bytes : NULL;
}

void ask_paths(struct engine *engine, struct connection *connection)
{
	plan_init(&engine->plan, &engine->model, connection);
	ask_stack(engine, connection, memory_of(connection));
	set_ask(connection, engine->plan.ask_ms, engine->view.base.now_ms);
}

void ask_explain(struct engine *engine, struct connection *connection, uint64_t now_ms,
		 char *ret_words, size_t size)
{
	const struct policy_memory *memory = connection->more->memory;
	_Alignas(uint64_t) uint8_t copy[MPTCPD_MEMORY_MAX * UINT8_MAX];

	plan_init(&engine->plan, &engine->model, connection);
	plan_let_explain(&engine->plan, ret_words, size);
	if (!connection->policy || (memory && memory->size > sizeof(copy)))
		return;
	if (memory)
		memcpy(copy, memory->bytes, memory->size);
	engine->view.base.now_ms = now_ms;
	engine->routes.mark = engine_mark(engine, connection);
	ask_stack(engine, connection, memory ? copy : NULL);
	engine->routes.mark = 0;
}

static void call_plugin(struct engine *engine, const struct policy_plugin *plugin)
{
	uint64_t begin_ns = now_ns(engine);

	guard_enter(engine->guard, GUARD_PLAN_ENDPOINTS, plugin->id, 0, engine->view.base.now_ms);
	plugin->plugin->plan_endpoints(plugin->data, &engine->view.base, &engine->plan.base);
	guard_leave(engine->guard);
	tell_if_slow(engine, plugin, NULL, begin_ns);
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
