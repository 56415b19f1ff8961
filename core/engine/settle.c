/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The engine's order of work: what is looked at after which fact, when, and for how long. */
#include "change.h"
#include "engine-private.h"
#include "owned.h"

/* A settle takes so long at most, so that new events and those who ask need not wait. */
#define SETTLE_NS 1000000
/* Snapshots that fail are asked for again, more and more slowly: so far apart at most. */
#define RESYNC_SLOWEST_MS 8000

/* ---- facts in ---- */

static void tell_established(struct engine *engine, const struct connection *connection)
{
	struct change change = {.type = CHANGE_CONNECTION_ESTABLISHED};

	connection_describe(connection, &change);
	engine_tell(engine, &change);
}

/* A record of a snapshot may tell two things: observers see them in their natural order. */
static void tell_in_order(struct engine *engine, const struct connection *connection,
			  const struct change *change)
{
	bool is_two =
		connection && change->established && change->type != CHANGE_CONNECTION_ESTABLISHED;

	if (is_two && change->type != CHANGE_CONNECTION_CREATED)
		tell_established(engine, connection);
	engine_tell(engine, change);
	if (is_two && change->type == CHANGE_CONNECTION_CREATED)
		tell_established(engine, connection);
}

static void snapshot_failed(struct engine *engine, const struct change *change, uint64_t now_ms)
{
	static const char *const names[SNAPSHOT_KINDS] = {
		[SNAPSHOT_CONNECTIONS] = "dump of connections",
		[SNAPSHOT_HOST] = "dump of links and addresses",
		[SNAPSHOT_ENDPOINTS] = "dump of endpoints",
		[SNAPSHOT_ROUTING] = "dump of rules and routes",
	};
	struct notice notice = {
		.type = NOTICE_COMMAND_FAILED,
		.error = -change->error,
		.command = names[change->snapshot],
		.text = "",
	};

	engine->resync[change->snapshot].due_ms =
		now_ms + backoff_next(&engine->resync[change->snapshot].n_failed,
				      RESYNC_INTERVAL_MS, RESYNC_SLOWEST_MS);
	if (engine->observer.on_notice)
		engine->observer.on_notice(engine->observer.data, &notice);
}

static void tell_refused(struct engine *engine, const struct change *change)
{
	struct notice notice = {
		.type = NOTICE_ANNOUNCEMENT_REFUSED,
		.token = change->token,
		.text = change->refused,
		.remote = change->remote,
	};

	engine->counters.announcements_refused++;
	if (engine->observer.on_notice)
		engine->observer.on_notice(engine->observer.data, &notice);
}

static void snapshot_ended(struct engine *engine, struct change *change, uint64_t now_ms)
{
	enum snapshot_kind kind = change->snapshot;
	bool is_brief = kind == SNAPSHOT_CONNECTIONS && engine->model.snapshot[kind].brief;
	bool makes_up =
		!is_brief && model_is_younger(&engine->model, kind, engine->resync[kind].lost_mark);

	engine->resync[kind].n_failed = 0;
	/* A snapshot that began before the loss does not make up for it: another one comes. */
	change->after_loss = engine->resync[kind].lost && makes_up;
	engine->resync[kind].lost &= !makes_up;
	engine->counters.resyncs += change->after_loss;
	if (kind == SNAPSHOT_CONNECTIONS)
		walk_informed(engine, now_ms);
	if (is_brief)
		return; /* it tells nothing that a plan depends on */
	engine->resync[kind].known = true;
	engine->host_dirty |= kind == SNAPSHOT_HOST;
	/* Endpoints that are leaving may go after a snapshot of connections. */
	engine->endpoints.dirty |= kind == SNAPSHOT_CONNECTIONS || kind == SNAPSHOT_ENDPOINTS;
	engine->routing.dirty |= kind == SNAPSHOT_ROUTING;
	if (kind == SNAPSHOT_ENDPOINTS)
		owned_compare_all(engine);
	if (kind == SNAPSHOT_CONNECTIONS) {
		engine_measured(engine, now_ms);
		mend_informed(engine);
		walk_start(engine, now_ms);
	}
}

