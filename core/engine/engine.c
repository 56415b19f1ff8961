/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The ground the engine stands on: its lists, what it tells, and the answers of commands. */
#include "engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine-private.h"
#include "saved.h"

/* ---- lists ---- */

void engine_mark_dirty(struct engine *engine, struct connection *connection)
{
	connection->as_planned = false;
	engine_mark_awaited(engine, connection);
}

void engine_mark_awaited(struct engine *engine, struct connection *connection)
{
	dirty_add(&engine->dirty, connection);
}

static void on_forget(void *data, struct connection *connection)
{
	struct engine *engine = data;

	engine_count(engine, connection->policy, -1);
	deadlines_set(&engine->deadlines, connection, UINT64_MAX);
	for (size_t i = 0; i < connection->more->n_announced; i++)
		if (connection->more->announced[i].is.listening)
			listen_unwant(engine, &connection->more->announced[i].want.listen,
				      connection->more->announced[i].want.listen_when);
	walk_forget(&engine->walk, connection);
	if (engine->observer.on_forget)
		engine->observer.on_forget(engine->observer.data, connection);
}

/* ---- life ---- */

struct engine *engine_new(const struct engine_setup *setup)
{
	struct engine *engine = calloc(1, sizeof(*engine));

	if (!engine)
		abort();
	model_init(&engine->model, setup->rules);
	engine->model.on_forget = on_forget;
	engine->model.on_forget_data = engine;
	engine->rules = setup->rules;
	engine_count_anew(engine);
	owner_rules_changed(engine);
	engine->ops = setup->ops;
	engine->kernel = setup->kernel;
	engine->observer = setup->observer;
	engine->guard = setup->guard ? setup->guard : &engine->own_guard;
	engine->random = setup->seed;
	engine->clock = setup->clock;
	engine->clock_data = setup->clock_data;
	engine->passive = setup->passive;
	engine->generation = 1;
	engine->endpoints.due_ms = UINT64_MAX;
	routing_kept_init(&engine->routing);
	engine->view.engine = engine;
	route_cache_init(&engine->routes, setup->ops, setup->kernel);
	for (size_t kind = 0; kind < SNAPSHOT_KINDS; kind++)
		if (kind != SNAPSHOT_ROUTING || !engine->passive)
			resync_want(engine, kind);
	return engine;
}

void engine_free(struct engine *engine)
{
	if (!engine)
		return;
	engine->observer = (struct engine_observer){0}; /* that we end does not end a connection */
	model_done(&engine->model);
	routing_kept_done(&engine->routing);
	deadlines_done(&engine->deadlines);
	free(engine->health.fars);
	dirty_done(&engine->dirty);
	free(engine->n_by_policy);
	traffic_done(&engine->traffic);
	free(engine->locals);
	free(engine);
}

const struct model *engine_model(const struct engine *engine)
{
	return &engine->model;
}

const struct engine_counters *engine_counters(const struct engine *engine)
{
	return &engine->counters;
}

/* ---- telling ---- */

void engine_tell(struct engine *engine, const struct change *change)
{
	if (engine->observer.on_change && change->type != CHANGE_NONE)
		engine->observer.on_change(engine->observer.data, change);
}

int engine_command(struct engine *engine, const struct connection *connection, const char *command,
		   int r)
{
	engine->counters.commands++;
	/* The connection has just ended, or takes no subflows. */
	if (r < 0 && r != -ENOTCONN) {
		struct notice notice = {
			.type = NOTICE_COMMAND_FAILED,
			.token = connection ? connection->token : 0,
			.error = r,
			.command = command,
			.text = engine->ops->error_text(engine->kernel),
		};

		engine->counters.command_errors++;
		if (engine->observer.on_notice)
			engine->observer.on_notice(engine->observer.data, &notice);
	}
	return r;
}

void engine_expect(const struct engine *engine, uint32_t token)
{
	model_expect(&engine->model, token);
}

void engine_close(struct engine *engine, struct connection *connection)
{
	struct change change;

	model_close_connection(&engine->model, connection, &change);
	engine_tell(engine, &change);
}

void engine_settled(struct engine *engine, struct connection *connection)
{
	/* While a part of its record is still to be shown, there is nothing better to save. */
	if (engine->observer.on_settled && connection->local.family &&
	    !saved_find(&engine->model, connection->token))
		engine->observer.on_settled(engine->observer.data, connection);
}

void engine_learn(struct engine *engine, const struct event *event, uint64_t now_ms)
{
	struct change change;

	if (model_apply(&engine->model, event, now_ms, &change) == 0)
		engine_tell(engine, &change);
}
