/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* While somebody watches what connections carry: a brief snapshot a second, and what it tells. */
#include "engine-private.h"

/* However many ask, the kernel is asked that often. */
#define FRESH_MS 950
/* Nobody watches who has not asked for so long. */
#define WATCHED_MS 5000

static bool is_watched(const struct engine *engine, uint64_t now_ms)
{
	return engine->traffic.read_ms && now_ms - engine->traffic.read_ms < WATCHED_MS;
}

void watching_event(struct engine *engine, const struct event *event, uint64_t now_ms)
{
	struct traffic *traffic = &engine->traffic;

	if (!traffic->read_ms)
		return;
	if (!is_watched(engine, now_ms)) {
		traffic_done(traffic);
		return;
	}
	switch ((int)event->type) {
	case EVENT_SNAPSHOT_CONNECTION:
		traffic_note(traffic, event->token, event->connection.bytes_sent,
			     event->connection.bytes_received, now_ms);
		break;
	case EVENT_SNAPSHOT_BEGIN:
		if (event->snapshot == SNAPSHOT_CONNECTIONS)
			traffic_begin(traffic, now_ms);
		break;
	case EVENT_SNAPSHOT_END:
	case EVENT_SNAPSHOT_FAILED:
		if (event->snapshot == SNAPSHOT_CONNECTIONS)
			traffic_end(traffic, event->type == EVENT_SNAPSHOT_END, now_ms);
		break;
	}
}

bool engine_watch(struct engine *engine, uint64_t now_ms)
{
	struct traffic *traffic = &engine->traffic;

	if (!is_watched(engine, now_ms))
		traffic_done(traffic);
	traffic->read_ms = now_ms;
	if (!engine->resync[SNAPSHOT_CONNECTIONS].known ||
	    (traffic->taken_ms && now_ms - traffic->taken_ms < FRESH_MS))
		return true;
	return resync_brief(engine) < 0;
}

const struct traffic *engine_traffic(const struct engine *engine)
{
	return &engine->traffic;
}

bool engine_ask_connection(const struct engine *engine, uint32_t token,
			   struct connection_detail *ret_detail)
{
	return engine->ops->connection_detail &&
	       engine->ops->connection_detail(engine->kernel, token, ret_detail) == 0;
}

bool engine_ask_subflow(const struct engine *engine, const struct subflow *subflow,
			struct subflow_detail *ret_detail)
{
	return engine->ops->subflow_detail && subflow->local.port &&
	       engine->ops->subflow_detail(engine->kernel, &subflow->local, &subflow->remote,
					   subflow->is.bound ? subflow->ifindex : 0,
					   ret_detail) == 0;
}