static void host_changed(struct engine *engine, const struct change *change, uint64_t now_ms)
{
	engine->host_dirty = true;
	engine->listeners.dirty = true; /* who can listen where */
	resync_watch_foreign(engine, now_ms);
	routing_touch(engine, change, now_ms);
	if (!engine->passive)
		returned_see(engine, change, now_ms);
}

static void subflow_closed(struct engine *engine, const struct change *change,
			   const struct connection *connection, uint64_t now_ms)
{
	if (change->unmade)
		evidence_unmade(engine, change, now_ms);
	if (connection && connection->path_manager == PATH_MANAGER_KERNEL)
		engine_endpoint_lost(engine, change, now_ms);
}

static void take_change(struct engine *engine, struct change *change,
			const struct connection *connection, uint64_t now_ms)
{
	switch ((int)change->type) {
	case CHANGE_SUBFLOW_ESTABLISHED:
		if (change->joined)
			tally_joined(engine, connection, change->joined_ms);
		break;
	case CHANGE_SUBFLOW_CLOSED:
		tally_closed(engine, change);
		subflow_closed(engine, change, connection, now_ms);
		break;
	case CHANGE_LISTENER_CREATED:
	case CHANGE_LISTENER_CLOSED:
		engine->listeners.dirty = true;
		break;
	case CHANGE_LOST:
		engine->counters.events_lost++;
		engine->resync[change->snapshot].lost = true;
		engine->resync[change->snapshot].lost_mark = engine->model.mark;
		routing_touch(engine, change, now_ms);
		break;
	case CHANGE_SNAPSHOT_FAILED:
		snapshot_failed(engine, change, now_ms);
		if (change->snapshot == SNAPSHOT_CONNECTIONS)
			walk_informed(engine, now_ms);
		break;
	case CHANGE_RESYNCED:
		engine->listeners.dirty |= change->snapshot == SNAPSHOT_CONNECTIONS;
		snapshot_ended(engine, change, now_ms);
		break;
	default:
		engine->endpoints.dirty |= change->type >= CHANGE_ENDPOINT_ADDED &&
					   change->type <= CHANGE_PATH_MANAGER;
	}
}

static void connection_changed(struct engine *engine, struct connection *connection,
			       struct change *change)
{
	if (engine->model.n_double_locals)
		engine_place_change(engine, connection, change);
	if (change->whose)
		decide_anew(engine, connection);
	decide_by_known(engine, connection);
	change->policy = connection->policy;
	if (change->awaited)
		engine_mark_awaited(engine, connection);
	else
		engine_mark_dirty(engine, connection);
	if (connection->adopted && !connection->saved_slot &&
	    !engine->resync[SNAPSHOT_CONNECTIONS].known)
		connection->ids_unknown = true;
}

static void handle_change(struct engine *engine, struct change *change, uint64_t now_ms)
{
	bool is_new = change->type != CHANGE_NONE || change->established;
	struct connection *connection =
		is_new && change->token ? model_find_connection(&engine->model, change->token)
					: NULL;

	if (connection)
		connection_changed(engine, connection, change);
	engine->creates_unbound |= change->unbound;
	if (change->resync)
		resync_want(engine, change->snapshot);
	if (change->refused)
		tell_refused(engine, change);
	take_change(engine, change, connection, now_ms);
	if (is_new && change->token)
		engine_endpoint_touched(engine);
	if (change->host)
		host_changed(engine, change, now_ms);
	tell_in_order(engine, connection, change);
}

/* Did the kernel tell it by itself? Records of dumps are what it was asked for. */
static bool is_news(const struct event *event)
{
	return event->type <= EVENT_ROUTES && !event->dumped;
}

