/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The model: applies events, sweeps after snapshots, finds things. */
#include "model.h"

#include <errno.h>

#include "connection.h"
#include "link-health.h"
#include "host.h"
#include "newer.h"
#include "saved.h"

void model_init(struct model *model, const struct rules *rules)
{
	*model = (struct model){.rules = rules, .next_serial = 1, .mark = 1};
	routing_init(&model->routing);
}

void model_done(struct model *model)
{
	connection_done(model);
	host_done(model);
	while (newer_sweep(model, SNAPSHOT_HOST) || newer_sweep(model, SNAPSHOT_ENDPOINTS))
		;
	routing_done(&model->routing);
}

void model_set_rules(struct model *model, const struct rules *rules)
{
	model->rules = rules;
	host_judge_all(model);
}

static void begin_snapshot(struct model *model, enum snapshot_kind kind, bool brief)
{
	model->snapshot[kind].brief = brief;
	model->snapshot[kind].failed = false;
	model->snapshot[kind].open = true;
	model->snapshot[kind].sweeping = false;
	model->snapshot[kind].again = false;
	model->snapshot[kind].mark = ++model->mark;
	if (kind == SNAPSHOT_ROUTING)
		routing_begin(&model->routing);
}

static void end_snapshot(struct model *model, enum snapshot_kind kind)
{
	if (!model->snapshot[kind].open)
		return;
	model->snapshot[kind].open = false;
	model->snapshot[kind].sweeping = true;
	if (kind == SNAPSHOT_CONNECTIONS)
		model->sweep_next =
			table_owner(table_first(&model->connections), struct connection);
}

/* Keep everything that it has not shown: the dump is not complete. */
static void give_up_snapshot(struct model *model, enum snapshot_kind kind)
{
	if (!model->snapshot[kind].open)
		return;
	model->snapshot[kind].failed = model->snapshot[kind].brief = true;
	model->snapshot[kind].mark = 0;
	end_snapshot(model, kind);
}

int model_apply(struct model *model, const struct event *event, uint64_t now_ms,
		struct change *ret_change)
{
	struct change change = {.type = CHANGE_NONE, .token = event->token};
	int r = 0;

	switch (event->type) {
	case EVENT_CONNECTION_CREATED:
	case EVENT_CONNECTION_ESTABLISHED:
	case EVENT_CONNECTION_CLOSED:
	case EVENT_SUBFLOW_ESTABLISHED:
	case EVENT_SUBFLOW_CLOSED:
	case EVENT_SUBFLOW_PRIORITY:
	case EVENT_ADDRESS_ANNOUNCED:
	case EVENT_ADDRESS_REMOVED:
	case EVENT_SNAPSHOT_CONNECTION:
	case EVENT_SNAPSHOT_SUBFLOW:
		r = connection_apply(model, event, now_ms, &change);
		break;
	case EVENT_SAVED_CONNECTION:
	case EVENT_SAVED_PEER:
	case EVENT_SAVED_SUBFLOW:
	case EVENT_SAVED_ANNOUNCED:
	case EVENT_SAVED_MEMORY:
		r = saved_apply(model, event);
		break;
	case EVENT_LISTENER_CREATED:
	case EVENT_LISTENER_CLOSED:
		change.type = event->type == EVENT_LISTENER_CREATED ? CHANGE_LISTENER_CREATED
								    : CHANGE_LISTENER_CLOSED;
		change.local = event->listener.addr;
		break;
	case EVENT_PROBE:
	case EVENT_EVIDENCE:
	case EVENT_EVIDENCE_END:
		break; /* the engine judges what it means */
	case EVENT_HEALTH:
		r = health_apply(model, &event->health, now_ms, &change);
		break;
	case EVENT_LINK:
	case EVENT_LINK_GONE:
	case EVENT_LOCAL:
	case EVENT_LOCAL_GONE:
		if (!newer_overtakes(model, SNAPSHOT_HOST, event))
			r = host_apply(model, event, &change);
		break;
	case EVENT_ENDPOINT:
	case EVENT_ENDPOINT_GONE:
	case EVENT_LIMITS:
		if (!newer_overtakes(model, SNAPSHOT_ENDPOINTS, event))
			r = host_apply(model, event, &change);
		break;
	case EVENT_ROUTES:
		if (event->news && model->snapshot[SNAPSHOT_ROUTING].open)
			model->snapshot[SNAPSHOT_ROUTING].again = true;
		change.news = event->news;
		change.type = CHANGE_ROUTES;
		change.host = true;
		break;
	case EVENT_ROUTE:
	case EVENT_RULE:
		routing_apply(&model->routing, event);
		break;
	case EVENT_PATH_MANAGER:
		if (model->path_manager != event->path_manager)
			change.type = CHANGE_PATH_MANAGER;
		model->path_manager = event->path_manager;
		break;
	case EVENT_SNAPSHOT_BEGIN:
	case EVENT_SNAPSHOT_END:
	case EVENT_SNAPSHOT_FAILED:
	case EVENT_LOST:
		if (event->snapshot >= SNAPSHOT_KINDS)
			return -EINVAL;
		change.snapshot = event->snapshot;
		if (event->type == EVENT_SNAPSHOT_BEGIN)
			begin_snapshot(model, event->snapshot, event->brief);
		else if (event->type == EVENT_SNAPSHOT_END)
			end_snapshot(model, event->snapshot);
		else
			change.type =
				event->type == EVENT_LOST ? CHANGE_LOST : CHANGE_SNAPSHOT_FAILED;
		if (event->type == EVENT_SNAPSHOT_FAILED)
			give_up_snapshot(model, event->snapshot);
		change.error = event->error;
		change.resync = event->type != EVENT_SNAPSHOT_BEGIN &&
				(event->type != EVENT_SNAPSHOT_END ||
				 model->snapshot[event->snapshot].again);
		break;
	}
	if (r == 0)
		*ret_change = change;
	return r;
}

bool model_is_sweeping(const struct model *model)
{
	for (size_t kind = 0; kind < SNAPSHOT_KINDS; kind++)
		if (model->snapshot[kind].sweeping)
			return true;
	return false;
}

static bool sweep_one(struct model *model, enum snapshot_kind kind, uint64_t now_ms,
		      struct change *change)
{
	switch (kind) {
	case SNAPSHOT_CONNECTIONS:
		return connection_sweep(model, now_ms, change);
	case SNAPSHOT_HOST:
		return newer_sweep(model, kind) || host_sweep(model, change);
	case SNAPSHOT_ENDPOINTS:
		return newer_sweep(model, kind) || host_sweep_endpoints(model, change);
	case SNAPSHOT_ROUTING:
		if (!model->snapshot[kind].failed)
			routing_end(&model->routing);
		return false;
	case SNAPSHOT_KINDS:
		break;
	}
	return false;
}

void model_sweep(struct model *model, uint64_t now_ms, struct change *ret_change)
{
	struct change change = {.type = CHANGE_NONE};
	enum snapshot_kind kind = 0;

	while (!model->snapshot[kind].sweeping)
		kind++;
	change.snapshot = kind;
	if (!sweep_one(model, kind, now_ms, &change)) {
		model->snapshot[kind].sweeping = false;
		if (!model->snapshot[kind].failed)
			change.type = CHANGE_RESYNCED;
	}
	*ret_change = change;
}
