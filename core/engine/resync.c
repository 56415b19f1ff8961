/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When the kernel is asked for which snapshot. */
#include "engine-private.h"

/* Some connections end without an event: look for them this often, to find them within 30 s, */
#define SWEEP_INTERVAL_MS 28000
/*
 * and in case an event vanished unnoticed, each so many times at everything, which takes four times
 * as long: once in five minutes, and less often where there is very much to look at.
 */
#define SWEEPS_FULL 10
#define CONNECTIONS_A_SWEEP_MORE 10000

/*
 * Others who manage endpoints do so when addresses come and go, and the kernel does not tell: look
 * at once and a few times more.
 */
static const uint64_t foreign_looks_ms[] = {0, 500, 2000, 5000};
#define N_FOREIGN_LOOKS (sizeof(foreign_looks_ms) / sizeof(foreign_looks_ms[0]))

void resync_watch_foreign(struct engine *engine, uint64_t now_ms)
{
	engine->endpoints.foreign_ms = now_ms;
	engine->endpoints.n_foreign_looks = engine->rules->endpoints.plugin ? 0 : N_FOREIGN_LOOKS;
}

/* UINT64_MAX: not before addresses change. */
static uint64_t next_foreign_look(const struct engine *engine)
{
	const struct endpoints *endpoints = &engine->endpoints;

	if (endpoints->n_foreign_looks == N_FOREIGN_LOOKS ||
	    engine->model.path_manager == PATH_MANAGER_USERSPACE)
		return UINT64_MAX;
	return endpoints->foreign_ms + foreign_looks_ms[endpoints->n_foreign_looks];
}

void engine_look_for_marks(struct engine *engine)
{
	engine->marks_matter = engine->ops->marks_matter(engine->kernel) > 0;
}

static void sweep_connections(struct engine *engine)
{
	size_t n = table_count(&engine->model.connections);

	if (engine->n_sweeps_left > 0) {
		engine->n_sweeps_left--;
		resync_brief(engine);
	} else {
		engine->n_sweeps_left = SWEEPS_FULL - 1 + n / CONNECTIONS_A_SWEEP_MORE;
		resync_want(engine, SNAPSHOT_CONNECTIONS);
	}
}

/*
 * Routes are of interest when it is known whose they are. Measurements of very many can wait until those
 * have what they need.
 */
static bool may_ask(const struct engine *engine, enum snapshot_kind kind, uint64_t now_ms)
{
	if (kind == SNAPSHOT_CONNECTIONS && engine->resync[kind].known &&
	    !engine->resync[kind].lost && walk_is_busy(&engine->walk, now_ms))
		return false;
	return resync_is_wanted(engine, kind) &&
	       (kind != SNAPSHOT_ROUTING || engine->resync[SNAPSHOT_HOST].known);
}

/* Where nothing is to be made, only what an earlier life left behind is of interest. */
static int ask_for_snapshot(struct engine *engine, enum snapshot_kind kind)
{
	return kind == SNAPSHOT_ROUTING && engine->rules->source_routing == SOURCE_ROUTING_NO
		       ? engine->ops->snapshot_brief(engine->kernel, kind)
		       : engine->ops->snapshot(engine->kernel, kind);
}

void resync_settle(struct engine *engine, uint64_t now_ms)
{
	int r;

	if (now_ms >= engine->sweep_due_ms) {
		engine->sweep_due_ms = now_ms + SWEEP_INTERVAL_MS;
		resync_want(engine, SNAPSHOT_ENDPOINTS);
		sweep_connections(engine);
	}
	if (next_foreign_look(engine) <= now_ms) {
		engine->endpoints.n_foreign_looks++;
		resync_want(engine, SNAPSHOT_ENDPOINTS);
	}
	for (size_t kind = 0; engine->resync_wanted && kind < SNAPSHOT_KINDS; kind++) {
		if (!may_ask(engine, kind, now_ms) || now_ms < engine->resync[kind].due_ms)
			continue;
		/* What its records tell of owners is kept if they matter. */
		if (kind == SNAPSHOT_CONNECTIONS && engine->generation == 1)
			engine_look_for_marks(engine);
		engine->resync[kind].due_ms =
			now_ms + (kind == SNAPSHOT_ROUTING ? HOST_INTERVAL_MS : RESYNC_INTERVAL_MS);
		r = ask_for_snapshot(engine, kind);
		if (r == 0)
			engine->resync_wanted &= ~(1U << kind);
		else
			engine_command(engine, NULL, "snapshot", r);
	}
}

uint64_t resync_next(const struct engine *engine, uint64_t now_ms)
{
	uint64_t next = engine->sweep_due_ms, foreign = next_foreign_look(engine);

	if (foreign < next)
		next = foreign;
	for (size_t kind = 0; engine->resync_wanted && kind < SNAPSHOT_KINDS; kind++)
		if (may_ask(engine, kind, now_ms) && engine->resync[kind].due_ms < next)
			next = engine->resync[kind].due_ms;
	return next;
}
