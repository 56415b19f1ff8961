/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is asked beside the model: how many connections a policy has, and fresh measurements, which
 * readers and policies share.
 */
#include <stdlib.h>

#include "engine-private.h"

/* Measuring for those who ask takes a twentieth of the time, at most. */
#define MEASURE_PART 20
/* Measurements are kept for readers so long after the last one asked, until the next snapshot. */
#define READER_MS 60000

void engine_count(struct engine *engine, const struct policy *policy, int more)
{
	if (policy)
		engine->n_by_policy[policy - engine->counted] += (size_t)more;
}

void engine_count_anew(struct engine *engine)
{
	free(engine->n_by_policy);
	engine->counted = engine->rules->policies;
	engine->n_by_policy = calloc(engine->rules->n_policies + 1, sizeof(*engine->n_by_policy));
	if (!engine->n_by_policy)
		abort();
}

size_t engine_count_policy(const struct engine *engine, const struct policy *policy)
{
	return engine->n_by_policy[policy - engine->counted];
}

static bool is_needed(const struct engine *engine, enum mptcpd_need need)
{
	for (size_t i = 0; i < engine->rules->n_policies; i++)
		if (engine->rules->policies[i].needs & (uint32_t)need)
			return true;
	return false;
}

/* Is there a policy whose plan may depend on more than addresses, on how much was sent? */
static bool is_counting(const struct engine *engine)
{
	for (size_t i = 0; i < engine->rules->n_policies; i++)
		if (!(engine->rules->policies[i].traits & MPTCPD_TRAIT_ADDRESSES))
			return true;
	return false;
}

static bool has_reader(const struct engine *engine, uint64_t now_ms)
{
	return engine->passive || (engine->read_ms && now_ms - engine->read_ms < READER_MS);
}

void engine_see_begin(struct engine *engine, const struct event *event, uint64_t now_ms)
{
	struct model *model = &engine->model;

	if (event->type != EVENT_SNAPSHOT_BEGIN || event->snapshot != SNAPSHOT_CONNECTIONS)
		return;
	model->keeps_owners = engine->marks_matter || is_needed(engine, MPTCPD_NEED_OWNER);
	model->keeps_counts = has_reader(engine, now_ms) || is_counting(engine);
	model->keeps_measures =
		has_reader(engine, now_ms) || is_needed(engine, MPTCPD_NEED_MEASURES);
	if (!model->keeps_measures)
		engine->measured_ms = 0;
	if (!event->brief)
		engine->measuring_ms = now_ms;
}

void engine_measured(struct engine *engine, uint64_t now_ms)
{
	engine->measured_ms = engine->model.keeps_measures ? engine->measuring_ms : 0;
	engine->measure_took_ms = now_ms - engine->measuring_ms;
}

bool engine_knows(const struct engine *engine, enum snapshot_kind kind)
{
	return engine->resync[kind].known;
}

bool engine_has_endpoints(const struct engine *engine)
{
	return engine->resync[SNAPSHOT_ENDPOINTS].known && !engine->host_dirty &&
	       !engine->endpoints.dirty;
}

/* True: there are some, as fresh as there can be; false: they are asked for. */
static bool measure(struct engine *engine, uint64_t now_ms)
{
	uint64_t fresh_ms = engine->measure_took_ms * MEASURE_PART;

	if (fresh_ms < RESYNC_INTERVAL_MS)
		fresh_ms = RESYNC_INTERVAL_MS;
	if (!engine->resync[SNAPSHOT_CONNECTIONS].known ||
	    engine->resync[SNAPSHOT_CONNECTIONS].n_failed ||
	    (engine->measured_ms && now_ms - engine->measured_ms < fresh_ms))
		return true;
	resync_want(engine, SNAPSHOT_CONNECTIONS);
	return false;
}

bool engine_measure(struct engine *engine, uint64_t now_ms)
{
	engine->read_ms = now_ms;
	return measure(engine, now_ms);
}

bool engine_await_measures(struct engine *engine, struct connection *connection, uint64_t now_ms)
{
	if (connection->more->ask_ms > now_ms || !engine_needs(connection, MPTCPD_NEED_MEASURES) ||
	    connection->path_manager == PATH_MANAGER_KERNEL || measure(engine, now_ms))
		return false;
	connection->planned = 0; /* the walk after the snapshot comes to it */
	deadlines_set(&engine->deadlines, connection, now_ms + RESYNC_INTERVAL_MS);
	return true;
}