void engine_event(struct engine *engine, const struct event *event, uint64_t now_ms)
{
	struct change change;

	engine->counters.events += is_news(event);
	engine_see_begin(engine, event, now_ms);
	if (model_apply(&engine->model, event, now_ms, &change) < 0)
		engine->counters.events_bad++;
	else
		handle_change(engine, &change, now_ms);
	if (event->type == EVENT_CONNECTION_ESTABLISHED)
		early_learn(engine, event, now_ms);
	else if (event->type >= EVENT_SNAPSHOT_BEGIN && event->type <= EVENT_SNAPSHOT_FAILED)
		watching_event(engine, event, now_ms);
	else if (event->type >= EVENT_PROBE)
		evidence_event(engine, event, now_ms);
}

void engine_set_rules(struct engine *engine, const struct rules *rules, uint64_t now_ms)
{
	struct connection *connection;

	engine_reconsider_limits(engine, rules);
	engine->rules = rules;
	engine_count_anew(engine);
	owner_rules_changed(engine);
	model_set_rules(&engine->model, rules);
	connection = model_next_connection(&engine->model, 0);
	for (; connection; connection = connection_next(connection)) {
		decide_forget(connection);
		decide_by_known(engine, connection);
	}
	engine->host_dirty = true;
	engine->host_due_ms = now_ms;
	routing_renew(engine, now_ms);
	resync_want(engine, SNAPSHOT_HOST); /* sysctls of links change without an event */
	resync_want(engine, SNAPSHOT_ENDPOINTS); /* the path manager may be another one too */
}

/* ---- settling ---- */

/* A host that is slow or has very much to look at goes on, if by one step each time. */
static bool is_time_left(struct engine *engine)
{
	bool is_first = !engine->has_stepped;

	engine->has_stepped = true;
	return is_first || !engine->clock ||
	       engine->clock(engine->clock_data) < engine->deadline_ns;
}

/* Returns whether all that a snapshot left to remove is removed. */
static bool settle_sweep(struct engine *engine, uint64_t now_ms)
{
	struct change change;

	while (model_is_sweeping(&engine->model)) {
		if (!is_time_left(engine))
			return false;
		model_sweep(&engine->model, now_ms, &change);
		handle_change(engine, &change, now_ms);
	}
	if (engine->brief_waits)
		resync_brief(engine);
	return true;
}

/* What is new there may have to wait for its rules. */
static uint64_t host_due(const struct engine *engine, uint64_t now_ms)
{
	uint64_t awaited = routing_awaited(engine, now_ms);

	return awaited > engine->host_due_ms ? awaited : engine->host_due_ms;
}

static void settle_host(struct engine *engine, uint64_t now_ms)
{
	if (!engine->host_dirty || now_ms < host_due(engine, now_ms) ||
	    returned_wait(engine, now_ms))
		return;
	engine->host_dirty = false;
	engine->host_due_ms = now_ms + HOST_INTERVAL_MS;
	route_cache_flush(&engine->routes);
	engine_look_for_marks(engine);
	engine->generation++;
	engine_update_view(engine, now_ms);
	engine->endpoints.dirty = true;
	walk_start(engine, now_ms);
	walk_seek(engine, now_ms);
}

/* Not by routes of which it is known that they changed: those are looked at in a moment. */
static void settle_endpoints(struct engine *engine, uint64_t now_ms)
{
	if (engine->passive) {
		engine->endpoints.dirty = false;
		engine->endpoints.due_ms = UINT64_MAX;
		return;
	}
	if (!engine->host_dirty && (engine->endpoints.dirty || engine->endpoints.due_ms <= now_ms))
		engine_reconcile_endpoints(engine, now_ms);
}

static void settle_one(struct engine *engine, struct connection *connection, uint64_t now_ms)
{
	uint64_t serial = connection->serial;
	uint32_t token = connection->token;

	if (engine->passive)
		return;
	if (!connection->as_planned || connection->planned != engine->generation)
		engine_reconcile(engine, connection, now_ms);
	else
		command_probe(engine, connection);
	engine->routes.mark = 0;
	connection = model_find_connection(&engine->model, token);
	if (connection && connection->serial == serial)
		engine_settled(engine, connection);
}

static bool settle_dirty(struct engine *engine, uint64_t now_ms)
{
	struct connection *connection;

	while (engine->dirty.n > 0) {
		if (!is_time_left(engine))
			return false;
		connection = dirty_take(&engine->dirty, &engine->model);
		if (connection)
			settle_one(engine, connection, now_ms);
	}
	return true;
}

