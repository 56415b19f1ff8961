/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Endpoints of somebody else, with `foreign = mend`. The kernel tries an endpoint once: where it was
 * made while its address was tentative, or had no route yet, no connection gets a subflow from there
 * any more. Once the address is usable such an endpoint is deleted and made again as it was, with its
 * id, flags and link, so that whoever made it finds it as his own.
 *
 * That is done only where a connection lacks a subflow from there, after a snapshot that shows the
 * joins under way, and never where it closes what a connection needs (need.c). An endpoint with a
 * port, or without a link, is somebody's special case and left alone.
 */
#include <errno.h>

#include "addr.h"
#include "endpoint.h"
#include "engine-private.h"
#include "owned.h"

#define RETRY_FIRST_MS 1000
#define RETRY_MAX_MS 60000

static bool may_be_tried(const struct owned *owned, const struct event_endpoint *is)
{
	return !is->addr.port && is->ifindex && is->ifindex == owned->want.ifindex &&
	       (is->flags & (MPTCPD_FLAG_SUBFLOW | MPTCPD_FLAG_FULLMESH | MPTCPD_FLAG_LAMINAR)) &&
	       !(is->flags & MPTCPD_FLAG_IMPLICIT);
}

static void put_off(struct owned *owned, uint64_t now_ms)
{
	owned->mending = MENDING_DUE;
	owned->due_ms = now_ms + backoff_next(&owned->attempts, RETRY_FIRST_MS, RETRY_MAX_MS);
}

/* Make it again. Somebody else may take its id in between, or make it himself. */
static void make(struct engine *engine, struct event_endpoint is, uint64_t now_ms)
{
	int r = engine->ops->endpoint_add(engine->kernel, &is);

	if (r == -EBUSY) {
		is.id = 0;
		r = engine->ops->endpoint_add(engine->kernel, &is);
	}
	engine_command(engine, NULL, "ADD_ADDR", r == -EEXIST ? 0 : r);
	if (r < 0 || !is.id)
		resync_want(engine, SNAPSHOT_ENDPOINTS);
	else
		engine_learn(engine, &(struct event){.type = EVENT_ENDPOINT, .endpoint = is},
			     now_ms);
}

/* Returns whether that is done. */
static bool make_again(struct engine *engine, const struct event_endpoint *is, uint64_t now_ms)
{
	int r;

	if (!owned_is_so(engine, is))
		return false;
	r = engine->ops->endpoint_delete(engine->kernel, is);
	/* EINVAL: whoever made it was faster, and does not want it any more. */
	engine_command(engine, NULL, "DEL_ADDR", r == -EINVAL ? 0 : r);
	if (r < 0) {
		resync_want(engine, SNAPSHOT_ENDPOINTS);
		return false;
	}
	need_closed(engine, &is->addr, now_ms);
	engine_learn(engine, &(struct event){.type = EVENT_ENDPOINT_GONE, .endpoint = *is}, now_ms);
	make(engine, *is, now_ms);
	return true;
}

static bool is_needed(struct engine *engine, const struct owned *owned,
		      const struct event_endpoint *is)
{
	struct owned as_ours = {
		.is = *is,
		.leaving = owned->bereft ? LEAVING_RENEWAL : LEAVING_MENDING,
	};

	return need_find(engine, &as_ours);
}

static void mend(struct engine *engine, struct owned *owned, uint64_t now_ms)
{
	const struct endpoint *there = owned_find_seen(&engine->model, &owned->want.addr);
	struct event_endpoint is;

	if (!there || !may_be_tried(owned, &there->is) || !need_is_lacking(engine, &there->is)) {
		owned->mending = MENDING_DONE;
		return;
	}
	is = there->is;
	if (owned->mending == MENDING_DUE) {
		owned->mending = MENDING_ASKED;
		owned->asked_mark = engine->model.mark;
		resync_want(engine, SNAPSHOT_CONNECTIONS);
	} else if (!is_needed(engine, owned, &is) && make_again(engine, &is, now_ms)) {
		owned->mending = MENDING_DONE;
	} else {
		put_off(owned, now_ms);
	}
}

void mend_all(struct engine *engine, uint64_t now_ms)
{
	struct endpoints *endpoints = &engine->endpoints;

	for (size_t i = 0; engine->rules->mend_foreign && i < endpoints->n_owned; i++) {
		struct owned *owned = &endpoints->owned[i];

		if (owned->foreign && owned->due_ms <= now_ms &&
		    (owned->mending == MENDING_DUE || owned->mending == MENDING_KNOWN))
			mend(engine, owned, now_ms);
	}
}

void mend_informed(struct engine *engine)
{
	for (size_t i = 0; i < engine->endpoints.n_owned; i++) {
		struct owned *owned = &engine->endpoints.owned[i];

		if (owned->mending == MENDING_ASKED &&
		    model_is_younger(&engine->model, SNAPSHOT_CONNECTIONS, owned->asked_mark))
			owned->mending = MENDING_KNOWN;
	}
}

void mend_begin(struct owned *owned)
{
	owned->mending = MENDING_DUE;
	owned->bereft = false;
	owned->attempts = owned->renewals = 0;
	owned->due_ms = 0;
}

void mend_lost(struct engine *engine, struct owned *owned, uint64_t now_ms)
{
	if (owned->mending != MENDING_DONE)
		return;
	owned->mending = MENDING_DUE;
	owned->bereft = true;
	owned->due_ms = now_ms + backoff_next(&owned->renewals, RETRY_FIRST_MS, RETRY_MAX_MS);
	engine->endpoints.dirty = true;
}
