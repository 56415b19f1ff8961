/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Actions of an administrator on endpoints and limits; endpoint.c finds out whose they were. */
#include <errno.h>

#include "engine-private.h"

static struct endpoint *find(const struct engine *engine, const struct event_endpoint *endpoint)
{
	if (!endpoint->id && !endpoint->addr.family)
		return NULL;
	return model_find_endpoint(&engine->model, endpoint->id, &endpoint->addr);
}

static void learn_gone(struct engine *engine, const struct event_endpoint *is, uint64_t now_ms)
{
	need_closed(engine, &is->addr, now_ms);
	engine_event(engine, &(struct event){.type = EVENT_ENDPOINT_GONE, .endpoint = *is}, now_ms);
}

int engine_endpoint_add(struct engine *engine, const struct event_endpoint *endpoint,
			uint64_t now_ms)
{
	int r = engine_command(engine, NULL, "ADD_ADDR",
			       engine->ops->endpoint_add(engine->kernel, endpoint));

	resync_want(engine, SNAPSHOT_ENDPOINTS); /* which id it got */
	return r;
}

int engine_endpoint_change(struct engine *engine, const struct event_endpoint *endpoint,
			   uint64_t now_ms)
{
	struct endpoint *seen = find(engine, endpoint);
	struct event_endpoint is;
	bool closes;
	int r;

	if (!seen)
		return -ENOENT;
	closes = (seen->is.flags ^ endpoint->flags) & MPTCPD_FLAG_FULLMESH;
	is = seen->is;
	is.flags = endpoint->flags;
	r = engine_command(engine, NULL, "SET_FLAGS",
			   engine->ops->endpoint_flags(engine->kernel, &is));
	if (r == 0 && closes)
		need_closed(engine, &is.addr, now_ms);
	if (r == 0)
		/* owned_compare_all() finds out whose doing it is. */
		engine_event(engine, &(struct event){.type = EVENT_ENDPOINT, .endpoint = is},
			     now_ms);
	return r;
}

int engine_endpoint_delete(struct engine *engine, const struct event_endpoint *endpoint,
			   uint64_t now_ms)
{
	struct endpoint *seen = find(engine, endpoint);
	struct event_endpoint is;
	int r;

	if (!seen)
		return -ENOENT;
	is = (struct event_endpoint){.addr = seen->is.addr, .id = seen->is.id};
	r = engine_command(engine, NULL, "DEL_ADDR",
			   engine->ops->endpoint_delete(engine->kernel, &is));
	if (r == 0)
		learn_gone(engine, &is, now_ms);
	return r;
}

int engine_endpoint_delete_initial(struct engine *engine, const struct mptcpd_addr *addr)
{
	struct event_endpoint initial = {.addr = *addr};

	return engine_command(engine, NULL, "DEL_ADDR",
			      engine->ops->endpoint_delete(engine->kernel, &initial));
}

int engine_endpoint_flush(struct engine *engine, uint64_t now_ms)
{
	int r = engine_command(engine, NULL, "FLUSH_ADDRS",
			       engine->ops->endpoint_flush(engine->kernel));

	while (r == 0 && engine->model.endpoints) {
		struct event_endpoint is = {.addr = engine->model.endpoints->is.addr,
					    .id = engine->model.endpoints->is.id};

		learn_gone(engine, &is, now_ms);
	}
	return r;
}

int engine_limits_set(struct engine *engine, const struct event_limits *limits, uint64_t now_ms)
{
	struct event_limits want = engine->model.limits;
	unsigned int named = 0;
	int r;

	if (limits->subflows != UINT32_MAX) {
		want.subflows = limits->subflows;
		named |= ENGINE_LIMIT_SUBFLOWS;
	}
	if (limits->add_addr_accepted != UINT32_MAX) {
		want.add_addr_accepted = limits->add_addr_accepted;
		named |= ENGINE_LIMIT_ADD_ADDR_ACCEPTED;
	}
	r = engine_command(engine, NULL, "SET_LIMITS",
			   engine->ops->limits_set(engine->kernel, &want));
	if (r < 0)
		return r;
	engine->endpoints.held |= (uint8_t)named;
	engine_tell_host(engine);
	engine_event(engine, &(struct event){.type = EVENT_LIMITS, .limits = want}, now_ms);
	return 0;
}