static bool settle_deadlines(struct engine *engine, uint64_t now_ms)
{
	struct connection *connection;

	while (deadlines_next(&engine->deadlines) <= now_ms) {
		if (!is_time_left(engine))
			return false;
		connection = deadlines_first(&engine->deadlines);
		if (engine_await_measures(engine, connection, now_ms))
			continue;
		deadlines_set(&engine->deadlines, connection, UINT64_MAX);
		settle_one(engine, connection, now_ms);
	}
	return true;
}

/* Returns whether there is nothing to do now. */
static bool settle_walk(struct engine *engine, uint64_t now_ms)
{
	if (walk_is_over(&engine->walk))
		return true;
	engine->many.is_on = true;
	while (walk_is_on(engine, now_ms) && is_time_left(engine)) {
		struct connection *connection = walk_step(&engine->walk);

		if (connection && connection->planned != engine->generation)
			settle_one(engine, connection, now_ms);
	}
	many_settle(engine);
	engine->many.is_on = false;
	return !walk_is_on(engine, now_ms);
}

static uint64_t next_deadline(const struct engine *engine, uint64_t now_ms)
{
	uint64_t first = deadlines_next(&engine->deadlines), next = resync_next(engine, now_ms);

	if (!engine->host_dirty && engine->endpoints.due_ms < next)
		next = engine->endpoints.due_ms;
	if (first < next)
		next = first;
	if (health_next(engine) < next)
		next = health_next(engine);
	if (!walk_is_over(&engine->walk) && walk_next(&engine->walk) < next)
		next = walk_next(&engine->walk);
	if (returned_next(engine) < next)
		next = returned_next(engine);
	if (engine->cgroups_due_ms < next)
		next = engine->cgroups_due_ms;
	if (engine->routing.due_ms < next)
		next = engine->routing.due_ms;
	if (engine->host_dirty && host_due(engine, now_ms) < next)
		next = host_due(engine, now_ms);
	return next;
}

/* Nothing is planned before the host is known, and what packets of its addresses need is there. */
static bool may_begin(const struct engine *engine, uint64_t now_ms)
{
	return engine->resync[SNAPSHOT_HOST].known &&
	       (engine->generation > 1 || !routing_awaited(engine, now_ms));
}

static uint64_t next_to_begin(const struct engine *engine, uint64_t now_ms)
{
	uint64_t next = resync_next(engine, now_ms), awaited = routing_awaited(engine, now_ms);

	if (routing_is_due(engine, now_ms))
		return now_ms;
	return awaited && awaited < next ? awaited : next;
}

uint64_t engine_settle(struct engine *engine, uint64_t now_ms)
{
	bool done;

	if (engine->clock)
		engine->deadline_ns = engine->clock(engine->clock_data) + SETTLE_NS;
	engine->has_stepped = false;
	engine->view.base.now_ms = now_ms;
	resync_settle(engine, now_ms);
	if (engine->resync[SNAPSHOT_HOST].known)
		routing_settle(engine, now_ms);
	if (!may_begin(engine, now_ms))
		return settle_sweep(engine, now_ms) && !may_begin(engine, now_ms)
			       ? next_to_begin(engine, now_ms)
			       : now_ms;
	health_settle(engine, now_ms);
	settle_host(engine, now_ms);
	returned_settle(engine, now_ms); /* where that did not */
	settle_endpoints(engine, now_ms);
	owner_settle(engine, now_ms);
	listen_settle(engine);
	done = settle_dirty(engine, now_ms) && settle_sweep(engine, now_ms) &&
	       settle_deadlines(engine, now_ms) && settle_walk(engine, now_ms) &&
	       engine->dirty.n == 0 && !routing_is_due(engine, now_ms) &&
	       !(engine->endpoints.dirty && engine->resync[SNAPSHOT_ENDPOINTS].known &&
		 !engine->host_dirty);
	return done ? next_deadline(engine, now_ms) : now_ms;
}
